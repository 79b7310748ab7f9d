//! Faults in the middle of a purge or a restore, on real servers: in the end, every expired session
//! is gone, no live one is lost, and the counts are honest.
//!
//! With `SESSIONCTL_LONG_TESTS=1` the tests of chance go on for longer.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use bson::{Document, doc};
use sessionctl::archive::{Archive, Reader};
use sessionctl::purge::{Action, Purge, Purging, Step, Strategy};
use sessionctl::{Query, Selection};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::rig::ReplicaSet;
use crate::support::{Db, at, becomes, connect_mongo, eventually, now};

const TEST_COMMANDS: &[(&str, &str)] = &[("enableTestCommands", "1")];
/// What came of a test of chance.
#[expect(clippy::print_stdout, reason = "cargo test shows it with --nocapture")]
fn tell(figures: &str) {
    println!("{figures}");
}

/// Makes the tests of chance go on for longer.
fn is_long() -> bool {
    std::env::var_os("SESSIONCTL_LONG_TESTS").is_some_and(|value| value == "1")
}

const STRATEGIES: [Strategy; 3] = [Strategy::ExpiryWindows, Strategy::IdWindows, Strategy::Ids];

/// This many expired sessions, each with a different expiry, and this many live ones.
fn sessions(dead: usize, live: usize) -> Vec<Document> {
    let dead = (0..dead).map(|n| connect_mongo(&format!("dead-{n:06}"), at(-60 - n as i64)));
    dead.chain((0..live).map(|n| connect_mongo(&format!("live-{n:06}"), at(3600)))).collect()
}

/// What makes a purge choose this strategy; the archive, if that needs one.
fn arrange(db: &Db, strategy: Strategy) -> Option<(TempDir, PathBuf)> {
    if strategy == Strategy::ExpiryWindows {
        db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
    }
    (strategy == Strategy::Ids).then(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bson");
        (folder, path)
    })
}

fn dead(db: &Db) -> u64 {
    db.count("sessions", doc! { "expires": { "$lt": now() } })
}

fn by_id(mut documents: Vec<Document>) -> Vec<Document> {
    documents.sort_by(|a, b| a.get_str("_id").unwrap().cmp(b.get_str("_id").unwrap()));
    documents
}

/// The ids in an archive, also of one that a killed process left.
fn archived(path: &Path) -> HashSet<String> {
    let documents = Reader::open(path).unwrap().map(Result::unwrap);
    documents.map(|document| document.get_str("_id").unwrap().to_owned()).collect()
}

// What a server answers

/// What a purge by the library came to.
struct Outcome {
    done: u64,
    spared: u64,
    exact: bool,
}

/// Purges in batches of 100, while the server misbehaves.
fn purge_through(db: &Db, strategy: Strategy, mode: Document, data: Document) -> Outcome {
    let place = arrange(db, strategy);
    let store = db.store("connect-mongo-json");
    let mut purge = Purge::expired(at(0), at(0));
    (purge.batch_size, purge.archive) = (Some(100), place.is_some());
    let plan = db.runtime.block_on(store.plan(&purge)).unwrap();
    assert_eq!(plan.strategy, strategy);
    let mut purging = store.purge(purge, CancellationToken::new()).unwrap();
    if let Some((_, path)) = &place {
        purging = purging.archive_to(Archive::create(path).unwrap());
    }
    let failing = db.fail_commands(mode, data);
    let (mut done, mut spared) = (0, 0);
    while let Some(step) = db.runtime.block_on(purging.next()).unwrap() {
        if let Step::Batch(batch) = step {
            done += batch.done;
            spared += batch.spared.unwrap_or(0);
        }
    }
    drop(failing);
    assert!(purging.is_finished());
    Outcome { done, spared, exact: purging.is_exact() }
}

