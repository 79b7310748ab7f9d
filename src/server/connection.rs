//! A connection to a MongoDB deployment: the server's clock, and commands.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf, cstr};
use bson::{Bson, DateTime, Document, doc};
use mongodb::action::{Action as _, RunCommand};
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria};
use mongodb::{Client, ClientSession, ServerInfo};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::model::index_spec::IndexSpec;
use crate::server::backoff::Retries;
use crate::server::flavour::{Feature, Flavour, Spread};
use crate::server::reply::{Reply, first_batch, refusal};
use crate::server::scene::Scene;

mod clients;
mod deadline;
mod heartbeats;
mod logical;
mod probe;
mod uri;

use clients::Clients;
pub(crate) use clients::Link;
use deadline::{Limits, Lost, Pending, Troubles, Undropped, Waits};
use heartbeats::Heartbeats;
use logical::Known;
pub use uri::IgnoredOption;

pub use crate::server::flavour::Topology;

/// How long a command waits for a server, unless the connection string says otherwise. The driver's
/// default of 30 s is too long for someone waiting at a prompt.
const SERVER_SELECTION: Duration = Duration::from_secs(5);
/// How many commands may be in flight at a time. The pool has room for one more, for reads in
/// between. The driver opens connections only when they are needed.
pub const MOST_IN_FLIGHT: u32 = 64;
const ADMIN: &str = "admin";
/// The `maxTimeMS` of reads, one day, which replaces the server's default limit.
pub(super) const LONGEST_READ_MS: i64 = 86_400_000;
/// The same.
pub(crate) const LONGEST_READ: Duration = Duration::from_millis(LONGEST_READ_MS as u64);
/// `NamespaceNotFound`.
const NAMESPACE_NOT_FOUND: i32 = 26;

/// A connection to one database of a MongoDB deployment.
#[derive(Debug, Clone)]
pub struct Connection {
    database: Arc<str>,
    /// Shared, because every store and every reader has its own connection.
    clients: Arc<Clients>,
    asked: Arc<Asked>,
    heartbeats: Heartbeats,
    waits: Waits,
    flavour: Flavour,
    /// How far the clocks of a sharded cluster were apart when they were last read.
    spread: Arc<Mutex<Option<Spread>>>,
}

/// What the connection string requests.
#[derive(Debug)]
struct Asked {
    address: String,
    hosts: Vec<String>,
    login: Option<String>,
    app_name: String,
    within: Duration,
    /// Whether reads may go to other servers than the primary.
    reads_elsewhere: bool,
    ignored: Vec<IgnoredOption>,
}

/// A command to send: its name, and what it is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) command: &'a str,
    /// The collection; `None` for a command on the database `admin`.
    pub(crate) collection: Option<&'a str>,
    /// Its `maxTimeMS`.
    pub(crate) max_time: Option<Duration>,
    /// The servers that may execute it.
    pub(crate) servers: Servers<'a>,
}

/// The servers that may execute a command.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Servers<'a> {
    Primary,
    /// The servers that the read preference of the connection string allows.
    Readable,
    These(&'a SelectionCriteria),
}

/// The result of a command, and the session that it used.
pub(crate) type Outcome<T> = (mongodb::error::Result<T>, Option<ClientSession>);

/// The server's clock, the kind of its deployment, and whether it accepts writes.
#[derive(Debug, Clone, Copy)]
pub struct Hello {
    /// The server's clock when it answered.
    pub now: DateTime,
    /// The kind of its deployment.
    pub kind: Topology,
    /// Whether the server is a primary, a standalone or a `mongos`.
    pub writable: bool,
}

