//! The store as tower-sessions' `SessionStore`: what is in the database is what
//! tower-sessions-mongodb-store 0.11 would have written, and nobody who logged out comes back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use serde_json::{Value, json};
use sessionctl::Store;
use sessionctl::mongod::{Mongod, Options};
use sessionctl::sweep::{Event, Sweep};
use time::{OffsetDateTime, UtcOffset};
use tokio::task::JoinSet;
use tower_sessions::session::{Id, Record};
use tower_sessions::{ExpiredDeletion as _, SessionStore};

use crate::clock::another_clock;
use crate::rig::ReplicaSet;
use crate::store::watched;
use crate::support::{Db, LAYOUTS, at, becomes, mongod_binary, now, session};

mod routes;

/// A record that expires so many seconds from now, at a moment that no date of BSON can hold.
fn record(seconds: i64) -> Record {
    let nanos = i128::from(at(seconds).timestamp_millis()) * 1_000_000 + 123_456;
    let data = json!({
        "user.id": "0193-42",
        "cart": { "items": [{ "sku": "TEE-XL", "qty": 2, "price": 19.5 }], "note": null },
        "views": 70_000, "balance": -129, "ok": true, "name": "Åsa Łuczak 🎉",
    });
    Record {
        id: Id::default(),
        data: serde_json::from_value(data).unwrap(),
        expiry_date: OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap(),
    }
}

/// What tower-sessions-mongodb-store 0.11 writes of it (its `save`).
fn as_the_real_store_writes(record: &Record) -> Document {
    let bytes = rmp_serde::to_vec(record).unwrap();
    let data = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes };
    let millis = record.expiry_date.unix_timestamp_nanos() / 1_000_000;
    let expires = DateTime::from_millis(millis.try_into().unwrap());
    doc! { "_id": record.id.to_string(), "data": data, "expireAt": expires }
}

fn bytes(document: &Document) -> Vec<u8> {
    RawDocumentBuf::try_from(document).unwrap().into_bytes()
}

/// The data, without the cookie that express-session's stores cannot do without.
fn without_cookie(mut record: Record) -> Record {
    record.data.remove("cookie");
    record
}

fn create(db: &Db, store: &Store, record: &mut Record) {
    db.runtime.block_on(SessionStore::create(store, record)).unwrap();
}

fn load(db: &Db, store: &Store, id: Id) -> Option<Record> {
    db.runtime.block_on(SessionStore::load(store, &id)).unwrap()
}

#[test]
fn documents_are_byte_for_byte_those_of_tower_sessions_mongodb_store() {
    let db = Db::new();
    let store = db.store("tower-sessions");
    let ahead = UtcOffset::from_hms(5, 30, 0).unwrap();
    let behind = UtcOffset::from_hms(-3, -30, 0).unwrap();
    for offset in [UtcOffset::UTC, ahead, behind] {
        let mut record = record(3600);
        record.expiry_date = record.expiry_date.to_offset(offset);
        create(&db, &store, &mut record);
        let stored = || db.one("sessions", "_id", &record.id.to_string());
        assert_eq!(bytes(&stored()), bytes(&as_the_real_store_writes(&record)), "{offset}");

        record.data.insert("again".into(), json!([1, "two", 3.0]));
        record.expiry_date += Duration::from_nanos(987_654_321);
        db.runtime.block_on(store.save(&record)).unwrap();
        assert_eq!(bytes(&stored()), bytes(&as_the_real_store_writes(&record)), "{offset}");
        assert_eq!(load(&db, &store, record.id), Some(record), "{offset}");
    }
}

#[test]
fn without_more_options_the_real_stores_collection_is_gone_on_with() {
    let db = Db::new();
    let options = sessionctl::tower_sessions::builder().uri(&db.uri).database(&db.name);
    let (store, guard) = db.runtime.block_on(options.open()).unwrap();
    assert!(guard.is_none());
    let mut record = record(3600);
    create(&db, &store, &mut record);
    let found = db.find("sessions", doc! {});
    assert_eq!(found, [as_the_real_store_writes(&record)]);
}

