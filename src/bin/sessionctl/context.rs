//! What every command needs, built once: the connection, the layout, and how to answer.

use std::cell::OnceCell;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use sessionctl::collections::Choice;
pub use sessionctl::collections::Purpose;
use sessionctl::connection::Connection;
use sessionctl::error::reason;
use sessionctl::layout::detect::Certainty;
use sessionctl::{Layout, Store};

use crate::args::{Format, Global, Secret, Uri};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output::{Row, Rows, Shape, Style};
use crate::console::report::say;
use crate::console::signals::{Hangup, Signals};

pub mod selected;
pub mod users;

/// The options of all commands, the signals, and the connection that is opened when it is needed.
#[derive(Debug)]
pub struct Context {
    pub global: Global,
    pub uri: Uri,
    /// The connection string that stdin gave: it gives it only once.
    read: OnceCell<Secret>,
    pub signals: Signals,
    /// The command line without secrets, for the audit file.
    pub command_line: Vec<String>,
}

impl Context {
    pub fn new(
        global: Global,
        uri: Uri,
        command_line: Vec<String>,
        hangup: Hangup,
    ) -> Result<Self, Failure> {
        console::set_colors_enabled(global.color.is_on(io::stdout().is_terminal()));
        console::set_colors_enabled_stderr(global.color.is_on(io::stderr().is_terminal()));
        let signals = Signals::listen(hangup).map_err(|error| {
            Failure::new(Exit::Failed, format!("could not listen for signals: {}", reason(&error)))
        })?;
        Ok(Self { global, uri, read: OnceCell::new(), signals, command_line })
    }

    /// The collection of a command that works on one.
    pub fn collection(&self) -> &str {
        self.global.collection.first().map_or("sessions", String::as_str)
    }

    /// How rows are printed.
    pub fn style(&self) -> Style {
        let terminal = io::stdout().is_terminal();
        let width = console::Term::stdout().size_checked().map(|(_, columns)| columns);
        Style {
            format: self.global.format,
            color: console::colors_enabled(),
            width: width.filter(|_| terminal),
        }
    }

