//! A MongoDB session store for Rust that reads and writes the documents of other session stores.
//!
//! Each web framework stores sessions in MongoDB in its own format. A [`Layout`] describes one such
//! format. A [`Store`] reads and writes sessions in a layout, so the store that the layout belongs
//! to (connect-mongo, express-mongodb, tower-sessions, ...) can read what it wrote.
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
//! // As in express-mongodb: a collection, and how often to delete expired sessions. Dropping the
//! // second value stops this deletion.
//! let (store, _clear_interval) = Store::builder()
//!     .uri(&uri) // such as mongodb://localhost:27017
//!     .database("shop")
//!     .collection("mysession")
//!     .layout("express-mongodb-1")
//!     .clear_interval(Duration::from_secs(60))
//!     .ttl_index(true) // either of these two deletes expired sessions
//!     .open()
//!     .await?;
//!
//! let id = "7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN";
//! let hour = Expiry::After(Duration::from_secs(3600));
//! store.set(id, &serde_json::json!({ "user": "alice", "visits": 1 }), hour).await?;
//! assert_eq!(store.length().await?, 1);
//!
//! // A request reads the session, and writes it back only if it still exists.
//! let mut session: serde_json::Value = store.get(id).await?.expect("it was just set");
//! session["visits"] = 2.into();
//! assert!(store.set_existing(id, &session, hour).await?);
//! // A request that only reads renews the session, to an hour from now by the server's clock.
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
//! A payload is any type that implements serde's `Serialize` and `Deserialize`. Dates and
//! `ObjectId`s keep their BSON types, including those that Express wrote. [`Store::set`] creates or
//! overwrites a session, as the stores of Express do. [`Store::set_existing`] does not resurrect a
//! logged-out session, [`Store::set_new`] never overwrites one, and [`Store::set_if_unchanged`] does
//! not overwrite what another request wrote. [`Store::touch`] never revives a destroyed or expired
//! session; with [`StoreBuilder::touch_after`] it skips sessions that were written recently.
//! [`Store::sessions_of`] lists the sessions of a user, [`Store::destroy_all_of`] and
//! [`Store::destroy_others`] log a user out everywhere, [`StoreBuilder::limit_per_user`] limits how
//! many there are, [`Store::users`] lists who has sessions, and [`StoreBuilder::ttl_index`] creates
//! the indexes that the layout needs. [`Store::follow`] reports sessions as they change, and [`Store::hold`] reports which sessions to
//! end in order to keep users logged out. `sessionctl help rights` lists the privileges that each
//! of these requires.
//!
//! [`axum_guide`] is a new axum application, complete: log-in, sessions, and the page "Your sessions".
//!
//! | for | feature | module | in `Cargo.toml` |
//! |---|---|---|---|
//! | axum with tower-sessions | `tower-sessions` | `tower_sessions` | `tower-sessions = "0.15"` |
//! | axum with axum-login | `tower-sessions-014` | `tower_sessions_014` | `axum-login = "0.18"`; its types are in `axum_login::tower_sessions` |
//! | "Your sessions", a page on which users log out elsewhere | `devices` | `devices` | `axum = "0.8"` |
//! | actix-web | `actix-session` | `actix_session` | `actix-session = "0.11"` |
//! | users of an Express application, by its cookie | `express-cookie` | `express_cookie` | |
//! | a span for each operation | `tracing` | | `tracing = "0.1"` |
//!
//! The library requires Rust 1.88. `default-features = false` leaves out the command line. [`moving`]
//! describes how to migrate from another store, or share a collection with it, and [`comparison`] what
//! other stores do better or worse.
//!
//! The server's clock decides whether a session has expired, never the clock of this process. With
//! tower-sessions, this process computes the expiry itself.
//! [`purge`], which deletes expired sessions and those of a user, repeats its condition in every delete,
//! so a session that is renewed between the read and the delete survives.

#![cfg_attr(docsrs, feature(doc_cfg))]

// Five layers, model <- server <- store <- ops <- app: each imports only from those to its left.
mod app;
pub mod error;
mod model;
mod ops;
mod server;
pub mod store;

#[cfg(feature = "demo")]
pub mod mongod;
#[doc = include_str!("app/axum.md")]
pub mod axum_guide {}
#[doc = include_str!("app/comparison.md")]
pub mod comparison {}
#[doc = include_str!("app/moving.md")]
pub mod moving {}

#[cfg(feature = "actix-session")]
pub use app::actix_session;
#[cfg(feature = "devices")]
pub use app::devices;
#[cfg(feature = "express-cookie")]
pub use app::express_cookie;
#[cfg(feature = "tower-sessions")]
pub use app::tower_sessions;
#[cfg(feature = "tower-sessions-014")]
pub use app::tower_sessions_014;
#[doc(hidden)]
pub use model::humanize;
pub use model::{layout, payload, query, session};
pub use ops::{
    archive, collections, copy, doctor, follow, index, purge, restore, select, stats, sweep, top,
    users,
};
pub use server::{connection, flavour, replication};

pub use app::builder::{StoreBuilder, StoreDatabase};
pub use app::by_user::UserSession;
pub use connection::Connection;
pub use error::{Error, Result};
pub use layout::{Layout, Layouts};
pub use model::filter::Filter;
pub use model::key::Key;
pub use model::selection::{Except, Keep, Selection};
pub use query::{Query, Users};
pub use session::{Session, SessionId, ShortId, State};
pub use store::{Expiry, SetIfUnchanged, Store, Version, Versioned};
