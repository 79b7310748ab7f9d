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

/// Payloads with the user 42 as a float: Go decodes numbers of JSON, such as those in the claims of
/// a token, as float64.
fn floats() -> [Vec<u8>; 4] {
    // map[string]interface{}{"user_id": float64(42)}, by encoding/gob.
    let gob = [
        &b"\x27\xff\x85\x04\x01\x01\x17map[string]interface {}\x01\xff\x86\x00\x01\x0c\x01\x10\x00\x00"[..],
        b"\x1a\xff\x86\x00\x01\x07user_id\x07float64\x08\x04\x00\xfe\x45\x40",
    ];
    let msgpack = [&b"\x81\xa7user_id\xcb"[..], &42_f64.to_be_bytes()];
    let json = [br#"{"user_id":42.0}"#.to_vec(), br#"{"user_id":4.2E1}"#.to_vec()];
    let [plain, exponent] = json;
    [gob.concat(), msgpack.concat(), plain, exponent]
}

#[test]
fn a_user_that_is_a_whole_float_is_the_integer() {
    let db = Db::on(&quiet_uri());
    let expires = DateTime::from_millis(now().timestamp_millis() + 3_600_000);
    let session = |(number, bytes): (usize, Vec<u8>)| {
        let value = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes };
        let key = format!("6f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f{number}");
        doc! { "_id": bson::oid::ObjectId::new(), "key": key, "value": value, "exp": expires }
    };
    let other = br#"{"user_id":142.5}"#.to_vec();
    db.insert("sessions", floats().into_iter().chain([other]).enumerate().map(session));
    let run = |arguments: &[&str]| {
        db.sessionctl(&[arguments, &["--layout", "fiber", "-o", "json"]].concat()).exits(0).json()
    };
    for selection in [&["--user", "42"][..], &["--where", "user_id=42"]] {
        let rows = run(&[&["list"], selection].concat());
        assert_eq!(rows.as_array().unwrap().len(), 4, "{rows}");
        assert!(rows.as_array().unwrap().iter().all(|row| row["user"] == "42"), "{rows}");
    }
    let users = run(&["users"]);
    assert_eq!((&users[0]["user"], &users[0]["sessions"]), (&json!("42"), &json!(4)), "{users}");
    assert_eq!(run(&["stats"])["top_users"][0], json!({ "user": "42", "sessions": 4 }));
    let report = run(&["expire", "--user", "42", "--keep", "1", "--yes"]);
    assert_eq!(report["expired"], 3, "{report}");
    assert_eq!(run(&["expire", "--user", "42", "--yes"])["expired"], 1);
    let left = db.find("sessions", doc! { "exp": { "$gt": now() } });
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].get_str("key").unwrap(), "6f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f4");
}

/// The server searches JSON for the text, and a list of users is compared with each number in it.
#[test]
fn a_whole_float_in_json_is_found_in_every_spelling() {
    for many in [false, true] {
        let db = Db::on(&quiet_uri());
        let expires = DateTime::from_millis(now().timestamp_millis() + 3_600_000);
        let spellings = [
            "12345678",
            "12345678.0",
            "1.2345678E7",
            "1.23456780e+07",
            "\"12345678\"",
            "12345678.5",
        ];
        let session = |(number, user): (usize, &&str)| {
            let payload = format!(r#"{{"cookie":{{"originalMaxAge":null}},"userId":{user}}}"#);
            doc! { "_id": format!("{number:032}"), "expires": expires, "session": payload }
        };
        db.insert("sessions", spellings.iter().enumerate().map(session));
        let other = (0..10).flat_map(|number| ["--user".to_owned(), format!("u{number}")]);
        let other: Vec<_> = other.filter(|_| many).collect();
        let mut expire = vec!["expire", "--yes", "-o", "json", "--user", "12345678"];
        expire.extend(other.iter().map(String::as_str));
        assert_eq!(db.sessionctl(&expire).exits(0).json()["expired"], 5);
        let left = db.find("sessions", doc! { "expires": { "$gt": now() } });
        assert_eq!(left.len(), 1);
        assert!(left[0].get_str("session").unwrap().contains("12345678.5"));
    }
}

/// Old drivers wrote UUIDs as subtype 3, and Node.js writes a `Buffer` as subtype 0.
#[test]
fn a_user_of_16_bytes_is_a_uuid_whatever_its_subtype() {
    use bson::spec::BinarySubtype::{Generic, Uuid, UuidOld};
    const USER: &str = "89e602bc-50b6-412e-bef8-2a751bacba11";
    let bytes = bson::Uuid::parse_str(USER).unwrap().bytes().to_vec();
    for subtype in [Uuid, UuidOld, Generic] {
        let db = Db::on(&quiet_uri());
        let expires = DateTime::from_millis(now().timestamp_millis() + 3_600_000);
        let session = |number: usize, user: Bson| {
            let payload =
                doc! { "cookie": { "originalMaxAge": null, "path": "/" }, "userId": user };
            doc! { "_id": format!("{number:032}"), "expires": expires, "session": payload }
        };
        let user = bson::Binary { subtype, bytes: bytes.clone() };
        let others = [
            Bson::Binary(bson::Binary { subtype, bytes: [&bytes[..15], &[0]].concat() }),
            Bson::Binary(bson::Binary { subtype: Generic, bytes: bytes[..15].to_vec() }),
        ];
        let users = [user.clone().into(), user.into()].into_iter().chain(others).enumerate();
        db.insert("sessions", users.map(|(number, user)| session(number, user)));
        let run = |arguments: &[&str]| {
            db.sessionctl(&[arguments, &["-o", "json"]].concat()).exits(0).json()
        };
        let rows = run(&["list", "--user", USER]);
        assert_eq!(rows.as_array().unwrap().len(), 2, "{subtype:?} {rows}");
        assert!(rows.as_array().unwrap().iter().all(|row| row["user"] == USER), "{rows}");
        let (users, stats) = (run(&["users"]), run(&["stats"]));
        assert_eq!((&users[0]["user"], &users[0]["sessions"]), (&json!(USER), &json!(2)));
        assert_eq!(stats["top_users"][0], json!({ "user": USER, "sessions": 2 }));
        assert_eq!(users.as_array().unwrap().len(), 2, "{users}");
        assert_eq!((&stats["users"], &stats["anonymous"]), (&json!(2), &json!(1)), "{stats}");
        assert_eq!(run(&["expire", "--user", USER, "--yes"])["expired"], 2);
        assert_eq!(live(&db), 2);
    }
}
