//! The record of what was copied, which a copy that follows its source keeps beside the target. It says
//! whether a session of the target is still as it was copied, and which sessions were copied and are gone
//! since, also after the process was killed.

use std::collections::HashMap;
use std::time::Duration;

use bson::raw::{RawDocumentBuf, cstr};
use bson::spec::BinarySubtype;
use bson::{DateTime, Document, RawDocument, doc, rawdoc};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::model::filter::Filter;
use crate::model::key::{Key, among, compared};
use crate::model::raw::Raw;
use crate::ops::insert::BATCH_MAX_MS;
use crate::server::backoff::Retries;
use crate::server::reply::documents;
use crate::store::{Batches, Identity, Store, joined};

/// The name of its collection begins with this.
pub const LEDGERS: &str = "sessionctl_copies_";
/// The `_id` of the lease on following among the entries.
pub(super) const LEASE: &str = "sessionctl lease";
/// An entry is kept for this long after the copied session expired.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// Entries per batch when all are read.
const BATCH: u32 = 1000;
/// `NamespaceExists`.
const NAMESPACE_EXISTS: i32 = 48;

/// What identifies the content of a document.
pub(super) type Digest = [u8; 16];

pub(super) fn digest(document: &RawDocument) -> Digest {
    let whole = Sha256::digest(document.as_bytes());
    let mut part = Digest::default();
    part.copy_from_slice(&whole[..16]);
    part
}

/// Where a copied session is at the target, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// About to be inserted.
    Coming,
    /// It was there.
    There,
    /// Somebody deleted it before it expired: it is not copied again.
    Ended,
}

/// What was copied of one session.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// The id of the session at the target.
    pub(super) target: Key,
    /// Its id before, if that changed: until the write was carried out, the copy still has it.
    pub(super) from: Option<Key>,
    /// What was written there.
    pub(super) copy: Digest,
    /// What that replaced, which is still there if the write was not carried out.
    pub(super) before: Option<Digest>,
    /// The document of the source that it was made from.
    pub(super) source: Digest,
    /// When the copied session expires.
    pub(super) expires: Option<DateTime>,
    pub(super) place: Place,
    /// Whether the write was carried out.
    pub(super) is_done: bool,
}

impl Entry {
    /// Whether what is at the target is what was copied there.
    pub(super) fn is_of(&self, there: Digest) -> bool {
        self.copy == there || self.before == Some(there)
    }

    /// Whether the document of the source was dealt with already.
    pub(super) fn has(&self, source: Digest) -> bool {
        self.is_done && self.source == source
    }

    /// The ids that the copy may have.
    pub(super) fn ids(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.target).chain(&self.from)
    }

    fn document(&self) -> RawDocumentBuf {
        let mut raw = Raw::new();
        raw.key("t", &self.target);
        if let Some(from) = &self.from {
            raw.key("f", from);
        }
        let mut document = raw.done();
        document.append(cstr!("d"), bytes(&self.copy));
        if let Some(before) = &self.before {
            document.append(cstr!("p"), bytes(before));
        }
        document.append(cstr!("s"), bytes(&self.source));
        if let Some(expires) = self.expires {
            document.append(cstr!("e"), expires);
        }
        document.append(cstr!("place"), self.place as i32);
        document.append(cstr!("done"), self.is_done);
        document
    }

    fn of(document: &RawDocument) -> Option<Self> {
        let digest = |name| Digest::try_from(document.get_binary(name).ok()?.bytes).ok();
        Some(Self {
            target: Key::at(document, "t")?,
            from: Key::at(document, "f"),
            copy: digest("d")?,
            before: digest("p"),
            source: digest("s")?,
            expires: document.get_datetime("e").ok(),
            place: match document.get_i32("place").ok()? {
                0 => Place::Coming,
                1 => Place::There,
                _ => Place::Ended,
            },
            is_done: document.get_bool("done").ok()?,
        })
    }
}

fn bytes(digest: &Digest) -> bson::Binary {
    bson::Binary { subtype: BinarySubtype::Generic, bytes: digest.to_vec() }
}

/// The entries of one copy, by the `_id`s of the source.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    store: Store,
    cancel: CancellationToken,
}

impl Ledger {
    /// The record of copies from this collection to that one, which is created if it does not exist. A
    /// collection that is dropped and created again has another one.
    pub(super) async fn open(
        source: &Store,
        target: &Store,
        cancel: CancellationToken,
    ) -> Result<Self> {
        // Where the store makes no indexes, nothing has created it so far.
        if target.identity().await? == Identity::Absent {
            let create = doc! { "create": target.name(), "comment": target.comment() };
            match target.run("create", create).await {
                Err(error) if error.code() != Some(NAMESPACE_EXISTS) => return Err(error),
                _ => {}
            }
        }
        let name = Self::name_of(source, target).await?;
        let store = target.connection().store(&name, target.layouts().clone()).on_primary();
        let index = doc! {
            "key": { "e": 1 }, "name": "e_1",
            "expireAfterSeconds": i64::try_from(KEPT.as_secs()).unwrap_or(0),
        };
        let create = doc! {
            "createIndexes": &name, "indexes": [index], "comment": target.comment(),
        };
        store.run("createIndexes", create).await?;
        Ok(Self { store, cancel })
    }

