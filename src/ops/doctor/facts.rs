//! What the checks look at. Each piece is there, or it says why it is not.

use std::time::Duration;

use bson::{Bson, DateTime, Document};

use super::survey::Survey;
use crate::error::{Certainty, Error, Result};
use crate::model::index_spec::IndexSpec;
use crate::model::layout::detect::Verdict;
use crate::model::layout::{Layout, Layouts};
use crate::server::connection::Topology;
use crate::server::replication::Lag;
use crate::server::reply::affected;

/// One piece of what is known; the error says why it is not known, such as a missing right.
pub type Fact<T> = Result<T, Error>;

/// Everything that the checks look at.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The database.
    pub database: String,
    /// The collection.
    pub collection: String,
    /// How the sessions are written, if that is known.
    pub layout: Option<Layout>,
    /// That layout, with the others of its family that sessions of the collection have.
    pub layouts: Option<Layouts>,
    /// What the operator says of the lifetime.
    pub lifetime: Option<Duration>,
    /// The server's clock.
    pub now: DateTime,
    /// What the deployment is.
    pub kind: Topology,
    /// Whether it is a primary that answers, or a standalone or a `mongos`.
    pub writable: bool,
    /// What the server is.
    pub version: Fact<Version>,
    /// What kind of collection it is.
    pub place: Fact<Place>,
    /// Its indexes.
    pub indexes: Fact<Vec<IndexSpec>>,
    /// What `collStats` says.
    pub stats: Fact<Stats>,
    /// How the server's own deleting is set.
    pub monitor: Fact<Monitor>,
    /// What that deleting has done.
    pub passes: Fact<Passes>,
    /// Whoever sweeps under a lease; the lease may have run out.
    pub sweeper: Fact<Option<Sweeper>>,
    /// Some documents, examined one by one.
    pub looked: Fact<Looked>,
    /// All of the documents, or a sample of them, counted by the server.
    pub survey: Fact<Survey>,
    /// The earliest expiry of all that are expired.
    pub oldest: Fact<Option<DateTime>>,
    /// The clocks of those that take part.
    pub clocks: Fact<Clocks>,
    /// What this login may do.
    pub rights: Fact<Rights>,
    /// How far the members of a replica set are behind.
    pub lag: Lag,
}

impl Looked {
    /// What is said of accounts with sessions inside, if the documents are such.
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

    /// What kind of collection it is. Without the right to list collections, `collStats` still shows
    /// a capped one.
    pub(super) fn place(&self) -> Result<&Place, &Error> {
        match &self.stats {
            Ok(stats) if stats.capped => Ok(&Place::Capped),
            _ => self.place.as_ref(),
        }
    }

    /// Whether single sessions can be changed and deleted here, and a TTL index made. What is not
    /// known is taken to be so.
    pub(super) fn is_ordinary(&self) -> bool {
        matches!(self.place(), Ok(Place::Collection) | Err(_))
    }

    /// Whether there is nothing to look at, and nothing says which store is going to write here.
    pub fn is_empty(&self) -> bool {
        self.layout.is_none() && self.looked.as_ref().is_ok_and(|looked| looked.at == 0)
    }

    /// The layout that every command which changes something has to name, because the documents do
    /// not make it certain and the operator did not name one.
    pub fn layout_to_name(&self) -> Option<&str> {
        let verdict = self.looked.as_ref().ok()?.verdict.as_ref()?;
        let layout = self.layout.as_ref()?;
        (verdict.certainty != Certainty::Certain).then_some(&layout.name)
    }
}

/// What answers to `buildInfo`, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    /// As it says it, such as `6.0.5`.
    pub text: String,
    /// Major, minor and patch.
    pub number: [u32; 3],
    /// The keys of the reply, by which others than MongoDB give themselves away.
    pub keys: Vec<String>,
    /// The hosts of the connection string and of the reply to `hello`.
    pub hosts: Vec<String>,
}

impl Version {
    /// Reads the reply to `buildInfo`.
    pub(super) fn read(reply: &Document, hosts: Vec<String>) -> Self {
        let text = reply.get_str("version").unwrap_or_default().to_owned();
        let mut parts = text.split(['.', '-']).map_while(|part| part.parse().ok());
        let number = std::array::from_fn(|_| parts.next().unwrap_or(0));
        Self { number, keys: reply.keys().cloned().collect(), hosts, text }
    }

    /// Whether it is this version or a later one.
    pub(super) fn is_from(&self, major: u32, minor: u32) -> bool {
        self.number >= [major, minor, 0]
    }
}

