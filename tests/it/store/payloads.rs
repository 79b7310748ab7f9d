//! Payloads come back as they were, whoever wrote them.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Binary, Bson, DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sessionctl::error::Need;
use sessionctl::{Error, Expiry, Layout, Query, Store};

use super::{HOUR, ID};
use crate::support::{Db, LAYOUTS, at};

#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
struct Login {
    user: ObjectId,
    since: DateTime,
    count: i64,
    ratio: f64,
    note: Option<String>,
    token: Binary,
}

fn login() -> Login {
    Login {
        user: ObjectId::from_bytes([7; 12]),
        since: DateTime::from_millis(1_795_428_000_123),
        count: 5_000_000_000,
        ratio: 2.5,
        note: None,
        token: Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![0, 255, 3] },
    }
}

#[test]
fn a_payload_of_any_type_comes_back_as_it_was_set() {
    for (layout, _, _) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        let (one, all): (Option<Login>, Vec<(_, Login)>) = db.runtime.block_on(async {
            store.set(ID, &login(), HOUR).await.unwrap();
            (store.get(ID).await.unwrap(), store.all().await.unwrap())
        });
        assert_eq!(one, Some(login()), "{layout}");
        assert_eq!(all[0].1, login(), "{layout}");
    }
}

/// Whatever the layout: a session that is written can be read, by this store and by every command, or it
/// is refused with the reason.
#[test]
fn what_set_accepts_get_gives_back_in_every_layout() {
    let mut written = Vec::new();
    for known in Layout::known() {
        let db = Db::new();
        let layout = known.name.as_str();
        let store = db.store(layout);
        let payload = json!({ "user": "alice", "visits": 1 });
        db.runtime.block_on(async {
            for expiry in [HOUR, Expiry::Never] {
                match store.set(ID, &payload, expiry).await {
                    Ok(()) => {}
                    Err(Error::Unsupported(_) | Error::Needs { .. }) => continue,
                    Err(error) => panic!("{layout} {error}"),
                }
                let mut read: Value = store.get(ID).await.unwrap().expect(layout);
                // What express-session cannot do without is added.
                read.as_object_mut().unwrap().remove("cookie");
                assert_eq!(read, payload, "{layout} {expiry:?}");
                let all: Vec<(_, Value)> = store.all().await.unwrap();
                assert_eq!(
                    (all.len(), store.length().await.unwrap()),
                    (1, 1),
                    "{layout} {expiry:?}"
                );
                assert!(store.touch(ID, HOUR).await.unwrap(), "{layout} {expiry:?}");
                assert!(store.destroy(ID).await.unwrap(), "{layout} {expiry:?}");
                written.push(layout);
            }
        });
        assert_eq!(db.count("sessions", doc! {}), 0, "{layout}: what is refused is not written");
    }
    for (layout, ..) in LAYOUTS {
        assert!(written.contains(&layout), "{layout} is written");
    }
}

#[test]
fn a_lifetime_that_nobody_says_is_asked_for_and_one_that_an_index_says_is_known() {
    let db = Db::new();
    let open = |lifetime: Option<Duration>| {
        let builder =
            Store::builder().uri(&db.uri).database(&db.name).layout("session-mongoose-ttl");
        let builder = match lifetime {
            Some(lifetime) => builder.lifetime(lifetime),
            None => builder,
        };
        db.runtime.block_on(builder.open()).map(|(store, _)| store)
    };
    let refused = |result: sessionctl::Result<()>| {
        assert!(matches!(result, Err(Error::Needs { need: Need::Lifetime, .. })), "{result:?}");
    };
    refused(open(None).map(drop));
    refused(db.runtime.block_on(db.store("session-mongoose-ttl").set(ID, &json!({}), HOUR)));
    assert_eq!(db.count("sessions", doc! {}), 0);
    let hour = Duration::from_secs(3600);
    let lives = |store: &Store| {
        db.runtime.block_on(async {
            store.set(ID, &json!({ "a": 1 }), HOUR).await.unwrap();
            store.get::<Value>(ID).await.unwrap().is_some()
        })
    };
    assert!(lives(&open(Some(hour)).unwrap()));
    let key = doc! { "key": { "usedAt": 1 }, "name": "usedAt_1", "expireAfterSeconds": 3600 };
    db.create_index("sessions", key);
    assert!(lives(&open(None).unwrap()));
}

/// What an Express application put into a session, as MongoDB's driver for Node writes it.
fn of_express() -> Document {
    doc! {
        "user": ObjectId::from_bytes([7; 12]),
        "since": DateTime::from_millis(1_795_428_000_123),
        "clock": 1_795_428_000_123.0,
        "views": 3,
        "ratio": 2.5,
        "cart": [{ "at": DateTime::from_millis(0), "price": bson::Decimal128::from_bytes([1; 16]) }],
        "token": Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![0, 255, 3] },
        "word": bson::Regex { pattern: "^a".try_into().unwrap(), options: "i".try_into().unwrap() },
        "gone": Bson::Null,
    }
}

const IN_BSON: [(&str, &str); 3] = [
    ("express-session-object", "session"),
    ("express-mongodb-1", "session"),
    ("express-mongodb-legacy", "data"),
];

/// JavaScript has one kind of number.
fn as_javascript_has_it(payload: &Document) -> Document {
    let mut payload = payload.clone();
    if let Some(Bson::Int64(whole)) = payload.get("clock") {
        let whole = *whole as f64;
        payload.insert("clock", whole);
    }
    payload
}

