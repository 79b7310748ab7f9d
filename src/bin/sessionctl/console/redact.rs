//! The command line and the selection without secrets, for the audit file.

use std::ffi::OsString;

use clap::{Arg, Command};
use serde_json::{Value, json};
use sessionctl::payload::mask;
use sessionctl::session::shorten;

use crate::args::conditions::{Operator, split};

/// The command line without secrets: no connection string, no whole id, no long value of a payload.
pub fn command_line(
    words: impl IntoIterator<Item = OsString>,
    definition: &Command,
) -> Vec<String> {
    let mut words = words.into_iter().map(|word| word.to_string_lossy().into_owned());
    let mut shown: Vec<String> =
        words.next().map(|program| harmless(&program)).into_iter().collect();
    // The options of a command may follow its name, and the global ones may be anywhere.
    let mut commands = vec![definition];
    let (mut positionals, mut only_positionals) = (0, false);
    while let Some(word) = words.next() {
        let command = commands[commands.len() - 1];
        let is_option = word.len() > 1 && word.starts_with('-') && !only_positionals;
        if word == "--" && is_option {
            only_positionals = true;
            shown.push(word);
        } else if is_option {
            let typed = Typed::of(&word, &commands);
            match typed.value_at {
                Some(at) => {
                    let (name, value) = word.split_at(at);
                    shown.push(format!("{}{}", harmless(name), argument(typed.arg, value)));
                }
                None => shown.push(harmless(&word)),
            }
            if typed.value_follows {
                shown.extend(words.next().map(|value| argument(typed.arg, &value)));
            }
        } else if let Some(command) = command.find_subcommand(&word).filter(|_| !only_positionals) {
            commands.push(command);
            shown.push(word);
        } else {
            let arg = command.get_positionals().nth(positionals);
            // The last argument accepts all remaining words.
            let arg = arg.or_else(|| command.get_positionals().last());
            shown.push(argument(arg, &word));
            positionals += 1;
        }
    }
    shown
}

/// A word that begins with a hyphen.
struct Typed<'a> {
    /// The option that takes a value, if one does.
    arg: Option<&'a Arg>,
    /// Where its value begins in the word.
    value_at: Option<usize>,
    /// Whether the next word is its value.
    value_follows: bool,
}

