//! "Your sessions": a page on which users see where they are logged in, and log out elsewhere.
//!
//! [`Devices::router`] is an axum router to mount under a path. It serves the page as HTML without
//! scripts, and the same as JSON to clients that accept `application/json`. The application says who
//! asks; [`axum_guide`](crate::axum_guide) is a complete one. With axum-login:
//!
//! ```no_run
//! use axum::Router;
//! use axum::http::StatusCode;
//! use axum::http::request::Parts;
//! use axum::response::{IntoResponse, Redirect, Response};
//! use axum_login::tower_sessions::SessionManagerLayer;
//! use axum_login::{AuthManagerLayerBuilder, AuthSession, AuthUser};
//! use sessionctl::Store;
//! use sessionctl::devices::{Devices, Visitor};
//! # use axum_login::AuthnBackend;
//! # #[derive(Clone, Debug)]
//! # struct User(String);
//! # impl AuthUser for User {
//! #     type Id = String;
//! #     fn id(&self) -> String { self.0.clone() }
//! #     fn session_auth_hash(&self) -> &[u8] { self.0.as_bytes() }
//! # }
//! # #[derive(Clone)]
//! # struct Accounts;
//! # impl AuthnBackend for Accounts {
//! #     type User = User;
//! #     type Credentials = ();
//! #     type Error = std::convert::Infallible;
//! #     async fn authenticate(&self, _: ()) -> Result<Option<User>, Self::Error> { Ok(None) }
//! #     async fn get_user(&self, _: &String) -> Result<Option<User>, Self::Error> { Ok(None) }
//! # }
//!
//! /// Who asks, or where to send the browser instead. `Accounts` is the backend of axum-login.
//! async fn visitor(parts: Parts) -> Result<Visitor, Response> {
//!     let Some(auth) = parts.extensions.get::<AuthSession<Accounts>>() else {
//!         // The page is outside the layer of axum-login.
//!         return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
//!     };
//!     match (auth.session.id(), &auth.user) {
//!         (Some(id), Some(user)) => Ok(Visitor { id: id.to_string(), user: user.id().to_string() }),
//!         _ => Err(Redirect::to("/login").into_response()),
//!     }
//! }
//!
//! # fn example(store: Store) -> Result<Router, Box<dyn std::error::Error>> {
//! // A secret of the application, the same in all of its processes: `openssl rand -hex 32`.
//! let key = std::env::var("DEVICES_KEY").map_err(|_| "DEVICES_KEY is not set")?;
//! let devices = Devices::new(&store, key.as_bytes())?;
//! let sessions = SessionManagerLayer::new(store).with_always_save(true);
//! let auth = AuthManagerLayerBuilder::new(Accounts, sessions).build();
//! let app = Router::new()
//!     .nest("/sessions", devices.router(visitor))
//!     // Last: a layer wraps only the routes above it. With axum-login, it is the AuthManagerLayer
//!     // alone, which includes that of tower-sessions.
//!     .layer(auth);
//! # Ok(app)
//! # }
//! ```
//!
//! With tower-sessions 0.15 alone, where the log-in stores the user under `user`:
//!
//! ```no_run
//! use tower_sessions::Session;
//! # use axum::http::StatusCode;
//! # use axum::http::request::Parts;
//! # use axum::response::{IntoResponse, Redirect, Response};
//! # use sessionctl::devices::Visitor;
//!
//! async fn visitor(parts: Parts) -> Result<Visitor, Response> {
//!     let Some(session) = parts.extensions.get::<Session>() else {
//!         return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
//!     };
//!     let user = session.get::<String>("user").await;
//!     let user = user.map_err(|_| StatusCode::SERVICE_UNAVAILABLE.into_response())?;
//!     match (session.id(), user) {
//!         (Some(id), Some(user)) => Ok(Visitor { id: id.to_string(), user }),
//!         _ => Err(Redirect::to("/login").into_response()),
//!     }
//! }
//! ```
//!
//! Take the type from the same version as the layer: `tower_sessions::Session` of the crate
//! `tower-sessions` 0.15 with the feature `tower-sessions`, and `axum_login::tower_sessions::Session`
//! with the feature `tower-sessions-014`. A request has no session of the other type.
//!
//! # What the sessions must contain
//!
//! - The **user**, where [`Store::sessions_of`](crate::Store::sessions_of) looks. Set
//!   [`StoreBuilder::user_path`](crate::StoreBuilder::user_path), unless the layout looks there by
//!   itself, and, where the layout allows it, [`user_index`](crate::StoreBuilder::user_index). If the
//!   store does not find the visitor in the current session, the page is an error that says so.
//! - The **last use**, if the layout stores touches. Others, such as that of tower-sessions, store
//!   only an expiry: set [`lifetime`](Devices::lifetime) if every request renews the session. With
//!   tower-sessions that requires `SessionManagerLayer::with_always_save(true)`: without it, only a
//!   request that changes the session renews it, `OnInactivity` counts from the last change, and "last
//!   used" is that time.
//! - The **user agent and the address**, which no session store records by itself. Store them in the
//!   payload at log-in, as `userAgent` and `ip`, or name other places with
//!   [`agent_path`](Devices::agent_path) and [`address_path`](Devices::address_path). Behind a proxy,
//!   the address is the one that your proxy reports; do not trust `X-Forwarded-For` from anybody
//!   else. With axum-login:
//!
//! ```no_run
//! use std::net::SocketAddr;
//!
//! use axum::extract::ConnectInfo;
//! use axum::http::header::{HeaderMap, USER_AGENT};
//! # use axum_login::{AuthSession, AuthnBackend};
//! # async fn log_in<B: AuthnBackend + 'static>(
//! #     mut auth: AuthSession<B>,
//! #     user: B::User,
//! #     ConnectInfo(address): ConnectInfo<SocketAddr>,
//! #     headers: HeaderMap,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//!
//! // In the handler of the log-in, with the arguments `headers: HeaderMap` and
//! // `ConnectInfo(address): ConnectInfo<SocketAddr>`:
//! auth.login(&user).await?;
//! let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
//! auth.session.insert("userAgent", agent).await?;
//! auth.session.insert("ip", address.ip()).await?;
//! # Ok(())
//! # }
//! # async fn serve(
//! #     listener: tokio::net::TcpListener,
//! #     app: axum::Router,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//!
//! // In `main`: without this, a request has no `ConnectInfo`.
//! axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it protects against
//!
//! - Session ids never leave the server. The page names sessions by a digest of the id that requires
//!   the key.
//! - Logging out requires a token that is bound to the session, so other sites cannot send the form
//!   ([CSRF](https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html)).
//!   It does not rely on `SameSite`. The page cannot be framed or cached.
//! - Only sessions of the visitor can be ended: each delete repeats this condition.
//! - Of what clients send, only a valid address is shown, and names of browsers and devices from a
//!   fixed list.
//!
//! # JSON
//!
//! `GET /sessions` returns `{"sessions": [{"handle", "current", "browser", "device", "address",
//! "last_seen", "signed_in", "expires"}], "token"}`; what is unknown is null. `POST
//! /sessions/sign-out` with `{"handle", "token"}` and `POST /sessions/sign-out-others` with
//! `{"token"}` return `{"signed_out": 1}`; errors are `{"error": "..."}`.
//!
//! # Errors
//!
//! Errors of the store are logged with `tracing`, and answered with 503 Service Unavailable. Install a
//! subscriber, such as `tracing_subscriber::fmt::init()`, or nobody sees them. A visitor in whose
//! session the store finds no user, or another one, is answered with 500 and the reason.

pub use sessions::{Device, Devices, Visitor};

mod agent;
mod keyed;
mod page;
mod routes;
mod sessions;
