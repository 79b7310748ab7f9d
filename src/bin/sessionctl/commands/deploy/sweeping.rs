//! The options of a deployed sweeper, made from those typed here.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{CommandFactory as _, FromArgMatches as _};

use super::values::{Place, checked, path_text, refused};
use crate::args::{Global, Uri, duration, interval, is_typed};
use crate::commands::sweep;
use crate::console::failure::Failure;
use crate::console::failure::Refusal;
use crate::console::text::{exact_duration, without_password};

const HINT: &str = "`sessionctl sweep --help` lists its options";

/// The options of `sweep` that a file is made for.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Sweeper")]
pub struct Sweeping {
    /// Spare sessions that expired less than DURATION ago
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = duration, allow_negative_numbers = true)]
    grace: Duration,

    /// Configure several collections in FILE, instead of -c and --grace (see sessionctl help sweep.toml)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["grace", "archive"])]
    pub config: Option<PathBuf>,

    /// Save deleted sessions to files named by PATTERN, such as /var/lib/sessionctl/%Y-%m-%d.bson.zst
    #[arg(long, value_name = "PATTERN")]
    pub archive: Option<PathBuf>,

    /// More options of sweep, passed on unchanged
    #[arg(last = true, value_name = "SWEEP OPTION", allow_hyphen_values = true)]
    more: Vec<String>,
}

/// Where the deployed sweeper finds its connection string.
#[derive(Debug)]
pub enum Server {
    /// On the command line, because it has no password.
    Plain(String),
    /// In a file: the one that was named, or the default.
    File(Option<PathBuf>),
}

impl Server {
    pub fn of(global: &Global, uri: &Uri) -> Result<Self, Failure> {
        const HINT: &str = "write it to a file, and pass --uri-file FILE";
        match uri {
            _ if !global.names_server() => Ok(Self::File(None)),
            Uri::Given(uri) if holds_secret(uri.expose()) => {
                let sentence =
                    "the printed file would expose the password in the connection string";
                Err(refused(sentence, HINT))
            }
            Uri::Given(uri) => Ok(Self::Plain(checked("--uri", uri.expose().trim())?)),
            Uri::File(path) => Ok(Self::File(Some(path.clone()))),
            Uri::Stdin => {
                Err(refused("a service cannot read its connection string from stdin", HINT))
            }
        }
    }
}

/// A password before the host, or in an option such as `proxyPassword` or `AWS_SESSION_TOKEN`.
fn holds_secret(uri: &str) -> bool {
    let lower = uri.to_lowercase();
    lower.contains('@') || ["password", "token", "secret"].iter().any(|word| lower.contains(word))
}

impl Sweeping {
    /// The arguments of a daemon.
    pub fn daemon(
        &self,
        global: &Global,
        every: Option<Duration>,
        metrics: Option<SocketAddr>,
        place: Place,
    ) -> Result<Vec<String>, Failure> {
        let every = every.map(|every| ["--interval".to_owned(), exact_duration(every)]);
        let metrics = metrics.map(|address| ["--metrics".to_owned(), address.to_string()]);
        let more: Vec<_> = every.into_iter().chain(metrics).flatten().collect();
        self.words(global, more, place)
    }

    /// The arguments of one pass, which prints nothing unless it fails.
    pub fn pass(&self, global: &Global, place: Place) -> Result<Vec<String>, Failure> {
        self.words(global, vec!["--once".to_owned(), "-q".to_owned()], place)
    }

    /// `sweep` with all of its options except the connection string. Options that `sweep` would
    /// refuse are an error.
    fn words(
        &self,
        global: &Global,
        own: Vec<String>,
        place: Place,
    ) -> Result<Vec<String>, Failure> {
        check_more(&self.more)?;
        // The check uses the current paths of the files, and the output those that the sweeper will
        // see.
        check_line(&self.line(global, own.clone(), Path::to_owned)?)?;
        self.line(global, own, place)
    }

    fn line(
        &self,
        global: &Global,
        own: Vec<String>,
        place: Place,
    ) -> Result<Vec<String>, Failure> {
        let mut words = vec!["sweep".to_owned()];
        let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
        if let Some(config) = &self.config {
            add("--config", path_text("--config", &place(config))?);
        } else {
            if let Some(db) = &global.db {
                add("-d", checked("--db", db)?);
            }
            for collection in &global.collection {
                add("-c", checked("--collection", collection)?);
            }
            if let Some(file) = &global.layout_file {
                add("--layout-file", path_text("--layout-file", &place(file))?);
            }
            if let Some(name) = global.layout_name() {
                add("--layout", checked("--layout", &name)?);
            }
            if let Some(lifetime) = global.lifetime {
                add("--lifetime", exact_duration(lifetime));
            }
            for path in &global.user_path {
                add("--user-path", checked("--user-path", path.as_ref())?);
            }
            if !self.grace.is_zero() {
                add("--grace", exact_duration(self.grace));
            }
            if let Some(archive) = &self.archive {
                add("--archive", path_text("--archive", archive)?);
            }
        }
        words.extend(own);
        for word in &self.more {
            words.push(checked("an option of sweep", word)?);
        }
        Ok(words)
    }

