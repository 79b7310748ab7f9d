//! Spares each user's most recent sessions: ranks the sessions, and decides which ranks are spared.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use bson::raw::RawBsonRef;
use bson::{DateTime, RawDocument};

use crate::model::layout::Layout;
use crate::model::session::{Session, State};

/// Spares each user's most recent sessions that can still log in, and every session without a known
/// user. [`Store::ranked`](crate::Store::ranked) finds out which these are.
#[derive(Debug, Clone, PartialEq)]
pub struct Keep {
    /// How many sessions of each user to spare.
    pub newest: u32,
    /// The ranks, once they are known.
    pub(super) ranks: Option<Arc<Ranks>>,
    /// Sessions with a last touch or a creation after this come last, in milliseconds.
    until: i64,
}

impl Keep {
    /// Spares the `newest` most recent sessions of each user, which are not ranked yet.
    pub fn newest(newest: u32) -> Self {
        Self { newest, ranks: None, until: i64::MAX }
    }

    /// The same, in which sessions from after `now` come last: a server whose clock was ahead wrote
    /// them, and who logs in now must not lose to them.
    pub(crate) fn until(self, now: DateTime) -> Self {
        Self { until: now.timestamp_millis(), ..self }
    }

    /// Whether the last session that some user keeps is from after `now`.
    pub(crate) fn ends_after(&self, now: DateTime) -> bool {
        let now = now.timestamp_millis();
        self.ranks.as_ref().is_some_and(|ranks| ranks.0.iter().any(|(_, last)| last.is_after(now)))
    }

    /// Whether the sessions are ranked.
    pub fn is_ranked(&self) -> bool {
        self.ranks.is_some()
    }

    /// Whether some user has more sessions that can log in than are kept, once they are ranked.
    pub(crate) fn has_surplus(&self) -> bool {
        self.ranks.as_ref().is_some_and(|ranks| !ranks.0.is_empty())
    }

    /// The same, with the ranks that the passes over the collection found.
    pub(crate) fn ranked(&self, mut ranks: Ranks) -> Self {
        ranks.0.sort_unstable_by_key(|(user, _)| *user);
        Self { ranks: Some(Arc::new(ranks)), ..*self }
    }

    /// Whether a selected session is spared.
    pub(super) fn spares(
        &self,
        layout: &Layout,
        document: &RawDocument,
        session: &Session,
    ) -> bool {
        let Some(user) = &session.user else { return true };
        let last = self.ranks.as_ref().and_then(|ranks| ranks.of(key(user)));
        logs_in(session)
            && last.is_none_or(|last| Rank::of(layout, document, session).by(self.until) >= *last)
    }
}

/// Whether the session can be one of those kept, because it can still log in. Endless sessions can,
/// too.
pub(crate) fn logs_in(session: &Session) -> bool {
    matches!(session.state, State::Live | State::Endless)
}

/// The order of sessions: by last touch, creation, expiry, and `_id`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    touched: i64,
    created: i64,
    expires: i64,
    key: Box<[u8]>,
}

impl Rank {
    /// It follows from the document alone, whatever the time. Otherwise, a session that is touched
    /// after the clock was read would have no last touch, where that follows from the expiry, and
    /// would be taken for the oldest.
    pub(crate) fn of(layout: &Layout, document: &RawDocument, session: &Session) -> Self {
        let touched = session.touched.or_else(|| layout.derived_touch_in(document));
        let millis = |date: Option<DateTime>| date.map_or(i64::MIN, DateTime::timestamp_millis);
        Self {
            touched: millis(touched),
            created: millis(session.created),
            expires: millis(session.expires),
            key: key_bytes(document),
        }
    }

    fn is_after(&self, until: i64) -> bool {
        self.touched.max(self.created) > until
    }

    /// The same, which comes last if it is after `until`.
    fn by(self, until: i64) -> Self {
        match self.is_after(until) {
            true => Self { touched: i64::MIN, created: i64::MIN, expires: i64::MIN, ..self },
            false => self,
        }
    }
}

/// The `_id` as bytes that sort like text and `ObjectId`s on the server.
fn key_bytes(document: &RawDocument) -> Box<[u8]> {
    match document.get("_id") {
        Ok(Some(RawBsonRef::String(text))) => text.as_bytes().into(),
        Ok(Some(RawBsonRef::ObjectId(id))) => id.bytes().into(),
        Ok(Some(RawBsonRef::Binary(binary))) => binary.bytes.into(),
        Ok(Some(RawBsonRef::Int32(number))) => ordered(number.into()),
        Ok(Some(RawBsonRef::Int64(number))) => ordered(number),
        Ok(Some(other)) => format!("{other:?}").into_bytes().into(),
        _ => Box::default(),
    }
}

fn ordered(number: i64) -> Box<[u8]> {
    (number.cast_unsigned() ^ (1 << 63)).to_be_bytes().into()
}

/// Identifies a user by two hashes, which are practically never both equal for two users.
type Hashed = (u64, u64);

fn key(user: &str) -> Hashed {
    let hash = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, user).hash(&mut hasher);
        hasher.finish()
    };
    (hash(0), hash(1))
}

/// A session that may be kept: its user, and its rank.
#[derive(Debug, Clone)]
pub(crate) struct Ranked(Hashed, Rank);

