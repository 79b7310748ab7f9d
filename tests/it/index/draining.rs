//! What waits is purged before the server may delete it all at once.

use bson::{Document, doc};
use sessionctl::mongod::{Mongod, Options};

use crate::support::{Db, at, becomes, connect_mongo, own_server};

/// More than the server may delete at once.
const MANY: usize = 12_000;

/// A server whose TTL monitor deletes nothing but what the test gives it, once a second.
fn quick_server() -> Mongod {
    let parameters = vec![("ttlMonitorSleepSecs".to_owned(), "1".to_owned())];
    own_server(Options { parameters, ..Options::default() })
}

fn fill(db: &Db, expired: usize) {
    let session = |number: usize| connect_mongo(&format!("gone-{number:011}"), at(-60));
    let sessions: Vec<Document> = (0..expired).map(session).collect();
    sessions.chunks(10_000).for_each(|some| db.insert("sessions", some.to_vec()));
    db.insert("sessions", (0..100).map(|n| connect_mongo(&format!("live-{n:011}"), at(3600))));
}

/// A number of the TTL monitor's.
fn metric(db: &Db, name: &str) -> i64 {
    let status = db.admin(doc! { "serverStatus": 1 });
    let ttl = status.get_document("metrics").unwrap().get_document("ttl").unwrap();
    ttl.get_i64(name).unwrap()
}

/// How many documents the TTL monitor has deleted, once it has gone round with all that is there.
fn deleted_by_the_server(db: &Db) -> i64 {
    let passes = metric(db, "passes");
    // One may be under way; the next one sees them all.
    becomes("two passes were over", || metric(db, "passes"), |done| *done >= passes + 2);
    metric(db, "deletedDocuments")
}

#[test]
fn after_a_drain_the_server_has_nothing_left_to_delete() {
    let server = quick_server();
    let db = Db::on(&server.uri());
    fill(&db, 30_000);
    let before = deleted_by_the_server(&db);
    let run = db.sessionctl(&["index", "install", "--drain", "-o", "json"]).exits(0);
    assert_eq!(run.json()["state"], "installed");
    run.says("first purges 30,000 expired sessions").says("deleted 30,000 expired sessions from");
    assert_eq!(deleted_by_the_server(&db), before);
    assert_eq!(db.count("sessions", doc! {}), 100);
    assert_eq!(db.indexes("sessions").len(), 1);
}

#[test]
fn much_is_drained_whoever_confirms_and_left_to_the_server_only_where_that_is_said() {
    let server = quick_server();
    for (arguments, by_the_server) in
        [(&["--yes"][..], 0), (&["--yes", "--no-drain"], MANY as i64), (&["--drain", "-q"], 0)]
    {
        let db = Db::on(&server.uri());
        fill(&db, MANY);
        let before = deleted_by_the_server(&db);
        db.sessionctl(&["index", "install"]).exits(3).says("sessionctl first purges");
        assert!(db.indexes("sessions").is_empty());
        db.sessionctl(&[&["index", "install"], arguments].concat()).exits(0);
        db.await_count("sessions", doc! {}, 100);
        assert_eq!(deleted_by_the_server(&db) - before, by_the_server, "{arguments:?}");
    }
}

#[test]
fn a_person_is_asked_once_and_sees_the_drain() {
    let server = own_server(Options::default());
    let db = Db::on(&server.uri());
    fill(&db, MANY);
    let run = db.command(&["index", "install"]).on_terminal(&[("[y/N]", "y\r")]).exits(0);
    assert!(run.stdout.contains("12,000 expired sessions"), "{run:#?}");
    assert!(run.stdout.contains("deleted 12,000 expired sessions from"), "{run:#?}");
    assert_eq!(db.count("sessions", doc! {}), 100);
    assert_eq!(db.indexes("sessions").len(), 1);
}

#[test]
fn little_is_drained_only_where_that_is_said() {
    let server = quick_server();
    for (arguments, by_the_server) in [("--yes", 50), ("--drain", 0)] {
        let db = Db::on(&server.uri());
        fill(&db, 50);
        let before = deleted_by_the_server(&db);
        db.sessionctl(&["index", "install", arguments]).exits(0);
        db.await_count("sessions", doc! {}, 100);
        assert_eq!(deleted_by_the_server(&db) - before, by_the_server, "{arguments}");
    }
}

#[test]
fn a_drain_goes_at_its_pace_and_an_interrupted_one_makes_no_index() {
    let db = Db::new();
    fill(&db, 20_000);
    let drain = ["index", "install", "--drain", "--rate", "1000"];
    let mut running = db.command(&drain).start();
    becomes("it had begun", || db.count("sessions", doc! {}), |left| *left < 20_000);
    running.signal("TERM");
    let run = running.wait().exits(143);
    run.prints("deleted ").prints("; interrupted with ").says("the index was not created");
    assert!(db.count("sessions", doc! {}) > 1000);
    assert!(db.indexes("sessions").is_empty());
    db.sessionctl(&["index", "install", "--drain"]).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 100);
}

#[test]
fn a_drain_deletes_what_the_index_would_and_no_more() {
    // Its index deletes 31 weeks after the expiry.
    let db = Db::new();
    let week = 7 * 86_400;
    let session = |id: &str, weeks: i64| {
        doc! { "_id": id, "data": {}, "expiration": at(-weeks * week) }
    };
    db.insert("sessions", [session("over-for-30", 30), session("over-for-32", 32)]);
    let layout = ["--layout", "flask-mongoengine"];
    db.sessionctl(&[&["index", "install", "--drain"], &layout[..]].concat())
        .exits(0)
        .says("first purges 1 expired session");
    assert_eq!(db.ids("sessions"), ["over-for-30"]);
}

#[test]
fn a_drain_does_not_confirm_that_other_documents_are_deleted() {
    let db = Db::new();
    fill(&db, 20);
    let foreign = |id: i32| doc! { "_id": id, "order": 1, "expires": at(-86_400) };
    db.insert("sessions", (0..3).map(foreign));
    let install = ["index", "install", "--drain", "--layout", "connect-mongo-json"];
    let before = db.count("sessions", doc! {});
    db.sessionctl(&install).exits(3).says("3 documents that are not sessions");
    assert_eq!(db.count("sessions", doc! {}), before);
    assert!(db.indexes("sessions").is_empty());
}

#[test]
fn a_drain_is_written_down() {
    let db = Db::new();
    fill(&db, 20);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.ndjson");
    let audit = file.to_str().unwrap();
    db.sessionctl(&["index", "install", "--drain", "--audit", audit]).exits(0);
    let lines = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["command"], "index");
    assert_eq!(lines[0]["planned"], 20);
    let last = lines.last().unwrap();
    assert_eq!((&last["event"], &last["result"]["deleted"]), (&"ended".into(), &20.into()));
    assert_eq!(lines[0]["run"], last["run"]);
}
