//! `--max-latency`: commands that write many sessions slow down rather than let reads of other clients
//! become slow.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bson::{Document, doc};
use sessionctl::purge::{Action, MaxLatency, Pace, Purge, Purging, Step};
use sessionctl::{Query, Selection, State};
use tokio_util::sync::CancellationToken;

use crate::patience::limit;
use crate::support::{Db, Run, at, becomes, connect_mongo};

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
fn the_probe_reads_many_sessions_in_turn_and_leaves_those_that_are_gone() {
    let (db, run) = long("purge", &["purge", "--expired", "--rate", "2000"]).run(&[]);
    run.exits(0);
    let probes = db.find("system.profile", doc! { "command.comment": PROBE });
    let read = |probe: &Document| {
        let command = probe.get_document("command").unwrap();
        command.get_document("filter").unwrap().to_string()
    };
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for probe in &probes {
        *times.entry(read(probe)).or_default() += 1;
    }
    // All of them are deleted meanwhile. Where none is left, one that never was is looked for.
    times.remove(&doc! { "_id": 0 }.to_string());
    assert!(times.len() >= 10, "{} sessions in {} probes", times.len(), probes.len());
    let gone = probes.iter().filter(|probe| probe.get_i32("nreturned").is_ok_and(|read| read == 0));
    let mut gone: Vec<_> = gone.map(read).filter(|filter| times.contains_key(filter)).collect();
    let all = gone.len();
    gone.sort();
    gone.dedup();
    assert_eq!(gone.len(), all, "a session that is gone was read again");
}

#[test]
fn with_a_fixed_latency_other_sessions_are_probed_when_most_are_gone() {
    let arguments = ["purge", "--expired", "--rate", "1000", "--max-latency", "900ms"];
    let db = Db::new();
    insert(&db, 26_000, -60);
    // For all probes, since the usual size has room for the last few hundred.
    db.run(doc! { "create": "system.profile", "capped": true, "size": 32 << 20 });
    profile(&db);
    db.sessionctl(&arguments).exits(0);
    let probes = db.find("system.profile", doc! { "command.comment": PROBE });
    let of = |probe: &Document| probe.get_document("command").unwrap().get("filter").cloned();
    let mut read: Vec<_> = probes.iter().filter_map(of).map(|which| which.to_string()).collect();
    read.sort();
    read.dedup();
    // Of the first 16, and of 16 more after a quarter of a minute.
    assert!(read.len() > 18, "{} sessions in {} probes", read.len(), probes.len());
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
        // As many as one batch has before anything is measured.
        insert(&db, 1000, -60);
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
fn a_latency_that_reads_exceed_anyway_is_a_warning_and_the_purge_goes_on() {
    for more in [&["purge", "--expired"][..], &["sweep", "--once", "--no-lease"]] {
        let db = Db::new();
        insert(&db, RATE, -60);
        let data = doc! { "failCommands": ["find"], "blockConnection": true, "blockTimeMS": 20 };
        let _slow = db.fail_commands("alwaysOn", data);
        let run = db.sessionctl(&[more, &["--rate", "2000", "--max-latency", "5ms"]].concat());
        let run = run.exits(0).says("out of reach");
        assert_eq!(run.stderr.matches("out of reach").count(), 1, "{run:?}");
        assert_eq!(db.count("sessions", doc! {}), 0);
    }
}

#[test]
fn a_verbose_report_shows_what_reads_took() {
    let db = Db::new();
    insert(&db, RATE, -60);
    let arguments = ["purge", "--expired", "--rate", "2000", "-v", "--max-latency", "900ms"];
    let run = db.sessionctl(&arguments).exits(0);
    run.says("(goal: 900.0 ms); 90 % took at most").says("waited ").says(" (rate)");
}

#[test]
fn the_control_file_sets_another_latency_while_a_purge_runs() {
    let db = Db::new();
    insert(&db, RATE, -60);
    profile(&db);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    std::fs::write(&path, "pause").unwrap();
    let path = path.to_str().unwrap();
    let arguments = ["purge", "--expired", "--rate", "2000", "--max-latency", "off"];
    let mut purging = db.command(&[&arguments[..], &["-y", "--control", path]].concat()).start();
    purging.await_said("paused");
    assert_eq!(probes(&db), 0);
    std::fs::write(path, "max-latency 50ms\ncontinue").unwrap();
    purging.wait().exits(0);
    assert!(probes(&db) >= 40, "{} probes", probes(&db));
    assert_eq!(db.count("sessions", doc! {}), 0);
}

// How it follows

/// A purge of live sessions, which it reads before it deletes them: only the probe sends `find`s.
fn start(db: &Db, max_latency: MaxLatency) -> Purging {
    insert(db, 60_000, 900_000);
    // Without it, the purge would go along the `_id`, with a `find` for each batch.
    db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
    let store = db.store("connect-mongo-json");
    let selection = Selection::new(Query::state(State::Live), at(0));
    let purge = Purge {
        jobs: Some(1),
        batch_size: Some(1000),
        // So that the sessions last until the end of the test.
        pace: Pace { max_latency, rate: Some(5000), ..Pace::default() },
        trial: Duration::from_secs(3600),
        ..Purge::new(selection, Action::Delete)
    };
    store.purge(purge, CancellationToken::new()).unwrap()
}

/// Goes on until three batches in a row are of a wanted size.
#[track_caller]
fn go_on(db: &Db, purging: &mut Purging, what: &str, is_wanted: impl Fn(u64) -> bool) {
    let began = Instant::now();
    let mut sizes = Vec::new();
    // What was read at once and is too much for one batch leaves a small one, too.
    while sizes.len() < 3 || !sizes.iter().rev().take(3).all(|size| is_wanted(*size)) {
        let waited = began.elapsed();
        assert!(waited < limit(Duration::from_secs(20)), "{what} after {waited:?}: {sizes:?}");
        match db.runtime.block_on(purging.next()).unwrap() {
            Some(Step::Batch(batch)) => sizes.push(batch.done),
            Some(Step::Paused(_)) => {}
            None => panic!("it ended before {what}: {sizes:?}"),
        }
    }
}

/// What makes reads slow while the guard lives.
fn slow(db: &Db) -> impl Drop + '_ {
    let slow = doc! { "failCommands": ["find"], "blockConnection": true, "blockTimeMS": 400 };
    db.fail_commands("alwaysOn", slow)
}

