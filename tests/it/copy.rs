//! `sessionctl copy`: what is at the target afterwards, what is left as it was, and what is refused.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Document, RawDocumentBuf, doc};
use serde_json::{Value, json};
use sessionctl::mongod::Options;

use crate::support::{Db, at, becomes, connect_mongo, own_server, session, with};

mod following;
mod layouts;
mod passes;

/// What is in a collection, byte by byte.
fn stored(db: &Db, collection: &str) -> Vec<RawDocumentBuf> {
    let collection = db.client.database(&db.name).collection::<RawDocumentBuf>(collection);
    db.runtime.block_on(async {
        let mut cursor = collection.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
        let mut found = Vec::new();
        while cursor.advance().await.unwrap() {
            found.push(cursor.current().to_owned());
        }
        found
    })
}

/// Copies `sessions` to `copies`; the report.
#[track_caller]
fn copy(db: &Db, arguments: &[&str]) -> Value {
    let whole = ["copy", "--to-collection", "copies", "--yes", "-o", "json"];
    db.sessionctl(&[&whole, arguments].concat()).exits(0).json()
}

/// The counts of a report: copied, replaced, unchanged, kept, lost.
fn counts(report: &Value) -> [u64; 5] {
    ["copied", "replaced", "unchanged", "kept", "lost"].map(|key| report[key].as_u64().unwrap())
}

#[test]
fn sessions_are_copied_byte_by_byte_and_doing_it_again_changes_nothing() {
    let db = Db::new();
    let many = (0..2500).map(|number| connect_mongo(&format!("live-{number:05}"), at(3600)));
    db.insert("sessions", many);
    db.insert_broken("sessions", doc! { "_id": "not-utf-8", "session": "{?}" });
    let mut endless = connect_mongo("endless", at(0));
    endless.remove("expires");
    let text = "{\"cookie\":{}}";
    let object = session("express-session-object", "object", at(600));
    db.insert("sessions", [endless, object, connect_mongo("malformed", "soon")]);
    db.insert(
        "sessions",
        [doc! { "_id": "odd", "session": text, "expires": at(60), "extra": [1, { "a": 1.5 }] }],
    );
    let before = stored(&db, "sessions");
    db.insert("sessions", [doc! { "_id": "foreign", "a": 1 }, doc! { "_id": 7, "session": text }]);
    let both = ["--layout", "connect-mongo-json", "--layout", "express-session-object"];
    let report = copy(&db, &both);
    assert_eq!(counts(&report), [before.len() as u64, 0, 0, 0, 0], "{report}");
    assert_eq!((&report["read"], &report["exact"]), (&2505.into(), &true.into()), "{report}");
    assert!(stored(&db, "copies") == before);
    // What connect-mongo itself makes.
    let index = &db.indexes("copies")[0];
    assert_eq!(index.get_document("key").unwrap(), &doc! { "expires": 1 });
    assert_eq!(index.get_i32("expireAfterSeconds").unwrap(), 0);

    for _ in 0..2 {
        let report = copy(&db, &both);
        assert_eq!(counts(&report), [0, 0, before.len() as u64, 0, 0], "{report}");
    }
    assert!(stored(&db, "copies") == before);
}

#[test]
fn the_report_of_a_copy_has_the_keys_of_the_contract_in_their_order() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("one", at(60))]);
    let report = copy(&db, &[]);
    let keys: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys.join(" "),
        "namespace target layout target_layout matched read copied replaced unchanged kept lost \
         reasons exact batches seconds stopped"
    );
    assert_eq!(report["target"], format!("{}.copies", db.name));
    db.sessionctl(&["copy", "--to-collection", "more", "--yes"])
        .exits(0)
        .prints(&format!("copied 1 session from {0}.sessions to {0}.more in ", db.name));
    let other = Db::new();
    other.run(doc! { "create": "sessions" });
    let run = other.sessionctl(&["copy", "--to-collection", "more", "--yes"]).exits(0);
    run.prints("no sessions in ");
}

