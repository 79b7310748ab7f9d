//! Where the sessions of a purge come from: one batch after the other, each as what its write is
//! bound to.

use std::collections::VecDeque;

use bson::{Bson, Document, RawDocument, doc};

use super::candidates::{Binding, Candidates, judged};
use super::spec::{Purge, Strategy};
use crate::error::Result;
use crate::model::filter::all;
use crate::server::reply::{documents, key_of};
use crate::store::{Batches, Store};

/// How often sessions that changed while they were judged are judged again.
const ROUNDS: u32 = 3;
/// The types of `_id` that windows go through one after the other: `$gte` stays within one type.
const WINDOWED: [&str; 3] = ["string", "objectId", "binData"];
/// All others that an `_id` may have.
const OTHERS: [&str; 9] =
    ["number", "object", "date", "bool", "timestamp", "null", "symbol", "minKey", "maxKey"];

/// Sessions that are found in the same way, one batch after the other.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a purge has a few of them")]
pub(super) enum Part {
    /// Those whose expiry is in a range, along its index.
    Expiry(Expiry),
    /// Those that match, in the order of `_id`.
    Walk(Walk),
    /// Those that match, by whatever the server finds best.
    Ids(Ids),
    /// Those with certain `_id`s that match.
    Keys(Keys),
}

impl Part {
    pub(super) fn strategy(&self) -> Strategy {
        match self {
            Self::Expiry(_) => Strategy::ExpiryWindows,
            Self::Walk(_) => Strategy::IdWindows,
            Self::Ids(_) | Self::Keys(_) => Strategy::Ids,
        }
    }

    async fn next(&mut self, by: By<'_>) -> Result<Option<Candidates>> {
        match self {
            Self::Expiry(expiry) => expiry.next(by).await,
            Self::Walk(walk) => walk.next(by).await,
            Self::Ids(ids) => ids.next(by).await,
            Self::Keys(keys) => keys.next(by).await,
        }
    }
}

/// Reads the parts of a plan, one after the other.
#[derive(Debug)]
pub(super) struct Source(pub(super) VecDeque<Part>);

impl Source {
    /// The next batch; `None` at the end. After an error the same call may be made again.
    pub(super) async fn next(&mut self, by: By<'_>) -> Result<Option<Candidates>> {
        while let Some(part) = self.0.front_mut() {
            let next = part.next(by).await?;
            // The last part may have more once it is known what was spared.
            if next.is_some() || self.0.len() == 1 {
                return Ok(next);
            }
            self.0.pop_front();
        }
        Ok(None)
    }

    /// Tells that so many sessions of a batch did not match any more when they were written.
    pub(super) fn spared(&mut self, sessions: u64) {
        if let Some(Part::Ids(ids)) = self.0.front_mut() {
            ids.spared += sessions;
        }
    }
}

/// Windows of an expiry: what is in the range is expired.
#[derive(Debug)]
pub(super) struct Expiry {
    path: String,
    below: Bson,
    index: String,
    /// What must hold besides.
    filter: Document,
    /// Where the next window begins: `$gte` or `$gt` a value.
    from: Option<(&'static str, Bson)>,
    /// Sessions of one instant, more than a batch of them.
    burst: Option<(Bson, Ids)>,
    ended: bool,
}

impl Expiry {
    /// Those whose `path` is below this value, along `index`, and that match.
    pub(super) fn new(path: String, below: Bson, index: String, filter: Document) -> Self {
        Self { path, below, index, filter, from: None, burst: None, ended: false }
    }

    /// A window ends where `skip` leads along the index. The server answers that from the index, so
    /// that no session is read before it is deleted.
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
            let bound = by.bound(range.clone(), &self.path, &self.index, by.size).await?;
            let Some(bound) = bound else {
                self.ended = true;
                // Most passes of a sweep find nothing: then nothing is deleted, either.
                let is_empty = self.from.is_none()
                    && by.bound(range.clone(), &self.path, &self.index, 0).await?.is_none();
                return Ok((!is_empty).then(|| self.window(range, by.size)));
            };
            let begins = matches!(&self.from, Some(("$gte", from)) if *from == bound);
            if !is_scalar(&bound) {
                // An array stands where one instant should: no window can end there.
                self.ended = true;
                self.burst = Some((bound, self.ids(range)));
            } else if begins {
                // More sessions of one instant than a batch has: no window is narrower.
                let instant = doc! { &self.path: &bound };
                self.burst = Some((bound, self.ids(instant)));
            } else {
                let window = self.window(self.range("$lt", &bound), by.size);
                self.from = Some(("$gte", bound));
                return Ok(Some(window));
            }
        }
    }

    /// What is not yet done, up to `end`.
    fn range(&self, operator: &str, end: &Bson) -> Document {
        let mut range = Document::new();
        if let Some((from, value)) = &self.from {
            range.insert(*from, value);
        }
        range.insert(operator, end);
        doc! { &self.path: range }
    }

    fn window(&self, range: Document, size: u32) -> Candidates {
        let hint = self.index.as_str().into();
        Candidates::window(range, hint, self.filter.clone(), size.into())
    }

    fn ids(&self, range: Document) -> Ids {
        Ids::new(all(vec![range, self.filter.clone()]))
    }
}

/// An instant or a number, to which a window can reach.
fn is_scalar(bound: &Bson) -> bool {
    use bson::Bson::{DateTime, Decimal128, Double, Int32, Int64};
    matches!(bound, DateTime(_) | Int32(_) | Int64(_) | Double(_) | Decimal128(_))
}

