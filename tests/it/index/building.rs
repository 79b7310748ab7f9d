//! An index that takes long to build.

use std::time::Duration;

use bson::doc;
use sessionctl::mongod::{Mongod, Options};

use crate::support::{Db, at, connect_mongo, eventually, milliseconds, own_server};

const SESSIONS: usize = 2000;
/// Longer than "soon", on a busy machine too.
const THREE: Duration = Duration::from_secs(3);

/// A server that stands still in the middle of building an index.
fn slow_server() -> (Mongod, Db) {
    let parameters = [("enableTestCommands", "1"), ("ttlMonitorSleepSecs", "1")];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let server = own_server(Options { parameters, ..Options::default() });
    let db = Db::on(&server.uri());
    db.insert("sessions", (0..SESSIONS).map(|n| connect_mongo(&format!("live-{n:011}"), at(3600))));
    stand_still(&db, "alwaysOn");
    (server, db)
}

fn stand_still(db: &Db, mode: &str) {
    db.admin(doc! { "configureFailPoint": "hangAfterStartingIndexBuild", "mode": mode });
}

fn is_building(db: &Db) -> bool {
    let operation = doc! { "currentOp": 1, "command.createIndexes": "sessions" };
    !db.admin(operation).get_array("inprog").unwrap().is_empty()
}

#[test]
fn a_signal_leaves_the_build_to_the_server() {
    let (_server, db) = slow_server();
    let mut running = db.command(&["index", "install"]).start();
    eventually("the index was being built", || is_building(&db));
    running.signal("INT");
    running.wait().exits(130).soon().says("the server continues to build the index");
    assert!(is_building(&db));
    // Running the command again waits for the build.
    let mut again = db.command(&["index", "install"]).start();
    std::thread::sleep(Duration::from_millis(500));
    assert!(!again.has_ended());
    stand_still(&db, "off");
    again.wait().exits(0);
    assert!(!is_building(&db));
    db.insert("sessions", [connect_mongo("gone", at(-60))]);
    db.await_count("sessions", doc! {}, SESSIONS as u64);
}

#[test]
fn an_index_that_is_still_being_built_is_not_installed() {
    let (_server, db) = slow_server();
    let running = db.command(&["index", "install"]).start();
    eventually("the server listed the index", || !db.indexes("sessions").is_empty());
    let status = ["index", "status", "--check", "-o", "json"];
    let run = db.sessionctl(&status).exits(4).says("the server is still building the index");
    assert_eq!(run.json()["state"], "building");
    let ttl = || db.sessionctl(&["collections", "-o", "json"]).exits(0).json()[0]["ttl"].clone();
    assert_eq!(ttl(), "building");
    stand_still(&db, "off");
    running.wait().exits(0);
    assert_eq!(db.sessionctl(&status).exits(0).json()["state"], "installed");
    assert_eq!(ttl(), "installed");
}

#[test]
fn a_person_sees_how_far_the_build_is() {
    let (_server, db) = slow_server();
    let mut running = db.command(&["index", "install"]).start_on_terminal("exec $sessionctl");
    running.await_printed("2,000 of 2,000");
    stand_still(&db, "off");
    let run = running.wait().exits(0);
    assert!(run.stdout.contains("building the index"), "{run:#?}");
    assert!(run.stdout.contains("2,000 of 2,000"), "{run:#?}");
}

#[test]
fn a_signal_ends_it_soon_though_the_server_answers_nothing() {
    let (mut server, db) = slow_server();
    stand_still(&db, "off");
    db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
    let hold = doc! { "blockConnection": true, "failCommands": ["collMod"], "blockTimeMS": milliseconds(THREE) };
    let held = db.fail_commands("alwaysOn", hold);
    let mut running = db.command(&["index", "install"]).start();
    held.wait(1);
    running.signal("TERM");
    running.wait().exits(143).soon().says("the server may still change the indexes");
    drop(held);
    server.pause().unwrap();
    let mut running = db.command(&["index", "install"]).start();
    running.await_signals();
    running.signal("TERM");
    running.wait().exits(143).soon();
    server.resume().unwrap();
}

#[test]
fn a_server_that_does_not_say_what_it_builds_is_not_taken_for_one_that_builds_nothing() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("a", at(60))]);
    db.sessionctl(&["index", "install", "--yes"]).exits(0);
    let status = ["index", "status", "--check", "-o", "json"];
    for (code, exit) in [(13, 0), (59, 0), (50, 1), (91, 1)] {
        let data = doc! { "failCommands": ["collStats"], "errorCode": code };
        let failing = db.fail_commands("alwaysOn", data);
        let run = db.sessionctl(&status).exits(exit);
        if exit == 0 {
            let run = run.says("whether the index is complete is unknown");
            assert_eq!(run.json()["state"], "installed");
        }
        drop(failing);
    }
    db.sessionctl(&status).exits(0).never_shows("unknown");
}
