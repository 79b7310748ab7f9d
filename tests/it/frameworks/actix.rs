//! actix-session 0.11: an application that logs in and out, and each method of its store.

use std::collections::HashMap;

use actix_session::config::PersistentSession;
use actix_session::storage::{LoadError, SaveError, SessionStore};
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, Key};
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service, read_body, try_call_service};
use actix_web::{App, HttpResponse, web};
use bson::doc;
use serde::Deserialize;
use sessionctl::{Expiry, Store};

use crate::support::{Db, LAYOUTS, at, session, with};

const HOUR: Duration = Duration::HOUR;

#[derive(Deserialize)]
struct Login {
    user: String,
}

async fn log_in(session: Session, login: web::Form<Login>) -> HttpResponse {
    session.renew();
    session.insert("user", &login.user).unwrap();
    HttpResponse::Ok().finish()
}

async fn me(session: Session) -> HttpResponse {
    let user: Option<String> = session.get("user").unwrap();
    HttpResponse::Ok().body(user.unwrap_or_default())
}

async fn log_out(session: Session) -> HttpResponse {
    session.purge();
    HttpResponse::Ok().finish()
}

async fn log_out_everywhere(session: Session, store: web::Data<Store>) -> HttpResponse {
    let user: String = session.get("user").unwrap().unwrap();
    session.purge();
    store.destroy_all_of(&user).await.unwrap();
    HttpResponse::Ok().finish()
}

/// Runs `test` with an application on this store, which answers a request with a status and a body;
/// the cookie is the browser's.
pub fn with_app(
    store: &Store,
    test: impl FnOnce(&dyn Fn(&mut Option<Cookie<'static>>, TestRequest) -> (StatusCode, String)),
) {
    let system = actix_web::rt::System::new();
    let sessions = SessionMiddleware::builder(store.clone(), Key::from(&[7; 64]))
        .session_lifecycle(PersistentSession::default().session_ttl(HOUR));
    let app = App::new()
        .app_data(web::Data::new(store.clone()))
        .wrap(sessions.build())
        .route("/", web::get().to(me))
        .route("/login", web::post().to(log_in))
        .route("/logout", web::post().to(log_out))
        .route("/logout-everywhere", web::post().to(log_out_everywhere));
    let app = system.block_on(init_service(app));
    test(&|cookie, mut request| {
        if let Some(cookie) = &*cookie {
            request = request.cookie(cookie.clone());
        }
        system.block_on(async {
            let answer = match try_call_service(&app, request.to_request()).await {
                Ok(answer) => answer,
                // The middleware failed, and the server would answer with this.
                Err(error) => return (error.as_response_error().status_code(), String::new()),
            };
            for set in answer.response().cookies() {
                let is_removal = set.value().is_empty();
                *cookie = Some(set.into_owned()).filter(|_| !is_removal);
            }
            let status = answer.status();
            let body = read_body(answer).await;
            (status, String::from_utf8(body.to_vec()).unwrap())
        })
    });
}

pub fn login_of(user: &str) -> TestRequest {
    TestRequest::post().uri("/login").set_form([("user", user)])
}

fn open(db: &Db, layout: &str) -> Store {
    let builder = Store::builder().uri(&db.uri).database(&db.name).collection("sessions");
    db.runtime.block_on(builder.layout(layout).user_path("user").open()).unwrap().0
}

#[test]
fn an_actix_application_logs_in_and_out_and_out_everywhere() {
    for (layout, ..) in LAYOUTS.iter().filter(|(layout, ..)| *layout != "tower-sessions") {
        let db = Db::new();
        let store = open(&db, layout);
        with_app(&store, |asks| {
            let mut cookies: [Option<Cookie<'static>>; 3] = [const { None }; 3];
            let user =
                |cookie: &mut Option<Cookie<'static>>| asks(cookie, TestRequest::get().uri("/")).1;
            let [first, second, other] = &mut cookies;
            assert_eq!(user(first), "", "{layout}");
            for (cookie, name) in [(&mut *first, "asa"), (&mut *second, "asa"), (&mut *other, "bo")]
            {
                assert_eq!(asks(cookie, login_of(name)).0, 200, "{layout}");
                assert_eq!(user(cookie), name, "{layout}");
            }
            assert_eq!(db.count("sessions", doc! {}), 3, "{layout}");
            let mut before = first.clone();
            asks(first, TestRequest::post().uri("/logout"));
            assert_eq!(db.count("sessions", doc! {}), 2, "{layout}");
            assert_eq!(user(&mut before), "", "{layout}: with the old cookie");
            asks(first, login_of("asa"));
            asks(first, TestRequest::post().uri("/logout-everywhere"));
            for (cookie, name) in [(&mut *first, ""), (&mut *second, ""), (&mut *other, "bo")] {
                assert_eq!(user(cookie), name, "{layout}");
            }
            assert_eq!(db.count("sessions", doc! {}), 1, "{layout}");
        });
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
    let broken = with(session("express-mongodb-1", "broken", at(60)), doc! { "session": "{" });
    db.insert("sessions", [broken]);
    let key = "broken".to_owned().try_into().unwrap();
    let refused = db.runtime.block_on(store.load(&key));
    assert!(matches!(refused, Err(LoadError::Deserialization(_))), "{refused:?}");
    let refused = db.runtime.block_on(store.save(state(&[("user", "asa")]), &HOUR));
    assert!(matches!(refused, Err(SaveError::Serialization(_))), "no JSON");
    let too_large = state(&[("n", "18446744073709551615")]);
    let refused = db.runtime.block_on(store.save(too_large, &HOUR));
    assert!(matches!(refused, Err(SaveError::Serialization(_))), "no number of BSON");
    assert_eq!(db.ids("sessions"), ["broken", "of-express"]);
}
