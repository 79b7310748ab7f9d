//! Sessions that one session store of Node wrote, copied, and served by another one: whoever is logged
//! in with a cookie stays logged in with it.

use bson::doc;
use serde_json::{Value, json};
use sessionctl::express_cookie::ExpressCookie;
use tower_sessions::SessionStore;

use super::{Browser, Express, HOUR_MS, NODE_STORES, NodeStore, Site};
use crate::support::Db;

fn named(name: &str) -> NodeStore {
    NODE_STORES.into_iter().find(|store| store.name == name).unwrap()
}

#[track_caller]
fn copy(from: &Db, to: &Db, layout: &str) -> Value {
    let arguments = ["copy", "--to-db", &to.name, "--to-layout", layout, "--yes", "-o", "json"];
    from.sessionctl(&arguments).exits(0).json()
}

#[test]
fn who_is_logged_in_with_one_store_of_express_stays_so_with_another() {
    for (from, to) in [
        ("express-mongodb-legacy", "connect-mongo-json"),
        ("connect-mongodb-session", "connect-mongo-json"),
        ("connect-mongo-json", "connect-mongo-object"),
        ("connect-mongo-object", "connect-mongo-json"),
        ("express-mongodb-1", "connect-mongo-json"),
        ("connect-mongo-json", "express-mongodb-1"),
        ("connect-mongo-json", "express-mongodb-legacy"),
        ("connect-mongo-json", "connect-mongodb-session"),
    ] {
        for max_age in [Some(HOUR_MS), None] {
            let old = Site::new(named(from), max_age);
            let id = old.log_in("ann");
            assert_eq!(old.home()["views"], 1, "{from}");
            let bob = Browser::new();
            bob.post(old.express.port, "/login?user=bob");
            // mongod would delete nothing of theirs, but it is not what is tested.
            let new = Site::new(named(to), max_age);
            let report = copy(&old.db, &new.db, new.node.layout);
            let context = format!("{from} {to} {max_age:?} {report}");
            assert_eq!((&report["copied"], &report["lost"]), (&2.into(), &0.into()), "{context}");

            let home = old.browser.get(new.express.port, "/");
            assert_eq!((&home["user"], &home["views"]), (&"ann".into(), &2.into()), "{context}");
            assert_eq!(bob.get(new.express.port, "/")["user"], "bob", "{context}");
            assert!(new.store_ids().contains(&id), "{context}");
            if max_age.is_some() {
                new.expires_in(&id, HOUR_MS);
            }
            // A log-out there is no log-out here.
            old.browser.post(new.express.port, "/logout");
            assert!(old.browser.get(new.express.port, "/")["user"].is_null(), "{context}");
            assert_eq!(old.db.count("sessions", doc! {}), 2, "{context}");
        }
    }
}

#[test]
fn who_is_logged_in_through_connect_mongo_is_known_to_tower_sessions_by_the_same_cookie() {
    let (old, new) = (Db::new(), Db::new());
    let express = Express::with_short_ids(&old, named("connect-mongo-json"), HOUR_MS);
    let browser = Browser::new();
    browser.post(express.port, "/login?user=ann");
    let report = copy(&old, &new, "tower-sessions");
    assert_eq!((&report["copied"], &report["lost"]), (&1.into(), &0.into()), "{report}");

    let cookie = format!("connect.sid={}", browser.cookie().unwrap());
    let id = ExpressCookie::new("the secret of today").id([cookie.as_str()]).unwrap();
    let store = new.store("tower-sessions");
    let id = id.parse().unwrap();
    let record = new.runtime.block_on(SessionStore::load(&store, &id)).unwrap().unwrap();
    assert_eq!(record.data["user"], json!("ann"));
    assert!(!record.data.contains_key("cookie"), "{record:?}");
}
