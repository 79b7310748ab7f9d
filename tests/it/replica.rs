//! The replica set that the tests of failures run on.

use std::path::Path;
use std::time::Duration;

use bson::{Bson, doc};

use crate::rig::{ReplicaSet, Role};
use crate::support::{Db, at, connect_mongo, eventually};

const TEST_COMMANDS: &[(&str, &str)] = &[("enableTestCommands", "1")];

#[test]
fn a_step_down_moves_the_primary_and_the_set_continues() {
    let set = ReplicaSet::start(3, TEST_COMMANDS);
    let db = Db::on(&set.uri());
    db.insert("sessions", [connect_mongo("before", at(60))]);
    assert_eq!(set.primary(), 0);
    let primary = set.step_down();
    assert_ne!(primary, 0);
    assert_eq!(set.primary(), primary);
    db.insert("sessions", [connect_mongo("after", at(60))]);
    assert_eq!(db.ids("sessions"), ["after", "before"]);
}

#[test]
fn a_killed_primary_is_replaced_comes_back_and_catches_up() {
    let mut set = ReplicaSet::start(3, TEST_COMMANDS);
    let db = Db::on(&set.uri());
    db.insert("sessions", [connect_mongo("before", at(60))]);
    let killed = set.kill_primary();
    assert!(!set.server(killed).is_running());
    let primary = set.primary();
    assert_ne!(primary, killed);
    db.insert("sessions", [connect_mongo("meanwhile", at(60))]);
    set.restart(killed);
    let its_own = on_member(&set, killed, &db);
    eventually("it caught up", || {
        let filter = doc! { "_id": { "$in": ["before", "meanwhile"] } };
        its_own.count("sessions", filter) == 2
    });
    assert_eq!(set.primary(), primary);
}

#[test]
fn a_paused_primary_is_replaced_and_follows_when_it_wakes_up() {
    let mut set = ReplicaSet::start(3, TEST_COMMANDS);
    set.pause(0);
    let primary = set.primary();
    assert_ne!(primary, 0);
    set.resume(0);
    set.await_health();
    assert_eq!(set.primary(), primary);
}

#[test]
fn a_member_falls_behind_and_catches_up() {
    let set = ReplicaSet::start(3, TEST_COMMANDS);
    let db = Db::on(&set.uri());
    let its_own = on_member(&set, 2, &db);
    set.fall_behind(2);
    db.insert("sessions", [connect_mongo("new", at(60))]);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(its_own.count("sessions", doc! {}), 0);
    set.await_health();
    set.catch_up(2);
    its_own.await_count("sessions", doc! {}, 1);
}

#[test]
fn a_set_may_have_hidden_and_delayed_members_and_an_arbiter() {
    let roles =
        [Role::Electable, Role::Hidden, Role::Delayed(Duration::from_secs(3600)), Role::Arbiter];
    let mut set = ReplicaSet::of(&roles, TEST_COMMANDS, &["--oplogSize", "990"]);
    let db = Db::on(&set.uri());
    db.insert("sessions", [connect_mongo("new", at(60))]);
    let hidden = on_member(&set, 1, &db);
    let delayed = on_member(&set, 2, &db);
    hidden.await_count("sessions", doc! {}, 1);
    assert_eq!(delayed.count("sessions", doc! {}), 0);
    let status = set.admin(0, doc! { "replSetGetStatus": 1 });
    let states: Vec<_> = status.get_array("members").unwrap().iter().map(state).collect();
    assert_eq!(states, ["PRIMARY", "SECONDARY", "SECONDARY", "ARBITER"]);
    assert_eq!(set.uri(), format!("mongodb://{}/?replicaSet=rig", set.server(0).address()));
}

#[test]
fn nothing_is_left_of_a_set() {
    let mut set = ReplicaSet::start(3, &[]);
    set.pause(1);
    let left: Vec<_> = (0..3)
        .map(|index| (set.server(index).pid(), set.server(index).data().to_owned()))
        .collect();
    drop(set);
    for (pid, data) in left {
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        assert!(!data.exists());
    }
}

#[test]
fn a_fail_point_on_a_primary_is_for_sessionctl_alone_and_ends_when_the_primary_has_moved() {
    let set = ReplicaSet::start(3, TEST_COMMANDS);
    let db = Db::on(&set.uri());
    db.insert("sessions", [connect_mongo("expired-00000000", at(-60))]);
    let failing = doc! { "failCommands": ["find", "aggregate", "listIndexes"], "errorCode": 2 };
    let failpoint = db.fail_commands("alwaysOn", failing);
    db.sessionctl(&["list"]).exits(1);
    assert_eq!(db.ids("sessions").len(), 1);
    set.step_down();
    drop(failpoint);
    let direct = Db::on(&set.direct_uri(0));
    let state = direct.admin(doc! { "getParameter": 1, "failpoint.failCommand": 1 });
    let mode = state.get_document("failpoint.failCommand").unwrap().get("mode").unwrap();
    assert_eq!(mode.to_string(), "0", "{state}");
    db.sessionctl(&["purge", "--expired"]).exits(0);
    assert_eq!(db.ids("sessions").len(), 0);
}

/// The same database, on the one member.
fn on_member(set: &ReplicaSet, index: usize, db: &Db) -> Db {
    let mut there = Db::on(&set.direct_uri(index));
    there.name.clone_from(&db.name);
    there
}

fn state(member: &Bson) -> &str {
    member.as_document().unwrap().get_str("stateStr").unwrap()
}
