//! The order in which a purge finds its sessions: it changes on the way, and nothing is lost by that.

use std::collections::HashSet;
use std::time::Duration;

use bson::{Document, doc};
use sessionctl::Connection;
use sessionctl::archive::{Archive, Reader};
use sessionctl::purge::{Action, MaxLatency, Order, Pace, Purge, Step};
use sessionctl::{Query, Selection, State};
use tokio_util::sync::CancellationToken;

use crate::rig::ReplicaSet;
use crate::support::{Db, at, becomes, connect_mongo, with};

const EXPIRED: u64 = 4000;
const LIVE: u64 = 2000;

/// Expired and live sessions among each other.
fn arrange(db: &Db, indexed: bool) {
    if indexed {
        db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
    }
    let session = |number: u64| {
        let id = format!("{:08x}", number.wrapping_mul(2_654_435_761) % 0xffff_ffff);
        let seconds = i64::try_from(number).unwrap();
        match number % 3 {
            0 => connect_mongo(&id, at(600 + seconds)),
            _ => connect_mongo(&id, at(-60 - seconds * 7919 % 86_400)),
        }
    };
    db.insert("sessions", (0..EXPIRED + LIVE).map(session));
}

/// What a purge did that changes its order before each batch.
#[derive(Debug, PartialEq)]
struct Outcome {
    done: u64,
    spared: u64,
    /// Sessions that the server refused to change, and those that the archive cannot represent.
    left: u64,
    orders: HashSet<&'static str>,
}

fn run(db: &Db, purge: Purge, archive: Option<Archive>, mut between: impl FnMut(Order)) -> Outcome {
    let store = db.store("connect-mongo-json");
    let archives = archive.is_some();
    let purge_is_of_expired =
        purge.selection.query == Query::state(State::Expired) && purge.action == Action::Delete;
    let (batch_size, jobs, trial) = (Some(100), Some(4), Duration::ZERO);
    let purge = Purge { batch_size, jobs, trial, archive: archives, ..purge };
    let mut purging = store.purge(purge, CancellationToken::new()).unwrap();
    if let Some(archive) = archive {
        purging = purging.archive_to(archive);
    }
    let mut outcome = Outcome { done: 0, spared: 0, left: 0, orders: HashSet::new() };
    let is_of_expired = !archives && purge_is_of_expired;
    while let Some(step) = db.runtime.block_on(purging.next()).unwrap() {
        if let Step::Batch(batch) = step {
            outcome.done += batch.done;
            outcome.spared += batch.spared.unwrap_or(0);
            outcome.left += batch.refused + batch.kept;
            // The audit file tells of what was deleted unread.
            assert!(batch.window.is_some() == is_of_expired, "{batch:?}");
        }
        let order = purging.order();
        outcome.orders.insert(match order {
            Order::Index => "index",
            Order::Stored => "stored",
        });
        between(order);
    }
    // What was written of a batch with a session that is refused is not known.
    assert!(purging.is_finished() && (purging.is_exact() || outcome.left > 0));
    outcome
}

fn both(done: u64) -> Outcome {
    Outcome { done, spared: 0, left: 0, orders: ["index", "stored"].into() }
}

fn live() -> Document {
    doc! { "expires": { "$gt": at(0) } }
}

#[test]
fn a_purge_that_changes_its_order_on_the_way_deletes_each_expired_session_once() {
    for indexed in [true, false] {
        let db = Db::new();
        arrange(&db, indexed);
        let outcome = run(&db, Purge::expired(at(0), at(0)), None, |_| {});
        assert_eq!(outcome, both(EXPIRED), "index: {indexed}");
        assert_eq!(db.count("sessions", doc! {}), LIVE, "index: {indexed}");
        assert_eq!(db.count("sessions", live()), LIVE, "index: {indexed}");
    }
}

#[test]
fn a_gentle_purge_of_many_sessions_changes_over_to_the_stored_order_and_stays_there() {
    let db = Db::new();
    arrange(&db, true);
    let goal = MaxLatency::Within(Duration::from_secs(60));
    let purge = Purge {
        batch_size: Some(100),
        jobs: Some(1),
        trial: Duration::from_millis(20),
        pace: Pace { max_latency: goal, ..Pace::default() },
        ..Purge::expired(at(0), at(0))
    };
    let store = db.store("connect-mongo-json");
    let mut purging = store.purge(purge, CancellationToken::new()).unwrap();
    let mut orders = Vec::new();
    while db.runtime.block_on(purging.next()).unwrap().is_some() {
        orders.push(purging.order());
    }
    orders.dedup();
    // On a busy machine, the index's turn is over with the first batch. At the end it is asked for sessions
    // that expired meanwhile.
    let since_stored = orders.iter().skip_while(|order| **order == Order::Index);
    let since_stored: Vec<_> = since_stored.copied().collect();
    assert!(
        matches!(&*since_stored, [Order::Stored] | [Order::Stored, Order::Index]),
        "{orders:?}"
    );
    assert_eq!((db.count("sessions", doc! {}), db.count("sessions", live())), (LIVE, LIVE));
}

