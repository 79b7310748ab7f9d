//! How long the tests wait for what ought to happen.

use std::sync::OnceLock;
use std::time::Duration;

/// Scales every limit: `SESSIONCTL_TEST_PATIENCE=1` is for a quiet machine, and strict.
const VARIABLE: &str = "SESSIONCTL_TEST_PATIENCE";
/// Three busy loops beside the tests on two cores slow the slowest of them down by about this much.
const DEFAULT: f64 = 3.0;

/// The limit for what takes at most `quiet` on a quiet machine.
pub fn limit(quiet: Duration) -> Duration {
    static FACTOR: OnceLock<f64> = OnceLock::new();
    let factor = FACTOR.get_or_init(|| match std::env::var(VARIABLE) {
        Ok(given) => match given.parse() {
            Ok(factor) if (0.1..=1000.0).contains(&factor) => factor,
            _ => panic!("{VARIABLE} must be a number from 0.1 to 1000, not {given:?}"),
        },
        Err(_) => DEFAULT,
    });
    quiet.mul_f64(*factor)
}
