//! The index that `install` makes, under the server's TTL monitor and the store's own start.

use std::collections::BTreeMap;

use bson::{Bson, DateTime, Document, doc};
use sessionctl::mongod::Options;

use super::{Catbox, Date, Fixture, Inside, Koa, Never, Number, Own, Positive, Text, Touch, at};
use crate::support::{Db, becomes, now, own_server};

const DAY: i64 = 86_400_000;

/// The stores whose sessions live as long as the operator says, and the field from which on.
const GIVEN: [(&str, &str); 6] = [
    ("laravel4-jenssegers", "last_activity"),
    ("session-mongoose-ttl", "usedAt"),
    ("express-session-mongo", "lastAccess"),
    ("mongo-session-store", "updated_at"),
    ("mongoid-session-store", "updated_at"),
    ("gin-mongostore", "modified"),
];

/// When the server deletes a document, defined independently of our records. `None` if it never
/// does, and `Err` if no index could make it.
fn doomed(fixture: &Fixture, document: &Document) -> Result<Option<i64>, ()> {
    let date = |path: &str| {
        at(document, path).and_then(Bson::as_datetime).copied().map(DateTime::timestamp_millis)
    };
    let given = GIVEN.iter().find(|(layout, _)| *layout == fixture.layout);
    Ok(match (given, fixture.expiry) {
        (Some((_, path)), _) => date(path).map(|at| at + 3600 * 1000),
        // Its index spares them for 31 weeks.
        (_, Date(path)) if fixture.layout == "flask-mongoengine" => {
            date(path).map(|at| at + 217 * DAY)
        }
        // mgo makes no index that expires at once.
        (_, Date(path)) if fixture.layout == "go-session" => date(path).map(|at| at + 1000),
        (_, Date(path)) => date(path),
        (_, Touch(path, seconds)) => date(path).map(|at| at + seconds * 1000),
        (_, Koa) => date("updatedAt").map(|at| at + DAY),
        (_, Catbox) => date("expiresAt"),
        (_, Number(..) | Positive(_) | Own(..) | Text(_) | Inside(_) | Never) => {
            return Err(());
        }
    })
}

/// The TTL index that the store itself makes, if it does.
fn own(fixture: &Fixture) -> Option<&Document> {
    fixture.indexes.iter().find(|index| index.contains_key("expireAfterSeconds"))
}

/// A fixture whose documents are there once more as they would be 400 days later, in a collection
/// that has every index of the store but the TTL index.
fn without_ttl_index(mut fixture: Fixture, uri: &str) -> (Fixture, Db) {
    let aged: Vec<_> = fixture.documents.iter().map(|one| fixture.aged(one)).collect();
    let twins: Vec<_> = aged.iter().enumerate().map(|(n, one)| fixture.twin(one, n)).collect();
    fixture.documents.extend(twins);
    let ttl = own(&fixture).cloned();
    let (all, others) = (fixture.indexes.clone(), fixture.indexes.clone());
    fixture.indexes = others.into_iter().filter(|index| Some(index) != ttl.as_ref()).collect();
    let db = Db::on(uri);
    fixture.load(&db);
    fixture.indexes = all;
    (fixture, db)
}

fn install(fixture: &Fixture, db: &Db) -> crate::support::Run {
    let lifetime = GIVEN.iter().any(|(layout, _)| *layout == fixture.layout);
    let lifetime = if lifetime { &["--lifetime", "3600"][..] } else { &[] };
    fixture.named(db, &[&["index", "install", "--yes", "-o", "json"], lifetime].concat())
}

fn ids(documents: impl IntoIterator<Item = Document>) -> BTreeMap<String, Document> {
    let id = |document: &Document| document.get("_id").unwrap().to_string();
    documents.into_iter().map(|document| (id(&document), document)).collect()
}

#[test]
fn the_server_removes_the_expired_sessions_of_every_store_and_only_those() {
    let parameters = vec![("ttlMonitorSleepSecs".to_owned(), "1".to_owned())];
    let server = own_server(Options { parameters, ..Options::default() });
    let admin = Db::on(&server.uri());
    let mut installed = Vec::new();
    for fixture in Fixture::all() {
        let (fixture, db) = without_ttl_index(fixture, &server.uri());
        let place = fixture.name.clone();
        if doomed(&fixture, &fixture.documents[0]).is_err() {
            let run = install(&fixture, &db).exits(1).says("a TTL index works with dates only");
            assert_eq!(run.json()["state"], "unsupported", "{place}");
            continue;
        }
        assert_eq!(install(&fixture, &db).exits(0).json()["state"], "installed", "{place}");
        installed.push((fixture, db));
    }
    assert!(installed.len() > 40, "{}", installed.len());
    let passes = || {
        let status = admin.admin(doc! { "serverStatus": 1 });
        let ttl = status.get_document("metrics").unwrap().get_document("ttl").unwrap();
        ttl.get_i64("passes").unwrap()
    };
    let before = passes();
    // One may be under way; the next one sees them all.
    becomes("two passes were over", passes, |done| *done >= before + 2);
    let now = now().timestamp_millis();
    for (fixture, db) in &installed {
        let left = ids(db.find(&fixture.collection, doc! {}));
        let lives = |document: &Document| {
            doomed(fixture, document).unwrap().is_none_or(|doomed| doomed > now)
        };
        let wanted = ids(fixture.documents.iter().filter(|one| lives(one)).cloned());
        assert_eq!(left, wanted, "{}", fixture.name);
        assert!(left.len() < fixture.documents.len(), "{}", fixture.name);
    }
}

#[test]
fn no_store_is_refused_its_own_indexes_after_ours_was_installed() {
    let server = own_server(Options::default());
    for fixture in Fixture::all() {
        let (fixture, db) = without_ttl_index(fixture, &server.uri());
        if doomed(&fixture, &fixture.documents[0]).is_err() {
            continue;
        }
        let wanted = install(&fixture, &db).exits(0).json()["wanted"].clone();
        let before = db.indexes(&fixture.collection);
        for index in &fixture.indexes {
            let mut index = index.clone();
            // What it asks for names no version.
            index.remove("v");
            db.create_index(&fixture.collection, index);
        }
        // Also where the store leaves it to the operator, as its documentation says.
        let Bson::Document(wanted) = Bson::try_from(wanted).unwrap() else { panic!() };
        db.create_index(&fixture.collection, wanted);
        assert_eq!(db.indexes(&fixture.collection), before, "{}", fixture.name);
    }
}
