//! A server of another kind, as far as it can be had without one: a real `mongod` behind a proxy that
//! speaks `OP_MSG`, answers `hello`, `buildInfo` and clocks as that server does, and refuses what that
//! server refuses, with its codes. What a server does differently is a table, in `personalities.rs`.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Document, Timestamp, doc};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// What a server does differently from the `mongod` behind it.
#[derive(Debug)]
pub struct Personality {
    pub name: &'static str,
    pub lines: &'static [Line],
}

/// One difference, and where it is written.
#[derive(Debug)]
pub struct Line(pub Trait, pub &'static str);

/// A difference.
#[derive(Debug)]
pub enum Trait {
    /// `hello` has these fields, as JSON; `ADDRESS` in it is the address of the proxy.
    Hello(&'static str),
    /// `buildInfo` has these fields, as JSON.
    BuildInfo(&'static str),
    /// `localTime` and `$$NOW` are those of a router with a clock of its own.
    OwnClock,
    /// Replies carry `$clusterTime` and `operationTime`.
    ClusterTime,
    /// There are no such commands.
    Lacks(&'static [&'static str], Refusal),
    /// These commands are refused if this word is anywhere in them, as a field's name or a value. An empty
    /// list means all commands.
    Refuses(&'static [&'static str], &'static str, Refusal),
    /// The server does as if this field of the command, or of its statements, were not there.
    Ignores(&'static [&'static str], &'static str),
    /// A `count` without a query also counts what chunk migrations left behind.
    CountsOrphans(i32),
    /// A read without `maxTimeMS` is cut off.
    RequiresMaxTime(&'static [&'static str], Refusal),
}

/// How a command is refused.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    pub code: i32,
    pub name: &'static str,
    pub message: &'static str,
}

/// Some replies are errors: the server has too much to do.
#[derive(Debug, Clone)]
pub struct Busy {
    /// The command; any but greetings if it is empty.
    pub command: &'static str,
    pub refusal: Refusal,
    /// What else the reply has.
    pub with: Document,
    /// How many pass before, and how many are then refused.
    pub skip: u64,
    pub times: u64,
}

/// What a chunk migration does to a delete or an update of many documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migration {
    /// It is applied twice, and counted twice.
    Twice,
    /// It misses the documents whose `_id` begins with this.
    Misses(&'static str),
}

/// What answers a command in place of the server, if it does.
pub type Answering = Box<dyn FnMut(&Document) -> Option<Document> + Send>;

struct State {
    personality: &'static Personality,
    address: String,
    /// How far the router's clock is ahead, in milliseconds.
    ahead: AtomicI64,
    busy: Mutex<Vec<Busy>>,
    answering: Mutex<Option<Answering>>,
    migration: Mutex<Option<Migration>>,
    /// The commands that came in, without greetings.
    seen: Mutex<Vec<String>>,
    refused: AtomicU64,
}

/// The proxy. Dropping it closes its connections.
pub struct Disguise {
    address: SocketAddr,
    state: Arc<State>,
    runtime: Option<Runtime>,
}

impl Disguise {
    /// In front of the server at `address`, such as `127.0.0.1:27017`.
    pub fn start(personality: &'static Personality, address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap_or_else(|error| panic!("a runtime: {error}"));
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .unwrap_or_else(|error| panic!("a port: {error}"));
        let own = listener.local_addr().unwrap_or_else(|error| panic!("a port: {error}"));
        let state = Arc::new(State {
            personality,
            address: own.to_string(),
            ahead: AtomicI64::new(0),
            busy: Mutex::default(),
            answering: Mutex::default(),
            migration: Mutex::default(),
            seen: Mutex::default(),
            refused: AtomicU64::new(0),
        });
        runtime.spawn(accept(listener, address.to_owned(), Arc::clone(&state)));
        Self { address: own, state, runtime: Some(runtime) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The router's clock is this many milliseconds ahead.
    pub fn set_clock(&self, ahead: i64) {
        self.state.ahead.store(ahead, Ordering::SeqCst);
    }

    pub fn busy(&self, busy: impl IntoIterator<Item = Busy>) {
        *lock(&self.state.busy) = busy.into_iter().collect();
    }

    /// Commands are answered by this, and by the server where it has no answer.
    pub fn answer(&self, answering: Answering) {
        *lock(&self.state.answering) = Some(answering);
    }

    pub fn migrate(&self, migration: Option<Migration>) {
        *lock(&self.state.migration) = migration;
    }

    /// The commands that came in since the last call, without greetings.
    pub fn take_commands(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.state.seen))
    }

