//! `sessionctl index`

use bson::{Bson, Document};
use clap::Subcommand;
use sessionctl::index::{IndexSpec, Installed, TtlState, TtlStatus};
use sessionctl::{State, Store};

use crate::confirm::{Confirmed, Question, ask};
use crate::context::{Context, Purpose};
use crate::output::{Cell, Format, Row, Shape};
use crate::report::{Doing as _, Exit, Failure, say};
use crate::text::sessions;

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
    },
    /// Create the TTL index, or convert the plain index in its place
    ///
    /// An index that differs in more than that is reported and not touched. Once the index is
    /// there, the server begins to delete whatever is expired; how many sessions these are is said
    /// first, and confirmed on the terminal or with --yes.
    #[command(after_help = "Examples:
  sessionctl index install
  sessionctl index install --yes")]
    Install(Change),
    /// Put the wanted TTL index in the place of one that differs
    #[command(after_help = "Examples:
  sessionctl index replace
  sessionctl index replace --yes")]
    Replace(Change),
    /// Drop the TTL index, so that the server deletes nothing by itself any more
    #[command(after_help = "Examples:
  sessionctl index remove
  sessionctl index remove --yes")]
    Remove(Change),
}

#[derive(Debug, clap::Args)]
struct Change {
    /// Confirm beforehand: nothing is asked
    #[arg(short, long, env = "SESSIONCTL_YES", hide_env = true, value_parser = clap::builder::FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    yes: bool,
}

const HEADER: &[&str] = &["namespace", "layout", "state", "wanted", "found"];

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let work = async {
        let verb = match &args.command {
            Command::Status { .. } => "look at the indexes of",
            Command::Install(_) => "install the TTL index of",
            Command::Replace(_) => "replace the TTL index of",
            Command::Remove(_) => "remove the TTL index of",
        };
        let purpose = match &args.command {
            Command::Status { .. } => Purpose::Reading,
            _ => Purpose::Changing,
        };
        let Some(store) = context.store(verb, purpose).await? else {
            let sentence = format!(
                "could not {verb} {}: it is empty, so nothing says which store writes it",
                context.collection()
            );
            return Err(
                Failure::new(Exit::Failed, sentence).hint("say which it is with --layout NAME")
            );
        };
        let action = format!("{verb} {}", store.namespace());
        match &args.command {
            Command::Status { check } => status(context, &store, &action, *check).await,
            Command::Install(change) => install(context, &store, &action, change).await,
            Command::Replace(change) => replace(context, &store, &action, change).await,
            Command::Remove(change) => remove(context, &store, &action, change).await,
        }
    };
    // Each of these is one command of the server, carried out whole or not at all.
    match context.signals.asked.run_until_cancelled(work).await {
        Some(outcome) => outcome,
        None => Ok(Exit::Signal(context.signals.received().unwrap_or_default())),
    }
}

async fn status(
    context: &Context,
    store: &Store,
    action: &str,
    check: bool,
) -> Result<Exit, Failure> {
    let lifetime = context.global.lifetime;
    let status = store.index_status(lifetime).await.doing(action)?;
    print(context, store, &status)?;
    Ok(match status.state {
        TtlState::Missing | TtlState::Differs if check => Exit::Problems,
        _ => Exit::Done,
    })
}

async fn install(
    context: &Context,
    store: &Store,
    action: &str,
    change: &Change,
) -> Result<Exit, Failure> {
    let lifetime = context.global.lifetime;
    let before = store.index_status(lifetime).await.doing(action)?;
    if before.state == TtlState::Missing {
        let backlog = backlog(store, action).await?;
        let confirmed = if backlog == 0 {
            Confirmed::nothing_matched()
        } else if change.yes {
            context.note("note", at_once(store, backlog));
            Confirmed::by_flag()
        } else {
            let question = format!("{}.", at_once(store, backlog));
            ask(Question::YesNo(question), false, &context.signals).await?
        };
        let installed = carry_out(store.index_install(lifetime), &confirmed).await.doing(action)?;
        context.note("note", done(installed));
    } else {
        // Nothing to do, or something in the way: the library says which.
        let installed = store.index_install(lifetime).await;
        if let Err(error) = installed {
            print(context, store, &before)?;
            return Err(Failure::of(action, &error));
        }
        context.note("note", done(Installed::Already));
    }
    print(context, store, &store.index_status(lifetime).await.doing(action)?)?;
    Ok(Exit::Done)
}

async fn replace(
    context: &Context,
    store: &Store,
    action: &str,
    change: &Change,
) -> Result<Exit, Failure> {
    let lifetime = context.global.lifetime;
    let before = store.index_status(lifetime).await.doing(action)?;
    if before.state != TtlState::Differs {
        return install(context, store, action, change).await;
    }
    let backlog = backlog(store, action).await?;
    let confirmed = if change.yes {
        context.note("note", at_once(store, backlog));
        Confirmed::by_flag()
    } else {
        let found = before.found.as_ref().map_or("", IndexSpec::name);
        let question = format!("replace the index {found}? {}.", at_once(store, backlog));
        ask(Question::TypeNamespace(question, store.namespace()), false, &context.signals).await?
    };
    let installed = carry_out(store.index_replace(lifetime), &confirmed).await.doing(action)?;
    context.note("note", done(installed));
    print(context, store, &store.index_status(lifetime).await.doing(action)?)?;
    Ok(Exit::Done)
}

async fn remove(
    context: &Context,
    store: &Store,
    action: &str,
    change: &Change,
) -> Result<Exit, Failure> {
    let lifetime = context.global.lifetime;
    let before = store.index_status(lifetime).await.doing(action)?;
    let Some(index) = before.found.as_ref().filter(|index| index.is_ttl()) else {
        context.note("note", "there is no TTL index to remove");
        print(context, store, &before)?;
        return Ok(Exit::Done);
    };
    let confirmed = if change.yes {
        Confirmed::by_flag()
    } else {
        let question = format!(
            "remove the index {}? The server then deletes no expired session of {} by itself.",
            index.name(),
            store.namespace()
        );
        ask(Question::TypeNamespace(question, store.namespace()), false, &context.signals).await?
    };
    carry_out(store.index_remove(index.name()), &confirmed).await.doing(action)?;
    context.note("note", "the TTL index was removed");
    print(context, store, &store.index_status(lifetime).await.doing(action)?)?;
    Ok(Exit::Done)
}

/// The one way to a change: with the proof that it was confirmed.
async fn carry_out<T>(
    change: impl Future<Output = sessionctl::Result<T>>,
    _: &Confirmed,
) -> sessionctl::Result<T> {
    change.await
}

async fn backlog(store: &Store, action: &str) -> Result<u64, Failure> {
    let now = store.connection().primary_now().await.doing(action)?;
    store.count(store.layout().filter(State::Expired, now)).await.doing(action)
}

fn at_once(store: &Store, backlog: u64) -> String {
    format!(
        "with the TTL index the server deletes {} of {} at once",
        sessions(backlog).replace(' ', " expired "),
        store.namespace()
    )
}

fn done(installed: Installed) -> &'static str {
    match installed {
        Installed::Already => "the TTL index is there already; nothing was changed",
        Installed::Created => "the TTL index was created",
        Installed::Converted => "the index in its place was made the TTL index",
    }
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
