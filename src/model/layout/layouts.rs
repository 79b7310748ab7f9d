//! The layouts of a collection: one, or several if more than one store wrote to it, or one store in
//! several forms. Each session belongs to exactly one of them, which decides how it is read and
//! filtered.

use bson::{Bson, DateTime, Document, RawDocument, doc};

use super::definition::{BsonType, Instant, Layout, UserPlace};
use super::mend::{Fault, Mending};
use super::rule::{Clock, Meaning, Rule};
use super::states::ExpiredParts;
use crate::error::{Error, Result};
use crate::model::document::Fields;
use crate::model::filter::{all, any};
use crate::model::session::State;

/// The layouts of a collection. No document can belong to two of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Layouts {
    first: Layout,
    others: Vec<Layout>,
}

impl From<Layout> for Layouts {
    fn from(layout: Layout) -> Self {
        Self { first: layout, others: Vec::new() }
    }
}

impl Layouts {
    /// These layouts together; `None` if there are none.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if a document could belong to two of them.
    pub fn together(layouts: impl IntoIterator<Item = Layout>) -> Result<Option<Self>> {
        let mut together: Option<Self> = None;
        for layout in layouts {
            match &mut together {
                None => together = Some(layout.into()),
                Some(those) => those.add(layout)?,
            }
        }
        Ok(together)
    }

    fn add(&mut self, layout: Layout) -> Result<()> {
        if let Some(other) = self.iter().find(|other| !other.excludes(&layout)) {
            return Err(Error::Unsupported(format!(
                "the layouts {} and {} can describe the same document, so they are not used together",
                other.name, layout.name
            )));
        }
        self.others.push(layout);
        Ok(())
    }

    /// The first layout, in which new sessions are written.
    pub fn first(&self) -> &Layout {
        &self.first
    }

