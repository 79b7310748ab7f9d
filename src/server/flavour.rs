//! The kind and the features of the servers of a connection. All other code asks this module rather
//! than comparing versions or host names. Heartbeats reveal some features; others are known to be
//! missing once a server refuses them, so that no extra round trip is needed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use bson::Document;

use crate::error::Error;

/// What is known about the servers so far.
#[derive(Debug, Clone, Default)]
pub struct Flavour(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// The kind of the deployment, once a heartbeat has shown it.
    kind: AtomicU8,
    /// `maxWireVersion`.
    wire: AtomicI32,
    /// A bit for each feature that was refused.
    lacks: AtomicU32,
    /// The product, as a reply named it, and as the host names suggest; see [`Product::code`].
    named: AtomicU8,
    hosted: AtomicU8,
}

/// A product that speaks MongoDB's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// MongoDB itself, or a server that does not show that it is something else.
    MongoDb,
    /// Azure `DocumentDB`, formerly Cosmos DB for MongoDB vCore.
    AzureDocumentDb,
    /// Azure Cosmos DB for MongoDB, by request units.
    CosmosDb,
    /// Amazon `DocumentDB`.
    AmazonDocumentDb,
    /// `FerretDB`.
    FerretDb,
}

impl Product {
    /// The order matters: the hosts of Azure `DocumentDB` also end like those of Cosmos DB.
    const OTHERS: [Self; 4] =
        [Self::AzureDocumentDb, Self::CosmosDb, Self::AmazonDocumentDb, Self::FerretDb];

    /// The name of the product.
    pub fn name(self) -> &'static str {
        match self {
            Self::MongoDb => "MongoDB",
            Self::AzureDocumentDb => "Azure DocumentDB",
            Self::CosmosDb => "Azure Cosmos DB",
            Self::AmazonDocumentDb => "Amazon DocumentDB",
            Self::FerretDb => "FerretDB",
        }
    }

    /// Fields of its reply to `buildInfo`, or of `internal` in its reply to `hello`.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::MongoDb | Self::AmazonDocumentDb => &[],
            Self::AzureDocumentDb => &["documentdb_versions", "cosmos_versions"],
            Self::CosmosDb => &["_t"],
            Self::FerretDb => &["ferretdb", "ferretdbVersion", "ferretdbFeatures"],
        }
    }

    /// The endings of its host names. Amazon `DocumentDB` answers like MongoDB, so only they show it.
    fn hosts(self) -> &'static [&'static str] {
        match self {
            Self::MongoDb | Self::FerretDb => &[],
            Self::AzureDocumentDb => &[".mongocluster.cosmos.azure.com"],
            Self::CosmosDb => &[".cosmos.azure.com"],
            Self::AmazonDocumentDb => &[".docdb.amazonaws.com", ".docdb-elastic.amazonaws.com"],
        }
    }

    /// The product that a reply to `buildInfo`, or `internal` in one to `hello`, names.
    fn named_by(reply: &Document) -> Option<Self> {
        let is_named = |product: &Self| product.fields().iter().any(|one| reply.contains_key(one));
        Self::OTHERS.into_iter().find(is_named)
    }

    fn of_host(host: &str) -> Option<Self> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
        let ends = |product: &Self| product.hosts().iter().any(|end| name.ends_with(end));
        Self::OTHERS.into_iter().find(ends)
    }

    /// A number other than 0, which means that nothing is known.
    fn code(self) -> u8 {
        self as u8 + 1
    }

    fn of_code(code: u8) -> Option<Self> {
        Self::OTHERS.into_iter().find(|product| product.code() == code)
    }
}

/// Features that some servers lack, and their replacements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    /// `$$NOW` in the projection of a find; the clock is read before.
    NowInFind,
    /// `$$NOW` in an update; the clock is read before, and the update has a condition.
    NowInUpdate,
    /// `$bsonSize`; sizes are unknown.
    BsonSize,
    /// `$facet`; several aggregations.
    Facet,
    /// `listCollections` with a filter; all are listed.
    FilteredCollections,
    /// Writes that the driver repeats; it does not.
    RetryableWrites,
}

/// The clock in the server's message.
const NOW: [&str; 2] = ["variable: NOW", "$$NOW"];
/// `DuplicateKey`, whose message quotes the values.
const DUPLICATE_KEY: i32 = 11000;

