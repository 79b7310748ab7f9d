//! `get` among a million sessions against `get` among a thousand, where the id is `_id` and where an
//! index that the store made has it.

use std::time::Duration;

use bson::{RawDocumentBuf, doc};
use sessionctl::{Connection, Expiry, Layout, Store};

use crate::ratios::Ratios;
use crate::server::Server;
use crate::work;

/// How many are got in a turn.
const GETS: u32 = 10_000;
const FEW: u32 = 1000;

pub fn measure(server: &Server, ratios: &Ratios) {
    let runtime = work::runtime();
    let connection = runtime.block_on(Connection::open(server.uri(), None)).expect("a connection");
    for layout in ["connect-mongo-json", "express-mongodb-legacy"] {
        let layout = Layout::named(layout).expect("a layout");
        let filled = |sessions: u32| {
            let name = format!("{}-{sessions}", layout.name);
            let store = connection.store(&name, layout.clone());
            runtime.block_on(store.install_indexes()).expect("indexes");
            // A real one, of which the others differ by their ids only.
            let lifetime = Expiry::After(Duration::from_secs(work::LIFETIME as u64));
            let (first, data) = (id(0), work::data(0, 0));
            runtime.block_on(store.set(&first, &data, lifetime)).expect("a session");
            repeat(server, &store, sessions);
            store
        };
        let (few, many) = (filled(FEW), filled(Server::sessions()));
        let get = |store: &Store, sessions: u32| {
            let store = store.clone();
            runtime.block_on(work::each(GETS, 1, move |number| {
                // All over the collection.
                let id = id((u64::from(number) * 7919 % u64::from(sessions)) as u32);
                let store = store.clone();
                async move {
                    let found = store.get::<serde_json::Value>(&id).await.expect("a get");
                    assert!(found.is_some(), "there is {id}");
                }
            }))
        };
        ratios.throughput(
            &format!("{}: get / of a thousand", layout.name),
            0.9,
            GETS,
            || get(&few, FEW),
            || get(&many, Server::sessions()),
        );
    }
}

fn id(number: u32) -> String {
    format!("{:032x}", work::id(number))
}

/// Fills a collection with the session that it has, under other ids.
fn repeat(server: &Server, store: &Store, sessions: u32) {
    let collection = server.collection(store.name());
    let path = store.layout().id.path.clone();
    let found = server.wait(collection.find_one(doc! {}).into_future()).expect("find");
    let first: bson::Document = found.expect("a session").try_into().expect("a document");
    for chunk in (1..sessions).collect::<Vec<_>>().chunks(5000) {
        let documents: Vec<RawDocumentBuf> = chunk
            .iter()
            .map(|number| {
                let mut document = first.clone();
                document.remove("_id");
                document.insert(&path, id(*number));
                RawDocumentBuf::try_from(&document).expect("a document")
            })
            .collect();
        server.wait(collection.insert_many(documents).into_future()).expect("insert");
    }
}
