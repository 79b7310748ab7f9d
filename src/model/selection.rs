//! The sessions that a command works on, as one value. It becomes one filter for the server, and
//! one test for each document that the server returns.

use bson::{DateTime, Document, RawDocument, doc};

use crate::error::{Error, Result};
use crate::model::document::Fields;
use crate::model::filter::{Filter, all, exactly};
use crate::model::key::Key;
use crate::model::layout::{Layout, Layouts};
use crate::model::query::{Candidate, Needed, Query, Unselected, Users, Verdict, check_users};
use crate::model::session::{Session, State};

mod keep;

pub use keep::Keep;
pub(crate) use keep::{Rank, Ranked, Ranking, Ranks, logs_in};

/// The sessions that match a query at a given time, except those that are spared.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The conditions.
    pub query: Query,
    /// The `_id`s of the named sessions, if sessions were named.
    pub keys: Option<Vec<Key>>,
    /// The server's clock: ages count back from it.
    pub now: DateTime,
    /// Sessions that expire before this instant are expired.
    pub cutoff: DateTime,
    /// Whether credentials of programs are spared, as by commands that write. A named credential is
    /// still selected, and so is an expired one, which is useless anyway.
    pub spares_credentials: bool,
    /// The sessions that are spared by id or user.
    pub except: Except,
    /// The most recent sessions of each user, which are spared after all other conditions.
    pub keep: Option<Keep>,
}

/// Sessions that a selection spares.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Except {
    /// The sessions with these `_id`s.
    pub keys: Vec<Key>,
    /// The sessions of these users, by [`Session::user`].
    pub users: Users,
}

impl Except {
    /// Whether nothing is spared.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.users.is_empty()
    }
}

impl Selection {
    /// The sessions that match `query` at the server's `now`, credentials included.
    pub fn new(query: Query, now: DateTime) -> Self {
        Self {
            query,
            keys: None,
            now,
            cutoff: now,
            spares_credentials: false,
            except: Except::default(),
            keep: None,
        }
    }

    /// The sessions that are expired at `cutoff`.
    pub fn expired(now: DateTime, cutoff: DateTime) -> Self {
        Self { cutoff, ..Self::new(Query::state(State::Expired), now) }
    }

