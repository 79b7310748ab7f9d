//! `stats`: the numbers of a collection, against what the server and `list` say of it.

use bson::{DateTime, doc};
use sessionctl::stats::{Options, Stats};
use sessionctl::{Connection, Layout};

use crate::support::{Db, at, connect_mongo};

/// What the library counts in `sessions`, by `layout` and seen from `now`.
pub fn of(db: &Db, layout: &Layout, now: DateTime) -> Stats {
    db.runtime.block_on(async {
        let connection = Connection::open(&db.uri, Some(&db.name)).await.unwrap();
        let store = connection.store("sessions", layout.clone());
        store.stats(&Options::default(), now).await.unwrap()
    })
}

#[test]
fn states_and_sizes_are_those_of_the_documents() {
    let db = Db::new();
    let mut endless = connect_mongo("endless", 0);
    endless.remove("expires");
    let documents = [
        connect_mongo("expired-a", at(-7200)),
        connect_mongo("expired-b", at(-60)),
        connect_mongo("live", at(3700)),
        endless,
        connect_mongo("text", "tomorrow"),
    ];
    let sizes: Vec<u64> = documents
        .iter()
        .map(|one| bson::RawDocumentBuf::try_from(one).unwrap().as_bytes().len() as u64)
        .collect();
    db.insert("sessions", documents);
    let row = db.sessionctl(&["stats", "-o", "json"]).exits(0).json();
    let numbers = ["sessions", "expired", "live", "endless", "malformed"].map(|key| &row[key]);
    assert_eq!(numbers, [5, 2, 1, 1, 1], "{row}");
    assert_eq!(row["bytes"], sizes.iter().sum::<u64>());
    assert_eq!(row["expired_bytes"], sizes[0] + sizes[1]);
    assert_eq!(row["largest_bytes"], *sizes.iter().max().unwrap());
    assert_eq!(row["layout"], "connect-mongo-json");
    let slots = row["expiries"].as_array().unwrap();
    let counted: u64 = slots.iter().map(|slot| slot["sessions"].as_u64().unwrap()).sum();
    assert_eq!(counted, 3, "{row}");
}
