//! `inspect`: whole sessions, with their secrets masked.

use bson::doc;
use serde_json::{Value, json};

use crate::support::{Db, at, connect_mongo, with};

const ID: &str = "7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN";

/// One session with secrets in it.
fn secretive() -> Db {
    let db = Db::new();
    let session = json!({
        "cookie": { "path": "/" },
        "userId": 42,
        "csrfSecret": "q3J9x0mZ",
        "oauth": { "access_token": "ya29.hush", "scopes": ["mail"] },
        "name": "Åsa",
    });
    db.insert(
        "sessions",
        [with(connect_mongo(ID, at(60)), doc! { "session": session.to_string() })],
    );
    db
}

#[test]
fn the_keys_come_in_the_order_of_the_contract() {
    let db = secretive();
    let rows = db.sessionctl(&["inspect", "-o", "json", ID]).exits(0).json();
    let keys: Vec<_> = rows[0].as_object().unwrap().keys().map(String::as_str).collect();
    let contract =
        "id state expires touched created user bytes layout namespace payload payload_error";
    assert_eq!(keys.join(" "), contract);
    assert_eq!(rows[0]["id"], &ID[..12]);
    assert_eq!(rows[0]["layout"], "connect-mongo-json");
    assert_eq!(rows[0]["namespace"], format!("{}.sessions", db.name));
    assert_eq!(rows[0]["user"], "42");
    assert!(rows[0]["payload_error"].is_null());
    let csv = db.sessionctl(&["inspect", "-o", "csv", ID]).exits(0).stdout;
    assert_eq!(csv.lines().next().map(|line| line.replace(',', " ")).as_deref(), Some(contract));
    let table = db.sessionctl(&["inspect", ID]).exits(0).stdout;
    let shown: Vec<_> = table
        .lines()
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(shown.join(" "), contract);
}

#[test]
fn secrets_are_masked_unless_revealed() {
    let db = secretive();
    for format in ["table", "json", "ndjson", "csv"] {
        let run = db.sessionctl(&["inspect", "-o", format, ID]).exits(0);
        let run = run.never_shows("q3J9x0mZ").never_shows("ya29.hush").never_shows(ID);
        assert!(run.stdout.contains("Åsa") && run.stdout.contains("mail"), "{run:?}");
        let run = db.sessionctl(&["inspect", "--reveal", "-o", format, ID]).exits(0);
        assert!(run.stdout.contains("q3J9x0mZ") && run.stdout.contains("ya29.hush"), "{run:?}");
        assert!(!run.stdout.contains(ID), "{run:?}");
    }
    db.sessionctl(&["list", "-o", "json"]).exits(0).never_shows("q3J9x0mZ");
}

/// Symfony serializes the user with the hash into its token, and Devise stores its beginning.
#[test]
fn hashes_of_passwords_are_masked_in_lists_and_under_any_name() {
    let db = Db::new();
    let hash = "$2y$13$abcdefghijklmnopqrstuuN9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92";
    let session = json!({
        "cookie": {},
        "_security_main": [1, "a@b", hash],
        "warden.user.user.key": [[42], &hash[..29]],
        "note": "pbkdf2_sha256$600000$saltsalt$W9/v2iGjRqPkMpn4dvjVwZ1b0fT6JHRQtX5fWcQbZzc=",
    });
    let session = doc! { "session": session.to_string() };
    db.insert("sessions", [with(connect_mongo(ID, at(60)), session)]);
    let hidden = |arguments: &[&str]| {
        let run = db.sessionctl(arguments).exits(0).never_shows("$2y$").never_shows("saltsalt");
        assert!(run.stdout.contains("********"), "{run:?}");
        run
    };
    for format in ["table", "json", "csv"] {
        let run = hidden(&["inspect", "-o", format, ID]);
        assert!(run.stdout.contains("a@b"), "{run:?}");
        let columns = "payload._security_main,payload.note,payload._security_main.2";
        hidden(&["list", "-o", format, "--columns", columns]);
    }
}

