//! Writes one batch: retries while that may help, and never counts more than was done.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bson::raw::{RawBson, RawDocumentBuf, cstr};
use bson::{Bson, Document, RawDocument, rawdoc};
use tokio_util::sync::CancellationToken;

use super::candidates::{Bound, Candidates, Scope};
use super::pace::Overload;
use crate::error::{Error, Result};
use crate::model::filter::exactly;
use crate::model::key::{Key, Raw, all_raw, among, compared};
use crate::model::selection::chunks;
use crate::server::backoff::Retries;
use crate::server::reply::{affected, documents};
use crate::store::{Store, joined, raw_document};

/// Statements that go into one command where each session has its own.
const STATEMENTS: usize = 200;
/// How many bytes of them, unless a single one is larger: a command holds 16 MB.
const STATEMENT_BYTES: usize = 8 << 20;
/// How many sessions of a window are written by their ids at a time, if one of them is in the way.
const STATEMENT_IDS: u32 = 1000;
/// How long the server may work on one batch, in milliseconds.
const BATCH_MAX_MS: i64 = 60_000;
/// How many sessions the server may refuse to change before the purge gives up: then it is no matter
/// of single documents.
const MOST_REFUSED: u64 = 100;

/// The result of a batch.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) done: u64,
    /// Whether `done` is exact, or "at least".
    pub(super) exact: bool,
    /// How long it took, including retries.
    pub(super) took: Duration,
    /// The sessions that the server refused to change, and why.
    pub(super) refused: Vec<(Key, Error)>,
    /// An error that several attempts did not overcome, or at once one that a retry cannot overcome.
    pub(super) error: Option<Error>,
}

/// Writes batches, several at a time.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    pub(super) store: Store,
    /// The updates of the sessions, each with a filter; an empty filter means all sessions. Without an
    /// update, the sessions are deleted.
    pub(super) updates: Vec<(Document, Bson)>,
    /// Whether the server may treat two different `_id`s as equal, because of a collation.
    pub(super) collated: bool,
    pub(super) overload: Overload,
    pub(super) cancel: CancellationToken,
    /// How many sessions the server refused to change so far.
    pub(super) refused: Arc<AtomicU64>,
}

/// What goes into one command.
enum Work<'a> {
    Keys(Cow<'a, [Key]>),
    Each(&'a [Bound]),
    Window { range: &'a RawDocument, hint: &'a Bson },
}

impl Work<'_> {
    /// The key of the session that it is, if it is a single one.
    fn single(&self) -> Option<&Key> {
        match self {
            Self::Keys(keys) => keys.first().filter(|_| keys.len() == 1),
            Self::Each(each) => each.first().filter(|_| each.len() == 1).map(|one| &one.key),
            Self::Window { .. } => None,
        }
    }
}

impl Writer {
    pub(super) async fn write(self, candidates: Candidates) -> Written {
        let began = Instant::now();
        let mut written = Written { exact: true, ..Written::default() };
        if let Err(error) = self.write_all(&candidates, &mut written).await {
            written.error = error;
        }
        written.took = began.elapsed();
        written
    }

    /// Writes all of it, or as much as can be; nothing is the error where it was cancelled while no
    /// server was there.
    async fn write_all(
        &self,
        candidates: &Candidates,
        written: &mut Written,
    ) -> Result<(), Option<Error>> {
        let filter = raw_document(&candidates.filter)?;
        let mut left = self.work(&candidates.scope, filter.as_bytes().len());
        let mut retries = Retries::default();
        while let Some(work) = left.front() {
            let statements = self.statements(work, &filter)?;
            let (error, counted) = match self.run(&statements, &mut written.done).await {
                Ok(()) => {
                    self.overload.eased();
                    left.pop_front();
                    continue;
                }
                Err(failed) => failed,
            };
            if counted && error.is_of_document() {
                match work.single() {
                    // One document is in the way of others; what was done before it stays so.
                    None => {
                        let parts = self.split(work, &filter).await?;
                        left.pop_front();
                        parts.into_iter().rev().for_each(|part| left.push_front(part));
                        continue;
                    }
                    Some(key) if self.may_refuse() => {
                        written.refused.push((key.clone(), error));
                        left.pop_front();
                        continue;
                    }
                    Some(_) => {}
                }
            }
            // It may have been carried out, in whole or in part. A retry is safe, because it
            // repeats the predicate.
            written.exact &= counted || error.is_refusal();
            self.wait_out(&mut retries, error).await?;
        }
        Ok(())
    }

