//! `sessionctl index`

use std::time::Duration;

use bson::{Bson, Document};
use clap::Subcommand;
use sessionctl::Store;
use sessionctl::index::{Aim, TtlState, TtlStatus};

use crate::args::Format;
use crate::args::interval;
use crate::console::confirm::Yes;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output::{Cell, Row, Shape};
use crate::console::report::say;
use crate::context::{Context, Purpose};

mod drain;
mod install;
mod remove;
mod steps;

use drain::DrainArgs;

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

/// Which of the two TTL indexes that a layout may want.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(skip)]
struct Which {
    /// Instead of the index on the expiry, the one that ends sessions without an expiry when they
    /// were not touched for so long
    #[arg(long, value_name = "DURATION", num_args = 0..=1, value_parser = interval, allow_negative_numbers = true)]
    idle: Option<Option<Duration>>,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct Confirming {
    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    yes: Yes,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct Change {
    #[command(flatten)]
    confirming: Confirming,

    #[command(flatten)]
    drain: DrainArgs,
}

const HEADER: &[&str] = &["namespace", "layout", "state", "wanted", "found"];

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    // Until something is changed, a signal ends the command at once.
    let look = look(context, &args.command);
    let looked = match context.signals.asked.run_until_cancelled(look).await {
        Some(looked) => looked?,
        None => return Ok(Exit::Signal(context.signals.received().unwrap_or_default())),
    };
    match &args.command {
        Command::Status { check, .. } => status(context, &looked, *check),
        Command::Install(change) => install::run(context, looked, Aim::Install, change).await,
        Command::Replace(change) => install::run(context, looked, Aim::Replace, change).await,
        Command::Remove(confirming) => remove::run(context, looked, confirming.yes).await,
    }
}

/// What is there before anything is changed.
struct Looked {
    store: Store,
    /// What is being done, for errors.
    action: String,
    /// How long sessions live by the index, where the operator says it.
    lifetime: Option<Duration>,
    /// Whether the index is for sessions that never expire.
    is_idle: bool,
    status: TtlStatus,
}

async fn look(context: &Context, command: &Command) -> Result<Looked, Failure> {
    let (verb, purpose, which) = match command {
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
    let Some(store) = context.store(verb, purpose).await? else {
        let sentence = format!(
            "could not {verb} {}: it is empty, so nothing says which store writes it",
            context.collection()
        );
        return Err(Failure::new(Exit::Failed, sentence).hint("say which it is with --layout NAME"));
    };
    let action = format!("{verb} {}", store.namespace());
    let (store, lifetime) = match which.idle {
        Some(idle) => (store.idle_limited().doing(&action)?, idle),
        None => (store, context.global.lifetime),
    };
    let status = store.index_status(lifetime).await.doing(&action)?;
    Ok(Looked { store, action, lifetime, is_idle: which.idle.is_some(), status })
}

fn status(context: &Context, looked: &Looked, check: bool) -> Result<Exit, Failure> {
    print(context, &looked.store, &looked.status)?;
    Ok(match looked.status.state {
        TtlState::Missing | TtlState::Differs if check => Exit::Problems,
        _ => Exit::Done,
    })
}

/// Prints what is there now.
async fn print_now(context: &Context, looked: &Looked) -> Result<Exit, Failure> {
    let status = looked.store.index_status(looked.lifetime).await.doing(&looked.action)?;
    print(context, &looked.store, &status)?;
    Ok(Exit::Done)
}

fn print(context: &Context, store: &Store, status: &TtlStatus) -> Result<(), Failure> {
    if status.state == TtlState::Missing && status.found.is_some() {
        context.note("note", "there is a plain index in its place, which `index install` converts");
    }
    if let Some(reason) = &status.reason {
        say("note", reason);
    }
    if context.global.format == Format::Table && context.global.quiet {
        return Ok(());
    }
    let mut rows = context.rows(Shape::One, HEADER);
    rows.row(row(store, status))?;
    rows.finish()
}

fn row(store: &Store, status: &TtlStatus) -> Row {
    Row(vec![
        ("namespace", Cell::Text(store.namespace())),
        ("layout", Cell::Text(store.layout().name.clone())),
        ("state", Cell::Text(status.state.name().to_owned())),
        ("wanted", Cell::maybe(status.wanted.clone(), spec)),
        ("found", Cell::maybe(status.found.clone(), |found| spec(found.0))),
    ])
}

fn spec(mut document: Document) -> Cell {
    document.remove("v");
    Cell::Json(Bson::Document(document).into_relaxed_extjson())
}
