//! A plain index where the TTL index should be.

use bson::{Document, doc};
use sessionctl::index::{Aim, Change, Installed};

use super::older::Older;
use crate::support::{Db, at, session};

const LIVE: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const EXPIRED: &str = "BBBBBBBBBBBBBBBBBBBBBB";
const STAND_IN: &str = "sessionctl_stand_in";

fn plain() -> Document {
    doc! { "key": { "expires": 1 }, "name": "expires_1" }
}

/// A live session under an index on the expiry that never removes anything.
fn with_plain_index(db: &Db, layout: &str) {
    db.insert("sessions", [session(layout, LIVE, at(600))]);
    db.create_index("sessions", plain());
}

fn names(db: &Db) -> Vec<String> {
    let names = db.indexes("sessions").into_iter();
    names.map(|index| index.get_str("name").unwrap().to_owned()).collect()
}

#[track_caller]
fn is_installed(db: &Db) {
    let indexes = db.indexes("sessions");
    assert_eq!(names(db), ["expires_1"]);
    assert_eq!(indexes[0].get_i32("expireAfterSeconds").unwrap(), 0);
    assert_eq!(indexes[0].get_document("key").unwrap(), &doc! { "expires": 1 });
    db.insert("sessions", [session("connect-mongo-json", EXPIRED, at(-60))]);
    db.await_ids("sessions", &[LIVE]);
}

#[test]
fn a_plain_index_is_converted_in_place() {
    let db = Db::new();
    with_plain_index(&db, "connect-mongo-json");
    let status = db.sessionctl(&["index", "status", "-o", "json"]).exits(0).json();
    assert_eq!(status["state"], "missing");
    assert_eq!(status["found"]["name"], "expires_1");
    db.sessionctl(&["index", "install"]).exits(0).prints("to a TTL index");
    is_installed(&db);
}

#[test]
fn where_the_server_cannot_convert_it_another_stands_in_until_it_is_exchanged() {
    let older = Older::start();
    let db = older.db();
    with_plain_index(&db, "connect-mongo-json");
    {
        let _refusing = older.refuses(&db);
        db.sessionctl(&["index", "install"]).exits(0).prints("to a TTL index");
    }
    is_installed(&db);
}

#[test]
fn an_exchange_that_was_interrupted_is_gone_on_with() {
    let older = Older::start();
    // After so many changes: the refused one, the stand-in, the plain one dropped, the wanted one.
    for interrupted_after in 1..=4 {
        let db = older.db();
        with_plain_index(&db, "connect-mongo-json");
        let _refusing = older.refuses(&db);
        let store = db.store("connect-mongo-json");
        db.runtime.block_on(async {
            let mut changing = store.index_changing(Aim::Install, None);
            for _ in 0..interrupted_after {
                let change = changing.next().await.unwrap().unwrap();
                changing.apply(&change).await.unwrap();
            }
        });
        // Whatever is there deletes by the expiry, but for the first moment.
        let is_ttl = |index: &Document| index.contains_key("expireAfterSeconds");
        assert_eq!(db.indexes("sessions").iter().any(is_ttl), interrupted_after > 1);
        assert_eq!(names(&db).contains(&STAND_IN.to_owned()), interrupted_after > 1);
        db.sessionctl(&["index", "install"]).exits(0);
        is_installed(&db);
    }
}

#[test]
fn a_server_that_only_says_that_it_converts_is_not_asked_for_ever() {
    let db = Db::new();
    with_plain_index(&db, "connect-mongo-json");
    let store = db.store("connect-mongo-json");
    db.runtime.block_on(async {
        let mut changing = store.index_changing(Aim::Install, None);
        for _ in 0..8 {
            // Each time it is done, and each time undone.
            let change = changing.next().await.unwrap().unwrap();
            assert!(matches!(change, Change::Convert(_)), "{change:?}");
            changing.apply(&change).await.unwrap();
            store.index_remove("expires_1").await.unwrap();
            let again = doc! { "createIndexes": "sessions", "indexes": [plain()] };
            db.client.database(&db.name).run_command(again).await.unwrap();
        }
        let error = changing.next().await.unwrap_err();
        assert!(error.to_string().contains("does not apply them"), "{error}");
    });
}

#[test]
fn the_plain_index_that_the_store_itself_makes_stays_beside() {
    // express-mongodb 0.0.4 asks for it at each start, and would be refused (85) had we converted it.
    let layout = "express-mongodb-legacy";
    let db = Db::new();
    with_plain_index(&db, layout);
    let status = db.sessionctl(&["index", "status", "-o", "json"]).exits(0).json();
    assert_eq!(status["state"], "missing");
    assert!(status["found"].is_null(), "{status}");
    db.sessionctl(&["index", "install"]).exits(0).prints("created the TTL index of ");
    assert_eq!(names(&db), ["expires_1", "expires_-1"]);
    db.create_index("sessions", plain());
    db.insert("sessions", [session(layout, EXPIRED, at(-60))]);
    db.await_count("sessions", doc! { "sid": EXPIRED }, 0);
    assert_eq!(db.count("sessions", doc! { "sid": LIVE }), 1);
    db.sessionctl(&["index", "remove", "--yes"]).exits(0);
    assert_eq!(names(&db), ["expires_1"]);
}

#[test]
fn a_stores_plain_index_that_somebody_converted_differs_and_can_be_replaced() {
    let db = Db::new();
    with_plain_index(&db, "express-mongodb-legacy");
    let index = doc! { "name": "expires_1", "expireAfterSeconds": 0 };
    db.run(doc! { "collMod": "sessions", "index": index });
    let status = db.sessionctl(&["index", "status", "-o", "json"]).exits(0).json();
    assert_eq!(status["state"], "differs");
    assert_eq!(status["found"]["name"], "expires_1");
    db.sessionctl(&["index", "replace", "--yes"]).exits(0);
    assert_eq!(names(&db), ["expires_-1"]);
    db.create_index("sessions", plain());
}

/// Two applications that start at once make the same changes.
#[test]
fn an_index_that_another_process_dropped_first_is_dropped() {
    let db = Db::new();
    let store = db.store("express-mongodb-1");
    db.insert("sessions", [session("express-mongodb-1", "a", at(60))]);
    let mut changing = store.index_changing(Aim::Install, None);
    db.runtime.block_on(changing.apply(&Change::Drop("expiresAt_1".to_owned()))).unwrap();
    while let Some(change) = db.runtime.block_on(changing.next()).unwrap() {
        db.runtime.block_on(changing.apply(&change)).unwrap();
    }
    assert_eq!(changing.done(), Installed::Created);
}
