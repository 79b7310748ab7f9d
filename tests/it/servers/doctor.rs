//! What `doctor` and `-v` report about servers of other kinds.

use bson::doc;
use serde_json::Value;

use super::{Other, sessions};
use crate::personalities::{COSMOS, FERRETDB, MONGODB_8, MONGOS, MONGOS_7, VCORE};

fn healthy(server: &Other) {
    server.db.insert("sessions", sessions(0, 5));
    let index = doc! { "key": { "expires": 1 }, "name": "expires_1", "expireAfterSeconds": 0 };
    server.db.create_index("sessions", index);
}

fn finding(server: &Other, check: &str) -> Value {
    let run = server.command(&["doctor", "-o", "ndjson"]).run();
    assert!(matches!(run.code, Some(0 | 4)), "{run:?}");
    let mut findings = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    findings.find(|finding| finding["check"] == check).unwrap()
}

#[track_caller]
fn finds(server: &Other, check: &str, outcome: &str, says: &str) -> Value {
    let found = finding(server, check);
    assert_eq!(found["outcome"], outcome, "{found}");
    let text = format!("{} | {}", found["what"], found["meaning"]);
    assert!(text.contains(says), "{says:?} is missing: {found}");
    found
}

#[test]
fn a_product_that_is_not_mongodb_is_named_by_what_it_reports() {
    for (personality, name, version) in [
        (&COSMOS, "Azure Cosmos DB", "4.2.0"),
        (&VCORE, "Azure DocumentDB", "7.0.0"),
        (&FERRETDB, "FerretDB", "7.0.77"),
    ] {
        let server = Other::new(personality);
        healthy(&server);
        let compatible = format!("{name}, compatible with MongoDB {version}");
        finds(&server, "server", "warn", &compatible);
        finds(&server, "version", "unknown", "is not MongoDB");
    }
    // Azure DocumentDB shows itself in its greeting, without another round trip.
    let server = Other::new(&VCORE);
    healthy(&server);
    server.command(&["stats", "-v"]).run().exits(0).says("the server is Azure DocumentDB");
}

#[test]
fn orphaned_documents_that_hold_up_the_ttl_monitor_are_named_on_shards_of_7_0_and_8_0() {
    for (personality, version) in [(&MONGOS_7, "7.0.14"), (&MONGOS, "8.0.12")] {
        let cluster = Other::new(personality);
        healthy(&cluster);
        let found = finds(&cluster, "server", "warn", "SERVER-92779");
        let what = format!("MongoDB {version}, a sharded cluster");
        assert!(found["what"].as_str().unwrap().starts_with(&what), "{found}");
    }
    let single = Other::new(&MONGODB_8);
    healthy(&single);
    finds(&single, "server", "pass", "MongoDB 8.0.12, a standalone");
    finds(&single, "version", "pass", "MongoDB 8.0.12 is supported until 2029-10-31");
}

#[test]
fn a_ttl_index_on_the_last_write_of_cosmos_db_is_no_index_on_the_expiry() {
    let cosmos = Other::new(&COSMOS);
    cosmos.db.insert("sessions", sessions(0, 5));
    let on_ts = doc! { "key": { "_ts": 1 }, "name": "_ts_1", "expireAfterSeconds": 7200 };
    cosmos.db.create_index("sessions", on_ts);
    let found = finds(&cosmos, "ttl-index", "warn", "2 hours after their last write");
    assert!(found["mend"].is_null(), "the service may refuse an index on the expiry: {found}");
    finds(&cosmos, "ttl-seconds", "warn", "whatever their own expiry");
}
