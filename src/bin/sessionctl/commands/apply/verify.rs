//! Looking again after the write, because a request in flight can write its ended session back.

use std::time::Duration;

use clap::builder::Resettable::Reset;
use sessionctl::purge::Purge;
use sessionctl::{Connection, Key};

use super::batches::Batches;
use crate::args::{SelectionArgs, interval};
use crate::console::confirm::Confirmed;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::text::sessions;

/// How often sessions that come back are ended again.
const ROUNDS: u32 = 3;

/// The default of `--verify` on a sharded cluster.
const BY_DEFAULT: Duration = Duration::from_secs(1);

/// The options for looking again.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct VerifyArgs {
    /// After DURATION, look for sessions that the application wrote back, and end (purge: delete) them
    /// again [default on a sharded cluster: 1s, because chunk migrations can hide sessions from a write]
    #[arg(long, value_name = "DURATION", value_parser = interval, allow_negative_numbers = true, help_heading = Reset)]
    verify: Option<Duration>,

    /// With --verify, report sessions that were written back, but leave them
    #[arg(long, requires = "verify", help_heading = Reset)]
    no_repeat: bool,
}

impl VerifyArgs {
    pub fn is_wanted(&self) -> bool {
        self.verify.is_some()
    }

    /// The same for this server. On a sharded cluster, a chunk migration may make a write miss
    /// sessions (TOOLS-3431), so log-outs are verified by default.
    pub fn on(&self, connection: &Connection, selection: Option<&SelectionArgs>) -> Self {
        let is_log_out = selection.is_some_and(is_of_people);
        let by_default = (connection.flavour().is_sharded() && is_log_out).then_some(BY_DEFAULT);
        Self { verify: self.verify.or(by_default), ..self.clone() }
    }

    /// This keeps the ids of the ended sessions in memory, so it requires ids or users rather than
    /// a million sessions.
    pub fn check(&self, selection: &SelectionArgs) -> Result<(), Failure> {
        if self.is_wanted() && !is_of_people(selection) && selection.payload.is_empty() {
            let sentence = "--verify requires session ids, a user, or --where";
            return Err(Failure::new(Exit::Usage, sentence)
                .hint("select sessions by id, with --user or with --where"));
        }
        Ok(())
    }

    /// Waits, looks the `ids` up, and ends sessions that came back, until none does.
    pub(super) async fn look_again(
        &self,
        batches: &mut Batches<'_>,
        mut purge: Purge,
        mut ids: Vec<Key>,
        action: &str,
        confirmed: &Confirmed,
    ) -> Result<(), Failure> {
        let Some(wait) = self.verify else { return Ok(()) };
        let signals = batches.means.signals;
        for round in 0..=ROUNDS {
            if signals.asked.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                batches.report.stopped = signals.stopped().map(|(why, _)| why);
                return Err(Failure::new(
                    signals.exit(),
                    "interrupted before --verify looked again",
                ));
            }
            let keys = batches.store.reappeared(&purge, &ids).await.doing(action)?;
            let count = keys.len() as u64;
            *batches.report.reappeared.get_or_insert(0) += count;
            if count == 0 {
                return Ok(());
            }
            if self.no_repeat || round == ROUNDS {
                let sentence =
                    format!("could not {action} for good: {} came back", sessions(count));
                return Err(Failure::new(Exit::Failed, sentence).hint(
                    "requests in flight wrote them back; run the command again when they have finished",
                ));
            }
            purge.selection.keys = Some(keys);
            let ran = batches.run(purge.clone(), confirmed).await.doing(action)?;
            if let Some(failure) = ran.unwritten {
                return Err(failure);
            }
            if let Some(exit) = ran.stopped {
                return Err(Failure::new(exit, "stopped before --verify looked again"));
            }
            ids.extend(ran.ids);
        }
        Ok(())
    }
}

/// Whether it selects only few sessions, by ids or users.
fn is_of_people(selection: &SelectionArgs) -> bool {
    selection.names_users() || !selection.ids.is_empty()
}
