//! `sessionctl copy`

use std::time::Instant;

use bson::DateTime;
use serde_json::{Value, json};
use sessionctl::archive::Archive;
use sessionctl::copy::{Converter, Copied, CopyPlan, Copying};
use sessionctl::purge::MaxLatency;
use sessionctl::{Error, Query, Selection, State, Store};

use super::apply::{ArchiveArgs, ThrottleArgs};
use super::control::Control;
use crate::args::SelectionArgs;
use crate::audit::{Audit, AuditArgs, Began, Intent, run_id};
use crate::console::confirm::{Confirmed, Question, Yes, ask};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output::Cell;
use crate::console::progress::Progress;
use crate::context::selected::check_state;
use crate::context::words::Words;
use crate::context::{Context, Purpose};

mod batches;
mod follow;
mod preview;
mod report;
mod target;

use batches::go_through;
use report::{HEADER, Report};
use target::TargetArgs;

/// Copy sessions into another collection, database, server or layout
///
/// Without a selection, every session is copied. Nothing is deleted or changed at the source. Without
/// --to-layout the documents are copied byte for byte; with it each session is written as the store of that
/// layout would write it, and sessions that cannot be carried over are counted by reason.
///
/// If the target already has a session, copy replaces it only if the target's copy is older, by last
/// touch or else by expiry. A copy can therefore be interrupted and repeated. The indexes that the
/// layout needs are created at the target first. Expired sessions are copied as well, and the TTL index
/// on the target deletes them; use --live to skip them. With --follow, the copy is kept up to date until
/// a signal.
///
/// The section WHAT THE APPLICATION HAS TO DO of sessionctl help copy explains how users stay logged in.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl copy --to-collection sessions_new --dry-run
  sessionctl copy --to-uri-file new-cluster.uri --yes
  sessionctl copy --live --to-layout express-session-object --to-collection web_sessions
  sessionctl copy --user 42 --to-db staging
  sessionctl copy --follow --to-uri-file new-cluster.uri --yes")]
pub struct Args {
    #[command(flatten)]
    pub target: TargetArgs,

    /// Write nothing: show five sessions before and after, and how many would be copied
    #[arg(long)]
    dry_run: bool,

    /// Write nothing: compare both sides session by session. If they differ, the exit code is 4
    #[arg(long, conflicts_with = "dry_run")]
    check: bool,

    /// Then keep the copy up to date, until a signal: sessions that are renewed, logged out or deleted
    /// at the source are so at the target, unless they were written there since
    #[arg(long, conflicts_with_all = ["dry_run", "check", "keep"])]
    follow: bool,

    #[command(flatten)]
    yes: Yes,

    #[command(flatten)]
    audit: AuditArgs,

    #[command(flatten)]
    archive: ArchiveArgs,

    #[command(flatten)]
    throttle: ThrottleArgs,

    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// Everything that is known before anything is written.
struct Prepared {
    source: Store,
    target: Store,
    copy: CopyPlan,
    action: String,
    /// The selection, for the audit file.
    written: Value,
    report: Report,
    /// How it ends when all is done.
    end: Result<Exit, Failure>,
}

const DOING: &str = "copy sessions of";

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    args.archive.check()?;
    // Until something is written, a signal ends the command at once.
    let prepared = context.signals.asked.run_until_cancelled(prepare(context, args)).await;
    let Some(prepared) = prepared else { return Ok(context.signals.exit()) };
    let Some(mut prepared) = prepared? else {
        return match args.follow {
            true => Err(follow::nothing(context)),
            false => nothing_there(context, args).await,
        };
    };
    let control = args.throttle.control(context)?;
    if args.check {
        return check(context, prepared, &control).await;
    }
    if args.dry_run {
        return dry_run(context, prepared, &control).await;
    }
    let audit = Audit::open(&args.audit, &context.command_line)?;
    let archive = args.archive.prepare(context).doing(&prepared.action)?;
    let confirmed = confirm(context, args, &prepared).await?;
    let run = run_id();
    let target = prepared.target.clone().for_run(&format!("copy {run}"));
    let intent = Intent {
        run: &run,
        now: prepared.copy.now,
        server: target.connection().address(),
        login: target.connection().login(),
        command: "copy",
        namespace: &prepared.report.target,
        layout: Some(&prepared.report.target_layout),
        selection: prepared.written.clone(),
        cutoff: None,
        planned: prepared.report.matched,
    };
    // What matches later is copied as well, if the source is followed.
    if prepared.report.matched == Some(0) && !args.follow {
        audit.nothing(&intent, &prepared.report.row())?;
        let sentence = prepared.report.sentence();
        return context.finish(HEADER, prepared.report.row(), &sentence, prepared.end);
    }
    let began = audit.before(&intent)?;
    let archive = args.archive.open(context, archive).doing(&prepared.action);
    let outcome = match archive {
        Ok(archive) => {
            let means = (&control, &confirmed, &began);
            write(context, args, &mut prepared, &target, archive, means).await
        }
        Err(failure) => Err(failure),
    };
    let mut report = prepared.report;
    if outcome.is_err() && report.stopped.is_none() {
        report.stopped = Some("error");
    }
    let written = began.after(&report.row(), outcome.as_ref().err());
    let outcome = outcome.and_then(|exit| written.map(|()| exit));
    context.finish(HEADER, report.row(), &report.sentence(), outcome)
}

