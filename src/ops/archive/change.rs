//! What was done to the documents of an archive that are still there: a note before them says it, so
//! that a restore can undo it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use bson::raw::RawDocumentBuf;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, RawDocument, doc};

use crate::error::{Error, Result};
use crate::model::key::{Key, with_value};

/// A document of an archive, as it was before anything was done to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The document.
    pub document: RawDocumentBuf,
    /// How it was changed; none if it was deleted.
    pub change: Option<Arc<Change>>,
}

impl From<RawDocumentBuf> for Entry {
    fn from(document: RawDocumentBuf) -> Self {
        Self { document, change: None }
    }
}

/// What an action wrote into documents.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    action: String,
    /// One for each layout of the collection.
    updates: Vec<Update>,
}

/// An update as it was sent to the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Update {
    /// These values were set at these paths.
    Set(Vec<(String, Key)>),
    /// A pipeline, by which the server computes what it sets.
    Computed(Vec<Document>),
}

/// The field that marks a note. A session has an `_id` instead.
const ACTION: &str = "sessionctl";
/// The action that needs no note, unless others came before it in the same archive.
const PURGE: &str = "purge";
const FIX: &str = "fix";
const UPDATES: &str = "updates";

impl Change {
    /// What `action` does by these updates. `None` if one of them is of another kind than
    /// [`Purging`](crate::purge::Purging) sends.
    pub(crate) fn new<'a>(
        action: &str,
        updates: impl IntoIterator<Item = &'a Bson>,
    ) -> Option<Self> {
        let updates = updates.into_iter().map(Update::of).collect::<Option<_>>()?;
        Some(Self { action: action.to_owned(), updates })
    }

    /// `expire` or `fix`.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// Whether its sessions may be live afterwards, so that one that is gone may have been logged out.
    pub(crate) fn may_leave_live(&self) -> bool {
        self.action == FIX
    }

    pub(crate) fn updates(&self) -> &[Update] {
        &self.updates
    }

    /// The note of what was done to the documents that follow it. Its updates are bytes, since some
    /// formats would read their operators as values.
    pub(super) fn note(change: Option<&Self>) -> Result<RawDocumentBuf> {
        let mut note = doc! { ACTION: change.map_or(PURGE, Self::action) };
        note.insert("version", env!("CARGO_PKG_VERSION"));
        if let Some(change) = change {
            let updates: Vec<Bson> = change.updates.iter().map(Update::bson).collect();
            let bytes = raw(&doc! { UPDATES: updates })?.into_bytes();
            note.insert(UPDATES, Binary { subtype: BinarySubtype::Generic, bytes });
        }
        raw(&note)
    }

    /// What a note says. `None` if the document is none; `Err` if it is one of a version to come.
    pub(super) fn read(document: &RawDocument) -> Option<Result<Option<Self>, ()>> {
        let Ok(action) = document.get_str(ACTION) else { return None };
        if Key::of(document).is_some() {
            return None;
        }
        let Ok(bytes) = document.get_binary(UPDATES) else {
            return Some(if action == PURGE { Ok(None) } else { Err(()) });
        };
        let updates = || {
            let updates = Document::from_reader(bytes.bytes).ok()?;
            Self::new(action, updates.get_array(UPDATES).ok()?)
        };
        Some(updates().map(Some).ok_or(()))
    }
}

fn raw(document: &Document) -> Result<RawDocumentBuf> {
    RawDocumentBuf::try_from(document)
        .map_err(|_| Error::Unsupported("the name of a field has a zero byte in it".into()))
}

impl Update {
    fn of(update: &Bson) -> Option<Self> {
        let sets = |stage: &Document| stage.keys().eq(["$set"]);
        match update {
            Bson::Document(update) if sets(update) => {
                let set = update.get_document("$set").ok()?;
                let set = set.iter().map(|(path, value)| (path.clone(), Key::from(value)));
                Some(Self::Set(set.collect()))
            }
            Bson::Array(stages) => {
                let stages: Option<Vec<_>> = stages.iter().map(Bson::as_document).collect();
                let stages: Vec<_> = stages?.into_iter().cloned().collect();
                // An archive is not to make the server do anything else.
                stages.iter().all(sets).then_some(Self::Computed(stages))
            }
            _ => None,
        }
    }

