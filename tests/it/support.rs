//! A server shared by the tests that do not stop it, a database of its own for each test, and the
//! program, run as a user would run it.

use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use mongodb::{Client, Collection};
use sessionctl::mongod::{Mongod, Options, find_or_fetch};
use sessionctl::{Connection, Layout, Store};
use tokio::runtime::Runtime;

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
    Mongod::start(mongod_binary(), options).unwrap_or_else(|error| panic!("mongod: {error}"))
}

/// The connection string of the server that all tests share. It dies with this process.
pub fn shared_uri() -> String {
    static SERVER: OnceLock<Mutex<Mongod>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let parameters = [("ttlMonitorSleepSecs", "1"), ("enableTestCommands", "1")];
        let parameters =
            parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Mutex::new(own_server(Options { parameters, ..Options::default() }))
    });
    server.lock().unwrap().uri()
}

/// A database of a test's own, with a blocking view of it for looking at what was done.
pub struct Db {
    pub uri: String,
    pub name: String,
    pub client: Client,
    pub runtime: Runtime,
}

impl Db {
    /// On the shared server.
    pub fn new() -> Self {
        Self::on(&shared_uri())
    }

    pub fn on(uri: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let name = format!("t{}", NUMBER.fetch_add(1, Ordering::SeqCst));
        let looking = with_option(uri, "serverSelectionTimeoutMS=5000");
        let client = runtime.block_on(Client::with_uri_str(looking)).unwrap();
        // The program is known to the server by this name: a fail point can be for it alone. After a
        // "not primary" that the fail point made up, the driver only looks again at its heartbeat.
        let uri = with_option(uri, &format!("appName={name}&heartbeatFrequencyMS=500"));
        Self { uri, name, client, runtime }
    }

    pub fn collection(&self, name: &str) -> Collection<Document> {
        self.client.database(&self.name).collection(name)
    }

    pub fn insert(&self, collection: &str, documents: impl IntoIterator<Item = Document>) {
        let documents: Vec<_> = documents.into_iter().collect();
        self.runtime
            .block_on(self.collection(collection).insert_many(documents).into_future())
            .unwrap();
    }

    pub fn run(&self, command: Document) -> Document {
        let database = self.client.database(&self.name);
        self.runtime.block_on(database.run_command(command).into_future()).unwrap()
    }

    /// A command on the database `admin`.
    pub fn admin(&self, command: Document) -> Document {
        let database = self.client.database("admin");
        self.runtime.block_on(database.run_command(command).into_future()).unwrap()
    }

    /// The server that is the primary now, and no other later.
    fn primary(&self) -> Client {
        match self.admin(doc! { "hello": 1 }).get_str("me") {
            Ok(address) => {
                let login = self.uri.rsplit_once('@').map_or("mongodb://", |(login, _)| login);
                let at = if login == "mongodb://" { "" } else { "@" };
                let uri = format!(
                    "{login}{at}{address}/?directConnection=true&serverSelectionTimeoutMS=5000"
                );
                self.runtime.block_on(Client::with_uri_str(uri)).unwrap()
            }
            // No replica set.
            Err(_) => self.client.clone(),
        }
    }

    /// Inserts one document after every `?` in it became a byte that is not UTF-8.
    pub fn insert_broken(&self, collection: &str, document: Document) {
        let command = doc! { "insert": collection, "documents": [document] };
        let mut bytes = RawDocumentBuf::try_from(&command).unwrap().into_bytes();
        bytes.iter_mut().filter(|byte| **byte == b'?').for_each(|byte| *byte = 0xFF);
        let command = RawDocumentBuf::from_bytes(bytes).unwrap();
        let database = self.client.database(&self.name);
        let reply = self.runtime.block_on(database.run_raw_command(command).into_future()).unwrap();
        assert_eq!(reply.get("n"), Some(&Bson::Int32(1)), "{reply}");
    }

    pub fn count(&self, collection: &str, filter: Document) -> u64 {
        let collection = self.collection(collection);
        self.runtime.block_on(collection.count_documents(filter).into_future()).unwrap()
    }