#[test]
fn whatever_a_server_answers_once_or_twice_a_purge_gets_through_and_counts_honestly() {
    let unconfirmed = doc! { "code": 64, "errmsg": "waiting for replication timed out" };
    // What it answers, to what, and whether that leaves open how much was done.
    let answers = [
        ("delete", doc! { "closeConnection": true }, true),
        ("delete", doc! { "errorCode": 10107 }, false),
        ("delete", doc! { "errorCode": 50 }, true),
        // The server did it, and says how many.
        ("delete", doc! { "writeConcernError": unconfirmed }, false),
        ("find", doc! { "closeConnection": true }, false),
        ("find", doc! { "errorCode": 10107 }, false),
        ("find", doc! { "errorCode": 50 }, false),
        ("getMore", doc! { "closeConnection": true }, false),
        ("getMore", doc! { "errorCode": 10107 }, false),
        ("getMore", doc! { "errorCode": 50 }, false),
        ("getMore", doc! { "errorCode": 43 }, false),
    ];
    for strategy in STRATEGIES {
        for (command, answer, ambiguous) in &answers {
            // Windows read nothing but their bounds.
            if *command == "getMore" && strategy != Strategy::Ids {
                continue;
            }
            let case = format!("{strategy}, {command}, {answer}");
            let db = Db::new();
            db.insert("sessions", sessions(350, 20));
            let mut data = answer.clone();
            data.insert("failCommands", [*command]);
            let outcome = purge_through(&db, strategy, doc! { "times": 2 }, data);
            assert_eq!(dead(&db), 0, "{case}");
            assert_eq!(db.count("sessions", doc! {}), 20, "{case}");
            assert_eq!(outcome.exact, !ambiguous, "{case}");
            assert!(outcome.done <= 350, "{case}: {}", outcome.done);
            assert!(!outcome.exact || outcome.done == 350, "{case}: {}", outcome.done);
            assert_eq!(outcome.spared, 0, "{case}");
        }
    }
}

#[test]
fn deletes_that_a_failover_rolls_back_are_not_counted_as_exact() {
    for strategy in STRATEGIES {
        let db = Db::new();
        let dead_ones = sessions(25, 0);
        db.insert("sessions", dead_ones.clone());
        // The primary did it, and steps down before a majority has it.
        let unconfirmed = doc! { "code": 91, "errmsg": "Replication is being shut down" };
        let data = doc! { "failCommands": ["delete"], "writeConcernError": unconfirmed };
        let outcome = thread::scope(|scope| {
            let purge =
                scope.spawn(|| purge_through(&db, strategy, doc! { "times": 3 }, data.clone()));
            becomes("they are deleted", || dead(&db), |left| *left == 0);
            // The next primary has them.
            db.insert("sessions", dead_ones);
            purge.join().unwrap()
        });
        assert_eq!(dead(&db), 0, "{strategy}");
        assert!(outcome.done > 25 && !outcome.exact, "{strategy}: {}", outcome.done);
    }
}

/// Pulls all batches; how many sessions were written, and whether the purge came to its end.
fn carry_out(db: &Db, purging: &mut Purging) -> (u64, bool) {
    let mut done = 0;
    while let Some(step) = db.runtime.block_on(purging.next()).unwrap() {
        if let Step::Batch(batch) = step {
            done += batch.done;
        }
    }
    (done, purging.is_finished())
}

#[test]
fn a_read_that_fails_at_the_last_window_does_not_make_a_purge_say_that_nothing_has_expired() {
    let db = Db::new();
    db.insert("sessions", sessions(3, 1));
    arrange(&db, Strategy::ExpiryWindows);
    let purge = Purge::expired(at(0), at(0));
    let store = db.store("connect-mongo-json");
    let mut purging = store.purge(purge, CancellationToken::new()).unwrap();
    // The first one looks for the end of a full batch, and the second for any session at all.
    let data = doc! { "failCommands": ["find"], "errorCode": 50 };
    let failing = db.fail_commands(doc! { "skip": 1 }, data);
    let outcome = thread::scope(|scope| {
        let purge = scope.spawn(|| carry_out(&db, &mut purging));
        failing.wait(1);
        drop(failing);
        purge.join().unwrap()
    });
    assert_eq!((outcome, dead(&db)), ((3, true), 0));
}

