//! The health of a sweep, as reported to Prometheus, Kubernetes and systemd.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bson::DateTime;
use sessionctl::Connection;
use sessionctl::purge::{Batch, PaceControl, Throttled};
use sessionctl::sweep::{Event, Pass};
use tokio::task::JoinHandle;

use super::args::ServiceArgs;
use super::config::Plan;
use super::in_force::row;
use super::report::Stops;
use super::status::Statuses;
use crate::console::failure::Failure;
use crate::console::report::warn;
use crate::console::text::{counted, sessions, since};
use crate::context::Context;
use crate::daemon::http::{self, Probes};
use crate::daemon::metrics::{Metrics, PassResult};
use crate::daemon::notify::Notify;
use crate::daemon::textfile::TextFile;

/// A sweep without activity for two intervals does not work, but within these limits: while it waits, it
/// reports every ten seconds, and a single batch may take minutes.
const SHORTEST_SILENCE: Duration = Duration::from_secs(30);
const LONGEST_SILENCE: Duration = Duration::from_secs(300);
/// How often to check the connection, which sends no events.
const LOOK: Duration = Duration::from_secs(1);

/// The state that all of them report.
pub struct Health {
    metrics: Metrics,
    heartbeats: Arc<Heartbeats>,
    notify: Notify,
    file: Option<TextFile>,
    is_ready: bool,
    deleted: u64,
    /// How long the pass under way of each namespace was throttled, as far as that is counted.
    throttled: BTreeMap<String, Throttled>,
    /// The last status sent to systemd, and the last report of a stuck sweep.
    status: String,
    warned: Option<String>,
    server: Option<JoinHandle<()>>,
}

impl Health {
    /// Starts to listen. Requires a runtime.
    pub fn open(context: &Context, stops: Stops, args: &ServiceArgs) -> Result<Self, Failure> {
        let metrics = Metrics::default();
        let notify = Notify::from_env();
        let heartbeats =
            Arc::new(Heartbeats::new(stops, notify.watchdog().unwrap_or(LONGEST_SILENCE)));
        let server = match args.metrics {
            Some(address) => {
                let listener = http::bind(address)?;
                context.note(
                    "note",
                    format!("serving metrics at http://{}/metrics", listener.address()),
                );
                let probes: Arc<dyn Probes> = heartbeats.clone();
                Some(tokio::spawn(http::serve(listener, metrics.clone(), probes)))
            }
            None => None,
        };
        Ok(Self {
            metrics,
            heartbeats,
            notify,
            file: args.metrics_file.clone().map(TextFile::new).transpose()?,
            is_ready: false,
            deleted: 0,
            throttled: BTreeMap::new(),
            status: String::new(),
            warned: None,
            server,
        })
    }

    /// The connection of all sweeps. It notices trouble before they do.
    pub fn watch(&mut self, connection: Connection) {
        self.heartbeats.statuses.on(connection.address());
        let _ = self.heartbeats.connection.set(connection);
    }

    /// How often [`Self::check`] must be called.
    pub fn every(&self) -> Duration {
        // sd_watchdog_enabled(3) recommends half of the limit; a third leaves room for a busy
        // machine.
        self.notify.watchdog().map_or(LOOK, |watchdog| LOOK.min(watchdog / 3))
    }

    /// Reports to systemd that all sweeps are alive, and what they do. Returns messages to log.
    pub fn check(&mut self) -> Option<String> {
        if self.heartbeats.live().is_ok() {
            self.notify.alive();
        }
        self.send_status();
        let active = self.heartbeats.active();
        let overdue = self.heartbeats.overdue();
        // Each is reported only once, however long it lasts.
        let subject = match (&active, &overdue) {
            (Err(_), _) => Some("silence".to_owned()),
            (Ok(()), Some((command, _))) => Some(command.clone()),
            (Ok(()), None) => None,
        };
        let is_new = subject.is_some() && subject != self.warned;
        self.warned = subject;
        let text = active.err().or(overdue.map(|(_, text)| text));
        text.filter(|_| is_new)
    }

