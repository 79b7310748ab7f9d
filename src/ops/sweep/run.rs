//! The loop: runs passes while the lease lasts, and waits for whatever is missing.

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::event::Event;
use super::pass::{SweepRun, SweepState};
use super::schedule::Schedule;
use super::settings::{Control, HEARTBEAT, Sweep, Target};
use crate::error::{Error, Result};
use crate::ops::lease::task::{LeaseGuard, LeaseState, LeaseTask};
use crate::ops::lease::{LEASES, Lease, Terms};
use crate::server::backoff::{Backoff, FIRST_PAUSE, may_pass};
use crate::store::Store;

impl Sweep {
    /// Sweeps until it is cancelled, and passes events to `on_event`. When cancelled, it finishes
    /// the current batch; while it waits, or no server answers, it stops immediately.
    ///
    /// # Errors
    /// If an error cannot go away by itself: a rejected login, a missing privilege, documents of no
    /// known layout. With `once`, on any error.
    pub async fn run(
        &self,
        target: &Target,
        control: &Control,
        on_event: impl FnMut(Event),
    ) -> Result<()> {
        let state = SweepState::default();
        let mut run = SweepRun { sweep: self, target, control, on_event, state };
        if self.lease.is_some() && !run.wait_for_collection().await? {
            return Ok(());
        }
        let mut lease = self.lease.clone().map(|terms| {
            let connection = target.connection.clone();
            let terms = Terms { life: terms.life.max(Terms::SHORTEST), ..terms };
            let id = target.namespace();
            let lease = Lease { connection, collection: LEASES.to_owned(), id, terms };
            LeaseTask::start(lease, control.cancel.clone())
        });
        let ended = run.sweep_while_leased(lease.as_mut()).await;
        // Even after an error, so that another sweeper need not wait until the lease runs out.
        if let Some(lease) = lease {
            lease.end().await;
        }
        ended
    }
}

