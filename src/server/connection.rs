//! A connection to a MongoDB deployment: how it is opened, and how each command waits for its reply. The
//! commands themselves are in this folder, `server/cursor.rs` reads, and `server/clocks.rs` asks for the time.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bson::{Bson, doc};
use mongodb::options::{
    ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, ServerAddress,
};
use mongodb::{ClientSession, ServerInfo};

use crate::error::{Error, Result};
use crate::server::flavour::{Feature, Flavour, Spread};
use crate::server::scene::Scene;

mod clients;
mod commands;
mod deadline;
mod handle;
mod heartbeats;
mod hello;
mod logical;
mod probe;
mod shards;
mod shared;
mod uri;

use clients::Clients;
pub(crate) use clients::Link;
use deadline::{Limits, Lost, Pending, Troubles, Undropped, Waits};
pub(crate) use handle::Handle;
use heartbeats::Heartbeats;
pub use hello::Hello;
use logical::Known;
pub(in crate::server) use shards::Shards;
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
/// [`LONGEST_READ_MS`] as a duration.
pub(crate) const LONGEST_READ: Duration = Duration::from_millis(LONGEST_READ_MS as u64);

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
    /// The connections to its shards, once they are needed.
    shards: Arc<Shards<Self>>,
}

/// What the connection string requests.
#[derive(Debug)]
struct Asked {
    address: String,
    hosts: Vec<String>,
    login: Option<String>,
    /// `None` for the client of an application, whose name it has is not known.
    app_name: Option<String>,
    /// How long a command waits for a server; `None` if only the application knows.
    within: Option<Duration>,
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

impl Connection {
    /// Opens a connection from a connection string. No server is contacted yet, but the name in a
    /// `mongodb+srv` string is looked up. The database is `database`, else the one in the string,
    /// else `test`.
    ///
    /// # Errors
    /// [`Error::Uri`] if the string is invalid; the message contains no secrets. [`Error::Driver`]
    /// if the name in a `mongodb+srv` string cannot be looked up.
    pub async fn open(uri: &str, database: Option<&str>) -> Result<Self> {
        Self::open_with(uri, database, |_| {}).await
    }

    /// The same, with reads as in [`from_client`](Self::from_client): from the primary, with the
    /// read concern `local`, whatever the connection string says.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub(crate) async fn open_primary(uri: &str, database: Option<&str>) -> Result<Self> {
        let to_primary = |options: &mut ClientOptions| {
            options.selection_criteria = Some(ReadPreference::Primary.into());
            // Not every server accepts a read concern, so only another one is replaced.
            options.read_concern = options.read_concern.take().map(|_| ReadConcern::local());
        };
        Self::open_with(uri, database, to_primary).await
    }

    async fn open_with(
        uri: &str,
        database: Option<&str>,
        adapt: impl FnOnce(&mut ClientOptions),
    ) -> Result<Self> {
        let socket_timeout = uri::socket_timeout(uri).map_err(Error::Uri)?;
        let (mut options, login, ignored) = read(uri).await?;
        adapt(&mut options);
        let within = *options.server_selection_timeout.get_or_insert(SERVER_SELECTION);
        let limits = Limits::new(socket_timeout, within);
        // Operators see this name in `currentOp` and in the server's log.
        let app_name = options.app_name.get_or_insert_with(|| "sessionctl".to_owned()).clone();
        options.max_pool_size.get_or_insert(MOST_IN_FLIGHT + 1);
        let hosts: Vec<_> = options.hosts.iter().map(ToString::to_string).collect();
        let address = hosts.join(",");
        let database = database_of(&options, database);
        let reads_elsewhere = options.selection_criteria.as_ref().is_some_and(|criteria| {
            !matches!(criteria, SelectionCriteria::ReadPreference(ReadPreference::Primary))
        });
        let known = Known::default();
        let flavour = Flavour::default();
        hosts.iter().for_each(|host| flavour.is_at(host));
        let heartbeats = Heartbeats::listen(&mut options, known.clone(), flavour.clone());
        let tls = options.tls.clone();
        let clients = Clients::new(options, known, flavour.clone())
            .map_err(|error| Error::Uri(uri::client_fault(tls.as_ref(), &error)))?;
        let (app_name, within) = (Some(app_name), Some(within));
        let asked = Asked { address, hosts, login, app_name, within, reads_elsewhere, ignored };
        Ok(Self {
            database: database.into(),
            clients: Arc::new(clients),
            asked: Arc::new(asked),
            heartbeats,
            waits: Waits { limits, troubles: Troubles::default() },
            flavour,
            spread: Arc::default(),
            shards: Arc::default(),
        })
    }

