//! `purge --expired` against one unbounded delete of the same sessions, on a standalone and on a
//! replica set: the time it takes, what others notice of it, and the memory it takes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bson::{DateTime, doc};

use crate::ratios::{Ratios, timed};
use crate::server::Server;

/// Quietly, as what it says is no part of the table.
const PURGE: [&str; 5] = ["purge", "--expired", "-q", "--max-latency", "off"];

/// On a standalone, along the index of the expiry.
pub fn measure(server: &Server, ratios: &Ratios) {
    server.fill("master", Server::sessions());
    ratios.compare(
        "purge / one deleteMany",
        0.75,
        || unbounded(server, true),
        || purge(server, true, &[]),
    );
    server.copy("master", "sessions", true);
    let memory = server.peak_memory(&PURGE);
    ratios.amount("memory of purge", memory, "MB", 40.0);
}

/// With the documents put aside first.
pub fn measure_archive(server: &Server, ratios: &Ratios) {
    server.fill("master", Server::sessions());
    let folder = tempfile::tempdir().expect("a folder");
    let archive = |name: &str| {
        let path = folder.path().join(name);
        let _ = std::fs::remove_file(&path);
        path.to_str().expect("a path of text").to_owned()
    };
    for (name, wanted) in [("x.bson", 1.2), ("x.ndjson", f64::NAN), ("x.bson.zst", f64::NAN)] {
        ratios.compare(
            &format!("purge --archive {name} / deleteMany"),
            wanted,
            || unbounded(server, true),
            || purge(server, true, &["--archive", &archive(name)]),
        );
    }
    server.copy("master", "sessions", true);
    let memory = server.peak_memory(&[&PURGE[..], &["--archive", &archive("x.bson")]].concat());
    ratios.amount("memory of purge --archive x.bson", memory, "MB", 40.0);
}

/// Without an index on the expiry.
pub fn measure_walk(server: &Server, ratios: &Ratios) {
    server.fill("master", Server::sessions());
    ratios.compare(
        "no index: purge / one deleteMany",
        1.1,
        || unbounded(server, false),
        || purge(server, false, &[]),
    );
}

/// Beside documents that are no sessions, whose expiry field is past: one in a hundred, and all of them
/// stay.
pub fn measure_foreign(server: &Server, ratios: &Ratios) {
    server.fill("master", Server::sessions());
    let foreign = doc! { "session": { "$exists": false } };
    let records = (0..Server::sessions() / 100).map(|step| {
        let record = doc! { "expires": now(), "step": step, "note": "x".repeat(300) };
        bson::RawDocumentBuf::try_from(&record).expect("a document")
    });
    let records: Vec<_> = records.collect();
    let master = server.collection("master");
    server.wait(master.insert_many(&records).into_future()).expect("records");
    ratios.compare(
        "1 % foreign: purge / one deleteMany",
        0.75,
        || unbounded(server, true),
        || {
            let took = purge(server, true, &[]);
            let sessions = server.collection("sessions");
            let left = server.wait(sessions.count_documents(foreign.clone()).into_future());
            assert_eq!(left.expect("a count"), records.len() as u64);
            took
        },
    );
}

/// What others notice of it, and whether it keeps to a rate.
pub fn measure_gentleness(server: &Server, ratios: &Ratios) {
    server.fill("master", Server::sessions());
    let mut waits: [Vec<Duration>; 2] = Default::default();
    for _ in 0..3 {
        server.copy("master", "sessions", true);
        waits[0].extend(latencies(server, || delete_many(server)));
        server.copy("master", "sessions", true);
        waits[1].extend(latencies(server, || server.sessionctl(&PURGE)));
    }
    let [plain, ours] = waits.map(|mut waits| {
        waits.sort();
        waits[waits.len() * 99 / 100]
    });
    ratios.pair("p99 of a find_one meanwhile", 1.0, plain, ours);
    server.copy("master", "sessions", true);
    let expired = expired(server, now());
    let took = timed(|| server.sessionctl(&[&PURGE[..], &["--rate", "20000"]].concat()));
    let rate = expired as f64 / took.as_secs_f64();
    ratios.amount("purge --rate 20000: sessions a second", rate, "/s", 20_000.0);
}

/// On a replica set of three, where a delete waits for the majority.
pub fn measure_replica_set(server: &Server, ratios: &Ratios) {
    server.fill("master", Server::sessions());
    ratios.compare(
        "three nodes: purge / one deleteMany",
        0.9,
        || unbounded(server, true),
        || purge(server, true, &[]),
    );
}

/// Memory with five times as many sessions.
pub fn measure_large(server: &Server, ratios: &Ratios) {
    server.fill("sessions", 5 * Server::sessions());
    let memory = server.peak_memory(&PURGE);
    ratios.amount("memory of purge, five times as many", memory, "MB", 40.0);
}

#[expect(clippy::disallowed_methods, reason = "what everybody runs goes by the client's clock")]
pub fn now() -> DateTime {
    DateTime::now()
}

/// What everybody runs today.
pub fn delete_many(server: &Server) {
    let sessions = server.collection("sessions");
    let majority = mongodb::options::WriteConcern::majority();
    let filter = doc! { "expires": { "$lt": now() } };
    let deleted = sessions.delete_many(filter).write_concern(majority);
    server.wait(deleted.into_future()).expect("a delete");
}

/// How many sessions are left that had expired at this time.
pub fn expired(server: &Server, cutoff: DateTime) -> u64 {
    let sessions = server.collection("sessions");
    let count = sessions.count_documents(doc! { "expires": { "$lt": cutoff } });
    server.wait(count.into_future()).expect("a count")
}

fn unbounded(server: &Server, indexed: bool) -> Duration {
    server.copy("master", "sessions", indexed);
    timed(|| delete_many(server))
}

fn purge(server: &Server, indexed: bool, more: &[&str]) -> Duration {
    server.copy("master", "sessions", indexed);
    timed(|| server.sessionctl(&[&PURGE[..], more].concat()))
}

/// What another client waits for one session, again and again, while `work` is done.
fn latencies(server: &Server, work: impl FnOnce()) -> Vec<Duration> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let sessions = server.collection("sessions");
            let mut waits = Vec::new();
            while !done.load(Ordering::SeqCst) {
                let began = Instant::now();
                let live = doc! { "expires": { "$gt": now() } };
                server.wait(sessions.find_one(live).into_future()).expect("a find");
                waits.push(began.elapsed());
                std::thread::sleep(Duration::from_millis(2));
            }
            waits
        });
        work();
        done.store(true, Ordering::SeqCst);
        looking.join().expect("a look")
    })
}
