//! What mends a finding: a value with its arguments. The program says how it is typed.

use std::time::Duration;

use bson::DateTime;

use crate::model::session::State;
use crate::ops::index::Aim;

/// What mends a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Examine the collection again with the likeliest layout named; see
    /// [`Facts::layout_to_name`](super::Facts::layout_to_name).
    NameLayout,
    /// Examine the collection again without the layout that was named.
    DetectLayout,
    /// Examine this collection of the same database instead.
    Examine {
        /// Its name.
        collection: String,
    },
    /// Purge the sessions in a state.
    Purge {
        /// The state.
        state: State,
        /// Pause while a member of the replica set is further behind than this.
        max_lag: Option<Duration>,
    },
    /// Purge the sessions that expire later than this from now.
    PurgeExpiringAfter(Duration),
    /// Purge the sessions that expired before this instant.
    PurgeExpiredBefore(DateTime),
    /// Purge the session whose id begins so.
    PurgeSession {
        /// The short form of its id.
        id: String,
    },
    /// Turn expiries that are texts or numbers into dates.
    FixExpiry,
    /// Give endless sessions an expiry.
    FixEndless {
        /// How long they live, where the operator has not said it: a lifetime to begin with.
        lifetime: Option<Duration>,
    },
    /// Sweep what is expired.
    Sweep {
        /// From pass to pass.
        interval: Duration,
        /// At most so many sessions a second.
        rate: Option<u32>,
        /// As for [`Remedy::FixEndless`].
        lifetime: Option<Duration>,
    },
    /// Change the TTL index.
    Index {
        /// To what end.
        aim: Aim,
        /// Purge what is expired first, so that the server does not delete all of it at once.
        drain: bool,
        /// As for [`Remedy::FixEndless`].
        lifetime: Option<Duration>,
    },
    /// Run JavaScript in mongosh.
    Script {
        /// The JavaScript.
        script: String,
        /// Whether it takes another login: this one lacks the right.
        by_administrator: bool,
    },
    /// Set a machine's clock by the network's.
    SetClock,
}

impl Remedy {
    /// Sweeps at this interval, and in no other way than usual.
    pub(super) fn sweep(seconds: u64) -> Self {
        Self::Sweep { interval: Duration::from_secs(seconds), rate: None, lifetime: None }
    }

    /// Purges what is in this state.
    pub(super) fn purge(state: State) -> Self {
        Self::Purge { state, max_lag: None }
    }
}
