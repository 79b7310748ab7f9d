//! Counts sessions by user, exactly, in memory that does not grow with the collection.
//!
//! A pass over the selected sessions keeps for each user: a hash, the name, two counts, two times,
//! and a hash of each address and user agent. If that exceeds the memory limit, the pass continues
//! with half of the users, by the range of their hashes. The others are counted in further passes.

use std::hash::{BuildHasher as _, RandomState};

use bson::RawDocument;
use mongodb::raw_batch_cursor::RawBatch;

use super::decoding::decode;
use crate::error::Result;
use crate::model::query::{Elsewhere, Met, Verdict};
use crate::model::selection::Selection;
use crate::model::session::State;
use crate::server::reply::documents;
use crate::store::{Reading, Store};

mod tally;

pub use tally::User;
use tally::{Found, Tally};

/// Which users to return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The maximum number, those with the most sessions; `None` is all.
    pub limit: Option<usize>,
    /// Only users with at least this many of the selected sessions.
    pub min_sessions: u64,
    /// The approximate memory limit of one pass, in bytes. The returned users need memory in
    /// addition, and so do the addresses of a few users who have very many.
    pub memory: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { limit: None, min_sessions: 1, memory: 64 << 20 }
    }
}

/// The users of the selected sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Users {
    /// The users, sorted by number of sessions, the largest first, and name.
    pub users: Vec<User>,
    /// How many users have enough sessions, regardless of the limit.
    pub found: u64,
    /// The number of selected sessions.
    pub sessions: u64,
    /// The number of sessions without a user.
    pub anonymous: u64,
    /// The number of sessions whose user is unknown, because their payload cannot be decoded.
    pub unreadable: u64,
    /// Sessions for which it is unknown whether they match, because their payload cannot be
    /// decoded.
    pub undecided: u64,
    /// Sessions that have a user of the selection where the layout does not look.
    pub elsewhere: Elsewhere,
    /// Which of the users of the selection have selected sessions.
    pub met: Met,
    /// The number of passes over the sessions.
    pub passes: u32,
}

impl Store {
    /// The users of the sessions of `selection`. `looked_at` is called with the number of documents
    /// in each batch.
    ///
    /// # Errors
    /// As for [`Selection::filter`], and if the command cannot be sent or the server rejects it.
    pub async fn users(
        &self,
        selection: &Selection,
        options: &Options,
        mut looked_at: impl FnMut(u64),
    ) -> Result<Users> {
        let hashes = RandomState::new();
        let mut users = Users::default();
        let mut from = 0;
        loop {
            let mut tally = Tally::new(from, options.memory);
            let look = Look {
                store: self.clone(),
                selection: selection.clone(),
                hashes: hashes.clone(),
                from,
            };
            let mut total = (0, 0, 0);
            for part in self.parts(selection).await? {
                for filter in part.filter(self.layouts())? {
                    let batches = self.read(filter, &Reading::default()).await?;
                    let look = look.clone();
                    decode(
                        batches,
                        move |batch: &RawBatch| look.at(batch),
                        |part: Part| {
                            looked_at(part.looked_at);
                            total.0 += part.sessions;
                            total.1 += part.anonymous;
                            total.2 += part.unreadable;
                            if users.passes == 0 {
                                users.undecided += part.undecided;
                                users.met.join(part.met);
                                users.elsewhere.join(part.elsewhere);
                            }
                            part.found.into_iter().for_each(|found| tally.add(found));
                            true
                        },
                    )
                    .await?;
                }
            }
            if users.passes == 0 {
                (users.sessions, users.anonymous, users.unreadable) = total;
            }
            users.passes += 1;
            let to = tally.to();
            users.take(tally, options);
            if to == u64::MAX {
                break;
            }
            from = to + 1;
        }
        users.keep(options.limit);
        Ok(users)
    }
}

impl Users {
    /// Adds the users of a pass.
    fn take(&mut self, tally: Tally, options: &Options) {
        for user in tally.into_users().filter(|user| user.sessions >= options.min_sessions) {
            self.found += 1;
            self.users.push(user);
            // The others are dropped from time to time, not one by one.
            if options.limit.is_some_and(|limit| self.users.len() > limit.saturating_mul(2) + 1000)
            {
                self.keep(options.limit);
            }
        }
    }

    fn keep(&mut self, limit: Option<usize>) {
        let order = |one: &User, other: &User| {
            other.sessions.cmp(&one.sessions).then_with(|| one.user.cmp(&other.user))
        };
        self.users.sort_unstable_by(order);
        self.users.truncate(limit.unwrap_or(usize::MAX));
    }
}

/// What counting a batch needs.
#[derive(Clone)]
struct Look {
    store: Store,
    selection: Selection,
    hashes: RandomState,
    /// The first hash of the users that are not counted yet.
    from: u64,
}

/// The counts of one batch.
#[derive(Default)]
struct Part {
    looked_at: u64,
    sessions: u64,
    anonymous: u64,
    unreadable: u64,
    undecided: u64,
    elsewhere: Elsewhere,
    met: Met,
    found: Vec<Found>,
}

impl Look {
    fn at(&self, batch: &RawBatch) -> Part {
        let mut part = Part::default();
        documents(batch).for_each(|document| self.add(&mut part, document));
        part
    }

    fn add(&self, part: &mut Part, document: &RawDocument) {
        part.looked_at += 1;
        let layouts = self.store.layouts();
        let session = match self.selection.verdict(layouts, document) {
            Verdict::Selected(session) => session,
            Verdict::Elsewhere(places) => return part.elsewhere.add(places),
            Verdict::Undecided => return part.undecided += 1,
            Verdict::Other => return,
        };
        if let (Some(users), Some(user)) = (&self.selection.query.users, &session.user) {
            part.met.add(users, user);
        }
        part.sessions += 1;
        let layout = layouts.of(document);
        let Some(user) = session.user else {
            let is_readable = layout.payload(document).error().is_none();
            let count = if is_readable { &mut part.anonymous } else { &mut part.unreadable };
            *count += 1;
            return;
        };
        let hash = self.hashes.hash_one(&user);
        if hash < self.from {
            return;
        }
        let origin = layout.origin(document);
        let hashed = |text: Option<String>| text.map(|text| self.hashes.hash_one((hash, text)));
        part.found.push(Found {
            key: (hash, user.into_boxed_str()),
            is_live: session.state == State::Live,
            first: session.created.or(session.touched),
            last: session.touched.or(session.created),
            ip: hashed(origin.ip),
            agent: hashed(origin.agent),
        });
    }
}
