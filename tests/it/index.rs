//! `sessionctl index`: the TTL index that a layout needs.

use std::time::Duration;

use bson::{Document, doc};
use sessionctl::mongod::Options;

use crate::support::{Db, LAYOUTS, at, own_server, session};

mod building;
mod converting;
mod draining;
mod idle;
mod older;
mod replacing;

const LIVE: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const EXPIRED: &str = "BBBBBBBBBBBBBBBBBBBBBB";

fn live(layout: &str) -> Db {
    let db = Db::new();
    db.insert("sessions", [session(layout, LIVE, at(600))]);
    db
}

fn ttl_index(db: &Db) -> Document {
    let mut indexes = db.indexes("sessions");
    assert_eq!(indexes.len(), 1, "{indexes:?}");
    indexes.remove(0)
}

fn state(db: &Db) -> String {
    let status = db.sessionctl(&["index", "status", "-o", "json"]).exits(0).json();
    status["state"].as_str().unwrap().to_owned()
}

#[test]
fn after_install_the_server_itself_removes_expired_sessions_and_only_those() {
    for (layout, id, expires) in LAYOUTS {
        let db = live(layout);
        assert_eq!(state(&db), "missing", "{layout}");
        db.sessionctl(&["index", "install"]).exits(0);
        let index = ttl_index(&db);
        // One of these stores makes a plain ascending index for itself.
        let direction = if layout == "express-mongodb-legacy" { -1 } else { 1 };
        assert_eq!(index.get_str("name").unwrap(), format!("{expires}_{direction}"));
        assert_eq!(index.get_document("key").unwrap(), &doc! { expires: direction });
        assert_eq!(index.get_i32("expireAfterSeconds").unwrap(), 0);
        assert_eq!(state(&db), "installed", "{layout}");

        let mut endless = session(layout, "CCCCCCCCCCCCCCCCCCCCCC", at(0));
        endless.remove(expires);
        db.insert("sessions", [session(layout, EXPIRED, at(-60)), endless]);
        db.await_count("sessions", doc! { id: EXPIRED }, 0);
        assert_eq!(db.count("sessions", doc! { id: LIVE }), 1);
        assert_eq!(db.count("sessions", doc! {}), 2);
    }
}

#[test]
fn installing_twice_changes_nothing() {
    let db = live("connect-mongo-json");
    db.sessionctl(&["index", "install"]).exits(0);
    let before = db.indexes("sessions");
    let again = db.sessionctl(&["index", "install", "-o", "json"]).exits(0);
    assert!(again.stderr.contains("nothing was changed"), "{again:#?}");
    assert_eq!(again.json()["state"], "installed");
    assert_eq!(db.indexes("sessions"), before);
}

#[test]
fn a_lifetime_that_the_index_does_not_use_is_reported() {
    let db = live("connect-mongo-json");
    let install = ["index", "install", "--lifetime", "1h"];
    db.sessionctl(&install).exits(0).says("--lifetime has no effect here: connect-mongo-json");
    assert_eq!(ttl_index(&db).get_i32("expireAfterSeconds").unwrap(), 0);
    db.sessionctl(&["index", "install"]).exits(0).never_shows("--lifetime");
}

