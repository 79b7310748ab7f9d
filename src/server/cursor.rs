//! Cursors: documents in batches, as the server sends them.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bson::raw::{RawDocumentBuf, cstr};
use bson::{Bson, Document};
use futures_util::StreamExt as _;
use mongodb::ClientSession;
use mongodb::action::{Action as _, RunCursorCommand};
use mongodb::options::{AggregateOptions, FindOptions};
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor, SessionRawBatchCursor};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::server::backoff::Retries;
use crate::server::connection::{
    Asking, Connection, Handle, LONGEST_READ, LONGEST_READ_MS, Link, Servers, session_id,
};
use crate::server::reply::{documents, whole};

/// A command that reads documents.
#[derive(Clone)]
pub(crate) enum Query {
    Find(Document, Box<FindOptions>),
    Aggregate(Vec<Document>, Box<AggregateOptions>),
    /// A command that is raw BSON already, because its documents may not survive decoding.
    Raw(RawQuery),
}

/// A `find` or an `aggregate` as raw BSON, with its comment, and the batch size.
#[derive(Clone)]
pub(crate) struct RawQuery {
    pub(crate) name: &'static str,
    pub(crate) command: RawDocumentBuf,
    pub(crate) batch_size: u32,
    pub(crate) comment: String,
    /// Whether it is for the primary, wherever other reads go.
    pub(crate) primary: bool,
}

/// Batches of raw documents, as the server sends them.
pub struct Batches {
    connection: Connection,
    collection: String,
    command: &'static str,
    /// The client that opened the cursor.
    link: Arc<Link>,
    /// `None` after the end, or after an error.
    cursor: Option<Cursor>,
    broken: Option<Error>,
}

/// A cursor of the driver, with the session of its commands. Without a session, the driver manages
/// its own.
enum Cursor {
    Plain(Box<RawBatchCursor>),
    WithSession(Box<SessionRawBatchCursor>, Box<ClientSession>),
}

impl Connection {
    /// Reads documents of a collection.
    ///
    /// # Errors
    /// If the command cannot be sent or the server rejects it.
    pub(crate) async fn query(&self, collection: &str, query: Query) -> Result<Batches> {
        let command = match query {
            Query::Find(..) => "find",
            Query::Aggregate(..) => "aggregate",
            Query::Raw(RawQuery { name, .. }) => name,
        };
        let asking = match &query {
            Query::Raw(RawQuery { primary: true, .. }) => Asking::to_primary(command, collection),
            _ => asking(command, collection),
        };
        let query = if self.cuts(command) { query.limited() } else { query };
        let open = |client: Handle, session| {
            let (database, collection) = (self.database().to_owned(), collection.to_owned());
            let query = query.clone();
            async move {
                let database = client.database(&database);
                let opened = open(&database, &collection, query, session).await;
                (opened, None)
            }
        };
        let mut retries = Retries::default();
        let (link, cursor) = loop {
            match self.ask_again(asking, &open).await {
                Err(error) if error.is_busy() => {
                    retries.pause(&CancellationToken::new(), error).await?;
                }
                opened => break opened?,
            }
        };
        let (connection, collection) = (self.clone(), collection.to_owned());
        Ok(Batches { connection, collection, command, link, cursor: Some(cursor), broken: None })
    }
}

impl Query {
    /// The same, with our time limit unless the command has one.
    fn limited(mut self) -> Self {
        let limit = Some(LONGEST_READ);
        match &mut self {
            Self::Find(_, options) => options.max_time = options.max_time.or(limit),
            Self::Aggregate(_, options) => options.max_time = options.max_time.or(limit),
            Self::Raw(RawQuery { command, .. }) => {
                if matches!(command.get("maxTimeMS"), Ok(None)) {
                    command.append(cstr!("maxTimeMS"), LONGEST_READ_MS);
                }
            }
        }
        self
    }
}

/// Reads the next batch under the same limits as the cursor.
fn asking<'a>(command: &'a str, collection: &'a str) -> Asking<'a> {
    Asking { servers: Servers::Readable, ..Asking::to_primary(command, collection) }
}

