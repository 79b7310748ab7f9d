//! Lifetimes from the index, the record and the operator, and the TTL index of every store.

use std::collections::BTreeSet;

use bson::{Document, doc};

use super::{Fixture, STORES, ids};
use crate::support::{Db, at};

const UNKNOWN_LIFETIME: [&str; 5] = [
    "express-session-mongo",
    "laravel4-jenssegers",
    "mongo-session-store",
    "mongoid-session-store",
    "session-mongoose-ttl",
];
const NO_DATE: [&str; 17] = [
    "accounts-js",
    "apache-session",
    "async-mongodb-session-1",
    "axum-session",
    "beaker",
    "catbox-mongodb-1",
    "catbox-mongodb-1-key",
    "connect-mongodb",
    "foal",
    "graylog",
    "jetty",
    "laminas",
    "laravel-database",
    "lucia-2",
    "oak-sessions",
    "scs",
    "yii2",
];

/// Without its TTL indexes.
fn bare(fixture: &Fixture) -> Db {
    let bare = Fixture {
        indexes: Vec::new(),
        name: fixture.name.clone(),
        collection: fixture.collection.clone(),
        documents: fixture.documents.clone(),
        ..*fixture
    };
    bare.db()
}

fn states(fixture: &Fixture, db: &Db, arguments: &[&str]) -> Vec<String> {
    let rows = fixture.rows(db, arguments);
    rows.iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect()
}

/// Last touched five minutes ago.
fn touched_lately(mut fixture: Fixture, path: &str) -> Fixture {
    for document in &mut fixture.documents {
        document.insert(path, at(-300));
    }
    fixture
}

#[test]
fn the_index_says_the_lifetime_unless_the_operator_does() {
    for (layout, path) in [
        ("koa-session-mongoose", "updatedAt"),
        ("koa-session-mongo", "updatedAt"),
        ("mongoose-session", "createdAt"),
        ("django-mongo-sessions", "creation_date"),
        ("gin-mongostore", "modified"),
    ] {
        let fixture = touched_lately(Fixture::one(layout), path);
        let all = |state: &str| vec![state.to_owned(); fixture.documents.len()];
        let db = fixture.db();
        assert_eq!(states(&fixture, &db, &[]), all("live"), "{layout}");
        assert_eq!(states(&fixture, &db, &["--lifetime", "1m"]), all("expired"), "{layout}");
        let index = fixture.indexes.iter().find(|index| index.contains_key("expireAfterSeconds"));
        let mut index: Document = index.unwrap().clone();
        index.remove("v");
        index.insert("expireAfterSeconds", 60);
        let short = bare(&fixture);
        short.create_index(&fixture.collection, index);
        assert_eq!(states(&fixture, &short, &[]), all("expired"), "{layout}");
        assert_eq!(states(&fixture, &short, &["--lifetime", "1h"]), all("live"), "{layout}");
        let status = fixture.auto(&short, &["index", "status", "-o", "json"]).exits(0).json();
        assert_eq!(status["state"], "installed", "{status}");
        assert_eq!(status["wanted"]["expireAfterSeconds"], 60, "{status}");
        let other = ["index", "status", "--check", "--lifetime", "1h", "-o", "json"];
        let status = fixture.auto(&short, &other).exits(4).json();
        assert_eq!(status["state"], "differs", "{status}");
        assert_eq!(status["wanted"]["expireAfterSeconds"], 3600, "{status}");
        fixture.auto(&short, &["index", "replace", "--yes", "--lifetime", "1h"]).exits(0);
        assert_eq!(states(&fixture, &short, &[]), all("live"), "{layout}");
    }
}

#[test]
fn a_partial_ttl_index_ends_none_of_the_sessions_that_it_skips() {
    let mut fixture = Fixture::one("koa-session-mongoose");
    for document in &mut fixture.documents {
        document.insert("updatedAt", at(-7200));
        let data = document.get_document_mut("data").unwrap();
        data.insert("_expire", at(7200).timestamp_millis() as f64);
    }
    let db = bare(&fixture);
    let half_an_hour = doc! {
        "key": { "updatedAt": -1 }, "name": "updatedAt_-1", "expireAfterSeconds": 1800,
        "partialFilterExpression": { "data.anonymous": true },
    };
    db.create_index(&fixture.collection, half_an_hour);
    let before = db.find(&fixture.collection, doc! {});
    for command in [&["purge", "--expired"][..], &["sweep", "--once"]] {
        fixture.named(&db, command).exits(0);
        assert_eq!(db.find(&fixture.collection, doc! {}), before, "{command:?}");
        // It is not the store's own index either, so it does not tell the layout.
        fixture.auto(&db, command).exits(1).says("--layout");
    }
    assert_eq!(states(&fixture, &db, &[]), vec!["live"; before.len()]);
}

