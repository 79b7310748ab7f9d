//! Restores the documents of an archive, in batches that the caller pulls. Existing ids are
//! skipped, so a restore can always be repeated, whatever stopped it.

use std::collections::HashSet;

use bson::raw::{RawDocumentBuf, cstr};
use bson::{Document, rawdoc};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::model::key::{Key, among};
use crate::model::raw::Raw;
use crate::server::backoff::{Retries, may_pass};
use crate::server::connection::Connection;
use crate::server::cursor::{Query, RawQuery};
use crate::server::reply::{affected, documents, first_batch, refusal};
use crate::store::joined;

/// The default number of sessions per batch.
pub const BATCH_SIZE: u32 = 1000;
/// The maximum size of a batch in bytes, unless a single document is larger: a command is limited
/// to 16 MB.
const BATCH_BYTES: usize = 4 << 20;
/// How long the server may work on one batch, in milliseconds.
const BATCH_MAX_MS: i64 = 60_000;
/// `DuplicateKey`.
const DUPLICATE_KEY: i32 = 11000;

/// The result of one batch, or of all so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Documents that were read from the archive.
    pub read: u64,
    /// Documents that were inserted.
    pub inserted: u64,
    /// Documents that were not inserted, because the collection has their id already.
    pub skipped: u64,
    /// Whether `inserted` is exact. If a connection broke during a write, it is "at least", and
    /// `skipped` is "at most".
    pub exact: bool,
}

impl Restored {
    const NONE: Self = Self { read: 0, inserted: 0, skipped: 0, exact: true };

    fn add(&mut self, batch: Self) {
        self.read += batch.read;
        self.inserted += batch.inserted;
        self.skipped += batch.skipped;
        self.exact &= batch.exact;
    }
}

/// A running restore.
#[derive(Debug)]
pub struct Restoring<I> {
    connection: Connection,
    collection: String,
    documents: I,
    batch_size: u32,
    /// A document that was read but did not fit the previous batch.
    held: Option<RawDocumentBuf>,
    /// The error that ended the reading, to be reported once the documents before it are restored.
    broken: Option<Error>,
    total: Restored,
    cancel: CancellationToken,
}

impl Connection {
    /// Starts restoring `documents` into `collection`, which is created if it does not exist, in
    /// batches of `batch_size`. Nothing is read or written before its first batch is pulled.
    pub fn restore<I>(
        &self,
        collection: &str,
        documents: I,
        batch_size: u32,
        cancel: CancellationToken,
    ) -> Restoring<I::IntoIter>
    where
        I: IntoIterator<Item = Result<RawDocumentBuf>>,
    {
        Restoring {
            connection: self.clone(),
            collection: collection.to_owned(),
            documents: documents.into_iter(),
            batch_size: batch_size.max(1),
            held: None,
            broken: None,
            total: Restored::NONE,
            cancel,
        }
    }

    /// How many of `documents` have an `_id` that already exists in `collection`.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached; and the first error among the documents.
    pub async fn count_existing(
        &self,
        collection: &str,
        documents: impl IntoIterator<Item = Result<RawDocumentBuf>>,
    ) -> Result<u64> {
        let mut existing = 0;
        let (mut keys, mut bytes) = (Vec::new(), 0);
        for document in documents {
            let Some(key) = Key::of(&document?) else { continue };
            bytes += key.size();
            keys.push(key);
            if keys.len() == BATCH_SIZE as usize || bytes > BATCH_BYTES {
                existing += self.count_keys(collection, &keys).await?;
                (keys, bytes) = (Vec::new(), 0);
            }
        }
        Ok(existing + self.count_keys(collection, &keys).await?)
    }

    async fn count_keys(&self, collection: &str, keys: &[Key]) -> Result<u64> {
        let mut matching = Raw::new();
        matching.document("$match", &among("_id", keys));
        let (matching, counting) = (matching.done(), rawdoc! { "$count": "n" });
        // From the index on `_id`, without sending documents.
        let mut parts = Raw::new();
        parts.documents("pipeline", [&*matching, &*counting]);
        let mut command = joined(&rawdoc! { "aggregate": collection }, &parts.done());
        command.append(cstr!("cursor"), rawdoc! {});
        command.append(cstr!("comment"), COMMENT);
        let reply = self.run_raw("aggregate", collection, command).await?;
        Ok(first_batch(&reply).first().map_or(0, |counted| affected(counted, "n")))
    }
}

/// The comment of its operations in `currentOp` and the profiler.
const COMMENT: &str = concat!("sessionctl ", env!("CARGO_PKG_VERSION"), " restore");

impl<I: Iterator<Item = Result<RawDocumentBuf>>> Restoring<I> {
    /// The result so far, including that of a batch that failed.
    pub fn total(&self) -> Restored {
        self.total
    }

    /// Restores the next batch. `None` if nothing is left, or if the token was cancelled: a running
    /// batch is always finished first, unless the server is unreachable.
    ///
    /// # Errors
    /// The error that remains after several attempts, or at once an error that a retry cannot overcome, such as a document that the collection's validator refuses. An error of the archive is returned after the documents before it were restored.
    pub async fn next(&mut self) -> Result<Option<Restored>> {
        let mut retries = Retries::default();
        if self.cancel.is_cancelled() || !self.connection.reach(&mut retries, &self.cancel).await? {
            return Ok(None);
        }
        let batch = self.read();
        if batch.is_empty() {
            return self.broken.take().map_or(Ok(None), Err);
        }
        let mut restored = Restored { read: batch.len() as u64, ..Restored::NONE };
        let outcome = self.insert_with_retries(&batch, &mut restored).await;
        self.total.add(restored);
        match outcome {
            // It was interrupted while the server was unreachable, which is not a failure.
            Err(error) if self.cancel.is_cancelled() && may_pass(&error) => Ok(None),
            outcome => outcome.map(|()| Some(restored)),
        }
    }

