//! The expiries of the sessions, and whether expired sessions are deleted.

use sessionctl::mongod::Options;

use super::*;
use crate::support::{LONG, eventually, flask, milliseconds, own_server};

const DAY: i64 = 86_400;

fn many(count: usize, expires: impl Fn(usize) -> Bson) -> Vec<Document> {
    (0..count).map(|at| connect_mongo(&format!("session-number-{at:08}"), expires(at))).collect()
}

#[test]
fn a_string_as_expiry_is_found() {
    let db = Db::new();
    healthy(&db);
    let text = at(600).try_to_rfc3339_string().unwrap();
    db.insert("sessions", [connect_mongo(OTHER, text)]);
    let found =
        finds(&db, "expiry-type", "fail", "1 session with expires of type string instead of date");
    assert_eq!(mend(&db, &found), "sessionctl fix expiry -d DB -c sessions");
    run_mend(&db, &found);
    passes(&db, "expiry-type");
    assert_eq!(db.ids("sessions"), [LIVE, OTHER]);
}

#[test]
fn a_string_that_means_no_date_for_sure_can_only_be_purged() {
    let db = Db::new();
    healthy(&db);
    db.insert("sessions", [connect_mongo(OTHER, "01/02/2026")]);
    let found = finds(&db, "expiry-type", "fail", "1 session with expires of type string");
    assert_eq!(mend(&db, &found), "sessionctl purge --malformed -d DB -c sessions");
    run_mend(&db, &found);
    passes(&db, "expiry-type");
    assert_eq!(db.ids("sessions"), [LIVE]);
}

#[test]
fn a_number_as_expiry_is_found() {
    let db = Db::new();
    healthy(&db);
    db.insert("sessions", [connect_mongo(OTHER, at(600).timestamp_millis())]);
    let found = finds(&db, "expiry-type", "fail", "of type long");
    assert_eq!(mend(&db, &found), "sessionctl fix expiry -d DB -c sessions");
    run_mend(&db, &found);
    passes(&db, "expiry-type");
    assert_eq!(db.ids("sessions"), [LIVE, OTHER]);
}

/// What mongosh does.
fn fix(db: &Db, query: Document, update: Document) {
    let updates = doc! { "q": query, "u": [update], "multi": true };
    let reply = db.run(doc! { "update": "sessions", "updates": [updates] });
    assert!(reply.get_i32("nModified").unwrap() > 0, "{reply}");
}

#[test]
fn null_as_expiry_is_dead_weight_until_it_is_purged() {
    let db = Db::new();
    healthy(&db);
    db.insert("sessions", [connect_mongo(OTHER, Bson::Null)]);
    let found = finds(&db, "expiry-unusable", "fail", "expires is null");
    assert_eq!(mend(&db, &found), "sessionctl purge --malformed -d DB -c sessions");
    run_mend(&db, &found);
    passes(&db, "expiry-unusable");
    assert_eq!(db.ids("sessions"), [LIVE]);
}

#[test]
fn the_cause_of_a_malformed_session_is_its_own() {
    let db = Db::new();
    healthy(&db);
    db.insert("sessions", many(5, |_| Bson::Null));
    let unset = doc! { "q": {}, "u": { "$unset": { "expires": "" } }, "multi": true };
    db.run(doc! { "update": "sessions", "updates": [unset] });
    db.insert("sessions", [connect_mongo(OTHER, vec!["x"])]);
    let found = finds(&db, "expiry-unusable", "fail", "1 session is malformed");
    let cause = "1 session is malformed: expires is an array without a usable value";
    assert_eq!(found["what"], cause);
}

#[test]
fn an_array_as_expiry_is_found() {
    let db = Db::new();
    healthy(&db);
    let (sooner, later) = (at(600), at(1200));
    db.insert("sessions", [connect_mongo(OTHER, vec![later, sooner])]);
    let found = finds(&db, "expiry-array", "warn", "the earliest of its dates");
    let script = script(&db, &found);
    assert!(script.contains("[{$set: {\"expires\": {$min: \"$expires\"}}}]"), "{script}");
    let update = doc! { "$set": { "expires": { "$min": "$expires" } } };
    fix(&db, doc! { "expires": { "$type": "array" } }, update);
    passes(&db, "expiry-array");
    assert_eq!(db.one("sessions", "_id", OTHER).get_datetime("expires").unwrap(), &sooner);
}

