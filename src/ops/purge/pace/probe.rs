//! Measures what other clients feel: reads a session by its `_id` at a steady rate, over a connection of
//! its own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bson::raw::cstr;
use bson::{Document, doc, rawdoc};
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::histogram::Histogram;
use super::signs::strained;
use super::steer::{Load, Steering};
use super::values::MaxLatency;
use crate::error::{Error, Result};
use crate::model::key::{Key, compared};
use crate::model::raw::Raw;
use crate::server::connection::Connection;
use crate::server::reply::{first_batch, refusal};
use crate::store::joined;

/// The time between two probes: beside work, and while nothing else happens, when they cost nothing.
const TICK: Duration = Duration::from_millis(20);
const QUIET_TICK: Duration = Duration::from_millis(8);
/// While sessions are written, this many reads follow one another without a pause. Where processors are
/// short, the scheduler favours a connection that was idle; the second read shows what a busy one feels.
const IN_A_ROW: u32 = 2;
/// The number of probes for the first baseline, and for each that follows.
const FIRST: usize = 40;
const NEXT: usize = 16;
/// How often the baseline is measured again: the pauses for it are 1 % of the time. At a low level it is
/// more often, since the server may be slow by itself. It is also more often if no session is left to read.
const AGAIN: Duration = Duration::from_secs(15);
const SOON: Duration = Duration::from_secs(3);
/// How often the server is asked for other signs.
const SIGNS: Duration = Duration::from_secs(1);
/// How long after a batch probes still count as taken beside the work.
const NEAR: Duration = Duration::from_secs(1);
/// How many sessions are read in turn: some are in the server's cache and some are not, and on a cluster
/// they are on different shards. Fewer than half of them are replaced. Where most documents were just
/// deleted, mongod 6.0.5 took 5 ms to find each at random.
const SESSIONS: usize = 16;
/// How long the server may look for them, in milliseconds.
const LOOKING: i32 = 300;
/// How long a probe that failed is followed by none, and after how many attempts to connect that is
/// reported.
const FAILED: Duration = Duration::from_secs(1);
const MOST_FAILURES: u32 = 3;

/// What reads of other clients took, about.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Latency {
    /// Nine of ten reads were as fast as this while nothing was written.
    pub baseline: Option<Duration>,
    /// The current goal for reads.
    pub goal: Option<Duration>,
    /// The limit of [`MaxLatency::Within`], if that is the pace.
    pub asked: Option<Duration>,
    /// The median of the reads beside the work, and what 99 of 100 did not exceed; `None` if there were
    /// none.
    pub during: Option<(Duration, Duration)>,
    /// How many times as fast full speed might have been.
    pub full_speed: f64,
    /// Whether the login may not read sessions: then nothing was measured.
    pub refused: bool,
    /// Whether the connection for measuring cannot be opened: then the command goes on in small batches.
    pub unconnected: bool,
}

impl Latency {
    /// What was asked for and what reads took anyway, if that is more: then nothing that is written at
    /// a time is small enough, and the goal is a little more than what they took.
    pub fn out_of_reach(&self) -> Option<(Duration, Duration)> {
        self.asked.zip(self.baseline).filter(|(asked, baseline)| asked < baseline)
    }
}

/// Measures until it is dropped.
#[derive(Debug)]
pub(super) struct Probe {
    shared: Arc<Mutex<State>>,
    _stop: DropGuard,
}

#[derive(Debug)]
struct State {
    steering: Steering,
    /// When the probe began; the steering counts from there.
    began: Instant,
    phase: Phase,
    /// Reads and batches of the command that are in flight, and when one last began or ended.
    in_flight: usize,
    worked: Instant,
    during: Histogram,
    /// Whether the server refused to be read from, or cannot be connected to once more.
    refused: bool,
    unconnected: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The probe is not ready: nobody knows yet what reads take.
    Connecting,
    /// No batch begins, so that the baseline can be measured.
    Quiet,
    Working,
}

impl State {
    /// Whether the command does something, or did a moment ago. One batch may take long.
    fn is_working(&self) -> bool {
        self.in_flight > 0 || self.worked.elapsed() <= NEAR
    }
}

/// A read of the command, as long as it lives.
pub(in crate::ops::purge) struct Reading(Arc<Mutex<State>>);

impl Drop for Reading {
    fn drop(&mut self) {
        lock(&self.0).end();
    }
}

impl State {
    fn probed(&mut self, took: Duration) {
        self.steering.probe(self.began.elapsed(), took);
    }

    fn strained(&mut self) {
        self.steering.strained(self.began.elapsed());
    }

    fn begin(&mut self) {
        self.in_flight += 1;
        self.worked = Instant::now();
    }

    fn end(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.worked = Instant::now();
    }
}

