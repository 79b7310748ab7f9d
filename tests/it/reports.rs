//! What people read: reports of a sentence, questions after everything that can fail, and the log of a
//! long run.

use bson::doc;
use sessionctl::mongod::Options;

use crate::support::{Db, at, connect_mongo, own_server, with};

fn of_user(id: &str, user: &str) -> bson::Document {
    let session = format!("{{\"cookie\":{{}},\"userId\":\"{user}\"}}");
    with(connect_mongo(id, at(600)), doc! { "session": session })
}

/// `deleted 2 sessions ... in 0.4 s` without what differs from run to run.
fn timeless(text: &str) -> String {
    let text = text.trim_end();
    match text.split_once(" in 0.") {
        Some((before, after)) => format!("{before}{}", after.split_once(" s").unwrap().1),
        None => text.to_owned(),
    }
}

#[test]
fn a_report_is_a_sentence_to_a_person_and_all_keys_where_more_is_asked_for() {
    let db = Db::new();
    let namespace = format!("{}.sessions", db.name);
    db.insert("sessions", (0..3).map(|n| connect_mongo(&format!("expired-{n}"), at(-60))));
    db.insert("sessions", [of_user("live-1-of-u1", "u1"), of_user("live-2-of-u1", "u1")]);
    let run = |arguments: &[&str]| timeless(&db.sessionctl(arguments).exits(0).stdout);

    let dry = run(&["purge", "--expired", "--dry-run"]);
    let would = format!("would delete 3 expired sessions from {namespace}; estimated time: ");
    assert!(dry.starts_with(&would) && dry.contains("\n\nID "), "{dry}");
    assert_eq!(
        run(&["expire", "--user", "u1", "--live", "--yes"]),
        format!("expired 2 live sessions of user u1 in {namespace}")
    );
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("old.bson");
    let archive = archive.to_str().unwrap();
    assert_eq!(
        run(&["purge", "--expired", "--archive", archive]),
        format!("deleted 5 expired sessions from {namespace}; archived to {archive}")
    );
    assert_eq!(run(&["purge", "--expired"]), format!("no expired sessions in {namespace}"));
    assert_eq!(
        run(&["restore", archive, "--yes"]),
        format!("restored 5 sessions from {archive} into {namespace}")
    );
    assert_eq!(
        run(&["restore", archive, "--dry-run"]),
        format!("would restore 0 of 5 sessions from {archive} into {namespace}; 5 already exist")
    );
    let keys = run(&["purge", "--expired", "-v"]);
    assert!(keys.contains("deleted     5\n") && !keys.contains("deleted 5"), "{keys}");
    db.insert("sessions", [connect_mongo("old", at(-60))]);
    assert_eq!(run(&["sweep", "--once"]), format!("deleted 1 expired session from {namespace}"));
    db.insert("sessions", [connect_mongo("live", at(600))]);
    assert_eq!(run(&["index", "install"]), format!("created the TTL index of {namespace}"));
    assert_eq!(
        run(&["index", "install"]),
        format!("{namespace} already has the TTL index; nothing was changed")
    );
    assert_eq!(
        run(&["index", "remove", "--yes"]),
        format!("removed the TTL index expires_1 of {namespace}")
    );
}

#[test]
fn a_question_comes_after_everything_that_can_fail() {
    let db = Db::new();
    db.insert("sessions", [of_user("live-1-of-u1", "u1")]);
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken.bson");
    std::fs::write(&taken, "").unwrap();
    let taken = taken.to_str().unwrap();
    for (option, file, why) in [
        ("--archive", taken, "exists"),
        ("--archive", "/nowhere/new.bson", "could not be created"),
        ("--audit", "/nowhere/audit", "audit file"),
    ] {
        let asked = db.command(&["purge", "--user", "u1", option, file]);
        let run = asked.on_terminal(&[]).exits(1);
        assert!(run.stdout.contains(why) && !run.stdout.contains("Delete"), "{run:#?}");
    }
    // Answering no leaves no file.
    let new = folder.path().join("new.bson");
    let question = format!("Delete 1 session of user u1 from {}.sessions?", db.name);
    let asked = db.command(&["purge", "--user", "u1", "--archive", new.to_str().unwrap()]);
    asked.on_terminal(&[(&question, ""), ("[y/N]", "n\r")]).exits(3);
    assert!(!new.exists());
    assert_eq!(db.count("sessions", doc! {}), 1);
}

#[test]
fn a_missing_right_is_reported_before_the_question() {
    let server = own_server(Options { args: vec!["--auth".to_owned()], ..Options::default() });
    Db::on(&server.uri()).admin(doc! { "createUser": "root", "pwd": "root", "roles": ["root"] });
    let uri =
        |user: &str| format!("mongodb://{user}:{user}@{}/?authSource=admin", server.address());
    let db = Db::on(&uri("root"));
    db.insert("sessions", [of_user("live-1-of-u1", "u1")]);
    db.admin(doc! { "createUser": "reader", "pwd": "reader", "roles": ["readAnyDatabase"] });
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("old.ndjson");
    let archive = archive.to_str().unwrap();
    db.sessionctl(&["purge", "--user", "u1", "--archive", archive, "--yes"]).exits(0);
    db.insert("sessions", [of_user("live-1-of-u1", "u1")]);
    db.sessionctl(&["index", "install"]).exits(0);
    for (arguments, right) in [
        (&["purge", "--user", "u1"][..], "remove"),
        (&["expire", "--user", "u1"], "update"),
        (&["restore", archive], "insert"),
        (&["index", "remove"], "dropIndex"),
    ] {
        let asked = db.command(arguments).env("SESSIONCTL_URI", &uri("reader"));
        let run = asked.on_terminal(&[]).exits(1);
        let said = format!("the login reader lacks the right {right} on {}.sessions", db.name);
        assert!(run.stdout.contains(&said) && !run.stdout.contains('?'), "{run:#?}");
    }
    assert_eq!(db.count("sessions", doc! {}), 1);
}

#[test]
fn a_long_run_logs_how_far_it_is_and_an_interrupted_one_what_is_left() {
    let db = Db::new();
    db.insert("sessions", (0..300).map(|n| of_user(&format!("live-{n:04}-of-u1"), "u1")));
    let purge = ["purge", "--user", "u1", "--yes", "--rate", "5", "--batch-size", "5"];
    let mut running = db.command(&purge).start();
    running.await_said(" sessions deleted after 30 s");
    running.signal("TERM");
    let run = running.wait().exits(143);
    let left = db.count("sessions", doc! {});
    let done = 300 - left;
    assert!(done > 5 && left > 5, "{run:#?}");
    let report = format!("deleted {done} sessions of user u1 from {}.sessions in ", db.name);
    assert!(run.stdout.starts_with(&report), "{run:#?}");
    let end = format!("; interrupted with {left} sessions left\n");
    assert!(run.stdout.ends_with(&end) || run.stdout.ends_with("some may be left\n"), "{run:#?}");
}
