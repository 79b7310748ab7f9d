//! A purge under way: reads the next batch while earlier ones are written, no faster than it may.

use std::time::{Duration, Instant};

use bson::{Bson, DateTime, Document, RawDocument};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use super::candidates::{Candidates, Scope};
use super::pace::{Cause, Gate, LONG_WAIT, Throttled};
use super::source::{By, Source};
use super::spec::{Action, Purge, Strategy};
use super::write::{Writer, Written};
use crate::error::{Error, Result};
use crate::ops::archive::Archive;
use crate::server::backoff::Retries;
use crate::server::connection::Topology;
use crate::store::Store;

/// How often a rate starts batches at the least, in a second: smaller ones, rather than bursts.
const STARTS_A_SECOND: u32 = 4;

/// What came of one batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Batch {
    /// Sessions that were deleted, or ended.
    pub done: u64,
    /// Sessions that were read for it but did not match any more when they were to be written: they
    /// were renewed or removed meanwhile. None where the sessions were not read.
    pub spared: Option<u64>,
    /// Whether `done` is exact; after a connection that broke in mid-write it is "at least".
    pub exact: bool,
    /// Of `done`, those that an archive holds; none if there is no archive.
    pub archived: Option<u64>,
    /// Sessions left alone because the archive has no form for them.
    pub kept: u64,
    /// What their store looks its sessions up by, if the purge tells ids. Those that were spared are
    /// among them.
    pub ids: Vec<Bson>,
    /// The user of each of those, if the purge tells users.
    pub users: Vec<Option<String>>,
    /// The range of the expiry or of the `_id` that was written, where no sessions were read.
    pub window: Option<Document>,
    /// How long its write took.
    pub took: Duration,
}

/// What happens next in a purge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A batch was carried out.
    Batch(Batch),
    /// It waits: told at once where the server is to catch up, and now and then in any long wait.
    /// Pulling goes on waiting.
    Paused(Cause),
}

/// A batch that is being written: how many sessions it was expected to have, and what is known of it
/// before. Those that were read for it count as spared until it is known what was done.
type Flight = JoinHandle<(u64, Batch, Written)>;

/// A purge under way. Dropping it leaves the batches in flight to themselves.
#[derive(Debug)]
pub struct Purging {
    store: Store,
    purge: Purge,
    writer: Writer,
    archive: Option<Archive>,
    source: Option<Source>,
    /// How sessions are found, once that is known.
    strategy: Strategy,
    walks: bool,
    jobs: usize,
    flights: FuturesUnordered<Flight>,
    /// Whether the source gave its last batch.
    dry: bool,
    finished: bool,
    failure: Option<Error>,
    exact: bool,
    gate: Gate,
    cancel: CancellationToken,
}

impl Store {
    /// Starts a purge: nothing is read or written before its first batch is pulled.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where a layout has no date for a condition, or no way to end a
    /// session but to delete it.
    pub fn purge(&self, purge: Purge, cancel: CancellationToken) -> Result<Purging> {
        purge.predicate(self.layouts())?;
        let updates: Vec<Bson> = match &purge.action {
            Action::Delete => Vec::new(),
            Action::Expire => {
                let endings = self.layouts().endings(purge.selection.now)?;
                endings.into_iter().map(Bson::from).collect()
            }
            Action::Fix(mendings) => {
                mendings.iter().map(|mending| mending.update.clone().into()).collect()
            }
        };
        Ok(Purging::new(self, purge, self.layouts().apart(updates), cancel))
    }

    /// How one session is logged out: it is expired where its store looks at the expiry when it
    /// reads, and else deleted.
    pub fn way_out(&self, now: DateTime) -> Action {
        if self.layouts().endings(now).is_ok() { Action::Expire } else { Action::Delete }
    }
}

impl Purging {
    fn new(
        store: &Store,
        purge: Purge,
        updates: Vec<(Document, Bson)>,
        cancel: CancellationToken,
    ) -> Self {
        let gate = Gate::new(store.connection().clone(), purge.pace, cancel.clone());
        let (store, overload) = (store.clone(), gate.overload.clone());
        let writer = Writer {
            store: store.clone(),
            updates,
            collated: true,
            overload,
            cancel: cancel.clone(),
        };
        Self {
            store,
            purge,
            writer,
            archive: None,
            source: None,
            strategy: Strategy::Ids,
            walks: false,
            jobs: 1,
            flights: FuturesUnordered::new(),
            dry: false,
            finished: false,
            failure: None,
            exact: true,
            gate,
            cancel,
        }
    }

