//! Counts sessions by user: the server groups them if it can read the user, otherwise they are
//! decoded here; from a sample if decoding all of them would take too long.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bson::raw::RawDocument;
use bson::{Bson, DateTime, Document, doc};
use mongodb::raw_batch_cursor::RawBatch;

use super::figures::Options;
use crate::error::Result;
use crate::model::document::number;
use crate::model::layout::{Layout, Layouts};
use crate::ops::decoding::decode;
use crate::server::reply::documents;
use crate::store::{Reading, Store};

/// How many sessions are decoded if not all can be.
const SAMPLED: u64 = 50_000;
/// For a sample larger than one document in this many, the server uses no random cursor, but sorts
/// the whole collection.
const RANDOM_PART: u64 = 20;
/// The minimum sample; with fewer sessions, estimates are useless.
const LEAST: u64 = 10_000;
/// The maximum number of users that are counted separately, to limit the memory for their names.
const MOST_USERS: usize = 2_000_000;

/// The users of the examined sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Users {
    /// How many sessions were examined.
    pub looked_at: u64,
    /// How many sessions the counts cover: more than were examined if they are estimated.
    pub sessions: u64,
    /// Whether the examined sessions are a sample, because it was requested, or because too many
    /// payloads must be decoded.
    pub sampled: bool,
    /// Whether the counts of sessions are scaled up from the examined ones.
    pub estimated: bool,
    /// How many users there are among the examined sessions.
    pub distinct: u64,
    /// How many sessions have no user.
    pub anonymous: u64,
    /// How many sessions have a payload that cannot be read, so that the user is unknown.
    pub unreadable: u64,
    /// The users with the most sessions, and the number of each, sorted by number and name.
    pub top: Vec<(String, u64)>,
}

/// The stages that group the sessions by the expression `user`.
pub(super) fn pipeline(layouts: &Layouts, user: Bson, top: usize) -> Vec<Document> {
    let is_anonymous = doc! { "$eq": ["$_id", Bson::Null] };
    // One more, because "no user" is one of the values.
    let most = i64::try_from(top.saturating_add(1)).unwrap_or(i64::MAX);
    vec![
        doc! { "$match": layouts.membership() },
        doc! { "$group": { "_id": user, "n": { "$sum": 1 } } },
        doc! { "$group": {
            "_id": Bson::Null,
            "all": { "$sum": "$n" },
            "distinct": { "$sum": { "$cond": [&is_anonymous, 0, 1] } },
            "anonymous": { "$sum": { "$cond": [is_anonymous, "$n", 0] } },
            "top": { "$topN": {
                "n": most, "sortBy": { "n": -1, "_id": 1 },
                "output": { "user": "$_id", "n": "$n" },
            } },
        } },
    ]
}

impl Users {
    /// Whether no session has a user in the places of the layout. They are not necessarily
    /// anonymous: the application may have stored the user elsewhere.
    pub fn nobody_is_known(&self) -> bool {
        self.distinct == 0 && self.anonymous > 0
    }

    /// Reads the users from the server's line.
    pub(super) fn read(layout: &Layout, line: &RawDocument, options: &Options) -> Self {
        let count = |line: &RawDocument, key: &str| {
            line.get(key).ok().flatten().and_then(number).unwrap_or(0.0) as u64
        };
        let user = |one: &RawDocument| {
            let user = layout.user_of(one.get("user").ok()??)?;
            Some((user, count(one, "n")))
        };
        let found = line.get_array("top").ok().into_iter().flatten();
        let found = found.filter_map(|one| user(one.ok()?.as_document()?));
        Self {
            looked_at: count(line, "all"),
            sessions: count(line, "all"),
            sampled: options.sample.is_some(),
            estimated: false,
            distinct: count(line, "distinct"),
            anonymous: count(line, "anonymous"),
            unreadable: 0,
            top: found.take(options.top).collect(),
        }
    }

    /// Counts the users by decoding all sessions of a store if there is time, else a sample.
    pub(super) async fn decoded(store: &Store, now: DateTime, options: &Options) -> Result<Self> {
        let began = Instant::now();
        let mut tally = Tally::default();
        if let Some(size) = options.sample {
            let batches = store.sample(size).await?;
            decode(batches, look(store, now), |part: Tally| {
                tally.join(part);
                began.elapsed() <= options.decoding
            })
            .await?;
            return Ok(Self { sampled: true, ..tally.users(options.top) });
        }
        let count = store.count(Document::new()).await?;
        let reading = Reading::default();
        // Includes foreign documents, because reading them takes time, too.
        let batches = store.read(Document::new(), &reading).await?;
        let mut is_in_time = true;
        decode(batches, look(store, now), |part: Tally| {
            tally.join(part);
            is_in_time = !tally.takes_too_long(began.elapsed(), count, options.decoding);
            is_in_time
        })
        .await?;
        match is_in_time {
            true => Ok(tally.users(options.top)),
            false => Self::estimated(store, now, options, count).await,
        }
    }

    /// Counts the users of a random sample. The counts are not scaled yet: see [`Users::scaled`].
    async fn estimated(
        store: &Store,
        now: DateTime,
        options: &Options,
        count: u64,
    ) -> Result<Self> {
        let began = Instant::now();
        let mut tally = Tally::default();
        let size = SAMPLED.min(count / RANDOM_PART).max(LEAST);
        let batches = store.sample(size).await?;
        decode(batches, look(store, now), |part: Tally| {
            tally.join(part);
            began.elapsed() <= options.decoding || tally.read < LEAST
        })
        .await?;
        Ok(Self { sampled: true, estimated: true, ..tally.users(options.top) })
    }