#[test]
fn batches_become_small_while_reads_are_slow_and_large_again_afterwards() {
    let db = Db::new();
    let mut purging = start(&db, MaxLatency::Within(Duration::from_millis(150)));
    go_on(&db, &mut purging, "a measurement", |_| true);
    while purging.latency().is_none_or(|latency| latency.during.is_none()) {
        go_on(&db, &mut purging, "a measurement", |_| true);
    }
    go_on(&db, &mut purging, "large batches", |size| size == 1000);
    let slow = slow(&db);
    go_on(&db, &mut purging, "small batches", |size| size <= 200);
    drop(slow);
    go_on(&db, &mut purging, "large batches again", |size| size == 1000);
}

#[test]
fn the_automatic_goal_follows_from_what_reads_took_before() {
    let db = Db::new();
    let mut purging = start(&db, MaxLatency::Auto);
    let goal = loop {
        go_on(&db, &mut purging, "a baseline", |_| true);
        if let Some(goal) = purging.latency().and_then(|latency| latency.goal) {
            break goal;
        }
    };
    let baseline = purging.latency().and_then(|latency| latency.baseline).unwrap();
    assert_eq!(goal, baseline.mul_f64(1.5).max(baseline + Duration::from_millis(2)));
    let _slow = slow(&db);
    go_on(&db, &mut purging, "small batches", |size| size <= 200);
}

#[test]
fn a_purge_at_full_speed_does_not_care() {
    let db = Db::new();
    let mut purging = start(&db, MaxLatency::Off);
    let slow = doc! { "failCommands": ["getMore"], "blockConnection": true, "blockTimeMS": 100 };
    let _slow = db.fail_commands("alwaysOn", slow);
    for _ in 0..5 {
        go_on(&db, &mut purging, "batches", |size| size == 1000);
    }
    assert!(purging.latency().is_none());
}

#[test]
fn the_goal_and_a_pause_change_while_it_runs() {
    let db = Db::new();
    let mut purging = start(&db, MaxLatency::Off);
    let control = purging.control();
    go_on(&db, &mut purging, "the beginning", |size| size == 1000);
    control.set_max_latency(MaxLatency::Within(Duration::from_millis(150)));
    while purging.latency().is_none_or(|latency| latency.baseline.is_none()) {
        go_on(&db, &mut purging, "a measurement", |_| true);
    }
    let slow = slow(&db);
    go_on(&db, &mut purging, "small batches", |size| size <= 200);
    assert!(purging.latency().is_some());
    drop(slow);
    control.set_max_latency(MaxLatency::Off);
    go_on(&db, &mut purging, "large batches", |size| size == 1000);
    assert!(purging.latency().is_none());
    control.pause();
    let mut left = None;
    while let Some(step) = db.runtime.block_on(purging.next()).unwrap() {
        if matches!(step, Step::Paused(sessionctl::purge::Cause::Paused)) {
            let now = becomes("a count", || db.count("sessions", doc! {}), |_| true);
            assert!(left.is_none_or(|left| left == now), "{left:?} {now}");
            left = Some(now);
            control.resume();
            control.set_rate(None);
        }
    }
    assert!(left > Some(0) && purging.is_finished() && purging.is_exact());
    assert_eq!(db.count("sessions", doc! {}), 0);
}
