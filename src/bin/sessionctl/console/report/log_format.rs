//! The format of lines on stderr: for a person, for the journal, or for a program.

use bson::DateTime;
use clap::ValueEnum;
use rustix::fs::Stat;
use serde_json::{Map, Value};
use sessionctl::payload::time;

use crate::console::json::json_text;
use crate::console::text::{neutral, without_password};

/// The format of the log on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people, and with levels where the journal reads along
    Text,
    /// One JSON object a line
    Json,
}

/// The severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Error,
    Warning,
    Info,
}

impl Level {
    fn of(label: &str) -> Self {
        match label {
            "error" => Self::Error,
            "warning" => Self::Warning,
            _ => Self::Info,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }

    /// The level of sd-daemon(3).
    fn priority(self) -> &'static str {
        match self {
            Self::Error => "<3>",
            Self::Warning => "<4>",
            Self::Info => "<6>",
        }
    }
}

/// The format of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineFormat {
    Plain,
    /// Like plain, with the level before each line.
    Journal,
    Json,
}

impl LineFormat {
    pub(super) fn new(format: LogFormat, is_journal: bool) -> Self {
        match format {
            LogFormat::Json => Self::Json,
            LogFormat::Text if is_journal => Self::Journal,
            LogFormat::Text => Self::Plain,
        }
    }

    /// `warning: ...`
    pub(super) fn labelled(self, label: &str, text: &str, now: DateTime) -> String {
        let level = Level::of(label);
        match self {
            Self::Json => object(level, text, Map::new(), now),
            _ => {
                let text = neutral(&without_password(text)).into_owned();
                self.leveled(level, &format!("{}: {text}", styled(label)))
            }
        }
    }

    /// Unchanged text.
    pub(super) fn bare(self, text: &str, now: DateTime) -> String {
        match self {
            Self::Json => object(Level::Info, text, Map::new(), now),
            _ => self.leveled(Level::Info, text),
        }
    }

    /// An event, with fields for programs.
    pub(super) fn event(
        self,
        level: Level,
        text: &str,
        fields: Map<String, Value>,
        now: DateTime,
    ) -> String {
        match (self, level) {
            (Self::Json, _) => object(level, text, fields, now),
            (_, Level::Info) => self.bare(&neutral(&without_password(text)), now),
            _ => self.labelled(level.name(), text, now),
        }
    }

    fn leveled(self, level: Level, text: &str) -> String {
        if self != Self::Journal {
            return text.to_owned();
        }
        let lines: Vec<_> =
            text.split('\n').map(|line| format!("{}{line}", level.priority())).collect();
        lines.join("\n")
    }
}

fn object(level: Level, text: &str, fields: Map<String, Value>, now: DateTime) -> String {
    let mut object = Map::new();
    object.insert("time".to_owned(), time(now).into());
    object.insert("level".to_owned(), level.name().into());
    object.insert("message".to_owned(), without_password(text).into());
    for (key, value) in fields {
        let value = match value {
            Value::String(text) => without_password(&text).into(),
            value => value,
        };
        object.entry(key).or_insert(value);
    }
    json_text(&Value::Object(object))
}

fn styled(label: &str) -> String {
    let style = console::Style::new().for_stderr().bold();
    match label {
        "error" => style.red(),
        "warning" => style.yellow(),
        _ => style,
    }
    .apply_to(label)
    .to_string()
}

/// Whether this is the file in `JOURNAL_STREAM`.
pub(super) fn is_stream(journal_stream: &str, file: &Stat) -> bool {
    journal_stream == format!("{}:{}", file.st_dev, file.st_ino)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: DateTime = DateTime::from_millis(1_795_428_000_007);

    fn fields(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    /// Without colors, even if the tests run in a terminal.
    fn labelled(format: LineFormat, label: &str, text: &str) -> String {
        console::set_colors_enabled_stderr(false);
        format.labelled(label, text, NOW)
    }

    #[test]
    fn to_a_person_a_label_stands_before_the_text() {
        let said = labelled(LineFormat::Plain, "warning", "no \u{1b}[2J at mongodb://u:pw@h");
        assert_eq!(said, "warning: no \\u001b[2J at mongodb://...@h");
        assert_eq!(LineFormat::Plain.bare("a\nb", NOW), "a\nb");
    }

    #[test]
    fn the_journal_gets_the_level_of_each_line() {
        let said = |label| labelled(LineFormat::Journal, label, "x\ny");
        assert_eq!(said("error"), "<3>error: x\\u000ay");
        assert_eq!(said("warning"), "<4>warning: x\\u000ay");
        assert_eq!(said("hint"), "<6>hint: x\\u000ay");
        assert_eq!(LineFormat::Journal.bare("a\nb", NOW), "<6>a\n<6>b");
    }

    #[test]
    fn a_program_gets_an_object_a_line() {
        let said = labelled(LineFormat::Json, "warning", "\"no\"\n at mongodb://u:pw@h");
        let expected = r#"{"time":"2026-11-23T10:00:00.007Z","level":"warning","message":"\"no\"\n at mongodb://...@h"}"#;
        assert_eq!(said, expected);
        let info = LineFormat::Json.bare("\u{9b}a\u{202e}", NOW);
        assert!(info.ends_with(r#""level":"info","message":"\u009ba\u202e"}"#), "{info}");
    }

    #[test]
    fn an_event_has_fields_for_a_program_and_a_sentence_for_people() {
        console::set_colors_enabled_stderr(false);
        let pass = fields(&json!({"namespace": "mongodb://u:pw@h", "deleted": 7, "level": "mine"}));
        let event =
            |format: LineFormat, level| format.event(level, "a\u{9b}: 7", pass.clone(), NOW);
        let expected = r#"{"time":"2026-11-23T10:00:00.007Z","level":"info","message":"a\u009b: 7","namespace":"mongodb://...@h","deleted":7}"#;
        assert_eq!(event(LineFormat::Json, Level::Info), expected);
        assert_eq!(event(LineFormat::Plain, Level::Info), "a\\u009b: 7");
        assert_eq!(event(LineFormat::Journal, Level::Info), "<6>a\\u009b: 7");
        assert_eq!(event(LineFormat::Journal, Level::Warning), "<4>warning: a\\u009b: 7");
    }

    #[test]
    fn text_is_told_to_the_journal_where_stderr_is_its_stream() {
        let file = rustix::fs::fstat(tempfile::tempfile().unwrap()).unwrap();
        let (device, inode) = (file.st_dev, file.st_ino);
        assert!(is_stream(&format!("{device}:{inode}"), &file));
        for other in [format!("{device}:{inode}1"), format!("1{device}:{inode}"), String::new()] {
            assert!(!is_stream(&other, &file), "{other}");
        }
        assert_eq!(LineFormat::new(LogFormat::Text, true), LineFormat::Journal);
        assert_eq!(LineFormat::new(LogFormat::Text, false), LineFormat::Plain);
        assert_eq!(LineFormat::new(LogFormat::Json, true), LineFormat::Json);
    }
}
