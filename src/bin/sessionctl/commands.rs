//! The commands: one file each, with its arguments, its work and its rows. `purge`, `expire` and `fix` share
//! their work, which is in `apply`.

use clap::{ArgMatches, Subcommand};

use crate::args::{Global, SelectionArgs, Uri};
use crate::console::failure::Refusal;
use crate::console::failure::{Exit, Failure};
use crate::console::signals::Hangup;
use crate::context::Context;
use sessionctl::error::reason;

mod apply;
mod audit;
mod collections;
pub mod completions;
mod control;
mod copy;
mod demo;
pub mod deploy;
mod doctor;
mod expire;
mod fix;
pub mod help;
mod index;
mod inspect;
mod layouts;
mod list;
mod purge;
mod restore;
mod several;
mod stats;
mod sweep;
mod top;
mod users;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    List(list::Args),
    Users(users::Args),
    Inspect(inspect::Args),
    Expire(expire::Args),
    Purge(purge::Args),
    Restore(restore::Args),
    Copy(copy::Args),
    Audit(audit::Args),
    Sweep(sweep::Args),
    Index(index::Args),
    Doctor(doctor::Args),
    Fix(fix::Args),
    Stats(stats::Args),
    Top(top::Args),
    Collections(collections::Args),
    Layouts(layouts::Args),
    Deploy(deploy::Args),
    Demo(demo::Args),
    Completions(completions::Args),
    Help(help::Args),
}

impl Command {
    /// Whether the command works on more than one collection.
    pub fn takes_collections(&self) -> bool {
        matches!(self, Self::Sweep(_) | Self::Deploy(_)) || self.is_run_on_each()
    }

    /// Whether the command runs separately on each collection.
    fn is_run_on_each(&self) -> bool {
        matches!(
            self,
            Self::List(_)
                | Self::Users(_)
                | Self::Stats(_)
                | Self::Expire(_)
                | Self::Purge(_)
                | Self::Doctor(_)
        )
    }

    /// Whether the command works on every collection of the database.
    pub fn every_collection(&self) -> bool {
        match self {
            Self::List(args) => args.every.every_collection,
            Self::Users(args) => args.every.every_collection,
            Self::Stats(args) => args.every.every_collection,
            Self::Doctor(args) => args.every.every_collection,
            Self::Purge(args) => args.every.every_collection,
            _ => false,
        }
    }

    /// Whether the sessions are archived.
    pub fn is_archived(&self) -> bool {
        match self {
            Self::Purge(args) => args.is_archived(),
            Self::Expire(args) => args.is_archived(),
            _ => false,
        }
    }

    /// Whether it writes a list of the ids or users that match no session.
    pub fn lists_unmatched(&self) -> bool {
        self.selection().is_some_and(|selection| selection.unmatched.is_some())
    }

    /// What clap cannot check.
    pub fn check(&self, matches: &ArgMatches) -> Result<(), Refusal> {
        match (self, matches.subcommand()) {
            (Self::Sweep(args), Some((_, typed))) => args.check(typed),
            (Self::Deploy(_), Some((_, typed))) => deploy::Args::check(typed),
            _ => self.check_selection(),
        }
    }

    fn check_selection(&self) -> Result<(), Refusal> {
        match self {
            Self::List(args) => args.check()?,
            Self::Purge(args) => args.check()?,
            Self::Copy(args) => args.target.check()?,
            Self::Restore(args) => return args.check(),
            _ => {}
        }
        self.selection().map_or(Ok(()), |selection| {
            selection.check().map_err(|(sentence, hint)| Refusal::Own(sentence, hint))
        })
    }

    /// The selection, if the command takes one.
    fn selection(&self) -> Option<&SelectionArgs> {
        match self {
            Self::List(args) => Some(&args.selection),
            Self::Users(args) => Some(&args.selection),
            Self::Expire(args) => Some(&args.selected.selection),
            Self::Purge(args) => Some(&args.selected.selection),
            Self::Stats(args) => Some(&args.selection),
            Self::Copy(args) => Some(&args.selection),
            _ => None,
        }
    }

