//! Renews the lease in a separate task, so that a long pass does not lose it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Answer, Lease};
use crate::error::{Error, Result};
use crate::server::backoff::{jittered, may_pass};

/// How long `end` waits until the lease has been given back. After that, the lease runs out by
/// itself. A waiting daemon stops in less than a second in total.
const RELEASE_WAIT: Duration = Duration::from_millis(700);
/// The shortest pause before the next request for the lease.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// The first pause after an error.
const AFTER_FAILURE: Duration = Duration::from_millis(250);

/// Who holds the lease.
#[derive(Debug, Clone, Default)]
pub(in crate::ops) enum LeaseState {
    /// No server has answered yet.
    #[default]
    Unknown,
    /// We hold the lease, until the token is cancelled.
    Held { fence: i64, while_held: CancellationToken },
    /// Another process holds it.
    Taken { by: String },
    /// No server answers. The request is retried.
    Away { error: Error },
    /// An error that cannot go away by itself.
    Failed { error: Error },
}

/// The permission to run passes, and when it ends.
#[derive(Debug, Clone)]
pub(in crate::ops) struct LeaseGuard {
    pub(in crate::ops) fence: Option<i64>,
    /// Cancelled when the permission ends: the caller cancelled, or the lease was lost.
    pub(in crate::ops) over: CancellationToken,
}

/// A task that renews the lease, or waits for it.
#[derive(Debug)]
pub(in crate::ops) struct LeaseTask {
    pub(in crate::ops) state: watch::Receiver<LeaseState>,
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl LeaseTask {
    /// Starts requesting the lease. Cancelling `stop` also ends the work under the lease.
    pub(in crate::ops) fn start(lease: Lease, stop: CancellationToken) -> Self {
        let (sender, state) = watch::channel(LeaseState::default());
        let end = CancellationToken::new();
        let task_loop = LeaseLoop { lease, stop, end: end.clone(), sender, held: None };
        Self { state, end, task: tokio::spawn(task_loop.run()) }
    }

    /// Ends the task and gives the lease back.
    pub(in crate::ops) async fn end(mut self) {
        self.end.cancel();
        // If no server answers, the task continues alone: a future of the driver must not be
        // dropped.
        tokio::select! {
            _ = &mut self.task => {}
            () = sleep(RELEASE_WAIT) => {}
        }
    }
}

impl Drop for LeaseTask {
    /// The lease is given back in the background.
    fn drop(&mut self) {
        self.end.cancel();
    }
}

struct LeaseLoop {
    lease: Lease,
    stop: CancellationToken,
    end: CancellationToken,
    sender: watch::Sender<LeaseState>,
    held: Option<Held>,
}

struct Held {
    fence: i64,
    /// By our own monotonic clock, counted from before the request was sent. The clocks of the two
    /// machines are never compared.
    until: Instant,
    token: CancellationToken,
}

impl LeaseLoop {
    async fn run(mut self) {
        let mut failures = 0_u32;
        while !self.end.is_cancelled() {
            let pause = match self.request().await {
                Ok(pause) => {
                    failures = 0;
                    pause
                }
                Err(error) if may_pass(&error) => {
                    if self.held.is_none() {
                        self.sender.send_replace(LeaseState::Away { error });
                    }
                    // Capped so that the power below does not overflow. A third of the lifetime
                    // limits the pause anyway.
                    failures = (failures + 1).min(8);
                    let third = self.lease.terms.life / 3;
                    jittered(AFTER_FAILURE * 2_u32.pow(failures - 1)).min(third)
                }
                Err(error) => {
                    self.lose();
                    self.sender.send_replace(LeaseState::Failed { error });
                    return;
                }
            };
            let next = Instant::now() + pause.max(SHORTEST_PAUSE);
            self.sleep_until_due(next).await;
        }
        if self.held.is_some() {
            self.lose();
            // The result does not matter: without the release, the lease runs out.
            let _ = self.lease.release().await;
        }
    }

    /// Requests the lease once. Returns how long to wait before the next request.
    async fn request(&mut self) -> Result<Duration> {
        let requested = Instant::now();
        let lease = self.lease.clone();
        let asking = lease.acquire();
        tokio::pin!(asking);
        // The lease can run out while the server does not answer. The work under it then ends,
        // whatever the answer will be.
        let answer = loop {
            let until = self.held.as_ref().map(|held| held.until);
            tokio::select! {
                answer = &mut asking => break answer?,
                () = at(until) => self.lose(),
            }
        };
        let life = self.lease.terms.life;
        match answer {
            Answer::Ours { fence } => {
                // Counted from before the request, so that the lease ends here no later than on the
                // server, however long the answer took.
                self.hold(fence, requested + life);
                // Allows two renewals in a row to fail before the lease runs out.
                Ok(life / 3)
            }
            Answer::Taken { by, remaining } => {
                self.lose();
                self.sender.send_replace(LeaseState::Taken { by });
                // Whoever requests it first after it runs out gets it.
                Ok((life / 3).min(remaining + jittered(SHORTEST_PAUSE)))
            }
        }
    }

    fn hold(&mut self, fence: i64, until: Instant) {
        match &mut self.held {
            // A greater fence means that another sweeper held the lease in between, so work under
            // the old fence must end.
            Some(held) if held.fence == fence => held.until = until,
            _ => {
                self.lose();
                let token = self.stop.child_token();
                let while_held = token.clone();
                self.held = Some(Held { fence, until, token });
                self.sender.send_replace(LeaseState::Held { fence, while_held });
            }
        }
    }

    /// Ends the work under the lease.
    fn lose(&mut self) {
        if let Some(held) = self.held.take() {
            held.token.cancel();
            self.sender.send_replace(LeaseState::Unknown);
        }
    }

    async fn sleep_until_due(&mut self, next: Instant) {
        while !self.end.is_cancelled() {
            let until = self.held.as_ref().map(|held| held.until);
            let end = self.end.clone();
            tokio::select! {
                () = sleep_until(next) => return,
                () = at(until) => self.lose(),
                () = end.cancelled() => return,
            }
        }
    }
}

/// Waits until `instant`, or forever if there is none.
async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
