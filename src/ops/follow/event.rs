//! One event of a change stream: the document that changed, as it was then.
//!
//! For an update, the server looks the document up when it sends the event, possibly after later changes.
//! The fields that the update wrote are put back, so that the event shows the document as it was then.

use bson::raw::RawDocumentBuf;
use bson::{Bson, DateTime, Document, RawDocument};

use crate::error::Fate;
use crate::model::document::owned;
use crate::model::key::Key;
use crate::model::raw::Raw;

/// What happened to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum Kind {
    Inserted,
    Written,
    Deleted,
}

/// One event of a change stream.
pub(super) enum Notice<'a> {
    Document(Changed<'a>),
    /// The collection is not the same any more.
    Over(Fate),
    /// An event that does not concern sessions.
    Other,
}

/// A document that changed.
pub(in crate::ops) struct Changed<'a> {
    pub(super) kind: Kind,
    pub(super) key: Key,
    /// The time of the change, by the server's clock.
    pub(super) at: DateTime,
    /// The document that the server sent with the event.
    pub(super) after: Option<&'a RawDocument>,
    /// The document before the change, if the server keeps that.
    pub(super) before: Option<&'a RawDocument>,
    update: Option<&'a RawDocument>,
}

impl<'a> Notice<'a> {
    pub(super) fn of(event: &'a RawDocument) -> Self {
        let kind = match event.get_str("operationType") {
            Ok("insert") => Kind::Inserted,
            Ok("update" | "replace") => Kind::Written,
            Ok("delete") => Kind::Deleted,
            Ok("drop" | "dropDatabase" | "invalidate") => return Self::Over(Fate::Dropped),
            Ok("rename") => return Self::Over(renamed(event).map_or(Fate::Gone, Fate::Renamed)),
            _ => return Self::Other,
        };
        let Some(key) = event.get_document("documentKey").ok().and_then(Key::of) else {
            return Self::Other;
        };
        let document = |name| event.get_document(name).ok();
        Self::Document(Changed {
            kind,
            key,
            at: time(event),
            after: document("fullDocument"),
            before: document("fullDocumentBeforeChange"),
            update: document("updateDescription"),
        })
    }
}

impl Changed<'_> {
    /// The document right after the change. `remembered` is its last known version.
    pub(super) fn document(&self, remembered: Option<&RawDocument>) -> Option<RawDocumentBuf> {
        let whole = |raw: &RawDocument| raw.to_owned();
        let Some(update) = self.update else { return self.after.map(whole) };
        match (self.after, self.before.or(remembered)) {
            (Some(after), _) if has_written(after, update) => Some(after.to_owned()),
            (Some(after), _) => with(after, update).or_else(|| Some(after.to_owned())),
            // It was deleted before the server looked it up.
            (None, Some(before)) => with(before, update),
            (None, None) => with(&alone(&self.key), update),
        }
    }
}

/// A document that consists of its `_id`.
pub(super) fn alone(key: &Key) -> RawDocumentBuf {
    let mut alone = Raw::new();
    alone.key("_id", key);
    alone.done()
}

/// Whether a document has what an update wrote.
fn has_written(document: &RawDocument, update: &RawDocument) -> bool {
    let has_written = update.get_document("updatedFields").is_ok_and(|fields| {
        fields.iter().all(|field| {
            let Ok((name, _)) = field else { return false };
            Key::at(document, name.as_str()).is_some_and(|value| {
                // A name with a dot is a path in the document, but a single name in the description.
                let wrote = fields_value(fields, name.as_str());
                wrote.as_ref() == Some(&value)
            })
        })
    });
    let removed = update.get_array("removedFields").ok();
    let is_there = |name: &str| Key::at(document, name).is_some();
    let names = removed.into_iter().flatten().filter_map(|name| name.ok()?.as_str());
    has_written && !names.into_iter().any(is_there)
}

/// The value under this whole name.
fn fields_value(fields: &RawDocument, name: &str) -> Option<Key> {
    let value = fields.get(name).ok()??;
    Some(Key::from(&owned(value)))
}

/// A document with what an update wrote; `None` if it cannot be decoded.
fn with(document: &RawDocument, update: &RawDocument) -> Option<RawDocumentBuf> {
    let mut document = Document::try_from(document).ok()?;
    let update = Document::try_from(update).ok()?;
    if let Ok(fields) = update.get_document("updatedFields") {
        for (path, value) in fields {
            set(&mut document, path, Some(value));
        }
    }
    if let Ok(removed) = update.get_array("removedFields") {
        for path in removed.iter().filter_map(Bson::as_str) {
            set(&mut document, path, None);
        }
    }
    RawDocumentBuf::try_from(&document).ok()
}

