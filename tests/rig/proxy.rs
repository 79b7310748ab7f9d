//! A proxy in front of a real server that understands `OP_MSG` and misbehaves on request: by rules
//! for a command and a direction, or at random with a seed.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bson::{RawDocument, doc};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    Request,
    Reply,
}

/// What becomes of a message, and of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It comes later.
    Delay(Duration),
    /// It is dropped, but the connection stays open.
    Drop,
    /// From now on nothing comes through its connection, which stays open.
    HalfOpen,
    /// Its connection is closed instead.
    Close,
    /// A part of it comes, then its connection is closed.
    Truncate,
    /// A part of it comes, and nothing more.
    Stall,
    /// The request reaches the server twice; the client sees the first reply. A `getMore` does not,
    /// since its second reply holds the next documents, which nobody could miss. A reply that comes twice
    /// is none of these, either: the driver (3.9.1) does not compare numbers, so that the second would be
    /// taken for the reply to the next command, and only another kind of reply is noticed.
    Duplicate,
    /// Its structure is damaged: the way depends on the number. What still has a meaning may not get
    /// another one, which nobody could notice.
    Garble(u8),
}

/// A fault of some messages.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The command; any but heartbeats and handshakes if it is empty.
    pub command: &'static str,
    pub direction: Direction,
    pub fault: Fault,
    /// How many such messages pass before.
    pub skip: u64,
    /// How many are hit.
    pub times: u64,
}

impl Rule {
    pub fn new(command: &'static str, direction: Direction, fault: Fault) -> Self {
        Self { command, direction, fault, skip: 0, times: 1 }
    }

    pub fn skip(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    pub fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }
}

/// A message that was hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub command: String,
    pub direction: Direction,
    pub fault: Fault,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    /// A seed, and how many messages in a thousand are hit.
    chance: Option<(u64, u64)>,
    /// The connections so far, and how many there were when the seed was set: what the seed chooses
    /// does not depend on what came before it.
    connections: u64,
    before: u64,
    hits: Vec<Hit>,
    /// Ends the connections that are open.
    open: CancellationToken,
}

/// The proxy. Dropping it closes its connections.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    runtime: Option<Runtime>,
}

impl Proxy {
    /// In front of the server at `address`, such as `127.0.0.1:27017`.
    pub fn start(address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap_or_else(|error| panic!("a runtime: {error}"));
        let state = Arc::new(Mutex::new(State::default()));
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .unwrap_or_else(|error| panic!("a port: {error}"));
        let own = listener.local_addr().unwrap_or_else(|error| panic!("a port: {error}"));
        runtime.spawn(accept(listener, address.to_owned(), Arc::clone(&state)));
        Self { address: own, state, runtime: Some(runtime) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Misbehaves so from now on.
    pub fn rules(&self, rules: impl IntoIterator<Item = Rule>) {
        let mut state = lock(&self.state);
        (state.rules, state.chance) = (rules.into_iter().collect(), None);
    }

    /// From now on, hits this many messages in a thousand, chosen by the seed.
    pub fn chance(&self, seed: u64, per_mille: u64) {
        let mut state = lock(&self.state);
        (state.rules, state.chance) = (Vec::new(), Some((seed, per_mille)));
        state.before = state.connections;
        state.hits.clear();
    }

    /// Lets everything through from now on, but on connections that are broken.
    pub fn clear(&self) {
        self.rules([]);
    }

    /// Closes all connections, with what is still to pass through them.
    pub fn cut(&self) {
        let mut state = lock(&self.state);
        std::mem::take(&mut state.open).cancel();
    }

    /// What was hit so far.
    pub fn hits(&self) -> Vec<Hit> {
        lock(&self.state).hits.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, server: String, state: Arc<Mutex<State>>) {
    while let Ok((client, _)) = listener.accept().await {
        let (number, closed) = {
            let mut state = lock(&state);
            state.connections += 1;
            (state.connections, state.open.child_token())
        };
        let Ok(server) = TcpStream::connect(&server).await else { continue };
        // A message is written in parts, and each part of it would wait for the other side.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let connection = Arc::new(Connection {
            state: Arc::clone(&state),
            number,
            messages: AtomicU64::new(0),
            names: Mutex::default(),
            closed,
            silent: CancellationToken::new(),
        });
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::spawn(Arc::clone(&connection).carry(Direction::Request, from_client, to_server));
        tokio::spawn(connection.carry(Direction::Reply, from_server, to_client));
    }
}

struct Connection {
    state: Arc<Mutex<State>>,
    number: u64,
    messages: AtomicU64,
    names: Mutex<Names>,
    closed: CancellationToken,
    silent: CancellationToken,
}

/// The commands whose replies are to come, by the number of the request.
#[derive(Default)]
struct Names {
    sent: HashMap<i32, String>,
    /// Replies that the client is not to see.
    swallowed: HashSet<i32>,
}

const HEADER: usize = 16;
/// Where the command begins: after the header, the flags and the kind of the section.
const BODY: usize = HEADER + 5;

impl Connection {
    async fn carry(self: Arc<Self>, direction: Direction, from: OwnedReadHalf, to: OwnedWriteHalf) {
        let closed = self.closed.clone();
        let _ = closed.run_until_cancelled(self.pass(direction, from, to)).await;
        self.closed.cancel();
    }

