//! Writes one batch: what the target does not have is inserted, and what it has is compared. A session
//! that was written at the target since is never replaced by an older one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bson::raw::{RawDocumentBuf, cstr};
use bson::{DateTime, Document, RawDocument, rawdoc};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::dialect::without_max_age;
use crate::error::{Error, Result};
use crate::model::filter::Filter;
use crate::model::key::{Key, compared};
use crate::model::layout::Layout;
use crate::model::payload::Payload;
use crate::model::raw::{DOCUMENT, Raw};
use crate::ops::insert::{BATCH_MAX_MS, Inserted, Inserter};
use crate::server::backoff::Retries;
use crate::server::reply::{affected, documents};
use crate::store::{Store, joined};

/// Replacements that go into one command, and how many bytes of them, unless a single one is larger.
const STATEMENTS: usize = 200;
const STATEMENT_BYTES: usize = 8 << 20;
/// The most bytes of a session and the one that it replaces: a command has room for 16 MB.
const MOST_BYTES: usize = 14 << 20;

/// What came of a batch.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) copied: u64,
    pub(super) replaced: u64,
    pub(super) unchanged: u64,
    pub(super) kept: u64,
    pub(super) exact: bool,
    pub(super) took: Duration,
    pub(super) error: Option<Error>,
}

/// Writes batches into the target, several at a time.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    pub(super) target: Store,
    /// Whether sessions were converted, so that what is known only at the time of the copy differs.
    pub(super) converts: bool,
    /// The target's clock when the copy began.
    pub(super) now: DateTime,
    /// Whether nothing is written: what would be done is counted.
    pub(super) dry_run: bool,
    /// Whether the last batch was there already: then the next is looked for before it is inserted.
    pub(super) looks_first: Arc<AtomicBool>,
    pub(super) cancel: CancellationToken,
}

/// How a session of the source relates to the one that the target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Same,
    /// The target's is older.
    Older,
    /// The target's is newer, no session, or nobody can tell.
    Kept,
}

/// A session, and the one that it replaces.
type Replacement = (RawDocumentBuf, RawDocumentBuf);

impl Writer {
    pub(super) async fn write(self, batch: Vec<RawDocumentBuf>) -> Written {
        let began = Instant::now();
        let mut written = Written { exact: true, ..Written::default() };
        if let Err(error) = self.write_all(batch, &mut written).await {
            written.error = Some(error);
        }
        written.took = began.elapsed();
        written
    }

    /// The field by which a session is found.
    fn id(&self) -> &str {
        &self.target.layout().id.path
    }

    async fn write_all(&self, batch: Vec<RawDocumentBuf>, written: &mut Written) -> Result<()> {
        let looks = self.id() != "_id" || self.dry_run || self.looks_first.load(Ordering::Relaxed);
        let (there, mut new) = match looks {
            true => self.split(batch).await?,
            false => (Vec::new(), batch),
        };
        let all = there.len() + new.len();
        let nothing = |inserted| (Inserted { inserted, exact: true, taken: Vec::new() }, Ok(()));
        let (Inserted { inserted, mut taken, exact }, outcome) = match new.len() as u64 {
            new if new == 0 || self.dry_run => nothing(new),
            _ => self.inserter().insert(&new).await,
        };
        written.copied += inserted;
        written.exact &= exact;
        outcome?;
        self.looks_first.store((there.len() + taken.len()) * 2 > all, Ordering::Relaxed);
        taken.sort_unstable();
        let taken: Vec<_> = taken.into_iter().rev().map(|place| new.swap_remove(place)).collect();
        drop(new);
        let (found, odd) = self.split(taken).await?;
        // Taken, and not found by its own bytes: another one is equal by the collation, or is gone again.
        written.kept += odd.len() as u64;
        let mut older = Vec::new();
        for (new, existing) in there.into_iter().chain(found) {
            match self.standing(&new, &existing) {
                Standing::Same => written.unchanged += 1,
                Standing::Kept => written.kept += 1,
                Standing::Older
                    if new.as_bytes().len() + existing.as_bytes().len() > MOST_BYTES =>
                {
                    written.kept += 1;
                }
                Standing::Older => older.push((new, existing)),
            }
        }
        if self.dry_run {
            written.replaced += older.len() as u64;
            return Ok(());
        }
        self.replace(older, written).await
    }

    fn inserter(&self) -> Inserter {
        Inserter {
            connection: self.target.connection().clone(),
            collection: self.target.name().to_owned(),
            id: self.id().to_owned(),
            comment: self.target.comment().to_owned(),
            cancel: self.cancel.clone(),
        }
    }

    /// Those that the target has, each with the target's, and those that it does not have.
    async fn split(
        &self,
        batch: Vec<RawDocumentBuf>,
    ) -> Result<(Vec<Replacement>, Vec<RawDocumentBuf>)> {
        let keys: Vec<Key> =
            batch.iter().filter_map(|document| Key::at(document, self.id())).collect();
        if keys.is_empty() {
            return Ok((Vec::new(), batch));
        }
        let mut retries = Retries::default();
        let mut existing = loop {
            match self.existing(keys.clone()).await {
                Ok(existing) => break existing,
                Err(error) => retries.pause(&self.cancel, error).await?,
            }
        };
        let (mut there, mut new) = (Vec::new(), Vec::new());
        for document in batch {
            let found = Key::at(&document, self.id()).and_then(|key| existing.remove(&key));
            match found {
                Some(found) => there.push((document, found)),
                None => new.push(document),
            }
        }
        Ok((there, new))
    }

