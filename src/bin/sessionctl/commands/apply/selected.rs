//! From the command line of `purge` and `expire` to a job: the sessions are selected, counted, and
//! shown in the question.

use std::time::Duration;

use bson::DateTime;
use clap::builder::Resettable::Reset;
use sessionctl::purge::{Action, Purge};
use sessionctl::query::ago;
use sessionctl::{Error, Query, Selection, State};

use super::{ApplyArgs, ArchiveArgs, HoldArgs, Job, Prepared, Report, Typed, Verb, VerifyArgs};
use crate::args::{SelectionArgs, Time, duration, time};
use crate::console::confirm::Question;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::text::counted;
use crate::context::selected::check_state;
use crate::context::words::Words;
use crate::context::{Context, Purpose};

/// The arguments of a command that ends the sessions of a selection.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    apply: ApplyArgs,

    /// Count sessions that expired less than DURATION ago as live, so that --expired leaves them
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = duration, allow_negative_numbers = true, help_heading = Reset)]
    grace: Duration,

    /// Evaluate expiry as of TIME, such as the cutoff of an earlier report
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true, conflicts_with = "grace", help_heading = Reset)]
    cutoff: Option<Time>,

    #[command(flatten)]
    verify: VerifyArgs,

    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// Runs `purge` or `expire`.
pub async fn run(
    context: &Context,
    args: &Args,
    action: Action,
    archive: &ArchiveArgs,
    hold: &HoldArgs,
) -> Result<Exit, Failure> {
    if args.selection.is_empty() {
        let sentence = format!("no sessions selected to {}", Verb::of(&action).name);
        return Err(Failure::new(Exit::Usage, sentence).hint(
            "pass ids, or --expired, --user USER, --idle DURATION, ...; --all selects every session",
        ));
    }
    if args.selection.expired && matches!(action, Action::Expire) {
        let sentence = "expire --expired selects only sessions that have already expired";
        return Err(
            Failure::new(Exit::Usage, sentence).hint("`sessionctl purge --expired` deletes them")
        );
    }
    args.verify.check(&args.selection)?;
    let typed = Typed {
        args: &args.apply,
        archive,
        verify: args.verify.clone(),
        hold: hold.clone(),
        stdin_gives_ids: args.selection.reads_stdin(),
        selection: Some(&args.selection),
    };
    typed.run(context, prepare(context, args, &typed, action)).await
}

/// Selects and counts the sessions.
async fn prepare(
    context: &Context,
    args: &Args,
    typed: &Typed<'_>,
    action: Action,
) -> Result<Prepared, Failure> {
    let verb = Verb::of(&action);
    let doing = format!("{} sessions of", verb.name);
    let Some(store) = context.store(&doing, Purpose::Changing).await? else {
        let mut report = Report::of_nothing(context, verb, &doing).await?;
        report.words = Words::of(&args.selection, report.cutoff);
        report.cutoff = args.cutoff(&doing, report.cutoff)?;
        let end = context.end_of_nothing(&args.selection, &report.namespace);
        return Ok(Prepared::NothingThere { report: Box::new(report), end });
    };
    let full_action = format!("{doing} {}", store.namespace());
    let now = store.primary_now().await.doing(&full_action)?;
    context.warn_of_clocks(store.connection());
    let cutoff = args.cutoff(&full_action, now)?;
    let selected =
        context.selected(&doing, &store, &args.selection, now, Purpose::Changing).await?;
    check_state(&selected.selection.query, cutoff)?;
    let end = selected.end(&store.namespace());
    let written = selected.written(&args.selection);
    let selection = Selection { cutoff, ..selected.selection };
    let selection = context.ranked(&full_action, &store, selection).await?;
    let purge = Purge::new(selection, action);
    // Starts nothing: it fails here, before the question, if the store ignores the expiry, so that ending a
    // session cannot work.
    store
        .purge(purge.clone(), context.signals.asked.clone())
        .map_err(|error| cannot(verb, &full_action, &error))?;
    let mut job = typed.job(context, store, purge, written, full_action, &selected.seen).await?;
    job.end = end;
    job.report.words = Words::of(&args.selection, now);
    let spared = job.store.count_spared(&job.purge).await.doing(&job.action)?;
    if spared > 0 {
        let those = counted(spared, "credential");
        let how = format!("left alone; to {} them, pass their ids", verb.name);
        context.note("note", format!("{those} of programs, not logins, {how}"));
    }
    if !job.purge.selection.query.is_only_expired() {
        context.note_survivors(job.store.layouts());
    }
    if args.selection.all && job.report.matched.is_some() {
        let selection = &job.purge.selection;
        let mut live = 0;
        for state in [State::Live, State::Endless] {
            let of = Selection { query: Query::state(state), ..selection.clone() };
            live += job.store.count_selection(&of, |_| {}).await.doing(&job.action)?;
        }
        job.report.live = Some(live);
    }
    let mut text = job.report.question();
    if args.selection.anonymous {
        let Job { store, purge, action, .. } = &job;
        let keys = context.payload_keys(action, store, &purge.selection).await?;
        text = format!("{text} Their payloads have these top-level keys: {keys}.");
    }
    let text = typed.hold.ask(&text);
    Ok(Prepared::Ready { question: question(args, &job, text), job: Box::new(job) })
}

fn question(args: &Args, job: &Job, text: String) -> Question {
    match args.selection.all {
        true => Question::TypeNamespace(text, job.store.namespace()),
        false => Question::YesNo(text),
    }
}

impl Args {
    /// The time at which expiry is evaluated.
    fn cutoff(&self, action: &str, now: DateTime) -> Result<DateTime, Failure> {
        let cutoff = self.cutoff.map_or_else(|| ago(now, self.grace), |time| time.resolve(now));
        if cutoff > now {
            let sentence = format!(
                "could not {action}: the cutoff is in the future, by the \
                                    server's clock"
            );
            return Err(Failure::new(Exit::Failed, sentence)
                .hint("sessions that expire later are live; choose a cutoff in the past"));
        }
        Ok(cutoff)
    }
}

fn cannot(verb: Verb, action: &str, error: &Error) -> Failure {
    let failure = Failure::of(action, error);
    match (verb, error) {
        (Verb::EXPIRE, Error::Unsupported(_)) => {
            failure.hint("`sessionctl purge` with the same selection deletes the sessions instead")
        }
        _ => failure,
    }
}
