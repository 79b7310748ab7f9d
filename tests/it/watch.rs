//! Monitoring of a sweep: Prometheus, Kubernetes, systemd, and its log.

use std::collections::VecDeque;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use bson::doc;
use serde_json::Value;
use sessionctl::mongod::Options;

use crate::deploy::tool_reading;
use crate::support::{Db, Program, Running, at, becomes, connect_mongo, eventually, own_server};

/// A free port of this machine.
pub fn address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// The status and the body of an answer; nothing, where nobody listens.
pub fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    Some((status, answer.split_once("\r\n\r\n").unwrap().1.to_owned()))
}

/// The value of a metric for the namespace, and further labels.
fn value(metrics: &str, name: &str, labels: &str) -> Option<f64> {
    let line = metrics.lines().find(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') && rest.contains(labels))
    })?;
    line.rsplit_once(' ').unwrap().1.parse().ok()
}

pub fn metric(address: &str, name: &str, labels: &str) -> Option<f64> {
    value(&get(address, "/metrics")?.1, name, labels)
}

#[track_caller]
fn await_metric(address: &str, name: &str, wanted: f64) {
    let what = format!("{name} was {wanted}");
    becomes(&what, || metric(address, name, ""), |seen| *seen == Some(wanted));
}

#[track_caller]
pub fn await_status(address: &str, path: &str, wanted: u16) {
    let what = format!("{path} answered {wanted}");
    becomes(
        &what,
        || get(address, path),
        |seen| seen.as_ref().is_some_and(|seen| seen.0 == wanted),
    );
}

fn fill(db: &Db) {
    db.insert("sessions", [connect_mongo("live", at(600))]);
    db.insert("sessions", (0..3).map(|number| connect_mongo(&format!("dead-{number}"), at(-60))));
}

#[test]
fn prometheus_reads_what_a_sweep_does() {
    let db = Db::new();
    fill(&db);
    let address = address();
    let started = at(0).timestamp_millis() as f64 / 1000.0;
    let arguments = ["sweep", "--interval", "1", "--metrics", &address];
    let sweep = db.command(&arguments).start();
    db.await_ids("sessions", &["live"]);
    let ok = "result=\"ok\"";
    let passes = || metric(&address, "sessionctl_passes_total", ok);
    becomes("a second pass was over", passes, |seen| seen.is_some_and(|passes| passes > 1.0));
    let (status, text) = get(&address, "/metrics").unwrap();
    assert_eq!(status, 200);
    let labels = format!("namespace=\"{}.sessions\"", db.name);
    let is =
        |name: &str| value(&text, name, &labels).unwrap_or_else(|| panic!("no {name} in {text}"));
    assert_eq!(is("sessionctl_sessions_deleted_total"), 3.0);
    assert!(is("sessionctl_batch_duration_seconds_count") >= 1.0);
    assert_eq!(is("sessionctl_sweep_interval_seconds"), 1.0);
    assert_eq!(is("sessionctl_lease_held"), 1.0);
    assert_eq!(
        (is("sessionctl_backlog_sessions"), is("sessionctl_oldest_expired_age_seconds")),
        (0.0, 0.0)
    );
    assert!(is("sessionctl_last_success_timestamp_seconds") >= started);
    assert!(is("sessionctl_clock_skew_seconds").abs() < 30.0, "one machine, one clock");
    assert!(text.contains("sessionctl_build_info{version=\"0.1.0\"} 1"), "{text}");
    // Neither ids nor users: namespaces and layouts.
    assert!(!text.contains("dead-") && !text.contains("live"), "{text}");
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    tool_reading(&["promtool", "check", "metrics"], file);
    sweep.end();
    assert_eq!(get(&address, "/metrics"), None);
}

