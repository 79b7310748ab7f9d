//! `sessionctl deploy prometheus`

use std::fmt::Write as _;
use std::time::Duration;

use sessionctl::sweep::MOST_COUNTED;

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

/// Print Prometheus alerts for expired sessions that remain and sweepers that fail
///
/// The runbook annotation of each alert is the sessionctl command to run first. That command reads the
/// connection string from the file in --uri-file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl deploy prometheus > /etc/prometheus/rules/sessionctl.yml
  sessionctl deploy prometheus --job sessionctl --grace 10m --max-lag 30s")]
pub struct Args {
    /// Watch the sweepers of scrape job NAME [default: all jobs]
    #[arg(long, value_name = "NAME")]
    job: Option<String>,

    /// Alert if no pass succeeds, or an expired session remains, for N intervals
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000), allow_negative_numbers = true)]
    intervals: u32,

    /// Ignore sessions that expired less than DURATION ago; pass the longest --grace of the sweepers
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = duration, allow_negative_numbers = true)]
    grace: Duration,

    /// Alert if the backlog is above N sessions and growing
    #[arg(long, value_name = "N", default_value_t = 10_000, allow_negative_numbers = true)]
    backlog: u64,

    /// Alert if a replica set member is more than DURATION behind
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = interval, allow_negative_numbers = true)]
    max_lag: Duration,

    /// Alert if clocks differ by more than DURATION
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = interval, allow_negative_numbers = true)]
    max_skew: Duration,
}

/// Prometheus interprets text between `{{` and `}}` as a template.
fn refuse_template(what: &str, value: &str) -> Result<(), Failure> {
    match value.contains("{{") {
        false => Ok(()),
        true => Err(refused(
            format!("Prometheus would interpret the value of {what} as a template"),
            "use a value without {{",
        )),
    }
}

pub fn rules(args: &Args, global: &Global, uri: &Uri) -> Result<String, Failure> {
    let named = |job| plain_name(job, "-_./:", "the value of --job is not a scrape job name");
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
    let lifetime = global.lifetime.map(exact_duration).map(|life| format!(" --lifetime {life}"));
    let layout = format!("{layout}{}", lifetime.unwrap_or_default());
    // The count must leave out sessions that the sweepers spare.
    let grace = match args.grace.is_zero() {
        true => String::new(),
        false => format!(" --grace {}", exact_duration(args.grace)),
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
    // The margin covers the expiry of a lease and the scrape interval.
    let allowance = (args.grace + Duration::from_secs(60)).as_secs_f64().to_string();
    Ok(fill(
        TEMPLATE,
        &[
            ("of_job", &of_job),
            ("in_job", &in_job),
            ("intervals", &args.intervals.to_string()),
            ("allowance", &allowance),
            ("backlog", &args.backlog.to_string()),
            ("most", &MOST_COUNTED.to_string()),
            ("lag", &args.max_lag.as_secs_f64().to_string()),
            ("max_lag", &max_lag),
            ("skew", &args.max_skew.as_secs_f64().to_string()),
            ("doctor_any", &json_string(&format!("sessionctl doctor {server}{layout}{named}"))),
            ("dry_run", &runbook(&format!("purge --expired --dry-run{grace}"))),
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