impl<F: FnMut(Event)> SweepRun<'_, F> {
    fn without_lease(&self) -> LeaseGuard {
        LeaseGuard { fence: None, over: self.control.cancel.clone() }
    }

    /// Waits until the collection exists: the lease for a mistyped name would create a database of
    /// that name. Returns `false` if cancelled.
    async fn wait_for_collection(&mut self) -> Result<bool> {
        let guard = self.without_lease();
        let mut backoff = Backoff::new(self.sweep.interval);
        loop {
            // In a separate task, because a future of the driver must not be dropped.
            let looking = tokio::spawn({
                let target = self.target.clone();
                async move { target.connection.exists(&target.collection).await }
            });
            let Some(looked) = guard.over.run_until_cancelled(looking).await else {
                return Ok(false);
            };
            let pause = match looked.unwrap_or_else(|_| Err(Error::lost_task())) {
                Ok(()) => return Ok(true),
                Err(error) if self.sweep.once => return Err(error),
                Err(error @ Error::NoCollection { .. }) => {
                    backoff.reset();
                    (self.on_event)(Event::Waiting(error));
                    self.sweep.interval
                }
                Err(error) if may_pass(&error) => {
                    let pause = backoff.next();
                    (self.on_event)(Event::Away { error, pause });
                    pause
                }
                Err(error) => return Err(error),
            };
            self.wait_until(Instant::now() + pause, &guard).await;
        }
    }

    async fn sweep_while_leased(&mut self, mut lease: Option<&mut LeaseTask>) -> Result<()> {
        loop {
            let guard = match lease.as_deref_mut() {
                None => self.without_lease(),
                Some(lease) => match self.acquire(lease).await? {
                    Some(guard) => guard,
                    None => return Ok(()),
                },
            };
            let swept = self.sweep_until(&guard).await;
            // Before the lease, or the next sweeper finds it in use.
            self.state.release_archive();
            swept?;
            if self.sweep.once || self.control.cancel.is_cancelled() {
                return Ok(());
            }
            (self.on_event)(Event::Yields { to: None });
        }
    }

    /// Waits for the lease. `None` if cancelled, or with `once` if another sweeper holds it.
    async fn acquire(&mut self, lease: &mut LeaseTask) -> Result<Option<LeaseGuard>> {
        let once = self.sweep.once;
        let mut reported = None;
        loop {
            let state = lease.state.borrow_and_update().clone();
            match state {
                LeaseState::Unknown => {}
                // The lease was lost right after the state changed.
                LeaseState::Held { while_held, .. } if while_held.is_cancelled() => {}
                LeaseState::Held { fence, while_held } => {
                    (self.on_event)(Event::Holds(fence));
                    return Ok(Some(LeaseGuard { fence: Some(fence), over: while_held }));
                }
                LeaseState::Taken { by } => {
                    if reported.replace(by.clone()) != Some(by.clone()) {
                        (self.on_event)(Event::Yields { to: Some(by) });
                    }
                    if once {
                        return Ok(None);
                    }
                }
                LeaseState::Away { error } if !once => {
                    reported = None;
                    (self.on_event)(Event::Away { error, pause: FIRST_PAUSE });
                }
                LeaseState::Away { error } | LeaseState::Failed { error } => return Err(error),
            }
            tokio::select! {
                changed = lease.state.changed() => if changed.is_err() { return Ok(None) },
                () = sleep(HEARTBEAT) => {}
                () = self.control.cancel.cancelled() => return Ok(None),
            }
            // Whatever the server does: replies that do not come are given up by the connection.
            (self.on_event)(Event::Alive);
        }
    }

    /// Runs one pass per interval until the guard ends.
    async fn sweep_until(&mut self, guard: &LeaseGuard) -> Result<()> {
        let Sweep { interval, jitter, once, .. } = *self.sweep;
        let start = || Schedule::starting(Instant::now(), interval, jitter);
        let mut schedule = start();
        let mut backoff = Backoff::new(interval);
        while !guard.over.is_cancelled() {
            let mut retry = None;
            match self.pass(guard).await {
                Ok(None) => return Ok(()),
                Ok(Some(mut pass)) => {
                    let ends = |error: &Error| once || !self.state.may_pass(error);
                    // A pass that ended early is not repeated immediately: each of its batches was
                    // already retried.
                    let last = pass.error.clone().filter(ends);
                    pass.is_last = last.is_some();
                    if pass.error.is_none() {
                        backoff.reset();
                    }
                    (self.on_event)(Event::Passed(pass));
                    if let Some(error) = last {
                        return Err(error);
                    }
                }
                Err(error) if !once && self.state.is_not_there(&error) => {
                    backoff.reset();
                    (self.on_event)(Event::Waiting(error));
                }
                Err(error) if !once && self.state.may_pass(&error) => {
                    let pause = backoff.next();
                    (self.on_event)(Event::Away { error, pause });
                    retry = Some(Instant::now() + pause);
                }
                Err(error) => return Err(error),
            }
            if once {
                return Ok(());
            }
            let due = retry.unwrap_or_else(|| schedule.next(Instant::now()));
            if !self.wait_until(due, guard).await {
                // After a requested pass, the next one follows an interval later.
                schedule = start();
            }
        }
        Ok(())
    }

    /// Waits, with regular events. Returns `false` if a pass was requested before it is due.
    async fn wait_until(&mut self, due: Instant, guard: &LeaseGuard) -> bool {
        loop {
            let next = due.min(Instant::now() + HEARTBEAT);
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.control.wake.notified() => return false,
                () = guard.over.cancelled() => return true,
            }
            if next == due {
                return true;
            }
            (self.on_event)(Event::Alive);
        }
    }
}

/// The guard of a sweep in a background task, which continues after any error. Dropping the guard
/// stops the sweep after the current batch.
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
        mut on_event: impl FnMut(Event) + Send + 'static,
    ) -> Self {
        let control = Control { cancel: cancel.clone(), ..Control::default() };
        let target = Target::of(store);
        let task = tokio::spawn(async move {
            loop {
                match sweep.run(&target, &control, &mut on_event).await {
                    // In an application, nothing would restart it.
                    Err(error) if !sweep.once && !control.cancel.is_cancelled() => {
                        let pause = sweep.interval.max(FIRST_PAUSE);
                        on_event(Event::Failed { error, pause });
                        control.cancel.run_until_cancelled(sleep(pause)).await;
                    }
                    ended => return ended,
                }
            }
        });
        Self { cancel, task: Some(task) }
    }

    /// Stops the sweep, and waits until the current batch is finished.
    ///
    /// # Errors
    /// The error that ended the sweep, if it runs only one pass.
    pub async fn stop(mut self) -> Result<()> {
        self.cancel.cancel();
        match self.task.take() {
            // A task that panicked has printed the reason.
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
