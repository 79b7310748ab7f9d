//! How long the probes of a whole run took, in constant memory.

use std::time::Duration;

/// The upper bound of the first bucket, and the ratio of two bounds.
const FIRST: f64 = 10e-6;
const RATIO: f64 = 1.05;
/// As many buckets as there are up to about three minutes.
const BUCKETS: usize = 342;

/// Durations, each with an error of at most 5 %.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    pub(super) fn add(&mut self, took: Duration) {
        let bucket = (took.as_secs_f64() / FIRST).max(1.0).log(RATIO).ceil() as usize;
        self.counts[bucket.min(BUCKETS - 1)] += 1;
        self.total += 1;
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The duration that this share of all does not exceed.
    pub(super) fn quantile(&self, share: f64) -> Duration {
        let rank = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut sum = 0;
        let bucket = self.counts.iter().position(|count| {
            sum += count;
            sum >= rank
        });
        let bucket = bucket.unwrap_or(0) as i32;
        Duration::from_secs_f64(FIRST * RATIO.powi(bucket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_within_five_percent() {
        let mut all = Histogram::default();
        (1..=1000).for_each(|micros| all.add(Duration::from_micros(micros * 10)));
        for (share, micros) in [(0.5, 5000.0), (0.99, 9900.0), (1.0, 10_000.0)] {
            let found = all.quantile(share).as_secs_f64() * 1e6;
            assert!((micros..micros * 1.05).contains(&found), "{share}: {found}");
        }
        assert_eq!(all.total(), 1000);
        all.add(Duration::from_secs(100_000));
        assert!(all.quantile(1.0) > Duration::from_secs(150));
    }
}
