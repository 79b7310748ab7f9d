//! The health of a sweep, for those who watch over it from outside: Prometheus, Kubernetes, systemd.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bson::DateTime;
use sessionctl::Connection;
use sessionctl::sweep::{Event, Pass};
use tokio::task::JoinHandle;

use super::args::ServiceArgs;
use crate::console::failure::Failure;
use crate::console::report::warn;
use crate::console::text::{counted, sessions, since};
use crate::context::Context;
use crate::daemon::http::{self, Probes};
use crate::daemon::metrics::{Metrics, PassResult};
use crate::daemon::notify::Notify;
use crate::daemon::textfile::TextFile;

/// A sweep that gives no sign of life for so long is stuck.
const SILENCE: Duration = Duration::from_secs(300);
/// One that waits gives a sign each ten seconds, so no shorter silence tells anything.
const SHORTEST_SILENCE: Duration = Duration::from_secs(30);
/// How often the connection is looked at, which has no events.
const LOOK: Duration = Duration::from_secs(1);

/// What is reported to all of them.
pub struct Health {
    metrics: Metrics,
    heartbeats: Arc<Heartbeats>,
    notify: Notify,
    file: Option<TextFile>,
    is_ready: bool,
    deleted: u64,
    /// What was said last to systemd, and of a sweep that is stuck.
    status: String,
    warned: Option<String>,
    server: Option<JoinHandle<()>>,
}

