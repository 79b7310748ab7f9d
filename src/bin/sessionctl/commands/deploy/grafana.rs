//! `sessionctl deploy grafana`

use serde_json::{Value, json};

use super::values::{checked, plain_name};
use crate::args::Global;
use crate::console::failure::Failure;
use crate::console::json::pretty_text;

/// Print a Grafana dashboard for the sweeper's metrics, ready to import
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl deploy grafana > sessionctl.json
  sessionctl deploy grafana -d shop -c sessions --title 'Sessions of the shop'")]
pub struct Args {
    /// Title of the dashboard
    #[arg(long, value_name = "TEXT", default_value = "Session sweeper")]
    title: String,

    /// UID of the dashboard; importing the same UID again replaces the dashboard
    #[arg(long, value_name = "UID", default_value = "sessionctl-sweep")]
    uid: String,
}

/// The kind of a panel.
#[derive(Clone, Copy)]
enum Visual {
    Stat,
    Lines,
    Bars,
    Heat,
    Table,
}

struct Panel {
    title: &'static str,
    description: &'static str,
    visual: Visual,
    unit: &'static str,
    /// The width, of the 24 columns of a dashboard.
    width: u64,
    /// PromQL, and the names of its lines.
    queries: &'static [(&'static str, &'static str)],
}

const fn panel(
    visual: Visual,
    width: u64,
    unit: &'static str,
    title: &'static str,
    description: &'static str,
    queries: &'static [(&'static str, &'static str)],
) -> Panel {
    Panel { title, description, visual, unit, width, queries }
}

