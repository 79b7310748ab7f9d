//! `sessionctl index`

use clap::Subcommand;
use sessionctl::index::{Aim, TtlState};

use crate::console::failure::{Exit, Failure};
use crate::context::{Context, Purpose};

mod drain;
mod install;
mod looked;
mod remove;
mod steps;

use looked::{Change, Confirming, Looked, Which, look, print};

/// Look after the TTL index, with which the server itself deletes expired sessions
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl index status
  sessionctl index install --yes")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether the TTL index that the layout needs is there
    #[command(after_help = "Examples:
  sessionctl index status
  sessionctl index status --check -q || echo 'no TTL index'")]
    Status {
        /// Exit with 4 if the index is missing or differs
        #[arg(long)]
        check: bool,

        #[command(flatten)]
        which: Which,
    },
    /// Create the TTL index, or convert the plain index in its place
    ///
    /// An index that differs in more than that is reported and not touched. Once the index is
    /// there, the server begins to delete whatever is expired; how many sessions these are is said
    /// first, and confirmed on the terminal or with --yes. More than 10,000 would be a load that
    /// nobody can slow down: they are purged first, as gently as told, and then the index is made.
    #[command(after_help = "Examples:
  sessionctl index install
  sessionctl index install --yes
  sessionctl index install --drain --rate 5000 --max-lag 10s")]
    Install(Change),
    /// Put the wanted TTL index in the place of one that differs
    ///
    /// How many sessions the server then deletes is said first, and how many of them the index that
    /// is there would keep. The namespace is to be typed, or --yes to be given. Where more than
    /// 10,000 are to go, they are purged first.
    #[command(after_help = "Examples:
  sessionctl index replace
  sessionctl index replace --lifetime 1h --rate 5000
  sessionctl index replace --yes")]
    Replace(Change),
    /// Drop the TTL index, so that the server deletes nothing by itself any more
    #[command(after_help = "Examples:
  sessionctl index remove
  sessionctl index remove --yes")]
    Remove(Confirming),
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let (verb, purpose, which) = match &args.command {
        Command::Status { which, .. } => ("look at the indexes of", Purpose::Reading, which),
        Command::Install(change) => {
            ("install the TTL index of", Purpose::Changing, &change.confirming.which)
        }
        Command::Replace(change) => {
            ("replace the TTL index of", Purpose::Changing, &change.confirming.which)
        }
        Command::Remove(confirming) => {
            ("remove the TTL index of", Purpose::Changing, &confirming.which)
        }
    };
    // Until something is changed, a signal ends the command at once.
    let look = look(context, verb, purpose, *which);
    let looked = match context.signals.asked.run_until_cancelled(look).await {
        Some(looked) => looked?,
        None => return Ok(context.signals.exit()),
    };
    match &args.command {
        Command::Status { check, .. } => status(context, &looked, *check),
        Command::Install(change) => install::run(context, looked, Aim::Install, change).await,
        Command::Replace(change) => install::run(context, looked, Aim::Replace, change).await,
        Command::Remove(confirming) => remove::run(context, looked, confirming.yes).await,
    }
}

fn status(context: &Context, looked: &Looked, check: bool) -> Result<Exit, Failure> {
    print(context, &looked.store, &looked.status)?;
    Ok(match looked.status.state {
        TtlState::Missing | TtlState::Differs if check => Exit::Problems,
        _ => Exit::Done,
    })
}