    fn bson(&self) -> Bson {
        match self {
            Self::Set(values) => {
                let value = |(path, value): &(String, Key)| {
                    (path.clone(), value.bson().unwrap_or(Bson::Null))
                };
                doc! { "$set": values.iter().map(value).collect::<Document>() }.into()
            }
            Self::Computed(stages) => stages.clone().into(),
        }
    }

    /// What it makes of a document, unless only the server can say, or the server refuses it.
    pub(crate) fn set(&self, document: &RawDocument) -> Option<RawDocumentBuf> {
        let Self::Set(values) = self else { return None };
        values
            .iter()
            .try_fold(document.to_owned(), |so_far, (path, value)| with_value(&so_far, path, value))
    }
}

/// Copies of sessions that a later copy in the same archive replaces: a session that its store wrote between
/// the read and the write was read and archived again, and only the last copy is what was deleted or
/// changed. A session that was changed and then deleted counts as both, since both are undone.
#[derive(Debug, Clone, Default)]
pub struct Superseded {
    /// Bloom filters of the `_id`s so far, so that only those that may be there twice take memory.
    seen: Vec<Vec<u64>>,
    /// How many `_id`s the last of them still takes.
    room: u64,
    /// Where the last copies are of those that may be there twice.
    last: HashMap<u128, Last>,
    changed: u64,
    read: u64,
    is_over: bool,
}

/// Where the last copy of a session is, and the last one that was changed rather than deleted.
#[derive(Debug, Clone, Copy)]
struct Last {
    any: u64,
    changed: Option<u64>,
}

/// The first filter has 8 MiB and each further one twice as much as the one before, up to 512 MiB.
const FIRST_BITS: u32 = 26;
const MOST_BITS: u32 = 32;
/// With these many bits for each, a few of a thousand sessions are taken for ones that are there twice,
/// which does no harm.
const BITS_EACH: u32 = 16;

impl Superseded {
    /// Takes in the next entry of the archive.
    pub(super) fn add(&mut self, entry: &Entry) {
        let at = self.read;
        self.read += 1;
        let is_change = entry.change.is_some();
        self.changed += u64::from(is_change);
        // A restore ends at a document without an `_id`: no copy that follows is reached.
        let Some(hash) = hash(&entry.document).filter(|_| !self.is_over) else {
            self.is_over = true;
            return;
        };
        if self.see(hash) {
            let last = self.last.entry(hash).or_insert(Last { any: at, changed: None });
            last.any = at;
            last.changed = is_change.then_some(at).or(last.changed);
        }
    }

    /// Whether this `_id` may have been seen before.
    fn see(&mut self, hash: u128) -> bool {
        let places = |filter: &[u64]| {
            let bits = filter.len().ilog2() + u64::BITS.ilog2();
            [0, 32, 64, 96].map(|part| ((hash >> part) as u32 >> (32 - bits)) as usize)
        };
        let has = |filter: &Vec<u64>| {
            places(filter).iter().all(|bit| filter[bit / 64] & 1 << (bit % 64) != 0)
        };
        if self.seen.iter().any(has) {
            return true;
        }
        if self.room == 0 {
            let bits = FIRST_BITS.saturating_add(self.seen.len() as u32).min(MOST_BITS);
            self.seen.push(vec![0; 1 << (bits - u64::BITS.ilog2())]);
            self.room = (1 << bits) / u64::from(BITS_EACH);
        }
        self.room -= 1;
        if let Some(filter) = self.seen.last_mut() {
            for bit in places(filter) {
                filter[bit / 64] |= 1 << (bit % 64);
            }
        }
        false
    }