    /// The same work in smaller parts.
    async fn split<'a>(&self, work: &Work<'a>, filter: &RawDocument) -> Result<Vec<Work<'a>>> {
        let halves = |keys: &[Key]| {
            let (first, rest) = keys.split_at(keys.len() / 2);
            [first, rest].map(|half| Work::Keys(half.to_vec().into())).into()
        };
        Ok(match work {
            Work::Keys(keys) => halves(keys),
            Work::Each(each) => {
                let (first, rest) = each.split_at(each.len() / 2);
                vec![Work::Each(first), Work::Each(rest)]
            }
            Work::Window { range, .. } => {
                let mut parts = Raw::new();
                parts.document("filter", &all_raw([*range, filter]));
                let mut find = joined(&rawdoc! { "find": self.store.name() }, &parts.done());
                find.append(cstr!("projection"), rawdoc! { "_id": 1 });
                let mut batches = self.store.read_raw("find", find, STATEMENT_IDS).await?;
                let mut parts = Vec::new();
                while let Some(batch) = batches.next().await? {
                    let keys: Vec<_> = documents(&batch).filter_map(Key::of).collect();
                    parts.push(Work::Keys(keys.into()));
                }
                parts
            }
        })
    }

    fn may_refuse(&self) -> bool {
        self.refused.fetch_add(1, Ordering::Relaxed) < MOST_REFUSED
    }

    /// Waits until a retry may help. Otherwise returns the error, or nothing if it was cancelled while no
    /// server was reachable.
    async fn wait_out(&self, retries: &mut Retries, error: Error) -> Result<(), Option<Error>> {
        if error.is_overload() {
            self.overload.met(Instant::now());
        }
        retries.pause(&self.cancel, error).await?;
        match retries.reach(self.store.connection(), &self.cancel).await? {
            true => Ok(()),
            false => Err(None),
        }
    }

    /// One command. Adds what it did to `done`; an error says whether it was counted.
    async fn run(
        &self,
        statements: &[RawDocumentBuf],
        done: &mut u64,
    ) -> Result<(), (Error, bool)> {
        let collection = self.store.name();
        let (name, list, count, mut command) = match self.updates.is_empty() {
            true => ("delete", "deletes", "n", rawdoc! { "delete": collection }),
            false => ("update", "updates", "nModified", rawdoc! { "update": collection }),
        };
        let mut all = Raw::new();
        all.documents(list, statements.iter().map(|statement| &**statement));
        command = joined(&command, &all.done());
        command.append(cstr!("ordered"), false);
        command.append(cstr!("maxTimeMS"), BATCH_MAX_MS);
        command.append(cstr!("comment"), self.store.comment());
        // A delete that a failover rolls back would resurrect a dead session.
        command.append(cstr!("writeConcern"), rawdoc! { "w": "majority" });
        let reply = self.store.reply(name, command).await.map_err(|error| (error, false))?;
        *done += affected(&reply.document, count);
        reply.refusal.map_or(Ok(()), |error| Err((error, true)))
    }

    /// What each command writes, so that none is too large.
    fn work<'a>(&self, scope: &'a Scope, filter: usize) -> VecDeque<Work<'a>> {
        match scope {
            Scope::Keys(keys) => {
                // Each text is a statement of its own where others may be equal to it.
                let most = if self.collated { STATEMENTS } else { usize::MAX };
                chunks(keys, most, STATEMENT_BYTES).map(|keys| Work::Keys(keys.into())).collect()
            }
            Scope::Each(each) => {
                let size = |one: &Bound| one.key.size() + one.as_read.as_bytes().len() + filter;
                let mut work = VecDeque::new();
                let (mut start, mut bytes) = (0, 0);
                for (at, one) in each.iter().enumerate() {
                    bytes += size(one);
                    if at > start && (bytes > STATEMENT_BYTES || at - start == STATEMENTS) {
                        work.push_back(Work::Each(&each[start..at]));
                        (start, bytes) = (at, size(one));
                    }
                }
                work.extend((start < each.len()).then(|| Work::Each(&each[start..])));
                work
            }
            Scope::Window { range, hint } => [Work::Window { range, hint }].into(),
        }
    }

    fn statements(&self, work: &Work<'_>, filter: &RawDocument) -> Result<Vec<RawDocumentBuf>> {
        let mut statements = Vec::new();
        match work {
            Work::Keys(keys) => {
                let is_text = |key: &&Key| self.collated && key.is_text();
                let (texts, others): (Vec<_>, Vec<_>) = keys.iter().partition(is_text);
                if !others.is_empty() {
                    let which = among("_id", others);
                    statements.extend(self.of(&[&which, filter], &by_id(), false)?);
                }
                for text in texts {
                    let (which, simply) = self.this(text)?;
                    statements.extend(self.of(&[&which, filter], &by_id(), simply)?);
                }
            }
            Work::Each(each) => {
                for one in *each {
                    let (which, simply) = self.this(&one.key)?;
                    let clauses = [&*which, &*one.as_read, filter];
                    statements.extend(self.of(&clauses, &by_id(), simply)?);
                }
            }
            Work::Window { range, hint } => {
                statements.extend(self.of(&[range, filter], hint, false)?);
            }
        }
        Ok(statements)
    }

    /// The document with this `_id` and no other, and whether text must be compared byte by byte for
    /// that, which no index of a collection with a collation can.
    fn this(&self, key: &Key) -> Result<(RawDocumentBuf, bool)> {
        let is_text = self.collated && key.is_text();
        match key.bson().filter(|_| is_text) {
            Some(text @ Bson::String(_)) => Ok((raw_document(&exactly("_id", &text))?, false)),
            _ => Ok((compared("_id", &[("$eq", key)]), is_text)),
        }
    }

    /// The statements of the command for these documents, as long as the predicate still holds: one
    /// for all, or one for those of each layout where their updates differ. Without the hint the
    /// planner may walk the expiry index once for each batch (measured: 40 times slower).
    fn of(
        &self,
        clauses: &[&RawDocument],
        hint: &Bson,
        simply: bool,
    ) -> Result<Vec<RawDocumentBuf>> {
        let statement = |more: Option<&RawDocument>| {
            let mut statement = Raw::new();
            statement.document("q", &all_raw(clauses.iter().copied().chain(more)));
            let mut statement = statement.done();
            statement.append(cstr!("hint"), raw_value(hint)?);
            if simply {
                statement.append(cstr!("collation"), rawdoc! { "locale": "simple" });
            }
            Ok::<_, Error>(statement)
        };
        if self.updates.is_empty() {
            let mut statement = statement(None)?;
            statement.append(cstr!("limit"), 0);
            return Ok(vec![statement]);
        }
        let update = |(whose, update): &(Document, Bson)| {
            let mut statement = statement(Some(&*raw_document(whose)?))?;
            statement.append(cstr!("u"), raw_value(update)?);
            statement.append(cstr!("multi"), true);
            Ok(statement)
        };
        self.updates.iter().map(update).collect()
    }
}

fn raw_value(value: &Bson) -> Result<RawBson> {
    RawBson::try_from(value.clone())
        .map_err(|_| Error::Unsupported("the name of a field has a zero byte in it".into()))
}

fn by_id() -> Bson {
    bson::doc! { "_id": 1 }.into()
}