impl Connection {
    /// Opens a connection from a connection string. No server is contacted yet, but the name in a
    /// `mongodb+srv` string is looked up. The database is `database`, else the one in the string,
    /// else `test`.
    ///
    /// # Errors
    /// [`Error::Uri`] if the string is invalid; the message contains no secrets. [`Error::Driver`]
    /// if the name in a `mongodb+srv` string cannot be looked up.
    pub async fn open(uri: &str, database: Option<&str>) -> Result<Self> {
        let socket_timeout = uri::socket_timeout(uri).map_err(Error::Uri)?;
        let (readable, mut ignored) = uri::readable(uri);
        let parsed = ClientOptions::parse(&*readable).await;
        let mut options = parsed.map_err(|error| uri::unparsed(&readable, error))?;
        let login = options.credential.as_ref().and_then(|login| login.username.clone());
        uri::corrected(&mut options, &mut ignored)?;
        let within = *options.server_selection_timeout.get_or_insert(SERVER_SELECTION);
        let limits = Limits::new(socket_timeout, within);
        // Operators see this name in `currentOp` and in the server's log.
        let app_name = options.app_name.get_or_insert_with(|| "sessionctl".to_owned()).clone();
        options.max_pool_size.get_or_insert(MOST_IN_FLIGHT + 1);
        let hosts: Vec<_> = options.hosts.iter().map(ToString::to_string).collect();
        let address = hosts.join(",");
        let database = database
            .map(str::to_owned)
            .or_else(|| options.default_database.clone())
            .unwrap_or_else(|| "test".to_owned());
        let reads_elsewhere = options.selection_criteria.as_ref().is_some_and(|criteria| {
            !matches!(criteria, SelectionCriteria::ReadPreference(ReadPreference::Primary))
        });
        let known = Known::default();
        let flavour = Flavour::default();
        let heartbeats = Heartbeats::listen(&mut options, known.clone(), flavour.clone());
        let tls = options.tls.clone();
        let clients = Clients::new(options, known, flavour.clone())
            .map_err(|error| Error::Uri(uri::client_fault(tls.as_ref(), &error)))?;
        let asked = Asked { address, hosts, login, app_name, within, reads_elsewhere, ignored };
        Ok(Self {
            database: database.into(),
            clients: Arc::new(clients),
            asked: Arc::new(asked),
            heartbeats,
            waits: Waits { limits, troubles: Troubles::default() },
            flavour,
            spread: Arc::default(),
        })
    }

    /// The database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The hosts, without any credentials.
    pub fn address(&self) -> &str {
        &self.asked.address
    }

    /// The user who is logged in, if the connection string names one.
    pub fn login(&self) -> Option<&str> {
        self.asked.login.as_deref()
    }

    /// The options of the connection string that have no effect.
    pub fn ignored_options(&self) -> &[IgnoredOption] {
        &self.asked.ignored
    }

    /// The same connection, for another database.
    #[must_use]
    pub fn on(&self, database: &str) -> Self {
        Self { database: database.into(), ..self.clone() }
    }

    /// The command whose reply has been overdue the longest, although the server is not running it,
    /// and for how long. After a while, sessionctl gives up on such a command.
    pub fn overdue(&self) -> Option<(String, Duration)> {
        self.waits.troubles.overdue()
    }

    /// The current trouble with the connection: a reply is overdue, or the last command did not
    /// reach a server or lost its reply. `None` if there is none.
    pub fn trouble(&self) -> Option<String> {
        match self.overdue() {
            Some((command, waited)) => {
                let (address, waited) = (&self.asked.address, waited.as_secs());
                Some(format!("{address} has sent no reply to {command} for {waited} s"))
            }
            None => self.waits.troubles.failed(),
        }
    }

