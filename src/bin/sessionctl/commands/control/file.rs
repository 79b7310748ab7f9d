//! The file of `--control`: read when it changes.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

/// More than any number of instructions.
const MOST: u64 = 64 << 10;
/// Some file systems note changes to the second: a file that was changed lately is read again.
const LATELY: Duration = Duration::from_secs(3);

/// The file, and what it was when it was last read.
#[derive(Debug)]
pub struct ControlFile {
    path: PathBuf,
    seen: Option<Stamp>,
    changed: Instant,
    text: String,
}

/// What differs after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    size: u64,
    inode: u64,
}

impl Stamp {
    fn of(about: &Metadata) -> Self {
        let modified = (about.mtime(), about.mtime_nsec());
        Self { modified, size: about.size(), inode: about.ino() }
    }
}

impl ControlFile {
    pub fn new(path: &Path) -> Self {
        let path = path.to_owned();
        Self { path, seen: None, changed: Instant::now(), text: String::new() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text, if the file has changed. A file that is not there means nothing.
    pub fn changed(&mut self) -> io::Result<Option<String>> {
        self.changed_by(read)
    }

    fn changed_by(
        &mut self,
        read: impl FnOnce(&Path) -> io::Result<String>,
    ) -> io::Result<Option<String>> {
        let about = match fs::metadata(&self.path) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.seen = None;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let stamp = Some(Stamp::of(&about));
        let has_changed = stamp != self.seen;
        if !has_changed && self.changed.elapsed() > LATELY {
            return Ok(None);
        }
        // One that cannot be read is read again until it can be.
        let text = read(&self.path)?;
        if has_changed {
            (self.seen, self.changed) = (stamp, Instant::now());
        }
        let differs = text != self.text;
        self.text.clone_from(&text);
        Ok((has_changed || differs).then_some(text))
    }
}

/// Reads it as it is now. Opening a pipe without a writer would block.
pub fn read(path: &Path) -> io::Result<String> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file: File = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_when_it_appears_and_whenever_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let mut file = ControlFile::new(&path);
        let mut changed = || file.changed().unwrap();
        assert_eq!(changed(), None);
        fs::write(&path, "pause").unwrap();
        assert_eq!(changed().as_deref(), Some("pause"));
        assert_eq!(changed(), None);
        // Of the same size, and maybe within the same tick of the clock.
        fs::write(&path, "paus ").unwrap();
        assert_eq!(changed().as_deref(), Some("paus "));
        fs::write(folder.path().join("other"), "paus ").unwrap();
        fs::rename(folder.path().join("other"), &path).unwrap();
        assert_eq!(changed().as_deref(), Some("paus "));
        fs::remove_file(&path).unwrap();
        assert_eq!(changed(), None);
        fs::create_dir(&path).unwrap();
        assert!(file.changed().is_err());
    }

    #[test]
    fn a_file_that_could_not_be_read_for_a_while_is_read_when_it_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        fs::write(&path, "pause").unwrap();
        let mut file = ControlFile::new(&path);
        let fails = |_: &Path| Err(io::Error::other("no"));
        assert!(file.changed_by(fails).is_err());
        let long_ago = Instant::now().checked_sub(LATELY * 2).unwrap();
        file.changed = long_ago;
        assert!(file.changed_by(fails).is_err());
        file.changed = long_ago;
        assert_eq!(file.changed().unwrap().as_deref(), Some("pause"));
    }
}
