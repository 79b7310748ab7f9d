//! What a sweep reports.

use std::time::Duration;

use bson::DateTime;

use crate::error::Error;
use crate::ops::purge::Throttled;

/// What one pass did.
#[derive(Debug, Clone)]
pub struct Pass {
    /// `database.collection`.
    pub namespace: String,
    /// The layout's name; none where the collection is empty, so that nothing tells it.
    pub layout: Option<String>,
    /// The server's now when it began.
    pub began: DateTime,
    /// What was before it was expired.
    pub cutoff: DateTime,
    /// Sessions deleted.
    pub deleted: u64,
    /// Whether `deleted` is exact, or "at least".
    pub exact: bool,
    /// Sessions that were renewed or removed between the read and the delete; none where the
    /// sessions were not read.
    pub spared: Option<u64>,
    /// Of `deleted`, those that an archive holds; none if there is no archive.
    pub archived: Option<u64>,
    /// Sessions left alone because the archive has no form for them.
    pub kept: u64,
    /// Batches.
    pub batches: u64,
    /// How long it took.
    pub took: Duration,
    /// How long of that it waited, and for what.
    pub throttled: Throttled,
    /// Whether no index leads to the sessions, so that the collection was walked.
    pub walked: bool,
    /// Whether it was told to stop before it was through.
    pub interrupted: bool,
    /// Whether it stopped before it was through because the lease was lost.
    pub lost_lease: bool,
    /// What ended it early; the next pass goes on.
    pub error: Option<Error>,
    /// Whether there is no next pass, because waiting cannot mend the error.
    pub is_last: bool,
}

impl Pass {
    pub(super) fn of_nothing(
        namespace: String,
        layout: Option<String>,
        began: DateTime,
        cutoff: DateTime,
    ) -> Self {
        Self {
            namespace,
            layout,
            began,
            cutoff,
            deleted: 0,
            exact: true,
            spared: None,
            archived: None,
            kept: 0,
            batches: 0,
            took: Duration::ZERO,
            throttled: Throttled::default(),
            walked: false,
            interrupted: false,
            lost_lease: false,
            error: None,
            is_last: false,
        }
    }
}

/// What happens in the course of a sweep. Whatever it is, it is a sign of life.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// It works, or waits as it should.
    Alive,
    /// The primary answered, and this is its clock.
    Answered(DateTime),
    /// The lease is ours now, by this fencing number, which operations carry in their comment.
    Holds(i64),
    /// The lease is another's, or was lost.
    Yields {
        /// Who has it, if that is known.
        to: Option<String>,
    },
    /// A batch was written.
    Batch {
        /// The layout's name.
        layout: String,
        /// Sessions deleted.
        deleted: u64,
        /// How long its write took.
        took: Duration,
    },
    /// A pass was carried out, or broke off half-way.
    Passed(Pass),
    /// What is left after a pass, as far as it can be told.
    Measured {
        /// The layout's name.
        layout: String,
        /// The expired sessions that are still there, and the server's now that they are judged by.
        backlog: Option<(Backlog, DateTime)>,
        /// How far the slowest member is behind.
        lag: Option<Duration>,
    },
    /// There is nothing to sweep yet: no collection, an empty one that no layout can be told of, or
    /// one whose documents are changing from one layout to another.
    Waiting(Error),
    /// The server is away; the sweep goes on after the pause.
    Away {
        /// What was met.
        error: Error,
        /// Until the next attempt.
        pause: Duration,
    },
    /// What waiting cannot mend, such as a missing right. [`Sweep::run`](crate::sweep::Sweep::run) ends with it; a sweep in a
    /// task of its own begins again after the pause, and tells this before.
    Failed {
        /// What was met.
        error: Error,
        /// Until the next attempt.
        pause: Duration,
    },
}

/// The expired sessions that are still there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many, up to [`MOST_COUNTED`](crate::sweep::MOST_COUNTED).
    pub sessions: u64,
    /// The earliest expiry among them; without an index, among those that were counted. None where
    /// none has a date.
    pub oldest: Option<DateTime>,
}
