//! Undoing what was done to documents that are still there. A document becomes what it was if it is what
//! the change made of it; one that was removed since is inserted; any other was changed by somebody else.
//! What a fix left live, and is gone, was ended by its user or an operator: it stays so.

use std::cmp::Reverse;

use bson::raw::RawDocumentBuf;

use super::place::Place;
use super::{Restored, Restoring};
use crate::error::{Error, Result};
use crate::model::key::Key;
use crate::model::session::State;
use crate::ops::archive::Update;
use crate::ops::archive::{Change, Entry};
use crate::server::backoff::Retries;

/// How often documents are looked at again that changed while they were written.
const ROUNDS: u32 = 5;

/// What became of a document that was changed.
enum Fate {
    /// It is as it was before.
    AsBefore,
    /// It is what the change made of it: this.
    AsChanged(RawDocumentBuf),
    /// It is not there, because it expired.
    Gone,
    /// It is not there, though it would not have expired.
    Ended,
    /// Somebody else changed it, or another document has its id now.
    Changed,
}

/// A document that is not settled yet, and what was tried.
struct Unsettled {
    before: RawDocumentBuf,
    tried: Option<Tried>,
}

#[derive(Clone, Copy)]
enum Tried {
    Replacing,
    Inserting,
}

impl<I, E> Restoring<I>
where
    I: Iterator<Item = Result<E>>,
    E: Into<Entry>,
{
    pub(super) async fn undo(
        &mut self,
        change: &Change,
        batch: Vec<RawDocumentBuf>,
        restored: &mut Restored,
    ) -> Result<()> {
        if self.collated.is_none() {
            self.collated = Some(self.place.may_be_collated().await);
        }
        let mut left: Vec<_> =
            batch.into_iter().map(|before| Unsettled { before, tried: None }).collect();
        let (mut retries, mut rounds) = (Retries::default(), 0);
        loop {
            let error = match self.try_undo(change, &mut left, restored).await {
                Ok(()) if left.is_empty() => return Ok(()),
                Ok(()) => {
                    rounds += 1;
                    if rounds == ROUNDS {
                        restored.changed += left.len() as u64;
                        return Ok(());
                    }
                    continue;
                }
                Err(error) => error,
            };
            retries.pause(&self.cancel, error.clone()).await?;
            if !self.place.connection.reach(&mut retries, &self.cancel).await? {
                return Err(error);
            }
        }
    }

    /// Looks what became of the documents, and settles them. What is `left` afterwards changed meanwhile,
    /// or its answer was lost: the next look tells.
    async fn try_undo(
        &mut self,
        change: &Change,
        left: &mut Vec<Unsettled>,
        restored: &mut Restored,
    ) -> Result<()> {
        let before: Vec<_> = left.iter().map(|one| &one.before).collect();
        let fates = self.fates(change, &before).await?;
        let (mut replaced, mut inserted) = (Vec::new(), Vec::new());
        for (Unsettled { before, tried }, fate) in std::mem::take(left).into_iter().zip(fates) {
            match (fate, tried) {
                (Fate::AsBefore, None) => restored.skipped += 1,
                (Fate::AsBefore, Some(Tried::Replacing)) => restored.reverted += 1,
                (Fate::AsBefore, Some(Tried::Inserting)) => restored.inserted += 1,
                (Fate::Changed, _) => restored.changed += 1,
                (Fate::Ended, _) => restored.absent += 1,
                (Fate::Gone, _) if self.only_present => restored.absent += 1,
                (Fate::Gone, _) => inserted.push(before),
                (Fate::AsChanged(there), _) => replaced.push((there, before)),
            }
        }
        let unsettled = |before: &RawDocumentBuf, tried| {
            let (before, tried) = (before.clone(), Some(tried));
            Unsettled { before, tried }
        };
        left.extend(replaced.iter().map(|(_, before)| unsettled(before, Tried::Replacing)));
        left.extend(inserted.iter().map(|before| unsettled(before, Tried::Inserting)));
        let mut open = replaced.len();
        if open > 0 {
            let collated = self.collated != Some(false);
            let (done, refused) = self.place.replace(&replaced, collated).await?;
            open -= refused.len();
            self.give_up(refused, left, restored)?;
            if done == open as u64 {
                restored.reverted += done;
                left.drain(..open);
                open = 0;
            }
        }
        if !inserted.is_empty() {
            let reply = self.place.inserter(&self.cancel).attempt(&inserted).await?;
            let refused = reply.refused.into_iter().map(|(at, why)| (open + at, why)).collect();
            self.give_up(refused, left, restored)?;
            if let Some(error) = reply.failure {
                return Err(error);
            }
            if reply.inserted == (left.len() - open) as u64 {
                restored.inserted += reply.inserted;
                left.truncate(open);
            }
        }
        Ok(())
    }

    /// Settles those at these places, which the collection refuses.
    fn give_up(
        &mut self,
        mut refused: Vec<(usize, Error)>,
        left: &mut Vec<Unsettled>,
        restored: &mut Restored,
    ) -> Result<()> {
        // From the last on, so that the places before it stay as they are.
        refused.sort_unstable_by_key(|(at, _)| Reverse(*at));
        let refused: Vec<_> =
            refused.into_iter().map(|(at, why)| (left.remove(at).before, why)).collect();
        let in_order = refused.iter().rev().map(|(before, why)| (before, why.clone()));
        self.refuse(in_order, restored)
    }

    /// Counts what became of the documents; those that would be replaced as reverted.
    pub(super) async fn look(
        &self,
        change: &Change,
        batch: &[RawDocumentBuf],
        restored: &mut Restored,
    ) -> Result<()> {
        let batch: Vec<_> = batch.iter().collect();
        for fate in self.fates(change, &batch).await? {
            *match fate {
                Fate::AsBefore => &mut restored.skipped,
                Fate::AsChanged(_) => &mut restored.reverted,
                Fate::Gone if !self.only_present => &mut restored.inserted,
                Fate::Gone | Fate::Ended => &mut restored.absent,
                Fate::Changed => &mut restored.changed,
            } += 1;
        }
        Ok(())
    }

    /// What became of documents that `change` was applied to.
    async fn fates(&self, change: &Change, before: &[&RawDocumentBuf]) -> Result<Vec<Fate>> {
        let mut fates = self.place.fates(change, before).await?;
        let gone = (0..before.len()).filter(|at| matches!(fates[*at], Fate::Gone));
        let gone: Vec<usize> = gone.collect();
        let documents: Vec<_> = gone.iter().map(|at| before[*at]).collect();
        let are_taken = self.place.are_taken(documents.iter().copied(), &self.cancel).await?;
        if change.may_leave_live() {
            let are_over = self.are_over(change, &documents).await?;
            for (at, _) in gone.iter().zip(are_over).filter(|(_, is_over)| !is_over) {
                fates[*at] = Fate::Ended;
            }
        }
        for (at, _) in gone.into_iter().zip(are_taken).filter(|(_, is_taken)| *is_taken) {
            fates[at] = Fate::Changed;
        }
        Ok(fates)
    }

    /// Whether what `change` made of each document is expired by now. What nobody can tell is not.
    async fn are_over(&self, change: &Change, before: &[&RawDocumentBuf]) -> Result<Vec<bool>> {
        let mut are_over = vec![false; before.len()];
        let Some(layouts) = self.place.layouts.as_ref().filter(|_| !before.is_empty()) else {
            return Ok(are_over);
        };
        let now = self.place.connection.deciding_clock(Some(&self.place.collection)).await?;
        for update in change.updates() {
            let made: Vec<_> = match update {
                Update::Set(_) => before.iter().map(|document| update.set(document)).collect(),
                Update::Computed(stages) => {
                    self.place.computed(stages, before).await?.into_iter().map(Some).collect()
                }
            };
            for (is_over, made) in are_over.iter_mut().zip(made) {
                *is_over |= made.is_some_and(|made| {
                    layouts.describes(&made)
                        && layouts.of(&made).glance(&made, now).state == State::Expired
                });
            }
        }
        Ok(are_over)
    }
}

