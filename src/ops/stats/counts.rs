//! Counts whole sessions here, in the same groups as the server.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bson::raw::RawBsonRef;
use bson::{DateTime, RawDocument};
use mongodb::raw_batch_cursor::RawBatch;

use super::figures::{CreatedBy, Share, Span};
use super::grid::{AGES, EXPIRIES, Grid, Group, HOUR};
use crate::model::document::Fields;
use crate::model::layout::Layout;
use crate::model::session::{Session, State};
use crate::server::reply::documents;
use crate::store::Store;

/// The minimum sample; with fewer sessions, estimates are useless.
pub(super) const LEAST: u64 = 10_000;

/// The facts of a session that are counted.
pub(super) struct Line {
    pub(super) group: Group,
    pub(super) user: Option<String>,
    /// Whether the user is unknown because the payload cannot be read.
    pub(super) is_unreadable: bool,
}

impl Line {
    /// The session in `document`, seen from `now`.
    pub(super) fn of(
        document: &RawDocument,
        session: Session,
        is_unreadable: bool,
        (now, by): (DateTime, Option<CreatedBy>),
    ) -> Self {
        let made = match by {
            Some(CreatedBy::Date) => session.created,
            Some(CreatedBy::Id) => match document.get("_id") {
                Ok(Some(RawBsonRef::ObjectId(id))) => Some(id.timestamp()),
                _ => None,
            },
            Some(CreatedBy::Touch) => session.touched,
            None => None,
        };
        let only = |date: Option<DateTime>| Span { earliest: date, latest: date };
        let group = Group {
            state: Some(session.state),
            share: Share::of(document),
            expires: only(session.expires),
            expires_in: session.expires.map(|at| slot(&EXPIRIES, now, at)),
            created: only(made),
            age: made.map(|at| slot(&AGES, at.min(now), now)),
            touched: only(session.touched),
        };
        Self { group, user: session.user, is_unreadable }
    }
}

/// The slot of the whole hours from one time to another.
fn slot(grid: &Grid, from: DateTime, to: DateTime) -> i64 {
    let millis = to.timestamp_millis().saturating_sub(from.timestamp_millis());
    grid.slot_of(millis.div_euclid(HOUR))
}

/// The state, and the slots of the expiry and of the age.
type Slots = (Option<State>, Option<i64>, Option<i64>);

#[derive(Debug, Default)]
struct Groups(HashMap<Slots, Group>);

impl Groups {
    fn add(&mut self, group: Group) {
        let slots = (group.state, group.expires_in, group.age);
        match self.0.get_mut(&slots) {
            Some(known) => known.add(&group),
            None => _ = self.0.insert(slots, group),
        }
    }
}

/// Names, one after the other. If each were a text of its own, one thread would allocate it and
/// another one free it, which is slow, and leaves holes in the memory of the first.
#[derive(Default)]
struct Names {
    text: String,
    ends: Vec<usize>,
}

impl Names {
    fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| &self.text[*start..*end])
    }
}

/// The counts of a batch.
#[derive(Default)]
pub(super) struct Part {
    groups: Groups,
    users: Names,
    unreadable: u64,
}

impl Part {
    pub(super) fn add(&mut self, line: Line) {
        self.groups.add(line.group);
        if let Some(user) = &line.user {
            self.users.push(user);
        }
        self.unreadable += u64::from(line.is_unreadable);
    }

    /// Counts a document that is not a session.
    pub(super) fn add_foreign(&mut self, document: &RawDocument) {
        self.groups.add(Group::foreign(Share::of(document)));
    }
}

