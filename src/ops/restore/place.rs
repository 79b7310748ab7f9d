//! The collection that documents are put back into: what is there, what is inserted, and what is
//! replaced.

use std::collections::{HashMap, HashSet};

use bson::raw::{RawDocumentBuf, cstr};
use bson::{Document, RawDocument, rawdoc};

use crate::error::{Error, Result};
use crate::model::filter::exactly;
use crate::model::index_spec::IndexSpec;
use crate::model::key::{Key, among, compared};
use crate::model::raw::{DOCUMENT, Raw, all_raw};
use crate::server::backoff::may_pass;
use crate::server::connection::Connection;
use crate::server::cursor::{Query, RawQuery};
use crate::server::reply::{affected, documents, first_batch, refusal};
use crate::store::{joined, raw_document};

/// The comment of its operations in `currentOp` and the profiler.
const COMMENT: &str = concat!("sessionctl ", env!("CARGO_PKG_VERSION"), " restore");
/// How many documents the server sends at once.
const AT_ONCE: u32 = 1000;
/// How long the server may work on one batch, in milliseconds.
const BATCH_MAX_MS: i64 = 60_000;
/// Documents up to this size, in bytes, are repeated in the filter of their update.
const REPEATED: usize = 64 << 10;
/// Fields of larger ones up to this size are, and no more than these.
const SMALL: usize = 512;
const MOST_FIELDS: usize = 12;
/// The most bytes of documents that are sent to be computed: a command holds 16 MB.
const COMPUTED_BYTES: usize = 12 << 20;
/// `DuplicateKey`.
const DUPLICATE_KEY: i32 = 11000;

/// A collection, which need not exist.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) connection: Connection,
    pub(super) collection: String,
}

impl Place {
    pub(super) async fn insert(&self, batch: &[RawDocumentBuf]) -> Result<Reply> {
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
        let mut find = self.find(keys);
        find.append(cstr!("projection"), rawdoc! { "_id": 1 });
        let mut taken = HashSet::new();
        self.read("find", find, |document| taken.extend(Key::of(document))).await?;
        Ok(taken)
    }

    /// How many of `keys` the collection has.
    pub(super) async fn count(&self, keys: &[Key]) -> Result<u64> {
        let mut matching = Raw::new();
        matching.document("$match", &among("_id", keys));
        let (matching, counting) = (matching.done(), rawdoc! { "$count": "n" });
        // From the index on `_id`, without sending documents.
        let mut parts = Raw::new();
        parts.documents("pipeline", [&*matching, &*counting]);
        let mut command = joined(&rawdoc! { "aggregate": &*self.collection }, &parts.done());
        command.append(cstr!("cursor"), rawdoc! {});
        command.append(cstr!("comment"), COMMENT);
        let reply = self.connection.run_raw("aggregate", &self.collection, command).await?;
        Ok(first_batch(&reply).first().map_or(0, |counted| affected(counted, "n")))
    }

    /// The documents with these keys that are there.
    pub(super) async fn present(&self, keys: &[Key]) -> Result<HashMap<Key, RawDocumentBuf>> {
        let mut present = HashMap::with_capacity(keys.len());
        let find = self.find(keys);
        self.read("find", find, |document| {
            present.extend(Key::of(document).map(|key| (key, document.to_owned())));
        })
        .await?;
        Ok(present)
    }

    fn find(&self, keys: &[Key]) -> RawDocumentBuf {
        let mut parts = Raw::new();
        parts.document("filter", &among("_id", keys));
        let mut find = joined(&rawdoc! { "find": &*self.collection }, &parts.done());
        find.append(cstr!("batchSize"), i64::from(AT_ONCE));
        find.append(cstr!("comment"), COMMENT);
        find
    }

    /// Reads from the primary: what a secondary has not heard of yet may be what is to be undone.
    async fn read(
        &self,
        name: &'static str,
        command: RawDocumentBuf,
        mut take: impl FnMut(&RawDocument),
    ) -> Result<()> {
        let comment = COMMENT.to_owned();
        let query = RawQuery { name, command, batch_size: AT_ONCE, comment, primary: true };
        let mut found = self.connection.query(&self.collection, Query::Raw(query)).await?;
        while let Some(batch) = found.next().await? {
            documents(&batch).for_each(&mut take);
        }
        Ok(())
    }

