//! Restores the documents of an archive, in batches that the caller pulls. Deleted documents are
//! inserted; changed documents become what they were, unless somebody else changed them since. A restore
//! can always be repeated, whatever stopped it.

use std::sync::Arc;
use std::time::Instant;

use bson::raw::RawDocumentBuf;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::model::key::Key;
use crate::model::layout::Layouts;
use crate::ops::archive::{Change, Entry};
use crate::ops::purge::{Gate, Latency, Pace, PaceControl, Throttled};
use crate::server::backoff::{Retries, may_pass};
use crate::server::connection::Connection;

mod place;
mod undo;

use place::Place;

/// The default number of sessions per batch.
pub const BATCH_SIZE: u32 = 1000;
/// The maximum size of a batch in bytes, unless a single document is larger: a command is limited
/// to 16 MB.
const BATCH_BYTES: usize = 4 << 20;
/// How many sessions the collection may refuse before the restore gives up, because the cause is not a
/// single document.
const MOST_REFUSED: u64 = 100;
/// How many of them are named.
const NAMED: usize = 3;

/// The result of one batch, or of all so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// Documents that were read from the archive.
    pub read: u64,
    /// Documents that were inserted.
    pub inserted: u64,
    /// Changed documents that got their archived form back.
    pub reverted: u64,
    /// Those that were not inserted, because the collection has their id already, and those that are as
    /// they were.
    pub skipped: u64,
    /// Those that were changed since, and left alone.
    pub changed: u64,
    /// Missing documents that were not inserted: with `only_present`, or because a session that a fix left
    /// live was ended since.
    pub absent: u64,
    /// Those that the collection refuses because of their content: another unique index has their value,
    /// a validator forbids them, and so on.
    pub refused: u64,
    /// Whether `inserted` is exact. If a connection broke during a write, it is "at least", and
    /// `skipped` is "at most".
    pub exact: bool,
}

impl Restored {
    const NONE: Self = Self {
        read: 0,
        inserted: 0,
        reverted: 0,
        skipped: 0,
        changed: 0,
        absent: 0,
        refused: 0,
        exact: true,
    };

    /// The documents of which the outcome is known.
    pub fn settled(&self) -> u64 {
        self.inserted + self.reverted + self.skipped + self.changed + self.absent + self.refused
    }

    fn add(&mut self, batch: Self) {
        self.read += batch.read;
        self.inserted += batch.inserted;
        self.reverted += batch.reverted;
        self.skipped += batch.skipped;
        self.changed += batch.changed;
        self.absent += batch.absent;
        self.refused += batch.refused;
        self.exact &= batch.exact;
    }
}

/// The sessions that the collection refused.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Refused {
    /// The short ids of some of them.
    pub ids: Vec<String>,
    /// Why the first of them was refused.
    pub why: Option<Error>,
}

/// A running restore.
#[derive(Debug)]
pub struct Restoring<I> {
    place: Place,
    batches: Batches<I>,
    batch_size: u32,
    only_present: bool,
    /// The documents of the last batch, if requested.
    reported: Option<Vec<RawDocumentBuf>>,
    /// Whether texts are compared by a collation, once that matters.
    collated: Option<bool>,
    total: Restored,
    refused: Refused,
    gate: Gate,
    cancel: CancellationToken,
}

impl Connection {
    /// Starts putting `entries` back into `collection`, which is created if it does not exist, in
    /// batches of `batch_size`. Plain documents were deleted: they are inserted. Nothing is read or
    /// written before its first batch is pulled.
    pub fn restore<I, E>(
        &self,
        collection: &str,
        entries: I,
        batch_size: u32,
        cancel: CancellationToken,
    ) -> Restoring<I::IntoIter>
    where
        I: IntoIterator<Item = Result<E>>,
        E: Into<Entry>,
    {
        Restoring {
            place: Place {
                connection: self.clone(),
                collection: collection.to_owned(),
                layouts: None,
            },
            batches: Batches::new(entries.into_iter(), batch_size.max(1)),
            batch_size: batch_size.max(1),
            only_present: false,
            reported: None,
            collated: None,
            total: Restored::NONE,
            refused: Refused::default(),
            gate: Gate::new(
                (self.clone(), collection),
                PaceControl::new(Pace::default()),
                cancel.clone(),
            ),
            cancel,
        }
    }
}

