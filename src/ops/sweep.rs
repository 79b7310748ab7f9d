//! The clear-interval loop: purge what is expired, again and again, whatever happens to the server
//! meanwhile, and however many others do the same.
//!
//! express-mongodb's `clear_interval` and connect-mongo's `autoRemove: 'interval'` delete by the
//! application's clock, without acknowledgement, from every process. This one goes by the server's
//! clock, in batches, counts what it does, and is told when to stop; of any number of sweepers the
//! one with the lease works.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bson::DateTime;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::error::Certainty;
use crate::error::{Error, Result};
use crate::model::layout::Layout;
use crate::ops::collections::Purpose;
use crate::ops::purge::{Pace, Throttled};
use crate::server::backoff::{Backoff, FIRST_PAUSE};
use crate::server::connection::Connection;
use crate::server::replication::Lag;
use crate::store::Store;

mod keeper;
mod lease;
mod measure;
mod pass;
mod schedule;
mod shelf;

pub use crate::server::backoff::may_pass;
pub use lease::{LEASES, Terms};
pub use measure::{Backlog, MOST_COUNTED};
pub use shelf::archive_path;

use keeper::{Keeper, Standing};
use lease::Lease;
use pass::Course;
use schedule::Schedule;

/// The longest silence of a sweep that waits.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// How to sweep: a plain value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// From the start of one pass to the start of the next.
    pub interval: Duration,
    /// Each pass but the first begins up to so much later, at random.
    pub jitter: Duration,
    /// Sessions are spared until they have been expired for so long, because an application may be
    /// about to touch them.
    pub grace: Duration,
    /// Removes endless sessions, too, that were not touched for so long.
    pub idle: Option<Duration>,
    /// Sessions a batch; see [`Purge::batch_size`](crate::ops::purge::Purge::batch_size).
    pub batch_size: Option<u32>,
    /// Batches in flight; see [`Purge::jobs`](crate::ops::purge::Purge::jobs).
    pub jobs: Option<u32>,
    /// How gently.
    pub pace: Pace,
    /// The file in which sessions are put aside before they are deleted; see [`archive_path`].
    pub archive: Option<PathBuf>,
    /// Works only under the lease of the namespace. Without terms it takes nobody into account.
    pub lease: Option<Terms>,
    /// Measures after each pass what it left behind, for [`Event::Measured`].
    pub measure: bool,
    /// End after one pass that was carried out, or at once if another has the lease.
    pub once: bool,
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            jitter: Duration::ZERO,
            grace: Duration::ZERO,
            idle: None,
            batch_size: None,
            jobs: None,
            pace: Pace::default(),
            archive: None,
            lease: None,
            measure: false,
            once: false,
        }
    }
}

/// How a sweep is told what to do.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// Ends it: the batch under way is finished, and the lease is given back.
    pub cancel: CancellationToken,
    /// Begins a pass now, without waiting for the interval. A sweep without the lease takes no heed.
    pub wake: Arc<Notify>,
}

/// What one pass did.
#[derive(Debug, Clone)]
pub struct Pass {
    /// `database.collection`.
    pub namespace: String,
    /// The layout's name; none where the collection is empty, so that nothing tells it.
    pub layout: Option<String>,
    /// The server's now when it began.
    pub began: DateTime,
    /// What was before it was expired.
    pub cutoff: DateTime,
    /// Sessions deleted.
    pub deleted: u64,
    /// Whether `deleted` is exact, or "at least".
    pub exact: bool,
    /// Sessions that were renewed or removed between the read and the delete; none where the
    /// sessions were not read.
    pub spared: Option<u64>,
    /// Of `deleted`, those that an archive holds; none if there is no archive.
    pub archived: Option<u64>,
    /// Sessions left alone because the archive has no form for them.
    pub kept: u64,
    /// Batches.
    pub batches: u64,
    /// How long it took.
    pub took: Duration,
    /// How long of that it waited, and for what.
    pub throttled: Throttled,
    /// Whether no index leads to the sessions, so that the collection was walked.
    pub walked: bool,
    /// Whether it was told to stop before it was through.
    pub interrupted: bool,
    /// Whether it stopped before it was through because the lease was lost.
    pub lost_lease: bool,
    /// What ended it early; the next pass goes on.
    pub error: Option<Error>,
    /// Whether there is no next pass, because waiting cannot mend the error.
    pub is_last: bool,
}