    /// How many commands were refused.
    pub fn refused(&self) -> u64 {
        self.state.refused.load(Ordering::SeqCst)
    }
}

impl Drop for Disguise {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, server: String, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(&server).await else { continue };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let state = Arc::clone(&state);
        // It ends where one side closes its connection.
        tokio::spawn(async move { state.carry(client, server).await });
    }
}

const HEADER: usize = 16;
const MESSAGE: i32 = 2013;
const CHECKSUM: i32 = 1;
/// The sender does not wait for a reply.
const MORE_TO_COME: i32 = 1 << 1;
/// The commands that are greetings.
const GREETINGS: [&str; 3] = ["hello", "isMaster", "ismaster"];

/// What becomes of a request.
enum Fate {
    /// It goes on, this often.
    Pass(Box<Document>, u32),
    Answered(Box<Document>),
    Refused(Box<Document>),
}

impl State {
    async fn carry(&self, mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
        loop {
            let request = read(&mut client).await?;
            let (number, flags) = (int(&request, 4), int(&request, HEADER));
            let Some(command) = body(&request) else {
                // Nothing that can be read, such as text that is not UTF-8.
                server.write_all(&request).await?;
                client.write_all(&read(&mut server).await?).await?;
                continue;
            };
            let name = command.keys().next().cloned().unwrap_or_default();
            let is_empty_count =
                name == "count" && command.get_document("query").map_or(true, Document::is_empty);
            let (command, times) = match self.fate(&name, command) {
                Fate::Pass(command, times) => (command, times),
                Fate::Answered(reply) => {
                    client.write_all(&message(&reply, number, 0)).await?;
                    continue;
                }
                Fate::Refused(mut reply) => {
                    self.refused.fetch_add(1, Ordering::SeqCst);
                    self.stamp(&mut reply);
                    client.write_all(&message(&reply, number, 0)).await?;
                    continue;
                }
            };
            let mut earlier = 0;
            for time in 1..=times {
                server.write_all(&message(&command, 0, flags & !CHECKSUM)).await?;
                if flags & MORE_TO_COME != 0 {
                    continue;
                }
                let reply = read(&mut server).await?;
                let Some(mut reply) = body(&reply) else {
                    let mut reply = reply;
                    reply[8..12].copy_from_slice(&number.to_le_bytes());
                    client.write_all(&reply).await?;
                    continue;
                };
                if time < times {
                    earlier += reply.get_i32("n").unwrap_or(0);
                    continue;
                }
                if earlier > 0 {
                    let n = reply.get_i32("n").unwrap_or(0);
                    // Each shard counts the copy that it had.
                    reply.insert("n", n + earlier);
                }
                self.disguise(&name, is_empty_count, &mut reply);
                client.write_all(&message(&reply, number, 0)).await?;
            }
        }
    }