impl Ranked {
    pub(crate) fn of(layout: &Layout, document: &RawDocument, session: &Session) -> Option<Self> {
        let user = session.user.as_ref().filter(|_| logs_in(session))?;
        Some(Self(key(user), Rank::of(layout, document, session)))
    }
}

/// For each user with more sessions than are kept, the rank of the last kept one. They are sorted once all
/// are known: a table takes twice the memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ranks(Vec<(Hashed, Rank)>);

impl Ranks {
    pub(crate) fn join(&mut self, other: Self) {
        self.0.reserve_exact(other.0.len());
        self.0.extend(other.0);
    }

    fn of(&self, user: Hashed) -> Option<&Rank> {
        let at = self.0.binary_search_by_key(&user, |(user, _)| *user).ok()?;
        Some(&self.0[at].1)
    }
}

/// One pass over the sessions of a selection, for one part of the users.
#[derive(Debug)]
pub(crate) struct Ranking {
    newest: usize,
    until: i64,
    /// The number of this part, and the number of parts.
    part: (u64, u64),
    users: HashMap<Hashed, Best>,
    bytes: usize,
}

/// The best sessions of a user so far.
#[derive(Debug, Default)]
struct Best {
    ranks: BinaryHeap<Reverse<Rank>>,
    has_more: bool,
}

/// The memory per user: a slot of the table, which is half to seven eighths full, and the allocator's
/// overhead for the ranks.
const USER: usize = 128;
/// The allocator's overhead for an `_id`.
const KEY: usize = 16;

impl Ranking {
    pub(crate) fn new(keep: &Keep, part: (u64, u64)) -> Self {
        let newest = usize::try_from(keep.newest).unwrap_or(usize::MAX);
        Self { newest, until: keep.until, part, users: HashMap::new(), bytes: 0 }
    }

    /// Adds a session of the selection.
    pub(crate) fn add(&mut self, Ranked(user, rank): Ranked) {
        let (part, parts) = self.part;
        if user.0 % parts != part {
            return;
        }
        let best = self.users.entry(user).or_insert_with(|| {
            self.bytes += USER;
            Best::default()
        });
        let room = best.ranks.capacity();
        self.bytes += KEY + rank.key.len();
        best.ranks.push(Reverse(rank.by(self.until)));
        self.bytes += (best.ranks.capacity() - room) * size_of::<Rank>();
        if best.ranks.len() > self.newest.max(1) {
            let last = best.ranks.pop();
            self.bytes -= last.map_or(0, |Reverse(last)| KEY + last.key.len());
            best.has_more = true;
        }
    }

    /// The memory in use, without the table's own growth.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn ranks(self) -> Ranks {
        let last = |(user, best): (Hashed, Best)| {
            let Reverse(last) = best.ranks.into_iter().max().filter(|_| best.has_more)?;
            Some((user, last))
        };
        Ranks(self.users.into_iter().filter_map(last).collect())
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;
    use bson::raw::RawDocumentBuf;

    use super::*;
    use crate::model::session::SessionId;

    fn session(id: &str, user: Option<&str>, touched: i64) -> (RawDocumentBuf, Session) {
        let session = Session {
            id: SessionId::from(id),
            state: State::Live,
            expires: None,
            touched: Some(DateTime::from_millis(touched)),
            created: None,
            user: user.map(str::to_owned),
            bytes: 0,
        };
        (RawDocumentBuf::try_from(&doc! { "_id": id }).unwrap(), session)
    }

    #[test]
    fn the_most_recent_of_each_user_are_spared_whatever_the_number_of_passes() {
        let sessions = [
            session("a", Some("asa"), 3),
            session("b", Some("asa"), 1),
            session("c", Some("asa"), 2),
            // At the same time, the greater `_id` is the later session.
            session("d", Some("asa"), 2),
            session("e", Some("bo"), 1),
            session("f", None, 1),
        ];
        let layout = Layout::named("express-mongodb-1").unwrap();
        for parts in [1, 7] {
            let keep = Keep::newest(2);
            let mut ranks = Ranks::default();
            for part in 0..parts {
                let mut ranking = Ranking::new(&keep, (part, parts));
                let ranked = |(document, session): &(RawDocumentBuf, _)| {
                    Ranked::of(layout, document, session)
                };
                sessions.iter().filter_map(ranked).for_each(|ranked| ranking.add(ranked));
                ranks.join(ranking.ranks());
            }
            let keep = keep.ranked(ranks);
            let left = sessions
                .iter()
                .filter(|(document, session)| !keep.spares(layout, document, session));
            assert_eq!(left.map(|(_, one)| one.id.full()).collect::<Vec<_>>(), ["b", "c"]);
            let (document, mut dead) = session("g", Some("bo"), 9);
            dead.state = State::Expired;
            assert!(!keep.spares(layout, &document, &dead));
        }
    }

    #[test]
    fn ids_are_ranked_as_the_server_orders_them() {
        let of =
            |id: bson::Bson| key_bytes(&RawDocumentBuf::try_from(&doc! { "_id": id }).unwrap());
        assert!(of((-1).into()) < of(0_i64.into()) && of(9.into()) < of(10.into()));
        assert!(of("9".into()) > of("10".into()));
    }
}
