//! Layouts that the operator gives, and collections that more than one writer filled.

use std::io::Write as _;
use std::path::PathBuf;

use bson::{Bson, Document, doc};
use serde_json::Value;
use sessionctl::Layout;

use super::{Fixture, STORES, ids, quiet_uri};
use crate::support::{Db, Program, Run, at, long_id};

/// A built-in record with some lines changed, in a file of its own.
fn layout_file(name: &str, of: &str, changes: &[(&str, &str)]) -> PathBuf {
    let shown = Program::new(&["layouts", "show", of]).run().exits(0).stdout;
    let text = changes.iter().fold(shown, |text, (old, new)| {
        assert!(text.contains(old), "{old:?} is not in {text}");
        text.replace(old, new)
    });
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    path
}

fn with_file(db: &Db, path: &std::path::Path, arguments: &[&str]) -> Run {
    db.sessionctl(&[&["--layout-file", path.to_str().unwrap()], arguments].concat())
}

fn states(run: &Run) -> Vec<String> {
    let rows = run.json();
    let state = |row: &Value| row["state"].as_str().unwrap().to_owned();
    rows.as_array().unwrap().iter().map(state).collect()
}

#[test]
fn layouts_lists_every_store_and_what_it_shows_works_as_a_file() {
    let rows = Program::new(&["layouts", "-o", "json"]).run().exits(0).json();
    assert_eq!(rows.as_array().unwrap().len(), STORES.len());
    for (layout, ..) in STORES {
        let fixture = Fixture::one(layout);
        let db = fixture.db();
        let shown = Program::new(&["layouts", "show", layout]).run().exits(0).stdout;
        let list = ["list", "--full-ids", "-o", "json", "--layout-file", "/dev/stdin"];
        let rows = fixture.program(&db, &list).stdin(shown).run().exits(0).json();
        assert_eq!(rows.as_array().unwrap(), &fixture.rows(&db, &[]), "{layout}");
    }
}

/// connect-mongodb-session with idField, expiresKey and expiresAfterSeconds.
#[test]
fn a_renamed_connect_mongodb_session_is_a_few_changed_lines() {
    let path = layout_file(
        "renamed-express.toml",
        "express-session-object",
        &[
            ("name = \"express-session-object\"", "name = \"ours\""),
            ("checks_expiry_on_read = true", "checks_expiry_on_read = false"),
            ("path = \"_id\"", "path = \"sid\""),
            ("path = \"expires\"", "path = \"expireAt\"\nlifetime = 600"),
            ("set = { expires = \"past\" }", "set = { expireAt = \"past\" }"),
            ("key = \"expires\"", "key = \"expireAt\""),
            ("name = \"expires_1\"", "name = \"expireAt_1\""),
            ("seconds = 0", "seconds = 600"),
            ("_id = [\"string\"]", "_id = [\"objectId\"], sid = [\"string\"]"),
            ("expiry = { expires =", "expiry = { expireAt ="),
        ],
    );
    let db = Db::on(&quiet_uri());
    let session = |id: &str, seconds| {
        let payload = doc! { "cookie": { "path": "/" }, "passport": { "user": "42" } };
        doc! { "sid": long_id(id), "session": payload, "expireAt": at(seconds) }
    };
    db.insert("sessions", [session("dead", -700), session("late", -500), session("live", 900)]);
    let run = with_file(&db, &path, &["collections", "-d", &db.name, "-o", "json"]).exits(0);
    assert_eq!(
        (&run.json()[0]["layout"], &run.json()[0]["documents"]),
        (&"ours".into(), &3.into())
    );
    let run = with_file(&db, &path, &["list", "--full-ids", "-o", "json"]).exits(0);
    assert_eq!(run.stderr, "");
    assert_eq!(states(&run), ["expired", "live", "live"]);
    assert_eq!(run.json()[1]["id"], long_id("late"));
    assert_eq!(run.json()[1]["user"], "42");
    // It looks at the field `expires` by that name alone.
    let id = &long_id("late")[..12];
    with_file(&db, &path, &["expire", "--yes", "--", id]).exits(1).says("sessionctl purge");
    with_file(&db, &path, &["purge", "--yes", "--", id]).exits(0);
    with_file(&db, &path, &["purge", "--expired"]).exits(0);
    assert_eq!(db.find("sessions", doc! {})[0].get_str("sid").unwrap(), long_id("live"));
    with_file(&db, &path, &["index", "install", "--yes"]).exits(0);
    let index = db.indexes("sessions").remove(0);
    assert_eq!(index.get_str("name").unwrap(), "expireAt_1");
    assert_eq!(index.get("expireAfterSeconds"), Some(&Bson::Int32(600)));
}

