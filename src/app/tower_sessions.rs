//! [`SessionStore`] and [`ExpiredDeletion`] of tower-sessions-core 0.15, for every layout that can
//! be written.
//!
//! With the layout `tower-sessions`, the default of [`builder`], documents are byte for byte those
//! of tower-sessions-mongodb-store 0.11 (`src/lib.rs`): `_id` is the id as text, `data` the record
//! in MessagePack as `rmp_serde::to_vec` writes it, `expireAt` the expiry as a date. Migrating from
//! that store, or back to it, logs nobody out. With the layouts of express-session's stores, the
//! sessions are shared with an Express application; the data then includes its `cookie`.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! # async fn example() -> sessionctl::Result<()> {
//! let (store, _clear_interval) = sessionctl::tower_sessions::builder()
//!     .uri("mongodb://localhost:27017/shop")
//!     .ttl_index(true)
//!     .clear_interval(Duration::from_secs(60))
//!     .open()
//!     .await?;
//! // tower_sessions::SessionManagerLayer::new(store)
//! # drop(store);
//! # Ok(())
//! # }
//! ```
//!
//! Differences from that store:
//!
//! - The server's clock decides whether a session has expired, in the same round trip that reads
//!   it.
//! - `create` never overwrites an existing session: if the id is taken, it generates another.
//! - `save` never creates a session. If the session was deleted while a request was running (a
//!   logout), `save` does nothing and the next `load` returns `None`. With
//!   [`save_only_live`](StoreBuilder::save_only_live) the same holds for an expired session.
//! - `delete_expired` works in batches and spares sessions that are renewed in the meantime.
//!   [`continuously_delete_expired`](ExpiredDeletion::continuously_delete_expired) continues after
//!   errors and logs the number of deleted sessions with `tracing`. [`Store::sweep`] reports it to
//!   a callback instead, and can share the work among processes by a lease.

use std::time::Duration;

use async_trait::async_trait;
use bson::DateTime;
use serde_json::Value;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};
use tower_sessions_core::session::{Id, Record};
use tower_sessions_core::session_store::{Error, Result};
use tower_sessions_core::{ExpiredDeletion, SessionStore};

use crate::app::builder::StoreBuilder;
use crate::error;
use crate::model::layout::Layout;
use crate::model::payload::msgpack::TowerExpiry;
use crate::ops::sweep::{Event, Pass, Sweep};
use crate::store::encode::{Content, Whole, is_tower, tower, tower_record};
use crate::store::{Expiry, Mode, Store};

/// How many ids [`SessionStore::create`] tries. Ids have 128 random bits and never collide; if all
/// are refused, the cause is another unique index.
const MOST_IDS: u32 = 8;

/// A builder with the options of tower-sessions-mongodb-store 0.11: its layout, and its collection
/// `sessions`.
pub fn builder() -> StoreBuilder {
    Store::builder().layout("tower-sessions")
}

/// The document to write for a record.
fn whole<'a>(layout: &Layout, id: &'a str, record: &Record) -> Whole<'a> {
    let unix_nanos = record.expiry_date.unix_timestamp_nanos();
    let payload = match is_tower(layout) {
        true => {
            let ahead = record.expiry_date.offset().whole_seconds();
            let expiry = TowerExpiry { unix_nanos, ahead };
            Content::Encoded(tower_record(record.id.0, &record.data, expiry))
        }
        false => {
            let data = record.data.iter().map(|(key, value)| (key.clone(), value.clone()));
            Content::Value(Value::Object(data.collect()))
        }
    };
    let millis = i64::try_from(unix_nanos / 1_000_000).unwrap_or(i64::MAX);
    Whole { id: id.into(), payload, expiry: Expiry::At(DateTime::from_millis(millis)) }
}

/// The expiry of the document. The payload's expiry is used for its nanoseconds, unless another
/// tool changed the document's.
fn expiry_date(expires: Option<DateTime>, in_payload: Option<i128>) -> OffsetDateTime {
    let last = PrimitiveDateTime::MAX.assume_offset(UtcOffset::UTC);
    let Some(expires) = expires.map(DateTime::timestamp_millis) else { return last };
    let nanos = match in_payload {
        Some(nanos) if nanos / 1_000_000 == i128::from(expires) => nanos,
        _ => i128::from(expires) * 1_000_000,
    };
    OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(last)
}

