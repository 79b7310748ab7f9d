//! Looking again: a request in flight while its session was ended writes it back.

use std::time::Duration;

use bson::Bson;
use clap::builder::Resettable::Reset;
use sessionctl::purge::Purge;

use super::batches::Batches;
use super::report::Report;
use crate::args::{SelectionArgs, interval};
use crate::console::confirm::Confirmed;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::text::sessions;

/// How often sessions that come back are ended again.
const ROUNDS: u32 = 3;

/// Whether to look again.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct VerifyArgs {
    /// Look again after so long: sessions that were written back meanwhile are ended again
    #[arg(long, value_name = "DURATION", value_parser = interval, allow_negative_numbers = true, help_heading = Reset)]
    verify: Option<Duration>,

    /// Only report the sessions that reappeared
    #[arg(long, requires = "verify", help_heading = Reset)]
    no_repeat: bool,
}

/// What was done, and may have to be done again.
pub(super) struct Again<'a> {
    pub batches: Batches<'a>,
    pub purge: Purge,
    pub action: &'a str,
    /// What the sessions that were ended are looked up by.
    pub ids: Vec<Bson>,
    pub confirmed: &'a Confirmed,
}

impl VerifyArgs {
    pub fn is_wanted(&self) -> bool {
        self.verify.is_some()
    }

    /// It remembers the ids of what was ended, so it is for people, not for a million sessions.
    pub fn check(&self, selection: &SelectionArgs) -> Result<(), Failure> {
        if self.is_wanted() && selection.user.is_none() && selection.ids.is_empty() {
            let sentence = "--verify looks again for the sessions of a user, or for those named";
            return Err(Failure::new(Exit::Usage, sentence).hint("use it with --user or with ids"));
        }
        Ok(())
    }

    /// Waits, looks, and ends what came back, until nothing does.
    pub(super) async fn look_again(
        &self,
        again: Again<'_>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let Again { batches, mut purge, action, mut ids, confirmed } = again;
        let Some(wait) = self.verify else { return Ok(()) };
        let asked = &batches.signals.asked;
        for round in 0..=ROUNDS {
            if asked.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                report.stopped = Some("signal");
                let exit = batches.signals.exit();
                return Err(Failure::new(exit, "interrupted before it was looked again"));
            }
            let keys = batches.store.reappeared(&purge, &ids).await.doing(action)?;
            let count = keys.len() as u64;
            report.reappeared = Some(report.reappeared.unwrap_or(0) + count);
            if count == 0 {
                return Ok(());
            }
            if self.no_repeat || round == ROUNDS {
                let sentence =
                    format!("could not {action} for good: {} came back", sessions(count));
                return Err(Failure::new(Exit::Failed, sentence).hint(
                    "the application wrote them back; run it again when its requests are through",
                ));
            }
            purge.selection.keys = Some(keys);
            let ran = batches.run(purge.clone(), None, report, confirmed).await.doing(action)?;
            if let Some(exit) = ran.stopped {
                return Err(Failure::new(exit, "stopped before it was looked again"));
            }
            ids.extend(ran.ids);
        }
        Ok(())
    }
}
