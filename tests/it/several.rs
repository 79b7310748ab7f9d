//! One command on several collections: `-c` repeated, and `--every-collection`.

use bson::{Document, doc};
use serde_json::Value;
use sessionctl::mongod::Options;

use crate::support::{Db, Program, at, connect_mongo, long_id, own_server, session};

/// Sessions in the collections `a` and `b`, and documents that are none in `users`.
fn two() -> Db {
    let db = Db::new();
    let id = |name: &str| long_id(name);
    db.insert("a", [connect_mongo(&id("a1"), at(-60)), connect_mongo(&id("a2"), at(3600))]);
    let object = |name: &str, seconds| session("express-session-object", &id(name), at(seconds));
    db.insert("b", [object("b1", -60), object("b2", -90), object("b3", 3600)]);
    db.insert("users", [doc! { "name": "Asa" }, doc! { "name": "Bo" }]);
    db
}

fn namespaces(rows: &Value) -> Vec<String> {
    let name =
        |row: &Value| row["namespace"].as_str().unwrap().split_once('.').unwrap().1.to_owned();
    rows.as_array().unwrap().iter().map(name).collect()
}

#[test]
fn rows_of_several_collections_are_one_answer_that_says_where_each_is() {
    let db = two();
    let run = db.sessionctl(&["list", "-c", "a", "-c", "b", "-o", "json"]).exits(0);
    assert_eq!(namespaces(&run.json()), ["a", "a", "b", "b", "b"]);
    assert_eq!(run.json()[0].as_object().unwrap().keys().next().unwrap(), "namespace");
    // One that holds nothing does not end the array.
    let run = db.sessionctl(&["list", "-c", "b", "-c", "a", "--expired", "-o", "json"]).exits(0);
    assert_eq!(namespaces(&run.json()), ["b", "b", "a"]);
    let run = db.sessionctl(&["list", "-c", "a", "-c", "b", "--user", "7", "-o", "json"]).exits(0);
    assert_eq!(run.stdout, "[]\n");

    let run = db.sessionctl(&["users", "-c", "a", "-c", "b", "-o", "csv"]).exits(0);
    let (a, b) = (format!("{}.a", db.name), format!("{}.b", db.name));
    let lines: Vec<_> =
        run.stdout.lines().map(|line| line.split(',').take(4).collect::<Vec<_>>()).collect();
    let wanted: [Vec<&str>; 3] = [
        vec!["namespace", "user", "sessions", "live"],
        vec![&a, "42", "2", "1"],
        vec![&b, "42", "3", "1"],
    ];
    assert_eq!(lines, wanted);
    let run = db.sessionctl(&["list", "-c", "a", "-c", "b", "-o", "csv", "--columns", "user"]);
    assert_eq!(run.exits(0).stdout, "user\n42\n42\n42\n42\n42\n");
    let run = db.sessionctl(&["list", "-c", "a", "-o", "csv", "--columns", "namespace,state"]);
    assert_eq!(run.exits(0).stdout, format!("namespace,state\n{a},expired\n{a},live\n"));

    let run = db.sessionctl(&["users", "-c", "a", "-c", "b"]).exits(0);
    let heads: Vec<_> = run.stdout.lines().filter(|line| line.starts_with(&db.name)).collect();
    assert_eq!(heads, [&a, &b]);
    assert_eq!(run.stdout.lines().filter(|line| line.is_empty()).count(), 1, "{run:#?}");
    let run = db.sessionctl(&["stats", "-c", "a", "-c", "b", "-o", "json"]).exits(0);
    assert_eq!(namespaces(&run.json()), ["a", "b"]);
    assert_eq!([&run.json()[0]["sessions"], &run.json()[1]["sessions"]], [2, 3]);
    let run = db.sessionctl(&["stats", "-c", "a", "-c", "b", "-o", "csv"]).exits(0);
    assert_eq!(run.stdout.lines().filter(|line| line.starts_with("namespace,")).count(), 1);
}

