//! The events of following sessions.

use std::fmt;
use std::time::Duration;

use bson::DateTime;
use bson::raw::RawDocumentBuf;

use crate::error::Error;
use crate::model::key::Key;
use crate::model::session::{Session, SessionId};

/// What happened to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// Its document was inserted.
    Created,
    /// Its document was written, and the session is not expired.
    Renewed,
    /// Its document was written, and since then the session is expired, or no longer a session.
    Ended,
    /// Its document was deleted, by an application, an operator or a TTL index.
    Removed,
}

impl Change {
    /// Its name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Renewed => "renewed",
            Self::Ended => "ended",
            Self::Removed => "removed",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A change of a session. `Debug` shows no payload and no whole id.
#[derive(Clone)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub change: Change,
    /// When, by the server's clock: exact to the millisecond since MongoDB 6.0, before to the second. Without
    /// a change stream, when the scan found it.
    pub at: DateTime,
    /// The `_id` of the document.
    pub key: Key,
    /// The id by which the store finds the session; `None` if it is unknown after a removal.
    pub id: Option<SessionId>,
    /// The session after the change, or before its removal. `None` if unknown.
    pub session: Option<Session>,
    /// The document of that session.
    pub document: Option<RawDocumentBuf>,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event({} {:?} at {})", self.change, self.key, self.at)
    }
}

/// How changes are seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Means {
    /// Through a change stream: immediately, each exactly once.
    Stream,
    /// By regular scans. A session that is created and removed between two scans is not seen.
    Scans {
        /// The time from one scan to the next.
        every: Duration,
        /// Why there is no change stream.
        why: String,
    },
}

/// The next step.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Step {
    /// A session changed.
    Event(Box<Event>),
    /// Changes are reported from now on, in this way. Repeated if scans have become much slower.
    Began(Means),
    /// About a second has passed.
    Idle,
    /// The server is unreachable.
    Away {
        /// The error.
        error: Error,
        /// The time until the next attempt.
        pause: Duration,
    },
    /// The server is back. Nothing was lost.
    Resumed,
    /// Changes were lost, because the server no longer has them. Differences from what was seen before are
    /// reported next.
    Lost(Error),
}
