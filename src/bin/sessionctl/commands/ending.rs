//! What `purge` and `expire` share: select, count, ask, go through the batches, report.

use std::time::{Duration, Instant};

use bson::DateTime;
use sessionctl::purge::{Fate, Purge};
use sessionctl::query::ago;
use sessionctl::store::{Reading, documents};
use sessionctl::{Error, Store};

use crate::args::{Selection, duration};
use crate::confirm::{Confirmed, Question, ask, can_ask};
use crate::context::{Context, Purpose, Selected};
use crate::output::{Cell, Format, Row, Shape};
use crate::progress::Progress;
use crate::report::{Doing as _, Exit, Failure, say};
use crate::text::{counted, sessions};

/// The arguments of a command that ends sessions.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Only count the sessions that are meant
    #[arg(long)]
    dry_run: bool,

    /// Confirm beforehand: nothing is asked
    #[arg(short, long, env = "SESSIONCTL_YES", hide_env = true, value_parser = clap::builder::FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    yes: bool,

    /// Count as expired only what has been so for this long
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = duration)]
    grace: Duration,

    /// Sessions in a batch
    #[arg(long, value_name = "N", default_value_t = sessionctl::purge::BATCH_SIZE, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch_size: u32,

    #[command(flatten)]
    pub selection: Selection,
}

/// What was done.
#[derive(Debug, Clone)]
struct Report {
    namespace: String,
    layout: Option<String>,
    cutoff: DateTime,
    matched: Option<u64>,
    done: Option<u64>,
    exact: Option<bool>,
    batches: u64,
    spared: u64,
    took: Duration,
    stopped: Option<&'static str>,
}

/// The keys of a report's row.
pub const PURGE_HEADER: &[&str] = &[
    "namespace",
    "layout",
    "cutoff",
    "matched",
    "deleted",
    "exact",
    "archived",
    "renewed",
    "reappeared",
    "batches",
    "seconds",
    "stopped",
];

impl Report {
    fn row(&self, fate: Fate) -> Row {
        let done = match fate {
            Fate::Deleted => "deleted",
            Fate::Ended => "expired",
        };
        Row(vec![
            ("namespace", Cell::Text(self.namespace.clone())),
            ("layout", Cell::maybe(self.layout.clone(), Cell::Text)),
            ("cutoff", Cell::Time(self.cutoff)),
            ("matched", Cell::maybe(self.matched, Cell::Count)),
            (done, Cell::maybe(self.done, Cell::Count)),
            ("exact", Cell::maybe(self.exact, Cell::Flag)),
            ("archived", Cell::Null),
            ("renewed", Cell::maybe(self.done.map(|_| self.spared), Cell::Count)),
            ("reappeared", Cell::Null),
            ("batches", Cell::Count(self.batches)),
            ("seconds", Cell::Seconds(self.took.as_secs_f64())),
            ("stopped", Cell::maybe(self.stopped, |why| Cell::Text(why.to_owned()))),
        ])
    }
}

/// The word for what happens.
fn verb(fate: Fate) -> &'static str {
    match fate {
        Fate::Deleted => "purge",
        Fate::Ended => "expire",
    }
}

/// Carries `purge` or `expire` out.
pub async fn run(context: &Context, args: &Args, fate: Fate) -> Result<Exit, Failure> {
    if args.selection.is_empty() {
        let sentence = format!("{} wants to know which sessions", verb(fate));
        return Err(Failure::new(Exit::Usage, sentence).hint(
            "name ids, or use --expired, --user USER, --idle DURATION, ...; --all means all",
        ));
    }
    let action = format!("{} sessions of", verb(fate));
    // Until something is written, a signal ends the command at once.
    let prepared = prepare(context, args, fate, &action);
    let prepared = match context.signals.asked.run_until_cancelled(prepared).await {
        Some(prepared) => prepared?,
        None => return Ok(Exit::Signal(context.signals.received().unwrap_or_default())),
    };
    let Prepared { store, selected, purge, mut report } = match prepared {
        Ok(prepared) => prepared,
        Err(nothing) => {
            let selected = context.selected_of_nothing(&args.selection);
            let outcome = selected.and_then(|selected| selected.exit(&nothing.namespace));
            return finish(context, &nothing, fate, outcome);
        }
    };
    let matched = report.matched.unwrap_or_default();
    if args.dry_run {
        let outcome = selected.exit(&store.namespace());
        return finish(context, &report, fate, outcome);
    }
    let confirmed = confirm(context, args, &store, &purge, fate, matched).await?;
    if matched == 0 {
        (report.done, report.exact) = (Some(0), Some(true));
        return finish(context, &report, fate, selected.exit(&store.namespace()));
    }
    let outcome = destroy(context, &store, purge, &mut report, confirmed).await;
    let outcome = match outcome {
        Ok(None) => selected.exit(&store.namespace()),
        Ok(Some(signal)) => Ok(Exit::Signal(signal)),
        Err(error) => Err(Failure::of(&format!("{action} {}", store.namespace()), &error)),
    };
    finish(context, &report, fate, outcome)
}

/// Everything that is known before anything is written.
struct Prepared {
    store: Store,
    selected: Selected,
    purge: Purge,
    report: Report,
}

