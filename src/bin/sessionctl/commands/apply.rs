//! Writing many sessions, as `purge`, `expire` and `fix` do: prepare, show or ask, apply, and
//! report.

use std::time::{Duration, Instant};

use serde_json::Value;
use sessionctl::Store;
use sessionctl::purge::{Action, Counted, Purge};
use sessionctl::query::Elsewhere;

use crate::args::{SelectionArgs, duration};
use crate::audit::{Audit, AuditArgs, Intent, run_id};
use crate::console::confirm::{Confirmed, Question, Yes, ask, can_ask};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::progress::Progress;
use crate::context::Context;
use crate::context::users::Seen;

mod archive;
mod batches;
mod hold;
mod job;
mod preview;
mod report;
pub mod selected;
mod throttle;
mod verify;

pub use archive::ArchiveArgs;
pub use batches::Means;
pub use hold::HoldArgs;
pub use job::{Applied, Job};
pub use report::{HEADER, Report, Verb, remark_pace, stopped};
pub use throttle::{GentleArgs, ThrottleArgs, factor, max_latency, out_of_reach, pause};
pub use verify::VerifyArgs;

/// The options of commands that write many sessions.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct ApplyArgs {
    /// Change nothing: show the number of sessions that match, and up to five of them; with -v, also
    /// the query plan
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    yes: Yes,

    #[command(flatten)]
    audit: AuditArgs,

    #[command(flatten)]
    throttle: ThrottleArgs,

    /// Stop after DURATION, at the end of a batch; if sessions are left, the exit code is 5
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true, help_heading = "Throttling")]
    run_time: Option<Duration>,
}

impl ApplyArgs {
    /// Whether a question or a dry run will show how many sessions match.
    fn needs_count(&self, purge: &Purge, stdin_gives_ids: bool) -> bool {
        self.dry_run || self.confirmed_without_asking(purge, stdin_gives_ids).is_none()
    }

    fn confirmed_without_asking(&self, purge: &Purge, stdin_gives_ids: bool) -> Option<Confirmed> {
        // From cron, expired sessions are purged without a question.
        let dead = || Confirmed::by_death(&purge.selection.query);
        Confirmed::by_flag(self.yes).or_else(|| dead().filter(|_| !can_ask(stdin_gives_ids)))
    }
}

/// The outcome of preparing a command.
pub enum Prepared {
    /// Everything is known, and nothing is written yet.
    Ready { job: Box<Job>, question: Question },
    /// The collection is empty: its layout is unknown, and there is nothing to do.
    NothingThere { report: Box<Report>, end: Result<Exit, Failure> },
    /// A signal came first.
    Interrupted,
}

/// A command as it was typed.
pub struct Typed<'a> {
    pub args: &'a ApplyArgs,
    pub archive: &'a ArchiveArgs,
    pub verify: VerifyArgs,
    pub hold: HoldArgs,
    /// If so, stdin cannot answer the question.
    pub stdin_gives_ids: bool,
    /// What was selected, unless the command has its own selection.
    pub selection: Option<&'a SelectionArgs>,
}

