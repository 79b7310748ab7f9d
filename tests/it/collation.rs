//! Collections with a collation, where "1" may equal "01", and "a" may equal "A". Sessions are
//! found by their exact id and user, and no other session is written.

use bson::{Bson, Document, doc};
use serde_json::{Value, json};
use sessionctl::purge::{Action, Purge};
use sessionctl::store::Expiry;
use sessionctl::{Query, Selection};

use crate::stores::quiet_uri;
use crate::support::{Db, at, now, session, with};

/// A collation, and two texts that are equal to it.
fn collations() -> [(Document, &'static str, &'static str); 2] {
    [
        (
            doc! { "locale": "en", "numericOrdering": true },
            "session-00000001-abcd",
            "session-1-abcd",
        ),
        (doc! { "locale": "en", "strength": 1 }, "Session-Abcdefgh", "session-abcdefgh"),
    ]
}

fn collated(collation: &Document) -> Db {
    let db = Db::on(&quiet_uri());
    db.run(doc! { "create": "sessions", "collation": collation });
    db
}

fn live(db: &Db, field: &str) -> Vec<Bson> {
    let found = db.find("sessions", doc! { "expires": { "$gt": now() } });
    found.iter().map(|one| one.get(field).unwrap().clone()).collect()
}

#[test]
fn another_session_is_not_ended_by_an_id_that_only_the_collation_calls_equal() {
    for (collation, one, other) in collations() {
        let db = collated(&collation);
        db.insert("sessions", [session("connect-mongo-json", one, at(3600))]);
        for command in ["expire", "purge"] {
            let run = db.sessionctl(&[command, other, "--yes"]).exits(1);
            run.says("has the id");
        }
        db.sessionctl(&["inspect", other]).exits(1);
        assert_eq!(live(&db, "_id"), [Bson::from(one)]);
        let report = db.sessionctl(&["expire", one, "--yes", "-o", "json"]).exits(0).json();
        assert_eq!(report["expired"], 1, "{report}");
        assert_eq!(live(&db, "_id"), []);
        let report = db.sessionctl(&["purge", one, "--yes", "-o", "json"]).exits(0).json();
        assert_eq!((&report["deleted"], db.count("sessions", doc! {})), (&json!(1), 0));
    }
}

/// Where the id is not `_id`, both may be there.
#[test]
fn of_two_ids_that_the_collation_calls_equal_the_one_that_was_typed_is_ended() {
    for (collation, one, other) in collations() {
        let db = collated(&collation);
        let layout = "express-mongodb-legacy";
        db.insert("sessions", [one, other].map(|id| session(layout, id, at(3600))));
        let arguments = ["--yes", "-o", "json", "--layout", layout, "--verify", "1ms"];
        let run = db.sessionctl(&[&["purge", other], &arguments[..]].concat()).exits(0);
        assert_eq!((&run.json()["deleted"], &run.json()["reappeared"]), (&json!(1), &json!(0)));
        assert_eq!(live(&db, "sid"), [Bson::from(one)]);
    }
}

#[test]
fn a_short_id_is_the_beginning_of_the_id_as_it_is() {
    let db = collated(&collations()[0].0);
    let ids = ["100000001-aaaaaaaaaaaa", "99999999-bbbbbbbbbbbb", "10000000-cccccccccccc"];
    db.insert("sessions", ids.map(|id| session("connect-mongo-json", id, at(3600))));
    // In the order of the collation, 100000001 is neither between 10000000 and 10000001 nor beside it.
    db.sessionctl(&["expire", "10000000", "--yes"]).exits(1).says("more than one");
    db.sessionctl(&["expire", "099999999", "--yes"]).exits(1).says("has the id");
    assert_eq!(live(&db, "_id").len(), 3);
    db.sessionctl(&["expire", "1000000", "--yes"]).exits(1);
    db.sessionctl(&["expire", "100000001", "--yes"]).exits(0);
    db.sessionctl(&["expire", "99999999", "--yes"]).exits(0);
    assert_eq!(live(&db, "_id"), [Bson::from(ids[2])]);

    let db = collated(&collations()[1].0);
    let ids = ["Abcdefgh-aaaaaaaaaaaa", "abcdefgh-bbbbbbbbbbbb"];
    db.insert("sessions", ids.map(|id| session("connect-mongo-json", id, at(3600))));
    db.sessionctl(&["purge", "abcdefgh", "--yes"]).exits(0);
    db.sessionctl(&["purge", "ABCDEFGH", "--yes"]).exits(1);
    assert_eq!(db.ids("sessions"), [ids[0]]);
}

