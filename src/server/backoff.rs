//! Trying again: when it may help, how often, and how long to wait before.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::server::connection::Connection;

/// The first pause while the server is away; it doubles up to [`LONGEST_PAUSE`].
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause while the server is away.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often a write is tried before it is given up. The seven pauses between add up to 12.7 s, more
/// than the 10 s (`electionTimeoutMillis`) after which a replica set elects another primary.
const ATTEMPTS: u32 = 8;
/// The first pause before trying again; it doubles each time.
const PAUSE: Duration = Duration::from_millis(100);
/// Whether waiting can mend it: then the sweep goes on.
#[must_use]
pub fn may_pass(error: &Error) -> bool {
    // A member that was stepped down may be elected again, also under a direct connection to it.
    error.is_transient() || matches!(error, Error::NotPrimary { .. })
}

/// `pause` give or take a quarter, so that many do not come back at once.
pub(crate) fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(0_u8) as u32;
    pause.mul_f64(0.75 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

/// How often something was tried, and how long to wait before it is tried again.
#[derive(Debug, Default)]
pub(crate) struct Retries(u32);

impl Retries {
    /// Sleeps before another attempt, or gives the error back where there is no point in one.
    pub(crate) async fn pause(
        &mut self,
        cancel: &CancellationToken,
        error: Error,
    ) -> Result<(), Error> {
        if !may_pass(&error) || self.0 + 1 >= ATTEMPTS {
            return Err(error);
        }
        let pause = jittered(PAUSE * 2_u32.pow(self.0));
        self.0 += 1;
        cancel.run_until_cancelled(tokio::time::sleep(pause)).await;
        Ok(())
    }

    /// Waits until a primary answers, so that a write, which cannot be left, is never begun while no
    /// server is there. `false` if it was cancelled first.
    pub(crate) async fn reach(
        &mut self,
        connection: &Connection,
        cancel: &CancellationToken,
    ) -> Result<bool> {
        loop {
            let connection = connection.clone();
            // In a task of its own, because a future of the driver must not be dropped.
            let asking = tokio::spawn(async move { connection.primary_now().await });
            match cancel.run_until_cancelled(asking).await {
                None => return Ok(false),
                Some(Ok(Err(error))) => self.pause(cancel, error).await?,
                // What is wrong with a server that makes a task panic, the write will say.
                Some(Ok(Ok(_)) | Err(_)) => return Ok(true),
            }
        }
    }
}

/// The pauses while the server is away: each twice as long as the one before, up to a ceiling.
#[derive(Debug)]
pub(crate) struct Backoff {
    pause: Duration,
    longest: Duration,
}

impl Backoff {
    pub(crate) fn new(interval: Duration) -> Self {
        // At most an interval, so that a server that is back is swept no later than without a
        // backoff.
        Self { pause: FIRST_PAUSE, longest: LONGEST_PAUSE.min(interval.max(FIRST_PAUSE)) }
    }

    pub(crate) fn next(&mut self) -> Duration {
        let this = self.pause.min(self.longest);
        self.pause = (this * 2).min(self.longest);
        jittered(this)
    }

    pub(crate) fn reset(&mut self) {
        self.pause = FIRST_PAUSE;
    }
}