    fn traits(&self) -> impl Iterator<Item = &'static Trait> {
        self.personality.lines.iter().map(|Line(one, _)| one)
    }

    fn fate(&self, name: &str, mut command: Document) -> Fate {
        let is_greeting = GREETINGS.contains(&name) && !command.contains_key("lsid");
        if is_greeting {
            command.remove("topologyVersion");
            command.remove("maxAwaitTimeMS");
            return Fate::Pass(Box::new(command), 1);
        }
        lock(&self.seen).push(name.to_owned());
        if let Some(answering) = &mut *lock(&self.answering)
            && let Some(reply) = answering(&command)
        {
            return Fate::Answered(Box::new(reply));
        }
        if let Some(reply) = self.is_busy(name) {
            return Fate::Refused(Box::new(reply));
        }
        for one in self.traits() {
            let refusal = match one {
                Trait::Lacks(names, refusal) if names.contains(&name) => refusal,
                Trait::Refuses(names, word, refusal)
                    if is_among(names, name) && has_word(&command, word) =>
                {
                    refusal
                }
                Trait::RequiresMaxTime(names, refusal)
                    if is_among(names, name) && !command.contains_key("maxTimeMS") =>
                {
                    refusal
                }
                Trait::Ignores(names, field) if is_among(names, name) => {
                    remove(&mut command, field);
                    continue;
                }
                _ => continue,
            };
            return Fate::Refused(Box::new(refused(name, refusal)));
        }
        // What a router keeps for itself.
        for field in ["$clusterTime", "txnNumber", "stmtId"] {
            command.remove(field);
        }
        if self.traits().any(|one| matches!(one, Trait::OwnClock)) {
            let now = Bson::DateTime(self.now());
            replace(&mut command, &mut |value| {
                if matches!(value, Bson::String(text) if text == "$$NOW") {
                    *value = now.clone();
                }
            });
        }
        let times = self.migrated(name, &mut command);
        Fate::Pass(Box::new(command), times)
    }

    fn is_busy(&self, name: &str) -> Option<Document> {
        let mut busy = lock(&self.busy);
        let busy = busy
            .iter_mut()
            .find(|busy| busy.times > 0 && (busy.command.is_empty() || busy.command == name))?;
        if busy.skip > 0 {
            busy.skip -= 1;
            return None;
        }
        busy.times -= 1;
        let mut reply = error(&busy.refusal);
        reply.extend(busy.with.clone());
        Some(reply)
    }

    /// How often a command is carried out while a chunk moves.
    fn migrated(&self, name: &str, command: &mut Document) -> u32 {
        let list = match name {
            "delete" => "deletes",
            "update" => "updates",
            _ => return 1,
        };
        let Ok(statements) = command.get_array_mut(list) else { return 1 };
        let is_multi = |statement: &Document| {
            statement.get_bool("multi").unwrap_or(false)
                || statement.get_i32("limit").is_ok_and(|limit| limit == 0)
        };
        let mut times = 1;
        for statement in statements.iter_mut().filter_map(Bson::as_document_mut) {
            match *lock(&self.migration) {
                Some(Migration::Misses(prefix)) if is_multi(statement) => {
                    let query = statement.get_document("q").cloned().unwrap_or_default();
                    let others = doc! { "_id": { "$not": { "$regex": format!("^{prefix}") } } };
                    statement.insert("q", doc! { "$and": [query, others] });
                }
                Some(Migration::Twice) if is_multi(statement) => times = 2,
                _ => {}
            }
        }
        times
    }

    /// The router's clock.
    fn now(&self) -> DateTime {
        DateTime::from_millis(millis() + self.ahead.load(Ordering::SeqCst))
    }

    fn disguise(&self, name: &str, is_empty_count: bool, reply: &mut Document) {
        let is_hello = GREETINGS.contains(&name);
        if is_hello {
            reply.remove("topologyVersion");
        }
        for one in self.traits() {
            match one {
                Trait::Hello(json) if is_hello => reply.extend(self.fields(json)),
                Trait::BuildInfo(json) if name == "buildInfo" => reply.extend(self.fields(json)),
                Trait::OwnClock if is_hello => drop(reply.insert("localTime", self.now())),
                Trait::CountsOrphans(more) if is_empty_count => {
                    let n = reply.get_i32("n").unwrap_or(0);
                    reply.insert("n", n + more);
                }
                _ => {}
            }
        }
        self.stamp(reply);
    }

    fn stamp(&self, reply: &mut Document) {
        if !self.traits().any(|one| matches!(one, Trait::ClusterTime)) {
            return;
        }
        // That of the shards: it moves with the clocks of those that have the data.
        let seconds = u32::try_from(millis() / 1000).unwrap_or(0);
        let time = Timestamp { time: seconds, increment: 1 };
        let hash = Binary { subtype: BinarySubtype::Generic, bytes: vec![0; 20] };
        let signature = doc! { "hash": hash, "keyId": 0_i64 };
        reply.insert("$clusterTime", doc! { "clusterTime": time, "signature": signature });
        reply.insert("operationTime", time);
    }

    fn fields(&self, json: &str) -> Document {
        let json = json.replace("ADDRESS", &self.address);
        let value: serde_json::Value =
            serde_json::from_str(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
        match Bson::try_from(value) {
            Ok(Bson::Document(fields)) => fields,
            other => panic!("{json}: {other:?}"),
        }
    }
}

/// The clock of the shards, which are on this machine.
fn millis() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "this is a server")]
    DateTime::now().timestamp_millis()
}

