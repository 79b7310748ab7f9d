//! How a command ends: exit codes, and failures with one sentence and at most one hint.

use std::fmt;
use std::io;
use std::process::ExitCode;

use sessionctl::error::{Certainty, Need, reason};
use sessionctl::sweep::LEASES;
use sessionctl::{Error, Layout};

use super::redact::not_an_id;

mod connecting;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// The command line is wrong.
    Usage,
    /// A required confirmation was not given.
    Refused,
    /// A check found problems.
    Problems,
    /// Stopped as asked, with work left.
    WorkLeft,
    /// Interrupted by this signal, after reporting the progress.
    Signal(i32),
}

impl Exit {
    fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Problems => 4,
            Self::WorkLeft => 5,
            Self::Signal(signal) => 128_u8.saturating_add(u8::try_from(signal).unwrap_or(0)),
        }
    }
}

impl Exit {
    /// The worse of two: interrupted, failed, refused, problems found, work left, done.
    pub fn worse(self, other: Self) -> Self {
        let rank = |exit: Self| match exit {
            Self::Done => 0,
            Self::WorkLeft => 1,
            Self::Problems => 2,
            Self::Refused => 3,
            Self::Failed => 4,
            Self::Usage => 5,
            Self::Signal(_) => 6,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Why a command failed: what it was doing, why that could not be done, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    pub sentence: String,
    pub hint: Option<String>,
    pub exit: Exit,
    /// The driver's own words, for `-v`.
    pub details: Option<String>,
    /// The reader of stdout is gone. This is not a failure, and nothing is printed.
    pub silent: bool,
}

impl Failure {
    pub fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hint: None, exit, details: None, silent: false }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, as an error in the command line.
    pub fn of_usage(self) -> Self {
        Self { exit: Exit::Usage, ..self }
    }

    /// `could not ACTION: why`, with the hint that fits the error.
    pub fn of(action: &str, error: &Error) -> Self {
        Self {
            sentence: format!("could not {action}: {}", why(error)),
            hint: hint(error),
            // A name that does not exist is wrong as typed: to try again cannot help.
            exit: match error {
                Error::UnknownLayout(_) => Exit::Usage,
                _ => Exit::Failed,
            },
            details: error.driver_text(),
            silent: false,
        }
    }

    /// The result of writing to stdout.
    pub fn stdout(error: &io::Error) -> Self {
        let mut failure =
            Self::new(Exit::Failed, format!("could not write to stdout: {}", reason(error)));
        // A reader that ends early, such as `head`, is not a failure.
        if error.kind() == io::ErrorKind::BrokenPipe {
            (failure.exit, failure.silent) = (Exit::Done, true);
        }
        failure
    }

    /// The sentence and the hint on one line, if there is no other space for them.
    pub fn in_one_line(&self) -> String {
        let hint = self.hint.as_ref().map(|hint| format!(" ({hint})"));
        format!("{self}{}", hint.unwrap_or_default())
    }

    /// Whether the only problem is that the reader of stdout is gone.
    pub fn is_closed_pipe(&self) -> bool {
        self.silent
    }
}

/// The sentence, without the hint.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// Adds the action to an error of the library.
pub trait Doing<T> {
    fn doing(self, action: &str) -> Result<T, Failure>;
}

impl<T> Doing<T> for sessionctl::Result<T> {
    fn doing(self, action: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::of(action, &error))
    }
}

/// The sentence of an error. The library does not know the options, which are added here.
pub fn why(error: &Error) -> String {
    match error {
        Error::NoDate { .. } => format!("--{error}"),
        // A session id in place of a name must not be repeated.
        Error::UnknownLayout(name) => Error::UnknownLayout(not_an_id(name)).to_string(),
        Error::Needs { what, need } => needing(what, Some(*need)),
        error => error.to_string(),
    }
}

/// The missing information, and the option that provides it.
pub fn needing(what: &str, need: Option<Need>) -> String {
    let option = match need {
        Some(Need::Layout) => "--layout",
        Some(Need::Lifetime) => "--lifetime",
        Some(Need::IdleLimit) => "--idle",
        None => return what.to_owned(),
    };
    format!("{what}; set it with {option}")
}

