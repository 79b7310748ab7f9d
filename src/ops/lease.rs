//! A lease: of any number of sweepers of a collection, or of copies that follow one, only one works.
//!
//! The lease is a document, for a sweeper in `sessionctl_leases`, in the database of the sessions. Only
//! the server's clock decides whether it has run out.

use std::time::Duration;

use bson::{DateTime, Document, doc};

use crate::error::{Error, Result};
use crate::server::connection::Connection;
use crate::server::flavour::Feature;

pub(in crate::ops) mod task;

/// The collection that contains the leases of sweepers.
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
pub(in crate::ops) struct Lease {
    pub(in crate::ops) connection: Connection,
    /// The collection that contains it, and its `_id`.
    pub(in crate::ops) collection: String,
    pub(in crate::ops) id: String,
    pub(in crate::ops) terms: Terms,
}

/// The result of a request for the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ops) enum Answer {
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
        let flavour = self.connection.flavour();
        // `$$NOW` is the clock of the server that executes the update; with several `mongos`, that of
        // each router, so that two sweepers could hold the lease.
        if flavour.is_sharded() || flavour.lacks(Feature::NowInUpdate) {
            return self.compare_and_set().await;
        }
        match self.acquire_at_once().await {
            Err(error) if flavour.learns(Feature::NowInUpdate, &error) => {
                self.compare_and_set().await
            }
            answer => answer,
        }
    }

    /// By `$$NOW`, in one round trip.
    async fn acquire_at_once(&self) -> Result<Answer> {
        let Terms { holder, life } = &self.terms;
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
        let lease = self.find_and_modify(doc! {
            "query": { "_id": &self.id },
            "update": [update],
            "upsert": true,
            "fields": { "holder": 1, "fence": 1, "remaining": { "$subtract": ["$until", "$$NOW"] } },
        });
        let lease = lease.await?.ok_or_else(|| self.unreadable())?;
        let held_by = lease.get_str("holder").map_err(|_| self.unreadable())?;
        let fence = lease.get_i64("fence").map_err(|_| self.unreadable())?;
        if held_by == holder {
            return Ok(Answer::Ours { fence });
        }
        let remaining = lease.get_i64("remaining").map_err(|_| self.unreadable())?;
        Ok(taken(held_by, remaining))
    }

    /// By `$currentDate`, the clock of the server that stores the lease, whichever router passes
    /// the command on (mongo `src/mongo/db/update/current_date_node.cpp`). The lease is changed
    /// only if it is still as it was read with that clock. The time in between shortens the lease
    /// on the server only: the holder counts from before the first request.
    async fn compare_and_set(&self) -> Result<Answer> {
        let Terms { holder, life } = &self.terms;
        let mut answer = taken("another process", 0);
        // If another sweeper is faster, it holds the lease, or the lease is free again.
        for _ in 0..3 {
            let lease = self.find_and_modify(doc! {
                "query": { "_id": &self.id },
                "update": { "$currentDate": { "asked": true } },
                "upsert": true,
            });
            let lease = lease.await?.ok_or_else(|| self.unreadable())?;
            let asked = *lease.get_datetime("asked").map_err(|_| self.unreadable())?;
            let until = lease.get_datetime("until").ok();
            let held_by = lease.get_str("holder").ok();
            let is_free = until.is_none_or(|until| *until <= asked);
            if !is_free && held_by != Some(holder) {
                let remaining =
                    until.map_or(0, |until| until.timestamp_millis() - asked.timestamp_millis());
                return Ok(taken(held_by.unwrap_or_default(), remaining));
            }
            let fence = lease.get_i64("fence").unwrap_or(0) + i64::from(is_free);
            let life_ms = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
            let until = asked.timestamp_millis().saturating_add(life_ms);
            let mut set =
                doc! { "holder": holder, "fence": fence, "until": DateTime::from_millis(until) };
            if is_free {
                set.insert("since", asked);
            }
            let mut as_read = doc! { "_id": &self.id };
            for field in ["holder", "fence", "until"] {
                let value = lease.get(field).cloned();
                as_read.insert(field, value.unwrap_or_else(|| doc! { "$exists": false }.into()));
            }
            let changed =
                self.find_and_modify(doc! { "query": as_read, "update": { "$set": set } });
            match changed.await? {
                Some(_) => return Ok(Answer::Ours { fence }),
                None => answer = taken(held_by.unwrap_or("another process"), 0),
            }
        }
        Ok(answer)
    }

    /// The lease as it is afterwards.
    async fn find_and_modify(&self, what: Document) -> Result<Option<Document>> {
        // A member that does not respond must not delay a renewal beyond the next one.
        let timeout = i64::try_from(self.terms.life.as_millis() / 3).unwrap_or(i64::MAX).max(500);
        let mut command = doc! { "findAndModify": &self.collection };
        command.extend(what);
        command.extend(doc! {
            "new": true,
            "maxTimeMS": timeout,
            // If a failover rolled the write back, two sweepers could hold the lease.
            "writeConcern": { "w": "majority", "wtimeout": timeout },
            "comment": concat!("sessionctl ", env!("CARGO_PKG_VERSION"), " lease"),
        });
        let reply = self.connection.run("findAndModify", &self.collection, command).await?;
        Ok(reply.get_document("value").ok().cloned())
    }

    fn unreadable(&self) -> Error {
        Error::Unsupported(format!("the lease of {} is malformed", self.id))
    }

    /// Gives the lease back, so that another sweeper can acquire it immediately. Does nothing if it
    /// is not ours.
    pub(super) async fn release(&self) -> Result<()> {
        let command = doc! {
            "update": &self.collection,
            // Only our own: a late sweeper must not give away the lease of its successor.
            "updates": [{
                "q": { "_id": &self.id, "holder": &self.terms.holder },
                "u": { "$currentDate": { "until": true }, "$unset": { "holder": "" } },
            }],
            "comment": concat!("sessionctl ", env!("CARGO_PKG_VERSION"), " lease"),
        };
        self.connection.run("update", &self.collection, command).await.map(drop)
    }
}

fn taken(by: &str, remaining: i64) -> Answer {
    let remaining = Duration::from_millis(u64::try_from(remaining).unwrap_or(0));
    Answer::Taken { by: by.to_owned(), remaining }
}
