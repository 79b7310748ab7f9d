//! What `purge`, `expire` and `fix` share: select, count, ask, go through the batches, look again,
//! report.

use std::mem::discriminant;
use std::time::{Duration, Instant};

use bson::{Bson, DateTime};
use clap::builder::Resettable::Reset;
use serde_json::Value;
use sessionctl::archive::Archive;
use sessionctl::purge::{Cause, Fate, Purge, Step};
use sessionctl::query::ago;
use sessionctl::store::{Reading, documents};
use sessionctl::{Error, Store};
use tokio_util::sync::CancellationToken;

use crate::args::{Selection, Time, duration, time};
use crate::audit::{self, Audit, AuditArgs, Intent, run_id};
use crate::console::confirm::{Confirmed, Question, ask, can_ask};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::progress::Progress;
use crate::console::report::say;
use crate::console::text::{counted, sessions};
use crate::context::{Context, Purpose};

use again::Verifying;

mod again;
mod archiving;
mod draining;
mod mending;
mod pacing;
mod preview;
mod report;

pub use archiving::Archiving;
pub use draining::{Drained, Draining};
pub use mending::mend;
pub use pacing::{Pacing, factor, pause};
pub use report::{HEADER, Report};

/// How a command goes about many sessions.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Working {
    /// Change nothing: show how many sessions are meant, some of them, and how they would be found
    #[arg(long)]
    dry_run: bool,

    /// Confirm beforehand: nothing is asked
    #[arg(short, long, env = "SESSIONCTL_YES", hide_env = true, value_parser = clap::builder::FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    yes: bool,

    #[command(flatten)]
    audit: AuditArgs,

    #[command(flatten)]
    pacing: Pacing,

    /// Stop after so long, at the end of a batch; with work left the exit code is 5
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true, help_heading = "Pace")]
    run_time: Option<Duration>,
}

/// The arguments of a command that ends sessions.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    working: Working,

    /// Count as expired only what has been so for this long
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = duration, allow_negative_numbers = true, help_heading = Reset)]
    grace: Duration,

    /// Count as expired what was so then, such as the cutoff of an earlier report
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true, conflicts_with = "grace", help_heading = Reset)]
    cutoff: Option<Time>,

    #[command(flatten)]
    verifying: Verifying,

    #[command(flatten)]
    pub selection: Selection,
}

/// Said where there is no index.
const WALK: &str = "no index leads to these sessions: the whole collection is walked once";

/// The word for what happens.
pub fn verb(fate: &Fate) -> &'static str {
    match fate {
        Fate::Deleted => "purge",
        Fate::Ended => "expire",
        Fate::Mended(_) => "fix",
    }
}

/// Carries `purge` or `expire` out.
pub async fn run(
    context: &Context,
    args: &Args,
    fate: Fate,
    archiving: &Archiving,
) -> Result<Exit, Failure> {
    if args.selection.is_empty() {
        let sentence = format!("{} wants to know which sessions", verb(&fate));
        return Err(Failure::new(Exit::Usage, sentence).hint(
            "name ids, or use --expired, --user USER, --idle DURATION, ...; --all means all",
        ));
    }
    args.verifying.check(&args.selection)?;
    archiving.check()?;
    let action = format!("{} sessions of", verb(&fate));
    // Until something is written, a signal ends the command at once.
    let prepared = prepare(context, args, &fate, archiving, &action);
    let prepared = match context.signals.asked.run_until_cancelled(prepared).await {
        Some(prepared) => prepared?,
        None => return Ok(Exit::Signal(context.signals.received().unwrap_or_default())),
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(nothing) => {
            let selected = context.selected_of_nothing(&args.selection);
            let outcome = selected.and_then(|selected| selected.exit(&nothing.namespace));
            return context.finish(HEADER, nothing.row(&fate), outcome);
        }
    };
    if args.working.dry_run {
        return prepared.preview(context).await;
    }
    let confirmed = confirm(context, args, &prepared).await?;
    prepared.work(context, &args.working, archiving, &args.verifying, &confirmed).await
}

/// Everything that is known before anything is written.
struct Prepared {
    store: Store,
    purge: Purge,
    report: Report,
    /// The selection, for the audit file.
    selection: Value,
    /// How the command ends when all is done.
    end: Result<Exit, Failure>,
}

impl Prepared {
    fn action(&self) -> String {
        format!("{} sessions of {}", verb(&self.purge.fate), self.store.namespace())
    }

    async fn preview(self, context: &Context) -> Result<Exit, Failure> {
        let printed = preview::print(context, &self.store, &self.purge, &self.report).await;
        printed.doing(&self.action())??;
        self.end
    }

