//! Flask and Django with Python's session stores: `sessionctl` logs out exactly the selected users.

use bson::{Document, doc};
use serde_json::Value;

use crate::express::Browser;
use crate::stores::quiet_uri;
use crate::support::{Db, Run, Tool, now};

/// An application of tests/python, with two browsers of one user and one of another.
struct Site {
    db: Db,
    collection: &'static str,
    port: u16,
    alice: [Browser; 2],
    bob: Browser,
    _application: Tool,
}

impl Site {
    /// On a server without a TTL monitor, because the store must refuse expired sessions.
    fn start(name: &str, collection: &'static str) -> Self {
        Self::with("python-server", name, collection)
    }

    /// The same with the packages of that tool.
    fn with(tool: &str, name: &str, collection: &'static str) -> Self {
        let db = Db::on(&quiet_uri());
        let mut application = Tool::start(tool, &[name, &db.server, &db.name]);
        let port = application.line().parse().unwrap();
        let alice = [Browser::new(), Browser::new()];
        let bob = Browser::new();
        Self { db, collection, port, alice, bob, _application: application }
    }

    fn log_in(&self, browser: &Browser, user: &str) -> Value {
        let answer = browser.post(self.port, &format!("/login?user={user}"));
        self.is(browser, Some(user), 1);
        answer
    }

    /// Whom the application takes a browser for, on the how manyth page of that session.
    #[track_caller]
    fn is(&self, browser: &Browser, user: Option<&str>, views: u64) {
        let page = browser.get(self.port, "/");
        assert_eq!((page["user"].as_str(), page["views"].as_u64()), (user, Some(views)), "{page}");
    }

    /// Both of alice's browsers are logged out, bob is not, and she can log in again.
    #[track_caller]
    fn only_alice_is_logged_out(&self, views_of_bob: u64) {
        for browser in &self.alice {
            self.is(browser, None, 1);
            self.is(browser, None, 2);
        }
        self.is(&self.bob, Some("bob"), views_of_bob);
        self.bob.post(self.port, "/login?user=bob");
        self.alice[0].post(self.port, "/login?user=alice");
        assert_eq!(self.alice[0].get(self.port, "/")["user"], "alice");
    }

    fn ends(&self, command: &str, user: &str) -> Run {
        let selection = ["--user", user, "--yes"];
        let of = ["-c", self.collection, "-o", "json"];
        self.db.sessionctl(&[&[command], &selection[..], &of].concat())
    }

    fn sessions(&self, filter: Document) -> Vec<Document> {
        self.db.find(self.collection, filter)
    }
}

/// Flask-Session 0.8 serves a session whatever its expiration says.
#[test]
fn who_is_logged_in_through_flask_login_is_logged_out_by_purge_and_expire_claims_nothing() {
    let site = Site::start("flask_site", "sessions");
    site.alice.iter().for_each(|browser| drop(site.log_in(browser, "alice")));
    site.log_in(&site.bob, "bob");
    let before = site.sessions(doc! {});
    assert_eq!(before.len(), 3);

    site.ends("expire", "alice").exits(1).says("sessionctl purge");
    assert_eq!(site.sessions(doc! {}), before);
    site.alice.iter().for_each(|browser| site.is(browser, Some("alice"), 2));

    let report = site.ends("purge", "alice").exits(0).json();
    assert_eq!(report["deleted"], 2, "{report}");
    assert_eq!(site.sessions(doc! {}).len(), 1);
    site.only_alice_is_logged_out(2);
}

/// 0.5 writes pickles, which 0.8 reads for the time being and then no more.
#[test]
fn who_is_logged_in_through_flask_session_0_5_is_logged_in_after_a_copy_for_0_8() {
    let old = Site::with("python-server-flask-session-0.5", "flask_site", "sessions");
    old.alice.iter().for_each(|browser| drop(old.log_in(browser, "alice")));
    old.log_in(&old.bob, "bob");
    let new = Site::start("flask_site", "sessions");
    let arguments =
        ["copy", "--to-db", &new.db.name, "--to-layout", "flask-session", "--yes", "-o", "json"];
    let report = old.db.sessionctl(&arguments).exits(0).json();
    assert_eq!((&report["copied"], &report["lost"]), (&3.into(), &0.into()), "{report}");
    for (browser, user) in old.alice.iter().map(|own| (own, "alice")).chain([(&old.bob, "bob")]) {
        let page = browser.get(new.port, "/");
        assert_eq!((&page["user"], &page["views"]), (&user.into(), &2.into()), "{page}");
    }
    let stored = new.sessions(doc! {});
    let is_pickle = |document: &Document| document.get_binary_generic("val").unwrap()[0] == 0x80;
    assert!(stored.len() == 3 && !stored.iter().any(is_pickle), "{stored:?}");
    // The old site goes on meanwhile.
    old.is(&old.bob, Some("bob"), 2);
}

/// A session of Django knows the user by the id of the user's document.
#[test]
fn who_is_logged_in_through_django_is_logged_out_by_expire() {
    let site = Site::start("django_site", "django_session");
    let [one, two] = &site.alice;
    let id = site.log_in(one, "alice")["id"].as_str().unwrap().to_owned();
    assert_eq!(site.log_in(two, "alice")["id"], id);
    site.log_in(&site.bob, "bob");

    let report = site.ends("expire", &id).exits(0).json();
    assert_eq!(report["expired"], 2, "{report}");
    assert_eq!(site.sessions(doc! {}).len(), 3);
    assert_eq!(site.sessions(doc! { "expire_date": { "$lt": now() } }).len(), 2);
    site.only_alice_is_logged_out(2);
}