    /// Rows on stdout.
    pub fn rows(&self, shape: Shape, header: &'static [&'static str]) -> Rows<io::Stdout> {
        Rows::stdout(self.style(), shape, header)
    }

    /// Prints the one row of a report, whatever the outcome, which it gives back: a report that could
    /// not be printed is a failure only where nothing else is.
    pub fn finish(
        &self,
        header: &'static [&'static str],
        row: Row,
        outcome: Result<Exit, Failure>,
    ) -> Result<Exit, Failure> {
        if self.global.format == Format::Table && self.global.quiet {
            return outcome;
        }
        let mut rows = self.rows(Shape::One, header);
        let printed = rows.row(row).and_then(|()| rows.finish());
        match (outcome, printed) {
            (Err(failure), Err(unprinted)) if !unprinted.is_closed_pipe() => {
                say("warning", "the report could not be printed");
                Err(failure)
            }
            (Ok(_), Err(unprinted)) if !unprinted.is_closed_pipe() => Err(unprinted),
            (outcome, _) => outcome,
        }
    }

    /// Says something that is not a failure, unless `-q`.
    pub fn note(&self, label: &str, text: impl std::fmt::Display) {
        if !self.global.quiet {
            say(label, text);
        }
    }

    /// The connection that the options describe.
    pub async fn connect(&self) -> Result<Connection, Failure> {
        let uri = self.read_uri()?;
        let connection = Connection::open(uri.trim(), self.global.db.as_deref()).await;
        let connection = connection.doing("connect")?;
        self.warn_of_ignored(&connection);
        Ok(connection)
    }

    fn warn_of_ignored(&self, connection: &Connection) {
        let ignored = connection.ignored_options().iter();
        let ignored: Vec<_> =
            ignored.map(|ignored| format!("{} ({})", ignored.option, ignored.reason)).collect();
        if !ignored.is_empty() {
            let ignored = ignored.join(", ");
            self.note("warning", format!("ignoring options of the connection string: {ignored}"));
        }
    }

    /// The connection string, from wherever it is given.
    pub fn read_uri(&self) -> Result<String, Failure> {
        let unreadable = |what: &str, error: &io::Error| {
            let sentence =
                format!("could not read the connection string from {what}: {}", reason(error));
            Failure::new(Exit::Failed, sentence)
        };
        match &self.uri {
            Uri::Given(uri) => Ok(uri.expose().to_owned()),
            Uri::File(path) => std::fs::read_to_string(path)
                .map_err(|error| unreadable(&path.display().to_string(), &error)),
            Uri::Stdin => {
                if let Some(read) = self.read.get() {
                    return Ok(read.expose().to_owned());
                }
                let mut text = String::new();
                let read = io::stdin().read_to_string(&mut text);
                read.map_err(|error| unreadable("stdin", &error))?;
                Ok(self.read.get_or_init(|| text.into()).expose().to_owned())
            }
        }
    }

    /// The layout that was named, if one was.
    pub fn named_layout(&self) -> Result<Option<Layout>, Failure> {
        let layout = layout(&self.global.layout, self.global.layout_file.as_deref())?;
        Ok(layout.map(|layout| self.with_user_paths(layout)))
    }

    /// The store of the collection, or `None` where the collection is empty and no layout was
    /// named: then there is nothing to do, and nothing to tell the layout by.
    pub async fn store(&self, action: &str, purpose: Purpose) -> Result<Option<Store>, Failure> {
        let store = self.store_of_any_lifetime(action, purpose).await?;
        if let Some(store) = &store {
            let action = format!("{action} {}", store.namespace());
            store.layout().tells_states().doing(&action)?;
        }
        Ok(store)
    }

    /// The same, of sessions whose states need not be known.
    pub async fn store_of_any_lifetime(
        &self,
        action: &str,
        purpose: Purpose,
    ) -> Result<Option<Store>, Failure> {
        let named = self.named_layout()?;
        let connection = self.connect().await?;
        let action = format!("{action} {}.{}", connection.database(), self.collection());
        let lifetime = self.global.lifetime;
        let choice =
            connection.choose_layout(self.collection(), named.as_ref(), lifetime, purpose).await;
        let choice = choice.doing(&action)?;
        self.explain(&choice, purpose);
        let layout = choice.layout().cloned().map(|layout| self.with_user_paths(layout));
        let store = layout.map(|layout| connection.store(self.collection(), layout));
        if let Some(store) = &store {
            self.check_user_paths(&action, store).await?;
        }
        Ok(store)
    }

    fn explain(&self, choice: &Choice, purpose: Purpose) {
        let verdict = match choice {
            Choice::Named { misnamed: Some(error), .. } => return self.note("warning", error),
            Choice::Named { .. } => return,
            Choice::Detected { verdict, .. } => verdict,
        };
        match verdict.certainty {
            // Whoever changes is refused with the same words.
            Certainty::Ambiguous if purpose == Purpose::Reading => {
                let so = match verdict.candidates.as_slice() {
                    [_] => "so",
                    _ => "as the first",
                };
                self.note("warning", format!("{verdict}; reading it {so}"));
            }
            Certainty::Weak if purpose == Purpose::Reading => self.note("warning", verdict),
            Certainty::Certain if self.global.verbose => say("note", verdict),
            Certainty::Certain if verdict.strangers() > 0 => {
                let (strangers, sampled) = (verdict.strangers(), verdict.sampled);
                self.note(
                    "note",
                    format!("{strangers} of {sampled} documents looked at are not of this layout"),
                );
            }
            _ => {}
        }
    }
}

/// The layout of a file, else the one of this name; none for `auto`.
pub fn layout(name: &str, file: Option<&Path>) -> Result<Option<Layout>, Failure> {
    if let Some(path) = file {
        let action = format!("use {}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(Exit::Failed, format!("could not {action}: {}", reason(&error)))
        })?;
        return Layout::from_toml(&text).map(Some).doing(&action);
    }
    match name {
        "auto" => Ok(None),
        name => Layout::named(name).cloned().map(Some).doing("choose a layout"),
    }
}