/// The one that was written last stays, at whichever side it was.
#[test]
fn a_session_of_the_target_is_replaced_only_by_a_newer_one() {
    let db = Db::new();
    let renewed = |id: &str, seconds| with(connect_mongo(id, at(seconds)), doc! { "n": seconds });
    db.insert("sessions", [renewed("newer-here", 900), renewed("newer-there", 300)]);
    db.insert("sessions", [renewed("same-time", 600), renewed("taken", 600)]);
    let there = [renewed("newer-here", 600), renewed("newer-there", 600)];
    db.insert("copies", there);
    let mut same = db.one("sessions", "_id", "same-time");
    same.insert("n", "changed");
    db.insert("copies", [same, doc! { "_id": "taken", "is": "no session" }]);
    let report = copy(&db, &["--layout", "connect-mongo-json"]);
    assert_eq!(counts(&report), [0, 1, 0, 3, 0], "{report}");
    let n = |id| db.one("copies", "_id", id).get("n").cloned();
    assert_eq!(n("newer-here"), Some(900_i64.into()));
    assert_eq!(n("newer-there"), Some(600_i64.into()));
    assert_eq!(n("same-time"), Some("changed".into()));
    assert_eq!(db.one("copies", "_id", "taken").get_str("is").unwrap(), "no session");
    let report = copy(&db, &["--layout", "connect-mongo-json"]);
    assert_eq!(counts(&report), [0, 0, 1, 3, 0], "{report}");
}

#[test]
fn sessions_whose_id_is_another_field_are_found_by_it() {
    let db = Db::new();
    let legacy = |id: &str, seconds| session("express-mongodb-legacy", id, at(seconds));
    db.insert("sessions", [legacy("a", 600), legacy("b", 900), legacy("c", 600)]);
    // The store itself wrote these at the target, with an `_id` of its own.
    let own = |id, seconds| with(legacy(id, seconds), doc! { "lastAccess": at(-seconds) });
    db.insert("copies", [own("b", 100), with(legacy("c", 999), doc! { "lastAccess": at(0) })]);
    let ids = |db: &Db| db.find("copies", doc! { "sid": "b" })[0].get_object_id("_id").unwrap();
    let before = ids(&db);
    let report = copy(&db, &[]);
    assert_eq!(counts(&report), [1, 1, 0, 1, 0], "{report}");
    assert_eq!((db.count("copies", doc! {}), ids(&db)), (3, before));
    let replaced = db.one("copies", "sid", "b");
    assert_eq!(replaced.get("expires"), db.one("sessions", "sid", "b").get("expires"));
    let is_of_id = |index: &&Document| index.get_str("name").unwrap() == "sid_1";
    let indexes = db.indexes("copies");
    assert!(indexes.iter().find(is_of_id).unwrap().get_bool("unique").unwrap());
}

#[test]
fn a_copy_goes_to_another_server_and_only_the_selected_sessions_do() {
    let db = Db::new();
    let server = own_server(Options::default());
    let of = |id: &str, user: &str, seconds| {
        let text = json!({ "cookie": {}, "userId": user }).to_string();
        with(connect_mongo(id, at(seconds)), doc! { "session": text })
    };
    db.insert("sessions", [of("a", "ann", 60), of("b", "bob", 60), of("c", "ann", -60)]);
    let mut other = Db::on(&server.uri());
    let arguments =
        ["copy", "--to-uri", &server.uri(), "--user", "ann", "--live", "--yes", "-o", "json"];
    let report = db.sessionctl(&arguments).exits(0).json();
    assert_eq!(report["copied"], 1, "{report}");
    // The database and the collection are called as at the source.
    other.name.clone_from(&db.name);
    assert_eq!(other.ids("sessions"), ["a"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("uri");
    std::fs::write(&file, format!("{}/elsewhere", server.uri().trim_end_matches('/'))).unwrap();
    let arguments = ["copy", "--to-uri-file", file.to_str().unwrap(), "--yes"];
    db.sessionctl(&arguments).exits(0).prints("to elsewhere.sessions at 127.0.0.1");
    other.name = "elsewhere".to_owned();
    assert_eq!(other.count("sessions", doc! {}), 3);
}

#[test]
fn a_collection_is_not_copied_into_itself_under_whichever_name() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("a", at(60))]);
    let elsewhere = db.server.replace("127.0.0.1", "localhost");
    let nowhere = db.sessionctl(&["copy", "--to-layout", "tower-sessions", "--yes"]).exits(2);
    nowhere.fails_in_one_sentence().says("no target to copy to");
    for arguments in [["--to-collection", "sessions"], ["--to-uri", &elsewhere]] {
        for how in ["--yes", "--dry-run"] {
            let whole = [&["copy", how], &arguments[..]].concat();
            let run = db.sessionctl(&whole).exits(1).fails_in_one_sentence();
            run.says("both are the same collection");
        }
    }
    assert_eq!(db.count("sessionctl_copies", doc! {}), 0);
}

