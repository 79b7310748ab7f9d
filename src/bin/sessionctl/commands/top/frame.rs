//! Draws the view: a head, the rows or a text, and a foot, at any terminal size.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;
use sessionctl::State;

use super::labels::{Piece, Tone, foot, head, help};
use super::view::{Mode, View};
use crate::commands::list;
use crate::console::output::{Cell, DISPENSABLE, Row, tell_apart};

/// Below this height, the foot is one line.
const SMALL: u16 = 16;
/// The minimum number of visible rows, whatever the size of the head.
const ROWS: u16 = 3;

pub fn draw(view: &mut View, color: bool, frame: &mut Frame<'_>) {
    let area = frame.area();
    paint(view, color, area, frame.buffer_mut());
}

/// Draws the view into a buffer.
pub fn paint(view: &mut View, color: bool, area: Rect, buffer: &mut Buffer) {
    let foot: Vec<String> = fold(&foot(view), area.width);
    let most = match &view.mode {
        // A question can be answered only if all of it is visible.
        Mode::Question(..) => area.height,
        _ if area.height < SMALL => area.height.min(1),
        _ => 3,
    };
    let foot_height = (foot.len() as u16).min(most);
    view.is_question_whole = foot.len() <= usize::from(foot_height);
    let room = area.height - foot_height;
    let lines = wrap(&head(view), area.width);
    // The head shrinks in favor of the rows, but keeps its first two lines.
    let head_height = (lines.len() as u16).min(room.saturating_sub(ROWS + 1).max(room.min(2)));
    for (y, line) in lines.iter().take(head_height.into()).enumerate() {
        let mut x = area.x;
        for piece in line {
            let width = usize::from(area.right().saturating_sub(x));
            put(buffer, (x, area.y + y as u16), &piece.text, width, style(piece.tone, color));
            x = x.saturating_add(width_of(&piece.text) as u16 + 2);
        }
    }
    let middle = Rect { y: area.y + head_height, height: room - head_height, ..area };
    match &mut view.mode {
        Mode::Inspect(lines, top) => *top = text(lines, *top, middle, buffer),
        Mode::Help(_) => {
            let lines = help(view);
            if let Mode::Help(top) = &mut view.mode {
                *top = text(&lines, *top, middle, buffer);
            }
        }
        _ => rows(view, color, middle, buffer),
    }
    let strong = Style::new().add_modifier(Modifier::BOLD);
    for (line, y) in foot.iter().zip(area.bottom() - foot_height..) {
        put(buffer, (area.x, y), line, area.width.into(), strong);
    }
}

fn style(tone: Tone, color: bool) -> Style {
    let colored = |is: Color| if color { Style::new().fg(is) } else { Style::new() };
    match tone {
        Tone::Plain => Style::new(),
        Tone::Strong => Style::new().add_modifier(Modifier::BOLD),
        Tone::Bad => colored(Color::Red).add_modifier(Modifier::BOLD),
        Tone::State(State::Live) => colored(Color::Green),
        Tone::State(State::Expired) => colored(Color::Yellow),
        Tone::State(State::Endless) => colored(Color::Blue),
        Tone::State(State::Malformed) => colored(Color::Red),
    }
}

/// Arranges pieces on lines of the screen's width. A piece that is wider is cut; the title stays on
/// one line.
fn wrap(groups: &[Vec<Piece>], width: u16) -> Vec<Vec<Piece>> {
    let mut lines = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        let (mut line, mut used) = (Vec::new(), 0);
        for piece in group {
            let wide = width_of(&piece.text);
            if !line.is_empty() && used + 2 + wide > usize::from(width) {
                if at == 0 {
                    break;
                }
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            used += wide + if line.is_empty() { 0 } else { 2 };
            line.push(piece.clone());
        }
        lines.push(line);
    }
    lines
}

