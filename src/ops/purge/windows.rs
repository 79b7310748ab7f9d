//! Sessions that are written in windows of the expiry or of the `_id`, without being read before.

use std::collections::VecDeque;

use bson::raw::RawDocumentBuf;
use bson::{Bson, Document, RawDocument, doc};

use super::candidates::Candidates;
use super::ids::Ids;
use super::reading::ReadContext;
use crate::error::{Error, Result};
use crate::model::filter::all;
use crate::model::key::{Key, compared};
use crate::store::raw_document;

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
    pub(super) async fn next(&mut self, by: ReadContext<'_>) -> Result<Option<Candidates>> {
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
            let bound = by.bound(&range, &self.path, &self.index, by.most).await?;
            let Some(bound) = bound else {
                // Most passes of a sweep find nothing, so they need no delete.
                let is_empty = self.from.is_none()
                    && by.bound(&range, &self.path, &self.index, 0).await?.is_none();
                // Only now: after an error, the same call is made again and must not find the end.
                self.ended = true;
                return Ok((!is_empty).then(|| self.window(range, by.most)));
            };
            let begins = matches!(&self.from, Some(("$gte", from)) if *from == bound);
            if !bound.is_scalar() {
                // An array instead of a single time: a window cannot end there.
                self.burst = Some((bound, self.ids(&range)?));
                self.ended = true;
            } else if begins {
                // More sessions with the same expiry than fit a batch: no window can be narrower.
                let instant = compared(&self.path, &[("$eq", &bound)]);
                self.burst = Some((bound, self.ids(&instant)?));
            } else {
                let window = self.window(self.range("$lt", &bound), by.most);
                self.from = Some(("$gte", bound));
                return Ok(Some(window));
            }
        }
    }

    /// Whether the last window was not the end of it.
    pub(super) fn goes_on(&self) -> bool {
        !self.ended
    }

    /// All of it, whatever was written so far.
    pub(super) fn whole(&self) -> IndexRange {
        let range = compared(&self.path, &[("$lt", &self.below)]);
        IndexRange { range, path: self.path.clone(), index: self.index.clone() }
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

/// A range of an index.
#[derive(Debug)]
pub(super) struct IndexRange {
    range: RawDocumentBuf,
    path: String,
    index: String,
}

impl IndexRange {
    /// Whether it has no document, a session or not.
    pub(super) async fn is_empty(&self, by: ReadContext<'_>) -> Result<bool> {
        Ok(by.bound(&self.range, &self.path, &self.index, 0).await?.is_none())
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

    /// Whether another window begins where the last one ended.
    pub(super) fn goes_on(&self) -> bool {
        self.from.is_some()
    }

    pub(super) async fn next(&mut self, by: ReadContext<'_>) -> Result<Option<Candidates>> {
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
            let range = match by.bound(&rest, "_id", "_id_", by.most).await {
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
            return Ok(Some(Candidates::window(range, hint, self.filter.clone(), by.most.into())));
        }
        let filter = || all(vec![of_type(&OTHERS), self.filter.clone()]);
        self.others.get_or_insert_with(|| Ids::new(filter(), filter())).next(by).await
    }
}

fn of_type(types: &[&str]) -> Document {
    doc! { "_id": { "$type": types } }
}