#[test]
fn a_cursor_that_is_lost_while_changed_sessions_are_read_again_leaves_none_of_them() {
    let db = Db::new();
    let ids = ["a", "b", "c"];
    db.insert("sessions", ids.map(|id| connect_mongo(id, at(3600))));
    let store = db.store("connect-mongo-json");
    let selection = Selection::new(Query::of("42"), at(0));
    let mut purge = Purge::new(selection, Action::Delete);
    (purge.batch_size, purge.jobs) = (Some(1), Some(1));
    let mut purging = store.purge(purge, CancellationToken::new()).unwrap();
    let mut step = || match db.runtime.block_on(purging.next()).unwrap() {
        Some(Step::Batch(batch)) => (batch.done, batch.spared),
        other => panic!("{other:?}"),
    };
    // Two sessions change between their read and their delete.
    for id in &ids[..2] {
        let delete =
            doc! { "failCommands": ["delete"], "blockConnection": true, "blockTimeMS": 1000 };
        let held = db.fail_commands(doc! { "times": 1 }, delete);
        let spared = thread::scope(|scope| {
            let deleting = scope.spawn(&mut step);
            held.wait(1);
            let changed = doc! { "$set": { "session": r#"{"userId":42,"views":2}"# } };
            db.update("sessions", doc! { "_id": id }, changed);
            deleting.join().unwrap()
        });
        assert_eq!(spared, (0, Some(1)), "{id}");
    }
    // The third one, and the first one again.
    assert_eq!((step(), step()), ((1, Some(0)), (1, Some(0))));
    let lost = doc! { "failCommands": ["getMore"], "errorCode": 43 };
    let failing = db.fail_commands(doc! { "times": 1 }, lost);
    let outcome = carry_out(&db, &mut purging);
    failing.wait(1);
    assert_eq!((outcome, db.count("sessions", doc! {})), ((1, true), 0));
}

/// Arguments of a purge that goes this way.
fn purging<'a>(place: Option<&'a (TempDir, PathBuf)>, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["purge", "--expired", "-o", "json"];
    if let Some((_, path)) = place {
        arguments.extend(["--archive", path.to_str().unwrap()]);
    }
    arguments.extend(more);
    arguments
}

#[test]
fn a_server_that_says_it_has_too_much_to_do_is_asked_less_and_the_purge_says_so() {
    let labels = ["SystemOverloadedError", "RetryableError"];
    for strategy in STRATEGIES {
        let db = Db::new();
        db.insert("sessions", sessions(350, 20));
        let place = arrange(&db, strategy);
        let overloaded =
            doc! { "failCommands": ["delete"], "errorCode": 462, "errorLabels": labels.to_vec() };
        // The driver itself retries a few times before it reports the error.
        let failing = db.fail_commands(doc! { "times": 14 }, overloaded);
        let arguments = purging(place.as_ref(), &["--batch-size", "50"]);
        let run = db.sessionctl(&arguments).exits(0).says("slowing down: the server reports");
        drop(failing);
        assert_eq!(dead(&db), 0, "{strategy}");
        assert_eq!(db.count("sessions", doc! {}), 20, "{strategy}");
        assert!(run.json()["stopped"].is_null(), "{strategy}");
    }
}

#[test]
fn what_trying_again_cannot_mend_ends_a_purge_with_a_reason_and_its_report() {
    for strategy in STRATEGIES {
        for (code, reason, exact) in [
            (26, "NamespaceNotFound", false),
            (13, "not authorized to run delete on ", true),
            (2, "BadValue", false),
        ] {
            let case = format!("{strategy}, {code}");
            let db = Db::new();
            db.insert("sessions", sessions(350, 20));
            let place = arrange(&db, strategy);
            let data = doc! { "failCommands": ["delete"], "errorCode": code };
            let failing = db.fail_commands(doc! { "skip": 1 }, data);
            let arguments = purging(place.as_ref(), &["--batch-size", "50"]);
            let run = db.sessionctl(&arguments).exits(1).says(reason);
            drop(failing);
            let report = run.json();
            assert_eq!(report["stopped"], "error", "{case}");
            assert_eq!(report["exact"], exact, "{case}");
            let deleted = report["deleted"].as_u64().unwrap();
            assert_eq!(dead(&db), 350 - deleted, "{case} {report}");
            assert!(deleted < 350, "{case} {report}");
            assert_eq!(db.count("sessions", doc! { "expires": { "$gt": now() } }), 20, "{case}");
        }
    }
    // The same where the sessions are read.
    let db = Db::new();
    db.insert("sessions", sessions(350, 20));
    let place = arrange(&db, Strategy::Ids);
    let data = doc! { "failCommands": ["getMore"], "errorCode": 2 };
    let failing = db.fail_commands("alwaysOn", data);
    let arguments = purging(place.as_ref(), &["--batch-size", "50"]);
    let report = db.sessionctl(&arguments).exits(1).says("BadValue").json();
    drop(failing);
    assert_eq!((&report["deleted"], &report["exact"]), (&50.into(), &true.into()), "{report}");
    assert_eq!(dead(&db), 300);
}

// A primary that goes away

const DEAD: usize = 6000;
const LIVE: usize = 200;

/// Purges, and lets the primary go away in the middle of it.
fn purge_while(
    set: &mut ReplicaSet,
    db: &Db,
    strategy: Strategy,
    go_away: &mut dyn FnMut(&mut ReplicaSet),
    come_back: &mut dyn FnMut(&mut ReplicaSet),
) -> Option<(TempDir, PathBuf)> {
    let place = arrange(db, strategy);
    // Some three seconds of batches, of which some are always under way.
    // A set that has lost a member on a busy machine may be slow by itself.
    let gently = ["--rate", "2000", "--batch-size", "20", "--max-latency", "off"];
    let mut purge = db.command(&purging(place.as_ref(), &gently)).start();
    becomes("a twentieth was gone", || dead(db), |left| *left < DEAD as u64 * 95 / 100);
    go_away(set);
    assert!(!purge.has_ended(), "it was in the middle");
    come_back(set);
    let report = purge.wait().exits(0).json();
    assert_eq!(dead(db), 0, "{strategy} {report}");
    assert_eq!(db.count("sessions", doc! {}), LIVE as u64, "{strategy} {report}");
    assert!(report["stopped"].is_null(), "{report}");
    let deleted = report["deleted"].as_u64().unwrap();
    assert!(deleted <= DEAD as u64, "{report}");
    assert!(report["exact"] == false || deleted == DEAD as u64, "{report}");
    // Uncounted sessions must not be reported as renewed.
    assert_eq!(report["renewed"].as_u64().unwrap_or(0), 0, "{report}");
    place
}

/// Windows, then ids with an archive, then the archive restored: each while the primary goes away.
fn while_the_primary_goes_away(
    set: &mut ReplicaSet,
    go_away: &mut dyn FnMut(&mut ReplicaSet),
    come_back: &mut dyn FnMut(&mut ReplicaSet),
) {
    let db = Db::on(&set.uri());
    db.insert("sessions", sessions(DEAD, LIVE));
    purge_while(set, &db, Strategy::ExpiryWindows, go_away, come_back);
    set.await_health();

    db.insert("sessions", sessions(DEAD, 0));
    let before = by_id(db.find("sessions", doc! {}));
    let (_folder, path) = purge_while(set, &db, Strategy::Ids, go_away, come_back).unwrap();
    let archived = archived(&path);
    assert!(archived.len() == DEAD && archived.iter().all(|id| id.starts_with("dead-")));
    set.await_health();

    let path = path.to_str().unwrap();
    let arguments = ["restore", path, "--yes", "-o", "json", "--batch-size", "40"];
    let mut restore = db.command(&arguments).start();
    becomes("a twentieth was back", || dead(&db), |there| *there > DEAD as u64 / 20);
    go_away(set);
    assert!(!restore.has_ended(), "it was in the middle");
    come_back(set);
    let report = restore.wait().exits(0).json();
    assert!(by_id(db.find("sessions", doc! {})) == before, "{report}");
    assert!(report["read"].as_u64().unwrap() >= DEAD as u64, "{report}");
    let restored = report["restored"].as_u64().unwrap();
    assert!(restored <= DEAD as u64, "{report}");
    assert!(report["exact"] == false || restored == DEAD as u64, "{report}");
}

#[test]
fn a_primary_that_steps_down_in_the_middle_is_followed_and_nothing_is_lost() {
    let mut set = ReplicaSet::start(3, TEST_COMMANDS);
    let mut step_down = |set: &mut ReplicaSet| {
        set.step_down();
    };
    while_the_primary_goes_away(&mut set, &mut step_down, &mut |_| {});
}

#[test]
fn a_primary_that_is_killed_in_the_middle_is_followed_and_nothing_is_lost() {
    let mut set = ReplicaSet::start(3, TEST_COMMANDS);
    let killed = std::cell::Cell::new(0);
    let mut kill = |set: &mut ReplicaSet| killed.set(set.kill_primary());
    // One of the others may have followed the dead primary further than the new one. It is then in
    // ROLLBACK for minutes (mongod 6.0.5), and of the third there is no majority without the dead one.
    let mut restart = |set: &mut ReplicaSet| {
        set.primary();
        set.restart(killed.get());
    };
    while_the_primary_goes_away(&mut set, &mut kill, &mut restart);
}

// The program that is killed

/// Numbers that look random, the same in each run.
struct Chance(u64);

impl Chance {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 40) as f64 / (1 << 24) as f64
    }
}

