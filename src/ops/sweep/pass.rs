//! One pass: the expired sessions, and those that the idle rule means.

use std::time::Instant;

use bson::DateTime;

use super::shelf::Shelf;
use super::{Control, Event, Mandate, Pass, Sweep, Target, is_empty, lost};
use crate::error::{Error, Result};
use crate::model::query::{Query, ago};
use crate::model::selection::Selection;
use crate::model::session::State;
use crate::ops::purge::{Action, Purge, Step};
use crate::server::backoff::may_pass;
use crate::store::Store;

/// What a sweep remembers from one pass to the next.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// Whether a layout was certain before: then another verdict is a change under way.
    was_certain: bool,
    /// Whether no index led to the expired sessions.
    walks: bool,
    shelf: Shelf,
}

impl Course {
    /// Whether waiting can mend it.
    pub(super) fn may_pass(&self, error: &Error) -> bool {
        // A disk that is full is made room on; a folder that never was is a mistake.
        let archive = matches!(error, Error::Archive { .. }) && self.shelf.worked;
        archive || may_pass(error)
    }

    /// Whether there is nothing to sweep yet, or for now.
    pub(super) fn is_not_there(&self, error: &Error) -> bool {
        match error {
            Error::NoCollection { .. } => true,
            Error::Undetected { .. } | Error::Misnamed { .. } => {
                self.was_certain || is_empty(error)
            }
            _ => false,
        }
    }

    /// Another works from now on, and may want the archive.
    pub(super) fn yields(&mut self) {
        self.shelf.put_back(None);
    }
}

impl Sweep {
    /// One pass; `None` if it was cancelled before it began to delete.
    pub(super) async fn pass(
        &self,
        target: &Target,
        control: &Control,
        mandate: &Mandate,
        course: &mut Course,
        tell: &mut impl FnMut(Event),
    ) -> Result<Option<Pass>> {
        // Up to here nothing is written, so an interrupted process need not wait for an answer. It
        // comes to a task of its own, because a driver's future must not be dropped.
        let begin = tokio::spawn(begin(target.clone()));
        let Some(began) = mandate.over.run_until_cancelled(begin).await else { return Ok(None) };
        let began = began.unwrap_or_else(|_| Err(lost()));
        let started = Instant::now();
        let (store, now) = match began {
            Ok(began) => began,
            // Once is once: an empty collection is swept clean already.
            Err(error) if self.once && is_empty(&error) => {
                let now = target.connection.primary_now().await?;
                let cutoff = ago(now, self.grace);
                return Ok(Some(Pass::of_nothing(target.namespace(), None, now, cutoff)));
            }
            Err(error) => return Err(error),
        };
        tell(Event::Answered(now));
        course.was_certain = true;
        let cutoff = ago(now, self.grace);
        let layout = Some(store.layout().name.clone());
        let mut pass = Pass::of_nothing(store.namespace(), layout, now, cutoff);
        let store = store.for_run(&match mandate.fence {
            Some(fence) => format!("sweep fence {fence}"),
            None => "sweep".to_owned(),
        });
        let purges = self.purges(now, cutoff);
        // A rule that the layout has no date for is said before anything is deleted.
        purges.iter().try_for_each(|purge| purge.filter(store.layout()).map(drop))?;
        // A long pass has something to show from its beginning. Without an index it would cost a pass.
        if self.measure && !course.walks {
            self.measured(&store, tell).await;
        }
        for purge in purges {
            let outcome = self.purge(&store, purge, mandate, course, &mut pass, tell).await;
            if let Err(error) = outcome {
                pass.error = Some(error);
                break;
            }
        }
        let stopped = mandate.over.is_cancelled();
        pass.interrupted = stopped && control.cancel.is_cancelled();
        pass.lost_lease = stopped && !pass.interrupted;
        pass.took = started.elapsed();
        course.walks = pass.walked;
        if self.measure && !stopped {
            self.measured(&store, tell).await;
        }
        Ok(Some(pass))
    }

    /// What a pass purges.
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

    async fn purge(
        &self,
        store: &Store,
        purge: Purge,
        mandate: &Mandate,
        course: &mut Course,
        pass: &mut Pass,
        tell: &mut impl FnMut(Event),
    ) -> Result<()> {
        let now = purge.selection.now;
        let mut purging = store.purge(purge, mandate.over.clone())?;
        if let Some(pattern) = &self.archive {
            purging = purging.archive_to(course.shelf.take(pattern, now).await?);
        }
        let outcome = loop {
            match purging.next().await {
                Ok(None) => break Ok(()),
                Ok(Some(Step::Batch(batch))) => {
                    pass.deleted += batch.done;
                    pass.spared = sum(pass.spared, batch.spared);
                    pass.archived = sum(pass.archived, batch.archived);
                    pass.kept += batch.kept;
                    pass.exact &= batch.exact;
                    pass.batches += 1;
                    let layout = store.layout().name.clone();
                    tell(Event::Batch { layout, deleted: batch.done, took: batch.took });
                }
                Ok(Some(Step::Paused(_))) => tell(Event::Alive),
                Err(error) => break Err(error),
            }
        };
        pass.exact &= purging.is_exact();
        pass.walked |= purging.walks();
        pass.throttled += purging.throttled();
        course.shelf.put_back(purging.into_archive());
        outcome
    }
}

/// The store and the server's now.
async fn begin(target: Target) -> Result<(Store, DateTime)> {
    let store = target.store().await?;
    let now = store.connection().primary_now().await?;
    Ok((store, now))
}

/// The sum of what is known.
fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    other.map_or(one, |other| Some(one.unwrap_or(0) + other))
}
