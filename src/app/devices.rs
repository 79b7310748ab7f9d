//! "Your sessions": a page on which users see where they are logged in, and log out elsewhere.
//!
//! [`Devices::router`] is an axum router to mount under a path. It serves the page as HTML without
//! scripts, and the same as JSON to clients that accept `application/json`. The application says who
//! asks; for example with tower-sessions, where the log-in stores the user under `user`:
//!
//! ```no_run
//! use axum::http::StatusCode;
//! use axum::http::request::Parts;
//! use axum::response::{IntoResponse, Redirect, Response};
//! use sessionctl::devices::{Devices, Visitor};
//! # mod tower_sessions {
//! #     #[derive(Clone)]
//! #     pub struct Session;
//! #     impl Session {
//! #         pub async fn get<T: Default>(&self, _: &str) -> Result<Option<T>, ()> { Ok(None) }
//! #         pub fn id(&self) -> Option<String> { None }
//! #     }
//! # }
//!
//! /// Who asks, or where to send the browser instead.
//! async fn visitor(parts: Parts) -> Result<Visitor, Response> {
//!     let Some(session) = parts.extensions.get::<tower_sessions::Session>() else {
//!         return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
//!     };
//!     let user = session.get::<String>("user").await;
//!     let user = user.map_err(|_| StatusCode::SERVICE_UNAVAILABLE.into_response())?;
//!     match (session.id(), user) {
//!         (Some(id), Some(user)) => Ok(Visitor { id: id.to_string(), user }),
//!         _ => Err(Redirect::to("/login").into_response()),
//!     }
//! }
//!
//! # fn example(store: sessionctl::Store, key: [u8; 32]) -> sessionctl::Result<()> {
//! // The key is a secret of the application, the same in all of its processes.
//! let devices = Devices::new(&store, &key)?;
//! let app: axum::Router = axum::Router::new().nest("/sessions", devices.router(visitor));
//! // .layer(SessionManagerLayer::new(store))
//! # Ok(())
//! # }
//! ```
//!
//! # What the sessions must contain
//!
//! - The **user**, where [`Store::sessions_of`](crate::Store::sessions_of) looks. Set
//!   [`StoreBuilder::user_path`](crate::StoreBuilder::user_path) and, where the layout allows it,
//!   [`user_index`](crate::StoreBuilder::user_index).
//! - The **user agent and the address**, which no session store records by itself. Store them in the
//!   payload at log-in, as `userAgent` and `ip`, or name other places with
//!   [`agent_path`](Devices::agent_path) and [`address_path`](Devices::address_path). Behind a proxy,
//!   the address is the one that your proxy reports; do not trust `X-Forwarded-For` from anybody
//!   else.
//! - The **last use**, if the layout stores touches. Others, such as that of tower-sessions, store
//!   only an expiry: set [`lifetime`](Devices::lifetime) if every request renews the session.
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

pub use sessions::{Device, Devices, Visitor};

mod agent;
mod keyed;
mod page;
mod routes;
mod sessions;