#[test]
fn a_purge_that_is_killed_leaves_each_session_in_the_collection_or_in_the_archive() {
    let wanted = if is_long() { 60 } else { 8 };
    let began = Instant::now();
    let db = Db::new();
    db.insert("sessions", sessions(3000, 100));
    let before = by_id(db.find("sessions", doc! {}));
    let all: HashSet<String> =
        before.iter().map(|session| session.get_str("_id").unwrap().to_owned()).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance(7);
    // How long it takes from the first batch, if nothing stops it.
    let mut whole = Duration::from_millis(600);
    let (mut kills, mut midway, mut both, mut rounds) = (0, 0, 0, 0);
    while kills < wanted {
        let name = if rounds % 2 == 0 { "x.bson" } else { "x.ndjson.zst" };
        let path = folder.path().join(name);
        let text = path.to_str().unwrap();
        let arguments = [
            "purge",
            "--expired",
            "--archive",
            text,
            "--archive-append",
            "--batch-size",
            "20",
            "--jobs",
            "4",
            "-o",
            "json",
        ];
        loop {
            let length = || std::fs::metadata(&path).map_or(0, |about| about.len());
            let had = length();
            let started = Instant::now();
            let mut purge = db.command(&arguments).start();
            // Sometimes before it has begun, mostly after.
            if chance.next() > 0.1 {
                while length() <= had && !purge.has_ended() {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            let began = Instant::now();
            let wait = whole.mul_f64(0.7 * chance.next());
            while kills < wanted && began.elapsed() < wait && !purge.has_ended() {
                thread::sleep(Duration::from_millis(1));
            }
            if kills < wanted && !purge.has_ended() {
                purge.signal("KILL");
            }
            let run = purge.wait();
            if run.signal != Some(9) {
                let run = run.exits(0);
                if had == 0 {
                    whole = started.elapsed();
                }
                assert!(run.json()["stopped"].is_null(), "{run:#?}");
                break;
            }
            kills += 1;
            // The collection first: sessions deleted after this read were archived before.
            let left: HashSet<String> = db.ids("sessions").into_iter().collect();
            let aside = if path.exists() { archived(&path) } else { HashSet::new() };
            let lost: Vec<_> =
                all.iter().filter(|id| !left.contains(*id) && !aside.contains(*id)).collect();
            assert!(lost.is_empty(), "kill {kills}: {lost:?}");
            midway += usize::from(left.len() < all.len());
            both += left.intersection(&aside).count();
        }
        assert_eq!(db.count("sessions", doc! {}), 100, "only the live ones");
        db.sessionctl(&["restore", text, "--yes"]).exits(0);
        assert!(by_id(db.find("sessions", doc! {})) == before);
        std::fs::remove_file(&path).unwrap();
        rounds += 1;
    }
    assert!(midway > wanted / 2, "{midway} of {kills} kills were in the middle");
    let took = began.elapsed();
    tell(&format!(
        "{kills} kills in {rounds} purges, {midway} after the first delete, {both} times a session \
         in both places, none in neither; {took:?}"
    ));
}

// The application that goes on

/// Renews these sessions one after the other; those of which the server said that it did.
async fn renew(sessions: mongodb::Collection<Document>, ids: Vec<String>) -> Vec<String> {
    let mut renewed = Vec::new();
    for id in ids {
        let later = doc! { "$set": { "expires": at(3600) } };
        let done = sessions.update_one(doc! { "_id": &id }, later).await.unwrap();
        if done.matched_count == 1 {
            renewed.push(id);
        }
    }
    renewed
}

#[test]
fn no_session_that_is_renewed_before_its_delete_is_lost() {
    const WRITERS: usize = 8;
    const AT_ONCE: usize = 3000;
    let wanted = if is_long() { 100_000 } else { 5000 };
    let began = Instant::now();
    let (mut renewed, mut deleted, mut rounds) = (0, 0, 0);
    while renewed < wanted || rounds < STRATEGIES.len() {
        let strategy = STRATEGIES[rounds % STRATEGIES.len()];
        let db = Db::new();
        db.insert("sessions", sessions(AT_ONCE, 0));
        let place = arrange(&db, strategy);
        // About as fast as they are renewed, so that many are renewed at the last moment.
        let gently = ["--batch-size", "25", "--jobs", "4", "--rate", "3000"];
        let purge = db.command(&purging(place.as_ref(), &gently)).start();
        becomes("the purge had begun", || dead(&db), |left| *left < AT_ONCE as u64);
        // Half of them meet the purge from the other end, half go the same way.
        let mut writers = Vec::new();
        for writer in 0..WRITERS {
            let mine = (0..AT_ONCE).skip(writer).step_by(WRITERS);
            let mut ids: Vec<_> = mine.map(|n| format!("dead-{n:06}")).collect();
            if writer % 2 == 0 {
                ids.reverse();
            }
            writers.push(db.runtime.spawn(renew(db.collection("sessions"), ids)));
        }
        let mut alive = Vec::new();
        for writer in writers {
            alive.extend(db.runtime.block_on(writer).unwrap());
        }
        let report = purge.wait().exits(0).json();
        alive.sort();
        let there = db.ids("sessions");
        let is_there: HashSet<_> = there.iter().collect();
        let lost = alive.iter().filter(|id| !is_there.contains(id)).count();
        assert_eq!(lost, 0, "{strategy} {report}");
        assert!(there == alive, "{strategy}: nobody renewed what is left {report}");
        assert_eq!(report["deleted"], AT_ONCE - alive.len(), "{strategy} {report}");
        renewed += alive.len();
        deleted += AT_ONCE - alive.len();
        rounds += 1;
    }
    assert!(deleted > 0);
    let took = began.elapsed();
    tell(&format!("{renewed} renewed, {deleted} deleted in {rounds} purges, none lost; {took:?}"));
}

// Whoever stops it

/// Stopped by each signal while it waits: it leaves soon, with its report.
fn leaves_soon(db: &Db, arguments: &[&str], is_waiting: &mut dyn FnMut() -> bool) {
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let mut purge = db.command(arguments).start();
        eventually(&format!("{arguments:?} was waiting"), &mut *is_waiting);
        thread::sleep(Duration::from_millis(200));
        assert!(!purge.has_ended(), "{arguments:?}");
        purge.signal(name);
        let report = purge.wait().soon().exits(code).json();
        assert_eq!(report["stopped"], "signal", "{arguments:?} {report}");
        assert_eq!(report["exact"], true, "{arguments:?} {report}");
    }
}

#[test]
fn a_signal_while_it_counts_ends_a_purge_before_it_has_begun() {
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let db = Db::new();
        db.insert("sessions", sessions(100, 0));
        let data =
            doc! { "failCommands": ["aggregate"], "blockConnection": true, "blockTimeMS": 5000 };
        let slow = db.fail_commands("alwaysOn", data);
        let mut purge = db.command(&["purge", "--expired", "-o", "json"]).start();
        slow.wait(1);
        purge.signal(name);
        let run = purge.wait().soon().exits(code);
        assert_eq!(run.stdout, "");
        drop(slow);
        assert_eq!(db.count("sessions", doc! {}), 100);
    }
}