    async fn existing(&self, keys: Vec<Key>) -> Result<HashMap<Key, RawDocumentBuf>> {
        let size = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        let filter = Filter::keyed(self.id(), keys, Document::new());
        let mut batches = self.target.read_whole(filter, size).await?;
        let mut existing = HashMap::new();
        while let Some(batch) = batches.next().await? {
            for document in documents(&batch) {
                if let Some(key) = Key::at(document, self.id()) {
                    existing.insert(key, document.to_owned());
                }
            }
        }
        Ok(existing)
    }

    fn standing(&self, new: &RawDocument, existing: &RawDocument) -> Standing {
        if new.as_bytes() == existing.as_bytes() {
            return Standing::Same;
        }
        let layouts = self.target.layouts();
        if !layouts.describes(existing) {
            return Standing::Kept;
        }
        let of = |document: &RawDocument| layouts.of(document).glance(document, self.now);
        let (ours, theirs) = (of(new), of(existing));
        // Where the touch decides, that may be the time of the copy.
        let by_touch = self.target.layout().expiry[0].lifetime.is_some();
        if self.converts
            && (by_touch || ours.expires == theirs.expires)
            && content(layouts.of(new), new) == content(layouts.of(existing), existing)
        {
            return Standing::Same;
        }
        // The touch of a converted session may be the time of the copy.
        let touched = (ours.touched, theirs.touched);
        let expires = (ours.expires, theirs.expires);
        let by = if self.converts { [expires, (None, None)] } else { [touched, expires] };
        let decides = by.into_iter().find_map(|(ours, theirs)| match (ours?, theirs?) {
            (ours, theirs) if ours == theirs => None,
            (ours, theirs) => Some(ours > theirs),
        });
        if decides == Some(true) { Standing::Older } else { Standing::Kept }
    }

    /// Replaces sessions that are still as they were compared.
    async fn replace(&self, mut older: Vec<Replacement>, written: &mut Written) -> Result<()> {
        while !older.is_empty() {
            let mut bytes = 0;
            let fits = |(new, existing): &&Replacement| {
                bytes += new.as_bytes().len() + existing.as_bytes().len();
                bytes <= STATEMENT_BYTES
            };
            let some = older.iter().take(STATEMENTS).take_while(fits).count().max(1);
            let rest = older.split_off(some);
            let statements: Vec<_> =
                older.iter().filter_map(|(new, existing)| statement(new, existing)).collect();
            let replaced = self.update(&statements, written).await?;
            written.replaced += replaced;
            written.kept += (older.len() as u64).saturating_sub(replaced);
            older = rest;
        }
        Ok(())
    }

    async fn update(&self, statements: &[RawDocumentBuf], written: &mut Written) -> Result<u64> {
        if statements.is_empty() {
            return Ok(0);
        }
        let mut retries = Retries::default();
        loop {
            let mut all = Raw::new();
            all.documents("updates", statements.iter().map(|statement| &**statement));
            let mut command = joined(&rawdoc! { "update": self.target.name() }, &all.done());
            command.append(cstr!("ordered"), false);
            command.append(cstr!("maxTimeMS"), BATCH_MAX_MS);
            command.append(cstr!("comment"), self.target.comment());
            command.append(cstr!("writeConcern"), rawdoc! { "w": "majority" });
            let error = match self.target.reply("update", command).await {
                Ok(reply) => match reply.refusal {
                    None => return Ok(affected(&reply.document, "n")),
                    Some(error) if !error.is_transient() => {
                        written.replaced += affected(&reply.document, "n");
                        return Err(error);
                    }
                    Some(error) => error,
                },
                Err(error) => error,
            };
            // It may have been carried out, in whole or in part; then it matches no more.
            written.exact &= error.is_refusal();
            retries.pause(&self.cancel, error.clone()).await?;
            if !self.target.connection().reach(&mut retries, &self.cancel).await? {
                return Err(error);
            }
        }
    }
}

/// What the application has in a session; nothing where it cannot be decoded.
fn content(layout: &Layout, document: &RawDocument) -> Option<Value> {
    match layout.payload(document) {
        Payload::Value(Value::Object(fields)) => Some(without_max_age(fields).into()),
        _ => None,
    }
}

/// The update of `existing` to `new`, if it is still what it was.
fn statement(new: &RawDocument, existing: &RawDocument) -> Option<RawDocumentBuf> {
    let key = Key::of(existing)?;
    let (mut literal, mut equal, mut which) = (Raw::new(), Raw::new(), Raw::new());
    literal.document("$literal", existing);
    let root = Key::from("$$ROOT");
    equal.array("$eq", [(root.kind(), root.value()), (DOCUMENT, literal.done().as_bytes())]);
    which.extend(&compared("_id", &[("$eq", &key)]));
    which.document("$expr", &equal.done());
    let mut statement = Raw::new();
    statement.document("q", &which.done());
    match Key::of(new) == Some(key.clone()) {
        true => statement.document("u", new),
        false => {
            // The same session under another `_id`, which a replacement cannot change.
            let mut whole = Document::try_from(new).ok()?;
            whole.insert("_id", key.bson()?);
            statement.document("u", &RawDocumentBuf::try_from(&whole).ok()?);
        }
    }
    Some(statement.done())
}
