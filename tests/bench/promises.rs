//! The ratios that the documentation promises, and what is a miss: `help speed` states none that is not
//! here.

/// The best that a line may be away from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Promise {
    /// At most this: times, and memory.
    AtMost(f64),
    /// At least this: operations per second.
    AtLeast(f64),
}

use Promise::{AtLeast, AtMost};

/// By the end of a line's name.
const PROMISES: &[(&str, Promise)] = &[
    ("list --user / a count by $regex", AtMost(1.3)),
    ("list -o ndjson / a raw cursor", AtMost(1.8)),
    ("list of 3,000 users / of one", AtMost(2.0)),
    ("memory of list -o ndjson", AtMost(40.0)),
    ("memory of a list of 100,000 users", AtMost(60.0)),
    ("stats / the same facts by hand", AtMost(1.2)),
    ("stats with users / by hand", AtMost(1.8)),
    ("memory of stats", AtMost(40.0)),
    // Before the others, of which it would be one by its end.
    ("1 % foreign: purge / one deleteMany", AtMost(0.75)),
    ("no index: purge / one deleteMany", AtMost(1.1)),
    ("three nodes: purge / one deleteMany", AtMost(0.9)),
    ("purge / one deleteMany", AtMost(0.75)),
    ("purge --archive x.bson / deleteMany", AtMost(1.2)),
    ("purge --archive x.ndjson / deleteMany", AtMost(1.5)),
    ("memory of purge", AtMost(40.0)),
    ("memory of purge --archive x.bson", AtMost(40.0)),
    ("memory of purge, five times as many", AtMost(40.0)),
    ("purge / best", AtMost(1.15)),
    ("p99 of a read beside auto / what is allowed", AtMost(1.0)),
    ("time of purge, auto / full speed", AtMost(2.5)),
    ("copy / the driver's read and insert_many", AtMost(1.3)),
    ("copy into another layout / the same", AtMost(2.0)),
    ("memory of copy", AtMost(40.0)),
    ("load, one at a time", AtLeast(1.0)),
    ("load, 8 at a time", AtLeast(1.0)),
    // The other store does not check that what it overwrites is a session.
    ("save, one at a time", AtLeast(0.6)),
    ("save, 8 at a time", AtLeast(0.6)),
    ("touch, one at a time", AtLeast(1.0)),
    ("touch, 8 at a time", AtLeast(1.0)),
    ("get / of a thousand", AtLeast(0.9)),
];

/// What is promised of a line.
pub fn of(line: &str) -> Option<Promise> {
    PROMISES.iter().find(|(end, _)| line.ends_with(end)).map(|(_, promise)| *promise)
}

impl Promise {
    /// Whether a value misses it by more than the spread.
    pub fn is_missed(self, value: f64, spread: f64) -> bool {
        match self {
            AtMost(limit) => value - spread > limit,
            AtLeast(limit) => value + spread < limit,
        }
    }

    pub fn limit(self) -> f64 {
        match self {
            AtMost(limit) | AtLeast(limit) => limit,
        }
    }
}