fn set(document: &mut Document, path: &str, value: Option<&Bson>) {
    match (path.split_once('.'), value) {
        (None, Some(value)) => drop(document.insert(path, value.clone())),
        (None, None) => drop(document.remove(path)),
        // Elements of arrays are ignored: no layout reads an expiry or a user from one.
        (Some((first, rest)), value) => {
            if !document.contains_key(first) && value.is_some() {
                document.insert(first, Document::new());
            }
            if let Ok(inner) = document.get_document_mut(first) {
                set(inner, rest, value);
            }
        }
    }
}

fn renamed(event: &RawDocument) -> Option<String> {
    let to = event.get_document("to").ok()?;
    Some(format!("{}.{}", to.get_str("db").ok()?, to.get_str("coll").ok()?))
}

/// Exact to the millisecond since MongoDB 6.0, before to the second.
fn time(event: &RawDocument) -> DateTime {
    let seconds = || event.get_timestamp("clusterTime").map_or(0, |at| at.time);
    let wall = event.get_datetime("wallTime");
    wall.unwrap_or_else(|_| DateTime::from_millis(i64::from(seconds()) * 1000))
}

#[cfg(test)]
mod tests {
    use bson::{doc, oid::ObjectId};

    use super::*;

    fn raw(document: &Document) -> RawDocumentBuf {
        RawDocumentBuf::try_from(document).unwrap()
    }

    #[track_caller]
    fn after(event: &Document, remembered: Option<&Document>) -> Option<Document> {
        let event = raw(event);
        let Notice::Document(changed) = Notice::of(&event) else { panic!("{event:?}") };
        let remembered = remembered.map(raw);
        let document = changed.document(remembered.as_deref())?;
        Some(Document::try_from(&*document).unwrap())
    }

    fn update(updated: Document, removed: &[&str], full: Option<Document>) -> Document {
        doc! {
            "operationType": "update", "documentKey": { "_id": "a" }, "fullDocument": full,
            "updateDescription": { "updatedFields": updated, "removedFields": removed.to_vec() },
        }
    }

    #[test]
    fn a_document_that_the_server_looked_up_later_is_shown_as_the_event_left_it() {
        let later = doc! { "_id": "a", "expires": 9, "session": { "user": "bo", "n": 2 } };
        let event = update(doc! { "expires": 5 }, &[], Some(later.clone()));
        let wanted = doc! { "_id": "a", "expires": 5, "session": { "user": "bo", "n": 2 } };
        assert_eq!(after(&event, None), Some(wanted));
        let event = update(doc! { "session.user": "asa" }, &["session.n"], Some(later.clone()));
        let wanted = doc! { "_id": "a", "expires": 9, "session": { "user": "asa" } };
        assert_eq!(after(&event, None), Some(wanted));
        let event = update(doc! { "expires": 9 }, &["gone"], Some(later.clone()));
        assert_eq!(after(&event, None), Some(later));
    }

    #[test]
    fn a_document_that_was_deleted_before_the_server_looked_is_the_remembered_one_with_the_change()
    {
        let event = update(doc! { "expires": 5 }, &[], None);
        let before = doc! { "_id": "a", "expires": 1, "session": "{}" };
        let wanted = doc! { "_id": "a", "expires": 5, "session": "{}" };
        assert_eq!(after(&event, Some(&before)), Some(wanted));
        assert_eq!(after(&event, None), Some(doc! { "_id": "a", "expires": 5 }));
    }

    #[test]
    fn the_time_of_an_event_is_told_as_exactly_as_the_server_does() {
        let id = ObjectId::new();
        let mut event = doc! {
            "operationType": "delete", "documentKey": { "_id": id },
            "clusterTime": bson::Timestamp { time: 7, increment: 3 },
        };
        let at = |event: &Document| match Notice::of(&raw(event)) {
            Notice::Document(changed) => changed.at.timestamp_millis(),
            _ => panic!("{event}"),
        };
        assert_eq!(at(&event), 7000);
        event.insert("wallTime", DateTime::from_millis(7654));
        assert_eq!(at(&event), 7654);
    }
}