#[test]
fn what_the_real_store_wrote_is_loaded_whole_and_saved_as_it_was() {
    let text = std::fs::read_to_string(
        "tests/fixtures/tower-sessions/tower-sessions-mongodb-store-0.11.json",
    );
    let file: Value = serde_json::from_str(&text.unwrap()).unwrap();
    let documents = file["documents"].as_array().unwrap();
    assert_eq!(documents.len(), 3);
    for document in documents {
        let Bson::Document(fixture) = Bson::try_from(document.clone()).unwrap() else { panic!() };
        let data = fixture.get_binary_generic("data").unwrap();
        let real: Record = rmp_serde::from_slice(data).unwrap();

        let db = Db::new();
        let store = db.store("tower-sessions");
        let mut shifted = fixture.clone();
        shifted.insert("expireAt", at(3600));
        db.insert("sessions", [shifted]);
        let mut loaded = load(&db, &store, real.id).unwrap();
        assert_eq!((loaded.id, &loaded.data), (real.id, &real.data));
        let expires = loaded.expiry_date.unix_timestamp();
        assert!((expires - at(3600).timestamp_millis() / 1000).abs() < 60, "{expires}");

        loaded.expiry_date = real.expiry_date;
        db.runtime.block_on(store.save(&loaded)).unwrap();
        let saved = db.one("sessions", "_id", &real.id.to_string());
        assert_eq!(bytes(&saved), bytes(&as_the_real_store_writes(&loaded)));
        // The order of more than one key is a hash map's.
        match real.data.len() {
            1 => assert_eq!(bytes(&saved), bytes(&fixture)),
            _ => assert_eq!(bytes(&saved).len(), bytes(&fixture).len()),
        }
    }
}

#[test]
fn a_record_comes_back_as_it_was_in_every_layout() {
    for (layout, id, expires) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        let mut record = record(3600);
        create(&db, &store, &mut record);
        let stored = db.one("sessions", id, &record.id.to_string());
        let wanted = as_the_real_store_writes(&record);
        assert_eq!(stored.get(expires), wanted.get("expireAt"), "{layout}");
        if layout != "tower-sessions" {
            // A date has no more than milliseconds.
            let millis = wanted.get_datetime("expireAt").unwrap().timestamp_millis();
            let nanos = i128::from(millis) * 1_000_000;
            record.expiry_date = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap();
        }
        let loaded = load(&db, &store, record.id).map(without_cookie);
        assert_eq!(loaded.as_ref(), Some(&record), "{layout}");

        record.data.insert("views".into(), 1.into());
        db.runtime.block_on(store.save(&record)).unwrap();
        assert_eq!(load(&db, &store, record.id).map(without_cookie), Some(record), "{layout}");
        assert_eq!(db.count("sessions", doc! {}), 1, "{layout}");
    }
}

#[test]
fn deleting_is_for_good_and_what_is_not_there_is_no_error() {
    for (layout, id, _) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        let (mut record, mut other) = (record(3600), record(3600));
        assert_eq!(load(&db, &store, record.id), None, "{layout}");
        create(&db, &store, &mut record);
        create(&db, &store, &mut other);
        for _ in 0..2 {
            db.runtime.block_on(SessionStore::delete(&store, &record.id)).unwrap();
            assert_eq!(db.count("sessions", doc! { id: record.id.to_string() }), 0, "{layout}");
        }
        assert_eq!(load(&db, &store, record.id), None, "{layout}");
        assert!(load(&db, &store, other.id).is_some(), "{layout}");
    }
}

