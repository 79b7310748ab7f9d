//! TOML syntax: strings, lists, lines and comments.

use std::fmt::Write as _;

use crate::model::layout::{BsonType, Unit};

pub(super) fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::S => "s",
        Unit::Ms => "ms",
        Unit::Ns => "ns",
    }
}

/// A TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

pub(super) fn list(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

pub(super) fn types(types: &[BsonType]) -> String {
    let names: Vec<_> = types.iter().map(ToString::to_string).collect();
    list(&names)
}

pub(super) fn instants(instants: &[(String, Option<Unit>)]) -> String {
    let one = |(path, unit): &(String, Option<Unit>)| {
        let unit = unit.map(|unit| format!(", unit = \"{}\"", unit_name(unit)));
        format!("{{ path = {}{} }}", quoted(path), unit.unwrap_or_default())
    };
    format!("[{}]", instants.iter().map(one).collect::<Vec<_>>().join(", "))
}

pub(super) fn line(text: &mut String, key: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{key} = {value}");
}

/// Comments, in lines of a readable length.
pub(super) fn comments(text: &mut String, sentences: &[impl AsRef<str>]) {
    const WIDTH: usize = 100;
    for sentence in sentences {
        let mut width = 0;
        for word in sentence.as_ref().split(' ') {
            let length = word.chars().count() + 1;
            let start = if width == 0 {
                "#"
            } else if width + length > WIDTH {
                "\n#"
            } else {
                ""
            };
            width = if start.is_empty() { width + length } else { length + 1 };
            let _ = write!(text, "{start} {word}");
        }
        text.push('\n');
    }
}

/// A name without characters that a terminal or a comment would interpret.
pub(super) fn printable(name: &str) -> String {
    name.chars()
        .map(
            |letter| {
                if letter.is_alphanumeric() || letter.is_ascii_graphic() { letter } else { '?' }
            },
        )
        .collect()
}

pub(super) fn slug(collection: &str) -> String {
    let letter = |letter: char| {
        if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' }
    };
    let slug: String = collection.chars().map(letter).collect();
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "sessions".to_owned() } else { slug.to_owned() }
}
