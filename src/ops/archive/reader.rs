//! Reads an archive document by document, in constant memory, up to the remains of an interrupted
//! write.

use std::fmt;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bson::raw::RawDocumentBuf;

use super::bson_check::{Checked, check, length};
use super::change::{Change, Entry, Superseded};
use super::file::{Lock, in_use, is_regular, unusable};
use super::format::{Compression, Encoding, Format};
use super::frames::{Filled, Frames, another_follows};
use super::json::{LARGE, LONGEST, Unread, parse};
use crate::error::{Error, Result};

/// The documents of an archive, in order. The iterator ends after an error.
pub struct Reader {
    path: PathBuf,
    format: Format,
    pub(super) file: File,
    /// The lock on the file, if this reader took it.
    _lock: Option<Lock>,
    frames: Frames,
    /// Decompressed bytes, of which the first `taken` have been consumed.
    buffer: Vec<u8>,
    taken: usize,
    /// How many bytes of the rest are known to contain no newline.
    searched: usize,
    read: u64,
    /// What was done to the documents that are read now, and to those that are known to be valid.
    change: Option<Arc<Change>>,
    sound_change: Option<Arc<Change>>,
    sound: Sound,
    phase: Phase,
    torn: u64,
}

/// How much of an archive is known to be valid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sound {
    /// The bytes of the file that are complete documents in complete frames.
    pub(super) bytes: u64,
    /// The number of those documents.
    pub(super) documents: u64,
    /// Whether the last line lacks its newline.
    pub(super) unended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Reading,
    /// The end of the file was reached; its last line may remain.
    Draining,
    Done,
}

/// The contents of an archive.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Contents {
    /// The number of documents. If the archive is damaged, only those before the damage that are
    /// known to be valid.
    pub documents: u64,
    /// The number of unusable bytes at the end, because the write of the last batch broke off. No
    /// session is lost: what was not written and synced was not deleted.
    pub torn: u64,
    /// The damage after those documents, if any.
    pub damage: Option<Error>,
    /// The documents that later copies of the same session replace.
    pub superseded: Superseded,
}

impl Contents {
    /// Reads and checks the whole archive at `path`. `seen` is called for each document.
    ///
    /// # Errors
    /// [`Error::Archive`] if it cannot be opened. Damage inside is reported in `damage`.
    pub fn of(path: &Path, seen: impl FnMut()) -> Result<Self> {
        Reader::open(path).map(|reader| Self::read(reader, seen))
    }

    /// Reads and checks a whole archive. `seen` is called for each document.
    pub fn read(reader: Reader, mut seen: impl FnMut()) -> Self {
        let (mut entries, mut superseded) = (reader.entries(), Superseded::default());
        let taken = |entry: &Result<Entry>| {
            seen();
            entry.iter().for_each(|entry| superseded.add(entry));
        };
        let damage = entries.by_ref().inspect(taken).find_map(Result::err);
        let Entries(reader) = entries;
        let documents = match damage {
            // Documents that no checksum has confirmed yet may be damaged too.
            Some(_) => reader.sound.documents,
            None => reader.read,
        };
        superseded.truncate(documents);
        Self { documents, torn: reader.torn, damage, superseded }
    }
}

impl Reader {
    /// Opens the archive at `path`. Its file name determines the format.
    ///
    /// # Errors
    /// [`Error::Archive`] if the name has no valid extension, if the file is not a regular file or
    /// cannot be opened, or if another process is writing it.
    pub fn open(path: &Path) -> Result<Self> {
        let format = Format::of(path)?;
        // Opening a pipe would block until the other end is opened.
        is_regular(path)?;
        let failed = |error: io::Error| unusable(path, "could not be opened", &error);
        let file = File::open(path).map_err(failed)?;
        // File systems without locks have no lock to wait for.
        if let Err(fs4::TryLockError::WouldBlock) = fs4::FileExt::try_lock_shared(&file) {
            return Err(in_use(path));
        }
        let lock = Lock::of(&file).map_err(failed)?;
        Ok(Self { _lock: Some(lock), ..Self::over(path, file, format)? })
    }

