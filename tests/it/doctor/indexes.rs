//! The indexes: whether one deletes expired sessions, and its possible faults.

use std::thread;

use sessionctl::mongod::{Mongod, Options};

use super::*;
use crate::stores::quiet_uri;
use crate::support::own_server;

/// A server whose TTL monitor is off, so that a wrong index deletes nothing meanwhile.
fn idle_server() -> Mongod {
    let parameters = vec![("ttlMonitorEnabled".to_owned(), "false".to_owned())];
    own_server(Options { parameters, ..Options::default() })
}

#[test]
fn where_no_index_can_help_a_sweeper_does() {
    let db = Db::new();
    let expires = at(600).timestamp_millis() / 1000;
    db.insert("sessions", [doc! { "id": LIVE, "expires": expires, "session": "{\"data\":{}}" }]);
    let found = finds(&db, "ttl-index", "fail", "no TTL index is possible");
    assert_eq!(mend(&db, &found), "sessionctl sweep -d DB -c sessions --interval 60");
    let words: Vec<_> = found["mend"].as_str().unwrap().split(' ').skip(1).collect();
    let mut sweeper = db.command(&words).start();
    await_outcome(&db, "ttl-index", "pass");
    sweeper.signal("TERM");
    sweeper.wait().exits(0);
    finds(&db, "ttl-index", "fail", "no TTL index is possible");
}

#[test]
fn seconds_on_an_expiry_lengthen_every_life() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo(LIVE, at(600))]);
    ttl(&db, doc! { "expireAfterSeconds": 3600 });
    let found = finds(&db, "ttl-seconds", "warn", "60 minutes after they expire");
    assert_eq!(mend(&db, &found), "sessionctl index replace -d DB -c sessions");
    run_mend(&db, &found);
    passes(&db, "ttl-seconds");
}

#[test]
fn seconds_that_never_come_are_found() {
    // MongoDB 6.0.5 stores NaN as the second.
    for seconds in [Bson::Double(f64::NAN), Bson::Int32(i32::MAX)] {
        let db = Db::new();
        db.insert("sessions", [connect_mongo(LIVE, at(600))]);
        ttl(&db, doc! { "expireAfterSeconds": seconds });
        let found = finds(&db, "ttl-seconds", "fail", "2147483647, which is 68 years");
        finds(&db, "ttl-index", "fail", "grows forever");
        run_mend(&db, &found);
        passes(&db, "ttl-seconds");
        passes(&db, "ttl-index");
    }
}

#[test]
fn none_after_the_last_touch_logs_everybody_out() {
    let server = idle_server();
    let db = Db::on(&server.uri());
    db.insert("sessions", [doc! { "_id": LIVE, "blob": "{}", "updatedAt": at(-60) }]);
    let spec = doc! { "key": { "updatedAt": 1 }, "name": "updatedAt_1", "expireAfterSeconds": 0 };
    db.create_index("sessions", spec);
    // Another lifetime could log users out; dropping the index cannot.
    let found = finds(&db, "ttl-seconds", "fail", "logged out all the time");
    assert_eq!(script(&db, &found), "DB.getCollection(\"sessions\").dropIndex(\"updatedAt_1\")");
    let run = db.sessionctl(&["doctor", "--lifetime", "1d", "-o", "json"]).exits(4).json();
    let findings = run["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["check"] == "ttl-seconds").unwrap();
    let wanted = "sessionctl index replace --lifetime 86400 -d DB -c sessions";
    assert_eq!(mend(&db, found), wanted);
    run_mend(&db, found);
    passes(&db, "ttl-seconds");
    assert_eq!(db.count("sessions", doc! {}), 1);
}

#[test]
fn where_only_the_index_says_the_lifetime_none_is_guessed() {
    let db = Db::on(&quiet_uri());
    let data =
        bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![4, 8, 123, 0] };
    db.insert("sessions", [doc! { "_id": LIVE, "_data": data, "updated_at": at(-60) }]);
    let found = finds(&db, "ttl-index", "fail", "--lifetime DURATION");
    assert!(found["mend"].is_null(), "{found}");
    assert_eq!(finding(&db, "endless")["outcome"], "unknown");
    let run = db.sessionctl(&["doctor", "--lifetime", "1h", "-o", "ndjson"]).exits(4);
    let wanted = format!("sessionctl index install --lifetime 3600 -d {} -c sessions", db.name);
    assert!(run.stdout.contains(&wanted), "{run:#?}");
    shell(&db, &wanted).exits(0);
    passes(&db, "ttl-index");
}