    /// Does what was confirmed, and reports it.
    async fn work(
        self,
        context: &Context,
        working: &Working,
        archiving: &Archiving,
        verifying: &Verifying,
        confirmed: &Confirmed,
    ) -> Result<Exit, Failure> {
        let action = self.action();
        let Self { store, purge, mut report, selection, end } = self;
        if report.matched == Some(0) {
            return context.finish(HEADER, report.nothing_done().row(&purge.fate), end);
        }
        let audit = Audit::open(&working.audit, &context.command_line)?;
        let run = run_id();
        let store = store.for_run(&format!("{} {run}", verb(&purge.fate)));
        let intent = Intent {
            run: &run,
            now: purge.now,
            server: store.connection().address(),
            login: store.connection().login(),
            command: verb(&purge.fate),
            namespace: &store.namespace(),
            layout: report.layout.as_deref(),
            selection,
            cutoff: Some(purge.cutoff),
            planned: report.matched,
        };
        // What cannot be put aside, or written down, is not done.
        let archive = archiving.open(context).doing(&action)?;
        let began = audit.before(&intent)?;
        let ending = Ending { context, store: &store, run_time: working.run_time };
        let ended = ending.carry_out(purge.clone(), archive, &mut report, confirmed).await;
        let ended = match ended {
            Ok(Ended { stopped: None, ids }) => {
                let verified = verifying.look_again(&ending, &purge, ids, &mut report, confirmed);
                verified.await.and(end)
            }
            Ok(Ended { stopped: Some(exit), .. }) => Ok(exit),
            Err(error) => Err(Failure::of(&action, &error)),
        };
        let row = report.row(&purge.fate);
        let written = began.after(&row, ended.as_ref().err());
        context.finish(HEADER, row, ended.and_then(|exit| written.map(|()| exit)))
    }
}

/// Looks and counts. The inner error is the report of an empty collection.
async fn prepare(
    context: &Context,
    args: &Args,
    fate: &Fate,
    archiving: &Archiving,
    action: &str,
) -> Result<Result<Prepared, Report>, Failure> {
    let started = Instant::now();
    let Some(store) = context.store(action, Purpose::Changing).await? else {
        let mut report = nothing(context, action).await?;
        report.cutoff = args.cutoff(action, report.cutoff)?;
        return Ok(Err(report));
    };
    let full_action = format!("{action} {}", store.namespace());
    let now = store.connection().primary_now().await.doing(&full_action)?;
    let cutoff = args.cutoff(&full_action, now)?;
    let selected = context.selected(action, &store, &args.selection, now).await?;
    let mut purge = args.working.pacing.paced(selected.purge(fate.clone(), now, cutoff));
    purge.archive = archiving.is_wanted();
    purge.tells_ids = args.verifying.is_wanted();
    // Says at once where ending a session cannot work.
    store
        .purge(purge.clone(), context.signals.asked.clone())
        .map_err(|error| cannot(fate, &full_action, &error))?;
    args.working.pacing.check_lag(context, &store, &full_action).await?;
    let matched = count(context, &store, &purge).await.doing(&full_action)?;
    let spared = store.count_spared(&purge).await.doing(&full_action)?;
    if spared > 0 {
        let those = counted(spared, "credential");
        let how = format!("left alone; {} them by their ids", verb(fate));
        context.note("note", format!("{those} of programs, not logins, {how}"));
    }
    let mut report = Report::new(store.namespace(), Some(store.layout().name.clone()), cutoff);
    (report.matched, report.took) = (Some(matched), started.elapsed());
    let selection = audit::selection(&args.selection, now);
    let end = selected.exit(&store.namespace());
    Ok(Ok(Prepared { store, purge, report, selection, end }))
}

/// The report of an empty collection, at the server's now.
async fn nothing(context: &Context, action: &str) -> Result<Report, Failure> {
    let connection = context.connect().await?;
    let now = connection.primary_now().await.doing(action)?;
    let namespace = format!("{}.{}", connection.database(), context.collection());
    let report = Report { matched: Some(0), ..Report::new(namespace, None, now) };
    Ok(report.nothing_done())
}

impl Args {
    /// What decides what is expired.
    fn cutoff(&self, action: &str, now: DateTime) -> Result<DateTime, Failure> {
        let cutoff = self.cutoff.map_or_else(|| ago(now, self.grace), |time| time.resolve(now));
        if cutoff > now {
            let sentence = format!("could not {action}: the cutoff is after the server's now");
            return Err(Failure::new(Exit::Failed, sentence)
                .hint("a session that expires later is alive; choose a cutoff that is past"));
        }
        Ok(cutoff)
    }
}

fn cannot(fate: &Fate, action: &str, error: &Error) -> Failure {
    let failure = Failure::of(action, error);
    match (fate, error) {
        (Fate::Ended, Error::Unsupported(_) | Error::NoDate { .. }) => {
            failure.hint("`sessionctl purge` with the same selection deletes the sessions instead")
        }
        _ => failure,
    }
}

/// How many sessions are meant. Where every candidate is decoded, that is shown on a terminal.
async fn count(context: &Context, store: &Store, purge: &Purge) -> sessionctl::Result<u64> {
    if !purge.query.needs_payload() || purge.keys.is_some() {
        return store.count_selected(purge).await;
    }
    let progress = Progress::new("sessions looked at", None, context.global.quiet);
    let mut batches = store.read(store.selection(purge)?, &Reading::default()).await?;
    let mut count = 0;
    while let Some(batch) = batches.next().await? {
        let admitted = documents(&batch).filter(|document| store.admits(purge, document)).count();
        count += admitted as u64;
        progress.advance(documents(&batch).count() as u64);
    }
    Ok(count)
}

