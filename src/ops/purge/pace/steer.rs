//! Steers how much a purge does at a time by what reads of other clients feel. Pure: it is given the
//! duration of each probe, and the time.
//!
//! The level is the share of the usual number of sessions in flight. As it falls, fewer batches are in
//! flight, down to one; then batches become smaller; and those of less than about 50 ms are followed by
//! rests. Measured on mongod 6.0.5: small batches one at a time avoid most of the disturbance and cost
//! little speed, whereas rests cost much and avoid little. What is left is due to moments at which the
//! server has more to do than processors: then no batch begins.

use std::collections::VecDeque;
use std::time::Duration;

use super::values::MaxLatency;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Probes of this time decide.
const WINDOW: Duration = Duration::from_secs(1);
/// How long a change takes to show: batches in flight keep their size.
const SETTLE: Duration = millis(150);
/// How long no batch begins after a probe that was too slow: the server has more to do at once than it has
/// processors, such as to write changed pages (mongod 6.0.5: 0.2 s every few seconds).
const ASIDE: Duration = millis(100);
/// Over this time the median is taken.
const LATELY: Duration = millis(400);
/// The level is multiplied by one of these if most recent probes are too slow, if several are, or if
/// one is.
const CUTS: [f64; 3] = [0.5, 0.75, 0.9];
/// The growth per second: up to a level that was borne before; while nothing is known yet; and near the
/// level that was too much.
const FAST: f64 = 5.0;
const FIRST: f64 = 1.25;
const SLOW: f64 = 0.05;
/// How the slow growth accelerates with the time since the last cut. With both, a cut by a tenth is made up
/// for in two seconds, so that one probe in about 100 is too slow.
const ACCELERATION: f64 = 0.02;
/// A probe of more than this share of the goal ends the fast growth.
const WARM: f64 = 0.7;
/// If the median falls below this share of what the last cut lets expect, the server has recovered.
const RECOVERED: f64 = 0.6;
/// The least goal, as a multiple of the baseline.
const FLOOR: f64 = 1.1;
/// The lowest level.
const LOWEST: f64 = 0.0005;
/// The time that a small batch takes about, and its least and greatest size. Below it rests begin, and
/// batches become smaller only slowly: smaller ones make reads no faster (mongod 6.0.5, two cores), but
/// wait as long for the journal.
const SMALL: Duration = millis(50);
const SIZES: [f64; 2] = [100.0, 2000.0];
/// The longest rest, as a multiple of what the batch took: at least a tenth of the time is spent
/// working. An undo in
/// batches of 50 took minutes for 5,000 sessions without this, on a server that was slow by itself.
const LONGEST_REST: f64 = 9.0;
/// The fixed cost of a batch, in sessions that could be written in the same time.
const OVERHEAD: f64 = 100.0;
/// How the speed grows with the number of batches in flight, as an exponent: 1.35 times with two.
const PARALLEL: f64 = 0.43;
/// The share of a new baseline that counts if it is higher, and if it is lower.
const NEW: [f64; 2] = [0.3, 0.7];
/// By how much the baseline grows at most: a server that is slow for a moment does not count, and
/// one that stays slow raises it only gradually; faster at a low level, where the purge cannot be the cause.
const GROWTH: [f64; 2] = [0.1, 0.5];
const LOW: f64 = 0.05;

/// How many sessions are in flight until the steering begins, unless fewer are usual.
pub(super) const CAREFUL: u32 = 1000;

/// What a purge may do at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::ops) struct Load {
    /// Batches in flight.
    pub(in crate::ops) jobs: usize,
    /// Sessions per batch.
    pub(in crate::ops) size: u32,
    /// The rest after a batch, as a multiple of what it took.
    pub(in crate::ops) rest: f64,
}

impl Load {
    /// As much of it as is done as long as nothing is known about what others feel.
    pub(super) fn careful(self) -> Self {
        Self { jobs: 1, size: self.size.min(CAREFUL), ..self }
    }

    /// How fast it is about, compared to others; without its rests.
    fn speed(self) -> f64 {
        let size = f64::from(self.size);
        (self.jobs as f64).powf(PARALLEL) * size / (size + OVERHEAD)
    }

    /// How fast it is about, as a share of the speed of `most`.
    pub(super) fn effort(self, most: Self) -> f64 {
        (self.speed() / most.speed()).min(1.0)
    }
}

