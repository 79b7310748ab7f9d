//! File system operations of archives, and their errors.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use crate::error::{Error, Result, reason};

/// Opens for reading and writing. A new file is private to its owner, because it contains secrets.
pub(super) fn opening() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A lock on a file, released on drop. Closing the file is not enough while another thread starts a
/// program: between fork and exec, the child holds the open file and its lock too.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// The lock that the caller has taken on `file`.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        file.try_clone().map(Self)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // If this fails, the lock is released when the file is closed.
        drop(fs4::FileExt::unlock(&self.0));
    }
}

#[cfg(unix)]
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Whether the file was unlinked, so that its contents are lost when this process ends.
#[cfg(unix)]
pub(super) fn is_gone(about: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(about) == 0
}

#[cfg(unix)]
pub(super) fn is_same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// On other systems, open files cannot be moved.
#[cfg(not(unix))]
pub(super) fn is_same_file(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

/// On other systems, open files cannot be removed.
#[cfg(not(unix))]
pub(super) fn is_gone(_: &fs::Metadata) -> bool {
    false
}

/// On other systems, folders cannot be synced.
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

const IN_USE: &str = "is in use by another process";

pub(super) fn in_use(path: &Path) -> Error {
    Error::Archive { path: path.to_owned(), what: IN_USE.to_owned() }
}

/// Whether another process has the archive.
pub(crate) fn is_in_use(error: &Error) -> bool {
    matches!(error, Error::Archive { what, .. } if what == IN_USE)
}

pub(super) fn unusable(path: &Path, what: &str, error: &io::Error) -> Error {
    Error::Archive { path: path.to_owned(), what: format!("{what}: {}", reason(error)) }
}
