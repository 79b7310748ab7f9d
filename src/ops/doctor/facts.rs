//! The facts for the checks. Each is known, or has the reason why it is not.

use std::time::Duration;

use bson::{Bson, DateTime, Document};

use super::survey::Survey;
use crate::error::{Certainty, Error, Result};
use crate::model::index_spec::IndexSpec;
use crate::model::layout::detect::Verdict;
use crate::model::layout::{Layout, Layouts};
use crate::ops::index::builds;
use crate::server::connection::Topology;
use crate::server::flavour::{Product, Spread};
use crate::server::replication::Lag;
use crate::server::reply::affected;

/// One fact. The error is the reason why it is unknown, such as a missing right.
pub type Fact<T> = Result<T, Error>;

/// All facts for the checks.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The database.
    pub database: String,
    /// The collection.
    pub collection: String,
    /// The layout of the sessions, if it is known.
    pub layout: Option<Layout>,
    /// That layout, and the others of its family in the collection.
    pub layouts: Option<Layouts>,
    /// The lifetime that the operator gave.
    pub lifetime: Option<Duration>,
    /// The server's clock.
    pub now: DateTime,
    /// The kind of deployment.
    pub kind: Topology,
    /// Whether the answering server is a primary, a standalone or a `mongos`.
    pub writable: bool,
    /// The server's product and version.
    pub version: Fact<Version>,
    /// What the server lacks, as far as it has refused it.
    pub lacks: Vec<&'static str>,
    /// The kind of collection.
    pub place: Fact<Place>,
    /// Its indexes.
    pub indexes: Fact<Vec<IndexSpec>>,
    /// The reply to `collStats`.
    pub stats: Fact<Stats>,
    /// The settings of the TTL monitor.
    pub monitor: Fact<Monitor>,
    /// The work of the TTL monitor.
    pub passes: Fact<Passes>,
    /// The sweeper that holds a lease, which may have run out.
    pub sweeper: Fact<Option<Sweeper>>,
    /// The result of examining some documents one by one.
    pub looked: Fact<Looked>,
    /// The counts over all documents or a sample, made by the server.
    pub survey: Fact<Survey>,
    /// The earliest expiry of all expired sessions.
    pub oldest: Fact<Option<DateTime>>,
    /// The clocks of the servers.
    pub clocks: Fact<Clocks>,
    /// The rights of this login.
    pub rights: Fact<Rights>,
    /// The replication lag.
    pub lag: Lag,
}

impl Looked {
    /// The message about accounts with sessions inside, if the documents are accounts.
    pub(super) fn accounts(&self) -> Option<String> {
        let verdict = self.verdict.as_ref()?;
        verdict.accounts.map(|_| verdict.to_string())
    }
}

impl Facts {
    /// `database.collection`.
    pub fn namespace(&self) -> String {
        format!("{}.{}", self.database, self.collection)
    }

    /// The first fact that is unknown because the server was lost or ran out of time, rather than
    /// because it refused to tell: its name, and the error.
    pub fn lost(&self) -> Option<(&'static str, &Error)> {
        let lag = match &self.lag {
            Lag::Unknown(error) => Some(error),
            Lag::Standalone | Lag::Behind(_) => None,
        };
        // The driver cannot read the statistics of a time series.
        let stats = self.stats.as_ref().err();
        let stats = stats.filter(|error| !matches!(error, Error::MalformedReply { .. }));
        let facts = [
            ("version", self.version.as_ref().err()),
            ("kind of collection", self.place.as_ref().err()),
            ("indexes", self.indexes.as_ref().err()),
            ("sample", self.looked.as_ref().err()),
            ("survey", self.survey.as_ref().err()),
            ("oldest session", self.oldest.as_ref().err()),
            ("statistics", stats),
            ("TTL monitor", self.monitor.as_ref().err()),
            ("passes of the TTL monitor", self.passes.as_ref().err()),
            ("lease", self.sweeper.as_ref().err()),
            ("clocks", self.clocks.as_ref().err()),
            ("rights", self.rights.as_ref().err()),
            ("replication lag", lag),
        ];
        let mut unknown = facts.into_iter().filter_map(|(name, error)| Some((name, error?)));
        unknown.find(|(_, error)| error.is_transient())
    }

    /// The kind of collection. Without the right to list collections, `collStats` still shows
    /// whether it is capped.
    pub(super) fn place(&self) -> Result<&Place, &Error> {
        match &self.stats {
            Ok(stats) if stats.capped => Ok(&Place::Capped),
            _ => self.place.as_ref(),
        }
    }

