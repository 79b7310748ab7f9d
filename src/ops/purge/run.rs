//! A running purge: reads the next batch while earlier ones are written, within the limits.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bson::{Bson, DateTime, Document};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::batch::{Batch, Step};
use super::candidates::Candidates;
use super::order::Order;
use super::pace::{Cause, Gate, Latency, PaceControl, Throttled};
use super::source::Source;
use super::spec::{Action, Purge, Strategy};
use super::write::{Writer, Written};
use crate::error::{Error, Result};
use crate::model::key::Key;
use crate::ops::archive::{Archive, Change};
use crate::server::backoff::Retries;
use crate::store::{Identity, Store};

mod flights;
mod reads;

/// How often a new plan is made after the index in use was lost.
const MOST_PLANS: u32 = 5;

/// A batch that is being written: the expected number of sessions, and what is known before the result.
/// Sessions that were read for it count as spared until the result is known.
type Flight = JoinHandle<(u64, Batch, Written)>;

/// A running purge. If it is dropped, the batches in flight finish unobserved.
#[derive(Debug)]
pub struct Purging {
    store: Store,
    purge: Purge,
    writer: Writer,
    archive: Option<Archive>,
    source: Option<Source>,
    /// Sessions that were read but are too many for one batch, or may not be written yet.
    read_ahead: VecDeque<Candidates>,
    /// The source of sessions, once the plan is known.
    strategy: Strategy,
    walks: bool,
    jobs: usize,
    flights: FuturesUnordered<Flight>,
    /// The sessions that were kept or refused. They still match, so another order or another look finds
    /// them again.
    left: HashSet<Key>,
    /// Whether the source has no more batches.
    exhausted: bool,
    finished: bool,
    failure: Option<Error>,
    exact: bool,
    /// Why a majority did not confirm a write in time.
    unconfirmed: Option<Error>,
    /// Whether it works on a sharded cluster, where a chunk migration may apply a write of many documents
    /// twice, which counts it twice (TOOLS-3431).
    sharded: bool,
    /// The identity of the collection at the start.
    identity: Identity,
    /// Whether the index in use is gone, so that a new plan is needed; and the number of plans so
    /// far.
    lost_index: bool,
    plans: u32,
    gate: Gate,
    /// How many sessions were written.
    done: u64,
    cancel: CancellationToken,
}

impl Store {
    /// Starts a purge: nothing is read or written before its first batch is pulled.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if a layout lacks a date for a condition, or can end a session only by deleting it.
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