#[test]
fn nothing_is_copied_without_a_confirmation_and_a_dry_run_says_what_would_be() {
    let db = Db::new();
    let secret = json!({ "cookie": {}, "userId": "ann", "password": "hunter2" }).to_string();
    let document = with(connect_mongo("a", at(60)), doc! { "session": secret });
    db.insert("sessions", [document, connect_mongo("b", at(60)), connect_mongo("c", at(60))]);
    db.sessionctl(&["copy", "--to-collection", "copies"])
        .exits(3)
        .fails_in_one_sentence()
        .says(&format!("copy 3 sessions from {0}.sessions to {0}.copies", db.name));
    let dry = ["copy", "--to-collection", "copies", "--dry-run", "-o", "json"];
    let run = db.sessionctl(&dry).exits(0).never_shows("hunter2");
    let report = run.json();
    assert_eq!(counts(&report), [3, 0, 0, 0, 0], "{report}");
    let sample = report["sample"].as_array().unwrap();
    assert_eq!((sample.len(), &sample[0]["before"]["user"]), (3, &json!("ann")));
    assert_eq!(sample[0]["before"]["payload"], sample[0]["after"]["payload"]);
    assert_eq!(db.collections(), ["sessions"]);
    let table = db.sessionctl(&["copy", "--to-collection", "copies", "--dry-run"]).exits(0);
    table.prints("would copy 3 sessions from ").never_shows("hunter2");
    let asked = db.command(&["copy", "--to-collection", "copies"]);
    asked.on_terminal(&[("[y/N]", "y\r")]).exits(0);
    assert_eq!(db.count("copies", doc! {}), 3);
}

#[test]
fn the_question_of_a_copy_counts_the_expired_sessions_unless_the_selection_decides_it() {
    let db = Db::new();
    let expired = ["one", "two"].map(|id| connect_mongo(id, at(-60)));
    db.insert("sessions", expired.into_iter().chain([connect_mongo("live", at(60))]));
    let asked = |selection: &[&str], question: &str| {
        let copy = ["copy", "--to-collection", "copies"];
        db.sessionctl(&[&copy, selection].concat()).exits(3).says(question);
    };
    asked(&[], "copy 3 sessions (2 expired) from");
    asked(&["--live"], "copy 1 live session from");
    asked(&["--expired"], "copy 2 expired sessions from");
    assert_eq!(db.collections(), ["sessions"]);
}

#[test]
fn what_is_not_of_the_targets_layout_is_not_written_beside_its_sessions() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("a", at(60))]);
    db.insert("copies", [session("express-mongodb-legacy", "b", at(60))]);
    let run = db.sessionctl(&["copy", "--to-collection", "copies", "--yes"]).exits(1);
    run.fails_in_one_sentence().says("--to-layout names the layout of the target");
    assert_eq!(db.count("copies", doc! {}), 1);
    let run = db.sessionctl(&["copy", "--to-collection", "x", "--to-layout", "symfony", "--yes"]);
    run.exits(1).says("not into symfony");
}

