//! Deleting or ending the sessions of a selection, in batches that the caller pulls: the caller owns
//! progress, limits and interruption, and may stop between any two batches.
//!
//! Every write repeats the whole predicate and is bound to the `_id`s that were read, with a hint:
//! without it the planner may walk the expiry index once for each batch (measured: 40 times slower).

use std::time::Duration;

use bson::{Bson, DateTime, Document, RawDocument, doc};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::payload::Payload;
use crate::query::{Query, all};
use crate::session::State;
use crate::store::{Batches, Reading, Store, affected, documents, key_of};

/// How many sessions a batch has unless told otherwise.
pub const BATCH_SIZE: u32 = 1000;
/// How often a batch is tried before the purge gives up.
const ATTEMPTS: u32 = 8;
/// The first pause before trying again; it doubles each time.
const PAUSE: Duration = Duration::from_millis(100);
/// How often sessions that changed while they were judged are judged again.
const ROUNDS: u32 = 3;
/// Payloads up to this size, in bytes, are repeated in the delete; a command holds 16 MB in all.
const REPEATED_PAYLOAD: usize = 64 << 10;
/// Sessions that go into one command when their payloads do.
const WITH_PAYLOADS: usize = 200;
/// How long the server may work on one batch, in milliseconds.
const BATCH_MAX_MS: i64 = 60_000;

/// What happens to a selected session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its document is deleted.
    Deleted,
    /// Its expiry is set into the past; the document stays until it is swept.
    Ended,
}

/// A selection and what shall happen to it: a plain value.
#[derive(Debug, Clone)]
pub struct Purge {
    /// The selection.
    pub query: Query,
    /// The `_id`s it is limited to, if ids were given.
    pub keys: Option<Vec<Bson>>,
    /// The server's now at the start.
    pub now: DateTime,
    /// What is before it is expired.
    pub cutoff: DateTime,
    /// Delete, or end.
    pub fate: Fate,
    /// Sessions a batch.
    pub batch_size: u32,
}

impl Purge {
    /// Deletes what is expired at `cutoff`.
    pub fn expired(now: DateTime, cutoff: DateTime) -> Self {
        Self {
            query: Query::state(State::Expired),
            keys: None,
            now,
            cutoff,
            fate: Fate::Deleted,
            batch_size: BATCH_SIZE,
        }
    }
}

/// What came of one batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Batch {
    /// Sessions that were deleted, or ended.
    pub done: u64,
    /// Sessions that were read for it but did not match any more when they were to be written: they
    /// were renewed or removed meanwhile.
    pub spared: u64,
    /// Whether `done` is exact; after a connection that broke in mid-write it is "at least".
    pub exact: bool,
}

/// A purge under way.
#[derive(Debug)]
pub struct Purging {
    store: Store,
    purge: Purge,
    filter: Document,
    ending: Option<Document>,
    reader: Option<Batches>,
    /// Whether the reader met the end.
    finished: bool,
    /// Sessions spared since the reader began, and how often it began again because of them.
    spared: u64,
    rounds: u32,
    exact: bool,
    cancel: CancellationToken,
}

impl Store {
    /// The filter of what a selection means, as far as the server can decide it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the layout cannot tell.
    pub fn matching(&self, purge: &Purge) -> Result<Document> {
        let mut clauses = Vec::new();
        if let Some(keys) = &purge.keys {
            clauses.push(doc! { "_id": { "$in": keys } });
        }
        clauses.push(purge.query.filter(self.layout(), purge.now, purge.cutoff)?);
        Ok(all(clauses))
    }

    /// The filter of what a purge ends: what its selection means, without what is spared.
    ///
    /// # Errors
    /// As for [`Store::matching`].
    pub fn selection(&self, purge: &Purge) -> Result<Document> {
        let mut clauses = vec![self.matching(purge)?];
        clauses.extend(self.spared(purge).map(|some| doc! { "$nor": [some] }));
        if purge.fate == Fate::Ended {
            // What is over already is left as it is.
            clauses.push(doc! { "$nor": [self.layout().filter(State::Expired, purge.now)] });
        }
        Ok(all(clauses))
    }

    /// Credentials of programs are ended by name only; an expired one is dead like any other.
    fn spared(&self, purge: &Purge) -> Option<Document> {
        let may_hit = purge.keys.is_none() && !purge.query.is_only_expired();
        self.layout().credentials().filter(|_| may_hit)
    }

    /// How many documents a purge spares because they are credentials rather than logins.
    ///
    /// # Errors
    /// What the connection meets.
    pub async fn count_spared(&self, purge: &Purge) -> Result<u64> {
        match self.spared(purge) {
            Some(spared) => self.count(all(vec![self.matching(purge)?, spared])).await,
            None => Ok(0),
        }
    }