#[test]
fn a_session_that_can_log_in_by_another_of_its_dates_is_not_ended_by_a_command() {
    let db = Db::new();
    let usable = vec![at(DAY), at(-DAY)];
    db.insert("sessions", [connect_mongo(LIVE, usable.clone())]);
    let found = finds(&db, "expiry-array", "warn", "would log their users out");
    assert!(found["mend"].is_null(), "{found}");
    let (sooner, ended) = (at(600), at(-120));
    let others = [("soon", vec![at(1200), sooner]), ("ended", vec![ended, at(-60)])];
    db.insert("sessions", others.map(|(id, dates)| connect_mongo(id, dates)));
    let found = finds(&db, "expiry-array", "warn", "skips 1 array of which only some dates have");
    let script = script(&db, &found);
    let query = script.split_once("updateMany(").unwrap().1.split_once(", [{$set").unwrap().0;
    let query: Value = serde_json::from_str(query).unwrap();
    let update = doc! { "$set": { "expires": { "$min": "$expires" } } };
    fix(&db, Document::try_from(query.as_object().unwrap().clone()).unwrap(), update);
    let expires = |id: &str| db.one("sessions", "_id", id).get("expires").unwrap().clone();
    assert_eq!(expires(LIVE), Bson::from(usable));
    assert_eq!((expires("soon"), expires("ended")), (sooner.into(), ended.into()));
    assert!(finding(&db, "expiry-array")["mend"].is_null());
}

/// By the lifetime that only the operator knows.
#[track_caller]
fn fix_endless(db: &Db) {
    let run = db.sessionctl(&["doctor", "--lifetime", "14d", "-o", "json"]);
    let findings = run.json()["findings"].as_array().unwrap().clone();
    let found = findings.iter().find(|finding| finding["check"] == "endless").unwrap();
    let wanted = "sessionctl fix endless --lifetime 1209600 -d DB -c sessions";
    assert_eq!(mend(db, found), wanted);
    run_mend(db, found);
}

#[test]
fn a_collection_whose_sessions_never_expire_fails() {
    let db = Db::new();
    ttl(&db, doc! {});
    let endless = ["a", "b", "c"].map(|id| {
        let mut endless = connect_mongo(id, at(0));
        endless.remove("expires");
        endless
    });
    db.insert("sessions", endless);
    finds(&db, "endless", "fail", "3 sessions never expire: 100 %");
}

#[test]
fn sessions_without_an_expiry_are_found() {
    let db = Db::new();
    healthy(&db);
    let mut endless = connect_mongo(OTHER, at(0));
    endless.remove("expires");
    db.insert("sessions", [endless]);
    let found = finds(&db, "endless", "warn", "1 session never expires: 50 %");
    assert!(found["mend"].is_null(), "no lifetime is guessed: {found}");
    assert!(found["meaning"].as_str().unwrap().contains("--lifetime DURATION"), "{found}");
    fix_endless(&db);
    passes(&db, "endless");
    assert_eq!(db.ids("sessions"), [LIVE, OTHER]);
}

#[test]
fn endless_sessions_that_an_index_ends_when_they_are_idle_are_no_fault() {
    let db = Db::new();
    let layout = "express-mongodb-legacy";
    let touched = doc! { "lastAccess": at(-DAY) };
    db.insert("sessions", [with(session(layout, LIVE, Bson::Null), touched)]);
    db.insert("sessions", [session(layout, OTHER, at(600))]);
    finds(&db, "endless", "warn", "1 session never expires");
    db.sessionctl(&["index", "install", "--idle", "30d", "--yes"]).exits(0);
    passes(&db, "endless");
    // The index does not reach a session whose expiry is missing.
    let mut without = session(layout, "CCCCCCCCCCCCCCCCCCCCCC", Bson::Null);
    without.remove("expires");
    db.insert("sessions", [with(without, doc! { "lastAccess": at(0) })]);
    finds(&db, "endless", "warn", "2 sessions never expire");
}

#[test]
fn endless_sessions_without_a_touch_get_an_expiry_from_now() {
    let db = Db::new();
    let koa = |id: &str| doc! { "sid": format!("koa:sess:{id}"), "ttl": at(600), "views": 1 };
    let mut endless = koa(OTHER);
    endless.remove("ttl");
    db.insert("sessions", [koa(LIVE), endless]);
    db.create_index(
        "sessions",
        doc! { "key": { "ttl": 1 }, "name": "ttl_1", "expireAfterSeconds": 0 },
    );
    finds(&db, "endless", "warn", "1 session never expires");
    fix_endless(&db);
    passes(&db, "endless");
    assert_eq!(db.count("sessions", doc! { "ttl": { "$type": "date" } }), 2);
}

