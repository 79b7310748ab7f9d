//! The one way to do something to sessions: it is written down, the batches are gone through, what came
//! back is looked for, and how it ended is written down too.

use std::time::Duration;

use serde_json::Value;
use sessionctl::Store;
use sessionctl::archive::Archive;
use sessionctl::purge::Purge;

use super::batches::{Batches, Ran};
use super::report::Report;
use super::verify::{Again, VerifyArgs};
use crate::audit::{Audit, Intent, run_id};
use crate::console::confirm::Confirmed;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::signals::Signals;

/// What is to be done to the sessions of a store: all is known, and nothing is written yet.
pub struct Job {
    pub store: Store,
    pub purge: Purge,
    /// So far with what was counted.
    pub report: Report,
    /// The command, for the audit file.
    pub command: &'static str,
    /// What the run is called in `currentOp` and the profiler.
    pub run: &'static str,
    /// The selection, for the audit file.
    pub selection: Value,
    /// What is being done, for errors.
    pub action: String,
    /// How it ends when all is done.
    pub end: Result<Exit, Failure>,
}

/// What surrounds the batches.
pub struct Means<'a> {
    pub signals: &'a Signals,
    /// Whether to show no progress, and to say nothing that is not a failure.
    pub quiet: bool,
    pub audit: &'a Audit,
    pub archive: Option<Archive>,
    pub run_time: Option<Duration>,
    pub verify: VerifyArgs,
}

/// What came of a job that was begun.
pub struct Applied {
    pub report: Report,
    pub outcome: Result<Exit, Failure>,
}

impl<'a> Means<'a> {
    /// No archive, no limit, no second look.
    pub fn new(signals: &'a Signals, quiet: bool, audit: &'a Audit) -> Self {
        let verify = VerifyArgs::default();
        Self { signals, quiet, audit, archive: None, run_time: None, verify }
    }
}

impl Job {
    /// Does it.
    ///
    /// # Errors
    /// What could not be written down: then nothing was done.
    pub async fn apply(self, means: Means<'_>, confirmed: &Confirmed) -> Result<Applied, Failure> {
        let run = run_id();
        let began = means.audit.before(&self.intent(&run))?;
        let Self { store, purge, mut report, action, end, .. } = self;
        let store = store.for_run(&format!("{} {run}", self.run));
        let Means { signals, quiet, archive, run_time, verify, .. } = means;
        let batches = Batches { store: &store, signals, quiet, run_time };
        let ran = batches.run(purge.clone(), archive, &mut report, confirmed).await;
        let outcome = match ran.doing(&action) {
            Ok(Ran { stopped: None, ids }) => {
                let again = Again { batches, purge, action: &action, ids, confirmed };
                verify.look_again(again, &mut report).await.and(end)
            }
            Ok(Ran { stopped: Some(exit), .. }) => Ok(exit),
            Err(failure) => Err(failure),
        };
        let written = began.after(&report.row(), outcome.as_ref().err());
        Ok(Applied { report, outcome: outcome.and_then(|exit| written.map(|()| exit)) })
    }

    fn intent<'a>(&'a self, run: &'a str) -> Intent<'a> {
        Intent {
            run,
            now: self.purge.selection.now,
            server: self.store.connection().address(),
            login: self.store.connection().login(),
            command: self.command,
            namespace: &self.report.namespace,
            layout: self.report.layout.as_deref(),
            selection: self.selection.clone(),
            cutoff: Some(self.purge.selection.cutoff),
            planned: self.report.matched,
        }
    }
}
