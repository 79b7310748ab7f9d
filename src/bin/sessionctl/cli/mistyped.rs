//! Unknown commands. clap suggests names that look similar, such as `restore` for `revoke`. Here, a
//! suggestion means the same as the word, or differs from it by a typing error.

use clap::Command;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use sessionctl::session::shorten;

use crate::console::failure::Refusal;
use crate::help::Topic;

/// The names that other programs use, and the command here.
const MEANINGS: &[(&[&str], &str)] = &[
    (
        &["revoke", "logout", "log-out", "signout", "kill", "end", "invalidate", "terminate"],
        "`sessionctl expire` logs sessions out and keeps their documents; `purge` deletes them",
    ),
    (
        &["delete", "rm", "del", "remove", "destroy", "drop", "prune", "clean", "cleanup", "gc"],
        "`sessionctl purge` deletes sessions; `purge --expired` deletes only expired ones",
    ),
    (
        &["export", "ls", "show", "dump", "find", "search", "query", "sessions"],
        "`sessionctl list` shows sessions; `list -o ndjson` exports them; `inspect ID` shows one",
    ),
    (&["get", "cat", "view", "describe", "info"], "`sessionctl inspect ID` shows a whole session"),
    (
        &["undo", "import", "recover", "undelete", "rollback", "load"],
        "`sessionctl restore FILE` puts archived sessions back",
    ),
    (
        &["check", "diagnose", "health", "lint", "why"],
        "`sessionctl doctor` reports why sessions do not expire",
    ),
    (&["repair", "mend"], "`sessionctl fix` repairs unusable expiries"),
    (
        &["migrate", "move", "convert", "clone", "sync"],
        "`sessionctl copy` copies sessions into another collection, server or layout",
    ),
    (&["count", "summary", "info", "stat"], "`sessionctl stats` counts sessions by state and user"),
    (&["log", "history"], "`sessionctl audit FILE` reads an audit file: who ended which sessions"),
    (
        &["who", "whois", "user", "accounts", "logins"],
        "`sessionctl users` lists who has sessions; `list --user USER` lists those of one user",
    ),
    (&["watch", "monitor", "tail", "live"], "`sessionctl top` shows a live view"),
    (
        &["daemon", "serve", "run", "start", "cron"],
        "`sessionctl sweep` purges expired sessions every interval",
    ),
    (&["ttl", "indexes", "indices"], "`sessionctl index` manages the TTL index"),
    (&["install", "systemd", "kubernetes"], "`sessionctl deploy` prints service files"),
    (&["dbs", "databases", "scan"], "`sessionctl collections` finds session collections"),
    (&["formats", "types", "schema", "stores"], "`sessionctl layouts` lists the built-in layouts"),
    (&["man", "manual", "docs", "topics"], "`sessionctl help` lists commands and topics"),
];

const OTHERWISE: &str = "`sessionctl help` lists commands and topics";

/// The refusal of an unknown command.
pub fn command(error: &Error, definition: &Command) -> Option<Refusal> {
    let (ErrorKind::InvalidSubcommand, Some(ContextValue::String(word))) =
        (error.kind(), error.get(ContextKind::InvalidSubcommand))
    else {
        return None;
    };
    if word == "help" {
        let sentence = "help was given after the command".to_owned();
        return Some(Refusal::Own(sentence, "`sessionctl help COMMAND` prints a command's help"));
    }
    // clap itself reports an unknown subcommand, such as `index delete`.
    let usage = error.get(ContextKind::Usage)?.to_string();
    usage.contains("sessionctl [OPTIONS]").then(|| refusal("command", word, definition))
}

/// The refusal of a word that is neither a command nor a topic.
pub fn topic(word: &str, definition: &Command) -> Refusal {
    refusal("command or topic", word, definition)
}

fn refusal(what: &str, word: &str, definition: &Command) -> Refusal {
    // It may be a session id.
    let shown = if word.len() > 20 { shorten(word) + "..." } else { word.to_owned() };
    let sentence = format!("there is no {what} {shown}");
    if let Some((_, hint)) = MEANINGS.iter().find(|(words, _)| words.contains(&word)) {
        return Refusal::Own(sentence, hint);
    }
    let commands = definition.get_subcommands().map(Command::get_name);
    let topics = crate::help::TOPICS.iter().map(|topic: &Topic| topic.name);
    let mut names: Vec<&str> = match what {
        "command" => commands.filter(|name| is_slip(word, name)).collect(),
        _ => commands.chain(topics).filter(|name| is_slip(word, name)).collect(),
    };
    names.dedup();
    match names.as_slice() {
        [name] => Refusal::Own(format!("{sentence}; did you mean {name}?"), OTHERWISE),
        _ => Refusal::Own(sentence, OTHERWISE),
    }
}

/// Whether `typed` is the beginning of `name`, or differs by one letter or by two swapped letters.
fn is_slip(typed: &str, name: &str) -> bool {
    let prefix = typed.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    if prefix == typed.len() && prefix >= 3 {
        return true;
    }
    let (typed, name) = (&typed.as_bytes()[prefix..], &name.as_bytes()[prefix..]);
    let suffix = typed.iter().rev().zip(name.iter().rev()).take_while(|(a, b)| a == b).count();
    match (&typed[..typed.len() - suffix], &name[..name.len() - suffix]) {
        ([_], [] | [_]) | ([], [_]) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(word: &str) -> String {
        match topic(word, &crate::cli::definition()) {
            Refusal::Own(sentence, hint) => format!("{sentence} ({hint})"),
            Refusal::Clap(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_word_is_answered_with_the_command_that_means_the_same() {
        for (words, command) in [
            (&["revoke", "logout", "kill"][..], "expire"),
            (&["export", "ls", "show"], "list"),
            (&["delete", "rm"], "purge"),
        ] {
            for word in words {
                let hint = hint(word);
                assert!(hint.contains(&format!("(`sessionctl {command}` ")), "{hint}");
            }
        }
    }

    #[test]
    fn every_command_that_is_suggested_exists_and_no_word_is_one() {
        let definition = crate::cli::definition();
        for (words, hint) in MEANINGS {
            let name = hint.split(['`', ' ']).nth(2).unwrap();
            assert!(definition.find_subcommand(name).is_some() || name == "help", "{hint}");
            for word in *words {
                assert!(definition.find_subcommand(word).is_none(), "{word}");
            }
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_one_and_another_word_is_none() {
        for typed in ["pruge", "purg", "purgee", "puge", "burge"] {
            assert!(hint(typed).contains("did you mean purge?"), "{typed}");
        }
        for typed in ["reset", "revert", "plunge", "x"] {
            assert!(!hint(typed).contains("did you mean"), "{typed}: {}", hint(typed));
        }
    }
}
