//! The application: who visits is counted, may log in, and may log out here or everywhere.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, Extension, OptionalFromRequestParts, State};
use axum::http::StatusCode;
use axum::http::header::{COOKIE, HeaderMap, HeaderName, SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sessionctl::devices::{Devices, Visitor};
use sessionctl::express_cookie::{ExpressCookie, cookie, new_id};
use sessionctl::{Error, Expiry, Query, SessionId, Store};

use super::page;

#[derive(Clone)]
struct App {
    store: Store,
    cookie: ExpressCookie,
    /// How long a session lives after the last request.
    max_age: Duration,
}

/// The application whose sessions are in `store`, and their cookie. With the key, users see and end
/// their sessions under `/sessions`.
pub fn router(
    store: Store,
    cookie: ExpressCookie,
    max_age: Duration,
    key: &[u8],
) -> sessionctl::Result<Router> {
    let devices = Devices::new(&store, key)?;
    let app = App { store, cookie, max_age };
    let visitors = app.clone();
    let devices = devices.router(move |parts| visitors.clone().visitor(parts));
    let router = Router::new()
        .route("/", get(front))
        .route("/me", get(me))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .route("/logout-everywhere", post(logout_everywhere))
        .nest("/sessions", devices)
        .with_state(app);
    Ok(router)
}

/// What a session holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Visit {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default)]
    pub views: u32,
    /// The browser and the address with which the user logged in, for the page `/sessions`.
    #[serde(rename = "userAgent", default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// What others put into it, such as express-session its cookie. It is written back as it was.
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// The session of a request, if it brings the cookie of one that lives.
struct Session {
    id: String,
    visit: Visit,
}

impl OptionalFromRequestParts<App> for Session {
    type Rejection = Unavailable;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Unavailable> {
        let headers = parts.headers.get_all(COOKIE).iter();
        let Some(id) = app.cookie.id(headers.filter_map(|value| value.to_str().ok())) else {
            return Ok(None);
        };
        let visit = app.store.get(&id).await?;
        Ok(visit.map(|visit| Self { id, visit }))
    }
}

impl App {
    /// Who asks for the page `/sessions`; visitors who are not logged in are sent to the front page.
    async fn visitor(self, mut parts: Parts) -> Result<Visitor, Response> {
        let session = Session::from_request_parts(&mut parts, &self).await;
        match session.map_err(IntoResponse::into_response)? {
            Some(Session { id, visit: Visit { user: Some(user), .. } }) => Ok(Visitor { id, user }),
            _ => Err(Redirect::to("/").into_response()),
        }
    }

    /// Starts a session with a new id: an attacker who planted the old id must not get this session.
    async fn begin(&self, visit: Visit) -> Result<Session, Unavailable> {
        let id = new_id();
        match self.store.set_new(&id, &visit, Expiry::After(self.max_age)).await? {
            true => Ok(Session { id, visit }),
            // It would be the session of somebody else. An id is random, so this never happens,
            // unless the source of randomness is broken.
            false => Err(Error::Unsupported("the new session id is taken".to_owned()).into()),
        }
    }

    /// Counts a view of the session, if there is one and it was not destroyed meanwhile.
    async fn count_view(&self, session: Option<Session>) -> Result<Option<Session>, Unavailable> {
        let Some(mut session) = session else { return Ok(None) };
        session.visit.views += 1;
        let renewed = Expiry::After(self.max_age);
        let lives = self.store.set_existing(&session.id, &session.visit, renewed).await?;
        Ok(lives.then_some(session))
    }

    /// Sends the browser its cookie again, which then is as old as the session.
    fn sent(&self, session: &Session) -> AppendHeaders<[(HeaderName, String); 1]> {
        let mut cookie = self.cookie.set(&session.id);
        cookie.set_max_age(cookie::time::Duration::try_from(self.max_age).ok());
        cookie.set_same_site(cookie::SameSite::Lax);
        AppendHeaders([(SET_COOKIE, cookie.to_string())])
    }

    fn taken_away(&self) -> AppendHeaders<[(HeaderName, String); 1]> {
        AppendHeaders([(SET_COOKIE, self.cookie.removal().to_string())])
    }
}

/// The stored sessions, for a browser.
async fn front(State(app): State<App>, session: Option<Session>) -> Result<Response, Unavailable> {
    let session = match app.count_view(session).await? {
        Some(session) => session,
        None => app.begin(Visit { views: 1, ..Visit::default() }).await?,
    };
    let all: Vec<(SessionId, Visit)> = app.store.all().await?;
    let page = page::front(&session.visit, &session.id, &all);
    Ok((app.sent(&session), Html(page)).into_response())
}

/// Who is logged in, for a program.
async fn me(State(app): State<App>, session: Option<Session>) -> Result<Response, Unavailable> {
    let Some(session) = app.count_view(session).await? else {
        return Ok(Json(json!({ "user": null, "views": null })).into_response());
    };
    let Visit { user, views, .. } = &session.visit;
    let answer = Json(json!({ "user": user, "views": views }));
    Ok((app.sent(&session), answer).into_response())
}

#[derive(Deserialize)]
struct Login {
    user: String,
}

async fn login(
    State(app): State<App>,
    session: Option<Session>,
    from: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Form(Login { user }): Form<Login>,
) -> Result<impl IntoResponse, Unavailable> {
    if let Some(before) = session {
        app.store.destroy(&before.id).await?;
    }
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let visit = Visit {
        user: Some(user),
        agent: agent.map(str::to_owned),
        // Behind a proxy, this is the proxy: use the address that it reports.
        ip: from.map(|Extension(ConnectInfo(address))| address.ip().to_string()),
        ..Visit::default()
    };
    let session = app.begin(visit).await?;
    Ok((app.sent(&session), Redirect::to("/")))
}

async fn logout(
    State(app): State<App>,
    session: Option<Session>,
) -> Result<impl IntoResponse, Unavailable> {
    if let Some(session) = session {
        app.store.destroy(&session.id).await?;
    }
    Ok((app.taken_away(), Redirect::to("/")))
}

async fn logout_everywhere(
    State(app): State<App>,
    session: Option<Session>,
) -> Result<impl IntoResponse, Unavailable> {
    if let Some(Session { visit: Visit { user: Some(user), .. }, .. }) = session {
        let everywhere = Query::of(user);
        app.store.destroy_matching(everywhere).await?;
    }
    Ok((app.taken_away(), Redirect::to("/")))
}

/// Logs the error for the operator; the browser does not see it.
#[expect(clippy::print_stderr, reason = "an example has no log")]
fn report(error: &sessionctl::Error) {
    eprintln!("error: {error}");
}

/// The sessions could not be read or written.
struct Unavailable(sessionctl::Error);

impl From<sessionctl::Error> for Unavailable {
    fn from(error: sessionctl::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Unavailable {
    fn into_response(self) -> Response {
        report(&self.0);
        (StatusCode::SERVICE_UNAVAILABLE, "the sessions are out of reach\n").into_response()
    }
}