    async fn pass(
        &self,
        direction: Direction,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
    ) -> std::io::Result<()> {
        loop {
            let mut message = vec![0; HEADER];
            from.read_exact(&mut message).await?;
            let length = usize::try_from(int(&message, 0)).unwrap_or(0).max(HEADER);
            message.resize(length, 0);
            from.read_exact(&mut message[HEADER..]).await?;
            if self.silent.is_cancelled() {
                continue;
            }
            let Some(command) = self.name(direction, &message) else { continue };
            match self.fault(direction, &command) {
                None => to.write_all(&message).await?,
                Some(fault) => self.misbehave(direction, fault, message, &mut to).await?,
            }
        }
    }

    async fn misbehave(
        &self,
        direction: Direction,
        fault: Fault,
        mut message: Vec<u8>,
        to: &mut OwnedWriteHalf,
    ) -> std::io::Result<()> {
        let part = message.len() / 2;
        match fault {
            Fault::Delay(wait) => {
                tokio::time::sleep(wait).await;
                to.write_all(&message).await?;
            }
            Fault::Drop => {}
            Fault::HalfOpen => self.silent.cancel(),
            Fault::Close => self.closed.cancel(),
            Fault::Truncate => {
                to.write_all(&message[..part]).await?;
                to.shutdown().await?;
                self.closed.cancel();
            }
            Fault::Stall => {
                to.write_all(&message[..part]).await?;
                self.silent.cancel();
            }
            Fault::Duplicate => {
                to.write_all(&message).await?;
                if direction == Direction::Request {
                    // Another number, by which its reply is known.
                    let number = -int(&message, 4);
                    message[4..8].copy_from_slice(&number.to_le_bytes());
                    self.names().swallowed.insert(number);
                    to.write_all(&message).await?;
                }
            }
            Fault::Garble(way) => {
                garble(way, &mut message);
                to.write_all(&message).await?;
            }
        }
        Ok(())
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The command of a message; empty for heartbeats and handshakes, which have no session. `None`
    /// for a reply that the client is not to see.
    fn name(&self, direction: Direction, message: &[u8]) -> Option<String> {
        let mut names = self.names();
        match direction {
            Direction::Request => {
                let body = message.get(BODY..).and_then(|body| RawDocument::from_bytes(body).ok());
                let name = body.map_or_else(String::new, |body| {
                    let name = body.iter().next().and_then(Result::ok);
                    let name = name.map_or(String::new(), |(name, _)| name.as_str().to_owned());
                    let is_greeting = matches!(name.as_str(), "hello" | "ismaster" | "isMaster");
                    let is_own = matches!(body.get("lsid"), Ok(Some(_)));
                    if is_greeting && !is_own { String::new() } else { name }
                });
                names.sent.insert(int(message, 4), name.clone());
                Some(name)
            }
            Direction::Reply => {
                let number = int(message, 8);
                if names.swallowed.remove(&number) {
                    return None;
                }
                Some(names.sent.get(&number).cloned().unwrap_or_default())
            }
        }
    }

    fn fault(&self, direction: Direction, command: &str) -> Option<Fault> {
        let message = self.messages.fetch_add(1, Ordering::Relaxed);
        if command.is_empty() {
            return None;
        }
        let mut state = lock(&self.state);
        let by_rule = state.rules.iter_mut().find(|rule| {
            rule.direction == direction
                && rule.times > 0
                && (rule.command.is_empty() || rule.command == command)
        });
        let fault = match by_rule {
            Some(rule) if rule.skip > 0 => {
                rule.skip -= 1;
                None
            }
            Some(rule) => {
                rule.times -= 1;
                Some(rule.fault)
            }
            None => state.chance.and_then(|(seed, per_mille)| {
                let number = self.number.saturating_sub(state.before);
                let mut random = Random(seed ^ (number << 32) ^ message);
                (random.below(1000) < per_mille).then(|| any(&mut random, direction, command))
            }),
        }?;
        state.hits.push(Hit { command: command.to_owned(), direction, fault });
        Some(fault)
    }
}

fn any(random: &mut Random, direction: Direction, command: &str) -> Fault {
    match (random.below(9), direction) {
        (0, _) => Fault::Drop,
        (1, _) => Fault::HalfOpen,
        (2, _) => Fault::Stall,
        (3, _) => Fault::Close,
        (4, _) => Fault::Truncate,
        (5, Direction::Request) if command != "getMore" => Fault::Duplicate,
        (6, _) => Fault::Delay(Duration::from_millis(random.below(600))),
        _ => Fault::Garble(random.below(WAYS.into()) as u8),
    }
}

/// The ways to damage a message. The last two damage a batch inside a reply that is whole outside.
pub const WAYS: u8 = 10;

/// Damages the structure of a message. The server ends the connection of such a request, or answers with
/// an error, as to a program that is wrong.
fn garble(way: u8, message: &mut Vec<u8>) {
    let set = |message: &mut Vec<u8>, at: usize, value: i32| {
        message[at..at + 4].copy_from_slice(&value.to_le_bytes());
    };
    let length = int(message, BODY);
    match (way % WAYS, in_batch(message)) {
        // Of no known kind.
        (0, _) => set(message, 12, 4711),
        // A document that is longer, or shorter, than its message.
        (1, _) => set(message, BODY, length + 1),
        (2, _) => set(message, BODY, 4),
        (3, _) => set(message, BODY, -1),
        // An element of no known type.
        (4, _) => message[BODY + 4] = 0x7E,
        // A message that is shorter than its header.
        (5, _) => set(message, 0, 3),
        // The reply to another command.
        (6, _) => {
            let other = doc! { "other": 1, "ok": 1 }.to_vec().unwrap_or_default();
            message.truncate(BODY);
            message.extend(other);
            let length = i32::try_from(message.len()).unwrap_or_default();
            set(message, 0, length);
        }
        // A document that is longer than its batch, and one of no known type.
        (8, Some(at)) => set(message, at, 1 << 24),
        (9, Some(at)) => message[at - 3] = 0x7E,
        // A message that does not end.
        _ => {
            let length = int(message, 0);
            set(message, 0, length + 1000);
        }
    }
}

/// Where the first document of a batch begins.
fn in_batch(message: &[u8]) -> Option<usize> {
    let reply = RawDocument::from_bytes(message.get(BODY..)?).ok()?;
    let cursor = reply.get_document("cursor").ok()?;
    let batch = cursor.get_array("firstBatch").or_else(|_| cursor.get_array("nextBatch")).ok()?;
    let first = batch.get_document(0).ok()?.as_bytes();
    Some(first.as_ptr().addr() - message.as_ptr().addr())
}

fn int(message: &[u8], at: usize) -> i32 {
    let bytes = message.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, i32::from_le_bytes)
}

/// Numbers that look random, the same in each run.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// splitmix64
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
