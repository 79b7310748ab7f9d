//! Keeps a copy up to date: after a pass over everything, each session that changes at the source is looked
//! at again, and written or deleted at the target. What is written depends only on what both sides have and on
//! what was copied, so that any change may be looked at twice, and after an interruption everything is.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bson::Document;
use tokio_util::sync::CancellationToken;

use super::ledger::Ledger;
use super::run::Copying;
use super::spec::{Changes, Copied, CopyPlan, Step};
use super::write::Writer;
use crate::error::{Error, Result};
use crate::model::filter::Filter;
use crate::model::key::Key;
use crate::model::selection::{MOST_BYTES, Selection, chunks};
use crate::ops::archive::Archive;
use crate::ops::follow::{Clock, Means, Noticed, Watch, check};
use crate::ops::purge::{Cause, Gate, PaceControl};
use crate::server::reply::documents;
use crate::store::{Batches, Identity, Store};

mod changes;
mod turn;

use turn::{Turn, Waits};

/// Sessions that are read at once, and the most bytes of them that are written at once, unless a single one
/// is larger.
const BATCH: u32 = 1000;
const BATCH_BYTES: usize = 4 << 20;

/// What happened while a copy follows its source.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// Sessions were written or deleted at the target.
    Batch(Copied),
    /// It waits, as in [`Step::Paused`].
    Paused(Cause),
    /// A pass begins: from now on everything is compared, and the target may lack changes until
    /// [`Passed`](Event::Passed).
    Begins,
    /// Everything was compared.
    Passed,
    /// Another copy follows this source into this target, or was killed a moment ago. It is waited for
    /// some seconds.
    Taken {
        /// What it is.
        by: String,
    },
    /// Nothing happened for a second.
    Idle,
    /// Passes have become slower.
    Slower(Means),
    /// A server is unreachable.
    Away {
        /// The error.
        error: Error,
        /// The time until the next attempt.
        pause: Duration,
    },
    /// The server is back. Everything is compared next.
    Resumed,
    /// The server no longer has the changes that came meanwhile, for example because a pass took longer
    /// than its oplog reaches. Everything is compared next.
    Lost {
        /// The error.
        error: Error,
    },
}

/// A copy that follows its source.
#[derive(Debug)]
pub struct Following {
    source: Store,
    copy: CopyPlan,
    writer: Writer,
    ledger: Ledger,
    turn: Turn,
    watch: Watch,
    gate: Gate,
    /// The collections of the source and the target when it began.
    identities: (Identity, Identity),
    stage: Stage,
    total: Copied,
    /// What was written since the caller took it last.
    changes: Changes,
    exact: bool,
    cancel: CancellationToken,
}

/// What it does now.
#[derive(Debug)]
enum Stage {
    /// Waits for changes.
    Watching,
    /// Copies everything.
    Copying(Box<Copying>),
    /// Goes through what was copied, and looks for what the source no longer has.
    Comparing(Box<Batches>),
}

impl Store {
    /// Begins to copy sessions into `target` and to keep them up to date. The change stream is opened
    /// first, and then everything is copied, so that no change is missed. What was copied is recorded in
    /// a collection beside the target. It has a lease, too, because only one copy at a time may follow a
    /// source into a target.
    ///
    /// # Errors
    /// As for [`Store::copy_to`] and [`Store::follow`].
    pub async fn copy_following(
        &self,
        target: &Self,
        copy: CopyPlan,
        cancel: CancellationToken,
    ) -> Result<Following> {
        check(self, &copy.selection)?;
        let source = self.clone().on_primary();
        let mut writer = Writer::new(target, &copy, cancel.clone());
        let ledger = Ledger::open(self, target, cancel.clone()).await?;
        writer.ledger = Some(ledger.clone());
        let identities = (self.identity().await?, target.identity().await?);
        writer.identity = Some(identities.1.clone());
        let watch = Watch::of_keys(source.clone(), cancel.clone()).await?;
        let control = PaceControl::new(copy.pace);
        let gate = Gate::new((target.connection().clone(), target.name()), control, cancel.clone());
        let turn = Turn::begin(target, &ledger, cancel.clone());
        Ok(Following {
            source,
            copy,
            writer,
            ledger,
            turn,
            watch,
            gate,
            identities,
            stage: Stage::Watching,
            total: Copied::default(),
            changes: Changes::default(),
            exact: true,
            cancel,
        })
    }
}

