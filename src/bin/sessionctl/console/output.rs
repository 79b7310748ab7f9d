//! The only writer of stdout: one row, four formats. Every number is printed from one cell, and what
//! is absent is absent in all of them.

use std::io::{self, BufWriter, Write};
use std::sync::{Arc, OnceLock};

use bson::DateTime;
use comfy_table::{Attribute, CellAlignment, Color, ContentArrangement, Table, presets};
use console::Alignment;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sessionctl::{ShortId, State};

use crate::args::Format;
use crate::console::background::Background;
use crate::console::failure::Failure;
use crate::console::json::pretty_text;
use crate::console::report::say;
use crate::console::text::{counted, neutral};

mod fit;
mod joined;
mod lines;
mod row;

pub use fit::DISPENSABLE;
use fit::fit;
pub use joined::Joined;
pub use lines::{Form, Lines};
use lines::{csv, write_next};
pub use row::{Cell, Row, tell_apart};

/// Whether a command prints any number of rows, exactly one, or a stream of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// An array in JSON.
    Many,
    /// One object in JSON.
    One,
    /// One object per line, in JSON too.
    Stream,
    /// Like `Stream`, but a table has one line per row.
    Lines,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    pub format: Format,
    /// Whether stdout is colored.
    pub color: bool,
    /// The width of the terminal; `None` if stdout is not a terminal.
    pub width: Option<u16>,
}

/// Rows per chunk: the widths and the lengths of ids are computed per chunk, so that memory stays
/// constant. In a table, this is done for every chunk; in other formats, the first one decides the
/// lengths of ids.
const CHUNK: usize = 1000;

/// Prints rows as they arrive. `W` is stdout, except in tests.
pub struct Rows<W: Write> {
    out: BufWriter<W>,
    style: Style,
    shape: Shape,
    joined: Option<Arc<Joined>>,
    header: &'static [&'static str],
    columns: Vec<String>,
    form: Arc<Form>,
    now: Option<DateTime>,
    printed: u64,
    written: u64,
    chunk: Vec<Row>,
    /// How much of an id must be shown to distinguish it from the ids so far.
    id_bytes: Option<usize>,
    /// The columns of the table that fit the terminal.
    shown: Option<Vec<usize>>,
    /// The widths of the columns in a table that is printed line by line.
    widths: Vec<usize>,
}

impl Rows<io::Stdout> {
    /// Rows on stdout. `header` names the columns even if no row comes.
    pub fn stdout(style: Style, shape: Shape, header: &'static [&'static str]) -> Self {
        Self::new(io::stdout(), style, shape, header)
    }
}

impl Rows<Box<dyn Write>> {
    /// A stream of rows on stdout, none of which waits for a reader that stopped reading.
    pub fn background(style: Style, header: &'static [&'static str]) -> Self {
        let lost = |rows| {
            say(
                "warning",
                format!("dropped {}, because nobody read stdout", counted(rows, "report")),
            );
        };
        let out: Box<dyn Write> = match Background::start(&io::stdout(), lost) {
            Ok(background) => Box::new(BACKGROUND.get_or_init(|| background).clone()),
            Err(_) => Box::new(io::stdout()),
        };
        Self::new(out, style, Shape::Stream, header)
    }

    /// A stream of rows on stdout.
    pub fn foreground(style: Style, header: &'static [&'static str]) -> Self {
        Self::new(Box::new(io::stdout()), style, Shape::Stream, header)
    }
}

static BACKGROUND: OnceLock<Background> = OnceLock::new();

/// Gives a slow reader a moment before the program ends.
pub fn drain() {
    BACKGROUND.get().into_iter().for_each(Background::drain);
}

