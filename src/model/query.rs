//! Which sessions are selected: a plain value that becomes a filter for the server and, where only
//! the decoded payload decides, a test for each candidate.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use bson::{DateTime, Document, RawDocument, doc};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::filter::{all, any};
use crate::model::layout::{Instant, Kind, Layout, Layouts};
use crate::model::payload::{self, Codec, Partial, Payload};
use crate::model::session::{Session, State};

mod elsewhere;
mod search;

pub use elsewhere::Elsewhere;

/// A selection of sessions. All conditions must hold; the default has none and selects every session.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// In this state.
    pub state: Option<State>,
    /// Of this user.
    pub user: Option<String>,
    /// With this value at this path of the decoded payload, as JSON text or as the bare string.
    pub payload: Vec<(String, String)>,
    /// With an expiry before this instant.
    pub expires_before: Option<DateTime>,
    /// With an expiry at or after this instant.
    pub expires_after: Option<DateTime>,
    /// Not touched for this long.
    pub idle: Option<Duration>,
    /// How much later than it is known a session may have been touched. `None`: only stored touches
    /// are compared with `idle`. With it, those that follow from the expiry are, too, and every touch
    /// counts as so much later.
    pub touch_slack: Option<Duration>,
    /// Created this long ago or earlier.
    pub older: Option<Duration>,
}

impl Query {
    /// The sessions in `state`.
    pub fn state(state: State) -> Self {
        Self { state: Some(state), ..Self::default() }
    }

    /// Whether every session it selects is expired, so that ending them logs nobody out.
    pub fn is_only_expired(&self) -> bool {
        self.state == Some(State::Expired)
    }

    /// Whether a candidate's payload must be decoded to know whether it matches.
    pub fn needs_payload(&self) -> bool {
        self.user.is_some() || !self.payload.is_empty() || self.judges_touches()
    }

    /// Whether touches that follow from the expiry are compared, too. The server cannot compute them.
    pub fn judges_touches(&self) -> bool {
        self.idle.is_some() && self.touch_slack.is_some()
    }

    /// The latest touch of an idle session.
    fn idle_since(&self, now: DateTime) -> Option<DateTime> {
        let slack = self.touch_slack.unwrap_or_default();
        self.idle.map(|idle| ago(now, idle.saturating_add(slack)))
    }

    /// The candidates for the sessions that are idle.
    fn idle(&self, layout: &Layout, now: DateTime) -> Option<Document> {
        let before = self.idle_since(now)?;
        let stored = layout.touched_before(before);
        if !self.judges_touches() || layout.derived_touch.is_none() {
            return stored;
        }
        let has_stored = layout.touched_before(DateTime::MAX);
        let derived = has_stored.map(|there| doc! { "$nor": [there] }).unwrap_or_default();
        let derived = all(vec![derived, expiring(layout)]);
        Some(any(stored.into_iter().chain([derived]).collect()))
    }

    /// Whether a session that matched the filter is idle, if it must be.
    fn is_idle(&self, session: &Session, now: DateTime) -> bool {
        let before = self.idle_since(now).filter(|_| self.judges_touches());
        before.is_none_or(|before| session.touched.is_some_and(|touched| touched <= before))
    }

    /// What the server can decide, of each session by its own layout. States are judged by `cutoff`,
    /// ages by `now`. Whoever reads or writes sessions filters by a
    /// [`Selection`](super::selection::Selection), which has more in it.
    ///
    /// # Errors
    /// [`Error::NoDate`] where a layout keeps no date that a condition needs.
    pub(super) fn filter(
        &self,
        layouts: &Layouts,
        now: DateTime,
        cutoff: DateTime,
    ) -> Result<Document> {
        layouts.iter().try_for_each(|layout| self.check(layout))?;
        let mut clauses = Vec::new();
        if let Some(state) = self.state {
            clauses.push(layouts.filter(state, cutoff));
        }
        clauses.extend(self.expires_before.map(|time| layouts.expires_before(time)));
        clauses.extend(
            self.expires_after.map(|time| layouts.each(|layout| layout.expires_after(time))),
        );
        clauses.extend(self.idle.and_then(|_| layouts.each_maybe(|layout| self.idle(layout, now))));
        clauses.extend(
            self.older.and_then(|older| {
                layouts.each_maybe(|layout| layout.created_before(ago(now, older)))
            }),
        );
        clauses.extend(
            self.user
                .as_ref()
                .map(|user| layouts.each(|layout| search::user(layout, user).unwrap_or_default())),
        );
        let searched = |(path, value): &(String, String)| {
            layouts.each(|layout| search::value(layout, path, value).unwrap_or_default())
        };
        clauses.extend(self.payload.iter().map(searched));
        Ok(all(clauses))
    }

    /// Fails where the layout has nothing to decide a condition by.
    fn check(&self, layout: &Layout) -> Result<()> {
        if let Some(needed) = self.dates_of(layout).into_iter().find(|date| !date.is_stored()) {
            let Needed { condition, date, .. } = needed;
            return Err(Error::NoDate { condition, date, layout: layout.name.clone() });
        }
        if self.user.is_some() && layout.user.is_empty() {
            let what = format!("the layout {} does not say where the user is", layout.name);
            return Err(Error::Unsupported(what));
        }
        if !self.payload.is_empty() && layout.payload.codecs == [Codec::Absent] {
            let what = format!("the layout {} stores no payload to compare with", layout.name);
            return Err(Error::Unsupported(what));
        }
        Ok(())
    }