#[test]
fn an_index_that_differs_is_reported_and_not_touched() {
    for spec in [
        doc! { "key": { "expires": 1 }, "name": "mine" },
        doc! { "key": { "expires": 1 }, "name": "mine", "expireAfterSeconds": 0 },
        doc! { "key": { "expires": -1 }, "name": "expires_1" },
        doc! { "key": { "expires": -1 }, "name": "expires_-1", "expireAfterSeconds": 0 },
        doc! { "key": { "expires": 1 }, "name": "expires_1", "expireAfterSeconds": 3600 },
        doc! { "key": { "expires": 1 }, "name": "expires_1", "sparse": true },
        doc! { "key": { "expires": 1 }, "name": "expires_1", "unique": true },
        doc! { "key": { "expires": 1 }, "name": "expires_1", "partialFilterExpression": { "a": 1 } },
        doc! { "key": { "other": 1 }, "name": "expires_1" },
    ] {
        let db = live("connect-mongo-json");
        db.create_index("sessions", spec.clone());
        let before = db.indexes("sessions");
        let run = db.sessionctl(&["index", "install", "--yes", "-o", "json"]).exits(1);
        assert!(run.stderr.contains(spec.get_str("name").unwrap()), "{run:#?}");
        let row = run.json();
        assert_eq!(row["state"], "differs", "{spec}");
        assert_eq!(row["found"]["name"], spec.get_str("name").unwrap());
        assert_eq!(db.indexes("sessions"), before, "{spec}");
        db.sessionctl(&["index", "status", "--check"]).exits(4);

        // Replacing requires a separate confirmation.
        db.sessionctl(&["index", "replace"]).exits(3).says("--yes");
        assert_eq!(db.indexes("sessions"), before, "{spec}");
        db.sessionctl(&["index", "replace", "--yes"]).exits(0);
        let index = ttl_index(&db);
        assert_eq!(index.get_str("name").unwrap(), "expires_1", "{spec}");
        assert_eq!(index.get_i32("expireAfterSeconds").unwrap(), 0, "{spec}");
        assert_eq!(index.get_document("key").unwrap(), &doc! { "expires": 1 });
        assert!(!index.contains_key("sparse") && !index.contains_key("unique"), "{spec}");
        assert_eq!(state(&db), "installed", "{spec}");
    }
}

#[test]
fn a_backlog_that_the_server_would_delete_is_reported_and_confirmed() {
    let db = live("connect-mongo-json");
    let ids = ["expired-1", "expired-2", "expired-3"];
    db.insert("sessions", ids.map(|id| session("connect-mongo-json", id, at(-60))));
    let run = db.sessionctl(&["index", "install"]).exits(3).fails_in_one_sentence();
    run.says("deletes 3 expired sessions").says("within about a minute\n");
    assert!(db.indexes("sessions").is_empty());
    let asked = db.command(&["index", "install"]);
    asked.on_terminal(&[("[y/N]", "n\r")]).exits(3);
    assert!(db.indexes("sessions").is_empty());
    db.sessionctl(&["index", "install", "--yes"]).exits(0).says("deletes 3 expired sessions");
    db.await_ids("sessions", &[LIVE]);
}

#[test]
fn removing_ends_the_servers_deleting() {
    for (layout, id, _) in LAYOUTS {
        let db = live(layout);
        db.sessionctl(&["index", "install"]).exits(0);
        db.sessionctl(&["index", "remove"]).exits(3);
        assert_eq!(db.indexes("sessions").len(), 1, "{layout}");
        db.sessionctl(&["index", "remove", "--yes"]).exits(0);
        assert!(db.indexes("sessions").is_empty(), "{layout}");
        db.sessionctl(&["index", "remove"]).exits(0).prints("no TTL index");
        db.insert("sessions", [session(layout, EXPIRED, at(-60))]);
        // Two passes of the TTL monitor.
        std::thread::sleep(Duration::from_millis(if layout == "tower-sessions" {
            2200
        } else {
            0
        }));
        assert_eq!(db.count("sessions", doc! { id: EXPIRED }), 1, "{layout}");
    }
}

#[test]
fn what_an_interrupted_installation_left_is_removed_too() {
    for others in [&[][..], &["install"]] {
        let db = live("connect-mongo-json");
        for action in others {
            db.sessionctl(&["index", action]).exits(0);
        }
        let left = doc! { "key": { "expires": -1 }, "name": "sessionctl_stand_in", "expireAfterSeconds": 0 };
        db.create_index("sessions", left);
        db.sessionctl(&["index", "remove"]).exits(3).says("sessionctl_stand_in");
        assert_eq!(db.indexes("sessions").len(), 1 + others.len());
        db.sessionctl(&["index", "remove", "--yes"]).exits(0).prints("sessionctl_stand_in");
        assert!(db.indexes("sessions").is_empty());
    }
}

