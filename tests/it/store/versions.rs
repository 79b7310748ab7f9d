//! Two requests that change one session: the second one notices the first.

use std::time::Duration;

use bson::doc;
use serde_json::{Value, json};
use sessionctl::{Error, Expiry, SetIfUnchanged, Store};

use super::{HOUR, ID, watched};
use crate::support::{Db, LAYOUTS, at};

fn read(db: &Db, store: &Store) -> sessionctl::Versioned<Value> {
    db.runtime.block_on(store.get_versioned(ID)).unwrap().unwrap()
}

fn set(
    db: &Db,
    store: &Store,
    payload: &Value,
    version: &sessionctl::Version,
) -> SetIfUnchanged<Value> {
    db.runtime.block_on(store.set_if_unchanged(ID, payload, version, HOUR)).unwrap()
}

#[test]
fn the_second_of_two_writers_gets_what_the_first_one_wrote_and_overwrites_nothing() {
    for (layout, id, expires) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        assert!(db.runtime.block_on(store.get_versioned::<Value>(ID)).unwrap().is_none());
        db.runtime.block_on(store.set(ID, &json!({ "n": 1 }), HOUR)).unwrap();
        let (mut first, mut second) = (read(&db, &store), read(&db, &store));
        assert_eq!(first.version, second.version, "{layout}");
        assert!(!format!("{:?}", first.version).contains('1'), "{layout}");
        // A touch is no update.
        let two = Expiry::After(Duration::from_secs(7200));
        assert!(db.runtime.block_on(store.touch(ID, two)).unwrap());

        first.payload["first"] = true.into();
        let SetIfUnchanged::Set(version) = set(&db, &store, &first.payload, &first.version) else {
            panic!("{layout}: nobody else wrote");
        };
        let before = db.one("sessions", id, ID);
        second.payload["second"] = true.into();
        let lost = set(&db, &store, &second.payload, &second.version);
        assert_eq!(db.one("sessions", id, ID), before, "{layout}");
        let SetIfUnchanged::Changed(mut current) = lost else { panic!("{layout} {lost:?}") };
        assert_eq!(
            (&current.payload["first"], current.payload.get("second")),
            (&true.into(), None)
        );
        assert_eq!(current.version, version, "{layout}: of what was written");

        current.payload["second"] = true.into();
        let set_again = set(&db, &store, &current.payload, &current.version);
        assert!(matches!(set_again, SetIfUnchanged::Set(_)), "{layout}");
        let both = read(&db, &store);
        assert_eq!((&both.payload["first"], &both.payload["second"]), (&true.into(), &true.into()));
        // The same once more changes nothing, and is no conflict.
        let same = set(&db, &store, &both.payload, &both.version);
        assert!(matches!(same, SetIfUnchanged::Set(_)), "{layout} {same:?}");

        let both = read(&db, &store);
        db.update("sessions", doc! { id: ID }, doc! { "$set": { expires: at(-1) } });
        let before = db.one("sessions", id, ID);
        assert_eq!(
            set(&db, &store, &both.payload, &both.version),
            SetIfUnchanged::Gone,
            "{layout}"
        );
        assert_eq!(db.one("sessions", id, ID), before, "{layout}: it is over");
        db.runtime.block_on(store.destroy(ID)).unwrap();
        assert_eq!(
            set(&db, &store, &both.payload, &both.version),
            SetIfUnchanged::Gone,
            "{layout}"
        );
        assert_eq!(db.count("sessions", doc! {}), 0, "{layout}");
    }
}

