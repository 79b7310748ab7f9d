//! A collection or an index that disappears in the middle of a purge: this is reported, and never
//! counted as renewed sessions.

use std::path::PathBuf;

use bson::doc;
use sessionctl::archive::Archive;
use sessionctl::error::Fate;
use sessionctl::mongod::Options;
use sessionctl::purge::{Purge, Step, Strategy};
use sessionctl::{Error, Key};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::{Db, at, becomes, connect_mongo, now, own_server};

const DEAD: usize = 3000;

fn fill(db: &Db) {
    db.insert(
        "sessions",
        (0..DEAD).map(|n| connect_mongo(&format!("dead-{n:05}"), at(-60 - n as i64))),
    );
    db.insert("sessions", (0..50).map(|n| connect_mongo(&format!("live-{n:05}"), at(3600))));
}

fn index(db: &Db) {
    db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
}

/// What makes a purge go this way; the archive, if that needs one.
fn arrange(db: &Db, strategy: Strategy) -> Option<(TempDir, PathBuf)> {
    if strategy == Strategy::ExpiryWindows {
        index(db);
    }
    (strategy == Strategy::Ids).then(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bson");
        (folder, path)
    })
}

/// What a purge came to.
struct Outcome {
    done: u64,
    spared: u64,
    lost_index: bool,
    ended: Result<(), Error>,
}

/// Purges in batches of 100, one at a time; `change` comes after the fifth.
fn purge_while(db: &Db, (strategy, named): (Strategy, bool), change: &dyn Fn(&Db)) -> Outcome {
    fill(db);
    let place = if named { None } else { arrange(db, strategy) };
    let store = db.store("connect-mongo-json");
    let mut purge = Purge::expired(at(0), at(0));
    (purge.batch_size, purge.jobs, purge.archive) = (Some(100), Some(1), place.is_some());
    // The last are missing, which is no fault of the collection.
    let keys = (0..DEAD + 10).map(|n| Key::from(&*format!("dead-{n:05}")));
    purge.selection.keys = named.then(|| keys.collect());
    let plan = db.runtime.block_on(store.plan(&purge)).unwrap();
    assert_eq!(plan.strategy, strategy);
    let mut purging = store.purge(purge, CancellationToken::new()).unwrap();
    if let Some((_, path)) = &place {
        purging = purging.archive_to(Archive::create(path).unwrap());
    }
    let (mut done, mut spared, mut batches) = (0, 0, 0);
    let ended = loop {
        match db.runtime.block_on(purging.next()) {
            Ok(None) => break Ok(()),
            Ok(Some(Step::Batch(batch))) => {
                done += batch.done;
                spared += batch.spared.unwrap_or(0);
                batches += 1;
                if batches == 5 {
                    change(db);
                }
            }
            Ok(Some(Step::Paused(_))) => {}
            Err(error) => break Err(error),
        }
    };
    Outcome { done, spared, lost_index: purging.lost_index(), ended }
}

fn rename(db: &Db, from: &str, to: &str) {
    let name = |collection: &str| format!("{}.{collection}", db.name);
    db.admin(doc! { "renameCollection": name(from), "to": name(to) });
}

/// Each way in which sessions are found; the last has their ids already.
const WAYS: [(Strategy, bool); 4] = [
    (Strategy::ExpiryWindows, false),
    (Strategy::IdWindows, false),
    (Strategy::Ids, false),
    (Strategy::Ids, true),
];

