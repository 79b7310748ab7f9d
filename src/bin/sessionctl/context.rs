//! What every command needs, built once: the connection, the layout, and the output.

use std::cell::OnceCell;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;
use std::sync::{Arc, Mutex};

use sessionctl::collections::Choice;
pub use sessionctl::collections::Purpose;
use sessionctl::connection::Connection;
use sessionctl::error::reason;
use sessionctl::flavour::Flavour;
use sessionctl::layout::detect::Certainty;
use sessionctl::purge::MaxLatency;
use sessionctl::{Layout, Layouts, Store};

use crate::args::{AUTO, Format, Global, Secret, Uri};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output::{self, Joined, Row, Rows, Shape, Style};
use crate::console::report::say;
use crate::console::signals::{Hangup, Signals};
use crate::console::text::neutral;
use crate::input::read_text;

pub mod ids;
mod judged;
pub mod listed;
pub mod selected;
pub mod users;
pub mod words;

/// The options of all commands, the signals, and the connection that is opened when it is needed.
#[derive(Debug)]
pub struct Context {
    pub global: Global,
    pub uri: Uri,
    /// The connection string from stdin, which can be read only once.
    read: OnceCell<Secret>,
    pub signals: Signals,
    /// The command line without secrets, for the audit file.
    pub command_line: Vec<String>,
    /// With several collections, the document that the output is a part of.
    pub joined: Option<Arc<Joined>>,
    /// With several collections, what the operator asked for applies to those that follow as well.
    pub orders: Arc<Mutex<Orders>>,
    /// What the server is that a connection was opened to.
    server: OnceCell<Flavour>,
}