    /// Sends a command, and waits for its reply. `work` gets a client, and a session if the server
    /// supports them. Its future is never dropped: if the reply is lost, it continues detached.
    /// Also returns the client, which a cursor needs to continue.
    ///
    /// # Errors
    /// As the driver or the server reports it. [`Error::NoReply`] if no reply comes and the server is not running the command. The next command then uses another client.
    pub(crate) async fn ask<T, F>(
        &self,
        asking: Asking<'_>,
        work: impl FnOnce(Client, Option<ClientSession>) -> F,
    ) -> Result<(Arc<Link>, T)>
    where
        T: Send + 'static,
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        let link = self.clients.current();
        let session = link.session().await;
        let id = session.as_ref().and_then(session_id);
        let work = work(link.client.clone(), session);
        let (outcome, session) = self.await_reply(asking, &link, id, work).await?;
        // After a failure, the server may still be using it.
        link.give_back(session.filter(|_| outcome.is_ok()));
        let value = self.checked(asking, &link, outcome)?;
        Ok((link, value))
    }

    /// The same for a read, which is sent again once if its reply is lost.
    pub(crate) async fn ask_again<T, F>(
        &self,
        asking: Asking<'_>,
        mut work: impl FnMut(Client, Option<ClientSession>) -> F,
    ) -> Result<(Arc<Link>, T)>
    where
        T: Send + 'static,
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        match self.ask(asking, &mut work).await {
            Err(error) if error.is_lost_reply() => self.ask(asking, work).await,
            asked => asked,
        }
    }

    /// The same for a write that the driver repeats if a primary is lost, unless the server lacks
    /// such writes.
    pub(crate) async fn ask_repeatable<T, F>(
        &self,
        asking: Asking<'_>,
        mut work: impl FnMut(Client, Option<ClientSession>) -> F,
    ) -> Result<(Arc<Link>, T)>
    where
        T: Send + 'static,
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        match self.ask(asking, &mut work).await {
            Err(error) if self.flavour.learns(Feature::RetryableWrites, &error) => {
                self.clients.renew();
                self.ask(asking, work).await
            }
            asked => asked,
        }
    }

    /// Waits for the result of `work`, with the session of this id.
    pub(crate) async fn await_reply<T: Send + 'static>(
        &self,
        asking: Asking<'_>,
        link: &Arc<Link>,
        session: Option<Bson>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        let Asking { command, max_time, servers, .. } = asking;
        let servers = || match servers {
            Servers::These(criteria) => vec![Some(criteria.clone())],
            Servers::Readable if self.asked.reads_elsewhere => self.members(),
            Servers::Primary | Servers::Readable => vec![None],
        };
        let operation = || match &session {
            // No other running command uses this session.
            Some(id) => doc! { "lsid.id": id },
            None => {
                doc! { "appName": &self.asked.app_name, format!("command.{command}"): { "$exists": true } }
            }
        };
        let pending = Pending { command, operation: &operation, max_time, servers: &servers };
        let reply =
            deadline::reply(&self.clients, &self.waits, link, pending, Undropped::new(work)).await;
        reply.map_err(|Lost(waited)| {
            let address = self.asked.address.clone();
            let error = Error::NoReply { address, command: command.to_owned(), waited };
            self.waits.troubles.set_failed(Some(&error));
            error
        })
    }

    /// The criteria that select each of the answering servers.
    fn members(&self) -> Vec<Option<SelectionCriteria>> {
        let is = |address: String| {
            let is = move |server: &ServerInfo<'_>| server.address().to_string() == address;
            Some(SelectionCriteria::Predicate(Arc::new(is)))
        };
        self.heartbeats.answering().into_iter().map(is).collect()
    }

    /// After a malformed reply, the connection may be in the middle of a message, so the next
    /// command uses another client.
    pub(crate) fn checked<T>(
        &self,
        asking: Asking<'_>,
        link: &Arc<Link>,
        outcome: mongodb::error::Result<T>,
    ) -> Result<T> {
        let outcome = outcome.map_err(|error| {
            let namespace = match asking.collection {
                Some(collection) => self.namespace(collection),
                None => ADMIN.to_owned(),
            };
            let error = self.scene(asking.command, &namespace).error(error);
            if error.is_lost_reply() {
                self.clients.replace(link);
            }
            error
        });
        let failure = outcome.as_ref().err().filter(|error| error.code().is_none());
        self.waits.troubles.set_failed(failure.map(|error| error as &dyn Display));
        outcome
    }

    pub(crate) fn namespace(&self, collection: &str) -> String {
        format!("{}.{collection}", self.database())
    }

    pub(crate) fn scene<'a>(&'a self, command: &'a str, namespace: &'a str) -> Scene<'a> {
        let obstacle = self.heartbeats.obstacle(&self.asked.address);
        Scene {
            command,
            namespace,
            address: &self.asked.address,
            within: self.asked.within,
            obstacle,
        }
    }

    /// The known properties of the servers.
    pub fn flavour(&self) -> &Flavour {
        &self.flavour
    }

    /// How far the clocks of a sharded cluster were apart, by more than a second, when they last
    /// decided what has expired.
    pub fn clock_spread(&self) -> Option<Spread> {
        self.spread.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_spread(&self, spread: Option<Spread>) {
        *self.spread.lock().unwrap_or_else(PoisonError::into_inner) = spread;
    }

    /// The hosts of the connection string that answer. Waits at most `patience` for those that have
    /// neither answered nor failed yet.
    pub(super) async fn hosts_that_answer(&self, patience: Duration) -> Vec<String> {
        self.heartbeats.settle(&self.asked.hosts, patience).await;
        self.heartbeats.answering()
    }

    /// Reads the primary's clock, or that of a `mongos`, which does not ask its shards.
    ///
    /// # Errors
    /// If the command cannot be sent or the server rejects it. [`Error::Unsupported`] if the reply
    /// contains no clock.
    pub async fn hello(&self) -> Result<Hello> {
        Self::read_hello(&self.greeting().await?)
    }

    /// The clock of one server that accepts writes.
    ///
    /// # Errors
    /// [`Error::NotPrimary`] on a direct connection to a secondary, else as for
    /// [`hello`](Self::hello).
    pub(crate) async fn writable(&self) -> Result<DateTime> {
        Self::read_writable(&self.greeting().await?, &self.asked.address).map(|hello| hello.now)
    }

    /// Waits until a primary answers. A write cannot be cancelled, so it must not begin while no
    /// server is there. Returns `false` if `cancel` comes first.
    pub(crate) async fn reach(
        &self,
        retries: &mut Retries,
        cancel: &CancellationToken,
    ) -> Result<bool> {
        loop {
            let connection = self.clone();
            // In a separate task, because a future of the driver must not be dropped.
            let asking = tokio::spawn(async move { connection.writable().await });
            match cancel.run_until_cancelled(asking).await {
                None => return Ok(false),
                Some(Ok(Err(error))) => retries.pause(cancel, error).await?,
                // If the server makes a task panic, the write reports what is wrong with it.
                Some(Ok(Ok(_)) | Err(_)) => return Ok(true),
            }
        }
    }

    pub(super) fn read_writable(reply: &Document, address: &str) -> Result<Hello> {
        let hello = Self::read_hello(reply)?;
        // Over a direct connection a secondary answers too, but its clock does not decide.
        match hello.writable {
            true => Ok(hello),
            false => Err(Error::NotPrimary { address: address.to_owned() }),
        }
    }

    pub(super) async fn greeting(&self) -> Result<Document> {
        self.run_on_admin("hello", doc! { "hello": 1 }).await
    }

    pub(super) fn read_hello(reply: &Document) -> Result<Hello> {
        let now = reply.get_datetime("localTime").copied();
        Ok(Hello {
            now: now
                .map_err(|_| Error::Unsupported("the server did not report its clock".into()))?,
            kind: Topology::of(reply),
            writable: reply.get_bool("isWritablePrimary").unwrap_or(false),
        })
    }

    /// Runs a command on the database `admin`, on the primary.
    pub(crate) async fn run_on_admin(&self, name: &str, command: Document) -> Result<Document> {
        // The driver sends commands to the primary whatever read preference the connection string
        // has, except over a direct connection.
        self.send(Asking::to_admin(name), &command).await
    }

    /// Runs a command on the database `admin`, on a server that matches `criteria`.
    pub(crate) async fn run_on_member(
        &self,
        criteria: SelectionCriteria,
        name: &str,
        command: Document,
    ) -> Result<Document> {
        let asking = Asking { servers: Servers::These(&criteria), ..Asking::to_admin(name) };
        self.send(asking, &command).await
    }

    /// Runs a command on the database, on the primary. Write errors and write concern errors inside
    /// the reply are returned as errors.
    pub(crate) async fn run(
        &self,
        name: &str,
        collection: &str,
        command: Document,
    ) -> Result<Document> {
        let Reply { document, refusal } = self.reply(name, collection, command).await?;
        refusal.map_or(Ok(document), Err)
    }

    /// Like [`run`](Self::run), for writes whose reply counts even if a part of them failed.
    pub(crate) async fn reply(
        &self,
        name: &str,
        collection: &str,
        command: Document,
    ) -> Result<Reply> {
        let document = self.send(Asking::to_primary(name, collection), &command).await?;
        // A write can fail inside a reply with `ok: 1`, which `run_command` does not check.
        Ok(Reply { refusal: refusal(&document), document })
    }

    async fn send(&self, asking: Asking<'_>, command: &Document) -> Result<Document> {
        match RawDocumentBuf::try_from(command) {
            Ok(command) => self.send_raw(asking, command).await,
            Err(error) => Err(Error::Driver {
                what: format!("the driver failed to encode {}", asking.command),
                source: error.into(),
            }),
        }
    }

    /// Sends a command. A read is sent again once if its reply is lost, and repeatedly while the server is
    /// too busy for it.
    async fn send_raw(
        &self,
        mut asking: Asking<'_>,
        mut command: RawDocumentBuf,
    ) -> Result<Document> {
        asking.max_time = max_time(&command);
        let is_read = READS.contains(&asking.command);
        if !is_read && !IDEMPOTENT.contains(&asking.command) {
            return self.send_once(asking, command).await;
        }
        if asking.max_time.is_none() && self.cuts(asking.command) {
            command.append(cstr!("maxTimeMS"), LONGEST_READ_MS);
        }
        let (mut retries, mut is_again) = (Retries::default(), false);
        loop {
            match self.send_once(asking, command.clone()).await {
                Err(error) if is_read && error.is_lost_reply() && !is_again => is_again = true,
                Err(error) if error.is_busy() => {
                    retries.pause(&CancellationToken::new(), error).await?;
                }
                reply => return reply,
            }
        }
    }

    /// Whether the server may cut off this read if it has no limit of its own.
    pub(crate) fn cuts(&self, command: &str) -> bool {
        self.flavour.may_cut_reads() && ["aggregate", "count", "find"].contains(&command)
    }

    async fn send_once(&self, asking: Asking<'_>, command: RawDocumentBuf) -> Result<Document> {
        let database: Arc<str> = match asking.collection {
            Some(_) => self.database.clone(),
            None => ADMIN.into(),
        };
        let criteria = match asking.servers {
            Servers::These(criteria) => Some(criteria.clone()),
            Servers::Primary | Servers::Readable => None,
        };
        let field = field_of_reply(asking.command);
        let send = |client: Client, mut session: Option<ClientSession>| async move {
            let database = client.database(&database);
            let run = database
                .run_raw_command(command)
                .optional(criteria, RunCommand::selection_criteria);
            let reply = match &mut session {
                Some(session) => run.session(session).await,
                None => run.await,
            };
            let is_other = |reply: &Document| field.is_some_and(|field| !reply.contains_key(field));
            let reply = match reply {
                Ok(reply) if is_other(&reply) => {
                    Err(mongodb::error::Error::custom("another reply"))
                }
                reply => reply,
            };
            (reply, session)
        };
        Ok(self.ask(asking, send).await?.1)
    }

    /// Runs a command that is raw BSON already, because its documents may not survive decoding. The
    /// caller checks the reply for errors.
    pub(crate) async fn run_raw(
        &self,
        name: &str,
        collection: &str,
        command: RawDocumentBuf,
    ) -> Result<Document> {
        // PHP and old drivers store text that is not UTF-8, which a `Document` cannot hold.
        self.send_raw(Asking::to_primary(name, collection), command).await
    }

    /// The raw specifications of a collection's indexes. `None` if the collection does not exist.
    pub(crate) async fn indexes(&self, collection: &str) -> Result<Option<Vec<IndexSpec>>> {
        // The driver's `list_indexes` silently drops all options of an index if one of them has an
        // unexpected type, such as NaN or a double: exactly what a diagnosis looks for.
        let command = doc! { "listIndexes": collection, "cursor": { "batchSize": 1000 } };
        match self.run("listIndexes", collection, command).await {
            // A collection has at most 64 indexes, so the first batch contains all of them.
            Ok(reply) => Ok(Some(first_batch(&reply).into_iter().map(IndexSpec).collect())),
            Err(error) if error.code() == Some(NAMESPACE_NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl<'a> Asking<'a> {
    pub(crate) fn to_primary(command: &'a str, collection: &'a str) -> Self {
        Self { command, collection: Some(collection), max_time: None, servers: Servers::Primary }
    }

    fn to_admin(command: &'a str) -> Self {
        Self { collection: None, ..Self::to_primary(command, "") }
    }
}

/// The commands that change nothing, so that they can be repeated.
const READS: [&str; 15] = [
    "aggregate",
    "buildInfo",
    "collStats",
    "connectionStatus",
    "count",
    "currentOp",
    "explain",
    "find",
    "getParameter",
    "hello",
    "listCollections",
    "listDatabases",
    "listIndexes",
    "replSetGetStatus",
    "serverStatus",
];

/// The commands that have the same effect however often they are sent, so that they can be sent
/// again to a busy server.
const IDEMPOTENT: [&str; 4] = ["collMod", "createIndexes", "dropIndexes", "findAndModify"];

/// A field that every reply to this command has. The driver does not compare the number of a reply
/// with that of its request, so a duplicated reply would be taken for the next one.
fn field_of_reply(command: &str) -> Option<&'static str> {
    match command {
        "aggregate" | "find" | "listCollections" | "listIndexes" => Some("cursor"),
        "count" | "delete" | "insert" | "update" => Some("n"),
        "findAndModify" => Some("value"),
        "hello" => Some("maxWireVersion"),
        _ => None,
    }
}

fn max_time(command: &RawDocument) -> Option<Duration> {
    let millis = match command.get("maxTimeMS").ok()?? {
        RawBsonRef::Int32(millis) => i64::from(millis),
        RawBsonRef::Int64(millis) => millis,
        _ => return None,
    };
    u64::try_from(millis).ok().map(Duration::from_millis)
}

/// The id of a session. No two running commands share one.
pub(crate) fn session_id(session: &ClientSession) -> Option<Bson> {
    session.id().get("id").cloned()
}
