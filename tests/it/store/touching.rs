//! `touch_after`: a session that was written lately is not written again, and what `get`, `touch` and
//! `set_existing` take for living is the same.

use std::time::Duration;

use bson::{Bson, DateTime, Document, doc};
use serde_json::{Value, json};
use sessionctl::{Expiry, Layout, Store};

use super::{HOUR, ID, watched};
use crate::support::{Db, LAYOUTS, at, now};

/// Documents that the server changed in the course of these operations.
fn written(operations: &[Document]) -> i32 {
    let changed = |operation: &Document| match operation.get("nModified") {
        Some(Bson::Int32(count)) => *count,
        Some(Bson::Int64(count)) => *count as i32,
        _ => 0,
    };
    operations.iter().map(changed).sum()
}

fn touches(db: &Db, store: &Store, times: usize, expiry: Expiry) -> Vec<Document> {
    watched(db, || {
        for _ in 0..times {
            assert!(db.runtime.block_on(store.touch(ID, expiry)).unwrap());
        }
    })
}

#[test]
fn a_session_that_was_written_lately_is_not_written_again() {
    for (layout, id, expires) in LAYOUTS {
        let by_id = if id == "_id" { "IXSCAN { _id: 1 }" } else { "COLLSCAN" };
        let db = Db::new();
        let store = db.store(layout);
        db.runtime.block_on(store.set(ID, &json!({ "a": 1 }), HOUR)).unwrap();
        let each = watched(&db, || {
            // Two of one lifetime may come in the same millisecond, and then change nothing.
            for more in 1..=20 {
                let lifetime = Expiry::After(Duration::from_secs(3600 + more));
                assert!(db.runtime.block_on(store.touch(ID, lifetime)).unwrap());
            }
            assert!(db.runtime.block_on(store.touch(ID, HOUR)).unwrap());
        });
        assert_eq!(written(&each), 21, "{layout}");

        let lazy = store.clone().touch_after(Duration::from_secs(300));
        let before = db.one("sessions", id, ID);
        let operations = touches(&db, &lazy, 20, HOUR);
        let reads = operations.iter().filter(|operation| {
            let texts = ["op", "planSummary"].map(|name| operation.get_str(name).unwrap());
            texts == ["query", by_id]
        });
        assert_eq!((reads.count(), operations.len()), (20, 20), "{layout}");
        assert_eq!(db.one("sessions", id, ID), before, "{layout}");

        // As if the last write were this many seconds ago.
        for (ago, writes) in [(301, 1), (100, 0)] {
            let earlier = doc! { "$set": { expires: at(3600 - ago) } };
            db.update("sessions", doc! { id: ID }, earlier);
            assert_eq!(written(&touches(&db, &lazy, 20, HOUR)), writes, "{layout} {ago}");
        }
    }
}

#[test]
fn another_lifetime_is_written_however_lately_the_session_was() {
    for (layout, id, expires) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout).touch_after(Duration::from_secs(300));
        db.runtime.block_on(store.set(ID, &json!({ "a": 1 }), HOUR)).unwrap();
        // Shorter, longer, and another date.
        for seconds in [600, 7200] {
            let other = Expiry::After(Duration::from_secs(seconds));
            assert_eq!(written(&touches(&db, &store, 2, other)), 1, "{layout} {seconds}");
            let found = db.one("sessions", id, ID).get_datetime(expires).copied().unwrap();
            let off = found.timestamp_millis() - at(seconds as i64).timestamp_millis();
            assert!(off.abs() < 200_000, "{layout} {off}");
        }
        let date = at(86_400);
        assert_eq!(written(&touches(&db, &store, 2, Expiry::At(date))), 1, "{layout}");
        assert_eq!(db.one("sessions", id, ID).get_datetime(expires).unwrap(), &date, "{layout}");
        if layout != "tower-sessions" {
            assert_eq!(written(&touches(&db, &store, 2, Expiry::Never)), 1, "{layout}");
            assert_eq!(written(&touches(&db, &store, 2, HOUR)), 1, "{layout}");
        }
    }
}

#[test]
fn a_touch_that_comes_between_does_not_make_a_session_look_gone() {
    let db = Db::new();
    let store = db.store("tower-sessions");
    db.runtime.block_on(store.set(ID, &json!({ "a": 1 }), HOUR)).unwrap();
    let touched = db.runtime.block_on(async {
        let touch = |_| {
            let store = store.clone();
            async move { store.touch(ID, HOUR).await.unwrap() }
        };
        (0..64).map(touch).collect::<tokio::task::JoinSet<_>>().join_all().await
    });
    assert_eq!(touched, [true; 64]);
}

/// What `get`, `touch`, a touch with `touch_after` and `set_existing` make of a document, in this
/// order; each on a copy of its own.
fn alive(db: &Db, store: &Store, document: &Document) -> [bool; 4] {
    let lazy = store.clone().touch_after(Duration::from_secs(300));
    let on_a_copy = |act: &dyn Fn() -> bool| {
        db.runtime.block_on(store.clear()).unwrap();
        db.insert("sessions", [document.clone()]);
        act()
    };
    let get = || db.runtime.block_on(store.get::<Value>(ID)).unwrap().is_some();
    let touch = || db.runtime.block_on(store.touch(ID, HOUR)).unwrap();
    let touch_lately = || db.runtime.block_on(lazy.touch(ID, HOUR)).unwrap();
    let set = || db.runtime.block_on(store.set_existing(ID, &json!({ "b": 2 }), HOUR)).unwrap();
    [&get as &dyn Fn() -> bool, &touch, &touch_lately, &set].map(on_a_copy)
}