/// The steering of one command.
#[derive(Debug)]
pub(super) struct Steering {
    max: MaxLatency,
    /// Nine of ten reads were as fast as this while nothing was written, and the median.
    baseline: Option<(Duration, Duration)>,
    level: f64,
    /// Since when growth is slow, because the level is about what the server bears.
    slow: Option<Duration>,
    /// The probes of the last second, with the time at which each ended.
    probes: VecDeque<(Duration, Duration)>,
    /// The last cut: when, at which level, and the median then.
    cut: Option<(Duration, f64, Duration)>,
    /// A little less than the level before the first of several cuts.
    borne: f64,
    /// When the level last could grow.
    grown: Duration,
    /// Up to when no batch begins.
    aside: Duration,
    /// The level of one small batch at a time and without rests. A few slow reads lower the level no
    /// further: any work at all makes some slow, and stepping aside helps more than rests at other times.
    small_level: f64,
}

impl Steering {
    pub(super) fn new(max: MaxLatency, level: f64) -> Self {
        Self {
            max,
            baseline: None,
            level: level.clamp(LOWEST, 1.0),
            slow: None,
            probes: VecDeque::new(),
            cut: None,
            borne: 0.0,
            grown: Duration::ZERO,
            aside: Duration::ZERO,
            small_level: LOW,
        }
    }

    /// Continues with another goal.
    pub(super) fn set(&mut self, max: MaxLatency) {
        if max != self.max {
            (self.max, self.slow, self.cut) = (max, None, None);
        }
    }

    /// Whether the goal depends on the baseline.
    pub(super) fn follows(&self) -> bool {
        match self.max {
            MaxLatency::Off => false,
            MaxLatency::Auto => true,
            MaxLatency::Within(asked) => self.goal() != Some(asked),
        }
    }

    /// How long a read may take as it was asked for, unless that follows from the baseline.
    pub(super) fn asked(&self) -> Option<Duration> {
        match self.max {
            MaxLatency::Within(asked) => Some(asked),
            MaxLatency::Off | MaxLatency::Auto => None,
        }
    }

    /// Nine of ten reads are as fast as this while nothing is written.
    pub(super) fn baseline(&self) -> Option<Duration> {
        self.baseline.map(|(most, _)| most)
    }

    /// How long a read may take; `None` as long as that is not known.
    pub(super) fn goal(&self) -> Option<Duration> {
        match self.max {
            MaxLatency::Off => None,
            // A goal below what reads take anyway would pin the level at the lowest for nothing.
            MaxLatency::Within(goal) => {
                Some(self.baseline().map_or(goal, |usual| goal.max(usual.mul_f64(FLOOR))))
            }
            MaxLatency::Auto => {
                self.baseline().map(|usual| usual.mul_f64(1.5).max(usual + millis(2)))
            }
        }
    }

    /// What may be done at a time, at most `most`. `speed` is how many sessions a batch writes per second,
    /// as far as it is known.
    pub(super) fn load(&mut self, most: Load, speed: f64) -> Load {
        let size = f64::from(most.size);
        let all = size * most.jobs as f64;
        let sessions = self.level * all;
        let [least, greatest] = SIZES;
        let small = (speed * SMALL.as_secs_f64()).clamp(least, greatest).min(size);
        self.small_level = small / all;
        let size_now = match sessions < small {
            true => (small * sessions).sqrt().max(least.min(size)),
            false => sessions.min(size),
        };
        Load {
            jobs: ((sessions / size).round() as usize).clamp(1, most.jobs.max(1)),
            size: size_now as u32,
            rest: most.rest.max((size_now / sessions - 1.0).clamp(0.0, LONGEST_REST)),
        }
    }

    /// Whether no batch may begin, because a read was too slow a moment ago.
    pub(super) fn steps_aside(&self, now: Duration) -> bool {
        now < self.aside
    }

    /// Whether so little is done at a time that reads are hardly slow because of it.
    pub(super) fn is_low(&self) -> bool {
        self.level < LOW
    }

    /// What reads took while nothing was written.
    pub(super) fn quiet(&mut self, mut took: Vec<Duration>) {
        took.sort_unstable();
        let (Some(most), Some(median)) = (took.get(took.len() * 9 / 10), took.get(took.len() / 2))
        else {
            return;
        };
        let growth = GROWTH[usize::from(self.is_low())];
        let followed = |before, new| followed(before, new, growth);
        self.baseline = Some(match self.baseline {
            None => (*most, *median),
            Some((before, its)) => (followed(before, *most), followed(its, *median)),
        });
        // Those of before the pause, and the first ones after it, say little about the level.
        self.probes.clear();
    }

