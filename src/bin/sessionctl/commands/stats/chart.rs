//! Bars and sparklines, of block characters if the terminal supports them, else of plain ASCII.

use std::io::{self, IsTerminal as _};

use crate::console::output::Style;

/// The characters and the width of charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chart {
    pub width: usize,
    pub blocks: bool,
}

/// The width without a terminal.
const WIDTH: u16 = 80;
/// Wider bars would show nothing more.
const WIDEST: u16 = 100;
/// In a narrower terminal, there is no room for labels.
const NARROWEST: u16 = 48;

impl Chart {
    /// For stdout.
    pub fn of(style: &Style) -> Self {
        let width = style.width.unwrap_or(WIDTH).clamp(NARROWEST, WIDEST);
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let blocks = io::stdout().is_terminal() && has_blocks(var);
        Self { width: width.into(), blocks }
    }

    /// A bar of at most `width` columns for `part` of `most`. Any part but zero is visible.
    pub fn bar(&self, part: u64, most: u64, width: usize) -> String {
        if part == 0 || most == 0 {
            return String::new();
        }
        const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
        let fill = part.min(most) as f64 / most as f64 * width as f64;
        if self.blocks {
            let eighths = ((fill * 8.0).round() as usize).max(1);
            return "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
        }
        match fill.round() as usize {
            0 => ".".to_owned(),
            full => "#".repeat(full),
        }
    }

    /// A character for each number; its height is relative to the highest number.
    pub fn sparkline(&self, numbers: &[u64]) -> String {
        const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        const ASCII: [char; 9] = [' ', '.', ':', '-', '=', '+', '*', '#', '@'];
        let letters = if self.blocks { BLOCKS } else { ASCII };
        let most = numbers.iter().copied().max().unwrap_or(0).max(1);
        let letter = |number: &u64| match *number {
            0 => letters[0],
            number => letters[((number as f64 / most as f64 * 8.0).round() as usize).max(1)],
        };
        numbers.iter().map(letter).collect()
    }
}

/// Whether a terminal with these variables shows block characters.
fn has_blocks(var: impl Fn(&str) -> Option<String>) -> bool {
    let is_dumb = var("TERM").is_none_or(|term| term == "dumb");
    // The first variable that is set counts, as in the C library.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(var);
    let locale = locale.unwrap_or_default().to_lowercase();
    !is_dumb && (locale.contains("utf-8") || locale.contains("utf8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Chart = Chart { width: 80, blocks: false };
    const BLOCKS: Chart = Chart { width: 80, blocks: true };

    #[test]
    fn a_bar_is_as_long_as_its_part_and_can_always_be_seen() {
        assert_eq!(PLAIN.bar(5, 10, 10), "#####");
        assert_eq!(PLAIN.bar(1, 1_000_000, 10), ".");
        assert_eq!(PLAIN.bar(0, 10, 10), "");
        assert_eq!(PLAIN.bar(0, 0, 10), "");
        assert_eq!(BLOCKS.bar(10, 10, 3), "███");
        assert_eq!(BLOCKS.bar(1, 16, 2), "▏");
        assert_eq!(BLOCKS.bar(1, u64::MAX, 2), "▏");
        assert_eq!(BLOCKS.bar(9, 16, 2), "█▏");
    }

    #[test]
    fn a_sparkline_has_a_letter_for_each_number_and_none_for_nothing() {
        assert_eq!(PLAIN.sparkline(&[0, 1, 4, 8]), " .=@");
        assert_eq!(BLOCKS.sparkline(&[0, 1, 4, 8]), " ▁▄█");
        assert_eq!(PLAIN.sparkline(&[0, 0]), "  ");
        assert_eq!(BLOCKS.sparkline(&[1, 1_000_000]), "▁█");
    }

    #[test]
    fn blocks_are_for_terminals_that_speak_utf_8() {
        let on = |variables: &[(&str, &str)]| {
            has_blocks(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(on(&[("TERM", "xterm"), ("LANG", "sv_SE.UTF-8")]));
        assert!(on(&[("TERM", "tmux"), ("LANG", "C"), ("LC_ALL", "C.utf8")]));
        assert!(!on(&[("TERM", "xterm"), ("LANG", "sv_SE.UTF-8"), ("LC_ALL", "C")]));
        assert!(!on(&[("TERM", "dumb"), ("LANG", "sv_SE.UTF-8")]));
        assert!(!on(&[("TERM", "xterm")]));
        assert!(!on(&[("LANG", "sv_SE.UTF-8")]));
    }
}
