//! Counts sessions by user: the server groups them if it can read the user, otherwise they are
//! decoded here; from a sample if decoding all of them would take too long.

use std::collections::HashMap;
use std::time::Instant;

use bson::raw::{RawBsonRef, RawDocument};
use bson::{Bson, DateTime, Document, doc};

use super::counts::{Counts, LEAST, Part, counting};
use super::figures::Options;
use crate::error::Result;
use crate::model::document::number;
use crate::model::layout::{Layout, Layouts};
use crate::ops::decoding::decode;
use crate::store::Store;

/// How many sessions are decoded if not all can be.
const SAMPLED: u64 = 50_000;
/// For a sample larger than one document in this many, the server uses no random cursor, but sorts
/// the whole collection.
const RANDOM_PART: u64 = 20;
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

/// What stands for the user of a foreign document. No user is a boolean.
const FOREIGN: bool = false;

/// The stages that group the sessions by the expression `user`.
pub(super) fn pipeline(layouts: &Layouts, user: Bson, top: usize) -> Vec<Document> {
    let is_anonymous = doc! { "$eq": ["$_id", Bson::Null] };
    let is_foreign = doc! { "$eq": ["$_id", FOREIGN] };
    // Two more, because "no user" and "no session" are among the values.
    let most = i64::try_from(top.saturating_add(2)).unwrap_or(i64::MAX);
    // Inside a facet, a `$match` on the membership would take as long as the rest, because the
    // server copies each document for it (mongod 6.0.5).
    let user = doc! { "$cond": [layouts.membership_fact(), user, FOREIGN] };
    let kind = doc! { "$type": "$_id" };
    let has_no_text = doc! { "$not": { "$in": [&kind, ["string", "null", "bool"]] } };
    let without_text = doc! { "$cond": [has_no_text, "$_id", Bson::Null] };
    vec![
        doc! { "$group": { "_id": user, "n": { "$sum": 1 } } },
        // The user 7 may be a number in one session and text in another. There are fewer users than
        // sessions, so this is cheaper than grouping the sessions by text.
        doc! { "$group": { "_id": Layout::user_text_fact("$_id"), "n": { "$sum": "$n" } } },
        doc! { "$group": {
            "_id": Bson::Null,
            "all": { "$sum": { "$cond": [&is_foreign, 0, "$n"] } },
            "distinct": { "$sum": { "$cond": [{ "$or": [&is_anonymous, is_foreign] }, 0, 1] } },
            "anonymous": { "$sum": { "$cond": [is_anonymous, "$n", 0] } },
            "text": { "$max": { "$eq": [kind, "string"] } },
            "least": { "$min": &without_text }, "most": { "$max": without_text },
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

    /// Reads the users from the server's line; `None` if there are no sessions, or if the server
    /// may have counted one user twice.
    pub(super) fn read(layout: &Layout, line: &RawDocument, options: &Options) -> Option<Self> {
        let count = |line: &RawDocument, key: &str| {
            line.get(key).ok().flatten().and_then(number).unwrap_or(0.0) as u64
        };
        let user = |one: &RawDocument| {
            let user = layout.user_of(one.get("user").ok()??)?;
            Some((user, count(one, "n")))
        };
        let found = line.get_array("top").ok().into_iter().flatten();
        let found = found.filter_map(|one| user(one.ok()?.as_document()?));
        let sessions = Some(count(line, "all")).filter(|sessions| *sessions > 0)?;
        if has_users_of_several_types(line) {
            return None;
        }
        Some(Self {
            looked_at: sessions,
            sessions,
            sampled: options.sample.is_some(),
            estimated: false,
            distinct: count(line, "distinct"),
            anonymous: count(line, "anonymous"),
            unreadable: 0,
            top: found.take(options.top).collect(),
        })
    }

    /// The users of sessions that were counted here.
    pub(super) fn of(counts: Counts, top: usize) -> Self {
        let sessions = counts.groups().filter(|group| group.state.is_some());
        let sessions = sessions.map(|group| group.share.sessions).sum();
        Self {
            looked_at: sessions,
            sessions,
            sampled: false,
            estimated: false,
            distinct: counts.users.len() as u64,
            anonymous: sessions - counts.known - counts.unreadable,
            unreadable: counts.unreadable,
            top: most(counts.users, top),
        }
    }

    /// Counts the users of a random sample: of the given size, or of a small one, whose counts are
    /// not [scaled](Users::scaled) yet.
    pub(super) async fn sampled(store: &Store, now: DateTime, options: &Options) -> Result<Self> {
        let (size, least) = match options.sample {
            Some(size) => (size, 0),
            None => {
                (SAMPLED.min(store.count(Document::new()).await? / RANDOM_PART).max(LEAST), LEAST)
            }
        };
        let began = Instant::now();
        let mut counts = Counts::default();
        let batches = store.sample(size).await?;
        decode(batches, counting(store, now, None), |part: Part| {
            counts.join(part);
            counts.users.len() <= options.users
                && (began.elapsed() <= options.decoding || counts.read() < least)
        })
        .await?;
        let estimated = options.sample.is_none();
        Ok(Self { sampled: true, estimated, ..Self::of(counts, options.top) })
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

/// Whether some users have no text at the server, and others have, or are binary data of another
/// subtype: a UUID may be stored as any of them.
fn has_users_of_several_types(line: &RawDocument) -> bool {
    let value = |key: &str| line.get(key).ok().flatten().unwrap_or(RawBsonRef::Null);
    let subtype = |key: &str| value(key).as_binary().map(|binary| binary.subtype);
    value("most") != RawBsonRef::Null
        && (value("text") == RawBsonRef::Boolean(true) || subtype("least") != subtype("most"))
}

/// The users with the most sessions.
fn most(users: HashMap<Box<str>, u64>, top: usize) -> Vec<(String, u64)> {
    let mut most: Vec<(Box<str>, u64)> = Vec::new();
    let keep = |most: &mut Vec<(Box<str>, u64)>| {
        most.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        most.truncate(top);
    };
    for user in users {
        most.push(user);
        // The others are dropped from time to time, not one by one.
        if most.len() > top.saturating_add(1000) {
            keep(&mut most);
        }
    }
    keep(&mut most);
    most.into_iter().map(|(user, sessions)| (user.into_string(), sessions)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_users_are_those_with_the_most_sessions_and_then_by_name() {
        let users = [("bo", 2), ("asa", 2), ("cy", 7), ("dan", 1)];
        let users = users.map(|(name, sessions)| (name.into(), sessions));
        let top = most(HashMap::from(users), 3);
        assert_eq!(top.iter().map(|user| user.0.as_str()).collect::<Vec<_>>(), ["cy", "asa", "bo"]);
    }

    #[test]
    fn estimates_are_of_the_whole_collection() {
        let users = Users {
            looked_at: 50,
            sessions: 50,
            sampled: true,
            estimated: true,
            distinct: 2,
            anonymous: 8,
            unreadable: 2,
            top: vec![("bo".to_owned(), 30)],
        };
        let users = users.scaled(1000);
        assert_eq!((users.looked_at, users.sessions, users.distinct), (50, 1000, 2));
        assert_eq!((users.anonymous, users.unreadable), (160, 40));
        assert_eq!(users.top, [("bo".to_owned(), 600)]);
    }
}