impl Pass {
    fn of_nothing(
        namespace: String,
        layout: Option<String>,
        began: DateTime,
        cutoff: DateTime,
    ) -> Self {
        Self {
            namespace,
            layout,
            began,
            cutoff,
            deleted: 0,
            exact: true,
            spared: None,
            archived: None,
            kept: 0,
            batches: 0,
            took: Duration::ZERO,
            throttled: Throttled::default(),
            walked: false,
            interrupted: false,
            lost_lease: false,
            error: None,
            is_last: false,
        }
    }
}

/// What happens in the course of a sweep. Whatever it is, it is a sign of life.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// It works, or waits as it should.
    Alive,
    /// The primary answered, and this is its clock.
    Answered(DateTime),
    /// The lease is ours now, by this fencing number, which operations carry in their comment.
    Holds(i64),
    /// The lease is another's, or was lost.
    Yields {
        /// Who has it, if that is known.
        to: Option<String>,
    },
    /// A batch was written.
    Batch {
        /// The layout's name.
        layout: String,
        /// Sessions deleted.
        deleted: u64,
        /// How long its write took.
        took: Duration,
    },
    /// A pass was carried out, or broke off half-way.
    Passed(Pass),
    /// What is left after a pass, as far as it can be told.
    Measured {
        /// The layout's name.
        layout: String,
        /// The expired sessions that are still there, and the server's now that they are judged by.
        backlog: Option<(Backlog, DateTime)>,
        /// How far the slowest member is behind.
        lag: Option<Duration>,
    },
    /// There is nothing to sweep yet: no collection, an empty one that no layout can be told of, or
    /// one whose documents are changing from one layout to another.
    Waiting(Error),
    /// The server is away; the sweep goes on after the pause.
    Away {
        /// What was met.
        error: Error,
        /// Until the next attempt.
        pause: Duration,
    },
    /// What waiting cannot mend, such as a missing right. [`Sweep::run`] ends with it; a sweep in a
    /// task of its own begins again after the pause, and tells this before.
    Failed {
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
    /// The collection of `store`, in its layout.
    pub fn of(store: &Store) -> Self {
        Self {
            connection: store.connection().clone(),
            collection: store.name().to_owned(),
            layout: Some(store.layout().clone()),
            lifetime: None,
        }
    }

    /// `database.collection`.
    pub fn namespace(&self) -> String {
        self.connection.namespace(&self.collection)
    }

    /// The store as it is now.
    async fn store(&self) -> Result<Store> {
        let Self { connection, collection, layout, lifetime } = self;
        let choice = connection
            .choose_layout(collection, layout.as_ref(), *lifetime, Purpose::Changing)
            .await?;
        Ok(connection.store(collection, choice.certain()?.clone()))
    }
}

/// By what right passes are carried out, and until when.
#[derive(Debug, Clone)]
struct Mandate {
    fence: Option<i64>,
    /// Cancelled when it is over: by the caller, or because the lease was lost.
    over: CancellationToken,
}

impl Sweep {
    /// Sweeps until it is cancelled, telling `tell` what happens. The batch under way is finished
    /// first; while it waits, or no server answers, it ends at once.
    ///
    /// # Errors
    /// What waiting cannot mend: a refused login, a missing right, documents of no known layout.
    /// With `once`, any error.
    pub async fn run(
        &self,
        target: &Target,
        control: &Control,
        mut tell: impl FnMut(Event),
    ) -> Result<()> {
        if self.lease.is_some() && !self.is_there(target, control, &mut tell).await? {
            return Ok(());
        }
        let mut keeper = self.lease.clone().map(|terms| {
            let connection = target.connection.clone();
            let terms = Terms { life: terms.life.max(Terms::SHORTEST), ..terms };
            let lease = Lease { connection, namespace: target.namespace(), terms };
            Keeper::start(lease, control.cancel.clone())
        });
        let ended = self.go(target, control, keeper.as_mut(), &mut tell).await;
        if let Some(keeper) = keeper {
            keeper.end().await;
        }
        ended
    }

