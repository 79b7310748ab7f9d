//! The server, the kind of the collection, and the clocks.

use std::os::unix::fs::PermissionsExt as _;

use sessionctl::mongod::{Mongod, Options};

use super::*;
use crate::clock::{another_clock, with_clock};
use crate::rig::ReplicaSet;
use crate::support::{eventually, mongod_binary, now, own_server};

#[test]
fn the_version_is_judged_by_the_servers_own_clock() {
    let db = Db::new();
    healthy(&db);
    let info = db.run(doc! { "buildInfo": 1 });
    let found = finding(&db, "server");
    let wanted = format!("MongoDB {}, a standalone", info.get_str("version").unwrap());
    assert_eq!((found["outcome"].as_str(), found["what"].as_str()), (Some("pass"), Some(&*wanted)));
    if info.get_str("version").unwrap().starts_with("6.0.") {
        finds(&db, "version", "warn", "has been end-of-life since 2025-07-31");
    }
}

#[test]
fn a_monitor_that_is_off_or_slow_is_found() {
    let parameters = [("ttlMonitorEnabled", "false"), ("ttlMonitorSleepSecs", "3600")];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let server = own_server(Options { parameters, ..Options::default() });
    let db = Db::on(&server.uri());
    healthy(&db);
    let found = finds(&db, "ttl-monitor", "fail", "no TTL index of any collection works");
    let wanted = "db.adminCommand({setParameter: 1, ttlMonitorEnabled: true})";
    assert_eq!(script(&db, &found), wanted);
    db.admin(doc! { "setParameter": 1, "ttlMonitorEnabled": true });
    passes(&db, "ttl-monitor");
    let found = finds(&db, "ttl-interval", "warn", "runs only every 60 minutes");
    let wanted = "db.adminCommand({setParameter: 1, ttlMonitorSleepSecs: 60})";
    assert_eq!(script(&db, &found), wanted);
    db.admin(doc! { "setParameter": 1, "ttlMonitorSleepSecs": 60 });
    passes(&db, "ttl-interval");
}

#[test]
fn a_view_is_found_and_what_it_is_a_view_of_named() {
    let db = Db::new();
    healthy(&db);
    db.run(doc! { "create": "logins", "viewOn": "sessions", "pipeline": [] });
    let run = db.sessionctl(&["doctor", "-c", "logins", "-o", "json"]).exits(4);
    let findings = run.json()["findings"].as_array().unwrap().clone();
    let found = findings.iter().find(|finding| finding["check"] == "collection").unwrap();
    assert_eq!(found["outcome"], "fail");
    assert_eq!(mend(&db, found), "sessionctl doctor -d DB -c sessions");
    run_mend(&db, found);
    passes(&db, "collection");
}

#[test]
fn a_capped_collection_is_found() {
    let db = Db::new();
    db.run(doc! { "create": "sessions", "capped": true, "size": 1 << 20 });
    db.insert("sessions", [connect_mongo(LIVE, at(600))]);
    let found =
        finds(&db, "collection", "fail", "when it is full each login deletes the oldest session");
    let wanted = "DB.getCollection(\"sessions\").renameCollection(\"sessions_capped\"); \
                  DB.getCollection(\"sessions_capped\").aggregate([{$merge: {into: \"sessions\", \
                  whenMatched: \"keepExisting\"}}])";
    assert_eq!(script(&db, &found), wanted);
    let commands: Vec<_> =
        examine(&db).iter().filter(|it| !it["mend"].is_null()).cloned().collect();
    assert_eq!(commands.len(), 1, "what the server refuses of a capped collection: {commands:#?}");
    assert_eq!(finding(&db, "ttl-index")["outcome"], "unknown");
}

#[test]
fn a_time_series_is_found() {
    let db = Db::new();
    db.run(doc! { "create": "sessions", "timeseries": { "timeField": "expires" } });
    db.insert("sessions", [connect_mongo(LIVE, at(600))]);
    finds(&db, "collection", "fail", "time-series");
    for finding in examine(&db) {
        assert!(finding["mend"].is_null(), "the server refuses it there: {finding}");
    }
}

#[test]
fn a_clock_of_this_machine_that_is_wrong_is_found() {
    let db = Db::new();
    healthy(&db);
    for (offset, what) in [(120, "2 minutes ahead of"), (-86_400 * 3, "3 days behind")] {
        let program = with_clock(db.command(&["doctor", "-o", "ndjson"]), offset);
        let run = program.run().exits(0);
        let line = run.stdout.lines().find(|line| line.contains("\"clock-here\"")).unwrap();
        assert!(line.contains("\"warn\"") && line.contains(what), "{line}");
        assert!(line.contains("timedatectl set-ntp true"), "{line}");
    }
    // As it is once that command has set it right.
    passes(&db, "clock-here");
}

#[test]
fn a_member_whose_clock_is_wrong_is_found() {
    // A server whose clock is ahead, by the library that the other tests use on sessionctl.
    let folder = tempfile::tempdir().unwrap();
    let wrapper = folder.path().join("mongod");
    let script = format!(
        "#!/bin/sh\nLD_PRELOAD={} CLOCK_OFFSET=90 exec {} \"$@\"\n",
        another_clock().display(),
        mongod_binary().display()
    );
    std::fs::write(&wrapper, script).unwrap();
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let options = || Options { replica_set: Some("rig".to_owned()), ..Options::default() };
    let right = own_server(options());
    let mut wrong = Mongod::start(&wrapper, options()).unwrap();
    let direct = Db::on(&format!("{}/?directConnection=true", right.uri()));
    direct.admin(doc! { "replSetInitiate": { "_id": "rig", "members": [
        { "_id": 0, "host": right.address() },
        { "_id": 1, "host": wrong.address(), "priority": 0, "votes": 0 },
    ] } });
    let uri = format!("{}/?replicaSet=rig", right.uri());
    let db = Db::on(&uri);
    eventually("the set had a primary and a secondary", || {
        let hello = direct.admin(doc! { "hello": 1 });
        let status = direct.admin(doc! { "replSetGetStatus": 1 }).to_string();
        hello.get_bool("isWritablePrimary").unwrap() && status.contains("SECONDARY")
    });
    healthy(&db);
    let found = finds(&db, "clock-members", "warn", "90 seconds ahead of the primary's");
    assert!(found["what"].as_str().unwrap().contains(&wrong.address()), "{found}");
    assert!(found["meaning"].as_str().unwrap().contains("timedatectl"), "{found}");
    assert!(found["mend"].is_null(), "it is another machine's clock: {found}");
    // As that command does: the same member, with the right time.
    let port = wrong.port();
    let config = direct.admin(doc! { "replSetGetConfig": 1 });
    wrong.kill();
    let right_again = own_server(Options { port: Some(port), ..options() });
    assert!(config.to_string().contains(&right_again.address()));
    await_outcome(&db, "clock-members", "pass");
    assert!(now() < at(60));
}

#[test]
fn a_member_that_is_away_is_found_until_it_is_back() {
    let mut set = ReplicaSet::start(3, &[]);
    let db = Db::on(&set.uri());
    healthy(&db);
    passes(&db, "replication");
    passes(&db, "clock-members");
    set.server(2).kill();
    await_outcome(&db, "replication", "warn");
    finds(&db, "replication", "warn", "writes wait for a majority");
    set.restart(2);
    await_outcome(&db, "replication", "pass");
    passes(&db, "clock-members");
}
