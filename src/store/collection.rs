//! A store: one collection, the layout of its sessions and the connection to them. How they are read, found
//! by what was typed, and written stands in the files beside this one.

use std::sync::Arc;
use std::time::Duration;

use bson::{DateTime, Document, doc};
use tokio::sync::OnceCell;

use crate::error::{Error, Result};
use crate::model::index_spec::IndexSpec;
use crate::model::layout::{Layout, Layouts};
use crate::server::connection::Connection;
use crate::server::reply::Reply;

/// The sessions of one collection, in its layout or, in a mixed collection, its layouts.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) connection: Connection,
    pub(super) collection: String,
    pub(super) layouts: Arc<Layouts>,
    pub(super) comment: String,
    /// Whether its collection compares text by a collation of its own, once that is known.
    collated: Arc<OnceCell<bool>>,
    /// Touches write nothing in a session that was written lately.
    pub(super) touch_after: Duration,
    /// A tower-sessions `save` leaves sessions alone that are over.
    pub(crate) save_only_live: bool,
}

impl Connection {
    /// The store that keeps its sessions in `collection`, written in one layout or in several.
    pub fn store(&self, collection: &str, layouts: impl Into<Layouts>) -> Store {
        Store::new(self.clone(), collection, layouts)
    }
}

impl Store {
    /// The store of these layouts in `collection`. [`Connection::store`] does the same.
    pub fn new(connection: Connection, collection: &str, layouts: impl Into<Layouts>) -> Self {
        let comment = format!("sessionctl {}", env!("CARGO_PKG_VERSION"));
        let (collection, layouts) = (collection.to_owned(), Arc::new(layouts.into()));
        Self {
            connection,
            collection,
            layouts,
            comment,
            collated: Arc::default(),
            touch_after: Duration::ZERO,
            save_only_live: false,
        }
    }

    /// How new sessions are written. Those that are there may have other layouts, too: what reads,
    /// counts or ends them goes by [`Store::layouts`].
    pub fn layout(&self) -> &Layout {
        self.layouts.first()
    }

    /// How its sessions are written, those of each layout.
    pub fn layouts(&self) -> &Layouts {
        &self.layouts
    }

    /// The connection it uses.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The name of its collection.
    pub fn name(&self) -> &str {
        &self.collection
    }

    /// `database.collection`.
    pub fn namespace(&self) -> String {
        format!("{}.{}", self.connection.database(), self.collection)
    }

    /// The same store for one run, whose name its operations carry in `currentOp` and the profiler.
    #[must_use]
    pub fn for_run(mut self, run: &str) -> Self {
        self.comment = format!("{} {run}", self.comment);
        self
    }

    /// The same store, its documents read by other layouts.
    pub(crate) fn with_layouts(&self, layouts: impl Into<Layouts>) -> Self {
        Self { layouts: Arc::new(layouts.into()), ..self.clone() }
    }

    /// What its operations say in `currentOp` and the profiler. No session ids in it.
    pub(crate) fn comment(&self) -> &str {
        &self.comment
    }

    /// The server's clock.
    ///
    /// # Errors
    /// What the connection meets.
    pub async fn now(&self) -> Result<DateTime> {
        Ok(self.connection.hello().await?.now)
    }

    pub(crate) async fn run(&self, name: &str, command: Document) -> Result<Document> {
        self.connection.run(name, &self.collection, command).await
    }

    pub(crate) async fn reply(&self, name: &str, command: Document) -> Result<Reply> {
        self.connection.reply(name, &self.collection, command).await
    }

    pub(crate) async fn indexes(&self) -> Result<Vec<IndexSpec>> {
        let indexes = self.connection.indexes(&self.collection).await?;
        indexes.ok_or_else(|| Error::NoCollection {
            namespace: self.namespace(),
            session_collections: Vec::new(),
        })
    }

    /// Whether the collection compares text by a collation of its own, so that two ids may be equal to
    /// the server that are not the same. It is asked for once: a collection never changes it.
    pub(crate) async fn is_collated(&self) -> Result<bool> {
        if let Some(known) = self.collated.get() {
            return Ok(*known);
        }
        let is_collated = match self.connection.indexes(&self.collection).await {
            Ok(Some(indexes)) => indexes.iter().any(IndexSpec::is_collated_id),
            // It may be created with one.
            Ok(None) => return Ok(false),
            // Whoever may not ask is careful.
            Err(error) if error.is_refusal() => true,
            Err(error) => return Err(error),
        };
        Ok(*self.collated.get_or_init(|| std::future::ready(is_collated)).await)
    }

    /// Inserts documents as they are, all of them or, at the first that the server refuses, none
    /// after it.
    ///
    /// # Errors
    /// What the server says, such as a duplicate id.
    pub async fn insert_documents(&self, documents: Vec<Document>) -> Result<()> {
        // The server takes up to 100,000 documents and 48 MB in one command; a body holds 16 MB.
        for chunk in documents.chunks(100) {
            let command = doc! {
                "insert": &self.collection,
                "documents": chunk.to_vec(),
                "comment": &self.comment,
            };
            self.run("insert", command).await?;
        }
        Ok(())
    }
}
