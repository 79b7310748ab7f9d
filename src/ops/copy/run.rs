//! A copy under way: reads and converts the next sessions while earlier ones are written, no faster
//! than it may.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bson::RawDocument;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::convert::Loss;
use super::spec::{Changes, Copied, CopyPlan, Step};
use super::write::{Intake, Item, Taken, Writer, Written};
use crate::error::{Error, Result};
use crate::model::filter::Filter;
use crate::model::key::Key;
use crate::model::session::Session;
use crate::ops::archive::Archive;
use crate::ops::purge::{Cause, Gate, Latency, Load, PaceControl, Throttled};
use crate::ops::select::Judging;
use crate::server::backoff::Retries;
use crate::server::connection::Topology;
use crate::server::reply::documents;
use crate::store::{Batches, Reading, Store};

/// Sessions per batch, and the most bytes of them, unless a single one is larger.
const BATCH_SIZE: u32 = 1000;
const BATCH_BYTES: usize = 4 << 20;
/// The most copies to be deleted that gather before they are.
const MOST_OVER: usize = 1000;

/// Where sessions come from.
enum Source {
    /// As the server sends them, which decides everything.
    Plain(Batches),
    /// Judged or converted on all cores.
    Judged(Judging<Vec<Taken>>),
}

/// A running copy. If it is dropped, the batches in flight finish unobserved.
pub struct Copying {
    source: Store,
    copy: CopyPlan,
    writer: Writer,
    intake: Intake,
    filters: VecDeque<Filter>,
    reading: Option<Source>,
    /// Read, and not written yet.
    waiting: VecDeque<Item>,
    /// Sessions that expired, so that their copies are to be deleted.
    over: Vec<Key>,
    /// What was read since the last batch, and does not become one.
    since: Copied,
    /// Whether everything was read.
    dry: bool,
    jobs: usize,
    flights: FuturesUnordered<JoinHandle<Written>>,
    total: Copied,
    /// What was written since the caller took it last.
    changes: Changes,
    /// What was done before the reading began anew.
    before: u64,
    exact: bool,
    finished: bool,
    failure: Option<Error>,
    gate: Gate,
    cancel: CancellationToken,
}

impl std::fmt::Debug for Copying {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Copying({:?})", self.total)
    }
}

impl Store {
    /// Begins to copy sessions into `target`. Nothing is read or written before its first batch is
    /// pulled.
    ///
    /// # Errors
    /// As for [`Selection::filter`](crate::Selection::filter).
    pub async fn copy_to(
        &self,
        target: &Self,
        copy: CopyPlan,
        cancel: CancellationToken,
    ) -> Result<Copying> {
        let writer = Writer::new(target, &copy, cancel.clone());
        self.copy_by(writer, copy, cancel).await
    }

    /// The same with this writer.
    pub(super) async fn copy_by(
        &self,
        writer: Writer,
        copy: CopyPlan,
        cancel: CancellationToken,
    ) -> Result<Copying> {
        let target = writer.target.clone();
        let usual = match target.connection().hello().await?.kind {
            Topology::Standalone => 2,
            Topology::ReplicaSet | Topology::Sharded => 4,
        };
        let intake = Intake { converter: copy.converter.clone(), records: writer.ledger.is_some() };
        let gate = Gate::new(
            (target.connection().clone(), target.name()),
            PaceControl::new(copy.pace),
            cancel.clone(),
        );
        Ok(Copying {
            source: self.clone(),
            filters: copy.selection.filter(self.layouts())?.into(),
            jobs: copy.jobs.map_or(usual, |jobs| jobs as usize),
            copy,
            writer,
            intake,
            reading: None,
            waiting: VecDeque::new(),
            over: Vec::new(),
            since: Copied::default(),
            dry: false,
            flights: FuturesUnordered::new(),
            total: Copied::default(),
            changes: Changes::default(),
            before: 0,
            exact: true,
            finished: false,
            failure: None,
            gate,
            cancel,
        })
    }
}