/// How to count each batch. Ignores derived last touches, as the server does.
pub(super) fn counting(
    store: &Store,
    now: DateTime,
    by: Option<CreatedBy>,
) -> impl Fn(&RawBatch) -> Part + Clone + Send + 'static {
    let without_derived = |mut layout: Layout| {
        layout.derived_touch = None;
        layout
    };
    let layouts = Arc::new(store.layouts().clone().map(without_derived));
    move |batch| {
        let mut part = Part::default();
        for document in documents(batch) {
            let fields = Fields::of(document);
            let Some(layout) = layouts.describing(&fields) else {
                part.add_foreign(document);
                continue;
            };
            let (session, payload) = layout.look(&fields, now);
            let is_unreadable =
                session.user.is_none() && payload.is_some_and(|payload| !payload.is_readable());
            part.add(Line::of(document, session, is_unreadable, (now, by)));
        }
        part
    }
}

/// The counts of all batches.
#[derive(Debug, Default)]
pub(super) struct Counts {
    groups: Groups,
    /// How many sessions each user has, unless they are dropped.
    pub(super) users: HashMap<Box<str>, u64>,
    pub(super) users_are_dropped: bool,
    /// The number of sessions with a user.
    pub(super) known: u64,
    /// The number of sessions whose payload cannot be read, so that the user is unknown.
    pub(super) unreadable: u64,
}

impl Counts {
    pub(super) fn join(&mut self, part: Part) {
        part.groups.0.into_values().for_each(|group| self.groups.add(group));
        self.known += part.users.ends.len() as u64;
        self.unreadable += part.unreadable;
        if self.users_are_dropped {
            return;
        }
        for user in part.users.iter() {
            match self.users.get_mut(user) {
                Some(sessions) => *sessions += 1,
                None => _ = self.users.insert(user.into(), 1),
            }
        }
    }

    /// From now on, counts without the users.
    pub(super) fn drop_users(&mut self) {
        (self.users, self.users_are_dropped) = (HashMap::new(), true);
    }

    /// The number of documents that were read, foreign ones included.
    pub(super) fn read(&self) -> u64 {
        self.groups().map(|group| group.share.sessions).sum()
    }

    /// Whether reading `count` documents will probably take longer than `limit`, judging after
    /// `elapsed`.
    pub(super) fn takes_too_long(&self, elapsed: Duration, count: u64, limit: Duration) -> bool {
        // A sample of so few documents would not be smaller.
        if count <= LEAST {
            return false;
        }
        // The first batches are not representative: the connection is opened, and the server reads
        // from its disk.
        if elapsed < limit / 10 {
            return false;
        }
        let read = self.read();
        let left = count.saturating_sub(read) as f64 / read.max(1) as f64;
        elapsed.as_secs_f64() * (1.0 + left) > limit.as_secs_f64()
    }

    /// The sessions and foreign documents, grouped.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts of foreign documents.
    fn of(documents: u64) -> Counts {
        let mut counts = Counts::default();
        let share = Share { sessions: documents, ..Share::default() };
        counts.groups.add(Group::foreign(share));
        counts
    }

    #[test]
    fn users_that_are_dropped_take_no_memory_and_are_counted_all_the_same() {
        let part = |from: u64| {
            let mut part = Part::default();
            (from..from + 10).for_each(|user| part.users.push(&user.to_string()));
            part
        };
        let mut counts = Counts::default();
        counts.join(part(0));
        assert_eq!(counts.users.len(), 10);
        counts.drop_users();
        counts.join(part(10));
        assert_eq!((counts.users.capacity(), counts.known), (0, 20));
    }

    #[test]
    fn decoding_goes_on_while_it_is_going_to_end_in_time() {
        let counts = of(100_000);
        let limit = Duration::from_secs(10);
        let too_long =
            |millis, count| counts.takes_too_long(Duration::from_millis(millis), count, limit);
        // 100,000 a second.
        assert!(!too_long(1000, 900_000));
        assert!(too_long(1000, 1_100_000));
        assert!(!too_long(900, 1_000_000_000));
        // The collection grew, or the server's count is wrong.
        assert!(!too_long(9000, 10_001));
        assert!(too_long(11_000, 10_001));
        assert!(!too_long(11_000, 10_000));
    }
}
