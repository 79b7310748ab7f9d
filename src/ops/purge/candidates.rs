//! The sessions of one batch, and the conditions of their write. Those that were read are checked here; of
//! a window nothing was read.

use std::collections::HashSet;

use bson::raw::RawDocumentBuf;
use bson::{Bson, Document, RawDocument, doc, rawdoc};

use super::spec::{Action, Purge};
use crate::model::document::{FieldPath, Found, find};
use crate::model::key::{Key, compared};
use crate::model::layout::{Layout, Layouts};
use crate::model::payload::Payload;
use crate::model::query::Query;
use crate::model::raw::Raw;
use crate::model::selection::Selection;
use crate::ops::unchanged::{REPEATED, unchanged};

/// The conditions of one write, besides the predicate that it repeats.
#[derive(Debug)]
pub(super) enum Scope {
    /// These `_id`s.
    Keys(Vec<Key>),
    /// Each of these in its own statement.
    Each(Vec<Bound>),
    /// All sessions in this range of the index that `hint` names.
    Window { range: RawDocumentBuf, hint: Bson },
}

/// One session, and what must be unchanged at the write.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) key: Key,
    pub(super) as_read: RawDocumentBuf,
}

/// The sessions of one batch.
#[derive(Debug)]
pub(super) struct Candidates {
    pub(super) scope: Scope,
    /// The predicate that the write repeats.
    pub(super) filter: Document,
    /// The number of sessions; in a window of `_id`s, the number of documents that the server
    /// examines.
    pub(super) count: u64,
    /// The documents, if they are needed.
    pub(super) documents: Vec<RawDocumentBuf>,
    /// The ids by which the store finds them, if they are needed.
    pub(super) ids: Vec<Key>,
    /// The user of each of those, if they are needed.
    pub(super) users: Vec<Option<String>>,
}

impl Candidates {
    pub(super) fn window(range: RawDocumentBuf, hint: Bson, filter: Document, count: u64) -> Self {
        let scope = Scope::Window { range, hint };
        Self { scope, filter, count, documents: Vec::new(), ids: Vec::new(), users: Vec::new() }
    }

    /// Keeps the first `most` sessions that were read, and returns the others. A window is not split.
    pub(super) fn split_off(&mut self, most: usize) -> Option<Self> {
        let scope = match &mut self.scope {
            Scope::Keys(keys) if keys.len() > most => Scope::Keys(keys.split_off(most)),
            Scope::Each(each) if each.len() > most => Scope::Each(each.split_off(most)),
            _ => return None,
        };
        let count = self.count - most as u64;
        self.count = most as u64;
        let rest = |len: usize| most.min(len);
        Some(Self {
            scope,
            filter: self.filter.clone(),
            count,
            documents: self.documents.split_off(rest(self.documents.len())),
            ids: self.ids.split_off(rest(self.ids.len())),
            users: self.users.split_off(rest(self.users.len())),
        })
    }

    /// Leaves out those with these `_id`s. A window is not changed.
    pub(super) fn leave_out(&mut self, those: &HashSet<Key>) {
        if those.is_empty() {
            return;
        }
        let marked: Vec<bool> = match &self.scope {
            Scope::Keys(keys) => keys.iter().map(|key| !those.contains(key)).collect(),
            Scope::Each(each) => each.iter().map(|one| !those.contains(&one.key)).collect(),
            Scope::Window { .. } => return,
        };
        self.retain(&marked);
    }

