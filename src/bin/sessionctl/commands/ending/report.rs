//! The report of a purge or of a pass: one row model, whatever did the work.

use std::time::Duration;

use bson::DateTime;
use sessionctl::purge::{Batch, Fate};

use crate::console::output::{Cell, Row};

/// The keys of a report's row.
pub const HEADER: &[&str] = &[
    "namespace",
    "layout",
    "cutoff",
    "matched",
    "deleted",
    "exact",
    "archived",
    "renewed",
    "reappeared",
    "batches",
    "seconds",
    "stopped",
];

/// What was done. What does not apply, or is not known, is absent.
#[derive(Debug, Clone)]
pub struct Report {
    pub namespace: String,
    pub layout: Option<String>,
    pub cutoff: DateTime,
    pub matched: Option<u64>,
    pub done: Option<u64>,
    pub exact: Option<bool>,
    pub archived: Option<u64>,
    pub renewed: Option<u64>,
    pub reappeared: Option<u64>,
    pub batches: u64,
    pub took: Duration,
    pub stopped: Option<&'static str>,
}

impl Report {
    /// Before anything is done.
    pub fn new(namespace: String, layout: Option<String>, cutoff: DateTime) -> Self {
        Self {
            namespace,
            layout,
            cutoff,
            matched: None,
            done: None,
            exact: None,
            archived: None,
            renewed: None,
            reappeared: None,
            batches: 0,
            took: Duration::ZERO,
            stopped: None,
        }
    }

    /// Nothing had to be done.
    pub fn nothing_done(mut self) -> Self {
        (self.done, self.exact) = (Some(0), Some(true));
        self
    }

    /// Adds what a batch did.
    pub fn add(&mut self, batch: &Batch) {
        let add = |sum: Option<u64>, more: Option<u64>| match (sum, more) {
            (sum, None) => sum,
            (sum, Some(more)) => Some(sum.unwrap_or(0) + more),
        };
        self.done = add(self.done, Some(batch.done));
        self.renewed = add(self.renewed, batch.spared);
        self.archived = add(self.archived, batch.archived);
        self.exact = Some(self.exact.unwrap_or(true) && batch.exact);
        self.batches += 1;
    }

    /// Its row: a session that is ended and kept is `expired`, one that is put right `mended`.
    pub fn row(&self, fate: &Fate) -> Row {
        self.row_of(match fate {
            Fate::Deleted => "deleted",
            Fate::Ended => "expired",
            Fate::Mended(_) => "mended",
        })
    }

    /// Its row, with this word for what was done.
    pub fn row_of(&self, done: &'static str) -> Row {
        let count = |count: Option<u64>| Cell::maybe(count, Cell::Count);
        Row(vec![
            ("namespace", Cell::Text(self.namespace.clone())),
            ("layout", Cell::maybe(self.layout.clone(), Cell::Text)),
            ("cutoff", Cell::Time(self.cutoff)),
            ("matched", count(self.matched)),
            (done, count(self.done)),
            ("exact", Cell::maybe(self.exact, Cell::Flag)),
            ("archived", count(self.archived)),
            ("renewed", count(self.renewed)),
            ("reappeared", count(self.reappeared)),
            ("batches", Cell::Count(self.batches)),
            ("seconds", Cell::Seconds(self.took.as_secs_f64())),
            ("stopped", Cell::maybe(self.stopped, |why| Cell::Text(why.to_owned()))),
        ])
    }
}
