//! The metrics as a file for the node exporter's textfile collector.

use std::ffi::OsString;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::metrics::Metrics;
use crate::console::failure::{Exit, Failure};
use sessionctl::error::reason;

/// A file that is replaced atomically, so that a reader never sees a part of it.
#[derive(Debug)]
pub struct TextFile {
    path: PathBuf,
    /// The last reported failure, until a write succeeds.
    reported: Option<String>,
}

impl TextFile {
    /// The file at `path`, which does not have to exist.
    ///
    /// # Errors
    /// If there is something other than a regular file: a device, a pipe or a link would be replaced by a file.
    pub fn new(path: PathBuf) -> Result<Self, Failure> {
        check(&path).map_err(|error| unwritable(&path, &error))?;
        Ok(Self { path, reported: None })
    }

    /// Writes the metrics. A failure is returned once, and again only after a success or another
    /// failure.
    pub fn write(&mut self, metrics: &Metrics) -> Option<Failure> {
        let error = match replace(&self.path, metrics.encode().as_bytes()) {
            Ok(()) => {
                self.reported = None;
                return None;
            }
            Err(error) => error,
        };
        let failure = unwritable(&self.path, &error);
        let sentence = failure.to_string();
        if self.reported.as_ref() == Some(&sentence) {
            return None;
        }
        self.reported = Some(sentence);
        Some(match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => failure.hint(
                "the folder of --metrics-file must exist and be writable, because each write replaces the file",
            ),
            _ => failure,
        })
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let sentence = format!("could not write {}: {}", path.display(), reason(error));
    Failure::new(Exit::Failed, sentence)
}

fn check(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) if !there.is_file() => Err(io::Error::other("it is not a regular file")),
        _ => Ok(()),
    }
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    check(path)?;
    let draft = draft(path)?;
    // Remove a file that an earlier process with the same id left; an existing file is never
    // opened.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write(&draft, text).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // The reason why it was not written is more important.
        let _ = fs::remove_file(&draft);
    }
    written
}

/// In the same folder, but not named `*.prom`, because the exporter would read it.
fn draft(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut draft = OsString::from(".");
    draft.push(name);
    draft.push(format!(".{}.tmp", std::process::id()));
    Ok(path.with_file_name(draft))
}

fn write(draft: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    // The exporter runs as another user, and a daemon's umask is often stricter.
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;
    use std::time::Duration;

    use tempfile::tempdir;

    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_may_be_read_by_everybody() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("sessionctl.prom");
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, "untouched").unwrap();
        std::os::unix::fs::symlink(&elsewhere, draft(&path).unwrap()).unwrap();
        let metrics = Metrics::default();
        let mut file = TextFile::new(path.clone()).unwrap();
        assert!(file.write(&metrics).is_none());
        let before = fs::metadata(&path).unwrap();
        assert_eq!(before.permissions().mode() & 0o7777, 0o644);
        let kept = fs::File::open(&path).unwrap();
        metrics.describe("app.sessions", Duration::from_secs(60));
        assert!(file.write(&metrics).is_none());
        assert_eq!(fs::read_to_string(&path).unwrap(), metrics.encode());
        assert_ne!(fs::metadata(&path).unwrap().ino(), before.ino());
        assert_eq!(io::read_to_string(kept).unwrap(), Metrics::default().encode());
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "untouched");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_failure_is_reported_once_until_it_worked_and_leaves_nothing_behind() {
        let folder = tempdir().unwrap();
        let inner = folder.path().join("inner");
        let path = inner.join("sessionctl.prom");
        let metrics = Metrics::default();
        let mut file = TextFile::new(path.clone()).unwrap();
        let missing = format!("could not write {}: no such file or directory", path.display());
        assert_eq!(file.write(&metrics).unwrap().to_string(), missing);
        assert!(file.write(&metrics).is_none());
        fs::create_dir(&inner).unwrap();
        assert!(file.write(&metrics).is_none() && path.is_file());
        fs::remove_dir_all(&inner).unwrap();
        assert_eq!(file.write(&metrics).unwrap().to_string(), missing);
        // Another failure is reported, too.
        fs::create_dir_all(&path).unwrap();
        let taken = format!("could not write {}: is a directory", path.display());
        assert_eq!(file.write(&metrics).unwrap().to_string(), taken);
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 1);
    }

    #[test]
    fn only_a_regular_file_is_replaced() {
        let folder = tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        fs::write(&target, "untouched").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        for path in [&pipe, &link] {
            let failure = TextFile::new(path.clone()).unwrap_err().to_string();
            assert!(failure.ends_with(": it is not a regular file"), "{failure}");
        }
        // Something else that replaces the file while the daemon runs is not overwritten either.
        let path = folder.path().join("a.prom");
        let mut file = TextFile::new(path.clone()).unwrap();
        assert!(file.write(&Metrics::default()).is_none());
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        assert!(file.write(&Metrics::default()).is_some() && path.is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "untouched");
    }

    #[test]
    fn a_name_alone_is_a_file_of_this_folder_and_a_folder_is_none() {
        let name = format!(".a.prom.{}.tmp", std::process::id());
        assert_eq!(draft(Path::new("a.prom")).unwrap(), Path::new(&name));
        assert!(draft(Path::new("/")).is_err() && draft(Path::new("..")).is_err());
    }
}