    /// The metrics, for what counts beside the passes.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Starts reporting a namespace.
    pub fn begins(&mut self, namespace: &str, plan: &Plan, pace: PaceControl) {
        let (interval, has_lease) = (plan.sweep.interval, plan.sweep.lease.is_some());
        let config = row(namespace, plan).json();
        self.heartbeats.statuses.begins(namespace, config, has_lease, pace);
        self.metrics.describe(namespace, interval);
        // A sweep without a lease works as if it held one.
        self.metrics.lease(namespace, !has_lease);
        let silence = self.heartbeats.silence(interval);
        self.heartbeats.beats().insert(namespace.to_owned(), Heartbeat::new(silence));
    }

    /// Stops reporting a namespace.
    pub fn ends(&mut self, namespace: &str) {
        self.heartbeats.beats().remove(namespace);
        self.heartbeats.statuses.ends(namespace);
        self.metrics.forget(namespace);
    }

    /// Stops reporting a namespace whose sweep failed, or was stopped because another one failed. The
    /// interval and the last success stay, because the alert on missing successes compares them.
    pub fn fails(&mut self, namespace: &str) {
        self.heartbeats.beats().remove(namespace);
        self.heartbeats.statuses.ends(namespace);
        self.rests(namespace);
    }

    /// This process no longer holds the lease of a namespace, and no longer measures anything there.
    fn rests(&self, namespace: &str) {
        self.metrics.lease(namespace, false);
        self.metrics.backlog(namespace, None, None);
        self.metrics.lag(namespace, None);
        self.metrics.skew(namespace, None);
    }

    /// Writes the metrics file once more: it would go on claiming the lease of a sweep that has ended.
    pub fn writes_end(&mut self) {
        self.write();
    }

    pub fn begins_reload(&mut self) {
        self.notify.reloading();
    }

    pub fn ends_reload(&mut self) {
        self.notify.ready();
        self.send_status();
    }

    pub fn stops(&mut self) {
        self.notify.stopping();
    }

    /// Takes an event into account.
    pub fn event(&mut self, namespace: &str, event: &Event) {
        self.beat(namespace, event);
        self.heartbeats.statuses.event(namespace, event);
        self.count(namespace, event);
        if matches!(event, Event::Alive | Event::Batch { .. }) {
            return;
        }
        if !self.is_ready && self.heartbeats.ready().is_ok() {
            self.is_ready = true;
            self.notify.ready();
        }
        self.send_status();
        // Also when the lease is lost: otherwise the file would keep claiming it.
        if matches!(event, Event::Passed(_) | Event::Yields { .. }) {
            self.write();
        }
    }

    fn beat(&self, namespace: &str, event: &Event) {
        let mut beats = self.heartbeats.beats();
        let Some(beat) = beats.get_mut(namespace) else { return };
        beat.last = Instant::now();
        match event {
            Event::Away { error, .. } | Event::Passed(Pass { error: Some(error), .. }) => {
                beat.trouble = Some(error.to_string());
            }
            // Neither event shows whether the server answers.
            Event::Yields { to: None } | Event::Alive => {}
            _ => beat.trouble = None,
        }
        match event {
            Event::Waiting(error) => beat.waits = Some(error.to_string()),
            Event::Alive | Event::Away { .. } => {}
            _ => beat.waits = None,
        }
        match event {
            Event::Yields { to: Some(_) } => beat.works = false,
            Event::Answered(_) => beat.works = true,
            _ => {}
        }
    }

    /// Counts what a pass waited since this was last called.
    fn throttled(&mut self, namespace: &str, layout: Option<&str>, so_far: Throttled) {
        let counted = self.throttled.insert(namespace.to_owned(), so_far).unwrap_or_default();
        self.metrics.throttled(namespace, layout, so_far - counted);
    }

