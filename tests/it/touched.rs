//! The last touch of stores that do not write it: it follows from the expiry and the lifetime.

use bson::{Bson, DateTime, Document, doc};
use serde_json::{Value, json};

use crate::stores::quiet_uri;
use crate::support::{Db, at, long_id, now, with};

const DAY: i64 = 86_400;

/// A session of connect-mongo that was touched this many seconds ago, with a lifetime of thirty
/// days.
fn touched(name: &str, ago: i64, as_text: bool) -> Document {
    with_lifetime(name, at(30 * DAY - ago), &json!(30 * DAY * 1000), as_text)
}

fn with_lifetime(name: &str, expires: DateTime, lifetime: &Value, as_text: bool) -> Document {
    let payload = json!({ "cookie": { "originalMaxAge": lifetime, "path": "/" }, "userId": name });
    let session = match as_text {
        true => Bson::String(payload.to_string()),
        false => Bson::try_from(payload).unwrap(),
    };
    doc! { "_id": long_id(name), "expires": expires, "session": session }
}

fn users(db: &Db, arguments: &[&str]) -> Vec<String> {
    let rows = db.sessionctl(&[&["list", "-o", "json"], arguments].concat()).exits(0).json();
    let users = rows.as_array().unwrap().iter();
    let mut users: Vec<_> = users.map(|row| row["user"].as_str().unwrap().to_owned()).collect();
    users.sort();
    users
}

