//! Setting only what is there, or only what is not; and by which index.

use bson::{Document, doc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sessionctl::{Error, Expiry};
use tower_sessions::SessionStore;
use tower_sessions::session::Record;

use super::{HOUR, ID, OTHER, watched};
use crate::support::{Db, LAYOUTS, at, session, with};

#[test]
fn set_existing_does_not_log_in_again_who_logged_out_meanwhile_and_set_does() {
    for (layout, id, expires) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        let set = |payload: Value| db.runtime.block_on(store.set_existing(ID, &payload, HOUR));
        db.runtime.block_on(store.set(ID, &json!({ "n": 1 }), HOUR)).unwrap();
        assert!(set(json!({ "n": 2 })).unwrap(), "{layout}");
        let got: Value = db.runtime.block_on(store.get(ID)).unwrap().unwrap();
        assert_eq!(got["n"], 2, "{layout}");

        db.runtime.block_on(store.destroy(ID)).unwrap();
        assert!(!set(json!({ "n": 3 })).unwrap(), "{layout}");
        assert_eq!(db.count("sessions", doc! {}), 0, "{layout}");

        db.runtime.block_on(store.set(ID, &json!({ "n": 4 }), Expiry::At(at(-1)))).unwrap();
        let before = db.one("sessions", id, ID);
        assert!(before.get_datetime(expires).is_ok());
        assert!(!set(json!({ "n": 5 })).unwrap(), "{layout}: it is over");
        if layout != "tower-sessions" {
            // For ever is no field in some layouts: taking it away would revive the session.
            let payload = json!({ "n": 5 });
            let never = store.set_existing(ID, &payload, Expiry::Never);
            assert!(!db.runtime.block_on(never).unwrap(), "{layout}");
            assert!(!db.runtime.block_on(store.touch(ID, Expiry::Never)).unwrap(), "{layout}");
        }
        assert_eq!(db.one("sessions", id, ID), before, "{layout}");
        db.runtime.block_on(store.set(ID, &json!({ "n": 6 }), HOUR)).unwrap();
        let got: Value = db.runtime.block_on(store.get(ID)).unwrap().unwrap();
        assert_eq!(got["n"], 6, "{layout}");
    }
}

#[test]
fn set_new_leaves_a_taken_id_as_it_is_and_otherwise_writes_what_set_writes() {
    for (layout, id, expires) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        let payload = json!({ "n": 1 });
        assert!(db.runtime.block_on(store.set_new(ID, &payload, HOUR)).unwrap(), "{layout}");
        let before = db.one("sessions", id, ID);
        let again = db.runtime.block_on(store.set_new(ID, &json!({ "n": 2 }), HOUR)).unwrap();
        assert!(!again, "{layout}");
        assert_eq!(db.one("sessions", id, ID), before, "{layout}");

        db.runtime.block_on(store.set(OTHER, &payload, HOUR)).unwrap();
        let other = db.one("sessions", id, OTHER);
        let fields = |document: &Document| {
            let kinds = document.iter().map(|(key, value)| (key.clone(), value.element_type()));
            kinds.collect::<std::collections::BTreeMap<_, _>>()
        };
        assert_eq!(fields(&before), fields(&other), "{layout}");
        let apart = other.get_datetime(expires).unwrap().timestamp_millis()
            - before.get_datetime(expires).unwrap().timestamp_millis();
        assert!((0..60_000).contains(&apart), "{layout} {apart}");
        // In tower-sessions' layout the expiry is in the payload, too.
        let session = db.runtime.block_on(store.get::<Value>(ID)).unwrap().unwrap();
        assert_eq!(session["n"], 1, "{layout}");
    }
}

#[test]
fn whatever_is_done_with_a_session_goes_by_the_index_on_its_id() {
    for (layout, id, _) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        db.runtime.block_on(store.install_indexes()).unwrap();
        let more = (0..300).map(|n| session(layout, &format!("{n:022}"), at(600)));
        db.insert("sessions", more);
        let operations = watched(&db, || {
            db.runtime.block_on(async {
                store.set_new(ID, &json!({ "n": 1 }), HOUR).await.unwrap();
                store.set(ID, &json!({ "n": 1 }), HOUR).await.unwrap();
                store.get::<Value>(ID).await.unwrap().unwrap();
                assert!(store.touch(ID, HOUR).await.unwrap());
                assert!(store.set_existing(ID, &json!({ "n": 2 }), HOUR).await.unwrap());
                assert!(store.destroy(ID).await.unwrap());
            });
        });
        assert!(operations.len() >= 6, "{layout} {}", operations.len());
        let along = format!("IXSCAN {{ {id}: 1 }}");
        for operation in operations {
            let plan = operation.get_str("planSummary").unwrap_or_default();
            assert!(plan == "IDHACK" || plan == along, "{layout} {plan} {operation}");
            let read = operation.get_i32("docsExamined").unwrap();
            assert!(read <= 1, "{layout} {read} {operation}");
        }
    }
}

