//! Batches in flight: archived first, then written, and counted when their result is known.

use bson::raw::RawDocumentBuf;
use bson::{Document, RawDocument, doc};
use tokio::task::JoinError;

use super::Purging;
use crate::error::{Error, Result};
use crate::model::key::Key;
use crate::ops::purge::batch::Batch;
use crate::ops::purge::candidates::{Candidates, Scope};
use crate::ops::purge::write::Written;

/// How many kept or refused sessions of a batch are named.
const NAMED: usize = 3;
impl Purging {
    /// Writes the candidates to the archive, if there is one. Removes those that it cannot
    /// represent, and returns their keys.
    pub(super) async fn keep(
        &mut self,
        mut candidates: Candidates,
    ) -> Result<(Candidates, Vec<Key>)> {
        let Some(mut archive) = self.archive.take() else {
            return match self.purge.archive {
                true => Err(Error::Unsupported("the purge has no archive to write to".into())),
                false => Ok((candidates, Vec::new())),
            };
        };
        let documents = std::mem::take(&mut candidates.documents);
        let writing = tokio::task::spawn_blocking(move || {
            let batch: Vec<&RawDocument> = documents.iter().map(|document| &**document).collect();
            let written = archive.write(&batch);
            (archive, written)
        });
        let Ok((archive, written)) = writing.await else { return Err(Error::lost_task()) };
        self.archive = Some(archive);
        let kept = candidates.retain(&written?.archived);
        Ok((candidates, kept))
    }

    pub(super) fn start(&mut self, mut candidates: Candidates, kept: Vec<Key>) {
        let expected = candidates.count;
        self.gate.begin(expected);
        let (window, spared) = match &candidates.scope {
            Scope::Window { range, .. } => (Some(range.clone()), None),
            Scope::Keys(_) | Scope::Each(_) => (self.expired_range(), Some(expected)),
        };
        let ids = std::mem::take(&mut candidates.ids);
        let users = std::mem::take(&mut candidates.users);
        let left = kept.iter().take(NAMED).map(Key::short).collect();
        let batch =
            Batch { spared, kept: kept.len() as u64, left, ids, users, window, ..Batch::default() };
        self.left.extend(kept);
        let writer = self.writer.clone();
        // In its own task, because a driver future must not be dropped.
        self.flights
            .push(tokio::spawn(async move { (expected, batch, writer.write(candidates).await) }));
    }

    /// The range of all sessions of a purge that is by the expiry alone. Those that are found in storage
    /// order have none that is narrower.
    fn expired_range(&self) -> Option<RawDocumentBuf> {
        let cutoff = self.purge.selection.cutoff;
        let parts = self.store.layouts().expired_parts(cutoff);
        let is_by_ranges =
            |(_, others): &(_, Vec<Document>)| others.is_empty() && self.purge.is_by_expiry_alone();
        let (ranges, _) = parts.filter(is_by_ranges)?;
        let ranges = ranges.into_iter().map(|(path, below)| (path, doc! { "$lt": below }.into()));
        let ranges: Document = ranges.collect();
        RawDocumentBuf::try_from(ranges).ok().filter(|range| range.iter().next().is_some())
    }

    /// The result of a batch; `None` if it failed completely.
    pub(super) async fn landed(
        &mut self,
        flight: Result<(u64, Batch, Written), JoinError>,
    ) -> Option<Batch> {
        let Ok((expected, mut batch, written)) = flight else {
            self.exact = false;
            self.failure = Some(Error::lost_task());
            return None;
        };
        let Written { done, exact, took, refused, unconfirmed, error } = written;
        self.unconfirmed = self.unconfirmed.take().or(unconfirmed);
        self.gate.end(expected, done, took);
        self.done += done;
        let may_count_twice = self.sharded && done > 0;
        self.exact &= exact && !may_count_twice;
        batch.refused = refused.len() as u64;
        batch.why = refused.first().map(|(_, why)| why.to_string());
        let named = refused.iter().map(|(key, _)| key.short());
        batch.left.extend(named.take(NAMED.saturating_sub(batch.left.len())));
        self.left.extend(refused.into_iter().map(|(key, _)| key));
        let mut spared = batch.spared.map(|read| read.saturating_sub(done + batch.refused));
        if error.is_none() && spared > Some(0) {
            let checked = self.check_collection().await;
            if !matches!(checked, Ok(true)) {
                spared = Some(0);
            }
            self.failure = self.failure.take().or(checked.err());
        }
        if let (Some(source), Some(spared)) = (&mut self.source, spared) {
            source.spared(spared);
        }
        // Sessions that an earlier attempt may have written were not renewed.
        batch.spared = spared.map(|spared| if exact && error.is_none() { spared } else { 0 });
        batch.archived = self.purge.archive.then_some(done);
        (batch.done, batch.exact, batch.took) = (done, exact && !may_count_twice, took);
        if self.exhausted && self.flights.is_empty() {
            self.exhausted = false;
        }
        let failed = error.is_some();
        if let Some(error) = error {
            self.fail(error);
        }
        // A batch whose outcome is unknown is one, too: what it may have ended is on record.
        (!failed || done > 0 || !exact).then_some(batch)
    }
}
