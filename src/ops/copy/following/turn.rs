//! The turn of a copy that follows its source. Two at a time would leave copies at the target that neither
//! recognizes as its own, so that later log-outs never reach them.

use std::time::Duration;

use bson::oid::ObjectId;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::ops::copy::ledger::{LEASE, Ledger};
use crate::ops::lease::task::{LeaseState, LeaseTask};
use crate::ops::lease::{Lease, Terms};
use crate::server::backoff::FIRST_PAUSE;
use crate::store::Store;

/// Shorter than a sweeper's: the next copy after a killed one waits for this long.
const LIFE: Duration = Duration::from_secs(10);
/// How long another copy is waited for. If its process is gone, its lease has run out by then.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest time between two looks at whether that time is over.
const LOOK: Duration = Duration::from_secs(1);

/// Why the copy waits.
#[derive(Debug)]
pub(super) enum Waits {
    /// Another copy holds the lease; this names it.
    Taken(String),
    /// The server is unreachable. The next attempt follows after this pause.
    Away(Error, Duration),
}

/// The lease on the record of what was copied.
#[derive(Debug)]
pub(super) struct Turn {
    task: Option<LeaseTask>,
    /// Lasts as long as the lease is ours.
    held: Option<CancellationToken>,
    /// Since when another copy has it.
    taken: Option<Instant>,
    is_away: bool,
}

impl Turn {
    pub(super) fn begin(target: &Store, ledger: &Ledger, cancel: CancellationToken) -> Self {
        // Unique, also for an application that copies twice.
        let (process, unique) = (std::process::id(), ObjectId::new().to_hex());
        let holder = format!("{}, process {process}:{unique}", target.comment());
        let lease = Lease {
            connection: target.connection().clone(),
            collection: ledger.name().to_owned(),
            id: LEASE.to_owned(),
            terms: Terms { holder, life: LIFE },
        };
        let task = Some(LeaseTask::start(lease, cancel));
        Self { task, held: None, taken: None, is_away: false }
    }

    pub(super) fn is_ours(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.is_cancelled())
    }

    /// Waits for it. What there is to report meanwhile; `None` once it is ours, and after cancellation.
    ///
    /// # Errors
    /// If another copy keeps it, or an error cannot go away by itself.
    pub(super) async fn next(&mut self, cancel: &CancellationToken) -> Result<Option<Waits>> {
        let Some(task) = &mut self.task else { return Ok(None) };
        while !cancel.is_cancelled() {
            let state = task.state.borrow_and_update().clone();
            match state {
                LeaseState::Held { while_held, .. } if !while_held.is_cancelled() => {
                    (self.held, self.taken, self.is_away) = (Some(while_held), None, false);
                    return Ok(None);
                }
                LeaseState::Taken { by } => {
                    let by = by.rsplit_once(':').map_or(&*by, |(who, _)| who).to_owned();
                    let Some(taken) = self.taken else {
                        self.taken = Some(Instant::now());
                        return Ok(Some(Waits::Taken(by)));
                    };
                    if taken.elapsed() >= PATIENCE {
                        let what = format!("another copy follows it already: {by}");
                        return Err(Error::Unsupported(what));
                    }
                }
                LeaseState::Away { error } if !self.is_away => {
                    self.is_away = true;
                    return Ok(Some(Waits::Away(error, FIRST_PAUSE)));
                }
                LeaseState::Failed { error } => return Err(error),
                LeaseState::Unknown | LeaseState::Held { .. } | LeaseState::Away { .. } => {}
            }
            tokio::select! {
                _ = task.state.changed() => {}
                () = sleep(LOOK) => {}
                () = cancel.cancelled() => {}
            }
        }
        Ok(None)
    }

    /// Gives it back, so that the next copy need not wait.
    pub(super) async fn end(&mut self) {
        if let Some(task) = self.task.take() {
            task.end().await;
        }
    }
}
