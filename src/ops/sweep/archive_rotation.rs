//! The archive of a sweep. It starts a new file when the date in its name changes.

use std::path::{Path, PathBuf};

use bson::DateTime;
use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::ops::archive::Archive;

/// The archive that sessions are written to before they are deleted.
#[derive(Debug, Default)]
pub(super) struct ArchiveRotation {
    open: Option<Archive>,
    /// Whether an archive could be opened before. If so, a failure may be temporary.
    pub(super) worked: bool,
}

impl ArchiveRotation {
    /// The archive for a pass at the server's time `now`. Return it with `put_back` after the pass.
    pub(super) async fn take(&mut self, pattern: &Path, now: DateTime) -> Result<Archive> {
        let path = archive_path(pattern, now)?;
        let open = self.open.take();
        // Opening reads through the existing file.
        let opening = tokio::task::spawn_blocking(move || {
            // A file that was moved away or emptied, for example by logrotate, is not written to any more.
            // It is closed first, because it is locked.
            let open = open.filter(|open: &Archive| open.path() == path && open.is_in_place());
            open.map_or_else(|| Archive::append(&path), Ok)
        });
        let archive = opening.await.map_err(|_| {
            let what = "could not be opened".to_owned();
            Error::Archive { path: pattern.to_owned(), what }
        })??;
        self.worked = true;
        Ok(archive)
    }

    pub(super) fn put_back(&mut self, archive: Option<Archive>) {
        self.open = archive;
    }
}

/// The letters that may follow a `%` in the name of an archive, as in strftime(3).
const PARTS: &str = "YmdHMSFTjGVuZ%";

/// The archive that `pattern` names at `now`. A `%` and a letter, such as `%Y-%m-%d`, stand for a
/// part of the date in UTC.
///
/// # Errors
/// [`Error::Archive`] if the pattern has an unknown `%` part, or cannot be formatted for `now`.
pub fn archive_path(pattern: &Path, now: DateTime) -> Result<PathBuf> {
    let Some(text) = pattern.to_str().filter(|text| text.contains('%')) else {
        return Ok(pattern.to_owned());
    };
    let wrong = |what: String| Error::Archive { path: pattern.to_owned(), what };
    let mut letters = text.chars();
    while letters.find(|letter| *letter == '%').is_some() {
        match letters.next() {
            Some(part) if PARTS.contains(part) => {}
            part => {
                let part = part.map_or_else(String::new, String::from);
                let what = format!("has %{part} in its name, which is not a known part of a date");
                return Err(wrong(what));
            }
        }
    }
    let now = Timestamp::from_millisecond(now.timestamp_millis()).map_err(|_| {
        wrong("has a date pattern in its name, but the server's date is out of range".into())
    })?;
    jiff::fmt::strtime::format(text, now)
        .map(PathBuf::from)
        .map_err(|error| wrong(format!("has an invalid date pattern in its name: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(pattern: &str) -> String {
        let now = DateTime::from_millis(1_795_600_000_000);
        archive_path(Path::new(pattern), now)
            .map_or_else(|error| error.to_string(), |path| path.display().to_string())
    }

    #[test]
    fn a_pattern_becomes_the_date_in_utc() {
        assert_eq!(named("a/s-%Y-%m-%d.bson.zst"), "a/s-2026-11-25.bson.zst");
        assert_eq!(named("a/s.bson"), "a/s.bson");
        assert!(named("a/s-%!.bson").contains("%!"), "{}", named("a/s-%!.bson"));
        assert!(
            named("a/s-%Q.bson").contains("not a known part of a date"),
            "{}",
            named("a/s-%Q.bson")
        );
        assert!(named("a/s-%").contains("not a known part of a date"), "{}", named("a/s-%"));
    }
}
