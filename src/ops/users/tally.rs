//! The counts of one pass. They are in trees rather than hash tables, which grow without copies,
//! and split at a hash.

use std::collections::{BTreeMap, BTreeSet};

use bson::DateTime;

/// A user, with the counts of the user's selected sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The user, as [`Session::user`](crate::Session::user).
    pub user: String,
    /// The number of sessions.
    pub sessions: u64,
    /// The number of live sessions.
    pub live: u64,
    /// The earliest creation, or the earliest touch of sessions without a creation time.
    pub first_seen: Option<DateTime>,
    /// The latest touch, or the latest creation of sessions without a touch.
    pub last_seen: Option<DateTime>,
    /// The number of addresses; `None` if no session has one.
    pub ips: Option<u64>,
    /// The number of user agents; `None` if no session has one.
    pub agents: Option<u64>,
}

/// The facts of a session that are counted.
pub(super) struct Found {
    /// The hash and the name of the user.
    pub(super) key: (u64, Box<str>),
    pub(super) is_live: bool,
    pub(super) first: Option<DateTime>,
    pub(super) last: Option<DateTime>,
    /// The hash of user and address, and the hash of user and user agent.
    pub(super) ip: Option<u64>,
    pub(super) agent: Option<u64>,
}

#[derive(Default)]
struct Record {
    sessions: u64,
    live: u64,
    first: Option<DateTime>,
    last: Option<DateTime>,
    ips: u32,
    agents: u32,
}

/// The nodes of a tree are two thirds full on average.
const USER: usize = size_of::<((u64, Box<str>), Record)>() * 3 / 2;
const PAIR: usize = size_of::<(u64, u64)>() * 3 / 2;
/// The overhead of an allocation in bytes.
const ALLOCATED: usize = 24;

/// At least this many users are counted in one pass, whatever memory they need. Otherwise, one user
/// with a million addresses would cause endless passes.
const FEW: usize = 16;

/// The counts of the users with hashes in a range.
pub(super) struct Tally {
    from: u64,
    to: u64,
    memory: usize,
    users: BTreeMap<(u64, Box<str>), Record>,
    ips: BTreeSet<(u64, u64)>,
    agents: BTreeSet<(u64, u64)>,
    /// The size of the names in bytes.
    names: usize,
}

impl Tally {
    /// Counts the users from this hash on, as far as `memory` bytes suffice.
    pub(super) fn new(from: u64, memory: usize) -> Self {
        let (users, ips, agents) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Self { from, to: u64::MAX, memory, users, ips, agents, names: 0 }
    }

    /// The last hash of the range.
    pub(super) fn to(&self) -> u64 {
        self.to
    }

    pub(super) fn add(&mut self, found: Found) {
        let hash = found.key.0;
        if hash < self.from || hash > self.to {
            return;
        }
        let name = found.key.1.len() + ALLOCATED;
        let record = self.users.entry(found.key).or_insert_with(|| {
            self.names += name;
            Record::default()
        });
        record.sessions += 1;
        record.live += u64::from(found.is_live);
        record.first = record.first.into_iter().chain(found.first).min();
        record.last = record.last.into_iter().chain(found.last).max();
        let is_new = |seen: &mut BTreeSet<_>, text: Option<u64>| {
            u32::from(text.is_some_and(|text| seen.insert((hash, text))))
        };
        record.ips += is_new(&mut self.ips, found.ip);
        record.agents += is_new(&mut self.agents, found.agent);
        while self.bytes() > self.memory && self.users.len() > FEW && self.from < self.to {
            self.halve();
        }
    }

    fn bytes(&self) -> usize {
        let pairs = self.ips.len() + self.agents.len();
        self.users.len() * USER + self.names + pairs * PAIR
    }

    /// Drops the upper half of the hashes, which a later pass counts.
    fn halve(&mut self) {
        self.to = self.from + (self.to - self.from) / 2;
        let above = self.to + 1;
        drop(self.ips.split_off(&(above, 0)));
        drop(self.agents.split_off(&(above, 0)));
        let gone = self.users.split_off(&(above, Box::default()));
        self.names -= gone.keys().map(|(_, name)| name.len() + ALLOCATED).sum::<usize>();
    }

    pub(super) fn into_users(self) -> impl Iterator<Item = User> {
        let some = |count: u32| (count > 0).then(|| count.into());
        self.users.into_iter().map(move |((_, user), record)| User {
            user: user.into_string(),
            sessions: record.sessions,
            live: record.live,
            first_seen: record.first,
            last_seen: record.last,
            ips: some(record.ips),
            agents: some(record.agents),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(hash: u64, ip: u64) -> Found {
        let key = (hash, hash.to_string().into_boxed_str());
        Found { key, is_live: true, first: None, last: None, ip: Some(ip), agent: None }
    }

    #[test]
    fn a_pass_that_needs_too_much_memory_goes_on_with_the_lower_hashes_and_forgets_the_others() {
        let hash = |number: u64| number << 54;
        let mut tally = Tally::new(0, 100 * USER);
        for ip in [1, 2, 2] {
            (0..1024).for_each(|number| tally.add(found(hash(number), ip)));
            assert!(tally.bytes() <= 100 * USER);
        }
        // Even a quarter of the users would be too many.
        assert!(tally.to() < hash(1024 / 8));
        let to = tally.to();
        let names: usize = tally.users.keys().map(|(_, name)| name.len() + ALLOCATED).sum();
        assert_eq!((tally.names, tally.ips.len()), (names, 2 * tally.users.len()));
        let users: Vec<_> = tally.into_users().collect();
        assert_eq!(
            users.len() as u64,
            (0..1024).filter(|number| hash(*number) <= to).count() as u64
        );
        assert!(users.iter().all(|user| (user.sessions, user.ips) == (3, Some(2))), "{users:?}");
    }

    #[test]
    fn a_user_with_very_many_addresses_costs_few_passes() {
        let heavy = |number: u64| if number == 333 { 10_000 } else { 1 };
        let (mut from, mut passes, mut users) = (0, 0, Vec::new());
        loop {
            let mut tally = Tally::new(from, 500 * USER);
            for number in 0..1024 {
                (0..heavy(number)).for_each(|ip| tally.add(found(number << 54, ip)));
            }
            let to = tally.to();
            users.extend(tally.into_users());
            passes += 1;
            if to == u64::MAX {
                break;
            }
            from = to + 1;
        }
        assert!(passes < 10, "{passes}");
        assert_eq!(users.len(), 1024);
        let ips = users.iter().map(|user| user.ips.unwrap_or(0));
        assert_eq!(ips.sum::<u64>(), 1023 + 10_000);
    }
}
