//! The format of an archive, which its file name determines.

use std::path::Path;

use crate::error::{Error, Result};

/// The valid extensions of an archive, in words.
pub const ENDINGS: &str = ".bson or .ndjson, optionally followed by .gz or .zst";

/// The encoding of the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Plain BSON documents, one after another, which `mongorestore` can read.
    Bson,
    /// Canonical Extended JSON v2, one document per line.
    Ndjson,
}

/// How batches are compressed. Each batch is compressed separately, so that a damaged one does not
/// affect the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not compressed.
    None,
    /// Each batch is a gzip member.
    Gzip,
    /// Each batch is a zstd frame.
    Zstd,
}

/// The format of an archive, which its file name determines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The encoding of the documents.
    pub encoding: Encoding,
    /// The compression of the batches.
    pub compression: Compression,
}

impl Format {
    /// The format for the extension of `path`.
    ///
    /// # Errors
    /// [`Error::Archive`] if the extension is unknown. The message lists the valid ones.
    pub fn of(path: &Path) -> Result<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let (name, compression) = match name.rsplit_once('.') {
            Some((name, "gz")) => (name, Compression::Gzip),
            Some((name, "zst")) => (name, Compression::Zstd),
            _ => (&*name, Compression::None),
        };
        let encoding = match name.rsplit_once('.') {
            Some((_, "bson")) => Encoding::Bson,
            Some((_, "ndjson")) => Encoding::Ndjson,
            _ => {
                let what = format!("has no valid extension: expected {ENDINGS}");
                return Err(Error::Archive { path: path.to_owned(), what });
            }
        };
        Ok(Self { encoding, compression })
    }
}
