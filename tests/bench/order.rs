//! The order in which sessions are deleted, where a collection is larger than the server's cache: one
//! `deleteMany`, windows along the expiry, the stored order, and what `purge` makes of it.
//!
//! Sizes are multiples of the cache of 256 MB. The whole section takes some hours, so
//! `SESSIONCTL_BENCH_ORDER` names parts of it: `1,3` are two sizes, and `10:random:80` is one collection.

use std::collections::VecDeque;

use bson::raw::RawDocumentBuf;
use bson::{Bson, DateTime, Document, doc, rawdoc};
use futures_util::StreamExt as _;
use mongodb::Collection;
use mongodb::options::{Hint, WriteConcern};
use tokio::task::JoinHandle;

use crate::ratios::{Ratios, timed};
use crate::server::Server;

/// The server's cache, and about how many sessions fill it.
const CACHE: &str = "cache_size=256M";
const FITTING: u32 = 600_000;
/// Sessions per batch, and batches in flight.
const BATCH: usize = 5000;
const IN_FLIGHT: usize = 2;
/// The shares of expired sessions, in thousandths.
const SHARES: [u64; 4] = [800, 200, 20, 1];
/// Whether the expiry follows the order in which sessions were stored.
const EXPIRY: [&str; 2] = ["random", "follows"];
const HOUR: i64 = 3_600_000;

pub fn measure(server: &Server, ratios: &Ratios) {
    let cache = doc! { "setParameter": 1, "wiredTigerEngineRuntimeConfig": CACHE };
    server.command("admin", cache);
    let parts = std::env::var("SESSIONCTL_BENCH_ORDER").unwrap_or_else(|_| "1,3,10".to_owned());
    for part in parts.split(',') {
        let mut names = part.split(':');
        let size = names.next().and_then(|size| size.parse().ok()).expect("a size");
        let (expiry, percent) = (names.next(), names.next());
        for follows in [false, true] {
            for share in SHARES {
                let is_named = expiry.is_none_or(|name| name == EXPIRY[usize::from(follows)])
                    && percent.is_none_or(|name| name == percent_of(share));
                if is_named {
                    measure_one(server, ratios, size, follows, share);
                }
            }
        }
    }
}

fn percent_of(share: u64) -> String {
    (share as f64 / 10.0).to_string()
}

/// One kind of collection, all four ways.
fn measure_one(server: &Server, ratios: &Ratios, size: u32, follows: bool, share: u64) {
    let [many, windows, stored, purge] =
        [delete_many, windows, stored, |server: &Server| server.sessionctl(&PURGE)].map(|way| {
            fill(server, size * FITTING, follows, share);
            let took = timed(|| way(server));
            assert_eq!(expired(server), 0, "an expired session is left");
            took
        });
    let what = format!("{size} x cache, {}, {} %", EXPIRY[usize::from(follows)], percent_of(share));
    ratios.pair(&format!("{what}: purge / deleteMany"), f64::NAN, many, purge);
    let best = many.min(windows).min(stored);
    ratios.pair(&format!("{what}: purge / best"), 1.15, best, purge);
    let expired = f64::from(size * FITTING) * share as f64 / 1000.0;
    println!(
        "{:<44} windows {:.1} s, stored order {:.1} s, purge {:.1} us per session",
        "",
        windows.as_secs_f64(),
        stored.as_secs_f64(),
        purge.as_secs_f64() * 1e6 / expired
    );
}

const PURGE: [&str; 5] = ["purge", "--expired", "-q", "--max-latency", "off"];

/// So many sessions with an index on the expiry, which is past in so many thousandths.
fn fill(server: &Server, sessions: u32, follows: bool, share: u64) {
    let filled = server.collection("sessions");
    server.wait(filled.drop().into_future()).expect("a drop");
    let now = now().timestamp_millis();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut at = 0;
    while at < sessions {
        let end = sessions.min(at + 5000);
        let documents: Vec<RawDocumentBuf> = (at..end)
            .map(|at| {
                // Where it is in the life of the collection, from the oldest to the youngest.
                let place = match follows {
                    // Within a day of the order in which they were stored.
                    true => u64::from(at) * 1000 / u64::from(sessions),
                    false => next() % 1000,
                };
                let away = (next() % (24 * HOUR as u64)) as i64;
                let expires = match place < share {
                    true => now - HOUR - away - (share - place) as i64 * HOUR,
                    false => now + HOUR + away + (place - share) as i64 * HOUR,
                };
                session(next(), next(), expires)
            })
            .collect();
        server.wait(filled.insert_many(documents).into_future()).expect("an insert");
        at = end;
    }
    let index = doc! { "key": { "expires": 1 }, "name": "expires_1" };
    server.command("test", doc! { "createIndexes": "sessions", "indexes": [index] });
    server.command("admin", doc! { "fsync": 1 });
}