#[async_trait]
impl SessionStore for Store {
    /// Creates a session. If the id is taken, generates another and stores it in `record`.
    ///
    /// # Errors
    /// `Backend` if a command cannot be sent or the server rejects it. `Encode` if the layout
    /// cannot represent the record.
    async fn create(&self, record: &mut Record) -> Result<()> {
        for _ in 0..MOST_IDS {
            let id = record.id.to_string();
            if self.put(whole(self.layout(), &id, record), Mode::New).await?.inserted {
                return Ok(());
            }
            // Overwriting would give the session of one visitor to another.
            record.id = Id::default();
        }
        Err(Error::Backend("the server accepts no new session id".to_owned()))
    }

    /// Overwrites an existing session, in one round trip. Does nothing if the session was deleted.
    ///
    /// # Errors
    /// As for `create`.
    async fn save(&self, record: &Record) -> Result<()> {
        let id = record.id.to_string();
        // No upsert: it would resurrect a session that a logout deleted during the request.
        let mode = if self.save_only_live { Mode::Live } else { Mode::Existing };
        self.put(whole(self.layout(), &id, record), mode).await?;
        Ok(())
    }

    /// The session, if it has not expired by the server's clock, in one round trip. A session that
    /// never expires gets the end of the year 9999 as its expiry.
    ///
    /// # Errors
    /// `Backend` if a command cannot be sent or the server rejects it. `Decode` if the payload
    /// cannot be decoded.
    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let Some((session, now)) = self.find_live(&id.to_string()).await? else { return Ok(None) };
        let (_, expires) = self.layout().state_at(&session, now);
        let (data, nanos) = tower::data(self.layout(), &session)?;
        Ok(Some(Record {
            id: *id,
            data: data.into_iter().collect(),
            expiry_date: expiry_date(expires, nanos),
        }))
    }

    /// Deletes the session, and waits until a majority has confirmed it.
    ///
    /// # Errors
    /// `Backend` if a command cannot be sent or the server rejects it.
    async fn delete(&self, id: &Id) -> Result<()> {
        self.destroy(&id.to_string()).await?;
        Ok(())
    }
}

#[async_trait]
impl ExpiredDeletion for Store {
    /// [`Store::clear_expired`], without its count.
    ///
    /// # Errors
    /// `Backend` if a command cannot be sent or the server rejects it.
    async fn delete_expired(&self) -> Result<()> {
        self.clear_expired().await?;
        Ok(())
    }

    /// Deletes expired sessions now and then every `period`, forever. If the server is unreachable
    /// it waits, and after any other error it retries a period (at least half a second) later.
    /// Counts and errors are logged with `tracing`. If this future is dropped or its task aborted,
    /// the current batch is still finished.
    ///
    /// # Errors
    /// Never: it does not return.
    async fn continuously_delete_expired(self, period: Duration) -> Result<()> {
        let _guard = self.sweep(Sweep { interval: period, ..Sweep::default() }, log);
        std::future::pending().await
    }
}

fn log(event: Event) {
    match event {
        Event::Passed(Pass { namespace, deleted, error: None, .. }) => {
            tracing::info!(namespace, deleted, "deleted expired sessions");
        }
        Event::Passed(Pass { namespace, deleted, error: Some(error), .. }) => {
            tracing::warn!(namespace, deleted, %error, "deleted some of the expired sessions");
        }
        Event::Away { error, .. } => {
            tracing::warn!(%error, "could not delete expired sessions yet");
        }
        Event::Failed { error, .. } => {
            tracing::error!(%error, "could not delete expired sessions");
        }
        _ => {}
    }
}

impl From<error::Error> for Error {
    fn from(error: error::Error) -> Self {
        match error {
            error::Error::Document(_) => Self::Decode(error.to_string()),
            error::Error::Unsupported(_) => Self::Encode(error.to_string()),
            error => Self::Backend(error.to_string()),
        }
    }
}
