//! The target of a copy: whether it is the source under another name, and its indexes.

use std::time::Duration;

use bson::doc;
use bson::oid::ObjectId;

use crate::error::{Error, Result};
use crate::ops::index::TtlState;
use crate::server::reply::first_batch;
use crate::store::{Identity, Store};

/// Where a mark is left for a moment, in the database of the target.
const MARKS: &str = "sessionctl_copies";

impl Store {
    /// Whether this is the same collection as `other`, reached in another way. Where the collections'
    /// own ids do not decide, a mark is written beside this one and looked for beside the other, unless
    /// nothing may be written: then they count as the same.
    ///
    /// # Errors
    /// If a command cannot be sent or the server rejects it.
    pub async fn is_same_as(&self, other: &Self, may_write: bool) -> Result<bool> {
        if self.namespace() != other.namespace() {
            return Ok(false);
        }
        match (self.identity().await?, other.identity().await?) {
            (Identity::Known(ours), Identity::Known(theirs)) if ours != theirs => return Ok(false),
            // A copy of a whole server has the same ids.
            _ if !may_write => return Ok(true),
            _ => {}
        }
        let mark = ObjectId::new();
        let insert = doc! {
            "insert": MARKS, "documents": [{ "_id": mark }], "writeConcern": { "w": "majority" },
            "comment": self.comment(),
        };
        self.connection().run("insert", MARKS, insert).await?;
        let find =
            doc! { "find": MARKS, "filter": { "_id": mark }, "limit": 1, "singleBatch": true };
        let found = other.connection().run("find", MARKS, find).await;
        let delete = doc! {
            "delete": MARKS, "deletes": [{ "q": { "_id": mark }, "limit": 1 }],
            "comment": self.comment(),
        };
        self.connection().run("delete", MARKS, delete).await?;
        Ok(!first_batch(&found?).is_empty())
    }

    /// The lifetime that the TTL index of this collection says, where its layout has none of its own.
    ///
    /// # Errors
    /// If the command cannot be sent or the server rejects it.
    pub async fn lifetime_of_index(&self) -> Result<Option<Duration>> {
        // Layouts of several families have no index in common.
        let Ok(layout) = self.layouts().of_index() else { return Ok(None) };
        let indexes = match self.indexes().await {
            Err(Error::NoCollection { .. }) => return Ok(None),
            // With the lifetime of its layout instead, the target would delete sessions too early.
            indexes => indexes?,
        };
        Ok(layout.lifetime_of(&indexes).filter(|_| layout.lifetime_from_index()))
    }

    /// Creates the collection and its indexes as the stores of its layouts would. A TTL index that
    /// differs is left as it is. Whether the TTL index of the layout is there now.
    ///
    /// # Errors
    /// If the server refuses a command or cannot be reached.
    pub async fn make_indexes(&self, lifetime: Option<Duration>) -> Result<bool> {
        self.make_id_index().await?;
        match self.index_status(lifetime).await {
            Ok(status) if status.state == TtlState::Unsupported => return Ok(false),
            // Layouts of several families need more than one.
            Err(Error::Unsupported(_)) => return Ok(false),
            status => drop(status?),
        }
        match self.index_install(lifetime).await {
            Err(Error::IndexDiffers(_)) => Ok(false),
            installed => installed.map(|_| true),
        }
    }
}