    /// How many sessions a selection has now, decoding every candidate if it must.
    ///
    /// # Errors
    /// As for [`Store::purge`].
    pub async fn count_selected(&self, purge: &Purge) -> Result<u64> {
        let filter = self.selection(purge)?;
        if !purge.query.needs_payload() {
            return self.count(filter).await;
        }
        let mut batches = self.read(filter, &Reading::default()).await?;
        let mut count = 0;
        while let Some(batch) = batches.next().await? {
            count +=
                documents(&batch).filter(|document| self.admits(purge, document)).count() as u64;
        }
        Ok(count)
    }

    /// Whether a session that matched the server's part of a selection is meant.
    pub fn admits(&self, purge: &Purge, document: &RawDocument) -> bool {
        let payload = purge.query.payload(self.layout(), document);
        let session = self.layout().session(document, &payload, purge.cutoff);
        purge.query.admits(&session, &payload)
    }

    /// Starts a purge: nothing is read or written before its first batch is pulled.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the layout has no date for a condition, or no way to end a
    /// session but to delete it.
    pub fn purge(&self, purge: Purge, cancel: CancellationToken) -> Result<Purging> {
        let filter = self.selection(&purge)?;
        let ending = match purge.fate {
            Fate::Deleted => None,
            Fate::Ended => Some(self.ending(purge.now)?),
        };
        Ok(Purging {
            store: self.clone(),
            purge,
            filter,
            ending,
            reader: None,
            finished: false,
            spared: 0,
            rounds: 0,
            exact: true,
            cancel,
        })
    }

    /// The update that ends a session.
    fn ending(&self, now: DateTime) -> Result<Document> {
        let layout = self.layout();
        layout.ending(now).filter(|_| layout.checks_expiry_on_read).ok_or_else(|| {
            Error::Unsupported(format!(
                "the store of layout {} does not look at the expiry when it reads, so an expired \
                 session still logs in until it is deleted",
                layout.name
            ))
        })
    }
}

/// Sessions read for one batch.
#[derive(Default)]
struct Candidates {
    keys: Vec<Bson>,
    /// For selections by payload: each payload as it was judged.
    payloads: Option<Vec<Document>>,
}

impl Purging {
    /// Whether the batches so far add up to what was done. `false` once a write failed in a way that
    /// leaves open how much of it was carried out.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Does the next batch. `None` when nothing is left, or when the token was cancelled: the batch
    /// under way is always finished first.
    ///
    /// # Errors
    /// What is still wrong after several attempts, or at once what trying again cannot mend.
    pub async fn next(&mut self) -> Result<Option<Batch>> {
        while !self.finished {
            if self.cancel.is_cancelled() {
                return Ok(None);
            }
            let Some(candidates) = self.read_with_retries().await? else { break };
            if !candidates.keys.is_empty() {
                return self.write_with_retries(&candidates).await;
            }
        }
        Ok(None)
    }

    async fn read_with_retries(&mut self) -> Result<Option<Candidates>> {
        let mut attempt = 0;
        loop {
            // Reading changes nothing, so an interrupted process need not wait for its answer.
            let read = self.cancel.clone().run_until_cancelled_owned(self.read()).await;
            match read {
                None => return Ok(None),
                Some(Ok(candidates)) => return Ok(candidates),
                Some(Err(error)) => {
                    // The cursor is lost; a new one finds what is left.
                    self.reader = None;
                    self.pause(&mut attempt, error).await?;
                }
            }
        }
    }

    async fn read(&mut self) -> Result<Option<Candidates>> {
        let needs_payload = self.purge.query.needs_payload();
        if self.reader.is_none() {
            let reader = if needs_payload {
                self.store.read_whole(self.filter.clone(), self.purge.batch_size).await?
            } else {
                self.store.read_ids(self.filter.clone(), &[], self.purge.batch_size).await?
            };
            self.reader = Some(reader);
        }
        let Some(reader) = &mut self.reader else { return Ok(None) };
        let Some(batch) = reader.next().await? else {
            self.reader = None;
            self.finished = !self.is_worth_another_look();
            return Ok(Some(Candidates::default()));
        };
        let mut candidates =
            Candidates { keys: Vec::new(), payloads: needs_payload.then(Vec::new) };
        for document in documents(&batch) {
            let Some(key) = key_of(document) else { continue };
            if let Some(payloads) = &mut candidates.payloads {
                if !self.store.admits(&self.purge, document) {
                    continue;
                }
                payloads.push(payload_as_read(&self.store, document));
            }
            candidates.keys.push(key);
        }
        Ok(Some(candidates))
    }

    /// A session whose payload changed between the read and the write was spared, because it may
    /// be another one now; it is judged again.
    fn is_worth_another_look(&mut self) -> bool {
        let again = self.purge.query.needs_payload() && self.spared > 0 && self.rounds < ROUNDS;
        self.spared = 0;
        self.rounds += 1;
        again
    }