    /// Writes each batch into `archive`, and syncs it, before it is deleted: no session is ever in
    /// neither place.
    #[must_use]
    pub fn archive_to(mut self, archive: Archive) -> Self {
        self.purge.archive = true;
        self.archive = Some(archive);
        self
    }

    /// Gives the archive back, if there is one that can be written on.
    pub fn into_archive(self) -> Option<Archive> {
        self.archive
    }

    /// Whether the batches so far add up to what was done. `false` once a write failed in a way that
    /// leaves open how much of it was carried out.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Whether nothing of the selection is left.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether no index leads to the sessions, so that the collection is walked.
    pub fn walks(&self) -> bool {
        self.walks
    }

    /// How long it waited so far, and for what.
    pub fn throttled(&self) -> Throttled {
        self.gate.throttled
    }

    /// What happens next. `None` when nothing is left, or when the token was cancelled: the batches
    /// in flight are always finished first.
    ///
    /// # Errors
    /// What is still wrong after several attempts, or at once what trying again cannot mend. The
    /// batches that were in flight come before it.
    pub async fn next(&mut self) -> Result<Option<Step>> {
        loop {
            let stops = self.failure.is_some() || self.cancel.is_cancelled();
            if stops || self.dry || self.flights.len() >= self.allowed() {
                match self.flights.next().await {
                    Some(flight) => match self.landed(flight) {
                        Some(batch) => return Ok(Some(Step::Batch(batch))),
                        None => continue,
                    },
                    None if stops => return self.failure.take().map_or(Ok(None), Err),
                    None => {}
                }
            }
            match self.gate.delay().await {
                Ok(None) => {}
                Ok(Some((wait, cause))) => {
                    if let Some(step) = self.wait(wait, cause).await {
                        return Ok(Some(step));
                    }
                    continue;
                }
                Err(error) => {
                    self.failure = Some(error);
                    continue;
                }
            }
            match self.read().await {
                Ok(Some(candidates)) => match self.keep(candidates).await {
                    Ok((candidates, kept)) => self.start(candidates, kept),
                    Err(error) => self.failure = Some(error),
                },
                Ok(None) if self.cancel.is_cancelled() => {}
                // What is in flight may yet be spared, and then it is looked at once more.
                Ok(None) if !self.flights.is_empty() => self.dry = true,
                Ok(None) => {
                    self.finished = true;
                    return Ok(None);
                }
                Err(error) => self.failure = Some(error),
            }
        }
    }

    /// How many batches may be in flight now.
    fn allowed(&self) -> usize {
        if self.gate.overload.is_near() { 1 } else { self.jobs }
    }

    /// Waits for as long as another batch must not begin, or until one in flight is done.
    async fn wait(&mut self, wait: Duration, cause: Cause) -> Option<Step> {
        if self.gate.is_worth_telling(cause) {
            return Some(Step::Paused(cause));
        }
        let began = Instant::now();
        let cancel = self.cancel.clone();
        let landed = tokio::select! {
            flight = self.flights.next(), if !self.flights.is_empty() => flight,
            () = tokio::time::sleep(wait.min(LONG_WAIT)) => None,
            () = cancel.cancelled() => None,
        };
        self.gate.throttled.add(cause, began.elapsed());
        self.landed(landed?).map(Step::Batch)
    }