impl Store {
    /// The collection in the database of `target` that would record what is copied there. A target that
    /// does not exist yet will have another one.
    ///
    /// # Errors
    /// If a command cannot be sent or the server rejects it.
    pub async fn ledger_of_copy(&self, target: &Self) -> Result<String> {
        Ledger::name_of(self, target).await
    }
}

impl Following {
    /// Obeys `control` instead of the pace of the copy.
    #[must_use]
    pub fn controlled_by(mut self, control: PaceControl) -> Self {
        self.gate.obey(control);
        self
    }

    /// Writes each session of the target into `archive`, and syncs it, before it is overwritten or deleted.
    #[must_use]
    pub fn archive_to(mut self, archive: Archive) -> Self {
        self.writer.archive = Some(Arc::new(Mutex::new(archive)));
        self
    }

    /// Reports whose sessions were replaced or deleted, for [`Following::take_changes`].
    #[must_use]
    pub fn reporting(mut self, reports: bool) -> Self {
        self.writer.reports = reports;
        self
    }

    /// What was written since the last call, also by a batch that failed.
    pub fn take_changes(&mut self) -> Changes {
        if let Stage::Copying(copying) = &mut self.stage {
            self.changes.add(copying.take_changes());
        }
        std::mem::take(&mut self.changes)
    }

    /// What was done so far, by all passes and all changes.
    pub fn total(&self) -> Copied {
        let mut total = self.total.clone();
        if let Stage::Copying(copying) = &self.stage {
            total.add(&copying.total());
        }
        total
    }

    /// Whether the counts are exact, as of [`Copying::is_exact`].
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// How it notices changes.
    pub fn means(&self) -> Means {
        self.watch.means()
    }

    /// The collection in the database of the target that records what was copied.
    pub fn ledger(&self) -> &str {
        self.ledger.name()
    }