#[test]
fn a_signal_while_a_rate_is_waited_for_ends_a_purge_soon() {
    let db = Db::new();
    db.insert("sessions", sessions(100, 0));
    let mut last = 100;
    leaves_soon(&db, &["purge", "--expired", "--rate", "1", "-o", "json"], &mut || {
        let now = dead(&db);
        let went = now < last;
        last = now;
        went
    });
    assert!(db.count("sessions", doc! {}) > 80);
}

#[test]
fn a_signal_while_it_waits_to_look_again_ends_a_purge_soon() {
    let db = Db::new();
    let arguments = ["purge", "--user", "42", "--verify", "60s", "--yes", "-o", "json"];
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        db.insert("sessions", sessions(3, 3));
        let mut purge = db.command(&arguments).start();
        db.await_count("sessions", doc! {}, 0);
        thread::sleep(Duration::from_millis(200));
        purge.signal(name);
        let report = purge.wait().soon().exits(code).json();
        assert_eq!((&report["stopped"], &report["deleted"]), (&"signal".into(), &6.into()));
    }
}

#[test]
fn a_signal_while_an_overloaded_server_is_left_alone_ends_a_purge_soon() {
    let db = Db::new();
    db.insert("sessions", sessions(100, 0));
    let data = doc! { "failCommands": ["delete"], "errorCode": 462 };
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let failing = db.fail_commands("alwaysOn", data.clone());
        let mut purge = db.command(&["purge", "--expired", "-o", "json"]).start();
        failing.wait(1);
        // By then it waits for longer than it takes to ask again.
        thread::sleep(Duration::from_millis(800));
        purge.signal(name);
        let run = purge.wait().soon().exits(code);
        assert_eq!(run.json()["deleted"], 0, "{run:#?}");
    }
    assert_eq!(db.count("sessions", doc! {}), 100);
}