    /// Waits until there is a collection: a lease for one that was mistyped would make a database of
    /// that name. `false` where it was cancelled.
    async fn is_there(
        &self,
        target: &Target,
        control: &Control,
        tell: &mut impl FnMut(Event),
    ) -> Result<bool> {
        let mandate = Mandate { fence: None, over: control.cancel.clone() };
        let mut backoff = Backoff::new(self.interval);
        loop {
            let looking = tokio::spawn({
                let target = target.clone();
                async move { target.connection.exists(&target.collection).await }
            });
            let Some(looked) = mandate.over.run_until_cancelled(looking).await else {
                return Ok(false);
            };
            let pause = match looked.unwrap_or_else(|_| Err(lost())) {
                Ok(()) => return Ok(true),
                Err(error) if self.once => return Err(error),
                Err(error @ Error::NoCollection { .. }) => {
                    backoff.reset();
                    tell(Event::Waiting(error));
                    self.interval
                }
                Err(error) if may_pass(&error) => {
                    let pause = backoff.next();
                    tell(Event::Away { error, pause });
                    pause
                }
                Err(error) => return Err(error),
            };
            wait_until(Instant::now() + pause, control, &mandate, tell).await;
        }
    }

    async fn go(
        &self,
        target: &Target,
        control: &Control,
        mut keeper: Option<&mut Keeper>,
        tell: &mut impl FnMut(Event),
    ) -> Result<()> {
        let mut course = Course::default();
        loop {
            let mandate = match keeper.as_deref_mut() {
                None => Mandate { fence: None, over: control.cancel.clone() },
                Some(keeper) => match self.mandate(keeper, control, tell).await? {
                    Some(mandate) => mandate,
                    None => return Ok(()),
                },
            };
            self.passes(target, control, &mandate, &mut course, tell).await?;
            if self.once || control.cancel.is_cancelled() {
                return Ok(());
            }
            course.yields();
            tell(Event::Yields { to: None });
        }
    }

    /// Waits for the lease. `None` where it was cancelled, or once and another has it.
    async fn mandate(
        &self,
        keeper: &mut Keeper,
        control: &Control,
        tell: &mut impl FnMut(Event),
    ) -> Result<Option<Mandate>> {
        let mut told = None;
        loop {
            let standing = keeper.standing.borrow_and_update().clone();
            match standing {
                Standing::Unknown => {}
                Standing::Held { while_held, .. } if while_held.is_cancelled() => {}
                Standing::Held { fence, while_held } => {
                    tell(Event::Holds(fence));
                    return Ok(Some(Mandate { fence: Some(fence), over: while_held }));
                }
                Standing::Taken { by } => {
                    if told.replace(by.clone()) != Some(by.clone()) {
                        tell(Event::Yields { to: Some(by) });
                    }
                    if self.once {
                        return Ok(None);
                    }
                }
                Standing::Away { error } | Standing::Failed { error } if self.once => {
                    return Err(error);
                }
                Standing::Away { error } => {
                    told = None;
                    tell(Event::Away { error, pause: FIRST_PAUSE });
                }
                Standing::Failed { error } => return Err(error),
            }
            tokio::select! {
                changed = keeper.standing.changed() => if changed.is_err() { return Ok(None) },
                () = tokio::time::sleep(SIGN_OF_LIFE) => {}
                () = control.cancel.cancelled() => return Ok(None),
            }
            tell(Event::Alive);
        }
    }