    pub fn find(&self, collection: &str, filter: Document) -> Vec<Document> {
        let collection = self.collection(collection);
        self.runtime.block_on(async {
            let mut cursor = collection.find(filter).await.unwrap();
            let mut found = Vec::new();
            while cursor.advance().await.unwrap() {
                found.push(cursor.deserialize_current().unwrap());
            }
            found
        })
    }

    /// The `_id`s that are in the collection, sorted as text.
    pub fn ids(&self, collection: &str) -> Vec<String> {
        let text = |document: &Document| match document.get("_id") {
            Some(Bson::String(id)) => id.clone(),
            Some(id) => id.to_string(),
            None => String::new(),
        };
        let mut ids: Vec<_> = self.find(collection, doc! {}).iter().map(text).collect();
        ids.sort();
        ids
    }

    /// The document whose `field` is `value`; it is there.
    #[track_caller]
    pub fn one(&self, collection: &str, field: &str, value: &str) -> Document {
        let found = self.find(collection, doc! { field: value });
        assert_eq!(found.len(), 1, "{field} {value}");
        found.into_iter().next().unwrap()
    }

    /// Changes one document, as an application that goes on working would.
    pub fn update(&self, collection: &str, filter: Document, update: Document) {
        let collection = self.collection(collection);
        let done = self.runtime.block_on(collection.update_one(filter, update).into_future());
        assert_eq!(done.unwrap().matched_count, 1);
    }

    /// The indexes of a collection by name, without `_id_`.
    pub fn indexes(&self, collection: &str) -> Vec<Document> {
        let reply = self.run(doc! { "listIndexes": collection });
        let batch = reply.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
        let specs = batch.iter().map(|spec| spec.as_document().unwrap().clone());
        specs.filter(|spec| spec.get_str("name").unwrap() != "_id_").collect()
    }

    pub fn create_index(&self, collection: &str, spec: Document) {
        self.run(doc! { "createIndexes": collection, "indexes": [spec] });
    }

    pub fn collections(&self) -> Vec<String> {
        let database = self.client.database(&self.name);
        self.runtime.block_on(database.list_collection_names().into_future()).unwrap()
    }

    /// The library's store of `layout` in the collection `sessions`.
    pub fn store(&self, layout: &str) -> Store {
        let layout = Layout::named(layout).unwrap().clone();
        let connection = self.runtime.block_on(Connection::open(&self.uri, Some(&self.name)));
        connection.unwrap().store("sessions", layout)
    }