impl Probe {
    /// Starts to measure beside work on a collection. `level` is the first level.
    pub(super) fn start(
        connection: Connection,
        collection: String,
        max: MaxLatency,
        level: f64,
        in_flight: usize,
    ) -> Self {
        let state = State {
            steering: Steering::new(max, level),
            began: Instant::now(),
            phase: Phase::Connecting,
            in_flight,
            worked: Instant::now(),
            during: Histogram::default(),
            refused: false,
            unconnected: false,
        };
        let shared = Arc::new(Mutex::new(state));
        let stop = CancellationToken::new();
        let (task, over) = (Task { shared: shared.clone() }, stop.clone());
        tokio::spawn(async move {
            // Reads may be abandoned: the connection finishes them.
            over.run_until_cancelled(task.run(&connection, &collection)).await;
        });
        Self { shared, _stop: stop.drop_guard() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.shared)
    }

    pub(super) fn set(&self, max: MaxLatency) {
        self.lock().steering.set(max);
    }

    /// Records that a batch begins.
    pub(super) fn begin(&self) {
        self.lock().begin();
    }

    /// Records that a batch ended.
    pub(super) fn end(&self) {
        self.lock().end();
    }

    /// Records that the command reads, until this is dropped.
    pub(super) fn reading(&self) -> Reading {
        self.lock().begin();
        Reading(self.shared.clone())
    }

    /// Whether no batch may begin now.
    pub(super) fn is_quiet(&self) -> bool {
        let state = self.lock();
        state.phase == Phase::Quiet || state.steering.steps_aside(state.began.elapsed())
    }

    /// What may be done at a time.
    pub(super) fn load(&self, most: Load, speed: f64) -> Load {
        let mut state = self.lock();
        match state.phase {
            _ if state.refused => most,
            Phase::Connecting => most.careful(),
            Phase::Quiet | Phase::Working => state.steering.load(most, speed),
        }
    }

