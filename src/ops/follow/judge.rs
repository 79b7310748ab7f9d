//! Turns changed documents into events of sessions that match the selection, or matched it before.

use std::collections::HashSet;

use bson::raw::RawDocumentBuf;
use bson::{DateTime, RawDocument};
use mongodb::raw_batch_cursor::RawBatch;

use super::clock::Clock;
use super::event::{Changed, Kind, alone};
use super::seen::{Compared, Seen};
use super::step::{Change, Event};
use crate::model::key::Key;
use crate::model::query::Query;
use crate::model::selection::Selection;
use crate::model::session::{Session, State};
use crate::server::reply::documents;
use crate::store::Store;

/// Decides which changes are reported.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) store: Store,
    pub(super) selection: Selection,
    pub(super) clock: Clock,
    pub(super) seen: Seen,
}

/// What is known about an event.
type Known = (Change, Option<Session>, Option<RawDocumentBuf>);

impl Judge {
    /// The event of a changed document, if it is or was a session of the selection.
    pub(super) fn judge(&mut self, changed: &Changed<'_>) -> Option<Event> {
        let (change, session, document) = self.judged(changed)?;
        Some(self.event(change, changed.key.clone(), session, document, changed.at))
    }

    fn judged(&mut self, changed: &Changed<'_>) -> Option<Known> {
        let Changed { kind, key, before, .. } = changed;
        let now = self.set_now();
        let is_known = self.seen.has(key);
        let was_selected = is_known || before.is_some_and(|before| self.selects(before));
        if *kind == Kind::Deleted {
            let remembered = self.seen.remove(key);
            let document = before.map(RawDocument::to_owned).or(remembered);
            let is_unknown = document.is_none() && !self.seen.is_complete;
            if !was_selected && !is_unknown {
                return None;
            }
            let session = document.as_deref().and_then(|document| self.session(document, now));
            return Some((Change::Removed, session, document));
        }
        let document = changed.document(self.seen.document(key));
        // The written fields alone may not be enough to recognize a session.
        let is_enough = |document: &RawDocumentBuf| {
            changed.after.is_some() || self.store.layouts().describes(document)
        };
        let Some(document) = document.filter(is_enough) else {
            // It has been deleted since, and the event of that follows.
            let change = if *kind == Kind::Inserted { Change::Created } else { Change::Renewed };
            let is_told = was_selected || self.selection.is_of_all();
            return Some((change, None, None)).filter(|_| is_told);
        };
        let session = self.session(&document, now);
        let change = match kind {
            Kind::Inserted => Change::Created,
            _ => written(session.as_ref()),
        };
        if self.selects(&document) {
            self.seen.add(key, &document);
            return Some((change, session, Some(document)));
        }
        self.seen.remove(key);
        // A foreign document matched neither before nor after.
        Some((change, session, Some(document))).filter(|_| was_selected)
    }

    fn event(
        &self,
        change: Change,
        key: Key,
        session: Option<Session>,
        document: Option<RawDocumentBuf>,
        at: DateTime,
    ) -> Event {
        let layout = self.store.layout();
        let id = session.as_ref().map(|session| session.id.clone());
        // Some stores look their sessions up by another field, which is unknown after a removal.
        let is_key = layout.id.path == "_id";
        let id = id.or_else(|| is_key.then(|| layout.id_of(&alone(&key))));
        Event { change, at, key, id, session, document }
    }

    /// The session in a document, whether it is selected or not.
    pub(super) fn session(&self, document: &RawDocument, now: DateTime) -> Option<Session> {
        let layouts = self.store.layouts();
        let everybody = || Selection::new(Query::default(), now);
        layouts.describes(document).then(|| everybody().session(layouts, document)).flatten()
    }

    /// The events of the sessions of a batch that a scan read.
    pub(super) fn compare(&mut self, batch: &RawBatch, events: &mut Vec<Event>) {
        let now = self.set_now();
        for document in documents(batch) {
            if let Some(key) = Key::of(document)
                && self.selects(document)
            {
                let compared = self.seen.add(&key, document);
                events.extend(self.compared(key, document, compared, now));
            }
        }
    }

    /// The events of sessions that a scan did not find, including those that still exist.
    pub(super) fn look_again(
        &mut self,
        keys: Vec<Key>,
        there: &[RawBatch],
        events: &mut Vec<Event>,
    ) {
        let now = self.set_now();
        let wanted: HashSet<_> = keys.iter().cloned().collect();
        let mut found = HashSet::new();
        for document in there.iter().flat_map(documents) {
            // With a collation, other ids may be equal to these.
            let Some(key) = Key::of(document).filter(|key| wanted.contains(key)) else { continue };
            let compared = self.seen.add(&key, document);
            events.extend(self.compared(key.clone(), document, compared, now));
            if !self.selects(document) {
                self.seen.remove(&key);
            }
            found.insert(key);
        }
        for key in keys.into_iter().filter(|key| !found.contains(key)) {
            let document = self.seen.remove(&key);
            let session = document.as_deref().and_then(|document| self.session(document, now));
            events.push(self.event(Change::Removed, key, session, document, now));
        }
    }

    fn compared(
        &self,
        key: Key,
        document: &RawDocument,
        compared: Compared,
        now: DateTime,
    ) -> Option<Event> {
        let session = self.session(document, now);
        let change = match compared {
            Compared::Same => return None,
            Compared::New => Change::Created,
            Compared::Changed => written(session.as_ref()),
        };
        Some(self.event(change, key, session, Some(document.to_owned()), now))
    }

    /// The selection at the current time.
    pub(super) fn selection(&mut self) -> &Selection {
        self.set_now();
        &self.selection
    }

    fn set_now(&mut self) -> DateTime {
        let now = self.clock.now();
        (self.selection.now, self.selection.cutoff) = (now, now);
        now
    }

    fn selects(&self, document: &RawDocument) -> bool {
        self.selection.holds(self.store.layouts(), document)
    }
}

/// The meaning of a write for a session.
fn written(session: Option<&Session>) -> Change {
    match session.is_none_or(|session| session.state == State::Expired) {
        true => Change::Ended,
        false => Change::Renewed,
    }
}
