//! tower-sessions' own tests of a store (`tests/common/mod.rs` of tower-sessions-stores, which is not
//! published), on its middleware and our store, in every layout.

use std::convert::Infallible;
use std::time::Duration as Pause;

use bson::doc;
use http::header::{COOKIE, SET_COOKIE};
use http::{Request, Response};
use sessionctl::Store;
use time::Duration;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_sessions::{Expiry, Session, SessionManagerLayer};

use crate::support::{Db, LAYOUTS};

const HOUR: Option<Duration> = Some(Duration::HOUR);

/// What the suite's routes do with the session.
async fn route(request: Request<String>) -> Result<Response<String>, Infallible> {
    let session = request.extensions().get::<Session>().unwrap();
    let body = match request.uri().path() {
        "/insert" => session.insert("foo", 42).await.map(|()| String::new()),
        "/get" => session.get::<u64>("foo").await.map(|value| value.unwrap().to_string()),
        "/get_value" => session.get_value("foo").await.map(|value| format!("{value:?}")),
        "/remove" => session.remove::<u64>("foo").await.map(|_| String::new()),
        "/cycle_id" => session.cycle_id().await.map(|()| String::new()),
        "/flush" => session.flush().await.map(|()| String::new()),
        _ => Ok("Hello, world!".to_owned()),
    };
    Ok(Response::new(body.unwrap()))
}

/// A request, with the cookie that the answer before it set.
struct Browser<'a> {
    db: &'a Db,
    store: Store,
    max_age: Option<Duration>,
    /// The value of the cookie.
    id: String,
    /// The last answer's `Set-Cookie`.
    set: Option<String>,
}

impl Browser<'_> {
    fn asks(&mut self, path: &str) -> String {
        let mut layer = SessionManagerLayer::new(self.store.clone());
        if let Some(max_age) = self.max_age {
            layer = layer.with_expiry(Expiry::OnInactivity(max_age));
        }
        let mut request = Request::builder().uri(path);
        if !self.id.is_empty() {
            request = request.header(COOKIE, format!("id={}", self.id));
        }
        let request = request.body(String::new()).unwrap();
        let service = layer.layer(service_fn(route));
        let answer = self.db.runtime.block_on(service.oneshot(request)).unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        self.set = answer.headers().get(SET_COOKIE).map(|set| set.to_str().unwrap().to_owned());
        if let Some(set) = &self.set {
            let pair = set.split(';').next().unwrap();
            self.id = pair.strip_prefix("id=").unwrap().to_owned();
        }
        answer.into_body()
    }
}

/// In each layout, on a database of its own.
fn in_every_layout(max_age: Option<Duration>, test: impl Fn(&mut Browser<'_>)) {
    for (layout, ..) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        test(&mut Browser { db: &db, store, max_age, id: String::new(), set: None });
    }
}

#[test]
fn a_visitor_who_stores_nothing_has_no_session() {
    in_every_layout(HOUR, |browser| {
        assert_eq!(browser.asks("/"), "Hello, world!");
        assert_eq!(browser.set, None);
        assert_eq!(browser.db.count("sessions", doc! {}), 0);
    });
}

#[test]
fn an_id_that_the_visitor_made_up_is_not_taken() {
    in_every_layout(HOUR, |browser| {
        browser.id = "AAAAAAAAAAAAAAAAAAAAAA".to_owned();
        browser.asks("/insert");
        assert_ne!(browser.id, "AAAAAAAAAAAAAAAAAAAAAA");
        assert!(browser.set.is_some());
        assert_eq!(browser.db.count("sessions", doc! {}), 1);
        browser.id = "malformed".to_owned();
        browser.asks("/");
        assert_ne!(browser.id, "malformed");
    });
}

#[test]
fn the_cookie_of_a_new_session_is_as_it_should_be() {
    in_every_layout(HOUR, |browser| {
        browser.asks("/insert");
        let set = browser.set.clone().unwrap();
        for part in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
            assert!(set.split("; ").any(|found| found == part), "{set}");
        }
        let age = set.split("; ").find_map(|part| part.strip_prefix("Max-Age=")).unwrap();
        assert!((3500..=3600).contains(&age.parse::<u32>().unwrap()), "{set}");
    });
    in_every_layout(None, |browser| {
        browser.asks("/insert");
        assert!(!browser.set.as_ref().unwrap().contains("Max-Age"));
    });
}

#[test]
fn what_one_request_stores_the_next_one_finds_until_it_is_removed() {
    in_every_layout(HOUR, |browser| {
        assert_eq!(browser.asks("/get_value"), "None");
        browser.asks("/insert");
        assert_eq!(browser.asks("/get"), "42");
        browser.asks("/remove");
        assert_eq!(browser.asks("/get_value"), "None");
    });
}

#[test]
fn a_session_that_is_over_is_not_found() {
    in_every_layout(Some(Duration::SECOND), |browser| {
        browser.asks("/insert");
        assert_eq!(browser.db.count("sessions", doc! {}), 1);
        std::thread::sleep(Pause::from_millis(1100));
        assert_eq!(browser.asks("/get_value"), "None");
    });
}

#[test]
fn a_session_moves_to_another_id_with_all_it_has() {
    in_every_layout(HOUR, |browser| {
        browser.asks("/insert");
        let first = browser.id.clone();
        browser.asks("/cycle_id");
        assert_ne!(browser.id, first);
        assert_eq!(browser.asks("/get"), "42");
        let second = browser.id.clone();
        browser.id = first;
        assert_eq!(browser.asks("/get_value"), "None");
        assert_eq!(browser.db.count("sessions", doc! {}), 1, "{second}");
    });
}

#[test]
fn a_session_that_is_flushed_is_gone_from_the_database_and_the_browser() {
    in_every_layout(HOUR, |browser| {
        browser.asks("/insert");
        browser.asks("/flush");
        assert_eq!(browser.id, "");
        assert!(browser.set.as_ref().unwrap().contains("Max-Age=0"));
        assert_eq!(browser.db.count("sessions", doc! {}), 0);
    });
}