#[test]
fn what_cannot_be_deleted_shows_as_a_backlog_that_grows_old() {
    let db = Db::new();
    fill(&db);
    let data = doc! { "failCommands": ["delete"], "errorCode": 10107 };
    let failing = db.fail_commands("alwaysOn", data);
    let address = address();
    let sweep = db.command(&["sweep", "--interval", "1", "--metrics", &address]).start();
    await_metric(&address, "sessionctl_backlog_sessions", 3.0);
    let age = || metric(&address, "sessionctl_oldest_expired_age_seconds", "").unwrap();
    assert!((60.0..600.0).contains(&age()), "{}", age());
    drop(failing);
    await_metric(&address, "sessionctl_backlog_sessions", 0.0);
    assert_eq!(age(), 0.0);
    sweep.end();
}

#[test]
fn a_sweep_is_ready_while_its_server_answers_and_alive_all_the_time() {
    let mut server = own_server(Options::default());
    let db = Db::on(&server.uri());
    fill(&db);
    let address = address();
    server.stop();
    let uri = format!("{}&serverSelectionTimeoutMS=300", db.uri);
    let command = db.command(&["sweep", "--interval", "1", "--metrics", &address]);
    let sweep = command.env("SESSIONCTL_URI", &uri).start();
    let status = |path| get(&address, path).map(|(status, _)| status);
    for _ in 0..2 {
        await_status(&address, "/readyz", 503);
        assert_eq!(status("/livez"), Some(200));
        server.restart().unwrap();
        await_status(&address, "/readyz", 200);
        server.stop();
    }
    let (_, reason) = get(&address, "/readyz").unwrap();
    let answer = || get(&address, "/readyz").unwrap().1;
    becomes("it said why it is not ready", answer, |reason| reason.contains("no server"));
    assert!(!reason.contains("mongodb://"), "{reason}");
    sweep.end();
}

/// A restart would only begin the delete again.
#[test]
fn a_sweep_whose_server_works_on_one_delete_for_long_is_alive_but_not_ready() {
    if !crate::oracle::is_long() {
        return;
    }
    let db = Db::new();
    fill(&db);
    let held = db.hold_deletes();
    let address = address();
    let arguments = ["sweep", "--interval", "1", "--no-lease", "--metrics", &address];
    let mut sweep = db.command(&arguments).start();
    held.wait_for_a_delete();
    let began = Instant::now();
    let seconds = Duration::from_secs;
    while began.elapsed() < seconds(45) {
        assert_eq!(get(&address, "/livez").unwrap().0, 200, "after {:?}", began.elapsed());
        std::thread::sleep(Duration::from_millis(500));
    }
    let (status, reason) = get(&address, "/readyz").unwrap();
    assert!(status == 503 && reason.contains("has shown no activity for"), "{status} {reason}");
    sweep.await_said("has shown no activity for");
    drop(held);
    await_status(&address, "/readyz", 200);
    sweep.end();
}

#[test]
fn one_that_waits_for_the_lease_is_ready_too_and_does_not_hold_it() {
    let db = Db::new();
    fill(&db);
    let holder = db.command(&["sweep", "--interval", "1"]).start();
    db.await_ids("sessions", &["live"]);
    let address = address();
    let waits = db.command(&["sweep", "--interval", "1", "--metrics", &address]).start();
    await_status(&address, "/readyz", 200);
    assert_eq!(metric(&address, "sessionctl_lease_held", ""), Some(0.0));
    holder.end();
    await_metric(&address, "sessionctl_lease_held", 1.0);
    waits.end();
}

#[test]
fn an_address_that_is_taken_is_one_clear_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let run = Program::new(&["sweep", "--metrics", &address]).run().exits(1);
    run.fails_in_one_sentence().says("address in use");
}

#[test]
fn the_node_exporter_finds_a_whole_file_after_each_pass() {
    let db = Db::new();
    fill(&db);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessionctl.prom");
    let arguments = ["sweep", "--once", "--metrics-file", path.to_str().unwrap()];
    db.sessionctl(&arguments).exits(0);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(value(&text, "sessionctl_sessions_deleted_total", ""), Some(3.0));
    assert_eq!(value(&text, "sessionctl_passes_total", "result=\"ok\""), Some(1.0));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    let run = db.sessionctl(&["sweep", "--once", "--metrics-file", "/nowhere/x.prom"]).exits(0);
    run.says("could not write /nowhere/x.prom");
}

