//! The collection that documents are put back into: what is there, what is inserted, and what is
//! replaced.

use std::collections::{BTreeMap, HashMap, HashSet};

use bson::raw::{RawDocumentBuf, cstr};
use bson::{Document, RawDocument, rawdoc};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::model::index_spec::IndexSpec;
use crate::model::key::{Key, among};
use crate::model::layout::Layouts;
use crate::model::raw::Raw;
use crate::ops::insert::{BATCH_MAX_MS, Inserter};
use crate::ops::unchanged::as_read;
use crate::server::backoff::may_pass;
use crate::server::connection::Connection;
use crate::server::cursor::{Query, RawQuery};
use crate::server::reply::{affected, documents, first_batch, refusal, write_errors};
use crate::store::{joined, raw_document};

/// The comment of its operations in `currentOp` and the profiler.
const COMMENT: &str = concat!("sessionctl ", env!("CARGO_PKG_VERSION"), " restore");
/// How many documents the server sends at once.
const AT_ONCE: u32 = 1000;
/// The most bytes of documents that are sent to be computed: a command holds 16 MB.
const COMPUTED_BYTES: usize = 12 << 20;
/// A collection, which need not exist.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) connection: Connection,
    pub(super) collection: String,
    /// The layouts of the sessions, if they are known.
    pub(super) layouts: Option<Layouts>,
}

impl Place {
    /// How documents are inserted here.
    pub(super) fn inserter(&self, cancel: &CancellationToken) -> Inserter {
        Inserter {
            connection: self.connection.clone(),
            collection: self.collection.clone(),
            id: self.id().to_owned(),
            comment: COMMENT.to_owned(),
            cancel: cancel.clone(),
        }
    }

    /// The field by which the store finds a session.
    fn id(&self) -> &str {
        let mut paths = self.layouts.iter().flat_map(Layouts::iter).map(|layout| &*layout.id.path);
        paths.find(|path| *path != "_id").unwrap_or("_id")
    }

    /// The key by which a person names a session.
    pub(super) fn key(&self, document: &RawDocument) -> Option<Key> {
        let path = self.layouts.as_ref().map_or("_id", |layouts| &layouts.of(document).id.path);
        Key::at(document, path).or_else(|| Key::of(document))
    }

    /// Which of these sessions cannot be inserted, because the collection, or an earlier one of them, has
    /// their id in another field than `_id`: the store wrote a new document when the browser came back.
    pub(super) async fn are_taken<'d>(
        &self,
        batch: impl Iterator<Item = &'d RawDocumentBuf>,
        cancel: &CancellationToken,
    ) -> Result<Vec<bool>> {
        let id_of = |document: &'d RawDocumentBuf| {
            let layouts = self.layouts.as_ref().filter(|layouts| layouts.describes(document))?;
            let path = &*layouts.of(document).id.path;
            Some((path, Key::at(document, path)?)).filter(|_| path != "_id")
        };
        let ids: Vec<_> = batch.map(id_of).collect();
        let mut by_path = BTreeMap::<&str, Vec<Key>>::new();
        for (path, key) in ids.iter().flatten() {
            by_path.entry(path).or_default().push(key.clone());
        }
        let mut taken = HashSet::new();
        for (path, keys) in by_path {
            let there = self.inserter(cancel).find(path, &keys).await?;
            taken.extend(there.into_iter().map(|key| (path, key)));
        }
        Ok(ids.into_iter().map(|id| id.is_some_and(|id| !taken.insert(id))).collect())
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
        let first = rawdoc! { "$limit": 1 };
        let mut made = self.computed_from(&first, stages, batch).await?;
        if made.is_empty() {
            // An empty collection has none, but `$facet` makes one.
            let one = rawdoc! { "$facet": { "none": [{ "$limit": 1 }] } };
            made = self.computed_from(&one, stages, batch).await?;
        }
        Ok(made)
    }

    async fn computed_from(
        &self,
        first: &RawDocument,
        stages: &[Document],
        batch: &[&RawDocumentBuf],
    ) -> Result<Vec<RawDocumentBuf>> {
        let mut literal = Raw::new();
        literal.documents("$literal", batch.iter().map(|document| &***document));
        let (mut field, mut projection) = (Raw::new(), Raw::new());
        field.document("one", &literal.done());
        projection.document("$project", &field.done());
        let stages = stages.iter().map(raw_document).collect::<Result<Vec<_>>>()?;
        let projection = projection.done();
        let unwind = rawdoc! { "$unwind": "$one" };
        let replace = rawdoc! { "$replaceRoot": { "newRoot": "$one" } };
        let before = [first, &*projection, &*unwind, &*replace];
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

    /// Replaces each document that is still as it was read by the other of its pair. How many were, and
    /// the places of those that the collection refuses, with the reason.
    pub(super) async fn replace(
        &self,
        pairs: &[(RawDocumentBuf, RawDocumentBuf)],
        collated: bool,
    ) -> Result<(u64, Vec<(usize, Error)>)> {
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
        let refused = write_errors(&reply);
        match refusal(&reply) {
            Some(error) if !refused.iter().all(|(_, error)| error.is_of_document()) => Err(error),
            Some(error) if refused.is_empty() => Err(error),
            _ => Ok((affected(&reply, "n"), refused)),
        }
    }
}