impl Copying {
    /// Obeys `control` instead of the pace of the copy.
    #[must_use]
    pub fn controlled_by(mut self, control: PaceControl) -> Self {
        self.gate.obey(control);
        self
    }

    /// The handle that changes the pace while it runs.
    pub fn control(&self) -> PaceControl {
        self.gate.control().clone()
    }

    /// What was done so far, also of a batch that failed.
    pub fn total(&self) -> Copied {
        // What was read anew was there already.
        let unchanged = self.total.unchanged.saturating_sub(self.before);
        Copied { unchanged, ..self.total.clone() }
    }

    /// Writes each session into `archive`, and syncs it, before it is overwritten.
    #[must_use]
    pub fn archive_to(mut self, archive: Archive) -> Self {
        self.writer.archive = Some(Arc::new(Mutex::new(archive)));
        self
    }

    /// Reports whose sessions were replaced or deleted, for [`Copying::take_changes`].
    #[must_use]
    pub fn reporting(mut self, reports: bool) -> Self {
        self.writer.reports = reports;
        self
    }

    /// What was written since the last call, also by a batch that failed.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// Waits for the batches in flight, and counts them.
    pub(super) async fn finish_flights(&mut self) {
        while let Some(written) = self.flights.next().await {
            self.landed(written.ok());
        }
    }

