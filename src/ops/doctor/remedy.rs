//! What fixes a finding: a value with its arguments. The program says how it is typed.

use std::time::Duration;

use crate::model::session::State;
use crate::ops::index::Aim;

/// What fixes a finding.
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
    Purge(State),
    /// Purge the session whose id begins so.
    PurgeSession {
        /// The short form of its id.
        id: String,
    },
    /// Turn expiries that are texts or numbers into dates.
    FixExpiry,
    /// Give endless sessions an expiry, by the lifetime that the operator has given.
    FixEndless,
    /// Sweep what is expired.
    Sweep {
        /// From pass to pass.
        interval: Duration,
    },
    /// Change the TTL index.
    Index {
        /// To what end.
        aim: Aim,
        /// Purge what is expired first, so that the server does not delete all of it at once.
        drain: bool,
    },
    /// Run JavaScript in mongosh.
    Script {
        /// What it does.
        task: Task,
        /// The JavaScript.
        script: String,
    },
    /// Set this machine's clock by the network's.
    SetClock,
}

/// What a script for mongosh does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Create an index that finds sessions.
    CreateIndex,
    /// Drop an index that harms.
    DropIndex,
    /// Give disk space back.
    Compact,
    /// Set a parameter of the server.
    SetParameter,
    /// Grant roles to this login, which takes the login of an administrator.
    GrantRoles,
    /// Put an ordinary collection in the place of a capped one.
    Uncap,
    /// Reduce arrays of dates to their earliest.
    ReduceArrays,
}

impl Remedy {
    /// Sweeps at this interval.
    pub(super) fn sweep(seconds: u64) -> Self {
        Self::Sweep { interval: Duration::from_secs(seconds) }
    }

    /// A word for what it does. Each check declares the remedies that it may name, and a test runs
    /// each of them.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NameLayout => "name-layout",
            Self::DetectLayout => "detect-layout",
            Self::Examine { .. } => "examine",
            Self::Purge(State::Expired) => "purge-expired",
            Self::Purge(State::Malformed) => "purge-malformed",
            Self::Purge(State::Live) => "purge-live",
            Self::Purge(State::Endless) => "purge-endless",
            Self::PurgeSession { .. } => "purge-session",
            Self::FixExpiry => "fix-expiry",
            Self::FixEndless => "fix-endless",
            Self::Sweep { .. } => "sweep",
            Self::Index { aim: Aim::Install, .. } => "index-install",
            Self::Index { aim: Aim::Replace, .. } => "index-replace",
            Self::Script { task: Task::CreateIndex, .. } => "create-index",
            Self::Script { task: Task::DropIndex, .. } => "drop-index",
            Self::Script { task: Task::Compact, .. } => "compact",
            Self::Script { task: Task::SetParameter, .. } => "set-parameter",
            Self::Script { task: Task::GrantRoles, .. } => "grant-roles",
            Self::Script { task: Task::Uncap, .. } => "uncap",
            Self::Script { task: Task::ReduceArrays, .. } => "reduce-arrays",
            Self::SetClock => "set-clock",
        }
    }

    /// Whether it writes to sessions or to the indexes on them, by a layout that is certain, and as only
    /// an ordinary collection allows: not a view, a capped collection or a time series.
    pub(super) fn writes_here(&self) -> bool {
        match self {
            Self::Purge(_)
            | Self::PurgeSession { .. }
            | Self::FixExpiry
            | Self::FixEndless
            | Self::Sweep { .. }
            | Self::Index { .. } => true,
            Self::Script { task, .. } => match task {
                Task::CreateIndex | Task::DropIndex | Task::Compact | Task::ReduceArrays => true,
                Task::SetParameter | Task::GrantRoles | Task::Uncap => false,
            },
            Self::NameLayout | Self::DetectLayout | Self::Examine { .. } | Self::SetClock => false,
        }
    }
}