/// Only the holder of the lease knows these values, so other sweepers are left out.
const PANELS: [Panel; 14] = [
    panel(
        Visual::Stat,
        6,
        "s",
        "Oldest expired session",
        "Time since the oldest expired session expired. Normal below interval plus grace.",
        &[(
            "max by (namespace) (sessionctl_oldest_expired_age_seconds{namespace=~\"$namespace\"} unless on (job, instance, namespace) sessionctl_lease_held == 0)",
            "{{namespace}}",
        )],
    ),
    panel(
        Visual::Stat,
        6,
        "s",
        "Time since the last successful pass",
        "Time since a pass last ended successfully.",
        &[(
            "time() - max by (namespace) (sessionctl_last_success_timestamp_seconds{namespace=~\"$namespace\"})",
            "{{namespace}}",
        )],
    ),
    panel(
        Visual::Stat,
        6,
        "none",
        "Lease holders",
        "Sweepers that hold the lease of the namespace. Normal is 1.",
        &[(
            "sum by (namespace) (sessionctl_lease_held{namespace=~\"$namespace\"})",
            "{{namespace}}",
        )],
    ),
    panel(
        Visual::Stat,
        6,
        "s",
        "Interval",
        "Time between the starts of two passes.",
        &[(
            "max by (namespace) (sessionctl_sweep_interval_seconds{namespace=~\"$namespace\"})",
            "{{namespace}}",
        )],
    ),
    panel(
        Visual::Lines,
        12,
        "s",
        "Age of the oldest expired session",
        "Stays between zero and the interval while the sweeper keeps up.",
        &[
            (
                "max by (namespace, layout) (sessionctl_oldest_expired_age_seconds{namespace=~\"$namespace\"} unless on (job, instance, namespace) sessionctl_lease_held == 0)",
                "{{namespace}} ({{layout}})",
            ),
            (
                "max by (namespace) (sessionctl_sweep_interval_seconds{namespace=~\"$namespace\"})",
                "interval of {{namespace}}",
            ),
        ],
    ),
    panel(
        Visual::Lines,
        12,
        "short",
        "Backlog",
        "Expired sessions that are not deleted yet.",
        &[(
            "max by (namespace, layout) (sessionctl_backlog_sessions{namespace=~\"$namespace\"} unless on (job, instance, namespace) sessionctl_lease_held == 0)",
            "{{namespace}} ({{layout}})",
        )],
    ),
    panel(
        Visual::Lines,
        12,
        "ops",
        "Sessions deleted per second",
        "Sum over all sweepers; and the sessions of held users that were ended.",
        &[
            (
                "sum by (namespace, layout) (rate(sessionctl_sessions_deleted_total{namespace=~\"$namespace\"}[$__rate_interval]))",
                "{{namespace}} ({{layout}})",
            ),
            (
                "sum by (namespace) (rate(sessionctl_held_sessions_ended_total{namespace=~\"$namespace\"}[$__rate_interval]))",
                "held users of {{namespace}}",
            ),
        ],
    ),
    panel(
        Visual::Bars,
        12,
        "none",
        "Passes by result",
        "A pass is ok, failed (error), or stopped by a signal or a lost lease.",
        &[(
            "sum by (namespace, result) (increase(sessionctl_passes_total{namespace=~\"$namespace\"}[$__rate_interval]))",
            "{{namespace}} {{result}}",
        )],
    ),
    panel(
        Visual::Heat,
        12,
        "s",
        "Duration of batches",
        "Number of batches by the time that their delete took.",
        &[(
            "sum by (le) (increase(sessionctl_batch_duration_seconds_bucket{namespace=~\"$namespace\"}[$__rate_interval]))",
            "{{le}}",
        )],
    ),
    panel(
        Visual::Lines,
        12,
        "s",
        "Duration of batches, median, p99 and mean",
        "Over all batches in the time range.",
        &[
            (
                "histogram_quantile(0.5, sum by (le, namespace) (rate(sessionctl_batch_duration_seconds_bucket{namespace=~\"$namespace\"}[$__rate_interval])))",
                "{{namespace}} median",
            ),
            (
                "histogram_quantile(0.99, sum by (le, namespace) (rate(sessionctl_batch_duration_seconds_bucket{namespace=~\"$namespace\"}[$__rate_interval])))",
                "{{namespace}} p99",
            ),
            (
                "sum by (namespace) (rate(sessionctl_batch_duration_seconds_sum{namespace=~\"$namespace\"}[$__rate_interval])) / sum by (namespace) (rate(sessionctl_batch_duration_seconds_count{namespace=~\"$namespace\"}[$__rate_interval]))",
                "{{namespace}} mean",
            ),
        ],
    ),
    panel(
        Visual::Bars,
        12,
        "percentunit",
        "Time spent throttled",
        "By cause: rate limit, sleep after a batch (rest), replication lag, server overload.",
        &[(
            "sum by (namespace, cause) (rate(sessionctl_throttled_seconds_total{namespace=~\"$namespace\"}[$__rate_interval]))",
            "{{namespace}} {{cause}}",
        )],
    ),
    panel(
        Visual::Lines,
        6,
        "s",
        "Replication lag",
        "Lag of the slowest replica set member behind the primary.",
        &[(
            "max by (namespace) (sessionctl_replication_lag_seconds{namespace=~\"$namespace\"})",
            "{{namespace}}",
        )],
    ),
    panel(
        Visual::Lines,
        6,
        "s",
        "Clock skew",
        "Local clock minus the server's clock. Only the server's clock decides what is expired.",
        &[(
            "max by (namespace, instance) (sessionctl_clock_skew_seconds{namespace=~\"$namespace\"})",
            "{{namespace}} at {{instance}}",
        )],
    ),
    panel(
        Visual::Table,
        24,
        "none",
        "Sweepers",
        "Running versions.",
        &[("max by (job, instance, version) (sessionctl_build_info)", "{{instance}}")],
    ),
];

const COLUMNS: u64 = 24;

pub fn dashboard(args: &Args, global: &Global) -> Result<String, Failure> {
    let title = checked("--title", &args.title)?;
    let uid = plain_name(&args.uid, "-_", "the value of --uid is not a dashboard UID")?;
    let mut namespaces = Vec::new();
    if let Some(db) = &global.db {
        for collection in &global.collection {
            namespaces.push(checked("--collection", &format!("{db}.{collection}"))?);
        }
    }
    let dashboard = json!({
        "uid": uid,
        "title": title,
        "description": "Metrics of sessionctl sweep, which purges expired web sessions.",
        "tags": ["sessionctl", "mongodb"],
        "schemaVersion": 39,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": { "from": "now-6h", "to": "now" },
        "timezone": "",
        "timepicker": {},
        "links": [],
        "annotations": { "list": [] },
        "templating": { "list": [datasource(), namespace(&namespaces)] },
        "panels": panels(),
    });
    Ok(pretty_text(&dashboard) + "\n")
}

