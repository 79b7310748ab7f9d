//! The format of an archive, which its name says.

use std::path::Path;

use crate::error::{Error, Result};

/// What the name of an archive may end with, for people.
pub const ENDINGS: &str = ".bson or .ndjson, or either of them and .gz or .zst";

/// How documents are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As they are, one after the other; `mongorestore` reads that.
    Bson,
    /// As canonical Extended JSON v2, one a line.
    Ndjson,
}

/// How a batch is compressed: by itself, so that those before it need nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Into a gzip member.
    Gzip,
    /// Into a zstd frame.
    Zstd,
}

/// The format of an archive, which its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// How documents are written.
    pub encoding: Encoding,
    /// How batches of them are compressed.
    pub compression: Compression,
}

impl Format {
    /// The format that the name of `path` says.
    ///
    /// # Errors
    /// [`Error::Archive`], which names the endings.
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
                let what = format!("has a name that does not end with {ENDINGS}");
                return Err(Error::Archive { path: path.to_owned(), what });
            }
        };
        Ok(Self { encoding, compression })
    }
}