fn is_among(names: &[&str], name: &str) -> bool {
    names.is_empty() || names.contains(&name)
}

/// Whether a word is somewhere in a command, as a field's name or a value.
fn has_word(command: &Document, word: &str) -> bool {
    command.iter().any(|(name, value)| name == word || value_has(value, word))
}

fn value_has(value: &Bson, word: &str) -> bool {
    match value {
        Bson::String(text) => text == word,
        Bson::Document(document) => has_word(document, word),
        Bson::Array(values) => values.iter().any(|value| value_has(value, word)),
        _ => false,
    }
}

/// Takes a field out of a command and its statements.
fn remove(command: &mut Document, field: &str) {
    command.remove(field);
    for list in ["deletes", "updates"] {
        if let Ok(statements) = command.get_array_mut(list) {
            statements
                .iter_mut()
                .filter_map(Bson::as_document_mut)
                .for_each(|statement| drop(statement.remove(field)));
        }
    }
}

fn replace(document: &mut Document, change: &mut impl FnMut(&mut Bson)) {
    fn each(value: &mut Bson, change: &mut dyn FnMut(&mut Bson)) {
        change(value);
        match value {
            Bson::Document(document) => {
                document.iter_mut().for_each(|(_, value)| each(value, change));
            }
            Bson::Array(values) => values.iter_mut().for_each(|value| each(value, change)),
            _ => {}
        }
    }
    document.iter_mut().for_each(|(_, value)| each(value, change));
}

fn error(refusal: &Refusal) -> Document {
    let Refusal { code, name, message } = *refusal;
    doc! { "ok": 0.0, "errmsg": message, "code": code, "codeName": name }
}

/// A statement is refused inside of a reply that is no error itself, as `mongod` does it.
fn refused(name: &str, refusal: &Refusal) -> Document {
    let is_of_command = [20, 59, 115, 301, 16500].contains(&refusal.code);
    match name {
        "update" | "delete" if !is_of_command => doc! {
            "n": 0, "nModified": 0, "ok": 1.0,
            "writeErrors": [{ "index": 0, "code": refusal.code, "errmsg": refusal.message }],
        },
        _ => error(refusal),
    }
}

async fn read(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut message = vec![0; HEADER];
    from.read_exact(&mut message).await?;
    let length = usize::try_from(int(&message, 0)).unwrap_or(0).max(HEADER);
    message.resize(length, 0);
    from.read_exact(&mut message[HEADER..]).await?;
    Ok(message)
}

/// The command or the reply, with its sequences of documents in it. `None` if it cannot be read.
fn body(message: &[u8]) -> Option<Document> {
    if int(message, 12) != MESSAGE {
        return None;
    }
    let end = message.len() - if int(message, HEADER) & CHECKSUM != 0 { 4 } else { 0 };
    let (mut at, mut body, mut sequences) = (HEADER + 4, None, Document::new());
    while at < end {
        let (kind, start) = (message[at], at + 1);
        let length = usize::try_from(int(message, start)).ok()?;
        let section = message.get(start..start + length)?;
        at = start + length;
        if kind == 0 {
            body = Some(Document::from_reader(section).ok()?);
            continue;
        }
        let name = section[4..].iter().position(|byte| *byte == 0)?;
        let list = String::from_utf8(section[4..4 + name].to_vec()).ok()?;
        let (mut documents, mut rest) = (Vec::new(), &section[4 + name + 1..]);
        while !rest.is_empty() {
            let length = usize::try_from(int(rest, 0)).ok()?;
            documents.push(Bson::Document(Document::from_reader(rest.get(..length)?).ok()?));
            rest = &rest[length..];
        }
        sequences.insert(list, documents);
    }
    body.map(|mut body| {
        body.extend(sequences);
        body
    })
}

fn message(body: &Document, answers: i32, flags: i32) -> Vec<u8> {
    let body = body.to_vec().unwrap_or_default();
    let length = i32::try_from(HEADER + 5 + body.len()).unwrap_or_default();
    let header = [length, 1, answers, MESSAGE, flags].into_iter().flat_map(i32::to_le_bytes);
    header.chain([0]).chain(body).collect()
}

fn int(message: &[u8], at: usize) -> i32 {
    let bytes = message.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, i32::from_le_bytes)
}
