//! The progress of an index build on the server.

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

fn progress(operation: &Document) -> Option<Building> {
    let progress = operation.get_document("progress").ok()?;
    let (done, total) = (affected(progress, "done"), affected(progress, "total"));
    (total > 0).then_some(Building { done, total })
}
