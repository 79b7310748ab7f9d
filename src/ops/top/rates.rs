//! Computes how many sessions come and go: from the new ones since the last snapshot, and from the
//! total number.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use bson::DateTime;

use crate::model::key::Key;

/// The period over which rates are computed.
const WINDOW_MS: i64 = 10_000;
/// How many of the newest sessions are remembered.
const MARKS: usize = 200;

/// The sessions that came and went in about the last ten seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// New sessions.
    pub created: u64,
    /// Removed sessions.
    pub removed: u64,
    /// The length of the period.
    pub over: Duration,
    /// Whether some were missed, because too many were new at once.
    pub at_least: bool,
}

impl Rates {
    /// `count` per second.
    pub fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.over.as_secs_f64().max(0.001)
    }
}

/// The memory of earlier snapshots, which the next one is compared with.
#[derive(Clone, Default)]
pub struct Memory {
    newest: HashSet<Key>,
    marks: VecDeque<Mark>,
    /// What the server reported about itself at the first snapshot.
    pub(super) status: Option<bson::Document>,
}

/// The totals at a snapshot.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: i64,
    /// All new sessions since the first snapshot.
    created: u64,
    sessions: u64,
    at_least: bool,
}

/// The newest sessions in a snapshot.
#[derive(Debug, Clone, Default)]
pub(super) struct Newest {
    /// Their `_id`s, the newest first, up to one that was already known.
    pub(super) keys: Vec<Key>,
    /// Whether they reach back to a known session.
    pub(super) met: bool,
}

impl Memory {
    pub(super) fn knows(&self, key: &Key) -> bool {
        self.newest.contains(key)
    }

    /// Whether there are fewer newest sessions than remembered, and none of them is known.
    pub(super) fn is_filled_by(&self, keys: usize) -> bool {
        self.newest.is_empty() && keys >= MARKS
    }

    /// Adds a snapshot, and returns the changes since the oldest one that is still remembered.
    pub(super) fn take(&mut self, now: DateTime, sessions: u64, newest: &Newest) -> Option<Rates> {
        let at = now.timestamp_millis();
        let fresh = newest.keys.iter().take_while(|key| !self.knows(key)).count() as u64;
        let last = self.marks.back().copied();
        // If no known session was found, the total number may show more.
        let was_empty = last.is_some_and(|last| last.sessions == 0);
        let at_least = !newest.met && !was_empty && !self.newest.is_empty();
        let grown = last.map_or(0, |last| sessions.saturating_sub(last.sessions));
        let created = match last {
            None => 0,
            Some(last) if at_least => last.created + fresh.max(grown),
            Some(last) => last.created + fresh,
        };
        self.newest = newest.keys.iter().take(MARKS).cloned().collect();
        self.marks.push_back(Mark { at, created, sessions, at_least });
        while self.marks.get(1).is_some_and(|second| at - second.at >= WINDOW_MS) {
            self.marks.pop_front();
        }
        let first = self.marks.front().filter(|first| first.at < at)?;
        let created = created - first.created;
        let removed = (first.sessions + created).saturating_sub(sessions);
        let over = Duration::from_millis(u64::try_from(at - first.at).unwrap_or(0));
        let at_least = self.marks.iter().skip(1).any(|mark| mark.at_least);
        Some(Rates { created, removed, over, at_least })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(keys: &[&str], met: bool) -> Newest {
        Newest { keys: keys.iter().map(|key| Key::from(*key)).collect(), met }
    }

    fn at(seconds: i64) -> DateTime {
        DateTime::from_millis(1_795_428_000_000 + seconds * 1000)
    }

    #[test]
    fn new_sessions_are_those_before_the_first_known_one_and_the_rest_of_the_change_is_gone() {
        let mut memory = Memory::default();
        assert_eq!(memory.take(at(0), 3, &newest(&["c", "b", "a"], false)), None);
        let rates = memory.take(at(2), 4, &newest(&["e", "d", "c", "b"], true)).unwrap();
        assert_eq!((rates.created, rates.removed, rates.at_least), (2, 1, false));
        let rates = memory.take(at(4), 1, &newest(&["e"], true)).unwrap();
        assert_eq!((rates.created, rates.removed), (2, 4));
        assert_eq!(rates.per_second(rates.removed), 1.0);
    }

    #[test]
    fn what_happened_long_ago_does_not_count_any_more() {
        let mut memory = Memory::default();
        memory.take(at(0), 1, &newest(&["a"], false));
        memory.take(at(2), 2, &newest(&["b", "a"], true));
        let rates = memory.take(at(13), 2, &newest(&["b", "a"], true)).unwrap();
        assert_eq!((rates.created, rates.removed, rates.over.as_secs()), (0, 0, 11));
    }

    #[test]
    fn a_flood_in_which_nothing_is_known_is_at_least_what_was_seen() {
        let mut memory = Memory::default();
        memory.take(at(0), 10, &newest(&["a"], false));
        let rates = memory.take(at(1), 5010, &newest(&["z", "y"], false)).unwrap();
        assert_eq!((rates.created, rates.removed, rates.at_least), (5000, 0, true));
    }

    #[test]
    fn the_first_sessions_of_an_empty_collection_are_all_seen() {
        let mut memory = Memory::default();
        memory.take(at(0), 0, &newest(&[], false));
        let rates = memory.take(at(1), 2, &newest(&["b", "a"], false)).unwrap();
        assert_eq!((rates.created, rates.removed, rates.at_least), (2, 0, false));
    }
}
