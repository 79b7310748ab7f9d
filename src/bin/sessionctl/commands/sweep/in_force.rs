//! The settings in force for each namespace, for `--check-config` and `/status`. None is a secret.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use sessionctl::purge::MaxLatency;

use super::config::Plan;
use crate::console::output::{Cell, Row};
use crate::console::text::exact_duration;

/// The columns, in order.
pub const HEADER: &[&str] = &[
    "namespace",
    "layout",
    "layout_file",
    "lifetime",
    "user_path",
    "interval",
    "jitter",
    "grace",
    "idle",
    "archive",
    "hold",
    "batch_size",
    "jobs",
    "rate",
    "sleep_factor",
    "max_lag",
    "max_latency",
    "lease",
];

/// The settings of `namespace`. A setting without a value is null.
pub fn row(namespace: &str, plan: &Plan) -> Row {
    let sweep = &plan.sweep;
    let layout = plan.layouts.as_ref().map(sessionctl::Layouts::name);
    let users: Vec<Value> = plan.user_path.iter().map(|path| path.to_string().into()).collect();
    Row(vec![
        ("namespace", Cell::Text(namespace.to_owned())),
        // Without a name, the layout is detected in each pass.
        ("layout", Cell::maybe(layout, Cell::Text)),
        ("layout_file", path(plan.layout_file.as_deref())),
        ("lifetime", time(plan.lifetime)),
        (
            "user_path",
            Cell::maybe(Some(users).filter(|users| !users.is_empty()), |users| {
                Cell::Json(Value::Array(users))
            }),
        ),
        ("interval", time(Some(sweep.interval))),
        ("jitter", time(Some(sweep.jitter))),
        ("grace", time(Some(sweep.grace))),
        ("idle", time(sweep.idle)),
        ("archive", path(sweep.archive.as_deref())),
        ("hold", path(plan.hold.as_deref())),
        ("batch_size", count(sweep.batch_size)),
        ("jobs", count(sweep.jobs)),
        ("rate", count(sweep.pace.rate)),
        ("sleep_factor", Cell::Seconds(sweep.pace.sleep_factor)),
        ("max_lag", time(sweep.pace.max_lag)),
        ("max_latency", Cell::Text(latency(sweep.pace.max_latency))),
        ("lease", time(sweep.lease.as_ref().map(|terms| terms.life))),
    ])
}

fn path(path: Option<&Path>) -> Cell {
    Cell::maybe(path, |path| Cell::Text(path.display().to_string()))
}

fn time(time: Option<Duration>) -> Cell {
    Cell::maybe(time, |time| Cell::Seconds(time.as_secs_f64()))
}

/// A limit as it is typed.
pub fn latency(max: MaxLatency) -> String {
    match max {
        MaxLatency::Auto => "auto".to_owned(),
        MaxLatency::Off => "off".to_owned(),
        MaxLatency::Within(longest) => exact_duration(longest),
    }
}

fn count(number: Option<u32>) -> Cell {
    Cell::maybe(number, |number| Cell::Count(number.into()))
}
