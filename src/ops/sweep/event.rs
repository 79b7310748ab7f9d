//! The events of a sweep.

use std::time::Duration;

use bson::DateTime;

use crate::error::Error;
use crate::ops::purge::{Batch, Latency, Throttled};
use crate::server::flavour::Spread;

/// The result of one pass.
#[derive(Debug, Clone)]
pub struct Pass {
    /// `database.collection`.
    pub namespace: String,
    /// The layout's name. `None` if the collection is empty, so that no layout is detected.
    pub layout: Option<String>,
    /// The server's time when the pass began.
    pub began: DateTime,
    /// Sessions that expired before this time were deleted.
    pub cutoff: DateTime,
    /// The number of sessions deleted.
    pub deleted: u64,
    /// Whether `deleted` is exact. If not, it is a lower bound, unless it may count sessions twice.
    pub exact: bool,
    /// Whether a count that is not exact may be too high: on a sharded cluster, a chunk migration may apply
    /// a write of many documents twice.
    pub may_count_twice: bool,
    /// Sessions that were renewed or removed between the read and the delete. `None` if the
    /// sessions were not read.
    pub spared: Option<u64>,
    /// How many of the deleted sessions are in the archive. `None` without an archive.
    pub archived: Option<u64>,
    /// Sessions that were not deleted because the archive format cannot represent them.
    pub kept: u64,
    /// The number of batches.
    pub batches: u64,
    /// The duration of the pass.
    pub took: Duration,
    /// How much of that time was spent throttled, and why.
    pub throttled: Throttled,
    /// What reads of other clients took meanwhile, if that was measured.
    pub latency: Option<Box<Latency>>,
    /// Whether no usable index was found, so that the whole collection was scanned.
    pub walked: bool,
    /// Whether the pass was cancelled before it was complete.
    pub interrupted: bool,
    /// Whether the pass ended early because the lease was lost.
    pub lost_lease: bool,
    /// The error that ended the pass early. The next pass continues.
    pub error: Option<Error>,
    /// Whether this was the last pass, because the error cannot go away by itself.
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
            may_count_twice: false,
            spared: None,
            archived: None,
            kept: 0,
            batches: 0,
            took: Duration::ZERO,
            throttled: Throttled::default(),
            latency: None,
            walked: false,
            interrupted: false,
            lost_lease: false,
            error: None,
            is_last: false,
        }
    }
}

/// Something that happens during a sweep. Every event is also a sign of life.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The sweep is working, or waiting as it should.
    Alive,
    /// The primary answered. Contains its clock.
    Answered(DateTime),
    /// The clocks of a sharded cluster differ by more than a second. The earliest decides.
    ClocksDiffer(Spread),
    /// We acquired the lease. Contains its fencing number, which the comment of each operation
    /// includes.
    Holds(i64),
    /// Another sweeper has the lease, or we lost it.
    Yields {
        /// The holder, if known.
        to: Option<String>,
    },
    /// A pass is about to delete. Whoever cannot account for that cancels it now: then nothing is
    /// deleted.
    Begins {
        /// The layout's name.
        layout: String,
        /// The server's time.
        now: DateTime,
        /// Sessions that expired before this time are deleted.
        cutoff: DateTime,
    },
    /// A batch was written.
    Batch {
        /// The layout's name.
        layout: String,
        /// What was deleted.
        batch: Batch,
        /// How long the pass was throttled so far, and why.
        throttled: Throttled,
    },
    /// A pass ended, completely or early.
    Passed(Pass),
    /// What remains after a pass, as far as it is known.
    Measured {
        /// The layout's name.
        layout: String,
        /// The expired sessions that remain, and the server's time at which they were counted.
        backlog: Option<(Backlog, DateTime)>,
        /// The replication lag of the slowest member.
        lag: Option<Duration>,
    },
    /// There is nothing to sweep yet: the collection does not exist, is empty and its layout
    /// unknown, or is changing from one layout to another.
    Waiting(Error),
    /// The server is unreachable. The sweep continues after the pause.
    Away {
        /// The error.
        error: Error,
        /// The time until the next attempt.
        pause: Duration,
    },
    /// An error that cannot go away by itself, such as a missing privilege.
    /// [`Sweep::run`](crate::sweep::Sweep::run) returns it without this event. A sweep in a
    /// background task reports it, and restarts after the pause.
    Failed {
        /// The error.
        error: Error,
        /// The time until the next attempt.
        pause: Duration,
    },
}

/// The maximum number of expired sessions that are counted. The exact number beyond it does not
/// matter.
pub const MOST_COUNTED: u64 = 100_000;

/// The expired sessions that have not been deleted yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Their number, up to [`MOST_COUNTED`](crate::sweep::MOST_COUNTED).
    pub sessions: u64,
    /// The earliest expiry among them; without an index, among those counted. `None` if none has a
    /// date.
    pub oldest: Option<DateTime>,
}

impl Backlog {
    /// Whether there may be more: the count ended at
    /// [`MOST_COUNTED`](crate::sweep::MOST_COUNTED).
    pub fn is_lower_bound(&self) -> bool {
        self.sessions >= MOST_COUNTED
    }
}
