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

    /// The name of the feature in the server's message.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::NowInFind | Self::NowInUpdate => &["NOW"],
            Self::BsonSize => &["bsonSize"],
            Self::Facet => &["facet"],
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
    pub(super) fn greeted(&self, hello: &Document) {
        let kind = match Topology::of(hello) {
            Topology::Standalone => 1,
            Topology::ReplicaSet => 2,
            Topology::Sharded => 3,
        };
        self.0.kind.store(kind, Ordering::Relaxed);
        self.0.wire.store(hello.get_i32("maxWireVersion").unwrap_or(0), Ordering::Relaxed);
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

    /// Whether the error shows that the server lacks this, which was unknown before.
    pub(crate) fn learns(&self, feature: Feature, error: &Error) -> bool {
        let Error::Server { message, .. } = error else { return false };
        let is_it = feature.words().iter().any(|word| message.contains(word));
        is_it && !error.is_transient() && self.note(feature)
    }

    /// Records that the server lacks this. Returns whether that was unknown before.
    pub(crate) fn note(&self, feature: Feature) -> bool {
        self.0.lacks.fetch_or(feature.bit(), Ordering::Relaxed) & feature.bit() == 0
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
}
