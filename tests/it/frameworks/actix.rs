//! actix-session 0.11: the example, which logs in and out, and each method of its store.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use actix_session::storage::{LoadError, SaveError, SessionStore};
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, CookieJar, Key};
use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::rt::System;
use actix_web::test::{TestRequest, init_service, try_call_service};
use actix_web::web::get;
use actix_web::{App, HttpResponse, HttpServer};
use bson::doc;
use sessionctl::express_cookie::ExpressCookie;
use sessionctl::{Expiry, Store};

use super::{PASSWORD, accounts, page};
use crate::express::Browser;
use crate::support::{Db, LAYOUTS, at, session, with};

#[path = "../../examples/actix/app.rs"]
mod app;
#[path = "../../examples/actix/express.rs"]
mod express;

const HOUR: Duration = Duration::HOUR;

/// The example, served until this is dropped.
pub struct Served {
    pub port: u16,
    handle: ServerHandle,
}

impl Served {
    /// With the cookie of an Express application.
    pub fn start(store: &Store, express: ExpressCookie) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (store, express) = (store.clone(), Some(express));
        let site = app::Site { store, accounts: accounts(), key: Key::from(&[7; 64]), express };
        let (sends, receives) = mpsc::channel();
        thread::spawn(move || {
            System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    let site = site.clone();
                    App::new().configure(|config| app::configure(config, site))
                });
                let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
                sends.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Self { port, handle: receives.recv().unwrap() }
    }

    /// The user who is logged in, or nobody.
    #[track_caller]
    pub fn me(&self, browser: &Browser) -> String {
        browser.get(self.port, "/me")["user"].as_str().unwrap_or_default().to_owned()
    }

    pub fn log_in(&self, browser: &Browser, user: &str) -> bool {
        browser.tries(self.port, "/login", &[("user", user), ("password", PASSWORD)])
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // The command is sent before there is anything to wait for.
        drop(self.handle.stop(false));
    }
}

fn open(db: &Db, layout: &str) -> Store {
    let builder = Store::builder().uri(&db.uri).database(&db.name).collection("sessions");
    db.runtime.block_on(builder.layout(layout).user_path("user").open()).unwrap().0
}

