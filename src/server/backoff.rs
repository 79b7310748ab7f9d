//! Retries: whether one may help, how many there are, and how long to wait before each.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};

/// The first pause while the server is unreachable. It doubles up to [`LONGEST_PAUSE`].
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause while the server is unreachable.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How many times a write is attempted. The seven pauses in between add up to 12.7 s, more than the
/// 10 s (`electionTimeoutMillis`) after which a replica set elects a new primary.
const ATTEMPTS: u32 = 8;
/// The first pause before a retry. It doubles each time.
const PAUSE: Duration = Duration::from_millis(100);
/// How often to send a command that a busy server refuses before it begins. The server may be busy
/// for minutes, and a command that gives up must begin again.
const BUSY_ATTEMPTS: u32 = 30;
/// How often the pause before a retry doubles.
const LONGEST_RETRY: u32 = 6;
/// The longest pause that a server may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(30);

/// Whether the error may go away by itself, so that a sweep continues.
#[must_use]
pub fn may_pass(error: &Error) -> bool {
    // A member that stepped down may be elected again, even under a direct connection.
    error.is_transient() || matches!(error, Error::NotPrimary { .. })
}

/// `pause` plus or minus a quarter, so that many clients do not reconnect at once.
pub(crate) fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(0_u8) as u32;
    pause.mul_f64(0.75 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

/// How many attempts have failed, and how long to wait before the next.
#[derive(Debug, Default)]
pub(crate) struct Retries(u32);

impl Retries {
    /// Sleeps before the next attempt, or returns the error if a retry is pointless.
    pub(crate) async fn pause(
        &mut self,
        cancel: &CancellationToken,
        error: Error,
    ) -> Result<(), Error> {
        let most = if error.is_busy() { BUSY_ATTEMPTS } else { ATTEMPTS };
        if !may_pass(&error) || self.0 + 1 >= most {
            return Err(error);
        }
        let asked = error.asked_pause().unwrap_or_default().min(LONGEST_ASKED);
        let pause = jittered(PAUSE * 2_u32.pow(self.0.min(LONGEST_RETRY))).max(asked);
        self.0 += 1;
        cancel.run_until_cancelled(tokio::time::sleep(pause)).await;
        Ok(())
    }
}

/// The pauses while the server is unreachable: each twice as long as the last, up to a limit.
#[derive(Debug)]
pub(crate) struct Backoff {
    pause: Duration,
    longest: Duration,
}

impl Backoff {
    pub(crate) fn new(interval: Duration) -> Self {
        // At most one interval, so that a recovered server is swept no later than without a
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