/// Makes the indexes, and copies.
async fn write(
    context: &Context,
    args: &Args,
    prepared: &mut Prepared,
    target: &Store,
    archive: Option<Archive>,
    means: (&Control, &Confirmed, &Began),
) -> Result<Exit, Failure> {
    let names_users = args.audit.audit.is_some();
    let Prepared { source, copy, action, report, end, .. } = prepared;
    let lifetime = context.global.lifetime;
    make_indexes(context, source, target, lifetime).await.doing(action)?;
    let cancel = context.signals.asked.clone();
    if args.follow {
        let following = source.copy_following(target, copy.clone(), cancel).await.doing(action)?;
        let following = following.reporting(names_users);
        let following = match archive {
            Some(archive) => following.archive_to(archive),
            None => following,
        };
        return follow::run(context, following, report, action, means).await;
    }
    let copying = source.copy_to(target, copy.clone(), cancel).await.doing(action)?;
    let copying = copying.reporting(names_users);
    let copying = match archive {
        Some(archive) => copying.archive_to(archive),
        None => copying,
    };
    match carry_out(context, copying, report, action, means).await? {
        Exit::Done => std::mem::replace(end, Ok(Exit::Done)),
        exit => Ok(exit),
    }
}

/// The indexes that the stores of the target would make.
async fn make_indexes(
    context: &Context,
    source: &Store,
    target: &Store,
    lifetime: Option<std::time::Duration>,
) -> sessionctl::Result<()> {
    let lifetime = match lifetime {
        Some(lifetime) => Some(lifetime),
        None if source.layouts() == target.layouts() => source.lifetime_of_index().await?,
        None => None,
    };
    if !target.make_indexes(lifetime).await? {
        let namespace = target.namespace();
        let text = format!("{namespace} does not have the TTL index of its layout");
        context.note("note", format!("{text}: see sessionctl index status"));
    }
    Ok(())
}

/// Looks at both sides; `None` if the source is empty.
async fn prepare(context: &Context, args: &Args) -> Result<Option<Prepared>, Failure> {
    let started = Instant::now();
    let Some(source) = context.store(DOING, Purpose::Changing).await? else { return Ok(None) };
    let target = args.target.store(context, &source).await?;
    let full = format!("{DOING} {} to {}", source.namespace(), target.namespace());
    let now = source.primary_now().await.doing(&full)?;
    let target_now = target.primary_now().await.doing(&full)?;
    let only_looks = args.dry_run || args.check;
    if target.is_same_as(&source, !only_looks).await.doing(&full)? {
        let sentence = format!("could not {full}: both are the same collection");
        return Err(
            Failure::new(Exit::Failed, sentence).hint("pass --to-collection, --to-db or --to-uri")
        );
    }
    args.throttle.check_lag(context, &target, &full).await?;
    let (selection, written, end) = selected(context, args, &source, now).await?;
    let converts = args.target.to_layout.is_some() && source.layouts() != target.layouts();
    let converter = converts.then(|| Converter::new(source.layouts(), target.layout(), now));
    let mut pace = args.throttle.pace();
    if only_looks {
        // Nothing is written at the target.
        pace.max_latency = MaxLatency::Off;
    }
    let copy = CopyPlan {
        selection,
        converter: converter.transpose().doing(&full)?,
        now: target_now,
        batch_size: args.throttle.batch_size,
        jobs: args.throttle.jobs,
        pace,
        dry_run: only_looks,
    };
    let mut report = Report::new(&source, &target, Words::of(&args.selection, now));
    report.follows = args.follow;
    if only_looks || Confirmed::by_flag(args.yes).is_none() || copy.selection.query.users.is_some()
    {
        report.matched = Some(count(context, &source, &copy.selection).await.doing(&full)?);
    }
    report.took = started.elapsed();
    let written = json!({
        "from": { "server": source.connection().address(), "namespace": source.namespace() },
        "sessions": written,
    });
    Ok(Some(Prepared { source, target, copy, action: full, written, report, end }))
}

/// The sessions that were selected; without a selection all of them.
async fn selected(
    context: &Context,
    args: &Args,
    source: &Store,
    now: DateTime,
) -> Result<(Selection, Value, Result<Exit, Failure>), Failure> {
    if args.selection.is_empty() {
        let all = Selection::new(Query::default(), now);
        return Ok((all, json!({ "all": true }), Ok(Exit::Done)));
    }
    let typed = &args.selection;
    let selected = context.selected(DOING, source, typed, now, Purpose::Reading).await?;
    if !args.follow {
        check_state(&selected.selection.query, now)?;
    }
    let (written, end) = (selected.written(typed), selected.end(&source.namespace()));
    let action = format!("{DOING} {}", source.namespace());
    let selection = context.ranked(&action, source, selected.selection).await?;
    Ok((selection, written, end))
}

