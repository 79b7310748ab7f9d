//! The only writer of stderr: errors, hints, warnings, a daemon's log, and the exit codes.
//!
//! An error is one sentence and at most one hint. Writing never panics: with a closed stderr the
//! exit code still says it all.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::OnceLock;

use bson::DateTime;
use serde_json::{Map, Value};
use sessionctl::Error;
use sessionctl::error::reason;
use sessionctl::layout::detect::Certainty;
use sessionctl::sweep::LEASES;

use crate::args::Refusal;
use crate::text::{is_hostile, neutral};

mod speech;

use speech::Speech;
pub use speech::{Level, LogFormat};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// The command line is wrong.
    Usage,
    /// A confirmation was needed and not given.
    Refused,
    /// It looked, and found problems.
    Problems,
    /// Stopped as asked, with work left.
    WorkLeft,
    /// Interrupted by this signal, after saying how far it came.
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

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Why a command failed: what it was doing, why that could not be done, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    sentence: String,
    hint: Option<String>,
    exit: Exit,
    /// The driver's own words, for `-v`.
    details: Option<String>,
    /// Nobody reads stdout any more: that is no failure, and nothing is said.
    silent: bool,
}

impl Failure {
    pub fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hint: None, exit, details: None, silent: false }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, as a fault of the command line.
    pub fn of_usage(self) -> Self {
        Self { exit: Exit::Usage, ..self }
    }

    /// `could not ACTION: why`, with the hint that fits the error.
    pub fn of(action: &str, error: &Error) -> Self {
        Self {
            sentence: format!("could not {action}: {error}"),
            hint: hint(error),
            exit: Exit::Failed,
            details: error.driver().map(|driver| format!("{driver:?}")),
            silent: false,
        }
    }

    /// What became of writing to stdout.
    pub fn stdout(error: &io::Error) -> Self {
        let mut failure =
            Self::new(Exit::Failed, format!("could not write to stdout: {}", reason(error)));
        if error.kind() == io::ErrorKind::BrokenPipe {
            (failure.exit, failure.silent) = (Exit::Done, true);
        }
        failure
    }

    /// The sentence and the hint, as lines of their own or as one object.
    fn told(&self, speech: Speech, level: Level, verbose: bool, now: DateTime) -> String {
        let driver = self.details.as_ref().filter(|_| verbose);
        let besides = [("hint", self.hint.as_ref()), ("driver", driver)];
        let besides = besides.into_iter().filter_map(|(label, text)| Some((label, text?)));
        if speech == Speech::Json {
            let fields = besides.map(|(label, text)| (label.to_owned(), text.as_str().into()));
            return speech.event(level, &self.sentence, fields.collect(), now);
        }
        let mut lines = vec![speech.event(level, &self.sentence, Map::new(), now)];
        lines.extend(besides.map(|(label, text)| speech.labelled(label, text, now)));
        lines.join("\n")
    }

    /// The sentence and the hint on one line, where there is no other place for them.
    pub fn in_one_line(&self) -> String {
        let hint = self.hint.as_ref().map(|hint| format!(" ({hint})"));
        format!("{self}{}", hint.unwrap_or_default())
    }

    /// Whether it only says that nobody reads stdout any more.
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

/// Says what is being done when a library call fails.
pub trait Doing<T> {
    fn doing(self, action: &str) -> Result<T, Failure>;
}

impl<T> Doing<T> for sessionctl::Result<T> {
    fn doing(self, action: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::of(action, &error))
    }
}

fn hint(error: &Error) -> Option<String> {
    Some(match error {
        Error::Unreachable { .. } => {
            "is the server running, and is the address in --uri right?".to_owned()
        }
        Error::Uri(_) => {
            "it is of the form mongodb://user:password@host:port/database; see --uri and --uri-file"
                .to_owned()
        }
        Error::Authentication(_) => {
            "check the user, the password and authSource in the connection string".to_owned()
        }
        Error::Unauthorized { namespace, .. }
            if namespace.split_once('.').is_some_and(|(_, name)| name == LEASES) =>
        {
            format!("it needs find, insert and update on {namespace}; one sweeper alone can do with --no-lease")
        }
        Error::Unauthorized { .. } => {
            "the README lists the rights that each command needs, as createRole commands".to_owned()
        }
        Error::NoCollection { session_collections, .. } if session_collections.is_empty() => {
            "choose the database with -d and the collection with -c".to_owned()
        }
        Error::NoCollection { session_collections, .. } => {
            format!("these hold sessions: {}", session_collections.join(", "))
        }
        Error::NotPrimary { .. } => {
            "connect to the replica set, or to its primary".to_owned()
        }
        Error::UnknownLayout(_) => "`sessionctl layouts` lists the layouts".to_owned(),
        Error::LayoutFile(_) => {
            "`sessionctl layouts show NAME` prints one that is right".to_owned()
        }
        Error::Undetected { certainty, .. } => match certainty {
            Certainty::Nothing => {
                "describe the documents in a file and pass it with --layout-file".to_owned()
            }
            _ => "say which it is with --layout NAME".to_owned(),
        },
        Error::Misnamed { .. } => {
            "leave --layout away, and sessionctl finds out; a layout of your own goes into --layout-file"
                .to_owned()
        }
        Error::ArchiveExists { .. } => {
            "choose another name, or add to it with --archive-append".to_owned()
        }
        Error::AmbiguousIds(_) => "give more characters of the id; nothing was done".to_owned(),
        Error::IndexDiffers(_) => {
            "`sessionctl index status` shows both, `sessionctl index replace` puts the wanted one in its place".to_owned()
        }
        _ => return None,
    })
}

