//! One pass: deletes the expired sessions, and those that match the idle rule.

use std::pin::pin;
use std::time::Instant;

use bson::DateTime;
use tokio::time::sleep;

use super::archive_rotation::ArchiveRotation;
use super::event::{Event, Pass};
use super::settings::{Control, HEARTBEAT, Sweep, Target};
use crate::error::{Certainty, Error, Result};
use crate::model::query::{Query, ago};
use crate::model::selection::Selection;
use crate::model::session::State;
use crate::ops::archive::is_in_use;
use crate::ops::lease::task::LeaseGuard;
use crate::ops::purge::{Action, Purge, Step};
use crate::server::backoff::may_pass;
use crate::store::Store;

/// A running sweep.
pub(super) struct SweepRun<'a, F> {
    pub(super) sweep: &'a Sweep,
    pub(super) target: &'a Target,
    pub(super) control: &'a Control,
    pub(super) on_event: F,
    pub(super) state: SweepState,
}

/// What a sweep remembers between passes.
#[derive(Debug, Default)]
pub(super) struct SweepState {
    /// Whether the layout was certain before. If so, a different verdict means that it is changing.
    was_certain: bool,
    /// Whether no usable index was found for the expired sessions.
    walks: bool,
    archive: ArchiveRotation,
}

impl SweepState {
    /// Whether the error may go away by itself.
    pub(super) fn may_pass(&self, error: &Error) -> bool {
        // A full disk may get space again, and another sweeper may have had the lease until now. A folder that
        // never existed is a mistake.
        let archive = matches!(error, Error::Archive { .. }) && self.archive.worked;
        let archive = archive || is_in_use(error);
        // The next pass works on the collection that there is then.
        let changed = matches!(error, Error::CollectionChanged { .. });
        archive || changed || may_pass(error)
    }

    /// Whether there is nothing to sweep, yet or at the moment.
    pub(super) fn is_not_there(&self, error: &Error) -> bool {
        match error {
            Error::NoCollection { .. } => true,
            Error::Undetected { .. } | Error::Misnamed { .. } => {
                self.was_certain || is_empty(error)
            }
            _ => false,
        }
    }

    /// Closes the archive, which is locked while it is open: the next sweeper may need it.
    pub(super) fn release_archive(&mut self) {
        self.archive.put_back(None);
    }
}