impl<I, E> Restoring<I>
where
    I: Iterator<Item = Result<E>>,
    E: Into<Entry>,
{
    /// Inserts nothing: what is gone stays gone.
    #[must_use]
    pub fn only_present(mut self, only_present: bool) -> Self {
        self.only_present = only_present;
        self
    }

    /// The layouts of the sessions. They tell by which field a store finds a session: one that the
    /// collection has under another `_id` is not inserted. They also tell which sessions are live after a
    /// fix: one of these that is gone was ended since, and is not inserted. Without them, none that is gone
    /// is inserted.
    #[must_use]
    pub fn layouts(mut self, layouts: Option<Layouts>) -> Self {
        self.place.layouts = layouts;
        self
    }

    /// Restores at this pace, which may change meanwhile. One batch is in flight.
    #[must_use]
    pub fn controlled_by(mut self, control: PaceControl) -> Self {
        self.gate.obey(control);
        self
    }

    /// Keeps the documents of each batch for [`Restoring::batch`].
    #[must_use]
    pub fn reporting(mut self, reports: bool) -> Self {
        self.reported = reports.then(Vec::new);
        self
    }

    /// The documents of the last batch, whatever became of each; empty unless requested.
    pub fn batch(&self) -> &[RawDocumentBuf] {
        self.reported.as_deref().unwrap_or_default()
    }

    /// What reads of other clients took meanwhile; see
    /// [`Purging::latency`](crate::ops::purge::Purging::latency).
    pub fn latency(&self) -> Option<Latency> {
        self.gate.latency()
    }

    /// How long the restore waited so far, by cause.
    pub fn throttled(&self) -> Throttled {
        self.gate.throttled
    }

    /// The result so far, including that of a batch that failed.
    pub fn total(&self) -> Restored {
        self.total
    }

    /// The sessions that the collection refused so far, which
    /// [`Restored::refused`] counts.
    pub fn refused(&self) -> &Refused {
        &self.refused
    }

    /// Restores the next batch. `None` if nothing is left, or if the token was cancelled: a running
    /// batch is always finished first, unless the server is unreachable.
    ///
    /// # Errors
    /// An error that several attempts did not overcome, or at once one that a retry cannot overcome. Single
    /// documents that the collection refuses are counted, unless there are more than a hundred. The
    /// documents that could be read before an error of the entries' source are restored first.
    pub async fn next(&mut self) -> Result<Option<Restored>> {
        self.gate.wait().await?;
        let mut retries = Retries::default();
        if self.cancel.is_cancelled()
            || !self.place.connection.reach(&mut retries, &self.cancel).await?
        {
            return Ok(None);
        }
        let size = self.gate.control().batch_size(self.batch_size);
        self.batches.size = self.gate.load(1, size).size as usize;
        let Some(batch) = self.batches.next().transpose()? else { return Ok(None) };
        let mut restored = Restored { read: batch.documents.len() as u64, ..Restored::NONE };
        if let Some(reported) = &mut self.reported {
            reported.clone_from(&batch.documents);
        }
        let began = Instant::now();
        self.gate.begin(restored.read);
        let outcome = match &batch.change {
            None if self.only_present => self.leave_out(&batch.documents, &mut restored).await,
            None => self.insert(batch.documents, &mut restored).await,
            Some(change) => self.undo(change, batch.documents, &mut restored).await,
        };
        self.gate.end(restored.read, restored.read, began.elapsed());
        self.total.add(restored);
        match outcome {
            // It was interrupted while the server was unreachable, which is not a failure.
            Err(error) if self.cancel.is_cancelled() && may_pass(&error) => Ok(None),
            outcome => outcome.map(|()| Some(restored)),
        }
    }

    /// What the next batch would do now, without doing it. `None` when nothing is left.
    ///
    /// # Errors
    /// If the command cannot be sent, or the server refuses it; and the first error among the entries.
    pub async fn preview(&mut self) -> Result<Option<Restored>> {
        let Some(batch) = self.batches.next().transpose()? else { return Ok(None) };
        let mut restored = Restored { read: batch.documents.len() as u64, ..Restored::NONE };
        match &batch.change {
            None => {
                self.leave_out(&batch.documents, &mut restored).await?;
                if !self.only_present {
                    restored.inserted = std::mem::take(&mut restored.absent);
                }
            }
            Some(change) => self.look(change, &batch.documents, &mut restored).await?,
        }
        self.total.add(restored);
        Ok(Some(restored))
    }

    /// Counts what the collection has, and what it does not.
    async fn leave_out(&self, batch: &[RawDocumentBuf], restored: &mut Restored) -> Result<()> {
        let is_taken = self.place.are_taken(batch.iter(), &self.cancel).await?;
        let free = batch.iter().zip(&is_taken).filter(|(_, is_taken)| !**is_taken);
        let keys: Vec<_> = free.filter_map(|(document, _)| Key::of(document)).collect();
        let taken = (batch.len() - keys.len()) as u64;
        restored.skipped = taken + self.place.count(&keys).await?;
        restored.absent = restored.read.saturating_sub(restored.skipped);
        Ok(())
    }

    async fn insert(
        &mut self,
        mut batch: Vec<RawDocumentBuf>,
        restored: &mut Restored,
    ) -> Result<()> {
        let mut is_taken = self.place.are_taken(batch.iter(), &self.cancel).await?.into_iter();
        batch.retain(|_| is_taken.next() != Some(true));
        let taken = restored.read - batch.len() as u64;
        let (done, outcome) = self.place.inserter(&self.cancel).insert(&batch).await;
        restored.inserted = done.inserted;
        restored.exact &= done.exact;
        let refused = done.refused.len() as u64;
        restored.skipped = match &outcome {
            Ok(()) => restored.read.saturating_sub(restored.inserted + refused),
            Err(_) => taken + done.taken.len() as u64,
        };
        let refused = done.refused.into_iter().map(|(at, why)| (&batch[at], why));
        let is_single = self.refuse(refused, restored);
        outcome.and(is_single)
    }

    /// Counts documents that the collection refuses, and names some of them. The error if there are too
    /// many.
    fn refuse<'d>(
        &mut self,
        refused: impl Iterator<Item = (&'d RawDocumentBuf, Error)>,
        restored: &mut Restored,
    ) -> Result<()> {
        let mut outcome = Ok(());
        for (document, why) in refused {
            restored.refused += 1;
            if self.refused.ids.len() < NAMED {
                self.refused.ids.extend(self.place.key(document).map(|key| key.short()));
            }
            self.refused.why.get_or_insert_with(|| why.clone());
            if self.total.refused + restored.refused > MOST_REFUSED {
                outcome = Err(why);
            }
        }
        outcome
    }
}