#[test]
fn a_ctrl_c_leaves_the_terminal_as_it_was() {
    let db = Db::new();
    db.insert("sessions", sessions(500, 10));
    // The shell stays, to look at the terminal afterwards.
    let shell = "trap : INT; stty -a > $BEFORE; $sessionctl; echo code $?; stty -a > $AFTER";
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (before, after) = (file("before"), file("after"));
    let purge = db.command(&["purge", "--expired", "--rate", "20", "--yes"]);
    let purge = purge.env("BEFORE", &before).env("AFTER", &after);
    let run = purge.typed_on_terminal(shell, &[("sessions deleted 1", "\x03")]);
    assert!(run.stdout.contains("code 130"), "{run:#?}");
    assert!(run.stdout.contains("; interrupted with "), "the report: {run:#?}");
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    assert_eq!(read(&before), read(&after));
    // A cursor that was hidden is shown again.
    let (hidden, shown) = (run.stdout.rfind("\x1b[?25l"), run.stdout.rfind("\x1b[?25h"));
    assert!(hidden <= shown, "{run:#?}");
    let left = db.count("sessions", doc! {});
    assert!((11..510).contains(&left), "{left}");
}

#[test]
fn a_signal_while_a_delete_is_under_way_that_fails_then_ends_a_purge_as_asked() {
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let db = Db::new();
        db.insert("sessions", sessions(100, 0));
        let data = doc! {
            "failCommands": ["delete"], "blockConnection": true, "blockTimeMS": 500,
            "errorCode": 10107,
        };
        let failing = db.fail_commands("alwaysOn", data);
        let mut purge = db.command(&["purge", "--expired", "-o", "json"]).start();
        failing.wait(1);
        purge.signal(name);
        let report = purge.wait().soon().exits(code).json();
        drop(failing);
        assert_eq!(report["stopped"], "signal", "{report}");
        assert_eq!((&report["deleted"], &report["exact"]), (&0.into(), &true.into()), "{report}");
        assert_eq!(db.count("sessions", doc! {}), 100);
    }
}
