//! Notices which documents were written, from a change stream or by regular scans. When changes may have
//! been missed, everything is due, so that nothing is lost.

use std::collections::HashSet;
use std::time::Duration;

use bson::DateTime;
use mongodb::raw_batch_cursor::RawBatch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::changes::{Changes, Details, Heard, changes};
use super::clock::{Clock, interval};
use super::event::{Changed, Notice};
use super::step::Means;
use crate::error::{Error, Result};
use crate::model::key::Key;
use crate::server::backoff::{Backoff, may_pass};
use crate::server::reply::documents;
use crate::store::{Identity, Store};

/// A collection that is watched. Its caller carries out what is due.
#[derive(Debug)]
pub(in crate::ops) struct Watch {
    store: Store,
    clock: Clock,
    source: Source,
    /// Whether everything is due.
    is_due: bool,
    /// When the caller began to carry out everything.
    running: Option<Instant>,
    pause: Option<Duration>,
    backoff: Backoff,
    cancel: CancellationToken,
}

#[derive(Debug)]
enum Source {
    Stream(Box<Changes>),
    Scans { why: String, every: Duration, due: Instant, identity: Identity },
}

/// What was noticed.
#[derive(Debug)]
pub(in crate::ops) enum Noticed {
    /// Everything is due.
    All,
    /// These documents were written or deleted.
    Keys(Vec<Key>),
    /// Nothing happened for a second.
    Idle,
    /// Scans have become slower.
    Slower(Means),
    /// The server is unreachable. The next attempt follows after this pause.
    Away(Error, Duration),
    /// The server is back. Everything is due next.
    Resumed,
    /// The server no longer has the changes since the last one that was noticed. Everything is due next.
    Lost(Error),
}

impl Watch {
    /// Begins now, with everything due. `details` says what the caller needs to know of a change.
    pub(super) async fn begin(
        store: Store,
        details: Details,
        cancel: CancellationToken,
    ) -> Result<Self> {
        let clock = Clock::read(&store).await?;
        let source = match changes(&store, details).await? {
            (Some(changes), _) => Source::Stream(Box::new(changes)),
            (None, why) => {
                let (every, due) = (Duration::ZERO, Instant::now());
                Source::Scans { why, every, due, identity: store.identity().await? }
            }
        };
        let backoff = Backoff::new(Duration::from_secs(5));
        Ok(Self { store, clock, source, is_due: true, running: None, pause: None, backoff, cancel })
    }

    /// The same for a caller that reads the documents itself: all changes are reported, by `_id`.
    pub(in crate::ops) async fn of_keys(store: Store, cancel: CancellationToken) -> Result<Self> {
        Self::begin(store, Details::Keys, cancel).await
    }

    /// The server's clock.
    pub(in crate::ops) fn now(&self) -> DateTime {
        self.clock.now()
    }

    /// Records that the caller carried out everything after the start, and how long that took.
    pub(super) fn is_carried_out(&mut self, took: Duration) {
        self.is_due = false;
        self.plan_scan(took);
    }

    /// Makes everything due next.
    pub(in crate::ops) fn repeat(&mut self) {
        self.is_due = true;
    }

    /// How it notices writes.
    pub(in crate::ops) fn means(&self) -> Means {
        match &self.source {
            Source::Stream(_) => Means::Stream,
            Source::Scans { every, why, .. } => Means::Scans { every: *every, why: why.clone() },
        }
    }

    /// What was noticed of the documents that `concerns` admits. The call records that what was noticed
    /// before was carried out. `None` after cancellation.
    ///
    /// # Errors
    /// An error that cannot go away by itself. [`Error::CollectionChanged`] if the collection was dropped or
    /// renamed.
    pub(in crate::ops) async fn next(
        &mut self,
        concerns: impl FnMut(&Changed<'_>) -> bool,
    ) -> Result<Option<Noticed>> {
        let cancel = self.cancel.clone();
        if let Some(since) = self.running.take() {
            self.backoff.reset();
            if let Some(slower) = self.plan_scan(since.elapsed()) {
                return Ok(Some(Noticed::Slower(slower)));
            }
        }
        match cancel.run_until_cancelled(self.advance(concerns)).await {
            None => Ok(None),
            Some(noticed) => noticed.map(Some),
        }
    }

    /// Records that the caller failed to carry out something. Everything is due after a pause.
    ///
    /// # Errors
    /// The same error, if it cannot go away by itself.
    pub(in crate::ops) fn failed(&mut self, error: Error) -> Result<(Error, Duration)> {
        self.running = None;
        if !may_pass(&error) {
            return Err(error);
        }
        let pause = self.backoff.next();
        (self.pause, self.is_due) = (Some(pause), true);
        Ok((error, pause))
    }

    async fn advance(&mut self, mut concerns: impl FnMut(&Changed<'_>) -> bool) -> Result<Noticed> {
        loop {
            if let Some(pause) = self.pause.take() {
                tokio::time::sleep(pause).await;
            }
            if std::mem::take(&mut self.is_due) {
                self.running = Some(Instant::now());
                return Ok(Noticed::All);
            }
            match &mut self.source {
                Source::Stream(changes) => {
                    let heard = changes.next(&self.cancel).await?;
                    match heard.unwrap_or(Heard::Idle) {
                        Heard::Idle => return Ok(Noticed::Idle),
                        Heard::Away(error, pause) => return Ok(Noticed::Away(error, pause)),
                        // Everything is due, so nothing is missed.
                        heard @ (Heard::Resumed | Heard::Lost(_)) => {
                            self.is_due = true;
                            self.clock = Clock::read(&self.store).await.unwrap_or(self.clock);
                            return Ok(match heard {
                                Heard::Lost(error) => Noticed::Lost(error),
                                _ => Noticed::Resumed,
                            });
                        }
                        Heard::Batch(batch) => {
                            let keys = self.changed(&batch, &mut concerns)?;
                            if !keys.is_empty() {
                                return Ok(Noticed::Keys(keys));
                            }
                        }
                    }
                }
                Source::Scans { due, identity, .. } => {
                    let next = (*due).min(Instant::now() + Duration::from_secs(1));
                    sleep_until(next).await;
                    if next != *due {
                        return Ok(Noticed::Idle);
                    }
                    match self.store.still_is(identity).await {
                        Err(error) if may_pass(&error) => {
                            let (error, pause) = self.failed(error)?;
                            return Ok(Noticed::Away(error, pause));
                        }
                        checked => checked?,
                    }
                    self.is_due = true;
                }
            }
        }
    }

    /// The documents of a batch of events that concern the caller, each once.
    fn changed(
        &self,
        batch: &RawBatch,
        mut concerns: impl FnMut(&Changed<'_>) -> bool,
    ) -> Result<Vec<Key>> {
        let (mut keys, mut known) = (Vec::new(), HashSet::new());
        for event in documents(batch) {
            match Notice::of(event) {
                Notice::Document(changed) => {
                    if concerns(&changed) && known.insert(changed.key.clone()) {
                        keys.push(changed.key);
                    }
                }
                Notice::Over(fate) => return Err(self.store.changed(fate)),
                Notice::Other => {}
            }
        }
        Ok(keys)
    }

    /// Plans the next scan after one that took this long. Reports it if scans have become much slower.
    fn plan_scan(&mut self, took: Duration) -> Option<Means> {
        let Source::Scans { every, due, .. } = &mut self.source else { return None };
        let before = *every;
        if interval(took) > *every * 2 {
            *every = interval(took);
        }
        *due = Instant::now() + *every;
        let is_slower = *every != before && !before.is_zero();
        is_slower.then(|| self.means())
    }
}