/// Entries in batches of the same change.
#[derive(Debug)]
struct Batches<I> {
    entries: I,
    size: usize,
    /// An entry that was read but belongs to the next batch.
    held: Option<Entry>,
    /// The error that ended the reading, to be reported once the entries before it are restored.
    broken: Option<Error>,
}

/// Documents to which the same was done.
struct Batch {
    documents: Vec<RawDocumentBuf>,
    change: Option<Arc<Change>>,
}

impl<I> Batches<I> {
    fn new(entries: I, size: u32) -> Self {
        Self { entries, size: size as usize, held: None, broken: None }
    }
}

impl<I, E> Iterator for Batches<I>
where
    I: Iterator<Item = Result<E>>,
    E: Into<Entry>,
{
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut documents = Vec::new();
        let (mut change, mut bytes) = (None, 0);
        // A full batch does not read another document, which may be large.
        while self.broken.is_none() && documents.len() < self.size && bytes < BATCH_BYTES {
            let read = || self.entries.next().map(|next| next.map(Into::into));
            let Some(next) = self.held.take().map(Ok).or_else(read) else { break };
            let entry: Entry = match next {
                // The server would generate a new id in each restore.
                Ok(entry) if Key::of(&entry.document).is_none() => {
                    self.broken = Some(Error::Document("it has no _id".into()));
                    break;
                }
                Ok(entry) => entry,
                Err(error) => {
                    self.broken = Some(error);
                    break;
                }
            };
            bytes += entry.document.as_bytes().len();
            let fits = bytes <= BATCH_BYTES && is_same(entry.change.as_ref(), change.as_ref());
            if !documents.is_empty() && !fits {
                self.held = Some(entry);
                break;
            }
            change = entry.change;
            documents.push(entry.document);
        }
        match documents.is_empty() {
            true => self.broken.take().map(Err),
            false => Some(Ok(Batch { documents, change })),
        }
    }
}

fn is_same(one: Option<&Arc<Change>>, other: Option<&Arc<Change>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}