#[test]
fn a_user_is_the_text_as_it_is() {
    for (collation, one, other) in collations() {
        for layout in ["connect-mongo-json", "express-session-object", "authjs"] {
            let db = collated(&collation);
            let documents = [one, other].into_iter().enumerate().map(|(number, user)| {
                let id = format!("{number:a>32}");
                match layout {
                    "authjs" => doc! { "_id": bson::oid::ObjectId::new(), "sessionToken": id, "userId": user, "expires": at(3600) },
                    "connect-mongo-json" => {
                        let text = json!({ "cookie": {}, "userId": user }).to_string();
                        with(session(layout, &id, at(3600)), doc! { "session": text })
                    }
                    _ => with(session(layout, &id, at(3600)), doc! { "session": { "cookie": {}, "userId": user } }),
                }
            });
            db.insert("sessions", documents);
            let named = ["--layout", layout, "-o", "json"];
            let rows =
                db.sessionctl(&[&["list", "--user", other], &named[..]].concat()).exits(0).json();
            assert_eq!(rows.as_array().unwrap().len(), 1, "{layout}: {rows}");
            assert_eq!(rows[0]["user"], other);
            let stats = db.sessionctl(&[&["stats"], &named[..]].concat()).exits(0).json();
            assert_eq!(stats["users"], 2, "{layout}: {stats}");
            let run = db.sessionctl(&[&["expire", "--user", other, "--yes"], &named[..]].concat());
            assert_eq!(run.exits(0).json()["expired"], 1);
            let left = db.sessionctl(&[&["list", "--live"], &named[..]].concat()).exits(0).json();
            assert_eq!((left.as_array().unwrap().len(), &left[0]["user"]), (1, &json!(one)));
        }
    }
}

#[test]
fn what_is_expired_is_swept_and_comes_back_from_an_archive() {
    for (collation, one, other) in collations() {
        let db = collated(&collation);
        let expired = |id: &str| session("connect-mongo-json", id, at(-3600));
        let ids = [one, "b-0000000000000001", "c-0000000000000001"];
        db.insert("sessions", ids.map(expired));
        db.insert("sessions", [session("connect-mongo-json", "live-0000000000001", at(3600))]);
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("a.ndjson");
        let archive = archive.to_str().unwrap();
        let run =
            db.sessionctl(&["purge", "--expired", "--archive", archive, "-o", "json"]).exits(0);
        assert_eq!((&run.json()["deleted"], &run.json()["renewed"]), (&json!(3), &json!(0)));
        assert_eq!(db.ids("sessions"), ["live-0000000000001"]);
        // An id that the collation calls equal takes the place, and is left as it is.
        db.insert("sessions", [session("connect-mongo-json", other, at(3600))]);
        db.sessionctl(&["restore", archive, "--yes"]).exits(0);
        let mut all = [other, "b-0000000000000001", "c-0000000000000001", "live-0000000000001"];
        all.sort_unstable();
        assert_eq!(db.ids("sessions"), all);
        assert_eq!(live(&db, "_id").len(), 2);
        db.sessionctl(&["sweep", "--once", "--no-lease"]).exits(0);
        assert_eq!(db.count("sessions", doc! {}), 2);
        assert_eq!(live(&db, "_id").len(), 2);
    }
}

#[test]
fn the_library_gets_and_ends_the_session_of_that_id_alone() {
    for (collation, one, other) in collations() {
        for layout in ["express-session-object", "express-mongodb-legacy"] {
            let db = collated(&collation);
            let store = db.store(layout);
            let hour = Expiry::After(std::time::Duration::from_secs(3600));
            db.runtime.block_on(async {
                store.set(one, &json!({ "user": "one" }), hour).await.unwrap();
                assert_eq!(store.get::<Value>(other).await.unwrap(), None);
                assert!(!store.touch(other, hour).await.unwrap());
                assert!(!store.destroy(other).await.unwrap());
                assert!(!store.set_existing(other, &json!({}), hour).await.unwrap());
                let set = store.set(other, &json!({ "user": "other" }), hour).await;
                // The index on `_id` has room for one of them.
                assert_eq!(set.is_ok(), layout == "express-mongodb-legacy", "{set:?}");
                let user = |value: Option<Value>| value.unwrap()["user"].clone();
                assert_eq!(user(store.get(one).await.unwrap()), "one");
                assert!(store.touch(one, hour).await.unwrap());
                if set.is_ok() {
                    assert_eq!(user(store.get(other).await.unwrap()), "other");
                    assert!(store.destroy(one).await.unwrap());
                    assert_eq!(user(store.get(other).await.unwrap()), "other");
                    store.set(one, &json!({ "user": "one" }), hour).await.unwrap();
                    let purge = Purge::new(Selection::new(Query::default(), now()), Action::Delete);
                    let back = store.reappeared(&purge, &[one.into()]).await.unwrap();
                    assert_eq!(back.len(), 1);
                }
                assert!(store.destroy(one).await.unwrap());
            });
        }
    }
}

/// An index finds the session although the comparison is by bytes.
#[test]
fn a_session_of_many_is_written_along_the_index() {
    let db = collated(&collations()[0].0);
    let ids = (0..20_000).map(|number| format!("session-{number}-abcdefgh"));
    db.insert("sessions", ids.map(|id| session("connect-mongo-json", &id, at(3600))));
    db.run(doc! { "profile": 2 });
    let store = db.store("connect-mongo-json");
    db.runtime.block_on(async {
        assert!(store.get::<Value>("session-777-abcdefgh").await.unwrap().is_some());
        assert!(store.destroy("session-777-abcdefgh").await.unwrap());
    });
    db.sessionctl(&["purge", "session-778-abcdefgh", "--yes"]).exits(0);
    db.run(doc! { "profile": 0 });
    let namespace = format!("{}.sessions", db.name);
    let of_one = doc! { "ns": namespace, "$or": [{ "op": "remove" }, { "command.filter._id": { "$exists": true } }] };
    let operations = db.find("system.profile", of_one);
    assert!(operations.len() >= 3, "{operations:?}");
    for operation in operations {
        assert!(operation.get_i32("docsExamined").unwrap_or(0) <= 2, "{operation}");
    }
    assert_eq!(db.count("sessions", doc! {}), 19_998);
}
