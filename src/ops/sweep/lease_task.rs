//! Keeps a lease in a task of its own, so that a long pass does not lose it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::lease::{Answer, Lease};
use crate::error::{Error, Result};
use crate::server::backoff::{jittered, may_pass};

/// How long an end waits for the lease to be given back; after that it runs out by itself. Stopping
/// a daemon that waits takes less than a second in all.
const RELEASE_WAIT: Duration = Duration::from_millis(700);
/// The shortest pause before the lease is asked for again.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// The first pause after a failure.
const AFTER_FAILURE: Duration = Duration::from_millis(250);

/// How a sweeper stands to the lease.
#[derive(Debug, Clone, Default)]
pub(super) enum LeaseState {
    /// Nobody answered yet.
    #[default]
    Unknown,
    /// It is ours until the token is cancelled.
    Held { fence: i64, while_held: CancellationToken },
    /// Another has it.
    Taken { by: String },
    /// No server answers; it is asked for again.
    Away { error: Error },
    /// What waiting cannot mend.
    Failed { error: Error },
}

/// By what right passes are carried out, and until when.
#[derive(Debug, Clone)]
pub(super) struct LeaseGuard {
    pub(super) fence: Option<i64>,
    /// Cancelled when it is over: by the caller, or because the lease was lost.
    pub(super) over: CancellationToken,
}

/// A task that keeps a lease, or waits for it.
#[derive(Debug)]
pub(super) struct LeaseTask {
    pub(super) state: watch::Receiver<LeaseState>,
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl LeaseTask {
    /// Starts to ask for the lease. What is done under it ends when `stop` is cancelled, too.
    pub(super) fn start(lease: Lease, stop: CancellationToken) -> Self {
        let (sender, state) = watch::channel(LeaseState::default());
        let end = CancellationToken::new();
        let task_loop = LeaseLoop { lease, stop, end: end.clone(), sender, held: None };
        Self { state, end, task: tokio::spawn(task_loop.run()) }
    }

    /// Gives the lease back.
    pub(super) async fn end(self) {
        self.end.cancel();
        // The task goes on by itself where no server answers: a driver's future must not be dropped.
        tokio::select! {
            _ = self.task => {}
            () = sleep(RELEASE_WAIT) => {}
        }
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
    /// By our own monotonic clock, counted from before the server was asked. The clocks of the two
    /// machines are never compared.
    until: Instant,
    token: CancellationToken,
}

impl LeaseLoop {
    async fn run(mut self) {
        let mut failures = 0_u32;
        while !self.end.is_cancelled() {
            let pause = match self.ask().await {
                Ok(pause) => {
                    failures = 0;
                    pause
                }
                Err(error) if may_pass(&error) => {
                    if self.held.is_none() {
                        self.sender.send_replace(LeaseState::Away { error });
                    }
                    // Not so high that the power below overflows; a third of the life limits the
                    // pause before.
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
            // Nobody is there to hear of a failure; the lease runs out.
            let _ = self.lease.release().await;
        }
    }

    /// Asks once. How long the answer is good for.
    async fn ask(&mut self) -> Result<Duration> {
        let asked = Instant::now();
        let lease = self.lease.clone();
        let asking = lease.acquire();
        tokio::pin!(asking);
        // The lease can run out while the server does not answer: then the work under it ends,
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
                // From before the question, so that it ends here no later than on the server,
                // however long the answer took.
                self.hold(fence, asked + life);
                // Two renewals in a row can fail before the lease runs out.
                Ok(life / 3)
            }
            Answer::Taken { by, remaining } => {
                self.lose();
                self.sender.send_replace(LeaseState::Taken { by });
                // The one that comes first when it runs out has it.
                Ok((life / 3).min(remaining + jittered(SHORTEST_PAUSE)))
            }
        }
    }

    fn hold(&mut self, fence: i64, until: Instant) {
        match &mut self.held {
            // A greater fence means that another sweeper had it in between: the work under the old
            // one must end.
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

    /// What is done under the lease ends with it.
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

/// At this instant; never, where there is none.
async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