    /// Makes the server misbehave towards sessionctl, on this test's connections alone.
    pub fn fail_commands(&self, mode: impl Into<Bson>, mut data: Document) -> FailPoint<'_> {
        data.insert("appName", &self.name);
        FailPoint::on(self, "failCommand", mode, data)
    }

    /// Holds every delete from this database's `sessions` at the server until the guard goes.
    pub fn hold_deletes(&self) -> FailPoint<'_> {
        let data = doc! { "nss": format!("{}.sessions", self.name) };
        FailPoint::on(self, "hangDuringBatchRemove", "alwaysOn", data)
    }

    /// sessionctl on this database.
    pub fn sessionctl(&self, arguments: &[&str]) -> Run {
        self.command(arguments).run()
    }

    pub fn command(&self, arguments: &[&str]) -> Program {
        Program::new(arguments).env("SESSIONCTL_URI", &self.uri).env("SESSIONCTL_DB", &self.name)
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        // The server may be gone already, or its set be without a majority.
        let drop = doc! { "dropDatabase": 1, "maxTimeMS": 5000 };
        let database = self.client.database(&self.name);
        let _ = self.runtime.block_on(async {
            tokio::time::sleep(std::time::Duration::ZERO).await;
            if std::thread::panicking() { None } else { database.run_command(drop).await.ok() }
        });
    }
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
    fn on(db: &'a Db, name: &'static str, mode: impl Into<Bson>, data: Document) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let server = db.primary();
        let command = doc! { "configureFailPoint": name, "mode": mode.into(), "data": data };
        let reply =
            db.runtime.block_on(server.database("admin").run_command(command).into_future());
        let reply = reply.unwrap();
        let entered = reply.get("count").map_or(0, |count| match count {
            Bson::Int32(count) => i64::from(*count),
            Bson::Int64(count) => *count,
            _ => 0,
        });
        Self { db, server, name, entered, _turn: turn }
    }

    /// Waits until a delete from this database's `sessions` stands at the server. The count of a fail
    /// point is no help: deletes of other tests count too.
    pub fn wait_for_a_delete(&self) {
        let namespace = format!("{}.sessions", self.db.name);
        eventually(|| {
            let held = doc! { "currentOp": 1, "ns": &namespace, "failpointMsg": self.name };
            let reply = self.db.admin(held);
            !reply.get_array("inprog").unwrap().is_empty()
        });
    }

    /// Waits until it was met so many times.
    pub fn wait(&self, times: i64) {
        let times = self.entered + times;
        let command = doc! {
            "waitForFailPoint": self.name, "timesEntered": times, "maxTimeMS": 30_000,
        };
        let admin = self.server.database("admin");
        self.db.runtime.block_on(admin.run_command(command).into_future()).unwrap();
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
fn with_option(uri: &str, option: &str) -> String {
    let joint = match (uri.contains('?'), uri.matches('/').count()) {
        (true, _) => "&",
        (false, 2) => "/?",
        (false, _) => "?",
    };
    format!("{uri}{joint}{option}")
}

/// sessionctl with arguments, an environment and an input.
pub struct Program {
    command: Command,
    stdin: Option<Vec<u8>>,
    stdout: Option<Stdio>,
}

impl Program {
    pub fn new(arguments: &[&str]) -> Self {
        Self::of(Command::new(env!("CARGO_BIN_EXE_sessionctl")), arguments)
    }

    /// A line of shell, with sessionctl in its PATH.
    pub fn shell(line: &str) -> Self {
        let folder = Path::new(env!("CARGO_BIN_EXE_sessionctl")).parent().unwrap();
        let mut path = folder.as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut shell = Self::of(Command::new("sh"), &["-c", line]);
        shell.command.env("PATH", path);
        shell
    }

    /// Cargo itself, without what it tells its tests: build scripts would take that for a change.
    pub fn cargo(arguments: &[&str]) -> Self {
        let mut cargo = Self::of(Command::new(env!("CARGO")), arguments);
        let told =
            |name: &str| name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_");
        for (name, _) in std::env::vars().filter(|(name, _)| told(name)) {
            cargo.command.env_remove(name);
        }
        cargo
    }

    /// Runs it in this folder.
    pub fn at(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    fn of(mut command: Command, arguments: &[&str]) -> Self {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SESSIONCTL_") && name != "SESSIONCTL_MONGOD" {
                command.env_remove(name);
            }
        }
        command.args(arguments).env_remove("NO_COLOR");
        Self { command, stdin: None, stdout: None }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(input.into());
        self
    }

    /// Starts it, to be watched and told to stop.
    pub fn start(self) -> Running {
        Running { child: Some(self.spawn()) }
    }

    /// Runs it on a terminal of its own and types each answer when its question is on the screen.
    ///
    /// An answer that is a signal, such as Ctrl-C, makes the terminal drop what nobody has read yet:
    /// its question has to be the last thing that the program prints.
    pub fn on_terminal(self, answers: &[(&str, &str)]) -> Run {
        // Some shells stay beside the program, and a Ctrl-C ends them before it.
        self.typed_on_terminal("exec $sessionctl", answers)
    }

    /// The same for a whole line of shell, in which `$sessionctl` is the program with its arguments.
    pub fn typed_on_terminal(self, shell: &str, answers: &[(&str, &str)]) -> Run {
        let words: Vec<_> = std::iter::once(self.command.get_program())
            .chain(self.command.get_args())
            .map(|word| format!("'{}'", word.to_str().unwrap()))
            .collect();
        let shell = shell.replace("$sessionctl", &words.join(" "));
        let mut script = Command::new("script");
        script.args(["-q", "-e", "-c", &shell, "/dev/null"]);
        script.env("TERM", "xterm").env("SHELL", "/bin/sh");
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => script.env(name, value),
                None => script.env_remove(name),
            };
        }
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = script.spawn().expect("these tests need script (Debian: bsdutils)");
        let mut running = Running { child: Some(child) };
        let child = running.child.as_mut().unwrap();
        let (mut keyboard, screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let screen = pieces(screen);
        let mut seen = Vec::new();
        let mut answers = answers.iter();
        let mut next = answers.next();
        loop {
            match screen.recv_timeout(LONG) {
                Ok(piece) => seen.extend(piece),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{next:?} is still due: {:?}", String::from_utf8_lossy(&seen))
                }
            }
            // Two of them may come in one piece.
            while let Some((question, answer)) = next
                && String::from_utf8_lossy(&seen).contains(question)
            {
                keyboard.write_all(answer.as_bytes()).unwrap();
                next = answers.next();
            }
        }
        let mut run = running.wait();
        run.stdout = String::from_utf8_lossy(&seen).into_owned();
        assert_eq!(next, None, "this was never asked: {run:#?}");
        run
    }

    /// Prints into this file, or this end of a pipe.
    pub fn stdout(mut self, file: impl Into<Stdio>) -> Self {
        self.stdout = Some(file.into());
        self
    }

    /// Runs it to its end, with neither stdin nor a terminal unless an input was given.
    pub fn run(self) -> Run {
        self.start().wait()
    }

    /// Starts it, with its output piped.
    pub fn spawn(mut self) -> Child {
        let stdin = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        let stdout = self.stdout.take().unwrap_or_else(Stdio::piped);
        self.command.stdin(stdin).stdout(stdout).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        if let (Some(input), Some(mut pipe)) = (self.stdin, child.stdin.take()) {
            // A program that does not read its input closes the pipe.
            let _ = pipe.write_all(&input);
        }
        child
    }
}