impl Place {
    /// What became of documents that `change` was applied to.
    async fn fates(&self, change: &Change, before: &[&RawDocumentBuf]) -> Result<Vec<Fate>> {
        let keys: Vec<_> = before.iter().filter_map(|document| Key::of(document)).collect();
        let present = self.present(&keys).await?;
        let there = |document: &RawDocumentBuf| present.get(&Key::of(document)?);
        let fate = |document: &&RawDocumentBuf| match there(document) {
            None => Fate::Gone,
            Some(there) if there == *document => Fate::AsBefore,
            Some(there) => {
                let made = change.updates().iter().filter_map(|update| update.set(document));
                match made.into_iter().any(|made| made == *there) {
                    true => Fate::AsChanged(there.clone()),
                    false => Fate::Changed,
                }
            }
        };
        let mut fates: Vec<_> = before.iter().map(fate).collect();
        for update in change.updates() {
            let Update::Computed(stages) = update else { continue };
            let is_open = |at: &usize| matches!(fates[*at], Fate::Changed);
            let open: Vec<_> = (0..before.len()).filter(is_open).collect();
            let documents: Vec<_> = open.iter().map(|at| before[*at]).collect();
            let made = self.computed(stages, &documents).await?;
            for (at, made) in open.into_iter().zip(made) {
                if there(before[at]) == Some(&made) {
                    fates[at] = Fate::AsChanged(made);
                }
            }
        }
        Ok(fates)
    }
}
