//! The example of actix-session and an Express application on one collection, with one cookie.

use sessionctl::express_cookie::ExpressCookie;

use super::{HOUR_MS, NODE_STORES, Site};
use crate::frameworks::actix::Served;
use crate::frameworks::shared_store;

/// What tests/node/server.js signs with.
const SECRET: &str = "the secret of today";

/// An Express application, and the actix one.
fn sites() -> impl Iterator<Item = (Site, Served)> {
    NODE_STORES.into_iter().map(|node| {
        let site = Site::new(node, Some(HOUR_MS));
        let store = shared_store(&site.db, node.layout);
        (site, Served::start(&store, ExpressCookie::new(SECRET)))
    })
}

/// Nobody is logged in, not even with the cookie from before, and nothing of the session is left.
#[track_caller]
fn is_logged_out(site: &Site, actix: &Served, cookie: &str) {
    assert_eq!(site.store_ids(), <[&str; 0]>::default(), "{}", site.node.name);
    site.browser.set_cookie(cookie);
    assert_eq!(actix.me(&site.browser), "", "{}", site.node.name);
    assert!(site.home()["user"].is_null(), "{}", site.node.name);
    assert_eq!(site.store_ids(), <[&str; 0]>::default(), "{}: it came back", site.node.name);
}

#[test]
fn who_logs_in_through_express_is_logged_in_in_actix_until_one_of_them_logs_out() {
    for (site, actix) in sites() {
        for logs_out in [actix.port, site.express.port] {
            let id = site.log_in("alice");
            let kinds = site.home()["kinds"].clone();
            let page = site.browser.page(actix.port, "/");
            assert!(page.contains("<strong>alice</strong>, logged in with 1 "), "{page}");
            let me = site.browser.get(actix.port, "/me");
            assert_eq!((&me["user"], &me["views"]), (&"alice".into(), &2.into()), "{me}");
            site.expires_in(&id, HOUR_MS);
            // The page wrote the session, with dates and ObjectIds as Express had them.
            let home = site.home();
            assert_eq!((&home["views"], &home["kinds"]), (&3.into(), &kinds), "{home}");
            assert_eq!(site.store_ids(), [id.as_str()], "{}", site.node.name);

            let cookie = site.browser.cookie().unwrap();
            site.browser.send(logs_out, "/logout", &[]);
            is_logged_out(&site, &actix, &cookie);
        }
    }
}

#[test]
fn who_logs_in_through_actix_is_logged_in_in_express_until_one_of_them_logs_out() {
    for (site, actix) in sites() {
        for logs_out in [site.express.port, actix.port] {
            assert!(actix.log_in(&site.browser, "bob"), "{}", site.node.name);
            let home = site.home();
            // The page to which the login leads is the first.
            assert_eq!((&home["user"], &home["views"]), (&"bob".into(), &2.into()), "{home}");
            let id = site.store_ids().pop().unwrap();
            site.expires_in(&id, HOUR_MS);
            assert_eq!(actix.me(&site.browser), "bob", "{}", site.node.name);
            assert_eq!(site.store_ids(), [id.as_str()], "{}", site.node.name);

            let cookie = site.browser.cookie().unwrap();
            site.browser.send(logs_out, "/logout", &[]);
            is_logged_out(&site, &actix, &cookie);
        }
    }
}