    /// All layouts, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Layout> + Clone {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The number of layouts.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        1 + self.others.len()
    }

    /// Their names, joined with `+`.
    pub fn name(&self) -> String {
        self.iter().map(|layout| layout.name.as_str()).collect::<Vec<_>>().join("+")
    }

    /// Whether all belong to one family: their ids and expiries have the same fields and types, so
    /// that one condition on the expiry, and one TTL index, fits every session.
    pub fn are_one_family(&self) -> bool {
        self.others.iter().all(|other| other.is_relative_of(&self.first))
    }

    /// The first layout, and the others of its family.
    #[must_use]
    pub(crate) fn family(mut self) -> Self {
        self.others.retain(|other| other.is_relative_of(&self.first));
        self
    }

    /// The layout of `document`; the first if it has none of them.
    pub fn of(&self, document: &RawDocument) -> &Layout {
        self.of_fields(&Fields::of(document))
    }

    pub(crate) fn of_fields(&self, fields: &Fields<'_>) -> &Layout {
        // Nearly all collections have one layout, for which this check is free.
        match self.others.is_empty() {
            true => &self.first,
            false => self.describing(fields).unwrap_or(&self.first),
        }
    }

    /// The layout that describes the document; `None` if it is not a session.
    pub(crate) fn describing(&self, fields: &Fields<'_>) -> Option<&Layout> {
        self.iter().find(|layout| layout.describes_fields(fields))
    }

    /// Whether the states of their sessions can be decided.
    ///
    /// # Errors
    /// [`Error::Needs`]; see [`Layout::tells_states`].
    pub fn tell_states(&self) -> Result<()> {
        self.iter().try_for_each(Layout::tells_states)
    }

    /// Whether the last touch of some sessions is derived from their expiry.
    pub fn derive_touches(&self) -> bool {
        self.iter().any(|layout| layout.derived_touch.is_some())
    }

    /// Whether `document` is a session of one of them.
    pub fn describes(&self, document: &RawDocument) -> bool {
        self.describing(&Fields::of(document)).is_some()
    }

    /// The filter of their sessions, whatever their state; see [`Layout::membership`].
    pub fn membership(&self) -> Document {
        if self.others.is_empty() {
            return self.first.membership();
        }
        // Conditions that all layouts share are checked once.
        let mut demands: Vec<Vec<Document>> = self.iter().map(Layout::demands).collect();
        let (common, _): (Vec<_>, Vec<_>) = std::mem::take(&mut demands[0])
            .into_iter()
            .partition(|demand| demands[1..].iter().all(|others| others.contains(demand)));
        let own = self.iter().map(|layout| {
            let mut own = layout.demands();
            own.retain(|demand| !common.contains(demand));
            all(own)
        });
        let own: Vec<_> = own.collect();
        let own = if own.iter().any(Document::is_empty) { Document::new() } else { any(own) };
        all([common, vec![own]].concat())
    }

    /// The filter of the sessions of each, in order. A document can fit two of them, for example
    /// with an array of text and documents where one requires text and the other a document. It
    /// belongs to the first.
    pub(crate) fn members(&self) -> Vec<Document> {
        let own: Vec<_> = self.iter().map(Layout::membership).collect();
        let without = |(at, member): (usize, &Document)| match at {
            0 => member.clone(),
            at => all(vec![member.clone(), doc! { "$nor": own[..at].to_vec() }]),
        };
        own.iter().enumerate().map(without).collect()
    }

    /// The filter of `say` for each layout, combined into one. If all are equal, it appears only
    /// once, so that an index can be used. Combine it with [`Layouts::membership`].
    pub(crate) fn each(&self, say: impl Fn(&Layout) -> Document) -> Document {
        self.either(self.iter().map(say).collect())
    }

    /// The same for existing filters, one for each layout in order.
    pub(crate) fn either(&self, mut filters: Vec<Document>) -> Document {
        if filters.iter().all(|one| *one == filters[0]) {
            return filters.swap_remove(0);
        }
        let members = self.members().into_iter().zip(filters);
        any(members.map(|(member, filter)| all(vec![member, filter])).collect())
    }

    /// These updates, one for each layout in order, each with the filter of its sessions. If all
    /// are equal, there is one update for all sessions.
    pub(crate) fn apart(&self, mut updates: Vec<Bson>) -> Vec<(Document, Bson)> {
        match updates.iter().all(|update| *update == updates[0]) {
            true => updates.pop().map(|update| (Document::new(), update)).into_iter().collect(),
            false => self.members().into_iter().zip(updates).collect(),
        }
    }

    /// The same if `say` returns `None` for some layouts: none of their sessions match. `None` if
    /// it returns `None` for all.
    pub(crate) fn each_maybe(&self, say: impl Fn(&Layout) -> Option<Document>) -> Option<Document> {
        let said: Vec<_> = self.iter().map(&say).collect();
        said.iter().any(Option::is_some).then(|| {
            let nothing = || any(Vec::new());
            self.each(|layout| say(layout).unwrap_or_else(nothing))
        })
    }

    /// The expression of `say` for each layout, combined into one.
    pub(crate) fn fact(&self, say: impl Fn(&Layout) -> Bson) -> Bson {
        let first = say(&self.first);
        let others: Vec<_> = self.others.iter().map(say).collect();
        if others.iter().all(|other| *other == first) {
            return first;
        }
        // The last layout needs no condition: a document of no layout is not a session.
        let mut facts = std::iter::once(first).chain(others).collect::<Vec<_>>();
        let last = facts.pop();
        let branches = self
            .iter()
            .zip(facts)
            .map(|(layout, fact)| doc! { "case": layout.membership_fact(), "then": fact });
        let branches: Vec<_> = branches.collect();
        doc! { "$switch": { "branches": branches, "default": last } }.into()
    }

    /// Whether a document is a session of one of them, as an expression.
    pub(crate) fn membership_fact(&self) -> Bson {
        match self.others.is_empty() {
            true => self.first.membership_fact(),
            false => {
                let facts: Vec<_> = self.iter().map(Layout::membership_fact).collect();
                doc! { "$or": facts }.into()
            }
        }
    }

    /// The sessions in `state` at `cutoff`, each by its own layout; see [`Layout::filter`].
    pub fn filter(&self, state: State, cutoff: DateTime) -> Document {
        self.each(|layout| layout.filter(state, cutoff))
    }

    /// The sessions whose expiry is a time before `time`.
    pub fn expires_before(&self, time: DateTime) -> Document {
        self.each(|layout| layout.expires_before(time))
    }

    /// The parts of the expired sessions, if they are the same in all layouts; see
    /// [`Layout::expired_parts`].
    pub(crate) fn expired_parts(&self, cutoff: DateTime) -> Option<ExpiredParts> {
        let parts = self.first.expired_parts(cutoff);
        self.others.iter().all(|other| other.expired_parts(cutoff) == parts).then_some(parts)
    }

    /// The filter of credentials that are not logins, if any layout has them.
    pub fn credentials(&self) -> Option<Document> {
        self.each_maybe(Layout::credentials)
    }

    /// The state at `cutoff`, as a number.
    pub(crate) fn state_fact(&self, cutoff: impl Into<Clock>) -> Bson {
        let cutoff = cutoff.into();
        self.fact(|layout| layout.state_fact(cutoff))
    }

    /// The expiry in milliseconds since 1970, or null.
    pub(crate) fn expiry_fact(&self) -> Bson {
        self.fact(Layout::expiry_fact)
    }

    /// The first of the dates in the fields of `dates`, in milliseconds since 1970, or null.
    pub(crate) fn instant_fact(&self, dates: impl Fn(&Layout) -> &[Instant]) -> Bson {
        self.fact(|layout| Layout::instant_fact(dates(layout)))
    }

    /// The user, or null; `None` if the server cannot read it, or if the layouts read it
    /// differently.
    pub(crate) fn user_fact(&self) -> Option<Bson> {
        let fact = self.first.user_fact()?;
        let is_same = |other: &Layout| {
            other.user_prefix == self.first.user_prefix && other.user_fact().as_ref() == Some(&fact)
        };
        self.others.iter().all(is_same).then_some(fact)
    }

    /// The single date field that decides, if it is the same in all layouts; see
    /// [`Layout::date_that_decides`].
    pub(crate) fn date_that_decides(&self, now: DateTime) -> Option<(String, DateTime)> {
        let decides = |layout: &Layout| {
            let date = layout.date_that_decides(now)?;
            Some((date, layout.created.clone(), layout.touched.clone()))
        };
        let first = decides(&self.first)?;
        self.others.iter().all(|other| decides(other).as_ref() == Some(&first)).then_some(first.0)
    }

    /// The fields that `of` returns for the layouts, without duplicates.
    pub(crate) fn instants(&self, of: impl Fn(&Layout) -> &[Instant]) -> Vec<&Instant> {
        let mut all: Vec<&Instant> = Vec::new();
        for instant in self.iter().flat_map(of) {
            if !all.contains(&instant) {
                all.push(instant);
            }
        }
        all
    }

    /// Whether all layouts have the same id field, with the same prefix and suffix.
    pub(crate) fn share_ids(&self) -> bool {
        self.others.iter().all(|other| other.id == self.first.id)
    }

    /// Whether a payload must be decoded before the user of some sessions is known.
    pub fn user_needs_payload(&self) -> bool {
        self.iter().any(Layout::user_needs_payload)
    }

    /// The same layouts with these places of the user instead of their own; see
    /// [`Layout::with_user_places`].
    #[must_use]
    pub fn with_user_places(self, places: &[UserPlace]) -> Self {
        self.map(|layout| layout.with_user_places(places))
    }

    /// The same layouts, each changed.
    #[must_use]
    pub(crate) fn map(self, change: impl Fn(Layout) -> Layout) -> Self {
        let others = self.others.into_iter().map(&change).collect();
        Self { first: change(self.first), others }
    }

    /// The same layouts, each changed.
    ///
    /// # Errors
    /// The error of the first layout that cannot be changed.
    pub(crate) fn try_map<E>(
        self,
        change: impl Fn(Layout) -> Result<Layout, E>,
    ) -> Result<Self, E> {
        let first = change(self.first)?;
        Ok(Self { first, others: self.others.into_iter().map(change).collect::<Result<_, E>>()? })
    }

    /// The layout whose TTL index fits all sessions.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if they need different indexes.
    pub(crate) fn of_index(&self) -> Result<&Layout> {
        let needed = |layout: &Layout| {
            layout.ttl_index.clone().map(|ttl| (ttl.key, ttl.seconds, ttl.sparse, ttl.only_null))
        };
        match self.are_one_family()
            && self.others.iter().all(|other| needed(other) == needed(&self.first))
        {
            true => Ok(&self.first),
            false => Err(Error::Unsupported(format!(
                "the layouts {} need different TTL indexes; name only one of them",
                self.name()
            ))),
        }
    }

    /// The updates that make each store refuse a session from now on. An error if any of the stores
    /// does not check the expiry when it reads a session.
    ///
    /// # Errors
    /// [`Error::Unsupported`], which names the layout.
    pub(crate) fn endings(&self, now: DateTime) -> Result<Vec<Document>> {
        let ending = |layout: &Layout| {
            layout.ending(now).filter(|_| layout.is_ended_by_expiry()).ok_or_else(|| {
                Error::Unsupported(format!(
                    "the store of layout {} does not check the expiry when it reads a session, so \
                     an expired session can still log in until it is deleted",
                    layout.name
                ))
            })
        };
        self.iter().map(ending).collect()
    }

    /// How to repair `fault` in the sessions of each layout.
    ///
    /// # Errors
    /// As for [`Layout::mending`].
    pub fn mendings(&self, fault: Fault, now: DateTime) -> Result<Vec<Mending>> {
        self.iter().map(|layout| layout.mending(fault, now)).collect()
    }
}

