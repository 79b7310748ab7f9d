//! A MongoDB session store for Rust that knows every other store's documents.
//!
//! Web frameworks keep sessions in a MongoDB collection, each in its own way. A [`Layout`] is the
//! record of one such way; a [`Store`] reads and writes sessions by it, so that the store whose
//! layout it is (connect-mongo, express-mongodb, tower-sessions, ...) can read what it wrote.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use sessionctl::{Expiry, Store};
//!
//! # async fn example() -> sessionctl::Result<()> {
//! // express-mongodb's options: a collection, and an interval at which expired sessions go.
//! let (store, _clear_interval) = Store::builder()
//!     .uri("mongodb://localhost:27017/shop")
//!     .collection("mysession")
//!     .layout("express-mongodb-1")
//!     .clear_interval(Duration::from_secs(60))
//!     .ttl_index(true)
//!     .touch_after(Duration::from_secs(300))
//!     .open()
//!     .await?;
//!
//! let hour = Expiry::After(Duration::from_secs(3600));
//! let visits = serde_json::json!({ "visits": 1 });
//! store.set("7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN", &visits, hour).await?;
//! let again: Option<serde_json::Value> = store.get("7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN").await?;
//! assert_eq!(again.unwrap()["visits"], 1);
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `tower-sessions` a store is tower-sessions' `SessionStore` too: see
//! `tower_sessions`.
//!
//! What decides whether a session is over is the server's clock, never this process's. Deleting
//! goes through [`purge`], which repeats its predicate in every delete: a session renewed between
//! the read and the delete lives.

pub mod archive;
pub mod connection;
pub mod doctor;
pub mod error;
#[cfg(feature = "express-cookie")]
pub mod express_cookie;
pub mod index;
pub mod layout;
#[cfg(feature = "demo")]
pub mod mongod;
pub mod payload;
pub mod purge;
pub mod query;
pub mod replication;
pub mod restore;
pub mod session;
pub mod stats;
pub mod store;
pub mod sweep;
pub mod top;
#[cfg(feature = "tower-sessions")]
pub mod tower_sessions;

pub use connection::Connection;
pub use error::{Error, Result};
pub use layout::Layout;
pub use query::Query;
pub use session::{Session, SessionId, State};
pub use store::{Expiry, Store};
