//! `purge --expired` against one unbounded delete of the same sessions, on a standalone and on a
//! replica set: the time it takes, what others notice of it, and the memory it takes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bson::{DateTime, doc};

use crate::ratios::{Ratios, timed};
use crate::server::Server;

/// On a standalone.
pub fn measure(server: &Server, ratios: &Ratios) {
    let sessions = Server::sessions();
    server.fill("master", sessions);
    let folder = tempfile::tempdir().expect("a folder");
    let archive = |name: &str| {
        let path = folder.path().join(name);
        let _ = std::fs::remove_file(&path);
        path.to_str().expect("a path of text").to_owned()
    };
    let purge = |more: &[&str]| {
        server.copy("master", "sessions", true);
        timed(|| server.sessionctl(&[&["purge", "--expired", "-o", "json"], more].concat()))
    };
    let unbounded = || {
        server.copy("master", "sessions", true);
        timed(|| delete_many(server))
    };
    ratios.compare("purge / one deleteMany", 0.75, unbounded, || purge(&[]));
    ratios.compare("purge --archive x.bson / deleteMany", 1.2, unbounded, || {
        purge(&["--archive", &archive("x.bson")])
    });
    ratios.compare("purge --archive x.ndjson / deleteMany", f64::NAN, unbounded, || {
        purge(&["--archive", &archive("x.ndjson")])
    });
    ratios.compare(
        "no index: purge / deleteMany",
        1.1,
        || {
            server.copy("master", "sessions", false);
            timed(|| delete_many(server))
        },
        || {
            server.copy("master", "sessions", false);
            timed(|| server.sessionctl(&["purge", "--expired", "-o", "json"]))
        },
    );
    server.copy("master", "sessions", true);
    let plain = latency(server, || delete_many(server));
    server.copy("master", "sessions", true);
    let ours = latency(server, || server.sessionctl(&["purge", "--expired"]));
    ratios.pair("p99 of a find_one meanwhile", 1.0, plain, ours);

    server.copy("master", "sessions", true);
    let expired = expired(server);
    let rate = expired as f64 / purge_at(server, 20_000).as_secs_f64();
    ratios.amount("purge --rate 20000: sessions a second", rate, "/s", 20_000.0);
    server.copy("master", "sessions", true);
    let memory = server.peak_memory(&["purge", "--expired"]);
    ratios.amount("memory of purge", memory, "MB", 40.0);
    server.copy("master", "sessions", true);
    let memory = server.peak_memory(&["purge", "--expired", "--archive", &archive("x.bson")]);
    ratios.amount("memory of purge --archive", memory, "MB", 40.0);
}

/// On a replica set of three, where a delete waits for the majority.
pub fn measure_replica_set(server: &Server, ratios: &Ratios) {
    server.fill("master", Server::sessions());
    ratios.compare(
        "three nodes: purge / one deleteMany",
        0.9,
        || {
            server.copy("master", "sessions", true);
            timed(|| delete_many(server))
        },
        || {
            server.copy("master", "sessions", true);
            timed(|| server.sessionctl(&["purge", "--expired"]))
        },
    );
}

/// Memory with five times as many sessions.
pub fn measure_large(server: &Server, ratios: &Ratios) {
    server.fill("sessions", 5 * Server::sessions());
    let memory = server.peak_memory(&["purge", "--expired"]);
    ratios.amount("memory of purge, five times as many", memory, "MB", 40.0);
}

#[expect(clippy::disallowed_methods, reason = "what everybody runs goes by the client's clock")]
fn now() -> DateTime {
    DateTime::now()
}

/// What everybody runs today.
fn delete_many(server: &Server) {
    let sessions = server.collection("sessions");
    let majority = mongodb::options::WriteConcern::majority();
    let filter = doc! { "expires": { "$lt": now() } };
    let deleted = sessions.delete_many(filter).write_concern(majority);
    server.wait(deleted.into_future()).expect("a delete");
}

fn expired(server: &Server) -> u64 {
    let sessions = server.collection("sessions");
    let count = sessions.count_documents(doc! { "expires": { "$lt": now() } });
    server.wait(count.into_future()).expect("a count")
}

fn purge_at(server: &Server, rate: u32) -> Duration {
    timed(|| server.sessionctl(&["purge", "--expired", "--rate", &rate.to_string()]))
}

/// The 99th percentile of what another client waits for one session while `work` is done.
fn latency(server: &Server, work: impl FnOnce()) -> Duration {
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
            waits.sort();
            waits[waits.len() * 99 / 100]
        });
        work();
        done.store(true, Ordering::SeqCst);
        looking.join().expect("a look")
    })
}