/// What the operator has asked for so far, with keys or `--control`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Orders {
    pub paused: bool,
    pub rate: Option<Option<u32>>,
    pub max_latency: Option<MaxLatency>,
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
        let (read, server) = (OnceCell::new(), OnceCell::new());
        let orders = Arc::default();
        Ok(Self { global, uri, read, signals, command_line, joined: None, orders, server })
    }

    /// The same context, for one of several collections.
    pub fn on(&self, collection: &str, joined: &Arc<Joined>) -> Self {
        Self {
            global: Global { collection: vec![collection.to_owned()], ..self.global.clone() },
            uri: self.uri.clone(),
            read: self.read.clone(),
            signals: self.signals.clone(),
            command_line: self.command_line.clone(),
            joined: Some(Arc::clone(joined)),
            orders: Arc::clone(&self.orders),
            server: OnceCell::new(),
        }
    }

    /// The collection, for a command that works on one.
    pub fn collection(&self) -> &str {
        self.global.collection.first().map_or("sessions", String::as_str)
    }

    /// The style of rows.
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
        Rows::stdout(self.style(), shape, header).joined(self.joined.clone())
    }

    /// Begins one of several tables, with a line that names its collection.
    pub fn begin_table(&self, namespace: Option<&str>) -> Result<(), Failure> {
        let Some(joined) = self.joined.as_ref().filter(|_| self.global.format == Format::Table)
        else {
            return Ok(());
        };
        let gap = if joined.begins() { "" } else { "\n" };
        let heading = namespace.map(|name| format!("{}\n", neutral(name))).unwrap_or_default();
        output::text(&format!("{gap}{heading}"))
    }

    /// With several collections, the columns of rows that do not name their collection, with
    /// `namespace` added.
    pub fn columns_of_one(&self, typed: &[String], header: &[&str]) -> Vec<String> {
        let is_told = self.joined.is_none() || self.global.format == Format::Table;
        match typed.is_empty() && !is_told {
            true => ["namespace"].iter().chain(header).map(|name| (*name).to_owned()).collect(),
            false => typed.to_vec(),
        }
    }

    /// Whether a report is a sentence or two for people, rather than all of its keys.
    pub fn speaks(&self) -> bool {
        self.global.format == Format::Table && !self.global.verbose
    }

    /// Prints a report: `sentence` for people, or the row for programs and `-v`.
    pub fn report(
        &self,
        header: &'static [&'static str],
        row: Row,
        sentence: &str,
    ) -> Result<(), Failure> {
        if self.global.format == Format::Table && self.global.quiet {
            return Ok(());
        }
        if self.speaks() {
            return output::text(&format!("{}\n", neutral(sentence)));
        }
        let mut rows = self.rows(Shape::One, header);
        rows.row(row).and_then(|()| rows.finish())
    }

    /// Prints the report of a command, and returns the outcome. A report that could not be printed
    /// is a failure only if the command succeeded.
    pub fn finish(
        &self,
        header: &'static [&'static str],
        row: Row,
        sentence: &str,
        outcome: Result<Exit, Failure>,
    ) -> Result<Exit, Failure> {
        if matches!(outcome, Ok(Exit::Signal(_) | Exit::WorkLeft)) && !self.speaks() {
            // The number of remaining sessions is not a key of the report.
            self.note("note", sentence);
        }
        let printed = self.report(header, row, sentence);
        match (outcome, printed) {
            (Err(failure), Err(unprinted)) if !unprinted.is_closed_pipe() => {
                say("warning", "the report could not be printed");
                Err(failure)
            }
            (Ok(_), Err(unprinted)) if !unprinted.is_closed_pipe() => Err(unprinted),
            (outcome, _) => outcome,
        }
    }

    /// Reports one finished step, if the report consists of sentences.
    pub fn say_done(&self, sentence: &str) -> Result<(), Failure> {
        if !self.speaks() {
            self.note("note", sentence);
            return Ok(());
        }
        if self.global.quiet {
            return Ok(());
        }
        output::text(&format!("{}\n", neutral(sentence)))
    }

    /// Prints a message that is not a failure, unless `-q`.
    pub fn note(&self, label: &str, text: impl std::fmt::Display) {
        if !self.global.quiet {
            say(label, text);
        }
    }

    /// Says what may log a user in although the session has ended.
    pub fn note_survivors(&self, layouts: &Layouts) {
        let mut said: Vec<&String> =
            layouts.iter().filter_map(|one| one.survives.as_ref()).collect();
        said.dedup();
        for survives in said {
            self.note("note", format!("ending a session may not end the login: {survives}"));
        }
    }

    /// The connection that the options describe.
    pub async fn connect(&self) -> Result<Connection, Failure> {
        let uri = self.read_uri()?;
        let connection = Connection::open(uri.trim(), self.global.db.as_deref()).await;
        let connection = connection.doing("connect")?;
        self.warn_of_ignored(&connection);
        let _ = self.server.set(connection.flavour().clone());
        Ok(connection)
    }

    /// Reports a missing right before the question. If the server does not report rights, the
    /// command continues, and the server refuses it if necessary.
    pub async fn check_rights(
        &self,
        connection: &Connection,
        collection: &str,
        rights: &[&'static str],
        action: &str,
    ) -> Result<(), Failure> {
        let Some((login, right)) = connection.lacking(collection, rights).await else {
            return Ok(());
        };
        let namespace = format!("{}.{collection}", connection.database());
        let sentence =
            format!("could not {action}: the login {login} lacks the right {right} on {namespace}");
        Err(Failure::new(Exit::Failed, sentence)
            .hint("`sessionctl help rights` lists what each command needs, as createRole commands"))
    }

    /// With `-v`, names the kind of the server, and what it lacks as far as the command met it.
    pub fn describe_server(&self) {
        if let Some(server) = self.server.get().filter(|_| self.global.verbose) {
            self.note("note", format!("the server is {server}"));
        }
    }

    /// Warns if the clocks of a sharded cluster differed when the server's clock was read.
    pub fn warn_of_clocks(&self, connection: &Connection) {
        if let Some(spread) = connection.clock_spread() {
            self.note("warning", format!("{spread}; the earliest decides what has expired"));
        }
    }

    pub fn warn_of_ignored(&self, connection: &Connection) {
        let ignored = connection.ignored_options().iter();
        let ignored: Vec<_> =
            ignored.map(|ignored| format!("{} ({})", ignored.option, ignored.reason)).collect();
        if !ignored.is_empty() {
            let ignored = ignored.join(", ");
            self.note("warning", format!("ignoring options of the connection string: {ignored}"));
        }
    }

    /// The connection string, from any source.
    pub fn read_uri(&self) -> Result<String, Failure> {
        let unreadable = |what: &str, error: &io::Error| {
            let sentence =
                format!("could not read the connection string from {what}: {}", reason(error));
            Failure::new(Exit::Failed, sentence)
        };
        match &self.uri {
            Uri::Given(uri) => Ok(uri.expose().to_owned()),
            Uri::File(path) => {
                read_text(path).map_err(|error| unreadable(&path.display().to_string(), &error))
            }
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

    /// The layouts that were named, if any were.
    pub fn named_layouts(&self) -> Result<Option<Layouts>, Failure> {
        let name = self.global.layout_name();
        let name = name.as_deref().unwrap_or(AUTO);
        let layouts = layouts(name, self.global.layout_file.as_deref())?;
        Ok(layouts.map(|layouts| self.with_user_paths(layouts)))
    }

    /// The store of the collection. `None` if the collection is empty and no layout was named:
    /// there is nothing to do, and the layout is unknown.
    pub async fn store(&self, action: &str, purpose: Purpose) -> Result<Option<Store>, Failure> {
        let store = self.store_of_any_lifetime(action, purpose).await?;
        if let Some(store) = &store {
            let action = format!("{action} {}", store.namespace());
            store.layouts().tell_states().doing(&action)?;
        }
        Ok(store)
    }

    /// The same, if the states of sessions are not needed.
    pub async fn store_of_any_lifetime(
        &self,
        action: &str,
        purpose: Purpose,
    ) -> Result<Option<Store>, Failure> {
        let named = self.named_layouts()?;
        let connection = self.connect().await?;
        let action = format!("{action} {}.{}", connection.database(), self.collection());
        let lifetime = self.global.lifetime;
        let choice =
            connection.choose_layouts(self.collection(), named.as_ref(), lifetime, purpose).await;
        let choice = choice.doing(&action)?;
        self.explain(&choice, purpose);
        let layouts = choice.layouts().cloned().map(|layouts| self.with_user_paths(layouts));
        let store = layouts.map(|layouts| connection.store(self.collection(), layouts));
        let store = match purpose {
            Purpose::Reading => store,
            // What is changed is chosen there, too: a session that a secondary lacks would be left.
            Purpose::Changing => store.map(Store::on_primary),
        };
        if let Some(store) = &store {
            self.check_user_paths(&action, store).await?;
        }
        Ok(store)
    }

    /// The note about an empty collection.
    pub fn has_no_documents(&self) -> String {
        format!("the collection {} has no documents", self.collection())
    }

    fn explain(&self, choice: &Choice, purpose: Purpose) {
        let verdict = match choice {
            Choice::Named { misnamed: Some(error), .. } => return self.note("warning", error),
            Choice::Named { .. } => return,
            Choice::Detected { verdict, .. } => verdict,
        };
        match verdict.certainty {
            // A command that writes fails with the same text.
            Certainty::Mixed if purpose == Purpose::Reading => {
                self.note("note", format!("{verdict}; reading each session by its own layout"));
            }
            Certainty::Ambiguous if purpose == Purpose::Reading => {
                let how = match verdict.together == verdict.candidates.len() {
                    true => "ignoring the others",
                    false => "using the first",
                };
                self.note("warning", format!("{verdict}; {how}"));
            }
            Certainty::Weak if purpose == Purpose::Reading => self.note("warning", verdict),
            Certainty::Certain if self.global.verbose => say("note", verdict),
            Certainty::Certain if verdict.strangers() > 0 => {
                let (strangers, sampled) = (verdict.strangers(), verdict.sampled);
                self.note(
                    "note",
                    format!("{strangers} of {sampled} documents examined do not have this layout"),
                );
            }
            _ => {}
        }
    }
}

/// The layout of a file, and those with these names, joined with `+`; `None` for `auto` alone.
pub fn layouts(name: &str, file: Option<&Path>) -> Result<Option<Layouts>, Failure> {
    let mut all = Vec::new();
    if let Some(path) = file {
        let action = format!("use {}", path.display());
        let text = read_text(path).map_err(|error| {
            Failure::new(Exit::Failed, format!("could not {action}: {}", reason(&error)))
        })?;
        all.push(Layout::from_toml(&text).doing(&action)?);
    }
    if name != AUTO {
        let named = name.split('+').map(|name| Layout::named(name).cloned());
        all.extend(named.collect::<sessionctl::Result<Vec<_>>>().doing("choose a layout")?);
    }
    match all.is_empty() {
        true => Ok(None),
        false => Layouts::together(all).doing("choose a layout"),
    }
}
