//! Gathers the facts, with short commands and one pass over the documents.

use std::time::Duration;

use bson::{Bson, DateTime, Document, RawBsonRef, RawDocumentBuf, doc};
use mongodb::options::{SelectionCriteria, ServerAddress};

use super::facts::{
    Clocks, Fact, Facts, Looked, Monitor, NullIndex, Passes, Place, Rights, Skew, Stats, Sweeper,
    Version,
};
use super::survey::Survey;
use crate::error::{Error, Result};
use crate::model::document::{Found, find};
use crate::model::index_spec::IndexSpec;
use crate::model::layout::detect::{Sample, Verdict, detect};
use crate::model::layout::{Layout, Layouts, UserPlace};
use crate::model::session::State;
use crate::ops::collections::{Choice, Purpose};
use crate::ops::sweep::LEASES;
use crate::server::connection::{Connection, Topology};
use crate::server::flavour::Feature;
use crate::server::reply::first_batch;
use crate::store::Store;

/// Up to this number, all documents are counted. In a larger collection, the server reads a random
/// sample, without scanning the collection.
const FEW: u64 = 100_000;
/// The default size of that sample.
const SAMPLE: u64 = 10_000;
/// The time limit of the pass over the documents. The server enforces it, because a driver future
/// must not be dropped.
const PATIENCE: Duration = Duration::from_secs(60);
/// `CommandNotSupportedOnView`.
const NOT_ON_VIEW: i32 = 166;

/// The options of the doctor.
#[derive(Debug, Clone, Default)]
pub struct Doctor {
    /// The layouts that the operator named; if none, they are detected.
    pub layouts: Option<Layouts>,
    /// The lifetime, if only the application knows it.
    pub lifetime: Option<Duration>,
    /// The places of the user, instead of those of the layouts; if none, those of the layouts.
    pub user_places: Vec<UserPlace>,
    /// Count a random sample of this many documents; by default all of them, up to 100,000.
    pub sample: Option<u64>,
}

impl Doctor {
    /// Gathers everything. Facts that this login may not read are unknown, which is not a failure.
    ///
    /// # Errors
    /// [`Error::NoCollection`], or if the server refuses the first command or cannot be reached.
    pub async fn gather(self, connection: &Connection, collection: &str) -> Result<Facts> {
        let Self { layouts, lifetime, user_places, sample } = self;
        let hello = connection.run_on_admin("hello", doc! { "hello": 1 }).await?;
        let now = hello.get_datetime("localTime").copied();
        let now =
            now.map_err(|_| Error::Unsupported("the server did not report its clock".into()))?;
        let kind = Topology::of(&hello);
        // Read at the beginning and at the end: if the TTL monitor deletes something in between, it
        // works.
        let before = server_status(connection).await;
        let place = place(connection, collection).await;
        let indexes = indexes(connection, collection, &place).await?;
        let stats = stats(connection, collection).await;
        let version = version(connection, &hello).await;

        let known = indexes.as_ref().cloned().unwrap_or_default();
        let looked_at = sampled(connection, collection, known.clone()).await;
        let choice =
            looked_at.as_ref().map(|sample| Choice::of(sample, layouts.as_ref(), lifetime));
        let layouts = match &choice {
            // These documents are not sessions, whatever layout was named.
            Ok(Choice::Named { misnamed: Some(Error::Accounts { .. }), .. }) => None,
            Ok(choice) => choice.layouts().cloned(),
            Err(_) => layouts.map(|all| all.map(|layout| layout.resolved(lifetime, &known))),
        };
        // Families of layouts need different indexes. The doctor examines the most likely family,
        // to which the sessions of others are foreign.
        let layouts = layouts.map(|layouts| layouts.family().with_user_places(&user_places));
        let verdict = match choice {
            Ok(Choice::Detected { verdict, .. }) => Some(verdict),
            Ok(Choice::Named { misnamed: Some(Error::Accounts { .. }), .. }) => {
                looked_at.as_ref().ok().map(|sample| detect(sample, Layout::known()))
            }
            _ => None,
        };
        let looked = looked_at.map(|sample| look(&sample, verdict, layouts.as_ref(), now));

        let unknown = || Error::Unsupported("the layout is unknown".into());
        let store = layouts.clone().map(|layouts| connection.store(collection, layouts));
        let survey = match &store {
            Some(store) => {
                let tells_sizes = version.as_ref().is_ok_and(|version| version.is_from(4, 4));
                survey(store, now, sample, tells_sizes).await
            }
            None => Err(unknown()),
        };
        let oldest = match &store {
            Some(store) => oldest(store, &known, &survey, now).await,
            None => Err(unknown()),
        };
        let after = server_status(connection).await;
        Ok(Facts {
            database: connection.database().to_owned(),
            collection: collection.to_owned(),
            layout: layouts.as_ref().map(|layouts| layouts.first().clone()),
            layouts,
            lifetime,
            now,
            kind,
            writable: hello.get_bool("isWritablePrimary").unwrap_or(false),
            version,
            lacks: connection.flavour().lacking(),
            place,
            indexes,
            stats,
            monitor: monitor(connection).await,
            passes: before.and_then(|before| Passes::read(&before, &after?)),
            sweeper: sweeper(connection, collection).await,
            looked,
            survey,
            oldest,
            clocks: clocks(connection, collection, &hello).await,
            rights: rights(connection).await,
            lag: connection.lag().await,
        })
    }
}

