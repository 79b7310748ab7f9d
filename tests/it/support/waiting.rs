//! Waiting for what comes about by itself, and for how long at most.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
pub const LONG: Duration = Duration::from_secs(30);
pub const POLL: Duration = Duration::from_millis(20);

/// Waits until it is true.
#[track_caller]
pub fn eventually(mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < LONG, "it never came true");
        thread::sleep(POLL);
    }
}
