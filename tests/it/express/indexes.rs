//! One collection of two: its layout is known, and each side starts on the indexes of the other.

use serde_json::json;
use sessionctl::Store;

use super::{Express, HOUR, HOUR_MS, ID, NODE_STORES, Site};
use crate::support::Db;

#[test]
fn the_layout_of_a_collection_that_both_wrote_is_known() {
    for node in NODE_STORES {
        let site = Site::new(node, Some(HOUR_MS));
        let id = site.log_in("ann");
        let payload = json!({ "user": "cid" });
        site.db.runtime.block_on(site.store.set(ID, &payload, HOUR)).unwrap();

        let collections = site.db.sessionctl(&["collections", "-o", "json"]).exits(0).json();
        let [collection] = collections.as_array().unwrap().as_slice() else {
            panic!("{node:?} {collections}");
        };
        assert_eq!(collection["layout"], node.layout, "{node:?} {collection}");
        let list = site.db.sessionctl(&["list", "-o", "json", "--full-ids"]).exits(0).json();
        let rows = list.as_array().unwrap().iter();
        let mut rows: Vec<_> = rows.map(|row| (&row["user"], &row["id"], &row["state"])).collect();
        rows.sort_by_key(|(user, ..)| user.as_str());
        let (ann, cid, live) = (json!("ann"), json!("cid"), json!("live"));
        let wanted = [(&ann, &json!(id), &live), (&cid, &json!(ID), &live)];
        assert_eq!(rows, wanted, "{node:?}");
    }
}

#[test]
fn express_starts_on_the_indexes_that_rust_made_and_rust_on_those_of_express() {
    for node in NODE_STORES {
        let db = Db::new();
        let rust = || {
            let store = Store::builder().uri(&db.uri).database(&db.name).layout(node.layout);
            let opened = store.collection("sessions").ttl_index(true).open();
            db.runtime.block_on(opened).unwrap_or_else(|error| panic!("{node:?} {error}"));
        };
        let express = || {
            let express = Express::start(&db, node, Some(HOUR_MS));
            let user = super::Browser::new().post(express.port, "/login?user=ann");
            assert_eq!(user["user"], "ann", "{node:?}");
            db.indexes("sessions")
        };
        rust();
        let together = express();
        db.run(bson::doc! { "drop": "sessions" });
        let alone = express();
        rust();
        let names = |indexes: &[bson::Document]| {
            let names = indexes.iter().map(|index| index.get_str("name").unwrap().to_owned());
            names.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(names(&db.indexes("sessions")), names(&together), "{node:?}");
        assert!(names(&together).is_superset(&names(&alone)), "{node:?}");
        rust();
    }
}
