//! `cargo bench`: what must be fast, as ratios measured in one run against the plainest way of
//! doing the same. Machines are shared and noisy, so each figure is the best of several, and the
//! two sides of a ratio take turns.
//!
//! `SESSIONCTL_BENCH_SESSIONS` changes how many sessions there are (1,000,000).

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bson::raw::RawDocumentBuf;
use bson::{DateTime, Document, doc};
use mongodb::{Client, Collection};
use sessionctl::mongod::{Mongod, Options, find_or_fetch};
use tokio::runtime::Runtime;

/// How often each side is measured.
const ROUNDS: usize = 5;

fn main() {
    let sessions = std::env::var("SESSIONCTL_BENCH_SESSIONS")
        .map_or(1_000_000, |number| number.parse().expect("SESSIONCTL_BENCH_SESSIONS is a number"));
    let bench = Bench::new(sessions);
    println!("{sessions} connect-mongo sessions, best of {ROUNDS}\n");
    println!("{:<44} {:>9} {:>9} {:>7} {:>7}", "", "plain", "ours", "ratio", "wanted");
    bench.list();
    bench.user();
    bench.memory();
}

struct Bench {
    _server: Mongod,
    uri: String,
    runtime: Runtime,
    sessions: Collection<RawDocumentBuf>,
}

impl Bench {
    fn new(sessions: u32) -> Self {
        let binary: PathBuf = find_or_fetch(&mut |what| println!("{what}")).expect("a mongod");
        let server = Mongod::start(&binary, Options::default()).expect("a server");
        let uri = server.uri();
        let runtime = Runtime::new().expect("a runtime");
        let client = runtime.block_on(Client::with_uri_str(&uri)).expect("a client");
        let bench = Self {
            _server: server,
            uri,
            sessions: client.database("test").collection("sessions"),
            runtime,
        };
        // Everything stays in memory, as on a machine made for it.
        let cache = doc! { "setParameter": 1, "wiredTigerEngineRuntimeConfig": "cache_size=2G" };
        let admin = bench.sessions.client().database("admin");
        bench.runtime.block_on(admin.run_command(cache).into_future()).expect("a larger cache");
        bench.fill(sessions);
        bench
    }

    fn fill(&self, sessions: u32) {
        #[expect(clippy::disallowed_methods, reason = "samples need only be about now")]
        let now = DateTime::now().timestamp_millis();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        for chunk in (0..sessions).collect::<Vec<_>>().chunks(5000) {
            let documents: Vec<RawDocumentBuf> =
                chunk.iter().map(|_| session(now, next(), next(), u64::from(sessions))).collect();
            self.runtime
                .block_on(self.sessions.insert_many(documents).into_future())
                .expect("insert");
        }
        let index = doc! { "createIndexes": "sessions", "indexes": [{ "key": { "expires": 1 }, "name": "expires_1" }] };
        self.command(index);
    }

    fn command(&self, command: Document) -> Document {
        let database = self.sessions.client().database("test");
        self.runtime.block_on(database.run_command(command).into_future()).expect("a command")
    }

    /// Draining all rows as NDJSON against the driver draining the same documents raw.
    fn list(&self) {
        let plain = || {
            self.runtime.block_on(async {
                let mut cursor = self.sessions.find(doc! {}).await.expect("find");
                let mut bytes = 0;
                while cursor.advance().await.expect("advance") {
                    bytes += cursor.current().as_bytes().len();
                }
                assert!(bytes > 0);
            });
        };
        let ours = || self.sessionctl(&["list", "-o", "ndjson"]);
        report("list -o ndjson / a raw cursor", plain, ours, 1.3);
    }

    /// One user's sessions against the bare count by a regular expression on the server.
    fn user(&self) {
        let plain = || {
            let count = self.sessions.count_documents(doc! { "session": { "$regex": "424242" } });
            assert!(self.runtime.block_on(count.into_future()).is_ok());
        };
        let ours = || self.sessionctl(&["list", "--user", "424242", "-o", "ndjson"]);
        report("list --user / a count by $regex", plain, ours, 1.2);
    }

    /// The most memory that a whole list takes.
    fn memory(&self) {
        let mut child = self.command_line(&["list", "-o", "ndjson"]).spawn().expect("sessionctl");
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        while child.try_wait().expect("wait").is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
            peak = peak.max(kib.unwrap_or(0));
            std::thread::sleep(Duration::from_millis(20));
        }
        println!(
            "\nmemory of list -o ndjson: {:.1} MB at the most (wanted: 40)",
            peak as f64 / 1024.0
        );
    }

    fn sessionctl(&self, arguments: &[&str]) {
        let status = self.command_line(arguments).status().expect("sessionctl");
        assert!(status.success(), "{arguments:?}");
    }

    fn command_line(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sessionctl"));
        command.args(arguments).env("SESSIONCTL_URI", &self.uri).stdout(Stdio::null());
        command
    }
}

fn session(now: i64, dice: u64, user: u64, sessions: u64) -> RawDocumentBuf {
    const DAY: u64 = 86_400_000;
    // Four fifths are over.
    let away = (dice % (14 * DAY)) as i64 + 60_000;
    let expires = if dice % 5 < 4 { now - away } else { now + away };
    let user = user % (sessions / 5).max(1);
    let document = doc! {
        "_id": format!("{dice:016x}{user:016x}"),
        "expires": DateTime::from_millis(expires),
        "session": format!(
            r#"{{"cookie":{{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}},"passport":{{"user":"{user}"}},"csrfSecret":"q3J9x0mZQ1yB6m2rVtY7s8Kd","cart":{{"items":[{{"sku":"TEE-XL","qty":2,"price":19.99}}],"total":46.98}},"views":{},"returnTo":"/checkout?x=1"}}"#,
            dice % 100
        ),
    };
    RawDocumentBuf::try_from(&document).expect("a document")
}

/// Takes turns, and prints the best of each and their ratio.
fn report(what: &str, plain: impl Fn(), ours: impl Fn(), wanted: f64) {
    let time = |work: &dyn Fn()| {
        let started = Instant::now();
        work();
        started.elapsed()
    };
    // The first of each warms the server's cache.
    time(&plain);
    time(&ours);
    let (mut best_plain, mut best_ours) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        best_plain = best_plain.min(time(&plain));
        best_ours = best_ours.min(time(&ours));
    }
    let (plain, ours) = (best_plain.as_secs_f64(), best_ours.as_secs_f64());
    println!("{what:<44} {plain:>8.3}s {ours:>8.3}s {:>7.2} {wanted:>7.2}", ours / plain);
}
