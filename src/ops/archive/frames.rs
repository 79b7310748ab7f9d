//! Decompresses a file frame by frame. A gzip member or a zstd frame is one batch, so a truncated
//! frame affects only that batch.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom};

use flate2::bufread::GzDecoder;
use zstd::stream::read::Decoder;

use super::format::Compression;

/// How many bytes to decompress at once.
const CHUNK: usize = 64 << 10;
/// The largest window that a zstd frame may request, as a power of two: 8 MiB, which is enough for
/// every level except the `--ultra` ones.
const WINDOW_LOG: u32 = 23;
/// The first bytes of a frame: of a gzip member without name and time, and of a zstd frame.
const GZIP: &[u8] = &[0x1F, 0x8B, 8, 0, 0, 0, 0, 0];
const ZSTD: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// More bytes.
    Data,
    /// The end of a frame. Its checksum is correct.
    FrameEnd,
    /// The end of the file.
    End,
}

/// A file, decompressed as it is read.
pub(super) struct Frames {
    state: Decoding,
    compression: Compression,
    /// Where the current frame begins.
    began: u64,
}

enum Decoding {
    Between(CountingFile),
    Gzip(GzDecoder<CountingFile>),
    Zstd(Decoder<'static, CountingFile>),
    /// After an error.
    Lost,
}

/// A file that counts how many bytes were read.
struct CountingFile {
    file: BufReader<File>,
    at: u64,
}

impl Frames {
    /// Starts at the beginning of the file.
    pub(super) fn new(mut file: File, compression: Compression) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let source = CountingFile { file: BufReader::with_capacity(CHUNK, file), at: 0 };
        Ok(Self { state: Decoding::Between(source), compression, began: 0 })
    }

    /// Where the current frame begins. Without compression, how far the file was read.
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

    /// Appends the next bytes to `into`.
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

/// Whether another frame seems to follow the one at `began`. If so, an incomplete frame is damage
/// rather than a truncated tail.
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
    // From the second byte, because this frame begins with the same magic number.
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
        // A magic number can span two chunks.
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