/// Windows of the `_id`: each is so many documents for the server to look at.
#[derive(Debug)]
pub(super) struct Walk {
    filter: Document,
    types: VecDeque<&'static str>,
    from: Option<Bson>,
    /// Ids of other types, which are few if there are any.
    others: Option<Ids>,
}

impl Walk {
    pub(super) fn new(filter: Document) -> Self {
        Self { filter, types: WINDOWED.into(), from: None, others: None }
    }

    async fn next(&mut self, by: By<'_>) -> Result<Option<Candidates>> {
        while let Some(kind) = self.types.front() {
            if self.from.is_none() {
                self.from = by.bound(of_type(&[kind]), "_id", "_id_", 0).await?;
            }
            let Some(from) = self.from.take() else {
                self.types.pop_front();
                continue;
            };
            let rest = doc! { "_id": { "$gte": &from } };
            let range = match by.bound(rest.clone(), "_id", "_id_", by.size).await {
                Ok(Some(end)) => {
                    let range = doc! { "_id": { "$gte": from, "$lt": &end } };
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
        self.others.get_or_insert_with(|| Ids::new(filter())).next(by).await
    }
}

fn of_type(types: &[&str]) -> Document {
    doc! { "_id": { "$type": types } }
}

/// Sessions that are read, and judged where only their payload can tell.
#[derive(Debug)]
pub(super) struct Ids {
    filter: Document,
    reader: Option<Batches>,
    /// How often the reader began, and how many sessions were spared since.
    rounds: u32,
    spared: u64,
}

impl Ids {
    pub(super) fn new(filter: Document) -> Self {
        Self { filter, reader: None, rounds: 0, spared: 0 }
    }

    async fn next(&mut self, by: By<'_>) -> Result<Option<Candidates>> {
        loop {
            if self.reader.is_none() {
                // A session that changed between the read and the write was spared, because it may be
                // another one now; it is judged again.
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
                        judged(by.store.layouts(), by.purge, documents(&batch), &self.filter);
                    if read.count > 0 {
                        return Ok(Some(read));
                    }
                }
                Ok(None) => self.reader = None,
                Err(error) => {
                    // The cursor is lost; a new one finds what is left.
                    self.reader = None;
                    self.rounds -= 1;
                    return Err(error);
                }
            }
        }
    }
}

/// Sessions whose `_id`s are known. They are read all the same: one that did not match from the start
/// was not renewed by anybody.
#[derive(Debug)]
pub(super) struct Keys {
    keys: Vec<Bson>,
    at: usize,
    filter: Document,
}

impl Keys {
    pub(super) fn new(keys: Vec<Bson>, filter: Document) -> Self {
        Self { keys, at: 0, filter }
    }

    async fn next(&mut self, by: By<'_>) -> Result<Option<Candidates>> {
        while let Some(keys) = self.keys[self.at..].chunks(by.size as usize).next() {
            let these = doc! { "_id": { "$in": keys } };
            let mut reader = by.candidates(all(vec![these, self.filter.clone()])).await?;
            let is_collated = by.store.is_collated().await?;
            let is_named = |document: &&RawDocument| {
                !is_collated || key_of(document).is_some_and(|key| keys.contains(&key))
            };
            let mut read = Vec::new();
            while let Some(batch) = reader.next().await? {
                read.extend(documents(&batch).filter(is_named).map(RawDocument::to_owned));
            }
            let read = read.iter().map(|document| &**document);
            let candidates = judged(by.store.layouts(), by.purge, read, &self.filter);
            self.at += keys.len();
            if candidates.count > 0 {
                return Ok(Some(candidates));
            }
        }
        Ok(None)
    }
}

/// What the next batch is read by: whose, for what, and how many sessions at the most.
#[derive(Debug, Clone, Copy)]
pub(super) struct By<'a> {
    pub(super) store: &'a Store,
    pub(super) purge: &'a Purge,
    pub(super) size: u32,
}

impl By<'_> {
    /// What must be read of the sessions that match.
    async fn candidates(self, filter: Document) -> Result<Batches> {
        let Self { store, purge, size } = self;
        // Only a whole document tells in which of several fields its id is.
        let is_id_unclear = purge.tells_ids && !store.layouts().share_ids();
        let tells_users = purge.tells_ids && purge.tells_users;
        if purge.selection.needs_payload() || purge.archive || is_id_unclear || tells_users {
            return store.read_whole(filter, size).await;
        }
        let id = &*store.layout().id.path;
        let also = Some(id).filter(|id| purge.tells_ids && *id != "_id");
        store.read_ids(filter, also.as_slice(), size).await
    }

    /// The value of `path` that is `skip` places further along an index, if there is one.
    async fn bound(
        self,
        range: Document,
        path: &str,
        index: &str,
        skip: u32,
    ) -> Result<Option<Bson>> {
        let mut projection = doc! { path: 1 };
        if path != "_id" {
            projection.insert("_id", 0);
        }
        let command = doc! {
            "find": self.store.name(),
            "filter": range,
            "projection": projection,
            "sort": { path: 1 },
            "hint": index,
            "skip": i64::from(skip),
            "limit": 1,
            "singleBatch": true,
            "comment": self.store.comment(),
        };
        let reply = self.store.run("find", command).await?;
        let batch = reply.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
        let first = batch.ok().and_then(|batch| batch.first()).and_then(Bson::as_document);
        Ok(first.and_then(|document| at_path(document, path)))
    }
}

/// The value at a dotted path.
fn at_path(document: &Document, path: &str) -> Option<Bson> {
    match path.split_once('.') {
        None => document.get(path).cloned(),
        Some((first, rest)) => match document.get(first)? {
            Bson::Document(inner) => at_path(inner, rest),
            // Not a value that a window can end at.
            other => Some(other.clone()),
        },
    }
}