    /// Passes, one an interval, for as long as the mandate lasts.
    async fn passes(
        &self,
        target: &Target,
        control: &Control,
        mandate: &Mandate,
        course: &mut Course,
        tell: &mut impl FnMut(Event),
    ) -> Result<()> {
        let mut schedule = Schedule::starting(Instant::now(), self.interval, self.jitter);
        let mut backoff = Backoff::new(self.interval);
        while !mandate.over.is_cancelled() {
            let mut retry = None;
            match self.pass(target, control, mandate, course, tell).await {
                Ok(None) => return Ok(()),
                Ok(Some(mut pass)) => {
                    let ends = |error: &Error| self.once || !course.may_pass(error);
                    let last = pass.error.clone().filter(ends);
                    pass.is_last = last.is_some();
                    if pass.error.is_none() {
                        backoff.reset();
                    }
                    tell(Event::Passed(pass));
                    if let Some(error) = last {
                        return Err(error);
                    }
                }
                Err(error) if !self.once && course.is_not_there(&error) => {
                    backoff.reset();
                    tell(Event::Waiting(error));
                }
                Err(error) if !self.once && course.may_pass(&error) => {
                    let pause = backoff.next();
                    tell(Event::Away { error, pause });
                    retry = Some(Instant::now() + pause);
                }
                Err(error) => return Err(error),
            }
            if self.once {
                return Ok(());
            }
            let due = retry.unwrap_or_else(|| schedule.next(Instant::now()));
            if !wait_until(due, control, mandate, tell).await {
                // Whoever asked for a pass now gets the next one an interval later.
                schedule = Schedule::starting(Instant::now(), self.interval, self.jitter);
            }
        }
        Ok(())
    }

    /// What a pass left behind, as far as it can be told.
    async fn measured(&self, store: &Store, tell: &mut impl FnMut(Event)) {
        let connection = store.connection();
        let backlog = match connection.primary_now().await {
            Ok(now) => store.backlog(now).await.ok().map(|backlog| (backlog, now)),
            Err(_) => None,
        };
        let lag = match connection.lag().await {
            Lag::Behind(followers) => Some(followers.behind),
            Lag::Standalone | Lag::Unknown(_) => None,
        };
        tell(Event::Measured { layout: store.layout().name.clone(), backlog, lag });
    }
}

/// A task of ours panicked, and said so itself.
fn lost() -> Error {
    Error::Unsupported("a pass was lost".into())
}

/// Waits, with signs of life. `false` if a pass was asked for before it is due.
async fn wait_until(
    due: Instant,
    control: &Control,
    mandate: &Mandate,
    tell: &mut impl FnMut(Event),
) -> bool {
    loop {
        let next = due.min(Instant::now() + SIGN_OF_LIFE);
        tokio::select! {
            () = sleep_until(next) => {}
            () = control.wake.notified() => return false,
            () = mandate.over.cancelled() => return true,
        }
        if next == due {
            return true;
        }
        tell(Event::Alive);
    }
}

fn is_empty(error: &Error) -> bool {
    matches!(error, Error::Undetected { certainty: Certainty::Empty, .. })
}

/// The guard of a sweep that runs in a task of its own, and goes on whatever it meets; dropping it
/// ends the sweep after the batch under way.
#[derive(Debug)]
pub struct ClearInterval {
    cancel: CancellationToken,
    task: Option<JoinHandle<Result<()>>>,
}

impl ClearInterval {
    pub(crate) fn start(
        store: &Store,
        sweep: Sweep,
        cancel: CancellationToken,
        mut tell: impl FnMut(Event) + Send + 'static,
    ) -> Self {
        let control = Control { cancel: cancel.clone(), ..Control::default() };
        let target = Target::of(store);
        let task = tokio::spawn(async move {
            loop {
                match sweep.run(&target, &control, &mut tell).await {
                    // An application has nobody who would start it again.
                    Err(error) if !sweep.once && !control.cancel.is_cancelled() => {
                        let pause = sweep.interval.max(FIRST_PAUSE);
                        tell(Event::Failed { error, pause });
                        control.cancel.run_until_cancelled(sleep(pause)).await;
                    }
                    ended => return ended,
                }
            }
        });
        Self { cancel, task: Some(task) }
    }

    /// Ends the sweep and waits until the batch under way is finished.
    ///
    /// # Errors
    /// What ended the sweep earlier, if it was to make one pass and that failed.
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
