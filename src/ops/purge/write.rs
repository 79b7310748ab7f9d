//! Writes one batch: retries while that may help, and never counts more than was done.

use std::time::{Duration, Instant};

use bson::{Bson, Document, doc};
use tokio_util::sync::CancellationToken;

use super::candidates::{Candidates, Scope};
use super::pace::Overload;
use crate::error::{Error, Result};
use crate::model::filter::exactly;
use crate::server::backoff::Retries;
use crate::server::reply::affected;
use crate::store::Store;

/// Statements that go into one command where each session has its own.
const STATEMENTS: usize = 200;
/// How long the server may work on one batch, in milliseconds.
const BATCH_MAX_MS: i64 = 60_000;

/// The result of a batch.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) done: u64,
    /// Whether `done` is exact, or "at least".
    pub(super) exact: bool,
    /// How long it took, including retries.
    pub(super) took: Duration,
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
}

impl Writer {
    pub(super) async fn write(self, candidates: Candidates) -> Written {
        let began = Instant::now();
        let mut written = Written { exact: true, ..Written::default() };
        let statements = self.statements(&candidates);
        let mut left = statements.chunks(STATEMENTS);
        let mut chunk = left.next();
        let mut retries = Retries::default();
        while let Some(statements) = chunk {
            match self.run(statements, &mut written.done).await {
                Ok(()) => {
                    self.overload.eased();
                    chunk = left.next();
                }
                Err((error, counted)) => {
                    // It may have been carried out, in whole or in part. A retry is safe, because it
                    // repeats the predicate.
                    written.exact &= counted || error.is_refusal();
                    if let Err(error) = self.wait_out(&mut retries, error).await {
                        written.error = error;
                        break;
                    }
                }
            }
        }
        written.took = began.elapsed();
        written
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
    async fn run(&self, statements: &[Document], done: &mut u64) -> Result<(), (Error, bool)> {
        let (name, list, count) = match self.updates.is_empty() {
            true => ("delete", "deletes", "n"),
            false => ("update", "updates", "nModified"),
        };
        let command = doc! {
            name: self.store.name(),
            list: statements.to_vec(),
            "ordered": false,
            "maxTimeMS": BATCH_MAX_MS,
            "comment": self.store.comment(),
            // A delete that a failover rolls back would resurrect a dead session.
            "writeConcern": { "w": "majority" },
        };
        let reply = self.store.reply(name, command).await.map_err(|error| (error, false))?;
        *done += affected(&reply.document, count);
        reply.refusal.map_or(Ok(()), |error| Err((error, true)))
    }

    fn statements(&self, candidates: &Candidates) -> Vec<Document> {
        let filter = &candidates.filter;
        match &candidates.scope {
            Scope::Keys(keys) => {
                let is_text = |key: &&Bson| self.collated && matches!(key, Bson::String(_));
                let (texts, others): (Vec<_>, Vec<_>) = keys.iter().partition(is_text);
                let others = (!others.is_empty()).then(|| doc! { "_id": { "$in": others } });
                let texts = texts.into_iter().map(|text| exactly("_id", text));
                let which = others.into_iter().chain(texts);
                which.flat_map(|which| self.of(&which, filter, &by_id())).collect()
            }
            Scope::Each(each) => {
                let exact = |one: &Document| {
                    let mut which = one.clone();
                    if let Some(key) = one.get("_id").filter(|_| self.collated) {
                        which.extend(exactly("_id", key));
                    }
                    which
                };
                each.iter().flat_map(|one| self.of(&exact(one), filter, &by_id())).collect()
            }
            Scope::Window { range, hint } => self.of(range, filter, hint),
        }
    }

    /// The statements of the command for these documents, as long as the predicate still holds: one
    /// for all, or one for those of each layout where their updates differ. Without the hint the
    /// planner may walk the expiry index once for each batch (measured: 40 times slower).
    fn of(&self, which: &Document, filter: &Document, hint: &Bson) -> Vec<Document> {
        let query = |mut clauses: Vec<Document>| match clauses.len() {
            1 => clauses.remove(0),
            _ => doc! { "$and": clauses },
        };
        let clauses = |more: &[&Document]| {
            let more = more.iter().copied().filter(|clause| !clause.is_empty()).cloned();
            query(std::iter::once(which.clone()).chain(more).collect())
        };
        if self.updates.is_empty() {
            return vec![doc! { "q": clauses(&[filter]), "limit": 0, "hint": hint }];
        }
        let update = |(whose, update): &(Document, Bson)| {
            doc! { "q": clauses(&[filter, whose]), "u": update, "multi": true, "hint": hint }
        };
        self.updates.iter().map(update).collect()
    }
}

fn by_id() -> Bson {
    doc! { "_id": 1 }.into()
}
