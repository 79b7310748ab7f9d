//! `sessionctl fix`

use clap::Subcommand;
use serde_json::{Value, json};
use sessionctl::layout::Fault;
use sessionctl::purge::{Action, Purge};
use sessionctl::{Query, Selection};

use super::apply::{ApplyArgs, ArchiveArgs, Prepared, Report, Typed, Verb, VerifyArgs};
use crate::console::confirm::Question;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::text::{grouped, sessions};
use crate::context::users::Seen;
use crate::context::{Context, Purpose};

/// Mend the expiries of sessions that would never go away
///
/// Each update repeats its condition, so a session that its store writes meanwhile is left alone.
/// It is confirmed first, on the terminal or with --yes. An archive holds the sessions as they were;
/// `restore` puts back only those that are not there any more.
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
    /// Turn texts and numbers that stand where the store wants a date into dates
    ///
    /// Texts are read in three forms: 2026-01-02T03:04:05Z, with an offset and fractions too (RFC
    /// 3339); Fri, 02 Jan 2026 03:04:05 GMT; and Fri Jan 02 2026 04:04:05 GMT+0100. Numbers, and
    /// texts of nothing but digits, are read by their digits before the point: 10 are seconds, 13
    /// milliseconds, 16 microseconds and 19 nanoseconds. What has no meaning, or more than one (01/02/2026, or a time
    /// without its zone), is left alone, and then the exit code is 1.
    #[command(after_help = "Examples:
  sessionctl fix expiry --dry-run
  sessionctl fix expiry --archive before.bson.zst --yes")]
    Expiry(Fixing),
    /// Let sessions that never end do so after a lifetime
    ///
    /// They end so long after their last touch; those that tell none after their creation, and those
    /// that tell neither so long after now, all at once. It wants --lifetime.
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
                Failure::new(Exit::Usage, "fix endless wants to know how long a session lives")
                    .hint("say it with --lifetime DURATION, such as 14d")
            })?;
            (Fault::Endless(lifetime), fixing)
        }
    };
    let typed = Typed {
        args: &fixing.apply,
        archive: &fixing.archive,
        verify: VerifyArgs::default(),
        stdin_gives_ids: false,
    };
    typed.run(context, prepare(context, &typed, fault)).await
}

/// Looks which sessions have the fault, and what mending them means.
async fn prepare(context: &Context, typed: &Typed<'_>, fault: Fault) -> Result<Prepared, Failure> {
    let action = "fix sessions of";
    let Some(store) = context.store(action, Purpose::Changing).await? else {
        let report = Report::of_nothing(context, Verb::FIX, action).await?;
        return Ok(Prepared::NothingThere { report: report.row(), end: Ok(Exit::Done) });
    };
    let action = format!("{action} {}", store.namespace());
    let now = store.connection().primary_now().await.doing(&action)?;
    let mendings = store.layouts().mendings(fault, now).map_err(|error| {
        Failure::of(&action, &error).hint("`sessionctl doctor` says what else can be done")
    })?;
    let selection = Selection::new(Query::default(), now);
    let purge = Purge::new(selection, Action::Fix(mendings));
    let mut job =
        typed.job(context, store, purge, written(fault), action, &Seen::default()).await?;
    let (over, unclear) = job.store.count_mended(&job.purge).await.doing(&job.action)?;
    if over > 0 {
        let text = match over {
            1 => "1 of them is over as soon as it has a date".to_owned(),
            over => format!("{} of them are over as soon as they have a date", grouped(over)),
        };
        context.note("note", text);
    }
    job.end = end(unclear, &job.action);
    Ok(Prepared::Ready { question: question(fault, &job.report), job: Box::new(job) })
}

fn question(fault: Fault, report: &Report) -> Question {
    let (those, namespace) = (sessions(report.matched.unwrap_or_default()), &report.namespace);
    Question::YesNo(match fault {
        Fault::ExpiryType => format!("give {those} of {namespace} a date as expiry?"),
        Fault::Endless(_) => format!("give {those} of {namespace} that never end an expiry?"),
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

/// What nobody can read for sure is left, and then the command fails, having mended the others.
fn end(unclear: u64, action: &str) -> Result<Exit, Failure> {
    if unclear == 0 {
        return Ok(Exit::Done);
    }
    let those = match unclear {
        1 => "1 text or number".to_owned(),
        unclear => format!("{} texts or numbers", grouped(unclear)),
    };
    let sentence = format!(
        "could not {action} whose expiry has more than one meaning, or none: {those} left alone"
    );
    Err(Failure::new(Exit::Failed, sentence)
        .hint("`sessionctl list --malformed` shows them, `purge --malformed` deletes them"))
}
