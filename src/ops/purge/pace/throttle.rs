//! When the next batch may begin, by the rate, the rests and what the server reports.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::values::{Cause, Pace};

/// How much a rate may catch up after a slow batch; more would be a burst.
const SLACK: Duration = Duration::from_millis(250);

/// When the next batch may begin, by the rate and the pauses.
#[derive(Debug)]
pub(super) struct Throttle {
    pace: Pace,
    due: Instant,
    rested: Instant,
}

impl Throttle {
    pub(super) fn new(pace: Pace, now: Instant) -> Self {
        Self { pace, due: now, rested: now }
    }

    /// Continues with another pace. What is due at the old rate no longer counts.
    pub(super) fn set(&mut self, pace: Pace, now: Instant) {
        if pace.rate != self.pace.rate {
            self.due = now;
        }
        self.pace = pace;
    }

    /// How long to wait before another batch begins, and why.
    pub(super) fn delay(&self, now: Instant) -> Option<(Duration, Cause)> {
        let rate = (self.due.saturating_duration_since(now), Cause::Rate);
        let rest = (self.rested.saturating_duration_since(now), Cause::Rest);
        let longest = if rate.0 >= rest.0 { rate } else { rest };
        (!longest.0.is_zero()).then_some(longest)
    }

    /// Records the start of a batch of about this many sessions.
    pub(super) fn begin(&mut self, now: Instant, sessions: u64) {
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        self.due = self.due.max(earliest) + self.share(sessions);
    }

    /// Records the end of a batch of `expected` sessions, of which `done` were written in this
    /// time.
    pub(super) fn end(&mut self, now: Instant, expected: u64, done: u64, took: Duration) {
        if let Some(too_much) = expected.checked_sub(done) {
            self.due = self.due.checked_sub(self.share(too_much)).unwrap_or(self.due);
        }
        // A factor is finite and not negative; the longest sleep is an hour.
        let rest = took.mul_f64(self.pace.sleep_factor.clamp(0.0, 1e6));
        self.rested = now + rest.min(Duration::from_secs(3600));
    }

    /// The time that this many sessions take at the rate.
    fn share(&self, sessions: u64) -> Duration {
        let seconds = |rate: u32| sessions as f64 / f64::from(rate.max(1));
        self.pace.rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(seconds(rate)))
    }
}

/// The shortest and the longest pause after the server reported that it is overloaded.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// What batches in flight report to the others: that the server is overloaded.
#[derive(Debug, Clone, Default)]
pub(in crate::ops::purge) struct Overload(Arc<Mutex<Option<(Duration, Instant)>>>);

impl Overload {
    fn lock(&self) -> MutexGuard<'_, Option<(Duration, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the server is overloaded: no batch begins for a while, each time for longer.
    pub(in crate::ops::purge) fn met(&self, now: Instant) {
        let mut state = self.lock();
        let pause = state.map_or(PAUSES.0, |(pause, _)| (pause * 2).min(PAUSES.1));
        *state = Some((pause, now + pause));
    }

    /// Records a successful batch: the next pause is half as long, until there is none.
    pub(in crate::ops::purge) fn eased(&self) {
        let mut state = self.lock();
        *state = state
            .map(|(pause, until)| (pause / 2, until))
            .filter(|(pause, _)| *pause >= PAUSES.0 / 2);
    }

    /// How long to wait, if at all.
    pub(super) fn delay(&self, now: Instant) -> Option<Duration> {
        let until = self.lock().map(|(_, until)| until.saturating_duration_since(now));
        until.filter(|wait| !wait.is_zero())
    }

    /// Whether to continue with one batch at a time.
    pub(super) fn is_near(&self) -> bool {
        self.lock().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_rate_spaces_batches_by_their_sessions() {
        let now = Instant::now();
        let mut throttle = Throttle::new(Pace { rate: Some(1000), ..Pace::default() }, now);
        assert_eq!(throttle.delay(now), None);
        throttle.begin(now, 250);
        throttle.begin(now, 250);
        assert_eq!(throttle.delay(now), Some((millis(500), Cause::Rate)));
        throttle.end(now, 250, 50, millis(10));
        assert_eq!(throttle.delay(now), Some((millis(300), Cause::Rate)));
    }

    #[test]
    fn a_long_pause_is_not_made_up_for_by_a_burst() {
        let now = Instant::now();
        let mut throttle = Throttle::new(Pace { rate: Some(1000), ..Pace::default() }, now);
        let later = now + Duration::from_secs(60);
        throttle.begin(later, 1000);
        assert_eq!(throttle.delay(later), Some((millis(750), Cause::Rate)));
    }

    #[test]
    fn a_rest_is_a_multiple_of_what_the_batch_took() {
        let now = Instant::now();
        let mut throttle = Throttle::new(Pace { sleep_factor: 2.0, ..Pace::default() }, now);
        throttle.end(now, 10, 10, millis(40));
        assert_eq!(throttle.delay(now), Some((millis(80), Cause::Rest)));
        assert_eq!(throttle.delay(now + millis(80)), None);
    }

    #[test]
    fn an_overloaded_server_is_left_alone_for_longer_each_time_until_it_answers() {
        let now = Instant::now();
        let overload = Overload::default();
        assert!(overload.delay(now).is_none() && !overload.is_near());
        overload.met(now);
        assert_eq!(overload.delay(now), Some(millis(250)));
        overload.met(now);
        assert_eq!(overload.delay(now), Some(millis(500)));
        overload.eased();
        assert!(overload.is_near());
        overload.eased();
        overload.eased();
        assert!(!overload.is_near());
        (0..20).for_each(|_| overload.met(now));
        assert_eq!(overload.delay(now), Some(Duration::from_secs(30)));
    }
}