/// Draws the rows, beginning with the top one, so that the selected one is visible.
fn rows(view: &mut View, color: bool, area: Rect, buffer: &mut Buffer) {
    let now = view.snapshot.as_ref().map(|snapshot| snapshot.now);
    let shown = usize::from(area.height.saturating_sub(1));
    view.top = view.top.clamp(view.selected.saturating_sub(shown.saturating_sub(1)), view.selected);
    let mut rows: Vec<Row> = view
        .entries()
        .iter()
        .skip(view.top)
        .take(shown)
        .map(|entry| list::row(entry.session.clone(), view.full_ids))
        .collect();
    tell_apart(&mut rows);
    let text =
        |row: &Row, at: usize| row.0.get(at).map_or(String::new(), |(_, cell)| cell.shown(now));
    let mut columns: Vec<(usize, usize)> = list::HEADER
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let widest = rows.iter().map(|row| width_of(&text(row, at))).max();
            // One long name must not push the other columns off the screen. Other cells are not
            // cut.
            let most = if *name == "user" { usize::from(area.width / 3) } else { usize::MAX };
            let widest = widest.unwrap_or(0).min(most);
            (at, widest.max(name.len()))
        })
        .collect();
    for name in DISPENSABLE {
        let needed: usize = columns.iter().map(|(_, width)| width + 2).sum();
        if needed > usize::from(area.width) + 2 {
            columns.retain(|(at, _)| list::HEADER[*at] != name);
        }
    }
    let head = |at: usize| list::HEADER[at].to_uppercase();
    let strong = Style::new().add_modifier(Modifier::BOLD);
    line(area, 0, &columns, buffer, |at| (head(at), strong, false));
    for (y, row) in rows.iter().enumerate() {
        let y = y as u16 + 1;
        line(area, y, &columns, buffer, |at| {
            let tone = match row.0.get(at) {
                Some((_, Cell::State(state))) => Tone::State(*state),
                _ => Tone::Plain,
            };
            let is_number = row.0.get(at).is_some_and(|(_, cell)| cell.is_number());
            (text(row, at), style(tone, color), is_number)
        });
        if view.top + usize::from(y) == view.selected + 1 && y < area.height {
            let whole = Rect { y: area.y + y, height: 1, ..area };
            buffer.set_style(whole, Style::new().add_modifier(Modifier::REVERSED));
        }
    }
    if rows.is_empty() && area.height > 1 && view.snapshot.is_some() {
        let none = if view.is_searching { "searching" } else { "no session" };
        put(buffer, (area.x, area.y + 1), none, area.width.into(), Style::new());
    }
}

fn line(
    area: Rect,
    y: u16,
    columns: &[(usize, usize)],
    buffer: &mut Buffer,
    cell: impl Fn(usize) -> (String, Style, bool),
) {
    if y >= area.height {
        return;
    }
    let mut x = area.x;
    for (at, width) in columns {
        let left = usize::from(area.right().saturating_sub(x)).min(*width);
        let (text, style, is_number) = cell(*at);
        let indent = if is_number { left.saturating_sub(width_of(&text)) } else { 0 };
        let start = x.saturating_add(indent as u16);
        put(buffer, (start, area.y + y), &text, left, style);
        x = x.saturating_add(*width as u16).saturating_add(2);
        if x >= area.right() {
            break;
        }
    }
}

/// Draws a text from its line `top`, wrapped; returns the line at which it really begins.
fn text(lines: &[String], top: usize, area: Rect, buffer: &mut Buffer) -> usize {
    let folded: Vec<String> = lines.iter().flat_map(|line| fold(line, area.width)).collect();
    let height = usize::from(area.height);
    let top = top.min(folded.len().saturating_sub(height));
    for (line, y) in folded.iter().skip(top).take(height).zip(area.y..) {
        put(buffer, (area.x, y), line, area.width.into(), Style::new());
    }
    top
}

/// Writes only inside the buffer: writing outside would panic.
fn put(buffer: &mut Buffer, at: (u16, u16), text: &str, width: usize, style: Style) {
    if buffer.area.contains(at.into()) {
        buffer.set_stringn(at.0, at.1, text, width, style);
    }
}

fn width_of(text: &str) -> usize {
    Span::raw(text).width()
}

/// Wraps a line, between words if possible.
fn fold(line: &str, width: u16) -> Vec<String> {
    let width = usize::from(width.max(1));
    let mut folded = vec![String::new()];
    let mut used = 0;
    for word in line.split_inclusive(' ') {
        let wide = width_of(word.trim_end());
        if used > 0 && used + wide > width {
            folded.push(String::new());
            used = 0;
        }
        for letter in word.chars() {
            let wide = width_of(letter.encode_utf8(&mut [0; 4]));
            if used + wide > width {
                if letter == ' ' {
                    continue;
                }
                folded.push(String::new());
                used = 0;
            }
            used += wide;
            if let Some(last) = folded.last_mut() {
                last.push(letter);
            }
        }
    }
    folded
}

#[cfg(test)]
mod tests;
