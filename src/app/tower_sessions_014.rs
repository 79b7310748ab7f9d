//! `SessionStore` and `ExpiredDeletion` of tower-sessions 0.14, for axum-login 0.18 and everything
//! else that is not released for 0.15 yet. The documentation of `tower_sessions` applies here as well,
//! and both features can be enabled together.
//!
//! axum-login keeps the user under the key `axum-login.data`, where
//! [`sessions_of`](Store::sessions_of), [`destroy_all_of`](Store::destroy_all_of) and
//! [`limit_per_user`](crate::StoreBuilder::limit_per_user) find it without further ado. So that they
//! find it by an index, choose a layout that stores payloads as documents, and a key without a dot:
//!
//! ```no_run
//! # async fn example() -> sessionctl::Result<()> {
//! let (store, _) = sessionctl::Store::builder()
//!     .uri("mongodb://localhost:27017/shop")
//!     .layout("express-mongodb-1")
//!     .user_path("auth.user_id")
//!     .user_index(true)
//!     .ttl_index(true)
//!     .limit_per_user(5)
//!     .open()
//!     .await?;
//! // let sessions = SessionManagerLayer::new(store.clone());
//! // let auth = AuthManagerLayerBuilder::new(backend, sessions).with_data_key("auth").build();
//! # drop(store);
//! # Ok(())
//! # }
//! ```
//!
//! `cargo run --example axum_login` runs such an application (`tests/examples/axum_login`).
//!
//! `logout` of an `AuthSession` ends this session. To end the others as well, call
//! [`destroy_all_of`](Store::destroy_all_of) with the user's id, or
//! [`destroy_others`](Store::destroy_others) with the id and the session to keep.

pub use super::tower::builder;

super::tower::implement!(tower_sessions_core_014);
