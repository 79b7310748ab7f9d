//! Archive files, which a purge writes before it deletes, and a restore reads. Each batch is
//! written and synced as a whole: if a write breaks off, only that batch is lost, and it was not
//! deleted.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bson::RawDocument;
use bson::raw::RawDocumentBuf;
use flate2::write::GzEncoder;

use crate::error::{Error, Result, reason};

mod bson_check;
mod change;
mod file;
mod format;
mod frames;
mod json;
mod large_line;
mod reader;
#[cfg(test)]
mod tests;

pub(crate) use change::Update;
pub use change::{Change, Entry, Place, Superseded};
pub(crate) use file::is_in_use;
pub use format::{Compression, ENDINGS, Encoding, Format};
pub use json::line;
pub use reader::{Contents, Entries, Reader};

use bson_check::{Checked, check};
use file::{Lock, in_use, is_gone, is_regular, is_same_file, opening, sync_folder, unusable};

/// How many bytes to buffer before writing to the file.
const BUFFER: usize = 256 << 10;
/// The default of zstd.
const ZSTD_LEVEL: i32 = 3;

/// An archive that is open for writing. It is locked against other processes.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    format: Format,
    file: File,
    /// How many bytes of the file are certainly written.
    length: u64,
    cut: u64,
    /// Whether the last line lacks its newline. Another program wrote it.
    unended: bool,
    /// Whether another process removed or shortened it: what would be written now could not be read.
    spoilt: bool,
    /// What was done to the documents at its end, and what is done to the next ones.
    noted: Option<Change>,
    next: Option<Change>,
    _lock: Lock,
}

/// The result of writing a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a document that is not archived must not be deleted"]
pub struct Written {
    /// Whether each document is in the archive, in the order of the batch. A document is left out
    /// if the format cannot represent it without loss.
    pub archived: Vec<bool>,
}

impl Written {
    /// The number of archived documents.
    pub fn count(&self) -> u64 {
        self.archived.iter().filter(|archived| **archived).count() as u64
    }

    /// Whether all documents were archived.
    pub fn is_all(&self) -> bool {
        self.archived.iter().all(|archived| *archived)
    }
}