/// Suggests layouts for `name`, such as those of the store with this name.
fn like(name: &str) -> String {
    const LIST: &str = "`sessionctl layouts` lists the built-in layouts";
    let name = name.to_lowercase();
    let fits = |text: &str| text.to_lowercase().contains(&name);
    let known = Layout::known().iter().filter(|_| name.len() >= 3);
    let alike =
        known.filter(|layout| fits(&layout.name) || layout.stores.iter().any(|store| fits(store)));
    match alike.map(|layout| layout.name.as_str()).collect::<Vec<_>>().as_slice() {
        [name] => format!("did you mean {name}? {LIST}"),
        [names @ .., last] if names.len() <= 2 => {
            format!("did you mean {} or {last}? {LIST}", names.join(", "))
        }
        _ => LIST.to_owned(),
    }
}

fn hint(error: &Error) -> Option<String> {
    Some(match error {
        Error::Unreachable { .. } => {
            "check that the server is running and that the address in --uri is correct".to_owned()
        }
        Error::NoReply { .. } | Error::MalformedReply { .. } => {
            "check the network to the server: a firewall or proxy may cut off or damage \
             connections"
                .to_owned()
        }
        Error::Uri(fault) => return connecting::uri(fault),
        Error::Tls { fault, .. } => return connecting::tls(fault),
        Error::OtherSet { .. } => {
            "correct replicaSet in the connection string, or remove it".to_owned()
        }
        Error::Authentication(source) if source.to_string().contains("MONGODB-X509") => {
            "the user is the subject of the client certificate, in the database $external".to_owned()
        }
        Error::Authentication(_) => {
            "check the user, the password and authSource in the connection string".to_owned()
        }
        Error::Unauthorized { namespace, .. }
            if namespace.split_once('.').is_some_and(|(_, name)| name == LEASES) =>
        {
            format!("grant find, insert and update on {namespace}, or pass --no-lease if only one sweeper runs")
        }
        Error::Unauthorized { .. } => {
            "`sessionctl help rights` lists what each command needs, as createRole commands".to_owned()
        }
        Error::NoCollection { session_collections, .. } if session_collections.is_empty() => {
            "`sessionctl collections` finds session collections; choose one with -d and -c".to_owned()
        }
        Error::NoCollection { session_collections, .. } => {
            format!("these hold sessions: {}", session_collections.join(", "))
        }
        Error::NotPrimary { .. } => {
            "connect to the replica set, or to its primary".to_owned()
        }
        Error::UnknownLayout(name) => like(name),
        Error::LayoutFile(_) => {
            "`sessionctl layouts show NAME` prints a valid example".to_owned()
        }
        Error::Undetected { certainty, layouts, .. } => match certainty {
            _ if layouts.len() > 1 => {
                format!("name each of them: --layout {}", layouts.join(" --layout "))
            }
            Certainty::Nothing => {
                "`sessionctl collections` finds session collections; for a store of your own, \
                 `sessionctl layouts draft` prints a layout"
                    .to_owned()
            }
            Certainty::Ambiguous if !layouts.is_empty() => format!(
                "pass --layout {} to use its sessions only; `sessionctl list --foreign` shows the other \
                 documents",
                layouts.concat()
            ),
            _ => "choose one with --layout NAME".to_owned(),
        },
        Error::Misnamed { .. } => {
            "omit --layout to detect the layout, or pass your own with --layout-file"
                .to_owned()
        }
        Error::Accounts { store, .. } => {
            format!("end sessions in {store} itself; deleting such a document deletes an account")
        }
        Error::ArchiveExists { .. } => {
            "choose another name, or append to it with --archive-append".to_owned()
        }
        Error::AmbiguousIds(_) => "pass more characters of the id; nothing was changed".to_owned(),
        Error::IndexDiffers(_) => {
            "`sessionctl index status` shows both; `sessionctl index replace` installs the one that the layout needs".to_owned()
        }
        _ => return None,
    })
}

/// Why the command line is refused.
#[derive(Debug)]
pub enum Refusal {
    /// clap's own error, or the output of `--help` and `--version`.
    Clap(clap::Error),
    /// One sentence and a hint of our own.
    Own(String, &'static str),
}
