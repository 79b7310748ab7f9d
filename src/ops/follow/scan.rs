//! A scan of a selection, batch by batch, whose sessions are compared with those that were seen before.

use std::collections::VecDeque;

use bson::Document;
use mongodb::raw_batch_cursor::RawBatch;
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::model::filter::Filter;
use crate::model::key::Key;
use crate::model::selection::{MOST_BYTES, Selection, chunks};
use crate::store::{Batches, Store};

/// Documents per batch.
const BATCH: u32 = 1000;

/// A running scan.
#[derive(Debug)]
pub(super) struct Scan {
    store: Store,
    parts: VecDeque<Selection>,
    filters: VecDeque<Filter>,
    reader: Option<Batches>,
    pub(super) began: Instant,
}

impl Scan {
    pub(super) async fn begin(store: &Store, selection: &Selection) -> Result<Self> {
        let began = Instant::now();
        let parts = store.parts(selection).await?.into();
        let store = store.clone();
        Ok(Self { store, parts, filters: VecDeque::new(), reader: None, began })
    }

    /// The next batch; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<RawBatch>> {
        loop {
            if let Some(reader) = &mut self.reader {
                match reader.next().await? {
                    Some(batch) => return Ok(Some(batch)),
                    None => self.reader = None,
                }
            }
            if let Some(filter) = self.filters.pop_front() {
                self.reader = Some(self.store.read_whole(filter, BATCH).await?);
                continue;
            }
            let Some(part) = self.parts.pop_front() else { return Ok(None) };
            self.filters = part.filter(self.store.layouts())?.into();
        }
    }
}

/// Sessions that a scan did not find: they were removed, no longer match, or moved within the index during
/// the scan.
#[derive(Debug, Default)]
pub(super) struct Unseen(VecDeque<Vec<Key>>);

impl Unseen {
    pub(super) fn of(keys: &[Key]) -> Self {
        Self(chunks(keys, BATCH as usize, MOST_BYTES).map(<[Key]>::to_vec).collect())
    }

    /// The next of them, with the documents that exist after all; `None` at the end.
    pub(super) async fn next(
        &mut self,
        store: &Store,
    ) -> Result<Option<(Vec<Key>, Vec<RawBatch>)>> {
        let Some(keys) = self.0.front() else { return Ok(None) };
        let filter = Filter::keyed("_id", keys.clone(), Document::new());
        let mut reader = store.read_whole(filter, BATCH).await?;
        let mut batches = Vec::new();
        while let Some(batch) = reader.next().await? {
            batches.push(batch);
        }
        Ok(self.0.pop_front().map(|keys| (keys, batches)))
    }
}

/// Whether a selection can be followed.
pub(in crate::ops) fn check(store: &Store, selection: &Selection) -> Result<()> {
    if selection.keep.is_some() {
        let what = "which sessions are the most recent ones changes with each log-in";
        return Err(Error::Unsupported(what.to_owned()));
    }
    selection.filter(store.layouts()).map(drop)
}