/// Looks and counts. The inner error is the report of an empty collection.
async fn prepare(
    context: &Context,
    args: &Args,
    fate: Fate,
    action: &str,
) -> Result<Result<Prepared, Report>, Failure> {
    let started = Instant::now();
    let report = |namespace: String, layout, cutoff| Report {
        namespace,
        layout,
        cutoff,
        matched: Some(0),
        done: Some(0),
        exact: Some(true),
        batches: 0,
        spared: 0,
        took: started.elapsed(),
        stopped: None,
    };
    let Some(store) = context.store(action, Purpose::Changing).await? else {
        let connection = context.connect().await?;
        let now = connection.primary_now().await.doing(action)?;
        let namespace = format!("{}.{}", connection.database(), context.collection());
        return Ok(Err(report(namespace, None, ago(now, args.grace))));
    };
    let full_action = format!("{action} {}", store.namespace());
    let now = store.connection().primary_now().await.doing(&full_action)?;
    let cutoff = ago(now, args.grace);
    let selected = context.selected(action, &store, &args.selection, now).await?;
    let mut purge = selected.purge(fate, now, cutoff);
    purge.batch_size = args.batch_size;
    // Says at once where ending a session cannot work.
    store
        .purge(purge.clone(), context.signals.asked.clone())
        .map_err(|error| cannot(fate, &full_action, &error))?;
    let matched = count(context, &store, &purge).await.doing(&full_action)?;
    let spared = store.count_spared(&purge).await.doing(&full_action)?;
    if spared > 0 {
        let those = counted(spared, "credential");
        let how = format!("left alone; {} them by their ids", verb(fate));
        context.note("note", format!("{those} of programs, not logins, {how}"));
    }
    let mut report = report(store.namespace(), Some(store.layout().name.clone()), cutoff);
    (report.matched, report.done, report.exact) = (Some(matched), None, None);
    Ok(Ok(Prepared { store, selected, purge, report }))
}

fn cannot(fate: Fate, action: &str, error: &Error) -> Failure {
    let failure = Failure::of(action, error);
    match (fate, error) {
        (Fate::Ended, Error::Unsupported(_)) => {
            failure.hint("`sessionctl purge` with the same selection deletes the sessions instead")
        }
        _ => failure,
    }
}

/// How many sessions are meant. Where every candidate is decoded, that is shown on a terminal.
async fn count(context: &Context, store: &Store, purge: &Purge) -> sessionctl::Result<u64> {
    if !purge.query.needs_payload() {
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
    store: &Store,
    purge: &Purge,
    fate: Fate,
    matched: u64,
) -> Result<Confirmed, Failure> {
    if matched == 0 {
        return Ok(Confirmed::nothing_matched());
    }
    if args.yes {
        return Ok(Confirmed::by_flag());
    }
    let stdin_gives_ids = args.selection.reads_stdin();
    let only_dead = purge.query.is_only_expired();
    if only_dead && !can_ask(stdin_gives_ids) {
        return Ok(Confirmed::already_dead());
    }
    let what = if only_dead { "expired " } else { "" };
    let verb = if fate == Fate::Deleted { "delete" } else { "expire" };
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

/// Goes through the batches. The number of the signal that stopped it, if one did.
async fn destroy(
    context: &Context,
    store: &Store,
    purge: Purge,
    report: &mut Report,
    _: Confirmed,
) -> sessionctl::Result<Option<i32>> {
    let started = Instant::now();
    let progress = Progress::new("sessions", report.matched, context.global.quiet);
    (report.done, report.exact) = (Some(0), Some(true));
    let mut purging = store.purge(purge, context.signals.asked.clone())?;
    let outcome = loop {
        match purging.next().await {
            Ok(None) => break Ok(()),
            Ok(Some(batch)) => {
                report.done = report.done.map(|done| done + batch.done);
                report.exact = report.exact.map(|exact| exact && batch.exact);
                report.spared += batch.spared;
                report.batches += 1;
                progress.advance(batch.done);
            }
            Err(error) => break Err(error),
        }
    };
    progress.finish();
    report.took = started.elapsed();
    if let Err(error) = outcome {
        (report.stopped, report.exact) = (Some("error"), Some(purging.is_exact()));
        return Err(error);
    }
    let signal = context.signals.received();
    report.stopped = signal.map(|_| "signal");
    Ok(signal)
}

/// Prints the report, whatever the outcome.
fn finish(
    context: &Context,
    report: &Report,
    fate: Fate,
    outcome: Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    if context.global.format == Format::Table && context.global.quiet {
        return outcome;
    }
    let mut rows = context.rows(Shape::One, PURGE_HEADER);
    let printed = rows.row(report.row(fate)).and_then(|()| rows.finish());
    match (outcome, printed) {
        (Err(failure), Err(unprinted)) if !unprinted.is_closed_pipe() => {
            say("warning", "the report could not be printed");
            Err(failure)
        }
        (Err(failure), _) => Err(failure),
        (Ok(exit), Err(unprinted)) if unprinted.is_closed_pipe() => Ok(exit),
        (Ok(_), Err(unprinted)) => Err(unprinted),
        (Ok(exit), Ok(())) => Ok(exit),
    }
}
