//! `--max-latency`: commands that write many sessions slow down rather than let reads of other clients
//! become slow.

use bson::{Document, doc};

use crate::support::{Db, Run, at, connect_mongo};

/// What the probe says in the profiler.
const PROBE: &str = "sessionctl probe";

fn insert(db: &Db, count: usize, seconds: i64) {
    let session = |n: usize| connect_mongo(&format!("session-{n:06}"), at(seconds - n as i64));
    db.insert("sessions", (0..count).map(session));
}

/// How many reads of the probe the profiler of this database has seen.
fn probes(db: &Db) -> u64 {
    db.count("system.profile", doc! { "command.comment": PROBE })
}

fn profile(db: &Db) {
    db.run(doc! { "profile": 2, "filter": { "command.comment": PROBE } });
}

// Which commands

/// A command that takes about two seconds, because of its `--rate` or its small batches.
struct Long {
    name: &'static str,
    arguments: &'static [&'static str],
    /// The sessions before it, and those that are left.
    count: usize,
    seconds: i64,
    left: u64,
}

const RATE: usize = 3000;

fn long(name: &'static str, arguments: &'static [&'static str]) -> Long {
    Long { name, arguments, count: RATE, seconds: -60, left: 0 }
}

impl Long {
    fn run(&self, more: &[&str]) -> (Db, Run) {
        let db = Db::new();
        insert(&db, self.count, self.seconds);
        profile(&db);
        let run = db.sessionctl(&[self.arguments, more].concat());
        (db, run)
    }
}

/// Each command that writes many sessions: a long one is steered, and full speed makes no probe.
fn steers(long: &Long) {
    for more in [&[][..], &["--max-latency", "50ms"], &["--max-latency", "auto"]] {
        let (db, run) = long.run(more);
        run.exits(0);
        assert!(probes(&db) >= 40, "{} {more:?}: {} probes", long.name, probes(&db));
        assert_eq!(db.count("sessions", doc! {}), long.left, "{} {more:?}", long.name);
    }
    let (db, run) = long.run(&["--max-latency", "off"]);
    run.exits(0);
    assert_eq!((probes(&db), db.count("sessions", doc! {})), (0, long.left), "{}", long.name);
}

#[test]
fn a_purge_is_steered() {
    steers(&long("purge", &["purge", "--expired", "--rate", "2000"]));
}

#[test]
fn expiring_sessions_is_steered() {
    let arguments = &["expire", "--live", "--yes", "--rate", "2000"];
    let long = Long { seconds: 90_000, left: RATE as u64, ..long("expire", arguments) };
    steers(&long);
}

#[test]
fn a_fix_is_steered() {
    for more in [&[][..], &["--max-latency", "off"]] {
        let db = Db::new();
        let text = |n: usize| connect_mongo(&format!("s-{n:06}"), "2030-01-02T03:04:05Z");
        db.insert("sessions", (0..RATE).map(text));
        profile(&db);
        let arguments =
            ["fix", "expiry", "--yes", "--rate", "2000", "--layout", "connect-mongo-json"];
        db.sessionctl(&[&arguments, more].concat()).exits(0);
        assert_eq!(probes(&db) >= 40, more.is_empty(), "{more:?}: {} probes", probes(&db));
        assert_eq!(db.count("sessions", doc! { "expires": { "$type": "date" } }), RATE as u64);
    }
}

#[test]
fn a_drain_is_steered() {
    steers(&long("index", &["index", "install", "--drain", "--rate", "2000"]));
}

#[test]
fn a_pass_of_a_sweep_is_steered() {
    steers(&long("sweep", &["sweep", "--once", "--no-lease", "--rate", "2000"]));
}

#[test]
fn a_file_of_sweep_sets_the_latency_of_each_collection() {
    for (setting, is_probed) in [("\"off\"", false), ("\"20ms\"", true)] {
        let db = Db::new();
        insert(&db, RATE, -60);
        profile(&db);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sweep.toml");
        let text = format!(
            "[collections.\"{}.sessions\"]\nrate = 2000\nmax_latency = {setting}\n",
            db.name
        );
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        db.sessionctl(&["sweep", "--once", "--no-lease", "--config", file]).exits(0);
        assert_eq!(probes(&db) > 0, is_probed, "{setting}");
    }
}

#[test]
fn a_copy_is_steered_by_its_target() {
    for more in [&[][..], &["--max-latency", "off"]] {
        let db = Db::new();
        insert(&db, RATE, 90_000);
        profile(&db);
        let arguments = ["copy", "--to-collection", "copies", "--yes", "--rate", "2000"];
        db.sessionctl(&[&arguments, more].concat()).exits(0);
        assert_eq!(db.count("copies", doc! {}), RATE as u64);
        let of_target = doc! { "command.comment": PROBE, "command.find": "copies" };
        let seen = db.count("system.profile", of_target);
        assert_eq!(seen >= 40, more.is_empty(), "{more:?}: {seen} probes");
        assert_eq!(seen, probes(&db));
    }
}

#[test]
fn a_restore_is_steered() {
    let db = Db::new();
    insert(&db, 6000, -60);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bson");
    let path = path.to_str().unwrap();
    db.sessionctl(&["purge", "--expired", "--archive", path]).exits(0);
    for more in [&[][..], &["--max-latency", "off"]] {
        let db = Db::new();
        profile(&db);
        let arguments = ["restore", path, "--yes", "--batch-size", "10"];
        db.sessionctl(&[&arguments, more].concat()).exits(0);
        assert_eq!(probes(&db) >= 20, more.is_empty(), "{more:?}: {} probes", probes(&db));
        assert_eq!(db.count("sessions", doc! {}), 6000);
    }
}

#[test]
fn a_short_command_makes_no_extra_round_trip() {
    let commands = |more: &[&str]| {
        let db = Db::new();
        insert(&db, 2000, -60);
        db.run(doc! { "profile": 2 });
        db.sessionctl(&[&["purge", "--expired"], more].concat()).exits(0);
        db.run(doc! { "profile": 0 });
        let ours = doc! { "appName": &db.name };
        let mut seen: Vec<String> = db.find("system.profile", ours).iter().map(command).collect();
        seen.sort();
        (db.count("sessions", doc! {}), seen)
    };
    let (left, seen) = commands(&[]);
    assert!(left == 0 && seen.len() > 2, "{seen:?}");
    assert_eq!((left, seen), commands(&["--max-latency", "off"]));
}

fn command(entry: &Document) -> String {
    let command = entry.get_document("command").unwrap();
    command.keys().next().unwrap().clone()
}

#[test]
fn the_variable_and_wrong_values_of_the_option() {
    let db = Db::new();
    insert(&db, RATE, -60);
    profile(&db);
    let purge = db.command(&["purge", "--expired", "--rate", "2000"]);
    purge.env("SESSIONCTL_MAX_LATENCY", "off").run().exits(0);
    assert_eq!(probes(&db), 0);
    for wrong in ["0", "fast", "1.5"] {
        db.sessionctl(&["purge", "--expired", "--max-latency", wrong])
            .exits(2)
            .says("expected a duration such as 10ms, or auto, or off");
    }
}

#[test]
fn a_verbose_report_shows_what_reads_took() {
    let db = Db::new();
    insert(&db, RATE, -60);
    let arguments = ["purge", "--expired", "--rate", "2000", "-v", "--max-latency", "20ms"];
    let run = db.sessionctl(&arguments).exits(0);
    run.says("(goal: 20.0 ms); 90 % took at most").says("waited ").says(" (rate)");
}
