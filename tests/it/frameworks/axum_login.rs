//! The example of axum-login 0.18, which uses tower-sessions 0.14: logs in, out, out everywhere, out
//! everywhere else, and out elsewhere through the page "Your sessions".

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE, USER_AGENT};
use axum::http::{Request, StatusCode};
use bson::doc;
use serde_json::Value;
use sessionctl::{Store, StoreBuilder, tower_sessions_014};
use tower::ServiceExt as _;

use super::{PASSWORD, accounts, page};
use crate::axum_example::KEY;
use crate::support::{Db, at};

#[path = "../../examples/axum_login/app.rs"]
pub mod app;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0";

/// A browser with its cookie.
struct Browser<'a> {
    db: &'a Db,
    app: Router,
    cookie: Option<String>,
}

impl<'a> Browser<'a> {
    fn new(db: &'a Db, app: &Router) -> Self {
        Self { db, app: app.clone(), cookie: None }
    }

    fn sends(&mut self, method: &str, path: &str, form: &str) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        request = request.header(USER_AGENT, FIREFOX);
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let request = request.body(Body::from(form.to_owned())).unwrap();
        let (set, status, body) = self.db.runtime.block_on(async {
            let answer = self.app.clone().oneshot(request).await.unwrap();
            let set = answer.headers().get(SET_COOKIE).map(|set| set.to_str().unwrap().to_owned());
            let status = answer.status();
            (set, status, to_bytes(answer.into_body(), 1 << 20).await.unwrap())
        });
        if let Some(set) = set {
            let pair = set.split(';').next().unwrap();
            self.cookie = Some(pair.to_owned()).filter(|pair| !pair.ends_with('='));
        }
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn log_in(&mut self, user: &str, password: &str) -> StatusCode {
        let password = password.replace(' ', "+");
        self.sends("POST", "/login", &format!("user={user}&password={password}")).0
    }

    /// The id of the session.
    fn id(&self) -> &str {
        self.cookie.as_deref().unwrap().strip_prefix("id=").unwrap()
    }

    /// The user who is logged in, or nobody.
    fn me(&mut self) -> String {
        let (_, body) = self.sends("GET", "/me", "");
        let me: Value = serde_json::from_str(&body).unwrap();
        me["user"].as_str().unwrap_or_default().to_owned()
    }
}

/// In the layout of tower-sessions, and in one where an index finds the user.
fn in_both_layouts(test: impl Fn(&Db, Router, &str)) {
    for layout in ["tower-sessions", "express-mongodb-1"] {
        let db = Db::new();
        let builder: StoreBuilder = match layout {
            "tower-sessions" => tower_sessions_014::builder(),
            _ => Store::builder().layout(layout).user_path("auth.user_id").user_index(true),
        };
        let builder = builder.uri(&db.uri).database(&db.name).collection("sessions");
        let (store, _) =
            db.runtime.block_on(builder.ttl_index(true).limit_per_user(4).open()).unwrap();
        // The default of axum-login has a dot, which no index can have.
        let key = if layout == "tower-sessions" { "axum-login.data" } else { "auth" };
        test(&db, app::router(store, accounts(), key, KEY).unwrap(), layout);
    }
}

