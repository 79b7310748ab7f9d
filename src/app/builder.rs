//! The options of a store, named as express-mongodb names them.

use std::time::Duration;

use bson::doc;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::model::layout::Layout;
use crate::model::query::Query;
use crate::model::selection::Selection;
use crate::ops::purge::{Action, Purge, Step};
use crate::ops::sweep::{ClearInterval, Event, Sweep};
use crate::server::connection::Connection;
use crate::store::Store;

/// `NamespaceExists`: another has created the collection meanwhile.
const NAMESPACE_EXISTS: i32 = 48;

/// The options of a store: express-mongodb's `collection` and `clear_interval`, and where it is.
#[derive(Debug, Clone)]
pub struct StoreBuilder {
    uri: String,
    database: Option<String>,
    collection: String,
    layout: String,
    lifetime: Option<Duration>,
    clear_interval: Option<Duration>,
    ttl_index: bool,
    touch_after: Duration,
    save_only_live: bool,
}

impl Default for StoreBuilder {
    fn default() -> Self {
        Self {
            uri: "mongodb://localhost:27017".to_owned(),
            database: None,
            collection: "sessions".to_owned(),
            layout: "express-mongodb-1".to_owned(),
            lifetime: None,
            clear_interval: None,
            ttl_index: false,
            touch_after: Duration::ZERO,
            save_only_live: false,
        }
    }
}

impl StoreBuilder {
    /// The connection string; `mongodb://localhost:27017` unless set. Its options say how long a
    /// server that is away is waited for (`serverSelectionTimeoutMS`, 5000 unless set), and how many
    /// connections there may be (`maxPoolSize`).
    #[must_use]
    pub fn uri(mut self, uri: &str) -> Self {
        uri.clone_into(&mut self.uri);
        self
    }

    /// The database; the connection string's own, else `test`, unless set.
    #[must_use]
    pub fn database(mut self, database: &str) -> Self {
        self.database = Some(database.to_owned());
        self
    }

    /// The collection; `sessions` unless set.
    #[must_use]
    pub fn collection(mut self, collection: &str) -> Self {
        collection.clone_into(&mut self.collection);
        self
    }

    /// The layout's name; `express-mongodb-1` unless set. It must be that of the store whose sessions
    /// are in the collection, which nobody checks here: `sessionctl collections` tells it. Sessions can
    /// be written where the payload is JSON or a document, or tower-sessions'.
    #[must_use]
    pub fn layout(mut self, layout: &str) -> Self {
        layout.clone_into(&mut self.layout);
        self
    }

    /// How long a session lives after its last touch, where the documents do not say it: of layouts
    /// whose lifetime stands in the TTL index, such as `session-mongoose-ttl`, or in the settings of the
    /// application. Where it is not set, the index on the server says it. Other layouts ignore it.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// How often expired sessions are purged; never unless set. See [`Store::clear_interval`].
    #[must_use]
    pub fn clear_interval(mut self, interval: Duration) -> Self {
        self.clear_interval = Some(interval);
        self
    }

    /// Whether the indexes that the sessions want are made at once: the TTL index by which the server
    /// itself removes what is expired, about once a minute, and a unique one on the id where that is
    /// not `_id`. They have the names and options that the store of the layout would give them.
    ///
    /// On a collection with many expired sessions the server deletes all of them at once; `sessionctl
    /// index install` drains them before.
    #[must_use]
    pub fn ttl_index(mut self, ttl_index: bool) -> Self {
        self.ttl_index = ttl_index;
        self
    }

    /// Touches write only if the last write is older than this; always unless set. See
    /// [`Store::touch_after`].
    #[must_use]
    pub fn touch_after(mut self, after: Duration) -> Self {
        self.touch_after = after;
        self
    }

    /// Whether tower-sessions' `save` looks at the server's clock as well; no unless set.
    ///
    /// A request that found its session alive renews it by saving it, also if it was over meanwhile;
    /// a session that was deleted meanwhile stays deleted in any case. With this, one that is over
    /// stays over, also where `sessionctl expire` ended it under a request that was on its way. It
    /// costs the server a tenth more time a save.
    #[must_use]
    pub fn save_only_live(mut self, only_live: bool) -> Self {
        self.save_only_live = only_live;
        self
    }

    /// The store, and the guard of its clear interval if it has one: dropping the guard stops it.
    ///
    /// # Errors
    /// [`Error::Uri`] or [`Error::UnknownLayout`], and [`Error::Driver`] where the name in a
    /// `mongodb+srv` string is not found. [`Error::Needs`] where nobody says how long a session lives
    /// (see [`StoreBuilder::lifetime`]). The server is not asked yet, unless for its indexes: then also
    /// what [`Store::install_indexes`] meets.
    pub async fn open(self) -> Result<(Store, Option<ClearInterval>)> {
        let mut layout = Layout::named(&self.layout)?.clone().resolved(self.lifetime, &[]);
        let connection = Connection::open(&self.uri, self.database.as_deref()).await?;
        if layout.lacks_lifetime() {
            let indexes = connection.indexes(&self.collection).await?.unwrap_or_default();
            layout = layout.resolved(None, &indexes);
            if layout.lacks_lifetime() {
                return Err(layout.needs_lifetime());
            }
        }
        let store = connection
            .store(&self.collection, layout)
            .touch_after(self.touch_after)
            .save_only_live(self.save_only_live);
        if self.ttl_index {
            store.install_indexes().await?;
        }
        let guard = self.clear_interval.map(|interval| store.clear_interval(interval));
        Ok((store, guard))
    }
}

