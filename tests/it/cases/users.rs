//! Where applications put the user.

use super::*;
use crate::support::long_id;

/// The places of common tutorials; a tenant such as `account.id` is not one of them.
#[test]
fn a_user_is_found_wherever_tutorials_put_it() {
    let case = Case::load("express-users-elsewhere");
    assert_eq!(case.states(&[]), json!({ "live": 14 }));
    let users = case.users(&[]);
    assert_eq!(users.get("bob"), Some(&13), "{users:?}");
}

/// One of them has bob at a place where users are not searched, which must be reported.
#[test]
fn a_user_at_another_place_is_an_error_instead_of_left_logged_in() {
    let case = Case::load("express-users-elsewhere");
    case.run(&["list", "--user", "bob"]).exits(0).says("account.id");
    let run = case.run(&["expire", "--user", "bob", "--yes"]).exits(1).says("account.id");
    assert!(run.stderr.contains("--user-path"), "{run:#?}");
}

#[test]
fn a_user_path_replaces_the_places_of_the_layout() {
    let case = Case::load("express-users-elsewhere");
    let users = case.users(&["--user-path", "account.id"]);
    assert_eq!((users.get("bob"), users.get("-")), (Some(&1), Some(&13)), "{users:?}");
}

#[test]
fn every_form_of_a_user_is_read() {
    let case = Case::load("express-users-many-forms");
    assert_eq!(case.states(&[]), json!({ "live": 15 }));
    let users = case.users(&[]);
    assert!(users.get("42").is_some_and(|sessions| *sessions >= 8), "{users:?}");
    assert_eq!(users.get("xuka"), Some(&1), "{users:?}");
    assert_eq!(users.get("142"), Some(&1), "{users:?}");
}

/// Sessions of connect-mongo with these payloads, as text or as documents, that are live.
fn express(payloads: &[Value], as_text: bool) -> Db {
    let db = Db::on(&quiet_uri());
    let expires = DateTime::from_millis(now().timestamp_millis() + 3_600_000);
    let sessions = payloads.iter().enumerate().map(|(number, payload)| {
        let mut payload = payload.clone();
        payload["cookie"] = json!({ "originalMaxAge": 3_600_000, "path": "/" });
        let session = match as_text {
            true => Bson::String(payload.to_string()),
            false => Bson::try_from(payload).unwrap(),
        };
        doc! { "_id": format!("{number:032}"), "expires": expires, "session": session }
    });
    db.insert("sessions", sessions);
    db
}

fn live(db: &Db) -> u64 {
    db.count("sessions", doc! { "expires": { "$gt": now() } })
}

/// The server finds a text anywhere in JSON, but a value in a document only by its path.
#[test]
fn a_value_at_another_place_is_found_in_text_and_in_documents() {
    for as_text in [true, false] {
        let payloads = [
            json!({ "user": "alice" }),
            json!({ "user": { "id": 7, "nick": "alice" } }),
            json!({ "account": { "id": "alice" } }),
            json!({ "user": "bo", "cart": { "total": "alice" } }),
        ];
        let db = express(&payloads, as_text);
        let run = db.sessionctl(&["list", "--user", "alice", "-o", "json"]).exits(0);
        assert_eq!(run.json().as_array().unwrap().len(), 1, "{run:#?}");
        let run = run.says("2 sessions have alice at").says("account.id").says("user.nick");
        assert!(!run.stderr.contains("cart"), "{run:#?}");
        for command in ["expire", "purge"] {
            for how in ["--yes", "--dry-run"] {
                let run = db.sessionctl(&[command, "--user", "alice", how]).exits(1);
                let run =
                    run.says("2 sessions have alice at").says("account.id").says("--user-path");
                assert_eq!(run.stderr.matches("hint:").count(), 1, "{run:#?}");
            }
        }
        assert_eq!((db.count("sessions", doc! {}), live(&db)), (4, 4));

        // `--user-path` decides about the places.
        let paths = ["--user-path", "user", "--user-path", "account.id"];
        let report = db.sessionctl(
            &[&["expire", "--user", "alice", "--yes", "-o", "json"], &paths[..]].concat(),
        );
        assert_eq!(report.exits(0).json()["expired"], 2);
        assert_eq!(live(&db), 2);
        let run = db.sessionctl(&["purge", "--user", "alice", "--yes", "--user-path", "user.nick"]);
        run.exits(0);
        assert_eq!(db.count("sessions", doc! {}), 3);
    }
}

