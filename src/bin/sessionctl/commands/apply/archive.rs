//! The archive, to which documents are saved before they are deleted or changed.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use sessionctl::Error;
use sessionctl::archive::Archive;
use sessionctl::error::reason;

use crate::console::failure::{Exit, Failure};
use crate::context::Context;

/// The archive of a purge.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Archive")]
pub struct ArchiveArgs {
    /// Save the documents of each batch to a new FILE first. Its name ends in .bson or .ndjson,
    /// optionally followed by .gz or .zst
    #[arg(long, value_name = "FILE")]
    archive: Option<PathBuf>,

    /// Append to FILE if it exists
    #[arg(long, requires = "archive")]
    archive_append: bool,
}

impl ArchiveArgs {
    pub fn is_wanted(&self) -> bool {
        self.archive.is_some()
    }

    /// Reports at once an unknown extension or an existing file.
    pub fn check(&self) -> Result<(), Failure> {
        let Some(path) = &self.archive else { return Ok(()) };
        sessionctl::archive::Format::of(path)
            .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        Ok(())
    }

    pub fn path(&self) -> Option<PathBuf> {
        self.archive.clone()
    }

    /// Fails before the question if the file cannot be written. A file to append to is opened. A new
    /// file is not created yet, because answering no must not leave an empty file behind.
    pub fn prepare(&self, context: &Context) -> sessionctl::Result<Option<Archive>> {
        let Some(path) = &self.archive else { return Ok(None) };
        if self.archive_append && path.exists() {
            return self.open(context, None);
        }
        if path.symlink_metadata().is_ok() && !self.archive_append {
            return Err(Error::ArchiveExists { path: path.clone() });
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        // This is all that can be checked without creating the file.
        access(folder, Access::WRITE_OK | Access::EXEC_OK).map(|()| None).map_err(|error| {
            let what = format!("could not be created: {}", reason(&error.into()));
            Error::Archive { path: path.clone(), what }
        })
    }

    /// The file, ready to be written; `prepared` is a file that was opened before.
    pub fn open(
        &self,
        context: &Context,
        prepared: Option<Archive>,
    ) -> sessionctl::Result<Option<Archive>> {
        let Some(path) = &self.archive else { return Ok(None) };
        if prepared.is_some() {
            return Ok(prepared);
        }
        if !self.archive_append {
            return Archive::create(path).map(Some);
        }
        let archive = Archive::append(path)?;
        if archive.cut() > 0 {
            let text = format!(
                "{} ended in the middle of a batch: the {} bytes of that batch were cut",
                path.display(),
                archive.cut()
            );
            context.note("note", text);
        }
        Ok(Some(archive))
    }
}
