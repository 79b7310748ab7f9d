//! The throttling of a purge: decides when the next batch may begin.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::server::connection::Connection;
use crate::server::replication::Lag;

mod control;
mod histogram;
mod probe;
mod signs;
mod steer;

use control::Changes;
pub use control::PaceControl;
pub use probe::Latency;
use probe::Probe;
pub(in crate::ops) use steer::Load;

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
    /// As long as it happens to be: full speed.
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
    /// [`PaceControl::pause`].
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
    pub(super) fn total(self) -> Duration {
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

/// How much a rate may catch up after a slow batch; more would be a burst.
const SLACK: Duration = Duration::from_millis(250);

/// When the next batch may begin, by the rate and the pauses.
#[derive(Debug)]
pub(in crate::ops) struct Throttle {
    pace: Pace,
    due: Instant,
    rested: Instant,
}

impl Throttle {
    pub(super) fn new(pace: Pace, now: Instant) -> Self {
        Self { pace, due: now, rested: now }
    }

    /// Continues with another pace. What is due at the old rate no longer counts.
    fn set(&mut self, pace: Pace, now: Instant) {
        if pace.rate != self.pace.rate {
            self.due = now;
        }
        self.pace = pace;
    }

    /// How long to wait before another batch begins, and why.
    pub(super) fn delay(&self, now: Instant) -> Option<(Duration, Cause)> {
        let rate = (self.due.saturating_duration_since(now), Cause::Rate);
        let rest = (self.rested.saturating_duration_since(now), Cause::Rest);
        let longest = if rate.0 >= rest.0 { rate } else { rest };
        (!longest.0.is_zero()).then_some(longest)
    }

    /// Records the start of a batch of about this many sessions.
    pub(in crate::ops) fn begin(&mut self, now: Instant, sessions: u64) {
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        self.due = self.due.max(earliest) + self.share(sessions);
    }

    /// Records the end of a batch of `expected` sessions, of which `done` were written in this
    /// time.
    pub(in crate::ops) fn end(&mut self, now: Instant, expected: u64, done: u64, took: Duration) {
        if let Some(too_much) = expected.checked_sub(done) {
            self.due = self.due.checked_sub(self.share(too_much)).unwrap_or(self.due);
        }
        // A factor is finite and not negative; the longest sleep is an hour.
        let rest = took.mul_f64(self.pace.sleep_factor.clamp(0.0, 1e6));
        self.rested = now + rest.min(Duration::from_secs(3600));
    }

    /// The time that this many sessions take at the rate.
    fn share(&self, sessions: u64) -> Duration {
        let seconds = |rate: u32| sessions as f64 / f64::from(rate.max(1));
        self.pace.rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(seconds(rate)))
    }
}

/// The shortest and the longest pause after the server reported that it is overloaded.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// What batches in flight report to the others: that the server is overloaded.
#[derive(Debug, Clone, Default)]
pub(super) struct Overload(Arc<Mutex<Option<(Duration, Instant)>>>);

impl Overload {
    fn lock(&self) -> MutexGuard<'_, Option<(Duration, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the server is overloaded: no batch begins for a while, each time for longer.
    pub(super) fn met(&self, now: Instant) {
        let mut state = self.lock();
        let pause = state.map_or(PAUSES.0, |(pause, _)| (pause * 2).min(PAUSES.1));
        *state = Some((pause, now + pause));
    }

    /// Records a successful batch: the next pause is half as long, until there is none.
    pub(super) fn eased(&self) {
        let mut state = self.lock();
        *state = state
            .map(|(pause, until)| (pause / 2, until))
            .filter(|(pause, _)| *pause >= PAUSES.0 / 2);
    }

    /// How long to wait, if at all.
    pub(super) fn delay(&self, now: Instant) -> Option<Duration> {
        let until = self.lock().map(|(_, until)| until.saturating_duration_since(now));
        until.filter(|wait| !wait.is_zero())
    }

    /// Whether to continue with one batch at a time.
    pub(super) fn is_near(&self) -> bool {
        self.lock().is_some()
    }
}

/// A long wait is reported this often.
const LONG_WAIT: Duration = Duration::from_secs(10);
/// How often the replication lag is read: each reading costs every member a command.
const LAG_EVERY: Duration = Duration::from_secs(1);

