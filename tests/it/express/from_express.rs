//! Who logged in through Express is known to the library, which renews, changes and ends the session.

use std::time::Duration;

use serde_json::{Value, json};
use sessionctl::Expiry;

use super::{HOUR, HOUR_MS, NODE_STORES, Site};
use crate::support::at;

#[test]
fn a_login_through_express_is_read_and_counted() {
    for node in NODE_STORES {
        let site = Site::new(node, Some(HOUR_MS));
        assert_eq!(site.home()["user"], Value::Null, "{node:?}");
        assert!(site.db.ids("sessions").is_empty(), "{node:?}: nobody is logged in");
        let id = site.log_in("ann");
        assert_eq!(site.home()["views"], 1, "{node:?}");

        let got = site.get(&id).unwrap();
        assert_eq!((&got["user"], &got["views"]), (&json!("ann"), &json!(1)), "{node:?}");
        let (all, length) = site.db.runtime.block_on(async {
            let all: Vec<(_, Value)> = site.store.all().await.unwrap();
            (all, site.store.length().await.unwrap())
        });
        let all: Vec<_> = all.iter().map(|(id, got)| (id.full(), &got["user"])).collect();
        assert_eq!((all, length), (vec![(id, &json!("ann"))], 1), "{node:?}");
    }
}

#[test]
fn a_session_of_express_that_rust_renews_lives_longer_and_is_still_served() {
    for node in NODE_STORES {
        let site = Site::new(node, Some(HOUR_MS));
        let id = site.log_in("ann");
        site.expires_in(&id, HOUR_MS);
        let payload = site.document(&id).get(node.payload).cloned();
        let days = Expiry::After(Duration::from_secs(2 * 86_400));
        assert!(site.db.runtime.block_on(site.store.touch(&id, days)).unwrap(), "{node:?}");
        site.expires_in(&id, 48 * HOUR_MS);
        assert_eq!(site.document(&id).get(node.payload).cloned(), payload, "{node:?}");
        assert_eq!(site.home()["user"], "ann", "{node:?}");
        // Express continues with the lifetime that it gave the session itself.
        site.expires_in(&id, HOUR_MS);

        // As if it had stood idle for long.
        assert!(site.db.runtime.block_on(site.store.touch(&id, Expiry::At(at(60)))).unwrap());
        assert_eq!(site.browser.post(site.express.port, "/touch")["user"], "ann", "{node:?}");
        site.expires_in(&id, HOUR_MS);
    }
}

#[test]
fn what_rust_changes_in_a_session_of_express_is_seen_there() {
    for node in NODE_STORES {
        let site = Site::new(node, Some(HOUR_MS));
        let id = site.log_in("ann");
        assert_eq!(site.home()["views"], 1, "{node:?}");
        let mut payload = site.get(&id).unwrap();
        payload["user"] = "bea".into();
        payload["cart"] = json!({ "items": ["TEE"], "total": 46.98 });
        let set = site.store.set_existing(&id, &payload, HOUR);
        assert!(site.db.runtime.block_on(set).unwrap(), "{node:?}");

        let home = site.home();
        assert_eq!((&home["user"], &home["views"]), (&json!("bea"), &json!(2)), "{node:?}");
        assert_eq!(home["session"]["cart"], payload["cart"], "{node:?}");
        assert_eq!(home["session"]["cookie"]["path"], "/", "{node:?}");
        site.expires_in(&id, HOUR_MS);
        let got = site.get(&id).unwrap();
        assert_eq!((&got["user"], &got["cart"]), (&json!("bea"), &payload["cart"]), "{node:?}");
    }
}

#[test]
fn a_session_of_express_that_rust_destroys_is_logged_out_and_does_not_come_back() {
    for node in NODE_STORES {
        let site = Site::new(node, Some(HOUR_MS));
        let id = site.log_in("ann");
        assert!(site.db.runtime.block_on(site.store.destroy(&id)).unwrap(), "{node:?}");
        assert_eq!(site.home()["user"], Value::Null, "{node:?}");
        assert_eq!(site.browser.post(site.express.port, "/touch")["user"], Value::Null);
        assert!(site.db.ids("sessions").is_empty(), "{node:?}");
    }
}
