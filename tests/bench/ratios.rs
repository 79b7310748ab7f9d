//! The table of ratios. Machines are shared and noisy, so the two sides of a ratio take turns, and what
//! counts is the median of the ratios of single turns. A promise is missed only by more than their spread.

use std::cell::RefCell;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::promises::{self, Promise};
use crate::setting;

/// One section's lines of the table.
pub struct Ratios {
    rounds: usize,
    missed: RefCell<Vec<String>>,
}

/// The medians of both sides in seconds, and of how the second compares to the first.
struct Turns {
    plain: f64,
    ours: f64,
    ratio: f64,
    spread: f64,
}

impl Ratios {
    /// Begins the table of a section.
    pub fn of(section: &str) -> Self {
        let rounds = setting("SESSIONCTL_BENCH_ROUNDS", 5).max(1) as usize;
        println!(
            "\n{:<44} {:>9} {:>9} {:>7} {:>7} {:>7} {:>8}",
            format!("{section}, median of {rounds}"),
            "plain",
            "ours",
            "ratio",
            "spread",
            "goal",
            "promise"
        );
        Self { rounds, missed: RefCell::default() }
    }

    /// The lines that missed what is promised.
    pub fn missed(self) -> Vec<String> {
        self.missed.into_inner()
    }

    /// Measures both sides in turns and prints the line. Each side says how long it took, so that what
    /// prepares it need not count; see [`timed`].
    pub fn compare(
        &self,
        what: &str,
        goal: f64,
        mut plain: impl FnMut() -> Duration,
        mut ours: impl FnMut() -> Duration,
    ) {
        let Turns { plain, ours, ratio, spread } = self.turns(&mut plain, &mut ours, false);
        let sides = [plain, ours].map(|seconds| format!("{seconds:.3}s"));
        self.line(what, sides, Some((ratio, spread)), goal);
    }

    /// The same in operations per second, where each side runs this many per turn: more is better.
    pub fn throughput(
        &self,
        what: &str,
        goal: f64,
        operations: u32,
        mut plain: impl FnMut() -> Duration,
        mut ours: impl FnMut() -> Duration,
    ) {
        let Turns { plain, ours, ratio, spread } = self.turns(&mut plain, &mut ours, true);
        let sides =
            [plain, ours].map(|seconds| format!("{:.0}/s", f64::from(operations) / seconds));
        self.line(what, sides, Some((ratio, spread)), goal);
    }

    fn turns(
        &self,
        plain: &mut dyn FnMut() -> Duration,
        ours: &mut dyn FnMut() -> Duration,
        more_is_better: bool,
    ) -> Turns {
        // The first of each warms the server's cache.
        let _ = (plain(), ours());
        let mut sides: [Vec<f64>; 3] = Default::default();
        for _ in 0..self.rounds {
            sync();
            let (plain, ours) = (plain().as_secs_f64(), ours().as_secs_f64());
            let ratio = if more_is_better { plain / ours } else { ours / plain };
            for (side, value) in sides.iter_mut().zip([plain, ours, ratio]) {
                side.push(value);
            }
        }
        let [plain, ours, ratios] = sides;
        let spread = spread(&ratios);
        Turns { plain: median(&plain), ours: median(&ours), ratio: median(&ratios), spread }
    }

    /// A line for the ratios of rounds that were measured elsewhere.
    pub fn rounds(&self, what: &str, goal: f64, ratios: &[f64]) {
        self.line(what, Default::default(), Some((median(ratios), spread(ratios))), goal);
    }

    /// A line for one measurement of each. A single ratio has no spread: a tenth stands for it.
    pub fn pair(&self, what: &str, goal: f64, plain: Duration, ours: Duration) {
        let ratio = ours.as_secs_f64() / plain.as_secs_f64();
        let sides = [plain, ours].map(|took| format!("{:.2}ms", took.as_secs_f64() * 1e3));
        self.line(what, sides, Some((ratio, ratio / 10.0)), goal);
    }

    /// A line for something other than a ratio, such as an amount of memory.
    pub fn amount(&self, what: &str, ours: f64, unit: &str, goal: impl Into<Option<f64>>) {
        let sides = [String::new(), format!("{ours:.1} {unit}")];
        self.line(what, sides, None, goal.into().unwrap_or(f64::NAN));
        self.judge(what, ours, 0.0);
    }

    fn line(&self, what: &str, [plain, ours]: [String; 2], ratio: Option<(f64, f64)>, goal: f64) {
        let number = |number: f64| match number.is_finite() {
            true => format!("{number:.2}"),
            false => String::new(),
        };
        let (value, spread) = ratio.unwrap_or((f64::NAN, f64::NAN));
        let promise = promises::of(what).map_or_else(String::new, |one| number(one.limit()));
        let missed = ratio.is_some_and(|(ratio, spread)| self.judge(what, ratio, spread));
        let mark = if missed { "  missed" } else { "" };
        println!(
            "{what:<44} {plain:>9} {ours:>9} {:>7} {:>7} {:>7} {promise:>8}{mark}",
            number(value),
            number(spread),
            number(goal)
        );
    }

    /// Whether a promise is missed.
    fn judge(&self, what: &str, value: f64, spread: f64) -> bool {
        let promise = promises::of(what).filter(|promise| promise.is_missed(value, spread));
        if let Some(promise) = promise {
            let limit = match promise {
                Promise::AtMost(limit) => format!("at most {limit}"),
                Promise::AtLeast(limit) => format!("at least {limit}"),
            };
            let line = format!("{what}: {value:.2} (spread {spread:.2}), promised {limit}");
            self.missed.borrow_mut().push(line);
        }
        promise.is_some()
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

/// The median distance from the median, as a measure of noise that one slow round does not decide.
fn spread(values: &[f64]) -> f64 {
    let middle = median(values);
    let away: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    median(&away)
}

/// Writes out what earlier work left to the disk, which would slow down what is measured next.
fn sync() {
    // Where there is no such program, the disk is part of the noise.
    let _ = Command::new("sync").status();
}

/// How long `work` takes.
pub fn timed(work: impl FnOnce()) -> Duration {
    sync();
    let started = Instant::now();
    work();
    started.elapsed()
}