impl<F: FnMut(Event)> SweepRun<'_, F> {
    /// Runs one pass. `None` if it was cancelled before it began to delete.
    pub(super) async fn pass(&mut self, guard: &LeaseGuard) -> Result<Option<Pass>> {
        let Self { sweep, target, control, .. } = *self;
        // Nothing has been written yet, so a cancelled process need not wait for the answer. The
        // driver's future must not be dropped, so it runs in a separate task.
        let begin = tokio::spawn(begin(target.clone()));
        let Some(began) = guard.over.run_until_cancelled(begin).await else { return Ok(None) };
        let began = began.unwrap_or_else(|_| Err(Error::lost_task()));
        let started = Instant::now();
        let (store, now) = match began {
            Ok(began) => began,
            // An empty collection has nothing to delete, so the pass succeeds.
            Err(error) if is_empty(&error) => {
                let now = target.connection.primary_now().await?;
                let cutoff = ago(now, sweep.grace);
                (self.on_event)(Event::Answered(now));
                return Ok(Some(Pass::of_nothing(target.namespace(), None, now, cutoff)));
            }
            Err(error) => return Err(error),
        };
        (self.on_event)(Event::Answered(now));
        if let Some(spread) = store.connection().clock_spread() {
            (self.on_event)(Event::ClocksDiffer(spread));
        }
        self.state.was_certain = true;
        let cutoff = ago(now, sweep.grace);
        let layout = Some(store.layouts().name());
        let mut pass = Pass::of_nothing(store.namespace(), layout, now, cutoff);
        // The comment of each operation includes it, so that operators see which sweep the deletes
        // belong to.
        let store = store.for_run(&match guard.fence {
            Some(fence) => format!("sweep fence {fence}"),
            None => "sweep".to_owned(),
        });
        let purges = sweep.purges(now, cutoff);
        // Reports a rule that requires a date the layout does not store, before anything is
        // deleted.
        purges.iter().try_for_each(|purge| purge.filter(store.layouts()).map(drop))?;
        // A long pass has metrics from its beginning. Without an index, measuring would cost a full
        // scan.
        if sweep.measure && !self.state.walks {
            self.measure(&store, guard).await;
            if guard.over.is_cancelled() {
                return Ok(None);
            }
        }
        let layout = store.layouts().name();
        (self.on_event)(Event::Begins { layout, now, cutoff });
        // A pass that finished did everything, even if it is cancelled a moment later.
        let mut is_finished = true;
        for purge in purges {
            match self.purge(&store, purge, guard, &mut pass).await {
                Ok(finished) => is_finished &= finished,
                // Reported with the pass, because the sessions deleted before the error stay deleted.
                Err(error) => {
                    pass.error = Some(error);
                    is_finished = false;
                    break;
                }
            }
        }
        let stopped = !is_finished && guard.over.is_cancelled();
        pass.interrupted = stopped && control.cancel.is_cancelled();
        // The guard ends in both cases; only the caller's token shows which it was.
        pass.lost_lease = stopped && !pass.interrupted;
        pass.took = started.elapsed();
        self.state.walks = pass.walked;
        if sweep.measure {
            self.measure(&store, guard).await;
        }
        Ok(Some(pass))
    }

    /// Reports what remains, unless it is cancelled first: the count may take seconds, and a process
    /// that is to stop does not wait for it. In its own task, because a future of the driver must not
    /// be dropped.
    async fn measure(&mut self, store: &Store, guard: &LeaseGuard) {
        let (store, grace) = (store.clone(), self.sweep.grace);
        let measuring = tokio::spawn(async move { store.measured(grace).await });
        if let Some(Ok(measured)) = guard.over.run_until_cancelled(measuring).await {
            (self.on_event)(measured);
        }
    }

    /// Runs one purge, and returns whether it came to its end.
    async fn purge(
        &mut self,
        store: &Store,
        purge: Purge,
        guard: &LeaseGuard,
        pass: &mut Pass,
    ) -> Result<bool> {
        let now = purge.selection.now;
        let mut purging = store.purge(purge, guard.over.clone())?;
        if let Some(pace) = &self.control.pace {
            purging = purging.controlled_by(pace.clone());
        }
        if let Some(pattern) = &self.sweep.archive {
            let mut opening = pin!(self.state.archive.take(pattern, now));
            // It reads through the file that is there, which may be large.
            let archive = loop {
                tokio::select! {
                    archive = &mut opening => break archive?,
                    () = sleep(HEARTBEAT) => (self.on_event)(Event::Alive),
                }
            };
            purging = purging.archive_to(archive);
        }
        let outcome = loop {
            match purging.next().await {
                Ok(None) => break Ok(purging.is_finished()),
                Ok(Some(Step::Batch(batch))) => {
                    pass.deleted += batch.done;
                    pass.spared = sum(pass.spared, batch.spared);
                    pass.archived = sum(pass.archived, batch.archived);
                    pass.kept += batch.kept;
                    pass.exact &= batch.exact;
                    pass.batches += 1;
                    let layout = store.layouts().name();
                    let mut throttled = pass.throttled;
                    throttled += purging.throttled();
                    (self.on_event)(Event::Batch { layout, batch, throttled });
                }
                Ok(Some(Step::Paused(_))) => (self.on_event)(Event::Alive),
                Err(error) => break Err(error),
            }
        };
        pass.exact &= purging.is_exact();
        pass.may_count_twice |= purging.may_count_twice();
        pass.walked |= purging.walks();
        pass.throttled += purging.throttled();
        pass.latency = purging.latency().map(Box::new).or(pass.latency.take());
        self.state.archive.put_back(purging.into_archive());
        outcome
    }
}

impl Sweep {
    /// The purges of one pass.
    fn purges(&self, now: DateTime, cutoff: DateTime) -> Vec<Purge> {
        let mut purges = vec![Purge::expired(now, cutoff)];
        if let Some(idle) = self.idle {
            let query = Query { idle: Some(idle), ..Query::state(State::Endless) };
            let selection = Selection { cutoff, ..Selection::new(query, now) };
            purges.push(Purge::new(selection, Action::Delete));
        }
        for purge in &mut purges {
            purge.batch_size = self.batch_size;
            purge.jobs = self.jobs;
            purge.pace = self.pace;
        }
        purges
    }
}

/// The store, and the server's time.
async fn begin(target: Target) -> Result<(Store, DateTime)> {
    let store = target.store().await?;
    let now = store.primary_now().await?;
    Ok((store, now))
}

fn is_empty(error: &Error) -> bool {
    matches!(error, Error::Undetected { certainty: Certainty::Empty, .. })
}

/// The sum of the known values.
fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    other.map_or(one, |other| Some(one.unwrap_or(0) + other))
}
