//! The one way to write sessions: begin the audit run, run the batches, look for sessions that came
//! back, and end the audit run.

use serde_json::Value;
use sessionctl::Store;
use sessionctl::purge::{Action, Purge};

use super::batches::{Batches, Means, Ran};
use super::hold::Hold;
use super::report::{Report, Verb};
use super::verify::VerifyArgs;
use crate::audit::{Intent, run_id};
use crate::console::confirm::Confirmed;
use crate::console::failure::{Doing as _, Exit, Failure};

/// The work to do on the sessions of a store. Everything is known, and nothing is written yet.
pub struct Job {
    pub store: Store,
    pub purge: Purge,
    /// The report, so far with the counts only.
    pub report: Report,
    /// The command, for the audit file.
    pub command: &'static str,
    /// The name of the run in `currentOp` and the profiler.
    pub run: &'static str,
    /// The selection, for the audit file.
    pub selection: Value,
    /// The action, for errors.
    pub action: String,
    /// The exit code when everything is done.
    pub end: Result<Exit, Failure>,
}

/// The outcome of a job that was started.
pub struct Applied {
    pub report: Report,
    pub outcome: Result<Exit, Failure>,
}

impl Job {
    /// A job for `purge`; `selection` is what the audit file shows.
    pub fn new(store: Store, purge: Purge, selection: Value, action: String) -> Self {
        let verb = Verb::of(&purge.action);
        let report = Report::of(verb, &store, purge.selection.cutoff);
        let (command, run) = (verb.name, verb.name);
        Self { store, purge, report, command, run, selection, action, end: Ok(Exit::Done) }
    }

    /// Does it.
    ///
    /// # Errors
    /// If the audit file cannot be written. Then nothing was changed.
    pub async fn apply(
        self,
        means: Means<'_>,
        verify: &VerifyArgs,
        confirmed: &Confirmed,
    ) -> Result<Applied, Failure> {
        let run = run_id();
        // Without an audit record, nothing is done: an unrecorded log-out is worse than a command
        // that fails.
        let audit = means.audit;
        let began = audit.before(&self.intent(&run))?;
        let Self { mut purge, report, action, end, .. } = self;
        let keeps_ids = purge.tells_ids;
        if audit.is_wanted() && is_read(&purge) {
            (purge.tells_ids, purge.tells_users) = (true, true);
        }
        let store = self.store.for_run(&format!("{} {run}", self.run));
        let hold = Hold::begin(means.hold, &store, &purge, means.signals).await.doing(&action);
        let mut batches = Batches { store, means, report, began: &began, keeps_ids };
        let ran = match hold {
            Ok(hold) => {
                let ran = batches.run(purge.clone(), confirmed).await.doing(&action);
                ran.map(|ran| (ran, hold))
            }
            Err(failure) => Err(failure),
        };
        let outcome = match ran {
            Ok((Ran { stopped: None, ids, unwritten: None }, hold)) => {
                let again = match hold {
                    Some(hold) => hold.run(&mut batches, &action, confirmed).await,
                    None => {
                        let again = verify.look_again(&mut batches, purge, ids, &action, confirmed);
                        again.await.map(|()| Exit::Done)
                    }
                };
                // The server may have refused sessions during the hold or the check, too.
                let left_alone = batches.report.failure(&action);
                again.and_then(|exit| match left_alone {
                    Some(failure) => Err(failure),
                    None if exit == Exit::Done => end,
                    None => Ok(exit),
                })
            }
            Ok((Ran { stopped: Some(exit), unwritten: None, .. }, _)) => Ok(exit),
            Ok((Ran { unwritten: Some(failure), .. }, _)) | Err(failure) => Err(failure),
        };
        let report = batches.report;
        let written = began.after(&report.row(), outcome.as_ref().err());
        Ok(Applied { report, outcome: outcome.and_then(|exit| written.map(|()| exit)) })
    }

    /// The rights that the login needs.
    pub fn right(&self) -> &'static str {
        match self.purge.action {
            Action::Delete => "remove",
            Action::Expire | Action::Fix(_) => "update",
        }
    }

    pub(super) fn intent<'a>(&'a self, run: &'a str) -> Intent<'a> {
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

/// Whether sessions are read before they are written. Sessions that can log in are read, so that
/// the audit file can name their users. For expired sessions, that would cost more than it is
/// worth.
fn is_read(purge: &Purge) -> bool {
    let selection = &purge.selection;
    let is_needed = purge.archive || purge.tells_ids || selection.needs_payload();
    !selection.query.is_only_expired() || selection.keys.is_some() || is_needed
}
