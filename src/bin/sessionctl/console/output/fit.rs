//! Chooses the columns of a table that fit a terminal. Text is shortened; if that is not enough,
//! whole columns are dropped. Ids, numbers, times and states are never cut: `19,9...` would be
//! misleading.

use console::measure_text_width;

use super::row::Row;

/// The columns that are dropped first. After these, the last column is dropped.
pub const DISPENSABLE: [&str; 6] = ["bytes", "certainty", "created", "touched", "expires", "user"];
/// Text is not shortened below this.
const LEAST: usize = 12;
/// The number of spaces between two columns.
const GAP: usize = 2;

/// A column: its index in the row, its width, and its minimum width.
struct Column {
    at: usize,
    width: usize,
    least: usize,
}

/// The columns to show, each with its width. `shown` are the columns of earlier rows of the same
/// table.
pub fn fit(
    rows: &[Row],
    texts: &[Vec<String>],
    shown: Option<&[usize]>,
    terminal: Option<u16>,
) -> Vec<(usize, usize)> {
    let Some(first) = rows.first() else { return Vec::new() };
    let room = terminal.map_or(usize::MAX, usize::from);
    let mut columns: Vec<Column> = (0..first.0.len())
        .filter(|at| shown.is_none_or(|shown| shown.contains(at)))
        .map(|at| {
            let widest = texts.iter().map(|texts| measure_text_width(&texts[at])).max();
            let width = widest.unwrap_or(0).max(first.0[at].0.len());
            // The column that identifies the row is not shortened.
            let is_text = at > 0 && rows.iter().all(|row| row.0[at].1.can_be_cut());
            let width = if is_text { width.min(room) } else { width };
            Column { at, width, least: if is_text { width.min(LEAST) } else { width } }
        })
        .collect();
    let needed = |columns: &[Column], width: fn(&Column) -> usize| {
        columns.iter().map(|column| width(column) + GAP).sum::<usize>().saturating_sub(GAP)
    };
    while shown.is_none() && columns.len() > 1 && needed(&columns, |column| column.least) > room {
        let name = |column: &Column| first.0[column.at].0;
        let dispensable = DISPENSABLE.iter().find_map(|spare| {
            columns.iter().skip(1).position(|column| name(column) == *spare).map(|at| at + 1)
        });
        columns.remove(dispensable.unwrap_or(columns.len() - 1));
    }
    // The widest text is shortened first.
    let mut excess = needed(&columns, |column| column.width).saturating_sub(room);
    while excess > 0 {
        let widest = columns.iter_mut().filter(|column| column.width > column.least);
        let Some(column) = widest.max_by_key(|column| column.width) else { break };
        column.width -= 1;
        excess -= 1;
    }
    if let [only] = columns.as_mut_slice() {
        only.width = only.width.min(room);
    }
    columns.into_iter().map(|column| (column.at, column.width)).collect()
}
