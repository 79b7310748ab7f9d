//! The server's clock, and the interval between scans.

use std::time::Duration;

use bson::DateTime;
use tokio::time::Instant;

use crate::error::Result;
use crate::store::Store;

/// The server's clock: read once, then advanced by ours.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops) struct Clock {
    now: DateTime,
    since: Instant,
}

impl Clock {
    /// A clock that was just read.
    pub(in crate::ops) fn at(now: DateTime) -> Self {
        Self { now, since: Instant::now() }
    }

    pub(super) async fn read(store: &Store) -> Result<Self> {
        store.connection().primary_now().await.map(Self::at)
    }

    pub(in crate::ops) fn now(self) -> DateTime {
        let since = i64::try_from(self.since.elapsed().as_millis()).unwrap_or(i64::MAX);
        DateTime::from_millis(self.now.timestamp_millis().saturating_add(since))
    }
}

/// The interval between scans that take this long: the server spends most of the time on other work.
pub(super) fn interval(took: Duration) -> Duration {
    const SHORTEST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(300);
    let every = (took * 5).clamp(SHORTEST, LONGEST);
    // Whole seconds, because the interval is reported.
    Duration::from_secs(every.as_secs_f64().ceil() as u64)
}