#[test]
fn a_save_is_one_write_by_the_id_alone_and_a_second_one_only_decides_about_what_did_not_change() {
    for (layout, id, _) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        db.runtime.block_on(store.install_indexes()).unwrap();
        let foreign = doc! { "_id": OTHER, id: OTHER, "theme": "dark" };
        db.insert("sessions", [foreign.clone()]);
        db.runtime.block_on(store.set(ID, &json!({ "n": 1 }), HOUR)).unwrap();
        let later = time::OffsetDateTime::now_utc() + time::Duration::HOUR;
        let save = |of: &str| {
            let data = [("n".to_owned(), json!(2))].into();
            let record = Record { id: of.parse().unwrap(), data, expiry_date: later };
            let wrote = watched(&db, || {
                db.runtime.block_on(SessionStore::save(&store, &record)).unwrap();
            });
            let plan = |write: &Document| write.get_str("planSummary").unwrap().to_owned();
            let is_write = |one: &&Document| one.get_str("op").is_ok_and(|op| op == "update");
            wrote.iter().filter(is_write).map(plan).collect::<Vec<_>>()
        };
        let along = format!("IXSCAN {{ {id}: 1 }}");
        let is_id = id == "_id";
        let first = if is_id { "IDHACK".to_owned() } else { along.clone() };
        assert_eq!(save(ID), std::slice::from_ref(&first), "{layout}");
        let session = db.runtime.block_on(store.get::<Value>(ID)).unwrap().unwrap();
        assert_eq!(session["n"], 2, "{layout}");
        let both = if is_id { vec![first, along] } else { vec![first] };
        for (of, matches) in [(ID, 1), (OTHER, 0)] {
            let before = db.find("sessions", doc! {});
            let written = save(of);
            // Where a field is the time of the last write, the same session is another one.
            assert!(
                written == both || (matches == 1 && written == both[..1]),
                "{layout} {written:?}"
            );
            assert!(matches == 1 || db.find("sessions", doc! {}) == before, "{layout}");
        }
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Role {
    Admin,
    Editor { of: String },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Login {
    user: u64,
    roles: Vec<Role>,
    #[serde(flatten)]
    more: std::collections::BTreeMap<String, Option<f64>>,
}

#[test]
fn a_payload_is_any_type_that_serde_knows() {
    for (layout, ..) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        let roles = vec![Role::Admin, Role::Editor { of: "docs".into() }];
        // With the cookie that Express wants, it would be one more of the flattened numbers.
        let more = [("score".to_owned(), Some(0.5)), ("none".to_owned(), None)].into();
        let login = Login { user: 42, roles, more };
        let nested = json!({ "cookie": { "path": "/" }, "login": login });
        db.runtime.block_on(store.set(ID, &nested, HOUR)).unwrap();
        #[derive(Deserialize)]
        struct Session {
            login: Login,
        }
        let got: Session = db.runtime.block_on(store.get(ID)).unwrap().unwrap();
        assert_eq!(got.login, login, "{layout}");

        let other = db.runtime.block_on(store.get::<Vec<u8>>(ID));
        assert!(matches!(other, Err(Error::Document(_))), "{layout}");
    }
}

#[test]
fn a_payload_that_the_layout_has_no_form_for_is_refused_and_the_session_stays() {
    for layout in ["express-session-object", "express-mongodb-1", "express-mongodb-legacy"] {
        let db = Db::new();
        let store = db.store(layout);
        db.runtime.block_on(store.set(ID, &json!({ "n": 1 }), HOUR)).unwrap();
        let before = db.find("sessions", doc! {});
        // BSON's integers end at 2^63.
        let large = json!({ "n": u64::MAX });
        let refused = db.runtime.block_on(store.set(ID, &large, HOUR));
        assert!(matches!(refused, Err(Error::Unsupported(_))), "{layout} {refused:?}");
        let refused = db.runtime.block_on(store.set(ID, &[1, 2], HOUR));
        assert!(matches!(refused, Err(Error::Unsupported(_))), "{layout} {refused:?}");
        assert_eq!(db.find("sessions", doc! {}), before, "{layout}");
    }
}

/// Another store's sessions under the same id, which are none of the layout.
fn sibling(layout: &str) -> &'static str {
    match layout {
        "connect-mongo-json" => "express-session-object",
        "express-mongodb-1" => "tower-sessions",
        _ => "connect-mongo-json",
    }
}

