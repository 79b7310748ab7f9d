//! What is written to stderr, except for questions, bars and the help: errors, hints, warnings, a daemon's log, and the exit codes.
//!
//! An error is one sentence and at most one hint. Writing never panics: with a closed stderr, the
//! exit code remains.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::OnceLock;

use bson::DateTime;
use serde_json::{Map, Value};

use super::background::Background;
use super::failure::{Exit, Failure, Refusal};
use crate::console::text::{counted, has_hostile, neutral};

mod log_format;

use log_format::LineFormat;
pub use log_format::{Level, LogFormat};

/// Prints a failure, if any, and gives the exit code.
pub fn finish(verbose: bool, outcome: Result<Exit, Failure>) -> ExitCode {
    let failure = match outcome {
        Ok(exit) => return exit.into(),
        Err(failure) => failure,
    };
    if !failure.silent {
        fail(verbose, &failure);
    }
    failure.exit.into()
}

/// Prints a failure of one of several.
pub fn fail(verbose: bool, failure: &Failure) {
    write(&rendered(failure, line_format(), Level::Error, verbose, now()));
}

/// Prints an error in the command line, or the requested help.
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

/// Whether clap's message repeats typed characters that a terminal would interpret.
fn repeats_hostile(error: &clap::Error) -> bool {
    error.render().to_string().lines().any(has_hostile)
}

/// The sentence and the hint, on separate lines or in one object.
fn rendered(
    failure: &Failure,
    format: LineFormat,
    level: Level,
    verbose: bool,
    now: DateTime,
) -> String {
    let driver = failure.details.as_ref().filter(|_| verbose);
    let besides = [("hint", failure.hint.as_ref()), ("driver", driver)];
    let besides = besides.into_iter().filter_map(|(label, text)| Some((label, text?)));
    if format == LineFormat::Json {
        let fields = besides.map(|(label, text)| (label.to_owned(), text.as_str().into()));
        return format.event(level, &failure.sentence, fields.collect(), now);
    }
    let mut lines = vec![format.event(level, &failure.sentence, Map::new(), now)];
    lines.extend(besides.map(|(label, text)| format.labelled(label, text, now)));
    lines.join("\n")
}

static FORMAT: OnceLock<LineFormat> = OnceLock::new();

/// Sets the format of all further messages. Only the first call has an effect.
pub fn set_log_format(format: LogFormat) {
    let _ = FORMAT.set(LineFormat::new(format, is_journal()));
}

fn line_format() -> LineFormat {
    FORMAT.get().copied().unwrap_or(LineFormat::Plain)
}

/// Whether stderr goes to systemd's journal, which reads a level before each line.
fn is_journal() -> bool {
    // The variable is inherited by processes whose stderr was redirected, so it counts only where
    // it names this very stream.
    let file = rustix::fs::fstat(io::stderr());
    std::env::var("JOURNAL_STREAM")
        .is_ok_and(|stream| file.is_ok_and(|file| log_format::is_stream(&stream, &file)))
}

/// Prints one line for people, such as `warning: ...`.
pub fn say(label: &str, text: impl fmt::Display) {
    write(&line_format().labelled(label, &text.to_string(), now()));
}

/// Prints one line for people, unchanged.
pub fn line(text: &str) {
    write(&line_format().bare(text, now()));
}

/// Reports a failure after which the command continues.
pub fn warn(failure: &Failure) {
    write(&rendered(failure, line_format(), Level::Warning, false, now()));
}

/// Logs an event: a line for people, with fields for programs.
pub fn event(level: Level, text: &str, fields: Map<String, Value>) {
    write(&line_format().event(level, text, fields, now()));
}

#[expect(
    clippy::disallowed_methods,
    reason = "a log says when it was written, and decides nothing"
)]
fn now() -> DateTime {
    DateTime::now()
}

static BACKGROUND: OnceLock<Background> = OnceLock::new();

/// From now on, no message waits for a reader that stopped reading.
pub fn never_wait() {
    let lost = |lines| {
        say(
            "warning",
            format!("dropped {} of the log, because nobody read it", counted(lines, "line")),
        );
    };
    if let Ok(background) = Background::start(&io::stderr(), lost) {
        let _ = BACKGROUND.set(background);
    }
}

/// Gives a slow reader a moment before the program ends.
pub fn drain() {
    BACKGROUND.get().into_iter().for_each(Background::drain);
}

fn write(text: &str) {
    // A closed stderr must not end the command. Whole lines are written at once, so that those of
    // several processes do not mix.
    let text = format!("{text}\n");
    let _ = match BACKGROUND.get() {
        Some(background) => background.clone().write_all(text.as_bytes()),
        None => io::stderr().lock().write_all(text.as_bytes()),
    };
}

/// Whether stderr is a terminal.
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
            details: Some("Io at mongodb://u:pw@h".to_owned()),
            ..Failure::new(Exit::Failed, "could not connect").hint("is it running?")
        };
        let rendered = |format, level, verbose| {
            super::rendered(
                &failure,
                format,
                level,
                verbose,
                DateTime::from_millis(1_795_428_000_007),
            )
        };
        assert_eq!(
            rendered(LineFormat::Plain, Level::Error, true),
            "error: could not connect\nhint: is it running?\ndriver: Io at mongodb://...@h"
        );
        assert_eq!(
            rendered(LineFormat::Journal, Level::Warning, false),
            "<4>warning: could not connect\n<6>hint: is it running?"
        );
        let expected = r#"{"time":"2026-11-23T10:00:00.007Z","level":"error","message":"could not connect","hint":"is it running?"}"#;
        assert_eq!(rendered(LineFormat::Json, Level::Error, false), expected);
        let verbose = expected.replace("ng?\"}", "ng?\",\"driver\":\"Io at mongodb://...@h\"}");
        assert_eq!(rendered(LineFormat::Json, Level::Error, true), verbose);
    }
}
