//! The source of the sessions of a purge: one batch after the other, each with the conditions of
//! its write.

use std::collections::{HashSet, VecDeque};

use bson::raw::{RawDocumentBuf, cstr};
use bson::{Bson, Document, RawDocument, doc, rawdoc};

use futures_util::FutureExt as _;

use super::candidates::{Binding, Candidates, judged};
use super::spec::{Purge, Strategy};
use crate::error::{Error, Result};
use crate::model::filter::{Filter, all};
use crate::model::key::{Key, Raw, compared};
use crate::model::selection::{MOST_BYTES, Selection, chunks};
use crate::server::reply::documents;
use crate::store::{Batches, Store, joined, raw_document};

/// How often sessions that changed during the check are checked again.
const ROUNDS: u32 = 3;
/// The types of `_id` whose windows are processed one after the other, because `$gte` stays within
/// one type.
const WINDOWED: [&str; 3] = ["string", "objectId", "binData"];
/// All other types of `_id`.
const OTHERS: [&str; 14] = [
    "number",
    "object",
    "date",
    "bool",
    "timestamp",
    "null",
    "symbol",
    "minKey",
    "maxKey",
    "regex",
    "undefined",
    "dbPointer",
    "javascript",
    "javascriptWithScope",
];

/// Sessions with the same strategy, one batch after the other.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a purge has a few of them")]
pub(super) enum Part {
    /// Sessions with an expiry in a range, along its index.
    Expiry(Expiry),
    /// Matching sessions, in the order of `_id`.
    Walk(Walk),
    /// Matching sessions, with the plan that the server chooses.
    Ids(Ids),
    /// Matching sessions with given `_id`s.
    Keys(Keys),
    /// Matching sessions of some users among many.
    Group(Group),
}

impl Part {
    pub(super) fn strategy(&self) -> Strategy {
        match self {
            Self::Expiry(_) => Strategy::ExpiryWindows,
            Self::Walk(_) => Strategy::IdWindows,
            Self::Ids(_) | Self::Keys(_) | Self::Group(_) => Strategy::Ids,
        }
    }

    async fn next(&mut self, by: By<'_>) -> Result<Option<Candidates>> {
        match self {
            Self::Expiry(expiry) => expiry.next(by).await,
            Self::Walk(walk) => walk.next(by).await,
            Self::Ids(ids) => ids.next(by).await,
            Self::Keys(keys) => keys.next(by).await,
            Self::Group(group) => group.next(by).await,
        }
    }
}

/// Reads the parts of a plan, one after the other.
#[derive(Debug)]
pub(super) struct Source(pub(super) VecDeque<Part>);

impl Source {
    /// The next batch; `None` at the end. After an error, the call may be repeated.
    pub(super) async fn next(&mut self, by: By<'_>) -> Result<Option<Candidates>> {
        while let Some(part) = self.0.front_mut() {
            // Boxed, because otherwise the compiler exceeds its recursion limit in the driver's
            // types when a purge is sent to another thread.
            let next = part.next(by).boxed().await?;
            // A part may have more batches once the spared sessions are known.
            if next.is_some() || self.0.len() == 1 || by.in_flight {
                return Ok(next);
            }
            self.0.pop_front();
        }
        Ok(None)
    }

    /// Reports how many sessions of a batch no longer matched when they were written.
    pub(super) fn spared(&mut self, sessions: u64) {
        if let Some(Part::Ids(ids) | Part::Group(Group { ids: Some(ids), .. })) = self.0.front_mut()
        {
            ids.spared += sessions;
        }
    }
}

/// Windows of an expiry: every session in the range is expired.
#[derive(Debug)]
pub(super) struct Expiry {
    path: String,
    below: Key,
    index: String,
    /// The other conditions.
    filter: Document,
    /// The start of the next window: `$gte` or `$gt` a value.
    from: Option<(&'static str, Key)>,
    /// Sessions with the same expiry, more than one batch of them.
    burst: Option<(Key, Ids)>,
    ended: bool,
}

impl Expiry {
    /// Matching sessions whose `path` is below this value, along `index`.
    pub(super) fn new(path: String, below: &Bson, index: String, filter: Document) -> Self {
        let below = Key::from(below);
        Self { path, below, index, filter, from: None, burst: None, ended: false }
    }

    /// Finds the end of a window with `skip`. The server answers from the index alone, so no
    /// session is read before it is deleted.
    async fn next(&mut self, by: By<'_>) -> Result<Option<Candidates>> {
        loop {
            if let Some((instant, ids)) = &mut self.burst {
                if let Some(candidates) = ids.next(by).await? {
                    return Ok(Some(candidates));
                }
                self.from = Some(("$gt", instant.clone()));
                self.burst = None;
            }
            if self.ended {
                return Ok(None);
            }
            let range = self.range("$lt", &self.below);
            let bound = by.bound(&range, &self.path, &self.index, by.size).await?;
            let Some(bound) = bound else {
                self.ended = true;
                // Most passes of a sweep find nothing, so they need no delete.
                let is_empty = self.from.is_none()
                    && by.bound(&range, &self.path, &self.index, 0).await?.is_none();
                return Ok((!is_empty).then(|| self.window(range, by.size)));
            };
            let begins = matches!(&self.from, Some(("$gte", from)) if *from == bound);
            if !bound.is_scalar() {
                // An array instead of a single time: a window cannot end there.
                self.ended = true;
                self.burst = Some((bound, self.ids(&range)?));
            } else if begins {
                // More sessions with the same expiry than fit a batch: no window can be narrower.
                let instant = compared(&self.path, &[("$eq", &bound)]);
                self.burst = Some((bound, self.ids(&instant)?));
            } else {
                let window = self.window(self.range("$lt", &bound), by.size);
                self.from = Some(("$gte", bound));
                return Ok(Some(window));
            }
        }
    }