    /// Whether single sessions can be changed and deleted here, and a TTL index created. Assumed if
    /// unknown.
    pub(super) fn is_ordinary(&self) -> bool {
        matches!(self.place(), Ok(Place::Collection) | Err(_))
    }

    /// Whether the server is this product.
    pub(super) fn is_on(&self, product: Product) -> bool {
        self.version.as_ref().is_ok_and(|version| version.product == product)
    }

    /// Whether the collection is empty, so that its layout is unknown.
    pub fn is_empty(&self) -> bool {
        self.layout.is_none() && self.looked.as_ref().is_ok_and(|looked| looked.at == 0)
    }

    /// The layout that commands that write must name, because detection is not certain and the
    /// operator named none.
    pub fn layout_to_name(&self) -> Option<&str> {
        let verdict = self.looked.as_ref().ok()?.verdict.as_ref()?;
        let layout = self.layout.as_ref()?;
        (verdict.certainty != Certainty::Certain).then_some(&layout.name)
    }
}

/// The product, and the version of the reply to `buildInfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The product.
    pub product: Product,
    /// The version as text, such as `6.0.5`.
    pub text: String,
    /// Major, minor and patch.
    pub number: [u32; 3],
}

impl Version {
    /// Reads the reply to `buildInfo`.
    pub(super) fn read(reply: &Document, product: Product) -> Self {
        let text = reply.get_str("version").unwrap_or_default().to_owned();
        let mut parts = text.split(['.', '-']).map_while(|part| part.parse().ok());
        let number = std::array::from_fn(|_| parts.next().unwrap_or(0));
        Self { product, text, number }
    }

    /// Whether it has at least this version.
    pub(super) fn is_from(&self, major: u32, minor: u32) -> bool {
        self.number >= [major, minor, 0]
    }
}

/// What kind of collection it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An ordinary collection.
    Collection,
    /// A capped collection.
    Capped,
    /// A view, with its source if this login may read that.
    View(Option<String>),
    /// A time series.
    TimeSeries,
}

impl Place {
    /// Reads an entry of `listCollections`.
    pub(super) fn read(entry: &Document) -> Self {
        let options = entry.get_document("options").ok();
        let on = options.and_then(|options| options.get_str("viewOn").ok()).map(str::to_owned);
        match entry.get_str("type") {
            Ok("view") => Self::View(on),
            Ok("timeseries") => Self::TimeSeries,
            _ if options.is_some_and(|options| options.get_bool("capped").unwrap_or(false)) => {
                Self::Capped
            }
            _ => Self::Collection,
        }
    }
}

/// The reply to `collStats`, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// The size on disk.
    pub storage: u64,
    /// How much of that is reusable; since MongoDB 4.4.
    pub reusable: Option<u64>,
    /// Whether the collection is capped.
    pub capped: bool,
    /// The names of indexes that are being built.
    pub builds: Vec<String>,
}

impl Stats {
    /// Reads the reply.
    pub(super) fn read(reply: &Document) -> Self {
        let has_reusable = reply.contains_key("freeStorageSize");
        Self {
            storage: affected(reply, "storageSize"),
            reusable: has_reusable.then(|| affected(reply, "freeStorageSize")),
            capped: reply.get_bool("capped").unwrap_or(false),
            builds: builds(reply),
        }
    }
}

/// How the server's own deleting is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitor {
    /// Whether it is on.
    pub enabled: bool,
    /// The pause between two passes.
    pub sleep: Duration,
}

impl Monitor {
    /// Reads the reply to `getParameter`.
    pub(super) fn read(reply: &Document) -> Self {
        Self {
            enabled: reply.get_bool("ttlMonitorEnabled").unwrap_or(true),
            sleep: Duration::from_secs(affected(reply, "ttlMonitorSleepSecs").max(1)),
        }
    }
}

/// The work of the TTL monitor since the server started, read twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passes {
    /// The uptime of the server.
    pub uptime: Duration,
    /// The number of passes.
    pub done: u64,
    /// The number of deleted documents at the first reading.
    pub deleted_before: u64,
    /// The number of deleted documents at the second reading.
    pub deleted: u64,
}

impl Passes {
    /// Reads two replies to `serverStatus`.
    pub(crate) fn read(before: &Document, after: &Document) -> Result<Self> {
        let ttl = |status: &Document| {
            let metrics = status.get_document("metrics").ok()?;
            metrics.get_document("ttl").ok().cloned()
        };
        let (Some(first), Some(second)) = (ttl(before), ttl(after)) else {
            let why = "the server does not report what its TTL monitor has done";
            return Err(Error::Unsupported(why.into()));
        };
        Ok(Self {
            uptime: Duration::from_secs(affected(after, "uptime")),
            done: affected(&second, "passes"),
            deleted_before: affected(&first, "deletedDocuments"),
            deleted: affected(&second, "deletedDocuments"),
        })
    }
}

