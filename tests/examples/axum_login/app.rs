//! The application: users log in with a password, see where they are logged in, and log out here,
//! elsewhere or everywhere.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Extension, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderMap, USER_AGENT};
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use axum_login::tower_sessions::cookie::SameSite;
use axum_login::tower_sessions::cookie::time::Duration;
use axum_login::tower_sessions::{Expiry, SessionManagerLayer};
use axum_login::{AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend, login_required};
use serde::Deserialize;
use serde_json::{Value, json};
use sessionctl::Store;
use sessionctl::devices::{Devices, Visitor};

use super::accounts::{Accounts, User};
use super::page;

type Auth = AuthSession<Accounts>;

/// How long a session lives after the last request.
const LIFETIME: Duration = Duration::HOUR;

/// The application whose sessions are in `store`. axum-login keeps the user in a session under
/// `data_key`: the store finds the sessions of a user at the path `data_key.user_id`. With the key,
/// users see and end their sessions under `/sessions`.
pub fn router(
    store: Store,
    accounts: Accounts,
    data_key: &'static str,
    key: &[u8],
) -> sessionctl::Result<Router> {
    let devices = Devices::new(&store, key)?.lifetime(LIFETIME.unsigned_abs());
    let sessions = SessionManagerLayer::new(store.clone())
        .with_expiry(Expiry::OnInactivity(LIFETIME))
        // Each request renews the session, and not only one that changes it.
        .with_always_save(true)
        // Whoever follows a link from another site is logged in.
        .with_same_site(SameSite::Lax)
        // The example is served without TLS. A real site leaves this out.
        .with_secure(false);
    let auth = AuthManagerLayerBuilder::new(accounts, sessions).with_data_key(data_key).build();
    let router = Router::new()
        .route("/", get(front))
        .route("/logout-elsewhere", post(log_out_elsewhere))
        .route("/logout-everywhere", post(log_out_everywhere))
        .route_layer(login_required!(Accounts, login_url = "/login"))
        // What follows is for everybody.
        .route("/login", get(login_page).post(log_in))
        .route("/logout", post(log_out))
        .route("/me", get(me))
        .nest("/sessions", devices.router(visitor))
        .with_state(store)
        // Last: a layer wraps only the routes above it.
        .layer(auth);
    Ok(router)
}

/// Who asks for the page `/sessions`; visitors who are not logged in are sent to the log-in.
async fn visitor(parts: Parts) -> Result<Visitor, Response> {
    let Some(auth) = parts.extensions.get::<Auth>() else {
        // The page is outside the layer of axum-login.
        return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    };
    match (auth.session.id(), &auth.user) {
        (Some(id), Some(user)) => Ok(Visitor { id: id.to_string(), user: user.id() }),
        _ => Err(Redirect::to("/login").into_response()),
    }
}

impl AuthUser for User {
    type Id = String;

    fn id(&self) -> String {
        self.name.clone()
    }

    /// axum-login compares it at each request: a new password ends the sessions of the old one.
    fn session_auth_hash(&self) -> &[u8] {
        &self.password_hash
    }
}

#[derive(Clone, Deserialize)]
pub struct Login {
    user: String,
    password: String,
}

impl AuthnBackend for Accounts {
    type User = User;
    type Credentials = Login;
    type Error = Infallible;

    async fn authenticate(&self, login: Login) -> Result<Option<User>, Infallible> {
        Ok(self.check(&login.user, &login.password))
    }

    async fn get_user(&self, name: &String) -> Result<Option<User>, Infallible> {
        Ok(self.find(name))
    }
}

async fn front(State(store): State<Store>, auth: Auth) -> Result<Response, Unavailable> {
    let Some(user) = auth.user else { return Ok(Redirect::to("/login").into_response()) };
    let sessions = store.sessions_of(&user.name).await?;
    let actions = [
        ("/logout", "Log out"),
        ("/logout-elsewhere", "Log out elsewhere"),
        ("/logout-everywhere", "Log out everywhere"),
    ];
    let links = [("/sessions", "Your sessions")];
    Ok(Html(page::front(&user.name, sessions.len(), &links, &actions)).into_response())
}

/// Who is logged in, for a program.
async fn me(auth: Auth) -> Json<Value> {
    Json(json!({ "user": auth.user.map(|user| user.name) }))
}

async fn login_page() -> Html<String> {
    Html(page::login(false))
}

async fn log_in(
    mut auth: Auth,
    from: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Form(login): Form<Login>,
) -> Result<Response, Unavailable> {
    let Some(user) = auth.authenticate(login).await? else {
        return Ok((StatusCode::UNAUTHORIZED, Html(page::login(true))).into_response());
    };
    auth.login(&user).await?;
    // For the page `/sessions`. Behind a proxy, the address is that of the proxy: use the one that it
    // reports.
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    auth.session.insert("userAgent", agent).await?;
    let address = from.map(|Extension(ConnectInfo(address))| address.ip());
    auth.session.insert("ip", address).await?;
    Ok(Redirect::to("/").into_response())
}

async fn log_out(mut auth: Auth) -> Result<Redirect, Unavailable> {
    auth.logout().await?;
    Ok(Redirect::to("/login"))
}

async fn log_out_everywhere(
    State(store): State<Store>,
    mut auth: Auth,
) -> Result<Redirect, Unavailable> {
    if let Some(user) = auth.logout().await? {
        store.destroy_all_of(&user.name).await?;
    }
    Ok(Redirect::to("/login"))
}

async fn log_out_elsewhere(
    State(store): State<Store>,
    auth: Auth,
) -> Result<Redirect, Unavailable> {
    if let (Some(user), Some(id)) = (auth.user, auth.session.id()) {
        store.destroy_others(&user.name, &id.to_string()).await?;
    }
    Ok(Redirect::to("/"))
}

/// The sessions could not be read or written.
struct Unavailable;

impl<E: std::error::Error> From<E> for Unavailable {
    /// Logs the error for the operator; the browser does not see it.
    #[expect(clippy::print_stderr, reason = "an example has no log")]
    fn from(error: E) -> Self {
        eprintln!("error: {error}");
        Self
    }
}

impl IntoResponse for Unavailable {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, "the sessions are out of reach\n").into_response()
    }
}
