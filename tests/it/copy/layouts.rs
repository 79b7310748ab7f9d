//! From one layout to another: what a session looks like there, and what cannot be carried over.

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use serde_json::{Value, json};

use super::{copy, counts};
use crate::support::{Db, at, connect_mongo, session, with};

fn converted(db: &Db, layout: &str) -> Value {
    copy(db, &["--to-layout", layout])
}

#[test]
fn a_session_of_connect_mongo_becomes_what_each_store_would_have_written() {
    let db = Db::new();
    let expires = at(3600);
    let date = sessionctl::payload::time(expires).unwrap();
    let cookie =
        json!({ "originalMaxAge": 3_600_000, "expires": date, "httpOnly": true, "path": "/" });
    let payload = json!({ "cookie": cookie, "user": "ann", "n": [1, 2.5, null, { "a": true }] });
    let id = "AAAAAAAAAAAAAAAAAAAAAQ";
    let document = doc! { "_id": id, "expires": expires, "session": payload.to_string() };
    db.insert("sessions", [document]);
    let one = |layout: &str, field: &str, id: &str| -> Document {
        db.run(doc! { "drop": "copies" });
        assert_eq!(counts(&converted(&db, layout)), [1, 0, 0, 0, 0], "{layout}");
        assert_eq!(counts(&converted(&db, layout)), [0, 0, 1, 0, 0], "{layout}");
        db.one("copies", field, id)
    };
    db.run(doc! { "create": "copies" });
    let content = doc! { "user": "ann", "n": [1, 2.5, null, { "a": true }] };
    let cookie = |key: &str| {
        doc! { "originalMaxAge": 3_600_000, key: expires, "httpOnly": true, "path": "/" }
    };

    let object = one("express-session-object", "_id", id);
    let whole = with(doc! { "cookie": cookie("expires") }, content.clone());
    assert_eq!(object, doc! { "_id": id, "expires": expires, "session": whole });

    let first = one("express-mongodb-1", "_id", id);
    let whole = with(doc! { "cookie": cookie("_expires") }, content.clone());
    assert_eq!(first.get_document("session").unwrap(), &whole);
    assert_eq!(first.get_datetime("expiresAt").unwrap(), &expires);
    let touched = first.get_datetime("updatedAt").unwrap().timestamp_millis();
    assert_eq!(expires.timestamp_millis() - touched, 3_600_000, "from the cookie's lifetime");

    let legacy = one("express-mongodb-legacy", "sid", id);
    assert_eq!(legacy.get_document("data").unwrap(), &whole);
    assert!(legacy.get_object_id("_id").is_ok() && legacy.get_datetime("lastAccess").is_ok());

    let koa = one("koa-session-mongoose", "_id", id);
    let data = koa.get_document("data").unwrap();
    let own = doc! { "_expire": expires.timestamp_millis() as f64, "_maxAge": 3_600_000 };
    assert_eq!(data, &with(content, own));

    let flask = one("flask-session", "id", &format!("session:{id}"));
    let Some(Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes })) = flask.get("val")
    else {
        panic!("{flask}");
    };
    let value: Value = rmp_serde::from_slice(bytes).unwrap();
    let wanted = json!({ "user": "ann", "n": [1, 2.5, null, { "a": true }], "_permanent": true });
    assert_eq!(value, wanted);

    let tower = one("tower-sessions", "_id", id);
    let Some(Bson::Binary(Binary { bytes, .. })) = tower.get("data") else { panic!("{tower}") };
    let record: tower_sessions::session::Record = rmp_serde::from_slice(bytes).unwrap();
    assert_eq!((record.id.to_string(), &record.data["user"]), (id.to_owned(), &json!("ann")));
    assert_eq!(record.data.get("cookie"), None);
    let millis = record.expiry_date.unix_timestamp_nanos() / 1_000_000;
    assert_eq!(millis, i128::from(expires.timestamp_millis()));
}

