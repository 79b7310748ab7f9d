//! What a copy is asked to do, and what came of it.

use std::collections::BTreeMap;

use bson::DateTime;

use super::convert::{Converter, Loss};
use crate::model::key::Key;
use crate::model::selection::Selection;
use crate::ops::purge::{Cause, Pace};

/// Which sessions are copied, and how gently: a plain value.
#[derive(Debug, Clone)]
pub struct CopyPlan {
    /// Which sessions.
    pub selection: Selection,
    /// Whether they are converted into the target's layout.
    pub converter: Option<Converter>,
    /// The target's clock.
    pub now: DateTime,
    /// Sessions per batch.
    pub batch_size: Option<u32>,
    /// Batches in flight.
    pub jobs: Option<u32>,
    /// The throttling.
    pub pace: Pace,
    /// Whether nothing is written: what would be done is counted.
    pub dry_run: bool,
}

/// What was done, by one batch or by all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// Sessions that were read at the source.
    pub read: u64,
    /// Sessions that the target did not have.
    pub copied: u64,
    /// Sessions that replaced an older one.
    pub replaced: u64,
    /// Sessions that were deleted at the target, because they are gone at the source.
    pub removed: u64,
    /// Sessions that the target had already.
    pub unchanged: u64,
    /// Sessions that were left as the target has them, because that is newer or cannot be compared.
    pub kept: u64,
    /// Sessions that were copied before, and deleted at the target since: they are not copied again.
    pub ended: u64,
    /// Sessions that could not be carried over, by reason.
    pub lost: BTreeMap<Loss, u64>,
    /// Sessions of which nobody can say whether they are selected.
    pub undecided: u64,
}

impl Copied {
    pub(super) fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.copied += other.copied;
        self.replaced += other.replaced;
        self.removed += other.removed;
        self.unchanged += other.unchanged;
        self.kept += other.kept;
        self.ended += other.ended;
        self.undecided += other.undecided;
        other.lost.iter().for_each(|(loss, count)| *self.lost.entry(*loss).or_default() += count);
    }

    /// How many sessions could not be carried over.
    pub fn lost(&self) -> u64 {
        self.lost.values().sum()
    }

    /// How many sessions are known to be dealt with.
    pub fn done(&self) -> u64 {
        self.copied + self.replaced + self.unchanged + self.kept + self.ended + self.lost()
    }
}

/// What was written at the target, for a record of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// Sessions that the target did not have.
    pub copied: u64,
    /// Sessions that replaced an older one.
    pub replaced: u64,
    /// Sessions that were deleted.
    pub removed: u64,
    /// The ids and users of the sessions that were to be replaced or deleted, if requested, whatever
    /// became of each.
    pub sessions: Vec<(Key, Option<String>)>,
}

impl Changes {
    pub(super) fn add(&mut self, other: Self) {
        self.copied += other.copied;
        self.replaced += other.replaced;
        self.removed += other.removed;
        self.sessions.extend(other.sessions);
    }
}

/// What happens next in a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A batch was written.
    Batch(Copied),
    /// It waits: reported at once if the server has to catch up, and at intervals during any long wait.
    Paused(Cause),
}