    /// Whether this option is among those after `--`.
    pub fn has_more(&self, option: &str) -> bool {
        self.more.iter().any(|word| word == option)
    }

    /// The path in this option, such as `--metrics-file`, if it is among those after `--`.
    pub fn path_of(&self, option: &str) -> Option<&Path> {
        let mut words = self.more.iter();
        let value = words.find_map(|word| word.strip_prefix(option).map(|value| (word, value)));
        match value? {
            (_, "") => words.next().map(Path::new),
            (_, value) => value.strip_prefix('=').map(Path::new),
        }
    }
}

/// The command line of the deployed sweeper.
#[derive(Debug, clap::Parser)]
#[command(name = "sessionctl")]
struct SweepCommand {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Sweep,
}

#[derive(Debug, clap::Subcommand)]
enum Sweep {
    Sweep(sweep::Args),
}

/// Checks that `sweep` accepts these arguments.
fn check_line(words: &[String]) -> Result<(), Failure> {
    let refusal = |refusal: Refusal| match refusal {
        Refusal::Own(sentence, hint) => {
            refused(format!("sweep would refuse this: {sentence}"), hint)
        }
        Refusal::Clap(error) => {
            let said = error.render().to_string();
            let why = said.lines().next().unwrap_or_default().trim_start_matches("error: ");
            refused(format!("sweep would refuse this: {}", without_password(why)), HINT)
        }
    };
    let words = std::iter::once("sessionctl").chain(words.iter().map(String::as_str));
    let of_clap = |error| refusal(Refusal::Clap(error));
    let matches = SweepCommand::command().try_get_matches_from(words).map_err(of_clap)?;
    let SweepCommand { global, command: Sweep::Sweep(args) } =
        SweepCommand::from_arg_matches(&matches).map_err(of_clap)?;
    let typed = matches.subcommand_matches("sweep").unwrap_or(&matches);
    args.check(typed).map_err(refusal)?;
    args.rehearse(&global).map_err(Failure::of_usage)
}

/// Options of `sweep` that `deploy` does not have itself.
fn check_more(more: &[String]) -> Result<(), Failure> {
    const OWN: [&str; 15] = [
        "uri",
        "uri_file",
        "db",
        "collection",
        "layout",
        "layout_file",
        "lifetime",
        "user_path",
        "interval",
        "grace",
        "config",
        "archive",
        "metrics",
        "once",
        "quiet",
    ];
    if more.iter().any(|word| word.contains("mongodb://") || word.contains("mongodb+srv://")) {
        let hint = "write it to a file, and pass --uri-file FILE before --";
        return Err(refused("the options after -- contain a connection string", hint));
    }
    let words = ["sessionctl", "sweep"].into_iter().chain(more.iter().map(String::as_str));
    // The check of the whole line reports errors in them.
    let Ok(matches) = SweepCommand::command().try_get_matches_from(words) else { return Ok(()) };
    let Some(matches) = matches.subcommand_matches("sweep") else { return Ok(()) };
    match OWN.into_iter().find(|id| is_typed(matches, id)) {
        None => Ok(()),
        Some(id @ ("once" | "quiet")) => {
            Err(refused(format!("--{id} cannot be set"), "deploy adds it where it is needed"))
        }
        Some(id) => {
            let option = id.replace('_', "-");
            let sentence = format!("--{option} must come before --");
            Err(refused(
                sentence,
                "options after -- go to sweep unchanged; deploy itself uses this one",
            ))
        }
    }
}

/// The interval, for sweepers that run continuously.
#[derive(Debug, clap::Args)]
pub struct Every {
    /// Start a pass every DURATION [default: 60s, or the interval in the file of --config]
    #[arg(long, value_name = "DURATION", value_parser = interval, conflicts_with = "config", allow_negative_numbers = true)]
    interval: Option<Duration>,
}

impl Every {
    pub fn get(&self, config: Option<&PathBuf>) -> Option<Duration> {
        match config {
            Some(_) => None,
            None => Some(self.interval.unwrap_or(Duration::from_secs(60))),
        }
    }
}
