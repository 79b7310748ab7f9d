//! The server that is measured on, filled with sessions, and `sessionctl` run against it.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use bson::raw::RawDocumentBuf;
use bson::{Bson, DateTime, Document, doc};
use mongodb::{Client, Collection};
use sessionctl::mongod::{Mongod, Options, find_or_fetch};
use tokio::runtime::Runtime;

use crate::replica::ReplicaSet;
use crate::setting;

/// A throwaway server, or a set of them, and the driver's connection to it. The database is `test`.
pub struct Server {
    _deployment: Deployment,
    uri: String,
    client: Client,
    runtime: Runtime,
}

/// What lives as long as the measuring.
#[expect(dead_code, reason = "they are held, and not asked")]
enum Deployment {
    Standalone(Box<Mongod>),
    ReplicaSet(Box<ReplicaSet>),
}

/// Everything stays in memory, as on a machine made for it.
const CACHE: &str = "cache_size=8G";

impl Server {
    pub fn standalone() -> Self {
        let binary: PathBuf = find_or_fetch(&mut |what| println!("{what}")).expect("a mongod");
        let mongod = Mongod::start(&binary, Options::default()).expect("a server");
        let uri = mongod.uri();
        let server = Self::at(uri, Deployment::Standalone(Box::new(mongod)));
        let cache = doc! { "setParameter": 1, "wiredTigerEngineRuntimeConfig": CACHE };
        server.command("admin", cache);
        server
    }

    /// Three equal members.
    pub fn replica_set() -> Self {
        let set = ReplicaSet::start(3, &[]);
        for member in 0..3 {
            set.admin(member, doc! { "setParameter": 1, "wiredTigerEngineRuntimeConfig": CACHE });
        }
        Self::at(set.uri(), Deployment::ReplicaSet(Box::new(set)))
    }

    fn at(uri: String, deployment: Deployment) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let client = runtime.block_on(Client::with_uri_str(&uri)).expect("a client");
        Self { _deployment: deployment, uri, client, runtime }
    }

    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The number of sessions in a collection.
    pub fn sessions() -> u32 {
        setting("SESSIONCTL_BENCH_SESSIONS", 1_000_000)
    }

    pub fn collection(&self, name: &str) -> Collection<RawDocumentBuf> {
        self.client.database("test").collection(name)
    }

    /// Waits for what the driver does.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub fn command(&self, database: &str, command: Document) -> Document {
        let database = self.client.database(database);
        self.wait(database.run_command(command).into_future()).expect("a command")
    }

    /// How many documents were written into a collection since the server started, as its storage
    /// counts them: the server's own counters also count what an update found and left as it was.
    pub fn written(&self, collection: &str) -> i64 {
        let stats = self.command("test", doc! { "collStats": collection });
        let calls = stats.get_document("wiredTiger").and_then(|stats| stats.get_document("cursor"));
        let calls = calls.expect("the storage's counters");
        let number = |name: &str| match calls.get(name) {
            Some(Bson::Int32(number)) => i64::from(*number),
            Some(Bson::Int64(number)) => *number,
            other => panic!("{name} is {other:?}"),
        };
        ["insert calls", "modify", "update calls"].map(number).iter().sum()
    }

    /// Puts this many connect-mongo sessions of JSON text and their TTL index into a collection.
    /// Four fifths are expired; a user has five.
    pub fn fill(&self, collection: &str, sessions: u32) {
        #[expect(clippy::disallowed_methods, reason = "samples need only be about now")]
        let now = DateTime::now().timestamp_millis();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let filled = self.collection(collection);
        for chunk in (0..sessions).collect::<Vec<_>>().chunks(5000) {
            let documents: Vec<RawDocumentBuf> =
                chunk.iter().map(|_| session(now, next(), next(), u64::from(sessions))).collect();
            self.wait(filled.insert_many(documents).into_future()).expect("insert");
        }
        self.index(collection);
    }

    /// Makes `to` what `from` is, with an index on the expiry or without.
    pub fn copy(&self, from: &str, to: &str, indexed: bool) {
        self.wait(self.collection(to).drop().into_future()).expect("a drop");
        let out = [doc! { "$match": {} }, doc! { "$out": to }];
        let copied = self.wait(self.collection(from).aggregate(out).into_future());
        copied.expect("a copy");
        if indexed {
            self.index(to);
        }
        // Writes that the copy left pending are not measured.
        self.command("admin", doc! { "fsync": 1 });
    }

    fn index(&self, collection: &str) {
        let index = doc! { "key": { "expires": 1 }, "name": "expires_1" };
        self.command("test", doc! { "createIndexes": collection, "indexes": [index] });
    }

    /// Runs `sessionctl`; what it prints is thrown away.
    pub fn sessionctl(&self, arguments: &[&str]) {
        let status = self.command_line(arguments).status().expect("sessionctl");
        assert!(status.success(), "{arguments:?}");
    }

    /// The most memory that a run of `sessionctl` takes, in MB.
    pub fn peak_memory(&self, arguments: &[&str]) -> f64 {
        let mut child = self.command_line(arguments).spawn().expect("sessionctl");
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        while child.try_wait().expect("wait").is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
            peak = peak.max(kib.unwrap_or(0));
            std::thread::sleep(Duration::from_millis(20));
        }
        peak as f64 / 1024.0
    }

    fn command_line(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sessionctl"));
        command.args(arguments).env("SESSIONCTL_URI", &self.uri).stdout(Stdio::null());
        command
    }
}

fn session(now: i64, dice: u64, user: u64, sessions: u64) -> RawDocumentBuf {
    const DAY: u64 = 86_400_000;
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
