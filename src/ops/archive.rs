//! Archive files: what a purge puts aside before it deletes, batch by batch, and what a restore
//! reads. A batch is written and synced as a whole, so a write that breaks off costs no more than
//! that batch, which was then not deleted either.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bson::RawDocument;
use flate2::write::GzEncoder;

use crate::error::{Error, Result, reason};

mod bson_check;
mod file;
mod format;
mod frames;
mod json;
mod reader;
#[cfg(test)]
mod tests;

pub use format::{Compression, ENDINGS, Encoding, Format};
pub use reader::{Contents, Reader};

use bson_check::{Checked, check};
use file::{Lock, in_use, is_gone, is_regular, is_same_file, opening, sync_folder, unusable};

/// How many bytes are collected before the file is written to.
const BUFFER: usize = 256 << 10;
/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;

/// An archive that is being written. No other process can write it meanwhile.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    format: Format,
    file: File,
    /// The length in bytes of what is certainly written.
    length: u64,
    cut: u64,
    /// Whether the last line was written by somebody who did not end it.
    unended: bool,
    _lock: Lock,
}

/// What became of each document of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a document that is not archived must not be deleted"]
pub struct Written {
    /// In the order of the batch: whether the document is in the archive. One that has no lossless
    /// form there is not.
    pub archived: Vec<bool>,
}

impl Written {
    /// How many are in the archive.
    pub fn count(&self) -> u64 {
        self.archived.iter().filter(|archived| **archived).count() as u64
    }

    /// Whether all of them are.
    pub fn is_all(&self) -> bool {
        self.archived.iter().all(|archived| *archived)
    }
}

