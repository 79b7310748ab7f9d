//! The action, the sessions, and the throttling: plain values.

use std::fmt;
use std::time::Duration;

use bson::{DateTime, Document, doc};

use super::pace::Pace;
use crate::error::Result;
use crate::model::filter::{Filter, all};
use crate::model::layout::{Layouts, Mending};
use crate::model::query::Query;
use crate::model::selection::Selection;
use crate::model::session::State;

/// The action of a purge on a session.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Its document is deleted.
    Delete,
    /// Its expiry is set into the past; the document stays until it is swept.
    Expire,
    /// Its expiry is fixed, for each layout of the collection in order; sessions without the fault do not
    /// change.
    Fix(Vec<Mending>),
}

impl Action {
    /// The filter of the sessions that were not written yet. A write repeats it, so that a retry after a
    /// lost answer changes and counts nothing twice.
    fn pending(&self, layouts: &Layouts, now: DateTime) -> Document {
        match self {
            Self::Delete => Document::new(),
            Self::Expire => doc! { "$nor": [layouts.filter(State::Expired, now)] },
            Self::Fix(mendings) => layouts.either(selections(mendings)),
        }
    }
}

fn selections(mendings: &[Mending]) -> Vec<Document> {
    mendings.iter().map(|mending| mending.selection.clone()).collect()
}

/// A selection and the action on it: a plain value. `expire` and `fix` are purges with another action.
#[derive(Debug, Clone)]
pub struct Purge {
    /// The sessions.
    pub selection: Selection,
    /// The action.
    pub action: Action,
    /// Sessions per batch; in a scan of the collection, sessions examined. By default, a number
    /// that is fast for the strategy.
    pub batch_size: Option<u32>,
    /// Batches in flight; by default, a number that is fast on this deployment.
    pub jobs: Option<u32>,
    /// The throttling.
    pub pace: Pace,
    /// How long a long purge tries the other [`Order`](super::Order) before it keeps the faster one.
    pub trial: Duration,
    /// Whether the documents are archived, so that they must be read.
    pub archive: bool,
    /// Whether batches report the ids of their sessions.
    pub tells_ids: bool,
    /// Whether batches with ids also report users, so that whole sessions are read.
    pub tells_users: bool,
}

impl Purge {
    /// Applies `action` to the sessions of `selection`, but to credentials of programs only if they
    /// are named by id.
    pub fn new(selection: Selection, action: Action) -> Self {
        Self {
            selection: Selection { spares_credentials: true, ..selection },
            action,
            batch_size: None,
            jobs: None,
            pace: Pace::default(),
            trial: Duration::from_secs(1),
            archive: false,
            tells_ids: false,
            tells_users: false,
        }
    }

    /// Deletes the sessions that are expired at `cutoff`.
    pub fn expired(now: DateTime, cutoff: DateTime) -> Self {
        Self::new(Selection::expired(now, cutoff), Action::Delete)
    }

    /// The filters of the sessions that the action applies to; see [`Selection::filter`].
    ///
    /// # Errors
    /// As for [`Selection::filter`].
    pub fn filter(&self, layouts: &Layouts) -> Result<Vec<Filter>> {
        Ok(self.selection.keyed(&self.condition(layouts)?))
    }

    /// The filter of the sessions that the action applies to, without the `_id`s.
    pub(super) fn condition(&self, layouts: &Layouts) -> Result<Document> {
        Ok(all(vec![self.selection.condition(layouts)?, self.pending(layouts)]))
    }

    /// The same for only a few of the named sessions, which have the same plan as all of them.
    pub(super) fn few(&self) -> Self {
        const FEW: usize = 100;
        let keys = self.selection.keys.as_ref();
        let keys = keys.map(|keys| keys.iter().take(FEW).cloned().collect());
        Self { selection: Selection { keys, ..self.selection.clone() }, ..self.clone() }
    }

    /// The filter that a write by `_id` repeats.
    pub(super) fn predicate(&self, layouts: &Layouts) -> Result<Document> {
        Ok(all(vec![self.selection.predicate(layouts)?, self.pending(layouts)]))
    }

    fn pending(&self, layouts: &Layouts) -> Document {
        self.action.pending(layouts, self.selection.now)
    }

    /// Whether it deletes expired sessions without any other condition. Then ranges of the expiry
    /// are enough, and no session needs to be read.
    pub(super) fn is_by_expiry_alone(&self) -> bool {
        // Sessions spared by `_id` are part of every filter.
        let Selection { query, keys, .. } = &self.selection;
        *query == Query::state(State::Expired)
            && keys.is_none()
            && self.action == Action::Delete
            && !self.needs_documents()
    }

    /// Whether it covers every session of the collection.
    pub(super) fn is_of_all(&self) -> bool {
        self.selection.query == Query::default() && !matches!(self.action, Action::Fix(_))
    }

    /// Whether the sessions themselves must be read.
    pub(super) fn needs_documents(&self) -> bool {
        self.archive || self.tells_ids || self.selection.needs_payload()
    }
}

/// The steps in which a purge processes its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Windows of the expiry, along its index: only their bounds are read.
    ExpiryWindows,
    /// Windows of the `_id`, over the whole collection, because no index finds the sessions.
    IdWindows,
    /// The sessions are read, and written by their `_id`.
    Ids,
}

impl Strategy {
    /// How many sessions a batch has by default. Ids travel to the server and back, so
    /// there are fewer of them.
    pub(super) fn batch_size(self) -> u32 {
        match self {
            Self::ExpiryWindows | Self::IdWindows => 5000,
            Self::Ids => 1000,
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ExpiryWindows => "expiry windows",
            Self::IdWindows => "_id windows",
            Self::Ids => "ids",
        })
    }
}