async fn version(connection: &Connection, hello: &Document) -> Fact<Version> {
    let reply = connection.run_on_admin("buildInfo", doc! { "buildInfo": 1 }).await?;
    let flavour = connection.flavour();
    flavour.greeted(hello);
    flavour.built(&reply);
    Ok(Version::read(&reply, flavour.product()))
}

/// The members that are visible to clients.
fn members(hello: &Document) -> Vec<String> {
    let hosts = ["hosts", "passives"].map(|key| hello.get_array(key).cloned().unwrap_or_default());
    hosts.iter().flatten().filter_map(|host| host.as_str().map(str::to_owned)).collect()
}

pub(crate) async fn server_status(connection: &Connection) -> Fact<Document> {
    connection.run_on_admin("serverStatus", doc! { "serverStatus": 1 }).await
}

pub(crate) async fn monitor(connection: &Connection) -> Fact<Monitor> {
    let command = doc! { "getParameter": 1, "ttlMonitorEnabled": 1, "ttlMonitorSleepSecs": 1 };
    let reply = connection.run_on_admin("getParameter", command).await?;
    Ok(Monitor::read(&reply))
}

async fn rights(connection: &Connection) -> Fact<Rights> {
    let command = doc! { "connectionStatus": 1, "showPrivileges": true };
    let reply = connection.run_on_admin("connectionStatus", command).await?;
    Ok(Rights::read(&reply))
}

async fn place(connection: &Connection, collection: &str) -> Fact<Place> {
    let ask = |more: Document| connection.list_collections(doc! { "name": collection }, more);
    // Without the right `listCollections` a login may still list, by name and type, what it can read.
    let reply = match ask(doc! {}).await {
        Err(Error::Unauthorized { .. }) => {
            ask(doc! { "nameOnly": true, "authorizedCollections": true }).await?
        }
        reply => reply?,
    };
    let entry = reply.into_iter().next();
    let unseen = || Error::Unsupported("the server does not list this collection".into());
    entry.map(|entry| Place::read(&entry)).ok_or_else(unseen)
}

/// A missing collection is an error; unreadable indexes are not.
async fn indexes(
    connection: &Connection,
    collection: &str,
    place: &Fact<Place>,
) -> Result<Fact<Vec<IndexSpec>>> {
    match connection.indexes(collection).await {
        Ok(Some(indexes)) => Ok(Ok(indexes)),
        Ok(None) if place.is_ok() => Ok(Ok(Vec::new())),
        Ok(None) => Err(connection.no_collection(collection).await),
        Err(error) if error.code() == Some(NOT_ON_VIEW) => Ok(Ok(Vec::new())),
        Err(error) => Ok(Err(error)),
    }
}

async fn stats(connection: &Connection, collection: &str) -> Fact<Stats> {
    let reply = connection.run("collStats", collection, doc! { "collStats": collection }).await?;
    Ok(Stats::read(&reply))
}

async fn sampled(
    connection: &Connection,
    collection: &str,
    indexes: Vec<IndexSpec>,
) -> Fact<Sample> {
    connection.sample_with(collection, indexes, Purpose::Changing, 100).await
}

fn look(
    sample: &Sample,
    verdict: Option<Verdict>,
    layouts: Option<&Layouts>,
    now: DateTime,
) -> Looked {
    let at = sample.documents.len() as u64;
    let Some(layouts) = layouts else { return Looked { verdict, at, ..Looked::default() } };
    let (own, strangers): (Vec<_>, Vec<_>) =
        sample.documents.iter().partition(|document| layouts.describes(document));
    let mut looked = Looked { verdict, at, strangers: strangers.len() as u64, ..Looked::default() };
    looked.null_indexes = null_indexes(layouts, &sample.indexes, &own, &strangers);
    let foreign = Sample { documents: strangers.into_iter().cloned().collect(), ..sample.clone() };
    let other = detect(&foreign, Layout::known());
    looked.other = other.candidates.first().map(|best| (best.layout.clone(), best.fitting as u64));
    for document in own {
        let layout = layouts.of(document);
        if layout.glance(document, now).user.is_some() {
            looked.known += 1;
        } else if !layout.user_needs_payload() || layout.payload(document).value().is_some() {
            looked.anonymous += 1;
        }
    }
    looked
}

