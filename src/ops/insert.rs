//! Inserting documents where there are none of their ids yet, as a restore and a copy do it: doing it
//! again changes nothing.

use std::collections::HashSet;

use bson::raw::{RawDocumentBuf, cstr};
use bson::{Bson, Document, rawdoc};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::model::key::{Key, among};
use crate::model::raw::Raw;
use crate::server::backoff::Retries;
use crate::server::connection::Connection;
use crate::server::cursor::{Query, RawQuery};
use crate::server::reply::{affected, documents, refusal, write_error};
use crate::store::joined;

/// How long the server may work on one batch, in milliseconds.
pub(crate) const BATCH_MAX_MS: i64 = 60_000;
/// How long the server may wait until a majority has what was written, in milliseconds.
const COMMITTED_MAX_MS: i64 = 5_000;
/// `DuplicateKey`.
const DUPLICATE_KEY: i32 = 11000;
/// How many `_id`s are looked up in one batch of a cursor.
const LOOK_UP: u32 = 1000;

/// Where documents are inserted, and how.
#[derive(Debug, Clone)]
pub(crate) struct Inserter {
    pub(crate) connection: Connection,
    pub(crate) collection: String,
    /// The field besides `_id` whose unique index says that a document is there already.
    pub(crate) id: String,
    /// What its operations say in `currentOp` and the profiler.
    pub(crate) comment: String,
    pub(crate) cancel: CancellationToken,
}

/// What came of one batch.
#[derive(Debug, Default)]
pub(crate) struct Inserted {
    /// How many documents were inserted.
    pub(crate) inserted: u64,
    /// The places in the batch of those whose id was there already.
    pub(crate) taken: Vec<usize>,
    /// The places of those that the collection refuses, and why.
    pub(crate) refused: Vec<(usize, Error)>,
    /// Whether `inserted` is exact; after a connection that broke in mid-write it is "at least".
    pub(crate) exact: bool,
}

impl Inserter {
    /// Inserts a batch, with retries. What was done counts also where it fails.
    ///
    /// # Errors
    /// An error that several attempts did not overcome, or at once one that a retry cannot overcome.
    pub(crate) async fn insert(&self, batch: &[RawDocumentBuf]) -> (Inserted, Result<()>) {
        let mut done = Inserted { exact: true, ..Inserted::default() };
        let outcome = self.with_retries(batch, &mut done).await;
        (done, outcome)
    }

    async fn with_retries(&self, batch: &[RawDocumentBuf], done: &mut Inserted) -> Result<()> {
        let mut retries = Retries::default();
        loop {
            let error = match self.attempt(batch).await {
                Ok(reply) => {
                    // What an earlier attempt inserted is there now.
                    done.inserted = done.inserted.max(reply.inserted);
                    done.taken = reply.taken;
                    done.refused = reply.refused;
                    match reply.failure {
                        None => return Ok(()),
                        Some(error) if !error.is_transient() => return Err(error),
                        Some(error) => {
                            // Not confirmed by the majority: a new primary may not have it.
                            done.exact = false;
                            error
                        }
                    }
                }
                Err(error) => {
                    // After anything but a refusal, the server may have carried out a part.
                    done.exact &= error.is_refusal();
                    error
                }
            };
            retries.pause(&self.cancel, error.clone()).await?;
            if !self.connection.reach(&mut retries, &self.cancel).await? {
                return Err(error);
            }
        }
    }

    /// The same once.
    pub(crate) async fn attempt(&self, batch: &[RawDocumentBuf]) -> Result<Reply> {
        // The server repeats a taken id in its reply, which the driver could not decode.
        let odd = batch.iter().filter_map(|document| Key::of(document));
        let odd: Vec<Key> = odd.filter(|key| key.bson().is_none()).collect();
        let there = match odd.is_empty() {
            true => HashSet::new(),
            false => self.there("_id", &odd, None).await?,
        };
        let is_there = |document: &RawDocumentBuf| {
            !there.is_empty() && Key::of(document).is_some_and(|key| there.contains(&key))
        };
        let (known, sent): (Vec<usize>, Vec<usize>) =
            (0..batch.len()).partition(|place| is_there(&batch[*place]));
        if sent.is_empty() {
            let (refused, failure) = (Vec::new(), None);
            return Ok(Reply { inserted: 0, taken: known, refused, failure });
        }
        let mut command = Raw::new();
        let bytes: usize = batch.iter().map(|document| document.as_bytes().len() + 16).sum();
        command.reserve(bytes + 1024);
        command.extend(&rawdoc! { "insert": &*self.collection });
        // Raw, because documents may hold text that is not UTF-8.
        command.documents("documents", sent.iter().map(|place| &*batch[*place]));
        let mut command = command.done();
        // A taken id must not keep the rest of the batch out.
        command.append(cstr!("ordered"), false);
        command.append(cstr!("maxTimeMS"), BATCH_MAX_MS);
        command.append(cstr!("comment"), self.comment.as_str());
        // A failover could roll back what was reported as inserted.
        command.append(cstr!("writeConcern"), rawdoc! { "w": "majority" });
        let reply = self.connection.run_raw("insert", &self.collection, command).await?;
        let mut reply = Reply::of(reply, &self.id);
        let place = |place: usize| sent.get(place).copied();
        reply.taken = reply.taken.into_iter().filter_map(place).chain(known).collect();
        let refused = reply.refused.into_iter();
        reply.refused = refused.filter_map(|(at, error)| Some((place(at)?, error))).collect();
        Ok(reply)
    }