#[test]
fn a_document_that_is_no_session_of_the_layout_is_not_touched_under_its_id() {
    for (layout, field, _) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        let skipping = store.clone().touch_after(std::time::Duration::from_secs(60));
        let foreign = doc! { "_id": "app-config", field: ID, "theme": "dark" };
        let other = with(session(sibling(layout), OTHER, at(600)), doc! { field: OTHER });
        db.insert("sessions", [foreign, other]);
        let before = db.find("sessions", doc! {});
        for id in [ID, OTHER] {
            let record = Record {
                id: id.parse().unwrap(),
                data: [("n".to_owned(), json!(1))].into(),
                expiry_date: time::OffsetDateTime::now_utc() + time::Duration::HOUR,
            };
            let payload = json!({ "n": 1 });
            db.runtime.block_on(async {
                assert_eq!(store.get::<Value>(id).await.unwrap(), None, "{layout}");
                assert!(store.get_versioned::<Value>(id).await.unwrap().is_none(), "{layout}");
                assert!(!store.touch(id, HOUR).await.unwrap(), "{layout}");
                assert!(!skipping.touch(id, HOUR).await.unwrap(), "{layout}");
                assert!(!store.set_existing(id, &payload, HOUR).await.unwrap(), "{layout}");
                SessionStore::save(&store, &record).await.unwrap();
                assert!(!store.destroy(id).await.unwrap(), "{layout}");
                assert!(!store.set_new(id, &payload, HOUR).await.unwrap(), "{layout}");
                if field == "_id" {
                    let refused = store.set(id, &payload, HOUR).await.unwrap_err();
                    assert_eq!(refused.code(), Some(11000), "{layout} {refused:?}");
                }
            });
            assert_eq!(db.find("sessions", doc! {}), before, "{layout}");
        }
        if field != "_id" {
            // There may be a session beside them, which is found whatever the order.
            db.runtime.block_on(async {
                store.set(ID, &json!({ "n": 1 }), HOUR).await.unwrap();
                assert_eq!(store.get::<Value>(ID).await.unwrap().unwrap()["n"], 1, "{layout}");
                assert!(store.touch(ID, HOUR).await.unwrap(), "{layout}");
                assert!(store.destroy(ID).await.unwrap(), "{layout}");
            });
            assert_eq!(db.find("sessions", doc! {}), before, "{layout}");
        }
    }
}

#[test]
fn of_two_upserts_at_a_time_under_one_id_neither_fails() {
    for (layout, ..) in LAYOUTS.iter().filter(|(_, field, _)| *field == "_id") {
        let db = Db::new();
        let store = db.store(layout);
        db.runtime.block_on(async {
            for _ in 0..20 {
                let payload = json!({ "n": 1 });
                let sets = (0..16).map(|_| store.set(ID, &payload, HOUR));
                for set in futures_util::future::join_all(sets).await {
                    set.unwrap();
                }
                assert!(store.destroy(ID).await.unwrap());
            }
        });
    }
}

#[test]
fn set_existing_and_touch_that_report_success_have_written_whatever_came_between() {
    let db = Db::new();
    let store = db.store("express-mongodb-1");
    for writes in [true, false] {
        let payload = doc! { "session": { "cookie": {}, "n": 1 } };
        let over = with(session("express-mongodb-1", ID, at(-60)), payload);
        db.run(doc! { "delete": "sessions", "deletes": [{ "q": {}, "limit": 0 }] });
        db.insert("sessions", [over]);
        // Whatever follows the first update, which leaves a session that is over as it is.
        let next = doc! {
            "failCommands": ["update", "find"], "blockConnection": true, "blockTimeMS": 1000,
        };
        let held = db.fail_commands(doc! { "skip": 1 }, next);
        let done = std::thread::scope(|scope| {
            let act = || match writes {
                true => {
                    let payload = json!({ "n": 2 });
                    db.runtime.block_on(store.set_existing(ID, &payload, HOUR)).unwrap()
                }
                false => db.runtime.block_on(store.touch(ID, HOUR)).unwrap(),
            };
            let acting = scope.spawn(act);
            held.wait(1);
            let renewed = doc! { "$set": { "expiresAt": at(60) } };
            db.update("sessions", doc! { "_id": ID }, renewed);
            acting.join().unwrap()
        });
        drop(held);
        let found = db.one("sessions", "_id", ID);
        let is_written = match writes {
            true => found.get_document("session").unwrap().get("n") != Some(&1.into()),
            false => found.get_datetime("expiresAt").unwrap() > &at(1800),
        };
        assert!(done && is_written, "{writes} {done} {found}");
    }
}