    /// Keeps the candidates that are marked; the `_id`s of the others.
    pub(super) fn retain(&mut self, marked: &[bool]) -> Vec<Key> {
        fn retain<T>(all: &mut Vec<T>, marked: &[bool]) -> Vec<T> {
            let mut marks = marked.iter();
            all.extract_if(.., |_| !marks.next().copied().unwrap_or(false)).collect()
        }
        if marked.iter().all(|marked| *marked) {
            return Vec::new();
        }
        let kept = match &mut self.scope {
            Scope::Keys(keys) => retain(keys, marked),
            Scope::Each(each) => retain(each, marked).into_iter().map(|bound| bound.key).collect(),
            Scope::Window { .. } => Vec::new(),
        };
        if !self.documents.is_empty() {
            retain(&mut self.documents, marked);
        }
        if !self.ids.is_empty() {
            retain(&mut self.ids, marked);
        }
        if !self.users.is_empty() {
            retain(&mut self.users, marked);
        }
        self.count -= kept.len() as u64;
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
        let Some(key) = Key::of(document) else { continue };
        let selection = &purge.selection;
        let user = match selection.needs_payload() {
            true => match selection.session(layouts, document) {
                Some(session) => session.user,
                None => continue,
            },
            false => None,
        };
        if purge.archive {
            whole.push(document.to_owned());
        }
        if purge.tells_ids {
            let id = Key::at(document, &layouts.of(document).id.path);
            ids.push(id.unwrap_or_else(|| key.clone()));
        }
        if purge.tells_ids && purge.tells_users {
            users.push(layouts.of(document).glance(document, purge.selection.cutoff).user);
        }
        if binds == Binding::Id {
            keys.push(key);
        } else {
            let layout = layouts.of(document);
            let mut condition = as_read(binds, selection, layout, document);
            if selection.judges_users() && document.as_bytes().len() > REPEATED {
                let of_user = user.and_then(|user| candidates_of(layout, &user));
                condition.extend(&of_user.unwrap_or_default());
            }
            if selection.judges_users() && binds != Binding::Document {
                fields_as_read(layout.user_fields(), document, &mut condition);
            }
            if selection.query.judges_touches() {
                expiry_as_read(layout, document, &mut condition);
            }
            each.push(Bound { key, as_read: condition.done() });
        }
    }
    let count = (keys.len() + each.len()) as u64;
    let scope = if binds == Binding::Id { Scope::Keys(keys) } else { Scope::Each(each) };
    Candidates { scope, filter: filter.clone(), count, documents: whole, ids, users }
}

/// What must not have changed between the read and the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    /// Only the `_id`: the predicate covers the rest.
    Id,
    /// The payload, because it decided the selection.
    Payload,
    /// The whole document, because the archive contains this version of it.
    Document,
}

impl Purge {
    pub(super) fn binds(&self) -> Binding {
        // Applications write to an expired session only to renew it, and then the predicate fails.
        // A fixed session is kept, including what its store writes meanwhile.
        let may_lose =
            !self.selection.query.is_only_expired() && !matches!(self.action, Action::Fix(_));
        let ranks = self.selection.keep.is_some();
        match ((self.archive && may_lose) || ranks, self.selection.needs_payload()) {
            (true, _) => Binding::Document,
            (false, true) => Binding::Payload,
            (false, false) => Binding::Id,
        }
    }
}

/// The condition that the expiry has not changed since the read, so that a session with a derived
/// touch was not touched in between.
fn expiry_as_read(layout: &Layout, document: &RawDocument, condition: &mut Raw) {
    let paths = layout.expiry.iter().filter_map(|rule| rule.path.as_ref());
    let is_there = |path: &&FieldPath| Key::at(document, path).is_some();
    fields_as_read(paths.filter(is_there), document, condition);
}

/// The condition that fields have not changed since the read. Fields inside an array are skipped.
fn fields_as_read<'a>(
    paths: impl Iterator<Item = &'a FieldPath>,
    document: &RawDocument,
    condition: &mut Raw,
) {
    for path in paths {
        if let Some(value) = Key::at(document, path) {
            condition.extend(&compared(path, &[("$eq", &value)]));
        } else if let Found::Missing = find(document, path) {
            condition.document(path, &rawdoc! { "$exists": false });
        }
    }
}

/// The filter of the sessions of one user, which may match too many, but never too few.
fn candidates_of(layout: &Layout, user: &str) -> Option<RawDocumentBuf> {
    let candidates = Query::of(user).candidates(layout)?;
    RawDocumentBuf::try_from(&doc! { "$and": [candidates] }).ok()
}

/// The condition that what decided is unchanged since the read.
fn as_read(binds: Binding, selection: &Selection, layout: &Layout, document: &RawDocument) -> Raw {
    let mut condition = Raw::new();
    if binds == Binding::Payload {
        let Some(path) = &layout.payload.path else {
            // All fields are the payload.
            let of_users = selection.judges_users() && layout.user_needs_payload();
            if of_users || !selection.query.payload.is_empty() {
                condition.extend(&unchanged(document));
            }
            return condition;
        };
        if let Some(value) = Key::at(document, path)
            && value.size() <= REPEATED
            && let Payload::Value(_) = layout.payload(document)
        {
            condition.extend(&compared(path, &[("$eq", &value)]));
            return condition;
        }
    }
    condition.extend(&unchanged(document));
    condition
}
