//! A store on the application's own client: one pool, and none of the client's options that would
//! break what a store promises.

use std::time::Duration;

use bson::{Document, doc};
use futures_util::future::join_all;
use mongodb::Client;
use mongodb::options::{
    Acknowledgment, ClientOptions, DatabaseOptions, ReadConcern, ReadPreference, WriteConcern,
};
use serde_json::{Value, json};
use sessionctl::mongod::Options;
use sessionctl::{Connection, Error, Store};
use tokio::task::JoinHandle;
use tower_sessions::SessionStore;
use tower_sessions::session::Id;

use super::{HOUR, ID, OTHER};
use crate::rig::ReplicaSet;
use crate::support::{Db, eventually, own_server};

/// The client of an application.
fn client(db: &Db, set: impl FnOnce(&mut ClientOptions)) -> Client {
    db.runtime.block_on(async {
        let mut options = ClientOptions::parse(&db.uri).await.unwrap();
        set(&mut options);
        Client::with_options(options).unwrap()
    })
}

fn open(db: &Db, client: Client) -> sessionctl::Result<Store> {
    let builder = Store::builder().client(client).database(&db.name).collection("sessions");
    db.runtime.block_on(builder.open()).map(|(store, _)| store)
}

/// How many connections of programs with this name the server has.
fn connections(db: &Db, name: &str) -> usize {
    let all = doc! { "$currentOp": { "allUsers": true, "idleConnections": true } };
    let of_name = doc! { "$match": { "appName": name, "connectionId": { "$exists": true } } };
    let each = doc! { "$group": { "_id": "$connectionId" } };
    let command = doc! { "aggregate": 1, "pipeline": [all, of_name, each], "cursor": {} };
    let reply = db.admin(command);
    reply.get_document("cursor").unwrap().get_array("firstBatch").unwrap().len()
}

#[test]
fn the_application_and_its_store_share_one_pool() {
    const POOL: u32 = 3;
    let server = own_server(Options::default());
    let db = Db::on(&server.uri());
    let client = client(&db, |options| {
        options.app_name = Some("shop".to_owned());
        options.max_pool_size = Some(POOL);
    });
    let orders = client.database(&db.name).collection::<Document>("orders");
    let options = Store::builder().client(client).database(&db.name).collection("sessions");
    let options = options.user_path("user").user_index(true).ttl_index(true).limit_per_user(2);
    let clear = options.clear_interval(Duration::from_secs(60));
    let (store, _clear_interval) = db.runtime.block_on(clear.open()).unwrap();
    db.runtime.block_on(async {
        for round in 0..5 {
            let works = (0..16).map(|number| {
                let (orders, store) = (orders.clone(), store.clone());
                async move {
                    orders.insert_one(doc! { "n": number }).await.unwrap();
                    let id = format!("{round}-{number}");
                    let payload = json!({ "user": format!("u{}", number % 4) });
                    store.set(&id, &payload, HOUR).await.unwrap();
                    store.get::<Value>(&id).await.unwrap();
                    store.touch(&id, HOUR).await.unwrap();
                    store.sessions_of("u1").await.unwrap();
                }
            });
            join_all(works).await;
        }
    });
    assert_eq!(db.count("sessions", doc! {}), 8, "two for each of four users");
    assert_eq!(db.count("orders", doc! {}), 80);
    // Beside the pool, a client has two connections that watch the server.
    let shared = connections(&db, "shop");
    assert!((3..=POOL as usize + 2).contains(&shared), "{shared}");
    assert_eq!(connections(&db, "sessionctl"), 0);
    assert_eq!(store.connection().address(), server.address());
}

#[test]
fn options_of_a_client_that_would_break_a_promise_are_refused_with_a_reason() {
    let db = Db::new();
    let unheeded = |options: &mut ClientOptions| {
        let concern = WriteConcern::builder().w(Acknowledgment::Nodes(0)).build();
        options.write_concern = Some(concern);
    };
    let refused = open(&db, client(&db, unheeded)).unwrap_err();
    assert!(matches!(refused, Error::UnfitClient(_)), "{refused:?}");
    assert!(refused.to_string().contains("w: 0"), "{refused}");
    let secondary = |options: &mut ClientOptions| {
        options.selection_criteria = Some(ReadPreference::Secondary { options: None }.into());
    };
    let refused = open(&db, client(&db, secondary)).unwrap_err();
    assert!(refused.to_string().contains("secondary"), "{refused}");
    assert!(db.collections().is_empty());

    // The reason names the way out: options of the database for sessions.
    let mut options = DatabaseOptions::default();
    options.write_concern = Some(WriteConcern::majority());
    let database = client(&db, unheeded).database_with_options(&db.name, options);
    let builder = Store::builder().database(database).collection("sessions");
    let (store, _) = db.runtime.block_on(builder.open()).unwrap();
    db.runtime.block_on(store.set(ID, &json!({ "n": 1 }), HOUR)).unwrap();
    assert_eq!(db.ids("sessions"), [ID]);
}

#[test]
fn a_client_without_a_server_is_an_error_that_says_what_it_waited_for() {
    let db = Db::new();
    let nowhere = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200";
    let client = db.runtime.block_on(Client::with_uri_str(nowhere)).unwrap();
    let refused = open(&db, client).unwrap_err();
    assert!(matches!(refused, Error::Unreachable { .. }), "{refused:?}");
    assert!(refused.to_string().contains("the application's client"), "{refused}");
}

