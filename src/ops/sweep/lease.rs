//! The lease on sweeping a collection: of any number of sweepers one works.
//!
//! It is a document of `sessionctl_leases` in the database of the sessions, and only the server's
//! clock decides whether it has run out.

use std::time::Duration;

use bson::{Document, doc};

use crate::error::{Error, Result};
use crate::server::connection::Connection;

/// Where leases are kept.
pub const LEASES: &str = "sessionctl_leases";

/// `DuplicateKey`: two came at once for a lease that there was not yet.
const DUPLICATE_KEY: i32 = 11000;

/// On which terms a sweeper works: a plain value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Who it is, such as `host:pid:random`; no two sweepers have the same name.
    pub holder: String,
    /// How long a lease lives unless it is renewed, at least [`Terms::SHORTEST`]. It is renewed
    /// each third of that, and whoever dies with it is succeeded when it has run out.
    pub life: Duration,
}

impl Terms {
    /// The life of a lease unless told otherwise.
    pub const USUAL: Duration = Duration::from_secs(30);
    /// A shorter life would be spent on renewing it.
    pub const SHORTEST: Duration = Duration::from_secs(1);
}

/// The lease of one namespace.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    pub(super) connection: Connection,
    pub(super) namespace: String,
    pub(super) terms: Terms,
}

/// What came of asking for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is ours for its life from when it was asked for. Each time that it changes hands, `fence`
    /// is greater.
    Ours { fence: i64 },
    /// It is another's, for so long at the least.
    Taken { by: String, remaining: Duration },
}

impl Lease {
    /// Takes the lease if it is free, renews it if it is ours.
    pub(super) async fn acquire(&self) -> Result<Answer> {
        match self.try_acquire().await {
            Err(error) if error.code() == Some(DUPLICATE_KEY) => self.try_acquire().await,
            answer => answer,
        }
    }

    async fn try_acquire(&self) -> Result<Answer> {
        let Terms { holder, life } = &self.terms;
        // `$$NOW` is the clock of the server that carries the update out. Behind several `mongos`
        // it is that of each router: if two differ by more than the life of a lease, two sweepers
        // can hold it.
        let is_free = doc! { "$lte": ["$until", "$$NOW"] };
        // A literal, because a name that begins with `$` would be read as a field.
        let is_ours = doc! { "$eq": ["$holder", { "$literal": holder }] };
        let life_ms = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
        let until = doc! { "$add": ["$$NOW", life_ms] };
        let if_free =
            |value: Document, kept: &str| doc! { "$cond": [is_free.clone(), value, kept] };
        let next_fence = doc! { "$add": [{ "$ifNull": ["$fence", 0_i64] }, 1_i64] };
        // Where it is another's nothing changes, and then the server writes nothing.
        let update = doc! { "$set": {
            "holder": if_free(doc! { "$literal": holder }, "$holder"),
            "fence": if_free(next_fence, "$fence"),
            "since": if_free(doc! { "$add": ["$$NOW", 0] }, "$since"),
            "until": { "$cond": [{ "$or": [is_free.clone(), is_ours] }, until, "$until"] },
        } };
        // A member that does not answer must not hold up a renewal for longer than till the next.
        let patience = i64::try_from(self.terms.life.as_millis() / 3).unwrap_or(i64::MAX).max(500);
        let command = doc! {
            "findAndModify": LEASES,
            "query": { "_id": &self.namespace },
            "update": [update],
            "upsert": true,
            "new": true,
            "fields": { "holder": 1, "fence": 1, "remaining": { "$subtract": ["$until", "$$NOW"] } },
            "maxTimeMS": patience,
            // One that a failover rolled back would be held by two.
            "writeConcern": { "w": "majority", "wtimeout": patience },
            "comment": concat!("sessionctl ", env!("CARGO_PKG_VERSION"), " lease"),
        };
        let reply = self.connection.run("findAndModify", LEASES, command).await?;
        let unreadable =
            || Error::Unsupported(format!("the lease of {} cannot be read", self.namespace));
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

    /// Gives the lease back, so that another can take it at once; nothing, if it is not ours.
    pub(super) async fn release(&self) -> Result<()> {
        let command = doc! {
            "update": LEASES,
            // By name, so that a sweeper that is late does not give away the lease of its
            // successor.
            "updates": [{
                "q": { "_id": &self.namespace, "holder": &self.terms.holder },
                "u": [{ "$set": { "until": "$$NOW" } }, { "$unset": "holder" }],
            }],
            "comment": concat!("sessionctl ", env!("CARGO_PKG_VERSION"), " lease"),
        };
        self.connection.run("update", LEASES, command).await.map(drop)
    }
}