#[test]
fn types_of_bson_are_kept_between_stores_that_keep_bson_and_become_text_in_json() {
    let db = Db::new();
    let account = bson::oid::ObjectId::new();
    let since = at(-60);
    let cookie = doc! { "originalMaxAge": null, "_expires": null, "path": "/" };
    let data = doc! { "cookie": cookie, "account": account, "since": since, "$odd": 1 };
    let legacy = with(session("express-mongodb-legacy", "a", at(600)), doc! { "data": data });
    db.insert("sessions", [legacy]);
    converted(&db, "express-session-object");
    let object = db.one("copies", "_id", "a");
    let payload = object.get_document("session").unwrap();
    assert_eq!(payload.get_object_id("account").unwrap(), account);
    assert_eq!(payload.get_datetime("since").unwrap(), &since);
    assert_eq!(payload.get_document("cookie").unwrap().get("expires"), Some(&Bson::Null));

    db.run(doc! { "drop": "copies" });
    let report = converted(&db, "connect-mongo-json");
    // A name with a dollar is a mark of what JSON cannot hold.
    assert_eq!((counts(&report), &report["reasons"]), ([0, 0, 0, 0, 1], &json!({ "values": 1 })));
    db.update(
        "sessions",
        doc! { "sid": "a" },
        doc! { "$set": { "data": {
            "account": account, "since": since,
        } } },
    );
    converted(&db, "connect-mongo-json");
    let json = db.one("copies", "_id", "a");
    let payload: Value = serde_json::from_str(json.get_str("session").unwrap()).unwrap();
    assert_eq!(payload["account"], account.to_hex());
    assert_eq!(payload["since"], sessionctl::payload::time(since).unwrap());
    // express-session cannot do without one.
    assert!(payload["cookie"]["originalMaxAge"].is_i64(), "{payload}");
}

#[test]
fn what_cannot_be_carried_over_is_counted_by_reason_and_left() {
    let db = Db::new();
    let good = "AAAAAAAAAAAAAAAAAAAAAQ";
    let text =
        |id: &str, session: &str| with(connect_mongo(id, at(60)), doc! { "session": session });
    let mut endless = connect_mongo("AAAAAAAAAAAAAAAAAAAAAw", at(0));
    endless.remove("expires");
    let sealed = r#"{"iv":"f0e1d2c3b4a59687","ct":"c2VjcmV0IGNpcGhlcnRleHQgb2YgYSBzZXNzaW9u","at":"x","hmac":"4f","aad":"","as":"AAAA"}"#;
    db.insert(
        "sessions",
        [
            connect_mongo(good, at(60)),
            connect_mongo("an-id-of-32-letters-of-express--", at(60)),
            text("AAAAAAAAAAAAAAAAAAAAAg", "{\"cut"),
            text("AAAAAAAAAAAAAAAAAAAAAA", "[1]"),
            connect_mongo("AAAAAAAAAAAAAAAAAAAABA", "soon"),
            text("AAAAAAAAAAAAAAAAAAAABQ", sealed),
            endless,
        ],
    );
    let report = converted(&db, "tower-sessions");
    assert_eq!(counts(&report)[0], 1, "{report}");
    let reasons = report["reasons"].as_object().unwrap();
    assert_eq!(reasons["id"], 1, "{report}");
    assert_eq!(reasons["malformed"], 1, "{report}");
    assert_eq!(reasons["endless"], 1, "{report}");
    let unread = ["undecodable", "encrypted"].map(|key| reasons.get(key).and_then(Value::as_u64));
    assert_eq!(unread.iter().flatten().sum::<u64>(), 3, "{report}");
    assert_eq!(report["lost"], 6, "{report}");
    assert_eq!(db.ids("copies"), [good]);
    let dry = ["copy", "--to-collection", "x", "--to-layout", "tower-sessions", "--dry-run"];
    db.sessionctl(&dry).exits(0).prints("1 session cannot be copied: the id is hashed");
    // Flask does not look at the expiry when it reads.
    db.run(doc! { "drop": "copies" });
    db.insert("sessions", [connect_mongo("dead", at(-60))]);
    let report = converted(&db, "flask-session");
    assert_eq!(report["reasons"]["expired"], 1, "{report}");
    assert_eq!(db.count("copies", doc! { "id": "session:dead" }), 0);
}

#[test]
fn a_mixed_collection_becomes_one_of_one_layout() {
    let db = Db::new();
    let object = session("express-session-object", "object", at(600));
    db.insert("sessions", [connect_mongo("json", at(600)), object]);
    let report = converted(&db, "express-session-object");
    assert_eq!(counts(&report), [2, 0, 0, 0, 0], "{report}");
    assert_eq!(db.one("copies", "_id", "object"), db.one("sessions", "_id", "object"));
    let json = db.one("copies", "_id", "json");
    assert_eq!(json.get_document("session").unwrap().get_i32("userId").unwrap(), 42);
}

#[test]
fn a_renewed_session_of_the_source_replaces_its_converted_copy() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("a", at(600)), connect_mongo("b", at(600))]);
    converted(&db, "express-session-object");
    db.update("sessions", doc! { "_id": "a" }, doc! { "$set": { "expires": at(900) } });
    db.update("copies", doc! { "_id": "b" }, doc! { "$set": { "expires": at(999) } });
    let report = converted(&db, "express-session-object");
    assert_eq!(counts(&report), [0, 1, 0, 1, 0], "{report}");
}
