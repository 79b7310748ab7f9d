//! Every write while its server has a fault at a random point: whatever it is, the report is what the
//! database shows. `SESSIONCTL_LONG_TESTS=1 cargo test --test it network::server -- --nocapture` makes
//! two hundred runs.

use std::collections::BTreeMap;
use std::time::Duration;

use bson::{Document, doc};
use serde_json::Value;
use sessionctl::mongod::{Mongod, Options};

use super::{dead, sessions};
use crate::proxy::Random;
use crate::rig::ReplicaSet;
use crate::support::{Db, Run, own_server};

const DEAD: usize = 400;
const LIVE: usize = 20;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Killed,
    CursorKilled,
    MaxTime,
    WriteConcern,
    StepDown,
    Interrupted,
    IndexHidden,
    IndexDropped,
    CollectionRenamed,
    CollectionDropped,
}

const FAULTS: [Fault; 10] = [
    Fault::CursorKilled,
    Fault::MaxTime,
    Fault::WriteConcern,
    Fault::StepDown,
    Fault::Interrupted,
    Fault::Killed,
    Fault::IndexHidden,
    Fault::IndexDropped,
    Fault::CollectionRenamed,
    Fault::CollectionDropped,
];
/// Those for which there must be an index.
const OF_INDEXES: [Fault; 2] = [Fault::IndexHidden, Fault::IndexDropped];

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| value == "1")
}

#[test]
fn a_report_is_what_the_database_shows_whatever_its_server_does() {
    let is_long = is_set("SESSIONCTL_LONG_TESTS");
    let rounds = if is_long { 200 } else { 12 };
    let parameters = vec![("enableTestCommands".to_owned(), "1".to_owned())];
    let mut server = own_server(Options { parameters, ..Options::default() });
    let db = Db::on(&server.uri());
    let mut seen: BTreeMap<(Fault, String), u64> = BTreeMap::new();
    for seed in 0..rounds {
        let fault = FAULTS[seed as usize % FAULTS.len()];
        let mut random = Random(seed);
        let came_to = round(&mut server, &db, fault, &mut random, seed);
        *seen.entry((fault, came_to)).or_default() += 1;
    }
    tell(&format!("{rounds} rounds: {seen:#?}"));
}

#[expect(clippy::print_stdout, reason = "cargo test shows it with --nocapture")]
fn tell(figures: &str) {
    println!("{figures}");
}

