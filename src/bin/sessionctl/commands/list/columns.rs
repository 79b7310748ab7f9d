//! The columns that only `--columns` prints: the layout, the client's address and user agent, and
//! values of the payload. They are looked up only if requested.

use std::ffi::OsStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bson::RawDocument;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};
use sessionctl::Layouts;
use sessionctl::layout::UserPlace;
use sessionctl::payload::{Payload, get, mask};

use crate::console::failure::{Exit, Failure};
use crate::console::output::{Cell, Row};
use crate::context::Context;

/// The names of columns. The last four are keys of a row only if requested.
const NAMES: [&str; 13] = [
    "time",
    "event",
    "id",
    "state",
    "expires",
    "touched",
    "created",
    "user",
    "bytes",
    "namespace",
    "layout",
    "ip",
    "agent",
];
/// The prefix of a path in the payload.
const PAYLOAD: &str = "payload.";

/// Accepts the names of columns and paths in the payload; the shells complete the names.
#[derive(Clone)]
pub struct Parser;

impl TypedValueParser for Parser {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let path = value.to_str().and_then(|text| text.strip_prefix(PAYLOAD));
        match path.filter(|path| !path.is_empty()) {
            Some(path) => Ok(format!("{PAYLOAD}{path}")),
            None => PossibleValuesParser::new(NAMES).parse_ref(command, arg, value),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(NAMES.into_iter().map(PossibleValue::new)))
    }
}

/// Refuses columns that only events have, and warns that a column stays empty because no layout
/// defines it.
pub fn check(
    context: &Context,
    columns: &[String],
    follows: bool,
    layouts: &Layouts,
) -> Result<(), Failure> {
    let has = |column: &str| columns.iter().any(|name| name == column);
    if let Some(column) = ["time", "event"].into_iter().find(|column| !follows && has(column)) {
        let sentence = format!("the column {column} requires --follow");
        return Err(Failure::new(Exit::Usage, sentence).hint("only a change of a session has it"));
    }
    for (column, is_told) in [("ip", layouts.tell_ips()), ("agent", layouts.tell_agents())] {
        if !is_told && has(column) {
            let name = layouts.name();
            context.note(
                "warning",
                format!(
                    "the layout {name} does not define where the {column} is; --columns \
                     payload.PATH prints a value of the payload"
                ),
            );
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Namespace,
    Layout,
    Ip,
    Agent,
    /// The value at the rest of the name.
    Payload,
}

/// The columns that are not keys of every row. Clones share the count of undecodable payloads.
#[derive(Clone)]
pub struct More {
    columns: Vec<(&'static str, Column)>,
    namespace: String,
    /// Sessions whose payload is needed but cannot be decoded.
    undecoded: Arc<AtomicU64>,
}

impl More {
    pub fn of(names: &[String], namespace: String) -> Self {
        let column = |name: &String| {
            let column = match name.as_str() {
                "namespace" => Column::Namespace,
                "layout" => Column::Layout,
                "ip" => Column::Ip,
                "agent" => Column::Agent,
                name if name.starts_with(PAYLOAD) => Column::Payload,
                _ => return None,
            };
            // Keys of rows are `&'static str`. Leaking these few is harmless.
            Some((&*name.clone().leak(), column))
        };
        Self {
            columns: names.iter().filter_map(column).collect(),
            namespace,
            undecoded: Arc::default(),
        }
    }

    /// Adds their cells to the row of the session in `document`.
    pub fn add(&self, row: &mut Row, layouts: &Layouts, document: &RawDocument) {
        if self.columns.is_empty() {
            return;
        }
        let layout = layouts.of(document);
        let has = |wanted: &[Column]| self.columns.iter().any(|(_, is)| wanted.contains(is));
        let origin = has(&[Column::Ip, Column::Agent]).then(|| layout.origin(document));
        let origin = origin.unwrap_or_default();
        // A value is masked by the names around it, so all of the payload is.
        let payload = has(&[Column::Payload]).then(|| layout.payload(document));
        if payload.as_ref().is_some_and(|one| one.error().is_some()) {
            self.undecoded.fetch_add(1, Ordering::Relaxed);
        }
        let payload = match payload {
            Some(Payload::Value(mut value)) => {
                mask(&mut value);
                value
            }
            _ => Value::Null,
        };
        row.0.extend(self.columns.iter().map(|(name, column)| {
            let cell = match column {
                Column::Namespace => Cell::Text(self.namespace.clone()),
                Column::Layout => Cell::Text(layout.name.clone()),
                Column::Ip => Cell::maybe(origin.ip.as_ref(), |ip| masked(&layout.ip, ip)),
                Column::Agent => {
                    Cell::maybe(origin.agent.as_ref(), |agent| masked(&layout.agent, agent))
                }
                Column::Payload => value(get(&payload, &name[PAYLOAD.len()..])),
            };
            (*name, cell)
        }));
    }

    /// How many sessions have a payload that is needed but cannot be decoded.
    pub fn undecoded(&self) -> u64 {
        self.undecoded.load(Ordering::Relaxed)
    }

    /// The same for a foreign document, which has none of these values.
    pub fn add_nothing(&self, row: &mut Row) {
        row.0.extend(self.columns.iter().map(|(name, column)| match column {
            Column::Namespace => (*name, Cell::Text(self.namespace.clone())),
            _ => (*name, Cell::Null),
        }));
    }
}

/// Masks text from one of these places as it would be masked inside the payload.
fn masked(places: &[UserPlace], text: &str) -> Cell {
    let name = |place: &UserPlace| {
        place.path().rsplit('.').next().unwrap_or_default().trim_end_matches('*').to_owned()
    };
    let mask_as = |text: String, place: &UserPlace| {
        let name = name(place);
        let mut named = json!({ &name: text });
        mask(&mut named);
        named[&name].as_str().unwrap_or_default().to_owned()
    };
    Cell::Text(places.iter().fold(text.to_owned(), mask_as))
}

fn value(value: Option<&Value>) -> Cell {
    match value {
        None | Some(Value::Null) => Cell::Null,
        Some(Value::String(text)) => Cell::Text(text.clone()),
        Some(value) => Cell::Json(value.clone()),
    }
}