#[test]
fn an_actix_application_logs_in_and_out_and_out_everywhere() {
    for (layout, ..) in LAYOUTS.iter().filter(|(layout, ..)| *layout != "tower-sessions") {
        let db = Db::new();
        let site = Served::start(&open(&db, layout), ExpressCookie::new("the secret of today"));
        let browsers: [Browser; 3] = std::array::from_fn(|_| Browser::new());
        let [first, second, other] = &browsers;
        assert_eq!(site.me(first), "", "{layout}");
        assert!(first.page(site.port, "/").contains(r#"name="password""#), "{layout}");
        let wrong = [("user", "asa"), ("password", "another")];
        assert!(!first.tries(site.port, "/login", &wrong), "{layout}");
        assert_eq!(db.count("sessions", doc! {}), 0, "{layout}");
        for (browser, name) in [(first, "asa"), (second, "asa"), (other, "bo")] {
            assert!(site.log_in(browser, name), "{layout}");
            assert_eq!(site.me(browser), name, "{layout}");
        }
        assert_eq!(db.count("sessions", doc! {}), 3, "{layout}");
        let page = first.page(site.port, "/");
        assert!(page.contains("<strong>asa</strong>, logged in with 2 "), "{layout}: {page}");
        let before = first.cookie().unwrap();
        first.send(site.port, "/logout", &[]);
        assert_eq!((first.cookie(), db.count("sessions", doc! {})), (None, 2), "{layout}");
        first.set_cookie(&before);
        assert_eq!(site.me(first), "", "{layout}: with the old cookie");
        assert!(site.log_in(first, "asa"), "{layout}");
        first.send(site.port, "/logout-everywhere", &[]);
        for (browser, name) in [(first, ""), (second, ""), (other, "bo")] {
            assert_eq!(site.me(browser), name, "{layout}");
        }
        assert_eq!(db.count("sessions", doc! {}), 1, "{layout}");
    }
}

fn state(entries: &[(&str, &str)]) -> HashMap<String, String> {
    entries.iter().map(|(key, json)| ((*key).to_owned(), (*json).to_owned())).collect()
}

#[test]
fn each_method_of_the_store_does_what_actix_session_expects_and_nobody_comes_back() {
    for (layout, id, expires) in LAYOUTS.iter().filter(|(layout, ..)| *layout != "tower-sessions") {
        let db = Db::new();
        let store = open(&db, layout);
        let entries = state(&[("user", r#""asa""#), ("cart", r#"{"items":["TEE"],"n":2}"#)]);
        let key = db.runtime.block_on(store.save(entries.clone(), &HOUR)).unwrap();
        let load = |key: &_| {
            let mut state = db.runtime.block_on(store.load(key)).unwrap()?;
            state.remove("cookie");
            Some(state)
        };
        assert_eq!(load(&key), Some(entries), "{layout}");
        let life = |seconds: i64| {
            let expires = *db.one("sessions", id, key.as_ref()).get_datetime(expires).unwrap();
            let left = expires.timestamp_millis() - at(0).timestamp_millis();
            (seconds * 1000 - 60_000..=seconds * 1000).contains(&left)
        };
        assert!(life(3600), "{layout}");
        db.runtime.block_on(store.update_ttl(&key, &(HOUR * 2))).unwrap();
        assert!(life(7200), "{layout}");

        let changed = state(&[("user", "42")]);
        let same = key.as_ref().to_owned().try_into().unwrap();
        let same = db.runtime.block_on(store.update(same, changed.clone(), &HOUR)).unwrap();
        assert_eq!((same.as_ref(), load(&key)), (key.as_ref(), Some(changed.clone())), "{layout}");
        assert!(life(3600), "{layout}");

        db.runtime.block_on(SessionStore::delete(&store, &key)).unwrap();
        assert_eq!(load(&key), None, "{layout}");
        // A request that was in flight.
        db.runtime.block_on(store.update(same, changed, &HOUR)).unwrap();
        db.runtime.block_on(store.update_ttl(&key, &HOUR)).unwrap();
        db.runtime.block_on(SessionStore::delete(&store, &key)).unwrap();
        assert_eq!(db.count("sessions", doc! {}), 0, "{layout}");
    }
}

#[test]
fn what_is_over_what_express_wrote_and_what_is_no_session_of_actix() {
    let db = Db::new();
    let store = open(&db, "express-mongodb-1");
    let of_express = doc! { "cookie": { "path": "/" }, "user": "asa", "views": 3, "seen": at(0) };
    let document = session("express-mongodb-1", "of-express", at(60));
    db.insert("sessions", [with(document, doc! { "session": of_express.clone() })]);
    let key = "of-express".to_owned().try_into().unwrap();
    let loaded = db.runtime.block_on(store.load(&key)).unwrap().unwrap();
    assert_eq!((&*loaded["user"], &*loaded["views"]), (r#""asa""#, "3"));
    let key = db.runtime.block_on(store.update(key, loaded, &HOUR)).unwrap();
    let updated = db.one("sessions", "_id", "of-express");
    assert_eq!(updated.get_document("session").unwrap(), &of_express, "with the types of BSON");

    db.runtime.block_on(store.touch("of-express", Expiry::At(at(-1)))).unwrap();
    assert!(db.runtime.block_on(store.load(&key)).unwrap().is_none());
    let refused = db.runtime.block_on(store.save(state(&[("user", "asa")]), &HOUR));
    assert!(matches!(refused, Err(SaveError::Serialization(_))), "no JSON");
    let too_large = state(&[("n", "18446744073709551615")]);
    let refused = db.runtime.block_on(store.save(too_large, &HOUR));
    assert!(matches!(refused, Err(SaveError::Serialization(_))), "no number of BSON");
    assert_eq!(db.ids("sessions"), ["of-express"]);
}

/// After `LoadError::Deserialization`, the middleware keeps the key with an empty state, and would
/// overwrite the session.
#[test]
fn a_session_that_cannot_be_decoded_is_an_error_and_stays_as_it_is() {
    let db = Db::new();
    let store = open(&db, "connect-mongo-json");
    let encrypted = r#"{"hmac":"5f2d","ct":"8c1f","at":"00","aad":"00"}"#;
    for (id, payload) in [("encrypted", encrypted), ("of-php", "user|s:3:\"asa\";")] {
        let document = session("connect-mongo-json", id, at(600));
        db.insert("sessions", [with(document, doc! { "session": payload })]);
        let before = db.one("sessions", "_id", id);
        if id == "of-php" {
            let key = id.to_owned().try_into().unwrap();
            let refused = db.runtime.block_on(store.load(&key));
            assert!(matches!(refused, Err(LoadError::Other(_))), "{refused:?}");
        }
        let status = System::new().block_on(async {
            let key = Key::from(&[7; 64]);
            let views = |session: Session| async move {
                session.insert("views", 1).unwrap();
                HttpResponse::Ok().finish()
            };
            let middleware = SessionMiddleware::new(store.clone(), key.clone());
            let app = App::new().wrap(middleware).route("/", get().to(views));
            let app = init_service(app).await;
            let mut jar = CookieJar::new();
            jar.private_mut(&key).add(Cookie::new("id", id));
            let cookie = jar.get("id").unwrap().clone();
            let request = TestRequest::get().uri("/").cookie(cookie).to_request();
            match try_call_service(&app, request).await {
                Ok(response) => response.status(),
                Err(error) => error.as_response_error().status_code(),
            }
        });
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{id}");
        assert_eq!(db.one("sessions", "_id", id), before, "{id}");
    }
    assert_eq!(db.count("sessions", doc! {}), 2);
}