#[test]
fn symfonys_four_fields_may_have_any_name() {
    let path = layout_file(
        "renamed-symfony.toml",
        "symfony",
        &[
            ("name = \"symfony\"", "name = \"ours\""),
            ("path = \"_id\"", "path = \"sess_id\""),
            ("path = \"data\"", "path = \"sess_data\""),
            ("path = \"time\"", "path = \"sess_time\""),
            ("path = \"expires_at\"", "path = \"sess_end\""),
            ("{ expires_at = \"past\" }", "{ sess_end = \"past\" }"),
            ("key = \"expires_at\"", "key = \"sess_end\""),
            ("name = \"expires_at_1\"", "name = \"sess_end_1\""),
            (
                "_id = [\"string\"], data = [\"binData\"], time = [\"date\"]",
                "sess_id = [\"string\"], sess_data = [\"binData\"], sess_time = [\"date\"]",
            ),
            ("expiry = { expires_at =", "expiry = { sess_end ="),
        ],
    );
    let fixture = Fixture::one("symfony");
    let renamed = |document: &Document| {
        let names = [("_id", "sess_id"), ("data", "sess_data"), ("time", "sess_time")];
        let names = names.into_iter().chain([("expires_at", "sess_end")]);
        names.map(|(old, new)| (new.to_owned(), document.get(old).unwrap().clone())).collect()
    };
    let db = Db::on(&quiet_uri());
    let documents: Vec<Document> = fixture.documents.iter().map(renamed).collect();
    let dead = doc! { "sess_id": "dead7q2w4e6r8t0y1u3i5o7p9a1", "sess_end": at(-5) };
    db.insert("sessions", documents.clone());
    db.insert("sessions", [crate::support::with(documents[1].clone(), dead)]);
    let run = with_file(&db, &path, &["list", "--user", "asa@example.se", "-o", "json"]).exits(0);
    assert_eq!(run.json().as_array().unwrap().len(), 1);
    let id = documents[0].get_str("sess_id").unwrap();
    with_file(&db, &path, &["expire", "--yes", "--", id]).exits(0);
    assert!(*db.one("sessions", "sess_id", id).get_datetime("sess_end").unwrap() < at(-60));
    with_file(&db, &path, &["purge", "--expired"]).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 1);
    with_file(&db, &path, &["index", "install", "--yes"]).exits(0);
    assert_eq!(db.indexes("sessions")[0].get_str("name").unwrap(), "sess_end_1");
}

