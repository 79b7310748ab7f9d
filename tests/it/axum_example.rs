//! The axum application among the examples, which is express-mongodb's demo in Rust.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{Request, StatusCode};
use bson::doc;
use sessionctl::express_cookie::ExpressCookie;
use sessionctl::{Expiry, Store};
use tower::ServiceExt as _;

use crate::support::{Db, Program, at};

#[path = "../examples/axum/app.rs"]
pub mod app;
#[path = "../examples/axum/page.rs"]
mod page;

const SECRET: &str = "keyboard cat";
const MAX_AGE: Duration = Duration::from_secs(60);
pub const KEY: &[u8] = b"for tests, and long enough: 32 bytes";

/// A separate browser, with its cookie.
struct Browser<'a> {
    db: &'a Db,
    app: Router,
    cookie: Option<String>,
}

impl<'a> Browser<'a> {
    fn new(db: &'a Db, store: &Store) -> Self {
        Self {
            db,
            app: app::router(store.clone(), ExpressCookie::new(SECRET), MAX_AGE, KEY).unwrap(),
            cookie: None,
        }
    }

    fn send(&mut self, method: &str, path: &str, form: &str) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.body(Body::from(form.to_owned())).unwrap();
        let (status, sent, body) = self.db.runtime.block_on(async {
            let response = self.app.clone().oneshot(request).await.unwrap();
            let sent = response.headers().get(SET_COOKIE).cloned();
            let status = response.status();
            let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
            (status, sent, String::from_utf8(body.to_vec()).unwrap())
        });
        if let Some(sent) = sent {
            let sent = sent.to_str().unwrap();
            let is_removal = sent.contains("Max-Age=0");
            self.cookie = (!is_removal).then(|| sent.split(';').next().unwrap().to_owned());
        }
        (status, body)
    }

    fn me(&mut self) -> String {
        let (status, body) = self.send("GET", "/me", "");
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    fn logs_in(&mut self, user: &str) {
        let form = format!("user={}", user.replace('<', "%3C").replace('>', "%3E"));
        let (status, _) = self.send("POST", "/login", &form);
        assert_eq!(status, StatusCode::SEE_OTHER);
        assert!(self.me().contains(&format!(r#""user":"{user}""#)));
    }

    fn id(&self) -> String {
        ExpressCookie::new(SECRET).id([self.cookie.as_deref().unwrap()]).unwrap()
    }
}

const NOBODY: &str = r#"{"user":null,"views":null}"#;

#[test]
fn the_front_page_shows_the_stored_sessions_and_no_whole_id() {
    let db = Db::new();
    let store = db.store("express-mongodb-1");
    let (mut alice, mut bob) = (Browser::new(&db, &store), Browser::new(&db, &store));
    alice.logs_in("alice");
    bob.logs_in("<b>bob");
    let (_, page) = alice.send("GET", "/", "");
    assert!(page.contains("alice") && page.contains("&lt;b&gt;bob"), "{page}");
    for id in [alice.id(), bob.id()] {
        assert!(page.contains(&id[..12]) && !page.contains(&id), "{page}");
    }
    assert_eq!(db.count("sessions", doc! {}), 2);
}

#[test]
fn logging_in_changes_the_id_and_logging_out_deletes_the_session() {
    let db = Db::new();
    let store = db.store("express-mongodb-1");
    let mut browser = Browser::new(&db, &store);
    browser.send("GET", "/", "");
    let before = browser.id();
    browser.logs_in("alice");
    let id = browser.id();
    assert_ne!(id, before);
    assert_eq!(db.count("sessions", doc! { "_id": &before }), 0);
    let stored = db.one("sessions", "_id", &id);
    let left =
        stored.get_datetime("expiresAt").unwrap().timestamp_millis() - at(0).timestamp_millis();
    assert!((50_000..=60_000).contains(&left), "max age is a minute: {left}");

    let stolen = browser.cookie.clone();
    browser.send("POST", "/logout", "");
    assert_eq!((browser.cookie.as_ref(), db.count("sessions", doc! {})), (None, 0));
    browser.cookie = stolen;
    assert_eq!(browser.me(), NOBODY);
}

#[test]
fn logging_out_everywhere_ends_each_session_of_the_user_and_of_nobody_else() {
    let db = Db::new();
    let store = db.store("express-mongodb-1");
    let mut browsers = [(); 4].map(|()| Browser::new(&db, &store));
    let [first, second, alicia, over] = &mut browsers;
    first.logs_in("alice");
    second.logs_in("alice");
    alicia.logs_in("alicia");
    over.logs_in("zoe");
    db.runtime.block_on(store.touch(&over.id(), Expiry::At(at(-1)))).unwrap();
    first.send("POST", "/logout-everywhere", "");
    assert_eq!((first.me(), second.me()), (NOBODY.to_owned(), NOBODY.to_owned()));
    assert_eq!(over.me(), NOBODY, "its session is over");
    assert!(alicia.me().contains("alicia"));
    assert_eq!(db.count("sessions", doc! { "session.user": "alice" }), 0);
    assert_eq!(db.count("sessions", doc! {}), 2);
}

#[test]
fn a_request_under_way_does_not_log_in_again_who_logged_out() {
    let db = Db::new();
    let store = db.store("express-mongodb-1");
    let mut browser = Browser::new(&db, &store);
    browser.logs_in("alice");
    // A request has read the session, and is held up before it writes; meanwhile the user logs out.
    let update = doc! { "failCommands": ["update"], "blockConnection": true, "blockTimeMS": 1000 };
    let held = db.fail_commands(doc! { "times": 1 }, update);
    let me = std::thread::scope(|scope| {
        let request = scope.spawn(|| browser.me());
        held.wait(1);
        let sessions = db.collection("sessions");
        db.runtime.block_on(sessions.delete_many(doc! {}).into_future()).unwrap();
        request.join().unwrap()
    });
    assert_eq!(me, NOBODY);
    assert_eq!(db.count("sessions", doc! {}), 0);
}

#[test]
fn a_cookie_of_another_secret_is_nobodys() {
    let db = Db::new();
    let store = db.store("express-mongodb-1");
    let mut browser = Browser::new(&db, &store);
    browser.logs_in("alice");
    let forged = ExpressCookie::new("another secret").set(&browser.id());
    browser.cookie = Some(forged.stripped().to_string());
    assert_eq!(browser.me(), NOBODY);
}

#[test]
fn the_page_of_sessions_lists_both_browsers_and_signs_the_other_out() {
    let db = Db::new();
    let store = db.store("express-mongodb-1");
    let mut browsers = [(); 2].map(|()| Browser::new(&db, &store));
    let [here, there] = &mut browsers;
    assert_eq!(here.send("GET", "/sessions", "").0, StatusCode::SEE_OTHER, "not logged in");
    here.logs_in("alice");
    there.logs_in("alice");
    let (status, page) = here.send("GET", "/sessions", "");
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("2 sessions") && page.contains("This session"), "{page}");
    let token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let form = format!("token={token}");
    assert_eq!(here.send("POST", "/sessions/sign-out-others", &form).0, StatusCode::SEE_OTHER);
    assert_eq!(there.me(), NOBODY);
    assert!(here.me().contains("alice"));
}

/// Built first, however long that takes: where only this test is built, the example is not.
pub fn example(name: &str) -> Program {
    let arguments = |command| [command, "--locked", "--quiet", "--example", name];
    let built = Program::cargo(&arguments("build")).spawn().wait_with_output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Program::cargo(&arguments("run"))
}

#[test]
fn the_plain_example_runs() {
    let db = Db::new();
    let program = example("plain");
    let ran = program.env("SESSIONCTL_URI", &db.uri).run().exits(0);
    let ran = ran.prints("alice saw 1 page; logged in: true").prints("logged out elsewhere: 1");
    assert!(ran.stdout.ends_with("the phone is logged in: false\nsessions left: 0\n"));
}

#[test]
fn the_one_command_starts_it_on_a_throwaway_mongodb() {
    let program = example("axum");
    let mut running = program.env("PORT", "0").start();
    running.await_printed("http://");
    let printed = running.await_printed("\n");
    let address = printed.split("http://").nth(1).unwrap().split(' ').next().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET / HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("connect.sid=s%3A") && answer.contains("this one"), "{answer}");
    running.signal("INT");
    running.wait().exits(0);
}
