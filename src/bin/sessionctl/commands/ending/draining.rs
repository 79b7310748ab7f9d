//! Purging what the server would delete at once, before it gets the index to do so.

use std::time::Duration;

use serde_json::Value;
use sessionctl::Store;
use sessionctl::purge::{Fate, Purge};

use super::{Ending, Pacing, Report};
use crate::audit::{Audit, AuditArgs, Intent, run_id};
use crate::console::confirm::Confirmed;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::text::sessions;
use crate::context::Context;

/// So many sessions the server may delete at once.
const FEW: u64 = 10_000;
/// While sessions are purged others expire: where these are many they are purged, too, but a rate
/// below that of the expiring would never come to an end.
const ROUNDS: u32 = 3;

/// What is purged, in words.
#[derive(Debug)]
pub struct Drained {
    /// What sessions these are, such as `expired`.
    pub kind: &'static str,
    /// The selection for the audit file.
    pub selection: Value,
}

/// Whether and how to purge first.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Draining {
    /// Purge what the server would delete at once, however little, before the index is made; for
    /// `install` this needs no confirmation
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
        what: &Drained,
        action: &str,
        confirmed: &Confirmed,
    ) -> Result<Option<Exit>, Failure> {
        let drain = Drain { draining: self, context, store, what, action };
        let (mut deleted, mut took) = (0, Duration::ZERO);
        let mut stopped = Ok(None);
        for round in 0..ROUNDS {
            let Some((purge, mut report)) = drain.prepare().await? else {
                stopped = Ok(context.signals.received().map(Exit::Signal));
                break;
            };
            if round > 0 && report.matched <= Some(FEW) {
                break;
            }
            stopped = drain.purge(purge, &mut report, confirmed).await;
            deleted += report.done.unwrap_or(0);
            took += report.took;
            if !matches!(stopped, Ok(None)) {
                break;
            }
        }
        let those = sessions(deleted).replace(' ', &format!(" {} ", what.kind));
        let seconds = took.as_secs_f64();
        context.note("note", format!("purged {those} of {} in {seconds:.2} s", store.namespace()));
        if matches!(stopped, Ok(Some(_))) {
            context.note("note", "the index was not made; run it again to go on");
        }
        stopped
    }
}

/// A drain under way.
struct Drain<'a> {
    draining: &'a Draining,
    context: &'a Context,
    store: &'a Store,
    what: &'a Drained,
    action: &'a str,
}

impl Drain<'_> {
    /// What is expired now, counted; `None` after a signal.
    async fn prepare(&self) -> Result<Option<(Purge, Report)>, Failure> {
        let now = self.store.connection().primary_now().await.doing(self.action)?;
        let purge = self.draining.pacing.paced(Purge::expired(now, now));
        let asked = &self.context.signals.asked;
        let Some(count) = asked.run_until_cancelled(self.store.count_selected(&purge)).await else {
            return Ok(None);
        };
        let layout = self.store.layout().name.clone();
        let mut report = Report::new(self.store.namespace(), Some(layout), now);
        report.matched = Some(count.doing(self.action)?);
        Ok(Some((purge, report)))
    }

    /// Purges it, as any other purge: under a name of its own, and written down.
    async fn purge(
        &self,
        purge: Purge,
        report: &mut Report,
        confirmed: &Confirmed,
    ) -> Result<Option<Exit>, Failure> {
        let run = run_id();
        let store = self.store.clone().for_run(&format!("drain {run}"));
        let intent = Intent {
            run: &run,
            now: purge.now,
            server: store.connection().address(),
            login: store.connection().login(),
            command: "index",
            namespace: &store.namespace(),
            layout: Some(&store.layout().name),
            selection: self.what.selection.clone(),
            cutoff: Some(purge.cutoff),
            planned: report.matched,
        };
        let audit = Audit::open(&self.draining.audit, &self.context.command_line)?;
        let began = audit.before(&intent)?;
        let ending = Ending { context: self.context, store: &store, run_time: None };
        let ended = ending.carry_out(purge, None, report, confirmed).await.doing(self.action);
        let written = began.after(&report.row(&Fate::Deleted), ended.as_ref().err());
        let stopped = ended?.stopped;
        written.map(|()| stopped)
    }
}
