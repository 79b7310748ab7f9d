//! `sessionctl fix`

use clap::Subcommand;
use serde_json::{Value, json};
use sessionctl::layout::Fault;
use sessionctl::purge::{Action, Purge};
use sessionctl::{Query, Selection};

use super::apply::{ApplyArgs, ArchiveArgs, HoldArgs, Prepared, Report, Typed, Verb, VerifyArgs};
use crate::console::confirm::Question;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::text::{exact_duration, grouped};
use crate::context::users::Seen;
use crate::context::words::Words;
use crate::context::{Context, Purpose};

/// Repair expiries that keep sessions from being deleted
///
/// Each update repeats its condition, so a session that its store writes in the meantime is not changed.
/// fix asks before it changes anything; without a terminal, it requires --yes. An archive holds the
/// sessions as they were: restore undoes a fix with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl fix expiry --dry-run
  sessionctl fix endless --lifetime 14d --yes")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Convert text and numbers to dates where the store expects a date
    ///
    /// Text is read in three forms: 2026-01-02T03:04:05Z, also with an offset and fractions (RFC
    /// 3339); Fri, 02 Jan 2026 03:04:05 GMT; and Fri Jan 02 2026 04:04:05 GMT+0100. Numbers, and text
    /// that is only digits, are read by the number of digits before the decimal point: 10 digits are
    /// seconds, 13 milliseconds, 16 microseconds, 19 nanoseconds. A value without a clear meaning, such
    /// as 01/02/2026, a time without a zone, or 1209600000 (14 days in milliseconds), is not changed,
    /// and the exit code is then 1.
    #[command(after_help = "Examples:
  sessionctl fix expiry --dry-run
  sessionctl fix expiry --archive before.bson.zst --yes")]
    Expiry(Fixing),
    /// Give endless sessions an expiry: a lifetime after their last touch
    ///
    /// Requires --lifetime. The lifetime starts at the last touch of a session, or else at its creation.
    /// If neither is stored, it starts now: all such sessions expire at the same time.
    #[command(after_help = "Examples:
  sessionctl fix endless --lifetime 14d --dry-run
  sessionctl fix endless --lifetime 30d --rate 1000 --yes")]
    Endless(Fixing),
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct Fixing {
    #[command(flatten)]
    apply: ApplyArgs,

    #[command(flatten)]
    archive: ArchiveArgs,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let (fault, fixing) = match &args.command {
        Command::Expiry(fixing) => (Fault::ExpiryType, fixing),
        Command::Endless(fixing) => {
            let lifetime = context.global.lifetime.ok_or_else(|| {
                Failure::new(Exit::Usage, "fix endless requires a lifetime")
                    .hint("pass --lifetime DURATION, such as 14d")
            })?;
            (Fault::Endless(lifetime), fixing)
        }
    };
    let typed = Typed {
        args: &fixing.apply,
        archive: &fixing.archive,
        verify: VerifyArgs::default(),
        hold: HoldArgs::default(),
        stdin_gives_ids: false,
        selection: None,
    };
    typed.run(context, prepare(context, &typed, fault)).await
}

/// Finds the sessions that have the fault, and what fixing them means.
async fn prepare(context: &Context, typed: &Typed<'_>, fault: Fault) -> Result<Prepared, Failure> {
    let action = "fix sessions of";
    let Some(store) = context.store(action, Purpose::Changing).await? else {
        let report = Report::of_nothing(context, Verb::FIX, action).await?;
        let report = Report { words: words(fault), ..report };
        return Ok(Prepared::NothingThere { report: Box::new(report), end: Ok(Exit::Done) });
    };
    let action = format!("{action} {}", store.namespace());
    let now = store.primary_now().await.doing(&action)?;
    context.warn_of_clocks(store.connection());
    let mendings = store.layouts().mendings(fault, now).map_err(|error| {
        Failure::of(&action, &error).hint("`sessionctl doctor` lists what else can be done")
    })?;
    let selection = Selection::new(Query::default(), now);
    let purge = Purge::new(selection, Action::Fix(mendings));
    let mut job =
        typed.job(context, store, purge, written(fault), action, &Seen::default()).await?;
    let (over, unclear) = job.store.count_mended(&job.purge).await.doing(&job.action)?;
    if over > 0 {
        let text = match over {
            1 => "after the fix, 1 of these sessions is expired".to_owned(),
            over => format!("after the fix, {} of these sessions are expired", grouped(over)),
        };
        context.note("note", text);
    }
    job.end = end(unclear, &job.report.namespace);
    job.report.unclear = unclear;
    job.report.words = words(fault);
    let question = match (fault, job.report.matched) {
        (Fault::Endless(lifetime), Some(matched)) => format!(
            "Set the expiry of {} in {} to {} after their last touch, or from now where no touch \
             is stored?",
            words(fault).counted(matched),
            job.report.namespace,
            exact_duration(lifetime)
        ),
        _ => job.report.question(),
    };
    Ok(Prepared::Ready { question: Question::YesNo(question), job: Box::new(job) })
}

/// The sessions that have the fault.
fn words(fault: Fault) -> Words {
    Words::of_kind(match fault {
        Fault::ExpiryType => "",
        Fault::Endless(_) => "endless",
    })
}

/// The selection, for the audit file.
fn written(fault: Fault) -> Value {
    match fault {
        Fault::ExpiryType => json!({ "fault": "expiry-type" }),
        Fault::Endless(lifetime) => {
            json!({ "fault": "endless", "lifetime_seconds": lifetime.as_secs_f64() })
        }
    }
}

/// The failure if expiries had no clear meaning: they are left, and the others are fixed.
fn end(unclear: u64, namespace: &str) -> Result<Exit, Failure> {
    let sentence = match unclear {
        0 => return Ok(Exit::Done),
        1 => format!("could not fix 1 expiry in {namespace}: it is not an unambiguous date"),
        unclear => format!(
            "could not fix {} expiries in {namespace}: they are not unambiguous dates",
            grouped(unclear)
        ),
    };
    Err(Failure::new(Exit::Failed, sentence)
        .hint("`sessionctl list --malformed` shows them, and `purge --malformed` deletes them"))
}
