//! A live view of a collection: sessions created and removed, the newest sessions, and what deletes
//! expired ones.
//!
//! A [`Store::snapshot`](crate::Store::snapshot) is short and may be taken every few seconds. A
//! [`Store::count_states`](crate::Store::count_states) counts every session by its state: take the
//! next one only after a pause of [`Counts::rest`].

use std::fmt;
use std::time::Duration;

use bson::DateTime;

use crate::model::key::Key;
use crate::model::session::{Session, State};
use crate::ops::doctor::{Fact, Monitor, Passes, Sweeper};
use crate::ops::index::TtlState;

mod counts;
mod rates;
mod snapshot;

pub use rates::{Memory, Rates};

/// Which sessions a snapshot shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// In this state.
    pub state: Option<State>,
    /// Of this user, or with ids that begin with this text, if it has at least
    /// [`Wanted::SHORTEST_ID`] characters.
    pub text: Option<String>,
    /// At most this many.
    pub limit: usize,
}

impl Wanted {
    /// The minimum length of the beginning of an id.
    pub const SHORTEST_ID: usize = 8;

    /// Whether this shows only some of the sessions.
    pub fn is_some(&self) -> bool {
        self.state.is_some() || self.text.is_some()
    }
}

/// The result of one snapshot. Each part is known, or has the reason why it is not.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The server's clock.
    pub now: DateTime,
    /// The number of documents in the server's metadata.
    pub sessions: Fact<u64>,
    /// How many sessions came and went recently; `None` at the first snapshot.
    pub rates: Fact<Option<Rates>>,
    /// The newest of the wanted sessions.
    pub found: Fact<Found>,
    /// The work of the server's TTL monitor, in all collections. The first number of deleted
    /// documents is that of the first snapshot.
    pub passes: Fact<Passes>,
    /// The settings of the TTL monitor.
    pub monitor: Fact<Monitor>,
    /// The sweeper that holds a lease, which may have run out.
    pub sweeper: Fact<Option<Sweeper>>,
    /// The time that finding the rows took.
    pub took: Duration,
}

/// Sessions, the newest first unless they are filtered by user.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The sessions.
    pub entries: Vec<Entry>,
    /// Whether the search stopped before it had examined all sessions.
    pub given_up: bool,
}

/// A session, and its `_id`, by which it is found again.
#[derive(Clone, PartialEq)]
pub struct Entry {
    /// The session as shown.
    pub session: Session,
    /// Its `_id`, which may be as good as a password.
    pub key: Key,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.session.fmt(f)
    }
}

/// Every session, counted by its state.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    /// The server's clock, which decides the states.
    pub at: DateTime,
    /// The sessions in each state, in the order of [`State::ALL`].
    pub states: [u64; 4],
    /// The number of documents in the server's metadata, which may be wrong after a crash.
    pub known: u64,
    /// The oldest expiry of an expired session.
    pub oldest: Option<DateTime>,
    /// How many sessions were examined, if the numbers are estimated from a random sample.
    pub sample: Option<u64>,
    /// Whether the collection has the TTL index that its layout needs.
    pub index: TtlState,
    /// The time that counting took.
    pub took: Duration,
}

impl Counts {
    /// The sessions in `state`.
    pub fn of(&self, state: State) -> u64 {
        let at = State::ALL.iter().position(|one| *one == state);
        at.map_or(0, |at| self.states[at])
    }

    /// The estimated number of sessions now that the server's metadata has the number `known`.
    pub fn all(&self, known: u64) -> u64 {
        let counted: u64 = self.states.iter().sum();
        (counted + known).saturating_sub(self.known)
    }

    /// The pause after a command that took the server this long.
    pub fn rest(took: Duration) -> Duration {
        // So watching occupies the server for less than a tenth of the time.
        took.saturating_mul(10)
    }
}