impl Typed<'_> {
    /// Runs the command. `preparing` is its own way to a job, a future so that a signal can end it.
    pub async fn run(
        &self,
        context: &Context,
        preparing: impl Future<Output = Result<Prepared, Failure>>,
    ) -> Result<Exit, Failure> {
        self.archive.check()?;
        let started = Instant::now();
        let signals = &context.signals;
        // Until something is written, a signal ends the command at once.
        let prepared = signals.asked.run_until_cancelled(preparing).await;
        match prepared.unwrap_or(Ok(Prepared::Interrupted))? {
            Prepared::Interrupted => Ok(signals.exit()),
            Prepared::NothingThere { report, .. } if self.hold.is_wanted() => {
                let Report { verb, namespace, .. } = &*report;
                let sentence = format!(
                    "could not {} sessions of {namespace}: it is empty, so its layout is unknown",
                    verb.name
                );
                Err(Failure::new(Exit::Failed, sentence).hint("choose one with --layout NAME"))
            }
            Prepared::NothingThere { report, end } => {
                self.write_nothing(context, &report).await?;
                context.finish(HEADER, report.row(), &report.sentence(), end)
            }
            Prepared::Ready { mut job, question } => {
                job.report.took = started.elapsed();
                if self.args.dry_run {
                    preview::print(context, &job).await?;
                    return job.end;
                }
                self.carry_out(context, *job, question).await
            }
        }
    }

    /// Writes to the audit file that the collection was empty.
    async fn write_nothing(&self, context: &Context, report: &Report) -> Result<(), Failure> {
        let audit = Audit::open(&self.args.audit, &context.command_line)?;
        if !audit.is_wanted() || self.args.dry_run {
            return Ok(());
        }
        let connection = context.connect().await?;
        let intent = Intent {
            run: &run_id(),
            now: report.cutoff,
            server: connection.address(),
            login: connection.login(),
            command: report.verb.name,
            namespace: &report.namespace,
            layout: None,
            selection: Value::Null,
            cutoff: Some(report.cutoff),
            planned: Some(0),
        };
        audit.nothing(&intent, &report.row())
    }

    async fn carry_out(
        &self,
        context: &Context,
        mut job: Job,
        question: Question,
    ) -> Result<Exit, Failure> {
        // Everything that can fail is checked before the question.
        let control = self.args.throttle.control(context)?;
        let audit = Audit::open(&self.args.audit, &context.command_line)?;
        if job.report.matched == Some(0) && !self.hold.is_wanted() {
            let report = job.report.clone().nothing_done();
            audit.nothing(&job.intent(&run_id()), &report.row())?;
            return context.finish(HEADER, report.row(), &report.sentence(), job.end);
        }
        let archive = self.archive.prepare(context).doing(&job.action)?;
        job.report.archive = self.archive.path();
        let confirmed = self.confirm(context, &job, question).await?;
        let means = Means {
            archive: self.archive.open(context, archive).doing(&job.action)?,
            deadline: self.args.run_time.and_then(|time| Instant::now().checked_add(time)),
            hold: self.hold.hold,
            verbose: context.global.verbose,
            ..Means::new(&context.signals, context.global.quiet, &audit, &control)
        };
        let verify = self.verify.on(job.store.connection(), self.selection);
        let Applied { report, outcome } = job.apply(means, &verify, &confirmed).await?;
        report.remark_pace(context);
        context.finish(HEADER, report.row(), &report.sentence(), outcome)
    }

    /// The job of `purge`, as it was typed. Its sessions are counted if the question shows their number. They
    /// are also counted if a user is selected, to find out before the first write whether the user
    /// has sessions elsewhere.
    pub async fn job(
        &self,
        context: &Context,
        store: Store,
        purge: Purge,
        selection: Value,
        action: String,
        seen: &Seen,
    ) -> Result<Job, Failure> {
        let mut purge = self.args.throttle.throttled(purge);
        purge.archive = self.archive.is_wanted();
        purge.tells_ids = self.verify.on(store.connection(), self.selection).is_wanted();
        self.args.throttle.check_lag(context, &store, &action).await?;
        // A count only for the report would cost as much as reading every session that is deleted.
        let needs_count = self.args.needs_count(&purge, self.stdin_gives_ids);
        let (mut matched, mut already) = (None, None);
        if needs_count || purge.selection.query.users.is_some() {
            let counted = self.count(context, &store, &purge).await.doing(&action)?;
            context.judge_counted(&action, &store, &purge.selection, seen, &counted).await?;
            context.note_undecided(&purge.selection, seen, counted.undecided);
            if let Some(typed) = self.selection {
                context.tell_unmatched(typed, &purge.selection, &counted.met)?;
            }
            matched = needs_count.then_some(counted.selected);
            if counted.selected == 0 && matches!(purge.action, Action::Expire) {
                let expired = Purge { action: Action::Delete, ..purge.clone() };
                already = Some(store.count_selected(&expired, |_| {}).await.doing(&action)?);
            }
            // There is no question, so the sessions need not be searched twice. A hold may end others.
            let is_all = !needs_count && !self.hold.is_wanted();
            if is_all && purge.selection.keys.is_none() {
                purge.selection.keys = counted.keys;
            }
        }
        let mut job = Job::new(store, purge, selection, action);
        (job.report.matched, job.report.already) = (matched, already);
        Ok(job)
    }

    async fn count(
        &self,
        context: &Context,
        store: &Store,
        purge: &Purge,
    ) -> sessionctl::Result<Counted> {
        // If every candidate must be decoded, a terminal shows the progress.
        let decodes = purge.selection.needs_payload();
        let progress =
            decodes.then(|| Progress::new("sessions examined", None, context.global.quiet));
        let looked_at = |sessions| progress.iter().for_each(|shown| shown.advance(sessions));
        // `--user-path` names the places of users, so other places do not count.
        if purge.selection.query.users.is_some() && context.global.user_path.is_empty() {
            return store.count_of_user(purge, looked_at).await;
        }
        let counted = store.count_and_judge(purge, looked_at).await?;
        Ok(Counted { elsewhere: Elsewhere::default(), ..counted })
    }

    async fn confirm(
        &self,
        context: &Context,
        job: &Job,
        question: Question,
    ) -> Result<Confirmed, Failure> {
        let beforehand = self.args.confirmed_without_asking(&job.purge, self.stdin_gives_ids);
        if beforehand.is_none() {
            let Job { store, action, .. } = job;
            let right = [job.right()];
            context.check_rights(store.connection(), store.name(), &right, action).await?;
        }
        ask(beforehand, question, self.stdin_gives_ids, &context.signals).await
    }
}
