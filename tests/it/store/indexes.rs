//! With the indexes that the store makes, each operation finds its session by one key, however many
//! there are.

use std::time::Duration;

use bson::{Bson, Document, doc};
use serde_json::{Value, json};
use sessionctl::layout::Layout;
use sessionctl::{Error, Store};

use super::{HOUR, ID, OTHER, watched};
use crate::support::{Db, LAYOUTS};

const OPERATIONS: [&str; 8] =
    ["get", "set", "set of another", "set_existing", "set_new", "touch", "lazy touch", "destroy"];

/// The layouts that can be written and read back, by doing so in each that is known.
fn writable() -> Vec<&'static str> {
    let db = Db::new();
    let is_writable = |layout: &&Layout| {
        // A document of another layout stays as it is.
        db.run(doc! { "dropDatabase": 1 });
        let store = db.store(&layout.name);
        match db.runtime.block_on(store.set(ID, &json!({ "a": 1 }), HOUR)) {
            Ok(()) => true,
            Err(Error::Unsupported(_) | Error::Needs { .. }) => false,
            Err(error) => panic!("{} {error}", layout.name),
        }
    };
    Layout::known().iter().filter(is_writable).map(|layout| layout.name.as_str()).collect()
}

/// Sessions enough that looking through them is seen.
fn filled(db: &Db, layout: &str) -> Store {
    let store = db.store(layout);
    db.runtime.block_on(async {
        match store.install_indexes().await {
            // No TTL index acts on a number; the index on the id is made all the same.
            Ok(()) | Err(Error::Unsupported(_) | Error::Needs { .. }) => {}
            Err(error) => panic!("{layout} {error}"),
        }
        for number in 0..20 {
            let id = format!("{number:0>21}Q");
            store.set(&id, &json!({ "number": number }), HOUR).await.unwrap();
        }
        store.set(ID, &json!({ "a": 1 }), HOUR).await.unwrap();
    });
    store
}

fn number(operation: &Document, key: &str) -> i64 {
    match operation.get(key) {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        other => panic!("{key} is {other:?} in {operation}"),
    }
}

/// Whether the server had to look at this session's key and document only.
fn by_one_key(operation: &Document) -> bool {
    let plan = operation.get_str("planSummary").unwrap();
    let by_index = plan == "IDHACK" || plan.starts_with("IXSCAN");
    by_index && number(operation, "keysExamined") <= 1 && number(operation, "docsExamined") <= 1
}

#[test]
fn each_operation_examines_one_key_and_one_document_at_most_in_every_layout_that_can_be_written() {
    let layouts = writable();
    for (layout, ..) in LAYOUTS {
        assert!(layouts.contains(&layout), "{layout} is written");
    }
    for layout in layouts {
        let db = Db::new();
        let store = filled(&db, layout);
        let lazy = store.clone().touch_after(Duration::from_secs(60));
        for operation in OPERATIONS {
            let operate = async || match operation {
                "get" => store.get::<Value>(ID).await.unwrap().is_some(),
                "set" => store.set(ID, &json!({}), HOUR).await.is_ok(),
                "set of another" => store.set(OTHER, &json!({}), HOUR).await.is_ok(),
                "set_existing" => store.set_existing(ID, &json!({ "b": 2 }), HOUR).await.unwrap(),
                "set_new" => !store.set_new(ID, &json!({}), HOUR).await.unwrap(),
                "touch" => store.touch(ID, HOUR).await.unwrap(),
                "lazy touch" => lazy.touch(ID, HOUR).await.unwrap(),
                "destroy" => store.destroy(ID).await.unwrap(),
                _ => panic!("{operation}"),
            };
            let seen = watched(&db, || assert!(db.runtime.block_on(operate()), "{operation}"));
            assert!(!seen.is_empty(), "{layout} {operation}: the profiler saw nothing");
            for seen in seen {
                assert!(by_one_key(&seen), "{layout} {operation}: {seen}");
            }
        }
    }
}
