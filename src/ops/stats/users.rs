//! Who has the sessions: grouped by the server where it can read the user, else decoded from a
//! sample.

use std::collections::HashMap;

use bson::raw::RawDocument;
use bson::{Bson, DateTime, Document, doc};

use super::figures::Options;
use crate::error::Result;
use crate::model::document::number;
use crate::model::layout::{Layout, Layouts};
use crate::server::reply::documents;
use crate::store::{Reading, Store};

/// How many sessions are decoded at the most.
const DECODED: u64 = 10_000;

/// The users of the sessions that were looked at for them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Users {
    /// How many sessions were looked at.
    pub looked_at: u64,
    /// Whether these are a sample: it was asked for, or the payloads have to be decoded and are many.
    pub sampled: bool,
    /// How many users there are among them.
    pub distinct: u64,
    /// How many of these sessions have no user.
    pub anonymous: u64,
    /// How many of these sessions have a payload that cannot be read, so that nobody knows.
    pub unreadable: u64,
    /// Those with the most sessions, and how many each has; names in their order where these are
    /// equal.
    pub top: Vec<(String, u64)>,
}

/// Groups the sessions by the expression `user`.
pub(super) fn pipeline(layouts: &Layouts, user: Bson, top: usize) -> Vec<Document> {
    let is_anonymous = doc! { "$eq": ["$_id", Bson::Null] };
    // One more, as nobody is among them too.
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
    /// Whether none of the sessions has a user where the layout looks for it. They need not be
    /// anonymous: the application may have put it elsewhere.
    pub fn nobody_is_known(&self) -> bool {
        self.distinct == 0 && self.anonymous > 0
    }

    /// From the line that the server grouped.
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
            sampled: options.sample.is_some(),
            distinct: count(line, "distinct"),
            anonymous: count(line, "anonymous"),
            unreadable: 0,
            top: found.take(options.top).collect(),
        }
    }

    /// From the sessions of a store, decoded: all if there are few, else a sample.
    pub(super) async fn decoded(store: &Store, now: DateTime, options: &Options) -> Result<Self> {
        let Options { sample, top } = *options;
        let count = store.count(Document::new()).await?;
        let size = sample.map_or(DECODED, |size| size.min(DECODED));
        let layouts = store.layouts();
        let mut batches = if sample.is_none() && count <= size {
            store.read(layouts.membership(), &Reading { limit: size, ..Reading::default() }).await?
        } else {
            store.sample(size).await?
        };
        let mut users = HashMap::<String, u64>::new();
        let (mut looked_at, mut unreadable) = (0, 0);
        while let Some(batch) = batches.next().await? {
            let members = documents(&batch).filter(|document| layouts.describes(document));
            for document in members {
                looked_at += 1;
                let layout = layouts.of(document);
                match layout.glance(document, now).user {
                    Some(user) => *users.entry(user).or_default() += 1,
                    None if layout.payload(document).error().is_some() => unreadable += 1,
                    None => {}
                }
            }
        }
        let known: u64 = users.values().sum();
        let distinct = users.len() as u64;
        Ok(Self {
            looked_at,
            sampled: sample.is_some() || count > size,
            distinct,
            anonymous: looked_at - known - unreadable,
            unreadable,
            top: most(users, top),
        })
    }
}

fn most(users: HashMap<String, u64>, top: usize) -> Vec<(String, u64)> {
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
}
