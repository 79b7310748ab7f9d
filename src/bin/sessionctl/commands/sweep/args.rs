//! The arguments of `sessionctl sweep`, and the plans made from them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgMatches;
use clap::builder::FalseyValueParser;
use nix::unistd::gethostname;
use sessionctl::sweep::{Sweep, Terms};

use super::config::{self, Plan, Settings, UserPaths};
use super::config_file;
use crate::args::{AUTO, Global, address, duration, interval, is_typed};
use crate::audit::{AuditArgs, run_id};
use crate::commands::apply::ThrottleArgs;
use crate::commands::control::Control;
use crate::console::failure::{Exit, Failure, Refusal};
use crate::console::report::LogFormat;
use crate::console::signals::Hangup;
use crate::context::Context;

/// Purge expired sessions every interval, as a daemon
///
/// The first pass starts immediately; another starts every interval. SIGINT and SIGTERM end the sweeper after
/// the running batch, with exit code 0. SIGUSR1 starts a pass now. With --config, SIGHUP reloads the
/// file. The sweeper waits for a server that is unreachable, and for a collection that does not exist
/// yet. Run any number of sweepers: the one that holds the lease works, and the others stand by.
///
/// --idle compares the last touch that a session stores, and keeps a session that stores none. The touch
/// of an endless session is never derived, because it has no expiry: sweep needs no --touch-slack.
///
/// A DURATION is a number of seconds, or has units, such as 90s, 15m, 7d or 1d12h.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl sweep --interval 60s
  sessionctl sweep --once -q
  sessionctl sweep -c sessions -c admin_sessions --interval 5m --grace 10m
  sessionctl sweep --config /etc/sessionctl/sweep.toml --metrics 127.0.0.1:9464")]
pub struct Args {
    /// Start a pass every DURATION [default: 60s]
    #[arg(long, value_name = "DURATION", env = "SESSIONCTL_INTERVAL", hide_env = true, value_parser = interval, allow_negative_numbers = true)]
    interval: Option<Duration>,

    /// Delay each pass by up to DURATION, at random
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    jitter: Option<Duration>,

    /// Run one pass, then exit
    #[arg(long)]
    pub once: bool,

    /// Spare sessions that expired less than DURATION ago
    #[arg(long, value_name = "DURATION", env = "SESSIONCTL_GRACE", hide_env = true, value_parser = duration, allow_negative_numbers = true)]
    grace: Option<Duration>,

    /// Also delete endless sessions that were idle for at least DURATION; requires --yes
    #[arg(long, value_name = "DURATION", value_parser = interval, allow_negative_numbers = true)]
    idle: Option<Duration>,

    /// Allow --idle
    #[arg(short, long, env = "SESSIONCTL_YES", hide_env = true, value_parser = FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    yes: bool,

    /// Read the collections to sweep, and their settings, from FILE (see sessionctl help sweep.toml)
    #[arg(long, value_name = "FILE", env = "SESSIONCTL_CONFIG", hide_env = true)]
    pub config: Option<PathBuf>,

    /// Check the options and the file of --config, print the settings in force, and exit. No server is
    /// contacted
    #[arg(long)]
    pub check_config: bool,

    /// Save each batch to FILE before it is deleted; %Y, %m and %d in its name are the date
    #[arg(long, value_name = "FILE")]
    archive: Option<PathBuf>,

    #[command(flatten)]
    pub audit: AuditArgs,

    #[command(flatten)]
    throttle: ThrottleArgs,

    #[command(flatten)]
    pub service: ServiceArgs,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Service")]
pub struct ServiceArgs {
    /// Duration of the lease: if this sweeper disappears, another takes over when the lease expires
    #[arg(long, value_name = "DURATION", default_value = "30s", env = "SESSIONCTL_LEASE", hide_env = true, value_parser = lease, allow_negative_numbers = true)]
    lease: Duration,

    /// Sweep without a lease, at the same time as other sweepers
    #[arg(long)]
    no_lease: bool,

    /// Serve /metrics, /status, /livez and /readyz on ADDRESS, such as 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS", env = "SESSIONCTL_METRICS", hide_env = true, value_parser = address)]
    pub metrics: Option<SocketAddr>,

    /// Write the metrics to FILE after each pass, for the node exporter
    #[arg(long, value_name = "FILE", env = "SESSIONCTL_METRICS_FILE", hide_env = true)]
    pub metrics_file: Option<PathBuf>,

    /// Format of the log on stderr: text, or json with one object per line
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        env = "SESSIONCTL_LOG_FORMAT",
        hide_env = true,
        value_enum,
        hide_possible_values = true
    )]
    pub log_format: LogFormat,
}

fn lease(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|life| match life < Terms::SHORTEST {
        true => Err("must be at least 1 second".to_owned()),
        false => Ok(life),
    })
}

