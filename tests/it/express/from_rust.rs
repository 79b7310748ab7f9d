//! A session that the library made is Express' as if it had made it.

use std::time::Duration;

use bson::{Bson, doc};
use serde_json::{Value, json};
use sessionctl::Expiry;

use super::{HOUR, HOUR_MS, ID, NODE_STORES, Site};
use crate::support::{at, milliseconds};

#[test]
fn a_session_set_by_rust_is_served_counted_and_written_back_by_express() {
    for node in NODE_STORES {
        let site = Site::new(node, Some(2 * HOUR_MS));
        let payload = json!({ "user": "cid" });
        site.db.runtime.block_on(site.store.set(ID, &payload, HOUR)).unwrap();
        site.hand_over(ID, 0);
        for views in 1..=2 {
            let home = site.home();
            let served = (&home["user"], &home["views"]);
            assert_eq!(served, (&json!("cid"), &json!(views)), "{node:?}");
        }
        let got = site.get(ID).unwrap();
        assert_eq!((&got["user"], &got["views"]), (&json!("cid"), &json!(2)), "{node:?}");
        assert_eq!(site.db.count("sessions", doc! {}), 1, "{node:?}");
    }
}

#[test]
fn a_session_set_by_rust_is_renewed_by_express_with_the_lifetime_that_rust_gave_it() {
    for node in NODE_STORES {
        let site = Site::new(node, Some(2 * HOUR_MS));
        for expiry in [|| HOUR, || Expiry::At(at(3600))] {
            let (payload, expiry) = (json!({ "user": "cid" }), expiry());
            site.db.runtime.block_on(site.store.set(ID, &payload, expiry)).unwrap();
            site.hand_over(ID, 0);
            let touch = || site.browser.post(site.express.port, "/touch");
            let asked: [&dyn Fn() -> Value; 2] = [&touch, &|| site.home()];
            for ask in asked {
                // As if it had stood idle for long.
                let touch = site.store.touch(ID, Expiry::At(at(60)));
                assert!(site.db.runtime.block_on(touch).unwrap(), "{node:?}");
                assert_eq!(ask()["user"], "cid", "{node:?}");
                site.expires_in(ID, HOUR_MS);
            }
            let lifetime = site.home()["session"]["cookie"]["originalMaxAge"].as_i64();
            let off = lifetime.unwrap() - HOUR_MS;
            assert!(off.abs() < milliseconds(Duration::from_secs(5)), "{node:?} {expiry:?} {off}");
        }
    }
}

#[test]
fn a_session_without_end_set_by_rust_is_served_and_then_lives_as_long_as_its_store_likes() {
    for node in NODE_STORES {
        let site = Site::new(node, Some(HOUR_MS));
        let payload = json!({ "user": "cid" });
        site.db.runtime.block_on(site.store.set(ID, &payload, Expiry::Never)).unwrap();
        site.hand_over(ID, 0);
        assert_eq!(site.home()["user"], "cid", "{node:?}");
        if node.name == "express-mongodb-legacy" {
            assert_eq!(site.document(ID).get(node.expires), Some(&Bson::Null));
        } else {
            site.expires_in(ID, 14 * 24 * HOUR_MS);
        }
    }
}

#[test]
fn only_a_cookie_that_is_signed_by_one_of_the_secrets_is_taken() {
    for node in NODE_STORES {
        let site = Site::new(node, Some(HOUR_MS));
        let payload = json!({ "user": "cid" });
        site.db.runtime.block_on(site.store.set(ID, &payload, HOUR)).unwrap();
        let other = site.signed("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0);
        let forged = format!("s%3A{ID}.{}", other.split_once('.').unwrap().1);
        for cookie in [&forged, ID] {
            site.browser.set_cookie(cookie);
            assert_eq!(site.home()["user"], Value::Null, "{node:?}");
        }
        // The old secret is good still, and the cookie is then signed by the new one.
        site.hand_over(ID, 1);
        assert_eq!(site.home()["user"], "cid", "{node:?}");
        assert_eq!(site.browser.cookie().unwrap(), site.signed(ID, 0), "{node:?}");
    }
}

#[test]
fn a_session_that_ended_in_express_is_over_in_rust_and_is_not_brought_back() {
    for node in NODE_STORES {
        let site = Site::new(node, Some(HOUR_MS));
        let payload = json!({ "user": "cid" });
        site.db.runtime.block_on(site.store.set(ID, &payload, HOUR)).unwrap();
        site.hand_over(ID, 0);
        assert_eq!(site.home()["user"], "cid", "{node:?}");
        site.browser.post(site.express.port, "/logout");
        assert_eq!(site.get(ID), None, "{node:?}");
        let (touched, set) = site.db.runtime.block_on(async {
            let touched = site.store.touch(ID, HOUR).await.unwrap();
            (touched, site.store.set_existing(ID, &payload, HOUR).await.unwrap())
        });
        assert_eq!((touched, set), (false, false), "{node:?}");
        assert!(site.db.ids("sessions").is_empty(), "{node:?}");
        assert_eq!(site.home()["user"], Value::Null, "{node:?}");
    }
}
