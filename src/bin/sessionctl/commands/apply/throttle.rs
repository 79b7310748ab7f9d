//! Throttling: its options, and the messages about waiting.

use std::time::Duration;

use sessionctl::purge::{Cause, MOST_JOBS, Pace, Purge};
use sessionctl::replication::Lag;
use sessionctl::{Error, Store};

use crate::args::interval;
use crate::console::failure::Failure;
use crate::context::Context;

/// The throttling options.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Throttling")]
pub struct ThrottleArgs {
    /// Process N sessions per batch [default: 1000; 5000 when deleting by ranges of the expiry or of _id]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), allow_negative_numbers = true)]
    pub batch_size: Option<u32>,

    /// Run N batches at a time [default: 2 on a standalone, 8 on a replica set]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_JOBS)), allow_negative_numbers = true)]
    pub jobs: Option<u32>,

    /// Limit to N sessions per second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), allow_negative_numbers = true)]
    pub rate: Option<u32>,

    /// Sleep X times as long as each batch took, such as 0.5
    #[arg(long, value_name = "X", default_value = "0", hide_default_value = true, value_parser = factor, allow_negative_numbers = true)]
    pub sleep_factor: f64,

    /// Pause while a replica set member is more than DURATION behind
    #[arg(long, value_name = "DURATION", value_parser = interval, allow_negative_numbers = true)]
    pub max_lag: Option<Duration>,
}

impl ThrottleArgs {
    /// `purge` with these options.
    pub fn throttled(&self, purge: Purge) -> Purge {
        let Self { batch_size, jobs, rate, sleep_factor, max_lag } = *self;
        Purge {
            batch_size,
            jobs,
            pace: Pace { rate, sleep_factor, max_lag, ..Pace::default() },
            ..purge
        }
    }

    /// Reports at once if the lag cannot be read, or has no meaning.
    pub async fn check_lag(
        &self,
        context: &Context,
        store: &Store,
        action: &str,
    ) -> Result<(), Failure> {
        if self.max_lag.is_none() {
            return Ok(());
        }
        match store.connection().lag().await {
            Lag::Standalone => {
                context.note("warning", "--max-lag has no effect: this is not a replica set");
            }
            Lag::Behind(followers) if !followers.absent.is_empty() => {
                let absent: Vec<_> = followers.absent.iter().map(ToString::to_string).collect();
                context.note(
                    "warning",
                    format!(
                        "--max-lag does not wait for members that are not replicating: {}",
                        absent.join(", ")
                    ),
                );
            }
            Lag::Behind(_) => {}
            Lag::Unknown(error) => {
                let failure = Failure::of(action, &error);
                return Err(match error {
                    Error::Unauthorized { .. } => {
                        failure.hint("grant the role clusterMonitor, or omit --max-lag")
                    }
                    Error::Unsupported(_) => failure.hint(
                        "omit --max-lag: each batch waits for a majority of the members it writes to",
                    ),
                    _ => failure,
                });
            }
        }
        Ok(())
    }
}

/// A multiple of the time that a batch took.
pub fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if (0.0..=1000.0).contains(&factor) => Ok(factor),
        _ => Err("expected a number from 0 to 1000, such as 0.5".to_owned()),
    }
}

/// Why a command waits, in words.
pub fn pause(cause: Cause) -> String {
    match cause {
        Cause::Lag(lag) => {
            format!("paused: a replica set member is {} s behind", lag.as_secs())
        }
        Cause::LagUnknown => "paused: the replication lag is no longer known".to_owned(),
        Cause::Paused => "paused".to_owned(),
        Cause::Overload => "slowing down: the server reports that it is overloaded".to_owned(),
        _ => "waiting".to_owned(),
    }
}
