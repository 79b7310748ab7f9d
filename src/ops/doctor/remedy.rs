//! The remedy for a finding, as a plain value. The program knows how to type it.

use std::time::Duration;

use crate::model::session::State;
use crate::ops::index::Aim;

/// The remedy for a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Examine the collection again with the most likely layout named; see
    /// [`Facts::layout_to_name`](super::Facts::layout_to_name).
    NameLayout,
    /// Examine the collection again without naming a layout.
    DetectLayout,
    /// Examine this collection of the same database instead.
    Examine {
        /// Its name.
        collection: String,
    },
    /// Purge the sessions in a state.
    Purge(State),
    /// Purge the session with this id.
    PurgeSession {
        /// The short form of its id.
        id: String,
    },
    /// Convert expiries that are text or numbers to dates.
    FixExpiry,
    /// Give endless sessions an expiry, with the lifetime that the operator gave.
    FixEndless,
    /// Sweep expired sessions.
    Sweep {
        /// The interval.
        interval: Duration,
    },
    /// Change the TTL index.
    Index {
        /// The kind of change.
        aim: Aim,
        /// Purge expired sessions first, so that the server does not delete all of them at once.
        drain: bool,
    },
    /// Run JavaScript in mongosh.
    Script {
        /// The kind of script.
        task: Task,
        /// The JavaScript.
        script: String,
    },
    /// Synchronize this machine's clock over the network.
    SetClock,
}

/// The kinds of scripts for mongosh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Create an index for looking up sessions.
    CreateIndex,
    /// Drop a harmful index.
    DropIndex,
    /// Return disk space to the system.
    Compact,
    /// Set a parameter of the server.
    SetParameter,
    /// Grant roles to this login, which requires an administrator.
    GrantRoles,
    /// Replace a capped collection with an ordinary one.
    Uncap,
    /// Reduce arrays of dates to their earliest date.
    ReduceArrays,
}

impl Remedy {
    /// A sweep at this interval.
    pub(super) fn sweep(seconds: u64) -> Self {
        Self::Sweep { interval: Duration::from_secs(seconds) }
    }

    /// Its name. Each check declares the remedies that it may return, and a test runs each of them.
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

    /// Whether it writes to sessions or their indexes, which requires a certain layout and an
    /// ordinary collection: not a view, a capped collection or a time series.
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
