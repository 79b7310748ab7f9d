//! A MongoDB session store for Rust that knows every other store's documents.
//!
//! Web frameworks keep sessions in a MongoDB collection, each in its own way. A [`Layout`] is the
//! record of one such way; a [`Store`] reads and writes sessions by it, so that the store whose
//! layout it is (connect-mongo, express-mongodb, tower-sessions, ...) can read what it wrote.
//!
//! ```
//! use std::time::Duration;
//!
//! use sessionctl::{Expiry, Store};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let binary = sessionctl::mongod::find_or_fetch(&mut |_| {})?;
//! # let mongod = sessionctl::mongod::Mongod::start(&binary, Default::default())?;
//! # let uri = mongod.uri();
//! // express-mongodb's options: a collection, and an interval at which expired sessions are deleted.
//! let (store, _clear_interval) = Store::builder()
//!     .uri(&uri) // such as mongodb://localhost:27017
//!     .database("shop")
//!     .collection("mysession")
//!     .layout("express-mongodb-1")
//!     .clear_interval(Duration::from_secs(60))
//!     .ttl_index(true)
//!     .touch_after(Duration::from_secs(300))
//!     .open()
//!     .await?;
//!
//! let id = "7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN";
//! let hour = Expiry::After(Duration::from_secs(3600));
//! store.set(id, &serde_json::json!({ "user": "alice", "visits": 1 }), hour).await?;
//! assert_eq!(store.length().await?, 1);
//!
//! // A request reads the session, and writes it if it is still there.
//! let mut session: serde_json::Value = store.get(id).await?.expect("it was just set");
//! session["visits"] = 2.into();
//! assert!(store.set_existing(id, &session, hour).await?);
//! // One that only reads renews it, at most every five minutes.
//! assert!(store.touch(id, hour).await?);
//!
//! // A request that was in flight does not resurrect a logged-out session.
//! store.destroy(id).await?;
//! assert!(!store.set_existing(id, &session, hour).await?);
//! assert!(!store.touch(id, hour).await?);
//! # Ok(())
//! # }
//! ```
//!
//! A payload is any type that serde reads and writes. Dates and `ObjectId`s in it keep their BSON
//! types, also those that Express wrote. [`Store::set`] writes a session whether it exists or not, as
//! the stores of Express do; [`Store::set_existing`] does not resurrect a logged-out session, and
//! [`Store::set_new`] overwrites nothing. [`Store::touch`] never revives a destroyed or expired
//! session; with [`StoreBuilder::touch_after`] it skips sessions that were written lately.
//! [`Store::destroy_matching`] logs a user out everywhere, and [`StoreBuilder::ttl_index`] creates the
//! indexes that the layout needs. `sessionctl help rights` lists the privileges that each of these
//! requires.
//!
//! With the feature `tower-sessions` a store is tower-sessions' `SessionStore` too: see
//! `tower_sessions`. With `express-cookie` a user of an Express application is logged in here too.
//! [`moving`] says how to come here from another store, or to live beside it.
//!
//! What decides whether a session is over is the server's clock, never this process's. Deleting
//! goes through [`purge`], which repeats its predicate in every delete: a session renewed between
//! the read and the delete lives.

// Five storeys: each imports only from those above it in this list.
mod app;
pub mod error;
mod model;
mod ops;
mod server;
pub mod store;

#[cfg(feature = "demo")]
pub mod mongod;
#[doc = include_str!("app/moving.md")]
pub mod moving {}

#[cfg(feature = "express-cookie")]
pub use app::express_cookie;
#[cfg(feature = "tower-sessions")]
pub use app::tower_sessions;
#[doc(hidden)]
pub use model::humanize;
pub use model::{layout, payload, query, session};
pub use ops::{archive, collections, doctor, index, purge, restore, stats, sweep, top};
pub use server::{connection, replication};

pub use app::builder::StoreBuilder;
pub use connection::Connection;
pub use error::{Error, Result};
pub use layout::{Layout, Layouts};
pub use model::selection::Selection;
pub use query::Query;
pub use session::{Session, SessionId, ShortId, State};
pub use store::{Expiry, Store};