    /// Leaves out what follows the first `documents`, which is damaged: the copies before it count.
    pub(super) fn truncate(&mut self, documents: u64) {
        self.last.retain(|_, last| last.any < documents);
    }

    /// How many sessions of the archive were changed, copies included.
    pub fn changed(&self) -> u64 {
        self.changed
    }

    /// Whether some session may be there twice.
    pub fn may_be_any(&self) -> bool {
        !self.last.is_empty()
    }

    /// Before the first entry of the archive.
    pub fn begin(&self) -> Place {
        Place::default()
    }

    /// Whether the next entry of the archive, at `place`, is the last copy of its session. It must be asked
    /// of all entries in order.
    pub fn is_current(&self, place: &mut Place, entry: &Entry) -> bool {
        let at = place.0;
        place.0 += 1;
        let Some(last) = hash(&entry.document).and_then(|hash| self.last.get(&hash)) else {
            return true;
        };
        match entry.change {
            Some(_) => last.changed.is_none_or(|last| last == at),
            None => last.any == at,
        }
    }
}

/// How far an archive was read.
#[derive(Debug, Clone, Default)]
pub struct Place(u64);

/// Stands for the `_id` of a session: two are never the same in both halves.
fn hash(document: &RawDocument) -> Option<u128> {
    let key = Key::of(document)?;
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, &key).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    Some((half(0) << 64) | half(1))
}

#[cfg(test)]
mod tests {
    use bson::rawdoc;

    use super::*;

    const DELETED: bool = false;
    const CHANGED: bool = true;

    fn entry(id: i64, is_change: bool) -> Entry {
        let change = Change { action: FIX.to_owned(), updates: Vec::new() };
        Entry { document: rawdoc! { "_id": id }, change: is_change.then(|| Arc::new(change)) }
    }

    /// Which of these entries are current, of those before the damage.
    fn current(entries: &[Entry], sound: usize) -> Vec<bool> {
        let mut superseded = Superseded::default();
        entries.iter().for_each(|entry| superseded.add(entry));
        superseded.truncate(sound as u64);
        let mut place = superseded.begin();
        entries[..sound].iter().map(|entry| superseded.is_current(&mut place, entry)).collect()
    }

    #[test]
    fn the_last_copy_counts_unless_a_change_was_followed_by_a_deletion() {
        for (kinds, wanted) in [
            ([DELETED, DELETED, DELETED], [false, false, true]),
            ([CHANGED, CHANGED, CHANGED], [false, false, true]),
            ([DELETED, CHANGED, CHANGED], [false, false, true]),
            ([CHANGED, DELETED, DELETED], [true, false, true]),
            ([CHANGED, CHANGED, DELETED], [false, true, true]),
        ] {
            assert_eq!(current(&kinds.map(|kind| entry(1, kind)), 3), wanted, "{kinds:?}");
        }
        assert_eq!(current(&[1, 2, 1].map(|id| entry(id, DELETED)), 3), [false, true, true]);
    }

    #[test]
    fn a_copy_that_is_damaged_supersedes_none() {
        let twice = [entry(1, DELETED), entry(2, DELETED), entry(1, DELETED)];
        assert_eq!(current(&twice, 2), [true, true]);
    }

    #[test]
    fn few_of_many_sessions_are_taken_for_ones_that_are_there_twice() {
        // A small filter, which is full soon.
        let seen = vec![vec![0; 1 << 10]];
        let mut superseded = Superseded { seen, room: 4096, ..Superseded::default() };
        let count = 50_000;
        (0..count).for_each(|id| superseded.add(&entry(id, DELETED)));
        assert_eq!(superseded.seen.len(), 2);
        assert!(superseded.last.len() < 500, "{}", superseded.last.len());
        (0..count).for_each(|id| superseded.add(&entry(id, DELETED)));
        assert_eq!(superseded.last.len(), 50_000);
    }
}
