//! The builder of a store. Its options have the names that express-mongodb uses.

use std::fmt;
use std::time::Duration;

use mongodb::{Client, Database};
use tokio_util::sync::CancellationToken;

use crate::app::log::log;
use crate::error::{Error, Result};
use crate::model::layout::{Layout, UserPlace};
use crate::model::query::Query;
use crate::model::selection::Selection;
use crate::ops::collections::Purpose;
use crate::ops::purge::Purge;
use crate::ops::sweep::{ClearInterval, Event, Sweep};
use crate::server::connection::Connection;
use crate::server::reply::documents;
use crate::store::observe::in_task;
use crate::store::{Reading, Store};

/// How many documents are looked at to find out whether they have the layout.
const LOOKED_AT: i64 = 100;
/// How long the server may look for a session if none of these is one.
const LONGEST_LOOK: Duration = Duration::from_secs(10);

/// How the server is reached.
#[derive(Clone)]
enum Source {
    Uri(String),
    Client(Client),
    Database(Database),
}

/// Without the connection string, which may contain a password.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uri(_) => "Uri(..)",
            Self::Client(_) => "Client(..)",
            Self::Database(_) => "Database(..)",
        })
    }
}

/// The database of a store: a name, or a [`mongodb::Database`] of the application.
#[derive(Clone)]
pub struct StoreDatabase(DatabaseSource);

#[derive(Clone)]
enum DatabaseSource {
    Name(String),
    Handle(Database),
}

/// The name alone: a handle knows the login of its client.
impl fmt::Debug for StoreDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match &self.0 {
            DatabaseSource::Name(name) => name,
            DatabaseSource::Handle(database) => database.name(),
        };
        f.debug_tuple("StoreDatabase").field(&name).finish()
    }
}

impl From<&str> for StoreDatabase {
    fn from(name: &str) -> Self {
        Self(DatabaseSource::Name(name.to_owned()))
    }
}

impl From<&String> for StoreDatabase {
    fn from(name: &String) -> Self {
        name.as_str().into()
    }
}

impl From<String> for StoreDatabase {
    fn from(name: String) -> Self {
        Self(DatabaseSource::Name(name))
    }
}

impl From<Database> for StoreDatabase {
    fn from(database: Database) -> Self {
        Self(DatabaseSource::Handle(database))
    }
}

/// The options of a store: where it is, and express-mongodb's `collection` and `clear_interval`.
#[derive(Debug, Clone)]
pub struct StoreBuilder {
    source: Source,
    database: Option<String>,
    collection: String,
    layout: String,
    lifetime: Option<Duration>,
    clear_interval: Option<Duration>,
    ttl_index: bool,
    touch_after: Duration,
    save_only_live: bool,
    user_paths: Vec<String>,
    user_index: bool,
    limit_per_user: Option<u32>,
}

impl Default for StoreBuilder {
    fn default() -> Self {
        Self {
            source: Source::Uri("mongodb://localhost:27017".to_owned()),
            database: None,
            collection: "sessions".to_owned(),
            layout: "express-mongodb-1".to_owned(),
            lifetime: None,
            clear_interval: None,
            ttl_index: false,
            touch_after: Duration::ZERO,
            save_only_live: false,
            user_paths: Vec::new(),
            user_index: false,
            limit_per_user: None,
        }
    }
}

impl StoreBuilder {
    /// The connection string. Default: `mongodb://localhost:27017`. Its options set how long to
    /// wait for an unreachable server (`serverSelectionTimeoutMS`, default 5000) and the maximum
    /// number of connections (`maxPoolSize`). Sessions are read from the primary, whatever its
    /// `readPreference`, and with the read concern `local`: see [`client`](Self::client).
    #[must_use]
    pub fn uri(mut self, uri: &str) -> Self {
        self.source = Source::Uri(uri.to_owned());
        self
    }