    /// What reads took so far.
    pub(super) fn latency(&self, full_speed: f64) -> Latency {
        let state = self.lock();
        let during = &state.during;
        Latency {
            baseline: state.steering.baseline(),
            goal: state.steering.goal(),
            asked: state.steering.asked(),
            during: (during.total() > 0).then(|| (during.quantile(0.5), during.quantile(0.99))),
            full_speed,
            refused: state.refused,
            unconnected: state.unconnected,
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Task {
    shared: Arc<Mutex<State>>,
}

impl Task {
    async fn run(self, connection: &Connection, collection: &str) {
        let mut failures = 0;
        let mut reads = loop {
            match Reads::open(connection, collection).await {
                Ok(reads) => {
                    lock(&self.shared).unconnected = false;
                    break reads;
                }
                // Another attempt each second would only fill the server's log.
                Err(Error::Unauthorized { .. }) => {
                    let mut state = lock(&self.shared);
                    (state.refused, state.phase) = (true, Phase::Working);
                    return;
                }
                Err(_) => {
                    failures += 1;
                    lock(&self.shared).unconnected = failures >= MOST_FAILURES;
                    sleep(FAILED * failures).await;
                }
            }
        };
        self.measure(&mut reads, FIRST).await;
        loop {
            self.work(&mut reads).await;
            if lock(&self.shared).steering.follows() {
                self.measure(&mut reads, NEXT).await;
            }
            if reads.renew().await.is_err() {
                sleep(FAILED).await;
            }
        }
    }

    /// Measures the baseline, while the command does nothing.
    async fn measure(&self, reads: &mut Reads, probes: usize) {
        lock(&self.shared).phase = Phase::Quiet;
        while lock(&self.shared).in_flight > 0 {
            sleep(Duration::from_millis(2)).await;
        }
        let mut took = Vec::with_capacity(probes);
        // The first one may open the connection.
        if reads.read().await.is_ok() {
            while took.len() < probes {
                let began = Instant::now();
                if reads.read().await.is_err() {
                    break;
                }
                took.push(began.elapsed());
                sleep(QUIET_TICK.saturating_sub(began.elapsed())).await;
            }
        }
        let mut state = lock(&self.shared);
        if took.len() == probes {
            state.steering.quiet(took);
        }
        state.phase = Phase::Working;
    }

    /// Probes beside the work, until the baseline and the sessions are due again.
    async fn work(&self, reads: &mut Reads) {
        let began = Instant::now();
        let (mut tick, mut asked, mut readable) = (Instant::now(), Instant::now(), true);
        while began.elapsed() < self.again(reads) || !self.is_working() {
            if readable && asked.elapsed() >= SIGNS && self.is_working() {
                asked = Instant::now();
                match strained(&reads.connection).await {
                    Ok(true) => lock(&self.shared).strained(),
                    Ok(false) => {}
                    // Not every login may look. Otherwise it is tried again after the next baseline.
                    Err(_) => readable = false,
                }
            }
            match self.is_working() {
                true => {
                    for _ in 0..IN_A_ROW {
                        self.probe(reads).await;
                    }
                }
                false => sleep(TICK).await,
            }
            tick = (tick + TICK * IN_A_ROW).max(Instant::now());
            sleep(tick.saturating_duration_since(Instant::now())).await;
        }
    }

    fn again(&self, reads: &Reads) -> Duration {
        let is_soon = lock(&self.shared).steering.is_low() || reads.sessions.is_empty();
        if is_soon { SOON } else { AGAIN }
    }

    fn is_working(&self) -> bool {
        lock(&self.shared).is_working()
    }

    /// One probe. While its reply is late, that counts already.
    async fn probe(&self, reads: &mut Reads) {
        let began = Instant::now();
        let mut read = std::pin::pin!(reads.read());
        let outcome = loop {
            tokio::select! {
                outcome = &mut read => break outcome,
                () = sleep(TICK) => {
                    let goal = lock(&self.shared).steering.goal();
                    if goal.is_some_and(|goal| began.elapsed() > goal) {
                        lock(&self.shared).probed(began.elapsed());
                    }
                }
            }
        };
        let mut state = lock(&self.shared);
        match outcome {
            Ok(()) => {
                state.probed(began.elapsed());
                state.during.add(began.elapsed());
            }
            Err(_) => {
                drop(state);
                sleep(FAILED).await;
            }
        }
    }
}

/// Reads of sessions, one after the other.
struct Reads {
    connection: Connection,
    collection: String,
    /// Those that were there when they were last read.
    sessions: VecDeque<Key>,
}

impl Reads {
    /// Over a connection of its own.
    async fn open(connection: &Connection, collection: &str) -> Result<Self> {
        let (connection, collection) = (connection.apart()?, collection.to_owned());
        let mut reads = Self { connection, collection, sessions: VecDeque::new() };
        reads.renew().await.map(|()| reads)
    }

    /// Chooses other sessions if most of them are gone. Without any, one is looked for all the same.
    async fn renew(&mut self) -> Result<()> {
        if self.sessions.len() >= SESSIONS / 2 {
            return Ok(());
        }
        let random = vec![
            doc! { "$sample": { "size": SESSIONS as i32 } },
            doc! { "$project": { "_id": 1 } },
        ];
        let random = doc! {
            "aggregate": &self.collection, "pipeline": random, "cursor": {}, "maxTimeMS": LOOKING,
        };
        // Not every server chooses at random in this time.
        let first = doc! {
            "find": &self.collection, "projection": { "_id": 1 }, "limit": SESSIONS as i32,
            "singleBatch": true, "maxTimeMS": LOOKING,
        };
        for (name, command) in [("aggregate", random), ("find", first)] {
            match self.connection.run(name, &self.collection, command).await {
                Ok(found) => {
                    self.sessions = first_batch(&found).iter().filter_map(id).collect();
                    return Ok(());
                }
                Err(error @ Error::Unauthorized { .. }) => return Err(error),
                Err(error) if error.is_transient() && !error.is_over_time() => return Err(error),
                // It cannot do this in time, or the `_id`s cannot be decoded.
                Err(_) => {}
            }
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<()> {
        let session = self.sessions.pop_front();
        let filter = match &session {
            Some(id) => compared("_id", &[("$eq", id)]),
            None => rawdoc! { "_id": 0 },
        };
        let mut parts = Raw::new();
        parts.document("filter", &filter);
        let mut command = joined(&rawdoc! { "find": &*self.collection }, &parts.done());
        command.append(cstr!("projection"), rawdoc! { "_id": 1 });
        command.append(cstr!("limit"), 1);
        command.append(cstr!("singleBatch"), true);
        command.append(cstr!("comment"), "sessionctl probe");
        let reply = self.connection.run_raw("find", &self.collection, command).await;
        // One that is gone is not representative: that costs a look into the index alone.
        let is_gone = reply.as_ref().is_ok_and(|reply| first_batch(reply).is_empty());
        self.sessions.extend(session.filter(|_| !is_gone));
        refusal(&reply?).map_or(Ok::<_, Error>(()), Err)
    }
}

fn id(session: &Document) -> Option<Key> {
    session.get("_id").map(Key::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_go_on_beside_a_batch_that_takes_long_and_end_a_while_after_the_last_one() {
        let long_ago = Instant::now().checked_sub(NEAR * 5).unwrap();
        let mut state = State {
            steering: Steering::new(MaxLatency::Auto, 1.0),
            began: Instant::now(),
            phase: Phase::Working,
            in_flight: 1,
            worked: long_ago,
            during: Histogram::default(),
            refused: false,
            unconnected: false,
        };
        assert!(state.is_working());
        state.in_flight = 0;
        assert!(!state.is_working());
        state.worked = Instant::now();
        assert!(state.is_working());
    }
}
