//! The clocks of a sharded cluster. A router answers with its own clock, which may be wrong by an
//! hour while those of the shards are right: the earliest clock that can be read decides what has
//! expired, so that a clock that is ahead cannot end a live session.

use std::sync::Arc;
use std::time::Duration;

use bson::{DateTime, Document, doc};
use futures_util::future::join_all;
use mongodb::ServerInfo;
use mongodb::options::SelectionCriteria;
use tokio::time::{Instant, sleep};

use crate::error::Result;
use crate::server::connection::Connection;
use crate::server::flavour::{Spread, Topology};
use crate::server::reply::first_batch;

/// Clocks that differ by more than this are reported.
const TOLERANCE: Duration = Duration::from_secs(1);
/// Shards without writes move the cluster time at least this often: `periodicNoopIntervalSecs` is 10.
const IDLE: Duration = Duration::from_secs(15);
/// How long to wait for the other clocks. One that cannot be read by then does not count.
const PATIENCE: Duration = Duration::from_secs(2);

/// A clock, converted to the same moment as the others.
#[derive(Debug, Clone)]
struct Clock {
    of: String,
    at: DateTime,
    /// How far it may normally lag behind.
    lag: Duration,
}

impl Connection {
    /// The primary's clock, which alone decides what has expired. On a sharded cluster the earliest
    /// of those that can be read: the routers in the connection string, and the cluster time.
    ///
    /// # Errors
    /// [`Error::NotPrimary`](crate::Error::NotPrimary) on a direct connection to a secondary, else as for
    /// [`hello`](Self::hello).
    pub async fn primary_now(&self) -> Result<DateTime> {
        self.deciding_clock(None).await
    }

    /// The clock that decides what has expired, as [`primary_now`](Self::primary_now) reads it; on a
    /// sharded cluster also those of the shards that hold `collection`.
    pub(crate) async fn deciding_clock(&self, collection: Option<&str>) -> Result<DateTime> {
        let began = Instant::now();
        let reply = self.greeting().await?;
        let hello = Self::read_writable(&reply, self.address())?;
        if hello.kind != Topology::Sharded {
            return Ok(hello.now);
        }
        let mut clocks = vec![Clock::read("the router", hello.now, began)];
        clocks.extend(cluster_time(&reply, began));
        let (routers, shards) = tokio::join!(
            patient(self.routers(began)),
            patient(async {
                match collection {
                    Some(collection) => self.shards(collection, began).await,
                    None => Vec::new(),
                }
            })
        );
        clocks.extend(routers.into_iter().chain(shards).flatten());
        let spread = spread(&clocks);
        self.set_spread(spread);
        let earliest = clocks.iter().map(|clock| clock.at).min();
        Ok(earliest.unwrap_or(hello.now))
    }

    /// The clocks of the other routers in the connection string.
    async fn routers(&self, began: Instant) -> Vec<Clock> {
        let hosts = self.hosts_that_answer(PATIENCE / 2).await;
        if hosts.len() < 2 {
            return Vec::new();
        }
        let asked = hosts.into_iter().map(|host| async move {
            let name = host.clone();
            let is_it = move |server: &ServerInfo<'_>| server.address().to_string() == host;
            let criteria = SelectionCriteria::Predicate(Arc::new(is_it));
            let reply = self.run_on_member(criteria, "hello", doc! { "hello": 1 }).await.ok()?;
            let now = *reply.get_datetime("localTime").ok()?;
            Some(Clock::read(&name, now, began))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// The clocks of the shards that hold a collection: `$collStats` reports that of each
    /// (mongo `src/mongo/db/pipeline/document_source_coll_stats.cpp`), and any login that may read
    /// may run it.
    async fn shards(&self, collection: &str, began: Instant) -> Vec<Clock> {
        let command = doc! {
            "aggregate": collection, "pipeline": [{ "$collStats": {} }], "cursor": {},
        };
        let Ok(reply) = self.run("aggregate", collection, command).await else { return Vec::new() };
        let clock = |shard: Document| {
            let name = shard.get_str("shard").or_else(|_| shard.get_str("host"));
            let name = name.map_or_else(|_| "a shard".to_owned(), |name| format!("shard {name}"));
            Some(Clock::read(&name, *shard.get_datetime("localTime").ok()?, began))
        };
        first_batch(&reply).into_iter().filter_map(clock).collect()
    }
}

/// The results that arrive in time.
async fn patient<T>(reading: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        read = reading => Some(read),
        () = sleep(PATIENCE) => None,
    }
}

impl Clock {
    /// A clock that was read between `began` and now, as it was at `began` at the latest.
    fn read(of: &str, at: DateTime, began: Instant) -> Self {
        let since = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let at = DateTime::from_millis(at.timestamp_millis().saturating_sub(since));
        Self { of: of.to_owned(), at, lag: Duration::ZERO }
    }
}

/// The cluster time, which the shards write into their oplogs, and which a router passes on.
fn cluster_time(reply: &Document, began: Instant) -> Option<Clock> {
    let time = reply.get_document("$clusterTime").ok()?.get_timestamp("clusterTime").ok()?;
    let at = DateTime::from_millis(i64::from(time.time) * 1000);
    Some(Clock { lag: IDLE, ..Clock::read("the cluster time", at, began) })
}

/// How far the clocks are apart, if that is worth a warning.
fn spread(clocks: &[Clock]) -> Option<Spread> {
    let latest = clocks.iter().max_by_key(|clock| clock.at)?;
    let behind = |clock: &Clock| {
        let millis = latest.at.timestamp_millis() - clock.at.timestamp_millis();
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    };
    let earliest = clocks
        .iter()
        .filter(|clock| behind(clock) > TOLERANCE + clock.lag)
        .min_by_key(|clock| clock.at)?;
    let (apart, earliest, latest) = (behind(earliest), earliest.of.clone(), latest.of.clone());
    Some(Spread { apart, earliest, latest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(of: &str, seconds: i64, lag: Duration) -> Clock {
        Clock { of: of.to_owned(), at: DateTime::from_millis(seconds * 1000), lag }
    }

    #[test]
    fn the_clocks_that_are_furthest_apart_are_named() {
        let at = |of: &str, seconds| clock(of, seconds, Duration::ZERO);
        let found = spread(&[at("a", 3600), at("b", 0), at("c", 2)]).unwrap();
        assert_eq!(
            found.to_string(),
            "the clocks of the cluster differ by 3600 s: a is ahead of b"
        );
        assert_eq!(spread(&[at("a", 1), at("b", 0)]), None);
    }

    #[test]
    fn the_cluster_time_of_an_idle_cluster_is_no_clock_that_is_wrong() {
        let clocks = |seconds| {
            [clock("the router", seconds, Duration::ZERO), clock("the cluster time", 0, IDLE)]
        };
        assert_eq!(spread(&clocks(12)), None);
        assert!(spread(&clocks(20)).is_some());
    }
}
