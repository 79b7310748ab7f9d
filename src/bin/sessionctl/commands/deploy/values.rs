//! Values that may stand in a printed file, and the refusal of those that may not.

use std::path::{Path, PathBuf};

use crate::console::failure::{Exit, Failure};
use crate::console::json::json_text;
use crate::console::text::{is_hostile, without_password};

/// What was typed cannot be used.
pub fn refused(sentence: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, sentence).hint(hint)
}

/// A name that holds nothing but letters, digits and these others; else `sentence` refuses it.
pub fn plain_name<'a>(name: &'a str, others: &str, sentence: &str) -> Result<&'a str, Failure> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || others.contains(letter);
    if !name.is_empty() && name.chars().all(plain) {
        return Ok(name);
    }
    let others: Vec<_> = others.chars().map(String::from).collect();
    Err(refused(sentence, format!("use only letters, digits and {}", others.join(" "))))
}

/// A value that may stand on a line: a line break in it would begin another.
pub fn checked(option: &str, value: &str) -> Result<String, Failure> {
    if value.contains(is_hostile) {
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

/// Where the sweeper finds a file that was named here.
pub type Place = fn(&Path) -> PathBuf;

/// At the same place, whatever folder it runs in.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A string of JSON and of YAML, which takes it for nothing else.
pub fn json_string(text: &str) -> String {
    json_text(&text.into())
}