    /// Checks a connection string without connecting. Returns the hosts, and the database that is used.
    ///
    /// # Errors
    /// As for [`Connection::open`].
    pub async fn check(uri: &str, database: Option<&str>) -> Result<(String, String)> {
        uri::socket_timeout(uri).map_err(Error::Uri)?;
        let (options, ..) = read(uri).await?;
        let hosts: Vec<_> = options.hosts.iter().map(ToString::to_string).collect();
        Ok((hosts.join(","), database_of(&options, database)))
    }

    /// A connection to the replica set of a shard, with the same login.
    pub(in crate::server) fn to_set(&self, name: &str, hosts: Vec<ServerAddress>) -> Result<Self> {
        let Some(login) = self.clients.login() else {
            let why =
                "the client of the application does not reveal the login that the shards need";
            return Err(Error::Unsupported(why.to_owned()));
        };
        let mut options = login.to_set(name, hosts);
        options.server_selection_timeout = self.asked.within;
        // One for a command, and one to ask about it.
        options.max_pool_size = Some(2);
        let hosts: Vec<_> = options.hosts.iter().map(ToString::to_string).collect();
        let (known, flavour) = (Known::default(), Flavour::default());
        let heartbeats = Heartbeats::listen(&mut options, known.clone(), flavour.clone());
        let clients = Clients::new(options, known, flavour.clone()).map_err(|source| {
            Error::Driver { what: format!("the driver cannot connect to {name}"), source }
        })?;
        let asked = Asked {
            address: hosts.join(","),
            hosts,
            login: self.asked.login.clone(),
            app_name: self.asked.app_name.clone(),
            within: self.asked.within,
            reads_elsewhere: false,
            ignored: Vec::new(),
        };
        Ok(Self {
            database: ADMIN.into(),
            clients: Arc::new(clients),
            asked: Arc::new(asked),
            heartbeats,
            waits: Waits { limits: self.waits.limits, troubles: Troubles::default() },
            flavour,
            spread: Arc::default(),
            shards: Arc::default(),
        })
    }

    /// The connections to the shards.
    pub(in crate::server) fn known_shards(&self) -> &Shards<Self> {
        &self.shards
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

    /// The same deployment over a TCP connection of its own: what it meets is no trouble of this one.
    ///
    /// # Errors
    /// As the driver reports it.
    pub(crate) fn apart(&self) -> Result<Self> {
        let clients = self
            .clients
            .apart()
            .map_err(|error| self.scene("hello", ADMIN, Instant::now()).error(error))?;
        let waits = Waits { troubles: Troubles::default(), ..self.waits.clone() };
        Ok(Self { clients: Arc::new(clients), waits, ..self.clone() })
    }

    /// The command whose reply has been overdue the longest, although the server is not running it,
    /// and for how long. After a while, sessionctl gives up on such a command.
    pub fn overdue(&self) -> Option<(String, Duration)> {
        self.waits.troubles.overdue()
    }

    /// Whether a reply is late, or was late a moment ago. It is given up after a while, unless the
    /// server is running its command.
    pub fn waits(&self) -> bool {
        self.waits.troubles.has_late()
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
        work: impl FnOnce(Handle, Option<ClientSession>) -> F,
    ) -> Result<(Arc<Link>, T)>
    where
        T: Send + 'static,
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        let (link, began) = (self.clients.current(), Instant::now());
        let session = link.session().await;
        let id = session.as_ref().and_then(session_id);
        let work = work(link.client.clone(), session);
        let (outcome, session) = self.await_reply(asking, &link, id, work).await?;
        // After a failure, the server may still be using it.
        link.give_back(session.filter(|_| outcome.is_ok()));
        let value = self.checked(asking, &link, began, outcome)?;
        Ok((link, value))
    }

