//! The archive of a sweep, which changes its file when its name's date does.

use std::path::{Path, PathBuf};

use bson::DateTime;
use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::ops::archive::Archive;

/// Where the sessions of a sweep are put aside before they are deleted.
#[derive(Debug, Default)]
pub(super) struct ArchiveRotation {
    open: Option<Archive>,
    /// Whether an archive could be opened before: then a failure may pass.
    pub(super) worked: bool,
}

impl ArchiveRotation {
    /// The archive for a pass at the server's `now`; it is put back after it.
    pub(super) async fn take(&mut self, pattern: &Path, now: DateTime) -> Result<Archive> {
        let path = archive_path(pattern, now)?;
        let open = self.open.take();
        // Opening reads through what is there already.
        let opening = tokio::task::spawn_blocking(move || match open {
            // A file that was moved away, as logrotate does it, is not written any more.
            Some(archive) if archive.path() == path && archive.is_in_place() => Ok(archive),
            _ => Archive::append(&path),
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

/// What may stand behind a `%` in the name of an archive, as in strftime(3).
const PARTS: &str = "YmdHMSFTjGVuZ%";

/// The archive that `pattern` names at `now`: what stands behind a `%` is a part of the date in UTC,
/// such as `%Y-%m-%d`.
///
/// # Errors
/// [`Error::Archive`] for a pattern that means nothing.
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
                let what = format!("has %{part} in its name, which is no part of a date and time");
                return Err(wrong(what));
            }
        }
    }
    let now = Timestamp::from_millisecond(now.timestamp_millis())
        .map_err(|_| wrong("has no name at this date".into()))?;
    jiff::fmt::strtime::format(text, now)
        .map(PathBuf::from)
        .map_err(|error| wrong(format!("has a name that is no pattern of a date: {error}")))
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
        assert!(named("a/s-%Q.bson").contains("no part of a date"), "{}", named("a/s-%Q.bson"));
        assert!(named("a/s-%").contains("no part of a date"), "{}", named("a/s-%"));
    }
}