#[test]
fn what_express_wrote_is_of_the_same_types_after_it_was_got_and_set() {
    for (layout, path) in IN_BSON {
        let db = Db::new();
        let store = db.store(layout);
        let id = store.layout().id.path.clone();
        db.runtime.block_on(store.set(ID, &json!({}), HOUR)).unwrap();
        let mut written = of_express();
        let expires = if layout == "express-session-object" { "expires" } else { "_expires" };
        written.insert("cookie", doc! { "originalMaxAge": 60_000, expires: at(60), "path": "/" });
        db.update("sessions", doc! { &id: ID }, doc! { "$set": { path: written.clone() } });

        let stored = || db.one("sessions", &id, ID).get_document(path).unwrap().clone();
        let as_json: Value = db.runtime.block_on(store.get(ID)).unwrap().unwrap();
        assert_eq!(as_json["clock"].as_u64(), Some(1_795_428_000_123), "{layout}: a whole number");
        assert!(db.runtime.block_on(store.set_existing(ID, &as_json, HOUR)).unwrap());
        assert_eq!(as_javascript_has_it(&stored()), written, "{layout}");

        let as_bson: Document = db.runtime.block_on(store.get(ID)).unwrap().unwrap();
        assert_eq!(as_javascript_has_it(&as_bson), written, "{layout}");
        assert!(db.runtime.block_on(store.set_existing(ID, &as_bson, HOUR)).unwrap());
        assert_eq!(as_javascript_has_it(&stored()), written, "{layout}");
    }
}

#[test]
fn a_number_that_is_not_finite_is_refused_and_the_session_stays() {
    for (layout, _, _) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        db.runtime.block_on(store.set(ID, &login(), HOUR)).unwrap();
        for number in [f64::NAN, f64::INFINITY] {
            let payload = Login { ratio: number, ..login() };
            let refused = db.runtime.block_on(store.set(ID, &payload, HOUR));
            assert!(matches!(refused, Err(Error::Unsupported(_))), "{layout} {refused:?}");
        }
        let kept: Option<Login> = db.runtime.block_on(store.get(ID)).unwrap();
        assert_eq!(kept, Some(login()), "{layout}");
    }
}

#[test]
fn a_payload_of_another_type_is_an_error_that_does_not_quote_it() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "it is never made")]
    struct Other {
        user: u32,
    }
    let db = Db::new();
    let store = db.store("express-mongodb-1");
    let error = |payload: Value| {
        db.runtime.block_on(store.set(ID, &payload, HOUR)).unwrap();
        db.runtime.block_on(store.get::<Other>(ID)).unwrap_err().to_string()
    };
    let said = "a document cannot be read: the payload is of another type, ";
    assert_eq!(error(json!({ "user": "a secret" })), format!("{said}expected u32"));
    assert_eq!(error(json!({ "name": "a secret" })), format!("{said}missing field `user`"));
}

#[test]
fn logging_out_by_a_query_spares_everybody_where_it_names_nobody() {
    let db = Db::new();
    let store = db.store("express-mongodb-1");
    let alice = || Query::of("alice");
    let destroy = |query| db.runtime.block_on(store.destroy_matching(query));
    assert_eq!(destroy(alice()).unwrap(), 0, "there is no collection yet");
    assert_eq!(db.runtime.block_on(store.clear_expired()).unwrap(), 0);
    for (id, user) in [("a", "alice"), ("b", "bob"), ("c", "alice")] {
        db.runtime.block_on(store.set(id, &json!({ "user": user }), HOUR)).unwrap();
    }
    assert!(matches!(destroy(Query::default()), Err(Error::Unsupported(_))));
    assert_eq!(db.count("sessions", doc! {}), 3);
    assert_eq!(destroy(alice()).unwrap(), 2);
    assert_eq!(db.count("sessions", doc! { "_id": "b" }), 1);
}

#[test]
fn a_payload_that_cannot_be_stored_is_refused_without_its_values() {
    let db = Db::new();
    let store = db.store("express-mongodb-1");
    let payloads = [
        (json!({ "a": { "$date": "my-secret" } }), "my-secret"),
        (json!({ "a": { "$oid": "my-secret" } }), "my-secret"),
        (json!({ "pin": 18_446_744_073_709_551_615_u64 }), "18446744073709551615"),
    ];
    for (payload, secret) in payloads {
        let refused = db.runtime.block_on(store.set(ID, &payload, HOUR)).unwrap_err();
        assert!(matches!(refused, Error::Unsupported(_)), "{refused:?}");
        assert!(!format!("{refused} {refused:?}").contains(secret), "{refused:?}");
    }
    // With this field, the document would be no session of this layout.
    let payload = json!({ "cookie": { "expires": "2036-01-02T03:04:05.000Z" } });
    let refused = db.runtime.block_on(store.set(ID, &payload, HOUR)).unwrap_err();
    assert!(refused.to_string().contains("session.cookie.expires"), "{refused}");
    assert!(db.collections().is_empty());
}

#[test]
fn a_cookie_that_is_no_object_is_replaced_because_express_cannot_read_it() {
    for layout in ["connect-mongo-json", "express-session-object", "express-mongodb-1"] {
        let db = Db::new();
        let store = db.store(layout);
        for cookie in [Value::Null, json!("sid"), json!([])] {
            let payload = json!({ "cookie": cookie, "n": 1 });
            db.runtime.block_on(store.set(ID, &payload, HOUR)).unwrap();
            let got: Value = db.runtime.block_on(store.get(ID)).unwrap().unwrap();
            assert_eq!(got["cookie"]["httpOnly"], true, "{layout} {payload}");
            assert_eq!(got["n"], 1, "{layout}");
        }
    }
}