    /// How to log out one session: it is expired if its store checks the expiry when it reads a
    /// session, else deleted.
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
        let gate = Gate::new(
            (store.connection().clone(), store.name()),
            PaceControl::new(purge.pace),
            cancel.clone(),
        );
        // On a member that lags behind, what was just written would be found again.
        let (store, overload) = (store.clone().on_primary(), gate.overload.clone());
        let writer = Writer {
            store: store.clone(),
            updates,
            collated: true,
            overload,
            majority_within: None,
            cancel: cancel.clone(),
            refused: Arc::default(),
            apart: Arc::default(),
        };
        Self {
            store,
            purge,
            writer,
            archive: None,
            source: None,
            read_ahead: VecDeque::new(),
            strategy: Strategy::Ids,
            walks: false,
            jobs: 1,
            flights: FuturesUnordered::new(),
            left: HashSet::new(),
            exhausted: false,
            finished: false,
            failure: None,
            exact: true,
            unconfirmed: None,
            sharded: false,
            identity: Identity::Absent,
            lost_index: false,
            plans: 0,
            gate,
            done: 0,
            cancel,
        }
    }

    /// Writes each batch into `archive`, and syncs it, before it is deleted or changed: every
    /// session is always in at least one of the two places. An archive of changed sessions notes the
    /// change.
    #[must_use]
    pub fn archive_to(mut self, mut archive: Archive) -> Self {
        self.purge.archive = true;
        let updates = self.writer.updates.iter().map(|(_, update)| update);
        archive.set_change(match self.purge.action {
            Action::Delete => None,
            Action::Expire => Change::new("expire", updates),
            Action::Fix(_) => Change::new("fix", updates),
        });
        self.archive = Some(archive);
        self
    }

    /// Obeys `control` instead of the pace of the purge.
    #[must_use]
    pub fn controlled_by(mut self, control: PaceControl) -> Self {
        self.gate.obey(control);
        self
    }

    /// Limits the wait for a majority to this many seconds per batch, because a request must not wait for a
    /// replica set that has lost its majority. See [`Purging::unconfirmed`].
    pub(crate) fn confirmed_within(mut self, seconds: u32) -> Self {
        self.writer.majority_within = Some(seconds);
        self
    }

    /// The error of the first batch that is done, but was not confirmed in time.
    pub(crate) fn unconfirmed(&mut self) -> Option<Error> {
        self.unconfirmed.take()
    }

    /// The handle that changes the pace while it runs.
    pub fn control(&self) -> PaceControl {
        self.gate.control().clone()
    }

    /// Returns the archive, if there is one and it is still usable.
    pub fn into_archive(self) -> Option<Archive> {
        self.archive
    }

    /// Whether the batches so far account for everything that was done. `false` once a write failed
    /// with an unknown result.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Whether some writes may have been counted twice, so that the sum is neither exact nor a lower bound:
    /// a chunk migration of a sharded cluster may apply a write of many documents twice.
    pub fn may_count_twice(&self) -> bool {
        self.sharded
    }

    /// Whether the whole selection was processed.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether no index finds the sessions, so that the collection is scanned.
    pub fn walks(&self) -> bool {
        self.walks
    }

    /// Whether the index in use was dropped or hidden, so that a new plan was made.
    pub fn lost_index(&self) -> bool {
        self.plans > 1
    }

    /// The order in which the purge finds the sessions now.
    pub fn order(&self) -> Order {
        self.source.as_ref().map_or(Order::Index, Source::order)
    }

    /// Whether the stored order is faster than the index, or disturbs other clients less.
    pub fn prefers_stored(&self) -> bool {
        self.source.as_ref().is_some_and(Source::prefers_stored)
    }

    /// How long the purge waited so far, by cause.
    pub fn throttled(&self) -> Throttled {
        self.gate.throttled
    }

    /// What reads of other clients took meanwhile: measured once the purge has worked for a while, if
    /// [`Pace::max_latency`](super::Pace::max_latency) asks for it.
    pub fn latency(&self) -> Option<Latency> {
        self.gate.latency()
    }

    /// What happens next. `None` when nothing is left, or when the token was cancelled: the batches
    /// in flight are always finished first.
    ///
    /// # Errors
    /// An error that several attempts did not overcome, or at once one that a retry cannot overcome. The
    /// results of batches in flight come before it.
    pub async fn next(&mut self) -> Result<Option<Step>> {
        loop {
            let stops = self.failure.is_some() || self.cancel.is_cancelled();
            let lands = stops || self.exhausted || self.lost_index;
            if lands || self.flights.len() >= self.allowed() {
                match self.flights.next().await {
                    Some(flight) => match self.landed(flight).await {
                        Some(batch) => return Ok(Some(Step::Batch(batch))),
                        None => continue,
                    },
                    None if stops => return self.failed().await.map_or(Ok(None), Err),
                    None if std::mem::take(&mut self.lost_index) => {
                        // Finished sessions no longer match, so a new plan finds the rest.
                        (self.source, self.exhausted) = (None, false);
                        self.read_ahead.clear();
                        self.failure = self.check_collection().await.err();
                        continue;
                    }
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
                // It was paused while it read, or others are to be measured alone.
                Ok(Some(candidates)) if self.gate.holds() => self.read_ahead.push_front(candidates),
                Ok(Some(candidates)) => match self.keep(candidates).await {
                    Ok((candidates, kept)) => self.start(candidates, kept),
                    Err(error) => self.failure = Some(error),
                },
                Ok(None) if self.cancel.is_cancelled() => {}
                // Sessions in flight may still be spared, and are then examined again.
                Ok(None) if !self.flights.is_empty() => self.exhausted = true,
                Ok(None) => match self.check_collection().await {
                    Ok(true) => {
                        self.finished = true;
                        return Ok(None);
                    }
                    Ok(false) => {}
                    Err(error) => self.failure = Some(error),
                },
                Err(error) => self.fail(error),
            }
        }
    }

    /// Records the error, unless a new plan may help.
    fn fail(&mut self, error: Error) {
        if error.is_of_lost_index() && self.plans < MOST_PLANS {
            self.lost_index = true;
        } else {
            self.failure = self.failure.take().or(Some(error));
        }
    }

    /// The error of the purge. If the collection was replaced, that is the cause of other errors.
    async fn failed(&mut self) -> Option<Error> {
        let error = self.failure.take()?;
        let is_of_server = error.code().is_some() || matches!(error, Error::NoCollection { .. });
        match is_of_server && !error.is_refusal() {
            true => {
                self.store.still_is(&self.identity).await.err().filter(is_changed).or(Some(error))
            }
            false => Some(error),
        }
    }

    /// An error if the collection was dropped or replaced: then sessions that were not found were
    /// not renewed. `false` if cancelled before the server answered.
    fn check_collection(&self) -> impl Future<Output = Result<bool>> + use<> {
        let (store, before, cancel) =
            (self.store.clone(), self.identity.clone(), self.cancel.clone());
        async move {
            let mut retries = Retries::default();
            loop {
                match cancel.run_until_cancelled(store.still_is(&before)).await {
                    None => return Ok(false),
                    Some(Err(error)) if !is_changed(&error) => {
                        retries.pause(&cancel, error).await?;
                    }
                    Some(checked) => return checked.map(|()| true),
                }
            }
        }
    }

    /// Waits until another batch may begin, or until one in flight is done.
    async fn wait(&mut self, wait: Duration, cause: Cause) -> Option<Step> {
        if self.gate.is_worth_telling(cause) {
            return Some(Step::Paused(cause));
        }
        let landed = self.gate.wait_beside(&mut self.flights, wait, cause).await;
        self.landed(landed?).await.map(Step::Batch)
    }
}

fn is_changed(error: &Error) -> bool {
    matches!(error, Error::CollectionChanged { .. })
}