impl Layout {
    /// Whether ids and expiries have the same fields, types and meaning as in `other`. The meaning
    /// of a missing expiry may differ.
    pub(crate) fn is_relative_of(&self, other: &Self) -> bool {
        let rules = |layout: &Self| -> Vec<Rule> {
            let dated = |rule: &Rule| Rule {
                null: Meaning::default(),
                missing: Meaning::default(),
                ..rule.clone()
            };
            layout.expiry.iter().map(dated).collect()
        };
        self.id.path == other.id.path
            && self.id.types == other.id.types
            && rules(self) == rules(other)
    }

    /// Whether no document can belong to both, apart from arrays with values of several types.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        self.demands_what_excludes(other) || other.demands_what_excludes(self)
    }

    fn demands_what_excludes(&self, other: &Self) -> bool {
        let is_within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'))
        };
        let holds_fields = |kind: &BsonType| matches!(kind, BsonType::Object | BsonType::Array);
        self.detect.require.iter().any(|(path, types)| {
            let forbidden = other
                .detect
                .forbid
                .iter()
                .any(|forbidden| forbidden == path || is_within(path, forbidden));
            let of_other_type = other.detect.require.iter().any(|(field, others)| {
                (field == path && !types.iter().any(|kind| others.contains(kind)))
                    || (is_within(path, field) && !others.iter().any(holds_fields))
            });
            forbidden || of_other_type
        }) || (self.detect.prefixed
            && other.detect.prefixed
            && self.id.path == other.id.path
            && !self.id.prefix.starts_with(&other.id.prefix)
            && !other.id.prefix.starts_with(&self.id.prefix))
    }
}