#[test]
fn an_equal_number_elsewhere_is_not_a_user() {
    for as_text in [true, false] {
        let payloads =
            [json!({ "userId": 42 }), json!({ "userId": 7, "views": 42, "cart": { "total": 42 } })];
        let db = express(&payloads, as_text);
        let run = db.sessionctl(&["expire", "--user", "42", "--yes", "-o", "json"]).exits(0);
        assert_eq!(run.json()["expired"], 1, "{run:#?}");
        let other = db.find("sessions", doc! { "expires": { "$gt": now() } });
        assert_eq!(other.len(), 1);
        assert_eq!(other[0].get_str("_id").unwrap(), "00000000000000000000000000000001");
    }
}

/// "No session matches" is an answer only if some session has a user.
#[test]
fn where_no_session_has_a_user_that_is_the_reason_and_they_are_not_anonymous() {
    for as_text in [true, false] {
        let payloads: Vec<_> =
            (0..3).map(|number| json!({ "auth": { "principal": format!("p{number}") } })).collect();
        let db = express(&payloads, as_text);
        for command in [&["list"][..], &["expire", "--yes"], &["purge", "--yes"]] {
            let run = db.sessionctl(&[command, &["--user", "alice"]].concat()).exits(1);
            run.says("no session has a user at passport.user")
                .says("auth.principal")
                .says("--user-path");
        }
        let stats = db.sessionctl(&["stats", "-o", "json"]).exits(0).says("auth.principal");
        assert_eq!((&stats.json()["users"], &stats.json()["anonymous"]), (&json!(0), &Value::Null));
        let stats = db.sessionctl(&["stats"]).exits(0);
        assert!(!stats.stdout.contains("anonymous"), "{stats:#?}");

        let with_path = |arguments: &[&str]| {
            db.command(arguments).env("SESSIONCTL_USER_PATH", "sub,auth.principal").run()
        };
        assert_eq!(with_path(&["stats", "-o", "json"]).exits(0).json()["users"], 3);
        with_path(&["list", "--user", "alice"]).exits(0);
        with_path(&["expire", "--user", "p1", "--yes"]).exits(0);
        assert_eq!(live(&db), 2);
    }
    // One session with a user among many without: then alice is not logged in.
    let mut payloads: Vec<_> = (0..300).map(|views| json!({ "views": views })).collect();
    payloads.push(json!({ "user": "bo" }));
    let db = express(&payloads, true);
    db.sessionctl(&["expire", "--user", "alice", "--yes"]).exits(0);
    assert_eq!(live(&db), 301);
}

#[test]
fn a_path_at_the_root_of_the_documents_begins_with_a_slash() {
    let db = express(&[json!({ "views": 1 })], true);
    db.update("sessions", doc! {}, doc! { "$set": { "owner": { "id": "bo" } } });
    let run = db.sessionctl(&["list", "--user-path", "owner.id"]).exits(1);
    run.says("at the root of the documents").says("--user-path /owner.id");
    let rows = db.sessionctl(&["list", "--user-path", "/owner.id", "-o", "json"]).exits(0).json();
    assert_eq!(rows[0]["user"], "bo");
    db.sessionctl(&["list", "--user-path", "/views"]).exits(1).says("--user-path views");
    db.sessionctl(&["list", "--user-path", ""]).exits(2).says("path in the payload");
    db.sessionctl(&["expire", "--user", "bo", "--yes", "--user-path", "/owner.id"]).exits(0);
    assert_eq!(live(&db), 0);
}

/// The server's search also finds payloads that were encoded again, but no ciphertext.
#[test]
fn a_user_is_ended_whose_payload_was_encoded_again() {
    let plain = json!({ "cookie": { "originalMaxAge": null }, "user": "åsa" }).to_string();
    let escaped = plain.replace('å', "\\u00e5");
    let texts = [
        json!(plain).to_string(),
        json!(escaped).to_string(),
        format!("\u{feff}{plain}"),
        // {"cookie":{"originalMaxAge":null},"user":"åsa"}
        "eyJjb29raWUiOnsib3JpZ2luYWxNYXhBZ2UiOm51bGx9LCJ1c2VyIjoiw6VzYSJ9".to_owned(),
        plain.replace("åsa", "bo"),
    ];
    let db = Db::on(&quiet_uri());
    let expires = DateTime::from_millis(now().timestamp_millis() + 3_600_000);
    let session = |(number, text): (usize, &String)| doc! { "_id": format!("{number:032}"), "expires": expires, "session": text };
    db.insert("sessions", texts.iter().enumerate().map(session));
    db.sessionctl(&["expire", "--user", "åsa", "--yes"]).exits(0);
    let left = db.find("sessions", doc! { "expires": { "$gt": now() } });
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].get_str("session").unwrap(), texts[4]);
}

