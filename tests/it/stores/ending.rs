//! Ending the sessions of every store: the updates, the deletes, and the refusals.

use std::collections::BTreeMap;

use bson::{Bson, Document, doc};

use super::{Fixture, at};

/// The store itself cannot be made to refuse a session of these.
const ONLY_DELETED: [&str; 10] = [
    "actix-session-mongodb",
    "apache-session",
    "beaker",
    "express-session-mongo",
    "flask-session",
    "koa-generic-session-mongo",
    "koa-session-mongo",
    "mongo-session-store",
    "mongoid-session-store",
    "mongoose-session",
];
/// Nor of these.
const OTHERS_ONLY_DELETED: [&str; 10] = [
    "async-mongodb-session-1",
    "chat-ui",
    "connect-mongodb",
    "gin-mongostore",
    "keyv",
    "laminas",
    "laravel-1ff",
    "laravel4-jenssegers",
    "sanic-session",
    "session-mongoose-ttl",
];

fn is_only_deleted(fixture: &Fixture) -> bool {
    ONLY_DELETED.contains(&fixture.layout) || OTHERS_ONLY_DELETED.contains(&fixture.layout)
}

/// With every session once more, as it would be 400 days later.
fn with_expired(layout: &str) -> Vec<Fixture> {
    let mut fixtures = Fixture::of(layout);
    for fixture in &mut fixtures {
        let aged: Vec<_> = fixture.documents.iter().map(|one| fixture.aged(one)).collect();
        let twins = aged.iter().enumerate().map(|(number, one)| fixture.twin(one, number));
        let twins: Vec<_> = twins.collect();
        fixture.documents.extend(twins);
    }
    fixtures
}

fn by_key(documents: Vec<Document>) -> BTreeMap<String, Document> {
    documents.into_iter().map(|one| (one.get("_id").unwrap().to_string(), one)).collect()
}

/// The paths whose values differ between two documents.
fn changes(before: &Document, after: &Document) -> Vec<String> {
    let mut changed = Vec::new();
    for (key, new) in after {
        match (before.get(key), new) {
            (Some(old), new) if old == new => {}
            (Some(Bson::Document(old)), Bson::Document(new)) => {
                changed.extend(changes(old, new).into_iter().map(|path| format!("{key}.{path}")));
            }
            _ => changed.push(key.clone()),
        }
    }
    changed.extend(before.keys().filter(|key| !after.contains_key(*key)).cloned());
    changed.sort();
    changed
}

/// Whatever a layout writes to end a session: nested fields, several, numbers, a text, a flag.
#[test]
fn the_end_of_a_session_of_any_store_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let mut ended = 0;
    for fixture in super::STORES.iter().flat_map(|store| Fixture::of(store.0)) {
        if is_only_deleted(&fixture) {
            continue;
        }
        let db = fixture.db();
        let before = by_key(db.find(&fixture.collection, doc! {}));
        let file = folder.path().join(format!("{}.bson", fixture.name.replace('/', "-")));
        let file = file.to_str().unwrap();
        let expire = ["expire", "--all", "--yes", "--archive", file, "-o", "json"];
        let expired = fixture.run(&db, &expire).exits(0).json()["expired"].as_u64().unwrap();
        if expired == 0 {
            continue;
        }
        ended += 1;
        assert_ne!(by_key(db.find(&fixture.collection, doc! {})), before, "{}", fixture.name);
        let report = fixture.run(&db, &["restore", file, "--yes", "-o", "json"]).exits(0).json();
        assert_eq!(report["reverted"], expired, "{} {report}", fixture.name);
        assert_eq!(by_key(db.find(&fixture.collection, doc! {})), before, "{}", fixture.name);
    }
    assert!(ended > 40, "{ended}");
}

#[test]
fn an_ended_session_is_over_by_the_stores_own_rule() {
    for fixture in super::STORES.iter().flat_map(|store| Fixture::of(store.0)) {
        if is_only_deleted(&fixture) {
            continue;
        }
        let db = fixture.db();
        for before in &fixture.documents {
            if fixture.state(before) == "expired" {
                continue;
            }
            let place = format!("{} {before}", fixture.name);
            let id = fixture.id(before);
            let run = fixture.run(&db, &["expire", "--yes", "-o", "json", "--", &id]).exits(0);
            assert_eq!(run.json()["expired"], 1, "{place}");
            let key = before.get("_id").unwrap();
            let after = db.find(&fixture.collection, doc! { "_id": key }).remove(0);
            assert_eq!(fixture.state(&after), "expired", "{place}");
            let rows = fixture.run(&db, &["inspect", "-o", "json", "--", &id]).exits(0).json();
            assert_eq!(rows[0]["state"], "expired", "{place}");
            let changed = changes(before, &after);
            assert!(!changed.is_empty());
            for path in changed {
                let (old, new) = (at(before, &path), at(&after, &path).unwrap());
                let same = match (old, new) {
                    // A driver of a language with one type of integer reads either.
                    (None | Some(Bson::Null), Bson::DateTime(_))
                    // oak_sessions writes its dates as text.
                    | (Some(Bson::Null), Bson::String(_))
                    | (Some(Bson::Int32(_)), Bson::Int32(_) | Bson::Int64(_))
                    | (Some(Bson::Double(_)), Bson::Int64(_)) => true,
                    (None, _) => false,
                    (Some(old), new) => old.element_type() == new.element_type(),
                };
                assert!(same, "{path} became {new:?}: {place}");
            }
        }
    }
}