    /// The dates that its conditions compare with. A session that has no such date matches neither a
    /// condition nor its opposite.
    pub(super) fn needed_dates(&self, layouts: &Layouts) -> Vec<Needed> {
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

    fn dates_of(&self, layout: &Layout) -> Vec<Needed> {
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
        let idle = self.idle.map(|_| Needed {
            condition: "idle",
            date: "a last touch",
            fields: [
                fields(&layout.touched),
                derived.map(ToString::to_string).into_iter().collect(),
            ]
            .concat(),
            there: layout.touched_before(DateTime::MAX).unwrap_or_default(),
        });
        let older = self.older.map(|_| Needed {
            condition: "older",
            date: "a creation time",
            fields: fields(&layout.created),
            there: layout.created_before(DateTime::MAX).unwrap_or_default(),
        });
        expires.into_iter().chain(idle).chain(older).collect()
    }

    /// Whether the server's filter also sends the sessions that have the user at another place than
    /// those of the layouts: it finds the text anywhere in JSON, and sends whatever it cannot read.
    pub(super) fn sends_every_place(&self, layouts: &Layouts) -> bool {
        let Some(user) = &self.user else { return true };
        let sends = |layout| search::user(layout, user).is_none() || search::is_in_text(layout);
        layouts.iter().all(sends)
    }

    /// The session in `document`, which matched the filter, if it is selected, with its
    /// state at `cutoff`. Decodes only as much of the payload as necessary.
    pub(super) fn admit(
        &self,
        layout: &Layout,
        document: &RawDocument,
        (now, cutoff): (DateTime, DateTime),
    ) -> Option<Session> {
        let (session, _) = self.read(layout, document, cutoff)?;
        (self.is_of_user(&session) && self.is_idle(&session, now)).then_some(session)
    }

    /// The same, and where else a session that is not meant has the user.
    pub(super) fn judge(
        &self,
        layout: &Layout,
        document: &RawDocument,
        (now, cutoff): (DateTime, DateTime),
    ) -> Verdict {
        if self.user.as_ref().is_some_and(|user| layout.never_mentions(user, document)) {
            return Verdict::Other;
        }
        let Some((session, payload)) = self.read(layout, document, cutoff) else {
            return Verdict::Other;
        };
        if !self.is_idle(&session, now) {
            return Verdict::Other;
        }
        let user = match &self.user {
            Some(user) if !self.is_of_user(&session) => user,
            _ => return Verdict::Selected(session),
        };
        let payload = payload.unwrap_or_else(|| Cow::Owned(layout.payload(document)));
        let places = layout.places_of(user, document, &payload);
        if places.is_empty() { Verdict::Other } else { Verdict::Elsewhere(places) }
    }

    fn is_of_user(&self, session: &Session) -> bool {
        self.user.is_none() || session.user == self.user
    }

    /// The session in `document`, if its payload has the value, whoever its user is; with
    /// the payload, if it was decoded.
    fn read<'a>(
        &self,
        layout: &Layout,
        document: &'a RawDocument,
        cutoff: DateTime,
    ) -> Option<(Session, Option<Cow<'a, Payload>>)> {
        if self.payload.is_empty() {
            let (session, partial) = layout.look(document, cutoff);
            return Some((session, partial.and_then(Partial::into_payload)));
        }
        let payload = layout.payload(document);
        let has = |(path, wanted): &(String, String)| {
            let value = payload.value().and_then(|value| payload::get(value, path));
            value.is_some_and(|value| equals(value, wanted))
        };
        let session =
            self.payload.iter().all(has).then(|| layout.session(document, &payload, cutoff))?;
        Some((session, Some(Cow::Owned(payload))))
    }
}

/// What a candidate that the server sent turns out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is selected.
    Selected(Session),
    /// It is not, but it has the user at these places, where the layout does not look.
    Elsewhere(BTreeSet<String>),
    /// It is another session.
    Other,
}

fn equals(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) if text == wanted => true,
        value => {
            let json = value.to_string();
            json == wanted
        }
    }
}

/// `time` less `duration`.
pub fn ago(time: DateTime, duration: Duration) -> DateTime {
    let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    DateTime::from_millis(time.timestamp_millis().saturating_sub(millis))
}

/// The sessions whose expiry is an instant.
fn expiring(layout: &Layout) -> Document {
    any(vec![layout.expires_before(EPOCH), layout.expires_after(EPOCH)])
}

const EPOCH: DateTime = DateTime::from_millis(0);

/// A date that a condition compares with.
#[derive(Debug, Clone, PartialEq)]
pub struct Needed {
    /// The condition, by its name in [`Query`] with hyphens.
    pub condition: &'static str,
    /// The date, such as `a last touch`.
    pub date: &'static str,
    /// The fields in which the layout has it.
    pub fields: Vec<String>,
    /// The documents that have it.
    pub(super) there: Document,
}

impl Needed {
    fn is_stored(&self) -> bool {
        !self.fields.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_compared_with_the_json_text_or_the_string() {
        assert!(equals(&json!(42), "42"));
        assert!(!equals(&json!(142), "42"));
        assert!(equals(&json!("42"), "42"));
        assert!(equals(&json!("42"), "\"42\""));
        assert!(equals(&json!(null), "null"));
        assert!(equals(&json!(["admin", 1]), "[\"admin\",1]"));
    }

    #[test]
    fn a_condition_without_its_date_is_an_error() {
        let layout = &Layouts::from(Layout::named("tower-sessions").unwrap().clone());
        let query = Query { idle: Some(Duration::from_secs(60)), ..Query::default() };
        let now = DateTime::from_millis(0);
        let error = query.filter(layout, now, now).unwrap_err();
        assert_eq!(
            error.to_string(),
            "idle requires a last touch, which the layout tower-sessions does not store"
        );
        let layout = &Layouts::from(Layout::named("accounts-js").unwrap().clone());
        let query = Query { expires_before: Some(now), ..Query::default() };
        assert!(matches!(query.filter(layout, now, now), Err(Error::NoDate { .. })));
    }
}