impl Archive {
    /// Creates a new archive that only its owner can read.
    ///
    /// # Errors
    /// [`Error::ArchiveExists`] if the file exists. [`Error::Archive`] if its name has no valid
    /// extension, or if it cannot be created, locked or synced.
    pub fn create(path: &Path) -> Result<Self> {
        let format = Format::of(path)?;
        // Never overwrites a file: it may hold the only copy of what an earlier purge deleted.
        let file = opening().create_new(true).open(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Error::ArchiveExists { path: path.to_owned() },
            _ => unusable(path, "could not be created", &error),
        })?;
        let archive = Self::over(path, format, file)?;
        archive.sync_new()?;
        Ok(archive)
    }

    /// Opens an archive to append to it, or creates it. An existing archive is read through first,
    /// and the remains of an interrupted write at its end are cut off.
    ///
    /// # Errors
    /// [`Error::Archive`] if the file is not a valid archive, is damaged other than by an
    /// interrupted write, is in use by another process, or cannot be created, read, cut or synced.
    pub fn append(path: &Path) -> Result<Self> {
        let format = Format::of(path)?;
        // Tries to create it before opening it, because a check would race with other processes.
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
        archive.noted = reader.noted();
        if archive.cut > 0 {
            let failed = |error: io::Error| unusable(path, "could not be truncated", &error);
            archive.file.set_len(archive.length).map_err(failed)?;
        }
        // Its creator may not have synced it.
        archive.sync_new()?;
        Ok(archive)
    }

    fn over(path: &Path, format: Format, file: File) -> Result<Self> {
        // Two writers would each mistake the other's batch for an interrupted one, and cut it off.
        fs4::FileExt::try_lock(&file).map_err(|error| match error {
            fs4::TryLockError::WouldBlock => in_use(path),
            fs4::TryLockError::Error(error) => unusable(path, "could not be locked", &error),
        })?;
        let lock =
            Lock::of(&file).map_err(|error| unusable(path, "could not be locked", &error))?;
        Ok(Self {
            path: path.to_owned(),
            format,
            file,
            length: 0,
            cut: 0,
            unended: false,
            spoilt: false,
            noted: None,
            next: None,
            _lock: lock,
        })
    }

    /// Syncs the file and its folder entry, so that both survive a power failure.
    fn sync_new(&self) -> Result<()> {
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let synced = self.file.sync_all().and_then(|()| sync_folder(folder));
        synced.map_err(|error| unusable(&self.path, "could not be synced", &error))
    }

    /// The path of the archive.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The format of the archive.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The length in bytes. All of it has been written and synced.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// How many bytes of an interrupted batch [`Archive::append`] cut off.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// Whether the path still refers to this file, as it was written: it was not moved, removed or
    /// shortened.
    pub fn is_in_place(&self) -> bool {
        let there = fs::metadata(&self.path).and_then(|there| Ok((there, self.file.metadata()?)));
        !self.spoilt && there.is_ok_and(|(there, open)| is_same_file(&there, &open))
    }

    /// Says what is done to the documents of the following batches: they are changed, or deleted.
    pub(crate) fn set_change(&mut self, change: Option<Change>) {
        self.next = change;
    }

    /// Appends a batch. When this returns, the batch is on disk, and the documents that are
    /// [`Written`] may be deleted. After an error, nothing of the batch counts as written, and the
    /// next write continues after the last complete batch. An archive that another process removed or
    /// shortened takes no more.
    ///
    /// # Errors
    /// [`Error::Archive`] if the batch cannot be written and synced, for example because the disk
    /// is full.
    pub fn write(&mut self, batch: &[&RawDocument]) -> Result<Written> {
        match self.write_at_end(batch) {
            Ok((written, length)) => {
                self.length = length;
                Ok(written)
            }
            Err(error) => {
                // Otherwise a restore would find part of a batch whose sessions were never deleted.
                // In a file that was shortened, the batches that follow would come after a gap.
                let taken_back = match self.spoilt {
                    true => Ok(()),
                    false => self.file.set_len(self.length).and_then(|()| self.file.sync_all()),
                };
                let and = match taken_back {
                    Ok(()) => "",
                    // The next append or restore detects it.
                    Err(_) => ", and the incomplete batch at its end could not be cut off",
                };
                let what = format!("could not be written: {}{and}", reason(&error));
                Err(Error::Archive { path: self.path.clone(), what })
            }
        }
    }

    fn write_at_end(&mut self, batch: &[&RawDocument]) -> io::Result<(Written, u64)> {
        let about = self.file.metadata()?;
        // Data written to a removed file is lost when this process ends, but its sessions would be
        // deleted nevertheless.
        self.spoilt |= is_gone(&about) || about.len() < self.length;
        if self.spoilt {
            return Err(io::Error::other("another process removed or shortened it"));
        }
        if about.len() > self.length {
            // The remains of a failed write that could not be cut off.
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
                // zstd adds no checksum by default. Without one, damage can be read as data.
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
            // Avoids empty frames.
            self.file.set_len(self.length)?;
            return Ok((written, self.length));
        }
        // Flushes the data and the new length, but not the timestamps, which no reader needs.
        self.file.sync_data()?;
        self.unended = false;
        self.noted.clone_from(&self.next);
        let length = self.file.stream_position()?;
        Ok((written, length))
    }

    fn encode(&self, batch: &[&RawDocument], out: &mut impl Write) -> io::Result<Vec<bool>> {
        if self.unended {
            out.write_all(b"\n")?;
        }
        let mut note = match self.noted == self.next {
            true => None,
            false => Some(Change::note(self.next.as_ref()).map_err(io::Error::other)?),
        };
        let mut encode = |document: &&RawDocument| {
            let line;
            let bytes = match self.format.encoding {
                Encoding::Bson => {
                    // A document that a restore cannot read must not count as archived.
                    Some(document.as_bytes()).filter(|bytes| check(bytes) == Checked::Whole)
                }
                Encoding::Ndjson => {
                    line = json::line(document);
                    line.as_deref()
                }
            };
            let Some(bytes) = bytes else { return Ok(false) };
            if let Some(note) = note.take() {
                out.write_all(&self.encoded(&note)?)?;
            }
            out.write_all(bytes).map(|()| true)
        };
        batch.iter().map(&mut encode).collect()
    }

    fn encoded(&self, note: &RawDocumentBuf) -> io::Result<Vec<u8>> {
        match self.format.encoding {
            Encoding::Bson => Ok(note.as_bytes().to_vec()),
            Encoding::Ndjson => {
                json::line(note).ok_or_else(|| io::Error::other("what is done cannot be noted"))
            }
        }
    }
}
