//! Reads users from the command line and from a list (a file or stdin), and writes them to a file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use sessionctl::Users;
use sessionctl::error::reason;

use crate::console::failure::{Exit, Failure};

/// The typed users and those of the list; `None` if neither was given.
///
/// # Errors
/// If the list cannot be read or is empty. An empty list is a mistake, which would silently select or spare no session.
pub fn users(typed: &[String], list: Option<&Path>) -> Result<Option<Users>, Failure> {
    let Some(list) = list else {
        return Ok((!typed.is_empty()).then(|| typed.iter().map(String::as_str).collect()));
    };
    let name = name(list);
    let read = match list == Path::new("-") {
        true => lines(io::stdin().lock()),
        false => File::open(list).and_then(|file| lines(BufReader::new(file))),
    };
    let listed = read.map_err(|error| {
        let sentence = format!("could not read users from {name}: {}", reason(&error));
        Failure::new(Exit::Failed, sentence)
    })?;
    if listed.is_empty() {
        let sentence = format!("{name} contains no users");
        return Err(Failure::new(Exit::Failed, sentence).hint("write one user per line"));
    }
    let typed = typed.iter().map(|user| user.as_str().into());
    Ok(Some(listed.into_iter().chain(typed).collect()))
}

/// The name of a list.
pub fn name(list: &Path) -> String {
    if list == Path::new("-") { "stdin".to_owned() } else { list.display().to_string() }
}

/// Writes users into a file that only its owner can read, one per line.
pub fn write(file: &Path, users: &[&str]) -> Result<(), Failure> {
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file);
    let written = opened.and_then(|file| {
        let mut file = BufWriter::new(file);
        users.iter().try_for_each(|user| writeln!(file, "{user}"))?;
        file.flush()
    });
    written.map_err(|error| {
        let sentence = format!("could not write {}: {}", file.display(), reason(&error));
        Failure::new(Exit::Failed, sentence)
    })
}

fn lines(read: impl BufRead) -> io::Result<Vec<Box<str>>> {
    let mut lines = Vec::new();
    for line in read.lines() {
        let line = line?;
        let line = line.trim_start_matches('\u{feff}').trim();
        if !line.is_empty() {
            lines.push(line.into());
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_one_user_a_line_however_it_was_saved() {
        let read = lines("\u{feff}asa\r\n\n  bo  \nåsa ö".as_bytes()).unwrap();
        assert_eq!(read, ["asa".into(), "bo".into(), Box::from("åsa ö")]);
        assert!(lines(&b"\xFF\xFE\n"[..]).is_err());
    }
}
