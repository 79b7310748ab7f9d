//! The report of a purge or of a pass: one row model, whatever did the work.

use std::time::Duration;

use bson::DateTime;
use sessionctl::Store;
use sessionctl::purge::{Action, Batch};

use crate::console::failure::{Doing as _, Failure};
use crate::console::output::{Cell, Row};
use crate::context::Context;

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

/// What is done, in the words of the command line and of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verb {
    pub name: &'static str,
    /// The key of the number of sessions to which it was done.
    done: &'static str,
}

impl Verb {
    pub const PURGE: Self = Self { name: "purge", done: "deleted" };
    pub const EXPIRE: Self = Self { name: "expire", done: "expired" };
    pub const FIX: Self = Self { name: "fix", done: "mended" };

    pub fn of(action: &Action) -> Self {
        match action {
            Action::Delete => Self::PURGE,
            Action::Expire => Self::EXPIRE,
            Action::Fix(_) => Self::FIX,
        }
    }
}

/// What was done. What does not apply, or is not known, is absent.
#[derive(Debug, Clone)]
pub struct Report {
    pub verb: Verb,
    pub namespace: String,
    pub layout: Option<String>,
    pub cutoff: DateTime,
    /// How many a count before the first write found; else what the writes matched.
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
    pub fn new(verb: Verb, namespace: String, layout: Option<String>, cutoff: DateTime) -> Self {
        Self {
            verb,
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

    /// Before anything is done to the sessions of a store.
    pub fn of(verb: Verb, store: &Store, cutoff: DateTime) -> Self {
        Self::new(verb, store.namespace(), Some(store.layouts().name()), cutoff)
    }

    /// Of an empty collection, at the server's now.
    pub async fn of_nothing(context: &Context, verb: Verb, action: &str) -> Result<Self, Failure> {
        let connection = context.connect().await?;
        let now = connection.primary_now().await.doing(action)?;
        let namespace = format!("{}.{}", connection.database(), context.collection());
        let report = Self { matched: Some(0), ..Self::new(verb, namespace, None, now) };
        Ok(report.nothing_done())
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

    /// Its row.
    pub fn row(&self) -> Row {
        let count = |count: Option<u64>| Cell::maybe(count, Cell::Count);
        Row(vec![
            ("namespace", Cell::Text(self.namespace.clone())),
            ("layout", Cell::maybe(self.layout.clone(), Cell::Text)),
            ("cutoff", Cell::Time(self.cutoff)),
            ("matched", count(self.matched.or(self.done))),
            (self.verb.done, count(self.done)),
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