    /// The sessions that expired since the last call, so that their copies are to be deleted.
    pub(super) fn take_over(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.over)
    }

    /// Whether the counts are exact. After a connection that broke in mid-write, sessions that were
    /// copied may count as unchanged or kept.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Whether every session of the selection was dealt with.
    pub fn is_finished(&self) -> bool {
        self.finished
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
            if stops || self.is_read() || self.flights.len() >= self.load().jobs {
                match self.flights.next().await {
                    Some(written) => return Ok(Some(Step::Batch(self.landed(written.ok())))),
                    None if stops => return self.failure.take().map_or(Ok(None), Err),
                    None => {}
                }
            }
            if self.is_read() && self.flights.is_empty() {
                self.finished = true;
                let rest = std::mem::take(&mut self.since);
                let is_news = rest != Copied::default();
                return Ok(is_news.then(|| Step::Batch(self.counted(rest))));
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
            match self.batch().await {
                Ok(batch) if batch.is_empty() && self.over.len() > MOST_OVER => {
                    let since = std::mem::take(&mut self.since);
                    return Ok(Some(Step::Batch(self.counted(since))));
                }
                Ok(batch) if batch.is_empty() => {}
                Ok(batch) => self.start(batch),
                Err(error) => self.failure = Some(error),
            }
        }
    }

    fn is_read(&self) -> bool {
        self.dry && self.waiting.is_empty()
    }

    fn start(&mut self, batch: Vec<Item>) {
        self.gate.begin(batch.len() as u64);
        let writer = self.writer.clone();
        // A task of its own, because a driver's future must not be dropped.
        self.flights.push(tokio::spawn(writer.write(batch)));
    }

    fn landed(&mut self, written: Option<Written>) -> Copied {
        let lost = || Written { error: Some(Error::lost_task()), ..Written::default() };
        let mut written = written.unwrap_or_else(lost);
        self.changes.add(written.take_changes());
        let Written { copied, replaced, unchanged, kept, ended, exact, took, error, .. } = written;
        let done = copied + replaced + unchanged + kept + ended;
        self.gate.end(done, done, took);
        self.exact &= exact;
        self.failure = self.failure.take().or(error);
        let since = std::mem::take(&mut self.since);
        self.counted(Copied { copied, replaced, unchanged, kept, ended, ..since })
    }

    fn counted(&mut self, batch: Copied) -> Copied {
        self.total.add(&batch);
        batch
    }

    /// Waits until another batch may begin, or until one in flight is done.
    async fn wait(&mut self, wait: Duration, cause: Cause) -> Option<Step> {
        if self.gate.is_worth_telling(cause) {
            return Some(Step::Paused(cause));
        }
        let landed = self.gate.wait_beside(&mut self.flights, wait, cause).await;
        Some(Step::Batch(self.landed(landed?.ok())))
    }

    /// How much may be done at a time.
    fn load(&mut self) -> Load {
        let size = self.copy.batch_size.unwrap_or(BATCH_SIZE);
        let size = self.gate.control().batch_size(size);
        self.gate.load(self.jobs, size)
    }

    /// What reads of other clients of the target took meanwhile; see
    /// [`Purging::latency`](crate::ops::purge::Purging::latency).
    pub fn latency(&self) -> Option<Latency> {
        self.gate.latency()
    }

    /// How long the copy waited so far, by cause.
    pub fn throttled(&self) -> Throttled {
        self.gate.throttled
    }

    /// The sessions of the next batch; none at the end, when it was cancelled, and if most have expired.
    async fn batch(&mut self) -> Result<Vec<Item>> {
        let most = self.load().size as usize;
        let mut retries = Retries::default();
        let cancel = self.cancel.clone();
        while !self.dry
            && self.waiting.len() < most
            && self.over.len() <= MOST_OVER
            && !self.gate.holds()
        {
            match cancel.run_until_cancelled(self.read()).await {
                None => return Ok(Vec::new()),
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    retries.pause(&cancel, error).await?;
                    self.begin_anew().await?;
                }
            }
        }
        // It may have been paused while it read.
        if self.gate.holds() {
            return Ok(Vec::new());
        }
        let mut bytes = 0;
        let fits = |item: &&Item| {
            bytes += item.document.as_bytes().len();
            bytes <= BATCH_BYTES
        };
        let count = self.waiting.iter().take(most).take_while(fits).count();
        let count = count.max(1).min(self.waiting.len());
        Ok(self.waiting.drain(..count).collect())
    }

    /// After a lost cursor the reading begins anew: what is at the target by then is found there.
    async fn begin_anew(&mut self) -> Result<()> {
        self.reading = None;
        self.waiting.clear();
        self.filters = self.copy.selection.filter(self.source.layouts())?.into();
        // Two writers of one session would not know what the other recorded.
        self.finish_flights().await;
        if self.copy.dry_run {
            // Nothing is found there, so all is counted again, also what was being looked up.
            (self.total, self.since) = (Copied::default(), Copied::default());
            return Ok(());
        }
        self.before = self.total.copied + self.total.replaced;
        let Copied { copied, replaced, .. } = self.total;
        self.total = Copied { copied, replaced, ..Copied::default() };
        self.since = Copied::default();
        Ok(())
    }

    async fn read(&mut self) -> Result<()> {
        if self.reading.is_none() {
            let Some(filter) = self.filters.front().cloned() else {
                self.dry = true;
                return Ok(());
            };
            self.reading = Some(self.open(filter).await?);
            self.filters.pop_front();
        }
        let taken = match &mut self.reading {
            Some(Source::Plain(batches)) => batches.next().await?.map(|batch| {
                documents(&batch).map(|document| self.intake.take(document)).collect::<Vec<Taken>>()
            }),
            Some(Source::Judged(judging)) => judging.next().await?.map(|judged| {
                self.since.undecided += judged.undecided;
                judged.selected
            }),
            None => None,
        };
        let Some(taken) = taken else {
            self.reading = None;
            return Ok(());
        };
        for session in taken {
            self.since.read += 1;
            match session {
                Ok(item) => self.waiting.push_back(item),
                Err((loss, key)) => {
                    *self.since.lost.entry(loss).or_default() += 1;
                    self.over.extend(key.filter(|_| loss == Loss::Expired));
                }
            }
        }
        Ok(())
    }

    async fn open(&self, filter: Filter) -> Result<Source> {
        let reading = Reading::default();
        let selection = &self.copy.selection;
        match &self.copy.converter {
            None if !selection.needs_payload() => {
                self.source.read(filter, &reading).await.map(Source::Plain)
            }
            _ => {
                let intake = self.intake.clone();
                let take = move |document: &RawDocument, _: Session| intake.take(document);
                self.source.judge(filter, &reading, selection, take).await.map(Source::Judged)
            }
        }
    }
}
