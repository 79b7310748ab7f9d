//! Keeps a selection ended: reports its sessions that are created or come back, from a change stream or by
//! regular scans.

use std::time::Duration;

use bson::RawDocument;
use mongodb::raw_batch_cursor::RawBatch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::changes::{Changes, Heard, changes};
use super::clock::{Clock, interval};
use super::event::Notice;
use super::scan::check;
use super::step::Means;
use crate::error::{Error, Result};
use crate::model::key::Key;
use crate::model::selection::Selection;
use crate::ops::purge::Purge;
use crate::server::backoff::{Backoff, may_pass};
use crate::server::reply::documents;
use crate::store::{Identity, Store};

/// A selection that is held.
#[derive(Debug)]
pub struct Holding {
    store: Store,
    purge: Purge,
    clock: Clock,
    source: Source,
    /// Whether all of the selection is due.
    is_due: bool,
    /// When the caller began to end the whole selection.
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

/// The next step of a hold.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Due {
    /// The caller must run this purge, on the whole selection or on sessions that were written.
    Run(Box<Purge>),
    /// Nothing happened for a second.
    Idle,
    /// Scans have become slower.
    Slower(Means),
    /// The server is unreachable.
    Away {
        /// The error.
        error: Error,
        /// The time until the next attempt.
        pause: Duration,
    },
    /// The server is back. The whole selection is due next.
    Resumed,
}

impl Store {
    /// Holds the selection of `purge`. The change stream is opened first, and then the whole selection is
    /// due, so that no session is missed.
    ///
    /// # Errors
    /// As for [`Store::follow`] and [`Store::purge`].
    pub async fn hold(&self, purge: Purge, cancel: CancellationToken) -> Result<Holding> {
        check(self, &purge.selection)?;
        self.purge(purge.clone(), cancel.clone())?;
        let clock = Clock::read(self).await?;
        let store = self.clone().for_run("hold");
        let source = match changes(&store).await? {
            (Some(changes), _) => Source::Stream(Box::new(changes)),
            (None, why) => {
                let (every, due) = (Duration::ZERO, Instant::now());
                Source::Scans { why, every, due, identity: self.identity().await? }
            }
        };
        let backoff = Backoff::new(Duration::from_secs(5));
        Ok(Holding {
            store,
            purge,
            clock,
            source,
            is_due: true,
            running: None,
            pause: None,
            backoff,
            cancel,
        })
    }
}

impl Holding {
    /// Records that the caller ended the whole selection after the start of the hold, and how long
    /// that took.
    pub fn is_carried_out(&mut self, took: Duration) {
        self.is_due = false;
        self.plan_scan(took);
    }

    /// How it notices writes of sessions.
    pub fn means(&self) -> Means {
        match &self.source {
            Source::Stream(_) => Means::Stream,
            Source::Scans { why, every, .. } => Means::Scans { every: *every, why: why.clone() },
        }
    }

    /// Holds other sessions from now on; all of them are due next.
    pub fn replace(&mut self, purge: Purge) {
        (self.purge, self.is_due) = (purge, true);
    }

    /// The next step. The call records that the previous step was done. `None` after cancellation.
    ///
    /// # Errors
    /// As for [`Following::next`](crate::follow::Following::next).
    pub async fn next(&mut self) -> Result<Option<Due>> {
        let cancel = self.cancel.clone();
        if let Some(since) = self.running.take() {
            self.backoff.reset();
            if let Some(slower) = self.plan_scan(since.elapsed()) {
                return Ok(Some(Due::Slower(slower)));
            }
        }
        match cancel.run_until_cancelled(self.advance()).await {
            None => Ok(None),
            Some(due) => due.map(Some),
        }
    }

    /// Records that a step failed. The whole selection is due after a pause.
    ///
    /// # Errors
    /// The same error, if it cannot go away by itself.
    pub fn failed(&mut self, error: Error) -> Result<Due> {
        self.running = None;
        if !may_pass(&error) {
            return Err(error);
        }
        let pause = self.backoff.next();
        (self.pause, self.is_due) = (Some(pause), true);
        Ok(Due::Away { error, pause })
    }

    async fn advance(&mut self) -> Result<Due> {
        loop {
            if let Some(pause) = self.pause.take() {
                tokio::time::sleep(pause).await;
            }
            if std::mem::take(&mut self.is_due) {
                self.running = Some(Instant::now());
                return Ok(Due::Run(Box::new(self.purge_of(None))));
            }
            match &mut self.source {
                Source::Stream(changes) => {
                    let heard = changes.next(&self.cancel).await?;
                    match heard.unwrap_or(Heard::Idle) {
                        Heard::Idle => return Ok(Due::Idle),
                        Heard::Away(error, pause) => return Ok(Due::Away { error, pause }),
                        // The whole selection is due, so nothing is missed.
                        Heard::Resumed | Heard::Lost(_) => {
                            self.is_due = true;
                            self.clock = Clock::read(&self.store).await.unwrap_or(self.clock);
                            return Ok(Due::Resumed);
                        }
                        Heard::Batch(batch) => {
                            let keys = self.written(&batch)?;
                            if !keys.is_empty() {
                                return Ok(Due::Run(Box::new(self.purge_of(Some(keys)))));
                            }
                        }
                    }
                }
                Source::Scans { due, identity, .. } => {
                    let next = (*due).min(Instant::now() + Duration::from_secs(1));
                    sleep_until(next).await;
                    if next != *due {
                        return Ok(Due::Idle);
                    }
                    match self.store.still_is(identity).await {
                        Err(error) if may_pass(&error) => return self.failed(error),
                        checked => checked?,
                    }
                    self.is_due = true;
                }
            }
        }
    }

    /// The sessions of the selection that were written.
    fn written(&self, batch: &RawBatch) -> Result<Vec<Key>> {
        let selection = self.selection();
        // A purge by `_id` does not spare credentials.
        let spares = selection.spares_credentials && selection.keys.is_none();
        let mut keys = Vec::new();
        for event in documents(batch) {
            match Notice::of(event) {
                Notice::Document(changed) => {
                    let is_held = |document: &RawDocument| {
                        selection.holds(self.store.layouts(), document)
                            && !(spares
                                && self.store.layouts().of(document).is_credential(document))
                    };
                    if changed.after.is_some_and(is_held) && !keys.contains(&changed.key) {
                        keys.push(changed.key);
                    }
                }
                Notice::Over(fate) => return Err(self.store.changed(fate)),
                Notice::Other => {}
            }
        }
        Ok(keys)
    }

    /// The selection, with ages and expiries as of now.
    fn selection(&self) -> Selection {
        let now = self.clock.now();
        Selection { now, cutoff: now, ..self.purge.selection.clone() }
    }

    /// The purge of the whole selection, or of these sessions, as of now.
    fn purge_of(&self, keys: Option<Vec<Key>>) -> Purge {
        let mut purge = Purge { selection: self.selection(), ..self.purge.clone() };
        if keys.is_some() {
            purge.selection.keys = keys;
        }
        purge
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
