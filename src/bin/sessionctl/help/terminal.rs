//! A topic as text for a terminal, or for a pipe.

use std::fmt::Write as _;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use console::Style;

use super::markdown::{Block, Line, Span, blocks, plain};

/// The layout of a text.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub width: usize,
    pub color: bool,
}

const INDENT: &str = "    ";
/// The space that each column of a table has beside its text.
const PADDING: usize = 2;
/// A longer word than this may be broken, so that it does not take the room of all others.
const LONGEST: usize = 40;
/// A column that has to break its words is not narrower than this.
const NARROWEST: usize = 6;

/// A Markdown text, wrapped.
pub fn render(text: &str, look: Look) -> String {
    let mut out = String::new();
    for (at, block) in blocks(text).iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        match block {
            Block::Section(heading) => {
                let heading = look.strong(&heading.to_uppercase());
                out.push_str(&heading);
                out.push('\n');
            }
            Block::Subsection(heading) => {
                let heading = look.strong(heading);
                let _ = writeln!(out, "  {heading}");
            }
            Block::Paragraph(line) => out.push_str(&look.wrapped(line, INDENT, INDENT)),
            Block::List(items) => items.iter().for_each(|item| {
                out.push_str(&look.wrapped(item, "    - ", "      "));
            }),
            Block::Table { head, rows } => out.push_str(&look.table(head, rows)),
            Block::Code(code) => code.lines().for_each(|line| {
                let indent = if line.is_empty() { "" } else { "        " };
                let _ = writeln!(out, "{indent}{line}");
            }),
        }
    }
    out
}

impl Look {
    fn strong(self, text: &str) -> String {
        Style::new().bold().force_styling(self.color).apply_to(text).to_string()
    }

    /// A word as it is printed: code is bold, or keeps its backticks.
    fn styled(self, span: &Span, text: &str) -> String {
        match span {
            Span::Text(_) => text.to_owned(),
            Span::Strong(_) => self.strong(text),
            Span::Code(_) if self.color => self.strong(text),
            Span::Code(_) => format!("`{text}`"),
        }
    }

    fn wrapped(self, line: &Line, first: &str, rest: &str) -> String {
        let (mut out, mut width) = (first.to_owned(), first.len());
        for (number, (word, length)) in self.words(line).into_iter().enumerate() {
            if number > 0 && width + 1 + length > self.width {
                out = out.trim_end().to_owned() + "\n" + rest;
                width = rest.len();
            } else if number > 0 {
                out.push(' ');
                width += 1;
            }
            out.push_str(&word);
            width += length;
        }
        out + "\n"
    }

    /// The words of a line with their widths. Code is not broken between its words.
    fn words(self, line: &Line) -> Vec<(String, usize)> {
        let mut words: Vec<(String, usize)> = Vec::new();
        let mut is_apart = true;
        for span in line {
            let pieces: Vec<&str> = match span {
                Span::Code(code) => vec![code],
                span => span.text().split(' ').collect(),
            };
            for (number, piece) in pieces.iter().enumerate() {
                is_apart |= number > 0;
                if piece.is_empty() {
                    continue;
                }
                let ticks = if matches!(span, Span::Code(_)) && !self.color { 2 } else { 0 };
                let (text, width) = (self.styled(span, piece), piece.chars().count() + ticks);
                match words.last_mut().filter(|_| !is_apart) {
                    Some(word) => {
                        word.0.push_str(&text);
                        word.1 += width;
                    }
                    None => words.push((text, width)),
                }
                is_apart = false;
            }
        }
        words
    }

    fn table(self, head: &[Line], rows: &[Vec<Line>]) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).force_no_tty();
        table.set_content_arrangement(ContentArrangement::Dynamic);
        let width = self.width - INDENT.len();
        table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        let texts = |line: &[Line]| line.iter().map(|cell| plain(cell)).collect::<Vec<_>>();
        if head.iter().any(|cell| !cell.is_empty()) {
            table.set_header(texts(head).into_iter().map(|cell| cell.to_uppercase()));
        }
        rows.iter().for_each(|row| {
            table.add_row(texts(row));
        });
        table.set_constraints(whole_words(head, rows, width));
        let indented = |line: String| {
            format!("{INDENT}{}", line.strip_prefix(' ').unwrap_or(&line)).trim_end().to_owned()
        };
        table.lines().map(|line| indented(line) + "\n").collect()
    }
}

/// Keeps each column at least as wide as its longest word, because what is copied from a table is a
/// whole name. Where that leaves no room, the columns on the right break their words.
fn whole_words(head: &[Line], rows: &[Vec<Line>], width: usize) -> Vec<ColumnConstraint> {
    let longest = |at: usize| {
        let rows = std::iter::once(head).chain(rows.iter().map(Vec::as_slice));
        let cells = rows.filter_map(|row| row.get(at));
        let words = cells.filter_map(|cell| plain(cell).split(' ').map(str::len).max());
        words.max().unwrap_or(0).min(LONGEST)
    };
    let columns = head.len();
    let mut left = width.saturating_sub(columns * (PADDING + NARROWEST));
    let mut widths = vec![0; columns];
    let mut order: Vec<_> = (0..columns).collect();
    // Columns of short words first: they need least.
    order.sort_by_key(|at| longest(*at));
    for at in order {
        let more = longest(at).saturating_sub(NARROWEST);
        let granted = if more <= left { more } else { 0 };
        left -= granted;
        widths[at] = NARROWEST.min(longest(at)) + granted;
    }
    // A boundary includes the padding.
    let least = |width| ColumnConstraint::LowerBoundary(Width::Fixed(width));
    widths.into_iter().map(|width| least(u16::try_from(width + PADDING).unwrap_or(0))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_in_a_table_of_a_topic_is_broken_at_the_usual_width() {
        for topic in super::super::TOPICS {
            let shown = render(topic.body(), Look { width: 100, color: false });
            for block in blocks(topic.body()) {
                let Block::Table { rows, .. } = block else { continue };
                let cells = rows.iter().flatten().map(|cell| plain(cell));
                for word in
                    cells.flat_map(|cell| cell.split(' ').map(str::to_owned).collect::<Vec<_>>())
                {
                    let is_long = word.len() > LONGEST;
                    assert!(is_long || shown.contains(&word), "{word} is broken in {}", topic.name);
                }
            }
        }
    }

    #[test]
    fn text_is_wrapped_at_the_width_and_code_stays_whole() {
        let text = "## Keys\n\nRun `purge --expired` at noon, or (`-n`).\n\n- one two\n- three";
        let shown = render(text, Look { width: 25, color: false });
        let wanted = "KEYS\n\n    Run `purge --expired`\n    at noon, or (`-n`).\n\n    - one two\n    - three\n";
        assert_eq!(shown, wanted);
        let colored = render("a `b`", Look { width: 25, color: true });
        assert_eq!(colored, "    a \u{1b}[1mb\u{1b}[0m\n");
    }

    #[test]
    fn a_table_keeps_its_words_within_the_width() {
        let text = "| key | means |\n|---|---|\n| `a` | one two three four five |\n";
        let shown = render(text, Look { width: 24, color: false });
        assert_eq!(shown, "    KEY  MEANS\n    a    one two three\n         four five\n");
    }
}