#[test]
fn expiries_years_ahead_are_found() {
    let db = Db::new();
    healthy(&db);
    // Milliseconds that were taken for seconds.
    db.insert("sessions", [connect_mongo(OTHER, at(14 * DAY * 1000))]);
    let found = finds(&db, "expiry-far", "warn", "1 session expires more than two years from now");
    assert!(found["mend"].is_null(), "an application may want that: {found}");
}

#[test]
fn expiries_before_the_year_2000_are_found() {
    let db = Db::new();
    // Seconds that were taken for milliseconds.
    let seconds = bson::DateTime::from_millis(at(600).timestamp_millis() / 1000);
    db.insert("sessions", [connect_mongo(LIVE, at(600)), connect_mongo(OTHER, seconds)]);
    let found = finds(&db, "expiry-ancient", "fail", "nobody stays logged in");
    let wanted = "sessionctl purge --expired -d DB -c sessions";
    assert_eq!(mend(&db, &found), wanted);
    run_mend(&db, &found);
    passes(&db, "expiry-ancient");
    assert_eq!(db.ids("sessions"), [LIVE]);
}

#[test]
fn sessions_that_all_expire_in_one_minute_are_found() {
    let db = Db::new();
    healthy(&db);
    let minute = (at(5 * DAY).timestamp_millis() / 60_000) * 60_000;
    let same = bson::DateTime::from_millis(minute + 1000);
    db.insert("sessions", many(200, |_| same.into()));
    let found = finds(&db, "expiry-burst", "warn", "200 sessions expire in the same minute, 99 %");
    assert!(found["mend"].is_null(), "another expiry would log them out sooner: {found}");
}

#[test]
fn what_nothing_deletes_is_found_with_its_age() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo(LIVE, at(600)), connect_mongo(OTHER, at(-3 * DAY))]);
    let found = finds(&db, "expired", "fail", "1 session expired, the oldest 3 days ago");
    assert_eq!(found["meaning"], "nothing deletes them; they only take disk space");
    assert_eq!(mend(&db, &found), "sessionctl purge --expired -d DB -c sessions");
    run_mend(&db, &found);
    passes(&db, "expired");
    // Sessions that have just expired are not reported.
    db.insert("sessions", [connect_mongo(OTHER, at(-20))]);
    passes(&db, "expired");
}

#[test]
fn what_the_server_does_not_delete_in_spite_of_an_index_is_found() {
    let parameters = [("enableTestCommands", "1"), ("ttlMonitorSleepSecs", "1")];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let server = own_server(Options { parameters, ..Options::default() });
    let db = Db::on(&server.uri());
    healthy(&db);
    let point = |mode: &str| {
        db.admin(doc! { "configureFailPoint": "hangTTLMonitorBetweenPasses", "mode": mode })
    };
    eventually("the TTL monitor had made a pass", || {
        let status = db.admin(doc! { "serverStatus": 1 });
        let metrics = status.get_document("metrics").unwrap().get_document("ttl").unwrap();
        metrics.get_i64("passes").unwrap() > 0
    });
    point("alwaysOn");
    let wait = doc! {
        "waitForFailPoint": "hangTTLMonitorBetweenPasses", "timesEntered": 1_i64, "maxTimeMS": milliseconds(LONG),
    };
    db.admin(wait);
    db.insert("sessions", [connect_mongo(OTHER, at(-DAY))]);
    let found = finds(
        &db,
        "expired",
        "fail",
        "not deleted them, nor anything else, although there is a TTL index",
    );
    assert_eq!(mend(&db, &found), "sessionctl purge --expired -d DB -c sessions");
    run_mend(&db, &found);
    passes(&db, "expired");
    point("off");
}

#[test]
fn where_the_store_does_not_look_at_the_expiry_it_says_who_still_logs_in() {
    let db = Db::new();
    db.insert("sessions", [flask(LIVE, at(600)), flask(OTHER, at(-60))]);
    let found = finds(&db, "expiry-check", "fail", "stay logged in until");
    assert_eq!(mend(&db, &found), "sessionctl purge --expired -d DB -c sessions");
    run_mend(&db, &found);
    let found = finds(&db, "expiry-check", "warn", "nothing deletes them");
    assert_eq!(mend(&db, &found), "sessionctl index install -d DB -c sessions");
    run_mend(&db, &found);
    passes(&db, "expiry-check");
}