async fn open(
    database: &mongodb::Database,
    collection: &str,
    query: Query,
    session: Option<ClientSession>,
) -> mongodb::error::Result<Cursor> {
    let collection = database.collection::<RawDocumentBuf>(collection);
    match (query, session) {
        (Query::Find(filter, options), None) => collection
            .find(filter)
            .with_options(*options)
            .batch()
            .await
            .map(Box::new)
            .map(Cursor::Plain),
        (Query::Aggregate(pipeline, options), None) => collection
            .aggregate(pipeline)
            .with_options(*options)
            .batch()
            .await
            .map(Box::new)
            .map(Cursor::Plain),
        (Query::Find(filter, options), Some(mut session)) => {
            let find = collection.find(filter).with_options(*options).session(&mut session);
            let cursor = Box::new(find.batch().await?);
            Ok(Cursor::WithSession(cursor, Box::new(session)))
        }
        (Query::Aggregate(pipeline, options), Some(mut session)) => {
            let aggregate = collection.aggregate(pipeline).with_options(*options);
            let cursor = Box::new(aggregate.session(&mut session).batch().await?);
            Ok(Cursor::WithSession(cursor, Box::new(session)))
        }
        (Query::Raw(RawQuery { command, batch_size, comment, primary, .. }), session) => {
            // Like other reads, it uses the read preference of the connection string.
            let elsewhere = database.selection_criteria().filter(|_| !primary);
            let run = database
                .run_raw_cursor_command(command)
                .optional(elsewhere.cloned(), RunCursorCommand::selection_criteria)
                .batch_size(batch_size)
                .comment(Bson::from(comment));
            match session {
                None => run.batch().await.map(Box::new).map(Cursor::Plain),
                Some(mut session) => {
                    let cursor = Box::new(run.session(&mut session).batch().await?);
                    Ok(Cursor::WithSession(cursor, Box::new(session)))
                }
            }
        }
    }
}

impl Cursor {
    async fn next(mut self) -> (Self, Option<mongodb::error::Result<RawBatch>>) {
        let next = match &mut self {
            Self::Plain(cursor) => cursor.next().await,
            Self::WithSession(cursor, session) => cursor.stream(session).next().await,
        };
        (self, next)
    }

    fn session(self) -> Option<ClientSession> {
        match self {
            Self::Plain(_) => None,
            Self::WithSession(_, session) => Some(*session),
        }
    }
}

impl Batches {
    /// The next batch that has documents; `None` at the end.
    ///
    /// # Errors
    /// If the command cannot be sent or the server rejects it. After an error, every further call returns the error again.
    pub async fn next(&mut self) -> Result<Option<RawBatch>> {
        loop {
            match self.next_reply().await? {
                // An empty batch is not the end: the server may send empty batches.
                Some(batch) if documents(&batch).next().is_none() => {}
                batch => return Ok(batch),
            }
        }
    }

    /// The next batch as the server sends it, even an empty one, as a change stream does while nothing
    /// changes; `None` at the end.
    ///
    /// # Errors
    /// As for [`Batches::next`].
    pub(crate) async fn next_reply(&mut self) -> Result<Option<RawBatch>> {
        let mut retries = Retries::default();
        loop {
            let Some(cursor) = self.cursor.take() else {
                return self.broken.clone().map_or(Ok(None), Err);
            };
            // If this future is dropped, the cursor continues detached, and is lost.
            self.broken = Some(Error::Unsupported(format!("the {} was given up", self.command)));
            match self.advance(cursor).await {
                Ok(batch) => {
                    if batch.is_none() {
                        self.broken = None;
                    }
                    return Ok(batch);
                }
                // The cursor still exists, and continues at its position.
                Err(error) if error.is_busy() && self.cursor.is_some() => {
                    retries.pause(&CancellationToken::new(), error).await?;
                }
                Err(error) => {
                    self.broken = Some(error.clone());
                    return Err(error);
                }
            }
        }
    }

    async fn advance(&mut self, cursor: Cursor) -> Result<Option<RawBatch>> {
        let session = match &cursor {
            Cursor::Plain(_) => None,
            Cursor::WithSession(_, session) => session_id(session),
        };
        let (asking, began) = (asking("getMore", &self.collection), Instant::now());
        let next = self.connection.await_reply(asking, &self.link, session, cursor.next());
        let (cursor, next) = next.await?;
        let Some(next) = next else {
            self.link.give_back(cursor.session());
            return Ok(None);
        };
        let asking = Asking { command: self.command, ..asking };
        let next = self.connection.checked(asking, &self.link, began, next.and_then(whole));
        // After a damaged batch, the cursor would continue with the one that follows.
        if !next.as_ref().is_err_and(Error::is_lost_message) {
            self.cursor = Some(cursor);
        }
        next.map(Some)
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batches of {}", self.connection.namespace(&self.collection))
    }
}