#[test]
fn get_touch_and_set_existing_agree_on_what_lives_for_every_value_of_the_expiry() {
    for (layout, id, expires) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        db.runtime.block_on(store.set(ID, &json!({ "a": 1 }), HOUR)).unwrap();
        let session = db.one("sessions", id, ID);
        let (past, future) = (Bson::from(at(-60)), Bson::from(at(600)));
        let values = [
            past.clone(),
            future.clone(),
            Bson::Null,
            Bson::from("2099-01-01"),
            Bson::Int64(i64::MAX),
            Bson::Double(f64::NAN),
            Bson::Boolean(true),
            Bson::from(DateTime::MAX),
            Bson::from(DateTime::MIN),
            Bson::Array(vec![]),
            Bson::Array(vec![past, future.clone()]),
            Bson::Array(vec![future.clone(), Bson::Null]),
            Bson::Document(doc! { "at": future }),
        ];
        let mut lived = 0;
        for value in values.into_iter().map(Some).chain([None]) {
            let mut document = session.clone();
            match &value {
                Some(value) => document.insert(expires, value),
                None => document.remove(expires),
            };
            let [got, touched, lazily, set] = alive(&db, &store, &document);
            assert_eq!([touched, lazily, set], [got; 3], "{layout} {value:?}");
            lived += usize::from(got);
        }
        assert!((3..9).contains(&lived), "{layout} {lived}");
    }
}

/// Texts of a record, and what is there instead.
type Changes<'a> = &'a [(&'a str, &'a str)];

/// connect-mongo's layout with these changes, as an operator's own.
fn own_layout(changes: Changes<'_>) -> Layout {
    let mut record = Layout::source("connect-mongo-json").unwrap().to_owned();
    for (from, to) in changes {
        assert!(record.contains(from), "{from}");
        record = record.replace(from, to);
    }
    Layout::from_toml(&record).unwrap()
}

#[test]
fn numbers_and_last_touches_are_written_touched_and_spared_as_dates_are() {
    let touched = ("touched = [{ path = \"lastModified\" }, { path = \"updatedAt\" }]", "");
    let unit = |unit: &str| format!("kind = \"number\"\nunit = \"{unit}\"");
    let (seconds, millis) = (unit("s"), unit("ms"));
    let seen = "touched = [{ path = \"seen\", unit = \"s\", written = true }]";
    let lifetime = "kind = \"date\"\nlifetime = 3600";
    // What an hour is there from now, in a date's or number's own unit; 0 where it is a last touch.
    let cases: [(Changes<'_>, f64, i64); 3] = [
        (&[("kind = \"date\"", &seconds), (touched.0, seen)], 1000.0, 3_600_000),
        (&[("kind = \"date\"", &millis)], 1.0, 3_600_000),
        (&[("kind = \"date\"", lifetime)], 1.0, 0),
    ];
    for (changes, unit, ahead) in cases {
        let db = Db::new();
        let layout = own_layout(changes);
        let store = Store::new(db.store("tower-sessions").connection().clone(), "sessions", layout);
        let lazy = store.clone().touch_after(Duration::from_secs(300));
        let expires = || {
            let value = db.one("sessions", "_id", ID).get("expires").cloned();
            let millis = match value.unwrap() {
                Bson::DateTime(date) => date.timestamp_millis(),
                Bson::Int64(number) => (number as f64 * unit) as i64,
                Bson::Double(number) => (number * unit) as i64,
                other => panic!("{other}"),
            };
            millis - now().timestamp_millis() - ahead
        };
        db.runtime.block_on(store.set(ID, &json!({ "a": 1 }), HOUR)).unwrap();
        assert!(expires().abs() < 200_000, "{changes:?} {}", expires());
        assert!(db.runtime.block_on(store.get::<Value>(ID)).unwrap().is_some());
        assert_eq!(written(&touches(&db, &lazy, 5, HOUR)), 0, "{changes:?}");
        let back = |by: i64| match db.one("sessions", "_id", ID).get("expires").unwrap() {
            Bson::DateTime(date) => Bson::from(DateTime::from_millis(date.timestamp_millis() - by)),
            Bson::Int64(number) => Bson::Int64(number - (by as f64 / unit) as i64),
            Bson::Double(number) => Bson::Double(number - by as f64 / unit),
            other => panic!("{other}"),
        };
        let age = |by| {
            db.update("sessions", doc! { "_id": ID }, doc! { "$set": { "expires": back(by) } });
        };
        age(301_000);
        assert_eq!(written(&touches(&db, &lazy, 5, HOUR)), 1, "{changes:?}");
        assert!(expires().abs() < 200_000, "{changes:?} {}", expires());
        age(3_700_000);
        let gone = db.runtime.block_on(async {
            let touched = store.touch(ID, HOUR).await.unwrap();
            let set = store.set_existing(ID, &json!({}), HOUR).await.unwrap();
            (store.get::<Value>(ID).await.unwrap(), touched, set)
        });
        assert_eq!(gone, (None, false, false), "{changes:?}");
    }
}