/// The sweeper of this collection that holds the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweeper {
    /// Its name.
    pub holder: String,
    /// When its lease runs out, unless renewed.
    pub until: DateTime,
    /// The number of the lease, which increases whenever another sweeper takes over.
    pub fence: i64,
}

/// Some documents, examined one by one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Looked {
    /// The detected layouts, if the operator named none.
    pub verdict: Option<Verdict>,
    /// How many documents were examined.
    pub at: u64,
    /// How many of them do not have the layout.
    pub strangers: u64,
    /// The most frequent other layout, and its number of documents.
    pub other: Option<(Layout, u64)>,
    /// How many sessions have a user.
    pub known: u64,
    /// How many sessions can be decoded and have no user.
    pub anonymous: u64,
    /// Unique indexes on fields that no examined session has.
    pub null_indexes: Vec<NullIndex>,
}

/// A unique index on fields that no session has, so that all sessions look equal to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NullIndex {
    /// Its name.
    pub name: String,
    /// Its fields, in words.
    pub fields: String,
    /// Whether documents that are not sessions have one of the fields.
    pub serves_others: bool,
}

/// The differences between clocks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clocks {
    /// This machine's clock minus the primary's, in milliseconds, with the uncertainty.
    pub local: Skew,
    /// The members that answered, and their clocks minus the primary's.
    pub members: Vec<(String, Skew)>,
    /// Members that did not answer.
    pub silent: Vec<String>,
    /// How far the clocks of a sharded cluster are apart, if by more than a second.
    pub spread: Option<Spread>,
}

/// The difference between two clocks, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skew {
    /// How far the clock is ahead.
    pub ahead: i64,
    /// The uncertainty: the time that the answers took.
    pub unsure: i64,
}

impl Skew {
    /// Whether the difference is certainly larger than this.
    pub(super) fn exceeds(self, millis: i64) -> bool {
        self.ahead.saturating_abs().saturating_sub(self.unsure) > millis
    }
}

/// What this login may do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rights {
    /// The user and its database; `None` if the server requires no login.
    pub user: Option<(String, String)>,
    privileges: Vec<Document>,
}

impl Rights {
    /// Reads the reply to `connectionStatus` with `showPrivileges`.
    pub(crate) fn read(reply: &Document) -> Self {
        let documents = |name: &str| -> Vec<Document> {
            let info = reply.get_document("authInfo").ok();
            let list = info.and_then(|info| info.get_array(name).ok()).cloned().unwrap_or_default();
            list.into_iter().filter_map(|entry| entry.as_document().cloned()).collect()
        };
        let user = documents("authenticatedUsers").into_iter().next().and_then(|user| {
            Some((user.get_str("user").ok()?.to_owned(), user.get_str("db").ok()?.to_owned()))
        });
        Self { user, privileges: documents("authenticatedUserPrivileges") }
    }

    /// Whether the login may do `action` on the collection.
    pub fn may(&self, action: &str, database: &str, collection: &str) -> bool {
        self.user.is_none()
            || self.granting(action).any(|resource| {
                let is = |key: &str, name: &str| {
                    resource.get_str(key).is_ok_and(|of| of.is_empty() || of == name)
                };
                is_any(resource) || (is("db", database) && is("collection", collection))
            })
    }

    /// Whether the login may do `action` on the cluster.
    pub fn may_on_cluster(&self, action: &str) -> bool {
        let is_cluster =
            |resource: &Document| is_any(resource) || resource.get_bool("cluster").unwrap_or(false);
        self.user.is_none() || self.granting(action).any(is_cluster)
    }

    /// The resources on which the login may do `action`.
    fn granting(&self, action: &str) -> impl Iterator<Item = &Document> {
        let grants = move |privilege: &&Document| {
            let actions = privilege.get_array("actions");
            actions.is_ok_and(|actions| {
                let named = |granted: &str| granted == action || granted == "anyAction";
                actions.iter().filter_map(Bson::as_str).any(named)
            })
        };
        let granting = self.privileges.iter().filter(grants).collect::<Vec<_>>();
        granting.into_iter().filter_map(|privilege| privilege.get_document("resource").ok())
    }
}

/// The time from `earlier` to `later`; zero if `later` is not later.
pub(super) fn between(earlier: DateTime, later: DateTime) -> Duration {
    let millis = later.timestamp_millis().saturating_sub(earlier.timestamp_millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

fn is_any(resource: &Document) -> bool {
    resource.get_bool("anyResource").unwrap_or(false)
}
