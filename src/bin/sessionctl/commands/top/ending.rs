//! Logs one session out: by the library's own purge of its one `_id`, which repeats the user that the
//! question named.

use std::sync::Arc;

use bson::DateTime;
use sessionctl::collections::{Choice, Purpose};
use sessionctl::purge::{Fate, Purge, Step};
use sessionctl::top::Entry;
use sessionctl::{Error, Query, Store};
use tokio_util::sync::CancellationToken;

use crate::args::Selection;
use crate::audit::{self, Audit, Intent, run_id};
use crate::commands::ending::{Report, verb};
use crate::console::confirm::Confirmed;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::text::neutral;

/// Who is to be logged out, and what may stop it.
pub struct LogOut {
    pub store: Store,
    pub line: Entry,
    /// Whether the operator named the layout.
    pub named: bool,
    pub audit: Arc<Audit>,
    pub stop: CancellationToken,
}

/// The session as the question names it: its short form, and its user.
pub fn name(line: &Entry) -> String {
    let user = line.session.user.as_ref().map(|user| format!(" of user {}", neutral(user)));
    format!("session {}{}", neutral(&line.session.id.short()), user.unwrap_or_default())
}

impl LogOut {
    /// What is to be told of it.
    pub async fn carry_out(self, _: Confirmed) -> Result<String, Failure> {
        let Self { store, line, .. } = &self;
        let name = name(line);
        let action = format!("log out {name}");
        self.check_layout().await.doing(&action)?;
        let now = store.connection().primary_now().await.doing(&action)?;
        let fate = store.way_out(now);
        let query = Query { user: line.session.user.clone(), ..Query::default() };
        let purge = Purge::new(query, fate.clone(), now, now);
        let purge = Purge { keys: Some(vec![line.key.clone()]), ..purge };

        let command = verb(&fate);
        let namespace = store.namespace();
        let run = run_id();
        let layout = store.layout().name.as_str();
        let intent = Intent {
            run: &run,
            now,
            server: store.connection().address(),
            login: store.connection().login(),
            command,
            namespace: &namespace,
            layout: Some(layout),
            selection: self.selection(now),
            cutoff: Some(now),
            planned: Some(1),
        };
        let began = self.audit.before(&intent)?;
        let mut report = Report::new(namespace.clone(), Some(layout.to_owned()), now);
        report.matched = Some(1);
        let outcome = self.purge(purge, &format!("{command} {run}"), &mut report).await;
        let outcome = outcome.doing(&action);
        began.after(&report.row(&fate), outcome.as_ref().err())?;
        outcome?;
        match (report.done, fate) {
            (Some(1..), Fate::Deleted) => Ok(format!("logged out {name}: it is deleted")),
            (Some(1..), _) => Ok(format!("logged out {name}: it is expired now")),
            _ => Err(Failure::new(
                Exit::Failed,
                format!("could not {action}: it was renewed, over or gone meanwhile"),
            )),
        }
    }

    /// What changes anything wants a layout that is certain, or the operator's word.
    async fn check_layout(&self) -> Result<(), Error> {
        let store = &self.store;
        let named = self.named.then(|| store.layout());
        let connection = store.connection();
        let choice = connection.choose_layout(store.name(), named, None, Purpose::Changing).await?;
        let certain = choice.certain()?;
        match &choice {
            // The documents may be of another store by now.
            Choice::Detected { verdict, .. } if certain.name != store.layout().name => {
                Err(verdict.clone().into())
            }
            _ => Ok(()),
        }
    }

    fn selection(&self, now: DateTime) -> serde_json::Value {
        let session = &self.line.session;
        let selection = Selection {
            ids: vec![session.id.full()],
            user: session.user.clone(),
            ..Selection::default()
        };
        audit::selection(&selection, now)
    }

    async fn purge(&self, purge: Purge, run: &str, report: &mut Report) -> sessionctl::Result<()> {
        let started = std::time::Instant::now();
        let mut purging = self.store.clone().for_run(run).purge(purge, self.stop.clone())?;
        let outcome = loop {
            match purging.next().await {
                Ok(Some(Step::Batch(batch))) => report.add(&batch),
                Ok(Some(Step::Paused(_))) => {}
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        report.took = started.elapsed();
        report.exact = Some(purging.is_exact());
        report.done = Some(report.done.unwrap_or(0));
        report.stopped = match &outcome {
            Err(_) => Some("error"),
            Ok(()) if !purging.is_finished() => Some("signal"),
            Ok(()) => None,
        };
        outcome
    }
}
