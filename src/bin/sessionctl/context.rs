//! What every command needs, built once: the connection, the layout, and how to answer.

use std::cell::OnceCell;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use sessionctl::collections::Thoroughness;
use sessionctl::connection::Connection;
use sessionctl::doctor::Commands;
use sessionctl::error::reason;
use sessionctl::layout::detect::{Certainty, Verdict, detect};
use sessionctl::{Error, Layout, Store};

use crate::args::Format;
use crate::args::{Color, DEFAULT_URI, Global, Secret, Uri};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output::{Row, Rows, Shape, Style};
use crate::console::report::say;
use crate::console::signals::{Hangup, Signals};

pub mod selected;

/// The options of all commands, the signals, and the connection that is opened when it is needed.
#[derive(Debug)]
pub struct Context {
    pub global: Global,
    uri: Uri,
    /// The connection string that stdin gave: it gives it only once.
    read: OnceCell<Secret>,
    pub signals: Signals,
    /// The command line without secrets, for the audit file.
    pub command_line: Vec<String>,
}

/// What a command is going to do with the layout it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Read: a likely layout will do, with a warning.
    Reading,
    /// Delete or change: only a certain layout, or the operator's word.
    Changing,
}

impl Context {
    pub fn new(
        global: Global,
        uri: Uri,
        command_line: Vec<String>,
        hangup: Hangup,
    ) -> Result<Self, Failure> {
        let colors = |stream_is_terminal: bool| match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                stream_is_terminal
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        };
        console::set_colors_enabled(colors(io::stdout().is_terminal()));
        console::set_colors_enabled_stderr(colors(io::stderr().is_terminal()));
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
        Connection::open(uri.trim(), self.global.db.as_deref()).await.doing("connect")
    }

    fn read_uri(&self) -> Result<String, Failure> {
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

    /// How other commands are to be typed so that they work on the same collection. What stands in
    /// the environment stays there, and a password is never repeated.
    pub fn commands(&self, connection: &Connection) -> Result<Commands, Failure> {
        let text = self.read_uri()?;
        let (public, has_login) = without_login(text.trim());
        let mut options = Vec::new();
        let mut option = |name: &str, value: String| options.extend([name.to_owned(), value]);
        match &self.uri {
            _ if !self.global.is_uri_typed => {}
            Uri::Given(_) if has_login => {
                self.note("note", "the commands want --uri again, which has a password in it");
            }
            Uri::Given(_) => option("--uri", public.clone()),
            Uri::File(path) => option("--uri-file", path.display().to_string()),
            Uri::Stdin => option("--uri", "-".to_owned()),
        }
        if let Some(path) = &self.global.layout_file {
            option("--layout-file", path.display().to_string());
        } else if self.global.layout != "auto" {
            option("--layout", self.global.layout.clone());
        }
        if let Some(lifetime) = self.global.lifetime {
            option("--lifetime", lifetime.as_secs().to_string());
        }
        let mut mongosh = Vec::new();
        if public.trim_end_matches('/') != DEFAULT_URI {
            mongosh.push(public);
        }
        if let Some(login) = connection.login() {
            mongosh.extend(["--username".to_owned(), login.to_owned()]);
        }
        Ok(Commands { options, mongosh, ..Commands::default() })
    }

    /// The layout that was named, if one was.
    pub fn named_layout(&self) -> Result<Option<Layout>, Failure> {
        layout(&self.global.layout, self.global.layout_file.as_deref())
    }

    /// The store of the collection, or `None` where the collection is empty and no layout was
    /// named: then there is nothing to do, and nothing to tell the layout by.
    pub async fn store(&self, action: &str, purpose: Purpose) -> Result<Option<Store>, Failure> {
        let named = self.named_layout()?;
        let connection = self.connect().await?;
        let how = match purpose {
            Purpose::Reading => Thoroughness::FirstPage,
            Purpose::Changing => Thoroughness::Throughout,
        };
        let action = format!("{action} {}.{}", connection.database(), self.collection());
        let sample = connection.sample(self.collection(), how).await.doing(&action)?;
        if let Some(layout) = named {
            match (sample.allows(&layout), purpose) {
                (Err(error), Purpose::Changing) => return Err(Failure::of(&action, &error)),
                (Err(error), Purpose::Reading) => self.note("warning", error),
                (Ok(()), _) => {}
            }
            let layout = layout.resolved(self.global.lifetime, &sample.indexes);
            return Ok(Some(connection.store(self.collection(), layout)));
        }
        let verdict = detect(&sample, Layout::known());
        self.explain(&verdict, purpose);
        let chosen = match purpose {
            Purpose::Reading => verdict.likeliest(),
            Purpose::Changing => verdict.certain(),
        };
        let store = |layout: &Layout| {
            let layout = layout.clone().resolved(self.global.lifetime, &sample.indexes);
            connection.store(self.collection(), layout)
        };
        match (chosen, verdict.certainty) {
            (_, Certainty::Empty) => {
                Ok(verdict.likeliest().filter(|_| verdict.candidates.len() == 1).map(store))
            }
            (Some(layout), _) => Ok(Some(store(layout))),
            (None, _) => Err(Failure::of(&action, &Error::from(verdict))),
        }
    }

    fn explain(&self, verdict: &Verdict, purpose: Purpose) {
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

/// A connection string without the login in it, and whether there was one.
fn without_login(uri: &str) -> (String, bool) {
    let Some((scheme, rest)) = uri.split_once("://") else { return (String::new(), false) };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => (format!("{scheme}://{}", &rest[at + 1..]), true),
        None => (uri.to_owned(), false),
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
