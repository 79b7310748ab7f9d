//! Log-ins of both frameworks while the primary of a replica set steps down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use actix_web::test::TestRequest;
use sessionctl::Store;

use super::{actix, axum_login};
use crate::rig::ReplicaSet;
use crate::support::{Db, becomes};

/// Logs in one user after the other until it may end, and a few more; the number of log-ins that
/// failed. Everybody whose log-in succeeded is logged in afterwards.
fn log_in_until(
    ends: &AtomicBool,
    mut log_in: impl FnMut(&str) -> bool,
    mut me: impl FnMut(usize) -> String,
) -> usize {
    let (mut users, mut failed, mut more) = (Vec::new(), 0, 5);
    while more > 0 && users.len() + failed < 2000 {
        let user = format!("user-{}", users.len());
        if log_in(&user) {
            users.push(user);
            if ends.load(Ordering::Relaxed) {
                more -= 1;
            }
        } else {
            failed += 1;
        }
    }
    for (at, user) in users.iter().enumerate() {
        assert_eq!(me(at), *user, "of {}", users.len());
    }
    failed
}

#[test]
fn who_logs_in_during_a_step_down_is_logged_in_afterwards() {
    let set = ReplicaSet::start(3, &[]);
    let db = Db::on(&set.uri());
    let uri = format!("{}&serverSelectionTimeoutMS=20000", db.uri);
    let builder = Store::builder().uri(&uri).database(&db.name).collection("sessions");
    let builder = builder.user_path("user").ttl_index(true);
    let (store, _) = db.runtime.block_on(builder.open()).unwrap();
    let ends = AtomicBool::new(false);
    let began = [const { AtomicBool::new(false) }; 2];
    thread::scope(|scope| {
        let axum = scope.spawn(|| {
            let app = axum_login::app(store.clone(), Some("auth"));
            let browsers = std::cell::RefCell::new(Vec::new());
            let log_in = |user: &str| {
                let mut browser = axum_login::Browser::new(&db, &app);
                let done = browser.log_in(user) == 200;
                began[0].store(true, Ordering::Relaxed);
                browsers.borrow_mut().extend(done.then_some(browser));
                done
            };
            log_in_until(&ends, log_in, |at| browsers.borrow_mut()[at].me())
        });
        let actix = scope.spawn(|| {
            let mut failed = 0;
            actix::with_app(&store, |asks| {
                let cookies = std::cell::RefCell::new(Vec::new());
                let log_in = |user: &str| {
                    let mut cookie = None;
                    let done = asks(&mut cookie, actix::login_of(user)).0 == 200;
                    began[1].store(true, Ordering::Relaxed);
                    cookies.borrow_mut().extend(done.then_some(cookie));
                    done
                };
                let me =
                    |at: usize| asks(&mut cookies.borrow_mut()[at], TestRequest::get().uri("/")).1;
                failed = log_in_until(&ends, log_in, me);
            });
            failed
        });
        becomes(
            "both log in",
            || began.each_ref().map(|it| it.load(Ordering::Relaxed)),
            |it| *it == [true; 2],
        );
        set.step_down();
        ends.store(true, Ordering::Relaxed);
        let failed = [axum.join().unwrap(), actix.join().unwrap()];
        // The driver repeats a write once, which an election may outlast.
        assert!(failed.iter().all(|failed| *failed <= 10), "{failed:?}");
    });
}
