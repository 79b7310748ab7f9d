//! Purging what the server would delete at once, before it gets the index to do so.

use std::time::Duration;

use sessionctl::Store;
use sessionctl::purge::{Fate, Purge};

use super::{Ending, Pacing, Report};
use crate::audit::{Audit, AuditArgs, Intent, run_id};
use crate::confirm::Confirmed;
use crate::context::Context;
use crate::report::{Doing as _, Exit, Failure};
use crate::text::sessions;

/// So many sessions the server may delete at once.
const FEW: u64 = 10_000;
/// While sessions are purged others expire: the rest is purged so often at the most.
const ROUNDS: u32 = 3;

/// Whether and how to purge first.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Draining {
    /// Purge what the server would delete at once, however little, before the index is made; this
    /// needs no confirmation
    #[arg(long, conflicts_with = "no_drain")]
    drain: bool,

    /// Leave it all to the server, however much
    #[arg(long)]
    no_drain: bool,

    #[command(flatten)]
    audit: AuditArgs,

    #[command(flatten)]
    pacing: Pacing,
}

impl Draining {
    /// Whether so many sessions are purged first.
    pub fn is_wanted(&self, backlog: u64) -> bool {
        backlog > 0 && !self.no_drain && (self.drain || backlog > FEW)
    }

    /// Whether the command line itself is the confirmation.
    pub fn confirmed(&self) -> Option<Confirmed> {
        self.drain.then(Confirmed::already_dead)
    }

    /// Says at once what would be wrong later.
    pub async fn check(
        &self,
        context: &Context,
        store: &Store,
        action: &str,
    ) -> Result<(), Failure> {
        self.pacing.check_lag(context, store, action).await
    }

    /// Purges what is expired in `store`, and what expires meanwhile. Gives the exit of a drain that
    /// was stopped.
    pub async fn carry_out(
        &self,
        context: &Context,
        store: &Store,
        action: &str,
        confirmed: &Confirmed,
    ) -> Result<Option<Exit>, Failure> {
        let mut total = Total::default();
        let stopped = self.rounds(context, store, action, confirmed, &mut total).await;
        let those = sessions(total.deleted).replace(' ', " expired ");
        let seconds = total.took.as_secs_f64();
        context.note("note", format!("purged {those} of {} in {seconds:.2} s", store.namespace()));
        if matches!(stopped, Ok(Some(_))) {
            context.note("note", "the index was not made; run it again to go on");
        }
        stopped
    }

    async fn rounds(
        &self,
        context: &Context,
        store: &Store,
        action: &str,
        confirmed: &Confirmed,
        total: &mut Total,
    ) -> Result<Option<Exit>, Failure> {
        for _ in 0..ROUNDS {
            let before = total.deleted;
            let stopped = self.round(context, store, action, confirmed, total).await?;
            if stopped.is_some() || total.deleted - before <= FEW {
                return Ok(stopped);
            }
        }
        Ok(None)
    }

    async fn round(
        &self,
        context: &Context,
        store: &Store,
        action: &str,
        confirmed: &Confirmed,
        total: &mut Total,
    ) -> Result<Option<Exit>, Failure> {
        let now = store.connection().primary_now().await.doing(action)?;
        let purge = Purge {
            batch_size: self.pacing.batch_size,
            jobs: self.pacing.jobs,
            pace: self.pacing.pace(),
            ..Purge::expired(now, now)
        };
        let layout = store.layout().name.clone();
        let namespace = store.namespace();
        let mut report = Report::new(namespace.clone(), Some(layout.clone()), now);
        report.matched = Some(store.count_selected(&purge).await.doing(action)?);
        let run = run_id();
        let store = store.clone().for_run(&format!("drain {run}"));
        let intent = Intent {
            run: &run,
            now,
            server: store.connection().address(),
            login: store.connection().login(),
            command: "index",
            namespace: &namespace,
            layout: Some(&layout),
            selection: serde_json::json!({ "state": "expired" }),
            cutoff: Some(now),
            planned: report.matched,
        };
        let audit = Audit::open(&self.audit)?;
        let began = audit.before(&intent)?;
        let ending = Ending { context, store: &store, run_time: None };
        let ended = ending.carry_out(purge, None, &mut report, confirmed).await.doing(action);
        total.deleted += report.done.unwrap_or(0);
        total.took += report.took;
        let written = began.after(&report.row(Fate::Deleted), ended.as_ref().err());
        let ended = ended?;
        written?;
        Ok(ended.stopped)
    }
}

/// What was purged so far.
#[derive(Debug, Default)]
struct Total {
    deleted: u64,
    took: Duration,
}
