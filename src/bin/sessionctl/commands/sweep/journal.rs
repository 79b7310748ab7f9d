//! The audit file of a sweeper: each pass is a run in it.

use bson::DateTime;
use serde_json::json;
use sessionctl::sweep::{Event, Pass};

use super::report::{Stops, report};
use crate::audit::{Audit, AuditArgs, Began, Intent, run_id};
use crate::console::failure::{Doing as _, Failure};

/// What one sweep writes down. A pass that cannot be written down deletes nothing.
#[derive(Debug)]
pub struct Journal {
    args: AuditArgs,
    command_line: Vec<String>,
    stops: Stops,
    server: String,
    login: Option<String>,
    namespace: String,
    idle: Option<f64>,
    /// The pass that is written down, and how many batches it had.
    pass: Option<(Began, u64)>,
    failure: Option<Failure>,
}

impl Journal {
    /// Of the sweep of a namespace, as the command line says; `idle` is the idle rule, in seconds.
    pub fn new(
        (args, command_line): (&AuditArgs, &[String]),
        stops: Stops,
        (server, login): (&str, Option<&str>),
        namespace: &str,
        idle: Option<f64>,
    ) -> Self {
        Self {
            args: args.clone(),
            command_line: command_line.to_vec(),
            stops,
            server: server.to_owned(),
            login: login.map(str::to_owned),
            namespace: namespace.to_owned(),
            idle,
            pass: None,
            failure: None,
        }
    }

    /// Writes down what happens. `false` if that failed: then no more is to be done.
    pub fn event(&mut self, event: &Event) -> bool {
        let written = match event {
            _ if self.failure.is_some() || self.args.audit.is_none() => Ok(()),
            Event::Begins { layout, now, cutoff } => self.begins(layout, *now, *cutoff),
            Event::Batch { batch, .. } => match &mut self.pass {
                Some((began, number)) => {
                    *number += 1;
                    began.batch(*number, batch)
                }
                None => Ok(()),
            },
            Event::Passed(pass) => self.passed(pass),
            _ => Ok(()),
        };
        self.failure = self.failure.take().or(written.err());
        self.failure.is_none()
    }

    /// Why nothing more could be written.
    pub fn failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    fn begins(&mut self, layout: &str, now: DateTime, cutoff: DateTime) -> Result<(), Failure> {
        // Opened for each pass, so that a file which was rotated is not written to any more.
        let audit = Audit::open(&self.args, &self.command_line)?;
        let mut selection = json!({ "state": "expired" });
        if let Some(idle) = self.idle {
            selection["or_endless_and_idle_seconds"] = idle.into();
        }
        let began = audit.before(&Intent {
            run: &run_id(),
            now,
            server: &self.server,
            login: self.login.as_deref(),
            command: "sweep",
            namespace: &self.namespace,
            layout: Some(layout),
            selection,
            cutoff: Some(cutoff),
            planned: None,
        })?;
        self.pass = Some((began, 0));
        Ok(())
    }

    fn passed(&mut self, pass: &Pass) -> Result<(), Failure> {
        let Some((began, _)) = self.pass.take() else { return Ok(()) };
        let failed = pass.error.clone().map_or(Ok(()), Err);
        let failed = failed.doing(&format!("sweep {}", self.namespace));
        began.after(&report(pass, &self.stops).row(), failed.err().as_ref())
    }
}
