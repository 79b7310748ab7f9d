//! Waiting for events rather than for fixed times. A limit that is reached says what it waited for.

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

use crate::patience::limit;

/// How long anything may take on a quiet machine.
pub const LONG: Duration = Duration::from_secs(20);

/// The limit for what takes at most `quiet` on a quiet machine, for a server that wants milliseconds.
pub fn milliseconds(quiet: Duration) -> i64 {
    i64::try_from(limit(quiet).as_millis()).unwrap()
}

/// Waits until `is_true`. `what` completes "waited 60 s until ...".
#[track_caller]
pub fn eventually(what: &str, is_true: impl FnMut() -> bool) {
    becomes(what, is_true, |is_true| *is_true);
}

/// Waits until what `look` sees is as wanted, and returns it. At the limit it shows what was seen last.
#[track_caller]
pub fn becomes<T: Debug>(
    what: &str,
    mut look: impl FnMut() -> T,
    is_wanted: impl Fn(&T) -> bool,
) -> T {
    let began = Instant::now();
    let limit = limit(LONG);
    loop {
        let seen = look();
        if is_wanted(&seen) {
            return seen;
        }
        let waited = began.elapsed();
        assert!(waited < limit, "waited {} s until {what}; last seen: {seen:?}", limit.as_secs());
        // What comes soon is noticed soon; a long wait leaves the processor to what is waited for.
        let pause = waited / 16;
        thread::sleep(pause.clamp(Duration::from_millis(5), Duration::from_millis(100)));
    }
}
