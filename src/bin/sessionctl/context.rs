//! What every command needs, built once: the connection, the layout, and how to answer.

use std::cell::OnceCell;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use bson::{DateTime, Document};
use sessionctl::collections::Choice;
pub use sessionctl::collections::Purpose;
use sessionctl::connection::Connection;
use sessionctl::error::reason;
use sessionctl::layout::detect::Certainty;
use sessionctl::purge::{Fate, Purge};
use sessionctl::session::shorten;
use sessionctl::store::{Reading, documents};
use sessionctl::{Error, Layout, Query, State, Store};

use crate::args::Format;
use crate::args::{Color, Global, Secret, Selection, Uri};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output::{Row, Rows, Shape, Style};
use crate::console::report::say;
use crate::console::signals::{Hangup, Signals};
use crate::console::text::counted;

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

/// How many sessions are looked at to learn whether payloads can be read.
const LOOKED_AT: u64 = 100;

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
        layout(&self.global.layout, self.global.layout_file.as_deref())
    }

    /// The store of the collection, or `None` where the collection is empty and no layout was
    /// named: then there is nothing to do, and nothing to tell the layout by.
    pub async fn store(&self, action: &str, purpose: Purpose) -> Result<Option<Store>, Failure> {
        let named = self.named_layout()?;
        let connection = self.connect().await?;
        let action = format!("{action} {}.{}", connection.database(), self.collection());
        let lifetime = self.global.lifetime;
        let choice =
            connection.choose_layout(self.collection(), named.as_ref(), lifetime, purpose).await;
        let choice = choice.doing(&action)?;
        self.explain(&choice, purpose);
        let layout = choice.layout().cloned();
        Ok(layout.map(|layout| connection.store(self.collection(), layout)))
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

    /// What is meant where there are no sessions: no id that was typed is known.
    pub fn selected_of_nothing(&self, selection: &Selection) -> Result<Selected, Failure> {
        let typed = typed_ids(&selection.ids)?;
        let unknown = typed.iter().map(|id| shorten(id)).collect();
        Ok(Selected { query: Query::default(), ids: None, unknown })
    }

    /// From what was typed to what is meant, with the ids looked up.
    pub async fn selected(
        &self,
        action: &str,
        store: &Store,
        selection: &Selection,
        now: DateTime,
    ) -> Result<Selected, Failure> {
        let mut selected =
            Selected { query: query(selection, now), ids: None, unknown: Vec::new() };
        if !selection.ids.is_empty() {
            let typed = typed_ids(&selection.ids)?;
            let action = format!("{action} {}", store.namespace());
            let resolved = store.resolve(&typed).await.doing(&action)?;
            if !resolved.ambiguous.is_empty() {
                return Err(Failure::of(&action, &Error::AmbiguousIds(resolved.ambiguous)));
            }
            selected.ids = Some(resolved.keys);
            selected.unknown = resolved.unknown;
        }
        if selected.query.needs_payload() {
            let action = format!("{action} {}", store.namespace());
            self.warn_of_the_unreadable(store, &selected.query, now).await.doing(&action)?;
        }
        Ok(selected)
    }

    /// "Nothing matched" must not look like an answer where the payloads cannot be read.
    async fn warn_of_the_unreadable(
        &self,
        store: &Store,
        query: &Query,
        now: DateTime,
    ) -> sessionctl::Result<()> {
        let reading = Reading { limit: LOOKED_AT, ..Reading::default() };
        let mut batches = store.read(Document::new(), &reading).await?;
        let (mut sampled, mut reasons) = (0_u64, Vec::new());
        while let Some(batch) = batches.next().await? {
            for document in documents(&batch) {
                let payload = store.layout().payload(document);
                let session = store.layout().session(document, &payload, now);
                sampled += 1;
                // Some stores keep the user beside the payload.
                let is_judged = query.payload.is_empty() && session.user.is_some();
                reasons.extend(payload.error().filter(|_| !is_judged));
            }
        }
        if let Some(reason) = reasons.first() {
            let blind = counted(reasons.len() as u64, "session");
            self.note(
                "warning",
                format!(
                    "--user and --where cannot see into {blind} of {sampled} looked at: {reason}"
                ),
            );
        }
        Ok(())
    }
}

/// What is meant by a selection.
#[derive(Debug, Clone)]
pub struct Selected {
    pub query: Query,
    /// The `_id`s of the sessions that were named, if any were.
    pub ids: Option<Vec<bson::Bson>>,
    /// Ids that no session has, shortened.
    pub unknown: Vec<String>,
}

impl Selected {
    /// As something to be done to these sessions.
    pub fn purge(&self, fate: Fate, now: DateTime, cutoff: DateTime) -> Purge {
        let purge = Purge::new(self.query.clone(), fate, now, cutoff);
        Purge { keys: self.ids.clone(), ..purge }
    }

    /// What the server can select by.
    pub fn filter(&self, store: &Store, now: DateTime) -> sessionctl::Result<Document> {
        store.matching(&self.purge(Fate::Deleted, now, now))
    }

    /// Names the ids that were not found; then the command fails, having done the others.
    pub fn exit(&self, namespace: &str) -> Result<Exit, Failure> {
        if self.unknown.is_empty() {
            return Ok(Exit::Done);
        }
        let ids = self.unknown.join("..., ");
        let sentence = format!(
            "could not find {} in {namespace}: {ids}...",
            counted(self.unknown.len() as u64, "id")
        );
        let others = self.ids.as_ref().is_some_and(|ids| !ids.is_empty());
        Err(Failure::new(Exit::Failed, sentence).hint(if others {
            "the other sessions that were named are done"
        } else {
            "give the whole id, or at least its first 8 characters"
        }))
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

fn query(selection: &Selection, now: DateTime) -> Query {
    let states = [
        (selection.expired, State::Expired),
        (selection.live, State::Live),
        (selection.endless, State::Endless),
        (selection.malformed, State::Malformed),
    ];
    Query {
        state: states.into_iter().find(|(asked, _)| *asked).map(|(_, state)| state),
        user: selection.user.clone(),
        payload: selection.payload.clone(),
        expires_before: selection.expires_before.map(|time| time.resolve(now)),
        expires_after: selection.expires_after.map(|time| time.resolve(now)),
        idle: selection.idle,
        older: selection.older,
    }
}

/// The ids that were typed, and those that stdin gives if one of them is `-`.
fn typed_ids(ids: &[String]) -> Result<Vec<String>, Failure> {
    let mut typed: Vec<String> = ids.iter().filter(|id| *id != "-").cloned().collect();
    if typed.len() < ids.len() {
        for line in io::stdin().lines() {
            let line = line.map_err(|error| {
                Failure::new(
                    Exit::Failed,
                    format!("could not read ids from stdin: {}", reason(&error)),
                )
            })?;
            typed.extend(Some(line.trim().to_owned()).filter(|line| !line.is_empty()));
        }
    }
    Ok(typed)
}