#[test]
fn a_long_purge_says_with_v_alone_that_it_goes_by_the_stored_order() {
    for more in [&[][..], &["-v"]] {
        let db = Db::new();
        db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
        let session = |number: i64| connect_mongo(&format!("{number:08}"), at(-60 - number));
        db.insert("sessions", (0..80_000).map(session));
        let purge = ["purge", "--expired", "--max-latency", "off"];
        let run = db.sessionctl(&[&purge, more].concat()).exits(0);
        assert_eq!(run.stderr.contains("storage order"), more.len() == 1, "{}", run.stderr);
        assert_eq!(db.count("sessions", doc! {}), 0);
    }
}

#[test]
fn what_was_read_as_it_is_stored_is_not_read_again_along_the_id() {
    let db = Db::new();
    arrange(&db, false);
    db.run(doc! { "profile": 2 });
    let outcome = run(&db, Purge::expired(at(0), at(0)), None, |_| {});
    db.run(doc! { "profile": 0 });
    assert_eq!(outcome, both(EXPIRED));
    let operations = db.find("system.profile", doc! {});
    let command = |operation: &Document| operation.get_document("command").cloned().unwrap();
    let is_stored = |operation: &Document| {
        let of_cursor = operation.get_document("originatingCommand").ok();
        let hint = of_cursor.unwrap_or(&command(operation)).get_document("hint").cloned();
        hint.is_ok_and(|hint| hint.contains_key("$natural"))
    };
    let last = operations.iter().rposition(is_stored).expect("a read in the stored order");
    let windows = |some: &[Document]| {
        some.iter().filter(|operation| command(operation).contains_key("skip")).count()
    };
    assert!(windows(&operations[..last]) > 0, "no window along the id was looked for");
    // The last batch of the stored order may be read before its turn is over.
    assert!(windows(&operations[last..]) <= 1);
}

#[test]
fn what_is_written_is_read_from_the_primary_wherever_reads_go() {
    let set = ReplicaSet::start(2, &[("enableTestCommands", "1")]);
    let db = Db::on(&set.uri());
    // Settled before the secondary stays behind.
    db.insert("settled", [doc! { "_id": 1 }]);
    set.fall_behind(1);
    let gone = doc! { "insert": "sessions", "documents": [connect_mongo("gone", at(-60))], "writeConcern": { "w": 1 } };
    db.run(gone);
    let uri = format!("{}&readPreference=secondary", set.uri());
    let connection = db.runtime.block_on(Connection::open(&uri, Some(&db.name))).unwrap();
    let layout = sessionctl::Layout::named("connect-mongo-json").unwrap().clone();
    let selection = Selection::new(Query::state(State::Expired), at(0));
    let purge = Purge::new(selection, Action::Delete);
    let store = connection.store("sessions", layout);
    let mut purging = store.purge(purge, CancellationToken::new()).unwrap();
    let done = std::thread::scope(|scope| {
        let done = scope.spawn(|| {
            let mut done = 0;
            while let Some(step) = db.runtime.block_on(purging.next()).unwrap() {
                done += if let Step::Batch(batch) = step { batch.done } else { 0 };
            }
            done
        });
        becomes("it was deleted", || db.count("sessions", doc! {}), |left| *left == 0);
        set.catch_up(1);
        done.join().unwrap()
    });
    assert_eq!(done, 1);
}