    /// A read that began while sessions were written ended at `now`, or goes on.
    pub(super) fn probe(&mut self, now: Duration, took: Duration) {
        while self.probes.front().is_some_and(|(at, _)| now.saturating_sub(*at) > WINDOW) {
            self.probes.pop_front();
        }
        self.probes.push_back((now, took));
        let Some(goal) = self.goal() else { return };
        if took > goal {
            let recent: Vec<bool> = self.lately(now).map(|took| took > goal).collect();
            let slow = recent.iter().filter(|is_slow| **is_slow).count();
            let is_most = recent.len() >= 3 && slow * 2 >= recent.len();
            // Two in a row met the same moment.
            let is_apart = |at: Duration| now.saturating_sub(at) > SETTLE;
            let several = self.probes.iter().any(|(at, took)| *took > goal && is_apart(*at));
            // A server that is slow by itself is not left alone for long.
            if !is_most && now >= self.aside + ASIDE * 2 {
                self.aside = now + ASIDE;
            }
            match is_most {
                true => self.cut(now, CUTS[0]),
                false => self.cut_down_to(self.small_level, now, CUTS[if several { 1 } else { 2 }]),
            }
        } else {
            self.grow(now, took, goal);
        }
    }

    /// The server shows another sign of having too much to do. That may be the usual state of the site,
    /// such as a full cache, whatever the purge does: below a low level only slow reads count.
    pub(super) fn strained(&mut self, now: Duration) {
        self.cut_down_to(LOW, now, CUTS[1]);
    }

    fn cut_down_to(&mut self, least: f64, now: Duration, factor: f64) {
        if self.level > least {
            self.cut(now, factor.max(least / self.level));
        }
    }

    fn cut(&mut self, now: Duration, factor: f64) {
        let since = self.cut.map(|(at, ..)| now.saturating_sub(at));
        if since.is_some_and(|since| since < SETTLE) {
            return;
        }
        if since.is_none_or(|since| since > WINDOW) {
            self.borne = self.level * CUTS[1];
        }
        self.cut = Some((now, self.level, self.median(now)));
        self.slow = Some(now);
        self.level = (self.level * factor).max(LOWEST);
        self.grown = now;
    }

    fn grow(&mut self, now: Duration, took: Duration, goal: Duration) {
        let passed = now.saturating_sub(self.grown).min(millis(100)).as_secs_f64();
        let since = self.cut.map_or(Duration::MAX, |(at, ..)| now.saturating_sub(at));
        if since < SETTLE {
            return;
        }
        self.grown = now;
        if self.has_recovered(now, since) {
            (self.slow, self.cut) = (None, None);
        }
        if self.slow.is_none() && took.as_secs_f64() > goal.as_secs_f64() * WARM {
            self.slow = Some(now);
        }
        let rate = match self.slow {
            Some(since) => {
                let faster = if self.level < self.borne / 2.0 { 2.0 } else { 1.0 };
                let calm = now.saturating_sub(since).as_secs_f64();
                (faster * (SLOW + ACCELERATION * (calm - 1.0).max(0.0).powi(2))).min(faster * FIRST)
            }
            None if self.level < self.borne => FAST,
            None => FIRST,
        };
        self.level = (self.level * (rate * passed).exp()).min(1.0);
    }

    /// Whether reads are much faster than a lower level alone explains.
    fn has_recovered(&self, now: Duration, since: Duration) -> bool {
        let Some((_, level, median)) = self.cut else { return false };
        let reaches_back = |(at, _): &(Duration, Duration)| now.saturating_sub(*at) >= LATELY;
        if since < SETTLE + LATELY || !self.probes.front().is_some_and(reaches_back) {
            return false;
        }
        let usual = self.baseline.map_or(Duration::ZERO, |(_, median)| median).min(median);
        let expected = usual + (median - usual).mul_f64((self.level / level).min(1.0));
        self.median(now) < expected.mul_f64(RECOVERED)
    }

    fn lately(&self, now: Duration) -> impl Iterator<Item = Duration> {
        let is_recent = move |(at, _): &&(Duration, Duration)| now.saturating_sub(*at) <= LATELY;
        self.probes.iter().rev().take_while(is_recent).map(|(_, took)| *took)
    }

    fn median(&self, now: Duration) -> Duration {
        let mut recent: Vec<_> = self.lately(now).collect();
        recent.sort_unstable();
        recent.get(recent.len() / 2).copied().unwrap_or_default()
    }
}

fn followed(before: Duration, new: Duration, growth: f64) -> Duration {
    let (before, new) = (before.as_secs_f64(), new.as_secs_f64());
    let change = ((new - before) * NEW[usize::from(new < before)]).min(before * growth);
    Duration::from_secs_f64((before + change).max(0.0))
}

#[cfg(test)]
mod tests;
