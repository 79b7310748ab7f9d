//! The store as tower-sessions' own: [`SessionStore`] and [`ExpiredDeletion`] of
//! tower-sessions-core 0.15, for every layout that can be written.
//!
//! In the layout `tower-sessions`, which [`builder`] begins with, documents are byte for byte those
//! of tower-sessions-mongodb-store 0.11 (`src/lib.rs`): `_id` is the id's text, `data` the record in
//! MessagePack as `rmp_serde::to_vec` writes it, `expireAt` the expiry as a date. Who moves over from
//! that store logs nobody out, and may go back. In the layouts of express-session's stores the
//! session is shared with an Express application; its `cookie` is then among the data.
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
//! What this store does otherwise than that one:
//!
//! - Whether a session is over is decided by the server's clock, in the one round trip that reads it.
//! - `create` never overwrites a taken id; it draws another.
//! - `save` never makes a session. One that was deleted while a request was under way (a logout) stays
//!   deleted; `save` then does nothing, and the next `load` finds nothing. With
//!   [`save_only_live`](StoreBuilder::save_only_live) that holds for one that is over, too.
//! - `delete_expired` goes in batches and spares what is renewed meanwhile, and
//!   [`continuously_delete_expired`](ExpiredDeletion::continuously_delete_expired) goes on after
//!   errors and tells `tracing` how many sessions went. [`Store::sweep`] tells a caller, and shares
//!   the work among processes by a lease.

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
use crate::store::{Expiry, Store};

/// How many ids are drawn before [`SessionStore::create`] gives up. Of 128 random bits none is ever
/// taken; where each of them is, another unique index refuses the sessions.
const MOST_IDS: u32 = 8;

/// The options of a store that writes what tower-sessions-mongodb-store 0.11 writes, into its
/// collection `sessions`.
pub fn builder() -> StoreBuilder {
    Store::builder().layout("tower-sessions")
}

/// A record as it is to be written.
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
    Whole { id, payload, expiry: Expiry::At(DateTime::from_millis(millis)) }
}

/// The expiry of the document. The payload's is the same to the nanosecond, unless another tool
/// changed the document's.
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
    /// Writes a new session; if the id is taken, under another that `record` then has.
    ///
    /// # Errors
    /// `Backend` for what the connection meets, `Encode` where the layout has no form for the record.
    async fn create(&self, record: &mut Record) -> Result<()> {
        for _ in 0..MOST_IDS {
            let id = record.id.to_string();
            if self.insert(whole(self.layout(), &id, record)).await? {
                return Ok(());
            }
            // Writing over a taken id would give the session of one visitor to another.
            record.id = Id::default();
        }
        Err(Error::Backend("the server takes no new session under any id".to_owned()))
    }

    /// Writes a session that is there, in one round trip. Where it was deleted, nothing.
    ///
    /// # Errors
    /// As for `create`.
    async fn save(&self, record: &Record) -> Result<()> {
        let id = record.id.to_string();
        // No upsert: it would bring back a session that a logout deleted while the request was
        // running.
        self.replace(whole(self.layout(), &id, record), self.save_only_live).await?;
        Ok(())
    }

    /// The session if it is not over by the server's clock, in one round trip. What never expires
    /// does so at the end of the year 9999.
    ///
    /// # Errors
    /// `Backend` for what the connection meets, `Decode` where the payload cannot be read.
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

    /// Deletes the session; waits until a majority has it.
    ///
    /// # Errors
    /// `Backend` for what the connection meets.
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
    /// `Backend` for what the connection meets.
    async fn delete_expired(&self) -> Result<()> {
        self.clear_expired().await?;
        Ok(())
    }

    /// Deletes expired sessions now and every `period`, for ever: a server that is away is waited
    /// for, and whatever else is met is tried again a period later, or half a second. `tracing` is
    /// told what was deleted and what went wrong. Where this is dropped, or its task aborted, the
    /// batch under way is still finished.
    ///
    /// # Errors
    /// None; it never returns.
    async fn continuously_delete_expired(self, period: Duration) -> Result<()> {
        let _guard = self.sweep(Sweep { interval: period, ..Sweep::default() }, tell);
        std::future::pending().await
    }
}

fn tell(event: Event) {
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
