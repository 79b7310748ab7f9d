//! Sessions that are read before they are written: those of a filter, of some users, or of certain
//! `_id`s.

use std::collections::HashSet;

use bson::{Document, RawDocument};

use super::candidates::{Binding, Candidates, judged};
use super::order::Order;
use super::reading::ReadContext;
use super::spec::Purge;
use crate::error::Result;
use crate::model::filter::Filter;
use crate::model::key::Key;
use crate::model::selection::{MOST_BYTES, Selection, chunks};
use crate::server::reply::documents;
use crate::store::Batches;

/// How often sessions that changed during the check are checked again.
const ROUNDS: u32 = 3;
/// Sessions that are read, and checked here if their payload decides.
#[derive(Debug)]
pub(super) struct Ids {
    /// The filter that finds the sessions.
    filter: Document,
    /// The filter that their writes repeat.
    predicate: Document,
    order: Order,
    reader: Option<Batches>,
    /// How often the reader started, and how many sessions were spared since.
    rounds: u32,
    spared: u64,
}

impl Ids {
    pub(super) fn new(filter: Document, predicate: Document) -> Self {
        Self { filter, predicate, order: Order::Index, reader: None, rounds: 0, spared: 0 }
    }

    /// The same sessions, in the order in which they are stored.
    pub(super) fn stored(self) -> Self {
        Self { order: Order::Stored, ..self }
    }

    /// By what the sessions are found.
    pub(super) fn filter(&self) -> &Document {
        &self.filter
    }

    pub(super) fn spared(&mut self, sessions: u64) {
        self.spared += sessions;
    }

    /// Whether sessions changed between the read and the write, and were not checked again.
    pub(super) fn has_spared(&self) -> bool {
        self.spared > 0
    }

    pub(super) async fn next(&mut self, by: ReadContext<'_>) -> Result<Option<Candidates>> {
        loop {
            if self.reader.is_none() {
                // A session that changed between the read and the write was spared, because it may
                // no longer match. It is checked again.
                let changed = self.spared > 0 && by.purge.binds() != Binding::Id;
                let again = changed && self.rounds <= ROUNDS;
                if self.rounds > 0 && !again {
                    return Ok(None);
                }
                self.reader = Some(by.candidates(self.filter.clone(), self.order).await?);
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
                    // The cursor is lost; a new one finds the rest. Sessions that were spared in an
                    // earlier round may not have been read yet, so the round is made again.
                    self.reader = None;
                    self.rounds -= 1;
                    self.spared = self.spared.max(1);
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

    pub(super) fn spared(&mut self, sessions: u64) {
        if let Some(ids) = &mut self.ids {
            ids.spared(sessions);
        }
    }

    pub(super) async fn next(&mut self, by: ReadContext<'_>) -> Result<Option<Candidates>> {
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

    pub(super) async fn next(&mut self, by: ReadContext<'_>) -> Result<Option<Candidates>> {
        let is_collated = by.store.is_collated().await?;
        loop {
            let Some((reader, count)) = &mut self.reading else {
                let left = &self.keys[self.at..];
                let Some(keys) = chunks(left, by.size as usize, MOST_BYTES).next() else {
                    return Ok(None);
                };
                let filter = Filter::keyed("_id", keys.to_vec(), self.filter.clone());
                self.reading = Some((by.candidates(filter, Order::Index).await?, keys.len()));
                continue;
            };
            let keys = &self.keys[self.at..self.at + *count];
            match reader.next().await {
                Ok(Some(batch)) => {
                    // With a collation, other ids may be equal to them.
                    let named: Option<HashSet<&Key>> = is_collated.then(|| keys.iter().collect());
                    let is_named = |document: &&RawDocument| {
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
