//! `collections`: what on a server holds sessions, and what does not.

use std::collections::BTreeMap;

use bson::{doc, oid::ObjectId};
use serde_json::Value;
use sessionctl::mongod::Options;

use super::{Fixture, STORES};
use crate::support::{Db, Program, at, connect_mongo, long_id, own_server};

fn rows(uri: &str, arguments: &[&str]) -> BTreeMap<String, Value> {
    let program = Program::new(&[&["collections", "-o", "json"], arguments].concat());
    let rows = program.env("SESSIONCTL_URI", uri).run().exits(0).json();
    let named = |row: &Value| (row["namespace"].as_str().unwrap().to_owned(), row.clone());
    rows.as_array().unwrap().iter().map(named).collect()
}

#[test]
fn collections_finds_every_stores_sessions_and_nothing_else() {
    let server = own_server(Options {
        parameters: vec![("ttlMonitorEnabled".to_owned(), "false".to_owned())],
        ..Options::default()
    });
    let mut wanted = BTreeMap::new();
    let mut databases = Vec::new();
    for fixture in STORES.iter().flat_map(|store| Fixture::of(store.0)) {
        let mut db = Db::on(&server.uri());
        db.name = format!("of_{}", fixture.name.replace('.', "_"));
        fixture.load(&db);
        let is_indexed = fixture.indexes.iter().any(|one| one.contains_key("expireAfterSeconds"));
        wanted.insert(format!("{}.{}", db.name, fixture.collection), (fixture, is_indexed));
        databases.push(db);
    }
    let shop = Db::on(&server.uri());
    let live = || connect_mongo(&long_id("live"), at(60));
    shop.insert("users", [doc! { "name": "Åsa", "email": "a@example.se", "createdAt": at(0) }]);
    shop.insert("products", [doc! { "_id": "sku", "price": 3, "updatedAt": at(0) }]);
    shop.insert("orders", [doc! { "userId": ObjectId::new(), "expires": at(9), "items": [] }]);
    shop.insert("cache", [doc! { "key": "a", "value": "b", "expiresAt": at(9) }]);
    shop.insert("sessions", [live()]);
    shop.run(doc! { "create": "empty" });
    shop.run(doc! { "create": "viewed", "viewOn": "sessions", "pipeline": [] });
    shop.run(doc! { "create": "capped", "capped": true, "size": 9999 });
    shop.insert("capped", [live()]);
    shop.insert("log", [doc! { "line": 1 }]);

    let found = rows(&server.uri(), &[]);
    let own: Vec<_> =
        found.keys().filter(|name| name.starts_with(&format!("{}.", shop.name))).collect();
    assert_eq!(own, [&format!("{}.capped", shop.name), &format!("{}.sessions", shop.name)]);
    assert_eq!(found.len(), wanted.len() + 2, "{found:#?}");
    for (namespace, (fixture, is_indexed)) in &wanted {
        let row = &found[namespace];
        assert_eq!(row["layout"], fixture.layout, "{namespace}");
        let certainty = if fixture.is_weak() { "weak" } else { "certain" };
        assert_eq!(row["certainty"], certainty, "{namespace}");
        assert_eq!(row["documents"], fixture.documents.len(), "{namespace}");
        assert_eq!(row["ttl"] == "installed", *is_indexed, "{namespace} {row}");
        let size = |one| bson::RawDocumentBuf::try_from(one).unwrap().as_bytes().len();
        let bytes: usize = fixture.documents.iter().map(size).sum();
        assert_eq!(row["bytes"], bytes, "{namespace}");
    }
    let only = rows(&server.uri(), &["-d", &shop.name]);
    assert_eq!(only.keys().collect::<Vec<_>>(), own);
    assert_eq!(rows(&server.uri(), &["-d", "nothing_here"]).len(), 0);
}

#[test]
fn names_of_collections_do_nothing_to_a_terminal() {
    let db = Db::on(&super::quiet_uri());
    for name in ["evil\u{1b}[2J\u{202e}", "=HYPERLINK(\"x\")", "line\nbreak"] {
        db.insert(name, [connect_mongo(&long_id("live"), at(60))]);
    }
    for format in ["table", "json", "ndjson", "csv"] {
        let run = db.sessionctl(&["collections", "-o", format]).exits(0);
        run.shows_nothing_hostile().never_shows(",=HYPER");
    }
    let run = db.sessionctl(&["collections", "-o", "json"]).exits(0);
    assert_eq!(run.json().as_array().unwrap().len(), 3);
}

#[test]
fn a_login_sees_the_databases_that_it_may_read() {
    let server = own_server(Options { args: vec!["--auth".to_owned()], ..Options::default() });
    Db::on(&server.uri()).admin(doc! { "createUser": "root", "pwd": "root", "roles": ["root"] });
    let uri =
        |user: &str| format!("mongodb://{user}:{user}@{}/?authSource=admin", server.address());
    let (mine, other) = (Db::on(&uri("root")), Db::on(&uri("root")));
    for db in [&mine, &other] {
        db.insert("sessions", [connect_mongo(&long_id("live"), at(60))]);
    }
    let role = doc! { "role": "read", "db": &mine.name };
    mine.admin(doc! { "createUser": "reader", "pwd": "reader", "roles": [role] });
    let found = rows(&uri("reader"), &[]);
    assert_eq!(found.keys().collect::<Vec<_>>(), [&format!("{}.sessions", mine.name)]);
    assert_eq!(rows(&uri("root"), &[]).len(), 2);
}