#[cfg(test)]
mod tests {
    use bson::rawdoc;

    use super::*;

    fn named(names: &[&str]) -> Layouts {
        let layouts = names.iter().map(|name| Layout::named(name).unwrap().clone());
        Layouts::together(layouts).unwrap().unwrap()
    }

    fn at(millis: i64) -> DateTime {
        DateTime::from_millis(millis)
    }

    #[test]
    fn a_document_belongs_to_the_layout_that_describes_it() {
        let both = named(&["connect-mongo-json", "express-session-object"]);
        assert_eq!(both.name(), "connect-mongo-json+express-session-object");
        let text = rawdoc! { "_id": "a", "session": "{}" };
        let object = rawdoc! { "_id": "a", "session": {} };
        assert_eq!(both.of(&text).name, "connect-mongo-json");
        assert_eq!(both.of(&object).name, "express-session-object");
        assert!(!both.describes(&rawdoc! { "_id": "a", "session": 1 }));
    }

    #[test]
    fn layouts_that_can_describe_one_document_are_not_used_together() {
        let overlapping = ["keyv", "flask-session"].map(|name| Layout::named(name).unwrap());
        assert!(overlapping[0].excludes(overlapping[1]) == overlapping[1].excludes(overlapping[0]));
        let same = ["symfony", "symfony"].map(|name| Layout::named(name).unwrap().clone());
        let refused = Layouts::together(same).unwrap_err().to_string();
        assert!(refused.contains("symfony and symfony"), "{refused}");
    }

    #[test]
    fn the_expiry_of_a_family_is_stated_once() {
        let both = named(&["connect-mongo-json", "express-session-object"]);
        assert!(both.are_one_family());
        let expired = both.filter(State::Expired, at(7));
        assert_eq!(expired, doc! { "expires": { "$lt": at(7) } });
        // A null means something else to each.
        assert!(both.filter(State::Endless, at(7)).contains_key("$or"));
        assert!(both.expired_parts(at(7)).is_some());
        assert!(!named(&["connect-mongo-json", "symfony"]).are_one_family());
    }

    #[test]
    fn one_layout_is_filtered_by_as_ever() {
        let layout = Layout::named("symfony").unwrap();
        let one = Layouts::from(layout.clone());
        assert_eq!(one.membership(), layout.membership());
        assert_eq!(one.members(), [layout.membership()]);
        for state in State::ALL {
            assert_eq!(one.filter(state, at(7)), layout.filter(state, at(7)));
        }
        assert_eq!(one.state_fact(at(7)), layout.state_fact(at(7)));
    }
}