    /// The option with which it runs until it is stopped.
    fn goes_on(&self) -> Option<&'static str> {
        match self {
            Self::List(args) if args.follow => Some("--follow"),
            Self::Expire(args) if args.hold.is_wanted() => Some("--hold"),
            _ => None,
        }
    }

    /// What SIGHUP means to this command.
    fn hangup(&self) -> Hangup {
        match self {
            Self::Sweep(args) => args.hangup(),
            _ => Hangup::Stops,
        }
    }

    /// Whether ids, users or an archive are read from stdin.
    pub fn reads_stdin(&self) -> bool {
        match self {
            Self::Inspect(args) => args.ids.iter().any(|id| id == "-"),
            Self::Restore(args) => args.reads_stdin(),
            _ => self.selection().is_some_and(SelectionArgs::reads_stdin),
        }
    }
}

/// The checked command line: what to do, and on which collections.
#[derive(Debug)]
pub struct Invocation {
    pub command: Command,
    pub global: Global,
    pub uri: Uri,
    /// The command line without secrets, for the audit file.
    pub command_line: Vec<String>,
    /// The definition of the command line, from which completions are made.
    pub definition: clap::Command,
}

/// Runs a command.
pub fn run(invocation: Invocation) -> Result<Exit, Failure> {
    let Invocation { command, global, uri, command_line, mut definition } = invocation;
    // These need neither a server nor a runtime.
    match &command {
        Command::Completions(args) => return completions::run(args, &mut definition),
        Command::Help(args) => return help::run(args, &global, definition),
        Command::Layouts(args) if !args.needs_server() => return layouts::run(args, &global),
        Command::Audit(args) => return audit::run(args, &global),
        Command::Deploy(args) => return deploy::run(args, &global, &uri),
        _ => {}
    }
    if let Some(option) = command.goes_on().filter(|_| global.collection.len() > 1) {
        let sentence = format!("{option} works on one collection");
        return Err(Failure::new(Exit::Usage, sentence).hint("run one command for each collection"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::new(Exit::Failed, format!("could not start: {}", reason(&error)))
    })?;
    let outcome = runtime.block_on(async {
        let context = Context::new(global, uri, command_line, command.hangup())?;
        let has_several = context.global.collection.len() > 1 && command.is_run_on_each();
        match has_several || command.every_collection() {
            true => {
                let every = command.every_collection();
                several::run(&context, every, async |context| one(context, &command).await).await
            }
            false => one(&context, &command).await,
        }
    });
    // A prompt or a reader of stdin may still be waiting, but its answer is no longer needed.
    runtime.shutdown_background();
    outcome
}

/// Runs a command that needs a runtime.
async fn one(context: &Context, command: &Command) -> Result<Exit, Failure> {
    let outcome = dispatch(context, command).await;
    if outcome.is_ok() {
        context.describe_server();
    }
    outcome
}

async fn dispatch(context: &Context, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::List(args) if args.follow => list::follow::run(context, args).await,
        Command::List(args) => reading(context, list::run(context, args)).await,
        Command::Users(args) => reading(context, users::run(context, args)).await,
        Command::Inspect(args) => reading(context, inspect::run(context, args)).await,
        Command::Expire(args) => expire::run(context, args).await,
        Command::Purge(args) => purge::run(context, args).await,
        Command::Restore(args) => restore::run(context, args).await,
        Command::Copy(args) => copy::run(context, args).await,
        Command::Sweep(args) => sweep::run(context, args).await,
        Command::Index(args) => index::run(context, args).await,
        Command::Fix(args) => fix::run(context, args).await,
        Command::Doctor(args) => reading(context, doctor::run(context, args)).await,
        Command::Stats(args) => reading(context, stats::run(context, args)).await,
        Command::Top(args) => top::run(context, args).await,
        Command::Collections(_) => reading(context, collections::run(context)).await,
        Command::Demo(args) => demo::run(context, args).await,
        Command::Layouts(_) => reading(context, layouts::draft(context)).await,
        // They need no server, so `run` has done them already.
        Command::Audit(_) | Command::Completions(_) | Command::Deploy(_) | Command::Help(_) => {
            Ok(Exit::Done)
        }
    }
}

/// Runs a command that only reads. The first signal ends it at once, because nothing can be left
/// half done.
async fn reading(
    context: &Context,
    command: impl Future<Output = Result<Exit, Failure>>,
) -> Result<Exit, Failure> {
    let outcome = context.signals.asked.run_until_cancelled(command).await;
    outcome.unwrap_or_else(|| Ok(context.signals.exit()))
}
