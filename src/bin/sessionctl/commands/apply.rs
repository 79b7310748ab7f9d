//! Doing something to many sessions, as `purge`, `expire` and `fix` do it: what was prepared is shown or
//! asked about, applied and reported.

use std::time::Duration;

use sessionctl::Store;
use sessionctl::purge::Purge;

use crate::args::duration;
use crate::audit::{Audit, AuditArgs};
use crate::console::confirm::{Confirmed, Question, Yes, ask, can_ask};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output::Row;
use crate::console::progress::Progress;
use crate::context::Context;

mod archive;
mod batches;
mod job;
mod preview;
mod report;
pub mod selected;
mod throttle;
mod verify;

pub use archive::ArchiveArgs;
pub use job::{Applied, Job, Means};
pub use report::{HEADER, Report, Verb};
pub use throttle::{ThrottleArgs, factor};
pub use verify::VerifyArgs;

/// How a command goes about many sessions.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct ApplyArgs {
    /// Change nothing: show how many sessions are meant, some of them, and how they would be found
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    yes: Yes,

    #[command(flatten)]
    audit: AuditArgs,

    #[command(flatten)]
    pub throttle: ThrottleArgs,

    /// Stop after so long, at the end of a batch; with work left the exit code is 5
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true, help_heading = "Pace")]
    run_time: Option<Duration>,
}

impl ApplyArgs {
    /// Whether a question or a dry run is going to tell how many sessions match.
    fn needs_count(&self, purge: &Purge, stdin_gives_ids: bool) -> bool {
        self.dry_run || self.confirmed_without_asking(purge, stdin_gives_ids).is_none()
    }

    fn confirmed_without_asking(&self, purge: &Purge, stdin_gives_ids: bool) -> Option<Confirmed> {
        // Cron purges what is expired without a word.
        let dead = || Confirmed::by_death(&purge.selection.query);
        Confirmed::by_flag(self.yes).or_else(|| dead().filter(|_| !can_ask(stdin_gives_ids)))
    }
}

/// What came of preparing a command.
pub enum Prepared {
    /// All is known, and nothing is written yet.
    Ready { job: Box<Job>, question: Question },
    /// The collection is empty: nothing tells the layout, and nothing is to be done.
    NothingThere { report: Row, end: Result<Exit, Failure> },
    /// A signal came first.
    Interrupted,
}

/// A command as it was typed.
pub struct Typed<'a> {
    pub args: &'a ApplyArgs,
    pub archive: &'a ArchiveArgs,
    pub verify: VerifyArgs,
    /// Then it does not give the answer to a question.
    pub stdin_gives_ids: bool,
}

impl Typed<'_> {
    /// Carries it out.
    pub async fn run(
        self,
        context: &Context,
        preparing: impl Future<Output = Result<Prepared, Failure>>,
    ) -> Result<Exit, Failure> {
        self.archive.check()?;
        let signals = &context.signals;
        // Until something is written, a signal ends the command at once.
        let prepared = signals.asked.run_until_cancelled(preparing).await;
        match prepared.unwrap_or(Ok(Prepared::Interrupted))? {
            Prepared::Interrupted => Ok(signals.exit()),
            Prepared::NothingThere { report, end } => context.finish(HEADER, report, end),
            Prepared::Ready { job, .. } if self.args.dry_run => {
                preview::print(context, &job).await.doing(&job.action)??;
                job.end
            }
            Prepared::Ready { job, question } => {
                let confirmed = self.confirm(context, &job, question).await?;
                self.apply(context, *job, &confirmed).await
            }
        }
    }

    async fn confirm(
        &self,
        context: &Context,
        job: &Job,
        question: Question,
    ) -> Result<Confirmed, Failure> {
        let beforehand = job
            .report
            .matched
            .and_then(Confirmed::by_count)
            .or_else(|| self.args.confirmed_without_asking(&job.purge, self.stdin_gives_ids));
        match beforehand {
            Some(confirmed) => Ok(confirmed),
            None => ask(question, self.stdin_gives_ids, &context.signals).await,
        }
    }

    async fn apply(
        self,
        context: &Context,
        job: Job,
        confirmed: &Confirmed,
    ) -> Result<Exit, Failure> {
        if job.report.matched == Some(0) {
            return context.finish(HEADER, job.report.nothing_done().row(), job.end);
        }
        let audit = Audit::open(&self.args.audit, &context.command_line)?;
        let means = Means {
            archive: self.archive.open(context).doing(&job.action)?,
            run_time: self.args.run_time,
            verify: self.verify,
            ..Means::new(&context.signals, context.global.quiet, &audit)
        };
        let Applied { report, outcome } = job.apply(means, confirmed).await?;
        context.finish(HEADER, report.row(), outcome)
    }
}

/// How many sessions a purge is about. Where every candidate is decoded, that is shown on a terminal.
pub async fn count(context: &Context, store: &Store, purge: &Purge) -> sessionctl::Result<u64> {
    if !purge.selection.needs_payload() {
        return store.count_selected(purge, |_| {}).await;
    }
    let progress = Progress::new("sessions looked at", None, context.global.quiet);
    store.count_selected(purge, |sessions| progress.advance(sessions)).await
}
