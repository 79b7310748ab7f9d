//! The sessions of one batch, judged by what was read of them, and what their write is bound to.

use bson::raw::RawDocumentBuf;
use bson::{Bson, Document, RawDocument, doc};

use super::spec::{Action, Purge};
use crate::model::document::{FieldPath, Found, find, owned};
use crate::model::layout::{Layout, Layouts};
use crate::model::payload::Payload;
use crate::server::reply::key_of;

/// Values up to this size, in bytes, are repeated in the write; a command holds 48 MB in all.
const REPEATED: usize = 64 << 10;

/// What one write is bound to, besides the predicate that it repeats.
#[derive(Debug)]
pub(super) enum Scope {
    /// These `_id`s.
    Keys(Vec<Bson>),
    /// Each of these by itself: an `_id`, and what else must be as it was read.
    Each(Vec<Document>),
    /// All that is in this range, along the index that `hint` names.
    Window { range: Document, hint: Bson },
}

/// The sessions of one batch.
#[derive(Debug)]
pub(super) struct Candidates {
    pub(super) scope: Scope,
    /// The predicate that the write repeats.
    pub(super) filter: Document,
    /// How many there are; in a window of the `_id`, how many the server looks at.
    pub(super) count: u64,
    /// The documents, where they are wanted.
    pub(super) documents: Vec<RawDocumentBuf>,
    /// What the store looks them up by, where that is wanted.
    pub(super) ids: Vec<Bson>,
    /// The user of each of those, where that is wanted.
    pub(super) users: Vec<Option<String>>,
}

impl Candidates {
    pub(super) fn window(range: Document, hint: Bson, filter: Document, count: u64) -> Self {
        let scope = Scope::Window { range, hint };
        Self { scope, filter, count, documents: Vec::new(), ids: Vec::new(), users: Vec::new() }
    }

    /// Keeps the candidates that are marked; how many are not.
    pub(super) fn retain(&mut self, marked: &[bool]) -> u64 {
        fn retain<T>(all: &mut Vec<T>, marked: &[bool]) {
            let mut marks = marked.iter();
            all.retain(|_| marks.next().copied().unwrap_or(false));
        }
        match &mut self.scope {
            Scope::Keys(keys) => retain(keys, marked),
            Scope::Each(each) => retain(each, marked),
            Scope::Window { .. } => return 0,
        }
        if !self.ids.is_empty() {
            retain(&mut self.ids, marked);
        }
        if !self.users.is_empty() {
            retain(&mut self.users, marked);
        }
        let left = marked.iter().filter(|marked| **marked).count() as u64;
        let kept = self.count - left;
        self.count = left;
        kept
    }
}

/// The candidates among `read`.
pub(super) fn judged<'a>(
    layouts: &Layouts,
    purge: &Purge,
    read: impl Iterator<Item = &'a RawDocument>,
    filter: &Document,
) -> Candidates {
    let binds = purge.binds();
    let (mut keys, mut each) = (Vec::new(), Vec::new());
    let (mut whole, mut ids, mut users) = (Vec::new(), Vec::new(), Vec::new());
    for document in read {
        let Some(key) = key_of(document) else { continue };
        if !purge.selection.admits(layouts, document) {
            continue;
        }
        if purge.archive {
            whole.push(document.to_owned());
        }
        if purge.tells_ids {
            ids.push(layouts.of(document).id_of(document).value().clone());
        }
        if purge.tells_ids && purge.tells_users {
            users.push(layouts.of(document).glance(document, purge.selection.cutoff).user);
        }
        if binds == Binding::Id {
            keys.push(key);
        } else {
            let mut one = doc! { "_id": key };
            let layout = layouts.of(document);
            one.extend(as_read(binds, layout, document).unwrap_or_default());
            if purge.selection.query.judges_touches() {
                one.extend(expiry_as_read(layout, document));
            }
            each.push(one);
        }
    }
    let count = (keys.len() + each.len()) as u64;
    let scope = if binds == Binding::Id { Scope::Keys(keys) } else { Scope::Each(each) };
    Candidates { scope, filter: filter.clone(), count, documents: whole, ids, users }
}

/// What must be as it was read when a session is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    /// Only the `_id`: the predicate says the rest.
    Id,
    /// The payload, by which it was judged.
    Payload,
    /// All of it: the archive holds this document and no other.
    Document,
}

impl Purge {
    pub(super) fn binds(&self) -> Binding {
        // Nobody writes to a dead session but to renew it, and then the predicate fails. One that is
        // mended stays, with whatever its store writes meanwhile.
        let may_lose =
            !self.selection.query.is_only_expired() && !matches!(self.action, Action::Fix(_));
        match (self.archive && may_lose, self.selection.needs_payload()) {
            (true, _) => Binding::Document,
            (false, true) => Binding::Payload,
            (false, false) => Binding::Id,
        }
    }
}

/// The expiry as it was read, as the condition that it is still so: a session whose last touch follows
/// from it was not touched since.
fn expiry_as_read(layout: &Layout, document: &RawDocument) -> Document {
    let paths = layout.expiry.iter().filter_map(|rule| rule.path.as_ref());
    let value = |path: &FieldPath| match find(document, path) {
        Found::One(value) => Some((path.to_string(), doc! { "$eq": owned(value) }.into())),
        _ => None,
    };
    paths.filter_map(value).collect()
}

/// What was read of a document as the condition that it is still so. Without one, where it is too large
/// or cannot be written back (text that is not UTF-8), only the `_id` and the filter bind the write.
fn as_read(binds: Binding, layout: &Layout, document: &RawDocument) -> Option<Document> {
    if document.as_bytes().len() > REPEATED {
        return None;
    }
    if binds == Binding::Document {
        let document = Document::try_from(document).ok()?;
        return Some(doc! { "$expr": { "$eq": ["$$ROOT", { "$literal": document }] } });
    }
    let path = layout.payload.path.as_ref()?;
    let value = document.get(path).ok()??;
    let Payload::Value(_) = layout.payload(document) else { return None };
    Some(doc! { path: { "$eq": Bson::try_from(value).ok()? } })
}