    fn count(&mut self, namespace: &str, event: &Event) {
        let metrics = self.metrics.clone();
        match event {
            Event::Answered(now) => metrics.skew(namespace, Some(skew(*now))),
            Event::Holds(_) => metrics.lease(namespace, true),
            // What was counted in a collection that is gone says nothing.
            Event::Waiting(_) => {
                metrics.backlog(namespace, None, None);
                metrics.lag(namespace, None);
            }
            Event::Yields { .. } => {
                // From now on, another sweeper reports these values.
                self.rests(namespace);
            }
            Event::Begins { .. } => drop(self.throttled.remove(namespace)),
            Event::Batch { layout, batch: Batch { done: deleted, took, .. }, throttled } => {
                metrics.batch(namespace, Some(layout), *took, *deleted);
                self.throttled(namespace, Some(layout), *throttled);
                self.deleted += deleted;
            }
            Event::Passed(pass) => {
                let layout = pass.layout.as_deref();
                metrics.passed(namespace, layout, result(pass));
                self.throttled(namespace, layout, pass.throttled);
                self.throttled.remove(namespace);
                metrics.latency(namespace, pass.latency.as_deref().copied());
                if result(pass) == PassResult::Ok {
                    metrics.succeeded(namespace, ended(pass));
                }
            }
            Event::Measured { layout, backlog, lag } => {
                let expired = backlog.map(|(backlog, now)| {
                    (backlog.sessions, backlog.oldest.map(|oldest| since(oldest, now)))
                });
                metrics.backlog(namespace, Some(layout), expired);
                metrics.lag(namespace, *lag);
            }
            _ => {}
        }
    }

    fn send_status(&mut self) {
        let status = self.heartbeats.status(self.deleted);
        if status != self.status {
            self.notify.status(&status);
            self.status = status;
        }
    }