#[test]
fn what_is_wrong_with_a_layout_file_is_named_with_its_line() {
    let db = Db::on(&quiet_uri());
    db.insert("sessions", [doc! { "_id": "a" }]);
    for (name, change, said) in [
        ("typo", ("checks_expiry_on_read", "checks_expiry"), vec!["checks_expiry", "line "]),
        ("codec", ("\"document\"", "\"protobuf\""), vec!["protobuf", "line "]),
        ("nested", ("cookie =", "cookies ="), vec!["cookies", "line "]),
        ("type", ("types = [\"string\"]", "types = [\"text\"]"), vec!["text", "line "]),
        ("end", ("{ expires = \"past\" }", "{ expireAt = \"past\" }"), vec!["end.set.expireAt"]),
        ("ttl", ("key = \"expires\"", "key = \"expireAt\""), vec!["ttl_index.key", "expireAt"]),
    ] {
        let path = layout_file(&format!("wrong-{name}.toml"), "express-session-object", &[change]);
        for command in [&["list"][..], &["purge", "--expired"]] {
            let mut run = with_file(&db, &path, command).fails_in_one_sentence();
            assert_ne!(run.code, Some(0), "{run:#?}");
            for words in &said {
                run = run.says(words);
            }
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let line = text.lines().position(|line| line.contains(change.1)).unwrap() + 1;
        if said.contains(&"line ") {
            with_file(&db, &path, &["list"]).says(&format!("line {line}"));
        }
    }
}

fn mixed(layout: &str, files: &[&str]) -> Fixture {
    let mut all = Fixture::of(layout);
    all.retain(|fixture| files.contains(&fixture.name.as_str()));
    let mut first = all.remove(0);
    first.documents.extend(all.into_iter().flat_map(|fixture| fixture.documents));
    first
}

fn inspected(fixture: &Fixture, db: &Db) -> Vec<Value> {
    let typed: Vec<_> = fixture.documents.iter().map(|one| fixture.id(one)).collect();
    let mut arguments = vec!["inspect", "-o", "json", "--"];
    arguments.extend(typed.iter().map(String::as_str));
    fixture.auto(db, &arguments).exits(0).json().as_array().unwrap().clone()
}

#[test]
fn encrypted_sessions_beside_readable_ones_are_one_layout() {
    let files = ["connect-mongo-6-crypto", "connect-mongo-6-default", "connect-mongo-3-secret"];
    let fixture = mixed("connect-mongo-json", &files);
    assert_eq!(fixture.documents.len(), 12);
    let db = fixture.db();
    let rows = inspected(&fixture, &db);
    let encrypted = |row: &&Value| {
        row["payload_error"].as_str().is_some_and(|reason| reason.starts_with("encrypted"))
    };
    assert_eq!(rows.iter().filter(encrypted).count(), 8);
    assert_eq!(rows.iter().filter(|row| row["payload"].is_object()).count(), 4);
    db.update("sessions", doc! {}, doc! { "$set": { "expires": at(-9) } });
    fixture.auto(&db, &["purge", "--expired"]).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 11);
}

#[test]
fn sessions_of_laravel_before_and_after_a_rename_are_used_together() {
    let (before, after) = (Fixture::one("symfony"), Fixture::one("laravel-mongodb"));
    let db = Db::on(&quiet_uri());
    let old = before.documents.iter().enumerate();
    let old: Vec<_> = old.map(|(number, one)| before.twin(one, number)).collect();
    db.insert("sessions", old.into_iter().chain(after.documents.clone()));
    db.update(
        "sessions",
        doc! { "data": { "$exists": true } },
        doc! { "$set": { "expires_at": at(-9) } },
    );
    let rows = db.sessionctl(&["list", "-o", "json", "--columns", "id,layout"]).exits(0).json();
    let of =
        |name: &str| rows.as_array().unwrap().iter().filter(|row| row["layout"] == name).count();
    assert_eq!((of("symfony"), of("laravel-mongodb")), (2, 2), "{rows}");
    let all = db.find("sessions", doc! {});
    // One named alone leaves the sessions of the other as they are.
    db.sessionctl(&["purge", "--expired", "--layout", "laravel-mongodb"]).exits(0);
    assert_eq!(db.find("sessions", doc! {}), all);
    let purge = db.sessionctl(&["purge", "--expired", "-o", "json"]).exits(0).json();
    assert_eq!(purge["layout"], "laravel-mongodb+symfony");
    assert_eq!(db.count("sessions", doc! {}), 3);
}

#[test]
fn pickle_messagepack_and_json_in_one_collection_are_all_decoded() {
    let mut fixture = Fixture::one("flask-session");
    let pickle = Fixture::one("flask-mongo-sessions").documents[0].get("d").unwrap().clone();
    let json = bson::Binary {
        subtype: bson::spec::BinarySubtype::Generic,
        bytes: br#"{"_user_id":"77","_permanent":true}"#.to_vec(),
    };
    for (number, payload) in [pickle, Bson::Binary(json)].into_iter().enumerate() {
        let mut twin = fixture.twin(&fixture.documents[0], number);
        twin.insert("val", payload);
        fixture.documents.push(twin);
    }
    let db = fixture.db();
    let rows = inspected(&fixture, &db);
    assert!(rows.iter().all(|row| row["payload"].is_object()), "{rows:?}");
    assert_eq!(ids(&fixture.rows(&db, &["--user", "42"])).len(), 2);
    assert_eq!(ids(&fixture.rows(&db, &["--user", "77"])).len(), 1);
    assert_eq!(Layout::named("flask-session").unwrap().name, rows[0]["layout"]);
}
