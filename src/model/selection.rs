//! Which sessions a command works on, in one value: it becomes one filter for the server, and one
//! test of each document that the server found with it.

use bson::{DateTime, Document, RawDocument, doc};

use crate::error::{Error, Result};
use crate::model::filter::{Filter, all, exactly};
use crate::model::key::Key;
use crate::model::layout::Layouts;
use crate::model::query::{Candidate, Needed, Query, Unselected, Users, Verdict, check_users};
use crate::model::session::{Session, State};

mod keep;

pub use keep::Keep;
pub(crate) use keep::{Ranked, Ranking, Ranks};

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
    /// What is left out by its id or its user.
    pub except: Except,
    /// Which of each user's sessions are left out after that.
    pub keep: Option<Keep>,
}

/// Sessions that are left out of a selection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Except {
    /// Those with these `_id`s.
    pub keys: Vec<Key>,
    /// Those of these users: of whom [`Session::user`] says so.
    pub users: Users,
}

impl Except {
    /// Whether nothing is left out.
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

    /// The filters for the server: one, or several where many sessions are named. They decide
    /// everything, or all but what only a decoded payload tells: see [`Selection::session`].
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) where a layout cannot decide a condition.
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

    /// `condition` of the sessions that were named, if any were: one filter, or several that are for
    /// the server one after the other, where one would be too large.
    pub(crate) fn keyed(&self, condition: &Document) -> Vec<Filter> {
        let Some(keys) = &self.keys else { return vec![condition.clone().into()] };
        chunks(keys, MOST_KEYS, MOST_BYTES)
            .map(|keys| Filter::keyed("_id", keys.to_vec(), condition.clone()))
            .collect()
    }

    /// The filter without the `_id`s: what a write repeats that names them itself. Of many users none is
    /// in it: such a write is bound to the user that was read.
    ///
    /// # Errors
    /// As for [`Selection::filter`].
    pub fn predicate(&self, layouts: &Layouts) -> Result<Document> {
        let mut query = self.query.clone();
        query.users = query.users.filter(|users| users.only().is_some());
        self.of_query(&query, layouts)
    }

    /// What holds for every selected session, whatever the query. A filter that is put together from
    /// ranges of an index instead of the query has this in it too, so it is added in one place.
    pub(crate) fn invariant(&self, layouts: &Layouts) -> Document {
        let keys = self.except.keys.iter().filter_map(|key| Some(exactly("_id", &key.bson()?)));
        let spared: Vec<Document> = self.spared(layouts).into_iter().chain(keys).collect();
        let spared = (!spared.is_empty()).then(|| doc! { "$nor": spared });
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
        Ok(Some(all(vec![all_that_match.condition(layouts)?, spared])))
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
            let others = Self { query, keep: None, ..self.clone() };
            let has = all(vec![everybody, date.there.clone()]);
            let lacks = all(vec![others.predicate(layouts)?, doc! { "$nor": [&date.there] }]);
            Ok((date, has, others.keyed(&lacks)))
        });
        filters.collect()
    }

    /// Whether the server's filter does not decide, so that candidates must be read whole.
    pub fn needs_payload(&self) -> bool {
        self.query.needs_payload() || self.judges_users() || self.judges_keys()
    }

    /// Whether an `_id` that is left out has bytes that no filter can hold.
    fn judges_keys(&self) -> bool {
        self.except.keys.iter().any(|key| key.bson().is_none())
    }

    /// Whether the user of a session decides in a way that no filter repeats.
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
        self.judge(layouts, document, false).ok()
    }

    /// The same of any document, with the places where a session that is not selected has the user.
    pub fn verdict(&self, layouts: &Layouts, document: &RawDocument) -> Verdict {
        match self.judge(layouts, document, true) {
            Ok(session) => Verdict::Selected(session),
            Err(why) => why.into(),
        }
    }

    /// Whether a document is selected, decided here alone, whatever server or file it comes from. A
    /// last touch that follows from the expiry counts like one that is stored, and credentials are
    /// sessions like any other.
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
        layouts: &Layouts,
        document: &RawDocument,
        counts: bool,
    ) -> Result<Session, Unselected> {
        let (layout, times) = (layouts.of(document), (self.now, self.cutoff));
        let Candidate { session, may_have_user } =
            self.query.judge(layout, document, times, counts)?;
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
            Some(keep) if keep.spares(document, &session) => Err(Unselected::Other),
            _ => Ok(session),
        }
    }

    /// The same selection of any user's sessions, where the server would not send those that have
    /// the user at a place where the layout does not look.
    pub fn of_any_user(&self, layouts: &Layouts) -> Option<Self> {
        let query = Query { users: None, ..self.query.clone() };
        (!self.query.sends_every_place(layouts)).then(|| Self { query, ..self.clone() })
    }

    /// The same selection in parts of so many users.
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