impl Feature {
    const ALL: [Self; 6] = [
        Self::NowInFind,
        Self::NowInUpdate,
        Self::BsonSize,
        Self::Facet,
        Self::FilteredCollections,
        Self::RetryableWrites,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::NowInFind => "$$NOW in finds",
            Self::NowInUpdate => "$$NOW in updates",
            Self::BsonSize => "$bsonSize",
            Self::Facet => "$facet",
            Self::FilteredCollections => "filters of listCollections",
            Self::RetryableWrites => "retryable writes",
        }
    }

    /// The name of the feature in the server's message, with so much around it that no name of a
    /// database or a field is taken for it.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::NowInFind => &NOW,
            // A server without the stage is treated alike: it may say so before it comes to the clock.
            Self::NowInUpdate => &[NOW[0], NOW[1], "$replaceWith"],
            Self::BsonSize => &["$bsonSize"],
            Self::Facet => &["$facet"],
            Self::FilteredCollections => &["filter"],
            // Amazon DocumentDB; a standalone mongod; Cosmos DB.
            Self::RetryableWrites => {
                &["etryable writes", "Transaction numbers", "single shard key"]
            }
        }
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// MongoDB 8.0, whose `defaultMaxTimeMS` cuts off reads.
const WIRE_OF_8_0: i32 = 25;

impl Flavour {
    /// Learns from the reply to a heartbeat.
    pub(crate) fn greeted(&self, hello: &Document) {
        let kind = match Topology::of(hello) {
            Topology::Standalone => 1,
            Topology::ReplicaSet => 2,
            Topology::Sharded => 3,
        };
        self.0.kind.store(kind, Ordering::Relaxed);
        self.0.wire.store(hello.get_i32("maxWireVersion").unwrap_or(0), Ordering::Relaxed);
        // Azure DocumentDB names itself only there.
        if let Ok(internal) = hello.get_document("internal") {
            self.built(internal);
        }
        // The connection string may have an alias; the members know their own names.
        let names = ["hosts", "passives"].map(|list| hello.get_array(list).ok());
        let names = names.into_iter().flatten().flatten().filter_map(|name| name.as_str());
        names.chain(hello.get_str("me")).for_each(|name| self.is_at(name));
    }

    /// Learns from the reply to `buildInfo`.
    pub(crate) fn built(&self, reply: &Document) {
        if let Some(product) = Product::named_by(reply) {
            self.0.named.store(product.code(), Ordering::Relaxed);
        }
    }

    /// Learns from the name of a host.
    pub(crate) fn is_at(&self, host: &str) {
        if let Some(product) = Product::of_host(host) {
            self.0.hosted.store(product.code(), Ordering::Relaxed);
        }
    }

    /// The product. What a server reports about itself counts more than its host name.
    #[must_use]
    pub fn product(&self) -> Product {
        let known = |code: &AtomicU8| Product::of_code(code.load(Ordering::Relaxed));
        known(&self.0.named).or_else(|| known(&self.0.hosted)).unwrap_or(Product::MongoDb)
    }

    /// The kind of the deployment, once a server has answered.
    pub(crate) fn topology(&self) -> Option<Topology> {
        match self.0.kind.load(Ordering::Relaxed) {
            1 => Some(Topology::Standalone),
            2 => Some(Topology::ReplicaSet),
            3 => Some(Topology::Sharded),
            _ => None,
        }
    }

    /// Whether the server is known to lack this.
    pub(crate) fn lacks(&self, feature: Feature) -> bool {
        self.0.lacks.load(Ordering::Relaxed) & feature.bit() != 0
    }

    /// What the server has refused so far, because it lacks it.
    #[must_use]
    pub fn lacking(&self) -> Vec<&'static str> {
        let lacks = |feature: &Feature| self.lacks(*feature);
        Feature::ALL.into_iter().filter(lacks).map(Feature::name).collect()
    }

    /// Whether the error shows that the server lacks this, even if another command has shown it in
    /// the meantime. The caller repeats its command once, without the feature.
    pub(crate) fn learns(&self, feature: Feature, error: &Error) -> bool {
        let Error::Server { code, message, .. } = error else { return false };
        let is_it = feature.words().iter().any(|word| message.contains(word));
        let shows = is_it && *code != DUPLICATE_KEY && !error.is_transient();
        if shows {
            self.note(feature);
        }
        shows
    }

    /// Records that the server lacks this.
    pub(crate) fn note(&self, feature: Feature) {
        self.0.lacks.fetch_or(feature.bit(), Ordering::Relaxed);
    }

    /// Whether an operator can have set a limit for reads that have none (`defaultMaxTimeMS`).
    pub(crate) fn may_cut_reads(&self) -> bool {
        let wire = self.0.wire.load(Ordering::Relaxed);
        // The first command is made before a server has answered.
        wire == 0 || wire >= WIRE_OF_8_0
    }

    /// Whether the server is the router of a sharded cluster. There, a chunk migration can make a
    /// write of many documents miss some of them or apply twice (TOOLS-3431, SERVER-20361), and a
    /// count without a query includes orphaned documents (SERVER-3645).
    #[must_use]
    pub fn is_sharded(&self) -> bool {
        self.topology() == Some(Topology::Sharded)
    }
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

