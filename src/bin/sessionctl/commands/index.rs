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

/// Manage the TTL index, with which the server deletes expired sessions
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
    /// Show whether the TTL index that the layout needs exists
    #[command(after_help = "Examples:
  sessionctl index status
  sessionctl index status --check -q || echo 'no TTL index'")]
    Status {
        /// Exit with code 4 if the index is missing, differs or is still being built
        #[arg(long)]
        check: bool,

        #[command(flatten)]
        which: Which,
    },
    /// Create the TTL index, or convert a matching plain index
    ///
    /// If another index is in the way, install reports it and changes nothing: see index replace. Once the
    /// index exists, the server deletes all expired sessions. If there are any, install reports how many
    /// and asks first; without a terminal, it requires --yes. The server's deletes cannot be throttled, so if more
    /// than 10,000 sessions are expired, install purges them before it creates the index.
    #[command(after_help = "Examples:
  sessionctl index install
  sessionctl index install --yes
  sessionctl index install --drain --rate 5000 --max-lag 10s")]
    Install(Change),
    /// Replace a TTL index that differs from the one that the layout needs
    ///
    /// Before replacing, it reports how many sessions the server will delete, and how many of those the
    /// existing index would have kept. The namespace must be typed, or pass --yes. If the server would
    /// delete more than 10,000 sessions, replace purges them first. If there is no index to replace,
    /// replace works like install.
    #[command(after_help = "Examples:
  sessionctl index replace
  sessionctl index replace --rate 5000
  sessionctl index replace --yes")]
    Replace(Change),
    /// Drop every TTL index on the expiry, so that the server no longer deletes sessions
    #[command(after_help = "Examples:
  sessionctl index remove
  sessionctl index remove --yes")]
    Remove(Confirming),
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let (verb, purpose, which) = match &args.command {
        Command::Status { which, .. } => ("read the indexes of", Purpose::Reading, which),
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
        TtlState::Missing | TtlState::Differs | TtlState::Building if check => Exit::Problems,
        // The index is missing, and only a lifetime is needed to create it.
        TtlState::Unsupported if check && looked.status.need.is_some() => Exit::Problems,
        _ => Exit::Done,
    })
}
