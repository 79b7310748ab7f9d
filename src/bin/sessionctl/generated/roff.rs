//! A topic as a man page.

use clap_mangen::roff::{Inline, Roff, bold, roman};

use crate::help::markdown::{Block, Line, Span, blocks, plain};
use crate::help::{TOPICS, Topic};

/// The name of a topic's page, such as `sessionctl-layouts`.
pub fn name(topic: &Topic) -> String {
    format!("sessionctl-{}", topic.name)
}

/// The page of a topic.
pub fn page(topic: &Topic) -> String {
    let mut roff = Roff::new();
    let title = name(topic).to_uppercase();
    let version = concat!("sessionctl ", env!("CARGO_PKG_VERSION"));
    // An empty date, in quotes, because otherwise the version would become the date.
    roff.control("TH", [title.as_str(), topic.section, "\"\"", version, "sessionctl"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{} - {}", name(topic), topic.summary()))]);
    let blocks = blocks(topic.body());
    if !matches!(blocks.first(), Some(Block::Section(_))) {
        roff.control("SH", ["DESCRIPTION"]);
    }
    blocks.iter().for_each(|block| add(block, &mut roff));
    roff.control("SH", ["SEE ALSO"]).control("ad", ["l"]).control("nh", []);
    let others = TOPICS.iter().filter(|other| other.name != topic.name);
    let mut pages = vec![("sessionctl".to_owned(), "1")];
    pages.extend(others.map(|other| (name(other), other.section)));
    references(&pages, &mut roff);
    roff.render()
}

/// Lists pages, one per line.
pub fn references(pages: &[(String, &str)], roff: &mut Roff) {
    for (number, (name, section)) in pages.iter().enumerate() {
        let comma = if number + 1 < pages.len() { "," } else { "" };
        roff.text([bold(name), roman(format!("({section}){comma}"))]);
    }
}

fn add(block: &Block, roff: &mut Roff) {
    match block {
        Block::Section(heading) => {
            roff.control("SH", [heading.to_uppercase().as_str()]);
        }
        Block::Subsection(heading) => {
            roff.control("SS", [heading.as_str()]);
        }
        Block::Paragraph(line) => {
            roff.control("PP", []).text(inlines(line));
        }
        Block::List(items) => {
            for item in items {
                roff.control("IP", [r"\(bu", "2"]).text(inlines(item));
            }
        }
        // A table would require tbl, so it becomes a list with its first column as terms.
        Block::Table { head, rows } => rows.iter().for_each(|row| add_row(head, row, roff)),
        Block::Code(code) => {
            roff.control("PP", []).control("RS", ["4"]).control("nf", []);
            for line in code.lines() {
                roff.text([roman(line)]);
            }
            roff.control("fi", []).control("RE", []);
        }
    }
}

/// The first cell as a term. With more than two columns, the other cells get the names of their
/// columns.
fn add_row(head: &[Line], row: &[Line], roff: &mut Roff) {
    let Some((term, rest)) = row.split_first() else { return };
    roff.control("TP", []).text([bold(plain(term))]);
    for (number, cell) in rest.iter().enumerate() {
        if number > 0 {
            roff.control("br", []);
        }
        let mut line = inlines(cell);
        if rest.len() > 1 {
            line.insert(0, roman(format!("{}: ", plain(&head[number + 1]))));
        }
        roff.text(line);
    }
}

fn inlines(line: &Line) -> Vec<Inline> {
    let inline = |span: &Span| match span {
        Span::Text(text) => roman(text),
        Span::Code(text) | Span::Strong(text) => bold(text),
    };
    line.iter().map(inline).collect()
}