impl Store {
    /// Starts describing a store, as express-mongodb's options do.
    pub fn builder() -> StoreBuilder {
        StoreBuilder::default()
    }

    /// Makes the indexes that its sessions want, and the collection if there is none; what is there
    /// already is left alone. See [`StoreBuilder::ttl_index`].
    ///
    /// # Errors
    /// [`Error::IndexDiffers`] if another index stands in the place of the TTL index, and what the
    /// server says.
    pub async fn install_indexes(&self) -> Result<()> {
        if self.connection().indexes(self.name()).await?.is_none() {
            // The indexes of a collection that does not exist cannot be listed, and so not be
            // compared.
            let created = self.run("create", doc! { "create": self.name() }).await;
            match created {
                Err(error) if error.code() == Some(NAMESPACE_EXISTS) => {}
                created => drop(created?),
            }
        }
        let id = &self.layout().id;
        if id.path != "_id" {
            // The name that the store itself uses: under another one its own `createIndex` would
            // fail (85).
            let name = id.index.clone().unwrap_or_else(|| format!("{}_1", id.path));
            // Without it two first requests of one session can insert two documents: an upsert by a
            // field that is not `_id` is unique only by an index.
            let index = doc! { "name": name, "key": { &id.path: 1 }, "unique": true };
            let command = doc! {
                "createIndexes": self.name(), "indexes": [index], "comment": self.comment(),
            };
            self.run("createIndexes", command).await?;
        }
        self.index_install(None).await.map(drop)
    }

    /// Purges expired sessions now and every `interval`, in a task of its own, for as long as the
    /// returned guard lives. Nothing stops it but the guard: a server that is away is waited for, and
    /// whatever else goes wrong is tried again after an interval.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn clear_interval(&self, interval: Duration) -> ClearInterval {
        self.sweep(Sweep { interval, ..Sweep::default() }, |_| {})
    }

    /// The same on other terms, such as under the [lease](Sweep::lease) by which one of many
    /// processes does the work, and with every [`Event`] told: [`Event::Passed`] has the counts.
    ///
    /// ```no_run
    /// use sessionctl::sweep::{Event, Sweep, Terms};
    ///
    /// # fn example(store: sessionctl::Store, instance: String) {
    /// let lease = Some(Terms { holder: instance, life: Terms::USUAL });
    /// let _clear_interval = store.sweep(Sweep { lease, ..Sweep::default() }, |event| {
    ///     if let Event::Passed(pass) = event {
    ///         println!("{} sessions of {}", pass.deleted, pass.namespace);
    ///     }
    /// });
    /// # }
    /// ```
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn sweep(
        &self,
        sweep: Sweep,
        on_event: impl FnMut(Event) + Send + 'static,
    ) -> ClearInterval {
        ClearInterval::start(self, sweep, CancellationToken::new(), on_event)
    }

    /// Purges what is expired by the server's clock, in batches whose predicate spares a session that
    /// is renewed meanwhile; how many sessions that were.
    ///
    /// # Errors
    /// What the connection meets; what was deleted until then stays deleted.
    pub async fn clear_expired(&self) -> Result<u64> {
        let now = self.connection().primary_now().await?;
        self.purge_all(Purge::expired(now, now)).await
    }

    /// Deletes the sessions that `query` means, in batches; how many that were. This logs a user out
    /// everywhere:
    ///
    /// ```no_run
    /// use sessionctl::Query;
    ///
    /// # async fn example(store: sessionctl::Store) -> sessionctl::Result<()> {
    /// store.destroy_matching(Query { user: Some("alice".to_owned()), ..Query::default() }).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The user is what stands at one of the paths that the layout names
    /// ([`Layout::user`](crate::Layout::user); `sessionctl layouts show NAME`), such as `user`, `userId`
    /// or `passport.user`; for another path there is [`Query::payload`]. The whole collection is
    /// searched, as stores make no index on the user.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where `query` has no condition, so that it means everybody
    /// ([`Store::clear`] does that), and where the layout cannot tell whom it means; else as for
    /// [`Store::clear_expired`].
    pub async fn destroy_matching(&self, query: Query) -> Result<u64> {
        if query == Query::default() {
            let what = "a query without a condition means every session, which clear is for";
            return Err(Error::Unsupported(what.to_owned()));
        }
        let now = self.connection().primary_now().await?;
        self.purge_all(Purge::new(Selection::new(query, now), Action::Delete)).await
    }

    async fn purge_all(&self, purge: Purge) -> Result<u64> {
        let mut purging = self.purge(purge, CancellationToken::new())?;
        let mut deleted = 0;
        loop {
            match purging.next().await {
                Ok(Some(Step::Batch(batch))) => deleted += batch.done,
                Ok(Some(_)) => {}
                // The first session makes it.
                Ok(None) | Err(Error::NoCollection { .. }) => return Ok(deleted),
                Err(error) => return Err(error),
            }
        }
    }
}