#[test]
fn a_collection_that_is_renamed_dropped_or_replaced_ends_a_purge_and_renews_nothing() {
    type Change = (&'static str, fn(&Db), fn(&str) -> Fate);
    let changes: [Change; 3] = [
        (
            "renamed",
            |db| rename(db, "sessions", "old"),
            |name| Fate::Renamed(format!("{name}.old")),
        ),
        ("dropped", |db| drop(db.run(doc! { "drop": "sessions" })), |_| Fate::Dropped),
        (
            "replaced",
            |db| {
                db.run(doc! { "drop": "sessions" });
                db.insert(
                    "sessions",
                    (0..300).map(|n| connect_mongo(&format!("new-{n}"), at(3600))),
                );
            },
            |_| Fate::Replaced,
        ),
    ];
    for way in WAYS {
        for (what, change, fate) in &changes {
            let case = format!("{way:?}, {what}");
            let db = Db::new();
            let outcome = purge_while(&db, way, &|db| change(db));
            assert_eq!(outcome.spared, 0, "{case}");
            match outcome.ended {
                Err(Error::CollectionChanged { namespace, fate: found }) => {
                    assert_eq!(namespace, format!("{}.sessions", db.name), "{case}");
                    assert_eq!(found, fate(&db.name), "{case}");
                }
                other => panic!("{case}: {other:?}"),
            }
            if *what == "renamed" {
                let left = db.count("old", doc! { "expires": { "$lt": now() } });
                assert_eq!(outcome.done + left, DEAD as u64, "{case}");
            }
            if *what == "replaced" {
                assert_eq!(db.count("sessions", doc! {}), 300, "{case}");
            }
        }
    }
}

#[test]
fn a_purge_whose_index_is_dropped_or_hidden_continues_without_it() {
    type Change = (&'static str, fn(&Db));
    let changes: [Change; 2] = [
        ("dropped", |db| drop(db.run(doc! { "dropIndexes": "sessions", "index": "expires_1" }))),
        ("hidden", |db| {
            let hidden = doc! { "name": "expires_1", "hidden": true };
            db.run(doc! { "collMod": "sessions", "index": hidden });
        }),
    ];
    for (what, change) in changes {
        let db = Db::new();
        let outcome = purge_while(&db, WAYS[0], &change);
        assert!(outcome.ended.is_ok(), "{what}: {:?}", outcome.ended);
        assert!(outcome.lost_index, "{what}");
        assert_eq!((outcome.done, outcome.spared), (DEAD as u64, 0), "{what}");
        assert_eq!(db.count("sessions", doc! {}), 50, "{what}");
    }
}

/// The server counts nothing of a delete that it ends on its way.
#[test]
fn an_index_that_is_dropped_in_the_middle_of_a_delete_makes_the_count_inexact() {
    let test_commands = vec![("enableTestCommands".to_owned(), "1".to_owned())];
    let server = own_server(Options { parameters: test_commands, ..Options::default() });
    let db = Db::on(&server.uri());
    // Few enough for one delete along the index.
    let dead = 900;
    db.insert("sessions", (0..dead).map(|n| connect_mongo(&format!("dead-{n:05}"), at(-60 - n))));
    index(&db);
    let purge = Purge::expired(at(0), at(0));
    let mut purging =
        db.store("connect-mongo-json").purge(purge, CancellationToken::new()).unwrap();
    db.admin(doc! { "setParameter": 1, "internalQueryExecYieldIterations": 50 });
    let hangs = |mode: &str| {
        let data = doc! {
            "namespace": format!("{}.sessions", db.name), "checkForInterruptAfterHang": true,
        };
        let point = "setYieldAllLocksHang";
        db.admin(doc! { "configureFailPoint": point, "mode": mode, "data": data });
    };
    let done = std::thread::scope(|scope| {
        let stands = db.hold_deletes();
        let deleting = scope.spawn(|| {
            let mut done = 0;
            while let Some(step) = db.runtime.block_on(purging.next()).unwrap() {
                done += if let Step::Batch(batch) = step { batch.done } else { 0 };
            }
            done
        });
        stands.wait_for_a_delete();
        hangs("alwaysOn");
        drop(stands);
        // A count by a query would stand there as well.
        let count = || db.run(doc! { "count": "sessions" }).get_i32("n").unwrap();
        becomes("some are deleted", count, |left| i64::from(*left) < dead);
        db.run(doc! { "dropIndexes": "sessions", "index": "expires_1" });
        hangs("off");
        deleting.join().unwrap()
    });
    assert!(purging.lost_index() && !purging.is_exact() && done < dead as u64, "{done}");
    assert_eq!(db.count("sessions", doc! {}), 0);
}

#[test]
fn the_program_says_what_became_of_a_collection_or_an_index_in_one_sentence() {
    for (change, code, said) in [
        ("rename", 1, " was renamed to "),
        ("index", 0, "the index that led to these sessions was dropped or hidden meanwhile"),
    ] {
        let db = Db::new();
        fill(&db);
        index(&db);
        let gently = [
            "purge",
            "--expired",
            "-o",
            "json",
            "--batch-size",
            "20",
            "--rate",
            "1000",
            "--jobs",
            "1",
        ];
        let purge = db.command(&gently).start();
        let dead = || db.count("sessions", doc! { "expires": { "$lt": now() } });
        becomes("a tenth was gone", dead, |left| *left < DEAD as u64 * 9 / 10);
        match change {
            "rename" => rename(&db, "sessions", "old"),
            _ => drop(db.run(doc! { "dropIndexes": "sessions", "index": "expires_1" })),
        }
        let run = purge.wait().exits(code).says(said).never_shows("Tree:").never_shows("Proj:");
        let report = run.json();
        assert_eq!(report["renewed"].as_u64().unwrap_or(0), 0, "{report}");
        let place = if change == "rename" { "old" } else { "sessions" };
        let left = db.count(place, doc! { "expires": { "$lt": now() } });
        assert_eq!(report["deleted"].as_u64().unwrap() + left, DEAD as u64, "{report}");
    }
}
