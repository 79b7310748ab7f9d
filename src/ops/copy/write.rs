//! Writes one batch: what the target does not have is inserted, and what it has is compared. A session
//! that was written at the target since is never replaced by an older one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bson::raw::RawDocumentBuf;
use bson::{Document, RawDocument};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::convert::{Converter, Loss};
use super::dialect::without_max_age;
use super::ledger::{Digest, Ledger, digest};
use super::spec::{Changes, CopyPlan};
use crate::error::{Error, Result};
use crate::model::filter::Filter;
use crate::model::key::Key;
use crate::model::layout::Layout;
use crate::model::payload::Payload;
use crate::ops::archive::Archive;
use crate::ops::follow::Clock;
use crate::ops::insert::{Inserted, Inserter};
use crate::server::backoff::Retries;
use crate::server::reply::documents;
use crate::store::{Identity, Store};

/// The result of a batch.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) copied: u64,
    pub(super) replaced: u64,
    pub(super) removed: u64,
    pub(super) unchanged: u64,
    pub(super) kept: u64,
    pub(super) ended: u64,
    pub(super) exact: bool,
    pub(super) took: Duration,
    pub(super) error: Option<Error>,
    /// The ids and users of those that were replaced or deleted, if they are reported.
    pub(super) sessions: Vec<(Key, Option<String>)>,
}

impl Written {
    pub(super) fn take_changes(&mut self) -> Changes {
        let sessions = std::mem::take(&mut self.sessions);
        let Self { copied, replaced, removed, .. } = *self;
        Changes { copied, replaced, removed, sessions }
    }
}

/// Writes batches into the target, several at a time.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    pub(super) target: Store,
    /// Whether sessions were converted, so that what is known only at the time of the copy differs.
    pub(super) converts: bool,
    /// The target's clock. It runs, because a pass may take hours.
    pub(super) clock: Clock,
    /// Whether nothing is written: what would be done is counted.
    pub(super) dry_run: bool,
    /// Whether the last batch was there already: then the next is looked for before it is inserted.
    pub(super) looks_first: Arc<AtomicBool>,
    /// Whether it reports whose sessions were replaced or deleted.
    pub(super) reports: bool,
    /// What was copied, where the copy follows its source.
    pub(super) ledger: Option<Ledger>,
    /// The collection of the target when it began to follow.
    pub(super) identity: Option<Identity>,
    /// Where each session goes before it is overwritten.
    pub(super) archive: Option<Arc<Mutex<Archive>>>,
    pub(super) cancel: CancellationToken,
}

/// How a session of the source relates to the one that the target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Same,
    /// The target's is older.
    Older,
    /// The target's is newer, no session, or nobody can tell.
    Kept,
}

/// A session as it is to be at the target, and what it was made from, if that is recorded.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) origin: Option<Origin>,
    pub(super) document: RawDocumentBuf,
}

/// A document of the source.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) key: Key,
    pub(super) digest: Digest,
}

impl Origin {
    pub(super) fn of(document: &RawDocument) -> Option<Self> {
        Some(Self { key: Key::of(document)?, digest: digest(document) })
    }
}

/// A session as it is to be written; or why it cannot be, and its `_id` if what is copied is recorded.
pub(super) type Taken = Result<Item, (Loss, Option<Key>)>;

/// What is taken from each session that is read.
#[derive(Debug, Clone)]
pub(super) struct Intake {
    pub(super) converter: Option<Converter>,
    /// Whether what is copied is recorded.
    pub(super) records: bool,
}

impl Intake {
    pub(super) fn take(&self, document: &RawDocument) -> Taken {
        let of = || Origin::of(document).filter(|_| self.records);
        let converted = match &self.converter {
            Some(converter) => converter.convert(document),
            None => Ok(document.to_owned()),
        };
        match converted {
            Ok(document) => Ok(Item { origin: of(), document }),
            Err(loss) => Err((loss, of().map(|origin| origin.key))),
        }
    }
}