    /// The filters for the server: one, or several if many sessions are named. They decide
    /// everything except conditions on the decoded payload: see [`Selection::session`].
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) if a layout cannot decide a condition.
    pub fn filter(&self, layouts: &Layouts) -> Result<Vec<Filter>> {
        Ok(self.keyed(&self.condition(layouts)?))
    }

    /// The filter without the `_id`s.
    pub(crate) fn condition(&self, layouts: &Layouts) -> Result<Document> {
        self.of_query(&self.query, layouts)
    }

    fn of_query(&self, query: &Query, layouts: &Layouts) -> Result<Document> {
        let query = query.filter(layouts, self.now, self.cutoff)?;
        if !self.except.users.is_empty() || self.keep.is_some() {
            layouts.iter().try_for_each(check_users)?;
        }
        if self.keep.as_ref().is_some_and(|keep| !keep.is_ranked()) {
            let what = "the sessions of each user must be ranked before some are kept";
            return Err(Error::Unsupported(what.to_owned()));
        }
        Ok(all(vec![query, self.invariant(layouts)]))
    }

    /// `condition`, limited to the named sessions, if any: one filter, or several to be sent one
    /// after the other if one would be too large.
    pub(crate) fn keyed(&self, condition: &Document) -> Vec<Filter> {
        let Some(keys) = &self.keys else { return vec![condition.clone().into()] };
        chunks(keys, MOST_KEYS, MOST_BYTES)
            .map(|keys| Filter::keyed("_id", keys.to_vec(), condition.clone()))
            .collect()
    }

    /// The filter without the `_id`s, which a write by `_id` repeats. It does not contain long
    /// lists of users: such a write is bound to the user that was read.
    ///
    /// # Errors
    /// As for [`Selection::filter`].
    pub fn predicate(&self, layouts: &Layouts) -> Result<Document> {
        let mut query = self.query.clone();
        query.users = query.users.filter(|users| users.only().is_some());
        self.of_query(&query, layouts)
    }

    /// The conditions of every selected session that do not depend on the query. Filters for ranges
    /// of an index need them as well, so they are added in one place.
    pub(crate) fn invariant(&self, layouts: &Layouts) -> Document {
        let keys = self.except.keys.iter().filter_map(|key| Some(exactly("_id", &key.bson()?)));
        let spared: Vec<Document> = self.spared(layouts).into_iter().chain(keys).collect();
        let spared = (!spared.is_empty()).then(|| doc! { "$nor": spared });
        all([layouts.membership()].into_iter().chain(spared).collect())
    }

    /// The filter of the credentials that match but are spared; `None` if there cannot be any.
    ///
    /// # Errors
    /// As for [`Selection::filter`].
    pub fn left_out(&self, layouts: &Layouts) -> Result<Option<Document>> {
        // A session named by `_id` is selected even if it is a credential.
        let Some(spared) = self.spared(layouts) else { return Ok(None) };
        let all_that_match = Self { spares_credentials: false, ..self.clone() };
        Ok(Some(all(vec![all_that_match.condition(layouts)?, spared])))
    }

    fn spared(&self, layouts: &Layouts) -> Option<Document> {
        let is_spared =
            self.spares_credentials && self.keys.is_none() && !self.query.is_only_expired();
        layouts.credentials().filter(|_| is_spared)
    }

    /// The dates that the conditions compare. For each, the filter of all sessions that have the
    /// date, and the filter of those that lack it but match the other conditions that the server
    /// can check. These cannot be decided, so they are not selected.
    ///
    /// # Errors
    /// As for [`Selection::filter`].
    pub fn needed_dates(&self, layouts: &Layouts) -> Result<Vec<(Needed, Document, Vec<Filter>)>> {
        let needed = self.query.needed_dates(layouts).into_iter();
        let filters = needed.map(|date| {
            let everybody = Self::new(Query::default(), self.now).predicate(layouts)?;
            let query = Query { state: self.query.state, ..Query::default() };
            let others = Self { query, keep: None, ..self.clone() };
            let has = all(vec![everybody, date.there.clone()]);
            let lacks = all(vec![others.predicate(layouts)?, doc! { "$nor": [&date.there] }]);
            Ok((date, has, others.keyed(&lacks)))
        });
        filters.collect()
    }

    /// Whether the server's filter is not sufficient, so that whole candidates must be read.
    pub fn needs_payload(&self) -> bool {
        self.query.needs_payload() || self.judges_users() || self.judges_keys()
    }

    /// Whether a spared `_id` has bytes that no filter can contain.
    fn judges_keys(&self) -> bool {
        self.except.keys.iter().any(|key| key.bson().is_none())
    }

    /// Whether the selection depends on the user in a way that no filter can express.
    pub(crate) fn judges_users(&self) -> bool {
        let users = self.query.users.as_ref().is_some_and(|users| users.only().is_none());
        users || self.query.anonymous || !self.except.users.is_empty() || self.keep.is_some()
    }

    /// Whether every session is selected.
    pub fn is_of_all(&self) -> bool {
        self.query == Query::default()
            && self.keys.is_none()
            && self.except.is_empty()
            && self.keep.is_none()
            && !self.spares_credentials
    }

    /// The session in a document that matched the filter, if it is selected, with its state at the
    /// cutoff. Decodes only as much of the payload as necessary.
    pub fn session(&self, layouts: &Layouts, document: &RawDocument) -> Option<Session> {
        let fields = Fields::of(document);
        self.judge(layouts.of_fields(&fields), &fields, false).ok()
    }

    /// The same for any document, with the places where an unselected session has the user.
    pub fn verdict(&self, layouts: &Layouts, document: &RawDocument) -> Verdict {
        let fields = Fields::of(document);
        self.verdict_as(layouts.of_fields(&fields), &fields)
    }

    /// The same of a document that no filter matched; `None` if it is not a session.
    pub(crate) fn verdict_of_any(
        &self,
        layouts: &Layouts,
        document: &RawDocument,
    ) -> Option<Verdict> {
        let fields = Fields::of(document);
        layouts.describing(&fields).map(|layout| self.verdict_as(layout, &fields))
    }

    fn verdict_as(&self, layout: &Layout, fields: &Fields<'_>) -> Verdict {
        match self.judge(layout, fields, true) {
            Ok(session) => Verdict::Selected(session),
            Err(why) => why.into(),
        }
    }

    /// Whether a document is selected, without the server, for example for a document from a file.
    /// Derived touches count like stored ones, and credentials like other sessions.
    pub fn holds(&self, layouts: &Layouts, document: &RawDocument) -> bool {
        let key = Key::of(document);
        let is_among = |keys: &[Key]| key.as_ref().is_some_and(|key| keys.contains(key));
        layouts.describes(document)
            && self.keys.as_ref().is_none_or(|keys| is_among(keys))
            && self.session(layouts, document).is_some_and(|session| {
                self.query.state.is_none_or(|state| state == session.state)
                    && self.query.holds_dates(&session, self.now)
            })
    }

    fn judge(
        &self,
        layout: &Layout,
        fields: &Fields<'_>,
        counts: bool,
    ) -> Result<Session, Unselected> {
        let (document, times) = (fields.document, (self.now, self.cutoff));
        let Candidate { session, may_have_user } =
            self.query.judge(layout, fields, times, counts)?;
        if !self.except.users.is_empty() {
            match &session.user {
                Some(user) if self.except.users.contains(user) => return Err(Unselected::Other),
                None if may_have_user => return Err(Unselected::Undecided),
                _ => {}
            }
        }
        if !self.except.keys.is_empty()
            && Key::of(document).is_some_and(|key| self.except.keys.contains(&key))
        {
            return Err(Unselected::Other);
        }
        match &self.keep {
            Some(keep) if keep.spares(layout, document, &session) => Err(Unselected::Other),
            _ => Ok(session),
        }
    }

    /// The same selection for any user, if the server would not return sessions that have the user
    /// in a place where the layout does not look.
    pub fn of_any_user(&self, layouts: &Layouts) -> Option<Self> {
        let query = Query { users: None, ..self.query.clone() };
        (!self.query.sends_every_place(layouts)).then(|| Self { query, ..self.clone() })
    }

    /// The same selection, split into parts of this many users.
    pub(crate) fn divided(&self, most: usize) -> Vec<Self> {
        match &self.query.users {
            Some(users) if users.len() > most => {
                let of = |users| Query { users: Some(users), ..self.query.clone() };
                users.divided(most).map(|some| Self { query: of(some), ..self.clone() }).collect()
            }
            _ => vec![self.clone()],
        }
    }
}