#[test]
fn the_metrics_file_of_a_sweeper_that_failed_still_shows_the_last_success() {
    let db = Db::new();
    fill(&db);
    db.insert("others", [connect_mongo("live", at(600))]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessionctl.prom");
    let [sessions, others] =
        ["sessions", "others"].map(|name| format!("namespace=\"{}.{name}\"", db.name));
    let read = |name: &str, labels: &str| {
        value(&std::fs::read_to_string(&path).unwrap_or_default(), name, labels)
    };
    let sweep = ["sweep", "-c", "sessions", "-c", "others", "--interval", "1", "--metrics-file"];
    let sweep = db.command(&[&sweep[..], &[path.to_str().unwrap()]].concat()).start();
    let success = "sessionctl_last_success_timestamp_seconds";
    eventually("both were swept", || {
        [&sessions, &others].iter().all(|labels| read(success, labels).is_some())
    });
    let _failing =
        db.fail_commands("alwaysOn", doc! { "failCommands": ["delete"], "errorCode": 13 });
    db.insert("sessions", [connect_mongo("dead", at(-60))]);
    sweep.wait().exits(1).says("not authorized to run delete");
    for labels in [&sessions, &others] {
        assert!(read(success, labels).is_some());
        assert!(read("sessionctl_passes_total", labels).is_some());
        assert_eq!(read("sessionctl_sweep_interval_seconds", labels), Some(1.0));
        assert_eq!(read("sessionctl_lease_held", labels), Some(0.0));
        assert_eq!(read("sessionctl_backlog_sessions", labels), None);
        assert_eq!(read("sessionctl_clock_skew_seconds", labels), None);
    }
}

/// systemd, as far as a service sees it.
struct Manager {
    socket: UnixDatagram,
    path: tempfile::TempDir,
    /// What it was told and nobody looked at yet.
    told: VecDeque<String>,
}

impl Manager {
    fn new() -> Self {
        let path = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(path.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        Self { socket, path, told: VecDeque::new() }
    }

    fn start(&self, program: Program) -> Running {
        let socket = self.path.path().join("notify");
        program
            .env("NOTIFY_SOCKET", socket.to_str().unwrap())
            .env("WATCHDOG_USEC", "1000000")
            .start()
    }

    fn hear(&mut self) {
        let mut bytes = [0; 4096];
        if let Ok(length) = self.socket.recv(&mut bytes) {
            self.told.push_back(String::from_utf8_lossy(&bytes[..length]).into_owned());
        }
    }

    /// What it is told from now on, within so long.
    fn told(&mut self, within: Duration) -> Vec<String> {
        let until = Instant::now() + within;
        while Instant::now() < until {
            self.hear();
        }
        self.told.drain(..).collect()
    }

    /// What it is told until it has been told all of these.
    #[track_caller]
    fn told_until(&mut self, parts: &[&str]) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        eventually(&format!("systemd was told {parts:?}"), || {
            self.hear();
            told.extend(self.told.drain(..));
            parts.iter().all(|part| told.iter().any(|message| message.contains(part)))
        });
        told
    }

    /// Waits until it is told this, after what was waited for before.
    #[track_caller]
    fn await_told(&mut self, start: &str) -> String {
        let mut found = None;
        eventually(&format!("systemd was told {start}"), || {
            self.hear();
            while let Some(message) = self.told.pop_front() {
                if message.starts_with(start) {
                    found = Some(message);
                    return true;
                }
            }
            false
        });
        found.unwrap()
    }
}

#[test]
fn systemd_is_told_when_the_server_has_answered_and_how_it_goes() {
    let mut server = own_server(Options::default());
    let db = Db::on(&server.uri());
    fill(&db);
    server.stop();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("sweep.toml");
    let text = format!("interval = 1\n[collections.\"{}.sessions\"]\n", db.name);
    std::fs::write(&config, &text).unwrap();
    let mut manager = Manager::new();
    let uri = format!("{}&serverSelectionTimeoutMS=300", db.uri);
    let program = Program::new(&["sweep", "--config", config.to_str().unwrap()]);
    let mut sweep = manager.start(program.env("SESSIONCTL_URI", &uri));

    let told = manager.told_until(&["WATCHDOG=1", "no server answered"]);
    assert!(!told.iter().any(|message| message.starts_with("READY")), "{told:?}");
    server.restart().unwrap();
    manager.await_told("READY=1");
    db.await_ids("sessions", &["live"]);
    let status = manager.await_told("STATUS=sweeping 1 collection; 3 sessions deleted");
    assert!(!status.contains("dead"), "{status}");

    sweep.signal("HUP");
    let reloading = manager.await_told("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    manager.await_told("READY=1");
    sweep.signal("TERM");
    manager.await_told("STOPPING=1");
    sweep.wait().exits(0);
}

#[test]
fn systemd_is_told_what_a_sweep_waits_for() {
    let db = Db::new();
    let mut manager = Manager::new();
    let mut sweep = manager.start(db.command(&["sweep", "--interval", "1"]));
    let status = manager.await_told("STATUS=waiting to sweep");
    assert!(status.contains(&format!("{}.sessions", db.name)), "{status}");
    fill(&db);
    manager.await_told("STATUS=sweeping 1 collection; 3 sessions deleted");
    sweep.signal("TERM");
    sweep.wait().exits(0);
}

#[test]
fn the_watchdog_is_not_fed_for_a_sweep_that_is_stuck() {
    let db = Db::new();
    fill(&db);
    let mut manager = Manager::new();
    let held = db.hold_deletes();
    let mut sweep = manager.start(db.command(&["sweep", "--interval", "1"]));
    held.wait_for_a_delete();
    manager.await_told("WATCHDOG=1");
    // One that waits gives a sign of life each ten seconds: this is no such silence.
    let fed = |manager: &mut Manager| {
        let told = manager.told(Duration::from_secs(3));
        told.contains(&"WATCHDOG=1".to_owned())
    };
    assert!((0..20).any(|_| !fed(&mut manager)), "it was fed for a minute");
    assert!(!sweep.has_ended());
    drop(held);
    manager.await_told("WATCHDOG=1");
    db.await_ids("sessions", &["live"]);
    sweep.end().says("has shown no activity");
}

#[test]
fn a_program_reads_the_log_as_one_object_a_line() {
    let db = Db::new();
    let arguments = ["sweep", "--interval", "1", "--log-format", "json"];
    let mut sweep = db.command(&arguments).start();
    sweep.await_said("\"warning\"");
    fill(&db);
    db.await_ids("sessions", &["live"]);
    sweep.await_said("\"deleted\":3");
    let run = sweep.end();
    assert_eq!(run.stdout, "");
    let lines: Vec<Value> =
        run.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let namespace = format!("{}.sessions", db.name);
    let waiting = &lines[0];
    assert_eq!(
        (&waiting["level"], &waiting["namespace"]),
        (&"warning".into(), &namespace.clone().into())
    );
    let pass = lines.iter().find(|line| line["deleted"] == 3).unwrap();
    assert_eq!((&pass["level"], &pass["namespace"]), (&"info".into(), &namespace.into()));
    for line in &lines {
        assert!(
            line["time"].as_str().unwrap().ends_with('Z') && line["message"].is_string(),
            "{line}"
        );
    }
    assert!(!run.stderr.contains("dead-"), "{run:#?}");

    let run = db.sessionctl(&["sweep", "--once", "--log-format", "json", "-q"]).exits(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    let run = db.sessionctl(&["sweep", "-c", "none", "--once", "--log-format", "json"]).exits(1);
    let error: Value = serde_json::from_str(run.stderr.trim()).unwrap();
    assert_eq!(error["level"], "error");
    assert!(error["hint"].is_string());
}