#[test]
fn every_ttl_index_on_the_expiry_is_removed_and_one_on_another_date_is_named() {
    const ENDS: &str = "the server then no longer deletes expired sessions";
    let db = live("connect-mongo-json");
    db.sessionctl(&["index", "install"]).exits(0);
    let second = doc! { "key": { "expires": -1 }, "name": "mine", "expireAfterSeconds": 60 };
    db.create_index("sessions", second.clone());
    db.sessionctl(&["index", "remove"]).exits(3).says("expires_1 and mine").says(ENDS);
    db.sessionctl(&["index", "remove", "--yes"]).exits(0).prints("expires_1 and mine");
    assert!(db.indexes("sessions").is_empty());
    let other = doc! { "key": { "at": 1 }, "name": "other", "expireAfterSeconds": 60 };
    db.create_index("sessions", other);
    db.sessionctl(&["index", "remove", "--yes"])
        .exits(0)
        .prints("no TTL index to remove")
        .says("still deletes by the TTL index other on at");
    db.create_index("sessions", second);
    db.sessionctl(&["index", "remove"])
        .exits(3)
        .never_shows(ENDS)
        .says("still deletes sessions by the TTL index other on at");
    db.sessionctl(&["index", "remove", "--yes"])
        .exits(0)
        .prints("mine")
        .says("still deletes by the TTL index other on at");
    assert_eq!(ttl_index(&db).get_str("name").unwrap(), "other");
}

#[test]
fn a_plain_index_is_not_removed_as_a_ttl_index() {
    let db = live("express-mongodb-legacy");
    db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
    db.sessionctl(&["index", "remove", "--yes"]).exits(0).prints("no TTL index");
    assert_eq!(db.indexes("sessions").len(), 1);
}

#[test]
fn check_exits_with_4_until_the_index_is_there() {
    let db = live("connect-mongo-json");
    db.sessionctl(&["index", "status"]).exits(0);
    db.sessionctl(&["index", "status", "--check"]).exits(4);
    db.sessionctl(&["index", "install"]).exits(0);
    db.sessionctl(&["index", "status", "--check"]).exits(0);
}

#[test]
fn the_status_has_the_keys_of_the_contract() {
    let db = live("connect-mongo-json");
    let status = db.sessionctl(&["index", "status", "-o", "json"]).exits(0).json();
    let keys: Vec<_> = status.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys.join(" "), "namespace layout state wanted found");
    assert_eq!(status["wanted"]["name"], "expires_1");
    assert!(status["found"].is_null());
}

#[test]
fn a_collection_that_does_not_exist_is_not_made() {
    let db = live("connect-mongo-json");
    for command in ["status", "install", "replace", "remove"] {
        db.sessionctl(&["index", command, "-c", "nowhere"])
            .exits(1)
            .says("there is no collection")
            .says(&format!("{}.sessions", db.name));
    }
    let named = ["index", "install", "-c", "nowhere", "--yes", "--layout", "connect-mongo-json"];
    db.sessionctl(&named).exits(1);
    assert_eq!(db.collections(), ["sessions"]);
}

#[test]
fn a_user_who_may_not_create_indexes_gets_a_clear_error() {
    let server = own_server(Options { args: vec!["--auth".to_owned()], ..Options::default() });
    // The first user is made through the localhost exception; nothing else may be done so.
    let first = Db::on(&server.uri());
    first.admin(doc! { "createUser": "root", "pwd": "r", "roles": ["root"] });
    let as_user = |user: &str| server.uri().replace("mongodb://", &format!("mongodb://{user}@"));
    let db = Db::on(&as_user("root:r"));
    db.insert("sessions", [session("connect-mongo-json", LIVE, at(600))]);
    let role = doc! { "role": "read", "db": &db.name };
    let reader = doc! { "createUser": "reader", "pwd": "r", "roles": [role] };
    db.admin(reader);
    let uri = format!("{}/?authSource=admin", as_user("reader:r"));
    let may_not = |arguments: &[&str], why: &str| {
        db.command(arguments).env("SESSIONCTL_URI", &uri).run().exits(1).says(why)
    };
    // Before a question is asked, the rights are looked up; otherwise the server says it.
    may_not(&["index", "install"], "lacks the right createIndex");
    may_not(&["purge", "--all", "--yes"], "not authorized to run delete");
    assert!(db.indexes("sessions").is_empty());
    assert_eq!(db.count("sessions", doc! {}), 1);
    db.command(&["index", "status"]).env("SESSIONCTL_URI", &uri).run().exits(0);
}