#[test]
fn an_index_on_another_date_is_found() {
    let server = idle_server();
    let db = Db::on(&server.uri());
    healthy(&db);
    let spec = doc! { "key": { "lastModified": 1 }, "name": "mine", "expireAfterSeconds": 0 };
    db.create_index("sessions", spec);
    let found = finds(&db, "ttl-seconds", "fail", "lastModified, which is not the expiry");
    assert_eq!(script(&db, &found), "DB.getCollection(\"sessions\").dropIndex(\"mine\")");
    db.run(doc! { "dropIndexes": "sessions", "index": "mine" });
    passes(&db, "ttl-seconds");
}

#[test]
fn a_partial_index_that_leaves_sessions_out_is_found() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo(LIVE, at(600))]);
    ttl(&db, doc! { "partialFilterExpression": { "user": { "$exists": true } } });
    let found = finds(&db, "ttl-partial", "fail", "skips sessions");
    assert_eq!(mend(&db, &found), "sessionctl index replace -d DB -c sessions");
    // The server does not delete the others.
    let said = "nothing deletes expired sessions that the partial index expires_1 skips";
    assert_eq!(mend(&db, &finds(&db, "ttl-index", "fail", said)), mend(&db, &found));
    run_mend(&db, &found);
    passes(&db, "ttl-partial");
    passes(&db, "ttl-index");
}

#[test]
fn a_partial_index_that_leaves_only_what_has_no_date_out_is_no_fault() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo(LIVE, at(600))]);
    ttl(&db, doc! { "partialFilterExpression": { "expires": { "$type": "date" } } });
    passes(&db, "ttl-partial");
}

#[test]
fn of_two_ttl_indexes_the_one_that_is_not_the_stores_is_named() {
    let db = Db::new();
    healthy(&db);
    let spec = doc! { "key": { "expires": -1 }, "name": "mine", "expireAfterSeconds": 0 };
    db.create_index("sessions", spec);
    let found = finds(&db, "ttl-several", "warn", "expires_1, mine");
    assert_eq!(script(&db, &found), "DB.getCollection(\"sessions\").dropIndex(\"mine\")");
    db.run(doc! { "dropIndexes": "sessions", "index": "mine" });
    passes(&db, "ttl-several");
}

#[test]
fn an_index_of_another_name_is_in_the_applications_way() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo(LIVE, at(600))]);
    ttl(&db, doc! { "name": "mine" });
    passes(&db, "ttl-index");
    let found = finds(&db, "ttl-options", "warn", "85 or 86");
    assert_eq!(mend(&db, &found), "sessionctl index replace -d DB -c sessions");
    run_mend(&db, &found);
    passes(&db, "ttl-options");
}

#[test]
fn a_hidden_index_is_worth_a_note_and_no_more() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo(LIVE, at(600))]);
    ttl(&db, doc! { "hidden": true });
    let found = finding(&db, "ttl-index");
    assert_eq!(found["outcome"], "pass");
    assert!(found["what"].as_str().unwrap().contains("hidden"), "{found}");
    // And it is true.
    db.insert("sessions", [connect_mongo(OTHER, at(-60))]);
    db.await_ids("sessions", &[LIVE]);
}

/// Holds every index build of a server until it goes.
struct HeldBuilds<'a>(&'a Db);

impl<'a> HeldBuilds<'a> {
    fn of(db: &'a Db) -> Self {
        let held = Self(db);
        held.set("alwaysOn");
        held
    }

    fn set(&self, mode: &str) {
        self.0.admin(doc! { "configureFailPoint": "hangAfterStartingIndexBuild", "mode": mode });
    }
}

