//! The Markdown that the topics are written in: headings, paragraphs, lists, tables and code.

use std::mem::take;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A piece of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Span {
    Text(String),
    Code(String),
    Strong(String),
}

pub type Line = Vec<Span>;

/// A part of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// `##`
    Section(String),
    /// `###`
    Subsection(String),
    Paragraph(Line),
    List(Vec<Line>),
    Table {
        head: Vec<Line>,
        rows: Vec<Vec<Line>>,
    },
    Code(String),
}

/// The parts of a text.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let (mut line, mut items, mut cells, mut rows) = (vec![], vec![], vec![], vec![]);
    let mut head = Vec::new();
    let (mut code, mut is_code, mut is_strong, mut in_list) = (String::new(), false, false, false);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented)) => {
                is_code = true;
            }
            Event::End(TagEnd::CodeBlock) => {
                is_code = false;
                blocks.push(Block::Code(take(&mut code)));
            }
            Event::Text(text) if is_code => code.push_str(&text),
            Event::Start(Tag::Strong) => is_strong = true,
            Event::End(TagEnd::Strong) => is_strong = false,
            Event::Text(text) if is_strong => line.push(Span::Strong(text.into_string())),
            Event::Text(text) => line.push(Span::Text(text.into_string())),
            Event::Code(text) => line.push(Span::Code(text.into_string())),
            Event::SoftBreak => line.push(Span::Text(" ".to_owned())),
            Event::End(TagEnd::Heading(level)) => {
                let heading = plain(&take(&mut line));
                blocks.push(match level {
                    HeadingLevel::H1 | HeadingLevel::H2 => Block::Section(heading),
                    _ => Block::Subsection(heading),
                });
            }
            Event::End(TagEnd::Paragraph) if !in_list => {
                blocks.push(Block::Paragraph(take(&mut line)));
            }
            Event::Start(Tag::List(_)) => in_list = true,
            Event::End(TagEnd::Item) => items.push(take(&mut line)),
            Event::End(TagEnd::List(_)) => {
                in_list = false;
                blocks.push(Block::List(take(&mut items)));
            }
            Event::End(TagEnd::TableCell) => cells.push(take(&mut line)),
            Event::End(TagEnd::TableHead) => head = take(&mut cells),
            Event::End(TagEnd::TableRow) => rows.push(take(&mut cells)),
            Event::End(TagEnd::Table) => {
                blocks.push(Block::Table { head: take(&mut head), rows: take(&mut rows) });
            }
            _ => {}
        }
    }
    blocks
}

/// A line without styles.
pub fn plain(line: &[Span]) -> String {
    line.iter().map(Span::text).collect()
}

impl Span {
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Code(text) | Self::Strong(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_headings_paragraphs_lists_tables_and_code() {
        let text = "## One\n\nSay `x`\nor **not**.\n\n- a\n- b\n  c\n\n| k | |\n|---|---|\n| `1` | one |\n\n```sh\nls\n\nrm\n```\n### Two\n";
        let words = |text: &str| Span::Text(text.to_owned());
        let code = |text: &str| Span::Code(text.to_owned());
        let wanted = [
            Block::Section("One".to_owned()),
            Block::Paragraph(vec![
                words("Say "),
                code("x"),
                words(" "),
                words("or "),
                Span::Strong("not".to_owned()),
                words("."),
            ]),
            Block::List(vec![vec![words("a")], vec![words("b"), words(" "), words("c")]]),
            Block::Table {
                head: vec![vec![words("k")], vec![]],
                rows: vec![vec![vec![code("1")], vec![words("one")]]],
            },
            Block::Code("ls\n\nrm\n".to_owned()),
            Block::Subsection("Two".to_owned()),
        ];
        assert_eq!(blocks(text), wanted);
    }
}
