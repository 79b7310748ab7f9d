//! `copy --follow`: what changes at the source reaches the target, unless the target changed it since.

use bson::{Document, doc};
use serde_json::json;

use crate::rig::ReplicaSet;
use crate::support::{Db, Running, at, becomes, connect_mongo, with};

pub(super) const FOLLOWS: [&str; 6] =
    ["copy", "--follow", "--to-collection", "copies", "--layout", "connect-mongo-json"];

/// Begins to follow, and waits until everything was copied.
pub(super) fn follow(db: &Db, more: &[&str]) -> Running {
    let arguments = [&FOLLOWS[..], &["--yes", "-o", "json"], more].concat();
    let mut running = db.command(&arguments).start();
    running.await_said("; following: ");
    running
}

pub(super) fn of(id: &str, user: &str, seconds: i64) -> Document {
    let text = json!({ "cookie": {}, "userId": user }).to_string();
    with(connect_mongo(id, at(seconds)), doc! { "session": text })
}

pub(super) fn set(db: &Db, collection: &str, id: &str, set: Document) {
    db.update(collection, doc! { "_id": id }, doc! { "$set": set });
}

pub(super) fn delete(db: &Db, collection: &str, id: &str) {
    let collection = db.collection(collection);
    let deleted = collection.delete_one(doc! { "_id": id }).into_future();
    assert_eq!(db.runtime.block_on(deleted).unwrap().deleted_count, 1);
}

/// The user and the expiry of a session, if it is there.
pub(super) fn there(db: &Db, id: &str) -> Option<(String, bson::DateTime)> {
    let found = db.find("copies", doc! { "_id": id }).pop()?;
    let user = match found.get("session").unwrap() {
        bson::Bson::String(text) => {
            let payload: serde_json::Value = serde_json::from_str(text).unwrap();
            payload["userId"].as_str().unwrap().to_owned()
        }
        payload => payload.as_document().unwrap().get_str("userId").unwrap().to_owned(),
    };
    Some((user, *found.get_datetime("expires").unwrap()))
}

#[track_caller]
pub(super) fn is_there(db: &Db, id: &str, user: &str, expires: bson::DateTime) {
    let wanted = Some((user.to_owned(), expires));
    becomes(&format!("{id} is as at the source"), || there(db, id), |seen| *seen == wanted);
}

#[track_caller]
fn is_gone(db: &Db, id: &str) {
    becomes(&format!("{id} is gone"), || there(db, id), Option::is_none);
}

/// A TTL index that does not act during a test. A plain index would be made one that does.
fn never() -> Document {
    doc! { "key": { "expires": 1 }, "name": "expires_1", "expireAfterSeconds": 1_000_000_000 }
}

const ALL: [&str; 6] = ["renewed", "expired", "deleted", "taken", "ended", "quiet"];

/// Each of what may happen at either side; the later expiry of what is renewed.
fn every_change_arrives(db: &Db) {
    let (soon, later, past) = (at(900), at(1800), at(-900));
    let before = there(db, "quiet").unwrap().1;
    set(db, "sessions", "renewed", doc! { "expires": later });
    is_there(db, "renewed", "ann", later);
    // A log-out by the expiry goes back in time.
    set(db, "sessions", "expired", doc! { "expires": past });
    is_there(db, "expired", "ann", past);
    delete(db, "sessions", "deleted");
    is_gone(db, "deleted");
    db.insert("sessions", [of("new", "bob", 600)]);
    becomes("a new one is there", || there(db, "new"), Option::is_some);
    // What belongs to the target is left alone, whatever the source does.
    set(db, "copies", "taken", doc! { "expires": soon });
    set(db, "sessions", "taken", doc! { "expires": later });
    delete(db, "copies", "ended");
    set(db, "sessions", "ended", doc! { "expires": later });
    // Whatever came before has been dealt with when this is there.
    db.insert("sessions", [of("last", "bob", 600)]);
    becomes("the last one is there", || there(db, "last"), Option::is_some);
    set(db, "sessions", "last", doc! { "expires": later });
    is_there(db, "last", "bob", later);
    assert_eq!(there(db, "taken").unwrap().1, soon);
    assert_eq!(there(db, "ended"), None);
    assert_eq!(there(db, "quiet").unwrap().1, before);
    // A session that the target took over does not end with the source's.
    delete(db, "sessions", "taken");
    delete(db, "sessions", "last");
    is_gone(db, "last");
    assert_eq!(there(db, "taken").unwrap().1, soon);
    assert_eq!(db.count("copies", doc! { "a": 1 }), 0);
}

