//! Commands: how each is sent, to which server, and whether it is sent again.

use std::sync::Arc;
use std::time::Duration;

use bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf, cstr};
use bson::{DateTime, Document, doc};
use mongodb::ClientSession;
use mongodb::action::{Action as _, RunCommand};
use mongodb::options::SelectionCriteria;
use tokio_util::sync::CancellationToken;

use super::handle::Handle;
use super::hello::Hello;
use super::{ADMIN, Asking, Connection, LONGEST_READ_MS, Servers};
use crate::error::{Error, Result};
use crate::model::index_spec::IndexSpec;
use crate::server::backoff::Retries;
use crate::server::flavour::Topology;
use crate::server::reply::{Reply, first_batch, refusal};

/// `NamespaceNotFound`.
const NAMESPACE_NOT_FOUND: i32 = 26;

impl Connection {
    /// Reads the primary's clock, or that of a `mongos`, which does not ask its shards.
    ///
    /// # Errors
    /// If the command cannot be sent or the server rejects it. [`Error::Unsupported`] if the reply
    /// contains no clock.
    pub async fn hello(&self) -> Result<Hello> {
        Self::read_hello(&self.greeting().await?)
    }

    /// The kind of the deployment. It costs a round trip only if no server has answered yet.
    pub(crate) async fn topology(&self) -> Result<Topology> {
        match self.flavour.topology() {
            Some(kind) => Ok(kind),
            None => Ok(self.hello().await?.kind),
        }
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

    pub(in crate::server) fn read_writable(reply: &Document, address: &str) -> Result<Hello> {
        let hello = Self::read_hello(reply)?;
        // Over a direct connection a secondary answers too, but its clock does not decide.
        match hello.writable {
            true => Ok(hello),
            false => Err(Error::NotPrimary { address: address.to_owned() }),
        }
    }

    pub(in crate::server) async fn greeting(&self) -> Result<Document> {
        self.run_on_admin("hello", doc! { "hello": 1 }).await
    }

    pub(in crate::server) fn read_hello(reply: &Document) -> Result<Hello> {
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

    /// Ends what the primary is doing for this login with this comment, such as a read that nobody waits
    /// for any more; how many operations that were.
    pub(crate) async fn end_operations(&self, comment: &str) -> Result<usize> {
        let places = ["command.comment", "cursor.originatingCommand.comment"];
        let named = places.map(|place| doc! { place: comment }).to_vec();
        // A login may list and end its own operations without a privilege.
        let command = doc! { "currentOp": true, "$ownOps": true, "active": true, "$or": named };
        let listed = self.run_on_admin("currentOp", command).await?;
        let listed = listed.get_array("inprog").map(Vec::as_slice).unwrap_or_default();
        let operations: Vec<_> = listed
            .iter()
            .filter_map(|operation| operation.as_document()?.get("opid").cloned())
            .collect();
        for operation in &operations {
            let kill = doc! { "killOp": 1, "op": operation };
            self.run_on_admin("killOp", kill).await?;
        }
        Ok(operations.len())
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
                Err(error) if is_read && error.is_lost_message() && !is_again => is_again = true,
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
        let send = |client: Handle, mut session: Option<ClientSession>| async move {
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
        "buildInfo" => Some("version"),
        "collStats" => Some("count"),
        "connectionStatus" => Some("authInfo"),
        "currentOp" => Some("inprog"),
        "listDatabases" => Some("databases"),
        "replSetGetStatus" => Some("members"),
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