#[test]
fn create_draws_another_id_where_the_first_is_taken_and_overwrites_nothing() {
    for (layout, id, _) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        if id != "_id" {
            // Without the TTL index, which would remove the one that is over.
            db.create_index("sessions", doc! { "key": { id: 1 }, "name": "id", "unique": true });
        }
        for seconds in [3600, -3600] {
            // One that is over is still somebody's document.
            let mut taken = record(seconds);
            create(&db, &store, &mut taken);
            let before = db.one("sessions", id, &taken.id.to_string());
            let mut second = record(600);
            (second.id, second.data) = (taken.id, [("second".to_owned(), 2.into())].into());
            create(&db, &store, &mut second);
            assert_ne!(second.id, taken.id, "{layout}");
            assert_eq!(db.one("sessions", id, &taken.id.to_string()), before, "{layout}");
            let loaded = load(&db, &store, second.id).map(without_cookie).unwrap();
            assert_eq!(loaded.data, second.data, "{layout}");
            assert_eq!(db.count("sessions", doc! {}), 2, "{layout}");
            db.runtime.block_on(store.clear()).unwrap();
        }
    }
}

#[test]
fn where_no_id_is_accepted_create_gives_up() {
    let db = Db::new();
    let store = db.store("tower-sessions");
    db.create_index("sessions", doc! { "key": { "only": 1 }, "name": "only", "unique": true });
    create(&db, &store, &mut record(60));
    let refused = db.runtime.block_on(SessionStore::create(&store, &mut record(60)));
    assert!(refused.unwrap_err().to_string().contains("no new session"));
    assert_eq!(db.count("sessions", doc! {}), 1);
}

#[test]
fn saving_never_brings_back_what_was_deleted() {
    for (layout, ..) in LAYOUTS {
        for only_live in [false, true] {
            let db = Db::new();
            let store = db.store(layout).save_only_live(only_live);
            let mut record = record(3600);
            create(&db, &store, &mut record);
            db.runtime.block_on(SessionStore::delete(&store, &record.id)).unwrap();
            db.runtime.block_on(store.save(&record)).unwrap();
            assert_eq!(db.count("sessions", doc! {}), 0, "{layout}");
        }
    }
}

#[test]
fn saving_renews_what_was_over_meanwhile_unless_only_live_sessions_are_saved() {
    for (layout, id, expires) in LAYOUTS {
        for only_live in [false, true] {
            let db = Db::new();
            let store = db.store(layout).save_only_live(only_live);
            let mut record = record(3600);
            create(&db, &store, &mut record);
            let text = record.id.to_string();
            db.update("sessions", doc! { id: &text }, doc! { "$set": { expires: at(-1) } });
            let before = db.one("sessions", id, &text);
            db.runtime.block_on(store.save(&record)).unwrap();
            let stays = db.one("sessions", id, &text) == before;
            assert_eq!(stays, only_live, "{layout}");
            assert_eq!(load(&db, &store, record.id).is_none(), only_live, "{layout}");
        }
    }
}

#[test]
fn a_load_a_save_and_a_create_are_one_operation_each() {
    let db = Db::new();
    let store = db.store("tower-sessions");
    let mut record = record(3600);
    let create = watched(&db, || create(&db, &store, &mut record));
    let load = watched(&db, || drop(load(&db, &store, record.id)));
    record.data.insert("views".to_owned(), json!(70_001));
    let save = watched(&db, || db.runtime.block_on(store.save(&record)).unwrap());
    for (operations, kind) in [(create, "update"), (load, "query"), (save, "update")] {
        assert_eq!(operations.len(), 1, "{operations:?}");
        assert_eq!(operations[0].get_str("op").unwrap(), kind);
    }
}

/// A server whose clock is wrong by so many seconds.
fn server_with_clock(offset: i64) -> (Mongod, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("mongod");
    let (clock, mongod) = (another_clock().display(), mongod_binary().display());
    let line =
        format!("#!/bin/sh\nLD_PRELOAD='{clock}' CLOCK_OFFSET={offset} exec '{mongod}' \"$@\"\n");
    std::fs::write(&script, line).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&script, executable).unwrap();
    let server = Mongod::start(&script, Options::default()).unwrap();
    (server, folder)
}

