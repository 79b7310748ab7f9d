//! What an operator may ask of a running command, as a line of the file of `--control`.

use std::str::FromStr;
use std::time::Duration;

use sessionctl::purge::MaxLatency;

use crate::args::interval;
use crate::console::text::{exact_duration, grouped};

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instruction {
    Pause,
    Continue,
    Rate(Option<u32>),
    MaxLatency(MaxLatency),
    Stop,
}

/// What a line may be.
pub const FORMS: &str = "pause, continue, rate N, rate off, max-latency DURATION, max-latency auto, max-latency off or stop";

impl FromStr for Instruction {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        Ok(match words[..] {
            ["pause"] => Self::Pause,
            ["continue"] => Self::Continue,
            ["stop"] => Self::Stop,
            ["rate", "off"] => Self::Rate(None),
            ["rate", number] => {
                let rate = number.parse().ok().filter(|rate| *rate > 0);
                Self::Rate(Some(rate.ok_or(())?))
            }
            ["max-latency", "off"] => Self::MaxLatency(MaxLatency::Off),
            ["max-latency", "auto"] => Self::MaxLatency(MaxLatency::Auto),
            ["max-latency", time] => {
                Self::MaxLatency(MaxLatency::Within(interval(time).map_err(drop)?))
            }
            _ => return Err(()),
        })
    }
}

/// The instructions of a file, in order, and the lines that are none. Empty lines and those that begin
/// with `#` mean nothing.
pub fn read(text: &str) -> (Vec<Instruction>, Vec<(usize, &str)>) {
    let (mut instructions, mut wrong) = (Vec::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        // Some editors begin a file with a byte order mark.
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.parse() {
            Ok(instruction) => instructions.push(instruction),
            Err(()) => wrong.push((number + 1, line)),
        }
    }
    (instructions, wrong)
}

/// A limit in words.
pub fn rate_limit(rate: Option<u32>) -> String {
    match rate {
        Some(rate) => format!("limited to {} sessions per second", grouped(rate.into())),
        None => "no limit on sessions per second".to_owned(),
    }
}

/// A goal in words.
pub fn latency_goal(goal: MaxLatency) -> String {
    let within =
        |time: Duration| format!("keeping reads of other clients within {}", exact_duration(time));
    match goal {
        MaxLatency::Off => "no limit on the latency of other clients".to_owned(),
        MaxLatency::Auto => "keeping reads of other clients near their usual latency".to_owned(),
        MaxLatency::Within(time) => within(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_and_anything_else_is_wrong() {
        let text = "\u{feff}# by hand\n\n pause \nrate 5000\nrate off\nmax-latency 10ms\nmax-latency auto\n\
                    max-latency off\ncontinue\nstop\nrate 0\nrate\nRATE 5\nrate 5 6\nmax-latency 0\npurge";
        let (instructions, wrong) = read(text);
        assert_eq!(
            instructions,
            [
                Instruction::Pause,
                Instruction::Rate(Some(5000)),
                Instruction::Rate(None),
                Instruction::MaxLatency(MaxLatency::Within(Duration::from_millis(10))),
                Instruction::MaxLatency(MaxLatency::Auto),
                Instruction::MaxLatency(MaxLatency::Off),
                Instruction::Continue,
                Instruction::Stop,
            ]
        );
        let lines: Vec<_> = wrong.iter().map(|(number, _)| *number).collect();
        assert_eq!(lines, [11, 12, 13, 14, 15, 16]);
        assert_eq!(read("\u{feff}pause\r\n"), (vec![Instruction::Pause], Vec::new()));
    }
}
