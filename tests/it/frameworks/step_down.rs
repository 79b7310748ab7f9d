//! Log-ins through both frameworks, and through Express on the same collection, while the primary of
//! a replica set steps down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bson::doc;
use sessionctl::express_cookie::ExpressCookie;

use super::axum_login::app;
use super::{PASSWORD, accounts, shared_store};
use crate::axum_example::KEY;
use crate::express::beside_axum::serve;
use crate::express::{Browser, Express, NODE_STORES};
use crate::rig::ReplicaSet;
use crate::support::{Db, becomes};

/// An application, and those who logged in to it.
struct Site {
    port: u16,
    /// Where it says who is logged in.
    me: &'static str,
    /// Express accepts any name without one.
    has_passwords: bool,
    began: AtomicBool,
}

impl Site {
    fn new(port: u16, me: &'static str, has_passwords: bool) -> Self {
        Self { port, me, has_passwords, began: AtomicBool::new(false) }
    }

    fn log_in(&self, browser: &Browser, user: &str) -> bool {
        if self.has_passwords {
            browser.tries(self.port, "/login", &[("user", user), ("password", PASSWORD)])
        } else {
            browser.tries(self.port, &format!("/login?user={user}"), &[])
        }
    }

    #[track_caller]
    fn is(&self, browser: &Browser, user: Option<&str>) {
        let answer = browser.get(self.port, self.me);
        assert_eq!(answer["user"].as_str(), user, "{} of {}", self.me, self.port);
    }

    /// Logs in one user after the other until it may end, and a few more. Everybody whose log-in
    /// succeeded is logged in afterwards. Their browsers.
    fn log_in_until(&self, ends: &AtomicBool) -> Vec<Browser> {
        let (mut browsers, mut failed, mut more) = (Vec::new(), 0, 5);
        while more > 0 && browsers.len() < 2000 {
            let browser = Browser::new();
            if self.log_in(&browser, &format!("user-{}", browsers.len())) {
                browsers.push(browser);
                if ends.load(Ordering::Relaxed) {
                    more -= 1;
                }
            } else {
                failed += 1;
                // The driver repeats a write once, which an election may outlast.
                assert!(failed <= 10, "after {} log-ins", browsers.len());
            }
            self.began.store(true, Ordering::Relaxed);
        }
        for (number, browser) in browsers.iter().enumerate() {
            self.is(browser, Some(&format!("user-{number}")));
        }
        browsers
    }
}

#[test]
fn who_logs_in_during_a_step_down_is_logged_in_afterwards_and_can_log_out_everywhere() {
    let set = ReplicaSet::start(3, &[]);
    let db = Db::on(&set.uri());
    let node = NODE_STORES.into_iter().find(|node| node.name == "express-mongodb-1").unwrap();
    let mut patient = Db::on(&set.uri());
    patient.name.clone_from(&db.name);
    patient.uri.push_str("&serverSelectionTimeoutMS=20000");
    let store = shared_store(&patient, node.layout);
    let express = Express::start(&db, node, Some(3_600_000));
    let actix = super::actix::Served::start(&store, ExpressCookie::new("a secret of its own"));
    let axum = serve(&db, app::router(store, accounts(), "auth", KEY).unwrap());
    let sites = [
        Site::new(axum, "/me", true),
        Site::new(actix.port, "/me", true),
        Site::new(express.port, "/", false),
    ];
    let ends = AtomicBool::new(false);
    let browsers = thread::scope(|scope| {
        let log_ins = sites.each_ref().map(|site| scope.spawn(|| site.log_in_until(&ends)));
        let began = || sites.each_ref().map(|site| site.began.load(Ordering::Relaxed));
        becomes("all log in", began, |began| *began == [true; 3]);
        set.step_down();
        ends.store(true, Ordering::Relaxed);
        log_ins.map(|log_ins| log_ins.join().unwrap())
    });

    let stored = |user: &str| {
        let places = [doc! { "session.auth.user_id": user }, doc! { "session.user": user }];
        db.count("sessions", doc! { "$or": places.to_vec() })
    };
    // A log-in that failed may have left a session.
    assert!(stored("user-0") >= 3 && stored("user-1") >= 3);
    let [first, ..] = &browsers;
    first[0].send(axum, "/logout-everywhere", &[]);
    assert_eq!(stored("user-0"), 0);
    for (site, browsers) in sites.iter().zip(&browsers) {
        site.is(&browsers[0], None);
        site.is(&browsers[1], Some("user-1"));
    }
}