/// The options of a single sweep. With `--config`, the file has them for each collection.
const OF_ONE_SWEEP: [&str; 17] = [
    "collection",
    "db",
    "layout",
    "layout_file",
    "lifetime",
    "user_path",
    "interval",
    "jitter",
    "grace",
    "idle",
    "archive",
    "batch_size",
    "jobs",
    "rate",
    "sleep_factor",
    "max_lag",
    "max_latency",
];

/// Refuses options that would be ignored because the file of `--config` sets them.
pub fn nothing_beside_config(matches: &ArgMatches) -> Result<(), Refusal> {
    match OF_ONE_SWEEP.into_iter().find(|id| is_typed(matches, id)) {
        None => Ok(()),
        Some(name) => {
            let name = name.replace('_', "-");
            Err(Refusal::Own(
                format!("--{name} cannot be used with --config"),
                "set it in the file of --config",
            ))
        }
    }
}

impl Args {
    /// With `--config`, such an option would be ignored.
    pub fn check(&self, matches: &ArgMatches) -> Result<(), Refusal> {
        if self.service.no_lease && is_typed(matches, "lease") {
            let sentence = "--lease and --no-lease cannot be used together".into();
            return Err(Refusal::Own(sentence, "pass only one of them"));
        }
        match self.config {
            Some(_) => nothing_beside_config(matches),
            None => Ok(()),
        }
    }

    pub fn hangup(&self) -> Hangup {
        if self.config.is_some() { Hangup::Reloads } else { Hangup::Stops }
    }

    /// The settings that all namespaces share.
    fn sweep(&self) -> Sweep {
        let host = gethostname()
            .map_or_else(|_| "unknown".into(), |name| name.to_string_lossy().into_owned());
        // Two containers can share a host name and run the sweeper as process 1, so the name has a
        // random part.
        let holder = format!("{host}:{}:{}", std::process::id(), run_id());
        let terms = Terms { holder, life: self.service.lease };
        Sweep {
            interval: self.interval.unwrap_or(Sweep::default().interval),
            lease: Some(terms).filter(|_| !self.service.no_lease),
            // Counting costs the server up to ten seconds per pass, and only metrics show the
            // numbers.
            measure: self.service.metrics.is_some() || self.service.metrics_file.is_some(),
            once: self.once,
            ..Sweep::default()
        }
    }

    pub fn check_control(&self) -> Result<(), Failure> {
        self.throttle.control.check()
    }

    pub fn control(&self, context: &Context) -> Result<Control, Failure> {
        self.throttle.control.open_for_several(context)
    }

    pub fn check_idle(&self) -> Result<(), Failure> {
        if self.idle.is_none() || self.yes {
            return Ok(());
        }
        let sentence = "sweep --idle deletes sessions that never expire, and requires --yes";
        Err(Failure::new(Exit::Refused, sentence)
            .hint("they can still log in; `sessionctl stats --endless` counts them"))
    }

    /// Whether the sweep could start, as far as can be checked here: a file may not exist yet.
    pub fn rehearse(&self, global: &Global) -> Result<(), Failure> {
        self.check_idle()?;
        let file = self.config.as_ref().or(global.layout_file.as_ref());
        match file.is_none_or(|file| file.exists()) {
            true => self.plans(global).map(drop),
            false => Ok(()),
        }
    }

    /// What to sweep. Each call reads the file again.
    pub fn plans(&self, global: &Global) -> Result<Vec<Plan>, Failure> {
        let sweep = self.sweep();
        let settings = self.settings(global);
        if let Some(path) = &self.config {
            // Options are refused beside the file, so these are of environment variables.
            return config_file::read(path, &sweep, &settings);
        }
        let mut collections = global.collection.clone();
        collections.sort();
        collections.dedup();
        let plan = |collection| -> Result<_, Failure> {
            Ok(Plan::new(None, collection, &settings, &sweep)?)
        };
        let plans = collections.into_iter().map(plan).collect::<Result<Vec<_>, _>>()?;
        config::check_archives(&plans)?;
        Ok(plans)
    }

    /// The settings of a namespace, as far as options or their variables set them.
    fn settings(&self, global: &Global) -> Settings {
        Settings {
            layout: Some(global.layout_name().unwrap_or_else(|| AUTO.to_owned())),
            layout_file: global.layout_file.clone(),
            lifetime: global.lifetime,
            user_path: Some(UserPaths::Several(global.user_path.clone())),
            interval: self.interval,
            jitter: self.jitter,
            grace: self.grace,
            idle: self.idle,
            archive: self.archive.clone(),
            hold: None,
            batch_size: self.throttle.batch_size,
            jobs: self.throttle.jobs,
            rate: self.throttle.rate,
            sleep_factor: Some(self.throttle.sleep_factor),
            max_lag: self.throttle.max_lag,
            max_latency: Some(self.throttle.gentle.max_latency),
        }
    }
}
