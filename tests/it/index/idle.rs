//! The index that ends sessions without an expiry once they are idle, for a store that by default
//! keeps every session for ever.

use bson::{Bson, Document, doc};

use crate::support::{Db, at, becomes, session, with};

const DAY: i64 = 86_400;

/// A session of express-mongodb 0.0.4, last touched this many days ago.
fn touched(id: &str, days: i64, expires: impl Into<Bson>) -> Document {
    let own = session("express-mongodb-legacy", id, expires);
    with(own, doc! { "lastAccess": at(-days * DAY) })
}

/// Under the indexes that the store makes.
fn sessions() -> Db {
    let db = Db::new();
    for path in ["lastAccess", "expires"] {
        db.create_index("sessions", doc! { "key": { path: 1 }, "name": format!("{path}_1") });
    }
    let mut without = touched("without-an-expiry", 40, Bson::Null);
    without.remove("expires");
    db.insert(
        "sessions",
        [
            touched("idle", 40, Bson::Null),
            touched("active", 20, Bson::Null),
            touched("idle-and-live", 40, at(DAY)),
            without,
        ],
    );
    db
}

fn sids(db: &Db) -> Vec<String> {
    let sessions = db.find("sessions", doc! {}).into_iter();
    sessions.map(|session| session.get_str("sid").unwrap().to_owned()).collect()
}

const KEPT: [&str; 3] = ["active", "idle-and-live", "without-an-expiry"];

fn state(db: &Db, arguments: &[&str]) -> String {
    let arguments = [&["index", "status", "-o", "json"], arguments].concat();
    db.sessionctl(&arguments).exits(0).json()["state"].as_str().unwrap().to_owned()
}

#[test]
fn the_server_ends_what_is_idle_and_would_never_expire_and_only_that() {
    let db = sessions();
    assert_eq!(state(&db, &["--idle", "30d"]), "missing");
    let install = ["index", "install", "--idle", "30d"];
    // Somebody is logged in with it, so nothing but a yes will do.
    for more in [&[][..], &["--drain"]] {
        let refused = db.sessionctl(&[&install, more].concat()).exits(3);
        refused.says("1 idle session");
    }
    assert_eq!(db.indexes("sessions").len(), 2);
    db.sessionctl(&[&install[..], &["--yes"]].concat()).exits(0).prints("created the TTL index");
    becomes("the idle one was gone", || sids(&db), |left| *left == KEPT);
    assert_eq!(state(&db, &["--idle"]), "installed");
    assert_eq!(state(&db, &["--idle", "30d"]), "installed");
    assert_eq!(state(&db, &["--idle", "20d"]), "differs");
    assert_eq!(state(&db, &[]), "missing");

    // The store's own start.
    for path in ["lastAccess", "expires"] {
        db.create_index("sessions", doc! { "key": { path: 1 }, "name": format!("{path}_1") });
    }
    let longer = ["index", "replace", "--idle", "60d"];
    db.sessionctl(&longer).exits(3);
    db.sessionctl(&[&longer[..], &["--yes"]].concat()).exits(0);
    assert_eq!(state(&db, &["--idle", "60d"]), "installed");
    db.sessionctl(&["index", "install"]).exits(0);
    assert_eq!(db.indexes("sessions").len(), 4);
    db.sessionctl(&["index", "remove", "--idle", "--yes"]).exits(0);
    assert_eq!(state(&db, &["--idle", "30d"]), "missing");
    assert_eq!(state(&db, &[]), "installed");
    assert_eq!(sids(&db), KEPT);
}

#[test]
fn a_drain_deletes_the_same() {
    let db = sessions();
    let drain = ["index", "install", "--idle", "30d", "--drain", "--yes"];
    db.sessionctl(&drain).exits(0).prints("deleted 1 idle session from");
    assert_eq!(sids(&db), KEPT);
}

#[test]
fn how_long_is_for_the_operator_to_say_and_not_every_store_has_such_sessions() {
    let db = sessions();
    db.sessionctl(&["index", "install", "--idle", "--yes"]).exits(1).says("set it with --idle");
    let db = Db::new();
    db.insert("sessions", [session("connect-mongo-json", "live-0000000000", at(60))]);
    let run = db.sessionctl(&["index", "install", "--idle", "30d", "--yes"]).exits(1);
    run.says("with a null expiry").fails_in_one_sentence();
    assert!(db.indexes("sessions").is_empty());
}
