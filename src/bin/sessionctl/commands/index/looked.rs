//! The TTL index of a collection before anything is changed, and its row.

use std::time::Duration;

use bson::{Bson, Document};
use sessionctl::Store;
use sessionctl::index::{TtlState, TtlStatus};

use super::drain::DrainArgs;
use crate::args::{Format, interval};
use crate::console::confirm::Yes;
use crate::console::failure::{Doing as _, Exit, Failure, needing};
use crate::console::output::{Cell, Row, Shape};
use crate::console::report::say;
use crate::context::{Context, Purpose};

/// Which of the two TTL indexes of a layout.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(skip)]
pub struct Which {
    /// Act on the idle index instead: it deletes sessions without an expiry once they are idle for
    /// DURATION
    #[arg(long, value_name = "DURATION", num_args = 0..=1, value_parser = interval, allow_negative_numbers = true)]
    pub idle: Option<Option<Duration>>,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Confirming {
    #[command(flatten)]
    pub which: Which,

    #[command(flatten)]
    pub yes: Yes,
}

#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Change {
    #[command(flatten)]
    pub confirming: Confirming,

    #[command(flatten)]
    pub drain: DrainArgs,
}

const HEADER: &[&str] = &["namespace", "layout", "state", "wanted", "found"];

/// The state before anything is changed.
pub struct Looked {
    pub store: Store,
    /// The action, for errors.
    pub action: String,
    /// The lifetime by the index, if the operator gave it.
    pub lifetime: Option<Duration>,
    /// Whether the index is for sessions that never expire.
    pub is_idle: bool,
    pub status: TtlStatus,
}

/// Reads the state of the index, for the action `verb`.
pub async fn look(
    context: &Context,
    verb: &str,
    purpose: Purpose,
    which: Which,
) -> Result<Looked, Failure> {
    let Some(store) = context.store_of_any_lifetime(verb, purpose).await? else {
        let sentence = format!(
            "could not {verb} {}: the collection is empty, so its layout is unknown",
            context.collection()
        );
        return Err(Failure::new(Exit::Failed, sentence).hint("choose one with --layout NAME"));
    };
    let action = format!("{verb} {}", store.namespace());
    let (store, lifetime) = match which.idle {
        Some(idle) => (store.idle_limited().doing(&action)?, idle),
        None => (store, context.global.lifetime),
    };
    let status = store.index_status(lifetime).await.doing(&action)?;
    let wanted = status.wanted.as_ref().and_then(|wanted| wanted.get("expireAfterSeconds"));
    let is_unused = |lifetime: Duration| {
        wanted.and_then(number).is_some_and(|seconds| seconds != lifetime.as_secs_f64())
    };
    if purpose == Purpose::Changing && wanted.is_some() && lifetime.is_some_and(is_unused) {
        let layout = store.layouts().name();
        let text =
            format!("--lifetime has no effect here: {layout} stores the expiry of each session");
        context.note("warning", text);
    }
    Ok(Looked { store, action, lifetime, is_idle: which.idle.is_some(), status })
}

/// A number of any numeric type.
fn number(value: &Bson) -> Option<f64> {
    match value {
        Bson::Int32(number) => Some(f64::from(*number)),
        Bson::Int64(number) => Some(*number as f64),
        Bson::Double(number) => Some(*number),
        _ => None,
    }
}

impl Looked {
    /// Reports a missing right before the question.
    pub async fn check_rights(
        &self,
        context: &Context,
        rights: &[&'static str],
    ) -> Result<(), Failure> {
        let store = &self.store;
        context.check_rights(store.connection(), store.name(), rights, &self.action).await
    }
}

/// Prints the state after the changes.
pub async fn print_now(context: &Context, looked: &Looked) -> Result<Exit, Failure> {
    let mut status = looked.store.index_status(looked.lifetime).await.doing(&looked.action)?;
    // The server has answered that an installed index is complete.
    status.reason = status.reason.filter(|_| status.state != TtlState::Installed);
    print_changed(context, &looked.store, &status)?;
    Ok(Exit::Done)
}

/// The same, for a command that has already reported what it did.
pub fn print_changed(context: &Context, store: &Store, status: &TtlStatus) -> Result<(), Failure> {
    if context.speaks() {
        remark(context, status);
    } else {
        print(context, store, status)?;
    }
    Ok(())
}

fn remark(context: &Context, status: &TtlStatus) {
    if status.state == TtlState::Missing && status.found.is_some() {
        context.note("note", "there is a plain index in its place, which `index install` converts");
    }
    if status.state == TtlState::Building {
        let text = "the server is still building the index, and deletes nothing with it yet";
        context.note("note", text);
    }
    if let Some(reason) = &status.reason {
        say("note", needing(reason, status.need));
    }
}

pub fn print(context: &Context, store: &Store, status: &TtlStatus) -> Result<(), Failure> {
    remark(context, status);
    if context.global.format == Format::Table && context.global.quiet {
        return Ok(());
    }
    let mut rows = context.rows(Shape::One, HEADER);
    rows.row(row(store, status))?;
    rows.finish()
}

fn row(store: &Store, status: &TtlStatus) -> Row {
    Row(vec![
        ("namespace", Cell::Text(store.namespace())),
        ("layout", Cell::Text(store.layouts().name())),
        ("state", Cell::Text(status.state.name().to_owned())),
        ("wanted", Cell::maybe(status.wanted.clone(), spec)),
        ("found", Cell::maybe(status.found.clone(), |found| spec(found.0))),
    ])
}

fn spec(mut document: Document) -> Cell {
    document.remove("v");
    Cell::Json(Bson::Document(document).into_relaxed_extjson())
}
