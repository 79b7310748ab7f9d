//! The order in which a purge finds its sessions: it changes on the way, and nothing is lost by that.

use std::collections::HashSet;
use std::time::Duration;

use bson::{Document, doc};
use sessionctl::archive::{Archive, Reader};
use sessionctl::purge::{Action, Order, Purge, Step};
use sessionctl::{Query, Selection, State};
use tokio_util::sync::CancellationToken;

use crate::support::{Db, at, connect_mongo};

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
    orders: HashSet<&'static str>,
}

fn run(db: &Db, purge: Purge, archive: Option<Archive>, mut between: impl FnMut(Order)) -> Outcome {
    let store = db.store("connect-mongo-json");
    let archives = archive.is_some();
    let (batch_size, jobs, trial) = (Some(100), Some(4), Duration::ZERO);
    let purge = Purge { batch_size, jobs, trial, archive: archives, ..purge };
    let mut purging = store.purge(purge, CancellationToken::new()).unwrap();
    if let Some(archive) = archive {
        purging = purging.archive_to(archive);
    }
    let mut outcome = Outcome { done: 0, spared: 0, orders: HashSet::new() };
    while let Some(step) = db.runtime.block_on(purging.next()).unwrap() {
        if let Step::Batch(batch) = step {
            outcome.done += batch.done;
            outcome.spared += batch.spared.unwrap_or(0);
        }
        let order = purging.order();
        outcome.orders.insert(match order {
            Order::Index => "index",
            Order::Stored => "stored",
        });
        between(order);
    }
    assert!(purging.is_finished() && purging.is_exact());
    outcome
}

fn both(done: u64) -> Outcome {
    Outcome { done, spared: 0, orders: ["index", "stored"].into() }
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