/// Prints a failure, if any, and gives the exit code.
pub fn finish(verbose: bool, outcome: Result<Exit, Failure>) -> ExitCode {
    let failure = match outcome {
        Ok(exit) => return exit.into(),
        Err(failure) => failure,
    };
    if !failure.silent {
        write(&failure.told(speech(), Level::Error, verbose, now()));
    }
    failure.exit.into()
}

/// Prints what is wrong with the command line, or the help that was asked for.
pub fn usage(refusal: &Refusal) -> ExitCode {
    match refusal {
        Refusal::Clap(error) if error.use_stderr() && repeats_hostile(error) => {
            let text = error.render().to_string();
            text.lines().for_each(|text| line(&neutral(text)));
            Exit::Usage.into()
        }
        Refusal::Clap(error) => {
            let printed = error.print();
            if error.use_stderr() {
                return Exit::Usage.into();
            }
            match printed {
                Ok(()) => Exit::Done.into(),
                Err(error) => finish(false, Err(Failure::stdout(&error))),
            }
        }
        Refusal::Own(sentence, hint) => {
            finish(false, Err(Failure::new(Exit::Usage, sentence).hint(*hint)))
        }
    }
}

/// Whether clap's words repeat something typed that a terminal would obey.
fn repeats_hostile(error: &clap::Error) -> bool {
    error.render().to_string().lines().any(|line| line.contains(is_hostile))
}

static SPEECH: OnceLock<Speech> = OnceLock::new();

/// Chooses how everything is said from now on; the first choice holds.
pub fn speak(format: LogFormat) {
    let _ = SPEECH.set(Speech::new(format, is_journal()));
}

fn speech() -> Speech {
    SPEECH.get().copied().unwrap_or(Speech::Plain)
}

/// Whether stderr goes to systemd's journal, which reads a level before each line.
fn is_journal() -> bool {
    let file = rustix::fs::fstat(io::stderr());
    std::env::var("JOURNAL_STREAM")
        .is_ok_and(|stream| file.is_ok_and(|file| speech::is_stream(&stream, &file)))
}

/// One line to the person, such as `warning: ...`.
pub fn say(label: &str, text: impl fmt::Display) {
    write(&speech().labelled(label, &text.to_string(), now()));
}

/// One line to the person, as it is.
pub fn line(text: &str) {
    write(&speech().bare(text, now()));
}

/// A failure that the command goes on after.
pub fn warn(failure: &Failure) {
    write(&failure.told(speech(), Level::Warning, false, now()));
}

/// What happened: a line to the person; a program gets the fields, too.
pub fn event(level: Level, text: &str, fields: Map<String, Value>) {
    write(&speech().event(level, text, fields, now()));
}

#[expect(
    clippy::disallowed_methods,
    reason = "a log says when it was written, and decides nothing"
)]
fn now() -> DateTime {
    DateTime::now()
}

fn write(text: &str) {
    // A closed stderr must not end the command.
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// Whether a person sees stderr.
pub fn is_seen() -> bool {
    io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_a_line_to_a_person_and_a_key_to_a_program() {
        console::set_colors_enabled_stderr(false);
        let failure = Failure {
            details: Some("Error { .. }".to_owned()),
            ..Failure::new(Exit::Failed, "could not connect").hint("is it running?")
        };
        let told = |speech, level, verbose| {
            failure.told(speech, level, verbose, DateTime::from_millis(1_795_428_000_007))
        };
        assert_eq!(
            told(Speech::Plain, Level::Error, true),
            "error: could not connect\nhint: is it running?\ndriver: Error { .. }"
        );
        assert_eq!(
            told(Speech::Journal, Level::Warning, false),
            "<4>warning: could not connect\n<6>hint: is it running?"
        );
        let expected = r#"{"time":"2026-11-23T10:00:00.007Z","level":"error","message":"could not connect","hint":"is it running?"}"#;
        assert_eq!(told(Speech::Json, Level::Error, false), expected);
        let verbose = expected.replace("ng?\"}", "ng?\",\"driver\":\"Error { .. }\"}");
        assert_eq!(told(Speech::Json, Level::Error, true), verbose);
    }
}
