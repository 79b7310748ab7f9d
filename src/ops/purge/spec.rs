//! The action, the sessions, and the throttling: plain values.

use std::fmt;

use bson::{DateTime, Document, doc};

use super::pace::Pace;
use crate::error::Result;
use crate::model::filter::{Filter, all};
use crate::model::layout::{Layouts, Mending};
use crate::model::query::Query;
use crate::model::selection::Selection;
use crate::model::session::State;

/// What a purge does to a session.
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

/// A selection and the action on it: a plain value.
#[derive(Debug, Clone)]
pub struct Purge {
    /// Which sessions.
    pub selection: Selection,
    /// The action.
    pub action: Action,
    /// Sessions per batch; in a scan of the collection, sessions examined. Without a number, the
    /// number that is fast for the strategy.
    pub batch_size: Option<u32>,
    /// Batches in flight; without a number, the number that is fast on this deployment.
    pub jobs: Option<u32>,
    /// The throttling.
    pub pace: Pace,
    /// Whether the documents are kept in an archive, so that they must be read.
    pub archive: bool,
    /// Whether batches report the ids of their sessions.
    pub tells_ids: bool,
    /// Whether batches that tell ids tell the users, too, so that whole sessions are read.
    pub tells_users: bool,
}

impl Purge {
    /// Applies `action` to the sessions of `selection`, but to credentials of programs only if they are
    /// named.
    pub fn new(selection: Selection, action: Action) -> Self {
        Self {
            selection: Selection { spares_credentials: true, ..selection },
            action,
            batch_size: None,
            jobs: None,
            pace: Pace::default(),
            archive: false,
            tells_ids: false,
            tells_users: false,
        }
    }

    /// Deletes the sessions that are expired at `cutoff`.
    pub fn expired(now: DateTime, cutoff: DateTime) -> Self {
        Self::new(Selection::expired(now, cutoff), Action::Delete)
    }

    /// The filters of the sessions to which something is done; see [`Selection::filter`].
    ///
    /// # Errors
    /// As for [`Selection::filter`].
    pub fn filter(&self, layouts: &Layouts) -> Result<Vec<Filter>> {
        Ok(self.selection.keyed(&self.condition(layouts)?))
    }

    /// The filter of the sessions to which something is done, without the `_id`s.
    pub(super) fn condition(&self, layouts: &Layouts) -> Result<Document> {
        Ok(all(vec![self.selection.condition(layouts)?, self.pending(layouts)]))
    }

    /// The same of no more than a few of the sessions that are named, whose plan is that of all.
    pub(super) fn few(&self) -> Self {
        const FEW: usize = 100;
        let keys = self.selection.keys.as_ref();
        let keys = keys.map(|keys| keys.iter().take(FEW).cloned().collect());
        Self { selection: Selection { keys, ..self.selection.clone() }, ..self.clone() }
    }

    /// What a write repeats that names the `_id`s itself.
    pub(super) fn predicate(&self, layouts: &Layouts) -> Result<Document> {
        Ok(all(vec![self.selection.predicate(layouts)?, self.pending(layouts)]))
    }

    fn pending(&self, layouts: &Layouts) -> Document {
        self.action.pending(layouts, self.selection.now)
    }

    /// Whether it deletes expired sessions, without any other condition: then ranges of the expiry are
    /// enough, and no session needs to be read.
    pub(super) fn is_by_expiry_alone(&self) -> bool {
        // What is excepted by its `_id` is part of every filter.
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
    /// Windows of the expiry, along its index: nothing but their bounds is read.
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