    /// What the stages of an update make of `batch`, in order; nothing where the server cannot say.
    pub(super) async fn computed(
        &self,
        stages: &[Document],
        batch: &[&RawDocumentBuf],
    ) -> Result<Vec<RawDocumentBuf>> {
        let bytes: usize = batch.iter().map(|document| document.as_bytes().len()).sum();
        if batch.is_empty() || bytes > COMPUTED_BYTES {
            return Ok(Vec::new());
        }
        // The documents take the place of the first one there is: `$documents` came with MongoDB 5.1.
        let mut literal = Raw::new();
        literal.documents("$literal", batch.iter().map(|document| &***document));
        let (mut field, mut projection) = (Raw::new(), Raw::new());
        field.document("one", &literal.done());
        projection.document("$project", &field.done());
        let stages = stages.iter().map(raw_document).collect::<Result<Vec<_>>>()?;
        let (limit, projection) = (rawdoc! { "$limit": 1 }, projection.done());
        let unwind = rawdoc! { "$unwind": "$one" };
        let replace = rawdoc! { "$replaceRoot": { "newRoot": "$one" } };
        let before = [&*limit, &*projection, &*unwind, &*replace];
        let mut parts = Raw::new();
        parts.documents("pipeline", before.into_iter().chain(stages.iter().map(|one| &**one)));
        let mut command = joined(&rawdoc! { "aggregate": &*self.collection }, &parts.done());
        command.append(cstr!("cursor"), rawdoc! { "batchSize": i64::from(AT_ONCE) });
        command.append(cstr!("comment"), COMMENT);
        let mut made = Vec::with_capacity(batch.len());
        match self.read("aggregate", command, |document| made.push(document.to_owned())).await {
            Err(error) if may_pass(&error) => Err(error),
            Err(_) => Ok(Vec::new()),
            Ok(()) => Ok(made),
        }
    }

    /// Whether the collection compares text by a collation of its own, as far as the login may know.
    pub(super) async fn may_be_collated(&self) -> bool {
        let indexes = self.connection.indexes(&self.collection).await;
        indexes.map_or(true, |indexes| {
            indexes.unwrap_or_default().iter().any(IndexSpec::is_collated_id)
        })
    }

    /// Replaces each document that is still as it was read by the other of its pair. How many were.
    pub(super) async fn replace(
        &self,
        pairs: &[(RawDocumentBuf, RawDocumentBuf)],
        collated: bool,
    ) -> Result<u64> {
        let statements: Vec<_> = pairs
            .iter()
            .map(|(there, before)| {
                let mut statement = Raw::new();
                statement.document("q", &as_read(there, collated)?);
                statement.document("u", before);
                let mut statement = statement.done();
                statement.append(cstr!("multi"), false);
                statement.append(cstr!("hint"), rawdoc! { "_id": 1 });
                Ok(statement)
            })
            .collect::<Result<_>>()?;
        let mut all = Raw::new();
        all.documents("updates", statements.iter().map(|statement| &**statement));
        let mut command = joined(&rawdoc! { "update": &*self.collection }, &all.done());
        command.append(cstr!("ordered"), false);
        command.append(cstr!("maxTimeMS"), BATCH_MAX_MS);
        command.append(cstr!("comment"), COMMENT);
        command.append(cstr!("writeConcern"), rawdoc! { "w": "majority" });
        let reply = self.connection.run_raw("update", &self.collection, command).await?;
        refusal(&reply).map_or_else(|| Ok(affected(&reply, "n")), Err)
    }
}

/// The filter of a document that is still as it was read. One that is too large to be repeated is bound
/// to its small fields, the expiry among them.
fn as_read(there: &RawDocument, collated: bool) -> Result<RawDocumentBuf> {
    let Some(key) = Key::of(there) else { return Err(Error::Document("it has no _id".into())) };
    let this = match key.bson().filter(|_| collated && key.is_text()) {
        Some(text) => raw_document(&exactly("_id", &text))?,
        None => compared("_id", &[("$eq", &key)]),
    };
    let mut condition = Raw::new();
    if there.as_bytes().len() <= REPEATED {
        let (mut literal, mut equal) = (Raw::new(), Raw::new());
        literal.document("$literal", there);
        let root = Key::from("$$ROOT");
        equal.array("$eq", [(root.kind(), root.value()), (DOCUMENT, literal.done().as_bytes())]);
        condition.document("$expr", &equal.done());
    } else {
        for (name, value) in small_fields(there) {
            condition.extend(&compared(&name, &[("$eq", &value)]));
        }
    }
    Ok(all_raw([&*this, &*condition.done()]))
}

fn small_fields(document: &RawDocument) -> Vec<(String, Key)> {
    let names = document.iter_elements().map_while(std::result::Result::ok);
    let field = |name: &str| {
        let value = Key::at(document, name).filter(|value| value.size() <= SMALL)?;
        Some((name.to_owned(), value))
    };
    let is_plain = |name: &str| !name.contains('.') && !name.starts_with('$') && name != "_id";
    names
        .map(|element| element.key().as_str().to_owned())
        .filter(|name| is_plain(name))
        .filter_map(|name| field(&name))
        .take(MOST_FIELDS)
        .collect()
}

/// What the server said of a batch that was inserted.
pub(super) struct Reply {
    pub(super) inserted: u64,
    pub(super) skipped: u64,
    pub(super) failure: Option<Error>,
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