    /// The remaining range, up to `end`.
    fn range(&self, operator: &str, end: &Key) -> RawDocumentBuf {
        let from = self.from.iter().map(|(from, value)| (*from, value));
        let range: Vec<_> = from.chain([(operator, end)]).collect();
        compared(&self.path, &range)
    }

    fn window(&self, range: RawDocumentBuf, size: u32) -> Candidates {
        let hint = self.index.as_str().into();
        Candidates::window(range, hint, self.filter.clone(), size.into())
    }

    fn ids(&self, range: &RawDocument) -> Result<Ids> {
        // A date or a number is decoded without loss.
        let range = Document::try_from(range);
        let range = range.map_err(|_| Error::Document("an expiry cannot be decoded".into()))?;
        let filter = all(vec![range, self.filter.clone()]);
        Ok(Ids::new(filter.clone(), filter))
    }
}

/// Windows of the `_id`: each is a number of documents for the server to examine.
#[derive(Debug)]
pub(super) struct Walk {
    filter: Document,
    types: VecDeque<&'static str>,
    from: Option<Key>,
    /// Ids of other types, which are rare.
    others: Option<Ids>,
}

impl Walk {
    pub(super) fn new(filter: Document) -> Self {
        Self { filter, types: WINDOWED.into(), from: None, others: None }
    }

    async fn next(&mut self, by: By<'_>) -> Result<Option<Candidates>> {
        while let Some(kind) = self.types.front() {
            if self.from.is_none() {
                let all = raw_document(&of_type(&[kind]))?;
                self.from = by.bound(&all, "_id", "_id_", 0).await?;
            }
            let Some(from) = self.from.take() else {
                self.types.pop_front();
                continue;
            };
            let rest = compared("_id", &[("$gte", &from)]);
            let range = match by.bound(&rest, "_id", "_id_", by.size).await {
                Ok(Some(end)) => {
                    let range = compared("_id", &[("$gte", &from), ("$lt", &end)]);
                    self.from = Some(end);
                    range
                }
                Ok(None) => {
                    self.types.pop_front();
                    rest
                }
                Err(error) => {
                    self.from = Some(from);
                    return Err(error);
                }
            };
            let hint = doc! { "_id": 1 }.into();
            return Ok(Some(Candidates::window(range, hint, self.filter.clone(), by.size.into())));
        }
        let filter = || all(vec![of_type(&OTHERS), self.filter.clone()]);
        self.others.get_or_insert_with(|| Ids::new(filter(), filter())).next(by).await
    }
}

fn of_type(types: &[&str]) -> Document {
    doc! { "_id": { "$type": types } }
}

/// Sessions that are read, and checked here if their payload decides.
#[derive(Debug)]
pub(super) struct Ids {
    /// The filter that finds the sessions.
    filter: Document,
    /// The filter that their writes repeat.
    predicate: Document,
    reader: Option<Batches>,
    /// How often the reader started, and how many sessions were spared since.
    rounds: u32,
    spared: u64,
}

impl Ids {
    pub(super) fn new(filter: Document, predicate: Document) -> Self {
        Self { filter, predicate, reader: None, rounds: 0, spared: 0 }
    }

    async fn next(&mut self, by: By<'_>) -> Result<Option<Candidates>> {
        loop {
            if self.reader.is_none() {
                // A session that changed between the read and the write was spared, because it may
                // no longer match. It is checked again.
                let changed = self.spared > 0 && by.purge.binds() != Binding::Id;
                let again = changed && self.rounds <= ROUNDS;
                if self.rounds > 0 && !again {
                    return Ok(None);
                }
                self.reader = Some(by.candidates(self.filter.clone()).await?);
                self.rounds += 1;
                self.spared = 0;
            }
            let Some(reader) = &mut self.reader else { return Ok(None) };
            match reader.next().await {
                Ok(Some(batch)) => {
                    let read =
                        judged(by.store.layouts(), by.purge, documents(&batch), &self.predicate);
                    if read.count > 0 {
                        return Ok(Some(read));
                    }
                }
                Ok(None) => self.reader = None,
                Err(error) => {
                    // The cursor is lost; a new one finds the rest.
                    self.reader = None;
                    self.rounds -= 1;
                    return Err(error);
                }
            }
        }
    }
}

/// Sessions of some users. Each filter is built when its turn comes, because the filters for all
/// users together take much memory.
#[derive(Debug)]
pub(super) struct Group {
    selection: Selection,
    predicate: Document,
    ids: Option<Ids>,
}

impl Group {
    pub(super) fn new(selection: Selection, predicate: Document) -> Self {
        Self { selection, predicate, ids: None }
    }