fn round(server: &mut Mongod, db: &Db, fault: Fault, random: &mut Random, seed: u64) -> String {
    db.run(doc! { "dropDatabase": 1 });
    db.insert("sessions", sessions(DEAD, LIVE));
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.bson");
    let file = archive.to_str().unwrap();
    let with_index = random.below(2) == 0 || OF_INDEXES.contains(&fault);
    if with_index {
        db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
    }
    let with_archive = random.below(3) == 0;
    let mut arguments = vec!["purge", "--expired", "--batch-size", "20", "-o", "json"];
    arguments.extend(["--rate", "1500"]);
    if with_archive {
        arguments.extend(["--archive", file]);
    }
    let skip = random.below(12) as i64;
    let failing = |command: &[&str], mut data: Document| {
        data.insert("failCommands", command.to_vec());
        let mode = doc! { "skip": skip };
        // As often as `times`, after `skip`, is more than a fail point can say.
        db.fail_commands(mode, data)
    };
    let at = Duration::from_millis(50 + random.below(300));
    let run = match fault {
        Fault::CursorKilled
        | Fault::MaxTime
        | Fault::WriteConcern
        | Fault::StepDown
        | Fault::Interrupted => {
            let reads = ["find", "getMore", "delete"];
            let (commands, data) = match fault {
                Fault::CursorKilled => (&reads[1..2], doc! { "errorCode": 237 }),
                Fault::MaxTime => (&reads[..], doc! { "errorCode": 50 }),
                Fault::StepDown => (&reads[..], doc! { "errorCode": 189 }),
                Fault::Interrupted => (&reads[..], doc! { "errorCode": 11601 }),
                _ => {
                    let error = doc! { "code": 64, "errmsg": "waiting for replication timed out" };
                    (&reads[2..], doc! { "writeConcernError": error })
                }
            };
            let failing = failing(commands, data);
            let purge = db.command(&arguments).start();
            std::thread::sleep(at);
            drop(failing);
            purge.wait()
        }
        Fault::Killed => {
            let purge = db.command(&arguments).start();
            std::thread::sleep(at);
            server.kill();
            server.restart().unwrap();
            purge.wait()
        }
        Fault::IndexHidden
        | Fault::IndexDropped
        | Fault::CollectionRenamed
        | Fault::CollectionDropped => {
            let purge = db.command(&arguments).start();
            std::thread::sleep(at);
            match fault {
                Fault::IndexHidden => {
                    let hidden = doc! { "name": "expires_1", "hidden": true };
                    db.run(doc! { "collMod": "sessions", "index": hidden });
                }
                Fault::IndexDropped => {
                    db.run(doc! { "dropIndexes": "sessions", "index": "expires_1" });
                }
                Fault::CollectionRenamed => {
                    let names = (format!("{}.sessions", db.name), format!("{}.other", db.name));
                    db.admin(doc! { "renameCollection": names.0, "to": names.1 });
                }
                _ => drop(db.run(doc! { "drop": "sessions" })),
            }
            purge.wait()
        }
    };
    let case = format!("seed {seed}, {fault:?}, index {with_index}, archive {with_archive}");
    check(db, &run, fault, &case);
    format!("exit {:?}", run.code)
}

fn check(db: &Db, run: &Run, fault: Fault, case: &str) {
    assert!(run.signal.is_none() && !run.stderr.contains("panicked"), "{case}: {run:#?}");
    assert!(matches!(run.code, Some(0 | 1)), "{case}: {run:#?}");
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or(Value::Null);
    let said = report["deleted"].as_u64().unwrap_or(0);
    // Where the collection went, its sessions went with it.
    let collection = if fault == Fault::CollectionRenamed { "other" } else { "sessions" };
    if fault == Fault::CollectionDropped {
        assert!(said <= DEAD as u64, "{case}: {run:#?}");
        assert!(run.code == Some(1) || said == DEAD as u64, "{case}: {run:#?}");
        return;
    }
    let there = db.count(collection, doc! {});
    let gone = (DEAD + LIVE) as u64 - there;
    assert!(said <= gone, "{case}: said {said}, not {gone}: {run:#?}");
    if report["exact"] == true {
        assert_eq!(said, gone, "{case}: {run:#?}");
    }
    let live = db.count(collection, doc! { "_id": { "$regex": "^live-" } });
    assert_eq!(live, LIVE as u64, "{case}: {run:#?}");
    if run.code == Some(0) {
        assert_eq!(gone, DEAD as u64, "{case}: {run:#?}");
        assert_eq!(dead(db), 0, "{case}: {run:#?}");
    }
}

/// The same with a primary that really steps down.
#[test]
fn a_report_is_what_the_set_shows_after_its_primary_stepped_down() {
    if !is_set("SESSIONCTL_LONG_TESTS") {
        return;
    }
    let set = ReplicaSet::start(3, &[("enableTestCommands", "1")]);
    let db = Db::on(&set.uri());
    for seed in 0..20 {
        db.run(doc! { "dropDatabase": 1 });
        db.insert("sessions", sessions(DEAD, LIVE));
        let arguments =
            ["purge", "--expired", "--batch-size", "20", "--rate", "1000", "-o", "json"];
        let purge = db.command(&arguments).start();
        std::thread::sleep(Duration::from_millis(50 + Random(seed).below(300)));
        set.step_down();
        check(&db, &purge.wait(), Fault::StepDown, &format!("set, seed {seed}"));
    }
}