    async fn write_with_retries(&mut self, candidates: &Candidates) -> Result<Option<Batch>> {
        let mut attempt = 0;
        let mut exact = true;
        loop {
            match self.write(candidates).await {
                Ok(done) => {
                    let spared = (candidates.keys.len() as u64).saturating_sub(done);
                    self.spared += spared;
                    // What an earlier attempt may have done was not renewed by anybody.
                    let spared = if exact { spared } else { 0 };
                    return Ok(Some(Batch { done, spared, exact }));
                }
                Err(error) => {
                    // It may have been carried out, in whole or in part. Doing it again is safe: the
                    // predicate still holds or it does not.
                    exact &= candidates.payloads.is_none() && error.is_refusal();
                    self.exact &= exact;
                    self.pause(&mut attempt, error).await?;
                    if !self.reached_again(&mut attempt).await? {
                        return Ok(Some(Batch { done: 0, spared: 0, exact }));
                    }
                }
            }
        }
    }

    /// Waits until a primary answers, so that a write is never begun, and then left, while no
    /// server is there. `false` if the token was cancelled first.
    async fn reached_again(&mut self, attempt: &mut u32) -> Result<bool> {
        loop {
            let connection = self.store.connection().clone();
            let answer = self
                .cancel
                .clone()
                .run_until_cancelled_owned(async move { connection.primary_now().await });
            match answer.await {
                None => return Ok(false),
                Some(Ok(_)) => return Ok(true),
                Some(Err(error)) => self.pause(attempt, error).await?,
            }
        }
    }

    /// Sleeps before another attempt, or gives the error back where there is no point in one.
    async fn pause(&mut self, attempt: &mut u32, error: Error) -> Result<()> {
        let may_help = error.is_transient() || matches!(error, Error::NotPrimary { .. });
        if !may_help || *attempt + 1 >= ATTEMPTS || self.cancel.is_cancelled() {
            return Err(error);
        }
        let pause = jittered(PAUSE * 2_u32.pow(*attempt));
        *attempt += 1;
        self.cancel.run_until_cancelled(tokio::time::sleep(pause)).await;
        Ok(())
    }

    async fn write(&mut self, candidates: &Candidates) -> Result<u64> {
        let Some(payloads) = &candidates.payloads else {
            let which = doc! { "_id": { "$in": &candidates.keys } };
            return self.write_statements(vec![self.statement(which)]).await;
        };
        let statements = candidates.keys.iter().zip(payloads).map(|(key, payload)| {
            let mut one = doc! { "_id": key };
            one.extend(payload.clone());
            self.statement(one)
        });
        let mut done = 0;
        for chunk in statements.collect::<Vec<_>>().chunks(WITH_PAYLOADS) {
            done += self.write_statements(chunk.to_vec()).await?;
        }
        Ok(done)
    }

    async fn write_statements(&mut self, statements: Vec<Document>) -> Result<u64> {
        let (name, list, count) = match self.purge.fate {
            Fate::Deleted => ("delete", "deletes", "n"),
            Fate::Ended => ("update", "updates", "nModified"),
        };
        let command = doc! {
            name: self.store.name(),
            list: statements,
            "ordered": false,
            "maxTimeMS": BATCH_MAX_MS,
            "comment": self.store.comment(),
            "writeConcern": { "w": "majority" },
        };
        Ok(affected(&self.store.run(name, command).await?, count))
    }

    /// One statement of the command: these documents, as long as the predicate still holds.
    fn statement(&self, which: Document) -> Document {
        let query = match self.filter.is_empty() {
            true => which,
            false => doc! { "$and": [which, self.filter.clone()] },
        };
        match &self.ending {
            None => doc! { "q": query, "limit": 0, "hint": { "_id": 1 } },
            Some(update) => {
                doc! { "q": query, "u": update.clone(), "multi": true, "hint": { "_id": 1 } }
            }
        }
    }
}

/// The payload as the condition that it is still the one that was judged. Where it is too large,
/// or cannot be written back (text that is not UTF-8), only the `_id` and the filter bind the write.
fn payload_as_read(store: &Store, document: &RawDocument) -> Document {
    let layout = store.layout();
    let Some(path) = &layout.payload.path else { return Document::new() };
    if document.as_bytes().len() > REPEATED_PAYLOAD {
        return Document::new();
    }
    match (document.get(path), layout.payload(document)) {
        (Ok(Some(value)), Payload::Value(_)) => Bson::try_from(value)
            .map_or_else(|_| Document::new(), |value| doc! { path: { "$eq": value } }),
        _ => Document::new(),
    }
}

/// `pause` give or take a quarter, so that many do not come back at once.
pub(crate) fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(0_u8) as u32;
    pause.mul_f64(0.75 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}
