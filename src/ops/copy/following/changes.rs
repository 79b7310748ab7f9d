//! Writes sessions that changed at the source, and deletes the copies of those that it no longer has.

use std::collections::{HashMap, HashSet};

use bson::Document;

use super::{BATCH, BATCH_BYTES, Following};
use crate::error::{Error, Result};
use crate::model::filter::Filter;
use crate::model::key::Key;
use crate::model::selection::{MOST_BYTES, chunks};
use crate::ops::copy::convert::Loss;
use crate::ops::copy::spec::Copied;
use crate::ops::copy::write::{Intake, Item, Written};
use crate::server::backoff::Retries;
use crate::server::reply::documents;

impl Following {
    /// Copies these sessions as the source has them now, and removes those that it no longer has.
    pub(super) async fn follow(&mut self, keys: Vec<Key>) -> Result<Copied> {
        let mut done = Copied::default();
        for some in chunks(&keys, BATCH as usize, MOST_BYTES) {
            let mut retries = Retries::default();
            let (seen, gone) = loop {
                match self.follow_some(some, &mut done).await {
                    Ok(both) => break both,
                    Err(error) => retries.pause(&self.cancel, error).await?,
                }
            };
            self.total.add(&seen);
            done.add(&seen);
            if !gone.is_empty() {
                // A collection that was dropped is empty, but nobody logged out.
                self.source.still_is(&self.identities.0).await?;
                let removed = self.remove(gone).await?;
                done.add(&removed);
            }
        }
        Ok(done)
    }

    /// Copies some of these sessions, and adds what was written to `done`. How many were read and lost,
    /// and those whose copies are to be deleted.
    async fn follow_some(&mut self, keys: &[Key], done: &mut Copied) -> Result<(Copied, Vec<Key>)> {
        let selection = self.selection();
        let converter = self.copy.converter.clone().map(|one| one.at(selection.now));
        let intake = Intake { converter, records: true };
        let is_of_all = selection.is_of_all();
        // What was copied is kept up to date, whether it is still selected or not.
        let known = match is_of_all {
            true => HashMap::new(),
            false => self.ledger.entries(keys).await?,
        };
        let (mut seen, mut over) = (Copied::default(), Vec::new());
        let mut left: HashSet<Key> = keys.iter().cloned().collect();
        let filter = Filter::keyed("_id", keys.to_vec(), Document::new());
        let mut batches = self.source.read_whole(filter, BATCH).await?;
        while let Some(batch) = batches.next().await? {
            let (mut items, mut bytes) = (Vec::new(), 0);
            for document in documents(&batch) {
                let Some(key) = Key::of(document).filter(|key| left.remove(key)) else { continue };
                let layouts = self.source.layouts();
                // A document that is no session any more, such as one in a new layout, is no log-out.
                let is_wanted = layouts.describes(document)
                    && (is_of_all
                        || known.contains_key(&key)
                        || selection.holds(layouts, document));
                if !is_wanted {
                    continue;
                }
                seen.read += 1;
                match intake.take(document) {
                    Ok(item) => {
                        bytes += item.document.as_bytes().len();
                        items.push(item);
                    }
                    Err((loss, key)) => {
                        *seen.lost.entry(loss).or_default() += 1;
                        over.extend(key.filter(|_| loss == Loss::Expired));
                    }
                }
                if bytes > BATCH_BYTES {
                    done.add(&self.write(std::mem::take(&mut items)).await?);
                    bytes = 0;
                }
            }
            done.add(&self.write(items).await?);
        }
        over.extend(left);
        Ok((seen, over))
    }

    async fn write(&mut self, mut items: Vec<Item>) -> Result<Copied> {
        let mut done = Copied::default();
        while !items.is_empty() {
            let most = self.most().await?;
            let rest = items.split_off(most.min(items.len()));
            let some = std::mem::replace(&mut items, rest);
            self.gate.begin(some.len() as u64);
            // In its own task, because a driver future must not be dropped.
            let written = tokio::spawn(self.writer.clone().write(some)).await;
            done.add(&self.landed(written.ok())?);
        }
        Ok(done)
    }

    /// Deletes the copies of these sessions.
    pub(super) async fn remove(&mut self, keys: Vec<Key>) -> Result<Copied> {
        let (mut done, mut left) = (Copied::default(), keys.as_slice());
        while !left.is_empty() {
            let most = self.most().await?;
            let Some(some) = chunks(left, most, MOST_BYTES).next() else { break };
            self.gate.begin(some.len() as u64);
            let written = tokio::spawn(self.writer.clone().remove(some.to_vec())).await;
            done.add(&self.landed(written.ok())?);
            left = &left[some.len()..];
        }
        Ok(done)
    }

    /// How many sessions may be written now; it waits until then.
    async fn most(&mut self) -> Result<usize> {
        self.gate.wait().await?;
        Ok(self.gate.load(1, BATCH).size as usize)
    }

    fn landed(&mut self, written: Option<Written>) -> Result<Copied> {
        let Some(mut written) = written else { return Err(Error::lost_task()) };
        self.changes.add(written.take_changes());
        let Written {
            copied, replaced, removed, unchanged, kept, ended, exact, took, error, ..
        } = written;
        let done = copied + replaced + unchanged + kept + ended;
        self.gate.end(done, done, took);
        self.exact &= exact;
        let done =
            Copied { copied, replaced, removed, unchanged, kept, ended, ..Copied::default() };
        self.total.add(&done);
        error.map_or(Ok(done), Err)
    }
}
