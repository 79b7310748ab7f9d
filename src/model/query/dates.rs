//! The conditions of a query that compare dates: their filters, and the dates that they need.

use std::time::Duration;

use bson::{DateTime, Document, doc};

use super::value::Query;
use crate::model::filter::{all, any};
use crate::model::layout::{Instant, Kind, Layout, Layouts};
use crate::model::session::Session;

/// At or after the first time and before the second, if given.
type Within = (Option<DateTime>, Option<DateTime>);

impl Query {
    /// Whether derived touches are compared, too. The server cannot compute them.
    pub fn judges_touches(&self) -> bool {
        self.touch_slack.is_some() && self.asks_for_touch().is_some()
    }

    /// The condition on the last touch, if any.
    fn asks_for_touch(&self) -> Option<&'static str> {
        let conditions = [
            (self.idle.is_some(), "idle"),
            (self.active.is_some(), "active"),
            (self.touched_before.is_some(), "touched-before"),
            (self.touched_after.is_some(), "touched-after"),
        ];
        conditions.into_iter().find(|(is, _)| *is).map(|(_, name)| name)
    }

    fn asks_for_creation(&self) -> Option<&'static str> {
        let conditions = [
            (self.older.is_some(), "older"),
            (self.created_before.is_some(), "created-before"),
            (self.created_after.is_some(), "created-after"),
        ];
        conditions.into_iter().find(|(is, _)| *is).map(|(_, name)| name)
    }

    /// The range of the last touch. The slack is added to every touch.
    fn touched_within(&self, now: DateTime) -> Within {
        let slack = self.touch_slack.unwrap_or_default();
        let earlier = |time: DateTime| ago(time, slack);
        let after =
            self.active.map(|active| ago(now, active)).into_iter().chain(self.touched_after);
        let before = self.idle.map(|idle| ago(now, idle)).into_iter().chain(self.touched_before);
        (after.map(earlier).max(), before.map(earlier).min())
    }

    fn created_within(&self, now: DateTime) -> Within {
        let before = self.older.map(|older| ago(now, older)).into_iter().chain(self.created_before);
        (self.created_after, before.min())
    }

    /// The filters of the conditions on dates.
    pub(super) fn dated(&self, layouts: &Layouts, now: DateTime) -> Vec<Document> {
        let expires_after = |time| layouts.each(|layout| layout.expires_after(time));
        let expires = self.expires_before.map(|time| layouts.expires_before(time)).into_iter();
        let expires = expires.chain(self.expires_after.map(expires_after));
        let touched = self
            .asks_for_touch()
            .and_then(|_| layouts.each_maybe(|layout| self.touched(layout, now)));
        let created = self.asks_for_creation().and_then(|_| {
            layouts.each_maybe(|layout| {
                within(
                    self.created_within(now),
                    |time| layout.created_after(time),
                    |time| layout.created_before(time),
                )
            })
        });
        expires.chain(touched).chain(created).collect()
    }

    /// The candidates for the condition on the last touch.
    fn touched(&self, layout: &Layout, now: DateTime) -> Option<Document> {
        let stored = within(
            self.touched_within(now),
            |time| layout.touched_after(time),
            |time| layout.touched_before(time),
        );
        if !self.judges_touches() || layout.derived_touch.is_none() {
            return stored;
        }
        let has_stored = layout.touched_before(DateTime::MAX);
        let derived = has_stored.map(|there| doc! { "$nor": [there] }).unwrap_or_default();
        let derived = all(vec![derived, expiring(layout)]);
        Some(any(stored.into_iter().chain([derived]).collect()))
    }

    /// Whether a session that matched the filter fulfils the condition on the last touch.
    pub(super) fn is_touched(&self, session: &Session, now: DateTime) -> bool {
        if !self.judges_touches() {
            return true;
        }
        let (after, before) = self.touched_within(now);
        session.touched.is_some_and(|touched| {
            after.is_none_or(|after| touched >= after)
                && before.is_none_or(|before| touched < before)
        })
    }

    /// Whether the dates of a session fulfil all conditions, without the server. A derived touch
    /// counts like a stored one.
    pub(in crate::model) fn holds_dates(&self, session: &Session, now: DateTime) -> bool {
        let is_in = |date: Option<DateTime>, (after, before): Within| {
            let is_free = after.is_none() && before.is_none();
            is_free
                || date.is_some_and(|date| {
                    after.is_none_or(|after| date >= after)
                        && before.is_none_or(|before| date < before)
                })
        };
        is_in(session.expires, (self.expires_after, self.expires_before))
            && is_in(session.touched, self.touched_within(now))
            && is_in(session.created, self.created_within(now))
    }

    /// The dates that its conditions compare with. A session that has no such date matches neither a
    /// condition nor its opposite.
    pub(in crate::model) fn needed_dates(&self, layouts: &Layouts) -> Vec<Needed> {
        let mut of_each = layouts.iter().map(|layout| self.dates_of(layout));
        let mut dates = of_each.next().unwrap_or_default();
        for others in of_each {
            for (date, other) in dates.iter_mut().zip(others) {
                let more = other.fields.into_iter().filter(|field| !date.fields.contains(field));
                date.fields.extend(more.collect::<Vec<_>>());
            }
        }
        for (at, date) in dates.iter_mut().enumerate() {
            date.there = layouts.each(|layout| self.dates_of(layout).remove(at).there);
        }
        dates
    }

    pub(super) fn dates_of(&self, layout: &Layout) -> Vec<Needed> {
        let fields = |dates: &[Instant]| -> Vec<String> {
            dates.iter().map(|date| date.path.to_string()).collect()
        };
        let expires = self.expires_before.map(|_| "expires-before");
        let expires = expires.or(self.expires_after.map(|_| "expires-after")).map(|condition| {
            let rules =
                layout.expiry.iter().filter(|rule| matches!(rule.kind, Kind::Date | Kind::Number));
            Needed {
                condition,
                date: "an expiry",
                fields: rules
                    .filter_map(|rule| rule.path.as_ref())
                    .map(ToString::to_string)
                    .collect(),
                there: expiring(layout),
            }
        });
        let derived = layout.derived_touch.as_ref().filter(|_| self.judges_touches());
        let touched = self.asks_for_touch().map(|condition| Needed {
            condition,
            date: TOUCH,
            fields: [
                fields(&layout.touched),
                derived.map(ToString::to_string).into_iter().collect(),
            ]
            .concat(),
            there: layout.touched_before(DateTime::MAX).unwrap_or_default(),
        });
        let created = self.asks_for_creation().map(|condition| Needed {
            condition,
            date: "a creation time",
            fields: fields(&layout.created),
            there: layout.created_before(DateTime::MAX).unwrap_or_default(),
        });
        expires.into_iter().chain(touched).chain(created).collect()
    }
}

