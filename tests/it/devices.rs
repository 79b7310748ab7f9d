//! The page "Your sessions": what it shows, whom it logs out, and what it refuses.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, LOCATION,
};
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use bson::doc;
use serde_json::{Value, json};
use sessionctl::devices::{Devices, Visitor};
use sessionctl::express_cookie::new_id;
use sessionctl::{Expiry, Store};
use time::OffsetDateTime;
use tower::ServiceExt as _;
use tower_sessions::SessionStore as _;
use tower_sessions::session::{Id, Record};

use crate::support::{Db, at};

mod browser;

const HOUR: Duration = Duration::from_secs(3600);
const KEY: [u8; 32] = [7; 32];
const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1";

/// An application that believes what a header says of who asks.
struct Site<'a> {
    db: &'a Db,
    store: Store,
    app: Router,
}

async fn visitor(parts: Parts) -> Result<Visitor, Response> {
    let header = |name: &str| Some(parts.headers.get(name)?.to_str().unwrap().to_owned());
    match (header("session"), header("user")) {
        (Some(id), Some(user)) => Ok(Visitor { id, user }),
        _ => Err(Redirect::to("/login").into_response()),
    }
}

impl<'a> Site<'a> {
    fn new(db: &'a Db, layout: &str) -> Self {
        let store = db.store(layout);
        let devices = Devices::new(&store, &KEY).unwrap().lifetime(HOUR);
        let app = Router::new().nest("/account/sessions", devices.router(visitor));
        Self { db, store, app }
    }

    fn log_in(&self, user: &str, agent: &str, ip: &str) -> String {
        let id = new_id();
        let payload = json!({ "user": user, "userAgent": agent, "ip": ip });
        self.db.runtime.block_on(self.store.set(&id, &payload, Expiry::After(HOUR))).unwrap();
        id
    }

    fn send(&self, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
        self.db.runtime.block_on(async {
            let response = self.app.clone().oneshot(request).await.unwrap();
            let (status, headers) = (response.status(), response.headers().clone());
            let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
            (status, headers, String::from_utf8(body.to_vec()).unwrap())
        })
    }

    fn page(&self, session: &str, user: &str, accept: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::get("/account/sessions").header(ACCEPT, accept);
        let request = request.header("session", session).header("user", user);
        self.send(request.body(Body::empty()).unwrap())
    }

