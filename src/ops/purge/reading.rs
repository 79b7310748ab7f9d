//! One batch is read, or only looked for along an index.

use bson::raw::cstr;
use bson::{RawDocument, doc, rawdoc};

use super::order::{Order, Work};
use super::spec::Purge;
use crate::error::Result;
use crate::model::filter::Filter;
use crate::model::key::Key;
use crate::model::raw::Raw;
use crate::server::reply::documents;
use crate::store::{Batches, Store, joined, raw_document};

/// What reading the next batch needs: the collection, the action, and how many sessions are read at
/// once.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadContext<'a> {
    pub(super) store: &'a Store,
    pub(super) purge: &'a Purge,
    pub(super) size: u32,
    /// How many sessions one write takes at most. A window is no larger, since it is written whole.
    pub(super) most: u32,
    /// Whether batches are being written.
    pub(super) in_flight: bool,
    /// Whether the purge is steered by what other clients feel.
    pub(super) gentle: bool,
    /// The work so far.
    pub(super) work: Work,
}

impl ReadContext<'_> {
    /// The fields to read of the matching sessions.
    pub(super) async fn candidates(
        self,
        filter: impl Into<Filter>,
        order: Order,
    ) -> Result<Batches> {
        let Self { store, purge, size, .. } = self;
        // Only a whole document shows which of several fields holds its id.
        let is_id_unclear = purge.tells_ids && !store.layouts().share_ids();
        let tells_users = purge.tells_ids && purge.tells_users;
        let is_whole =
            purge.selection.needs_payload() || purge.archive || is_id_unclear || tells_users;
        let id = &*store.layout().id.path;
        let also = Some(id).filter(|id| purge.tells_ids && *id != "_id");
        match (order, is_whole) {
            (Order::Stored, _) => {
                let also = (!is_whole).then_some(also.as_slice());
                store.read_stored(filter, also, size).await
            }
            (Order::Index, true) => store.read_whole(filter, size).await,
            (Order::Index, false) => store.read_ids(filter, also.as_slice(), size).await,
        }
    }

    /// The value of `path` that is `skip` entries further along an index, if there is one.
    pub(super) async fn bound(
        self,
        range: &RawDocument,
        path: &str,
        index: &str,
        skip: u32,
    ) -> Result<Option<Key>> {
        let mut projection = doc! { path: 1 };
        if path != "_id" {
            projection.insert("_id", 0);
        }
        let mut parts = Raw::new();
        parts.document("filter", range);
        parts.document("projection", &raw_document(&projection)?);
        parts.document("sort", &raw_document(&doc! { path: 1 })?);
        let mut find = joined(&rawdoc! { "find": self.store.name() }, &parts.done());
        find.append(cstr!("hint"), index);
        find.append(cstr!("skip"), i64::from(skip));
        find.append(cstr!("limit"), 1);
        find.append(cstr!("singleBatch"), true);
        let mut found = self.store.read_raw("find", find, 1).await?;
        let Some(batch) = found.next().await? else { return Ok(None) };
        let first = documents(&batch).next();
        Ok(first.and_then(|document| Key::at(document, path).or_else(|| outer(document, path))))
    }
}

/// The value at a dotted path, or the first array on it, at which a window cannot end.
fn outer(document: &RawDocument, path: &str) -> Option<Key> {
    path.split_once('.').and_then(|(first, _)| Key::at(document, first))
}