/// How far the clocks of a sharded cluster are apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spread {
    /// The difference between the earliest and the latest clock.
    pub apart: Duration,
    /// Whose clock is the earliest.
    pub earliest: String,
    /// Whose clock is the latest.
    pub latest: String,
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { apart, earliest, latest } = self;
        let seconds = apart.as_secs();
        write!(
            f,
            "the clocks of the cluster differ by {seconds} s: {latest} is ahead of {earliest}"
        )
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.product() {
            Product::MongoDb => {}
            product => write!(f, "{}, ", product.name())?,
        }
        f.write_str(match self.topology() {
            None => "no server has answered",
            Some(Topology::Standalone) => "a standalone server",
            Some(Topology::ReplicaSet) => "a replica set",
            Some(Topology::Sharded) => "a sharded cluster",
        })?;
        match self.lacking() {
            lacks if lacks.is_empty() => Ok(()),
            lacks => write!(f, ", without {}", lacks.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;

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

    #[test]
    fn what_a_server_lacks_is_not_learned_from_the_names_that_its_message_quotes() {
        let says = |code, message: &str| Error::Server {
            code,
            name: String::new(),
            message: message.to_owned(),
            source: None,
        };
        let flavour = Flavour::default();
        for (code, message) in [
            (
                11000,
                "E11000 duplicate key error collection: app.s index: id_1 dup key: { id: \"$$NOW\" }",
            ),
            (72, "index id_1 of SNOW.sessions is not ready"),
        ] {
            assert!(!flavour.learns(Feature::NowInUpdate, &says(code, message)), "{message}");
        }
        assert!(flavour.lacking().is_empty());
        for (code, message) in [
            (17276, "Use of undefined variable: NOW"),
            (40324, "Unrecognized pipeline stage name: '$replaceWith'"),
        ] {
            let flavour = Flavour::default();
            assert!(flavour.learns(Feature::NowInUpdate, &says(code, message)), "{message}");
        }
    }

    /// Their replies to `buildInfo`, shortened, with hosts from their connection strings.
    #[test]
    fn a_product_is_known_by_what_it_reports_and_else_by_its_host() {
        let is = |reply: Document, hosts: &[&str]| {
            let flavour = Flavour::default();
            hosts.iter().for_each(|host| flavour.is_at(host));
            flavour.built(&reply);
            flavour.product()
        };
        let build = |version: &str| doc! { "version": version, "bits": 64 };
        assert_eq!(
            is(doc! { "version": "4.2.0", "_t": "BuildInfoResponse" }, &["localhost:10255"]),
            Product::CosmosDb
        );
        let cluster = "c.abc.mongocluster.cosmos.azure.com:10260";
        assert_eq!(is(build("7.0.0"), &[cluster]), Product::AzureDocumentDb);
        let amazon = "docdb-1.cluster-abc.eu-west-1.docdb.amazonaws.com:27017";
        assert_eq!(is(build("5.0.0"), &[amazon]), Product::AmazonDocumentDb);
        let ferret = doc! { "version": "7.0.77", "ferretdb": { "version": "v2.7.0" } };
        assert_eq!(is(ferret.clone(), &["db1:27017"]), Product::FerretDb);
        assert_eq!(is(ferret, &[amazon]), Product::FerretDb, "what it reports counts");
        let oldest = doc! { "version": "7.0.42", "ferretdbVersion": "v1.24.2" };
        assert_eq!(is(oldest, &["db1:27017"]), Product::FerretDb);
        // A host that only looks similar.
        let similar = "cosmos.azure.com.example.org:27017";
        assert_eq!(is(build("8.0.4"), &[similar]), Product::MongoDb);
    }

    #[test]
    fn a_heartbeat_names_the_product_too() {
        let flavour = Flavour::default();
        flavour.greeted(&doc! { "internal": { "documentdb_versions": ["0.117-0"] } });
        assert_eq!(flavour.product(), Product::AzureDocumentDb);
        assert_eq!(flavour.to_string(), "Azure DocumentDB, a standalone server");
        let behind_an_alias = Flavour::default();
        let member = "docdb-1.abc.eu-west-1.docdb.amazonaws.com:27017";
        behind_an_alias.greeted(&doc! { "setName": "rs0", "hosts": [member] });
        assert_eq!(behind_an_alias.product(), Product::AmazonDocumentDb);
    }
}
