//! Where documents are put aside before they are deleted.

use std::path::PathBuf;

use sessionctl::archive::Archive;

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

    /// Says at once that a name is of no format, or taken.
    pub fn check(&self) -> Result<(), Failure> {
        let Some(path) = &self.archive else { return Ok(()) };
        sessionctl::archive::Format::of(path)
            .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        Ok(())
    }

    /// The file, ready to be written.
    pub fn open(&self, context: &Context) -> sessionctl::Result<Option<Archive>> {
        let Some(path) = &self.archive else { return Ok(None) };
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