#[test]
fn axum_login_logs_in_and_out_and_out_everywhere() {
    in_both_layouts(|db, app, layout| {
        let mut browsers = [(); 3].map(|()| Browser::new(db, &app));
        let [first, second, other] = &mut browsers;
        assert_eq!(first.me(), "", "{layout}");
        assert_eq!(first.sends("GET", "/", "").0, 307, "{layout}: to the form");
        assert_eq!(first.log_in("asa", "another"), 401, "{layout}");
        assert_eq!(db.count("sessions", doc! {}), 0, "{layout}");
        for (browser, user) in [(&mut *first, "asa"), (&mut *second, "asa"), (&mut *other, "bo")] {
            assert_eq!(browser.log_in(user, PASSWORD), 303, "{layout}");
            assert_eq!(browser.me(), user, "{layout}");
        }
        assert_eq!(db.count("sessions", doc! {}), 3, "{layout}");
        let (status, page) = first.sends("GET", "/", "");
        assert!(
            status == 200 && page.contains("<strong>asa</strong>, logged in with 2 "),
            "{page}"
        );
        let before = first.cookie.clone();
        first.sends("POST", "/logout", "");
        assert_eq!((first.cookie.clone(), db.count("sessions", doc! {})), (None, 2), "{layout}");
        first.cookie = before;
        assert_eq!(first.me(), "", "{layout}: with the old cookie");

        first.cookie = None;
        first.log_in("asa", PASSWORD);
        let stolen = second.cookie.clone();
        assert_eq!(first.sends("POST", "/logout-everywhere", "").0, 303, "{layout}");
        second.cookie = stolen;
        for (browser, user) in [(&mut *first, ""), (&mut *second, ""), (&mut *other, "bo")] {
            assert_eq!(browser.me(), user, "{layout}");
        }
        assert_eq!(db.count("sessions", doc! {}), 1, "{layout}");
    });
}

#[test]
fn axum_login_logs_out_everywhere_else_and_keeps_to_the_limit() {
    in_both_layouts(|db, app, layout| {
        let mut browsers = [(); 6].map(|()| Browser::new(db, &app));
        for browser in &mut browsers {
            assert_eq!(browser.log_in("asa", PASSWORD), 303, "{layout}");
            // By the last touch, or the expiry, which both are whole milliseconds.
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let users = browsers.each_mut().map(Browser::me);
        assert_eq!(users, ["", "", "asa", "asa", "asa", "asa"], "{layout}: at most four");
        let [.., last] = &mut browsers;
        assert_eq!(last.sends("POST", "/logout-elsewhere", "").0, 303, "{layout}");
        assert_eq!(db.count("sessions", doc! {}), 1, "{layout}");
        let users = browsers.each_mut().map(Browser::me);
        assert_eq!(users, ["", "", "", "", "", "asa"], "{layout}");
    });
}

#[test]
fn one_browser_signs_the_other_out_on_the_page_of_axum_login() {
    in_both_layouts(|db, app, layout| {
        let mut browsers = [(); 3].map(|()| Browser::new(db, &app));
        let [here, there, bo] = &mut browsers;
        assert_eq!(here.sends("GET", "/sessions", "").0, 303, "{layout}: to the form");
        for (browser, user) in [(&mut *here, "asa"), (&mut *there, "asa"), (&mut *bo, "bo")] {
            assert_eq!(browser.log_in(user, PASSWORD), 303, "{layout}");
        }
        let (status, page) = here.sends("GET", "/sessions", "");
        assert_eq!(status, 200, "{layout}: {page}");
        for shown in ["with 2 sessions", "This session", "Firefox on", "less than a minute ago"] {
            assert!(page.contains(shown), "{layout}: {shown}: {page}");
        }
        let field = |name: &str| {
            let value = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
            format!("{name}={}", value.split('"').next().unwrap())
        };
        let form = [field("token"), field("handle")].join("&");
        assert_eq!(here.sends("POST", "/sessions/sign-out", &form).0, 303, "{layout}");
        let mut left = [here.id(), bo.id()];
        left.sort_unstable();
        assert_eq!(db.ids("sessions"), left, "{layout}");
        let users = browsers.each_mut().map(Browser::me);
        assert_eq!(users, ["asa", "", "bo"], "{layout}");
    });
}

#[test]
fn a_request_that_only_reads_renews_the_session() {
    in_both_layouts(|db, app, layout| {
        let mut browser = Browser::new(db, &app);
        browser.log_in("asa", PASSWORD);
        let expiry = if layout == "tower-sessions" { "expireAt" } else { "expiresAt" };
        db.update("sessions", doc! {}, doc! { "$set": { expiry: at(600) } });
        assert_eq!(browser.me(), "asa", "{layout}");
        assert_eq!(db.count("sessions", doc! { expiry: { "$gt": at(1800) } }), 1, "{layout}");
    });
}
