//! axum-login 0.18, which uses tower-sessions 0.14: logs in, out, out everywhere, and out everywhere
//! else.

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Form, State};
use axum::http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use axum_login::tower_sessions::{Expiry, SessionManagerLayer};
use axum_login::{AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend};
use bson::doc;
use serde::Deserialize;
use sessionctl::{Store, StoreBuilder, tower_sessions_014};
use time::Duration;
use tower::ServiceExt as _;

use crate::support::Db;

#[derive(Debug, Clone)]
struct User(String);

impl AuthUser for User {
    type Id = String;

    fn id(&self) -> String {
        self.0.clone()
    }

    fn session_auth_hash(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Everybody has an account.
#[derive(Debug, Clone)]
struct Accounts;

#[derive(Debug, Clone, Deserialize)]
struct Login {
    user: String,
}

impl AuthnBackend for Accounts {
    type User = User;
    type Credentials = Login;
    type Error = Infallible;

    async fn authenticate(&self, login: Login) -> Result<Option<User>, Infallible> {
        Ok(Some(User(login.user)))
    }

    async fn get_user(&self, name: &String) -> Result<Option<User>, Infallible> {
        Ok(Some(User(name.clone())))
    }
}

type Auth = AuthSession<Accounts>;

async fn log_in(mut auth: Auth, Form(login): Form<Login>) -> StatusCode {
    let Ok(Some(user)) = auth.authenticate(login).await else { return StatusCode::UNAUTHORIZED };
    match auth.login(&user).await {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn me(auth: Auth) -> String {
    auth.user.map(|user| user.0).unwrap_or_default()
}

async fn log_out(mut auth: Auth) {
    auth.logout().await.unwrap();
}

async fn log_out_everywhere(State(store): State<Store>, mut auth: Auth) {
    let user = auth.logout().await.unwrap().unwrap();
    store.destroy_all_of(&user.0).await.unwrap();
}

async fn log_out_elsewhere(State(store): State<Store>, auth: Auth) -> String {
    let (user, id) = (auth.user.unwrap(), auth.session.id().unwrap().to_string());
    store.destroy_others(&user.0, &id).await.unwrap().to_string()
}

/// The application, with its key in the data of a session.
pub fn app(store: Store, key: Option<&'static str>) -> Router {
    let hour = Expiry::OnInactivity(Duration::HOUR);
    let sessions = SessionManagerLayer::new(store.clone()).with_expiry(hour);
    let auth = AuthManagerLayerBuilder::new(Accounts, sessions);
    let auth = key.into_iter().fold(auth, AuthManagerLayerBuilder::with_data_key);
    Router::new()
        .route("/", get(me))
        .route("/login", post(log_in))
        .route("/logout", post(log_out))
        .route("/logout-everywhere", post(log_out_everywhere))
        .route("/logout-elsewhere", post(log_out_elsewhere))
        .with_state(store)
        .layer(auth.build())
}

/// A browser with its cookie.
pub struct Browser<'a> {
    db: &'a Db,
    app: Router,
    cookie: Option<String>,
}

impl<'a> Browser<'a> {
    pub fn new(db: &'a Db, app: &Router) -> Self {
        Self { db, app: app.clone(), cookie: None }
    }

    pub fn sends(&mut self, method: &str, path: &str, form: &str) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
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

    pub fn log_in(&mut self, user: &str) -> StatusCode {
        self.sends("POST", "/login", &format!("user={user}")).0
    }

    pub fn me(&mut self) -> String {
        self.sends("GET", "/", "").1
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
        let key = (layout != "tower-sessions").then_some("auth");
        test(&db, app(store, key), layout);
    }
}

#[test]
fn axum_login_logs_in_and_out_and_out_everywhere() {
    in_both_layouts(|db, app, layout| {
        let mut browsers = [(); 3].map(|()| Browser::new(db, &app));
        let [first, second, other] = &mut browsers;
        assert_eq!(first.me(), "", "{layout}");
        assert_eq!(db.count("sessions", doc! {}), 0, "{layout}");
        for (browser, user) in [(&mut *first, "asa"), (&mut *second, "asa"), (&mut *other, "bo")] {
            assert_eq!(browser.log_in(user), 200, "{layout}");
            assert_eq!(browser.me(), user, "{layout}");
        }
        assert_eq!(db.count("sessions", doc! {}), 3, "{layout}");
        let before = first.cookie.clone();
        first.sends("POST", "/logout", "");
        assert_eq!((first.cookie.clone(), db.count("sessions", doc! {})), (None, 2), "{layout}");
        first.cookie = before;
        assert_eq!(first.me(), "", "{layout}: with the old cookie");

        first.cookie = None;
        first.log_in("asa");
        let stolen = second.cookie.clone();
        assert_eq!(first.sends("POST", "/logout-everywhere", "").0, 200, "{layout}");
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
            assert_eq!(browser.log_in("asa"), 200, "{layout}");
            // By the last touch, or the expiry, which both are whole milliseconds.
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let users = browsers.each_mut().map(Browser::me);
        assert_eq!(users, ["", "", "asa", "asa", "asa", "asa"], "{layout}: at most four");
        let [.., last] = &mut browsers;
        assert_eq!(last.sends("POST", "/logout-elsewhere", "").1, "3", "{layout}");
        let users = browsers.each_mut().map(Browser::me);
        assert_eq!(users, ["", "", "", "", "", "asa"], "{layout}");
    });
}
