//! What is to be done, to which sessions, and how gently: plain values.

use std::fmt;

use bson::{DateTime, Document, doc};

use super::pace::Pace;
use crate::error::Result;
use crate::model::filter::all;
use crate::model::layout::{Layouts, Mending};
use crate::model::query::Query;
use crate::model::selection::Selection;
use crate::model::session::State;

/// What is done to a session.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Its document is deleted.
    Delete,
    /// Its expiry is set into the past; the document stays until it is swept.
    Expire,
    /// What is wrong with its expiry is put right, for each layout of the collection in order; sessions
    /// without the fault are left alone.
    Fix(Vec<Mending>),
}

impl Action {
    /// The filter of the sessions to which it is not done yet. A write repeats it, so that one which
    /// is tried again after a lost answer changes nothing twice, and counts nothing twice.
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

/// A selection and what shall happen to it: a plain value.
#[derive(Debug, Clone)]
pub struct Purge {
    /// Which sessions.
    pub selection: Selection,
    /// What is done to them.
    pub action: Action,
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
    /// Whether batches that tell ids tell the users, too, so that whole sessions are read.
    pub tells_users: bool,
}

impl Purge {
    /// Does `action` to the sessions of `selection`, but to credentials of programs only where they
    /// are named.
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

    /// Deletes what is expired at `cutoff`.
    pub fn expired(now: DateTime, cutoff: DateTime) -> Self {
        Self::new(Selection::expired(now, cutoff), Action::Delete)
    }

    /// The filter of the sessions to which something is done.
    ///
    /// # Errors
    /// As for [`Selection::filter`].
    pub fn filter(&self, layouts: &Layouts) -> Result<Document> {
        Ok(all(vec![self.selection.keyed(), self.predicate(layouts)?]))
    }

    /// The filter without the `_id`s: what a write repeats that names them itself.
    pub(super) fn predicate(&self, layouts: &Layouts) -> Result<Document> {
        let pending = self.action.pending(layouts, self.selection.now);
        Ok(all(vec![self.selection.predicate(layouts)?, pending]))
    }

    /// Whether it deletes what is expired, and nothing else decides: then ranges of the expiry say it
    /// all, and no session needs to be read.
    pub(super) fn is_by_expiry_alone(&self) -> bool {
        let Selection { query, keys, .. } = &self.selection;
        *query == Query::state(State::Expired)
            && keys.is_none()
            && self.action == Action::Delete
            && !self.needs_documents()
    }

    /// Whether it is done to every session of the collection.
    pub(super) fn is_of_all(&self) -> bool {
        self.selection.query == Query::default() && !matches!(self.action, Action::Fix(_))
    }

    /// Whether the sessions themselves must be read.
    pub(super) fn needs_documents(&self) -> bool {
        self.archive || self.tells_ids || self.selection.needs_payload()
    }
}

/// In which steps a purge goes through its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Windows of the expiry, along its index: nothing but their bounds is read.
    ExpiryWindows,
    /// Windows of the `_id`, over the whole collection, because no index leads to the sessions.
    IdWindows,
    /// The sessions are read, and written by their `_id`.
    Ids,
}

impl Strategy {
    /// How many sessions a batch has unless told otherwise. Ids travel to the server and back, so
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