/// A command is probed only once it has written so many batches, and for so long: short commands make
/// no extra round trip.
const SHORT: (u32, Duration) = (3, Duration::from_millis(250));
/// How many sessions are in flight when the steering begins, unless fewer are usual.
const CAREFUL: f64 = 1000.0;
/// The longest rest after a batch.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// When the next batch may begin.
#[derive(Debug)]
pub(in crate::ops) struct Gate {
    connection: Connection,
    collection: String,
    control: PaceControl,
    changes: Changes,
    throttle: Throttle,
    steered: Steered,
    /// Shared with the batches in flight.
    pub(super) overload: Overload,
    /// How long it has waited so far.
    pub(in crate::ops) throttled: Throttled,
    /// When the lag was last read, and whether it was ever known.
    lag_asked: Option<Instant>,
    lag_told: bool,
    /// The cause that was last reported.
    paused: Option<Cause>,
    /// When a wait was last reported.
    reported: Instant,
    cancel: CancellationToken,
}

impl Gate {
    pub(in crate::ops) fn new(
        (connection, collection): (Connection, &str),
        control: PaceControl,
        cancel: CancellationToken,
    ) -> Self {
        let now = Instant::now();
        Self {
            connection,
            collection: collection.to_owned(),
            steered: Steered::new(now),
            throttle: Throttle::new(control.pace(), now),
            changes: control.changes(),
            control,
            overload: Overload::default(),
            throttled: Throttled::default(),
            lag_asked: None,
            lag_told: false,
            paused: None,
            reported: now,
            cancel,
        }
    }

    /// Obeys another control from now on.
    pub(in crate::ops) fn obey(&mut self, control: PaceControl) {
        (self.changes, self.control) = (control.changes(), control);
    }

    pub(in crate::ops) fn control(&self) -> &PaceControl {
        &self.control
    }

    /// Sleeps this long, or until the control changes what [`Gate::delay`] found.
    pub(in crate::ops) fn sleep(&self, wait: Duration) -> impl Future<Output = ()> + use<> {
        self.changes.clone().sleep(wait.min(LONG_WAIT))
    }

    /// How long the next batch must wait, and for what.
    pub(in crate::ops) async fn delay(&mut self) -> Result<Option<(Duration, Cause)>> {
        let now = Instant::now();
        let is_paused = self.changes.is_paused();
        self.throttle.set(self.control.pace(), now);
        self.steer(now);
        let paused = is_paused.then_some((LONG_WAIT, Cause::Paused));
        let overload = || self.overload.delay(now).map(|wait| (wait, Cause::Overload));
        let latency = || self.steered.delay(now).map(|wait| (wait, Cause::Latency));
        let throttle = || self.throttle.delay(now);
        let wait = match paused.or_else(overload).or_else(latency).or_else(throttle) {
            Some(wait) => Some(wait),
            None => self.lag(now).await?,
        };
        if wait.is_none() {
            self.paused = None;
        }
        Ok(wait)
    }

    /// Starts or ends the probe, as the goal and the work so far require it.
    fn steer(&mut self, now: Instant) {
        let (max, steered) = (self.control.pace().max_latency, &mut self.steered);
        match &steered.probe {
            _ if max == MaxLatency::Off => steered.probe = None,
            Some(probe) => probe.set(max),
            None if steered.is_long(now) => {
                let most = f64::from(steered.most.size) * steered.most.jobs as f64;
                let (connection, collection) = (self.connection.clone(), self.collection.clone());
                let level = CAREFUL / most;
                let probe = Probe::start(connection, collection, max, level, steered.in_flight);
                steered.probe = Some(probe);
            }
            None => {}
        }
    }

    /// How many batches may be in flight now, and how large they may be, if these are usual.
    pub(in crate::ops) fn load(&mut self, jobs: usize, size: u32) -> Load {
        self.steered.pass(Instant::now(), self.throttled);
        self.steered.most = Load { jobs, size, rest: 0.0 };
        self.steered.load = match &self.steered.probe {
            Some(probe) => probe.load(self.steered.most),
            // Nothing is known yet about what others feel.
            None if self.control.pace().max_latency != MaxLatency::Off => {
                Load { jobs: 1, ..self.steered.most }
            }
            None => self.steered.most,
        };
        let jobs = if self.overload.is_near() { 1 } else { self.steered.load.jobs };
        Load { jobs, ..self.steered.load }
    }

