//! How fast a command gets on, and how much time is left.

use std::time::{Duration, Instant};

/// A session counts half as much as one that is later by this share of all: short enough to follow a
/// change of the pace, and long enough for waits that come back every few batches.
const HALF: f64 = 0.05;
/// The same as a share of those so far, if nobody knows how many there are.
const HALF_SO_FAR: f64 = 0.1;

/// The pace as a weighted mean: recent sessions count more. Waits for a limit are part of it, since the rest
/// will wait as well; pauses by the operator are not.
#[derive(Debug)]
pub struct Pace {
    total: Option<u64>,
    done: u64,
    /// Weighted sessions, and the weighted seconds that they took.
    sessions: f64,
    seconds: f64,
    /// When the time was last counted.
    at: Instant,
    is_paused: bool,
    /// The time since the last batch, and the weighted sum and number of the times between two.
    since: Duration,
    gaps: (f64, f64),
}

impl Pace {
    pub fn new(now: Instant, total: Option<u64>) -> Self {
        Self {
            total,
            done: 0,
            sessions: 0.0,
            seconds: 0.0,
            at: now,
            is_paused: false,
            since: Duration::ZERO,
            gaps: (0.0, 0.0),
        }
    }

    /// Counts the time until now.
    fn tick(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        self.at = now;
        if !self.is_paused {
            self.since += passed;
        }
    }

    /// Begins or ends a pause. Batches in flight still arrive.
    pub fn pause(&mut self, now: Instant, is_paused: bool) {
        self.tick(now);
        self.is_paused = is_paused;
    }

    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Counts a batch.
    pub fn advance(&mut self, now: Instant, sessions: u64) {
        self.tick(now);
        self.done += sessions;
        let half = self.total.map_or(self.done as f64 * HALF_SO_FAR, |total| total as f64 * HALF);
        let since = std::mem::take(&mut self.since).as_secs_f64();
        let decay = 0.5_f64.powf(sessions as f64 / half.max(1.0));
        self.sessions = self.sessions * decay + sessions as f64;
        self.seconds = self.seconds * decay + since;
        self.gaps = (self.gaps.0 * decay + since, self.gaps.1 * decay + 1.0);
    }

    /// Sessions per second; `None` before the first batch.
    pub fn rate(&self) -> Option<f64> {
        // A batch that takes longer than usual slows the pace down before it is done.
        let longer = (self.since.as_secs_f64() - 2.0 * self.gap()).max(0.0);
        let rate = self.sessions / (self.seconds + longer);
        (rate.is_finite() && rate > 0.0).then_some(rate)
    }

    /// The usual time between two batches, in seconds.
    fn gap(&self) -> f64 {
        if self.gaps.1 > 0.0 { self.gaps.0 / self.gaps.1 } else { 0.0 }
    }

    /// The time that this many sessions will take.
    pub fn left(&mut self, now: Instant, sessions: u64) -> Option<Duration> {
        self.tick(now);
        // Some of the next batch is done already.
        let begun = self.since.as_secs_f64().min(self.gap());
        let left = sessions as f64 / self.rate()? - begun;
        Duration::try_from_secs_f64(left.max(0.0)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: u64 = 1000;

    /// Runs batches that take this long each, with the pauses after some of them, and checks the estimate
    /// after each: `within` is how wrong it may be at that share of the way.
    #[track_caller]
    fn simulate(
        batches: usize,
        took: impl Fn(usize) -> f64,
        paused: impl Fn(usize) -> f64,
        within: impl Fn(f64) -> Option<f64>,
    ) {
        let mut now = Instant::now();
        let mut pace = Pace::new(now, Some(batches as u64 * BATCH));
        let whole: f64 = (0..batches).map(&took).sum();
        let mut done = 0.0;
        for batch in 0..batches {
            now += Duration::from_secs_f64(took(batch));
            done += took(batch);
            pace.advance(now, BATCH);
            pace.pause(now, true);
            now += Duration::from_secs_f64(paused(batch));
            pace.pause(now, false);
            let rest = (batches - batch - 1) as u64 * BATCH;
            let share = (batch + 1) as f64 / batches as f64;
            let Some(most) = within(share).filter(|_| rest > 0) else { continue };
            let left = pace.left(now, rest).unwrap().as_secs_f64();
            let is = whole - done;
            let wrong = (left - is).abs() / is;
            assert!(wrong <= most, "{left:.2} s instead of {is:.2} s at {share:.3} of the way");
        }
    }

    fn from_a_tenth(share: f64) -> Option<f64> {
        (share >= 0.1).then_some(0.25)
    }

    /// The last few batches of an uneven run cannot be known.
    fn but_for_the_end(share: f64) -> Option<f64> {
        from_a_tenth(share).filter(|_| share < 0.9)
    }

    #[test]
    fn a_constant_pace_is_known_from_a_tenth_of_the_way() {
        for (batches, took) in [(20, 0.5), (500, 0.01), (2000, 0.3)] {
            simulate(batches, |_| took, |_| 0.0, from_a_tenth);
        }
    }

    #[test]
    fn batches_of_uneven_length_do_not_move_the_estimate_far() {
        // One in ten waits for a checkpoint.
        simulate(400, |batch| if batch % 10 == 0 { 0.5 } else { 0.05 }, |_| 0.0, but_for_the_end);
        // A rate limit lets four batches a second begin.
        simulate(400, |batch| if batch % 4 == 0 { 0.9 } else { 0.03 }, |_| 0.0, but_for_the_end);
    }

    #[test]
    fn a_long_throttled_run_counts_its_waits_as_part_of_what_is_left() {
        // Each fifth batch waits ten seconds for a member that lags.
        simulate(600, |batch| if batch % 5 == 0 { 10.0 } else { 0.2 }, |_| 0.0, but_for_the_end);
    }

    #[test]
    fn an_estimate_follows_a_pace_that_changes() {
        // Slow, then fast, from a third of the way; and the other way round, where the server is slowed.
        for (before, after) in [(0.4, 0.05), (0.05, 0.4)] {
            let took = |batch| if batch < 300 { before } else { after };
            let within = |share: f64| match share {
                // Later batches cannot be known before the first one.
                ..0.6 => None,
                _ => Some(0.25),
            };
            simulate(900, took, |_| 0.0, within);
        }
    }

    #[test]
    fn pauses_change_nothing_of_the_pace() {
        let pauses = |batch| if batch % 50 == 0 { 60.0 } else { 0.0 };
        simulate(500, |_| 0.05, pauses, from_a_tenth);
    }

    #[test]
    fn an_estimate_counts_down_between_batches_and_grows_if_one_does_not_come() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut pace = Pace::new(start, None);
        assert_eq!((pace.rate(), pace.left(at(0.5), BATCH)), (None, None));
        (1..=10).for_each(|second| pace.advance(at(f64::from(second)), BATCH));
        let left =
            |pace: &mut Pace, seconds| pace.left(at(seconds), 10 * BATCH).unwrap().as_secs_f64();
        assert!((left(&mut pace, 10.0) - 10.0).abs() < 0.01);
        assert!((left(&mut pace, 10.5) - 9.5).abs() < 0.01);
        assert!(left(&mut pace, 40.0) > 20.0);
    }
}
