//! How long a purge would take, from measurements that write nothing.

use std::time::{Duration, Instant};

use super::spec::{Action, Purge, Strategy};
use crate::error::Result;
use crate::model::key::Key;
use crate::model::selection::Selection;
use crate::store::Store;

/// What the server needs for one session, measured by reading.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Cost {
    pub round_trip: Duration,
    /// Looking up one session by its `_id`, without the round trip.
    pub look_up: Duration,
    /// Indexes whose entries a write changes.
    pub indexes: u32,
}

/// How often each is measured; the fastest counts, because nothing makes a server faster than it is.
const ROUNDS: usize = 3;

impl Store {
    /// Measures what the sessions of a purge cost, by these of them.
    ///
    /// # Errors
    /// If the server refuses a command or cannot be reached.
    pub async fn cost(&self, purge: &Purge, some: &[Key]) -> Result<Cost> {
        let mut round_trip = Duration::MAX;
        for _ in 0..ROUNDS {
            let began = Instant::now();
            self.connection().hello().await?;
            round_trip = round_trip.min(began.elapsed());
        }
        let mut look_up = Duration::ZERO;
        if let Ok(count @ 1..) = u32::try_from(some.len()) {
            let keys = Some(some.to_vec());
            let selection = Selection { keys, ..purge.selection.clone() };
            let filters = Purge { selection, ..purge.clone() }.filter(self.layouts())?;
            let mut fastest = Duration::MAX;
            for _ in 0..ROUNDS {
                let began = Instant::now();
                for filter in &filters {
                    self.count(filter.clone()).await?;
                }
                fastest = fastest.min(began.elapsed());
            }
            let travels = round_trip * u32::try_from(filters.len()).unwrap_or(1);
            look_up = fastest.saturating_sub(travels) / count;
        }
        let indexes = match purge.action {
            Action::Delete => u32::try_from(self.indexes().await?.len()).unwrap_or(u32::MAX),
            // That of the expiry.
            Action::Expire | Action::Fix(_) => 1,
        };
        Ok(Cost { round_trip, look_up, indexes })
    }
}

impl Cost {
    /// The time for this many sessions. A write looks the session up, and changes an entry of each
    /// index, which costs about as much each time. `reading` is the time to find and read one session,
    /// which counts unless they are written along an index of the expiry.
    pub fn estimate(
        &self,
        purge: &Purge,
        strategy: Strategy,
        matched: u64,
        reading: Duration,
    ) -> Duration {
        let Self { round_trip, look_up, indexes } = *self;
        let size = purge.batch_size.unwrap_or_else(|| strategy.batch_size()).max(1);
        let batches = matched.div_ceil(u64::from(size)) as f64;
        let mut session = look_up.as_secs_f64() * f64::from(indexes.saturating_add(1));
        // Without an index, that is the time of a scan until it finds one.
        if strategy != Strategy::ExpiryWindows || purge.needs_documents() {
            session += reading.as_secs_f64();
        }
        let working = matched as f64 * session + batches * round_trip.as_secs_f64();
        let resting = working * (1.0 + purge.pace.sleep_factor);
        let at_rate = purge.pace.rate.map_or(0.0, |rate| matched as f64 / f64::from(rate));
        Duration::try_from_secs_f64(resting.max(at_rate)).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use bson::DateTime;

    use super::*;

    const fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn an_estimate_follows_from_what_was_measured() {
        let now = DateTime::from_millis(0);
        let purge = Purge::expired(now, now);
        let cost = Cost { round_trip: micros(500), look_up: micros(4), indexes: 2 };
        let estimate = |purge: &Purge, strategy| {
            cost.estimate(purge, strategy, 100_000, micros(10)).as_millis()
        };
        // 100,000 sessions of 12 us, and 20 batches; by their ids, with 10 us more, and 100 batches.
        assert_eq!(estimate(&purge, Strategy::ExpiryWindows), 1210);
        assert_eq!(estimate(&purge, Strategy::Ids), 2250);
        // A scan of 20 s for a hundred sessions.
        let few = cost.estimate(&purge, Strategy::IdWindows, 100, Duration::from_millis(200));
        assert_eq!(few.as_secs(), 20);
        // As many round trips as a small batch makes.
        let small = Purge { batch_size: Some(10), ..purge.clone() };
        assert_eq!(estimate(&small, Strategy::ExpiryWindows), 6200);
        let mut paced = purge.clone();
        paced.pace.sleep_factor = 1.0;
        assert_eq!(estimate(&paced, Strategy::ExpiryWindows), 2420);
        paced.pace.rate = Some(10_000);
        assert_eq!(estimate(&paced, Strategy::ExpiryWindows), 10_000);
        // A slow server: nothing of it is a constant.
        let slow = Cost { round_trip: micros(50_000), look_up: micros(400), ..cost };
        let took = slow.estimate(&purge, Strategy::ExpiryWindows, 100_000, micros(10));
        assert_eq!(took.as_millis(), 121_000);
    }
}
