//! The progress of an index build on the server.

use std::collections::BTreeSet;

use bson::{Bson, Document, doc};

use crate::error::Result;
use crate::server::reply::affected;
use crate::store::Store;

/// An index build under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Building {
    /// The work done in this phase, such as documents read.
    pub done: u64,
    /// The total work of this phase.
    pub total: u64,
}

impl Store {
    /// The progress of an index build of this collection, if there is one and the server reports it.
    ///
    /// # Errors
    /// [`Error::Unauthorized`](crate::Error::Unauthorized) for a login without `inprog`.
    pub async fn index_building(&self) -> Result<Option<Building>> {
        let command = doc! {
            "currentOp": true,
            "ns": self.namespace(),
            "command.createIndexes": self.name(),
            // Only the phases that scan and insert have one.
            "progress": { "$exists": true },
        };
        let reply = self.connection().run_on_admin("currentOp", command).await?;
        let operations = reply.get_array("inprog").map(Vec::as_slice).unwrap_or_default();
        Ok(operations.iter().filter_map(Bson::as_document).find_map(progress))
    }
}

/// The names of the indexes that are being built, by the reply to `collStats`: behind a mongos, by that
/// of each shard.
pub(crate) fn builds(stats: &Document) -> Vec<String> {
    let shards = stats.get_document("shards").into_iter().flat_map(Document::values);
    let replies = std::iter::once(stats).chain(shards.filter_map(Bson::as_document));
    let names = replies.flat_map(|reply| reply.get_array("indexBuilds").into_iter().flatten());
    let names: BTreeSet<&str> = names.filter_map(Bson::as_str).collect();
    names.into_iter().map(str::to_owned).collect()
}

fn progress(operation: &Document) -> Option<Building> {
    let progress = operation.get_document("progress").ok()?;
    let (done, total) = (affected(progress, "done"), affected(progress, "total"));
    (total > 0).then_some(Building { done, total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_only_one_shard_builds_is_being_built() {
        assert_eq!(builds(&doc! { "count": 1 }), [""; 0]);
        assert_eq!(builds(&doc! { "indexBuilds": ["b_1", "a_1"] }), ["a_1", "b_1"]);
        let shards =
            doc! { "a": { "indexBuilds": ["at_1"] }, "b": {}, "c": { "indexBuilds": ["at_1"] } };
        assert_eq!(builds(&doc! { "shards": shards }), ["at_1"]);
    }
}
