//! Writes one batch: retries while that may help, and never counts a session twice.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bson::raw::{RawBson, RawDocumentBuf, cstr};
use bson::{Bson, Document, RawDocument, rawdoc};
use tokio_util::sync::CancellationToken;

use super::candidates::{Bound, Candidates, Scope};
use super::pace::Overload;
use crate::error::{Error, Result};
use crate::model::filter::exactly;
use crate::model::key::{Key, among, compared};
use crate::model::raw::{Raw, all_raw};
use crate::model::selection::chunks;
use crate::server::backoff::Retries;
use crate::server::reply::{affected, documents, write_errors};
use crate::store::{Store, joined, raw_document};

/// The maximum number of statements in one command, if each session has its own.
const STATEMENTS: usize = 200;
/// The maximum size of these statements, unless a single one is larger: a command is limited to 16
/// MB.
const STATEMENT_BYTES: usize = 8 << 20;
/// How long the server may work on one batch, in milliseconds.
const BATCH_MAX_MS: i64 = 60_000;
/// How many sessions the server may refuse to change before the purge gives up, because the cause
/// is not a single document.
const MOST_REFUSED: u64 = 100;

/// The result of a batch.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) done: u64,
    /// Whether `done` is exact rather than "at least".
    pub(super) exact: bool,
    /// How long it took, including retries.
    pub(super) took: Duration,
    /// The sessions that the server refused to change, and why.
    pub(super) refused: Vec<(Key, Error)>,
    /// The error that a majority did not confirm the write in time, which is done.
    pub(super) unconfirmed: Option<Error>,
    /// An error that several attempts did not overcome, or at once one that a retry cannot overcome.
    pub(super) error: Option<Error>,
}

/// Writes a batch. Each batch in flight has a clone of it.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    pub(super) store: Store,
    /// The updates of the sessions, each with a filter; an empty filter means all sessions. Without an
    /// update, the sessions are deleted.
    pub(super) updates: Vec<(Document, Bson)>,
    /// Whether the server may treat two different `_id`s as equal, because of a collation.
    pub(super) collated: bool,
    pub(super) overload: Overload,
    /// For how many seconds a write waits for a majority; without a limit if `None`.
    pub(super) majority_within: Option<u32>,
    pub(super) cancel: CancellationToken,
    /// How many sessions the server refused to change so far.
    pub(super) refused: Arc<AtomicU64>,
    /// Whether it refused any, so that each is written in its own statement.
    pub(super) apart: Arc<AtomicBool>,
}

