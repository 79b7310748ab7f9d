//! The bytes of a file as they were before compression, frame by frame: a gzip member or a zstd
//! frame is one batch, so that a cut-off one costs no more than that.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom};

use flate2::bufread::GzDecoder;
use zstd::stream::read::Decoder;

use super::format::Compression;

/// How much is decompressed at once, in bytes.
const CHUNK: usize = 64 << 10;
/// The most that a zstd frame may ask us to remember, as a power of two: 8 MiB, which is what
/// every level but the `--ultra` ones stays within.
const WINDOW_LOG: u32 = 23;
/// What frames begin with: gzip members of no name and time, and zstd.
const GZIP: &[u8] = &[0x1F, 0x8B, 8, 0, 0, 0, 0, 0];
const ZSTD: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];

/// What was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// More bytes.
    Data,
    /// The end of a frame, whose checksum is right.
    FrameEnd,
    /// The end of the file.
    End,
}

/// A file, decompressed on the way.
pub(super) struct Frames {
    state: Decoding,
    compression: Compression,
    /// Where the frame begins that is being read.
    began: u64,
}

enum Decoding {
    Between(CountingFile),
    Gzip(GzDecoder<CountingFile>),
    Zstd(Decoder<'static, CountingFile>),
    /// An error was met.
    Lost,
}

/// A file that knows how far it was read.
struct CountingFile {
    file: BufReader<File>,
    at: u64,
}

impl Frames {
    /// From the file's beginning.
    pub(super) fn new(mut file: File, compression: Compression) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let source = CountingFile { file: BufReader::with_capacity(CHUNK, file), at: 0 };
        Ok(Self { state: Decoding::Between(source), compression, began: 0 })
    }

    /// Where the frame begins that is being read; without compression, how far the file was read.
    pub(super) fn at(&self) -> u64 {
        match &self.state {
            Decoding::Between(source) => source.at,
            _ => self.began,
        }
    }

    /// Whether no frame is being read.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.state, Decoding::Between(_))
    }

    /// Appends what comes next.
    pub(super) fn fill(&mut self, into: &mut Vec<u8>) -> io::Result<Filled> {
        if let Decoding::Between(source) = &mut self.state {
            if source.fill_buf()?.is_empty() {
                return Ok(Filled::End);
            }
            self.began = source.at;
        }
        self.state = match (std::mem::replace(&mut self.state, Decoding::Lost), self.compression) {
            (Decoding::Between(source), Compression::Gzip) => {
                Decoding::Gzip(GzDecoder::new(source))
            }
            (Decoding::Between(source), Compression::Zstd) => {
                let mut decoder = Decoder::with_buffer(source)?.single_frame();
                decoder.window_log_max(WINDOW_LOG)?;
                Decoding::Zstd(decoder)
            }
            (state, _) => state,
        };
        let start = into.len();
        into.resize(start + CHUNK, 0);
        let read = match &mut self.state {
            Decoding::Between(source) => read(source, &mut into[start..]),
            Decoding::Gzip(decoder) => read(decoder, &mut into[start..]),
            Decoding::Zstd(decoder) => read(decoder, &mut into[start..]),
            Decoding::Lost => Ok(0),
        };
        into.truncate(start + read.as_ref().copied().unwrap_or(0));
        if read? > 0 {
            return Ok(Filled::Data);
        }
        let source = match std::mem::replace(&mut self.state, Decoding::Lost) {
            Decoding::Between(source) => source,
            Decoding::Gzip(decoder) => decoder.into_inner(),
            Decoding::Zstd(decoder) => decoder.finish(),
            Decoding::Lost => return Ok(Filled::End),
        };
        self.state = Decoding::Between(source);
        Ok(Filled::FrameEnd)
    }
}

fn read(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Whether another frame seems to begin after `began`: then the one there is not the last, and that
/// it does not end is no cut-off tail.
pub(super) fn another_follows(
    mut file: &File,
    compression: Compression,
    began: u64,
) -> io::Result<bool> {
    let magic = match compression {
        Compression::None => return Ok(false),
        Compression::Gzip => GZIP,
        Compression::Zstd => ZSTD,
    };
    // From the second byte, as this frame begins with the same magic number.
    file.seek(SeekFrom::Start(began + 1))?;
    let mut bytes = Vec::with_capacity(2 * CHUNK);
    loop {
        let read = Read::by_ref(&mut file).take(CHUNK as u64).read_to_end(&mut bytes)?;
        if bytes.windows(magic.len()).any(|some| some == magic) {
            return Ok(true);
        }
        if read == 0 {
            return Ok(false);
        }
        // A magic number can lie across two chunks.
        bytes.drain(..bytes.len().saturating_sub(magic.len() - 1));
    }
}

impl Read for CountingFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl BufRead for CountingFile {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes as u64;
        self.file.consume(bytes);
    }
}
