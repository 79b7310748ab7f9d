//! A store that is described as express-mongodb's options describe one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bson::doc;
use serde_json::json;
use sessionctl::layout::Layout;
use sessionctl::sweep::{Event, Sweep};
use sessionctl::{Error, Store};

use super::{HOUR, ID};
use crate::support::{Db, LAYOUTS, at, session};

fn builder(db: &Db, layout: &str) -> sessionctl::StoreBuilder {
    let collection = "mysession";
    Store::builder().uri(&db.uri).database(&db.name).collection(collection).layout(layout)
}

#[test]
fn the_indexes_are_made_at_once_with_the_names_and_options_of_the_layouts_store() {
    for (layout, id, expires) in LAYOUTS {
        let db = Db::new();
        for _ in 0..2 {
            db.runtime.block_on(builder(&db, layout).ttl_index(true).open()).unwrap();
        }
        let wanted = Layout::named(layout).unwrap().ttl_index.clone().unwrap();
        let mut indexes = db.indexes("mysession");
        indexes.sort_by_key(|index| index.get_str("name").unwrap() == wanted.name);
        let ttl = indexes.pop().unwrap();
        assert_eq!(ttl.get_str("name").unwrap(), wanted.name, "{layout}");
        assert_eq!(ttl.get_document("key").unwrap(), &doc! { expires: wanted.direction() });
        assert_eq!(ttl.get_i32("expireAfterSeconds").unwrap(), 0, "{layout}");
        let unique: Vec<_> =
            indexes.iter().map(|index| index.get_bool("unique").unwrap()).collect();
        let wanted = if id == "_id" { vec![] } else { vec![true] };
        assert_eq!(unique, wanted, "{layout}");
        assert!(indexes.iter().all(|index| index.get_str("name").unwrap() == format!("{id}_1")));
    }
}

#[test]
fn without_being_asked_for_no_index_is_made_and_without_a_server_nothing_is_opened() {
    let db = Db::new();
    db.runtime.block_on(builder(&db, "express-mongodb-1").open()).unwrap();
    assert!(db.collections().is_empty());
    let nowhere = Store::builder().uri("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100");
    let asked = db.runtime.block_on(nowhere.open());
    assert!(matches!(asked, Err(Error::Unreachable { .. })), "{asked:?}");
}

#[test]
fn a_collection_of_another_layout_is_refused_before_anything_is_changed() {
    for (layout, id, _) in LAYOUTS {
        let db = Db::new();
        let documents = (0..5).map(|n| session(layout, &format!("{n:022}"), at(600)));
        db.insert("mysession", documents);
        for (other, ..) in LAYOUTS {
            let opened = db.runtime.block_on(builder(&db, other).ttl_index(true).open());
            // These two have the same fields, with one type or the other.
            if other == layout {
                db.run(doc! { "dropIndexes": "mysession", "index": "*" });
                opened.unwrap();
                continue;
            }
            let refused = opened.map(|(store, _)| store.namespace());
            assert!(matches!(refused, Err(Error::Misnamed { .. })), "{layout} {other} {refused:?}");
            assert!(db.indexes("mysession").is_empty(), "{layout} {other}");
        }
        assert_eq!(db.count("mysession", doc! { id: { "$exists": true } }), 5);
        // A site that is partly of another framework.
        let beside = session("express-mongodb-1", "beside", at(600));
        db.insert("mysession", [beside]);
        db.runtime.block_on(builder(&db, layout).open()).unwrap();
    }
}

#[test]
fn a_few_sessions_among_many_other_documents_are_enough_whatever_the_sample() {
    let db = Db::new();
    db.insert("sessions", (0..5000).map(|number| doc! { "_id": number, "order": number }));
    let builder = builder(&db, "express-mongodb-1").collection("sessions");
    let refused = db.runtime.block_on(builder.clone().open()).unwrap_err();
    assert!(matches!(refused, Error::Misnamed { .. }), "{refused:?}");
    let own = (0..5).map(|number| session("express-mongodb-1", &format!("own-{number}"), at(60)));
    db.insert("sessions", own);
    for _ in 0..20 {
        let (store, _) = db.runtime.block_on(builder.clone().open()).unwrap();
        assert_eq!(db.runtime.block_on(store.length()).unwrap(), 5);
    }
}

#[test]
fn an_index_in_the_way_is_reported_and_left_alone() {
    let db = Db::new();
    let hour = doc! { "key": { "expiresAt": 1 }, "name": "mine", "expireAfterSeconds": 3600 };
    db.create_index("mysession", hour);
    let before = db.indexes("mysession");
    let opened = db.runtime.block_on(builder(&db, "express-mongodb-1").ttl_index(true).open());
    assert!(matches!(opened, Err(Error::IndexDiffers(_))), "{opened:?}");
    assert_eq!(db.indexes("mysession"), before);
}

#[test]
fn a_touch_after_of_the_options_is_heeded() {
    let db = Db::new();
    let options = builder(&db, "connect-mongo-json").touch_after(Duration::from_secs(300));
    let (store, _) = db.runtime.block_on(options.open()).unwrap();
    db.runtime.block_on(store.set(ID, &json!({ "a": 1 }), HOUR)).unwrap();
    for (ago, is_written) in [(100, false), (301, true)] {
        let expires = doc! { "$set": { "expires": at(3600 - ago) } };
        db.run(doc! { "update": "mysession", "updates": [{ "q": {}, "u": expires }] });
        let before = db.find("mysession", doc! {});
        assert!(db.runtime.block_on(store.touch(ID, HOUR)).unwrap());
        assert_eq!(db.find("mysession", doc! {}) != before, is_written, "{ago}");
    }
}

#[test]
fn a_clear_interval_goes_on_after_errors_of_every_kind_and_tells_of_them() {
    let db = Db::new();
    let store = db.store("express-mongodb-1");
    let insert = |id: &str| db.insert("sessions", [session("express-mongodb-1", id, at(-1))]);
    db.insert("sessions", [session("express-mongodb-1", "live", at(600))]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let entered = db.runtime.enter();
    let sweep = Sweep { interval: Duration::from_millis(100), ..Sweep::default() };
    let tell = told.clone();
    let guard = store.sweep(sweep, move |event| {
        if let Event::Failed { error, .. } = event {
            tell.lock().unwrap().push(error.code());
        }
    });
    // A right that is missing, and a command that the server does not take.
    for code in [13, 2] {
        let failing = doc! { "failCommands": ["delete"], "errorCode": code };
        let fault = db.fail_commands("alwaysOn", failing);
        insert("expired");
        fault.wait(2);
        assert_eq!(db.ids("sessions"), ["expired", "live"], "{code}");
        drop(fault);
        db.await_ids("sessions", &["live"]);
        assert!(told.lock().unwrap().contains(&Some(code)), "{code}");
    }
    db.runtime.block_on(guard.stop()).unwrap();
    drop(entered);
}

#[test]
fn a_clear_interval_of_the_options_runs_until_its_guard_is_dropped() {
    let db = Db::new();
    db.insert("mysession", [session("express-mongodb-1", ID, at(-1))]);
    let options = builder(&db, "express-mongodb-1").clear_interval(Duration::from_millis(100));
    let (_store, guard) = db.runtime.block_on(options.open()).unwrap();
    db.await_count("mysession", doc! {}, 0);
    db.runtime.block_on(guard.unwrap().stop()).unwrap();
}