    /// The same, with estimates for the whole collection, which has `sessions` sessions.
    pub(super) fn scaled(self, sessions: u64) -> Self {
        if !self.estimated || self.looked_at == 0 {
            return self;
        }
        let factor = sessions as f64 / self.looked_at as f64;
        let scaled = |count: u64| (count as f64 * factor).round() as u64;
        let top = self.top.into_iter().map(|(user, count)| (user, scaled(count)));
        Self {
            sessions,
            anonymous: scaled(self.anonymous),
            unreadable: scaled(self.unreadable),
            top: top.collect(),
            ..self
        }
    }
}

/// How to count each batch.
fn look(store: &Store, now: DateTime) -> impl Fn(&RawBatch) -> Tally + Clone + Send + 'static {
    let store = store.clone();
    move |batch| {
        let mut tally = Tally::default();
        tally.add(&store, batch, now);
        tally
    }
}

/// The counts of sessions by user.
#[derive(Debug, Default)]
struct Tally {
    users: HashMap<String, u64>,
    /// Documents that were read.
    read: u64,
    /// Sessions among them.
    looked_at: u64,
    unreadable: u64,
}

impl Tally {
    fn add(&mut self, store: &Store, batch: &RawBatch, now: DateTime) {
        let layouts = store.layouts();
        for document in documents(batch) {
            self.read += 1;
            if !layouts.describes(document) {
                continue;
            }
            self.looked_at += 1;
            let layout = layouts.of(document);
            match layout.glance(document, now).user {
                Some(user) => match self.users.get_mut(&user) {
                    Some(sessions) => *sessions += 1,
                    None => _ = self.users.insert(user, 1),
                },
                None if layout.payload(document).error().is_some() => self.unreadable += 1,
                None => {}
            }
        }
    }

    /// Adds the counts of other sessions.
    fn join(&mut self, part: Self) {
        self.read += part.read;
        self.looked_at += part.looked_at;
        self.unreadable += part.unreadable;
        for (user, sessions) in part.users {
            *self.users.entry(user).or_default() += sessions;
        }
    }

    /// Whether reading `count` documents will probably take longer than `limit`, or too much
    /// memory, judging after `elapsed`.
    fn takes_too_long(&self, elapsed: Duration, count: u64, limit: Duration) -> bool {
        if self.users.len() > MOST_USERS {
            return true;
        }
        // A sample of so few documents would not be smaller.
        if count <= LEAST {
            return false;
        }
        // The first batches are not representative: the connection is opened, and the server reads
        // from its disk.
        if elapsed < limit / 10 {
            return false;
        }
        let left = count.saturating_sub(self.read) as f64 / self.read.max(1) as f64;
        elapsed.as_secs_f64() * (1.0 + left) > limit.as_secs_f64()
    }

    fn users(self, top: usize) -> Users {
        let known: u64 = self.users.values().sum();
        Users {
            looked_at: self.looked_at,
            sessions: self.looked_at,
            sampled: false,
            estimated: false,
            distinct: self.users.len() as u64,
            anonymous: self.looked_at - known - self.unreadable,
            unreadable: self.unreadable,
            top: most(self.users, top),
        }
    }
}

/// The users with the most sessions.
pub(super) fn most(users: HashMap<String, u64>, top: usize) -> Vec<(String, u64)> {
    let mut users: Vec<_> = users.into_iter().collect();
    users.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    users.truncate(top);
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_users_are_those_with_the_most_sessions_and_then_by_name() {
        let users = [("bo", 2), ("asa", 2), ("cy", 7), ("dan", 1)];
        let users = users.map(|(name, sessions)| (name.to_owned(), sessions));
        let top = most(HashMap::from(users), 3);
        assert_eq!(top.iter().map(|user| user.0.as_str()).collect::<Vec<_>>(), ["cy", "asa", "bo"]);
    }

    #[test]
    fn decoding_goes_on_while_it_is_going_to_end_in_time() {
        let tally = Tally { read: 100_000, ..Tally::default() };
        let limit = Duration::from_secs(10);
        let too_long =
            |millis, count| tally.takes_too_long(Duration::from_millis(millis), count, limit);
        // 100,000 a second.
        assert!(!too_long(1000, 900_000));
        assert!(too_long(1000, 1_100_000));
        assert!(!too_long(900, 1_000_000_000));
        // The collection grew, or the server's count is wrong.
        assert!(!too_long(9000, 10_001));
        assert!(too_long(11_000, 10_001));
        assert!(!too_long(11_000, 10_000));
    }

    #[test]
    fn estimates_are_of_the_whole_collection() {
        let tally = Tally {
            users: HashMap::from([("bo".to_owned(), 30), ("asa".to_owned(), 10)]),
            looked_at: 50,
            unreadable: 2,
            ..Tally::default()
        };
        let users = Users { sampled: true, estimated: true, ..tally.users(1) }.scaled(1000);
        assert_eq!((users.looked_at, users.sessions, users.distinct), (50, 1000, 2));
        assert_eq!((users.anonymous, users.unreadable), (160, 40));
        assert_eq!(users.top, [("bo".to_owned(), 600)]);
    }
}