    /// The next candidates, or `None` at the end and when it was cancelled. Reading changes
    /// nothing, so an interrupted process need not wait for its answer.
    async fn read(&mut self) -> Result<Option<Candidates>> {
        let mut retries = Retries::default();
        let cancel = self.cancel.clone();
        loop {
            match cancel.run_until_cancelled(self.try_read()).await {
                None => return Ok(None),
                Some(Ok(candidates)) => return Ok(candidates),
                Some(Err(error)) => {
                    if error.is_overload() {
                        self.gate.overload.met(Instant::now());
                    }
                    retries.pause(&cancel, error).await?;
                    // A lost cursor begins again, and would find what is in flight once more: first
                    // that lands.
                    if !self.flights.is_empty() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    async fn try_read(&mut self) -> Result<Option<Candidates>> {
        if self.source.is_none() {
            let kind = self.store.connection().hello().await?.kind;
            self.writer.collated = self.store.is_collated().await?;
            let plan = self.store.plan(&self.purge).await?;
            self.jobs = self.purge.jobs.map_or_else(|| self.usual_jobs(kind), |jobs| jobs as usize);
            self.walks = plan.walks;
            self.strategy = plan.strategy;
            self.source = Some(Source(plan.parts));
        }
        let size = self.batch_size();
        let Some(source) = &mut self.source else { return Ok(None) };
        source.next(By { store: &self.store, purge: &self.purge, size }).await
    }

    /// Two keep a standalone busy; who waits for the majority needs more (measured on mongod 6.0.5).
    fn usual_jobs(&self, kind: Topology) -> usize {
        match kind {
            _ if self.purge.pace.sleep_factor > 0.0 => 1,
            Topology::Standalone => 2,
            Topology::ReplicaSet | Topology::Sharded => 8,
        }
    }

    fn batch_size(&self) -> u32 {
        let size = self.purge.batch_size.unwrap_or_else(|| self.strategy.batch_size());
        let share = self.purge.pace.rate.map(|rate| (rate / STARTS_A_SECOND).max(1));
        share.map_or(size, |share| size.min(share))
    }

    /// Puts the candidates into the archive, if there is one. Those that it cannot take are no
    /// candidates any more; their number comes along.
    async fn keep(&mut self, mut candidates: Candidates) -> Result<(Candidates, u64)> {
        let Some(mut archive) = self.archive.take() else { return Ok((candidates, 0)) };
        let documents = std::mem::take(&mut candidates.documents);
        let writing = tokio::task::spawn_blocking(move || {
            let batch: Vec<&RawDocument> = documents.iter().map(|document| &**document).collect();
            let written = archive.write(&batch);
            (archive, written)
        });
        let Ok((archive, written)) = writing.await else { return Err(lost()) };
        self.archive = Some(archive);
        let kept = candidates.retain(&written?.archived);
        Ok((candidates, kept))
    }

    fn start(&mut self, mut candidates: Candidates, kept: u64) {
        let expected = candidates.count;
        self.gate.throttle.begin(Instant::now(), expected);
        let window = match &candidates.scope {
            Scope::Window { range, .. } => Some(range.clone()),
            Scope::Keys(_) | Scope::Each(_) => None,
        };
        let spared = window.is_none().then_some(expected);
        let ids = std::mem::take(&mut candidates.ids);
        let users = std::mem::take(&mut candidates.users);
        let batch = Batch { spared, kept, ids, users, window, ..Batch::default() };
        let writer = self.writer.clone();
        // A task of its own, because a driver's future must not be dropped.
        self.flights
            .push(tokio::spawn(async move { (expected, batch, writer.write(candidates).await) }));
    }

    /// What a batch came to; nothing, where it failed as a whole.
    fn landed(&mut self, flight: Result<(u64, Batch, Written), JoinError>) -> Option<Batch> {
        let Ok((expected, mut batch, written)) = flight else {
            self.exact = false;
            self.failure = Some(lost());
            return None;
        };
        let Written { done, exact, took, error } = written;
        self.gate.throttle.end(Instant::now(), expected, done, took);
        self.exact &= exact;
        let spared = batch.spared.map(|read| read.saturating_sub(done));
        if let (Some(source), Some(spared)) = (&mut self.source, spared) {
            source.spared(spared);
        }
        // What an earlier attempt may have done was not renewed by anybody.
        batch.spared = spared.map(|spared| if exact && error.is_none() { spared } else { 0 });
        batch.archived = self.purge.archive.then_some(done);
        (batch.done, batch.exact, batch.took) = (done, exact, took);
        if self.dry && self.flights.is_empty() {
            self.dry = false;
        }
        let failed = error.is_some();
        self.failure = self.failure.take().or(error);
        (!failed || done > 0).then_some(batch)
    }
}

/// A task of ours panicked, and said so itself.
fn lost() -> Error {
    Error::Unsupported("a batch was lost".into())
}