#[test]
fn whether_a_session_is_over_is_said_by_the_servers_clock_and_not_by_ours() {
    const DAY: i64 = 86_400;
    for (offset, lives) in [(DAY, false), (-DAY, true)] {
        let (server, _folder) = server_with_clock(offset);
        let db = Db::on(&server.uri());
        let theirs = db.admin(doc! { "hello": 1 }).get_datetime("localTime").copied().unwrap();
        let ahead = (theirs.timestamp_millis() - now().timestamp_millis()) / 1000;
        assert!((ahead - offset).abs() < 60, "the server's clock is {ahead} s ahead");

        let store = db.store("tower-sessions").save_only_live(true);
        // Over, or not, by our clock: the other way round by the server's.
        let mut record = record(if lives { -3600 } else { 3600 });
        create(&db, &store, &mut record);
        let before = db.find("sessions", doc! {});
        assert_eq!(load(&db, &store, record.id).is_some(), lives);
        record.data.clear();
        db.runtime.block_on(store.save(&record)).unwrap();
        assert_eq!(db.find("sessions", doc! {}) != before, lives);
        db.runtime.block_on(store.delete_expired()).unwrap();
        assert_eq!(db.count("sessions", doc! {}), u64::from(lives));
    }
}

#[test]
fn a_write_whose_connection_breaks_is_done_once_and_is_no_error() {
    let set = ReplicaSet::start(1, &[("enableTestCommands", "1")]);
    let db = Db::on(&set.uri());
    let store = db.store("tower-sessions");
    let mut first = record(3600);
    let breaks = |command: &str| {
        let lost = doc! { "failCommands": [command], "closeConnection": true };
        db.fail_commands(doc! { "times": 1 }, lost)
    };
    let broken = breaks("update");
    create(&db, &store, &mut first);
    broken.wait(1);
    drop(broken);
    assert_eq!(db.ids("sessions"), [first.id.to_string()]);
    let broken = breaks("find");
    assert!(load(&db, &store, first.id).is_some());
    broken.wait(1);
    drop(broken);
    first.data.insert("more".to_owned(), 1.into());
    let broken = breaks("update");
    db.runtime.block_on(store.save(&first)).unwrap();
    broken.wait(1);
    drop(broken);
    assert_eq!(db.find("sessions", doc! {}), [as_the_real_store_writes(&first)]);
    let broken = breaks("delete");
    db.runtime.block_on(SessionStore::delete(&store, &first.id)).unwrap();
    broken.wait(1);
    drop(broken);
    assert_eq!(db.count("sessions", doc! {}), 0);

    // With an id that is not `_id`, the delete is one of many, which the driver does not repeat.
    let store = db.store("express-mongodb-legacy");
    create(&db, &store, &mut first);
    assert_eq!(db.count("sessions", doc! {}), 1);
    for lost in [doc! { "closeConnection": true }, doc! { "errorCode": 10107 }] {
        let mut first = record(3600);
        create(&db, &store, &mut first);
        let mut lost = lost;
        lost.insert("failCommands", vec!["delete"]);
        let broken = db.fail_commands(doc! { "times": 1 }, lost);
        assert!(db.runtime.block_on(store.destroy(&first.id.to_string())).unwrap());
        broken.wait(1);
        drop(broken);
        assert_eq!(db.count("sessions", doc! { "sid": first.id.to_string() }), 0);
    }
}

/// 64 tasks at once, each of which gets its number.
fn at_once<F: Future<Output = ()> + Send + 'static>(db: &Db, task: impl Fn(usize) -> F) {
    db.runtime.block_on(async {
        let tasks: JoinSet<()> = (0..64).map(task).collect();
        tasks.join_all().await;
    });
}

#[test]
fn of_64_creations_under_one_id_none_is_lost() {
    for (layout, ..) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        db.runtime.block_on(store.install_indexes()).unwrap();
        let id = Id::default();
        let made = Arc::new(Mutex::new(Vec::new()));
        at_once(&db, |number| {
            let (store, made) = (store.clone(), made.clone());
            async move {
                let data = [("number".to_owned(), number.into())].into();
                let mut record = Record { id, data, ..record(3600) };
                SessionStore::create(&store, &mut record).await.unwrap();
                made.lock().unwrap().push(record);
            }
        });
        assert_eq!(db.count("sessions", doc! {}), 64, "{layout}");
        let made = made.lock().unwrap();
        for record in made.iter() {
            let loaded = load(&db, &store, record.id).unwrap();
            assert_eq!(loaded.data["number"], record.data["number"], "{layout}");
        }
        assert_eq!(made.iter().filter(|record| record.id == id).count(), 1, "{layout}");
    }
}

