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
    /// Of this user, or with ids that begin so, from [`Wanted::SHORTEST_ID`] characters on.
    pub text: Option<String>,
    /// At most this many.
    pub limit: usize,
}

impl Wanted {
    /// How much of an id must be given for it to be looked for.
    pub const SHORTEST_ID: usize = 8;

    /// Whether sessions are left out.
    pub fn is_some(&self) -> bool {
        self.state.is_some() || self.text.is_some()
    }
}

/// What one snapshot saw. Each piece is there, or says why it is not.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The server's clock.
    pub now: DateTime,
    /// How many sessions there are, as the server has counted all along.
    pub sessions: Fact<u64>,
    /// How many came and went lately; `None` at the first snapshot.
    pub rates: Fact<Option<Rates>>,
    /// The newest of the sessions that are wanted.
    pub found: Fact<Found>,
    /// What the TTL monitor of the server has done, in all collections; the first number of deleted
    /// ones is that of the first snapshot.
    pub passes: Fact<Passes>,
    /// How that is set.
    pub monitor: Fact<Monitor>,
    /// Whoever sweeps under a lease; it may have run out.
    pub sweeper: Fact<Option<Sweeper>>,
    /// How long finding the rows took.
    pub took: Duration,
}

/// Sessions, the newest first unless they are those of a user.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The sessions.
    pub entries: Vec<Entry>,
    /// Whether the search was given up before it had seen all that there is.
    pub given_up: bool,
}

/// One of them, and its `_id`, by which it is found again.
#[derive(Clone, PartialEq)]
pub struct Entry {
    /// What is shown of it.
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
    /// In the order of [`State::ALL`].
    pub states: [u64; 4],
    /// How many sessions there were, as the server has counted all along: after it was killed that
    /// may be wrong.
    pub known: u64,
    /// The expired session that waits longest to be removed.
    pub oldest: Option<DateTime>,
    /// How many were examined, if the numbers are estimated from a random sample.
    pub sample: Option<u64>,
    /// Whether the collection has the TTL index that its layout needs.
    pub index: TtlState,
    /// How long the counting took.
    pub took: Duration,
}

impl Counts {
    /// The sessions in `state`.
    pub fn of(&self, state: State) -> u64 {
        let at = State::ALL.iter().position(|one| *one == state);
        at.map_or(0, |at| self.states[at])
    }

    /// How many sessions there are by now, where the server's own number has become `known`.
    pub fn all(&self, known: u64) -> u64 {
        let counted: u64 = self.states.iter().sum();
        (counted + known).saturating_sub(self.known)
    }

    /// How long to pause after a command for which the server worked this long.
    pub fn rest(took: Duration) -> Duration {
        // So watching keeps the server busy for less than a tenth of the time.
        took.saturating_mul(10)
    }
}
