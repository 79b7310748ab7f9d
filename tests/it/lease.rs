//! Many sweepers on one collection: the one with the lease works.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bson::{DateTime, Document, doc};
use sessionctl::mongod::Options;

use crate::rig::ReplicaSet;
use crate::support::{Db, Running, at, becomes, connect_mongo, eventually, own_server};

const LIFE: Duration = Duration::from_secs(2);
const SWEEP: [&str; 5] = ["sweep", "--interval", "1", "--lease", "2"];

fn expired(db: &Db, id: &str) {
    db.insert("sessions", [connect_mongo(id, at(-60))]);
}

fn is_gone(db: &Db, id: &str) -> bool {
    db.count("sessions", doc! { "_id": id }) == 0
}

/// A collection with an index, so that a pass over nothing deletes nothing.
fn indexed(db: &Db) {
    db.insert("sessions", [connect_mongo("live", at(600))]);
    db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
}

fn lease(db: &Db) -> Document {
    db.one("sessionctl_leases", "_id", &format!("{}.sessions", db.name))
}

fn date(lease: &Document, field: &str) -> DateTime {
    *lease.get_datetime(field).unwrap()
}

fn fence(lease: &Document) -> i64 {
    lease.get_i64("fence").unwrap()
}

/// Waits until a sweeper holds the lease, and returns its number.
fn held(db: &Db) -> i64 {
    eventually("somebody had the lease", || {
        let leases = db.find("sessionctl_leases", doc! {});
        leases.iter().any(|lease| lease.contains_key("holder"))
    });
    fence(&lease(db))
}

/// Removes the holder of the lease from the running sweepers.
fn take_holder(db: &Db, sweeps: &mut Vec<Running>) -> Running {
    let lease = lease(db);
    let pid: u32 = lease.get_str("holder").unwrap().split(':').nth(1).unwrap().parse().unwrap();
    let position = sweeps.iter_mut().position(|sweep| sweep.child().id() == pid).unwrap();
    sweeps.swap_remove(position)
}

/// The comments of all delete statements that the server has carried out, and how many had each.
fn deletes(db: &Db) -> BTreeMap<String, usize> {
    let mut comments = BTreeMap::new();
    for operation in db.find("system.profile", doc! { "op": "remove" }) {
        let command = operation.get_document("command").unwrap();
        let comment = command.get_str("comment").or_else(|_| operation.get_str("comment"));
        *comments.entry(comment.unwrap_or("none").to_owned()).or_default() += 1;
    }
    comments
}

/// Runs this many sweepers for a while on a collection without an index, so that every pass scans
/// it. Returns the commands that the server executed.
fn deletes_of(sweepers: usize) -> BTreeMap<String, usize> {
    let server = own_server(Options::default());
    let db = Db::on(&server.uri());
    db.insert("sessions", [connect_mongo("live", at(600))]);
    db.run(doc! { "profile": 2, "slowms": 0 });
    let sweeps: Vec<_> = (0..sweepers).map(|_| db.command(&SWEEP).start()).collect();
    held(&db);
    for round in 0..4 {
        let id = format!("round-{round}");
        expired(&db, &id);
        db.await_gone("sessions", &id);
        // Time for the others to come, too.
        std::thread::sleep(Duration::from_millis(1500));
    }
    for mut sweep in sweeps {
        assert!(!sweep.has_ended());
        sweep.end();
    }
    assert_eq!(db.ids("sessions"), ["live"]);
    deletes(&db)
}

#[test]
fn ten_sweepers_do_the_deletes_of_one() {
    let sum = |deletes: &BTreeMap<String, usize>| deletes.values().sum::<usize>();
    let (one, ten) = std::thread::scope(|scope| {
        let one = scope.spawn(|| deletes_of(1));
        (deletes_of(10), one.join().unwrap())
    });
    // Without leases it would be ten times as many.
    assert!((4..=2 * sum(&one)).contains(&sum(&ten)), "{one:?} {ten:?}");
    // A sweeper that ends hands the lease on, which increases the number.
    let fences: Vec<_> = ten.keys().map(|comment| comment.contains(" sweep fence ")).collect();
    assert!(fences.iter().all(|is_named| *is_named), "{ten:?}");
}

