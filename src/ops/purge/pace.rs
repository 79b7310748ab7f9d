//! The throttling of a purge: decides when the next batch may begin.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::server::connection::Connection;
use crate::server::replication::Lag;

mod control;
mod histogram;
mod probe;
mod signs;
mod steer;
mod steered;
mod throttle;
mod values;

use control::Changes;
pub use control::PaceControl;
pub use probe::Latency;
use probe::{Probe, Reading};
pub(in crate::ops) use steer::Load;
use steered::{Steered, full_speed};
pub(super) use throttle::Overload;
use throttle::Throttle;
pub use values::{Cause, MaxLatency, Pace, Throttled};

/// A long wait is reported this often.
const LONG_WAIT: Duration = Duration::from_secs(10);
/// How often the replication lag is read: each reading costs every member a command.
const LAG_EVERY: Duration = Duration::from_secs(1);

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
    fn sleep(&self, wait: Duration) -> impl Future<Output = ()> + use<> {
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

    /// Whether no batch may begin now, whatever was true before it was read.
    pub(in crate::ops) fn holds(&self) -> bool {
        self.control.is_paused() || self.steered.probe.as_ref().is_some_and(Probe::is_quiet)
    }

    /// Until this is dropped, the command reads, which others feel as well.
    pub(super) fn reading(&self) -> Option<Reading> {
        self.steered.probe.as_ref().map(Probe::reading)
    }

    /// Whether it is steered by what other clients feel.
    pub(super) fn is_gentle(&self) -> bool {
        self.control.pace().max_latency != MaxLatency::Off
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
                let level = f64::from(steer::CAREFUL) / most;
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
        self.steered.load = match self.steered.measured() {
            Some(load) => load,
            None if self.is_gentle() => self.steered.most.careful(),
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
        self.steered.end(now, expected, took);
    }

    /// How long full speed would about have taken for the work so far.
    pub(super) fn busy(&mut self) -> Duration {
        self.steered.pass(Instant::now(), self.throttled);
        self.steered.busy
    }

    /// What reads of other clients took, if that was measured.
    pub(in crate::ops) fn latency(&self) -> Option<Latency> {
        let Steered { probe, busy, passed, .. } = &self.steered;
        let full_speed = full_speed(*passed, *busy, self.throttled);
        probe.as_ref().map(|probe| probe.latency(full_speed))
    }

    /// Waits until the next batch may begin, or until the token is cancelled.
    pub(in crate::ops) async fn wait(&mut self) -> Result<()> {
        let cancel = self.cancel.clone();
        while !cancel.is_cancelled()
            && let Some((wait, cause)) = self.delay().await?
        {
            let began = Instant::now();
            let beside = self.steered.in_flight > 0;
            cancel.run_until_cancelled(self.sleep(wait)).await;
            self.waited(cause, began.elapsed(), beside);
        }
        Ok(())
    }

    /// Waits this long, or until the token is cancelled or a batch in flight is done, which is returned.
    pub(in crate::ops) async fn wait_beside<F: Future>(
        &mut self,
        flights: &mut FuturesUnordered<F>,
        wait: Duration,
        cause: Cause,
    ) -> Option<F::Output> {
        let (began, beside) = (Instant::now(), !flights.is_empty());
        let landed = tokio::select! {
            landed = flights.next(), if beside => landed,
            () = self.sleep(wait) => None,
            () = self.cancel.cancelled() => None,
        };
        self.waited(cause, began.elapsed(), beside);
        landed
    }

    /// Records a wait, and whether it was `beside` a batch in flight.
    fn waited(&mut self, cause: Cause, time: Duration, beside: bool) {
        // That batch is the work of the time: the wait for the sake of others cost nothing.
        if !(beside && cause == Cause::Latency) {
            self.throttled.add(cause, time);
        }
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

/// Whether both have the same cause, however long they are.
fn is_same(one: Cause, other: Cause) -> bool {
    std::mem::discriminant(&one) == std::mem::discriminant(&other)
}
