//! The lease on sweeping a collection: of any number of sweepers, only one works.
//!
//! The lease is a document in `sessionctl_leases`, in the database of the sessions. Only the
//! server's clock decides whether it has run out.

use std::time::Duration;

use bson::{Document, doc};

use crate::error::{Error, Result};
use crate::server::connection::Connection;

/// The collection that contains the leases.
pub const LEASES: &str = "sessionctl_leases";

/// `DuplicateKey`: two sweepers created the lease at the same time.
const DUPLICATE_KEY: i32 = 11000;

/// The terms of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The name of the sweeper, such as `host:pid:random`. It must be unique.
    pub holder: String,
    /// How long the lease lasts without a renewal, at least [`Terms::SHORTEST`]. It is renewed
    /// every third of that time. If the holder dies, another takes over once the lease has run out.
    pub life: Duration,
}

impl Terms {
    /// The default lifetime of a lease.
    pub const USUAL: Duration = Duration::from_secs(30);
    /// A shorter lease would spend its lifetime on renewals.
    pub const SHORTEST: Duration = Duration::from_secs(1);
}

/// The lease of one namespace.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    pub(super) connection: Connection,
    pub(super) namespace: String,
    pub(super) terms: Terms,
}

/// The result of a request for the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// We hold the lease, for its lifetime from the time of the request. `fence` increases each
    /// time the lease changes hands.
    Ours { fence: i64 },
    /// Another sweeper holds the lease, for at least the remaining time.
    Taken { by: String, remaining: Duration },
}

impl Lease {
    /// Acquires the lease if it is free, renews it if it is ours.
    pub(super) async fn acquire(&self) -> Result<Answer> {
        match self.try_acquire().await {
            Err(error) if error.code() == Some(DUPLICATE_KEY) => self.try_acquire().await,
            answer => answer,
        }
    }

    async fn try_acquire(&self) -> Result<Answer> {
        let Terms { holder, life } = &self.terms;
        // `$$NOW` is the clock of the server that executes the update. With several `mongos` it is
        // the clock of each router: if two of them differ by more than the lifetime of a lease, two
        // sweepers can hold it.
        let is_free = doc! { "$lte": ["$until", "$$NOW"] };
        // A literal, because a name that begins with `$` would be evaluated as a field path.
        let is_ours = doc! { "$eq": ["$holder", { "$literal": holder }] };
        let life_ms = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
        let until = doc! { "$add": ["$$NOW", life_ms] };
        let if_free =
            |value: Document, kept: &str| doc! { "$cond": [is_free.clone(), value, kept] };
        let next_fence = doc! { "$add": [{ "$ifNull": ["$fence", 0_i64] }, 1_i64] };
        // If another sweeper holds the lease, nothing changes, and the server writes nothing.
        let update = doc! { "$set": {
            "holder": if_free(doc! { "$literal": holder }, "$holder"),
            "fence": if_free(next_fence, "$fence"),
            "since": if_free(doc! { "$add": ["$$NOW", 0] }, "$since"),
            "until": { "$cond": [{ "$or": [is_free.clone(), is_ours] }, until, "$until"] },
        } };
        // A member that does not respond must not delay a renewal beyond the next one.
        let timeout = i64::try_from(self.terms.life.as_millis() / 3).unwrap_or(i64::MAX).max(500);
        let command = doc! {
            "findAndModify": LEASES,
            "query": { "_id": &self.namespace },
            "update": [update],
            "upsert": true,
            "new": true,
            "fields": { "holder": 1, "fence": 1, "remaining": { "$subtract": ["$until", "$$NOW"] } },
            "maxTimeMS": timeout,
            // If a failover rolled the write back, two sweepers could hold the lease.
            "writeConcern": { "w": "majority", "wtimeout": timeout },
            "comment": concat!("sessionctl ", env!("CARGO_PKG_VERSION"), " lease"),
        };
        let reply = self.connection.run("findAndModify", LEASES, command).await?;
        let unreadable =
            || Error::Unsupported(format!("the lease of {} is malformed", self.namespace));
        let lease = reply.get_document("value").map_err(|_| unreadable())?;
        let held_by = lease.get_str("holder").map_err(|_| unreadable())?;
        let fence = lease.get_i64("fence").map_err(|_| unreadable())?;
        if held_by == holder {
            return Ok(Answer::Ours { fence });
        }
        let remaining = lease.get_i64("remaining").map_err(|_| unreadable())?;
        let remaining = Duration::from_millis(u64::try_from(remaining).unwrap_or(0));
        Ok(Answer::Taken { by: held_by.to_owned(), remaining })
    }

    /// Gives the lease back, so that another sweeper can acquire it immediately. Does nothing if it
    /// is not ours.
    pub(super) async fn release(&self) -> Result<()> {
        let command = doc! {
            "update": LEASES,
            // Only our own: a late sweeper must not give away the lease of its successor.
            "updates": [{
                "q": { "_id": &self.namespace, "holder": &self.terms.holder },
                "u": [{ "$set": { "until": "$$NOW" } }, { "$unset": "holder" }],
            }],
            "comment": concat!("sessionctl ", env!("CARGO_PKG_VERSION"), " lease"),
        };
        self.connection.run("update", LEASES, command).await.map(drop)
    }
}