#[test]
fn a_pass_over_nothing_deletes_nothing() {
    let server = own_server(Options::default());
    let db = Db::on(&server.uri());
    indexed(&db);
    db.run(doc! { "profile": 2, "slowms": 0 });
    db.sessionctl(&["sweep", "--once"]).exits(0);
    assert_eq!(deletes(&db), BTreeMap::new());
    expired(&db, "one");
    db.sessionctl(&["sweep", "--once"]).exits(0);
    assert_eq!(deletes(&db).values().sum::<usize>(), 1);
}

#[test]
fn without_leases_each_sweeper_works() {
    let server = own_server(Options::default());
    let db = Db::on(&server.uri());
    indexed(&db);
    expired(&db, "one");
    let run = db.sessionctl(&["sweep", "--once", "--no-lease"]).exits(0);
    assert_eq!(db.ids("sessions"), ["live"], "{run:#?}");
    assert!(!db.collections().contains(&"sessionctl_leases".to_owned()));
}

#[test]
fn when_the_holder_is_killed_another_goes_on_within_one_lease() {
    let db = Db::new();
    indexed(&db);
    let mut sweeps: Vec<_> = (0..3).map(|_| db.command(&SWEEP).start()).collect();
    let mut before = held(&db);
    for round in 0..2 {
        let mut holder = take_holder(&db, &mut sweeps);
        holder.signal("KILL");
        holder.child().wait().unwrap();
        let left = lease(&db);
        let id = format!("after-{round}");
        expired(&db, &id);
        db.await_gone("sessions", &id);
        let now = lease(&db);
        assert_eq!(fence(&now), before + 1);
        assert!(date(&now, "since") >= date(&left, "until"), "{left} {now}");
        let late = date(&now, "since").timestamp_millis() - date(&left, "until").timestamp_millis();
        assert!(late < LIFE.as_millis() as i64, "{late} ms");
        before = fence(&now);
    }
}

#[test]
fn a_holder_that_is_told_to_end_gives_the_lease_back() {
    let db = Db::new();
    indexed(&db);
    // It would live for an hour.
    let arguments = ["sweep", "--interval", "1", "--lease", "1h"];
    let mut holder = db.command(&arguments).start();
    let before = held(&db);
    holder.signal("TERM");
    holder.wait().exits(0).soon();
    let left = lease(&db);
    assert!(!left.contains_key("holder"), "{left}");
    let next = db.command(&arguments).start();
    expired(&db, "one");
    db.await_gone("sessions", "one");
    assert_eq!(fence(&lease(&db)), before + 1);
    next.end();
}

#[test]
fn a_holder_that_was_held_up_does_not_go_on_with_a_lease_that_is_anothers() {
    let db = Db::new();
    indexed(&db);
    let mut sweeps: Vec<_> = (0..2).map(|_| db.command(&SWEEP).start()).collect();
    let before = held(&db);
    let mut held_up = take_holder(&db, &mut sweeps);
    held_up.signal("STOP");
    becomes("another had the lease", || fence(&lease(&db)), |fence| *fence == before + 1);
    held_up.signal("CONT");
    expired(&db, "one");
    db.await_gone("sessions", "one");
    std::thread::sleep(LIFE);
    let now = lease(&db);
    assert_eq!(fence(&now), before + 1, "{now}");
    held_up.end().says("standing by for");
}

#[test]
fn a_holder_whose_renewals_are_not_answered_stops_when_its_lease_has_run_out() {
    let (db, other) = (Db::new(), Db::new());
    indexed(&db);
    let mut holder = other.command(&SWEEP).env("SESSIONCTL_DB", &db.name).start();
    let before = held(&db);
    let data = doc! {
        "failCommands": ["findAndModify"], "blockConnection": true, "blockTimeMS": 20_000,
    };
    let blocked = other.fail_commands("alwaysOn", data);
    let next = db.command(&SWEEP).start();
    becomes("another had the lease", || fence(&lease(&db)), |fence| *fence == before + 1);
    holder.await_said("lost the lease of");
    holder.signal("KILL");
    drop(blocked);
    let run = holder.wait();
    assert!(run.stderr.contains("lost the lease of"), "{run:#?}");
    next.end();
}

