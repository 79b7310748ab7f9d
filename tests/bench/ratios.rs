//! The table of ratios. Machines are shared and noisy, so the two sides of a ratio take turns, and
//! what counts is the best of each.

use std::time::{Duration, Instant};

use crate::setting;

/// One section's lines of the table.
pub struct Ratios {
    rounds: usize,
}

/// The best of each side in seconds, and the median of how the second compares to the first.
struct Turns {
    plain: f64,
    ours: f64,
    median: f64,
}

impl Ratios {
    /// Begins the table of a section.
    pub fn of(section: &str) -> Self {
        let rounds = setting("SESSIONCTL_BENCH_ROUNDS", 5).max(1) as usize;
        println!(
            "\n{:<44} {:>9} {:>9} {:>7} {:>7} {:>7}",
            format!("{section}, best of {rounds}"),
            "plain",
            "ours",
            "ratio",
            "median",
            "wanted"
        );
        Self { rounds }
    }

    /// Measures both sides in turns and prints the line: the best of each, the ratio of these, and
    /// the median of the ratios of single turns. Each side says how long it took, so that what
    /// prepares it need not count; see [`timed`].
    pub fn compare(
        &self,
        what: &str,
        wanted: f64,
        mut plain: impl FnMut() -> Duration,
        mut ours: impl FnMut() -> Duration,
    ) {
        let Turns { plain, ours, median } = self.turns(&mut plain, &mut ours);
        let ratio = ours / plain;
        println!("{what:<44} {plain:>8.3}s {ours:>8.3}s {ratio:>7.2} {median:>7.2} {wanted:>7.2}");
    }

    /// The same in operations per second, where each side runs this many per turn: more is better.
    pub fn throughput(
        &self,
        what: &str,
        wanted: f64,
        operations: u32,
        mut plain: impl FnMut() -> Duration,
        mut ours: impl FnMut() -> Duration,
    ) {
        let Turns { plain, ours, median } = self.turns(&mut plain, &mut ours);
        let [plain, ours] = [plain, ours].map(|seconds| f64::from(operations) / seconds);
        let (ratio, median) = (ours / plain, 1.0 / median);
        println!(
            "{what:<44} {plain:>7.0}/s {ours:>7.0}/s {ratio:>7.2} {median:>7.2} {wanted:>7.2}"
        );
    }

    fn turns(
        &self,
        plain: &mut dyn FnMut() -> Duration,
        ours: &mut dyn FnMut() -> Duration,
    ) -> Turns {
        // The first of each warms the server's cache.
        let _ = (plain(), ours());
        let turns: Vec<(f64, f64)> =
            (0..self.rounds).map(|_| (plain().as_secs_f64(), ours().as_secs_f64())).collect();
        let mut ratios: Vec<f64> = turns.iter().map(|(plain, ours)| ours / plain).collect();
        ratios.sort_by(f64::total_cmp);
        Turns {
            plain: turns.iter().map(|turn| turn.0).fold(f64::INFINITY, f64::min),
            ours: turns.iter().map(|turn| turn.1).fold(f64::INFINITY, f64::min),
            median: ratios[self.rounds / 2],
        }
    }

    /// A line for one measurement of each.
    pub fn pair(&self, what: &str, wanted: f64, plain: Duration, ours: Duration) {
        let (plain, ours) = (plain.as_secs_f64() * 1e3, ours.as_secs_f64() * 1e3);
        let ratio = ours / plain;
        println!("{what:<44} {plain:>7.2}ms {ours:>7.2}ms {ratio:>7.2} {:>7} {wanted:>7.2}", "");
    }

    /// A line for something other than a ratio, such as an amount of memory.
    pub fn amount(&self, what: &str, ours: f64, unit: &str, wanted: impl Into<Option<f64>>) {
        let ours = format!("{ours:.1} {unit}");
        let wanted = wanted.into().map_or_else(String::new, |wanted| format!("{wanted:.0}"));
        println!("{what:<44} {:>9} {ours:>9} {:>7} {:>7} {wanted:>7}", "", "", "");
    }
}

/// How long `work` takes.
pub fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}