#[test]
fn sessions_are_read_from_the_primary_whatever_the_client_prefers() {
    let set = ReplicaSet::start(2, &[("enableTestCommands", "1")]);
    let db = Db::on(&set.uri());
    // Settled before the secondary stays behind.
    db.insert("settled", [doc! { "_id": 1 }]);
    let lagging = client(&db, |options| {
        options.selection_criteria =
            Some(ReadPreference::SecondaryPreferred { options: None }.into());
        options.read_concern = Some(ReadConcern::majority());
        options.write_concern = Some(WriteConcern::nodes(1));
    });
    let prefers = "readPreference=secondaryPreferred&readConcernLevel=majority&w=1";
    let by_uri = Store::builder().uri(&format!("{}&{prefers}", db.uri)).database(&db.name);
    let stores =
        [open(&db, lagging.clone()).unwrap(), db.runtime.block_on(by_uri.open()).unwrap().0];
    set.fall_behind(1);
    let found = db.runtime.block_on(async {
        for (number, store) in stores.iter().enumerate() {
            let user = format!("asa-{number}");
            let (ids, payload) =
                ([ID, OTHER].map(|id| format!("{number}{id}")), json!({ "user": user }));
            store.set(&ids[0], &payload, HOUR).await.unwrap();
            assert!(store.set_new(&ids[1], &payload, HOUR).await.unwrap());
            assert!(store.get::<Value>(&ids[0]).await.unwrap().is_some());
            assert_eq!(store.sessions_of(&user).await.unwrap().len(), 2);
            assert_eq!(store.length().await.unwrap(), 2 * (number as u64 + 1));
        }
        let own = lagging.database(&db.name).collection::<Document>("sessions");
        own.count_documents(doc! {}).await.unwrap()
    });
    assert_eq!(found, 0, "the secondary that the client prefers has seen none");
    set.catch_up(1);

    let direct = db.runtime.block_on(Client::with_uri_str(set.direct_uri(1))).unwrap();
    let refused = db.runtime.block_on(Connection::from_client(&direct, &db.name)).unwrap_err();
    assert!(matches!(refused, Error::NotPrimary { .. }), "{refused:?}");
    let by_uri = Store::builder().uri(&set.direct_uri(1)).database(&db.name);
    let refused = db.runtime.block_on(by_uri.open()).unwrap_err();
    assert!(matches!(refused, Error::NotPrimary { .. }), "{refused:?}");
}

#[test]
fn a_log_out_without_a_majority_is_done_and_says_in_time_that_it_is_not_confirmed() {
    let set = ReplicaSet::start(2, &[("enableTestCommands", "1")]);
    let db = Db::on(&set.uri());
    db.insert("settled", [doc! { "_id": 1 }]);
    set.fall_behind(1);
    // As many as the pool has connections, and more; with an id that is not `_id`, a few.
    for (layout, sessions) in [("express-mongodb-1", 68), ("express-mongodb-legacy", 2)] {
        let builder = Store::builder().uri(&format!("{}&w=1", db.uri)).database(&db.name);
        let builder = builder.collection(layout).layout(layout);
        let (store, _) = db.runtime.block_on(builder.open()).unwrap();
        let log_outs: Vec<_> = (0..sessions)
            .map(|number| {
                let (store, id) = (store.clone(), format!("{number:0>22}"));
                db.runtime.spawn(async move {
                    store.set(&id, &json!({ "n": number }), HOUR).await.unwrap();
                    store.destroy(&id).await
                })
            })
            .collect();
        eventually("each log-out has ended", || log_outs.iter().all(JoinHandle::is_finished));
        for log_out in log_outs {
            let error = db.runtime.block_on(log_out).unwrap().unwrap_err();
            assert_eq!(error.code(), Some(64), "{layout} {error:?}");
            let said = "the delete is done, but a majority of the replica set did not confirm it";
            assert!(error.to_string().contains(said), "{layout} {error}");
        }
        assert_eq!(db.count(layout, doc! {}), 0, "{layout}");
        db.runtime.block_on(async {
            store.set(ID, &json!({ "n": 1 }), HOUR).await.unwrap();
            assert!(store.get::<Value>(ID).await.unwrap().is_some(), "{layout}");
            assert_eq!(store.clear().await.unwrap_err().code(), Some(64), "{layout}");
            assert!(store.get::<Value>(ID).await.unwrap().is_none(), "{layout}");
        });
        // So do those of all sessions of a user, and log-ins of a user who has too many.
        let builder = Store::builder().uri(&format!("{}&w=1", db.uri)).database(&db.name);
        let builder = builder.collection(layout).layout(layout).limit_per_user(1);
        let (store, _) = db.runtime.block_on(builder.open()).unwrap();
        db.runtime.block_on(async {
            let payload = json!({ "user": "asa" });
            for id in [ID, OTHER] {
                assert!(store.set_new(id, &payload, HOUR).await.unwrap(), "{layout}");
            }
            assert_eq!(store.sessions_of("asa").await.unwrap().len(), 1, "{layout}");
            let error = store.destroy_all_of("asa").await.unwrap_err();
            assert_eq!(error.code(), Some(64), "{layout} {error:?}");
            assert!(error.to_string().contains("the delete is done"), "{layout} {error}");
            assert!(store.sessions_of("asa").await.unwrap().is_empty(), "{layout}");
            // axum-login deletes the old id at each log-in.
            let id = Id::default();
            store.set(&id.to_string(), &payload, HOUR).await.unwrap();
            SessionStore::delete(&store, &id).await.unwrap();
        });
        assert_eq!(db.count(layout, doc! {}), 0, "{layout}");
    }
}