impl<W: Write> Rows<W> {
    fn new(out: W, style: Style, shape: Shape, header: &'static [&'static str]) -> Self {
        let out = BufWriter::with_capacity(64 << 10, out);
        Self {
            out,
            style,
            shape,
            joined: None,
            header,
            columns: Vec::new(),
            form: Arc::new(Form::new(style.format, Vec::new())),
            now: None,
            printed: 0,
            written: 0,
            chunk: Vec::new(),
            id_bytes: None,
            shown: None,
            widths: Vec::new(),
        }
    }

    /// Prints a part of one document.
    pub fn joined(mut self, joined: Option<Arc<Joined>>) -> Self {
        self.joined = joined;
        self
    }

    /// Whether nothing of the document is printed yet.
    fn begins(&self) -> bool {
        self.joined.as_ref().map_or(self.written == 0, |joined| joined.begins())
    }

    /// Prints only these columns.
    pub fn columns(mut self, columns: &[String]) -> Self {
        self.columns = columns.to_vec();
        self.form = Arc::new(Form::new(self.style.format, columns.to_vec()));
        self
    }

    /// How rows are written after the first ones, for the threads that read them.
    pub fn form(&self) -> Arc<Form> {
        Arc::clone(&self.form)
    }

    /// The server's clock, to which the table's times are relative.
    pub fn now(mut self, now: DateTime) -> Self {
        self.now = Some(now);
        self
    }

    /// Changes the clock between rows.
    pub fn set_now(&mut self, now: DateTime) {
        self.now = Some(now);
    }

    /// Shows as much of each id as distinguishes these.
    pub fn tell_apart_like(&mut self, ids: &mut [ShortId]) {
        self.id_bytes = ShortId::tell_apart(ids.iter_mut().collect());
    }

    /// The number of rows so far.
    pub fn printed(&self) -> u64 {
        self.printed
    }

    /// An empty line between objects of a table.
    pub fn gap(&mut self) -> Result<(), Failure> {
        writeln!(self.out).map_err(|error| Failure::stdout(&error))
    }

    pub fn row(&mut self, row: Row) -> Result<(), Failure> {
        let row = row.pick(&self.columns);
        self.add(row).map_err(|error| Failure::stdout(&error))
    }

    /// Prints rows that are written already.
    pub fn lines(&mut self, text: &[u8], count: u64) -> Result<(), Failure> {
        self.printed += count;
        self.written += count;
        self.out.write_all(text).map_err(|error| Failure::stdout(&error))
    }

    fn add(&mut self, mut row: Row) -> io::Result<()> {
        self.printed += 1;
        let waits = self.style.format == Format::Table || self.written == 0;
        if self.shape == Shape::Many && waits {
            self.chunk.push(row);
            return if self.chunk.len() >= CHUNK { self.flush_chunk() } else { Ok(()) };
        }
        row.show_as_much(self.id_bytes);
        self.write(&row)
    }

    fn flush_chunk(&mut self) -> io::Result<()> {
        let mut rows = std::mem::take(&mut self.chunk);
        rows.iter_mut().for_each(|row| row.show_as_much(self.id_bytes));
        self.id_bytes = self.id_bytes.max(tell_apart(&mut rows));
        match self.style.format {
            Format::Table => self.table(&rows)?,
            _ => rows.iter().try_for_each(|row| self.write(row))?,
        }
        self.form.decide(self.id_bytes);
        Ok(())
    }

    fn write(&mut self, row: &Row) -> io::Result<()> {
        let first = self.begins();
        self.written += 1;
        match self.style.format {
            Format::Table if self.shape == Shape::Lines => self.table_line(row),
            Format::Table => self.vertical(row),
            Format::Json => match self.shape {
                Shape::One if self.joined.is_some() => {
                    self.out.write_all(if first { b"[\n" } else { b",\n" })?;
                    self.out.write_all(pretty_text(&row.json()).trim_end().as_bytes())
                }
                Shape::One => self.out.write_all(pretty_text(&row.json()).as_bytes()),
                Shape::Many if first => {
                    self.out.write_all(b"[\n")?;
                    row.write_json(&mut self.out)
                }
                Shape::Many => write_next(&mut self.out, Format::Json, row),
                Shape::Stream | Shape::Lines => write_next(&mut self.out, Format::Ndjson, row),
            },
            Format::Ndjson => write_next(&mut self.out, Format::Ndjson, row),
            Format::Csv => {
                if first {
                    csv(&mut self.out, row.0.iter().map(|(key, _)| neutral(key).into_owned()))?;
                }
                write_next(&mut self.out, Format::Csv, row)
            }
        }?;
        // The reader of a stream needs each line immediately.
        match self.shape {
            Shape::Stream | Shape::Lines => self.out.flush(),
            Shape::Many | Shape::One => Ok(()),
        }
    }

    /// Ends the output, and prints buffered rows. An empty result is printed, too.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.end().map_err(|error| Failure::stdout(&error))
    }

    fn end(&mut self) -> io::Result<()> {
        if !self.chunk.is_empty() {
            self.flush_chunk()?;
        }
        match (self.style.format, self.shape, self.printed) {
            (Format::Json, Shape::Many, _) if self.joined.is_some() => {}
            (Format::Json, Shape::Many, 0) => self.out.write_all(b"[]\n")?,
            (Format::Json, Shape::Many, _) => self.out.write_all(b"\n]\n")?,
            (Format::Csv, Shape::Many | Shape::Stream | Shape::Lines, 0) if self.begins() => {
                let header = self.header.iter().map(|name| (*name).to_owned());
                match self.columns.is_empty() {
                    true => csv(&mut self.out, header)?,
                    false => {
                        let columns = self.columns.iter().map(|name| neutral(name).into_owned());
                        csv(&mut self.out, columns)?;
                    }
                }
            }
            _ => {}
        }
        self.out.flush()
    }

    fn table(&mut self, rows: &[Row]) -> io::Result<()> {
        let texts: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.0.iter().map(|(_, cell)| cell.shown(self.now)).collect())
            .collect();
        let columns = fit(rows, &texts, self.shown.as_deref(), self.style.width);
        let mut table = self.blank();
        table.set_content_arrangement(ContentArrangement::Disabled);
        if let (None, Some(row)) = (&self.shown, rows.first()) {
            table.set_header(columns.iter().map(|(at, width)| {
                let (key, cell) = &row.0[*at];
                let name =
                    console::truncate_str(&neutral(&key.to_uppercase()), *width, "…").into_owned();
                let name = comfy_table::Cell::new(name);
                if cell.is_number() { name.set_alignment(CellAlignment::Right) } else { name }
            }));
        }
        for (row, texts) in rows.iter().zip(&texts) {
            table.add_row(columns.iter().map(|(at, width)| {
                let text = console::truncate_str(&texts[*at], *width, "…");
                styled(&row.0[*at].1, &text)
            }));
        }
        self.shown = Some(columns.into_iter().map(|(at, _)| at).collect());
        self.print(&table)
    }

    /// One line of a table whose other rows come later. Columns only become wider.
    fn table_line(&mut self, row: &Row) -> io::Result<()> {
        let texts: Vec<_> = row.0.iter().map(|(_, cell)| cell.shown(self.now)).collect();
        let is_first = self.shown.is_none();
        let rows = std::slice::from_ref(row);
        let columns =
            fit(rows, std::slice::from_ref(&texts), self.shown.as_deref(), self.style.width);
        self.widths.resize(row.0.len(), 0);
        let mut lines = [Vec::new(), Vec::new()];
        for (at, width) in &columns {
            let (key, cell) = &row.0[*at];
            let name =
                console::truncate_str(&neutral(&key.to_uppercase()), *width, "…").into_owned();
            let text = console::truncate_str(&texts[*at], *width, "…").into_owned();
            let wide = &mut self.widths[*at];
            *wide = (*wide).max(*width);
            let side = if cell.is_number() { Alignment::Right } else { Alignment::Left };
            for (line, text) in lines.iter_mut().zip([name, text]) {
                line.push(console::pad_str(&text, *wide, side, None).into_owned());
            }
        }
        self.shown = Some(columns.into_iter().map(|(at, _)| at).collect());
        for line in lines.iter().skip(usize::from(!is_first)) {
            writeln!(self.out, "{}", line.join("  ").trim_end())?;
        }
        Ok(())
    }

    /// Prints one object, with a line for each key.
    fn vertical(&mut self, row: &Row) -> io::Result<()> {
        let mut table = self.blank();
        let (mut keys, mut whole) = (0, 0);
        for (key, cell) in &row.0 {
            let text = cell.shown(self.now);
            keys = keys.max(key.len());
            let value = match cell {
                Cell::Json(value) => comfy_table::Cell::new(pretty_text(value).trim_end()),
                cell => styled(cell, &text).set_alignment(CellAlignment::Left),
            };
            if !cell.can_be_cut() {
                whole = whole.max(console::measure_text_width(&text));
            }
            table.add_row([comfy_table::Cell::new(key), value]);
        }
        // An id or a number is not wrapped, even if the terminal must break the line.
        let needed = u16::try_from(keys + whole + 4).unwrap_or(u16::MAX);
        if let Some(width) = self.style.width.filter(|width| *width < needed) {
            table.set_width(width.max(needed));
        }
        self.print(&table)
    }

    fn blank(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        match self.style.width {
            Some(width) => {
                table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
            }
            None => {
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        if self.style.color {
            table.enforce_styling()
        } else {
            table.force_no_tty()
        };
        table
    }

    /// Without padding, which would make every line as wide as the widest.
    fn print(&mut self, table: &Table) -> io::Result<()> {
        for line in table.lines() {
            let line = line.strip_prefix(' ').unwrap_or(&line);
            writeln!(self.out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn styled(cell: &Cell, text: &str) -> comfy_table::Cell {
    let shown = comfy_table::Cell::new(text);
    match cell {
        Cell::Null => shown.add_attribute(Attribute::Dim),
        Cell::State(State::Live) => shown.fg(Color::Green),
        Cell::State(State::Expired) => shown.fg(Color::Yellow),
        Cell::State(State::Malformed) => shown.fg(Color::Red),
        Cell::State(State::Endless) => shown.fg(Color::Blue),
        cell if cell.is_number() => shown.set_alignment(CellAlignment::Right),
        _ => shown,
    }
}

/// Prints other text, such as a layout's record or a completion script.
pub fn text(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::stdout(&error))
}

/// Whether the reader of stdout is gone, as far as that can be seen without writing.
pub fn is_closed() -> bool {
    let stdout = io::stdout();
    let mut stdout = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let gone = PollFlags::ERR | PollFlags::HUP;
    poll(&mut stdout, Some(&at_once)).is_ok() && stdout[0].revents().intersects(gone)
}

/// The terminal, for a view. Nothing else is printed meanwhile.
pub fn screen() -> io::Stdout {
    io::stdout()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::console::json::json_text;

    fn print(format: Format, shape: Shape, rows: Vec<Row>) -> String {
        print_at(None, format, shape, rows)
    }

    fn print_at(width: Option<u16>, format: Format, shape: Shape, rows: Vec<Row>) -> String {
        let mut out = Vec::new();
        let style = Style { format, color: false, width };
        let mut printer = Rows::new(&mut out, style, shape, &["id", "user"]);
        for row in rows {
            printer.row(row).unwrap();
        }
        printer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    fn row(id: &str, user: &str) -> Row {
        Row(vec![("id", Cell::Id(id.into())), ("user", Cell::Text(user.into()))])
    }

    #[test]
    fn an_answer_without_rows_is_still_an_answer() {
        assert_eq!(print(Format::Json, Shape::Many, vec![]), "[]\n");
        assert_eq!(print(Format::Ndjson, Shape::Many, vec![]), "");
        assert_eq!(print(Format::Csv, Shape::Many, vec![]), "id,user\n");
        assert_eq!(print(Format::Table, Shape::Many, vec![]), "");
    }

    #[test]
    fn json_escapes_what_a_terminal_would_obey() {
        let printed =
            print(Format::Ndjson, Shape::Many, vec![row("a", "x\u{1b}\u{9b}\u{202e}\u{7f}\"")]);
        assert_eq!(printed, "{\"id\":\"a\",\"user\":\"x\\u001b\\u009b\\u202e\\u007f\\\"\"}\n");
    }

    #[test]
    fn csv_guards_formulas_in_users_and_leaves_ids_alone() {
        let rows = vec![row("-3Fh_.:x", "=cmd()"), row("a", "-1+2"), row("=1", "a,\"b\"")];
        let printed = print(Format::Csv, Shape::Many, rows);
        assert_eq!(printed, "id,user\n-3Fh_.:x,'=cmd()\na,'-1+2\n'=1,\"a,\"\"b\"\"\"\n");
    }

    #[test]
    fn a_table_shows_nothing_that_a_terminal_would_obey() {
        let printed = print(Format::Table, Shape::Many, vec![row("ab", "\u{1b}[2J\nx")]);
        assert_eq!(printed, "ID  USER\nab  \\u001b[2J\\u000ax\n");
    }

    #[test]
    fn rows_that_come_one_by_one_are_lines_under_one_header() {
        let rows = vec![row("ab", "bo"), row("b", "asa"), row("long-id", "x")];
        let printed = print(Format::Table, Shape::Lines, rows.clone());
        assert_eq!(printed, "ID  USER\nab  bo\nb   asa\nlong-id  x\n");
        let printed = print(Format::Json, Shape::Lines, rows);
        assert_eq!(printed.lines().next(), Some(r#"{"id":"ab","user":"bo"}"#));
    }

    #[test]
    fn a_row_is_a_line_of_the_terminal_and_begins_with_its_whole_name() {
        let table = |rows| print_at(Some(40), Format::Table, Shape::Many, rows);
        let printed = table(vec![row("connect-mongo-json", &"wide ".repeat(20))]);
        let (name, rest) = printed.lines().nth(1).unwrap().split_once("  ").unwrap();
        assert_eq!(name, "connect-mongo-json");
        assert!(rest.starts_with("wide wide") && rest.ends_with('…'), "{printed}");
        let printed = table(vec![row(&"long".repeat(100), "u"), row("short", "u")]);
        assert_eq!(printed.lines().count(), 3);
        assert!(printed.lines().all(|line| line.chars().count() <= 40), "{printed}");
        let printed = print_at(Some(10), Format::Table, Shape::Many, vec![row("ab", "42")]);
        assert_eq!(printed.lines().count(), 2, "{printed}");
        let printed = print_at(Some(6), Format::Table, Shape::Many, vec![row("ab", "42")]);
        assert_eq!(printed.lines().count(), 2, "{printed}");
    }

    proptest! {
        #[test]
        fn a_row_is_written_as_its_values_are(
            text in any::<String>(),
            count in any::<u64>(),
            millis in -70_000_000_000_000..260_000_000_000_000_i64,
        ) {
            let row = Row(vec![
                ("id", Cell::Id(text.clone())),
                ("user", Cell::Text(text)),
                ("state", Cell::State(State::Malformed)),
                ("expires", Cell::Time(DateTime::from_millis(millis))),
                ("bytes", Cell::Count(count)),
                ("touched", Cell::Null),
            ]);
            let mut written = Vec::new();
            row.write_json(&mut written).unwrap();
            prop_assert_eq!(String::from_utf8(written).unwrap(), json_text(&row.json()));
        }
    }
}
