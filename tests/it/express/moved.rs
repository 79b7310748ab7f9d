//! A site moves with `copy --follow`, from one server to another and from connect-mongo's JSON to its
//! object layout, while its users log in, come back and log out: nobody is logged out who did not ask
//! for it, and no log-out is undone.
//!
//! `SESSIONCTL_LONG_TESTS=1` moves a site of 1,000 users, with a step-down of each side, and the copy is
//! killed three times.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use bson::doc;

use super::{Browser, Express, HOUR_MS, NODE_STORES, address};
use crate::oracle::is_long;
use crate::rig::ReplicaSet;
use crate::support::{Db, Running, becomes, eventually};

const LAYOUT: &str = "express-session-object";
/// They make 50 requests a second together.
const THREADS: usize = 5;
const PAUSE: Duration = Duration::from_millis(100);

/// A browser, and what it must see.
struct Client {
    name: String,
    browser: Browser,
    is_in: bool,
    /// The cookies with which it logged out.
    ended: Vec<String>,
    random: u64,
}

impl Client {
    fn new(number: usize) -> Self {
        let random = number as u64 + 1;
        let (browser, name) = (Browser::new(), format!("user{number}"));
        Self { name, browser, is_in: false, ended: Vec::new(), random }
    }

    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.random >> 33
    }

    /// Logs in or out, or comes back as who it is.
    fn acts(&mut self, port: u16) {
        match (self.is_in, self.random() % 4) {
            (true, 0) => self.logs_out(port),
            (false, 0 | 1) => self.logs_in(port),
            _ => self.is_known(port),
        }
    }

    fn logs_in(&mut self, port: u16) {
        self.repeats(port, &format!("/login?user={}", self.name));
        self.is_in = true;
    }

    fn logs_out(&mut self, port: u16) {
        let cookie = self.browser.cookie().unwrap();
        self.repeats(port, "/logout");
        self.ended.push(cookie);
        self.is_in = false;
    }

    /// Until it went well: the database may be between two primaries.
    fn repeats(&self, port: u16, path: &str) {
        eventually(path, || self.browser.tries(port, path, &[]));
    }

    /// The site takes it for whom it is.
    fn is_known(&self, port: u16) {
        let seen = who(&self.browser, port);
        let wanted = self.is_in.then(|| self.name.clone());
        assert_eq!(seen, wanted, "{} on {port}", self.name);
    }
}

/// Whom the site takes a browser for, once it answers.
fn who(browser: &Browser, port: u16) -> Option<String> {
    let mut user = None;
    eventually("the site answered", || {
        let Ok(mut response) = browser.agent.get(address(port, "/")).call() else { return false };
        let body = response.body_mut().read_to_string().unwrap_or_default();
        let page = serde_json::from_str::<serde_json::Value>(&body);
        let is_page = response.status() == 200 && page.is_ok();
        if let Ok(page) = page {
            user = page["user"].as_str().map(str::to_owned);
        }
        is_page
    });
    user
}

/// Begins to copy, and waits until everything was copied.
fn follow(old: &Db, new: &Db) -> Running {
    let layouts = ["--layout", "connect-mongo-json", "--to-layout", LAYOUT];
    let to = ["copy", "--follow", "--to-uri", &new.uri, "--to-db", &new.name, "--yes", "-q"];
    let mut copy = old.command(&[&to[..], &layouts].concat()).start();
    copy.await_signals();
    copy
}

fn kill(mut copy: Running) {
    copy.child().kill().unwrap();
    copy.wait();
}

/// Waits until both sides agree, by `copy --check`.
fn agree(old: &Db, new: &Db) {
    let layouts = ["--layout", "connect-mongo-json", "--to-layout", LAYOUT];
    let check = ["copy", "--check", "--to-uri", &new.uri, "--to-db", &new.name, "-q"];
    let check = [&check[..], &layouts].concat();
    let run = || old.sessionctl(&check);
    becomes("both sides agree", run, |run| run.code == Some(0));
}