/// Unique indexes that accept only one session. Indexes on fields of the layout, such as the user,
/// are skipped: other sessions may have the field.
fn null_indexes(
    layouts: &Layouts,
    indexes: &[IndexSpec],
    own: &[&RawDocumentBuf],
    strangers: &[&RawDocumentBuf],
) -> Vec<NullIndex> {
    let is_null = |document: &RawDocumentBuf, field: &str| {
        matches!(find(document, field), Found::Missing | Found::One(RawBsonRef::Null))
    };
    let null_index = |index: &IndexSpec| {
        let fields: Vec<_> = index.0.get_document("key").ok()?.keys().collect();
        let lacks =
            |document: &&&RawDocumentBuf| fields.iter().all(|field| is_null(document, field));
        let (is_own, is_taken) = (
            fields.iter().any(|field| layouts.iter().any(|layout| layout.decides_by(field))),
            own.is_empty() || !own.iter().all(|document| lacks(&document)),
        );
        (index.takes_one_without() && !is_own && !is_taken).then(|| NullIndex {
            name: index.name().to_owned(),
            fields: fields.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(", "),
            serves_others: strangers.iter().any(|document| !lacks(&document)),
        })
    };
    indexes.iter().filter_map(null_index).collect()
}

async fn survey(
    store: &Store,
    now: DateTime,
    sample: Option<u64>,
    tells_sizes: bool,
) -> Fact<Survey> {
    let documents = store.count(Document::new()).await?;
    let sample = match sample {
        None if documents > FEW => Some(SAMPLE),
        sample => sample.filter(|size| *size < documents),
    };
    let flavour = store.connection().flavour();
    let tells_sizes = tells_sizes && !flavour.lacks(Feature::BsonSize);
    let facets = match examine(store, now, sample, tells_sizes).await {
        Err(error) if tells_sizes && flavour.learns(Feature::BsonSize, &error) => {
            examine(store, now, sample, false).await?
        }
        facets => facets?,
    };
    Ok(Survey::read(&facets, store.layout(), (documents, sample.is_some())))
}

/// The results of the facets of a survey: in one pass, or in one pass each if the server has no
/// `$facet`.
async fn examine(
    store: &Store,
    now: DateTime,
    sample: Option<u64>,
    tells_sizes: bool,
) -> Fact<Document> {
    let flavour = store.connection().flavour();
    let aggregated = |pipeline: Vec<Document>| async {
        let command = doc! {
            "aggregate": store.name(),
            "pipeline": pipeline,
            "cursor": {},
            "allowDiskUse": true,
            "maxTimeMS": i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX),
            "comment": format!("{} doctor", store.comment()),
        };
        Ok(first_batch(&store.run("aggregate", command).await?))
    };
    let (mut before, facets) = Survey::pipeline(store.layouts(), now, sample, tells_sizes);
    if !flavour.lacks(Feature::Facet) {
        let at_once = [before.clone(), vec![doc! { "$facet": facets.clone() }]].concat();
        match aggregated(at_once).await {
            Err(error) if flavour.learns(Feature::Facet, &error) => {}
            rows => return Ok(rows?.into_iter().next().unwrap_or_default()),
        }
    }
    // Each pass must see the same documents, so they are not sampled at random.
    for stage in &mut before {
        if let Ok(sample) = stage.get_document("$sample") {
            *stage = doc! { "$limit": sample.get("size").cloned().unwrap_or(Bson::Int64(1)) };
        }
    }
    let mut found = Document::new();
    for (name, stages) in facets {
        let stages = stages.as_array().into_iter().flatten().filter_map(Bson::as_document).cloned();
        let rows = aggregated(before.iter().cloned().chain(stages).collect()).await?;
        found.insert(name, rows);
    }
    Ok(found)
}

/// From the index if there is one, which is fast, else from the survey.
async fn oldest(
    store: &Store,
    indexes: &[IndexSpec],
    survey: &Fact<Survey>,
    now: DateTime,
) -> Fact<Option<DateTime>> {
    match oldest_along(store, indexes, now).await {
        Some(oldest) => oldest,
        None => survey.as_ref().map(|survey| survey.oldest).map_err(Clone::clone),
    }
}

