//! Which sessions are in a state at a cutoff: as filters for the server, and as a function of one
//! document. Both must agree for every document, whatever its fields contain.

use bson::{Bson, DateTime, Document, RawDocument, doc};

use super::definition::{Instant, Layout, SetTo};
use super::rule::{Meaning, Rule};
use crate::model::document::{FieldPath, Fields};
use crate::model::filter::any;
use crate::model::session::State;

/// Paths and the limits below which their values mean that a session is expired, and the filters that
/// find all other expired sessions.
pub(crate) type ExpiredParts = (Vec<(String, Bson)>, Vec<Document>);

impl Layout {
    /// The sessions in `state` at `cutoff`, among documents that are sessions: see
    /// [`Layout::membership`]. The four filters split any collection: each document matches exactly one
    /// of them, the one of the state that [`Layout::session`] gives it.
    pub fn filter(&self, state: State, cutoff: DateTime) -> Document {
        let expired = || self.expired(cutoff);
        let dated = || any(self.expiry.iter().flat_map(|rule| rule.live(cutoff)).collect());
        let endless = || any(self.expiry[0].means(Meaning::Endless));
        match (state, self.expiry.as_slice()) {
            (State::Expired, _) => any(expired()),
            // One rule's clauses exclude each other already; without `$nor` they can use an index.
            (State::Live, [_]) => dated(),
            (State::Live, _) => doc! { "$nor": expired(), "$and": [dated()] },
            (State::Endless, [_]) => endless(),
            (State::Endless, _) => doc! { "$nor": [any(expired()), dated()], "$and": [endless()] },
            // All remaining sessions, so that the four states always add up.
            (State::Malformed, _) => doc! { "$nor": [any(expired()), dated(), endless()] },
        }
    }

    fn expired(&self, cutoff: DateTime) -> Vec<Document> {
        let mut alternatives: Vec<_> =
            self.expiry.iter().flat_map(|rule| rule.before(cutoff)).collect();
        alternatives.extend(self.expiry.iter().filter_map(Rule::flagged));
        alternatives.extend(self.expiry[0].means(Meaning::Expired));
        alternatives
    }

    /// The parts of the expired sessions: those with a value below a limit at a path, and those
    /// that other filters find.
    pub(crate) fn expired_parts(&self, cutoff: DateTime) -> ExpiredParts {
        let ranges: Vec<_> = self.expiry.iter().filter_map(|rule| rule.range(cutoff)).collect();
        let is_range = |clause: &Document| {
            // No single index supports the other clauses.
            ranges.iter().any(|(path, limit)| *clause == doc! { path: { "$lt": limit } })
        };
        let others = self.expired(cutoff).into_iter().filter(|clause| !is_range(clause)).collect();
        (ranges, others)
    }

    /// The sessions whose expiry is a time before `time`.
    pub fn expires_before(&self, time: DateTime) -> Document {
        any(self.expiry.iter().flat_map(|rule| rule.before(time)).collect())
    }

    /// The sessions whose expiry is a time at or after `time`.
    pub fn expires_after(&self, time: DateTime) -> Document {
        let live = any(self.expiry.iter().flat_map(|rule| rule.live(time)).collect());
        doc! { "$nor": [self.expires_before(time)], "$and": [live] }
    }

    /// The sessions last touched before `time`, or `None` if the layout has no such date.
    pub fn touched_before(&self, time: DateTime) -> Option<Document> {
        first_instant(&self.touched, |limit| doc! { "$lt": limit }, time)
    }

    /// The sessions last touched at `time` or later, or `None` if the layout has no such date.
    pub fn touched_after(&self, time: DateTime) -> Option<Document> {
        first_instant(&self.touched, not_before, time)
    }

    /// The sessions created before `time`, or `None` if the layout has no such date.
    pub fn created_before(&self, time: DateTime) -> Option<Document> {
        first_instant(&self.created, |limit| doc! { "$lt": limit }, time)
    }

    /// The sessions created at `time` or later, or `None` if the layout has no such date.
    pub fn created_after(&self, time: DateTime) -> Option<Document> {
        first_instant(&self.created, not_before, time)
    }

    /// The state of `document` at `cutoff`, and its expiry if that is a time.
    pub(crate) fn state_at(
        &self,
        document: &RawDocument,
        cutoff: DateTime,
    ) -> (State, Option<DateTime>) {
        self.state(&Fields::of(document), cutoff)
    }

    pub(super) fn state(&self, fields: &Fields<'_>, cutoff: DateTime) -> (State, Option<DateTime>) {
        let mut findings = self.expiry.iter().map(|rule| rule.read(fields, cutoff));
        let first = findings.next().unwrap_or_default();
        let (over, expires) = findings.fold((first.over, first.at), |(over, expires), finding| {
            (over || finding.over, expires.into_iter().chain(finding.at).min())
        });
        let state = if over || first.meaning == Some(Meaning::Expired) {
            State::Expired
        } else if expires.is_some() {
            State::Live
        } else if first.meaning == Some(Meaning::Endless) {
            State::Endless
        } else {
            State::Malformed
        };
        (state, expires)
    }

    /// Whether an expiry in the past logs a user out. If not, only deleting the session does.
    pub fn is_ended_by_expiry(&self) -> bool {
        self.checks_expiry_on_read && !self.end.is_empty()
    }

    /// The update that makes the store refuse a session from now on, or `None` if only deleting
    /// does. The expiry is set one day back, so that applications with a slow clock refuse it too.
    pub fn ending(&self, now: DateTime) -> Option<Document> {
        const DAY_MS: i64 = 86_400_000;
        // Whole seconds, because stores with integer expiries read only integers.
        let past = DateTime::from_millis((now.timestamp_millis() - DAY_MS) / 1000 * 1000);
        let value = |path: &FieldPath, to: &SetTo| match to {
            SetTo::Value(value) => value.clone(),
            SetTo::Past => {
                let rule = self.expiry.iter().find(|rule| rule.path.as_ref() == Some(path));
                rule.map_or(past.into(), |rule| rule.over_since(past))
            }
        };
        let set: Document =
            self.end.iter().map(|(path, to)| (path.into(), value(path, to))).collect();
        (!set.is_empty()).then(|| doc! { "$set": set })
    }
}

/// In an array of dates, the earliest counts.
fn not_before(limit: Bson) -> Document {
    doc! { "$gte": limit.clone(), "$not": { "$lt": limit } }
}

/// The documents whose first date among the fields `instants` compares with `time` as `compared`
/// says.
fn first_instant(
    instants: &[Instant],
    compared: impl Fn(Bson) -> Document,
    time: DateTime,
) -> Option<Document> {
    let mut clauses = Vec::new();
    let mut without = Document::new();
    for instant in instants {
        // A field counts only if those before it hold no date, as when a document is read here.
        let (limit, kind) = match instant.unit {
            None => (Bson::DateTime(time), "date"),
            Some(unit) => (unit.number(time.timestamp_millis()), "number"),
        };
        let mut clause = without.clone();
        clause.insert(&instant.path, compared(limit));
        clauses.push(clause);
        without.insert(&instant.path, doc! { "$not": { "$type": kind } });
    }
    (!clauses.is_empty()).then(|| any(clauses))
}
