//! The clear-interval loop: purge what is expired, again and again, whatever happens to the server
//! meanwhile.
//!
//! express-mongodb's `clear_interval` and connect-mongo's `autoRemove: 'interval'` delete by the
//! application's clock, without acknowledgement, from every process. This one goes by the server's
//! clock, in batches, counts what it does, and is told when to stop.

use std::time::{Duration, Instant};

use bson::DateTime;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::connection::{Connection, Thoroughness};
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::layout::detect::{Certainty, detect};
use crate::purge::{Purge, Step, jittered};
use crate::query::ago;
use crate::store::Store;

/// The first pause while the server is away; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause while the server is away.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How to sweep: a plain value.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// From the start of one pass to the start of the next.
    pub interval: Duration,
    /// Sessions are spared until they have been expired for so long, because an application may be
    /// about to touch them.
    pub grace: Duration,
    /// Sessions a batch; see [`Purge::batch_size`].
    pub batch_size: Option<u32>,
    /// End after one pass that was carried out.
    pub once: bool,
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            grace: Duration::ZERO,
            batch_size: None,
            once: false,
        }
    }
}

/// What one pass did.
#[derive(Debug, Clone)]
pub struct Pass {
    /// `database.collection`.
    pub namespace: String,
    /// The layout's name; none where the collection is empty, so that nothing tells it.
    pub layout: Option<String>,
    /// What was before it was expired.
    pub cutoff: DateTime,
    /// Sessions deleted.
    pub deleted: u64,
    /// Whether `deleted` is exact, or "at least".
    pub exact: bool,
    /// Sessions that were renewed or removed between the read and the delete; none where the
    /// sessions were not read.
    pub spared: Option<u64>,
    /// Batches.
    pub batches: u64,
    /// How long it took.
    pub took: Duration,
    /// Whether it was stopped before it was through.
    pub interrupted: bool,
    /// What ended it early; the next pass goes on.
    pub error: Option<Error>,
}

impl Pass {
    fn of_nothing(namespace: String, layout: Option<String>, cutoff: DateTime) -> Self {
        Self {
            namespace,
            layout,
            cutoff,
            deleted: 0,
            exact: true,
            spared: None,
            batches: 0,
            took: Duration::ZERO,
            interrupted: false,
            error: None,
        }
    }
}

/// What happens in the course of a sweep.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A pass was carried out, or broke off half-way.
    Passed(Pass),
    /// There is nothing to sweep yet: no collection, or an empty one that no layout can be told of.
    Waiting(Error),
    /// The server is away; the sweep goes on after the pause.
    Away {
        /// What was met.
        error: Error,
        /// Until the next attempt.
        pause: Duration,
    },
}

/// What is swept.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it is.
    pub connection: Connection,
    /// The collection.
    pub collection: String,
    /// Its layout; without one the documents are judged anew in each pass.
    pub layout: Option<Layout>,
    /// How long a session lives after its last touch, where only the operator knows.
    pub lifetime: Option<Duration>,
}

impl Target {
    /// The store as it is now.
    async fn store(&self) -> Result<Store> {
        let Self { connection, collection, .. } = self;
        let (layout, indexes) = match &self.layout {
            Some(layout) => {
                let sample = connection.sample(collection, Thoroughness::Throughout).await?;
                sample.allows(layout)?;
                (layout.clone(), sample.indexes)
            }
            None => {
                let sample = connection.sample(collection, Thoroughness::Throughout).await?;
                let verdict = detect(&sample, Layout::known());
                match verdict.certain() {
                    Some(layout) => (layout.clone(), sample.indexes),
                    None => return Err(Error::Undetected(Box::new(verdict))),
                }
            }
        };
        Ok(connection.store(collection, layout.resolved(self.lifetime, &indexes)))
    }
}

