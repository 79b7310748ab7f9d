//! Deleting or ending the sessions of a selection, in batches that the caller pulls: the caller owns
//! progress, limits and interruption, and may stop between any two batches.
//!
//! Several batches are in flight at a time. Every write repeats the whole predicate and names the
//! index that it goes along: a session renewed between the read and the write lives.

use bson::{Bson, DateTime, Document, RawDocument, doc};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::model::filter::all;
use crate::model::layout::Mending;
use crate::model::query::Query;
use crate::model::session::State;
use crate::server::reply::{documents, key_of};
use crate::store::{Reading, Store};

mod pace;
mod plan;
mod run;
mod source;
mod write;

pub use crate::server::connection::MOST_IN_FLIGHT as MOST_JOBS;
pub use pace::{Cause, Pace, Throttled};
pub use plan::{Plan, Strategy};
pub use run::{Batch, Purging, Step};

/// How many `_id`s go into one filter.
const KEYS_AT_ONCE: usize = 10_000;

/// What happens to a selected session.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// Its document is deleted.
    Deleted,
    /// Its expiry is set into the past; the document stays until it is swept.
    Ended,
    /// What is wrong with its expiry is put right; sessions without the fault are left alone.
    Mended(Box<Mending>),
}

/// A selection and what shall happen to it: a plain value.
#[derive(Debug, Clone)]
pub struct Purge {
    /// The selection.
    pub query: Query,
    /// The `_id`s it is limited to, if ids were given.
    pub keys: Option<Vec<Bson>>,
    /// The server's now at the start.
    pub now: DateTime,
    /// What is before it is expired.
    pub cutoff: DateTime,
    /// Delete, or end.
    pub fate: Fate,
    /// Sessions a batch; in a walk over the collection, sessions looked at. Without a number, as
    /// many as are fast in the way they are found.
    pub batch_size: Option<u32>,
    /// Batches in flight; without a number, as many as are fast on this deployment.
    pub jobs: Option<u32>,
    /// How gently.
    pub pace: Pace,
    /// Whether the documents are kept in an archive, so that they must be read.
    pub archive: bool,
    /// Whether batches tell the ids of their sessions.
    pub tells_ids: bool,
}

impl Purge {
    /// What happens to the sessions of `query`, at the server's `now`.
    pub fn new(query: Query, fate: Fate, now: DateTime, cutoff: DateTime) -> Self {
        Self {
            query,
            keys: None,
            now,
            cutoff,
            fate,
            batch_size: None,
            jobs: None,
            pace: Pace::default(),
            archive: false,
            tells_ids: false,
        }
    }

    /// Deletes what is expired at `cutoff`.
    pub fn expired(now: DateTime, cutoff: DateTime) -> Self {
        Self::new(Query::state(State::Expired), Fate::Deleted, now, cutoff)
    }

    /// Whether the sessions themselves must be read.
    fn needs_documents(&self) -> bool {
        self.archive || self.tells_ids || self.query.needs_payload()
    }
}

impl Store {
    /// The filter of what a selection means, as far as the server can decide it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the layout cannot tell.
    pub fn matching(&self, purge: &Purge) -> Result<Document> {
        Ok(all(vec![keyed(purge.keys.as_deref()), self.meant(purge)?]))
    }

    /// The filter of what a purge ends: what its selection means, without what is spared.
    ///
    /// # Errors
    /// As for [`Store::matching`].
    pub fn selection(&self, purge: &Purge) -> Result<Document> {
        Ok(all(vec![keyed(purge.keys.as_deref()), self.condition(purge)?]))
    }

    fn meant(&self, purge: &Purge) -> Result<Document> {
        purge.query.filter(self.layout(), purge.now, purge.cutoff)
    }

    /// What every session that a purge ends must fulfil, whatever its `_id`.
    fn condition(&self, purge: &Purge) -> Result<Document> {
        let mut clauses = vec![self.meant(purge)?];
        clauses.extend(self.spared(purge).map(|some| doc! { "$nor": [some] }));
        clauses.push(self.undone(purge));
        Ok(all(clauses))
    }

    /// Where sessions are ended, what is over already is left as it is; where they are mended, what
    /// is whole.
    fn undone(&self, purge: &Purge) -> Document {
        match &purge.fate {
            Fate::Deleted => Document::new(),
            Fate::Ended => doc! { "$nor": [self.layout().filter(State::Expired, purge.now)] },
            Fate::Mended(mending) => mending.selection.clone(),
        }
    }

    /// Credentials of programs are ended by name only; an expired one is dead like any other.
    fn spared(&self, purge: &Purge) -> Option<Document> {
        let may_hit = purge.keys.is_none() && !purge.query.is_only_expired();
        self.layout().credentials().filter(|_| may_hit)
    }