impl Drop for HeldBuilds<'_> {
    fn drop(&mut self) {
        self.set("off");
    }
}

#[test]
fn an_index_that_is_being_built_does_not_count_yet() {
    let parameters = vec![("enableTestCommands".to_owned(), "1".to_owned())];
    let server = own_server(Options { parameters, ..Options::default() });
    let db = Db::on(&server.uri());
    db.insert("sessions", [connect_mongo(LIVE, at(600))]);
    let held = HeldBuilds::of(&db);
    thread::scope(|scope| {
        // Whatever fails below, the build is let go, or its thread would be waited for.
        let held = held;
        let building = scope.spawn(|| ttl(&db, doc! {}));
        await_outcome(&db, "index-build", "warn");
        let found = finding(&db, "index-build");
        assert!(found["what"].as_str().unwrap().contains("expires_1"), "{found}");
        finds(&db, "ttl-index", "warn", "until the build is complete");
        drop(held);
        building.join().unwrap();
    });
    passes(&db, "index-build");
    passes(&db, "ttl-index");
}

#[test]
fn sessions_that_no_index_finds_by_their_id_are_found() {
    let db = Db::new();
    db.insert("sessions", [session("express-mongodb-legacy", LIVE, at(600))]);
    let found = finds(&db, "id-index", "fail", "every request scans the whole collection");
    let wanted = "DB.getCollection(\"sessions\").createIndex({\"sid\": 1}, {unique: true})";
    assert_eq!(script(&db, &found), wanted);
    db.create_index("sessions", doc! { "key": { "sid": 1 }, "name": "sid_1", "unique": true });
    passes(&db, "id-index");
}

#[test]
fn sessions_that_no_index_finds_by_their_user_are_found() {
    let db = Db::new();
    let user = bson::oid::ObjectId::new();
    db.insert("sessions", [doc! { "sessionToken": LIVE, "userId": user, "expires": at(600) }]);
    let found = finds(&db, "user-index", "warn", "logging a user out everywhere");
    let wanted = "DB.getCollection(\"sessions\").createIndex({\"userId\": 1})";
    assert_eq!(script(&db, &found), wanted);
    db.create_index("sessions", doc! { "key": { "userId": 1 }, "name": "userId_1" });
    passes(&db, "user-index");
}

/// Every document lacks it, so the server takes them for equal.
#[test]
fn a_unique_index_on_a_field_that_no_session_has_is_found() {
    let db = Db::new();
    healthy(&db);
    let spec = doc! { "key": { "token": 1 }, "name": "token_1", "unique": true };
    db.create_index("sessions", spec);
    let found = finds(&db, "unique-index", "fail", "E11000");
    assert_eq!(script(&db, &found), "DB.getCollection(\"sessions\").dropIndex(\"token_1\")");
    // Documents of another program need it.
    db.insert("sessions", [doc! { "token": "x" }]);
    let found = finds(&db, "unique-index", "fail", "other documents have the field");
    assert!(found["mend"].is_null(), "{found}");
    db.run(doc! { "dropIndexes": "sessions", "index": "token_1" });
    passes(&db, "unique-index");
    // One that leaves out what lacks the field is no fault.
    let spec = doc! { "key": { "token": 1 }, "name": "token_1", "unique": true, "sparse": true };
    db.create_index("sessions", spec);
    passes(&db, "unique-index");
}

#[test]
fn an_index_that_goes_another_way_is_in_nobodys_way() {
    for key in [doc! { "expires": -1 }, doc! { "expires": "hashed" }] {
        let db = Db::new();
        db.insert("sessions", [connect_mongo(LIVE, at(600))]);
        db.create_index("sessions", doc! { "key": key, "name": "mine" });
        passes(&db, "ttl-options");
        let found = finds(&db, "ttl-index", "fail", "grows forever");
        assert_eq!(mend(&db, &found), "sessionctl index install -d DB -c sessions");
        run_mend(&db, &found);
        let names = db.indexes("sessions");
        let names: Vec<_> = names.iter().map(|index| index.get_str("name").unwrap()).collect();
        assert_eq!(names, ["mine", "expires_1"]);
    }
}
