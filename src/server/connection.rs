//! A connection to a MongoDB deployment: the server's clock, and commands.

use std::sync::Arc;
use std::time::Duration;

use bson::raw::RawDocumentBuf;
use bson::{DateTime, Document, doc};
use mongodb::action::{Action as _, RunCursorCommand};
use mongodb::options::{ClientOptions, SelectionCriteria, ServerAddress};
use mongodb::raw_batch_cursor::RawBatchCursor;
use mongodb::{Client, ClientSession, Collection, Database};

use crate::error::{Error, Result};
use crate::model::index_spec::IndexSpec;
use crate::server::reply::{Reply, first_batch, refusal};
use crate::server::scene::Scene;

mod heartbeats;
mod logical;
mod probe;
mod uri;

use heartbeats::Heartbeats;
use logical::LogicalSessions;
pub use uri::IgnoredOption;

/// How long a command waits for a server, unless the connection string says otherwise. The driver's
/// default of 30 s is too long for someone waiting at a prompt.
const SERVER_SELECTION: Duration = Duration::from_secs(5);
/// How many commands may be in flight at a time. The pool has room for one more, for reads in
/// between. The driver opens connections only when they are needed.
pub const MOST_IN_FLIGHT: u32 = 64;
/// `NamespaceNotFound`.
const NAMESPACE_NOT_FOUND: i32 = 26;

/// A connection to one database of a MongoDB deployment.
#[derive(Debug, Clone)]
pub struct Connection {
    client: Client,
    database: Database,
    /// Shared, because every store and every reader has its own connection.
    asked: Arc<Asked>,
    logical_sessions: LogicalSessions,
    heartbeats: Heartbeats,
}

/// What the connection string requests.
#[derive(Debug)]
struct Asked {
    address: String,
    login: Option<String>,
    within: Duration,
    ignored: Vec<IgnoredOption>,
}

/// The kind of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// A single server.
    Standalone,
    /// A replica set.
    ReplicaSet,
    /// A sharded cluster, behind a `mongos`.
    Sharded,
}

