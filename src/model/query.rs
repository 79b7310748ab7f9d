//! A query: a plain value that becomes a filter for the server and, if the decoded payload decides,
//! a test for each candidate.

use std::borrow::Cow;
use std::collections::BTreeSet;

use bson::{DateTime, Document};

use crate::error::{Error, Result};
use crate::model::document::Fields;
use crate::model::filter::all;
use crate::model::layout::{Layout, Layouts};
use crate::model::payload::{Codec, Partial, Payload};
use crate::model::session::Session;

mod condition;
mod dates;
mod elsewhere;
mod network;
mod search;
mod users;
mod value;

pub use condition::{Comparison, Condition, Operand, Pattern, Test};
pub use dates::{Needed, ago};
pub use elsewhere::Elsewhere;
pub use network::Network;
pub(crate) use search::MOST_USERS;
pub use users::{Met, Users};
pub use value::Query;

/// A session with what its document and payload contain.
struct Read<'a> {
    session: Session,
    /// The payload, if it was decoded.
    payload: Option<Cow<'a, Payload>>,
    /// Whether it may have a user inside an undecodable payload.
    may_have_user: bool,
}

impl Query {
    /// Whether a candidate's payload must be decoded to know whether it matches.
    pub fn needs_payload(&self) -> bool {
        self.users.is_some() || self.anonymous || !self.payload.is_empty() || self.judges_touches()
    }

    /// The filter for what the server can decide, for each session by its own layout. States are
    /// evaluated at `cutoff`, ages at `now`. Reads and writes use the filter of a
    /// [`Selection`](super::selection::Selection), which contains more conditions.
    ///
    /// # Errors
    /// [`Error::NoDate`] if a layout does not store a date that a condition needs.
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
        clauses.extend(self.dated(layouts, now));
        clauses.extend(
            self.users.as_ref().map(|users| {
                layouts.each(|layout| search::users(layout, users).unwrap_or_default())
            }),
        );
        let searched = |condition: &Condition| {
            layouts.each(|layout| search::condition(layout, condition).unwrap_or_default())
        };
        clauses.extend(self.payload.iter().map(searched));
        Ok(all(clauses))
    }

    /// The candidates for the sessions of the users, in one layout; `None` if the server cannot
    /// narrow them down.
    pub(crate) fn candidates(&self, layout: &Layout) -> Option<Document> {
        search::users(layout, self.users.as_ref()?)
    }

    /// Fails if the layout lacks what a condition needs.
    fn check(&self, layout: &Layout) -> Result<()> {
        if let Some(needed) = self.dates_of(layout).into_iter().find(|date| !date.is_stored()) {
            let Needed { condition, date, .. } = needed;
            return Err(Error::NoDate { condition, date, layout: layout.name.clone() });
        }
        if self.users.is_some() || self.anonymous {
            check_users(layout)?;
        }
        if !self.payload.is_empty() && layout.payload.codecs == [Codec::Absent] {
            let what = format!("the layout {} stores no payload to compare with", layout.name);
            return Err(Error::Unsupported(what));
        }
        Ok(())
    }

    /// Whether the server's filter also returns sessions that have a user in other places than
    /// those of the layouts: it finds the text anywhere in JSON, and returns everything that it
    /// cannot read.
    pub(super) fn sends_every_place(&self, layouts: &Layouts) -> bool {
        let Some(users) = &self.users else { return true };
        let sends = |layout| search::users(layout, users).is_none() || search::is_in_text(layout);
        layouts.iter().all(sends)
    }

    /// Checks a document, which matched the filter, at `cutoff`. Decodes only the necessary part of
    /// the payload. If `counts`, also finds the other places at which an unselected session has one
    /// of the users.
    pub(super) fn judge(
        &self,
        layout: &Layout,
        fields: &Fields<'_>,
        (now, cutoff): (DateTime, DateTime),
        counts: bool,
    ) -> Result<Candidate, Unselected> {
        let document = fields.document;
        if self.users.as_ref().is_some_and(|users| layout.never_mentions(users, document)) {
            return Err(Unselected::Other);
        }
        let Read { session, payload, may_have_user } = self.read(layout, fields, cutoff)?;
        if !self.is_touched(&session, now) {
            return Err(Unselected::Other);
        }
        if self.anonymous && session.user.is_some() {
            return Err(Unselected::Other);
        }
        if self.anonymous && may_have_user {
            return Err(Unselected::Undecided);
        }
        let is_of = |users: &Users| session.user.as_ref().is_some_and(|user| users.contains(user));
        let Some(users) = self.users.as_ref().filter(|users| !is_of(users)) else {
            return Ok(Candidate { session, may_have_user });
        };
        if !counts {
            return Err(Unselected::Other);
        }
        let payload = payload.unwrap_or_else(|| Cow::Owned(layout.payload(document)));
        let places = layout.places_of(users, document, &payload);
        Err(match places.is_empty() {
            true if may_have_user => Unselected::Undecided,
            true => Unselected::Other,
            false => Unselected::Elsewhere(places),
        })
    }

    /// The session of a document, if its payload fulfils the conditions, regardless of its user.
    fn read<'a>(
        &self,
        layout: &Layout,
        fields: &Fields<'a>,
        cutoff: DateTime,
    ) -> Result<Read<'a>, Unselected> {
        if self.payload.is_empty() {
            let (session, partial) = layout.look(fields, cutoff);
            let may_have_user = session.user.is_none()
                && layout.user_needs_payload()
                && partial.as_ref().is_some_and(|partial| !partial.is_readable());
            let payload = partial.and_then(Partial::into_payload);
            return Ok(Read { session, payload, may_have_user });
        }
        let payload = layout.payload(fields.document);
        let Some(value) = payload.value() else { return Err(Unselected::Undecided) };
        let mut failed = self.payload.iter().filter(|condition| !condition.holds(value)).peekable();
        if failed.peek().is_some() {
            let is_undecided = failed.all(|condition| condition.is_undecided_by(value));
            return Err(if is_undecided { Unselected::Undecided } else { Unselected::Other });
        }
        let session = layout.session(fields.document, &payload, cutoff);
        Ok(Read { session, payload: Some(Cow::Owned(payload)), may_have_user: false })
    }
}

