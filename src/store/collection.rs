//! A store: one collection, the layout of its sessions and the connection to them. The other files
//! of this folder read sessions, look up typed ids, and write sessions. What operators do (`purge`, `plan`,
//! `parts`, `ranked`) is in `impl Store` blocks of `ops`, and what applications do in those of `app`.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bson::raw::RawDocumentBuf;
use bson::{Bson, DateTime, Document, doc};
use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

use crate::error::{Error, Fate, Result};
use crate::model::index_spec::IndexSpec;
use crate::model::layout::{Layout, Layouts};
use crate::server::backoff::may_pass;
use crate::server::connection::Connection;
use crate::server::reply::{Reply, refusal};

/// The identity of a collection: one that is dropped and created again is another one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Identity {
    /// The collection with this UUID.
    Known(Bson),
    /// An existing collection whose UUID the server does not report.
    There,
    /// No collection.
    Absent,
}

fn uuid(listed: &Document) -> Option<Bson> {
    listed.get_document("info").ok()?.get("uuid").cloned()
}

/// The sessions of one collection, in its layout or, in a mixed collection, its layouts.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) connection: Connection,
    pub(super) collection: String,
    pub(super) layouts: Arc<Layouts>,
    pub(super) comment: String,
    /// Whether its collection has a collation, once that is known.
    collated: Arc<OnceCell<bool>>,
    /// Touches skip sessions that were written more recently than this.
    pub(super) touch_after: Duration,
    /// Whether the `save` of tower-sessions and the `update` of actix-session skip sessions that are
    /// over.
    pub(crate) save_only_live: bool,
    /// Whether reads go to the primary whatever read preference the connection string has.
    pub(super) from_primary: bool,
    /// What follows each write of a session that has a user.
    pub(super) after_write: Option<AfterWrite>,
}

type Following = dyn Fn(Store, String) -> BoxFuture<'static, Result<()>> + Send + Sync;

/// How many sessions are remembered.
const MOST_FOLLOWED: usize = 100_000;

/// A hook that runs after a write that gives a session a user, or brings a session with a user back: it
/// gets the store and the user. Other writes of the session are no log-in, and some frameworks write one
/// at each request.
#[derive(Clone)]
pub(crate) struct AfterWrite {
    follow: Arc<Following>,
    /// The sessions whose users are no news, with these users, as hashes. `None` if it failed.
    followed: Arc<Mutex<HashMap<u64, Option<u64>>>>,
    hasher: RandomState,
}

