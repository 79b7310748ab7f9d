//! `sessionctl deploy prometheus`

use std::fmt::Write as _;
use std::time::Duration;

use super::sweeping::Server;
use super::systemd::URI_FILE;
use super::template::fill;
use super::values::{absolute, checked, json_string, path_text, plain_name, refused};
use crate::args::{Global, Uri, duration, interval};
use crate::console::failure::Failure;
use crate::console::text::{exact_duration, shell_word};

const TEMPLATE: &str = include_str!("../../deploy/alerts.yaml");

/// `-d` and `-c` of the namespace that an alert is about; only a collection's name can have dots.
const NAMESPACE: &str = r#"-d '{{ reReplaceAll "[.].*" "" $labels.namespace }}' -c '{{ reReplaceAll "^[^.]*[.]" "" $labels.namespace }}'"#;

/// Print Prometheus rules that alert when sessions stay or the sweeper does not work
///
/// The runbook of each alert is the sessionctl command to run, with the connection string from
/// --uri-file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl deploy prometheus > /etc/prometheus/rules/sessionctl.yml
  sessionctl deploy prometheus --job sessionctl --grace 10m --max-lag 30s")]
pub struct Args {
    /// Watch the sweepers of this scrape job [default: all that are scraped]
    #[arg(long, value_name = "NAME")]
    job: Option<String>,

    /// So many intervals without a pass, or of staying expired, are too many
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000), allow_negative_numbers = true)]
    intervals: u32,

    /// The longest --grace of the sweepers: so long expired sessions stay by design
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = duration, allow_negative_numbers = true)]
    grace: Duration,

    /// A backlog of so many sessions may grow
    #[arg(long, value_name = "N", default_value_t = 10_000, allow_negative_numbers = true)]
    backlog: u64,

    /// A replica set's member may be so far behind
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = interval, allow_negative_numbers = true)]
    max_lag: Duration,

    /// Clocks may be so far apart
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = interval, allow_negative_numbers = true)]
    max_skew: Duration,
}

/// Prometheus fills in what stands between `{{` and `}}`.
fn refuse_template(what: &str, value: &str) -> Result<(), Failure> {
    match value.contains("{{") {
        false => Ok(()),
        true => Err(refused(
            format!("Prometheus would take the value of {what} for a template"),
            "name something without {{ in it",
        )),
    }
}

pub fn rules(args: &Args, global: &Global, uri: &Uri) -> Result<String, Failure> {
    let named = |job| plain_name(job, "-_./:", "a scrape job cannot have the name of --job");
    let job = args.job.as_deref().map(named).transpose()?.map(|job| format!("job=\"{job}\""));
    let of_job = job.as_ref().map(|job| format!("{{{job}}}")).unwrap_or_default();
    let in_job = job.as_ref().map(|job| format!("{job},")).unwrap_or_default();
    let server = match Server::of(global, uri)? {
        Server::Plain(uri) => format!("--uri {}", shell_word(&uri)),
        Server::File(path) => {
            let path = path.map_or_else(|| URI_FILE.into(), |path| absolute(&path));
            format!("--uri-file {}", shell_word(&path_text("--uri-file", &path)?))
        }
    };
    refuse_template("the connection string", &server)?;
    let layout = match global.layout_name() {
        None => String::new(),
        Some(layout) => format!(" --layout {}", shell_word(&checked("--layout", &layout)?)),
    };
    let runbook =
        |command: &str| json_string(&format!("sessionctl {command} {server} {NAMESPACE}{layout}"));
    let mut named = String::new();
    for (option, value) in
        global.db.iter().map(|db| ("-d", db)).chain(global.collection.iter().map(|one| ("-c", one)))
    {
        let value = checked(option, value)?;
        refuse_template(option, &value)?;
        // Writing to a String cannot fail.
        let _ = write!(named, " {option} {}", shell_word(&value));
    }
    let max_lag = exact_duration(args.max_lag);
    // A lease that runs out, and a scrape, take their time too.
    let allowance = (args.grace + Duration::from_secs(60)).as_secs_f64().to_string();
    Ok(fill(
        TEMPLATE,
        &[
            ("of_job", &of_job),
            ("in_job", &in_job),
            ("intervals", &args.intervals.to_string()),
            ("allowance", &allowance),
            ("backlog", &args.backlog.to_string()),
            ("lag", &args.max_lag.as_secs_f64().to_string()),
            ("max_lag", &max_lag),
            ("skew", &args.max_skew.as_secs_f64().to_string()),
            (
                "sweep_any",
                &json_string(&format!("sessionctl sweep --once -v {server}{layout}{named}")),
            ),
            ("sweep", &runbook("sweep --once -v")),
            ("dry_run", &runbook("purge --expired --dry-run")),
            ("doctor", &runbook("doctor")),
            // The cutoff is the server's clock.
            (
                "clock",
                &json_string(&format!(
                    "date -u; sessionctl purge --expired --dry-run -o json {server} {NAMESPACE}{layout} | grep cutoff"
                )),
            ),
        ],
    ))
}