    async fn next(&mut self, by: By<'_>) -> Result<Option<Candidates>> {
        let mut ids = match self.ids.take() {
            Some(ids) => ids,
            None => {
                let part = Purge { selection: self.selection.clone(), ..by.purge.clone() };
                Ids::new(part.condition(by.store.layouts())?, self.predicate.clone())
            }
        };
        let next = ids.next(by).await;
        self.ids = Some(ids);
        next
    }
}

/// Sessions whose `_id`s are known. They are read nevertheless, because a session that did not
/// match from the start must not count as renewed.
#[derive(Debug)]
pub(super) struct Keys {
    keys: Vec<Key>,
    /// How many of them were read, and the part that is being read.
    at: usize,
    reading: Option<(Batches, usize)>,
    filter: Document,
}

impl Keys {
    pub(super) fn new(keys: Vec<Key>, filter: Document) -> Self {
        Self { keys, at: 0, reading: None, filter }
    }

    async fn next(&mut self, by: By<'_>) -> Result<Option<Candidates>> {
        let is_collated = by.store.is_collated().await?;
        loop {
            let Some((reader, count)) = &mut self.reading else {
                let left = &self.keys[self.at..];
                let Some(keys) = chunks(left, by.size as usize, MOST_BYTES).next() else {
                    return Ok(None);
                };
                let filter = Filter::keyed("_id", keys.to_vec(), self.filter.clone());
                self.reading = Some((by.candidates(filter).await?, keys.len()));
                continue;
            };
            let keys = &self.keys[self.at..self.at + *count];
            match reader.next().await {
                Ok(Some(batch)) => {
                    // With a collation, other ids may be equal to them.
                    let named: Option<HashSet<&Key>> = is_collated.then(|| keys.iter().collect());
                    let is_named = |document: &&bson::RawDocument| {
                        named.as_ref().is_none_or(|named| {
                            Key::of(document).is_some_and(|key| named.contains(&key))
                        })
                    };
                    let read = documents(&batch).filter(is_named);
                    let read = judged(by.store.layouts(), by.purge, read, &self.filter);
                    if read.count > 0 {
                        return Ok(Some(read));
                    }
                }
                Ok(None) => {
                    self.at += *count;
                    self.reading = None;
                }
                Err(error) => {
                    // The cursor is lost; a new one finds what is left.
                    self.reading = None;
                    return Err(error);
                }
            }
        }
    }
}

/// What the next batch needs: the collection, the action, and the maximum number of sessions.
#[derive(Debug, Clone, Copy)]
pub(super) struct By<'a> {
    pub(super) store: &'a Store,
    pub(super) purge: &'a Purge,
    pub(super) size: u32,
    /// Whether batches are being written.
    pub(super) in_flight: bool,
}

impl By<'_> {
    /// The fields to read of the matching sessions.
    async fn candidates(self, filter: impl Into<Filter>) -> Result<Batches> {
        let Self { store, purge, size, .. } = self;
        // Only a whole document shows which of several fields holds its id.
        let is_id_unclear = purge.tells_ids && !store.layouts().share_ids();
        let tells_users = purge.tells_ids && purge.tells_users;
        if purge.selection.needs_payload() || purge.archive || is_id_unclear || tells_users {
            return store.read_whole(filter, size).await;
        }
        let id = &*store.layout().id.path;
        let also = Some(id).filter(|id| purge.tells_ids && *id != "_id");
        store.read_ids(filter, also.as_slice(), size).await
    }

    /// The value of `path` that is `skip` entries further along an index, if there is one.
    async fn bound(
        self,
        range: &bson::RawDocument,
        path: &str,
        index: &str,
        skip: u32,
    ) -> Result<Option<Key>> {
        let mut projection = doc! { path: 1 };
        if path != "_id" {
            projection.insert("_id", 0);
        }
        let mut parts = Raw::new();
        parts.document("filter", range);
        parts.document("projection", &raw_document(&projection)?);
        parts.document("sort", &raw_document(&doc! { path: 1 })?);
        let mut find = joined(&rawdoc! { "find": self.store.name() }, &parts.done());
        find.append(cstr!("hint"), index);
        find.append(cstr!("skip"), i64::from(skip));
        find.append(cstr!("limit"), 1);
        find.append(cstr!("singleBatch"), true);
        let mut found = self.store.read_raw("find", find, 1).await?;
        let Some(batch) = found.next().await? else { return Ok(None) };
        let first = documents(&batch).next();
        Ok(first.and_then(|document| Key::at(document, path).or_else(|| outer(document, path))))
    }
}

/// The value at a dotted path, or the first array on it, at which a window cannot end.
fn outer(document: &bson::RawDocument, path: &str) -> Option<Key> {
    path.split_once('.').and_then(|(first, _)| Key::at(document, first))
}
