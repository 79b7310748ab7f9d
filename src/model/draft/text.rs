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

/// A TOML string. What a terminal would interpret is escaped.
pub(super) fn quoted(text: &str) -> String {
    if text.chars().all(|letter| is_plain(letter) || letter == ' ') {
        return toml::Value::String(text.to_owned()).to_string();
    }
    let mut quoted = "\"".to_owned();
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if is_plain(letter) || letter == ' ' => quoted.push(letter),
            // Writing to a String cannot fail.
            letter => drop(write!(quoted, "\\U{:08X}", u32::from(letter))),
        }
    }
    quoted.push('"');
    quoted
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
    name.chars().map(|letter| if is_plain(letter) { letter } else { '?' }).collect()
}

fn is_plain(letter: char) -> bool {
    letter.is_alphanumeric() || letter.is_ascii_graphic()
}

pub(super) fn slug(collection: &str) -> String {
    let letter = |letter: char| {
        if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' }
    };
    let slug: String = collection.chars().map(letter).collect();
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "sessions".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_the_same_in_toml_and_shows_nothing_that_a_terminal_interprets() {
        for text in [
            "user.id",
            "a b",
            "Åsa's \"本\"",
            "it's a \\ and \"",
            "\u{9b}2J\u{1b}]0;x\u{7}\n\t\u{7f}",
            "a\u{202e}b\u{200b}\u{2066}\u{feff}c\u{e0041}",
        ] {
            let quoted = quoted(text);
            let is_plain = |letter: char| printable(&letter.to_string()) != "?" || letter == ' ';
            assert!(quoted.chars().all(is_plain), "{quoted:?}");
            let table: toml::Table = format!("key = {quoted}").parse().unwrap();
            assert_eq!(table["key"].as_str(), Some(text), "{quoted}");
        }
    }
}