pub(super) fn before(db: &Db) {
    db.insert("sessions", ALL.map(|id| of(id, "ann", 600)));
    db.insert("sessions", [doc! { "_id": "foreign", "a": 1 }]);
}

#[test]
fn changes_at_the_source_arrive_in_the_same_layout_and_in_another_one() {
    let one = ReplicaSet::start(1, &[]);
    for layout in [&[][..], &["--to-layout", "express-session-object"]] {
        let db = Db::on(&one.uri());
        before(&db);
        // Or mongod deletes what is expired.
        db.run(doc! { "create": "copies" });
        let index = never();
        db.run(doc! { "createIndexes": "copies", "indexes": [index] });
        let mut running = follow(&db, layout);
        every_change_arrives(&db);
        running.signal("INT");
        let report = running.wait().exits(0).json();
        let counts = ["copied", "removed", "lost"].map(|key| report[key].as_u64().unwrap());
        assert_eq!(counts, [8, 2, 0], "{report}");
        assert!(report["replaced"].as_u64().unwrap() >= 3, "{report}");
        assert!(report["kept"].as_u64().unwrap() >= 1, "{report}");
        assert!(report["ended"].as_u64().unwrap() >= 1, "{report}");
        assert_eq!(report["stopped"], json!(null), "{report}");
    }
}

#[test]
fn without_a_change_stream_both_sides_are_compared_again_and_again() {
    let db = Db::new();
    before(&db);
    db.run(doc! { "create": "copies" });
    let index = never();
    db.run(doc! { "createIndexes": "copies", "indexes": [index] });
    let mut running = follow(&db, &[]);
    every_change_arrives(&db);
    running.signal("TERM");
    let run = running.wait().says("no change streams");
    // A pass may be under way.
    match run.json()["stopped"].as_str() {
        None => run.exits(0),
        Some(_) => run.exits(143),
    };
}

#[test]
fn a_copy_that_is_paused_while_it_follows_deletes_nothing_until_it_goes_on() {
    let one = ReplicaSet::start(1, &[]);
    let db = Db::on(&one.uri());
    before(&db);
    let folder = tempfile::tempdir().unwrap();
    let control = folder.path().join("control");
    std::fs::write(&control, "continue").unwrap();
    let mut running = follow(&db, &["--control", control.to_str().unwrap()]);
    std::fs::write(&control, "pause").unwrap();
    running.await_said("paused");
    delete(&db, "sessions", "deleted");
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert!(there(&db, "deleted").is_some());
    std::fs::write(&control, "continue").unwrap();
    is_gone(&db, "deleted");
    running.end();
}

/// What happened while no copy was running is made up for, in both directions.
#[test]
fn a_copy_that_was_killed_continues_where_it_was() {
    let one = ReplicaSet::start(1, &[]);
    let db = Db::on(&one.uri());
    before(&db);
    let mut running = follow(&db, &[]);
    running.child().kill().unwrap();
    running.wait();
    let (soon, later) = (at(900), at(1800));
    delete(&db, "sessions", "deleted");
    set(&db, "sessions", "renewed", doc! { "expires": later });
    set(&db, "copies", "taken", doc! { "expires": soon });
    set(&db, "sessions", "taken", doc! { "expires": later });
    delete(&db, "copies", "ended");
    set(&db, "sessions", "ended", doc! { "expires": later });
    db.insert("sessions", [of("new", "bob", 600)]);
    let running = follow(&db, &[]);
    is_there(&db, "renewed", "ann", later);
    is_gone(&db, "deleted");
    assert!(there(&db, "new").is_some());
    assert_eq!(there(&db, "taken").unwrap().1, soon);
    assert_eq!(there(&db, "ended"), None);
    assert_eq!(db.ids("copies"), ["expired", "new", "quiet", "renewed", "taken"]);
    running.end();
}