#[test]
fn sessions_of_unknown_lifetime_never_end() {
    let fixture = touched_lately(Fixture::one("gin-mongostore"), "modified");
    let db = bare(&fixture);
    assert_eq!(states(&fixture, &db, &[]), ["endless", "endless"]);
    assert_eq!(states(&fixture, &db, &["--lifetime", "1h"]), ["live", "live"]);
    fixture.named(&db, &["purge", "--expired"]).exits(0);
    assert_eq!(db.count(&fixture.collection, doc! {}), 2);
    fixture.named(&db, &["purge", "--expired", "--lifetime", "1m"]).exits(0);
    assert_eq!(db.count(&fixture.collection, doc! {}), 0);
}

#[test]
fn sweep_and_purge_use_the_lifetime_that_the_operator_gives() {
    for layout in ["laravel-database", "mongo-session-store", "koa-session-mongo"] {
        for command in [&["sweep", "--once"][..], &["purge", "--expired"]] {
            let fixture = Fixture::one(layout);
            let db = fixture.db();
            let given = ["--lifetime", "300d", "-o", "json"];
            let run = fixture.auto(&db, &[command, &given].concat()).exits(0);
            let kept: BTreeSet<_> = ids(&fixture.rows(&db, &[]));
            let live = ids(&Fixture::one(layout).rows(&db, &["--lifetime", "300d", "--live"]));
            assert_eq!(kept, live, "{layout} {run:#?}");
            fixture.auto(&db, &[command, &["--lifetime", "1"]].concat()).exits(0);
            let left = db.count(&fixture.collection, doc! {});
            assert_eq!(left, 0, "{layout} {command:?}");
        }
    }
}

#[test]
fn the_ttl_index_of_every_store_is_known_for_what_it_is_and_installed() {
    for fixture in STORES.iter().flat_map(|store| Fixture::of(store.0)) {
        let has_ttl = fixture.indexes.iter().any(|index| index.contains_key("expireAfterSeconds"));
        let place = &fixture.name;
        let status = |db: &Db, more: &[&str]| {
            let arguments = [&["index", "status", "-o", "json"], more].concat();
            let run = fixture.named(db, &arguments).exits(0);
            (run.json()["state"].as_str().unwrap().to_owned(), run.stderr)
        };
        if has_ttl {
            assert_eq!(status(&fixture.db(), &[]).0, "installed", "{place}");
        }
        let db = bare(&fixture);
        let (state, reason) = status(&db, &[]);
        if NO_DATE.contains(&fixture.layout) {
            assert_eq!(state, "unsupported", "{place}");
            assert!(reason.contains("a TTL index works with dates only"), "{place}: {reason}");
            fixture.named(&db, &["index", "install", "--yes"]).exits(1);
            fixture.named(&db, &["index", "status", "--check"]).exits(0);
            assert_eq!(db.indexes(&fixture.collection), [], "{place}");
            continue;
        }
        let mut lifetime: &[&str] = &[];
        if UNKNOWN_LIFETIME.contains(&fixture.layout) || fixture.layout == "gin-mongostore" {
            assert_eq!(state, "unsupported", "{place}");
            assert!(reason.contains("--lifetime"), "{place}: {reason}");
            fixture.named(&db, &["index", "install", "--yes"]).exits(1).says("--lifetime");
            lifetime = &["--lifetime", "3600"];
        }
        fixture.named(&db, &["index", "status", "--check"]).exits(4);
        assert_eq!(status(&db, lifetime).0, "missing", "{place}");
        let install = [&["index", "install", "--yes"], lifetime].concat();
        fixture.named(&db, &install).exits(0);
        assert_eq!(status(&db, lifetime).0, "installed", "{place}");
        let installed = db.indexes(&fixture.collection).remove(0);
        if let Some(own) = fixture.indexes.iter().find(|one| one.contains_key("expireAfterSeconds"))
        {
            for part in ["key", "name", "expireAfterSeconds", "sparse"] {
                assert_eq!(installed.get(part), own.get(part), "{place} {part}");
            }
        }
    }
}
