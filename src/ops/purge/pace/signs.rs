//! Other signs that a server has too much to do, where the login may read them.

use bson::{Bson, Document, doc};

use crate::error::Result;
use crate::server::connection::Connection;

/// The share of the cache from which on the server lets clients wait for evictions (mongod 4.4 to 8.0:
/// of changed pages, and of all).
const DIRTY: f64 = 0.2;
const FULL: f64 = 0.95;

/// Whether operations queue, or wait for the cache.
pub(super) async fn strained(connection: &Connection) -> Result<bool> {
    // Only what is needed: the whole reply is large.
    let command = doc! {
        "serverStatus": 1, "metrics": 0, "repl": 0, "locks": 0, "opLatencies": 0, "network": 0,
        "tcmalloc": 0, "transactions": 0, "storageEngine": 0, "security": 0, "asserts": 0,
        "extra_info": 0, "flowControl": 0, "logicalSessionRecordCache": 0, "mirroredReads": 0,
        "opReadConcernCounters": 0, "opcounters": 0, "opcountersRepl": 0, "trafficRecording": 0,
        "transportSecurity": 0, "twoPhaseCommitCoordinator": 0, "electionMetrics": 0, "mem": 0,
        "connections": 0, "indexBulkBuilder": 0, "indexStats": 0, "scramCache": 0,
    };
    connection.run_on_admin("serverStatus", command).await.map(|status| is_strained(&status))
}

fn is_strained(status: &Document) -> bool {
    let at = |path: &[&str]| number(status, path);
    let tickets = ["read", "write"].into_iter().flat_map(|kind| {
        // Since 7.0 they are no longer WiredTiger's.
        let old = at(&["wiredTiger", "concurrentTransactions", kind, "available"]);
        [old, at(&["queues", "execution", kind, "available"])]
    });
    let has_no_ticket = tickets.flatten().any(|available| available < 1.0);
    let queue = at(&["globalLock", "currentQueue", "total"]).unwrap_or(0.0);
    let cache = |what| at(&["wiredTiger", "cache", what]);
    let share = |what| {
        let most = cache("maximum bytes configured").filter(|most| *most > 0.0);
        cache(what).zip(most).map_or(0.0, |(bytes, most)| bytes / most)
    };
    has_no_ticket
        || queue >= 1.0
        || share("tracked dirty bytes in the cache") >= DIRTY
        || share("bytes currently in the cache") >= FULL
}

fn number(document: &Document, path: &[&str]) -> Option<f64> {
    let (last, parents) = path.split_last()?;
    let mut inner = document;
    for parent in parents {
        inner = inner.get_document(parent).ok()?;
    }
    match inner.get(last)? {
        Bson::Int32(number) => Some(f64::from(*number)),
        Bson::Int64(number) => Some(*number as f64),
        Bson::Double(number) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_strained_if_operations_queue_or_the_cache_is_full() {
        let cache = |dirty: i64, all: i64| {
            doc! { "wiredTiger": { "cache": {
                "maximum bytes configured": 1000_i64,
                "tracked dirty bytes in the cache": dirty, "bytes currently in the cache": all,
            } } }
        };
        let tickets = |available: i32| doc! { "write": { "out": 1, "available": available } };
        let old =
            |available| doc! { "wiredTiger": { "concurrentTransactions": tickets(available) } };
        let new = |available| doc! { "queues": { "execution": tickets(available) } };
        let queue = |total: i32| doc! { "globalLock": { "currentQueue": { "total": total } } };
        for calm in [doc! {}, cache(50, 800), old(128), new(1), queue(0)] {
            assert!(!is_strained(&calm), "{calm}");
        }
        for strained in [cache(200, 800), cache(0, 950), old(0), new(0), queue(1)] {
            assert!(is_strained(&strained), "{strained}");
        }
    }
}