    /// What happens next. `None` after cancellation: the batches in flight are always finished first.
    ///
    /// # Errors
    /// An error that cannot go away by itself, at either side.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        let next = self.next_in_turn().await;
        if matches!(next, Ok(None) | Err(_)) {
            self.turn.end().await;
        }
        next
    }

    async fn next_in_turn(&mut self) -> Result<Option<Event>> {
        if !self.turn.is_ours() && !self.cancel.is_cancelled() {
            // Another copy may have written meanwhile, so everything is compared once it is ours.
            self.leave_pass().await;
            self.watch.repeat();
            match self.turn.next(&self.cancel).await? {
                Some(Waits::Taken(by)) => return Ok(Some(Event::Taken { by })),
                Some(Waits::Away(error, pause)) => return Ok(Some(Event::Away { error, pause })),
                None => {}
            }
        }
        match self.advance().await {
            Ok(event) => Ok(event),
            Err(error) => {
                self.leave_pass().await;
                let (error, pause) = self.watch.failed(error)?;
                Ok(Some(Event::Away { error, pause }))
            }
        }
    }

    async fn advance(&mut self) -> Result<Option<Event>> {
        match &mut self.stage {
            Stage::Copying(copying) => match copying.next().await? {
                Some(Step::Batch(mut batch)) => {
                    let over = copying.take_over();
                    if !over.is_empty() {
                        batch.add(&self.remove(over).await?);
                    }
                    Ok(Some(Event::Batch(batch)))
                }
                Some(Step::Paused(cause)) => Ok(Some(Event::Paused(cause))),
                None if self.cancel.is_cancelled() => Ok(None),
                None => {
                    self.leave_pass().await;
                    self.stage = Stage::Comparing(Box::new(self.ledger.scan().await?));
                    Ok(Some(Event::Batch(Copied::default())))
                }
            },
            Stage::Comparing(batches) => {
                let cancel = self.cancel.clone();
                let Some(batch) = cancel.run_until_cancelled(batches.next()).await else {
                    return Ok(None);
                };
                let Some(batch) = batch? else {
                    self.stage = Stage::Watching;
                    return Ok(Some(Event::Passed));
                };
                let keys = documents(&batch).filter_map(Key::of).collect();
                self.compare(keys).await.map(Event::Batch).map(Some)
            }
            Stage::Watching => match self.watch.next(|_| true).await? {
                None => Ok(None),
                Some(Noticed::All) => {
                    self.begin_pass().await?;
                    Ok(Some(Event::Begins))
                }
                Some(Noticed::Keys(keys)) => self.follow(keys).await.map(Event::Batch).map(Some),
                Some(Noticed::Idle) => Ok(Some(Event::Idle)),
                Some(Noticed::Slower(means)) => Ok(Some(Event::Slower(means))),
                Some(Noticed::Away(error, pause)) => Ok(Some(Event::Away { error, pause })),
                Some(Noticed::Resumed) => Ok(Some(Event::Resumed)),
                Some(Noticed::Lost(error)) => Ok(Some(Event::Lost { error })),
            },
        }
    }

    async fn begin_pass(&mut self) -> Result<()> {
        self.writer.target.still_is(&self.identities.1).await?;
        self.writer.clock = Clock::at(self.writer.target.primary_now().await?);
        let copy = CopyPlan {
            selection: self.selection(),
            now: self.writer.clock.now(),
            converter: self.copy.converter.clone().map(|one| one.at(self.watch.now())),
            ..self.copy.clone()
        };
        let (writer, cancel) = (self.writer.clone(), self.cancel.clone());
        let copying = self.source.copy_by(writer, copy, cancel).await?;
        let copying = copying.controlled_by(self.gate.control().clone());
        self.stage = Stage::Copying(Box::new(copying));
        Ok(())
    }

    /// Counts what the pass did, whether it ended or failed. Its batches in flight are finished before
    /// anything else is written: two that write the same session would each take the other for the
    /// application.
    async fn leave_pass(&mut self) {
        if let Stage::Copying(mut copying) = std::mem::replace(&mut self.stage, Stage::Watching) {
            copying.finish_flights().await;
            self.changes.add(copying.take_changes());
            self.total.add(&copying.total());
            self.exact &= copying.is_exact();
        }
    }

    /// The selection, with ages and expiries as of now.
    fn selection(&self) -> Selection {
        let now = self.watch.now();
        Selection { now, cutoff: now, ..self.copy.selection.clone() }
    }

    /// Looks at sessions that were copied at some time: at those that the source no longer has, and, if
    /// only some are selected, at those that may have left the selection.
    async fn compare(&mut self, keys: Vec<Key>) -> Result<Copied> {
        if !self.copy.selection.is_of_all() {
            return self.follow(keys).await;
        }
        let mut gone: Vec<Key> = Vec::new();
        for some in chunks(&keys, BATCH as usize, MOST_BYTES) {
            let mut there = HashSet::new();
            let filter = Filter::keyed("_id", some.to_vec(), Document::new());
            let mut batches = self.source.read_ids(filter, &[], BATCH).await?;
            while let Some(batch) = batches.next().await? {
                there.extend(documents(&batch).filter_map(Key::of));
            }
            gone.extend(some.iter().filter(|key| !there.contains(key)).cloned());
        }
        match gone.is_empty() {
            true => Ok(Copied::default()),
            false => self.follow(gone).await,
        }
    }
}
