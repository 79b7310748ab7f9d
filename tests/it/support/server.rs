//! Real servers: the one that all tests share, one of a test's own, and faults that a server is told
//! to have.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use bson::{Bson, Document, doc};
use mongodb::Client;
use sessionctl::mongod::{Mongod, Options, find_or_fetch};

use super::Db;
use super::waiting::{LONG, eventually, milliseconds};

/// The real server's program: found, or fetched once.
pub fn mongod_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        find_or_fetch(&mut |_| {}).unwrap_or_else(|error| {
            panic!("these tests need a mongod: {error} ({})", error.hint().unwrap_or_default())
        })
    })
}

/// A server of this test's own, to be stopped, paused or configured.
pub fn own_server(options: Options) -> Mongod {
    let options = Options { temporary: memory(), ..options };
    Mongod::start(mongod_binary(), options).unwrap_or_else(|error| panic!("mongod: {error}"))
}

/// A folder in memory with room for the data of all servers. Most writes wait for the journal, and on a
/// slow disk that is where the tests spend their time (measured: 6 ms a write, and 700 s instead of 300).
fn memory() -> Option<PathBuf> {
    const ROOM: u64 = 8 << 30;
    let folder = Path::new("/dev/shm");
    let has_room = fs4::available_space(folder).is_ok_and(|free| free >= ROOM);
    has_room.then(|| folder.to_owned())
}

/// The connection string of a server that many tests share; for one test it is the same each time. It
/// dies with this process.
///
/// There are several, as a server has one fail point of each name, and one journal.
pub fn shared_uri() -> String {
    static SERVERS: [OnceLock<Mutex<Mongod>>; 3] = [const { OnceLock::new() }; 3];
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SERVERS.len();
    }
    let server = MINE.with(|mine| &SERVERS[*mine]).get_or_init(|| {
        let parameters = [("ttlMonitorSleepSecs", "1"), ("enableTestCommands", "1")];
        let parameters =
            parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Mutex::new(own_server(Options { parameters, ..Options::default() }))
    });
    server.lock().unwrap().uri()
}

/// The right to a fail point of this name on this server.
fn turn(server: &str, name: &'static str) -> MutexGuard<'static, ()> {
    type Turns = BTreeMap<(String, &'static str), &'static Mutex<()>>;
    static TURNS: Mutex<Turns> = Mutex::new(BTreeMap::new());
    let mut turns = TURNS.lock().unwrap();
    let turn: &'static Mutex<()> =
        turns.entry((server.to_owned(), name)).or_insert_with(|| Box::leak(Box::default()));
    drop(turns);
    turn.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A fail point of the server, of a replica set's primary, which ends with this. A server has one of
/// each name, so a test that has one keeps the others waiting.
pub struct FailPoint<'a> {
    db: &'a Db,
    /// To the server that has it, even when another becomes the primary.
    server: Client,
    name: &'static str,
    /// How often it had been entered before.
    entered: i64,
    _turn: MutexGuard<'static, ()>,
}

impl<'a> FailPoint<'a> {
    pub(super) fn on(
        db: &'a Db,
        name: &'static str,
        mode: impl Into<Bson>,
        data: Document,
    ) -> Self {
        let turn = turn(&db.server, name);
        let server = db.primary();
        let command = doc! { "configureFailPoint": name, "mode": mode.into(), "data": data };
        let reply =
            db.runtime.block_on(server.database("admin").run_command(command).into_future());
        let entered = entered(&reply.unwrap());
        Self { db, server, name, entered, _turn: turn }
    }

    /// Ends it. How often it was hit.
    pub fn end(self) -> i64 {
        let command = doc! { "configureFailPoint": self.name, "mode": "off" };
        let admin = self.server.database("admin");
        let reply = self.db.runtime.block_on(admin.run_command(command).into_future());
        entered(&reply.unwrap()) - self.entered
    }

    /// Waits until a delete from this database's `sessions` stands at the server. The count of a fail
    /// point is no help: deletes of other tests count too.
    pub fn wait_for_a_delete(&self) {
        let namespace = format!("{}.sessions", self.db.name);
        eventually(&format!("a delete from {namespace} was held"), || {
            let held = doc! { "currentOp": 1, "ns": &namespace, "failpointMsg": self.name };
            let reply = self.db.admin(held);
            !reply.get_array("inprog").unwrap().is_empty()
        });
    }

    /// Waits until the fail point was hit this many times.
    #[track_caller]
    pub fn wait(&self, times: i64) {
        let times = self.entered + times;
        let command = doc! {
            "waitForFailPoint": self.name, "timesEntered": times, "maxTimeMS": milliseconds(LONG),
        };
        let admin = self.server.database("admin");
        let met = self.db.runtime.block_on(admin.run_command(command).into_future());
        met.unwrap_or_else(|error| {
            panic!("waited until {} was entered {times} times: {error}", self.name)
        });
    }
}

/// How often a fail point had been entered, as the server answers when it is set.
fn entered(reply: &Document) -> i64 {
    match reply.get("count") {
        Some(Bson::Int32(count)) => i64::from(*count),
        Some(Bson::Int64(count)) => *count,
        _ => 0,
    }
}

impl Drop for FailPoint<'_> {
    fn drop(&mut self) {
        let command = doc! { "configureFailPoint": self.name, "mode": "off" };
        let database = self.server.database("admin");
        let _ = self.db.runtime.block_on(database.run_command(command).into_future());
    }
}

/// A connection string with one more option.
pub(super) fn with_option(uri: &str, option: &str) -> String {
    let joint = match (uri.contains('?'), uri.matches('/').count()) {
        (true, _) => "&",
        (false, 2) => "/?",
        (false, _) => "?",
    };
    format!("{uri}{joint}{option}")
}
