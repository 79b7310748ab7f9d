//! Reading an archive: document by document, in flat memory, up to what a broken-off write left.

use std::fmt;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use bson::raw::RawDocumentBuf;

use super::bson_check::{Checked, check, length};
use super::file::{Lock, in_use, is_regular, unusable};
use super::format::{Compression, Encoding, Format};
use super::frames::{Filled, Frames, another_follows};
use super::json::{LONGEST, Unread, parse};
use crate::error::{Error, Result};

/// The documents of an archive, one after the other. After an error comes nothing more.
pub struct Reader {
    path: PathBuf,
    format: Format,
    pub(super) file: File,
    /// While it is read, if this locked it.
    _lock: Option<Lock>,
    frames: Frames,
    /// What was decompressed, of which `taken` bytes are used up.
    buffer: Vec<u8>,
    taken: usize,
    /// How much of the buffer has no end of a line in it.
    searched: usize,
    read: u64,
    sound: Sound,
    phase: Phase,
    torn: u64,
}

/// How far an archive is known to be right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sound {
    /// Bytes of the file: whole documents, in whole frames.
    pub(super) bytes: u64,
    /// The documents in them.
    pub(super) documents: u64,
    /// Whether the last line lacks its end.
    pub(super) unended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Reading,
    /// The file is read; its last line may be left.
    Draining,
    Done,
}

/// What an archive holds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Contents {
    /// Its documents; where it is damaged, those that are certainly right.
    pub documents: u64,
    /// Bytes at its end that are not usable, because the write of the last batch broke off. Nothing
    /// is lost by that: what was not written and synced was not deleted.
    pub torn: u64,
    /// What is wrong with it, after those documents.
    pub damage: Option<Error>,
}

impl Contents {
    /// Reads through the archive at `path` and checks it; `seen` hears of each document.
    ///
    /// # Errors
    /// [`Error::Archive`] where it cannot be opened. What is wrong inside is its `damage`.
    pub fn of(path: &Path, seen: impl FnMut()) -> Result<Self> {
        Reader::open(path).map(|reader| Self::read(reader, seen))
    }

    /// Reads an archive through and checks it; `seen` hears of each document.
    pub fn read(mut reader: Reader, mut seen: impl FnMut()) -> Self {
        let damage = reader.by_ref().inspect(|_| seen()).find_map(Result::err);
        let documents = match damage {
            // What a checksum has not confirmed yet may be damaged too.
            Some(_) => reader.sound.documents,
            None => reader.read,
        };
        Self { documents, torn: reader.torn, damage }
    }
}

impl Reader {
    /// Opens the archive at `path`; its name says what is in it.
    ///
    /// # Errors
    /// [`Error::Archive`] where the name, or the file, is not one of an archive, or a purge is still
    /// writing it.
    pub fn open(path: &Path) -> Result<Self> {
        let format = Format::of(path)?;
        // Opening a pipe would wait for its other end.
        is_regular(path)?;
        let failed = |error: io::Error| unusable(path, "could not be opened", &error);
        let file = File::open(path).map_err(failed)?;
        // Where files cannot be locked there is nothing to respect.
        if let Err(fs4::TryLockError::WouldBlock) = fs4::FileExt::try_lock_shared(&file) {
            return Err(in_use(path));
        }
        let lock = Lock::of(&file).map_err(failed)?;
        Ok(Self { _lock: Some(lock), ..Self::over(path, file, format)? })
    }

    /// Reads plain lines of Extended JSON from the beginning of `file`, which errors call `name`.
    ///
    /// # Errors
    /// [`Error::Archive`] where it cannot be read.
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
            sound: Sound::default(),
            phase: Phase::Reading,
            torn: 0,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes at the end that are not usable, because the write of the last batch broke off. Known
    /// once everything was read.
    pub fn torn(&self) -> u64 {
        self.torn
    }

    pub(super) fn sound(&self) -> Sound {
        self.sound
    }

    fn advance(&mut self) -> Result<Option<RawDocumentBuf>> {
        loop {
            if let Some(document) = self.take()? {
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

    /// Remembers that everything so far is right, if it is known to be.
    fn mark(&mut self) {
        let rest = self.buffer.len() - self.taken;
        // Plain bytes are trusted document by document, compressed ones only after the checksum at
        // the end of their frame.
        let between = self.format.compression == Compression::None;
        let whole = self.phase == Phase::Draining || self.frames.is_between();
        if between || (whole && rest == 0) {
            let bytes = self.frames.at() - if between { rest as u64 } else { 0 };
            let unended = self.sound.unended;
            self.sound = Sound { bytes, documents: self.read, unended };
        }
    }

    /// The next document of the buffer, if all of it is there.
    fn take(&mut self) -> Result<Option<RawDocumentBuf>> {
        // Moving the rest only when half is used keeps the copying linear and the buffer small.
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
                .map_err(|length| self.damaged(&format!("a document of {length} bytes")))?;
            if let Some(bytes) = rest.get(..length) {
                if let Checked::Wrong(why) = check(bytes) {
                    return Err(self.damaged(&format!("a document that is none, {why}")));
                }
                let document = RawDocumentBuf::from_bytes(bytes.to_vec());
                let document = document.map_err(|_| self.damaged("a document that is none"))?;
                self.taken += length;
                return Ok(Some(document));
            }
        }
        if self.phase == Phase::Draining && !rest.is_empty() {
            if let Checked::Wrong(why) = check(rest) {
                return Err(self.damaged(&format!("a document that is none, {why}")));
            }
            self.tear()?;
        }
        Ok(None)
    }

    fn take_line(&mut self) -> Result<Option<RawDocumentBuf>> {
        loop {
            let rest = &self.buffer[self.taken..];
            // A long line arrives in chunks; what was searched for its end is not searched again.
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
                Err(Unread::Cut) => return Err(self.damaged("a line that is no JSON")),
                Err(Unread::Wrong(why)) => return Err(self.damaged(&why)),
            };
            self.taken += length + usize::from(end.is_some());
            self.searched = 0;
            self.sound.unended = end.is_none();
            if document.is_some() {
                return Ok(document);
            }
        }
    }

    /// A frame that cannot be decompressed: cut off, or damaged.
    fn broken(&mut self, error: &io::Error) -> Result<()> {
        // The operating system could not read: that says nothing about what the file holds.
        if error.raw_os_error().is_some() {
            return Err(unusable(&self.path, "could not be read", error));
        }
        let cut = error.kind() == io::ErrorKind::UnexpectedEof;
        // A write that broke off is the last thing in a file; a frame without an end before another
        // one is damage.
        match cut && !self.another_follows()? {
            true => self.tear(),
            false => Err(self.damaged("what was compressed there is not whole")),
        }
    }

    fn another_follows(&self) -> Result<bool> {
        another_follows(&self.file, self.format.compression, self.frames.at())
            .map_err(|error| unusable(&self.path, "could not be read", &error))
    }

    /// What is left is a batch whose write broke off.
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
            _ => format!("is damaged in what begins at byte {}: {found}", self.frames.at()),
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

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("path", &self.path).field("read", &self.read).finish()
    }
}