    /// Records the start of a batch of about this many sessions.
    pub(in crate::ops) fn begin(&mut self, sessions: u64) {
        let now = Instant::now();
        self.throttle.begin(now, sessions);
        self.steered.begin(now);
    }

    /// Records the end of a batch of `expected` sessions, of which `done` were written in this time.
    pub(in crate::ops) fn end(&mut self, expected: u64, done: u64, took: Duration) {
        let now = Instant::now();
        self.throttle.end(now, expected, done, took);
        self.steered.end(now, took);
    }

    /// How long full speed would about have taken for the work so far.
    pub(super) fn busy(&mut self) -> Duration {
        self.steered.pass(Instant::now(), self.throttled);
        self.steered.busy
    }

    /// What reads of other clients took, if that was measured.
    pub(in crate::ops) fn latency(&self) -> Option<Latency> {
        let Steered { probe, busy, passed, .. } = &self.steered;
        let all = *passed + self.throttled.latency;
        let full_speed = all.as_secs_f64() / busy.as_secs_f64().max(1e-6);
        probe.as_ref().map(|probe| probe.latency(full_speed.max(1.0)))
    }

    /// Waits until the next batch may begin, or until the token is cancelled.
    pub(in crate::ops) async fn wait(&mut self) -> Result<()> {
        let cancel = self.cancel.clone();
        while !cancel.is_cancelled()
            && let Some((wait, cause)) = self.delay().await?
        {
            let began = Instant::now();
            cancel.run_until_cancelled(self.sleep(wait)).await;
            self.throttled.add(cause, began.elapsed());
        }
        Ok(())
    }

    /// Whether to report the wait now: at once if the server has to catch up, and then every
    /// [`LONG_WAIT`].
    pub(in crate::ops) fn is_worth_telling(&mut self, cause: Cause) -> bool {
        let is_news = self.paused.is_none_or(|reported| !is_same(reported, cause));
        let is_news = is_news && !matches!(cause, Cause::Rate | Cause::Rest | Cause::Latency);
        if is_news {
            self.paused = Some(cause);
        }
        let reports = is_news || self.reported.elapsed() >= LONG_WAIT;
        if reports {
            self.reported = Instant::now();
        }
        reports
    }

    /// Whether the members are too far behind. If the lag cannot be read at the start, that is an
    /// error; if it cannot be read later, the purge waits.
    async fn lag(&mut self, now: Instant) -> Result<Option<(Duration, Cause)>> {
        let Some(most) = self.control.pace().max_lag else { return Ok(None) };
        let asked_lately =
            self.lag_asked.is_some_and(|asked| now.duration_since(asked) < LAG_EVERY);
        if asked_lately && self.paused.is_none() {
            return Ok(None);
        }
        let asking = self.cancel.run_until_cancelled(self.connection.lag());
        let Some(lag) = asking.await else { return Ok(None) };
        self.lag_asked = Some(Instant::now());
        let wait = |cause| Ok(Some((LAG_EVERY, cause)));
        match lag {
            Lag::Standalone => Ok(None),
            Lag::Behind(followers) => {
                self.lag_told = true;
                if followers.behind > most { wait(Cause::Lag(followers.behind)) } else { Ok(None) }
            }
            Lag::Unknown(error) if self.lag_told || error.is_transient() => wait(Cause::LagUnknown),
            Lag::Unknown(error) => Err(error),
        }
    }
}

/// The work of a command, and how much of it there may be for the sake of other clients.
#[derive(Debug)]
struct Steered {
    probe: Option<Probe>,
    /// The usual load, and that which is allowed.
    most: Load,
    load: Load,
    /// When the first batch began, and how many have.
    began: Option<Instant>,
    batches: u32,
    in_flight: usize,
    /// The end of the rest after the last batch.
    rested: Instant,
    /// The time without waits, and how long that work would take at full speed.
    passed: Duration,
    busy: Duration,
    /// Up to when that is, and the waits until then.
    until: (Instant, Duration),
}

