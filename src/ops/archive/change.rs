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

/// Copies of changed sessions that a later copy in the same archive replaces: a session that its store
/// wrote between the read and the update was read and archived again, and only the last copy is what
/// was changed.
#[derive(Debug, Clone, Default)]
pub struct Superseded {
    /// A Bloom filter of the `_id`s so far, so that only those that may be there twice take memory.
    seen: Vec<u64>,
    /// Where the last copy is of those that may be there twice.
    last: HashMap<u128, u64>,
    count: u64,
}

/// 8 MiB: of a million sessions about ten are taken for ones that are there twice, which does no harm.
const FILTER_BITS: u32 = 26;

impl Superseded {
    /// Takes in the next entry of the archive.
    pub(super) fn add(&mut self, entry: &Entry) {
        let Some(hash) = hash(entry) else { return };
        if self.seen.is_empty() {
            self.seen = vec![0; 1 << (FILTER_BITS - 6)];
        }
        let mut is_new = false;
        for part in 0..4 {
            let bit = (hash >> (part * 32)) as u32 >> (32 - FILTER_BITS);
            let word = &mut self.seen[bit as usize / 64];
            is_new |= *word & 1 << (bit % 64) == 0;
            *word |= 1 << (bit % 64);
        }
        if !is_new {
            self.last.insert(hash, self.count);
        }
        self.count += 1;
    }

    /// How many sessions of the archive were changed, copies included.
    pub fn changed(&self) -> u64 {
        self.count
    }

    /// Before the first entry of the archive.
    pub fn begin(&self) -> Place {
        Place::default()
    }

    /// Whether the next entry of the archive, at `place`, is the last copy of its session, or was
    /// deleted. It must be asked of all entries in order.
    pub fn is_current(&self, place: &mut Place, entry: &Entry) -> bool {
        let Some(hash) = hash(entry) else { return true };
        let at = place.0;
        place.0 += 1;
        self.last.get(&hash).is_none_or(|last| *last == at)
    }
}

/// How far the changed sessions of an archive were read.
#[derive(Debug, Clone, Default)]
pub struct Place(u64);

/// Stands for the `_id` of a changed session: two are never the same in both halves.
fn hash(entry: &Entry) -> Option<u128> {
    entry.change.as_ref()?;
    let key = Key::of(&entry.document)?;
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, &key).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    Some((half(0) << 64) | half(1))
}
