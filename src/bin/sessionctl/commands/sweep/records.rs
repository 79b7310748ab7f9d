//! The audit file of a hold: from the reading of the list of users until it changes, or the hold ends, is
//! one run.

use std::path::Path;
use std::time::Instant;

use serde_json::json;
use sessionctl::Store;
use sessionctl::purge::{Batch, Purge};

use crate::audit::{Audit, AuditArgs, Began, Intent, run_id};
use crate::commands::apply::{Report, Verb};
use crate::console::failure::Failure;

/// Where the holds of a sweeper are recorded.
#[derive(Debug, Clone)]
pub struct Records {
    args: AuditArgs,
    command_line: Vec<String>,
}

/// A run that has begun.
#[derive(Debug)]
pub struct Run {
    audit: Audit,
    began: Began,
    since: Instant,
    report: Report,
}

impl Records {
    pub fn new(args: &AuditArgs, command_line: &[String]) -> Self {
        Self { args: args.clone(), command_line: command_line.to_vec() }
    }

    /// Whether there is an audit file.
    pub fn is_wanted(&self) -> bool {
        self.args.audit.is_some()
    }

    /// Records that the users of `file` are held.
    ///
    /// # Errors
    /// If the line cannot be written. Then nobody may be logged out.
    pub fn begin(
        &self,
        store: &Store,
        purge: &Purge,
        file: &Path,
        users: usize,
    ) -> Result<Run, Failure> {
        let audit = Audit::open(&self.args, &self.command_line)?;
        let report = Report::of(Verb::of(&purge.action), store, purge.selection.cutoff);
        let began = audit.before(&Intent {
            run: &run_id(),
            now: purge.selection.now,
            server: store.connection().address(),
            login: store.connection().login(),
            command: "hold",
            namespace: &report.namespace,
            layout: report.layout.as_deref(),
            selection: json!({ "users_from": file.to_string_lossy(), "users": users }),
            cutoff: Some(purge.selection.cutoff),
            planned: None,
        })?;
        Ok(Run { audit, began, since: Instant::now(), report: report.nothing_done() })
    }
}

impl Run {
    /// Whether the audit file has another name by now, so that another run must go to the new one.
    pub fn is_rotated(&self) -> bool {
        self.audit.is_rotated()
    }

    /// Records a batch.
    ///
    /// # Errors
    /// If the line cannot be written.
    pub fn batch(&mut self, batch: &Batch) -> Result<(), Failure> {
        self.report.add(batch);
        // A scan comes again and again to a session that cannot be ended: that is not recorded.
        if batch.done == 0 && batch.exact {
            return Ok(());
        }
        self.began.batch(self.report.batches, batch)
    }

    /// Records the end.
    ///
    /// # Errors
    /// If the line cannot be written.
    pub fn end(
        mut self,
        stopped: Option<&'static str>,
        failure: Option<&Failure>,
    ) -> Result<(), Failure> {
        (self.report.stopped, self.report.took) = (stopped, self.since.elapsed());
        self.began.after(&self.report.row(), failure)
    }
}