/// A session, and the one that it replaces.
pub(super) type Replacement = (RawDocumentBuf, RawDocumentBuf);

impl Writer {
    pub(super) fn new(target: &Store, copy: &CopyPlan, cancel: CancellationToken) -> Self {
        Self {
            target: target.clone().on_primary(),
            converts: copy.converter.is_some(),
            clock: Clock::at(copy.now),
            dry_run: copy.dry_run,
            looks_first: Arc::default(),
            reports: false,
            ledger: None,
            identity: None,
            archive: None,
            cancel,
        }
    }

    pub(super) async fn write(self, batch: Vec<Item>) -> Written {
        let began = Instant::now();
        let mut written = Written { exact: true, ..Written::default() };
        let outcome = match &self.ledger {
            Some(ledger) => self.mirror(ledger, batch, &mut written).await,
            None => {
                let batch = batch.into_iter().map(|item| item.document).collect();
                self.write_all(batch, &mut written).await
            }
        };
        written.error = outcome.err();
        written.took = began.elapsed();
        written
    }

    /// The field by which a session is found.
    pub(super) fn id(&self) -> &str {
        &self.target.layout().id.path
    }

    async fn write_all(&self, batch: Vec<RawDocumentBuf>, written: &mut Written) -> Result<()> {
        let looks = self.id() != "_id" || self.dry_run || self.looks_first.load(Ordering::Relaxed);
        let (there, mut new) = match looks {
            true => self.split(batch).await?,
            false => (Vec::new(), batch),
        };
        let all = there.len() + new.len();
        let nothing =
            |inserted| (Inserted { inserted, exact: true, ..Inserted::default() }, Ok(()));
        let (Inserted { inserted, mut taken, refused, exact }, outcome) = match new.len() as u64 {
            new if new == 0 || self.dry_run => nothing(new),
            _ => self.inserter().insert(&new).await,
        };
        written.copied += inserted;
        written.exact &= exact;
        outcome?;
        if let Some((_, error)) = refused.into_iter().next() {
            return Err(error);
        }
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
                Standing::Older => older.push((new, existing)),
            }
        }
        if self.dry_run {
            written.replaced += older.len() as u64;
            return Ok(());
        }
        self.replace(older, written).await
    }

    pub(super) fn inserter(&self) -> Inserter {
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
        let mut existing = self.existing(&keys).await?;
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

    /// The documents of the target that have these ids.
    pub(super) async fn existing(&self, keys: &[Key]) -> Result<HashMap<Key, RawDocumentBuf>> {
        let mut retries = Retries::default();
        loop {
            match self.try_existing(keys).await {
                Ok(existing) => return Ok(existing),
                Err(error) => retries.pause(&self.cancel, error).await?,
            }
        }
    }

    async fn try_existing(&self, keys: &[Key]) -> Result<HashMap<Key, RawDocumentBuf>> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let size = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        let filter = Filter::keyed(self.id(), keys.to_vec(), Document::new());
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

    pub(super) fn standing(&self, new: &RawDocument, existing: &RawDocument) -> Standing {
        if new.as_bytes() == existing.as_bytes() {
            return Standing::Same;
        }
        let layouts = self.target.layouts();
        if !layouts.describes(existing) {
            return Standing::Kept;
        }
        let now = self.clock.now();
        let of = |document: &RawDocument| layouts.of(document).glance(document, now);
        let (ours, theirs) = (of(new), of(existing));
        // Where the touch decides, that may be the time of the copy.
        let rule = &self.target.layout().expiry[0];
        let by_touch = rule.lifetime.is_some() || rule.lifetime_from.is_some();
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
}

/// What the application has in a session; nothing where it cannot be decoded.
fn content(layout: &Layout, document: &RawDocument) -> Option<Value> {
    match layout.payload(document) {
        Payload::Value(Value::Object(fields)) => Some(without_max_age(fields).into()),
        _ => None,
    }
}
