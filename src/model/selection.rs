//! Which sessions a command works on, in one value: it becomes one filter for the server, and one
//! test of each document that the server found with it.

use bson::{DateTime, Document, RawDocument, doc};

use crate::error::Result;
use crate::model::filter::{Filter, all};
use crate::model::key::Key;
use crate::model::layout::Layouts;
use crate::model::query::{Needed, Query, Verdict};
use crate::model::session::{Session, State};

/// The sessions that match a query at an instant, and what is left out of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The conditions that must hold.
    pub query: Query,
    /// The `_id`s it is limited to, if sessions were named.
    pub keys: Option<Vec<Key>>,
    /// The server's clock: ages count back from it.
    pub now: DateTime,
    /// Sessions that expire before this instant are expired.
    pub cutoff: DateTime,
    /// Whether credentials of programs are left out, as where sessions are ended or changed. A named
    /// one is selected all the same, and an expired one is dead like any other session.
    pub spares_credentials: bool,
}

impl Selection {
    /// The sessions that match `query` at the server's `now`, credentials included.
    pub fn new(query: Query, now: DateTime) -> Self {
        Self { query, keys: None, now, cutoff: now, spares_credentials: false }
    }

    /// The sessions that are expired at `cutoff`.
    pub fn expired(now: DateTime, cutoff: DateTime) -> Self {
        Self { cutoff, ..Self::new(Query::state(State::Expired), now) }
    }

    /// The filters for the server: one, or several where many sessions are named. They decide
    /// everything, or all but what only a decoded payload tells: see [`Selection::admits`].
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) where a layout cannot decide a condition.
    pub fn filter(&self, layouts: &Layouts) -> Result<Vec<Filter>> {
        Ok(self.keyed(&self.predicate(layouts)?))
    }

    /// `condition` of the sessions that were named, if any were: one filter, or several that are for
    /// the server one after the other, where one would be too large.
    pub(crate) fn keyed(&self, condition: &Document) -> Vec<Filter> {
        let Some(keys) = &self.keys else { return vec![condition.clone().into()] };
        chunks(keys, MOST_KEYS, MOST_BYTES)
            .map(|keys| Filter::keyed("_id", keys.to_vec(), condition.clone()))
            .collect()
    }

    /// The condition without the `_id`s: what a write repeats that names them itself.
    ///
    /// # Errors
    /// As for [`Selection::filter`].
    pub fn predicate(&self, layouts: &Layouts) -> Result<Document> {
        let query = self.query.filter(layouts, self.now, self.cutoff)?;
        Ok(all(vec![query, self.invariant(layouts)]))
    }

    /// What holds for every selected session, whatever the query. A filter that is put together from
    /// ranges of an index instead of the query has this in it too, so it is added in one place.
    pub(crate) fn invariant(&self, layouts: &Layouts) -> Document {
        let spared = self.spared(layouts).map(|some| doc! { "$nor": [some] });
        all([layouts.membership()].into_iter().chain(spared).collect())
    }

    /// The filter of the sessions that are left out although they match; `None` where there can be
    /// none.
    ///
    /// # Errors
    /// As for [`Selection::filter`].
    pub fn left_out(&self, layouts: &Layouts) -> Result<Option<Document>> {
        // Whoever is named by an `_id` is meant, even a credential.
        let Some(spared) = self.spared(layouts) else { return Ok(None) };
        let all_that_match = Self { spares_credentials: false, ..self.clone() };
        Ok(Some(all(vec![all_that_match.predicate(layouts)?, spared])))
    }

    fn spared(&self, layouts: &Layouts) -> Option<Document> {
        let is_spared =
            self.spares_credentials && self.keys.is_none() && !self.query.is_only_expired();
        layouts.credentials().filter(|_| is_spared)
    }

    /// The dates that the conditions compare with. For each, the filter of all sessions that have it,
    /// and the filter of those that lack it although they match the other conditions that the server
    /// can judge: they cannot be decided, so they are not selected.
    ///
    /// # Errors
    /// As for [`Selection::filter`].
    pub fn needed_dates(&self, layouts: &Layouts) -> Result<Vec<(Needed, Document, Vec<Filter>)>> {
        let needed = self.query.needed_dates(layouts).into_iter();
        let filters = needed.map(|date| {
            let everybody = Self::new(Query::default(), self.now).predicate(layouts)?;
            let query = Query { state: self.query.state, ..Query::default() };
            let others = Self { query, keys: self.keys.clone(), ..*self };
            let has = all(vec![everybody, date.there.clone()]);
            let lacks = all(vec![others.predicate(layouts)?, doc! { "$nor": [&date.there] }]);
            Ok((date, has, others.keyed(&lacks)))
        });
        filters.collect()
    }

    /// Whether the server's filter does not decide, so that candidates must be read whole.
    pub fn needs_payload(&self) -> bool {
        self.query.needs_payload()
    }

    /// Whether every session is selected.
    pub fn is_of_all(&self) -> bool {
        self.query == Query::default() && self.keys.is_none() && !self.spares_credentials
    }

    /// Whether a document that matched the filter is selected.
    pub fn admits(&self, layouts: &Layouts, document: &RawDocument) -> bool {
        !self.needs_payload() || self.session(layouts, document).is_some()
    }

    /// The session in a document that matched the filter, if it is selected, with its state at the
    /// cutoff. Decodes only as much of the payload as necessary.
    pub fn session(&self, layouts: &Layouts, document: &RawDocument) -> Option<Session> {
        self.query.admit(layouts.of(document), document, (self.now, self.cutoff))
    }

    /// The same of any document, with the places where a session that is not selected has the user.
    pub fn verdict(&self, layouts: &Layouts, document: &RawDocument) -> Verdict {
        self.query.judge(layouts.of(document), document, (self.now, self.cutoff))
    }

    /// The same selection of any user's sessions, where the server would not send those that have
    /// the user at a place where the layout does not look.
    pub fn of_any_user(&self, layouts: &Layouts) -> Option<Self> {
        let query = Query { user: None, ..self.query.clone() };
        let keys = self.keys.clone();
        (!self.query.sends_every_place(layouts)).then(|| Self { query, keys, ..*self })
    }
}

/// How many keys go into one filter, and how many bytes of them: it has room for 16 MB.
pub(crate) const MOST_KEYS: usize = 10_000;
pub(crate) const MOST_BYTES: usize = 4 << 20;

/// `keys` in order, at most so many and of so many bytes at a time, or a single one.
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