async fn confirm(
    context: &Context,
    args: &Args,
    prepared: &Prepared,
) -> Result<Confirmed, Failure> {
    let Prepared { store, purge, report, .. } = prepared;
    let matched = report.matched.unwrap_or_default();
    if matched == 0 {
        return Ok(Confirmed::nothing_matched());
    }
    if args.working.yes {
        return Ok(Confirmed::by_flag());
    }
    let stdin_gives_ids = args.selection.reads_stdin();
    let only_dead = purge.query.is_only_expired();
    if only_dead && !can_ask(stdin_gives_ids) {
        return Ok(Confirmed::already_dead());
    }
    let what = if only_dead { "expired " } else { "" };
    let verb = if purge.fate == Fate::Deleted { "delete" } else { "expire" };
    let namespace = store.namespace();
    let text =
        format!("{verb} {} of {namespace}?", sessions(matched).replace(' ', &format!(" {what}")));
    let question = if args.selection.all {
        Question::TypeNamespace(text, namespace)
    } else {
        Question::YesNo(text)
    };
    ask(question, stdin_gives_ids, &context.signals).await
}

/// Goes through the batches of purges, and says how it goes.
struct Ending<'a> {
    context: &'a Context,
    store: &'a Store,
    run_time: Option<Duration>,
}

/// How it ended, without a failure.
struct Ended {
    /// What the command exits with, where work may be left.
    stopped: Option<Exit>,
    /// What the sessions are looked up by, if that was asked for.
    ids: Vec<Bson>,
}

impl Ending<'_> {
    /// Ends the sessions of `purge`, and adds what was done to the report.
    async fn carry_out(
        &self,
        purge: Purge,
        archive: Option<Archive>,
        report: &mut Report,
        _: &Confirmed,
    ) -> sessionctl::Result<Ended> {
        let started = Instant::now();
        let signals = &self.context.signals;
        let progress = Progress::new("sessions", report.matched, self.context.global.quiet);
        // A signal, or the end of the time.
        let stop = signals.asked.child_token();
        let _timer = self.run_time.map(|time| Timer::start(time, &stop));
        let mut purging = self.store.purge(purge, stop)?;
        if let Some(archive) = archive {
            purging = purging.archive_to(archive);
        }
        let mut ids = Vec::new();
        let (mut kept, mut warned, mut paused) = (0, false, None);
        let outcome = loop {
            match purging.next().await {
                Ok(None) => break Ok(()),
                Ok(Some(Step::Paused(Cause::Rate | Cause::Rest))) => {}
                Ok(Some(Step::Paused(cause))) => {
                    if paused.replace(discriminant(&cause)) != Some(discriminant(&cause)) {
                        self.say(&progress, "note", &pause(cause));
                    }
                }
                Ok(Some(Step::Batch(batch))) => {
                    paused = None;
                    report.add(&batch);
                    kept += batch.kept;
                    ids.extend(batch.ids);
                    progress.advance(batch.done);
                }
                Err(error) => break Err(error),
            }
            if !warned && purging.walks() {
                warned = true;
                self.say(&progress, "warning", WALK);
            }
        };
        progress.finish();
        report.took += started.elapsed();
        report.exact = Some(purging.is_exact());
        report.done = Some(report.done.unwrap_or(0));
        if kept > 0 {
            let those = sessions(kept);
            say(
                "warning",
                format!("{those} kept, because the archive's format has no form for them"),
            );
        }
        if let Err(error) = outcome {
            report.stopped = Some("error");
            return Err(error);
        }
        let stopped = match signals.received() {
            Some(signal) => Some(("signal", Exit::Signal(signal))),
            None if purging.is_finished() => None,
            None => Some(("run-time", Exit::WorkLeft)),
        };
        if stopped.is_none() && report.renewed.is_none() && purging.is_exact() {
            // Nobody read them one by one, but what was counted and not deleted lives or was gone.
            let done = report.done.unwrap_or(0);
            report.renewed = report.matched.map(|matched| matched.saturating_sub(done + kept));
        }
        report.stopped = stopped.as_ref().map(|(why, _)| *why);
        Ok(Ended { stopped: stopped.map(|(_, exit)| exit), ids })
    }

    fn say(&self, progress: &Progress, label: &str, text: &str) {
        if !self.context.global.quiet {
            progress.aside(|| say(label, text));
        }
    }
}

/// Cancels a token after a while, unless it is dropped before.
struct Timer(tokio::task::JoinHandle<()>);

impl Timer {
    fn start(time: Duration, stop: &CancellationToken) -> Self {
        let stop = stop.clone();
        Self(tokio::spawn(async move {
            tokio::time::sleep(time).await;
            stop.cancel();
        }))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}