    fn json(&self, session: &str, user: &str) -> Value {
        let (status, _, body) = self.page(session, user, "application/json");
        assert_eq!(status, StatusCode::OK, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Sends JSON to one of the forms.
    fn post(&self, session: &str, user: &str, form: &str, fields: &Value) -> (StatusCode, Value) {
        let request = Request::post(format!("/account/sessions/{form}"))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .header("session", session)
            .header("user", user);
        let (status, _, body) = self.send(request.body(Body::from(fields.to_string())).unwrap());
        (status, serde_json::from_str(&body).unwrap())
    }

    /// Sends a form as a browser does.
    fn submit(&self, session: &str, form: &str, fields: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::post(format!("/account/sessions/{form}"))
            .header(ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("session", session)
            .header("user", "alice");
        self.send(request.body(Body::from(fields.to_owned())).unwrap())
    }
}

fn handle_of(page: &Value, wanted: impl Fn(&Value) -> bool) -> String {
    let sessions = page["sessions"].as_array().unwrap();
    let found = sessions.iter().find(|session| wanted(session)).unwrap();
    found["handle"].as_str().unwrap().to_owned()
}

#[test]
fn the_page_shows_the_sessions_of_the_visitor_and_no_id() {
    let db = Db::new();
    let site = Site::new(&db, "express-mongodb-1");
    let here = site.log_in("alice", CHROME, "203.0.113.7");
    let there = site.log_in("alice", IPHONE, "2001:db8::1");
    let bob = site.log_in("bob", IPHONE, "198.51.100.9");
    let over = site.log_in("alice", CHROME, "198.51.100.10");
    db.runtime.block_on(site.store.touch(&over, Expiry::At(at(-1)))).unwrap();

    let (status, headers, html) = site.page(&here, "alice", "text/html");
    assert_eq!(status, StatusCode::OK);
    for shown in [
        "Chrome on Windows computer",
        "203.0.113.7",
        "This session",
        "Safari on iPhone",
        "2001:db8::1",
        "2 sessions",
        "less than a minute ago",
    ] {
        assert!(html.contains(shown), "{shown}: {html}");
    }
    assert_eq!(html.matches(">Sign out<").count(), 1, "not of the current one: {html}");
    assert!(!html.contains("<script") && !html.contains("198.51.100."), "{html}");
    assert_eq!(headers[CACHE_CONTROL], "no-store");
    let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));

    let json = site.json(&here, "alice");
    let sessions = json["sessions"].as_array().unwrap();
    let shown = |at: usize| {
        let of = |key: &str| sessions[at][key].clone();
        (of("current"), of("browser"), of("device"), of("address"))
    };
    assert_eq!(sessions.len(), 2);
    let first = (json!(true), json!("Chrome"), json!("Windows computer"), json!("203.0.113.7"));
    assert_eq!(shown(0), first);
    assert_eq!(shown(1), (json!(false), json!("Safari"), json!("iPhone"), json!("2001:db8::1")));
    assert!(sessions[1]["last_seen"].as_str().unwrap().ends_with('Z'), "{json}");
    for (id, text) in [&here, &there, &bob]
        .into_iter()
        .flat_map(|id| [(id, html.clone()), (id, json.to_string())])
    {
        assert!(!text.contains(&id[..8]) && !text.contains(&id[id.len() - 8..]), "{text}");
    }
}

#[test]
fn one_session_is_signed_out_and_nobody_elses() {
    let db = Db::new();
    let site = Site::new(&db, "express-mongodb-1");
    let here = site.log_in("alice", CHROME, "203.0.113.7");
    let there = site.log_in("alice", IPHONE, "203.0.113.8");
    let bob = site.log_in("bob", CHROME, "203.0.113.9");
    let page = site.json(&here, "alice");
    let token = page["token"].as_str().unwrap();
    let other = handle_of(&page, |session| session["current"] == false);

    // Neither the current session, nor one of somebody else, nor one that does not exist.
    let of_bob = handle_of(&site.json(&bob, "bob"), |_| true);
    let own = handle_of(&page, |session| session["current"] == true);
    for handle in [own.as_str(), &of_bob, &there, ""] {
        let fields = json!({ "token": token, "handle": handle });
        let answer = site.post(&here, "alice", "sign-out", &fields);
        assert_eq!(answer, (StatusCode::OK, json!({ "signed_out": 0 })));
    }
    assert_eq!(db.count("sessions", doc! {}), 3);

    let fields = format!("token={token}&handle={other}");
    let (status, headers, _) = site.submit(&here, "sign-out", &fields);
    assert_eq!(status, StatusCode::SEE_OTHER);
    let location = headers[LOCATION].to_str().unwrap();
    let receipt = location.strip_prefix("../sessions?signed-out=1-").unwrap();
    // The page believes its own number, and no link that somebody made.
    let shown = |session: &str, user: &str, query: &str| {
        let request = Request::get(format!("/account/sessions?signed-out={query}"));
        let request = request.header("session", session).header("user", user);
        let (status, _, page) = site.send(request.body(Body::empty()).unwrap());
        assert_eq!(status, StatusCode::OK);
        page.contains("role=\"status\"").then(|| page.contains("Signed out 1 session."))
    };
    assert_eq!(shown(&here, "alice", &format!("1-{receipt}")), Some(true));
    for wrong in ["5".to_owned(), format!("5-{receipt}"), "1-".to_owned(), String::new()] {
        assert_eq!(shown(&here, "alice", &wrong), None, "{wrong}");
    }
    assert_eq!(shown(&bob, "bob", &format!("1-{receipt}")), None, "of another session");
    let mut left = [here, bob];
    left.sort();
    assert_eq!(db.ids("sessions"), left);
}

#[test]
fn all_other_sessions_are_signed_out_unless_this_one_has_ended() {
    for layout in ["express-mongodb-1", "connect-mongo-json", "express-mongodb-legacy"] {
        let db = Db::new();
        let site = Site::new(&db, layout);
        let here = site.log_in("alice", CHROME, "203.0.113.7");
        for _ in 0..5 {
            site.log_in("alice", IPHONE, "203.0.113.8");
        }
        let gone = site.log_in("alice", CHROME, "203.0.113.9");
        site.log_in("bob", CHROME, "203.0.113.9");
        let page = site.json(&gone, "alice");
        let token = page["token"].clone();
        let other = handle_of(&page, |session| session["current"] == false);
        assert!(db.runtime.block_on(site.store.destroy(&gone)).unwrap());
        let fields = json!({ "token": token });
        let (status, _) = site.post(&gone, "alice", "sign-out-others", &fields);
        assert_eq!(status, StatusCode::CONFLICT, "{layout}");
        let fields = json!({ "token": token, "handle": other });
        let answer = site.post(&gone, "alice", "sign-out", &fields);
        assert_eq!(answer, (StatusCode::OK, json!({ "signed_out": 0 })), "{layout}");
        assert_eq!(db.count("sessions", doc! {}), 7, "{layout}");

        let fields = json!({ "token": site.json(&here, "alice")["token"] });
        let answer = site.post(&here, "alice", "sign-out-others", &fields);
        assert_eq!(answer, (StatusCode::OK, json!({ "signed_out": 5 })), "{layout}");
        assert_eq!(db.count("sessions", doc! {}), 2, "{layout}");
        assert_eq!(site.json(&here, "alice")["sessions"].as_array().unwrap().len(), 1, "{layout}");
    }
}

#[test]
fn a_form_without_the_token_of_the_session_is_refused() {
    let db = Db::new();
    let site = Site::new(&db, "express-mongodb-1");
    let here = site.log_in("alice", CHROME, "203.0.113.7");
    let there = site.log_in("alice", IPHONE, "203.0.113.8");
    let page = site.json(&here, "alice");
    let other = handle_of(&page, |session| session["current"] == false);
    let of_other = site.json(&there, "alice")["token"].as_str().unwrap().to_owned();
    let foreign = Devices::new(&site.store, &[8; 32]).unwrap();
    let foreign = foreign.token(&Visitor { id: here.clone(), user: "alice".into() });
    for form in ["sign-out", "sign-out-others"] {
        for token in ["", &other, &of_other, &foreign, &here] {
            let fields = json!({ "token": token, "handle": other });
            let (status, answer) = site.post(&here, "alice", form, &fields);
            assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");
            let fields = format!("token={token}&handle={other}");
            let (status, _, html) = site.submit(&here, form, &fields);
            assert_eq!(status, StatusCode::FORBIDDEN);
            assert!(html.contains("nothing was signed out"), "{html}");
        }
        // A form of another site cannot have this type without a preflight, and is not read as JSON.
        let (status, ..) = site.submit(&here, form, &json!({ "token": page["token"] }).to_string());
        assert_eq!(status, StatusCode::FORBIDDEN);
        let request =
            Request::get(format!("/account/sessions/{form}")).body(Body::empty()).unwrap();
        assert_eq!(site.send(request).0, StatusCode::METHOD_NOT_ALLOWED);
    }
    assert_eq!(db.count("sessions", doc! {}), 2);
}

#[test]
fn a_session_whose_user_the_store_does_not_find_is_no_empty_page() {
    let db = Db::new();
    let site = Site::new(&db, "express-mongodb-1");
    // As axum-login stores it; this layout does not look there.
    let payload = json!({ "axum-login.data": { "user_id": "alice" } });
    let here = new_id();
    db.runtime.block_on(site.store.set(&here, &payload, Expiry::After(HOUR))).unwrap();
    let of_bob = site.log_in("bob", CHROME, "203.0.113.7");
    site.log_in("alice", CHROME, "203.0.113.8");
    let devices = Devices::new(&site.store, &KEY).unwrap();
    for (id, why) in [(&here, "StoreBuilder::user_path"), (&of_bob, "Visitor::user")] {
        for accept in ["text/html", "application/json"] {
            let (status, _, text) = site.page(id, "alice", accept);
            assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{text}");
            assert!(text.contains(why) && !text.contains(&**id), "{text}");
        }
        let token = devices.token(&Visitor { id: id.clone(), user: "alice".into() });
        let fields = json!({ "token": token, "handle": "" });
        for form in ["sign-out", "sign-out-others"] {
            let (status, answer) = site.post(id, "alice", form, &fields);
            assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{answer}");
            assert!(answer["error"].as_str().unwrap().contains(why), "{answer}");
        }
    }
    assert_eq!(db.count("sessions", doc! {}), 3);
}

#[test]
fn whoever_is_not_logged_in_gets_what_the_application_answers() {
    let db = Db::new();
    let site = Site::new(&db, "express-mongodb-1");
    let request = Request::get("/account/sessions").body(Body::empty()).unwrap();
    let (status, headers, _) = site.send(request);
    assert_eq!((status, headers[LOCATION].to_str().unwrap()), (StatusCode::SEE_OTHER, "/login"));
}

#[test]
fn text_of_clients_is_not_shown() {
    let db = Db::new();
    let site = Site::new(&db, "express-mongodb-1");
    let here = site.log_in("<i>alice", "<script>alert(1)</script>", "\"><img src=x>");
    site.log_in("<i>alice", &format!("{CHROME}\u{202e}<b>"), "1.2.3.4\u{202e}");
    for accept in ["text/html", "application/json"] {
        let (status, _, text) = site.page(&here, "<i>alice", accept);
        assert_eq!(status, StatusCode::OK);
        for hostile in ["<script", "alert(", "<img", "<i>", "<b>", "\u{202e}"] {
            assert!(!text.contains(hostile), "{hostile}: {text}");
        }
    }
}

#[test]
fn a_session_that_became_somebody_elses_is_not_signed_out() {
    let db = Db::new();
    let site = Site::new(&db, "express-mongodb-1");
    let here = site.log_in("alice", CHROME, "203.0.113.7");
    let there = site.log_in("alice", IPHONE, "203.0.113.8");
    let page = site.json(&here, "alice");
    let other = handle_of(&page, |session| session["current"] == false);
    let fields = json!({ "token": page["token"], "handle": other });
    let delete = doc! { "failCommands": ["delete"], "blockConnection": true, "blockTimeMS": 1000 };
    let held = db.fail_commands(doc! { "times": 1 }, delete);
    let answer = std::thread::scope(|scope| {
        let request = scope.spawn(|| site.post(&here, "alice", "sign-out", &fields));
        held.wait(1);
        db.update("sessions", doc! { "_id": &there }, doc! { "$set": { "session.user": "bob" } });
        request.join().unwrap()
    });
    assert_eq!(answer, (StatusCode::OK, json!({ "signed_out": 0 })));
    assert_eq!(db.count("sessions", doc! { "session.user": "bob" }), 1);
}

#[test]
fn a_session_that_is_used_while_it_is_signed_out_is_gone_nevertheless() {
    let db = Db::new();
    let site = Site::new(&db, "express-mongodb-1");
    let here = site.log_in("alice", CHROME, "203.0.113.7");
    let there = site.log_in("alice", IPHONE, "203.0.113.8");
    let page = site.json(&here, "alice");
    let other = handle_of(&page, |session| session["current"] == false);
    let fields = json!({ "token": page["token"], "handle": other });
    let delete = doc! { "failCommands": ["delete"], "blockConnection": true, "blockTimeMS": 1000 };
    let held = db.fail_commands(doc! { "times": 1 }, delete);
    let answer = std::thread::scope(|scope| {
        let request = scope.spawn(|| site.post(&here, "alice", "sign-out", &fields));
        held.wait(1);
        db.update("sessions", doc! { "_id": &there }, doc! { "$set": { "session.views": 2 } });
        request.join().unwrap()
    });
    assert_eq!(answer, (StatusCode::OK, json!({ "signed_out": 1 })));
    assert_eq!(db.ids("sessions"), [here]);
}

#[test]
fn an_unreachable_server_is_not_an_empty_page() {
    let db = Db::new();
    let site = Site::new(&db, "express-mongodb-1");
    let here = site.log_in("alice", CHROME, "203.0.113.7");
    let refused = doc! { "failCommands": ["find", "aggregate"], "errorCode": 13 };
    let _failing = db.fail_commands("alwaysOn", refused);
    let (status, _, html) = site.page(&here, "alice", "text/html");
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(html.contains("cannot be read") && !html.contains("sessions."), "{html}");
}

#[test]
fn sessions_of_tower_sessions_are_last_seen_their_lifetime_before_they_expire() {
    let db = Db::new();
    let site = Site::new(&db, "tower-sessions");
    let data = json!({ "user": "alice", "userAgent": IPHONE, "ip": "203.0.113.7" });
    let id = db.runtime.block_on(async {
        let expires = at(3600 - 600).timestamp_millis();
        let mut record = Record {
            id: Id::default(),
            data: serde_json::from_value(data).unwrap(),
            expiry_date: OffsetDateTime::from_unix_timestamp(expires / 1000).unwrap(),
        };
        site.store.create(&mut record).await.unwrap();
        record.id.to_string()
    });
    let (_, _, html) = site.page(&id, "alice", "text/html");
    assert!(html.contains("Safari on iPhone") && html.contains("This session"), "{html}");
    let (_, _, html) = site.page("another", "alice", "text/html");
    assert!(html.contains("10 minutes ago"), "{html}");
    let page = site.json(&id, "alice");
    assert_eq!(page["sessions"][0]["address"], "203.0.113.7");
}