impl<'a> Typed<'a> {
    fn of(word: &str, commands: &[&'a Command]) -> Self {
        let find = |is_it: &dyn Fn(&Arg) -> bool| {
            commands.iter().rev().flat_map(|command| command.get_arguments()).find(|arg| is_it(arg))
        };
        let takes_next =
            |arg: &Arg| arg.get_action().takes_values() && !arg.is_require_equals_set();
        if let Some(long) = word.strip_prefix("--") {
            let name = long.split('=').next().unwrap_or_default();
            let arg = find(&|arg| {
                arg.get_long() == Some(name)
                    || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
            });
            let value_at = word.find('=').map(|at| at + 1);
            let value_follows = value_at.is_none() && arg.is_some_and(takes_next);
            return Self { arg, value_at, value_follows };
        }
        // `-qv`, `-cNAME`, `-qc NAME`: flags, until one of them takes a value.
        for (at, letter) in word.char_indices().skip(1) {
            let arg = find(&|arg| {
                arg.get_short_and_visible_aliases().is_some_and(|all| all.contains(&letter))
            });
            if let Some(arg) = arg.filter(|arg| arg.get_action().takes_values()) {
                let end = at + letter.len_utf8();
                let equals = usize::from(word[end..].starts_with('='));
                let value_at = Some(end + equals).filter(|_| end < word.len());
                let value_follows = value_at.is_none() && takes_next(arg);
                return Self { arg: Some(arg), value_at, value_follows };
            }
        }
        Self { arg: None, value_at: None, value_follows: false }
    }
}

/// The value of an argument, without secrets.
fn argument(arg: Option<&Arg>, value: &str) -> String {
    match arg.map(|arg| arg.get_id().as_str()) {
        Some("uri" | "to_uri") if value != "-" => "(redacted)".to_owned(),
        Some("ids" | "except") => short_id(value),
        Some("payload") => {
            let (path, operator, operand) = split(value);
            match operator {
                Operator::Absent => format!("!{}", harmless(path)),
                Operator::Present => harmless(path),
                operator => {
                    let shown = condition(path, operand);
                    format!("{}{}{shown}", harmless(path), operator.text())
                }
            }
        }
        _ => harmless(&not_an_id(value)),
    }
}

pub fn short_id(id: &str) -> String {
    if id == "-" { id.to_owned() } else { format!("{}...", harmless(&shorten(id))) }
}

/// Whether an unexpected word is probably a session id: it is long, has no dot or slash, and mixes
/// uppercase letters, lowercase letters and digits.
pub fn is_like_id(word: &str) -> bool {
    const SHORTEST: usize = 20;
    let has = |is: fn(&u8) -> bool| word.bytes().any(|letter| is(&letter));
    word.len() >= SHORTEST
        && word
            .bytes()
            .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_'))
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
}

/// Shortens such a word; returns any other unchanged.
pub fn not_an_id(word: &str) -> String {
    if is_like_id(word) { short_id(word) } else { word.to_owned() }
}

/// The operand of a condition on the payload: nothing if it looks secret, else only so much that no
/// token is complete.
pub fn condition(path: &str, value: &str) -> String {
    const SHOWN: usize = 12;
    let mut masked = json!({ path: value });
    mask(&mut masked);
    match masked.get(path).and_then(Value::as_str) {
        Some(kept) if kept.chars().count() > SHOWN => {
            format!("{}...", harmless(&kept.chars().take(SHOWN).collect::<String>()))
        }
        kept => harmless(kept.unwrap_or_default()),
    }
}

/// `text` up to the connection string in it. Its options may be as secret as its password.
fn harmless(text: &str) -> String {
    let schemes = ["mongodb://", "mongodb+srv://"];
    let lower = text.to_ascii_lowercase();
    let starts = schemes.iter().filter_map(|scheme| Some((lower.find(scheme)?, scheme.len())));
    match starts.min() {
        Some((at, length)) => format!("{}...", &text[..at + length]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::definition;

    const ID: &str = "7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN";

    fn shown(line: &[&str]) -> Vec<String> {
        command_line(line.iter().map(OsString::from), &definition())
    }

    #[test]
    fn no_form_of_a_connection_string_is_in_the_command_line() {
        const URI: &str = "mongodb://app:hunter2@db1/shop?proxyPassword=hunter2";
        let srv = URI.replace("mongodb", "MongoDB+srv");
        let glued = format!("--uri={URI}");
        let in_option = format!("--db={URI}");
        let in_short = format!("-c{URI}");
        for line in [
            vec!["sessionctl", "--uri", URI, "purge", "--expired"],
            vec!["sessionctl", "purge", "--expired", "--uri", URI],
            vec!["sessionctl", "purge", &glued],
            vec!["sessionctl", "purge", "--uri", "app:hunter2@db1"],
            vec!["sessionctl", "purge", "--uri=app:hunter2@db1"],
            vec!["sessionctl", "purge", "--uri", &srv],
            vec!["sessionctl", "purge", &in_option],
            vec!["sessionctl", "purge", "-d", &srv],
            vec!["sessionctl", "purge", &in_short],
            vec!["sessionctl", "purge", "-qc", URI],
            vec!["sessionctl", "purge", "--user", URI],
            vec!["sessionctl", "purge", "--where", &format!("a={URI}")],
            vec!["sessionctl", "purge", URI],
            vec!["sessionctl", "purge", "--", URI],
            vec![URI],
        ] {
            let shown = shown(&line);
            assert_eq!(shown.len(), line.len());
            assert!(!shown.concat().contains("hunter2"), "{shown:?}");
            assert!(!shown.concat().contains("app:"), "{shown:?}");
        }
        assert_eq!(
            shown(&["sessionctl", "--uri", URI, &in_option]),
            ["sessionctl", "--uri", "(redacted)", "--db=mongodb://..."]
        );
        assert_eq!(shown(&["sessionctl", "--uri", "-"])[2], "-");
    }

    #[test]
    fn ids_are_shortened_wherever_they_stand_and_the_rest_is_kept() {
        let line =
            ["sessionctl", "-c", "sess", "purge", ID, "--yes", ID, "-", "--", "-7ZQOhQlxWzr"];
        let wanted = [
            "sessionctl",
            "-c",
            "sess",
            "purge",
            "7ZQOhQlxWzrh...",
            "--yes",
            "7ZQOhQlxWzrh...",
            "-",
            "--",
            "-7ZQOh...",
        ];
        assert_eq!(shown(&line), wanted);
        let kept = [
            "sessionctl",
            "-qv",
            "-ojson",
            "purge",
            "--expires-before",
            "-7d",
            "--user",
            "42",
            "--grace=10m",
            "--batch-size",
            "500",
            "--uri-file",
            "/run/uri",
            "--idle",
            "90d",
        ];
        assert_eq!(shown(&kept), kept);
        let nested = ["sessionctl", "index", "install", "--yes", "-d", "index"];
        assert_eq!(shown(&nested), nested);
        // The value of an option is not a command, and an id may begin with the name of a command.
        assert_eq!(shown(&["sessionctl", "-d", "purge", "purge", "purge"])[4], "pu...");
    }

    #[test]
    fn an_id_is_shortened_also_where_an_option_takes_it_for_its_value() {
        for line in [vec![format!("-c{ID}")], vec!["-c".into(), ID.into()], vec![format!("-o{ID}")]]
        {
            let line: Vec<&str> = ["sessionctl", "purge"]
                .into_iter()
                .chain(line.iter().map(String::as_str))
                .collect();
            let shown = shown(&line).join(" ");
            assert!(!shown.contains(&ID[..13]), "{shown}");
        }
        for kept in ["production_sessions_2026", "MyApplicationSessions", "2026-11-30T08:30:00Z"] {
            assert_eq!(not_an_id(kept), kept);
        }
        assert_eq!(not_an_id(ID), "7ZQOhQlxWzrh...");
    }

    #[test]
    fn a_condition_shows_no_secret_and_of_anything_else_only_the_beginning() {
        let shown = |condition: &str| {
            let glued = shown(&["sessionctl", "purge", &format!("--where={condition}")]);
            let apart = shown(&["sessionctl", "purge", "--where", condition]);
            assert_eq!(glued[2], format!("--where={}", apart[3]));
            apart[3].clone()
        };
        assert_eq!(shown("cart.total=0"), "cart.total=0");
        assert_eq!(shown("auth.csrfToken=q3J9"), "auth.csrfToken=********");
        assert_eq!(shown("returnTo=/checkout?x=1"), "returnTo=/checkout?x=...");
        assert_eq!(shown("auth.token~^q3J9"), "auth.token~********");
        assert_eq!(shown("cart.total>=100"), "cart.total>=100");
        assert_eq!(shown("ip in 203.0.113.0/24"), "ip in 203.0.113.0/...");
        assert_eq!((shown("mfa"), shown("!mfa")), ("mfa".to_owned(), "!mfa".to_owned()));
    }
}