/// What kind of collection it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// One that holds documents.
    Collection,
    /// One of a fixed size.
    Capped,
    /// A view; on what, if this login may know.
    View(Option<String>),
    /// One of measurements.
    TimeSeries,
}

impl Place {
    /// Reads the entry of `listCollections`.
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

/// What `collStats` says, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// What the documents take on the disk.
    pub storage: u64,
    /// How much of that is free, to be used again; from MongoDB 4.4.
    pub reusable: Option<u64>,
    /// Whether the collection is of a fixed size.
    pub capped: bool,
    /// The names of indexes that are being built.
    pub builds: Vec<String>,
}

impl Stats {
    /// Reads the reply.
    pub(super) fn read(reply: &Document) -> Self {
        let builds = reply.get_array("indexBuilds").cloned().unwrap_or_default();
        let has_reusable = reply.contains_key("freeStorageSize");
        Self {
            storage: affected(reply, "storageSize"),
            reusable: has_reusable.then(|| affected(reply, "freeStorageSize")),
            capped: reply.get_bool("capped").unwrap_or(false),
            builds: builds.iter().filter_map(Bson::as_str).map(str::to_owned).collect(),
        }
    }
}

/// How the server's own deleting is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitor {
    /// Whether it deletes at all.
    pub enabled: bool,
    /// How long it sleeps between two passes.
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

/// What the server's TTL monitor has done since the server started, read twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passes {
    /// For how long the server runs.
    pub uptime: Duration,
    /// How many passes it has done.
    pub done: u64,
    /// How many documents it had deleted at the first look.
    pub deleted_before: u64,
    /// And at the second.
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

/// Who sweeps this collection under a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweeper {
    /// What it calls itself.
    pub holder: String,
    /// When its lease runs out, unless it renews it.
    pub until: DateTime,
    /// The number of the lease, which grows whenever it changes hands.
    pub fence: i64,
}

/// Some documents, examined one by one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Looked {
    /// Which layouts they may have, where the operator named none.
    pub verdict: Option<Verdict>,
    /// How many they are.
    pub at: u64,
    /// How many of them are not of the layout.
    pub strangers: u64,
    /// The layout that most of those have, and how many.
    pub other: Option<(Layout, u64)>,
    /// How many have a user.
    pub known: u64,
    /// How many can be read and have none.
    pub anonymous: u64,
    /// Unique indexes whose fields none of the layout's sessions has.
    pub null_indexes: Vec<NullIndex>,
}

/// A unique index whose fields no session has: two sessions are equal to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NullIndex {
    /// Its name.
    pub name: String,
    /// Its fields, in words.
    pub fields: String,
    /// Whether documents that are not sessions have one of the fields.
    pub serves_others: bool,
}

/// How far the clocks are apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clocks {
    /// This machine's clock less the primary's, in milliseconds, and how unsure that is.
    pub local: Skew,
    /// The members that could be asked, and their clocks less the primary's.
    pub members: Vec<(String, Skew)>,
    /// Members that did not answer.
    pub silent: Vec<String>,
}

/// How far two clocks are apart, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skew {
    /// How far ahead the clock is.
    pub ahead: i64,
    /// How unsure that is: the time that the answers took.
    pub unsure: i64,
}

impl Skew {
    /// Whether the clocks are certainly further apart than this.
    pub(super) fn exceeds(self, millis: i64) -> bool {
        self.ahead.saturating_abs().saturating_sub(self.unsure) > millis
    }
}

/// What this login may do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rights {
    /// The user and its database; none where the server asks for no login.
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

    /// Whether it may do `action` on the collection.
    pub fn may(&self, action: &str, database: &str, collection: &str) -> bool {
        self.user.is_none()
            || self.granting(action).any(|resource| {
                let is = |key: &str, name: &str| {
                    resource.get_str(key).is_ok_and(|of| of.is_empty() || of == name)
                };
                is_any(resource) || (is("db", database) && is("collection", collection))
            })
    }

    /// Whether it may do `action` on the cluster.
    pub fn may_on_cluster(&self, action: &str) -> bool {
        let is_cluster =
            |resource: &Document| is_any(resource) || resource.get_bool("cluster").unwrap_or(false);
        self.user.is_none() || self.granting(action).any(is_cluster)
    }

    /// The resources on which it may do `action`.
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

/// How long `later` is after `earlier`; nothing if it is not.
pub(super) fn between(earlier: DateTime, later: DateTime) -> Duration {
    let millis = later.timestamp_millis().saturating_sub(earlier.timestamp_millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

fn is_any(resource: &Document) -> bool {
    resource.get_bool("anyResource").unwrap_or(false)
}
