//! `SessionStore` and `ExpiredDeletion` of tower-sessions 0.14, for axum-login 0.18 and everything
//! else that is not released for 0.15 yet. The documentation of `tower_sessions` applies here as well,
//! and both features can be enabled together.
//!
//! [`axum_guide`](crate::axum_guide) is a complete application, and `cargo run --example axum_login`
//! runs a larger one (`tests/examples/axum_login`).
//!
//! axum-login keeps the user under the key `axum-login.data`.
//! [`sessions_of`](Store::sessions_of), [`destroy_all_of`](Store::destroy_all_of) and
//! [`limit_per_user`](crate::StoreBuilder::limit_per_user) find it there in the layout
//! `tower-sessions`, that of [`builder`]. In any other layout, or with another key, call
//! [`user_path`](crate::StoreBuilder::user_path). So that an index finds the user, choose a layout that
//! stores payloads as documents, and a key without a dot:
//!
//! ```no_run
//! use axum_login::tower_sessions::cookie::SameSite;
//! use axum_login::tower_sessions::cookie::time::Duration;
//! use axum_login::tower_sessions::{Expiry, SessionManagerLayer};
//! use axum_login::{AuthManagerLayerBuilder, AuthnBackend};
//!
//! # async fn example(accounts: impl AuthnBackend + 'static) -> sessionctl::Result<()> {
//! let (store, _) = sessionctl::tower_sessions_014::builder()
//!     .uri("mongodb://localhost:27017/shop")
//!     .layout("express-mongodb-1")
//!     .user_path("auth.user_id")
//!     .user_index(true)
//!     .ttl_index(true)
//!     .limit_per_user(5)
//!     .open()
//!     .await?;
//! let sessions = SessionManagerLayer::new(store.clone())
//!     .with_expiry(Expiry::OnInactivity(Duration::HOUR))
//!     // Each request renews the session. Without this, only one that changes it does.
//!     .with_always_save(true)
//!     // Whoever follows a link from another site is logged in.
//!     .with_same_site(SameSite::Lax);
//! // On http://localhost, also `.with_secure(false)`.
//! let auth = AuthManagerLayerBuilder::new(accounts, sessions).with_data_key("auth").build();
//! # drop(auth);
//! # Ok(())
//! # }
//! ```
//!
//! Take all types from `axum_login::tower_sessions`, as here: those of the crate `tower-sessions` 0.15
//! are others for the compiler. `Expiry` and `Duration` of the layer are
//! `axum_login::tower_sessions::{Expiry, cookie::time::Duration}`; the options of the store take
//! `std::time::Duration`.
//!
//! `logout` of an `AuthSession` ends this session. To end the others as well, call
//! [`destroy_all_of`](Store::destroy_all_of) with the user's id, or
//! [`destroy_others`](Store::destroy_others) with the id and the session to keep.

pub use super::tower::builder;

super::tower::implement!(tower_sessions_core_014);