impl AfterWrite {
    pub(crate) fn new<F>(follow: impl Fn(Store, String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        Self {
            follow: Arc::new(move |store, user| Box::pin(follow(store, user))),
            followed: Arc::default(),
            hasher: RandomState::new(),
        }
    }

    pub(super) async fn run(&self, store: Store, user: String) -> Result<()> {
        (self.follow)(store, user).await
    }

    /// Whether it has followed a write by which this session had this user, or a read has found that
    /// user in it, and no other since.
    pub(super) fn has_followed(&self, id: &str, user: &str) -> bool {
        let [id, user] = self.hashes(id, user);
        self.lock().get(&id) == Some(&Some(user))
    }

    pub(super) fn followed(&self, id: &str, user: &str) {
        let [id, user] = self.hashes(id, user);
        Self::remember(&mut self.lock(), id, Some(user));
    }

    /// It failed after a write of this session. A later write repeats it.
    pub(super) fn failed(&self, id: &str) {
        Self::remember(&mut self.lock(), self.hasher.hash_one(id), None);
    }

    /// A read has found this user in the session: the log-in was before, perhaps in another process.
    pub(super) fn found(&self, id: &str, user: &str) {
        let [id, user] = self.hashes(id, user);
        let mut followed = self.lock();
        if followed.get(&id) != Some(&None) {
            Self::remember(&mut followed, id, Some(user));
        }
    }

    /// The session is gone, or has no user any more.
    pub(super) fn forget(&self, id: &str) {
        self.lock().remove(&self.hasher.hash_one(id));
    }

    fn remember(followed: &mut HashMap<u64, Option<u64>>, id: u64, user: Option<u64>) {
        if followed.len() >= MOST_FOLLOWED && !followed.contains_key(&id) {
            // Any half: all at once would make every session look like a log-in.
            let mut is_kept = false;
            followed.retain(|_, _| {
                is_kept = !is_kept;
                is_kept
            });
        }
        followed.insert(id, user);
    }

    fn hashes(&self, id: &str, user: &str) -> [u64; 2] {
        [id, user].map(|text| self.hasher.hash_one(text))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Option<u64>>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AfterWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AfterWrite")
    }
}

impl Connection {
    /// A store of the sessions in `collection`, in one layout or several.
    pub fn store(&self, collection: &str, layouts: impl Into<Layouts>) -> Store {
        Store::new(self.clone(), collection, layouts)
    }
}

impl Store {
    /// A store of the sessions of these layouts in `collection`. [`Connection::store`] does the
    /// same.
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
            from_primary: false,
            after_write: None,
        }
    }

    /// The layout of new sessions. Existing sessions may have other layouts: use [`Store::layouts`]
    /// to read, count or end them.
    pub fn layout(&self) -> &Layout {
        self.layouts.first()
    }

    /// The layouts of its sessions.
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

    /// The same store for one run. The comment of its operations in `currentOp` and the profiler
    /// contains the name of the run.
    #[must_use]
    pub fn for_run(mut self, run: &str) -> Self {
        self.comment = format!("{} {run}", self.comment);
        self
    }

    /// The same store, read from the primary whatever the connection string says: a secondary may not have
    /// what was just written.
    #[must_use]
    pub fn on_primary(self) -> Self {
        Self { from_primary: true, ..self }
    }

    /// The same store with other layouts.
    pub(crate) fn with_layouts(&self, layouts: impl Into<Layouts>) -> Self {
        Self { layouts: Arc::new(layouts.into()), ..self.clone() }
    }

    /// The same store, whose writes of sessions that have a user are followed by this.
    pub(crate) fn after_write(self, after: AfterWrite) -> Self {
        Self { after_write: Some(after), ..self }
    }

    /// The comment of its operations in `currentOp` and the profiler, without session ids.
    pub(crate) fn comment(&self) -> &str {
        &self.comment
    }

    /// Ends what the server is doing with the comment of this store. Returns the number of operations.
    ///
    /// # Errors
    /// If the server refuses to list them, or cannot be reached.
    pub(crate) async fn end_operations(&self) -> Result<usize> {
        self.connection.end_operations(&self.comment).await
    }

    /// The server's clock.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn now(&self) -> Result<DateTime> {
        Ok(self.connection.hello().await?.now)
    }

    /// The clock that decides which of its sessions have expired. On a sharded cluster the earliest
    /// of those that can be read: the routers in the connection string, the shards that hold the
    /// collection, and the cluster time.
    ///
    /// # Errors
    /// As for [`Connection::primary_now`].
    pub async fn primary_now(&self) -> Result<DateTime> {
        self.connection.deciding_clock(Some(&self.collection)).await
    }

    pub(crate) async fn run(&self, name: &str, command: Document) -> Result<Document> {
        self.connection.run(name, &self.collection, command).await
    }

    /// Runs a command that is raw BSON already. A reply counts even if a part of it failed.
    pub(crate) async fn reply(&self, name: &str, command: RawDocumentBuf) -> Result<Reply> {
        let document = self.connection.run_raw(name, &self.collection, command).await?;
        Ok(Reply { refusal: refusal(&document), document })
    }

    /// The identity of the collection that currently has its name.
    ///
    /// # Errors
    /// If the command cannot be sent or the server rejects it.
    pub(crate) async fn identity(&self) -> Result<Identity> {
        match self.listed(doc! { "name": &self.collection }).await {
            Ok(found) => Ok(match found.first() {
                None => Identity::Absent,
                Some(found) => uuid(found).map_or(Identity::There, Identity::Known),
            }),
            Err(error) if may_pass(&error) => Err(error),
            // A login that may not list collections may still list the indexes of this one.
            Err(_) => match self.connection.indexes(&self.collection).await {
                Ok(None) => Ok(Identity::Absent),
                Err(error) if may_pass(&error) => Err(error),
                Ok(Some(_)) | Err(_) => Ok(Identity::There),
            },
        }
    }

    /// An error if the collection with this identity was dropped, renamed or replaced.
    ///
    /// # Errors
    /// [`Error::CollectionChanged`], and if the command cannot be sent or the server rejects it.
    pub(crate) async fn still_is(&self, before: &Identity) -> Result<()> {
        let now = self.identity().await?;
        let uuid = match (before, &now) {
            (Identity::Absent, _) | (_, Identity::There) => return Ok(()),
            (before, now) if before == now => return Ok(()),
            (Identity::There, Identity::Known(_)) => return Ok(()),
            (Identity::There, Identity::Absent) => return Err(self.changed(Fate::Gone)),
            (Identity::Known(uuid), _) => uuid,
        };
        let elsewhere = self.listed(doc! { "info.uuid": uuid }).await?;
        Err(self.changed(match elsewhere.first().and_then(|found| found.get_str("name").ok()) {
            Some(name) => Fate::Renamed(self.connection.namespace(name)),
            None if now == Identity::Absent => Fate::Dropped,
            None => Fate::Replaced,
        }))
    }

    /// The error for a collection that is no longer the same.
    pub(crate) fn changed(&self, fate: Fate) -> Error {
        Error::CollectionChanged { namespace: self.namespace(), fate }
    }

    /// Whether events of change streams contain the documents before and after each change. `false` if the
    /// login may not list collections.
    pub(crate) async fn has_images(&self) -> bool {
        const OPTION: &str = "changeStreamPreAndPostImages";
        let listed = self.listed(doc! { "name": &self.collection }).await.unwrap_or_default();
        let options = listed.first().and_then(|found| found.get_document("options").ok());
        let images = options.and_then(|options| options.get_document(OPTION).ok());
        images.and_then(|images| images.get_bool("enabled").ok()).unwrap_or(false)
    }

    async fn listed(&self, filter: Document) -> Result<Vec<Document>> {
        let more = doc! { "cursor": {}, "comment": &self.comment };
        self.connection.list_collections(filter, more).await
    }

    pub(crate) async fn indexes(&self) -> Result<Vec<IndexSpec>> {
        let indexes = self.connection.indexes(&self.collection).await?;
        indexes.ok_or_else(|| Error::NoCollection {
            namespace: self.namespace(),
            session_collections: Vec::new(),
        })
    }

    /// Whether the collection has a collation, so that the server may treat different ids as equal.
    /// This is read once, because a collection never changes it.
    pub(crate) async fn is_collated(&self) -> Result<bool> {
        if let Some(known) = self.collated.get() {
            return Ok(*known);
        }
        let is_collated = match self.connection.indexes(&self.collection).await {
            Ok(Some(indexes)) => indexes.iter().any(IndexSpec::is_collated_id),
            // The collection may still be created, with a collation.
            Ok(None) => return Ok(false),
            // Without the right to know, assume that there is one.
            Err(error) if error.is_refusal() => true,
            Err(error) => return Err(error),
        };
        Ok(*self.collated.get_or_init(|| std::future::ready(is_collated)).await)
    }

    /// Inserts documents unchanged, and stops at the first that the server refuses.
    ///
    /// # Errors
    /// If the server refuses the command, for example because of a duplicate id, or cannot be reached.
    pub async fn insert_documents(&self, documents: Vec<Document>) -> Result<()> {
        // The server accepts up to 100,000 documents and 48 MB in one command; its body is limited
        // to 16 MB.
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