#[test]
fn a_session_that_only_the_primary_has_is_chosen_wherever_reads_go() {
    let set = ReplicaSet::start(2, &[("enableTestCommands", "1")]);
    let mut db = Db::on(&set.uri());
    db.uri = format!("{}&readPreference=secondary", db.uri);
    let of_mallory =
        |id| with(connect_mongo(id, at(600)), doc! { "session": r#"{"userId":"mallory"}"# });
    let insert = |id, w| {
        let concern = doc! { "w": w };
        db.run(
            doc! { "insert": "sessions", "documents": [of_mallory(id)], "writeConcern": concern },
        );
    };
    insert("old", 2);
    set.fall_behind(1);
    insert("new", 1);
    let expire = ["expire", "--user", "mallory", "--yes", "-o", "json"];
    let report = std::thread::scope(|scope| {
        let expiring = scope.spawn(|| db.sessionctl(&expire).exits(0).json());
        becomes("both are over", || db.count("sessions", live()), |left| *left == 0);
        set.catch_up(1);
        expiring.join().unwrap()
    });
    assert_eq!(report["expired"], 2);
}

#[test]
fn an_archive_has_each_session_once_whatever_the_order() {
    let db = Db::new();
    arrange(&db, true);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive.bson");
    let archive = Some(Archive::create(&path).unwrap());
    let outcome = run(&db, Purge::expired(at(0), at(0)), archive, |_| {});
    assert_eq!(outcome, both(EXPIRED));
    let archived: Vec<_> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
    let ids: HashSet<_> = archived.iter().map(|one| one.get_str("_id").unwrap()).collect();
    assert_eq!((archived.len() as u64, ids.len() as u64), (EXPIRED, EXPIRED));
    assert_eq!(db.count("sessions", live()), LIVE);
}

#[test]
fn sessions_are_expired_once_whatever_the_order() {
    let db = Db::new();
    arrange(&db, true);
    let selection = Selection::new(Query::state(State::Live), at(0));
    let outcome = run(&db, Purge::new(selection, Action::Expire), None, |_| {});
    assert_eq!(outcome, both(LIVE));
    assert_eq!(db.count("sessions", live()), 0);
    assert_eq!(db.count("sessions", doc! {}), EXPIRED + LIVE);
}

#[test]
fn a_cursor_in_the_stored_order_that_is_lost_is_opened_again() {
    let db = Db::new();
    arrange(&db, true);
    let mut killed = 0;
    let outcome = run(&db, Purge::expired(at(0), at(0)), None, |_| {
        if killed < 3 {
            killed += kill_cursors(&db);
        }
    });
    assert!(killed > 0, "no cursor was open");
    assert_eq!(outcome, both(EXPIRED));
    assert_eq!(db.count("sessions", live()), LIVE);
}

#[test]
fn a_session_that_cannot_be_changed_or_archived_counts_once_whatever_the_order() {
    let db = Db::new();
    arrange(&db, true);
    // As many as are refused at most.
    let stuck: Vec<_> = db.find("sessions", live()).into_iter().take(100).collect();
    let stuck: Vec<_> = stuck.iter().map(|session| session.get_str("_id").unwrap()).collect();
    let mark = doc! { "$set": { "stuck": true } };
    let update = doc! { "q": { "_id": { "$in": &stuck } }, "u": mark, "multi": true };
    db.run(doc! { "update": "sessions", "updates": [update] });
    let validator =
        doc! { "$or": [{ "stuck": { "$exists": false } }, { "expires": { "$gt": at(60) } }] };
    db.run(doc! { "collMod": "sessions", "validator": validator });
    let selection = Selection::new(Query::state(State::Live), at(0));
    let outcome = run(&db, Purge::new(selection, Action::Expire), None, |_| {});
    assert_eq!(outcome, Outcome { left: 100, ..both(LIVE - 100) });
    assert_eq!(db.count("sessions", live()), 100);

    // JSON cannot represent an id that is not UTF-8.
    let db = Db::new();
    arrange(&db, true);
    for number in 0..40 {
        db.insert_broken("sessions", connect_mongo(&format!("?-{number:02}"), at(-60 - number)));
    }
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::create(&folder.path().join("archive.ndjson")).unwrap();
    let outcome = run(&db, Purge::expired(at(0), at(0)), Some(archive), |_| {});
    assert_eq!(outcome, Outcome { left: 40, ..both(EXPIRED) });
    assert_eq!(db.count("sessions", doc! {}), LIVE + 40);
}

/// As if the next session that matches were a million documents away.
#[test]
fn a_read_in_the_stored_order_that_finds_nothing_for_long_is_ended_and_the_index_goes_on() {
    let db = Db::new();
    arrange(&db, true);
    let namespace = format!("{}.sessions", db.name);
    let point = |mode: &str| {
        let data = doc! { "nss": &namespace, "shouldCheckForInterrupt": true };
        let name = "waitAfterPinningCursorBeforeGetMoreBatch";
        db.admin(doc! { "configureFailPoint": name, "mode": mode, "data": data });
    };
    let mut reads = 0;
    let outcome = run(&db, Purge::expired(at(0), at(0)), None, |order| {
        if order == Order::Stored {
            reads += 1;
            point("alwaysOn");
        }
    });
    let of_ours = doc! { "ns": &namespace, "command.getMore": { "$exists": true } };
    let operations = db.admin(doc! { "currentOp": true, "$all": true, "$or": [of_ours] });
    point("off");
    assert_eq!(outcome, both(EXPIRED));
    assert!(reads > 0);
    assert_eq!(operations.get_array("inprog").unwrap().len(), 0, "the server goes on reading");
    assert_eq!((db.count("sessions", doc! {}), db.count("sessions", live())), (LIVE, LIVE));
}

/// Kills the cursors on the collection; returns how many.
fn kill_cursors(db: &Db) -> usize {
    let namespace = format!("{}.sessions", db.name);
    let command = doc! {
        "aggregate": 1,
        "pipeline": [
            { "$currentOp": { "idleCursors": true, "allUsers": true } },
            { "$match": { "type": "idleCursor", "ns": namespace } },
        ],
        "cursor": {},
    };
    let reply = db.admin(command);
    let found = reply.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
    let ids = found.iter().map(|found| {
        let cursor = found.as_document().unwrap().get_document("cursor").unwrap();
        cursor.get_i64("cursorId").unwrap()
    });
    let ids: Vec<i64> = ids.collect();
    if !ids.is_empty() {
        db.run(doc! { "killCursors": "sessions", "cursors": ids.clone() });
    }
    ids.len()
}