/// The content of one command.
enum Work<'a> {
    /// In one statement.
    Keys(&'a [Key]),
    /// Each in its own statement.
    Apart(Cow<'a, [Key]>),
    Each(&'a [Bound]),
    Window {
        range: &'a RawDocument,
        hint: &'a Bson,
    },
}

impl Work<'_> {
    /// The session of this statement; `None` if it is for many.
    fn key_of(&self, statement: usize) -> Option<&Key> {
        match self {
            Self::Keys(_) | Self::Window { .. } => None,
            Self::Apart(keys) => keys.get(statement),
            Self::Each(each) => each.get(statement).map(|one| &one.key),
        }
    }
}

/// Why a command failed.
struct Failed {
    error: Error,
    /// Whether its work was counted.
    counted: bool,
    /// Whether that work is done but not confirmed by a majority, so that a failover may roll it back.
    unconfirmed: bool,
    /// The server's errors about single statements.
    each: Vec<(usize, Error)>,
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

    /// Writes as much of the batch as possible. The error is `None` if cancelled while no server
    /// was reachable.
    async fn write_all(
        &self,
        candidates: &Candidates,
        written: &mut Written,
    ) -> Result<(), Option<Error>> {
        let filter = raw_document(&candidates.filter)?;
        let mut left = self.work(&candidates.scope, filter.as_bytes().len());
        let mut retries = Retries::default();
        // Whether this work was counted before and may have been rolled back.
        let mut in_doubt = false;
        while let Some(work) = left.front() {
            if self.apart.load(Ordering::Relaxed)
                && let Some(parts) = self.apart(work, &filter).await?
            {
                left.pop_front();
                parts.into_iter().rev().for_each(|part| left.push_front(part));
                continue;
            }
            let statements = self.statements(work, &filter)?;
            let before = written.done;
            let outcome = self.run(&statements, &mut written.done).await;
            // It was rolled back, and counted twice.
            written.exact &= !in_doubt || written.done == before;
            let Failed { error, counted, unconfirmed, each } = match outcome {
                Ok(()) => {
                    self.overload.eased();
                    left.pop_front();
                    in_doubt = false;
                    continue;
                }
                Err(failed) => failed,
            };
            if each.is_empty() && error.is_unconfirmed() && self.majority_within.is_some() {
                written.unconfirmed = Some(error);
                left.pop_front();
                continue;
            }
            let is_of_documents =
                !each.is_empty() && each.iter().all(|(_, error)| error.is_of_document());
            if is_of_documents && is_of_many(work) {
                self.apart.store(true, Ordering::Relaxed);
                // The work of such a statement before it reached the document is not counted.
                written.exact = false;
                continue;
            }
            if is_of_documents && self.may_refuse(each.len()) {
                let statements = self.updates.len().max(1);
                let refused = each
                    .into_iter()
                    .filter_map(|(at, error)| Some((work.key_of(at / statements)?.clone(), error)));
                written.refused.extend(refused);
                left.pop_front();
                in_doubt = false;
                continue;
            }
            in_doubt |= unconfirmed;
            // The command may have been carried out, completely or in part. A retry is safe,
            // because it repeats the predicate. Of a statement for many that was ended on its way, the
            // server counts nothing.
            let is_partly_counted =
                is_of_many(work) && !each.is_empty() && !error.is_refused_hint();
            let is_counted = counted && !is_partly_counted;
            written.exact &= is_counted || error.is_refusal() && !unconfirmed;
            let waited = self.wait_out(&mut retries, error).await;
            written.exact &= !in_doubt || waited.is_ok();
            waited?;
        }
        Ok(())
    }

    /// The same work with a statement for each session; `None` if it already is.
    async fn apart<'a>(
        &self,
        work: &Work<'a>,
        filter: &RawDocument,
    ) -> Result<Option<Vec<Work<'a>>>> {
        Ok(Some(match work {
            Work::Apart(_) | Work::Each(_) => return Ok(None),
            Work::Keys(keys) => chunks(keys, STATEMENTS, STATEMENT_BYTES)
                .map(|some| Work::Apart(some.into()))
                .collect(),
            Work::Window { range, .. } => {
                let mut parts = Raw::new();
                parts.document("filter", &all_raw([*range, filter]));
                let mut find = joined(&rawdoc! { "find": self.store.name() }, &parts.done());
                find.append(cstr!("projection"), rawdoc! { "_id": 1 });
                let size = STATEMENTS as u32;
                find.append(cstr!("batchSize"), i64::from(size));
                let mut batches = self.store.read_raw("find", find, size).await?;
                let mut parts = Vec::new();
                while let Some(batch) = batches.next().await? {
                    let keys: Vec<_> = documents(&batch).filter_map(Key::of).collect();
                    parts.push(Work::Apart(keys.into()));
                }
                parts
            }
        }))
    }

    fn may_refuse(&self, sessions: usize) -> bool {
        let sessions = sessions as u64;
        self.refused.fetch_add(sessions, Ordering::Relaxed) + sessions <= MOST_REFUSED
    }

    /// Waits until a retry may help. Otherwise returns the error, or `None` if cancelled while no
    /// server was reachable.
    async fn wait_out(&self, retries: &mut Retries, error: Error) -> Result<(), Option<Error>> {
        if error.is_overload() {
            self.overload.met(Instant::now());
        }
        retries.pause(&self.cancel, error).await?;
        match self.store.connection().reach(retries, &self.cancel).await? {
            true => Ok(()),
            false => Err(None),
        }
    }

    /// Sends one command, and adds its count to `done`.
    async fn run(&self, statements: &[RawDocumentBuf], done: &mut u64) -> Result<(), Failed> {
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
        let mut concern = rawdoc! { "w": "majority" };
        if let Some(within) = self.majority_within {
            concern.append(cstr!("wtimeout"), 1000 * i64::from(within));
        }
        command.append(cstr!("writeConcern"), concern);
        let reply = self.store.reply(name, command).await;
        let unknown =
            |error| Failed { error, counted: false, unconfirmed: false, each: Vec::new() };
        let reply = reply.map_err(unknown)?;
        *done += affected(&reply.document, count);
        let Some(error) = reply.refusal else { return Ok(()) };
        let [unconfirmed, failed] =
            ["writeConcernError", "writeErrors"].map(|errors| reply.document.contains_key(errors));
        let counted = !(unconfirmed && failed);
        Err(Failed { error, counted, unconfirmed, each: write_errors(&reply.document) })
    }

    /// Splits the work into commands that are not too large.
    fn work<'a>(&self, scope: &'a Scope, filter: usize) -> VecDeque<Work<'a>> {
        match scope {
            Scope::Keys(keys) => {
                // With a collation, each text gets its own statement, because others may be equal
                // to it.
                let most = if self.collated { STATEMENTS } else { usize::MAX };
                chunks(keys, most, STATEMENT_BYTES).map(Work::Keys).collect()
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
            Work::Apart(keys) => {
                for key in keys.iter() {
                    let (which, simply) = self.this(key)?;
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

    /// The filter of the document with exactly this `_id`, and whether text must be compared byte
    /// by byte, which an index with a collation cannot do.
    fn this(&self, key: &Key) -> Result<(RawDocumentBuf, bool)> {
        let is_text = self.collated && key.is_text();
        if is_text && let Some(text @ Bson::String(_)) = key.bson() {
            return Ok((raw_document(&exactly("_id", &text))?, false));
        }
        Ok((compared("_id", &[("$eq", key)]), is_text))
    }

    /// The statements of the command for these documents, which repeat the predicate: one for all,
    /// or one for each layout if their updates differ. Without the hint, the planner may scan the
    /// expiry index once for each batch (measured: 40 times slower).
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

/// Whether a statement covers many sessions.
fn is_of_many(work: &Work<'_>) -> bool {
    matches!(work, Work::Keys(_) | Work::Window { .. })
}

fn raw_value(value: &Bson) -> Result<RawBson> {
    RawBson::try_from(value.clone())
        .map_err(|_| Error::Unsupported("the name of a field contains a zero byte".into()))
}

fn by_id() -> Bson {
    bson::doc! { "_id": 1 }.into()
}