impl Steered {
    fn new(now: Instant) -> Self {
        let one = Load { jobs: 1, size: 1, rest: 0.0 };
        Self {
            probe: None,
            most: one,
            load: one,
            began: None,
            batches: 0,
            in_flight: 0,
            rested: now,
            passed: Duration::ZERO,
            busy: Duration::ZERO,
            until: (now, Duration::ZERO),
        }
    }

    fn is_long(&self, now: Instant) -> bool {
        let (batches, time) = SHORT;
        self.batches >= batches && self.began.is_some_and(|began| now - began >= time)
    }

    fn delay(&self, now: Instant) -> Option<Duration> {
        // A look every moment at whether the baseline is measured.
        const MOMENT: Duration = Duration::from_millis(2);
        let rest = self.rested.saturating_duration_since(now);
        let is_quiet = self.probe.as_ref().is_some_and(Probe::is_quiet);
        let wait = if is_quiet { rest.max(MOMENT) } else { rest };
        (!wait.is_zero()).then_some(wait)
    }

    fn begin(&mut self, now: Instant) {
        self.began = self.began.or(Some(now));
        self.batches += 1;
        self.in_flight += 1;
        self.probe.iter().for_each(Probe::begin);
    }

    fn end(&mut self, now: Instant, took: Duration) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.probe.iter().for_each(Probe::end);
        self.rested = now + took.mul_f64(self.load.rest.max(0.0)).min(LONGEST_REST);
    }

    /// Adds the time since the last call, in which the load did not change.
    fn pass(&mut self, now: Instant, throttled: Throttled) {
        let (until, before) = std::mem::replace(&mut self.until, (now, throttled.total()));
        let waited = throttled.total().saturating_sub(before);
        let passed = now.saturating_duration_since(until).saturating_sub(waited);
        self.passed += passed;
        self.busy += passed.mul_f64(self.load.effort(self.most));
    }
}

/// Whether both have the same cause, however long they are.
fn is_same(one: Cause, other: Cause) -> bool {
    std::mem::discriminant(&one) == std::mem::discriminant(&other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_rate_spaces_batches_by_their_sessions() {
        let now = Instant::now();
        let mut throttle = Throttle::new(Pace { rate: Some(1000), ..Pace::default() }, now);
        assert_eq!(throttle.delay(now), None);
        throttle.begin(now, 250);
        throttle.begin(now, 250);
        assert_eq!(throttle.delay(now), Some((millis(500), Cause::Rate)));
        throttle.end(now, 250, 50, millis(10));
        assert_eq!(throttle.delay(now), Some((millis(300), Cause::Rate)));
    }

    #[test]
    fn a_long_pause_is_not_made_up_for_by_a_burst() {
        let now = Instant::now();
        let mut throttle = Throttle::new(Pace { rate: Some(1000), ..Pace::default() }, now);
        let later = now + Duration::from_secs(60);
        throttle.begin(later, 1000);
        assert_eq!(throttle.delay(later), Some((millis(750), Cause::Rate)));
    }

    #[test]
    fn a_rest_is_a_multiple_of_what_the_batch_took() {
        let now = Instant::now();
        let mut throttle = Throttle::new(Pace { sleep_factor: 2.0, ..Pace::default() }, now);
        throttle.end(now, 10, 10, millis(40));
        assert_eq!(throttle.delay(now), Some((millis(80), Cause::Rest)));
        assert_eq!(throttle.delay(now + millis(80)), None);
    }

    #[test]
    fn an_overloaded_server_is_left_alone_for_longer_each_time_until_it_answers() {
        let now = Instant::now();
        let overload = Overload::default();
        assert!(overload.delay(now).is_none() && !overload.is_near());
        overload.met(now);
        assert_eq!(overload.delay(now), Some(millis(250)));
        overload.met(now);
        assert_eq!(overload.delay(now), Some(millis(500)));
        overload.eased();
        assert!(overload.is_near());
        overload.eased();
        overload.eased();
        assert!(!overload.is_near());
        (0..20).for_each(|_| overload.met(now));
        assert_eq!(overload.delay(now), Some(Duration::from_secs(30)));
    }
}