#[test]
fn a_pass_longer_than_the_lease_keeps_it() {
    let db = Db::new();
    indexed(&db);
    for number in 0..40 {
        expired(&db, &format!("{number:02}"));
    }
    // Four seconds, of a lease of two.
    let arguments = [&SWEEP[..], &["--batch-size", "1", "--rate", "10"]].concat();
    let mut sweeps: Vec<_> = (0..2).map(|_| db.command(&arguments).start()).collect();
    let before = held(&db);
    db.await_ids("sessions", &["live"]);
    assert_eq!(fence(&lease(&db)), before);
    for sweep in &mut sweeps {
        sweep.signal("TERM");
    }
    let said: String = sweeps.into_iter().map(|sweep| sweep.wait().exits(0).stderr).collect();
    assert!(said.contains("deleted 40 expired sessions"), "{said}");
}

#[test]
fn once_leaves_the_work_to_the_one_who_has_the_lease() {
    let db = Db::new();
    indexed(&db);
    expired(&db, "before");
    let mut daemon = db.command(&["sweep", "--interval", "1h"]).start();
    db.await_gone("sessions", "before");
    // Its pass may look once more before it ends.
    daemon.await_said("deleted 1 expired session");
    expired(&db, "one");
    let run = db.sessionctl(&["sweep", "--once"]).exits(0).says("standing by for");
    assert!(!is_gone(&db, "one"), "{run:#?}");
    let run = db.sessionctl(&["sweep", "--once", "-q"]).exits(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    db.sessionctl(&["sweep", "--once", "--no-lease"]).exits(0);
    assert!(is_gone(&db, "one"));
    daemon.end();
}

#[test]
fn each_collection_has_a_lease_of_its_own_and_none_of_them_is_taken_for_sessions() {
    let db = Db::new();
    indexed(&db);
    db.insert("others", [connect_mongo("live", at(600)), connect_mongo("dead", at(-60))]);
    let sweep = db.command(&["sweep", "-c", "sessions", "-c", "others"]).start();
    db.await_count("others", doc! {}, 1);
    db.await_count("sessionctl_leases", doc! {}, 2);
    sweep.end();
    let names: BTreeSet<_> = db.ids("sessionctl_leases").into_iter().collect();
    let wanted = ["others", "sessions"].map(|name| format!("{}.{name}", db.name));
    assert_eq!(names, wanted.into_iter().collect());
    let run = db.sessionctl(&["collections", "-o", "csv", "--db", &db.name]).exits(0);
    assert!(!run.stdout.contains("sessionctl_leases"), "{run:#?}");
}

#[test]
fn who_may_not_keep_leases_is_told_so() {
    let db = Db::new();
    indexed(&db);
    let _failing =
        db.fail_commands("alwaysOn", doc! { "failCommands": ["findAndModify"], "errorCode": 13 });
    for arguments in [&["sweep", "--once"][..], &SWEEP] {
        let run = db.sessionctl(arguments).exits(1).fails_in_one_sentence();
        run.says("not authorized to run findAndModify").says("--no-lease");
    }
}

#[test]
fn the_lease_moves_with_the_primary() {
    let set = ReplicaSet::start(3, &[]);
    let db = Db::on(&set.uri());
    indexed(&db);
    let mut sweeps: Vec<_> = (0..2).map(|_| db.command(&SWEEP).start()).collect();
    let before = held(&db);
    for round in 0..2 {
        set.step_down();
        let id = format!("after-{round}");
        expired(&db, &id);
        db.await_gone("sessions", &id);
    }
    assert!(fence(&lease(&db)) >= before);
    for sweep in &mut sweeps {
        assert!(!sweep.has_ended());
        sweep.signal("TERM");
    }
    for sweep in sweeps {
        sweep.wait().exits(0);
    }
}