#[test]
fn only_selected_sessions_are_followed_and_what_was_copied_once_is_kept_up_to_date() {
    let one = ReplicaSet::start(1, &[]);
    let db = Db::on(&one.uri());
    db.insert("sessions", [of("a", "ann", 600), of("b", "bob", 600), of("c", "ann", -600)]);
    db.run(doc! { "create": "copies" });
    let index = never();
    db.run(doc! { "createIndexes": "copies", "indexes": [index] });
    let running = follow(&db, &["--user", "ann", "--live"]);
    assert_eq!(db.ids("copies"), ["a"]);
    db.insert("sessions", [of("d", "bob", 600), of("e", "ann", 600)]);
    becomes("ann's is there", || there(&db, "e"), Option::is_some);
    let past = at(-60);
    set(&db, "sessions", "a", doc! { "expires": past });
    is_there(&db, "a", "ann", past);
    delete(&db, "sessions", "e");
    is_gone(&db, "e");
    assert_eq!(db.ids("copies"), ["a"]);
    running.end();
}

#[test]
fn a_source_that_is_dropped_is_no_log_out_of_everybody() {
    let one = ReplicaSet::start(1, &[]);
    let db = Db::on(&one.uri());
    before(&db);
    let running = follow(&db, &[]);
    db.run(doc! { "drop": "sessions" });
    running.wait().exits(1).says("sessions was dropped");
    assert_eq!(db.count("copies", doc! {}), ALL.len() as u64);
}

#[test]
fn what_is_overwritten_or_deleted_at_the_target_is_archived_before() {
    let one = ReplicaSet::start(1, &[]);
    let db = Db::on(&one.uri());
    before(&db);
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("overwritten.ndjson");
    let running = follow(&db, &["--archive", archive.to_str().unwrap()]);
    let first = db.one("copies", "_id", "renewed");
    let deleted = db.one("copies", "_id", "deleted");
    let later = at(1800);
    set(&db, "sessions", "renewed", doc! { "expires": later });
    is_there(&db, "renewed", "ann", later);
    delete(&db, "sessions", "deleted");
    is_gone(&db, "deleted");
    running.end();
    let restore = ["restore", archive.to_str().unwrap(), "-c", "undone", "--yes"];
    db.sessionctl(&restore).exits(0);
    assert_eq!(db.one("undone", "_id", "renewed"), first);
    assert_eq!(db.one("undone", "_id", "deleted"), deleted);
    assert_eq!(db.count("undone", doc! {}), 2);
}

#[test]
fn only_one_copy_at_a_time_follows_a_source_into_a_target() {
    let one = ReplicaSet::start(1, &[]);
    let db = Db::on(&one.uri());
    before(&db);
    let mut first = follow(&db, &[]);
    let second = db.command(&[&FOLLOWS[..], &["--yes"]].concat()).run().exits(1);
    second.fails_in_one_sentence().says("another copy follows it already: ");
    db.insert("sessions", [of("new", "bob", 600)]);
    becomes("the first one follows still", || there(&db, "new").is_some(), |is| *is);
    // A successor waits until the lease of a killed one has run out, and no longer.
    first.child().kill().unwrap();
    first.wait();
    let mut next = db.command(&[&FOLLOWS[..], &["--yes"]].concat()).start();
    next.await_said("waiting for another copy");
    next.await_said("; following: ");
    // One that ends gives it back.
    next.signal("TERM");
    next.wait().exits(0);
    let mut last = follow(&db, &[]);
    last.signal("TERM");
    let run = last.wait().exits(0);
    assert!(!run.stderr.contains("waiting for another copy"), "{}", run.stderr);
    // Its record has no entry for a session that does not exist.
    let database = db.client.database(&db.name);
    let ledgers = database.list_collection_names().into_future();
    let ledgers = db.runtime.block_on(ledgers).unwrap();
    let ledger = ledgers.iter().find(|name| name.starts_with("sessionctl_copies_")).unwrap();
    assert_eq!(db.count(ledger, doc! { "_id": "sessionctl lease" }), 1);
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let db = Db::new();
    before(&db);
    for more in [&["--check"][..], &["--dry-run"], &["--user", "ann", "--keep", "1"]] {
        db.sessionctl(&[&FOLLOWS[..], &["--yes"], more].concat()).exits(2);
    }
    db.sessionctl(&FOLLOWS).exits(3).says("and each change that follows");
    let nothing = Db::new();
    nothing.run(doc! { "create": "sessions" });
    let follows = ["copy", "--follow", "--to-collection", "copies", "--yes"];
    let run = nothing.sessionctl(&follows).exits(1).fails_in_one_sentence();
    run.says("its layout is unknown");
}