#[test]
fn each_collection_is_purged_and_the_exit_code_is_the_worst() {
    let db = two();
    let run =
        db.sessionctl(&["purge", "--expired", "-c", "a", "-c", "none", "-c", "b", "-o", "json"]);
    // What fails in one does not keep the others from it.
    let run = run.exits(1).says("there is no collection");
    assert_eq!(namespaces(&run.json()), ["a", "b"]);
    assert_eq!([&run.json()[0]["deleted"], &run.json()[1]["deleted"]], [1, 2]);
    assert_eq!((db.ids("a"), db.ids("b")), (vec![long_id("a2")], vec![long_id("b3")]));
    // "Refused" is worse than "problems found"; nothing is confirmed here.
    let run = db.sessionctl(&["expire", "--user", "42", "-c", "a", "-c", "b"]).exits(3);
    run.says(&format!("{}.a", db.name)).says(&format!("{}.b", db.name));
    let ended = doc! { "expires": { "$lt": at(0) } };
    assert_eq!(db.count("a", ended.clone()) + db.count("b", ended.clone()), 0);
    let run = db.sessionctl(&["expire", "--user", "42", "-c", "a", "-c", "b", "--yes"]).exits(0);
    assert_eq!(run.stdout.lines().count(), 2, "{run:#?}");
    assert_eq!(db.count("a", ended.clone()) + db.count("b", ended), 2);
    // Without an index, `doctor` finds a failure in both.
    let run = db.sessionctl(&["doctor", "-c", "a", "-c", "b", "-o", "json"]).exits(4);
    assert_eq!(namespaces(&run.json()), ["a", "b"]);
    db.sessionctl(&["doctor", "-c", "none", "-c", "a", "-q"]).exits(1);
}

#[test]
fn every_collection_with_sessions_is_read_and_only_expired_ones_are_purged() {
    let db = two();
    let run = db.sessionctl(&["list", "--every-collection", "-o", "json"]).exits(0);
    assert_eq!(namespaces(&run.json()), ["a", "a", "b", "b", "b"]);
    for (arguments, code) in [(["users"], 0), (["stats"], 0), (["doctor"], 4)] {
        let every = [&arguments[..], &["--every-collection", "-o", "json"]].concat();
        let run = db.sessionctl(&every).exits(code);
        assert_eq!(namespaces(&run.json()), ["a", "b"], "{arguments:?}");
    }
    let refused: [&[&str]; 6] = [
        &["purge", "--every-collection", "--user", "42", "--yes"],
        &["purge", "--every-collection", "--expired", "--user", "42", "--yes"],
        &["purge", "--every-collection", "--all", "--yes"],
        &["purge", "--every-collection", "--live", "--yes"],
        &["expire", "--every-collection", "--user", "42", "--yes"],
        &["sweep", "--every-collection", "--once"],
    ];
    for arguments in refused {
        let why = match arguments[0] {
            "purge" => {
                "requires --expired and no other condition, because user 42 of one application"
            }
            _ => {
                "--every-collection works with list, users, stats, doctor and purge --expired only"
            }
        };
        db.sessionctl(arguments).exits(2).says(why);
    }
    let usage: [&[&str]; 6] = [
        &["expire", "--user", "42", "-c", "a", "-c", "b", "--unmatched", "none.txt", "--yes"],
        &["list", "--user", "42", "--every-collection", "--unmatched", "none.txt"],
        &["purge", "--every-collection", "--expired", "-c", "a"],
        &["purge", "--expired", "-c", "a", "-c", "b", "--archive", "gone.bson"],
        &["expire", "-", "-c", "a", "-c", "b", "--yes"],
        &["inspect", "x", "-c", "a", "-c", "b"],
    ];
    for arguments in usage {
        db.sessionctl(arguments).exits(2).fails_in_one_sentence();
    }
    assert!(!std::path::Path::new("none.txt").exists());
    assert_eq!((db.ids("a").len(), db.ids("b").len()), (2, 3));
    let run = db.sessionctl(&["purge", "--expired", "--every-collection", "-o", "json"]).exits(0);
    assert_eq!(namespaces(&run.json()), ["a", "b"]);
    assert_eq!((db.ids("a"), db.ids("b")), (vec![long_id("a2")], vec![long_id("b3")]));
    assert_eq!(db.count("users", Document::new()), 2);
    let run = db.sessionctl(&["purge", "--expired", "--every-collection", "-d", "nothing_here"]);
    run.exits(1).says("could not find a collection with sessions in nothing_here");
}