#[test]
fn of_64_tasks_on_one_session_none_revives_it_once_it_is_destroyed() {
    for (layout, ..) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        for round in 0..4 {
            let mut record = record(3600);
            create(&db, &store, &mut record);
            at_once(&db, |number| {
                let (store, id) = (store.clone(), record.id);
                async move {
                    // One logs out while the others are somewhere between load and save.
                    if number == 32 {
                        return SessionStore::delete(&store, &id).await.unwrap();
                    }
                    let loaded = SessionStore::load(&store, &id).await.unwrap();
                    let Some(mut record) = loaded else { return };
                    record.data.insert("last".to_owned(), number.into());
                    match number % 2 {
                        0 => store.save(&record).await.unwrap(),
                        _ => {
                            let hour = sessionctl::Expiry::After(Duration::from_secs(3600));
                            store.touch(&id.to_string(), hour).await.unwrap();
                        }
                    }
                }
            });
            assert_eq!(db.count("sessions", doc! {}), 0, "{layout} {round}");
        }
    }
}

#[test]
fn expired_sessions_are_deleted_and_counted_and_the_others_are_left() {
    for (layout, ..) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        let lives = [-3600, -1, 600, 3600].map(|seconds| (format!("in {seconds}"), at(seconds)));
        db.insert("sessions", lives.map(|(id, at)| session(layout, &id, at)));
        assert_eq!(db.runtime.block_on(store.clear_expired()).unwrap(), 2, "{layout}");
        assert_eq!(db.count("sessions", doc! {}), 2, "{layout}");
        db.runtime.block_on(store.delete_expired()).unwrap();
        assert_eq!(db.count("sessions", doc! {}), 2, "{layout}");
    }
}

#[test]
fn the_deletion_task_goes_on_after_errors_of_every_kind() {
    let db = Db::new();
    let store = db.store("tower-sessions");
    let insert = |id: &str| db.insert("sessions", [session("tower-sessions", id, at(-1))]);
    db.insert("sessions", [session("tower-sessions", "live", at(600))]);
    let entered = db.runtime.enter();
    let period = Duration::from_millis(100);
    let task = db.runtime.spawn(store.continuously_delete_expired(period));
    // 13 is a right that is missing for a while; 91 a server that shuts down.
    for code in [13, 91, 2] {
        let failing = doc! { "failCommands": ["delete"], "errorCode": code };
        let fault = db.fail_commands("alwaysOn", failing);
        insert("expired");
        fault.wait(2);
        assert_eq!(db.ids("sessions"), ["expired", "live"], "{code}");
        drop(fault);
        db.await_ids("sessions", &["live"]);
        assert!(!task.is_finished(), "{code}");
    }
    task.abort();
    drop(entered);
}

#[test]
fn a_sweep_of_a_store_tells_what_it_deleted() {
    let db = Db::new();
    let store = db.store("tower-sessions");
    db.insert("sessions", (0..7).map(|n| session("tower-sessions", &n.to_string(), at(-1))));
    let deleted = Arc::new(Mutex::new(Vec::new()));
    let entered = db.runtime.enter();
    let sweep = Sweep { interval: Duration::from_millis(50), ..Sweep::default() };
    let told = deleted.clone();
    let guard = store.sweep(sweep, move |event| {
        if let Event::Passed(pass) = event {
            told.lock().unwrap().push(pass.deleted);
        }
    });
    becomes("two passes were told of", || deleted.lock().unwrap().len(), |told| *told >= 2);
    db.runtime.block_on(guard.stop()).unwrap();
    assert_eq!(deleted.lock().unwrap()[..2], [7, 0]);
    assert_eq!(db.count("sessions", doc! {}), 0);
    drop(entered);
}
