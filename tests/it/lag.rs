//! The replication lag that the library reports.

use std::thread;
use std::time::{Duration, Instant};

use bson::doc;
use mongodb::options::WriteConcern;
use sessionctl::mongod::Options;
use sessionctl::replication::{Followers, Lag};
use sessionctl::{Connection, Error};

use crate::patience::limit;
use crate::rig::{ReplicaSet, Role};
use crate::support::{Db, becomes, own_server};

const TEST_COMMANDS: &[(&str, &str)] = &[("enableTestCommands", "1")];

#[test]
fn a_standalone_has_no_lag_whatever_the_login_may_do() {
    assert!(matches!(lag(&Db::new(), &Db::new().uri), Lag::Standalone));
    let server = own_server(Options { args: vec!["--auth".to_owned()], ..Options::default() });
    let db = Db::on(&server.uri());
    db.admin(doc! { "createUser": "nobody", "pwd": "nobody", "roles": [] });
    let uri = format!("mongodb://nobody:nobody@{}/?authSource=admin", server.address());
    assert!(matches!(lag(&db, &uri), Lag::Standalone));
}

#[test]
fn a_member_that_falls_behind_is_named_until_it_has_caught_up() {
    let mut set = ReplicaSet::start(3, TEST_COMMANDS);
    let db = Db::on(&set.uri());
    write(&db);
    becomes("nobody was behind", || followers(&db), |seen| seen.behind == Duration::ZERO);
    set.fall_behind(2);
    let seen = wait_for_member(&db, &set.server(2).address(), Duration::from_secs(2));
    assert!(seen.behind < limit(Duration::from_secs(10)), "{seen:?}");
    assert!(seen.absent.is_empty() && seen.delays_known);
    set.catch_up(2);
    wait_for(&db, |followers| followers.behind < Duration::from_millis(500));
}

#[test]
fn a_member_that_hangs_counts_until_it_is_held_for_down() {
    let mut set = ReplicaSet::start(3, TEST_COMMANDS);
    let db = Db::on(&set.uri());
    write(&db);
    set.pause(2);
    wait_for_member(&db, &set.server(2).address(), Duration::from_secs(1));
    let seen = wait_for(&db, |followers| !followers.absent.is_empty());
    assert!(seen.behind < limit(Duration::from_secs(1)), "{seen:?}");
    assert_eq!(seen.absent[0].to_string(), format!("{} (down)", set.server(2).address()));
    set.resume(2);
    wait_for(&db, |followers| followers.absent.is_empty());
}

#[test]
fn a_hidden_member_counts_and_one_that_is_delayed_does_not() {
    let roles = [
        Role::Electable,
        Role::Electable,
        Role::Hidden,
        Role::Delayed(Duration::from_secs(3600)),
        Role::Arbiter,
    ];
    let mut set = ReplicaSet::of(&roles, TEST_COMMANDS, &[]);
    let db = Db::on(&set.uri());
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        write(&db);
        thread::sleep(Duration::from_millis(100));
    }
    let status = set.admin(0, doc! { "replSetGetStatus": 1 });
    let members = status.get_array("members").unwrap();
    let at = |index: usize| {
        let member = members[index].as_document().unwrap();
        member.get_datetime("optimeDate").unwrap().timestamp_millis()
    };
    assert!(at(0) - at(3) > 1000, "the delayed one is behind: {status}");
    wait_for(&db, |followers| followers.behind < Duration::from_millis(500));
    set.fall_behind(2);
    wait_for_member(&db, &set.server(2).address(), Duration::from_secs(1));
    set.catch_up(2);
}

#[test]
fn without_the_rights_it_fails_and_without_the_lesser_one_it_continues() {
    let set = ReplicaSet::guarded(3);
    let db = Db::on(&set.uri());
    let may = |user: &str, actions: &[&str]| {
        let privilege = doc! { "resource": { "cluster": true }, "actions": actions };
        db.admin(doc! { "createRole": user, "privileges": [privilege], "roles": [] });
        db.admin(doc! { "createUser": user, "pwd": user, "roles": [user] });
        lag(&db, &set.uri().replace("root:root@", &format!("{user}:{user}@")))
    };
    match may("none", &["serverStatus"]) {
        Lag::Unknown(error @ Error::Unauthorized { .. }) => {
            assert_eq!(error.to_string(), "not authorized to run replSetGetStatus on admin");
            assert!(!error.is_transient());
        }
        other => panic!("{other:?}"),
    }
    match may("status", &["replSetGetStatus"]) {
        Lag::Behind(followers) => assert!(!followers.delays_known),
        other => panic!("{other:?}"),
    }
    match may("both", &["replSetGetStatus", "replSetGetConfig"]) {
        Lag::Behind(followers) => assert!(followers.delays_known),
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_a_primary_it_is_unknown_for_now() {
    let mut set = ReplicaSet::start(3, TEST_COMMANDS);
    let db = Db::on(&set.uri());
    let uri = format!("{}&serverSelectionTimeoutMS=1000", set.uri());
    assert!(matches!(lag(&db, &uri), Lag::Behind(_)));
    set.server(1).kill();
    set.server(2).kill();
    let is_unknown = |seen: &Lag| matches!(seen, Lag::Unknown(_));
    match becomes("the lag was unknown", || lag(&db, &uri), is_unknown) {
        Lag::Unknown(error) => assert!(error.is_transient(), "{error:?}"),
        other => panic!("{other:?}"),
    }
    set.restart(1);
    let is_known = |seen: &Lag| matches!(seen, Lag::Behind(_));
    becomes("the lag was known again", || lag(&db, &uri), is_known);
}

fn lag(db: &Db, uri: &str) -> Lag {
    db.runtime.block_on(async {
        let connection = Connection::open(uri, Some(&db.name)).await.unwrap();
        connection.lag().await
    })
}

#[track_caller]
pub fn followers(db: &Db) -> Followers {
    match lag(db, &db.uri) {
        Lag::Behind(followers) => followers,
        other => panic!("{other:?}"),
    }
}

/// Keeps writing until the lag fulfils this condition.
#[track_caller]
fn wait_for(db: &Db, is_true: impl Fn(&Followers) -> bool) -> Followers {
    let look = || {
        write(db);
        followers(db)
    };
    becomes("the lag was as wanted", look, is_true)
}

/// Keeps writing until this member is the slowest, and far enough behind.
#[track_caller]
pub fn wait_for_member(db: &Db, address: &str, behind: Duration) -> Followers {
    wait_for(db, |followers| {
        let slowest = followers.slowest.as_ref().map(ToString::to_string);
        followers.behind > behind && slowest.as_deref() == Some(address)
    })
}

/// Writes on the primary, without waiting for anybody else.
fn write(db: &Db) {
    let writes = db.collection("writes");
    let write = writes.insert_one(doc! {}).write_concern(WriteConcern::nodes(1));
    db.runtime.block_on(write.into_future()).unwrap();
}
