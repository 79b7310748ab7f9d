//! A session that is made to be over, by the library or the program, is not served by Express.

use serde_json::{Value, json};
use sessionctl::Expiry;

use super::{HOUR_MS, NODE_STORES, Site};
use crate::support::at;

/// Logs in, ends the session so, and asks Express.
#[track_caller]
fn is_over(site: &Site, end: impl FnOnce(&str)) {
    let node = site.node;
    let id = site.log_in("ann");
    assert_eq!(site.home()["user"], "ann", "{node:?}");
    end(&id);
    // It is there, and not served for its expiry alone.
    assert!(site.expires(&id) < at(0), "{node:?}");
    if node.name == "express-mongodb-legacy" {
        // It deletes an expired session, and then treats the reply of the delete as the session.
        site.browser.fails(site.express.port, "/", "TypeError");
        assert_eq!(site.db.count("sessions", bson::doc! { node.id: &id }), 0);
    }
    assert_eq!(site.home()["user"], Value::Null, "{node:?}");
    assert_eq!(site.get(&id), None, "{node:?}");
}

#[test]
fn a_session_that_rust_or_the_program_ends_is_not_served_by_express() {
    for node in NODE_STORES {
        let site = Site::new(node, Some(HOUR_MS));
        site.log_in("zoe");
        site.drop_indexes();
        let past = Expiry::At(at(-60));
        is_over(&site, |id| {
            let touch = site.store.touch(id, past);
            assert!(site.db.runtime.block_on(touch).unwrap(), "{node:?}");
        });
        is_over(&site, |id| {
            let payload = json!({ "user": "ann" });
            site.db.runtime.block_on(site.store.set(id, &payload, past)).unwrap();
        });
        is_over(&site, |id| {
            let run = site.db.sessionctl(&["expire", "--yes", "-o", "json", "--", id]).exits(0);
            assert_eq!(run.json()["expired"], 1, "{node:?}");
        });
    }
}
