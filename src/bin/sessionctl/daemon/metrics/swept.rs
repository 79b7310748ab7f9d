//! The metrics of each namespace.

use std::collections::BTreeMap;
use std::time::Duration;

use bson::DateTime;
use prometheus_client::metrics::histogram::Histogram;
use sessionctl::purge::{Latency, Throttled};

/// The upper bounds of batch durations, in seconds.
pub const BUCKETS: [f64; 13] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// The metrics of a namespace. Unknown values have no series.
#[derive(Debug, Default)]
pub struct Swept {
    pub interval: Option<Duration>,
    pub layouts: BTreeMap<String, Totals>,
    pub backlog: Option<Backlog>,
    pub lag: Option<Duration>,
    pub latency: Option<Latency>,
    pub skew: Option<f64>,
    pub held: Option<bool>,
    pub succeeded: Option<DateTime>,
    /// Sessions of held users that were ended, where users are held.
    pub logged_out: Option<u64>,
}

/// The counters, which are kept even if the layout changes.
#[derive(Debug)]
pub struct Totals {
    pub deleted: u64,
    pub batches: u64,
    pub took: Histogram,
    /// Ok, error, stopped.
    pub passes: [u64; 3],
    pub throttled: Throttled,
}

#[derive(Debug)]
pub struct Backlog {
    pub layout: String,
    pub sessions: u64,
    pub oldest: Option<Duration>,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            deleted: 0,
            batches: 0,
            took: Histogram::new(BUCKETS),
            passes: [0; 3],
            throttled: Throttled::default(),
        }
    }
}
