//! The expiry of a written session.

use std::time::Duration;

use bson::DateTime;

use crate::model::layout::Clock;

/// The lifetime of a session that is set without an expiry: 14 days, as in connect-mongo.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(1_209_600);

/// The longest lifetime that can be added to the server's clock without overflowing a date.
pub(super) const LONGEST_MS: i64 = 250_000_000_000_000;

/// The expiry of a session to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// This long after the server's current time.
    After(Duration),
    /// At this time.
    At(DateTime),
    /// Never, if the layout can express that.
    Never,
}

impl Expiry {
    /// Its time, if there is one and it is known.
    pub(super) fn instant(self, clock: Clock) -> Option<DateTime> {
        match (self, clock) {
            (Self::After(lifetime), Clock::At(now)) => Some(later(now, lifetime)),
            (Self::At(time), _) => Some(time),
            (Self::After(_), Clock::Server) | (Self::Never, _) => None,
        }
    }

    /// The lifetime from now, in milliseconds. For a fixed time, it is rounded to whole seconds,
    /// because it was probably computed from a whole lifetime.
    pub(super) fn max_age(self, clock: Clock) -> Option<i64> {
        match (self, clock) {
            (Self::After(lifetime), _) => Some(millis(lifetime).min(LONGEST_MS)),
            (Self::At(at), Clock::At(now)) => {
                let ahead = at.timestamp_millis().saturating_sub(now.timestamp_millis());
                Some(ahead.clamp(0, LONGEST_MS).saturating_add(500) / 1000 * 1000)
            }
            (Self::At(_), Clock::Server) | (Self::Never, _) => None,
        }
    }
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn later(now: DateTime, lifetime: Duration) -> DateTime {
    DateTime::from_millis(now.timestamp_millis().saturating_add(millis(lifetime)))
}