fn datasource() -> Value {
    json!({
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "regex": "",
        "refresh": 1,
        "hide": 0,
        "multi": false,
        "includeAll": false,
        "current": {},
        "options": [],
    })
}

/// The choice of namespaces, and those that are shown at first.
fn namespace(chosen: &[String]) -> Value {
    let current = match chosen {
        [] => json!({ "selected": true, "text": ["All"], "value": ["$__all"] }),
        chosen => json!({ "selected": true, "text": chosen, "value": chosen }),
    };
    let query = "label_values(sessionctl_sweep_interval_seconds, namespace)";
    json!({
        "name": "namespace",
        "label": "Namespace",
        "type": "query",
        "datasource": source(),
        "definition": query,
        "query": { "qryType": 1, "query": query, "refId": "namespace" },
        "regex": "",
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "multi": true,
        "includeAll": true,
        "allValue": ".*",
        "current": current,
        "options": [],
    })
}

fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// The panels, laid out in rows from the left.
fn panels() -> Vec<Value> {
    let (mut x, mut y, mut line) = (0, 0, 0);
    let mut laid = Vec::new();
    for (number, panel) in PANELS.iter().enumerate() {
        if x + panel.width > COLUMNS {
            (x, y, line) = (0, y + line, 0);
        }
        let height = panel.visual.height();
        laid.push(
            panel.json(number + 1, &json!({ "x": x, "y": y, "w": panel.width, "h": height })),
        );
        x += panel.width;
        line = line.max(height);
    }
    laid
}

impl Visual {
    fn height(self) -> u64 {
        match self {
            Self::Stat => 4,
            Self::Table => 6,
            Self::Lines | Self::Bars | Self::Heat => 8,
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::Lines | Self::Bars => "timeseries",
            Self::Heat => "heatmap",
            Self::Table => "table",
        }
    }

    fn options(self) -> Value {
        match self {
            Self::Stat => json!({
                "colorMode": "value", "graphMode": "area", "justifyMode": "auto",
                "orientation": "auto", "textMode": "auto",
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            }),
            Self::Lines | Self::Bars => json!({
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            Self::Heat => json!({
                "calculate": false,
                "cellGap": 1,
                "color": { "mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "dark-orange" },
                "legend": { "show": true },
                "rowsFrame": { "layout": "auto" },
                "tooltip": { "mode": "single", "yHistogram": false },
                "yAxis": { "axisPlacement": "left", "reverse": false, "unit": "s" },
            }),
            Self::Table => json!({ "showHeader": true, "cellHeight": "sm" }),
        }
    }

    /// The style of the graph, for panels that have one.
    fn custom(self) -> Value {
        match self {
            Self::Lines => {
                json!({ "drawStyle": "line", "fillOpacity": 10, "lineWidth": 1, "showPoints": "never" })
            }
            Self::Bars => json!({
                "drawStyle": "bars", "fillOpacity": 70, "lineWidth": 1,
                "stacking": { "group": "A", "mode": "normal" },
            }),
            Self::Stat | Self::Heat | Self::Table => json!({}),
        }
    }
}

impl Panel {
    fn json(&self, id: usize, place: &Value) -> Value {
        let targets = self.queries.iter().zip('A'..).map(|(&(expr, legend), letter)| {
            let (format, instant) = match self.visual {
                Visual::Heat => ("heatmap", false),
                Visual::Table => ("table", true),
                Visual::Stat | Visual::Lines | Visual::Bars => ("time_series", false),
            };
            json!({
                "refId": letter.to_string(),
                "datasource": source(),
                "editorMode": "code",
                "expr": expr,
                "legendFormat": legend,
                "format": format,
                "instant": instant,
                "range": !instant,
            })
        });
        json!({
            "id": id,
            "type": self.visual.kind(),
            "title": self.title,
            "description": self.description,
            "datasource": source(),
            "gridPos": place,
            "fieldConfig": {
                "defaults": { "unit": self.unit, "min": null, "custom": self.visual.custom() },
                "overrides": [],
            },
            "options": self.visual.options(),
            "targets": targets.collect::<Vec<_>>(),
        })
    }
}