/// Killed again and again, it ends with every session once.
#[test]
fn a_copy_that_is_killed_loses_nothing_and_duplicates_nothing() {
    let db = Db::new();
    let legacy = |number: u32| {
        session("express-mongodb-legacy", &format!("{number:05}"), at(3600 + i64::from(number)))
    };
    db.insert("sessions", (0..3000).map(legacy));
    let whole = ["copy", "--to-collection", "copies", "--yes", "--batch-size", "50"];
    for round in 1..=3_u64 {
        let slow = [&whole[..], &["--rate", "2000"]].concat();
        let mut running = db.command(&slow).start();
        let seen = || db.count("copies", doc! {});
        becomes("some were copied", seen, |count| *count >= round * 200);
        running.child().kill().unwrap();
        running.wait();
    }
    let there = db.count("copies", doc! {});
    assert!(there < 3000, "it was killed too late");
    let report = copy(&db, &[]);
    assert_eq!(counts(&report), [3000 - there, 0, there, 0, 0], "{report}");
    assert!(stored(&db, "copies") == stored(&db, "sessions"));
}

#[test]
fn a_signal_ends_a_copy_after_the_batch_and_says_what_is_left() {
    let db = Db::new();
    let many = (0..2000).map(|number| connect_mongo(&format!("{number:05}"), at(3600)));
    db.insert("sessions", many);
    let arguments = ["copy", "--to-collection", "copies", "--yes", "-o", "json", "--rate", "400"];
    let mut running = db.command(&arguments).start();
    becomes("some were copied", || db.count("copies", doc! {}), |count| *count > 0);
    running.signal("INT");
    let run = running.wait().exits(130);
    let report = run.json();
    assert_eq!(report["stopped"], "signal", "{report}");
    assert_eq!(report["copied"], db.count("copies", doc! {}), "{report}");
}

#[test]
fn the_audit_file_says_what_was_copied_from_where() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("a", at(60))]);
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit");
    copy(&db, &["--audit", audit.to_str().unwrap()]);
    let text = std::fs::read_to_string(&audit).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["command"]), (3, &json!("copy")));
    assert_eq!(lines[0]["namespace"], format!("{}.copies", db.name));
    let from = format!("{}.sessions", db.name);
    assert_eq!(lines[0]["selection"]["from"]["namespace"], from);
    assert_eq!((&lines[1]["event"], &lines[1]["done"]), (&json!("batch"), &json!(1)));
    assert_eq!(lines[2]["result"]["copied"], 1);
    db.sessionctl(&["audit", audit.to_str().unwrap()]).exits(0);
}

/// Reads that fail begin anew, writes are tried again; whatever happens, each session is there once.
#[test]
fn a_copy_goes_on_through_errors_that_pass() {
    for (data, mode) in [
        (doc! { "failCommands": ["insert"], "errorCode": 91, "closeConnection": false }, 2),
        (doc! { "failCommands": ["insert"], "closeConnection": true }, 2),
        (doc! { "failCommands": ["getMore"], "errorCode": 91 }, 1),
        (doc! { "failCommands": ["find"], "closeConnection": true }, 1),
    ] {
        let db = Db::new();
        let many = (0..3000).map(|number| connect_mongo(&format!("{number:05}"), at(3600)));
        db.insert("sessions", many);
        let what = data.to_string();
        let failing = db.fail_commands(doc! { "times": mode }, data);
        let report = copy(&db, &["--batch-size", "100"]);
        drop(failing);
        assert!(stored(&db, "copies") == stored(&db, "sessions"), "{what}");
        assert_eq!(report["kept"], 0, "{what} {report}");
        let all = report["copied"].as_u64().unwrap() + report["unchanged"].as_u64().unwrap();
        let is_exact = report["exact"] == true;
        assert!(!is_exact || all == 3000, "{what} {report}");
    }
}

#[test]
fn a_rate_limits_a_copy() {
    let db = Db::new();
    let many = (0..600).map(|number| connect_mongo(&format!("{number:05}"), at(3600)));
    db.insert("sessions", many);
    let report = copy(&db, &["--rate", "400"]);
    let took = Duration::from_secs_f64(report["seconds"].as_f64().unwrap());
    assert!(took > Duration::from_secs(1), "{report}");
    assert!(report["batches"].as_u64().unwrap() >= 6, "{report}");
}