/// Fails if the layout has no places of users.
pub(super) fn check_users(layout: &Layout) -> Result<()> {
    if layout.user.is_empty() {
        let what = format!("the layout {} does not define where the user is", layout.name);
        return Err(Error::Unsupported(what));
    }
    Ok(())
}

/// Why a candidate is not selected.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Unselected {
    Elsewhere(BTreeSet<String>),
    Undecided,
    Other,
}

impl From<Unselected> for Verdict {
    fn from(why: Unselected) -> Self {
        match why {
            Unselected::Elsewhere(places) => Self::Elsewhere(places),
            Unselected::Undecided => Self::Undecided,
            Unselected::Other => Self::Other,
        }
    }
}

/// A session that a query selects.
pub(super) struct Candidate {
    pub(super) session: Session,
    /// Whether it may have a user inside an undecodable payload.
    pub(super) may_have_user: bool,
}

/// The result of checking a candidate.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is selected.
    Selected(Session),
    /// It is not selected, but has one of the users at these places, where the layout does not
    /// look.
    Elsewhere(BTreeSet<String>),
    /// Unknown, because its payload cannot be decoded, or has a value that a condition cannot compare. It
    /// matches neither a condition nor its opposite.
    Undecided,
    /// It is not selected.
    Other,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bson::doc;
    use bson::raw::RawDocumentBuf;

    use super::*;

    /// Its user is unknown: it is neither anonymous nor somebody else's.
    #[test]
    fn a_session_that_connect_mongo_encrypted_may_be_anybodys() {
        let layout = Layout::named("connect-mongo-json").unwrap();
        let ciphertext = r#"{"hmac":"33112ee1","ct":"f998fe06","iv":{"type":"Buffer","data":[1]}}"#;
        let document = doc! { "_id": "a", "session": ciphertext };
        let document = RawDocumentBuf::try_from(&document).unwrap();
        let now = DateTime::from_millis(0);
        let judge = |query: &Query| {
            let fields = Fields::of(&document);
            query.judge(layout, &fields, (now, now), true).map(|found| found.may_have_user)
        };
        assert_eq!(judge(&Query::default()), Ok(true));
        let anonymous = Query { anonymous: true, ..Query::default() };
        assert_eq!(judge(&anonymous), Err(Unselected::Undecided));
        let of_asa = Query { users: Some("asa".into()), ..Query::default() };
        assert_eq!(judge(&of_asa), Err(Unselected::Undecided));
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