/// The maximum number of keys in one filter, and their maximum size: a filter is limited to 16 MB.
pub(crate) const MOST_KEYS: usize = 10_000;
pub(crate) const MOST_BYTES: usize = 4 << 20;

/// Splits `keys`, in order, into parts within these limits. A part has at least one key.
pub(crate) fn chunks(keys: &[Key], most: usize, bytes: usize) -> impl Iterator<Item = &[Key]> {
    let mut rest = keys;
    std::iter::from_fn(move || {
        let mut size = 0;
        let fits = |key: &&Key| {
            size += key.size();
            size <= bytes
        };
        let fit = rest.iter().take(most.max(1)).take_while(fits).count().max(1);
        let (chunk, left) = rest.split_at(fit.min(rest.len()));
        rest = left;
        (!chunk.is_empty()).then_some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::layout::Layout;

    fn at(millis: i64) -> DateTime {
        DateTime::from_millis(millis)
    }

    #[test]
    fn credentials_are_spared_unless_they_are_named_or_expired() {
        let layouts = &Layouts::from(Layout::named("shopify").unwrap().clone());
        let mut selection = Selection::new(Query::state(State::Live), at(0));
        let credentials = layouts.credentials().unwrap();
        let spares = |selection: &Selection| {
            let filter = selection.predicate(layouts).unwrap().to_string();
            assert!(filter.contains(&layouts.membership().to_string()[1..20]), "{filter}");
            filter.contains(&doc! { "$nor": [&credentials] }.to_string())
        };
        assert!(!spares(&selection));
        assert_eq!(selection.left_out(layouts).unwrap(), None);
        let everybody = selection.predicate(layouts).unwrap();
        selection.spares_credentials = true;
        assert!(spares(&selection));
        let left_out = all(vec![everybody, credentials.clone()]);
        assert_eq!(selection.left_out(layouts).unwrap(), Some(left_out));
        assert!(!spares(&Selection { keys: Some(vec!["a".into()]), ..selection.clone() }));
        selection.query.state = Some(State::Expired);
        assert!(!spares(&selection));
    }
}