/// Sessions of other users, and one with alice at an unusual place.
fn crowd(as_text: bool, one: &Value) -> Db {
    let db = Db::on(&quiet_uri());
    let expires = DateTime::from_millis(now().timestamp_millis() + 3_600_000);
    let crowd = (0..50_000).map(|number| {
        let payload = match number {
            0 => json!({ "cookie": {}, "userId": "alice" }),
            49_321 => one.clone(),
            _ => json!({ "cookie": {}, "userId": format!("u{number}"), "cart": { "id": number } }),
        };
        let session = match as_text {
            true => Bson::String(payload.to_string()),
            false => Bson::try_from(payload).unwrap(),
        };
        doc! { "_id": format!("{number:032}"), "expires": expires, "session": session }
    });
    db.insert("sessions", crowd);
    db
}

#[test]
fn one_of_fifty_thousand_sessions_with_the_user_elsewhere_is_found() {
    let one = json!({ "cookie": {}, "userId": "u49321", "account": { "id": "alice" } });
    for as_text in [true, false] {
        let db = crowd(as_text, &one);
        for command in ["expire", "purge"] {
            let run = db.sessionctl(&[command, "--user", "alice", "--yes"]).exits(1);
            run.says("1 session has alice at account.id").says("with account.id, these");
        }
        // The rest of the selection applies, and `--user-path` decides about the places.
        let expired = ["purge", "--user", "alice", "--expired", "--yes", "-o", "json"];
        assert_eq!(db.sessionctl(&expired).exits(0).json()["deleted"], 0);
        assert_eq!(live(&db), 50_000);
        db.sessionctl(&["expire", "--user", "alice", "--yes", "--user-path", "userId"]).exits(0);
        assert_eq!(live(&db), 49_999);
        // No session has alice in the places of the layout, so the list searches all of them.
        let run = db.sessionctl(&["list", "--live", "--user", "alice"]).exits(0);
        run.says("1 session has alice at account.id");
    }
}

#[test]
fn a_user_in_a_field_beside_the_payload_is_found_in_text_and_in_documents() {
    for as_text in [true, false] {
        let db = express(&[json!({ "user": "alice" }), json!({ "user": "bo" })], as_text);
        let second = doc! { "_id": format!("{:032}", 1) };
        db.update("sessions", second, doc! { "$set": { "owner": { "id": "alice" } } });
        let run = db.sessionctl(&["expire", "--user", "alice", "--yes"]).exits(1);
        run.says("1 session has alice at /owner.id").says("with /owner.id, these");
        db.sessionctl(&["list", "--user", "alice"]).exits(0).says("/owner.id");
        assert_eq!(live(&db), 2);
    }
}

#[test]
fn a_store_with_a_field_for_the_user_is_searched_through_all_the_same() {
    let db = Db::on(&quiet_uri());
    let expires = DateTime::from_millis(now().timestamp_millis() + 3_600_000);
    db.insert("sessions", ["one", "two"].map(|name| {
        doc! { "_id": bson::oid::ObjectId::new(), "sessionToken": long_id(name), "userId": name, "expires": expires }
    }));
    db.update(
        "sessions",
        doc! { "userId": "two" },
        doc! { "$set": { "account": { "id": "one" } } },
    );
    let layout = ["--layout", "authjs"];
    let run = db.sessionctl(&[&["purge", "--user", "one", "--yes"], &layout[..]].concat()).exits(1);
    run.says("1 session has one at /account.id");
    assert_eq!(db.count("sessions", doc! {}), 2);
    let named = ["purge", "--user", "one", "--yes", "--user-path", "/userId"];
    db.sessionctl(&[&named[..], &layout].concat()).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 1);
}

#[test]
fn many_places_are_summed_up() {
    let payloads: Vec<_> = (0..40)
        .map(
            |number| json!({ "userId": 7, "users": { format!("k{number}"): { "name": "alice" } } }),
        )
        .collect();
    let db = express(&payloads, false);
    let run = db.sessionctl(&["expire", "--user", "alice", "--yes"]).exits(1);
    run.says("40 sessions have alice at users.k0.name (1)").says("and 28 other places");
}