#[test]
fn what_is_written_to_end_a_session_is_what_its_store_looks_at() {
    for (layout, written) in [
        ("accounts-js", vec!["valid"]),
        ("axum-session", vec!["expires"]),
        ("catbox-mongodb", vec!["expiresAt", "stored", "ttl"]),
        ("connect-mongo-json", vec!["expires"]),
        ("foal", vec!["state.createdAt", "state.updatedAt"]),
        ("graylog", vec!["expired"]),
        ("jetty", vec!["expiry", "valid"]),
        ("koa-session-mongoose", vec!["data._expire"]),
        ("laravel-database", vec!["last_activity"]),
        ("scs", vec!["expiration"]),
        ("spring-jackson", vec!["expireAt", "intervalSeconds"]),
        ("spring-jdk", vec!["expireAt", "interval"]),
    ] {
        let fixture = Fixture::one(layout);
        let db = fixture.db();
        let before = &fixture.documents[0];
        fixture.auto(&db, &["expire", "--yes", "--", &fixture.id(before)]).exits(0);
        let after =
            db.find(&fixture.collection, doc! { "_id": before.get("_id").unwrap() }).remove(0);
        assert_eq!(changes(before, &after), written, "{layout}");
    }
}

#[test]
fn ending_is_refused_where_the_store_does_not_look_at_the_expiry() {
    for fixture in super::STORES.iter().flat_map(|store| Fixture::of(store.0)) {
        if !is_only_deleted(&fixture) {
            continue;
        }
        let db = fixture.db();
        let before = by_key(db.find(&fixture.collection, doc! {}));
        for document in &fixture.documents {
            let run = fixture.run(&db, &["expire", "--yes", "--", &fixture.id(document)]);
            run.exits(1).fails_in_one_sentence().says("sessionctl purge");
        }
        assert_eq!(by_key(db.find(&fixture.collection, doc! {})), before, "{}", fixture.name);
    }
}

#[test]
fn purge_deletes_exactly_what_is_expired_where_the_layout_is_certain_or_named() {
    for fixture in super::STORES.iter().flat_map(|store| with_expired(store.0)) {
        let db = fixture.db();
        let left = fixture.documents.iter().filter(|one| fixture.state(one) != "expired");
        let left = by_key(left.cloned().collect());
        if fixture.is_weak() {
            let all = by_key(fixture.documents.clone());
            let run = fixture.auto(&db, &["purge", "--expired", "--yes"]).exits(1);
            run.fails_in_one_sentence().says(fixture.layout).says("--layout");
            assert_eq!(by_key(db.find(&fixture.collection, doc! {})), all, "{}", fixture.name);
        }
        let run = fixture.run(&db, &["purge", "--expired", "-o", "json"]).exits(0);
        let deleted = fixture.documents.len() - left.len();
        assert_eq!(run.json()["deleted"], deleted, "{}", fixture.name);
        assert_eq!(by_key(db.find(&fixture.collection, doc! {})), left, "{}", fixture.name);
    }
}

#[test]
fn purge_by_the_short_id_deletes_that_session_of_any_store() {
    for fixture in super::STORES.iter().flat_map(|store| Fixture::of(store.0)) {
        let db = fixture.db();
        let short = &fixture.shown(&db)[1];
        fixture.run(&db, &["purge", "--yes", "--", short]).exits(0);
        let gone = fixture.documents[1].get("_id").unwrap();
        assert_eq!(db.count(&fixture.collection, doc! { "_id": gone }), 0, "{}", fixture.name);
        let left = db.count(&fixture.collection, doc! {}) as usize;
        assert_eq!(left, fixture.documents.len() - 1, "{}", fixture.name);
    }
}

/// Shopify's, with an online session that has no expiry.
fn shop() -> Fixture {
    let mut fixture = Fixture::one("shopify");
    let mut twin = fixture.twin(&fixture.documents[1], 7);
    twin.remove("expires");
    fixture.documents.push(twin);
    fixture
}

#[test]
fn credentials_of_programs_are_listed_but_left_alone_unless_they_are_named() {
    let offline = "offline_aasa-shop.myshopify.com";
    for selection in [
        &["--all"][..],
        &["--endless"],
        &["--user", "aasa-shop.myshopify.com"],
        &["--where", "scope=read_products,write_orders"],
    ] {
        let fixture = shop();
        let db = fixture.db();
        for (command, verb) in [("expire", "expire"), ("purge", "purge")] {
            let arguments = [&[command, "--yes"][..], selection].concat();
            fixture
                .auto(&db, &arguments)
                .exits(0)
                .says("note: 1 credential of programs, not logins, left alone")
                .says(&format!("to {verb} them, pass their ids"));
        }
        let left = db.find(&fixture.collection, doc! { "id": offline });
        assert_eq!(left, fixture.documents[..1], "{selection:?}");
        assert_eq!(fixture.rows(&db, selection).len(), usize::from(selection != ["--all"]).max(1));
    }
    let fixture = shop();
    let db = fixture.db();
    let quiet = fixture.auto(&db, &["purge", "--expired"]).exits(0);
    quiet.never_shows("credential");
    fixture.auto(&db, &["purge", "--yes", "--", offline]).exits(0).never_shows("credential");
    assert_eq!(db.count(&fixture.collection, doc! { "id": offline }), 0);
    assert_eq!(db.count(&fixture.collection, doc! {}), 2);
}