    /// Those of the ids that the collection has, and that no failover takes away again.
    pub(crate) async fn committed(&self, ids: &[Key]) -> Result<HashSet<Key>> {
        // Whatever was written before is read, as soon as a majority has it.
        match self.there(&self.id, ids, Some(rawdoc! { "level": "linearizable" })).await {
            // A standalone server does not have it.
            Err(error) if !error.is_transient() => {
                self.there(&self.id, ids, Some(rawdoc! { "level": "majority" })).await
            }
            there => there,
        }
    }

    /// Those of `keys` that the collection has in this field, with retries.
    pub(crate) async fn find(&self, field: &str, keys: &[Key]) -> Result<HashSet<Key>> {
        let mut retries = Retries::default();
        loop {
            match self.there(field, keys, None).await {
                Ok(there) => return Ok(there),
                Err(error) => retries.pause(&self.cancel, error).await?,
            }
        }
    }

    /// Those of `keys` that the collection has in this field.
    async fn there(
        &self,
        field: &str,
        keys: &[Key],
        concern: Option<RawDocumentBuf>,
    ) -> Result<HashSet<Key>> {
        let mut parts = Raw::new();
        parts.document("filter", &among(field, keys));
        let mut projection = Raw::new();
        projection.key(field, &Key::from(&Bson::Int32(1)));
        parts.document("projection", &projection.done());
        let mut find = joined(&rawdoc! { "find": &*self.collection }, &parts.done());
        if let Some(concern) = concern {
            find.append(cstr!("readConcern"), concern);
            find.append(cstr!("maxTimeMS"), COMMITTED_MAX_MS);
        }
        find.append(cstr!("comment"), self.comment.as_str());
        let query = Query::Raw(RawQuery {
            name: "find",
            command: find,
            batch_size: LOOK_UP,
            comment: self.comment.clone(),
            primary: true,
        });
        let mut found = self.connection.query(&self.collection, query).await?;
        let mut there = HashSet::new();
        while let Some(batch) = found.next().await? {
            there.extend(documents(&batch).filter_map(|document| Key::at(document, field)));
        }
        Ok(there)
    }
}

/// What the server said of a batch.
pub(crate) struct Reply {
    pub(crate) inserted: u64,
    /// The places of the documents that are there already.
    pub(crate) taken: Vec<usize>,
    /// The places of the documents that the collection refuses because of their content, and why.
    pub(crate) refused: Vec<(usize, Error)>,
    pub(crate) failure: Option<Error>,
}

impl Reply {
    fn of(mut reply: Document, id: &str) -> Self {
        let inserted = affected(&reply, "n");
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        if let Ok(errors) = reply.get_array_mut("writeErrors") {
            errors.retain(|error| {
                let Some(document) = error.as_document() else { return true };
                let (place, error) = write_error(document);
                if is_taken_id(document, id) {
                    taken.push(place);
                } else if error.is_of_document() {
                    refused.push((place, error));
                } else {
                    return true;
                }
                false
            });
        }
        Self { inserted, taken, refused, failure: refusal(&reply) }
    }

    /// The error where nothing may be refused either.
    pub(crate) fn error(&self) -> Option<&Error> {
        self.failure.as_ref().or(self.refused.first().map(|(_, why)| why))
    }
}

/// Whether this write error says that the `_id` is taken, or the id of the session where that is another
/// field: the session is there already. A key that is taken in another unique index keeps out a session
/// that is not there.
fn is_taken_id(error: &Document, id: &str) -> bool {
    let taken = match error.get_document("keyPattern") {
        Ok(pattern) => pattern.keys().eq(["_id"]) || pattern.keys().eq([id]),
        // Some servers leave the pattern out.
        Err(_) => error.get_str("errmsg").is_ok_and(|message| message.contains(" index: _id_ ")),
    };
    taken && error.get("code") == Some(&Bson::Int32(DUPLICATE_KEY))
}