    /// How many documents a purge spares because they are credentials rather than logins.
    ///
    /// # Errors
    /// What the connection meets.
    pub async fn count_spared(&self, purge: &Purge) -> Result<u64> {
        match self.spared(purge) {
            Some(spared) => self.count(all(vec![self.matching(purge)?, spared])).await,
            None => Ok(0),
        }
    }

    /// Of the sessions that a purge would mend, how many are over as soon as they are.
    ///
    /// # Errors
    /// What the connection meets.
    pub async fn count_over(&self, purge: &Purge, mending: &Mending) -> Result<u64> {
        self.count(all(vec![self.condition(purge)?, mending.over.clone()])).await
    }

    /// How many sessions have the fault, but in a form that nobody can mend for sure.
    ///
    /// # Errors
    /// What the connection meets.
    pub async fn count_unclear(&self, mending: &Mending) -> Result<u64> {
        match &mending.unclear {
            Some(unclear) => self.count(unclear.clone()).await,
            None => Ok(0),
        }
    }

    /// How many sessions a selection has now, decoding every candidate if it must.
    ///
    /// # Errors
    /// As for [`Store::purge`].
    pub async fn count_selected(&self, purge: &Purge) -> Result<u64> {
        let condition = self.condition(purge)?;
        let Some(keys) = &purge.keys else { return self.count_among(purge, condition).await };
        let mut count = 0;
        for some in keys.chunks(KEYS_AT_ONCE) {
            let these = all(vec![keyed(Some(some)), condition.clone()]);
            count += self.count_among(purge, these).await?;
        }
        Ok(count)
    }

    async fn count_among(&self, purge: &Purge, filter: Document) -> Result<u64> {
        if !purge.query.needs_payload() {
            return self.count(filter).await;
        }
        let mut batches = self.read(filter, &Reading::default()).await?;
        let mut count = 0;
        while let Some(batch) = batches.next().await? {
            count +=
                documents(&batch).filter(|document| self.admits(purge, document)).count() as u64;
        }
        Ok(count)
    }

    /// Whether a session that matched the server's part of a selection is meant.
    pub fn admits(&self, purge: &Purge, document: &RawDocument) -> bool {
        purge.query.admit(self.layout(), document, purge.cutoff).is_some()
    }

    /// The `_id`s of sessions that match a purge although it ended them: of those that their store
    /// looks up by `ids`.
    ///
    /// # Errors
    /// As for [`Store::purge`].
    pub async fn reappeared(&self, purge: &Purge, ids: &[Bson]) -> Result<Vec<Bson>> {
        let condition = self.meant(purge)?;
        let mut keys = Vec::new();
        for some in ids.chunks(KEYS_AT_ONCE) {
            let these = doc! { &self.layout().id.path: { "$in": some } };
            let filter = all(vec![these, condition.clone(), self.undone(purge)]);
            let mut batches = self.read(filter, &Reading::default()).await?;
            while let Some(batch) = batches.next().await? {
                let admitted = documents(&batch).filter(|document| self.admits(purge, document));
                keys.extend(admitted.filter_map(key_of));
            }
        }
        Ok(keys)
    }

    /// Starts a purge: nothing is read or written before its first batch is pulled.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the layout has no date for a condition, or no way to end a
    /// session but to delete it.
    pub fn purge(&self, purge: Purge, cancel: CancellationToken) -> Result<Purging> {
        self.condition(&purge)?;
        let update = match &purge.fate {
            Fate::Deleted => None,
            Fate::Ended => Some(self.ending(purge.now)?.into()),
            Fate::Mended(mending) => Some(mending.update.clone().into()),
        };
        Ok(Purging::new(self, purge, update, cancel))
    }

    /// How one session is logged out: it is ended where its store looks at the expiry when it reads,
    /// and else deleted.
    pub fn way_out(&self, now: DateTime) -> Fate {
        if self.ending(now).is_ok() { Fate::Ended } else { Fate::Deleted }
    }

    /// The update that ends a session.
    fn ending(&self, now: DateTime) -> Result<Document> {
        let layout = self.layout();
        layout.ending(now).filter(|_| layout.checks_expiry_on_read).ok_or_else(|| {
            Error::Unsupported(format!(
                "the store of layout {} does not look at the expiry when it reads, so an expired \
                 session still logs in until it is deleted",
                layout.name
            ))
        })
    }
}

fn keyed(keys: Option<&[Bson]>) -> Document {
    keys.map_or_else(Document::new, |keys| doc! { "_id": { "$in": keys } })
}