/// The documents whose date exists and is in the range.
fn within(
    (after, before): Within,
    not_before: impl Fn(DateTime) -> Option<Document>,
    is_before: impl Fn(DateTime) -> Option<Document>,
) -> Option<Document> {
    let clauses = [after.and_then(not_before), before.and_then(is_before)];
    let clauses: Vec<_> = clauses.into_iter().flatten().collect();
    (!clauses.is_empty()).then(|| all(clauses))
}

/// `time` minus `duration`.
pub fn ago(time: DateTime, duration: Duration) -> DateTime {
    let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    DateTime::from_millis(time.timestamp_millis().saturating_sub(millis))
}

/// The sessions whose expiry is a time.
fn expiring(layout: &Layout) -> Document {
    any(vec![layout.expires_before(EPOCH), layout.expires_after(EPOCH)])
}

const EPOCH: DateTime = DateTime::from_millis(0);
const TOUCH: &str = "a last touch";

/// A date that a condition compares with.
#[derive(Debug, Clone, PartialEq)]
pub struct Needed {
    /// The condition, by its name in [`Query`] with hyphens.
    pub condition: &'static str,
    /// The date, such as `a last touch`.
    pub date: &'static str,
    /// The fields that hold it.
    pub fields: Vec<String>,
    /// The filter of documents that have it.
    pub(in crate::model) there: Document,
}

impl Needed {
    pub(super) fn is_stored(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Whether it is the last touch, which some layouts derive from the expiry.
    pub fn is_touch(&self) -> bool {
        self.date == TOUCH
    }
}
