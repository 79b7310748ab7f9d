//! The gate before each batch: it stays shut for the rate, for the rests, for members that are behind,
//! and for a server that has too much to do.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::pace::{Cause, Overload, Pace, Throttle, Throttled};
use crate::error::Result;
use crate::server::connection::Connection;
use crate::server::replication::Lag;

/// While it waits, its caller hears of it this often.
pub(super) const LONG_WAIT: Duration = Duration::from_secs(10);
/// How often the replication lag is asked for: the question itself costs every member a command.
const LAG_EVERY: Duration = Duration::from_secs(1);

/// When the next batch may begin.
#[derive(Debug)]
pub(super) struct Gate {
    connection: Connection,
    pace: Pace,
    pub(super) throttle: Throttle,
    /// Shared with the batches in flight.
    pub(super) overload: Overload,
    /// How long it was shut so far.
    pub(super) throttled: Throttled,
    /// When the lag was last asked for, and whether it was ever told.
    lag_asked: Option<Instant>,
    lag_told: bool,
    /// What was said to be waited for.
    paused: Option<Cause>,
    /// When its caller last heard that it waits.
    told: Instant,
    cancel: CancellationToken,
}

impl Gate {
    pub(super) fn new(connection: Connection, pace: Pace, cancel: CancellationToken) -> Self {
        let now = Instant::now();
        Self {
            connection,
            pace,
            throttle: Throttle::new(pace, now),
            overload: Overload::default(),
            throttled: Throttled::default(),
            lag_asked: None,
            lag_told: false,
            paused: None,
            told: now,
            cancel,
        }
    }

    /// How long the next batch must wait, and for what.
    pub(super) async fn delay(&mut self) -> Result<Option<(Duration, Cause)>> {
        let now = Instant::now();
        let overload = self.overload.delay(now).map(|wait| (wait, Cause::Overload));
        let wait = match overload.or_else(|| self.throttle.delay(now)) {
            Some(wait) => Some(wait),
            None => self.lag(now).await?,
        };
        if wait.is_none() {
            self.paused = None;
        }
        Ok(wait)
    }

    /// Whether the caller is to hear now that it waits: at once where the server is to catch up, and
    /// then every [`LONG_WAIT`].
    pub(super) fn is_worth_telling(&mut self, cause: Cause) -> bool {
        let is_news = self.paused.is_none_or(|told| !is_same(told, cause));
        let is_news = is_news && !matches!(cause, Cause::Rate | Cause::Rest);
        if is_news {
            self.paused = Some(cause);
        }
        let tells = is_news || self.told.elapsed() >= LONG_WAIT;
        if tells {
            self.told = Instant::now();
        }
        tells
    }

    /// Whether the members are too far behind. Whoever may not know it at the start must not begin;
    /// what cannot be told on the way is waited for.
    async fn lag(&mut self, now: Instant) -> Result<Option<(Duration, Cause)>> {
        let Some(most) = self.pace.max_lag else { return Ok(None) };
        let asked_lately =
            self.lag_asked.is_some_and(|asked| now.duration_since(asked) < LAG_EVERY);
        if asked_lately && self.paused.is_none() {
            return Ok(None);
        }
        let asking = self.cancel.run_until_cancelled(self.connection.lag());
        let Some(lag) = asking.await else { return Ok(None) };
        self.lag_asked = Some(Instant::now());
        let wait = |cause| Ok(Some((LAG_EVERY, cause)));
        match lag {
            Lag::Standalone => Ok(None),
            Lag::Behind(followers) => {
                self.lag_told = true;
                if followers.behind > most { wait(Cause::Lag(followers.behind)) } else { Ok(None) }
            }
            Lag::Unknown(error) if self.lag_told || error.is_transient() => wait(Cause::LagUnknown),
            Lag::Unknown(error) => Err(error),
        }
    }
}

/// Whether both wait for the same thing, however long.
fn is_same(one: Cause, other: Cause) -> bool {
    std::mem::discriminant(&one) == std::mem::discriminant(&other)
}