#[test]
fn a_site_moves_while_its_users_log_in_and_out() {
    let members = if is_long() { 3 } else { 1 };
    let (users, requests) = if is_long() { (1000, 1000) } else { (50, 60) };
    let sides = [ReplicaSet::start(members, &[]), ReplicaSet::start(members, &[])];
    let [old, new] = [&sides[0], &sides[1]].map(|side| Db::on(&side.uri()));
    let named = |name: &str| NODE_STORES.into_iter().find(|store| store.name == name).unwrap();
    let old_site = Express::start(&old, named("connect-mongo-json"), Some(HOUR_MS));
    let new_site = Express::start(&new, named("connect-mongo-object"), Some(HOUR_MS));
    let mut clients: Vec<_> = (0..users).map(Client::new).collect();
    thread::scope(|scope| {
        for some in clients.chunks_mut(users.div_ceil(THREADS)) {
            scope.spawn(|| some.iter_mut().for_each(|client| client.logs_in(old_site.port)));
        }
    });
    let copy = follow(&old, &new);
    let (port, is_over) = (AtomicU16::new(old_site.port), AtomicBool::new(false));
    // While it is set, nobody makes a request, and the others wait for those under way.
    let (is_held, under_way, made) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let copy = thread::scope(|scope| {
        let mut copy = copy;
        for some in clients.chunks_mut(users.div_ceil(THREADS)) {
            scope.spawn(|| {
                let mut turn = 0;
                while !is_over.load(Ordering::SeqCst) {
                    under_way.fetch_add(1, Ordering::SeqCst);
                    if !is_held.load(Ordering::SeqCst) {
                        turn = (turn + 7) % some.len();
                        some[turn].acts(port.load(Ordering::SeqCst));
                        made.fetch_add(1, Ordering::SeqCst);
                    }
                    under_way.fetch_sub(1, Ordering::SeqCst);
                    thread::sleep(PAUSE);
                }
            });
        }
        // A failure of this thread ends the others, too.
        let ends = Ends(&is_over);
        let more = |requests: u64| {
            let target = made.load(Ordering::SeqCst) + requests;
            becomes("requests were made", || made.load(Ordering::SeqCst), |made| *made >= target);
        };
        more(requests / 2);
        for side in sides.iter().take(if is_long() { 2 } else { 1 }) {
            kill(copy);
            more(requests / 4);
            copy = follow(&old, &new);
            if is_long() {
                side.step_down();
            }
            more(requests / 4);
        }
        is_held.store(true, Ordering::SeqCst);
        let count = || under_way.load(Ordering::SeqCst);
        becomes("no request is under way", count, |count| *count == 0);
        agree(&old, &new);
        port.store(new_site.port, Ordering::SeqCst);
        is_held.store(false, Ordering::SeqCst);
        more(requests / 2);
        if is_long() {
            kill(copy);
            more(requests / 4);
            copy = follow(&old, &new);
        }
        more(requests / 2);
        drop(ends);
        copy
    });
    // Whatever the old site does from now on, and what a copy that begins anew makes of it, concerns nobody.
    kill(copy);
    let mut copy = follow(&old, &new);
    old.insert("sessions", [crate::support::connect_mongo("the-last-one", crate::support::at(60))]);
    let last = doc! { "_id": "the-last-one" };
    becomes("the last one came", || new.count("sessions", last.clone()), |count| *count == 1);
    let stranger = Browser::new();
    let mut ended = 0;
    for client in &clients {
        client.is_known(new_site.port);
        for cookie in &client.ended {
            stranger.set_cookie(cookie);
            assert_eq!(who(&stranger, new_site.port), None, "{} logged out", client.name);
            ended += 1;
        }
    }
    assert!(ended > 5, "{ended}");
    copy.signal("TERM");
    copy.wait().exits(0);
}

/// Ends the others when it is dropped.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