    fn read(&mut self) -> Vec<RawDocumentBuf> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        // A full batch does not read another document, which may be large.
        let most = self.batch_size as usize;
        while self.broken.is_none() && batch.len() < most && bytes < BATCH_BYTES {
            let Some(next) = self.held.take().map(Ok).or_else(|| self.documents.next()) else {
                break;
            };
            let document = next.and_then(|document| match Key::of(&document) {
                // The server would generate a new id in each restore.
                None => Err(Error::Document("it has no _id".into())),
                Some(_) => Ok(document),
            });
            match document {
                Ok(document) => {
                    bytes += document.as_bytes().len();
                    if bytes > BATCH_BYTES && !batch.is_empty() {
                        self.held = Some(document);
                        break;
                    }
                    batch.push(document);
                }
                Err(error) => self.broken = Some(error),
            }
        }
        batch
    }

    async fn insert_with_retries(
        &mut self,
        batch: &[RawDocumentBuf],
        restored: &mut Restored,
    ) -> Result<()> {
        let mut retries = Retries::default();
        loop {
            let error = match self.insert(batch).await {
                Ok(reply) => {
                    // Documents of an earlier attempt now exist.
                    restored.inserted = restored.inserted.max(reply.inserted);
                    match reply.failure {
                        None => {
                            restored.skipped = restored.read.saturating_sub(restored.inserted);
                            return Ok(());
                        }
                        Some(error) if !error.is_transient() => {
                            restored.skipped = reply.skipped;
                            return Err(error);
                        }
                        Some(error) => {
                            // Without confirmation by a majority, a new primary may not have it.
                            restored.exact = false;
                            error
                        }
                    }
                }
                Err(error) => {
                    // After any error except a refusal, the server may have carried out a part.
                    restored.exact &= error.is_refusal();
                    error
                }
            };
            retries.pause(&self.cancel, error.clone()).await?;
            if !self.connection.reach(&mut retries, &self.cancel).await? {
                return Err(error);
            }
        }
    }

    async fn insert(&self, batch: &[RawDocumentBuf]) -> Result<Reply> {
        // The server repeats an existing id in its reply, which the driver may be unable to decode.
        let odd = batch.iter().filter_map(|document| Key::of(document));
        let odd: Vec<Key> = odd.filter(|key| key.bson().is_none()).collect();
        let taken = if odd.is_empty() { HashSet::new() } else { self.taken(&odd).await? };
        let is_new = |document: &&RawDocumentBuf| {
            taken.is_empty() || Key::of(document).is_none_or(|key| !taken.contains(&key))
        };
        let mut command = Raw::new();
        let bytes: usize = batch.iter().map(|document| document.as_bytes().len() + 16).sum();
        command.reserve(bytes + 1024);
        command.extend(&rawdoc! { "insert": &*self.collection });
        // Raw, because a BSON archive may contain text that is not UTF-8.
        command.documents("documents", batch.iter().filter(is_new).map(|document| &**document));
        let mut command = command.done();
        // An existing id must not stop the rest of the batch.
        command.append(cstr!("ordered"), false);
        command.append(cstr!("maxTimeMS"), BATCH_MAX_MS);
        command.append(cstr!("comment"), COMMENT);
        // A failover could roll back what was reported as restored.
        command.append(cstr!("writeConcern"), rawdoc! { "w": "majority" });
        if !batch.iter().any(|document| is_new(&document)) {
            return Ok(Reply { inserted: 0, skipped: batch.len() as u64, failure: None });
        }
        let reply = self.connection.run_raw("insert", &self.collection, command).await?;
        let mut reply = Reply::of(reply);
        reply.skipped += taken.len() as u64;
        Ok(reply)
    }

    /// The `keys` that exist in the collection.
    async fn taken(&self, keys: &[Key]) -> Result<HashSet<Key>> {
        let mut parts = Raw::new();
        parts.document("filter", &among("_id", keys));
        let mut find = joined(&rawdoc! { "find": &*self.collection }, &parts.done());
        find.append(cstr!("projection"), rawdoc! { "_id": 1 });
        find.append(cstr!("comment"), COMMENT);
        let query = Query::Raw(RawQuery {
            name: "find",
            command: find,
            batch_size: BATCH_SIZE,
            comment: COMMENT.to_owned(),
        });
        let mut found = self.connection.query(&self.collection, query).await?;
        let mut taken = HashSet::new();
        while let Some(batch) = found.next().await? {
            taken.extend(documents(&batch).filter_map(Key::of));
        }
        Ok(taken)
    }
}

/// The server's reply to a batch.
struct Reply {
    inserted: u64,
    skipped: u64,
    failure: Option<Error>,
}

impl Reply {
    fn of(mut reply: Document) -> Self {
        let inserted = affected(&reply, "n");
        let mut skipped = 0;
        if let Ok(errors) = reply.get_array_mut("writeErrors") {
            let all = errors.len();
            errors.retain(|error| !error.as_document().is_some_and(is_taken_id));
            skipped = (all - errors.len()) as u64;
        }
        Self { inserted, skipped, failure: refusal(&reply) }
    }
}

/// Whether this write error means that the `_id` exists, so that the session is already there. A
/// duplicate in another unique index prevents restoring a session that is not there.
fn is_taken_id(error: &Document) -> bool {
    let taken = match error.get_document("keyPattern") {
        Ok(pattern) => pattern.keys().eq(["_id"]),
        // Some servers omit the key pattern.
        Err(_) => error.get_str("errmsg").is_ok_and(|message| message.contains(" index: _id_ ")),
    };
    taken && error.get_i32("code").is_ok_and(|code| code == DUPLICATE_KEY)
}
