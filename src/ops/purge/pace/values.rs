//! How a purge is throttled, and why it waits: plain values.

use std::time::Duration;

/// The throttling of a purge: a plain value. The default slows down only if the server reports that it
/// is overloaded.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pace {
    /// The maximum number of sessions per second.
    pub rate: Option<u32>,
    /// Sleep this multiple of the time that the last batch took.
    pub sleep_factor: f64,
    /// Pause while the slowest data-bearing member is further behind the primary than this.
    pub max_lag: Option<Duration>,
    /// How long the reads of other clients may take.
    pub max_latency: MaxLatency,
}

/// How long the reads of other clients may take while a command writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MaxLatency {
    /// No limit: full speed.
    #[default]
    Off,
    /// Half as long again as without the command, or 2 ms longer, whichever is more.
    Auto,
    /// This long.
    Within(Duration),
}

/// The reason of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// [`Pace::rate`].
    Rate,
    /// [`Pace::sleep_factor`].
    Rest,
    /// [`Pace::max_lag`]: a member is this far behind.
    Lag(Duration),
    /// [`Pace::max_lag`]: the lag was known before, and is not known now.
    LagUnknown,
    /// The server reports that it is overloaded.
    Overload,
    /// [`Pace::max_latency`]: reads of other clients take too long.
    Latency,
    /// [`PaceControl::pause`](super::PaceControl::pause).
    Paused,
}

/// How long a purge waited, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "see Cause")]
pub struct Throttled {
    pub rate: Duration,
    pub rest: Duration,
    pub lag: Duration,
    pub overload: Duration,
    pub latency: Duration,
    pub paused: Duration,
}

impl Throttled {
    /// Adds a wait.
    pub(crate) fn add(&mut self, cause: Cause, waited: Duration) {
        *match cause {
            Cause::Rate => &mut self.rate,
            Cause::Rest => &mut self.rest,
            Cause::Lag(_) | Cause::LagUnknown => &mut self.lag,
            Cause::Overload => &mut self.overload,
            Cause::Latency => &mut self.latency,
            Cause::Paused => &mut self.paused,
        } += waited;
    }

    /// The time of all waits.
    pub(in crate::ops::purge) fn total(self) -> Duration {
        self.rate + self.rest + self.lag + self.overload + self.latency + self.paused
    }
}

impl std::ops::AddAssign for Throttled {
    fn add_assign(&mut self, other: Self) {
        self.rate += other.rate;
        self.rest += other.rest;
        self.lag += other.lag;
        self.overload += other.overload;
        self.latency += other.latency;
        self.paused += other.paused;
    }
}

impl std::ops::Sub for Throttled {
    type Output = Self;

    /// What came after `earlier`.
    fn sub(self, earlier: Self) -> Self {
        Self {
            rate: self.rate.saturating_sub(earlier.rate),
            rest: self.rest.saturating_sub(earlier.rest),
            lag: self.lag.saturating_sub(earlier.lag),
            overload: self.overload.saturating_sub(earlier.overload),
            latency: self.latency.saturating_sub(earlier.latency),
            paused: self.paused.saturating_sub(earlier.paused),
        }
    }
}