#[test]
fn of_many_increments_at_a_time_none_is_lost() {
    for (layout, id, _) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        db.runtime.block_on(store.install_indexes()).unwrap();
        db.runtime.block_on(store.set(ID, &json!({ "n": 0 }), HOUR)).unwrap();
        db.runtime.block_on(async {
            let mut writers = tokio::task::JoinSet::new();
            for _ in 0..8 {
                let store = store.clone();
                writers.spawn(async move {
                    let mut read = store.get_versioned::<Value>(ID).await.unwrap();
                    while let Some(mut session) = read.take() {
                        let next = session.payload["n"].as_i64().unwrap() + 1;
                        session.payload["n"] = next.into();
                        let set = store
                            .set_if_unchanged(ID, &session.payload, &session.version, HOUR)
                            .await;
                        match set.unwrap() {
                            SetIfUnchanged::Set(_) => break,
                            SetIfUnchanged::Changed(current) => read = Some(current),
                            SetIfUnchanged::Gone => panic!("{layout}"),
                        }
                    }
                });
            }
            while let Some(done) = writers.join_next().await {
                done.unwrap();
            }
        });
        assert_eq!(read(&db, &store).payload["n"], 8, "{layout}");
        assert_eq!(db.count("sessions", doc! { id: ID }), 1);
    }
}

#[test]
fn a_write_of_another_framework_is_noticed_whatever_the_collation() {
    for collation in [None, Some(doc! { "locale": "en", "strength": 1 })] {
        for (layout, id, _) in LAYOUTS.iter().filter(|(layout, ..)| *layout != "tower-sessions") {
            let db = Db::new();
            let mut create = doc! { "create": "sessions" };
            create.extend(
                collation.clone().map(|collation| ("collation".to_owned(), collation.into())),
            );
            db.run(create);
            let store = db.store(layout);
            let text = |text: &str| json!({ "cookie": { "path": "/" }, "text": text });
            db.runtime.block_on(store.set(ID, &text("a"), HOUR)).unwrap();
            let before = read(&db, &store);
            // As Express would write it: under this collation, both texts are equal.
            db.runtime.block_on(store.set(ID, &text("A"), HOUR)).unwrap();
            let lost = set(&db, &store, &text("b"), &before.version);
            assert!(matches!(lost, SetIfUnchanged::Changed(_)), "{layout} {collation:?} {lost:?}");
            let now = read(&db, &store);
            assert_eq!(now.payload["text"], "A", "{layout}");
            let done = set(&db, &store, &text("c"), &now.version);
            assert!(matches!(done, SetIfUnchanged::Set(_)), "{layout} {collation:?}");
            assert_eq!(read(&db, &store).payload["text"], "c", "{layout}");
            assert_eq!(db.count("sessions", doc! { *id: ID }), 1);
        }
    }
}

#[test]
fn a_write_that_nobody_disturbs_is_one_round_trip_by_the_index_on_the_id() {
    let db = Db::new();
    let store = db.store("express-mongodb-1");
    let payload = json!({ "cookie": { "path": "/" }, "n": 1 });
    db.runtime.block_on(store.set(ID, &payload, HOUR)).unwrap();
    let read = read(&db, &store);
    // Whether the collection has a collation is read once.
    let _ = set(&db, &store, &payload, &read.version);
    let changed = json!({ "cookie": { "path": "/" }, "n": 2 });
    let seen = watched(&db, || {
        let done = set(&db, &store, &changed, &read.version);
        assert!(matches!(done, SetIfUnchanged::Set(_)), "{done:?}");
    });
    let plans: Vec<_> = seen.iter().map(|seen| seen.get_str("planSummary").unwrap()).collect();
    assert_eq!(plans, ["IXSCAN { _id: 1 }"], "{seen:?}");
}

#[test]
fn a_payload_that_cannot_be_compared_is_an_error_and_nothing_is_written() {
    let db = Db::new();
    let store = db.store("connect-mongo-json");
    db.runtime.block_on(store.set(ID, &json!({ "n": 1 }), HOUR)).unwrap();
    let version = read(&db, &store).version;
    let not_json = Expiry::At(at(60));
    let finite = store.set_if_unchanged(ID, &f64::NAN, &version, not_json);
    assert!(matches!(db.runtime.block_on(finite), Err(Error::Unsupported(_))));
    assert_eq!(read(&db, &store).payload["n"], 1);
}
