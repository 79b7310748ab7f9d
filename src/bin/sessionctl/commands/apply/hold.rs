//! `--hold`: after the selection was ended once, ends each matching session that is created or comes back,
//! until the time is over.

use std::time::{Duration, Instant};

use clap::builder::Resettable::Reset;
use sessionctl::Store;
use sessionctl::follow::{Due, Holding, Means as Seen};
use sessionctl::purge::Purge;
use tokio_util::sync::CancellationToken;

use super::batches::{Batches, Ran, Timer};
use super::report::Report;
use crate::args::interval;
use crate::console::confirm::Confirmed;
use crate::console::failure::{Doing as _, Exit, Failure, why};
use crate::console::report::say;
use crate::console::signals::Signals;
use crate::console::text::exact_duration;

/// Whether to hold.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct HoldArgs {
    /// Keep running for DURATION, and end every matching session that is created or written back; cannot be combined with --archive, --verify, --keep, --dry-run or --run-time
    #[arg(long, value_name = "DURATION", value_parser = interval, allow_negative_numbers = true, conflicts_with_all = ["keep", "dry_run", "verify", "run_time", "archive"], help_heading = Reset)]
    pub(super) hold: Option<Duration>,
}

impl HoldArgs {
    pub fn is_wanted(&self) -> bool {
        self.hold.is_some()
    }

    /// The question, with the hold.
    pub fn ask(&self, question: &str) -> String {
        match self.hold {
            Some(time) => {
                let question = question.trim_end_matches('?');
                format!("{question}, and each that follows for {}?", exact_duration(time))
            }
            None => question.to_owned(),
        }
    }
}

/// A selection that is being held.
pub struct Hold {
    time: Duration,
    holding: Holding,
    /// When the selection began to be ended for the first time.
    since: Instant,
    /// Cancelled by the end of the time or by a signal.
    over: CancellationToken,
    is_away: bool,
    /// Why sessions may have been created that nothing has ended yet.
    behind: Option<sessionctl::Error>,
}

impl Hold {
    /// Begins before the selection is ended for the first time, so that no session is missed.
    pub(super) async fn begin(
        time: Option<Duration>,
        store: &Store,
        purge: &Purge,
        signals: &Signals,
    ) -> sessionctl::Result<Option<Self>> {
        let Some(time) = time else { return Ok(None) };
        let over = signals.asked.child_token();
        let holding = store.hold(purge.clone(), over.clone()).await?;
        Ok(Some(Self { time, holding, since: Instant::now(), over, is_away: false, behind: None }))
    }

    /// Runs the hold after the selection was ended once.
    pub(super) async fn run(
        mut self,
        batches: &mut Batches<'_>,
        action: &str,
        confirmed: &Confirmed,
    ) -> Result<Exit, Failure> {
        let _timer = Timer::start(self.time, &self.over);
        let quiet = batches.means.quiet;
        self.holding.is_carried_out(self.since.elapsed());
        note(quiet, "note", &self.begins());
        batches.report.held = Some(0);
        while let Some(due) = self.holding.next().await.doing(action)? {
            match due {
                Due::Run(purge) => {
                    if let Some(exit) = self.end(batches, *purge, action, confirmed).await? {
                        return Ok(exit);
                    }
                }
                Due::Away { error, .. } => self.is_away(quiet, error),
                Due::Resumed if std::mem::take(&mut self.is_away) => {
                    note(quiet, "note", "the server is back: ending what was created meanwhile");
                }
                Due::Slower(means) => note(quiet, "note", &speed(&means)),
                _ => {}
            }
        }
        let signals = batches.means.signals;
        if let Some((why, exit)) = signals.stopped() {
            batches.report.stopped = Some(why);
            return Ok(exit);
        }
        if let Some(error) = self.behind {
            batches.report.stopped = Some("error");
            let sentence = format!(
                "could not {action}: the hold ended while sessions could not be ended: {}",
                why(&error)
            );
            let hint = "sessions that were created or written back since may be live: run the same \
                        command again";
            return Err(Failure::new(Exit::Failed, sentence).hint(hint));
        }
        Ok(Exit::Done)
    }

    /// Ends sessions. Returns the exit of the command if it was interrupted.
    async fn end(
        &mut self,
        batches: &mut Batches<'_>,
        purge: Purge,
        action: &str,
        confirmed: &Confirmed,
    ) -> Result<Option<Exit>, Failure> {
        let before = batches.report.done.unwrap_or(0);
        let ran = batches.run(purge, confirmed).await;
        let Report { held, done, .. } = &mut batches.report;
        *held = Some(held.unwrap_or(0) + done.unwrap_or(0).saturating_sub(before));
        match ran {
            Ok(Ran { unwritten: Some(failure), .. }) => return Err(failure),
            Ok(Ran { stopped, .. }) => {
                (self.is_away, self.behind) = (false, None);
                return Ok(stopped);
            }
            Err(error) => {
                if let Due::Away { error, .. } = self.holding.failed(error).doing(action)? {
                    self.is_away(batches.means.quiet, error);
                }
                // The hold continues.
                batches.report.stopped = None;
            }
        }
        Ok(None)
    }

    fn is_away(&mut self, quiet: bool, error: sessionctl::Error) {
        if !std::mem::replace(&mut self.is_away, true) {
            let text = format!("{}; retrying until the server is back", why(&error));
            note(quiet, "warning", &text);
        }
        self.behind = Some(error);
    }

    fn begins(&self) -> String {
        format!("holding for {}; {}", exact_duration(self.time), speed(&self.holding.means()))
    }
}

/// How fast sessions are ended.
fn speed(means: &Seen) -> String {
    match means {
        Seen::Stream => "each matching session is ended within a second of its majority commit, \
                         except during elections"
            .to_owned(),
        Seen::Scans { every, why } => {
            let seconds = every.as_secs();
            format!("sessions are found by a scan every {seconds} s, because {why}")
        }
    }
}

fn note(quiet: bool, label: &str, text: &str) {
    if !quiet {
        say(label, text);
    }
}
