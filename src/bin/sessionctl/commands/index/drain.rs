//! Purging the backlog before the index is created: without this, the server would delete it all at
//! once.

use serde_json::Value;
use sessionctl::purge::Purge;
use sessionctl::{Query, State, Store};

use crate::audit::{Audit, AuditArgs};
use crate::commands::apply::{Applied, Job, Means, Report, ThrottleArgs, VerifyArgs};
use crate::console::confirm::Confirmed;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::context::Context;
use crate::context::words::Words;

/// The server may delete up to this many sessions at once.
const FEW: u64 = 10_000;
/// While sessions are purged, others expire. If there are many, they are purged in another round.
/// The number of rounds is limited, because with a `--rate` below the rate of expiry this would
/// never end.
const ROUNDS: u32 = 3;

/// What a drain purges, in words.
#[derive(Debug)]
pub struct Drained {
    /// The kind of sessions, such as `expired`.
    pub kind: &'static str,
    /// The selection for the audit file.
    pub selection: Value,
}

/// The options about purging first.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct DrainArgs {
    /// Purge first even if 10,000 or fewer sessions are expired; index install then skips the
    /// confirmation
    #[arg(long, conflicts_with = "no_drain")]
    drain: bool,

    /// Do not purge first; the server then deletes all of the sessions at once
    #[arg(long)]
    no_drain: bool,

    #[command(flatten)]
    audit: AuditArgs,

    #[command(flatten)]
    pub throttle: ThrottleArgs,
}

impl DrainArgs {
    /// Whether this number of sessions is purged first.
    pub fn is_wanted(&self, backlog: u64) -> bool {
        backlog > 0 && !self.no_drain && (self.drain || backlog > FEW)
    }

    /// The audit file, for a drain. Whether it can be written is known before anything changes.
    pub fn audit(&self, context: &Context) -> Result<Audit, Failure> {
        Audit::open(&self.audit, &context.command_line)
    }

    /// The confirmation, if `--drain` gives it.
    pub fn confirmed(&self) -> Option<Confirmed> {
        Confirmed::by_death(&Query::state(State::Expired)).filter(|_| self.drain)
    }

    /// Purges the sessions that are expired in `store`, and those that expire meanwhile. Returns
    /// the exit code of a drain that was stopped.
    pub async fn carry_out(
        &self,
        context: &Context,
        store: &Store,
        what: &Drained,
        action: &str,
        audit: &Audit,
        confirmed: &Confirmed,
    ) -> Result<Option<Exit>, Failure> {
        let control = self.throttle.control(context)?;
        let mut total: Option<Report> = None;
        let mut outcome = Ok(Exit::Done);
        for round in 0..ROUNDS {
            let Some(job) = self.prepare(context, store, what, action).await? else {
                outcome = Ok(context.signals.exit());
                break;
            };
            if round > 0 && job.report.matched <= Some(FEW) {
                break;
            }
            let means = Means::new(&context.signals, context.global.quiet, audit, &control);
            outcome = match job.apply(means, &VerifyArgs::default(), confirmed).await {
                Ok(Applied { mut report, outcome }) => {
                    if let Some(earlier) = &total {
                        report.join(earlier);
                    }
                    total = Some(report);
                    outcome
                }
                Err(failure) => Err(failure),
            };
            if !matches!(outcome, Ok(Exit::Done)) {
                break;
            }
        }
        if let Some(report) = total {
            let words = Words::of_kind(what.kind);
            report.remark_pace(context);
            context.say_done(&Report { words, ..report }.sentence())?;
        }
        let stopped = Some(outcome?).filter(|exit| *exit != Exit::Done);
        if stopped.is_some() {
            context.note("note", "the index was not created; run the command again to continue");
        }
        Ok(stopped)
    }

    /// The number of sessions that are expired now; `None` after a signal.
    async fn prepare(
        &self,
        context: &Context,
        store: &Store,
        what: &Drained,
        action: &str,
    ) -> Result<Option<Job>, Failure> {
        let now = store.primary_now().await.doing(action)?;
        let purge = self.throttle.throttled(Purge::expired(now, now));
        let counting = store.count_selected(&purge, |_| {});
        let Some(count) = context.signals.asked.run_until_cancelled(counting).await else {
            return Ok(None);
        };
        let selection = what.selection.clone();
        let mut job = Job::new(store.clone(), purge, selection, action.to_owned());
        (job.command, job.run) = ("index", "drain");
        job.report.matched = Some(count.doing(action)?);
        Ok(Some(job))
    }
}
