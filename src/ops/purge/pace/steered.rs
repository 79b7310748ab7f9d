//! The work of a command that is steered, and how fast it is compared to full speed.

use std::time::{Duration, Instant};

use super::probe::Probe;
use super::steer::Load;
use super::values::Throttled;

/// A command is probed only after this number of batches and this time: short commands make
/// no extra round trip.
const SHORT: (u32, Duration) = (3, Duration::from_millis(250));
/// The longest rest after a batch.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// The work of a command, and how much of it there may be for the sake of other clients.
#[derive(Debug)]
pub(super) struct Steered {
    pub(super) probe: Option<Probe>,
    /// The usual load, and that which is allowed.
    pub(super) most: Load,
    pub(super) load: Load,
    /// When the first batch began, and how many have.
    began: Option<Instant>,
    batches: u32,
    pub(super) in_flight: usize,
    /// How many sessions a batch wrote per second lately.
    speed: f64,
    /// The end of the rest after the last batch.
    rested: Instant,
    /// The time without waits, and how long that work would take at full speed.
    pub(super) passed: Duration,
    pub(super) busy: Duration,
    /// Up to when that is, and the waits until then.
    until: (Instant, Duration),
}

impl Steered {
    pub(super) fn new(now: Instant) -> Self {
        let one = Load { jobs: 1, size: 1, rest: 0.0 };
        Self {
            probe: None,
            most: one,
            load: one,
            began: None,
            batches: 0,
            in_flight: 0,
            speed: 0.0,
            rested: now,
            passed: Duration::ZERO,
            busy: Duration::ZERO,
            until: (now, Duration::ZERO),
        }
    }

    pub(super) fn is_long(&self, now: Instant) -> bool {
        let (batches, time) = SHORT;
        self.batches >= batches && self.began.is_some_and(|began| now - began >= time)
    }

    pub(super) fn delay(&self, now: Instant) -> Option<Duration> {
        // A look every moment at whether the baseline is measured.
        const MOMENT: Duration = Duration::from_millis(2);
        let rest = self.rested.saturating_duration_since(now);
        let is_quiet = self.probe.as_ref().is_some_and(Probe::is_quiet);
        let wait = if is_quiet { rest.max(MOMENT) } else { rest };
        (!wait.is_zero()).then_some(wait)
    }

    pub(super) fn begin(&mut self, now: Instant) {
        self.began = self.began.or(Some(now));
        self.batches += 1;
        self.in_flight += 1;
        self.probe.iter().for_each(Probe::begin);
    }

    /// What may be done at a time, if the probe runs already.
    pub(super) fn measured(&self) -> Option<Load> {
        self.probe.as_ref().map(|probe| probe.load(self.most, self.speed))
    }

    pub(super) fn end(&mut self, now: Instant, sessions: u64, took: Duration) {
        let speed = sessions as f64 / took.as_secs_f64().max(1e-6);
        self.speed = if self.speed > 0.0 { 0.8 * self.speed + 0.2 * speed } else { speed };
        self.in_flight = self.in_flight.saturating_sub(1);
        self.probe.iter().for_each(Probe::end);
        self.rested = now + took.mul_f64(self.load.rest.max(0.0)).min(LONGEST_REST);
    }

    /// Adds the time since the last call, in which the load did not change.
    pub(super) fn pass(&mut self, now: Instant, throttled: Throttled) {
        let (until, before) = std::mem::replace(&mut self.until, (now, throttled.total()));
        let waited = throttled.total().saturating_sub(before);
        let passed = now.saturating_duration_since(until).saturating_sub(waited);
        self.passed += passed;
        self.busy += passed.mul_f64(self.load.effort(self.most));
    }
}

/// How many times as fast full speed might have been: without the steering, but with every other wait.
/// `busy` is how long the work would have taken then, of the time that `passed` without waits. A pause
/// counts for neither.
pub(super) fn full_speed(passed: Duration, busy: Duration, throttled: Throttled) -> f64 {
    let saved = throttled.latency + passed.saturating_sub(busy);
    let all = (passed + throttled.total()).saturating_sub(throttled.paused);
    let rest = all.saturating_sub(saved).as_secs_f64();
    if rest > 0.0 { (all.as_secs_f64() / rest).max(1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_speed_is_compared_with_what_a_limit_on_the_rate_allows_anyway() {
        let seconds = Duration::from_secs;
        let speed = |passed, busy, rate, latency| {
            let throttled = Throttled {
                rate: seconds(rate),
                latency: seconds(latency),
                paused: seconds(1000),
                ..Throttled::default()
            };
            full_speed(seconds(passed), seconds(busy), throttled)
        };
        // Without a limit: small batches and waits for others took four times as long.
        assert_eq!(speed(20, 10, 0, 20), 4.0);
        // With one, most of the time is the limit's.
        assert_eq!(speed(20, 10, 80, 0), 100.0 / 90.0);
        assert_eq!(speed(10, 10, 90, 0), 1.0);
        assert_eq!(speed(0, 0, 0, 0), 1.0);
    }
}