async fn count(
    context: &Context,
    source: &Store,
    selection: &Selection,
) -> sessionctl::Result<u64> {
    let progress = Progress::new("sessions examined", None, context.global.quiet);
    source.count_selection(selection, |sessions| progress.advance(sessions)).await
}

/// How many of the selected sessions have expired, unless the selection says it already, or the payloads
/// would have to be decoded once more.
async fn count_expired(source: &Store, selection: &Selection) -> sessionctl::Result<Option<u64>> {
    if selection.query.state.is_some() || selection.needs_payload() {
        return Ok(None);
    }
    let query = Query { state: Some(State::Expired), ..selection.query.clone() };
    let expired = Selection { query, ..selection.clone() };
    source.count_selection(&expired, |_| {}).await.map(Some)
}

/// The source has no sessions, and so no layout.
async fn nothing_there(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let connection = context.connect().await?;
    let namespace = format!("{}.{}", connection.database(), context.collection());
    let report = Report::of_nothing(namespace.clone());
    let end = context.end_of_nothing(&args.selection, &namespace);
    context.finish(HEADER, report.row(), &report.sentence(), end)
}

async fn confirm(
    context: &Context,
    args: &Args,
    prepared: &Prepared,
) -> Result<Confirmed, Failure> {
    let Prepared { source, target, copy, report, action, .. } = prepared;
    let beforehand = report.matched.filter(|_| !args.follow).and_then(Confirmed::by_count);
    let beforehand = beforehand.or_else(|| Confirmed::by_flag(args.yes));
    if beforehand.is_none() {
        let rights = ["find", "listIndexes", "insert", "update", "createIndex", "remove"];
        let rights = if args.follow { &rights[..] } else { &rights[..5] };
        context.check_rights(target.connection(), target.name(), rights, action).await?;
        if args.follow {
            let ledger = source.ledger_of_copy(target).await.doing(action)?;
            let rights = ["find", "insert", "update", "remove", "createIndex"];
            context.check_rights(target.connection(), &ledger, &rights, action).await?;
        }
    }
    let expired = match beforehand {
        Some(_) => None,
        None => count_expired(source, &copy.selection).await.doing(action)?,
    };
    let question = Question::YesNo(report.question(expired));
    ask(beforehand, question, args.selection.reads_stdin(), &context.signals).await
}

/// Compares both sides: what a copy would do, and what only the target has.
async fn check(context: &Context, prepared: Prepared, control: &Control) -> Result<Exit, Failure> {
    let Prepared { source, target, copy, action, mut report, end, .. } = prepared;
    let action = action.replacen("copy", "compare", 1);
    let is_of_all = copy.selection.is_of_all();
    let copying = source.copy_to(&target, copy, context.signals.asked.clone());
    let copying = copying.await.doing(&action)?;
    let outcome = go_through(context, copying, &mut report, &action, (control, None)).await;
    let mut extra = None;
    if matches!(outcome, Ok(Exit::Done)) && is_of_all {
        let there = match target.count(target.layouts().membership()).await {
            Err(Error::NoCollection { .. }) => 0,
            there => there.doing(&action)?,
        };
        let Copied { replaced, unchanged, kept, .. } = &report.copied;
        extra = Some(there.saturating_sub(replaced + unchanged + kept));
    }
    let agree = report.agrees(extra);
    let mut row = report.row();
    row.0.push(("extra", Cell::maybe(extra, Cell::Count)));
    row.0.push(("agree", Cell::Flag(agree)));
    let outcome = outcome.and_then(|exit| match exit {
        Exit::Done if !agree => end.map(|_| Exit::Problems),
        Exit::Done => end,
        exit => Ok(exit),
    });
    context.finish(HEADER, row, &report.compared(extra), outcome)
}

async fn dry_run(
    context: &Context,
    prepared: Prepared,
    control: &Control,
) -> Result<Exit, Failure> {
    let Prepared { source, target, copy, action, mut report, end, .. } = prepared;
    let sample = preview::sample(context, &source, &target, &copy).await.doing(&action)?;
    let asked = context.signals.asked.clone();
    let copying = source.copy_to(&target, copy, asked).await.doing(&action)?;
    let outcome = go_through(context, copying, &mut report, &action, (control, None)).await;
    report.is_dry = true;
    let outcome = outcome.and_then(|exit| if matches!(exit, Exit::Done) { end } else { Ok(exit) });
    preview::print(context, &report, sample, outcome)
}

async fn carry_out(
    context: &Context,
    copying: Copying,
    report: &mut Report,
    action: &str,
    (control, _, began): (&Control, &Confirmed, &Began),
) -> Result<Exit, Failure> {
    go_through(context, copying, report, action, (control, Some(began))).await
}
