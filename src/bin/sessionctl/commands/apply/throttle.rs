//! Throttling: its options, and the messages about waiting.

use std::time::Duration;

use sessionctl::purge::{Cause, Latency, MOST_JOBS, MaxLatency, Pace, Purge, Throttled};
use sessionctl::replication::Lag;
use sessionctl::{Error, Store};

use crate::args::interval;
use crate::commands::control::{Control, ControlArgs};
use crate::console::failure::Failure;
use crate::console::text::elapsed;
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

    #[command(flatten)]
    pub gentle: GentleArgs,

    #[command(flatten)]
    pub control: ControlArgs,
}

/// How much other clients may feel.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(skip)]
pub struct GentleArgs {
    /// Keep reads of other clients within DURATION; auto is 1.5 times, or 2 ms more than, before [default: auto]
    #[arg(long, value_name = "DURATION|auto|off", default_value = "auto", hide_default_value = true, env = "SESSIONCTL_MAX_LATENCY", hide_env = true, value_parser = max_latency, allow_negative_numbers = true, help_heading = "Throttling")]
    pub max_latency: MaxLatency,
}

impl ThrottleArgs {
    /// `purge` with these options.
    pub fn throttled(&self, purge: Purge) -> Purge {
        Purge { batch_size: self.batch_size, jobs: self.jobs, pace: self.pace(), ..purge }
    }

    /// The pace of these options, with which the command begins.
    pub fn pace(&self) -> Pace {
        let Self { rate, sleep_factor, max_lag, gentle, .. } = *self;
        Pace { rate, sleep_factor, max_lag, max_latency: gentle.max_latency }
    }

    /// The control of a command that begins at this pace.
    pub fn control(&self, context: &Context) -> Result<Control, Failure> {
        self.control.open(self.pace(), context)
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

/// The longest latency that other clients may see.
pub fn max_latency(text: &str) -> Result<MaxLatency, String> {
    match text {
        "auto" => Ok(MaxLatency::Auto),
        "off" => Ok(MaxLatency::Off),
        _ => interval(text)
            .map(MaxLatency::Within)
            .map_err(|_| "expected a duration such as 10ms, or auto, or off".to_owned()),
    }
}

/// A command that took longer than this reports if it was slowed down for the sake of others.
const LONG: Duration = Duration::from_secs(10);
/// It does so if full speed might have been at least this many times as fast.
const MUCH: f64 = 1.5;

/// What other clients felt of a command that took this long, in words: if `verbose`, all that is known,
/// else only if it was slowed down much.
pub fn felt(latency: Option<&Latency>, took: Duration, verbose: bool) -> Option<String> {
    let Latency { baseline, goal, during, full_speed, .. } = latency?;
    let (median, most) = (*during)?;
    let goal = goal.map(|goal| format!(" (goal: {})", fine(goal))).unwrap_or_default();
    let factor = format!("--max-latency off might have been {full_speed:.1} times as fast");
    match verbose {
        false if took < LONG || *full_speed < MUCH => None,
        false => Some(format!(
            "slowed down for other clients: reads took {} at p99{goal}; {factor}",
            fine(most)
        )),
        true => {
            let before =
                baseline.map(|before| format!("; 90 % took at most {} before", fine(before)));
            let (before, median, most) = (before.unwrap_or_default(), fine(median), fine(most));
            Some(format!("reads took {median} at p50 and {most} at p99{goal}{before}; {factor}"))
        }
    }
}

/// The warning if reads take longer than asked for, whatever is written, or cannot be measured.
pub fn out_of_reach(latency: Option<&Latency>) -> Option<String> {
    let latency = latency?;
    if latency.refused {
        return Some(
            "cannot measure what other clients feel, because the login lacks the right find: \
             --max-latency has no effect"
                .to_owned(),
        );
    }
    if latency.unconnected {
        return Some(
            "cannot measure what other clients feel, because no connection for it can be opened: \
             going on in small batches"
                .to_owned(),
        );
    }
    let (asked, usual) = latency.out_of_reach()?;
    let (asked, usual) = (fine(asked), fine(usual));
    Some(format!(
        "the limit of {asked} on reads of other clients is out of reach: \
         1 of 10 takes more than {usual} even while nothing is written"
    ))
}

/// How long a command waited, by cause.
pub fn waited(throttled: Throttled) -> Option<String> {
    let Throttled { rate, rest, lag, overload, latency, paused } = throttled;
    let causes = [
        ("rate", rate),
        ("sleep factor", rest),
        ("replication lag", lag),
        ("overload", overload),
        ("latency", latency),
        ("paused", paused),
    ];
    let all = causes.into_iter().filter(|(_, waited)| *waited >= Duration::from_millis(50));
    let all: Vec<_> = all.map(|(why, waited)| format!("{} ({why})", elapsed(waited))).collect();
    (!all.is_empty()).then(|| format!("waited {}", all.join(", ")))
}

/// A latency: `0.7 ms`, `1.2 s`.
fn fine(latency: Duration) -> String {
    let millis = latency.as_secs_f64() * 1000.0;
    if millis < 1000.0 { format!("{millis:.1} ms") } else { elapsed(latency) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_a_duration_or_a_word() {
        assert_eq!(max_latency("auto"), Ok(MaxLatency::Auto));
        assert_eq!(max_latency("off"), Ok(MaxLatency::Off));
        assert_eq!(max_latency("10ms"), Ok(MaxLatency::Within(Duration::from_millis(10))));
        for wrong in ["0", "-1", "fast", "", "1.5"] {
            assert!(max_latency(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn waits_are_listed_by_cause_and_short_ones_are_left_out() {
        let throttled = Throttled {
            rate: Duration::from_millis(1200),
            rest: Duration::from_millis(3),
            latency: Duration::from_millis(700),
            ..Throttled::default()
        };
        assert_eq!(waited(throttled).unwrap(), "waited 1.2 s (rate), 0.7 s (latency)");
        assert_eq!(waited(Throttled::default()), None);
    }
}