    /// Reads plain lines of Extended JSON from the start of `file`. Errors refer to it as `name`.
    ///
    /// # Errors
    /// [`Error::Archive`] if it cannot be read.
    pub fn of_lines(name: &Path, mut file: File) -> Result<Self> {
        let failed = |error: io::Error| unusable(name, "could not be read", &error);
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let format = Format { encoding: Encoding::Ndjson, compression: Compression::None };
        Self::over(name, file, format)
    }

    pub(super) fn over(path: &Path, file: File, format: Format) -> Result<Self> {
        let failed = |error: io::Error| unusable(path, "could not be read", &error);
        let reading = file.try_clone().map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            format,
            file,
            _lock: None,
            frames: Frames::new(reading, format.compression).map_err(failed)?,
            buffer: Vec::new(),
            taken: 0,
            searched: 0,
            read: 0,
            change: None,
            sound_change: None,
            sound: Sound::default(),
            phase: Phase::Reading,
            torn: 0,
        })
    }

    /// The path of the archive.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of unusable bytes at the end, because the write of the last batch broke off.
    /// Known once everything has been read.
    pub fn torn(&self) -> u64 {
        self.torn
    }

    pub(super) fn sound(&self) -> Sound {
        self.sound
    }

    /// What was done to the last documents, without those of a batch whose write broke off.
    pub(super) fn noted(&self) -> Option<Change> {
        let noted = if self.torn > 0 { &self.sound_change } else { &self.change };
        noted.as_deref().cloned()
    }

    /// The documents, with what was done to each.
    pub fn entries(self) -> Entries {
        Entries(self)
    }

    fn advance(&mut self) -> Result<Option<RawDocumentBuf>> {
        loop {
            if let Some(document) = self.take()? {
                if let Some(change) = Change::read(&document) {
                    let unknown = "a note of a later version: what was done is unknown";
                    self.change = change.map_err(|()| self.damaged(unknown))?.map(Arc::new);
                    continue;
                }
                self.read += 1;
                self.mark();
                return Ok(Some(document));
            }
            if self.phase == Phase::Draining {
                return Ok(None);
            }
            match self.frames.fill(&mut self.buffer) {
                Ok(Filled::Data) => {}
                Ok(Filled::FrameEnd) => self.mark(),
                Ok(Filled::End) => self.phase = Phase::Draining,
                Err(error) => return self.broken(&error).map(|()| None),
            }
        }
    }

    /// Records that everything read so far is valid, if that is known.
    fn mark(&mut self) {
        let rest = self.buffer.len() - self.taken;
        // Plain bytes are trusted document by document, compressed bytes only after the checksum at
        // the end of their frame.
        let between = self.format.compression == Compression::None;
        let whole = self.phase == Phase::Draining || self.frames.is_between();
        if between || (whole && rest == 0) {
            let bytes = self.frames.at() - if between { rest as u64 } else { 0 };
            let unended = self.sound.unended;
            self.sound = Sound { bytes, documents: self.read, unended };
            self.sound_change.clone_from(&self.change);
        }
    }

    /// The next document in the buffer, if it is complete.
    fn take(&mut self) -> Result<Option<RawDocumentBuf>> {
        // Moves the rest only when half is consumed, which keeps copying linear and the buffer
        // small.
        if self.taken > self.buffer.len() / 2 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        match self.format.encoding {
            Encoding::Bson => self.take_document(),
            Encoding::Ndjson => self.take_line(),
        }
    }

    fn take_document(&mut self) -> Result<Option<RawDocumentBuf>> {
        let rest = &self.buffer[self.taken..];
        if rest.len() >= 4 {
            let length = length(rest)
                .map_err(|length| self.damaged(&format!("impossible document length {length}")))?;
            if let Some(bytes) = rest.get(..length) {
                if let Checked::Wrong(why) = check(bytes) {
                    return Err(self.damaged(&format!("not a BSON document: {why}")));
                }
                let bytes = match length > LARGE {
                    // The buffer itself, rather than a copy.
                    true => {
                        self.buffer.drain(..self.taken);
                        self.taken = 0;
                        let rest = self.buffer.split_off(length);
                        std::mem::replace(&mut self.buffer, rest)
                    }
                    false => {
                        let bytes = bytes.to_vec();
                        self.taken += length;
                        bytes
                    }
                };
                let document = RawDocumentBuf::from_bytes(bytes);
                return document.map(Some).map_err(|_| self.damaged("not a BSON document"));
            }
        }
        if self.phase == Phase::Draining && !rest.is_empty() {
            if let Checked::Wrong(why) = check(rest) {
                return Err(self.damaged(&format!("not a BSON document: {why}")));
            }
            self.tear()?;
        }
        Ok(None)
    }

    fn take_line(&mut self) -> Result<Option<RawDocumentBuf>> {
        loop {
            let rest = &self.buffer[self.taken..];
            // A long line arrives in chunks. Bytes that were searched for a newline are not
            // searched again.
            let found =
                rest[self.searched.min(rest.len())..].iter().position(|byte| *byte == b'\n');
            let end = found.map(|at| at + self.searched);
            let length = end.unwrap_or(rest.len());
            if length > LONGEST {
                return Err(self.damaged("a line that is too long"));
            }
            if end.is_none() {
                self.searched = length;
                if self.phase != Phase::Draining {
                    return Ok(None);
                }
            }
            let line = &rest[..length];
            let blank = line.trim_ascii().is_empty();
            if blank && end.is_none() {
                self.taken = self.buffer.len();
                self.searched = 0;
                return Ok(None);
            }
            let document = match parse(line) {
                _ if blank => None,
                Ok(document) => Some(document),
                Err(Unread::Cut) if end.is_none() => return self.tear().map(|()| None),
                Err(Unread::Cut) => return Err(self.damaged("a line with invalid JSON")),
                Err(Unread::Wrong(why)) => return Err(self.damaged(&why)),
            };
            self.taken += length + usize::from(end.is_some());
            self.searched = 0;
            self.sound.unended = end.is_none();
            if length > LARGE {
                self.buffer.drain(..self.taken);
                self.buffer.shrink_to_fit();
                self.taken = 0;
            }
            if document.is_some() {
                return Ok(document);
            }
        }
    }

    /// Handles a frame that cannot be decompressed: it is truncated or damaged.
    fn broken(&mut self, error: &io::Error) -> Result<()> {
        // An error of the operating system says nothing about the contents of the file.
        if error.raw_os_error().is_some() {
            return Err(unusable(&self.path, "could not be read", error));
        }
        let cut = error.kind() == io::ErrorKind::UnexpectedEof;
        // An interrupted write can only be at the end of a file. An incomplete frame before another
        // one is damage.
        match cut && !self.another_follows()? {
            true => self.tear(),
            false => Err(self.damaged("the compressed data is corrupt")),
        }
    }

    fn another_follows(&self) -> Result<bool> {
        another_follows(&self.file, self.format.compression, self.frames.at())
            .map_err(|error| unusable(&self.path, "could not be read", &error))
    }

    /// Treats the rest as a batch whose write broke off.
    fn tear(&mut self) -> Result<()> {
        let length = self.file.metadata();
        let length =
            length.map_err(|error| unusable(&self.path, "could not be read", &error))?.len();
        self.torn = length.saturating_sub(self.sound.bytes);
        self.buffer.clear();
        self.taken = 0;
        self.phase = Phase::Done;
        Ok(())
    }

    fn damaged(&self, found: &str) -> Error {
        let rest = (self.buffer.len() - self.taken) as u64;
        let what = match self.format.compression {
            Compression::None => {
                format!("is damaged at byte {}: {found}", self.frames.at().saturating_sub(rest))
            }
            _ => {
                format!("is damaged in the compressed frame at byte {}: {found}", self.frames.at())
            }
        };
        Error::Archive { path: self.path.clone(), what }
    }
}

impl Iterator for Reader {
    type Item = Result<RawDocumentBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.phase == Phase::Done {
            return None;
        }
        let next = self.advance().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.phase = Phase::Done;
        }
        next
    }
}

/// The documents of an archive, in order, with what was done to each. The iterator ends after an error.
#[derive(Debug)]
pub struct Entries(Reader);

impl Iterator for Entries {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self(reader) = self;
        let next = reader.next()?;
        Some(next.map(|document| Entry { document, change: reader.change.clone() }))
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("path", &self.path).field("read", &self.read).finish()
    }
}
