//! The axum example and an Express application on one collection, with one visitor whose jar of
//! cookies both see.

use std::time::Duration;

use axum::Router;
use sessionctl::express_cookie::ExpressCookie;
use tokio::net::TcpListener;

use super::{Browser, NODE_STORES, Site};
use crate::axum_example::{KEY, app};
use crate::support::Db;

/// What tests/node/server.js signs with, and what it signed with before.
const SECRETS: [&str; 2] = ["the secret of today", "the secret of yesterday"];
const MINUTE_MS: i64 = 60_000;

/// Serves until the runtime of `db` ends; the port.
pub fn serve(db: &Db, app: Router) -> u16 {
    let listener = db.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    db.runtime.spawn(async move { axum::serve(listener, app).await });
    port
}

/// An Express application, and the port of the axum one.
fn sites() -> impl Iterator<Item = (Site, u16)> {
    NODE_STORES.into_iter().map(|node| {
        let site = Site::new(node, Some(MINUTE_MS));
        let [today, yesterday] = SECRETS;
        let cookie = ExpressCookie::new(today).or(yesterday);
        let axum = serve(
            &site.db,
            app::router(site.store.clone(), cookie, Duration::from_millis(MINUTE_MS as u64), KEY)
                .unwrap(),
        );
        (site, axum)
    })
}

/// Whom an application takes the visitor for, and the how manyth view that is.
#[track_caller]
fn is(browser: &Browser, port: u16, path: &str, user: &str, views: i64) {
    let answer = browser.get(port, path);
    assert_eq!((&answer["user"], &answer["views"]), (&user.into(), &views.into()), "{path}");
}

#[test]
fn who_logs_in_through_express_is_logged_in_in_axum_until_one_of_them_logs_out() {
    for (site, axum) in sites() {
        let (express, browser) = (site.express.port, &site.browser);
        for logs_out in [axum, express] {
            let id = site.log_in("alice");
            let kinds = site.home()["kinds"].clone();
            is(browser, axum, "/me", "alice", 2);
            site.expires_in(&id, MINUTE_MS);
            let home = site.home();
            assert_eq!((&home["user"], &home["views"]), (&"alice".into(), &3.into()));
            // A Date is still one, and an ObjectId, where the store keeps them as such.
            assert_eq!(home["kinds"], kinds, "{}", site.node.name);
            let is_text = site.node.layout == "connect-mongo-json";
            assert_eq!(kinds[0], if is_text { "String" } else { "Date" }, "{}", site.node.name);
            assert_eq!(browser.post(express, "/touch")["user"], "alice");
            is(browser, axum, "/me", "alice", 4);
            assert_eq!(site.store_ids(), [id.as_str()], "{}", site.node.name);

            let cookie = browser.cookie().unwrap();
            browser.send(logs_out, "/logout", &[]);
            assert!(!site.store_ids().contains(&id), "{}", site.node.name);
            // Also with the cookie that it had.
            browser.set_cookie(&cookie);
            for (port, path) in [(axum, "/me"), (express, "/")] {
                assert!(browser.get(port, path)["user"].is_null(), "{}", site.node.name);
            }
            assert!(!site.store_ids().contains(&id), "{}: it came back", site.node.name);
            site.db.runtime.block_on(site.store.clear()).unwrap();
        }
    }
}

#[test]
fn who_logs_in_through_axum_is_logged_in_in_express_until_one_of_them_logs_out() {
    for (site, axum) in sites() {
        let (express, browser) = (site.express.port, &site.browser);
        for logs_out in [express, axum] {
            browser.send(axum, "/login", &[("user", "bob")]);
            // The page that the login leads to is the first.
            is(browser, express, "/", "bob", 2);
            let id = site.store_ids().pop().unwrap();
            site.expires_in(&id, MINUTE_MS);
            is(browser, axum, "/me", "bob", 3);
            assert_eq!(browser.post(express, "/touch")["user"], "bob");
            site.expires_in(&id, MINUTE_MS);
            is(browser, express, "/", "bob", 4);
            assert_eq!(site.store_ids(), [id.as_str()], "{}", site.node.name);

            browser.send(logs_out, "/logout", &[]);
            assert!(!site.store_ids().contains(&id), "{}", site.node.name);
            for (port, path) in [(axum, "/me"), (express, "/")] {
                assert!(browser.get(port, path)["user"].is_null(), "{}", site.node.name);
            }
            site.db.runtime.block_on(site.store.clear()).unwrap();
        }
    }
}

#[test]
fn logging_out_everywhere_in_axum_ends_the_sessions_of_express() {
    for (site, axum) in sites() {
        let (express, other, bob) = (site.express.port, Browser::new(), Browser::new());
        other.post(express, "/login?user=alice");
        bob.post(express, "/login?user=bob");
        site.browser.send(axum, "/login", &[("user", "alice")]);
        site.browser.send(axum, "/logout-everywhere", &[]);
        for browser in [&site.browser, &other] {
            assert!(browser.get(express, "/")["user"].is_null(), "{}", site.node.name);
        }
        is(&bob, express, "/", "bob", 1);
    }
}

#[test]
fn a_cookie_signed_with_yesterdays_secret_counts_on_both_sides() {
    for (site, axum) in sites() {
        let id = site.log_in("alice");
        site.hand_over(&id, 1);
        is(&site.browser, axum, "/me", "alice", 1);
        site.hand_over(&id, 1);
        is(&site.browser, site.express.port, "/", "alice", 2);
    }
}
