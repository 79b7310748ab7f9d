//! Measures what a sweep leaves behind, for monitoring.

use std::time::Duration;

use bson::{DateTime, doc};

use super::event::{Backlog, Event, MOST_COUNTED};
use crate::error::Result;
use crate::model::query::ago;
use crate::model::selection::Selection;
use crate::server::replication::Lag;
use crate::server::reply::{affected, first_batch};
use crate::store::Store;

/// The time limit of the count on the server, in milliseconds.
const MAX_MS: i64 = 10_000;

impl Store {
    /// What remains after a pass with this grace, as far as it is known.
    pub(super) async fn measured(&self, grace: Duration) -> Event {
        let connection = self.connection();
        let backlog = match connection.primary_now().await {
            Ok(now) => self.backlog(ago(now, grace)).await.ok().map(|backlog| (backlog, now)),
            Err(_) => None,
        };
        let lag = match connection.lag().await {
            Lag::Behind(followers) => Some(followers.behind),
            Lag::Standalone | Lag::Unknown(_) => None,
        };
        Event::Measured { layout: self.layouts().name(), backlog, lag }
    }

    /// Counts the sessions that are expired at `cutoff`, with the index on the expiry if there is
    /// one. Otherwise the server scans the collection, for at most ten seconds.
    ///
    /// # Errors
    /// If a command cannot be sent or the server rejects it, or if the count takes longer than ten
    /// seconds.
    pub async fn backlog(&self, cutoff: DateTime) -> Result<Backlog> {
        let layouts = self.layouts();
        let expired = Selection::expired(cutoff, cutoff).predicate(layouts)?;
        let mut pipeline = vec![doc! { "$match": expired }];
        if layouts.are_one_family()
            && let Some(path) = layouts.first().expiry_path()
            && self.indexes().await?.iter().any(|index| index.leads_along(path))
        {
            // In index order, so that the limit keeps the oldest. Without an index, the server
            // would read and sort everything.
            pipeline.push(doc! { "$sort": { path: 1 } });
        }
        pipeline.push(doc! { "$limit": MOST_COUNTED as i64 });
        pipeline.push(doc! { "$group": {
            "_id": null, "n": { "$sum": 1 }, "oldest": { "$min": layouts.expiry_fact() },
        } });
        let command = doc! {
            "aggregate": self.name(), "pipeline": pipeline, "cursor": {},
            "maxTimeMS": MAX_MS, "comment": self.comment(),
        };
        let reply = self.run("aggregate", command).await?;
        let found = first_batch(&reply).into_iter().next();
        let Some(found) = found else { return Ok(Backlog::default()) };
        let millis = found.get_i64("oldest").or_else(|_| found.get_i32("oldest").map(i64::from));
        let millis = millis.or_else(|_| found.get_f64("oldest").map(|millis| millis as i64));
        Ok(Backlog {
            sessions: affected(&found, "n"),
            oldest: millis.ok().map(DateTime::from_millis),
        })
    }
}