impl Topology {
    /// Reads the reply to `hello`.
    pub(crate) fn of(hello: &Document) -> Self {
        // A member of a replica set that has not been initiated yet reports `isreplicaset`. It is
        // not a standalone either.
        if hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid") {
            Self::Sharded
        } else if hello.contains_key("setName") || hello.contains_key("isreplicaset") {
            Self::ReplicaSet
        } else {
            Self::Standalone
        }
    }
}

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
        let (readable, mut ignored) = uri::readable(uri);
        let parsed = ClientOptions::parse(&*readable).await;
        let mut options = parsed.map_err(|error| uri::unparsed(&readable, error))?;
        let login = options.credential.as_ref().and_then(|login| login.username.clone());
        uri::corrected(&mut options, &mut ignored)?;
        let within = *options.server_selection_timeout.get_or_insert(SERVER_SELECTION);
        // Operators see this name in `currentOp` and in the server's log.
        options.app_name.get_or_insert_with(|| "sessionctl".to_owned());
        options.max_pool_size.get_or_insert(MOST_IN_FLIGHT + 1);
        let address = addresses(&options.hosts);
        let database = database
            .map(str::to_owned)
            .or_else(|| options.default_database.clone())
            .unwrap_or_else(|| "test".to_owned());
        let logical_sessions = LogicalSessions::default();
        let heartbeats = Heartbeats::listen(&mut options, logical_sessions.known());
        let tls = options.tls.clone();
        let client = Client::with_options(options)
            .map_err(|error| Error::Uri(uri::client_fault(tls.as_ref(), &error)))?;
        let database = client.database(&database);
        let asked = Arc::new(Asked { address, login, within, ignored });
        Ok(Self { client, database, asked, logical_sessions, heartbeats })
    }

    /// The database.
    pub fn database(&self) -> &str {
        self.database.name()
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
        Self { database: self.client.database(database), ..self.clone() }
    }

    pub(crate) fn collection(&self, name: &str) -> Collection<RawDocumentBuf> {
        self.database.collection(name)
    }

    /// A driver session for one command. Return it with `give_back` if the command succeeded.
    pub(crate) async fn logical_session(&self) -> Option<ClientSession> {
        self.logical_sessions.take(&self.client).await
    }

    pub(crate) fn give_back(&self, session: Option<ClientSession>) {
        self.logical_sessions.keep(session);
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

    /// Reads the primary's clock.
    ///
    /// # Errors
    /// If the command cannot be sent or the server rejects it. [`Error::Unsupported`] if the reply
    /// contains no clock.
    pub async fn hello(&self) -> Result<Hello> {
        // A `mongos` reports its own clock: it does not ask its shards.
        let reply = self.run_on_admin("hello", doc! { "hello": 1 }).await?;
        let now = reply.get_datetime("localTime").copied();
        Ok(Hello {
            now: now
                .map_err(|_| Error::Unsupported("the server did not report its clock".into()))?,
            kind: Topology::of(&reply),
            writable: reply.get_bool("isWritablePrimary").unwrap_or(false),
        })
    }

    /// Runs a command on the database `admin`, on the primary.
    pub(crate) async fn run_on_admin(&self, name: &str, command: Document) -> Result<Document> {
        // The driver sends commands to the primary whatever read preference the connection string
        // has, except over a direct connection.
        let reply = self.client.database("admin").run_command(command).await;
        reply.map_err(|error| self.scene(name, "admin").error(error))
    }

    /// Runs a command on the database `admin`, on a server that matches `criteria`.
    pub(crate) async fn run_on_member(
        &self,
        criteria: SelectionCriteria,
        name: &str,
        command: Document,
    ) -> Result<Document> {
        let admin = self.client.database("admin");
        let reply = admin.run_command(command).selection_criteria(criteria).await;
        reply.map_err(|error| self.scene(name, "admin").error(error))
    }

    /// The primary's clock, which alone decides what has expired.
    ///
    /// # Errors
    /// [`Error::NotPrimary`] on a direct connection to a secondary, else as for
    /// [`hello`](Self::hello).
    pub async fn primary_now(&self) -> Result<DateTime> {
        let hello = self.hello().await?;
        // Over a direct connection a secondary answers too, but its clock does not decide.
        if hello.writable {
            Ok(hello.now)
        } else {
            Err(Error::NotPrimary { address: self.asked.address.clone() })
        }
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
        let namespace = self.namespace(collection);
        let reply = self.database.run_command(command).await;
        let document = reply.map_err(|error| self.scene(name, &namespace).error(error))?;
        // A write can fail inside a reply with `ok: 1`, which `run_command` does not check.
        Ok(Reply { refusal: refusal(&document), document })
    }

    /// Runs a command that is raw BSON already, because its documents may not survive decoding. The
    /// caller checks the reply for errors.
    pub(crate) async fn run_raw(
        &self,
        name: &str,
        collection: &str,
        command: RawDocumentBuf,
    ) -> Result<Document> {
        let namespace = self.namespace(collection);
        // PHP and old drivers store text that is not UTF-8, which a `Document` cannot hold.
        let reply = self.database.run_raw_command(command).await;
        reply.map_err(|error| self.scene(name, &namespace).error(error))
    }

    /// Runs a command that is raw BSON already and answers with a cursor, whose batches are of this
    /// size. Like other reads, it goes where the connection string says.
    pub(crate) async fn run_raw_cursor(
        &self,
        name: &str,
        collection: &str,
        command: RawDocumentBuf,
        (size, comment): (u32, &str),
    ) -> Result<RawBatchCursor> {
        let namespace = self.namespace(collection);
        let criteria = self.database.selection_criteria().cloned();
        let command = self
            .database
            .run_raw_cursor_command(command)
            .optional(criteria, RunCursorCommand::selection_criteria)
            .batch_size(size)
            .comment(bson::Bson::from(comment));
        command.batch().await.map_err(|error| self.scene(name, &namespace).error(error))
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

fn addresses(hosts: &[ServerAddress]) -> String {
    hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_hello_is_told_apart() {
        let mongos = doc! { "isWritablePrimary": true, "msg": "isdbgrid", "maxWireVersion": 17 };
        assert_eq!(Topology::of(&mongos), Topology::Sharded);
        let member = doc! { "setName": "rig", "isWritablePrimary": true, "maxWireVersion": 17 };
        assert_eq!(Topology::of(&member), Topology::ReplicaSet);
        let not_initiated = doc! { "isreplicaset": true, "isWritablePrimary": false };
        assert_eq!(Topology::of(&not_initiated), Topology::ReplicaSet);
        let standalone = doc! { "isWritablePrimary": true, "maxWireVersion": 17 };
        assert_eq!(Topology::of(&standalone), Topology::Standalone);
    }
}