    /// The client of the application, in place of a connection string: the store shares its pool, and
    /// opens no connections of its own. Sessions are read from the primary, whatever the client's read
    /// preference; see [`Connection::from_client`]. The driver must be `mongodb` 3.9: this crate enables
    /// its feature `bson-3`, so `mongodb::bson` is bson 3 in your whole build.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = mongodb::Client::with_uri_str("mongodb://localhost:27017").await?;
    /// let (store, _) = sessionctl::Store::builder().client(client).database("shop").open().await?;
    /// # drop(store);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.source = Source::Client(client);
        self
    }

    /// The database: its name, or a [`mongodb::Database`], whose client is shared as by
    /// [`client`](Self::client). Default: the one in the connection string, or the default database
    /// of the client, else `test`.
    #[must_use]
    pub fn database(mut self, database: impl Into<StoreDatabase>) -> Self {
        match database.into().0 {
            DatabaseSource::Name(name) => self.database = Some(name),
            DatabaseSource::Handle(database) => {
                self.database = Some(database.name().to_owned());
                self.source = Source::Database(database);
            }
        }
        self
    }

    /// The collection. Default: `sessions`.
    #[must_use]
    pub fn collection(mut self, collection: &str) -> Self {
        collection.clone_into(&mut self.collection);
        self
    }

    /// The layout, by name. Default: `express-mongodb-1`. [`open`](Self::open) refuses a collection
    /// whose documents have another layout; `sessionctl collections` reports which. Sessions can be
    /// written if the payload is JSON or a document, and in the layout of tower-sessions.
    ///
    /// For a new application, choose between two. In `express-mongodb-1`, MongoDB can read the payload,
    /// so an index finds the sessions of a user ([`user_index`](Self::user_index)), and you can look
    /// at sessions with `mongosh`. In `tower-sessions`, the default of `tower_sessions::builder`, the
    /// payload is binary: the sessions of a user are found by reading all sessions, but the store
    /// looks where axum-login has the user without a [`user_path`](Self::user_path).
    #[must_use]
    pub fn layout(mut self, layout: &str) -> Self {
        layout.clone_into(&mut self.layout);
        self
    }

    /// How long a session lives after its last touch, for layouts whose documents do not store it: the
    /// lifetime is in the TTL index, as for `session-mongoose-ttl`, or in the settings of the
    /// application. Default: the lifetime in the index on the server. Other layouts ignore it.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// How often to purge expired sessions. Default: never. See [`Store::clear_interval`].
    #[must_use]
    pub fn clear_interval(mut self, interval: Duration) -> Self {
        self.clear_interval = Some(interval);
        self
    }

    /// Whether [`open`](Self::open) creates the indexes that the layout needs: the TTL index, with
    /// which the server itself deletes expired sessions about once a minute, and a unique index on
    /// the id if the id is not in `_id`. They get the names and options that the original store
    /// would use. Default: no.
    ///
    /// This is enough for most applications. Use [`clear_interval`](Self::clear_interval) instead
    /// where the login may not create indexes; both together do no harm.
    ///
    /// If many sessions have already expired, the server deletes all of them at once. `sessionctl
    /// index install` drains them first.
    #[must_use]
    pub fn ttl_index(mut self, ttl_index: bool) -> Self {
        self.ttl_index = ttl_index;
        self
    }

    /// Touches write only if the last write is older than this. Default: they always write. See
    /// [`Store::touch_after`]. This is for [`Store::touch`] and actix-session: tower-sessions never
    /// touches a session, but saves it.
    #[must_use]
    pub fn touch_after(mut self, after: Duration) -> Self {
        self.touch_after = after;
        self
    }

    /// Whether the `save` of tower-sessions and the `update` of actix-session also check the
    /// server's clock. Default: no.
    ///
    /// A request that found its session live renews it when it saves, even if the session has
    /// expired in the meantime. A session that was deleted in the meantime always stays deleted.
    /// With this option, an expired session stays expired too, including one that `sessionctl
    /// expire` ended while the request was running. Each save then takes the server about 10 %
    /// longer.
    #[must_use]
    pub fn save_only_live(mut self, only_live: bool) -> Self {
        self.save_only_live = only_live;
        self
    }

    /// Where the application stores the user of a session: a dotted path in the payload, such as
    /// `auth.user_id`, or `/` and a field of the document. Default: the places that the layout
    /// defines. If called several times, the first of these paths that has a value counts.
    #[must_use]
    pub fn user_path(mut self, path: &str) -> Self {
        self.user_paths.push(path.to_owned());
        self
    }

    /// Whether [`open`](Self::open) creates an index on the user, so that [`Store::sessions_of`],
    /// [`Store::destroy_all_of`], [`Store::destroy_others`] and a
    /// [limit](Self::limit_per_user) read only the sessions of that user. Default: no.
    ///
    /// This requires that the server can read the user: in a field of the document, or in a payload
    /// that is stored as a document, as in the layouts `express-mongodb-1` and
    /// `express-session-object`. The records of `tower-sessions` are binary, and no index finds a
    /// user in them. If the layout looks in many places, name the one that the application uses with
    /// [`user_path`](Self::user_path).
    #[must_use]
    pub fn user_index(mut self, user_index: bool) -> Self {
        self.user_index = user_index;
        self
    }

    /// The maximum number of sessions with which a user can be logged in. Default: no limit. When
    /// a user who has more logs in with this store, it deletes all but the most recent ones: by last
    /// touch, creation, expiry and `_id`, as far as the layout stores them, like
    /// `sessionctl purge --keep`. Any number of processes may log a user in at the same time.
    ///
    /// A write by which a session gets a user, or which brings a deleted session back, reads the
    /// sessions of that user, so use [`user_index`](Self::user_index) as well. Saving a session that
    /// the store has read with this user is no log-in. A layout without a last touch and a creation,
    /// such as `tower-sessions`, ranks by the expiry: there, give all sessions the same lifetime, and
    /// keep the clocks of the application's servers together, or a new session may count as the
    /// oldest. Sessions that other applications write to the same collection count, but only this
    /// store deletes. If the deletion fails, the write still succeeds, and the next one deletes the
    /// surplus; with the feature `tracing`, the failure is a warning. It requires the right
    /// `listIndexes`.
    ///
    /// Name the user's place with [`user_path`](Self::user_path). Otherwise the layout looks in several, and a
    /// name that a visitor types before the log-in may be in one of them.
    #[must_use]
    pub fn limit_per_user(mut self, sessions: u32) -> Self {
        self.limit_per_user = Some(sessions);
        self
    }

    /// Opens the store: looks at the collection, and creates the indexes that were requested. Also
    /// returns the guard of its clear interval, if it has one: dropping the guard stops the purging.
    ///
    /// # Errors
    /// [`Error::Misnamed`] if the collection has documents, but no session of the layout is found
    /// among them. [`Error::UnfitClient`] if the options of the client are not right for sessions.
    /// [`Error::NotPrimary`] on a direct connection to a secondary.
    /// [`Error::Needs`] if the lifetime of a session is unknown (see
    /// [`lifetime`](Self::lifetime)). [`Error::UnknownLayout`] if the layout does not exist.
    /// [`Error::Unsupported`] if the user of a session cannot be found as requested: a path of
    /// [`user_path`](Self::user_path) is invalid, no index can find it, or the layout does not define
    /// where it is. [`Error::Uri`] if the connection string is invalid. Otherwise if the server cannot
    /// be reached or rejects a command, and as for [`Store::install_indexes`].
    pub async fn open(self) -> Result<(Store, Option<ClearInterval>)> {
        let layout = self.chosen_layout()?;
        let connection = self.connection().await?;
        let layout = self.found_layout(&connection, layout).await?;
        let mut store = connection
            .store(&self.collection, layout)
            .touch_after(self.touch_after)
            .save_only_live(self.save_only_live);
        if let Some(most) = self.limit_per_user {
            store = store.limited_per_user(most);
        }
        if self.ttl_index {
            store.install_indexes().await?;
        }
        if self.user_index {
            store.make_id_index().await?;
            store.make_user_index().await?;
        }
        let guard = self.clear_interval.map(|interval| store.clear_interval(interval));
        Ok((store, guard))
    }

    /// The layout, with the lifetime that the indexes may have. Refuses documents of another layout.
    async fn found_layout(&self, connection: &Connection, layout: Layout) -> Result<Layout> {
        let indexes = match connection.indexes(&self.collection).await {
            Ok(indexes) => indexes.unwrap_or_default(),
            // A login that may not list the indexes may still read the sessions. A limit would only log
            // that it deletes nothing.
            Err(Error::Unauthorized { .. }) if self.limit_per_user.is_none() => Vec::new(),
            Err(error) => return Err(error),
        };
        let layout = layout.resolved(self.lifetime, &indexes);
        let sample =
            connection.sample_with(&self.collection, indexes, Purpose::Changing, LOOKED_AT).await?;
        match sample.allows(&layout.clone().into()) {
            // A few sessions among many other documents: chance must not decide.
            Err(Error::Misnamed { .. }) if self.has_session(connection, &layout).await? => {}
            allowed => allowed?,
        }
        match layout.lacks_lifetime() {
            true => Err(layout.needs_lifetime()),
            false => Ok(layout),
        }
    }

    /// Whether the collection has a session of the layout, as far as the server finds one in time.
    async fn has_session(&self, connection: &Connection, layout: &Layout) -> Result<bool> {
        let store = connection.store(&self.collection, layout.clone()).on_primary();
        let one = Reading { limit: 1, within: Some(LONGEST_LOOK), ..Reading::default() };
        let first = async { store.read(store.layouts().membership(), &one).await?.next().await };
        match first.await {
            Ok(batch) => Ok(batch.is_some_and(|batch| documents(&batch).next().is_some())),
            Err(error) if error.is_transient() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn connection(&self) -> Result<Connection> {
        let name = self.database.as_deref();
        match &self.source {
            Source::Uri(uri) => {
                let connection = Connection::open_primary(uri, name).await?;
                // A direct connection to a secondary would read from it.
                connection.writable().await?;
                Ok(connection)
            }
            Source::Client(client) => {
                let default = client.default_database();
                let default = default.as_ref().map(Database::name);
                Connection::from_client(client, name.or(default).unwrap_or("test")).await
            }
            Source::Database(database) => match name.filter(|name| *name != database.name()) {
                Some(name) => Connection::from_client(database.client(), name).await,
                None => Connection::from_database(database).await,
            },
        }
    }

    /// The layout, with the places of the user. Refuses options that it cannot fulfil before a
    /// server is asked.
    fn chosen_layout(&self) -> Result<Layout> {
        let places = self.user_paths.iter().map(|path| UserPlace::try_from(path.clone()));
        let places = places.collect::<Result<Vec<_>, _>>();
        let places =
            places.map_err(|why| Error::Unsupported(format!("invalid path of the user: {why}")))?;
        let layout = Layout::named(&self.layout)?.clone().with_user_places(&places);
        if self.user_index {
            layout.user_index_paths()?;
        }
        match self.limit_per_user {
            Some(0) => {
                let what = "a user needs at least one session to be logged in";
                Err(Error::Unsupported(what.to_owned()))
            }
            Some(_) if layout.user.is_empty() => Err(Error::Unsupported(format!(
                "the layout {} does not define where the user is",
                layout.name
            ))),
            _ => Ok(layout),
        }
    }
}

impl Store {
    /// Returns a builder with the default options: the collection `test.sessions` of a MongoDB at
    /// localhost, the layout `express-mongodb-1`, and no index.
    pub fn builder() -> StoreBuilder {
        StoreBuilder::default()
    }

    /// Creates the indexes that the layout needs, and the collection if it does not exist. Existing
    /// indexes are left alone. See [`StoreBuilder::ttl_index`].
    ///
    /// # Errors
    /// [`Error::IndexDiffers`] if a different index exists where the TTL index belongs. Any other
    /// error if a command cannot be sent or the server rejects it.
    pub async fn install_indexes(&self) -> Result<()> {
        self.make_id_index().await?;
        self.index_install(None).await.map(drop)
    }

    /// Purges expired sessions now and then every `interval`, in a background task, for as long as
    /// the returned guard lives. Only the guard stops it: if the server is unreachable it waits,
    /// and after any other error it retries an interval later. With the feature `tracing`, counts and
    /// errors are logged.
    ///
    /// # Panics
    /// If called outside a tokio runtime.
    pub fn clear_interval(&self, interval: Duration) -> ClearInterval {
        self.sweep(Sweep { interval, ..Sweep::default() }, log)
    }

    /// Like [`clear_interval`](Self::clear_interval), with all options: for example with a
    /// [lease](Sweep::lease), so that only one of many processes does the work. Every [`Event`] is
    /// passed to `on_event`; [`Event::Passed`] has the counts.
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
    /// If called outside a tokio runtime.
    pub fn sweep(
        &self,
        sweep: Sweep,
        on_event: impl FnMut(Event) + Send + 'static,
    ) -> ClearInterval {
        ClearInterval::start(self, sweep, CancellationToken::new(), on_event)
    }

    /// Deletes the sessions that have expired by the server's clock, in batches, and returns how
    /// many it deleted. Sessions that are renewed in the meantime survive.
    ///
    /// # Errors
    /// If a command cannot be sent or the server rejects it, after the usual retries. Sessions
    /// deleted before the error stay deleted.
    pub async fn clear_expired(&self) -> Result<u64> {
        let now = self.primary_now().await?;
        self.purge_observed("clear_expired", Purge::expired(now, now)).await
    }

    /// Deletes the sessions that match `query`, in batches, and returns how many it deleted. This
    /// logs a user out everywhere:
    ///
    /// ```no_run
    /// use sessionctl::Query;
    ///
    /// # async fn example(store: sessionctl::Store) -> sessionctl::Result<()> {
    /// store.destroy_matching(Query::of("alice")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The user is the value at one of the paths that the layout lists
    /// ([`Layout::user`](crate::Layout::user); `sessionctl layouts show NAME`), such as `user`,
    /// `userId` or `passport.user`. For other paths use [`Query::payload`]. The whole collection is
    /// scanned, unless there is an index that finds the sessions, such as that of
    /// [`StoreBuilder::user_index`].
    ///
    /// A session that changes between the read and the delete is read again. The deletion continues
    /// if this future is dropped.
    ///
    /// # Errors
    /// [`Error::KeepsChanging`] if matching sessions changed during every attempt.
    /// [`Error::Unsupported`] if `query` has no condition, which would match every session
    /// ([`Store::clear`] deletes those), or if the layout does not support a condition.
    /// [`Error::NoDate`] if the layout does not store a date that a condition compares. Otherwise as
    /// for [`Store::clear_expired`].
    pub async fn destroy_matching(&self, query: Query) -> Result<u64> {
        if query == Query::default() {
            let what = "a query without conditions matches every session; use clear to delete all";
            return Err(Error::Unsupported(what.to_owned()));
        }
        let store = self.clone().on_primary();
        let selection = move |now| Selection::new(query.clone(), now);
        let deleting = in_task(async move { store.delete_settled(selection).await });
        self.observed("destroy_matching", deleting).await
    }
}
