//! `sessionctl fix`

use clap::Subcommand;
use sessionctl::layout::Fault;

use super::ending::{self, Archiving, Working};
use crate::console::failure::{Exit, Failure};
use crate::context::Context;

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
    Expiry(Mending),
    /// Let sessions that never end do so after a lifetime
    ///
    /// They end so long after their last touch; those that tell none after their creation, and those
    /// that tell neither so long after now, all at once. It wants --lifetime.
    #[command(after_help = "Examples:
  sessionctl fix endless --lifetime 14d --dry-run
  sessionctl fix endless --lifetime 30d --rate 1000 --yes")]
    Endless(Mending),
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct Mending {
    #[command(flatten)]
    working: Working,

    #[command(flatten)]
    archiving: Archiving,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let (fault, mending) = match &args.command {
        Command::Expiry(mending) => (Fault::ExpiryType, mending),
        Command::Endless(mending) => {
            let lifetime = context.global.lifetime.ok_or_else(|| {
                Failure::new(Exit::Usage, "fix endless wants to know how long a session lives")
                    .hint("say it with --lifetime DURATION, such as 14d")
            })?;
            (Fault::Endless(lifetime), mending)
        }
    };
    ending::mend(context, &mending.working, &mending.archiving, fault).await
}