#[test]
fn an_object_id_of_a_session_is_the_same_at_the_target() {
    let db = Db::new();
    let id = ObjectId::new();
    let document = with(doc! { "_id": id }, session("express-mongodb-legacy", "a", at(60)));
    db.insert("sessions", [document]);
    copy(&db, &[]);
    assert_eq!(db.one("copies", "sid", "a").get_object_id("_id").unwrap(), id);
}

#[test]
fn a_check_says_whether_both_sides_agree_and_in_what_they_differ() {
    let db = Db::new();
    let many = |seconds: i64| (0..5).map(move |id| connect_mongo(&format!("{id}"), at(seconds)));
    db.insert("sessions", many(600));
    let check = |arguments: &[&str]| {
        let whole = ["copy", "--to-collection", "copies", "--check", "-o", "json"];
        db.sessionctl(&[&whole, arguments].concat())
    };
    assert_eq!(check(&[]).exits(4).json()["copied"], 5);
    assert_eq!(db.collections(), ["sessions"]);
    for layout in [&[][..], &["--to-layout", "express-session-object"]] {
        let copied = [&["copy", "--to-collection", "copies", "--yes"], layout].concat();
        db.sessionctl(&copied).exits(0);
        let report = check(layout).exits(0).json();
        assert_eq!((&report["unchanged"], &report["agree"]), (&5.into(), &true.into()), "{report}");
        let text = [&["copy", "--to-collection", "copies", "--check"], layout].concat();
        db.sessionctl(&text).exits(0).prints("agree on 5 sessions");
        let name = if layout.is_empty() { "connect-mongo-json" } else { layout[1] };
        db.insert("copies", [session(name, "new", at(60))]);
        let set = doc! { "$set": { "expires": at(60) } };
        db.update("copies", doc! { "_id": "0" }, set);
        db.update("copies", doc! { "_id": "1" }, doc! { "$set": { "expires": at(6000) } });
        let report = check(layout).exits(4).json();
        assert_eq!(counts(&report), [0, 1, 3, 1, 0], "{report}");
        assert_eq!((&report["extra"], &report["agree"]), (&1.into(), &false.into()), "{report}");
        db.run(doc! { "drop": "copies" });
    }
}

/// A cursor that is lost begins the reading anew, and nothing that was counted is at the target.
#[test]
fn a_comparison_that_loses_its_cursor_counts_each_session_once() {
    let db = Db::new();
    db.insert(
        "sessions",
        (0..5000).map(|number| connect_mongo(&format!("s{number:05}"), at(3600))),
    );
    let namespace = format!("{}.sessions", db.name);
    for mode in ["--check", "--dry-run"] {
        let lost = doc! { "failCommands": ["getMore"], "namespace": &namespace, "errorCode": 43 };
        let failing = db.fail_commands(doc! { "times": 1 }, lost);
        let copy = ["copy", "--to-collection", "copies", "-o", "json", mode];
        let run = db.sessionctl(&copy).exits(if mode == "--check" { 4 } else { 0 });
        assert_eq!(failing.end(), 1);
        let report = run.json();
        assert_eq!(counts(&report), [5000, 0, 0, 0, 0], "{mode} {report}");
        assert_eq!(report["read"], 5000, "{mode} {report}");
    }
}

#[test]
fn a_ttl_index_that_cannot_be_read_is_not_taken_for_none() {
    let db = Db::new();
    db.insert("sessions", [doc! { "_id": "one", "data": {}, "updatedAt": at(0) }]);
    let index = doc! { "key": { "updatedAt": 1 }, "name": "updatedAt_1", "expireAfterSeconds": 60 };
    db.create_index("sessions", index);
    let store = db.store("koa-session-mongoose");
    let lifetime = || db.runtime.block_on(store.lifetime_of_index());
    let failing = doc! { "failCommands": ["listIndexes"], "errorCode": 13 };
    let failing = db.fail_commands("alwaysOn", failing);
    assert!(lifetime().is_err());
    drop(failing);
    assert_eq!(lifetime().unwrap(), Some(Duration::from_secs(60)));
}
