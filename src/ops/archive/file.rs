//! What an archive asks of the file system, and the errors for what it is refused.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use crate::error::{Error, Result, reason};

/// To read and write; a new file is for its owner only, as it holds secrets.
pub(super) fn opening() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A lock on a file, which ends with this. Closing the file alone would not end it while another thread
/// starts a program: between its fork and its exec the child holds the open file, and its lock, too.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// The lock that whoever opened `file` took.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        file.try_clone().map(Self)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Where this fails, the lock ends when the file is closed.
        drop(fs4::FileExt::unlock(&self.0));
    }
}

#[cfg(unix)]
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Whether the file has no name any more, so that it ends with this process.
#[cfg(unix)]
pub(super) fn is_gone(about: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(about) == 0
}

#[cfg(unix)]
pub(super) fn is_same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Elsewhere an open file cannot be moved.
#[cfg(not(unix))]
pub(super) fn is_same_file(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
pub(super) fn is_gone(_: &fs::Metadata) -> bool {
    false
}

/// Elsewhere a folder is no file.
#[cfg(not(unix))]
pub(super) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

pub(super) fn is_regular(path: &Path) -> Result<()> {
    let about = fs::metadata(path);
    let about = about.map_err(|error| unusable(path, "could not be opened", &error))?;
    match about.is_file() {
        true => Ok(()),
        false => {
            Err(Error::Archive { path: path.to_owned(), what: "is not a regular file".to_owned() })
        }
    }
}

pub(super) fn in_use(path: &Path) -> Error {
    let what = "is being used by another process".to_owned();
    Error::Archive { path: path.to_owned(), what }
}

pub(super) fn unusable(path: &Path, what: &str, error: &io::Error) -> Error {
    Error::Archive { path: path.to_owned(), what: format!("{what}: {}", reason(error)) }
}
