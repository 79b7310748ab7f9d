//! The archive of a restore: a file, or what stdin gave.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sessionctl::Error;
use sessionctl::archive::{Contents, Entry, Reader};
use sessionctl::error::reason;

/// The archive. It is read several times, first to check all of it.
#[derive(Debug)]
pub enum Source {
    File(PathBuf),
    /// A copy of stdin, in an unnamed file that disappears with this process.
    Stdin(File),
}

/// The name in errors and reports.
const STDIN: &str = "stdin";

impl Source {
    pub fn new(file: &Path) -> sessionctl::Result<Self> {
        if file != Path::new("-") {
            return Ok(Self::File(file.to_owned()));
        }
        let copied = tempfile::tempfile().and_then(|mut file| {
            io::copy(&mut io::stdin().lock(), &mut file)?;
            Ok(file)
        });
        copied.map(Self::Stdin).map_err(|error| {
            let what = format!("could not be copied to a temporary file: {}", reason(&error));
            Error::Archive { path: STDIN.into(), what }
        })
    }

    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin(_) => STDIN.to_owned(),
        }
    }

    pub fn open(&self) -> sessionctl::Result<Reader> {
        match self {
            Self::File(path) => Reader::open(path),
            Self::Stdin(file) => {
                let file = file.try_clone().map_err(|error| {
                    let what = format!("could not be read: {}", reason(&error));
                    Error::Archive { path: STDIN.into(), what }
                })?;
                Reader::of_lines(Path::new(STDIN), file)
            }
        }
    }

    /// The entries that can be restored, each session once.
    pub fn entries(
        &self,
        contents: &Arc<Contents>,
    ) -> sessionctl::Result<impl Iterator<Item = sessionctl::Result<Entry>> + Send + use<>> {
        let whole = usize::try_from(contents.documents).unwrap_or(usize::MAX);
        let entries = self.open()?.entries().take(whole);
        let contents = Arc::clone(contents);
        let mut place = contents.superseded.begin();
        Ok(entries.filter(move |entry| {
            entry.as_ref().map_or(true, |entry| contents.superseded.is_current(&mut place, entry))
        }))
    }
}
