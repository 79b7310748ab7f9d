//! Rows that are written as text by the threads that read them, so that the one thread that prints
//! does not slow them down.

use std::io::{self, Write};
use std::sync::OnceLock;

use super::row::Row;
use crate::args::Format;

/// The rows of a batch.
#[derive(Default)]
pub struct Lines {
    /// The first rows, as long as their form is unknown.
    pub rows: Vec<Row>,
    /// The others, as they are printed.
    pub text: Vec<u8>,
    /// How many these are.
    pub count: u64,
}

impl Lines {
    /// Rows that are not written yet.
    pub fn of(rows: Vec<Row>) -> Self {
        Self { rows, ..Self::default() }
    }
}

/// How the rows after the first chunk are written. That chunk decides the lengths of ids.
#[derive(Debug)]
pub struct Form {
    format: Format,
    columns: Vec<String>,
    /// How much of an id is shown, once the first chunk is printed.
    id_bytes: OnceLock<Option<usize>>,
}

impl Form {
    pub(super) fn new(format: Format, columns: Vec<String>) -> Self {
        Self { format, columns, id_bytes: OnceLock::new() }
    }

    /// Ends the first chunk. In a table, every chunk has its own form.
    pub(super) fn decide(&self, id_bytes: Option<usize>) {
        if self.format != Format::Table {
            self.id_bytes.get_or_init(|| id_bytes);
        }
    }

    /// Adds a row to a batch, as text if its form is known.
    pub fn add(&self, lines: &mut Lines, row: Row) {
        let Some(id_bytes) = self.id_bytes.get() else { return lines.rows.push(row) };
        let mut row = row.pick(&self.columns);
        row.show_as_much(*id_bytes);
        write_next(&mut lines.text, self.format, &row).expect("memory accepts what is written");
        lines.count += 1;
    }
}

/// Writes a row of many that is not the first.
pub(super) fn write_next(out: &mut impl Write, format: Format, row: &Row) -> io::Result<()> {
    match format {
        Format::Json => {
            out.write_all(b",\n")?;
            row.write_json(out)
        }
        Format::Csv => csv(out, row.0.iter().map(|(_, cell)| cell.csv())),
        Format::Ndjson | Format::Table => {
            row.write_json(out)?;
            out.write_all(b"\n")
        }
    }
}

pub(super) fn csv(out: impl Write, fields: impl Iterator<Item = String>) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().from_writer(out);
    writer.write_record(fields.map(String::into_bytes)).map_err(io::Error::other)?;
    writer.flush()
}
