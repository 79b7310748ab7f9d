//! When passes are due: at regular times however long they take, without a backlog of missed
//! passes.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// The time of the next pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    due: Instant,
    interval: Duration,
    jitter: Duration,
}

impl Schedule {
    /// A schedule whose first pass begins at `first`.
    pub(super) fn starting(first: Instant, interval: Duration, jitter: Duration) -> Self {
        Self { due: first, interval: interval.max(Duration::from_millis(1)), jitter }
    }

    /// When the next pass begins: one interval after the last one was due, not after it ended. If
    /// that time has passed, the pass begins immediately, and further missed passes are skipped.
    pub(super) fn next(&mut self, now: Instant) -> Instant {
        self.due += self.interval;
        let missed = now.saturating_duration_since(self.due).as_nanos() / self.interval.as_nanos();
        self.due += self.interval.saturating_mul(u32::try_from(missed).unwrap_or(u32::MAX));
        // Not added to `due`, where the jitter would accumulate.
        let random = RandomState::new().hash_one(self.due) as u32;
        self.due + self.jitter.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn passes_are_an_interval_apart_however_long_they_take() {
        let first = Instant::now();
        let mut schedule = Schedule::starting(first, MINUTE, Duration::ZERO);
        for (number, took) in [(1, 1), (2, 59), (3, 30)] {
            let due = schedule.next(first + MINUTE * (number - 1) + Duration::from_secs(took));
            assert_eq!(due, first + MINUTE * number);
        }
    }

    #[test]
    fn a_pass_that_outlasts_the_interval_is_followed_by_one_at_once_and_by_no_pile() {
        let first = Instant::now();
        let mut schedule = Schedule::starting(first, MINUTE, Duration::ZERO);
        let late = first + Duration::from_secs(200);
        assert_eq!(schedule.next(late), first + MINUTE * 3, "which is past");
        assert_eq!(schedule.next(late), first + MINUTE * 4);
    }

    #[test]
    fn jitter_is_added_to_each_and_does_not_add_up() {
        let first = Instant::now();
        let jitter = Duration::from_secs(5);
        let mut schedule = Schedule::starting(first, MINUTE, jitter);
        let mut moved = 0;
        for number in 1..50 {
            let exact = first + MINUTE * number;
            let due = schedule.next(exact - Duration::from_secs(1));
            assert!((exact..=exact + jitter).contains(&due));
            moved += usize::from(due > exact);
        }
        assert!(moved > 40);
    }
}