#[test]
fn raw_is_the_document_as_canonical_extended_json_and_says_that_nothing_is_masked() {
    let db = secretive();
    let stored = db.find("sessions", doc! {}).remove(0);
    let expected = bson::Bson::Document(stored).into_canonical_extjson();
    let run = db.sessionctl(&["inspect", "--raw", "-o", "json", ID]).exits(0);
    assert_eq!(run.says("--raw masks nothing").json(), json!([expected.clone()]));
    for format in ["table", "ndjson"] {
        let run = db.sessionctl(&["inspect", "--raw", "-o", format, ID]).exits(0);
        let shown: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(shown, expected);
    }
    let quiet = db.sessionctl(&["inspect", "--raw", "-q", ID]).exits(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn what_json_cannot_represent_is_named_and_left_out_of_what_a_restore_reads() {
    let db = Db::new();
    let whole = "whole-session-of-three";
    db.insert("sessions", [connect_mongo(whole, at(60))]);
    // No byte of its date or of its lengths is a question mark.
    let expires = bson::DateTime::from_millis(1_700_000_000_000);
    let broken = connect_mongo("broken-session-of-three", expires);
    db.insert_broken("sessions", with(broken, doc! { "session": "a?bcd" }));
    let twice = with(connect_mongo("double-session-of-three", at(60)), doc! { "other": "x" });
    db.insert_renamed("sessions", &twice, "other", "session");
    let ids = [whole, "broken-session", "double-session"];
    let raw = |format| {
        let run = db.sessionctl(&[&["inspect", "--raw", "-o", format], &ids[..]].concat());
        let run = run.exits(1).says("JSON cannot represent 2 sessions of ");
        run.says("broken-sess...").says("double-sess...").says("purge --archive FILE.bson")
    };
    assert_eq!(raw("json").json().as_array().unwrap().len(), 3);
    let printed = raw("ndjson").stdout;
    db.command(&["restore", "-", "-c", "copies", "--yes"]).stdin(printed).run().exits(0);
    assert_eq!(db.ids("copies"), [whole]);
}

#[test]
fn a_payload_that_cannot_be_decoded_is_shown_with_the_reason() {
    let db = Db::new();
    let broken =
        |id: &str, session: &str| with(connect_mongo(id, at(60)), doc! { "session": session });
    db.insert(
        "sessions",
        [connect_mongo("whole-session", at(60)), broken("torn-session", r#"{"cookie":{"#)],
    );
    let run = db.sessionctl(&["inspect", "--full-ids", "-o", "json", "torn-session"]).exits(0);
    let row = &run.json()[0];
    assert!(row["payload"].is_null());
    assert_eq!(row["payload_error"], "json: the JSON is truncated at byte 11");
    assert_eq!((&row["state"], row["user"].is_null()), (&json!("live"), true));
}

#[test]
fn inspect_wants_an_id() {
    let db = secretive();
    let run = db.sessionctl(&["inspect"]).exits(2);
    assert_eq!(run.stdout, "");
}

#[test]
fn several_sessions_are_several_objects() {
    let db = Db::new();
    db.insert("sessions", ["first-session", "second-session"].map(|id| connect_mongo(id, at(60))));
    let typed = ["first-session", "second-session"];
    let print =
        |format| db.sessionctl(&["inspect", "-o", format, typed[0], typed[1]]).exits(0).stdout;
    assert_eq!(print("ndjson").lines().count(), 2);
    assert_eq!(print("csv").lines().count(), 3);
    assert_eq!(print("table").split("\n\n").count(), 2);
    assert_eq!(serde_json::from_str::<Value>(&print("json")).unwrap().as_array().unwrap().len(), 2);
}

/// An application's own `serialize` may compress or encrypt, and leave bytes.
#[test]
fn bytes_are_decompressed_and_those_of_a_cipher_are_called_encrypted_and_counted() {
    let db = Db::new();
    let text = json!({ "cookie": {}, "user": "u1" }).to_string();
    let packed = zstd::bulk::compress(text.as_bytes(), 3).unwrap();
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let sealed: Vec<u8> = std::iter::once(0xff).chain((0..99).map(|_| random())).collect();
    for (id, bytes) in [("compressed-0123456789", packed), ("encrypted-0123456789", sealed)] {
        let session = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes };
        db.insert("sessions", [with(connect_mongo(id, at(60)), doc! { "session": session })]);
    }
    let row = |id: &str| db.sessionctl(&["inspect", "-o", "json", id]).exits(0).json()[0].clone();
    let compressed = row("compressed-0123456789");
    assert_eq!((&compressed["user"], &compressed["state"]), (&json!("u1"), &json!("live")));
    let encrypted = row("encrypted-0123456789");
    assert_eq!(encrypted["payload_error"], "binary, 100 bytes: it looks encrypted", "{encrypted}");
    assert_eq!(encrypted["state"], "live");
    let run = db.sessionctl(&["list", "--user", "u1", "-o", "json"]).exits(0);
    assert_eq!(run.json().as_array().unwrap().len(), 1);
    assert!(run.stderr.contains("1 "), "the other one could not be decoded: {run:#?}");
}
