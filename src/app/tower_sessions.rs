//! [`SessionStore`] and [`ExpiredDeletion`] of tower-sessions 0.15, for every layout that can be
//! written. With the feature `tower-sessions-014`, the same store also implements those of 0.14,
//! for which axum-login 0.18 is released: see `tower_sessions_014`.
//!
//! With the layout `tower-sessions`, the default of [`builder`], documents are byte for byte those
//! of tower-sessions-mongodb-store 0.11 (`src/lib.rs`): `_id` is the id as text, `data` the record
//! in MessagePack as `rmp_serde::to_vec` writes it, `expireAt` the expiry as a date. Migrating from
//! that store, or back to it, logs nobody out. With the layouts of express-session's stores, the
//! sessions are shared with an Express application; the data then includes its `cookie`. For a new
//! application, see [`layout`](crate::StoreBuilder::layout).
//!
//! ```no_run
//! # async fn example() -> sessionctl::Result<()> {
//! use tower_sessions::cookie::SameSite;
//! use tower_sessions::cookie::time::Duration;
//! use tower_sessions::{Expiry, SessionManagerLayer};
//!
//! let (store, _) = sessionctl::tower_sessions::builder()
//!     .uri("mongodb://localhost:27017/shop")
//!     .ttl_index(true)
//!     .open()
//!     .await?;
//! let sessions = SessionManagerLayer::new(store)
//!     .with_expiry(Expiry::OnInactivity(Duration::HOUR))
//!     // Each request renews the session. Without this, only one that changes it does.
//!     .with_always_save(true)
//!     // Whoever follows a link from another site is logged in.
//!     .with_same_site(SameSite::Lax);
//! // On http://localhost, also `.with_secure(false)`.
//! # drop(sessions);
//! # Ok(())
//! # }
//! ```
//!
//! Differences from that store:
//!
//! - The server's clock decides whether a session has expired, in the same round trip that reads
//!   it. The expiry itself is computed by tower-sessions, with the clock of this process.
//! - `create` never overwrites an existing session: if the id is taken, it generates another.
//! - `save` never creates a session. If the session was deleted while a request was running (a
//!   logout), `save` does nothing and the next `load` returns `None`. With
//!   [`save_only_live`](crate::StoreBuilder::save_only_live) the same holds for an expired session.
//! - `delete_expired` works in batches and spares sessions that are renewed in the meantime.
//!   [`continuously_delete_expired`](ExpiredDeletion::continuously_delete_expired) continues after
//!   errors and logs the number of deleted sessions with `tracing`. [`Store::sweep`] reports it to
//!   a callback instead, and can share the work among processes by a lease.

pub use super::tower::builder;

super::tower::implement!(tower_sessions_core);
