//! `expire --hold` against applications that log the same user in again and again, through a step-down:
//! Express, and axum, on one collection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bson::doc;
use sessionctl::express_cookie::ExpressCookie;

use super::beside_axum::serve;
use super::{Browser, Express, NODE_STORES, Site};
use crate::axum_example::{KEY, app};
use crate::patience::limit;
use crate::rig::ReplicaSet;
use crate::support::{Db, LONG, becomes, now};

const HOUR: Duration = Duration::from_secs(3600);
/// What `--hold` says that it takes, outside elections.
const STATED: Duration = Duration::from_secs(1);

/// How many sessions of this user log somebody in.
fn live(site: &Site, user: &str) -> u64 {
    site.db.count("sessions", doc! { "session.user": user, "expiresAt": { "$gt": now() } })
}

#[test]
fn a_held_user_who_logs_in_again_and_again_is_never_in_for_longer_than_stated() {
    let set = ReplicaSet::start(3, &[]);
    let db = Db::on(&set.uri());
    let node = NODE_STORES[3];
    assert_eq!(node.layout, "express-mongodb-1");
    let store = db.store(node.layout);
    let express = Express::start(&db, node, Some(HOUR.as_millis() as i64));
    let site = Site { node, db, store, express, browser: Browser::new() };
    let cookie = ExpressCookie::new("the secret of today");
    let axum = serve(&site.db, app::router(site.store.clone(), cookie, HOUR, KEY).unwrap());
    site.log_in("bob");
    let bob = site.db.find("sessions", doc! { "session.user": "bob" });

    let audit = tempfile::NamedTempFile::new().unwrap();
    let audit = audit.path().to_str().unwrap();
    let hold = ["expire", "--user", "ann", "--hold", "1h", "--yes", "-o", "json", "--audit", audit];
    let mut hold = site.db.command(&hold).start();
    hold.await_said("within a second of its majority commit");

    let is_electing = AtomicBool::new(false);
    let (mut logins, mut longest) = (0, Duration::ZERO);
    std::thread::scope(|scope| {
        let mut stepping = None;
        for round in 0..12 {
            if round == 4 {
                is_electing.store(true, Ordering::SeqCst);
                stepping = Some(scope.spawn(|| {
                    set.step_down();
                    is_electing.store(false, Ordering::SeqCst);
                }));
            }
            if round == 8 {
                stepping.take().unwrap().join().unwrap();
            }
            let began_in_election = is_electing.load(Ordering::SeqCst);
            let browser = Browser::new();
            let is_in = match round % 2 {
                0 => browser.tries(site.express.port, "/login?user=ann", &[]),
                _ => browser.tries(axum, "/login", &[("user", "ann")]),
            };
            logins += u64::from(is_in);
            let since = Instant::now();
            becomes("ann was logged out", || live(&site, "ann"), |live| *live == 0);
            let took = since.elapsed();
            if !began_in_election && !is_electing.load(Ordering::SeqCst) && round != 8 {
                longest = longest.max(took);
            }
            assert!(took < limit(LONG), "{took:?}");
        }
    });
    assert!(longest < limit(STATED), "logged in for {longest:?}");
    assert!(logins >= 8, "{logins}");
    // Nobody else is touched.
    assert_eq!(site.db.find("sessions", doc! { "session.user": "bob" }), bob);
    assert_eq!(site.home()["user"], "bob");

    hold.signal("TERM");
    let run = hold.wait().exits(143);
    let report = run.json();
    let ann = site.db.count("sessions", doc! { "session.user": "ann" });
    assert!(ann >= logins && report["expired"].as_u64().unwrap() >= ann, "{ann} {run:?}");
    assert_eq!(report["reappeared"], report["expired"]);
    // The audit file says whose sessions they were.
    let written = std::fs::read_to_string(audit).unwrap();
    let users: Vec<_> = written.lines().filter(|line| line.contains("\"ann\"")).collect();
    assert!(users.len() as u64 > logins / 2 && !written.contains("\"bob\""), "{written}");
    site.db.sessionctl(&["audit", audit]).exits(0);
}