impl Sweep {
    /// Sweeps until `cancel` is cancelled, telling `tell` what happens. The batch under way is
    /// finished first; while it waits, or no server answers, it ends at once.
    ///
    /// # Errors
    /// What waiting cannot mend: a refused login, a missing right, documents of no known layout.
    /// With `once`, any error.
    pub async fn run(
        &self,
        target: &Target,
        cancel: &CancellationToken,
        mut tell: impl FnMut(Event),
    ) -> Result<()> {
        let mut ticks = tokio::time::interval(self.interval.max(Duration::from_millis(1)));
        // A pass that outlasts the interval is followed by the next at once, not by a pile of them.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut pause = FIRST_PAUSE;
        while cancel.run_until_cancelled(ticks.tick()).await.is_some() {
            loop {
                match self.pass(target, cancel).await {
                    Ok(None) => return Ok(()),
                    Ok(Some(pass)) => {
                        let error = pass.error.clone();
                        tell(Event::Passed(pass));
                        match error {
                            Some(error) if self.once || !may_pass(&error) => return Err(error),
                            Some(_) => {}
                            None => pause = FIRST_PAUSE,
                        }
                        break;
                    }
                    Err(error) if !self.once && is_not_there_yet(&error) => {
                        tell(Event::Waiting(error));
                        break;
                    }
                    Err(error) if !self.once && may_pass(&error) => {
                        let this = jittered(pause.min(self.interval.max(FIRST_PAUSE)));
                        pause = (pause * 2).min(LONGEST_PAUSE);
                        tell(Event::Away { error, pause: this });
                        if cancel.run_until_cancelled(tokio::time::sleep(this)).await.is_none() {
                            return Ok(());
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
            if self.once {
                return Ok(());
            }
        }
        Ok(())
    }

    /// One pass; `None` if it was cancelled before it began to delete.
    async fn pass(&self, target: &Target, cancel: &CancellationToken) -> Result<Option<Pass>> {
        // Up to here nothing is written, so an interrupted process need not wait for an answer.
        let begin = async {
            let store = target.store().await?;
            let now = store.connection().primary_now().await?;
            Ok::<_, Error>((store, now))
        };
        let Some(began) = cancel.run_until_cancelled(begin).await else { return Ok(None) };
        let started = Instant::now();
        let (store, now) = match began {
            Ok(began) => began,
            // Once is once: an empty collection is swept clean already.
            Err(error) if self.once && is_empty(&error) => {
                let Target { connection, collection, .. } = target;
                let namespace = format!("{}.{collection}", connection.database());
                let cutoff = ago(connection.primary_now().await?, self.grace);
                return Ok(Some(Pass::of_nothing(namespace, None, cutoff)));
            }
            Err(error) => return Err(error),
        };
        let cutoff = ago(now, self.grace);
        let mut pass =
            Pass::of_nothing(store.namespace(), Some(store.layout().name.clone()), cutoff);
        let purge = Purge { batch_size: self.batch_size, ..Purge::expired(now, cutoff) };
        let mut purging = store.purge(purge, cancel.clone())?;
        loop {
            match purging.next().await {
                Ok(None) => break,
                Ok(Some(Step::Batch(batch))) => {
                    pass.deleted += batch.done;
                    pass.spared = batch
                        .spared
                        .map_or(pass.spared, |spared| Some(pass.spared.unwrap_or(0) + spared));
                    pass.exact &= batch.exact;
                    pass.batches += 1;
                }
                Ok(Some(Step::Paused(_))) => {}
                Err(error) => {
                    pass.exact = purging.is_exact();
                    pass.error = Some(error);
                    break;
                }
            }
        }
        pass.interrupted = cancel.is_cancelled();
        pass.took = started.elapsed();
        Ok(Some(pass))
    }
}

/// Whether there is nothing to sweep yet.
fn is_not_there_yet(error: &Error) -> bool {
    matches!(error, Error::NoCollection { .. }) || is_empty(error)
}

fn is_empty(error: &Error) -> bool {
    matches!(error, Error::Undetected(verdict) if verdict.certainty == Certainty::Empty)
}

/// Whether waiting can mend it: then the sweep goes on.
#[must_use]
pub fn may_pass(error: &Error) -> bool {
    error.is_transient() || matches!(error, Error::NotPrimary { .. })
}

/// The guard of a sweep that runs in a task of its own; dropping it ends the sweep after the batch
/// under way.
#[derive(Debug)]
pub struct ClearInterval {
    cancel: CancellationToken,
    task: Option<JoinHandle<Result<()>>>,
}

impl ClearInterval {
    pub(crate) fn start(store: &Store, sweep: Sweep, cancel: CancellationToken) -> Self {
        let token = cancel.clone();
        let target = Target {
            connection: store.connection().clone(),
            collection: store.name().to_owned(),
            layout: Some(store.layout().clone()),
            lifetime: None,
        };
        let task = tokio::spawn(async move { sweep.run(&target, &token, |_| {}).await });
        Self { cancel, task: Some(task) }
    }

    /// Ends the sweep and waits until the batch under way is finished.
    ///
    /// # Errors
    /// What ended the sweep earlier, if something did.
    pub async fn stop(mut self) -> Result<()> {
        self.cancel.cancel();
        match self.task.take() {
            // A task that panicked has said so itself.
            Some(task) => task.await.unwrap_or(Ok(())),
            None => Ok(()),
        }
    }
}

impl Drop for ClearInterval {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