impl Archive {
    /// Makes a new archive, which nobody but its owner can read.
    ///
    /// # Errors
    /// [`Error::ArchiveExists`] where there is a file of that name; [`Error::Archive`].
    pub fn create(path: &Path) -> Result<Self> {
        let format = Format::of(path)?;
        // Never over a file that exists: it may hold the only copy of what an earlier purge
        // deleted.
        let file = opening().create_new(true).open(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Error::ArchiveExists { path: path.to_owned() },
            _ => unusable(path, "could not be created", &error),
        })?;
        let archive = Self::over(path, format, file)?;
        archive.sync_new()?;
        Ok(archive)
    }

    /// Opens an archive to add to it, or makes a new one. First it is read through, and what a write
    /// that broke off left at its end is cut.
    ///
    /// # Errors
    /// [`Error::Archive`], also where it is damaged in another way.
    pub fn append(path: &Path) -> Result<Self> {
        let format = Format::of(path)?;
        // Created first and opened second: a check before that could be outrun by another process.
        match Self::create(path) {
            Err(Error::ArchiveExists { .. }) => {}
            created => return created,
        }
        is_regular(path)?;
        let failed = |error: io::Error| unusable(path, "could not be opened", &error);
        let mut archive = Self::over(path, format, opening().open(path).map_err(failed)?)?;
        let reading = archive.file.try_clone().map_err(failed)?;
        let mut reader = Reader::over(path, reading, format)?;
        if let Some(damage) = reader.by_ref().find_map(Result::err) {
            return Err(damage);
        }
        archive.cut = reader.torn();
        archive.length = match archive.cut {
            0 => archive.file.metadata().map_err(failed)?.len(),
            _ => reader.sound().bytes,
        };
        archive.unended = reader.sound().unended;
        if archive.cut > 0 {
            let failed = |error: io::Error| unusable(path, "could not be cut", &error);
            archive.file.set_len(archive.length).map_err(failed)?;
        }
        // Whoever made it may not have synced it.
        archive.sync_new()?;
        Ok(archive)
    }

    fn over(path: &Path, format: Format, file: File) -> Result<Self> {
        // Each of two writers would take the batch of the other for one that broke off, and cut it.
        fs4::FileExt::try_lock(&file).map_err(|error| match error {
            fs4::TryLockError::WouldBlock => in_use(path),
            fs4::TryLockError::Error(error) => unusable(path, "could not be locked", &error),
        })?;
        let lock =
            Lock::of(&file).map_err(|error| unusable(path, "could not be locked", &error))?;
        let path = path.to_owned();
        Ok(Self { path, format, file, length: 0, cut: 0, unended: false, _lock: lock })
    }

    /// The file and its name survive a power cut.
    fn sync_new(&self) -> Result<()> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let synced = self.file.sync_all().and_then(|()| sync_folder(folder));
        synced.map_err(|error| unusable(&self.path, "could not be synced", &error))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Its length in bytes, all of it written and synced.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Bytes of a batch whose write had broken off, which [`Archive::append`] cut.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// Whether its path still leads to it: nobody moved or removed the file.
    pub fn is_in_place(&self) -> bool {
        let there = fs::metadata(&self.path).and_then(|there| Ok((there, self.file.metadata()?)));
        there.is_ok_and(|(there, open)| is_same_file(&there, &open))
    }

    /// Adds a batch: when this returns, it is on the disk, and what is [`Written`] may be deleted.
    /// After an error nothing of the batch counts as written; another attempt begins where the last
    /// good one ended.
    ///
    /// # Errors
    /// [`Error::Archive`], such as where the disk is full.
    pub fn write(&mut self, batch: &[&RawDocument]) -> Result<Written> {
        match self.write_at_end(batch) {
            Ok((written, length)) => {
                self.length = length;
                Ok(written)
            }
            Err(error) => {
                // Otherwise a restore would find half a batch whose sessions were never deleted.
                let taken_back = self.file.set_len(self.length).and_then(|()| self.file.sync_all());
                let and = match taken_back {
                    Ok(()) => "",
                    // The next one who appends, or restores, finds it.
                    Err(_) => ", and the part of a batch at its end could not be cut",
                };
                let what = format!("could not be written: {}{and}", reason(&error));
                Err(Error::Archive { path: self.path.clone(), what })
            }
        }
    }

    fn write_at_end(&mut self, batch: &[&RawDocument]) -> io::Result<(Written, u64)> {
        let about = self.file.metadata()?;
        // What is written into a removed file is lost when this process ends, but its sessions
        // would be deleted all the same.
        if is_gone(&about) || about.len() < self.length {
            return Err(io::Error::other("another process removed or shortened it"));
        }
        if about.len() > self.length {
            // What an attempt left that could not be taken back.
            self.file.set_len(self.length)?;
        }
        self.file.seek(SeekFrom::Start(self.length))?;
        let mut out = BufWriter::with_capacity(BUFFER, &self.file);
        let archived = match self.format.compression {
            Compression::None => self.encode(batch, &mut out)?,
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(&mut out, flate2::Compression::fast());
                let archived = self.encode(batch, &mut encoder)?;
                encoder.finish()?;
                archived
            }
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(&mut out, ZSTD_LEVEL)?;
                // Without a checksum, which zstd does not add by itself, damage can be read as
                // data.
                encoder.include_checksum(true)?;
                let archived = self.encode(batch, &mut encoder)?;
                encoder.finish()?;
                archived
            }
        };
        out.flush()?;
        drop(out);
        let written = Written { archived };
        if written.count() == 0 {
            // No empty frames.
            self.file.set_len(self.length)?;
            return Ok((written, self.length));
        }
        // Flushes the new length along with the data, but not the times, which no reader needs.
        self.file.sync_data()?;
        self.unended = false;
        let length = self.file.stream_position()?;
        Ok((written, length))
    }

    fn encode(&self, batch: &[&RawDocument], out: &mut impl Write) -> io::Result<Vec<bool>> {
        if self.unended {
            out.write_all(b"\n")?;
        }
        let encode = |document: &&RawDocument| {
            let line;
            let bytes = match self.format.encoding {
                Encoding::Bson => {
                    // What a restore could not read must not count as archived.
                    Some(document.as_bytes()).filter(|bytes| check(bytes) == Checked::Whole)
                }
                Encoding::Ndjson => {
                    line = json::line(document);
                    line.as_deref()
                }
            };
            bytes.map(|bytes| out.write_all(bytes)).transpose().map(|written| written.is_some())
        };
        batch.iter().map(encode).collect()
    }
}