fn live(db: &Db) -> Vec<String> {
    let found = db.find("sessions", doc! { "expires": { "$gt": now() } });
    let mut ids: Vec<_> = found.iter().map(|one| one.get_str("_id").unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn the_last_touch_follows_from_the_expiry_and_the_lifetime() {
    for as_text in [true, false] {
        let db = Db::on(&quiet_uri());
        let expires = at(10 * DAY);
        let stored = DateTime::from_millis(1_700_000_000_000);
        db.insert(
            "sessions",
            [
                with_lifetime("derived", expires, &json!(20 * DAY * 1000), as_text),
                with_lifetime("future", expires, &json!(1000), as_text),
                with_lifetime("null", expires, &Value::Null, as_text),
                with_lifetime("text", expires, &json!("20 days"), as_text),
                with(
                    with_lifetime("stored", expires, &json!(20 * DAY * 1000), as_text),
                    doc! { "lastModified": stored },
                ),
            ],
        );
        let touched = |arguments: &[&str]| {
            let rows =
                db.sessionctl(&[&["list", "-o", "json"], arguments].concat()).exits(0).json();
            let touched = |row: &Value| (row["user"].clone(), row["touched"].clone());
            rows.as_array().unwrap().iter().map(touched).collect::<Vec<_>>()
        };
        let text = |date: DateTime| json!(sessionctl::payload::time(date));
        let derived = DateTime::from_millis(expires.timestamp_millis() - 20 * DAY * 1000);
        let mut wanted = vec![
            (json!("derived"), text(derived)),
            (json!("future"), Value::Null),
            (json!("null"), Value::Null),
            (json!("text"), Value::Null),
            (json!("stored"), text(stored)),
        ];
        assert_eq!(touched(&[]), wanted);
        let given = DateTime::from_millis(expires.timestamp_millis() - 14 * DAY * 1000);
        wanted[2].1 = text(given);
        assert_eq!(touched(&["--lifetime", "14d"]), wanted);
        let run = db.sessionctl(&["list", "-v"]).exits(0);
        run.says(
            "where no field stores the last touch, it is the expiry minus cookie.originalMaxAge",
        );
        db.sessionctl(&["list", "--sort", "touched"])
            .exits(1)
            .says("derived")
            .says("--sort expires");
    }
}

#[test]
fn idle_sessions_are_listed_by_a_derived_touch_and_ended_only_with_a_slack() {
    for as_text in [true, false] {
        let db = Db::on(&quiet_uri());
        let hour = 3600;
        db.insert(
            "sessions",
            [
                touched("new", 10, as_text),
                touched("nine", 9 * hour, as_text),
                touched("eleven", 11 * hour, as_text),
                touched("thirteen", 13 * hour, as_text),
            ],
        );
        assert_eq!(users(&db, &["--idle", "10h"]), ["eleven", "thirteen"]);
        assert_eq!(users(&db, &["--idle", "10h", "--touch-slack", "2h"]), ["thirteen"]);
        for command in ["expire", "purge"] {
            let run = db.sessionctl(&[command, "--idle", "10h", "--yes"]).exits(1);
            run.says("--idle requires a last touch").says("--touch-slack");
            db.sessionctl(&[command, "--touch-slack", "2h", "--yes"]).exits(2);
        }
        assert_eq!(live(&db).len(), 4);
        let with_slack = ["--idle", "10h", "--touch-slack", "2h", "--yes", "-o", "json"];
        let report = db.sessionctl(&[&["expire"], &with_slack[..]].concat()).exits(0).json();
        assert_eq!(report["expired"], 1, "{report}");
        assert_eq!(live(&db), [long_id("eleven"), long_id("new"), long_id("nine")]);
        let none = ["--idle", "10h", "--touch-slack", "0", "--live", "--yes", "-o", "json"];
        let report = db.sessionctl(&[&["purge"], &none[..]].concat()).exits(0).json();
        assert_eq!(report["deleted"], 1, "{report}");
        assert_eq!(live(&db), [long_id("new"), long_id("nine")]);
    }
}

/// A touch writes the expiry and not the payload, which is all that the session was judged by otherwise.
#[test]
fn a_session_that_is_touched_after_it_was_read_is_not_ended() {
    for as_text in [true, false] {
        let db = Db::new();
        db.insert("sessions", ["a", "b"].map(|name| touched(name, 5 * DAY, as_text)));
        let held = db.hold_deletes();
        let purge = ["purge", "--idle", "4d", "--touch-slack", "1h", "--yes", "-o", "json"];
        let running = db.command(&purge).start();
        held.wait_for_a_delete();
        let expires = doc! { "$set": { "expires": at(30 * DAY) } };
        db.update("sessions", doc! { "_id": long_id("a") }, expires);
        drop(held);
        let run = running.wait().exits(0);
        assert_eq!((&run.json()["deleted"], &run.json()["renewed"]), (&json!(1), &json!(1)));
        assert_eq!(db.ids("sessions"), [long_id("a")]);
    }
}

#[test]
fn an_idle_time_that_nothing_tells_is_an_error_and_some_that_lack_it_are_counted() {
    let db = Db::on(&quiet_uri());
    let expires = at(DAY);
    db.insert("sessions", ["a", "b"].map(|name| with_lifetime(name, expires, &Value::Null, true)));
    let run = db.sessionctl(&["list", "--idle", "1h"]).exits(1);
    run.says("--idle requires a last touch, which no session").says("--lifetime");
    assert_eq!(users(&db, &["--idle", "1h", "--lifetime", "14d"]), ["a", "b"]);
    db.insert("sessions", [touched("c", 2 * DAY, true)]);
    let run = db.sessionctl(&["list", "--idle", "1h"]).exits(0);
    run.says("2 sessions have no last touch and do not match --idle");
    let slack = ["purge", "--idle", "1h", "--touch-slack", "0", "--yes"];
    db.sessionctl(&slack).exits(0).says("2 sessions have no last touch");
    assert_eq!(db.count("sessions", doc! {}), 2);
}

/// One that is stored decides without a slack, as it did before.
#[test]
fn a_stored_touch_needs_no_slack() {
    let db = Db::on(&quiet_uri());
    db.insert(
        "sessions",
        [
            with(touched("stored", 2 * DAY, true), doc! { "lastModified": at(-2 * DAY) }),
            touched("derived", 2 * DAY, true),
        ],
    );
    let run = db.sessionctl(&["expire", "--idle", "1d", "--yes"]).exits(0);
    run.says("1 session has no last touch and does not match --idle").says("--touch-slack");
    assert_eq!(live(&db), [long_id("derived")]);
}
