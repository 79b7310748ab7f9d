//! What goes wrong in the middle of a purge or of a restore, on real servers: whatever it is, every
//! expired session is gone at the end, no live one is lost, and the counts are honest.
//!
//! With `SESSIONCTL_LONG_TESTS=1` the tests of chance go on for longer.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use bson::{Document, doc};
use sessionctl::archive::{Archive, Reader};
use sessionctl::purge::{Purge, Step, Strategy};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::rig::ReplicaSet;
use crate::support::{Db, at, connect_mongo, eventually, now};

const TEST_COMMANDS: &[(&str, &str)] = &[("enableTestCommands", "1")];
const STRATEGIES: [Strategy; 3] = [Strategy::ExpiryWindows, Strategy::IdWindows, Strategy::Ids];

/// So many dead sessions, each of its own instant, and so many live ones.
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
        // The driver itself tries a few times more before it tells.
        let failing = db.fail_commands(doc! { "times": 14 }, overloaded);
        let arguments = purging(place.as_ref(), &["--batch-size", "50"]);
        let run = db.sessionctl(&arguments).exits(0).says("slowing down: the server says");
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
            (13, "this login may not run delete on ", true),
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
) -> Option<(TempDir, PathBuf)> {
    let place = arrange(db, strategy);
    // Some three seconds of batches, of which some are always under way.
    let gently = ["--rate", "2000", "--batch-size", "20"];
    let mut purge = db.command(&purging(place.as_ref(), &gently)).start();
    eventually(|| dead(db) < DEAD as u64 * 95 / 100);
    go_away(set);
    assert!(!purge.has_ended(), "it was in the middle");
    let report = purge.wait().exits(0).json();
    assert_eq!(dead(db), 0, "{strategy} {report}");
    assert_eq!(db.count("sessions", doc! {}), LIVE as u64, "{strategy} {report}");
    assert!(report["stopped"].is_null(), "{report}");
    let deleted = report["deleted"].as_u64().unwrap();
    assert!(deleted <= DEAD as u64, "{report}");
    assert!(report["exact"] == false || deleted == DEAD as u64, "{report}");
    // What nobody counted was not renewed for that.
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
    purge_while(set, &db, Strategy::ExpiryWindows, go_away);
    come_back(set);

    db.insert("sessions", sessions(DEAD, 0));
    let before = by_id(db.find("sessions", doc! {}));
    let (_folder, path) = purge_while(set, &db, Strategy::Ids, go_away).unwrap();
    let archived = archived(&path);
    assert!(archived.len() == DEAD && archived.iter().all(|id| id.starts_with("dead-")));
    come_back(set);

    let path = path.to_str().unwrap();
    let arguments = ["restore", path, "--yes", "-o", "json", "--batch-size", "10"];
    let mut restore = db.command(&arguments).start();
    eventually(|| dead(&db) > DEAD as u64 / 20);
    go_away(set);
    assert!(!restore.has_ended(), "it was in the middle");
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
    let mut restart = |set: &mut ReplicaSet| {
        set.restart(killed.get());
        set.await_health();
    };
    while_the_primary_goes_away(&mut set, &mut kill, &mut restart);
}
