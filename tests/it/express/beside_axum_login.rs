//! The example of axum-login and an Express application on one collection. Each has a cookie of its
//! own, as axum-login needs more in a session than Express writes; the users are the same.

use bson::doc;

use super::beside_axum::serve;
use super::{Browser, NODE_STORES, Site};
use crate::axum_example::KEY;
use crate::frameworks::{PASSWORD, accounts, axum_login::app, shared_store};

#[test]
fn who_logs_out_everywhere_in_axum_login_is_logged_out_of_express_and_nobody_else_is() {
    for node in NODE_STORES {
        let site = Site::new(node, Some(super::HOUR_MS));
        let store = shared_store(&site.db, node.layout);
        let axum = serve(&site.db, app::router(store, accounts(), "auth", KEY).unwrap());
        let (express, alice, bob) = (site.express.port, &site.browser, Browser::new());
        let of_express = site.log_in("alice");
        bob.post(express, "/login?user=bob");
        // The first page of axum-login follows, which counts the sessions of both.
        let login = [("user", "alice"), ("password", PASSWORD)];
        assert!(alice.tries(axum, "/login", &login), "{}", node.name);
        let page = alice.page(axum, "/");
        assert!(page.contains("<strong>alice</strong>, logged in with 2 "), "{page}");
        assert_eq!(alice.get(axum, "/me")["user"], "alice", "{}", node.name);
        assert_eq!(site.home()["user"], "alice", "{}", node.name);
        let ids = site.store_ids();
        assert!(ids.len() == 3 && ids.contains(&of_express), "{}: {ids:?}", node.name);

        alice.send(axum, "/logout-everywhere", &[]);
        assert_eq!(site.db.count("sessions", doc! {}), 1, "{}", node.name);
        assert!(alice.get(axum, "/me")["user"].is_null(), "{}", node.name);
        assert!(site.home()["user"].is_null(), "{}", node.name);
        assert_eq!(bob.get(express, "/")["user"], "bob", "{}", node.name);
    }
}