impl Health {
    /// Begins to listen. Wants a runtime.
    pub fn open(context: &Context, args: &ServiceArgs) -> Result<Self, Failure> {
        let metrics = Metrics::default();
        let notify = Notify::from_env();
        let silence = notify.watchdog().unwrap_or(SILENCE).max(SHORTEST_SILENCE);
        let heartbeats =
            Arc::new(Heartbeats { silence, connection: OnceLock::new(), beats: Mutex::default() });
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
            status: String::new(),
            warned: None,
            server,
        })
    }

    /// The connection of all sweeps, which knows what is wrong with it before they do.
    pub fn watch(&mut self, connection: Connection) {
        let _ = self.heartbeats.connection.set(connection);
    }

    /// How often [`Self::check`] wants to be called.
    pub fn every(&self) -> Duration {
        // sd_watchdog_enabled(3) recommends half of the limit; a third leaves room for a busy
        // machine.
        self.notify.watchdog().map_or(LOOK, |watchdog| LOOK.min(watchdog / 3))
    }

    /// Tells systemd that the sweeps are alive, if all of them are, and what they do. Gives what is to
    /// be logged.
    pub fn check(&mut self) -> Option<String> {
        let is_live = self.heartbeats.live();
        if is_live.is_ok() {
            self.notify.alive();
        }
        self.send_status();
        let overdue = self.heartbeats.overdue();
        // Each is reported once, not for as long as it lasts.
        let subject = match (&is_live, &overdue) {
            (Err(_), _) => Some("silence".to_owned()),
            (Ok(()), Some((command, _))) => Some(command.clone()),
            (Ok(()), None) => None,
        };
        let is_new = subject.is_some() && subject != self.warned;
        self.warned = subject;
        let text = is_live.err().or(overdue.map(|(_, text)| text));
        text.filter(|_| is_new)
    }

    /// A namespace is swept from now on.
    pub fn begins(&mut self, namespace: &str, interval: Duration, has_lease: bool) {
        self.metrics.describe(namespace, interval);
        // One that takes nobody into account works as if it had the lease.
        self.metrics.lease(namespace, !has_lease);
        self.heartbeats.beats().insert(namespace.to_owned(), Heartbeat::new());
    }

    /// A namespace is not swept any more.
    pub fn ends(&mut self, namespace: &str) {
        self.heartbeats.beats().remove(namespace);
        self.metrics.forget(namespace);
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

    /// Something happened.
    pub fn event(&mut self, namespace: &str, event: &Event) {
        self.beat(namespace, event);
        self.count(namespace, event);
        if matches!(event, Event::Alive | Event::Batch { .. }) {
            return;
        }
        if !self.is_ready && self.heartbeats.ready().is_ok() {
            self.is_ready = true;
            self.notify.ready();
        }
        self.send_status();
        // Also when the lease goes: a file that nobody rewrites would go on claiming it.
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
            // Neither says anything about the server.
            Event::Yields { to: None } | Event::Alive => {}
            _ => beat.trouble = None,
        }
        match event {
            Event::Yields { to: Some(_) } => beat.works = false,
            Event::Answered(_) => beat.works = true,
            _ => {}
        }
    }

    fn count(&mut self, namespace: &str, event: &Event) {
        let metrics = &self.metrics;
        match event {
            Event::Answered(now) => metrics.skew(namespace, skew(*now)),
            Event::Holds(_) => metrics.lease(namespace, true),
            Event::Yields { .. } => {
                metrics.lease(namespace, false);
                // Another tells them from now on.
                metrics.backlog(namespace, None, None);
                metrics.lag(namespace, None);
            }
            Event::Batch { layout, deleted, took } => {
                metrics.batch(namespace, Some(layout), *took, *deleted);
                self.deleted += deleted;
            }
            Event::Passed(pass) => {
                let layout = pass.layout.as_deref();
                metrics.passed(namespace, layout, result(pass));
                metrics.throttled(namespace, layout, pass.throttled);
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

/// By the server's clock.
fn ended(pass: &Pass) -> DateTime {
    let took = i64::try_from(pass.took.as_millis()).unwrap_or(0);
    DateTime::from_millis(pass.began.timestamp_millis().saturating_add(took))
}

/// The local clock minus the server's `now`, which has just been told, in seconds.
fn skew(now: DateTime) -> f64 {
    #[expect(clippy::disallowed_methods, reason = "it is shown, and decides nothing")]
    let local = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    local.as_secs_f64() - now.timestamp_millis() as f64 / 1000.0
}

/// Signs of life of the sweeps.
#[derive(Debug)]
struct Heartbeats {
    silence: Duration,
    connection: OnceLock<Connection>,
    beats: Mutex<BTreeMap<String, Heartbeat>>,
}

#[derive(Debug)]
struct Heartbeat {
    last: Instant,
    /// Why it cannot sweep now.
    trouble: Option<String>,
    /// Whether it sweeps, rather than wait for another to end.
    works: bool,
}

impl Heartbeat {
    fn new() -> Self {
        let trouble = Some("no server has answered yet".to_owned());
        Self { last: Instant::now(), trouble, works: false }
    }
}

impl Heartbeats {
    fn beats(&self) -> MutexGuard<'_, BTreeMap<String, Heartbeat>> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wrong with the connection, although no sweep has noticed it yet.
    fn trouble(&self) -> Option<String> {
        self.connection.get()?.trouble()
    }

    /// The command whose reply is overdue, and what to say of it.
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
        let works = beats.values().filter(|beat| beat.works).count();
        let what = match (works, beats.len()) {
            (0, _) => "standing by: another sweeper holds the lease".to_owned(),
            (works, all) if works == all => {
                format!("sweeping {}", counted(all as u64, "collection"))
            }
            (works, all) => {
                format!("sweeping {works} of {all} collections, standing by for the others")
            }
        };
        format!("{what}; {} deleted so far", sessions(deleted))
    }
}

impl Probes for Heartbeats {
    fn live(&self) -> Result<(), String> {
        let beats = self.beats();
        let silent = beats.iter().find(|(_, beat)| beat.last.elapsed() > self.silence);
        silent.map_or(Ok(()), |(namespace, beat)| {
            let seconds = beat.last.elapsed().as_secs();
            Err(format!("the sweep of {namespace} has shown no activity for {seconds} s"))
        })
    }

    fn ready(&self) -> Result<(), String> {
        let beats = self.beats();
        let troubled = beats.iter().find_map(|(name, beat)| Some((name, beat.trouble.as_ref()?)));
        if let Some((namespace, trouble)) = troubled {
            return Err(format!("{namespace}: {trouble}"));
        }
        drop(beats);
        self.trouble().map_or_else(|| self.live(), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeats(namespaces: &[&str]) -> Heartbeats {
        let beats = namespaces.iter().map(|name| ((*name).to_owned(), Heartbeat::new())).collect();
        Heartbeats { silence: SILENCE, connection: OnceLock::new(), beats: Mutex::new(beats) }
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
    fn one_that_is_silent_for_too_long_is_not_alive() {
        let heartbeats = heartbeats(&["a.s", "b.s"]);
        assert_eq!(heartbeats.live(), Ok(()));
        let long_ago = Instant::now().checked_sub(SILENCE * 2).unwrap();
        set(&heartbeats, "b.s", |beat| beat.last = long_ago);
        assert!(heartbeats.live().unwrap_err().contains("b.s has shown no activity for 600 s"));
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
