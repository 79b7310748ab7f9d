//! The same tasks against each server: what works where.
//! `SESSIONCTL_LONG_TESTS=1 cargo test --test it servers::matrix -- --nocapture` also prints the table.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bson::doc;
use serde_json::{Value, json};
use sessionctl::{Connection, Expiry, Layout};
use tempfile::TempDir;

use super::{Other, living, sessions};
use crate::personalities::{COSMOS, DOCUMENTDB, FERRETDB, MONGODB_8, MONGOS, VCORE};
use crate::personality::{Line, Personality};
use crate::support::{Tool, at, connect_mongo, now};

/// A task, and what is done for it.
type Task = (&'static str, fn(&Other));

const TASKS: [Task; 14] = [
    ("list, users, inspect", reads),
    ("stats", stats),
    ("doctor", doctor),
    ("collections", collections),
    ("purge along an index", purges_windows),
    ("purge by ids", purges_ids),
    ("purge by a walk", purges_by_walk),
    ("archive and restore", archives),
    ("expire", expires),
    ("fix", fixes),
    ("sweep with a lease", sweeps),
    ("index", indexes),
    ("the library's store", stores),
    ("a token that is destroyed", destroys),
];

fn collection(server: &Other) {
    server.db.run(doc! { "dropDatabase": 1 });
    server.db.insert("sessions", sessions(60, 20));
}

fn indexed(server: &Other) {
    collection(server);
    server.db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
}

fn reads(server: &Other) {
    collection(server);
    let json = |arguments: &[&str]| server.command(arguments).run().exits(0).json();
    assert_eq!(json(&["list", "-o", "json"]).as_array().unwrap().len(), 80);
    let live = json(&["list", "--live", "--sort", "expires", "-o", "json"]);
    assert_eq!(live.as_array().unwrap().len(), 20);
    assert_eq!(json(&["users", "-o", "json"])[0]["sessions"], 80);
    assert_eq!(json(&["inspect", "live-0003", "-o", "json"])[0]["state"], "live");
}

fn stats(server: &Other) {
    collection(server);
    let stats = server.command(&["stats", "-o", "json"]).run().exits(0).json();
    assert_eq!((&stats["expired"], &stats["live"]), (&json!(60), &json!(20)), "{stats}");
    assert_ne!(stats["bytes"], json!(0), "{stats}");
    assert_eq!(stats["users"], 1, "{stats}");
}

fn doctor(server: &Other) {
    indexed(server);
    let run = server.command(&["doctor", "-v"]).run();
    assert!(matches!(run.code, Some(0 | 4)), "{run:?}");
    run.prints("60");
}

fn collections(server: &Other) {
    collection(server);
    let found = server.command(&["collections", "-o", "json"]).run().exits(0).json();
    assert_eq!(found[0]["layout"], "connect-mongo-json", "{found}");
}

fn purged(server: &Other) {
    assert_eq!((living(&server.db), server.db.count("sessions", doc! {})), (20, 20));
}

fn purges_windows(server: &Other) {
    indexed(server);
    server.command(&["purge", "--expired", "--batch-size", "20"]).run().exits(0);
    purged(server);
}

fn purges_ids(server: &Other) {
    collection(server);
    server.command(&["purge", "live-0001", "live-0002", "--yes"]).run().exits(0);
    assert_eq!(living(&server.db), 18);
}

fn purges_by_walk(server: &Other) {
    collection(server);
    server.command(&["purge", "--expired", "--batch-size", "20"]).run().exits(0);
    purged(server);
}

fn archives(server: &Other) {
    collection(server);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.bson");
    let file = file.to_str().unwrap();
    server.command(&["purge", "--expired", "--archive", file]).run().exits(0);
    purged(server);
    server.command(&["restore", file, "--yes"]).run().exits(0);
    assert_eq!(server.db.count("sessions", doc! {}), 80);
}

fn expires(server: &Other) {
    collection(server);
    server.command(&["expire", "--user", "42", "--yes"]).run().exits(0);
    assert_eq!(server.db.count("sessions", doc! { "expires": { "$gt": now() } }), 0);
    assert_eq!(server.db.count("sessions", doc! {}), 80);
}

fn fixes(server: &Other) {
    collection(server);
    let texts = ["2036-01-02T03:04:05Z", "Wed, 02 Jan 2036 03:04:05 GMT", "2082855845"];
    let text = |(n, text): (usize, &str)| connect_mongo(&format!("text-{n:04}"), text);
    server.db.insert("sessions", texts.into_iter().enumerate().map(text));
    server.command(&["fix", "expiry", "--yes"]).run().exits(0);
    let date = bson::DateTime::from_millis(2_082_855_845_000);
    let fixed = server.db.find("sessions", doc! { "_id": { "$regex": "^text-" } });
    let dates: Vec<_> = fixed.iter().map(|one| *one.get_datetime("expires").unwrap()).collect();
    assert_eq!(dates, [date; 3]);
}

fn sweeps(server: &Other) {
    indexed(server);
    server.command(&["sweep", "--once"]).run().exits(0);
    purged(server);
    let lease = server.db.find("sessionctl_leases", doc! {});
    assert_eq!(lease.len(), 1, "{lease:?}");
    assert!(!lease[0].contains_key("holder"), "{lease:?}");
}

fn indexes(server: &Other) {
    collection(server);
    server.command(&["index", "install", "--yes"]).run().exits(0);
    let status = server.command(&["index", "status", "-o", "json"]).run().exits(0).json();
    assert_eq!(status["state"], "installed", "{status}");
}

fn store(server: &Other, act: impl AsyncFnOnce(sessionctl::Store)) {
    let uri = server.uri();
    server.db.runtime.block_on(async {
        let connection = Connection::open(&uri, Some(&server.db.name)).await.unwrap();
        let layout = Layout::named("express-session-object").unwrap().clone();
        act(connection.store("own", layout)).await;
    });
}

fn stores(server: &Other) {
    server.db.run(doc! { "dropDatabase": 1 });
    let minute = std::time::Duration::from_secs(60);
    store(server, async |store| {
        let payload = json!({ "user": "ada" });
        store.set("one", &payload, Expiry::After(minute)).await.unwrap();
        let got: Value = store.get("one").await.unwrap().unwrap();
        assert_eq!(got["user"], "ada");
        assert!(store.touch("one", Expiry::After(2 * minute)).await.unwrap());
        assert!(!store.touch("none", Expiry::After(minute)).await.unwrap());
        let other = json!({ "user": "bob" });
        assert!(store.set_existing("one", &other, Expiry::After(minute)).await.unwrap());
        assert!(!store.set_existing("none", &other, Expiry::After(minute)).await.unwrap());
        assert!(!store.set_new("one", &payload, Expiry::After(minute)).await.unwrap());
    });
    let over = crate::support::with(
        server.db.one("own", "_id", "one"),
        doc! {
            "_id": "over", "expires": at(-1),
        },
    );
    server.db.insert("own", [over.clone()]);
    store(server, async |store| {
        assert!(store.get::<Value>("over").await.unwrap().is_none());
        assert!(!store.touch("over", Expiry::After(minute)).await.unwrap());
        let payload = json!({ "user": "eve" });
        assert!(!store.set_existing("over", &payload, Expiry::After(minute)).await.unwrap());
    });
    assert_eq!(server.db.one("own", "_id", "over"), over, "what is over stays over");
    assert_eq!(server.db.count("own", doc! { "_id": "none" }), 0);
}

fn destroys(server: &Other) {
    server.db.run(doc! { "dropDatabase": 1 });
    store(server, async |store| {
        store.set("one", &json!({}), Expiry::Never).await.unwrap();
        assert!(store.destroy("one").await.unwrap());
        assert!(!store.destroy("one").await.unwrap());
    });
    assert_eq!(server.db.count("own", doc! {}), 0);
}

#[test]
fn each_line_of_a_personality_names_its_source() {
    for personality in [&MONGOS, &MONGODB_8, &DOCUMENTDB, &COSMOS, &VCORE, &FERRETDB] {
        let sourced = personality.lines.iter().all(|Line(_, source)| source.len() > 5);
        assert!(sourced, "{}", personality.name);
    }
}

/// The tasks that do not work, and why.
fn failures(server: &Other) -> Vec<(&'static str, String)> {
    let mut failures = Vec::new();
    for (name, task) in TASKS {
        if let Err(why) = catch_unwind(AssertUnwindSafe(|| task(server))) {
            let why = why.downcast_ref::<String>().cloned();
            failures.push((name, why.unwrap_or_else(|| "a panic".to_owned())));
        }
    }
    failures
}

#[track_caller]
fn all_work(personality: &'static Personality) {
    let failures = failures(&Other::new(personality));
    assert!(failures.is_empty(), "{}: {failures:#?}", personality.name);
}

/// `SecantusDB` is a server by other people, written in Python. In 0.7.0b3, `{$gte: [DATE, "$$NOW"]}` is
/// true of any date in an update, so that the library's store revives expired sessions there.
#[test]
fn everything_but_the_librarys_store_works_on_secantusdb() {
    let mut server = Tool::start("secantus-server", &[]);
    let port = server.line();
    let failures = failures(&Other::real(&format!("mongodb://127.0.0.1:{port}")));
    let names: Vec<_> = failures.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["the library's store"], "{failures:#?}");
}

#[test]
fn everything_works_behind_a_mongos() {
    all_work(&MONGOS);
}

#[test]
fn everything_works_on_mongodb_8_with_a_default_time_limit() {
    all_work(&MONGODB_8);
}

#[test]
fn everything_works_on_amazon_documentdb() {
    all_work(&DOCUMENTDB);
}

#[test]
fn everything_works_on_cosmos_db() {
    all_work(&COSMOS);
}

#[test]
fn everything_works_on_azure_documentdb() {
    all_work(&VCORE);
}

#[test]
fn everything_works_on_ferretdb() {
    all_work(&FERRETDB);
}