/// A program under way; it does not outlive its test.
pub struct Running {
    child: Option<Child>,
}

impl Running {
    pub fn child(&mut self) -> &mut Child {
        self.child.as_mut().unwrap()
    }

    pub fn signal(&mut self, name: &str) {
        signal(self.child(), name);
    }

    /// Ends it as a service is ended, which is no failure.
    #[track_caller]
    pub fn end(mut self) -> Run {
        self.signal("TERM");
        self.wait().exits(0)
    }

    pub fn has_ended(&mut self) -> bool {
        self.child().try_wait().unwrap().is_some()
    }

    /// Waits for its end, not for ever.
    #[track_caller]
    pub fn wait(mut self) -> Run {
        let began = Instant::now();
        let mut child = self.child.take().unwrap();
        // Read meanwhile, or a full pipe would hold it up.
        let readers = (drain(child.stdout.take()), drain(child.stderr.take()));
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > LONG {
                let _ = child.kill();
                let _ = child.wait();
                panic!("it did not end: {:?}", readers.1.join());
            }
            thread::sleep(POLL);
        };
        Run {
            code: status.code(),
            signal: status.signal(),
            took: began.elapsed(),
            stdout: readers.0.join().unwrap(),
            stderr: readers.1.join().unwrap(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// What comes out of a pipe, as it comes.
fn pieces(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut some = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut some) {
            if sender.send(some[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// How long anything may take on a busy machine.
const LONG: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// Waits until it is true.
#[track_caller]
pub fn eventually(mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < LONG, "it never came true");
        thread::sleep(POLL);
    }
}

/// What a finished run left.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    /// The signal that killed it, if one did.
    pub signal: Option<i32>,
    /// From when its end was waited for.
    pub took: Duration,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// It ended with this exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// It ended so, and soon: within a second, and the time a busy machine needs for it.
    #[track_caller]
    pub fn soon(self) -> Self {
        assert!(self.took < Duration::from_millis(1500), "{self:#?}");
        self
    }

    /// This is somewhere on stderr.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in {self:#?}");
        self
    }

    /// This is nowhere in what it printed.
    #[track_caller]
    pub fn never_shows(self, text: &str) -> Self {
        let shown = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(!shown, "{text:?} in {self:#?}");
        self
    }

    /// It failed with one line of error and at most one of hint.
    #[track_caller]
    pub fn fails_in_one_sentence(self) -> Self {
        let lines: Vec<_> = self.stderr.lines().filter(|line| !line.starts_with("note:")).collect();
        let errors = lines.iter().filter(|line| line.starts_with("error: ")).count();
        let hints = lines.iter().filter(|line| line.starts_with("hint: ")).count();
        assert!(errors == 1 && hints <= 1 && lines.len() == errors + hints, "{self:#?}");
        self
    }

    /// Nothing in it would make a terminal do anything but show it.
    #[track_caller]
    pub fn shows_nothing_hostile(self) -> Self {
        let hostile = |letter: char| {
            (letter.is_control() && letter != '\n')
                || ('\u{202A}'..='\u{202E}').contains(&letter)
                || ('\u{2066}'..='\u{2069}').contains(&letter)
        };
        let hostile = self.stdout.contains(hostile) || self.stderr.contains(hostile);
        assert!(!hostile, "{self:#?}");
        self
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// Sends a signal, by its name, to a child of ours.
pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// The server's clock and ours are the same machine's here; tests may look at either.
pub fn now() -> DateTime {
    #[expect(clippy::disallowed_methods, reason = "a test makes documents around now")]
    DateTime::now()
}

/// `seconds` from now; negative is ago.
pub fn at(seconds: i64) -> DateTime {
    DateTime::from_millis(now().timestamp_millis() + seconds * 1000)
}

/// `document` with more fields.
pub fn with(mut document: Document, more: Document) -> Document {
    document.extend(more);
    document
}

/// An id of 32 characters that begins with `name`, as long as those that stores make.
pub fn long_id(name: &str) -> String {
    format!("{name:0<32}")
}

/// A session as connect-mongo writes it.
pub fn connect_mongo(id: &str, expires: impl Into<Bson>) -> Document {
    let cookie = r#""cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}"#;
    doc! { "_id": id, "expires": expires, "session": format!("{{{cookie},\"userId\":42}}") }
}

/// A session as the store of `layout` writes it.
pub fn session(layout: &str, id: &str, expires: impl Into<Bson>) -> Document {
    let expires = expires.into();
    let payload = doc! { "cookie": { "originalMaxAge": null, "path": "/" }, "userId": 42 };
    match layout {
        "connect-mongo-json" => connect_mongo(id, expires),
        "express-session-object" => doc! { "_id": id, "expires": expires, "session": payload },
        "express-mongodb-legacy" => {
            doc! { "sid": id, "__v": 0, "data": payload, "expires": expires, "lastAccess": at(-60) }
        }
        "express-mongodb-1" => {
            doc! { "_id": id, "session": payload, "expiresAt": expires, "updatedAt": at(-60) }
        }
        "tower-sessions" => {
            let bytes = vec![0x93, 0x00, 0x80, 0x90];
            let data = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes };
            doc! { "_id": id, "data": data, "expireAt": expires }
        }
        _ => panic!("{layout}"),
    }
}

/// The built-in layouts, with the field of the id and the field of the expiry.
pub const LAYOUTS: [(&str, &str, &str); 5] = [
    ("connect-mongo-json", "_id", "expires"),
    ("express-session-object", "_id", "expires"),
    ("express-mongodb-legacy", "sid", "expires"),
    ("express-mongodb-1", "_id", "expiresAt"),
    ("tower-sessions", "_id", "expireAt"),
];
