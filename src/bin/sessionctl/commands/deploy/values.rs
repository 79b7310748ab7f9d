//! Values that a printed file can contain, and the refusal of those that it cannot.

use std::path::{Path, PathBuf};

use crate::console::failure::{Exit, Failure};
use crate::console::json::json_text;
use crate::console::text::{has_hostile, without_password};

/// A typed value cannot be used.
pub fn refused(sentence: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, sentence).hint(hint)
}

/// Checks that a name consists of letters, digits and `others`; else refuses it with `sentence`.
pub fn plain_name<'a>(name: &'a str, others: &str, sentence: &str) -> Result<&'a str, Failure> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || others.contains(letter);
    if !name.is_empty() && name.chars().all(plain) {
        return Ok(name);
    }
    let others: Vec<_> = others.chars().map(String::from).collect();
    Err(refused(sentence, format!("use only letters, digits and {}", others.join(" "))))
}

/// Checks that a value fits on one line.
pub fn checked(option: &str, value: &str) -> Result<String, Failure> {
    if has_hostile(value) {
        let sentence =
            format!("the value of {option} contains a line break or another control character");
        return Err(refused(sentence, "remove it: the file cannot contain such a value"));
    }
    if without_password(value) != value {
        let sentence = format!("the value of {option} is a connection string");
        return Err(refused(sentence, "write it to a file, and pass --uri-file FILE"));
    }
    Ok(value.to_owned())
}

/// A path as text.
pub fn path_text(option: &str, path: &Path) -> Result<String, Failure> {
    match path.to_str() {
        Some(path) => checked(option, path),
        None => Err(refused(
            format!("the path of {option} is not UTF-8"),
            "rename it: the file cannot contain such a path",
        )),
    }
}

/// The path at which the sweeper finds a file that was named here.
pub type Place = fn(&Path) -> PathBuf;

/// At the same absolute path.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A JSON string, which is also a YAML string.
pub fn json_string(text: &str) -> String {
    json_text(&text.into())
}