fn session(id: u64, dice: u64, expires: i64) -> RawDocumentBuf {
    let id = format!("{id:016x}{dice:016x}");
    let secret = format!("{:x}", dice.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let session = format!(
        r#"{{"cookie":{{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}},"passport":{{"user":"{}"}},"csrfSecret":"{secret}","cart":{{"items":[{{"sku":"TEE-XL","qty":2,"price":19.99}}],"total":46.98}},"views":{},"returnTo":"/checkout?x=1","seen":"{id}"}}"#,
        dice % 1_000_000,
        dice % 100
    );
    rawdoc! { "_id": id, "expires": DateTime::from_millis(expires), "session": session }
}

fn delete_many(server: &Server) {
    let sessions = server.collection("sessions");
    let deleted =
        sessions.delete_many(doc! { "expires": { "$lt": now() } }).write_concern(majority());
    server.wait(deleted.into_future()).expect("a delete");
}

/// Windows of the expiry, whose bounds are found along the index.
fn windows(server: &Server) {
    let sessions = server.collection("sessions");
    let work = async {
        let (now, mut from, mut flights) = (Bson::from(now()), Bson::MinKey, Flights::default());
        loop {
            let mut range = doc! { "$lt": now.clone() };
            if from != Bson::MinKey {
                range.insert("$gte", from.clone());
            }
            let bound = sessions
                .find_one(doc! { "expires": range.clone() })
                .sort(doc! { "expires": 1 })
                .projection(doc! { "_id": 0, "expires": 1 })
                .skip(BATCH as u64);
            let bound = bound.await.expect("a bound");
            if let Some(bound) = &bound {
                let bound = bound.get_datetime("expires").expect("a date").into();
                assert_ne!(from, bound, "expiries are spread");
                from = bound;
                range.insert("$lt", from.clone());
            }
            let hint = Hint::Name("expires_1".to_owned());
            flights.start(&sessions, doc! { "expires": range }, hint).await;
            if bound.is_none() {
                return flights.land(0).await;
            }
        }
    };
    server.wait(work);
}

/// The `_id`s of expired sessions as they are stored, deleted in batches.
fn stored(server: &Server) {
    let sessions = server.collection("sessions");
    let work = async {
        let is_expired = doc! { "expires": { "$lt": now() } };
        let found = sessions
            .find(is_expired.clone())
            .hint(Hint::Keys(doc! { "$natural": 1 }))
            .projection(doc! { "_id": 1 })
            .batch_size(BATCH as u32);
        let mut chunks = found.await.expect("a cursor").ready_chunks(BATCH);
        let mut flights = Flights::default();
        let mut ids: Vec<Bson> = Vec::new();
        loop {
            let chunk = chunks.next().await;
            let is_last = chunk.is_none();
            for found in chunk.into_iter().flatten() {
                let found = found.expect("a session");
                ids.push(found.get_str("_id").expect("a text").into());
            }
            if ids.len() >= BATCH || is_last {
                let mut filter = is_expired.clone();
                filter.insert("_id", doc! { "$in": std::mem::take(&mut ids) });
                let hint = Hint::Keys(doc! { "_id": 1 });
                flights.start(&sessions, filter, hint).await;
            }
            if is_last {
                return flights.land(0).await;
            }
        }
    };
    server.wait(work);
}

/// Deletes in flight.
#[derive(Default)]
struct Flights(VecDeque<JoinHandle<()>>);

impl Flights {
    /// Starts a delete, and waits until there may be another.
    async fn start(&mut self, sessions: &Collection<RawDocumentBuf>, filter: Document, hint: Hint) {
        let sessions = sessions.clone();
        self.0.push_back(tokio::spawn(async move {
            let delete = sessions.delete_many(filter).hint(hint).write_concern(majority());
            delete.await.expect("a delete");
        }));
        self.land(IN_FLIGHT - 1).await;
    }

    /// Waits until only so many are left.
    async fn land(&mut self, left: usize) {
        while self.0.len() > left
            && let Some(flight) = self.0.pop_front()
        {
            flight.await.expect("a task");
        }
    }
}

fn majority() -> WriteConcern {
    WriteConcern::majority()
}

fn expired(server: &Server) -> u64 {
    let sessions = server.collection("sessions");
    let count = sessions.count_documents(doc! { "expires": { "$lt": now() } });
    server.wait(count.into_future()).expect("a count")
}

#[expect(clippy::disallowed_methods, reason = "what everybody runs goes by the client's clock")]
fn now() -> DateTime {
    DateTime::now()
}