#[test]
fn a_collection_that_the_login_may_not_read_is_named_and_the_others_are_purged() {
    let server = own_server(Options { args: vec!["--auth".to_owned()], ..Options::default() });
    // The first user may be made without one.
    Db::on(&server.uri()).admin(doc! { "createUser": "root", "pwd": "root", "roles": ["root"] });
    let uri =
        |user: &str| format!("mongodb://{user}:{user}@{}/?authSource=admin", server.address());
    let db = Db::on(&uri("root"));
    for collection in ["a", "b"] {
        let ids = ["dead", "live"].map(long_id);
        let sessions = [connect_mongo(&ids[0], at(-60)), connect_mongo(&ids[1], at(3600))];
        db.insert(collection, sessions);
    }
    db.insert("sessionctl_leases", [doc! { "_id": "a" }]);
    let on = |collection: &str, actions: &[&str]| {
        doc! { "resource": { "db": &db.name, "collection": collection }, "actions": actions }
    };
    let privileges = [
        on("a", &["find", "listIndexes", "remove"]),
        on("b", &["find", "remove"]),
        // As `sweep` needs them: it is not looked at for sessions.
        on("sessionctl_leases", &["find", "insert", "update"]),
    ];
    let of = |command: &str, privileges: &[Document]| {
        doc! { command: "some", "privileges": privileges.to_vec(), "roles": [] }
    };
    db.admin(of("createRole", &privileges));
    db.admin(doc! { "createUser": "some", "pwd": "some", "roles": ["some"] });
    let run = |arguments: &[&str]| {
        let program = Program::new(arguments).env("SESSIONCTL_URI", &uri("some"));
        program.env("SESSIONCTL_DB", &db.name).run()
    };
    let refused = format!("not authorized to run listIndexes on {}.b", db.name);
    let purge = ["purge", "--expired", "--every-collection", "-o", "json"];
    let purged = run(&purge).exits(1).says(&refused).never_shows("sessionctl_leases");
    assert_eq!(namespaces(&purged.json()), ["a"]);
    assert_eq!((db.ids("a"), db.ids("b").len()), (vec![long_id("live")], 2));
    let listed = run(&["collections", "-o", "json"]).exits(1).says(&refused);
    assert_eq!(namespaces(&listed.never_shows("sessionctl_leases").json()), ["a"]);
    // Where none can be read, nothing is known of any.
    db.admin(of("updateRole", &privileges[1..]));
    assert_eq!(run(&purge).exits(1).fails_in_one_sentence().says(&refused).stdout, "[]\n");
    run(&["collections"]).exits(1).says(&refused).says("no other collection here");
    db.admin(of("updateRole", &privileges[..1]));
    assert_eq!(namespaces(&run(&purge).exits(0).json()), ["a"]);
}

#[test]
fn a_server_that_fails_in_the_middle_of_a_survey_is_not_a_server_without_sessions() {
    let db = two();
    let failing =
        db.fail_commands("alwaysOn", doc! { "failCommands": ["listIndexes"], "errorCode": 8 });
    db.sessionctl(&["collections"]).exits(1).fails_in_one_sentence().says("could not look for");
    let purge = db.sessionctl(&["purge", "--expired", "--every-collection"]);
    purge.exits(1).fails_in_one_sentence().says("could not look for sessions");
    drop(failing);
    assert_eq!((db.ids("a").len(), db.ids("b").len()), (2, 3));
}

#[test]
fn a_closed_pipe_does_not_hide_what_failed_before() {
    let db = two();
    let list = |more: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        db.command(&[&["list", "-o", "csv"], more].concat()).stdout(writer).run()
    };
    list(&["-c", "none", "-c", "a"]).exits(1).says("there is no collection");
    list(&["-c", "a", "-c", "b"]).exits(0);
}

#[test]
fn a_signal_ends_the_search_for_collections() {
    let db = two();
    let data =
        doc! { "failCommands": ["listIndexes"], "blockConnection": true, "blockTimeMS": 20_000 };
    let slow = db.fail_commands("alwaysOn", data);
    let mut running = db.command(&["list", "--every-collection"]).start();
    running.await_signals();
    slow.wait(1);
    running.signal("INT");
    running.wait().soon().exits(130);
    drop(slow);
}