    /// The name of its collection, as long as both collections exist.
    pub(super) async fn name_of(source: &Store, target: &Store) -> Result<String> {
        let mut all = Sha256::new();
        for store in [source, target] {
            let identity = match store.identity().await? {
                Identity::Known(uuid) => uuid.to_string(),
                _ => format!("{} {}", store.connection().address(), store.namespace()),
            };
            all.update(identity + "\n");
        }
        let name: String = all.finalize()[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("{LEDGERS}{name}"))
    }

    /// The name of its collection, which it has already.
    pub(super) fn name(&self) -> &str {
        self.store.name()
    }

    /// What is known of the sessions with these `_id`s.
    pub(super) async fn entries(&self, keys: &[Key]) -> Result<HashMap<Key, Entry>> {
        let mut retries = Retries::default();
        loop {
            match self.read(keys).await {
                Ok(entries) => return Ok(entries),
                Err(error) => retries.pause(&self.cancel, error).await?,
            }
        }
    }

    async fn read(&self, keys: &[Key]) -> Result<HashMap<Key, Entry>> {
        let mut entries = HashMap::with_capacity(keys.len());
        if keys.is_empty() {
            return Ok(entries);
        }
        let filter = Filter::keyed("_id", keys.to_vec(), Document::new());
        let mut batches = self.store.read_whole(filter, BATCH).await?;
        while let Some(batch) = batches.next().await? {
            entries.extend(
                documents(&batch)
                    .filter_map(|document| Some((Key::of(document)?, Entry::of(document)?))),
            );
        }
        Ok(entries)
    }

    /// The `_id`s of all entries.
    pub(super) async fn scan(&self) -> Result<Batches> {
        self.store.read_ids(doc! { "_id": { "$ne": LEASE } }, &[], BATCH).await
    }

    /// Writes these entries. Done again, it changes nothing.
    pub(super) async fn write(&self, entries: &[(Key, Entry)]) -> Result<()> {
        let statements: Vec<_> = entries
            .iter()
            .map(|(key, entry)| {
                let mut statement = Raw::new();
                statement.document("q", &compared("_id", &[("$eq", key)]));
                statement.document("u", &entry.document());
                let mut statement = statement.done();
                statement.append(cstr!("upsert"), true);
                statement
            })
            .collect();
        self.run("update", "updates", &statements).await
    }

    /// Notes that what was written about these sessions was carried out.
    pub(super) async fn done(&self, keys: &[Key]) -> Result<()> {
        let mut statement = Raw::new();
        statement.document("q", &among("_id", keys));
        let there = Place::There as i32;
        statement.document("u", &rawdoc! { "$set": { "place": there, "done": true } });
        let mut statement = statement.done();
        statement.append(cstr!("multi"), true);
        let statements = [statement];
        self.run("update", "updates", if keys.is_empty() { &[] } else { &statements }).await
    }

    /// Removes the entries of these sessions.
    pub(super) async fn forget(&self, keys: &[Key]) -> Result<()> {
        let mut statement = Raw::new();
        statement.document("q", &among("_id", keys));
        let mut statement = statement.done();
        statement.append(cstr!("limit"), 0);
        let statements = [statement];
        self.run("delete", "deletes", if keys.is_empty() { &[] } else { &statements }).await
    }

    async fn run(&self, name: &str, field: &str, statements: &[RawDocumentBuf]) -> Result<()> {
        if statements.is_empty() {
            return Ok(());
        }
        let mut retries = Retries::default();
        loop {
            let mut all = Raw::new();
            all.documents(field, statements.iter().map(|statement| &**statement));
            let mut first = RawDocumentBuf::new();
            let command = match name {
                "delete" => cstr!("delete"),
                _ => cstr!("update"),
            };
            first.append(command, self.name());
            let mut command = joined(&first, &all.done());
            command.append(cstr!("ordered"), false);
            command.append(cstr!("maxTimeMS"), BATCH_MAX_MS);
            command.append(cstr!("comment"), self.store.comment());
            command.append(cstr!("writeConcern"), rawdoc! { "w": "majority" });
            let error = match self.store.reply(name, command).await {
                Ok(reply) => match reply.refusal {
                    None => return Ok(()),
                    Some(error) => error,
                },
                Err(error) => error,
            };
            retries.pause(&self.cancel, error.clone()).await?;
            if !self.store.connection().reach(&mut retries, &self.cancel).await? {
                return Err(error);
            }
        }
    }
}
