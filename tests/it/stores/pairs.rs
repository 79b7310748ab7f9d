//! Documents of two stores in one collection: by the layout of either, each document is a session in
//! one state or foreign, and a purge leaves alone what is foreign.
//!
//! Of each store with the one that it is mistaken for most easily; with `SESSIONCTL_LONG_TESTS=1` of
//! every two stores.

use std::collections::{BTreeMap, BTreeSet};

use bson::{Document, RawDocumentBuf, doc};
use sessionctl::index::IndexSpec;
use sessionctl::purge::Purge;
use sessionctl::stats::Options;
use sessionctl::{Connection, Layout, State, Store};
use tokio_util::sync::CancellationToken;

use super::{Fixture, STORES, quiet_uri};
use crate::support::{Db, now};

const MIXED: &str = "mixed";

/// Layouts that describe the documents of another store too, because nothing but the expiry differs.
const SAME: [(&str, &str); 5] = [
    // It reads the older version's as that does.
    ("catbox-mongodb", "catbox-mongodb-1"),
    // A number where the other has a date is malformed there, and the other way round.
    ("connect-mongo-json", "connect-mongodb"),
    ("connect-mongodb", "connect-mongo-json"),
    // The same package's sessions but for what it knows of the visitor.
    ("laravel-mongodb", "laravel-1ff"),
    // Without an expires_at they are malformed for the package that came after.
    ("laravel-mongodb", "laravel4-jenssegers"),
];

/// All that is known of one store: the documents of each of its fixtures, and each of these once more as
/// it would be 400 days later.
struct Known {
    name: &'static str,
    layout: Layout,
    indexes: Vec<IndexSpec>,
    documents: Vec<Document>,
    /// The `_id`s of those that its store would call expired.
    expired: BTreeSet<String>,
}

impl Known {
    /// `number` is that of the store: no two documents of any have the same id.
    fn of(number: usize, name: &'static str) -> Self {
        let fixtures = Fixture::of(name);
        let indexes: Vec<_> =
            fixtures.iter().flat_map(|one| one.indexes.iter().cloned().map(IndexSpec)).collect();
        let layout = fixtures[0].record().clone().resolved(fixtures[0].lifetime(), &indexes);
        let (mut documents, mut expired) = (Vec::new(), BTreeSet::new());
        for fixture in &fixtures {
            for document in &fixture.documents {
                for one in [document.clone(), fixture.aged(document)] {
                    let one = fixture.twin(&one, number * 1000 + documents.len());
                    if fixture.state(&one) == "expired" {
                        expired.insert(key(&one));
                    }
                    documents.push(one);
                }
            }
        }
        Self { name, layout, indexes, documents, expired }
    }

    fn all() -> Vec<Self> {
        STORES.iter().enumerate().map(|(number, (name, ..))| Self::of(number, name)).collect()
    }

    fn describes(&self, document: &Document) -> bool {
        self.layout.describes(&RawDocumentBuf::try_from(document).unwrap())
    }

    /// How much speaks for `layout` here, as detection counts it: ten for each field that must be there,
    /// four for the index.
    fn likeness(&self, layout: &Layout) -> usize {
        let fields = |document: &Document| {
            let has = |path: &str| super::at(document, path).is_some();
            layout.detect.require.keys().filter(|path| has(path)).count()
        };
        let key = layout.ttl_index.as_ref().map(|ttl| &ttl.key);
        let is_indexed = key.is_some_and(|key| self.indexes.iter().any(|index| index.is_on(key)));
        let fields = self.documents.iter().map(fields).max().unwrap_or(0);
        10 * fields + if is_indexed { 4 } else { 0 }
    }
}

fn key(document: &Document) -> String {
    document.get("_id").unwrap().to_string()
}

fn bytes(documents: &[Document]) -> BTreeMap<String, Vec<u8>> {
    let raw = |one: &Document| RawDocumentBuf::try_from(one).unwrap().into_bytes();
    documents.iter().map(|one| (key(one), raw(one))).collect()
}

/// What is expired by the layout of the store is deleted, as `purge --expired --layout` does it.
fn purge(db: &Db, store: &Store) {
    db.runtime.block_on(async {
        let purge = Purge::expired(now(), now());
        let mut purging = store.purge(purge, CancellationToken::new()).unwrap();
        while purging.next().await.unwrap().is_some() {}
    });
}

/// The documents of both in one collection, counted and purged by the layout of the first.
fn mixed(db: &Db, connection: &Connection, named: &Known, other: &Known) {
    let place = format!("{} beside {}", named.name, other.name);
    let all: Vec<_> = named.documents.iter().chain(&other.documents).cloned().collect();
    db.run(doc! { "delete": MIXED, "deletes": [{ "q": {}, "limit": 0 }] });
    db.insert(MIXED, all.iter().cloned());
    let store = connection.store(MIXED, named.layout.clone());
    let stats = db.runtime.block_on(store.stats(&Options::default(), now())).unwrap();
    let sessions: u64 = State::ALL.iter().map(|state| stats.of(*state).sessions).sum();
    let foreign = all.iter().filter(|document| !named.describes(document)).count() as u64;
    assert_eq!(
        (sessions, stats.foreign.sessions),
        (all.len() as u64 - foreign, foreign),
        "{place}"
    );

    purge(db, &store);
    let left = bytes(&db.find(MIXED, doc! {}));
    let own: BTreeSet<_> = named.documents.iter().map(key).collect();
    for (document, (key, bytes)) in
        all.iter().map(|one| (one, bytes(std::slice::from_ref(one)).pop_first().unwrap()))
    {
        let stays = match own.contains(&key) {
            true => !named.expired.contains(&key),
            // What the layout describes of another store may be over by it.
            false if named.describes(document) => continue,
            false => true,
        };
        assert_eq!(left.get(&key), stays.then_some(&bytes), "{place}: {document}");
    }
}

#[test]
fn no_layout_describes_the_documents_of_another_store_unless_they_are_indistinguishable() {
    let known = Known::all();
    let mut same = BTreeSet::new();
    for layout in &known {
        for other in known.iter().filter(|other| other.name != layout.name) {
            if other.documents.iter().any(|document| layout.describes(document)) {
                same.insert((layout.name, other.name));
            }
        }
        assert!(layout.documents.iter().all(|document| layout.describes(document)));
    }
    assert_eq!(same, BTreeSet::from(SAME));
}

#[test]
fn what_is_foreign_to_a_layout_is_counted_so_and_stays_beside_the_sessions_of_another_store() {
    let known = Known::all();
    let db = Db::on(&quiet_uri());
    let connection = db.runtime.block_on(Connection::open(&db.uri, Some(&db.name))).unwrap();
    let is_long = std::env::var_os("SESSIONCTL_LONG_TESTS").is_some_and(|value| value == "1");
    let mut seen = BTreeSet::new();
    for (number, one) in known.iter().enumerate() {
        let likest = || {
            let others = known.iter().filter(|other| other.name != one.name);
            others.max_by_key(|other| one.likeness(&other.layout)).unwrap()
        };
        let others: Vec<_> =
            if is_long { known[number + 1..].iter().collect() } else { vec![likest()] };
        for other in others {
            if seen.insert(BTreeSet::from([one.name, other.name])) {
                mixed(&db, &connection, one, other);
                mixed(&db, &connection, other, one);
            }
        }
    }
}
