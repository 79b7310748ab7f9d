//! One row model for all formats: cells that know how to print themselves.

use std::io::{self, Write};

use bson::DateTime;
use serde_json::Value;
use sessionctl::payload::time;
use sessionctl::{ShortId, State};

use crate::console::json::{json_text, quoted, string};
use crate::console::text::{grouped, neutral, relative};

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Text(String),
    /// An id: printed unchanged in CSV, where other text is protected against formulas.
    Id(String),
    /// The beginning of an id, lengthened if the id of another row begins alike.
    Short(ShortId),
    State(State),
    Time(DateTime),
    Count(u64),
    /// Seconds.
    Seconds(f64),
    Flag(bool),
    Json(Value),
}

impl Cell {
    /// A cell for a value that may be absent.
    pub fn maybe<T>(value: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Null, cell)
    }

    pub(super) fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) | Self::Id(text) => text.as_str().into(),
            Self::Short(id) => id.as_str().into(),
            Self::State(state) => state.name().into(),
            Self::Time(date) => time(*date).map_or(Value::Null, Value::String),
            Self::Count(count) => (*count).into(),
            Self::Seconds(seconds) => ((seconds * 1000.0).round() / 1000.0).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::Json(value) => value.clone(),
        }
    }

    pub(super) fn csv(&self) -> String {
        match self.json() {
            Value::Null => String::new(),
            Value::String(text) => {
                let text = neutral(&text).into_owned();
                // A spreadsheet would interpret such text as a formula.
                let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
                if formula && !self.is_plain_id() { format!("'{text}") } else { text }
            }
            value => neutral(&json_text(&value)).into_owned(),
        }
    }

    pub(super) fn is_plain_id(&self) -> bool {
        let plain = |letter: u8| letter.is_ascii_alphanumeric() || b"_.:-".contains(&letter);
        match self {
            Self::Id(text) => text.bytes().all(plain),
            Self::Short(id) => id.as_str().bytes().all(plain),
            Self::Time(_) | Self::State(_) => true,
            _ => false,
        }
    }

    /// For people, at the server's `now`.
    pub fn shown(&self, now: Option<DateTime>) -> String {
        match self {
            Self::Null => "-".to_owned(),
            Self::Text(text) | Self::Id(text) => neutral(text).into_owned(),
            Self::Short(id) => neutral(id.as_str()).into_owned(),
            Self::State(state) => state.name().to_owned(),
            Self::Time(date) => match now {
                Some(now) => relative(*date, now),
                None => time(*date).unwrap_or_else(|| "beyond the year 9999".to_owned()),
            },
            Self::Count(count) => grouped(*count),
            Self::Seconds(seconds) => format!("{seconds:.2} s"),
            Self::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
            Self::Json(value) => neutral(&json_text(value)).into_owned(),
        }
    }

    /// Whether it can be shortened without becoming wrong.
    pub(super) fn can_be_cut(&self) -> bool {
        matches!(self, Self::Null | Self::Text(_) | Self::Json(_))
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Self::Count(_) | Self::Seconds(_))
    }
}

/// One row: keys and cells, in the documented order.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub Vec<(&'static str, Cell)>);

impl Row {
    /// Only these columns, in this order.
    pub fn pick(self, columns: &[String]) -> Self {
        if columns.is_empty() {
            return self;
        }
        let pick = |name: &String| self.0.iter().find(|(key, _)| key == name).cloned();
        Self(columns.iter().filter_map(pick).collect())
    }

    /// Shows at least this much of each id.
    pub(super) fn show_as_much(&mut self, bytes: Option<usize>) {
        if let Some(bytes) = bytes {
            self.short_ids().for_each(|id| id.show_as_much(bytes));
        }
    }

    fn short_ids(&mut self) -> impl Iterator<Item = &mut ShortId> {
        self.0.iter_mut().filter_map(|(_, cell)| match cell {
            Cell::Short(id) => Some(id),
            _ => None,
        })
    }

    /// The row as a JSON object.
    pub fn json(&self) -> Value {
        Value::Object(self.0.iter().map(|(key, cell)| ((*key).to_owned(), cell.json())).collect())
    }

    /// The same as compact text, without an intermediate value, because a million rows may be
    /// printed.
    pub(super) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        for (at, (key, cell)) in self.0.iter().enumerate() {
            out.write_all(if at == 0 { b"{" } else { b"," })?;
            string(out, key)?;
            out.write_all(b":")?;
            match cell {
                Cell::Null => out.write_all(b"null")?,
                Cell::Text(text) | Cell::Id(text) => string(out, text)?,
                Cell::Short(id) => string(out, id.as_str())?,
                Cell::State(state) => quoted(out, state.name())?,
                Cell::Time(date) => match time(*date) {
                    Some(text) => quoted(out, &text)?,
                    None => out.write_all(b"null")?,
                },
                Cell::Count(count) => write!(out, "{count}")?,
                cell => out.write_all(json_text(&cell.json()).as_bytes())?,
            }
        }
        out.write_all(if self.0.is_empty() { b"{}" } else { b"}" })
    }
}

/// Lengthens the short ids of rows that are shown together until each names one of them.
pub fn tell_apart(rows: &mut [Row]) -> Option<usize> {
    ShortId::tell_apart(rows.iter_mut().flat_map(Row::short_ids).collect())
}