    fn write(&mut self) {
        let failure = self.file.as_mut().and_then(|file| file.write(&self.metrics));
        if let Some(failure) = failure {
            warn(&failure);
        }
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

fn result(pass: &Pass) -> PassResult {
    match (&pass.error, pass.interrupted || pass.lost_lease) {
        (Some(_), _) => PassResult::Error,
        (None, true) => PassResult::Stopped,
        (None, false) => PassResult::Ok,
    }
}

/// The server's time.
fn ended(pass: &Pass) -> DateTime {
    let took = i64::try_from(pass.took.as_millis()).unwrap_or(0);
    DateTime::from_millis(pass.began.timestamp_millis().saturating_add(took))
}

/// The local clock minus the server's `now`, which was just received, in seconds.
fn skew(now: DateTime) -> f64 {
    #[expect(clippy::disallowed_methods, reason = "it is shown, and decides nothing")]
    let local = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    local.as_secs_f64() - now.timestamp_millis() as f64 / 1000.0
}

/// The activity of the sweeps.
#[derive(Debug)]
struct Heartbeats {
    /// The longest of all silences.
    longest: Duration,
    connection: OnceLock<Connection>,
    statuses: Statuses,
    beats: Mutex<BTreeMap<String, Heartbeat>>,
}

#[derive(Debug)]
struct Heartbeat {
    last: Instant,
    /// How long it may be silent.
    silence: Duration,
    /// Why the namespace cannot be swept now.
    trouble: Option<String>,
    /// Why there is nothing to sweep yet.
    waits: Option<String>,
    /// Whether this process sweeps it, rather than stand by.
    works: bool,
}

impl Heartbeat {
    fn new(silence: Duration) -> Self {
        let trouble = Some("no server has answered yet".to_owned());
        Self { last: Instant::now(), silence, trouble, waits: None, works: false }
    }
}

impl Heartbeats {
    fn new(stops: Stops, longest: Duration) -> Self {
        let longest = longest.clamp(SHORTEST_SILENCE, LONGEST_SILENCE);
        let (connection, statuses) = (OnceLock::new(), Statuses::new(stops));
        Self { longest, connection, statuses, beats: Mutex::default() }
    }

    /// For how long a sweep of this interval may be silent.
    fn silence(&self, interval: Duration) -> Duration {
        interval.saturating_mul(2).clamp(SHORTEST_SILENCE, self.longest)
    }

    /// Whether all sweeps have shown activity lately.
    fn active(&self) -> Result<(), String> {
        self.active_within(|beat| beat.silence)
    }

    fn active_within(&self, limit: impl Fn(&Heartbeat) -> Duration) -> Result<(), String> {
        let beats = self.beats();
        let silent = beats.iter().find(|(_, beat)| beat.last.elapsed() > limit(beat));
        silent.map_or(Ok(()), |(namespace, beat)| {
            let seconds = beat.last.elapsed().as_secs();
            Err(format!("the sweep of {namespace} has shown no activity for {seconds} s"))
        })
    }

    fn beats(&self) -> MutexGuard<'_, BTreeMap<String, Heartbeat>> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Trouble with the connection that no sweep has noticed yet.
    fn trouble(&self) -> Option<String> {
        self.connection.get()?.trouble()
    }

    /// The command whose reply is overdue, and the message about it.
    fn overdue(&self) -> Option<(String, String)> {
        let connection = self.connection.get()?;
        Some((connection.overdue()?.0, connection.trouble()?))
    }

    /// One line for `systemctl status`.
    fn status(&self, deleted: u64) -> String {
        let beats = self.beats();
        if let Some((namespace, trouble)) =
            beats.iter().find_map(|(name, beat)| Some((name, beat.trouble.as_ref()?)))
        {
            return format!("waiting to sweep {namespace}: {trouble}");
        }
        if let Some(trouble) = self.trouble() {
            return format!("waiting: {trouble}");
        }
        let works = beats.values().filter(|beat| beat.works && beat.waits.is_none()).count();
        let waiting = beats.iter().find_map(|(namespace, beat)| {
            Some(format!("waiting to sweep {namespace}: {}", beat.waits.as_ref()?))
        });
        let what = match (works, beats.len(), waiting) {
            (0, _, Some(waiting)) => waiting,
            (0, _, None) => "standing by: another sweeper holds the lease".to_owned(),
            (works, all, _) if works == all => {
                format!("sweeping {}", counted(all as u64, "collection"))
            }
            (works, all, waiting) => {
                let others = waiting.unwrap_or_else(|| "standing by for the others".to_owned());
                format!("sweeping {works} of {all} collections, {others}")
            }
        };
        format!("{what}; {} deleted so far", sessions(deleted))
    }
}

impl Probes for Heartbeats {
    fn live(&self) -> Result<(), String> {
        // A restart would end the wait for a server that works on a long command, and begin it again.
        // After the longest silence it is worth a try.
        match self.connection.get().is_some_and(Connection::waits) {
            true => self.active_within(|_| self.longest),
            false => self.active(),
        }
    }

    fn ready(&self) -> Result<(), String> {
        let beats = self.beats();
        let troubled = beats.iter().find_map(|(name, beat)| Some((name, beat.trouble.as_ref()?)));
        if let Some((namespace, trouble)) = troubled {
            return Err(format!("{namespace}: {trouble}"));
        }
        drop(beats);
        self.trouble().map_or_else(|| self.active(), Err)
    }

    fn status(&self) -> String {
        self.statuses.page()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::signals::Signals;

    fn stops() -> Stops {
        Stops::new(&Signals::none())
    }

    fn health() -> Health {
        Health {
            metrics: Metrics::default(),
            heartbeats: Arc::new(heartbeats(&["a.s"])),
            notify: Notify::from_env(),
            file: None,
            is_ready: true,
            deleted: 0,
            throttled: BTreeMap::new(),
            status: String::new(),
            warned: None,
            server: None,
        }
    }

    fn heartbeats(namespaces: &[&str]) -> Heartbeats {
        let heartbeats = Heartbeats::new(stops(), LONGEST_SILENCE);
        let beat = || Heartbeat::new(heartbeats.silence(Duration::from_secs(60)));
        let beats = namespaces.iter().map(|name| ((*name).to_owned(), beat()));
        heartbeats.beats().extend(beats);
        heartbeats
    }

    fn set(heartbeats: &Heartbeats, namespace: &str, change: impl FnOnce(&mut Heartbeat)) {
        change(heartbeats.beats().get_mut(namespace).unwrap());
    }

    #[test]
    fn it_is_ready_when_the_server_has_answered_for_every_namespace() {
        let heartbeats = heartbeats(&["a.s", "b.s"]);
        assert_eq!(heartbeats.ready(), Err("a.s: no server has answered yet".to_owned()));
        set(&heartbeats, "a.s", |beat| beat.trouble = None);
        assert!(heartbeats.ready().unwrap_err().starts_with("b.s"));
        set(&heartbeats, "b.s", |beat| beat.trouble = None);
        assert_eq!(heartbeats.ready(), Ok(()));
    }

    #[test]
    fn what_another_sweeper_reports_from_now_on_leaves_the_metrics() {
        let mut health = health();
        health.metrics.describe("a.s", Duration::from_secs(60));
        for event in [Event::Holds(1), Event::Answered(DateTime::from_millis(0))] {
            health.event("a.s", &event);
        }
        health.metrics.lag("a.s", Some(Duration::ZERO));
        assert!(health.metrics.encode().contains("clock_skew_seconds{"));
        health.event("a.s", &Event::Yields { to: None });
        let text = health.metrics.encode();
        for gone in
            ["clock_skew_seconds{", "replication_lag_seconds{", "lease_held{namespace=\"a.s\"} 1"]
        {
            assert!(!text.contains(gone), "{text}");
        }
    }

    #[test]
    fn one_that_is_silent_for_too_long_is_not_alive() {
        let heartbeats = heartbeats(&["a.s", "b.s"]);
        assert_eq!(heartbeats.live(), Ok(()));
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        set(&heartbeats, "b.s", |beat| beat.last = ago(119));
        assert_eq!(heartbeats.live(), Ok(()));
        set(&heartbeats, "b.s", |beat| beat.last = ago(121));
        assert!(heartbeats.live().unwrap_err().contains("b.s has shown no activity for 121 s"));
    }

    #[test]
    fn a_silence_of_two_intervals_is_too_long_but_for_short_and_long_intervals() {
        let heartbeats = Heartbeats::new(stops(), LONGEST_SILENCE);
        let silence = |seconds| heartbeats.silence(Duration::from_secs(seconds)).as_secs();
        assert_eq!((silence(1), silence(60), silence(3600)), (30, 120, 300));
        let watched = Heartbeats::new(stops(), Duration::from_secs(90));
        assert_eq!(watched.silence(Duration::from_secs(60)).as_secs(), 90);
    }

    #[test]
    fn the_status_says_what_it_does() {
        let heartbeats = heartbeats(&["a.s", "b.s"]);
        assert_eq!(heartbeats.status(0), "waiting to sweep a.s: no server has answered yet");
        for namespace in ["a.s", "b.s"] {
            set(&heartbeats, namespace, |beat| beat.trouble = None);
        }
        assert_eq!(
            heartbeats.status(0),
            "standing by: another sweeper holds the lease; 0 sessions deleted so far"
        );
        set(&heartbeats, "a.s", |beat| beat.works = true);
        assert!(heartbeats.status(1).starts_with("sweeping 1 of 2 collections"));
        set(&heartbeats, "b.s", |beat| beat.works = true);
        assert_eq!(
            heartbeats.status(1234),
            "sweeping 2 collections; 1,234 sessions deleted so far"
        );
    }
}