/// The earliest expiry of all expired sessions; `None` if no index holds it.
pub(crate) async fn oldest_along(
    store: &Store,
    indexes: &[IndexSpec],
    now: DateTime,
) -> Option<Fact<Option<DateTime>>> {
    let (ranges, others) = store.layouts().expired_parts(now)?;
    let ([(path, limit)], true) = (ranges.as_slice(), others.is_empty()) else { return None };
    if !indexes.iter().any(|index| index.leads_along(path)) {
        return None;
    }
    // Numbers sort before all dates; `$lt` with a date compares only dates.
    let command = doc! {
        "find": store.name(),
        "filter": { path: { "$lt": limit } },
        "projection": { path: 1, "_id": 0 },
        "sort": { path: 1 },
        "limit": 1,
        "singleBatch": true,
        "maxTimeMS": 10_000,
        "comment": format!("{} doctor", store.comment()),
    };
    let command = bson::RawDocumentBuf::try_from(&command)
        .map_err(|_| Error::Unsupported("the oldest session cannot be queried".into()));
    Some(match command {
        Ok(command) => store.oldest_expiry(command, now).await,
        Err(error) => Err(error),
    })
}

impl Store {
    /// The expiry of the first session that `find` returns.
    async fn oldest_expiry(
        &self,
        find: bson::RawDocumentBuf,
        now: DateTime,
    ) -> Fact<Option<DateTime>> {
        let reply = self.connection().run_raw("find", self.name(), find).await?;
        let Some(document) = first_batch(&reply).into_iter().next() else { return Ok(None) };
        let raw = bson::RawDocumentBuf::try_from(&document)
            .map_err(|_| Error::Unsupported("the oldest session cannot be read".into()))?;
        let session = self.layout().glance(&raw, now);
        Ok(session.expires.filter(|_| session.state == State::Expired))
    }
}

pub(crate) async fn sweeper(connection: &Connection, collection: &str) -> Fact<Option<Sweeper>> {
    let command = doc! {
        "find": LEASES,
        "filter": { "_id": connection.namespace(collection) },
        "limit": 1,
        "singleBatch": true,
    };
    let reply = connection.run("find", LEASES, command).await?;
    let read = |lease: Document| {
        let holder = lease.get_str("holder").ok()?.to_owned();
        let fence = lease.get_i64("fence").unwrap_or(0);
        Some(Sweeper { holder, until: *lease.get_datetime("until").ok()?, fence })
    };
    Ok(first_batch(&reply).into_iter().next().and_then(read))
}

async fn clocks(connection: &Connection, collection: &str, hello: &Document) -> Fact<Clocks> {
    let local = ask_for_clock(connection, None).await?;
    let mut clocks = Clocks { local: Skew { ahead: -local.ahead, ..local }, ..Clocks::default() };
    let primary = hello.get_str("primary").unwrap_or_default();
    for member in members(hello).into_iter().filter(|member| member != primary) {
        match ask_for_clock(connection, Some(&member)).await {
            Ok(of_member) => {
                let ahead = of_member.ahead.saturating_sub(local.ahead);
                let unsure = of_member.unsure.saturating_add(local.unsure);
                clocks.members.push((member, Skew { ahead, unsure }));
            }
            Err(_) => clocks.silent.push(member),
        }
    }
    if Topology::of(hello) == Topology::Sharded {
        connection.deciding_clock(Some(collection)).await?;
        clocks.spread = connection.clock_spread();
    }
    Ok(clocks)
}

/// How far the clock of a server is ahead of this machine's. The fastest of three answers is the
/// most precise: the first may include opening a connection.
async fn ask_for_clock(connection: &Connection, member: Option<&str>) -> Fact<Skew> {
    let mut best: Option<Skew> = None;
    for _ in 0..3 {
        let before = local_clock();
        let reply = connection.hello_of(member).await?;
        let after = local_clock();
        let Ok(server) = reply.get_datetime("localTime") else {
            return Err(Error::Unsupported("the server did not report its clock".into()));
        };
        // The server read its clock between the two times; the middle is the best estimate.
        let unsure = after.saturating_sub(before).saturating_add(1) / 2 + 1;
        let ahead = server.timestamp_millis().saturating_sub(before.saturating_add(unsure));
        if best.is_none_or(|best| unsure < best.unsure) {
            best = Some(Skew { ahead, unsure });
        }
    }
    best.ok_or_else(|| Error::Unsupported("the server did not report its clock".into()))
}

fn local_clock() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "this check is about the local clock")]
    DateTime::now().timestamp_millis()
}

impl Connection {
    /// The reply of a member, or the primary, to `hello`.
    async fn hello_of(&self, member: Option<&str>) -> Result<Document> {
        let Some(member) = member else {
            return self.run_on_admin("hello", doc! { "hello": 1 }).await;
        };
        let address = ServerAddress::parse(member)
            .map_err(|_| Error::Unsupported(format!("{member} is no address")))?;
        let is_member = move |server: &mongodb::ServerInfo<'_>| *server.address() == address;
        let criteria = SelectionCriteria::Predicate(std::sync::Arc::new(is_member));
        self.run_on_member(criteria, "hello", doc! { "hello": 1 }).await
    }
}
