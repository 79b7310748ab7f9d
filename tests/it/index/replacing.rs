//! An index that differs, and the sessions that its successor ends.

use bson::{Document, doc};

use crate::support::{Db, at, long_id};

/// A session of mongoose-session, last touched this many seconds ago.
fn touched(name: &str, ago: i64) -> Document {
    let cookie = doc! { "cookie": { "path": "/" } };
    doc! { "_id": long_id(name), "session": cookie, "createdAt": at(-ago) }
}

/// Sessions of an hour: one over, three idle for a while, one just touched.
fn of_an_hour() -> Db {
    let db = Db::new();
    db.insert("sessions", [touched("over", 7200), touched("now", 0)]);
    db.insert("sessions", ["idle-1", "idle-2", "idle-3"].map(|name| touched(name, 600)));
    let index =
        doc! { "key": { "createdAt": 1 }, "name": "createdAt_1", "expireAfterSeconds": 3600 };
    db.create_index("sessions", index);
    db.await_count("sessions", doc! {}, 4);
    db
}

#[test]
fn a_shorter_lifetime_says_how_many_sessions_it_ends_and_has_the_namespace_typed() {
    let db = of_an_hour();
    let namespace = format!("{}.sessions", db.name);
    let shorter = ["index", "replace", "--lifetime", "1m"];
    let refused = db.sessionctl(&shorter).exits(3);
    refused.says("createdAt_1 would still keep 3 of them").says("deletes 3 sessions");
    let typed = [("Type", "y\r")];
    db.command(&shorter).on_terminal(&typed).exits(3);
    assert_eq!(db.indexes("sessions")[0].get_i32("expireAfterSeconds").unwrap(), 3600);
    assert_eq!(db.count("sessions", doc! {}), 4);
    let typed = format!("{namespace}\r");
    db.command(&shorter).on_terminal(&[("Type", &typed)]).exits(0);
    assert_eq!(db.indexes("sessions")[0].get_i32("expireAfterSeconds").unwrap(), 60);
    db.await_ids("sessions", &[long_id("now")]);
}

#[test]
fn a_longer_lifetime_ends_none() {
    let db = of_an_hour();
    let longer = ["index", "replace", "--lifetime", "1d", "--yes"];
    let run = db.sessionctl(&longer).exits(0).says("deletes 0 sessions");
    assert!(!run.stderr.contains("would still keep"), "{run:#?}");
    assert_eq!(db.count("sessions", doc! {}), 4);
}

#[test]
fn removing_has_the_namespace_typed() {
    let db = of_an_hour();
    let remove = ["index", "remove"];
    db.sessionctl(&remove).exits(3);
    db.command(&remove).on_terminal(&[("Type", "yes\r")]).exits(3);
    assert_eq!(db.indexes("sessions").len(), 1);
    let typed = format!("{}.sessions\r", db.name);
    db.command(&remove).on_terminal(&[("Type", &typed)]).exits(0);
    assert!(db.indexes("sessions").is_empty());
}