    /// The same for a read, which is sent again once if its reply is lost.
    pub(crate) async fn ask_again<T, F>(
        &self,
        asking: Asking<'_>,
        mut work: impl FnMut(Handle, Option<ClientSession>) -> F,
    ) -> Result<(Arc<Link>, T)>
    where
        T: Send + 'static,
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        match self.ask(asking, &mut work).await {
            Err(error) if error.is_lost_message() => self.ask(asking, work).await,
            asked => asked,
        }
    }

    /// The same for a write that the driver repeats if a primary is lost, unless the server lacks
    /// such writes.
    pub(crate) async fn ask_repeatable<T, F>(
        &self,
        asking: Asking<'_>,
        mut work: impl FnMut(Handle, Option<ClientSession>) -> F,
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
            // The driver's own heartbeats are also such commands, and wait at the server all the time.
            None => {
                let mut operation = doc! {
                    format!("command.{command}"): { "$exists": true },
                    "command.maxAwaitTimeMS": { "$exists": false },
                };
                // Without a name, a command of another program may be taken for it: then the wait is
                // longer than necessary.
                if let Some(name) = &self.asked.app_name {
                    operation.insert("appName", name);
                }
                operation
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
        began: Instant,
        outcome: mongodb::error::Result<T>,
    ) -> Result<T> {
        let outcome = outcome.map_err(|error| {
            let namespace = match asking.collection {
                Some(collection) => self.namespace(collection),
                None => ADMIN.to_owned(),
            };
            let error = self.scene(asking.command, &namespace, began).error(error);
            if error.is_lost_message() {
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

    fn scene<'a>(&'a self, command: &'a str, namespace: &'a str, began: Instant) -> Scene<'a> {
        let obstacle = self.heartbeats.obstacle(&self.asked.address);
        Scene {
            command,
            namespace,
            address: &self.asked.address,
            within: self.asked.within.unwrap_or_else(|| began.elapsed()),
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
}

/// The options of a connection string, its user, and the options that are ignored.
async fn read(uri: &str) -> Result<(ClientOptions, Option<String>, Vec<IgnoredOption>)> {
    let (readable, mut ignored) = uri::readable(uri);
    let parsed = ClientOptions::parse(&*readable).await;
    let mut options = parsed.map_err(|error| uri::unparsed(&readable, error))?;
    let login = options.credential.as_ref().and_then(|login| login.username.clone());
    uri::corrected(&mut options, &mut ignored)?;
    Ok((options, login, ignored))
}

/// The database that was named, else that of the connection string, else `test`.
fn database_of(options: &ClientOptions, named: Option<&str>) -> String {
    let database = named.map(str::to_owned).or_else(|| options.default_database.clone());
    database.unwrap_or_else(|| "test".to_owned())
}

impl<'a> Asking<'a> {
    pub(crate) fn to_primary(command: &'a str, collection: &'a str) -> Self {
        Self { command, collection: Some(collection), max_time: None, servers: Servers::Primary }
    }

    fn to_admin(command: &'a str) -> Self {
        Self { collection: None, ..Self::to_primary(command, "") }
    }
}

/// The id of a session. No two running commands share one.
pub(crate) fn session_id(session: &ClientSession) -> Option<Bson> {
    session.id().get("id").cloned()
}
