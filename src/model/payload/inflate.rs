//! Decompresses payloads with limits, because a kilobyte may expand to a gigabyte.

use std::io::Read as _;

use flate2::read::{MultiGzDecoder, ZlibDecoder};

use super::reader::{Decoded, Reader};

/// The maximum decompressed size.
const INFLATED_MAX: usize = 16 << 20;
/// The maximum ratio of the decompressed size to the compressed size, for sizes above
/// `INFLATED_SMALL`.
const INFLATED_RATIO: usize = 100;
const INFLATED_SMALL: usize = 64 << 10;

/// The maximum window of zstd. A larger one is not needed for payloads, and would cost memory for
/// each payload.
const ZSTD_WINDOW_LOG: u32 = 24;

/// zlib.
pub fn inflate(reader: &Reader, bytes: &[u8]) -> Decoded<Vec<u8>> {
    read_all(reader, "zlib", bytes.len(), ZlibDecoder::new(bytes))
}

/// The compression of `bytes`, by their signature.
pub fn compression(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x1f, 0x8b, 8, ..] => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        // Deflate, with the check of the header's two bytes (RFC 1950).
        [first, second, ..]
            if *first & 0x8f == 8
                && (u16::from(*first) << 8 | u16::from(*second)).is_multiple_of(31) =>
        {
            Some("zlib")
        }
        _ => None,
    }
}

/// The decompressed bytes.
pub fn unpacked(how: &'static str, bytes: &[u8]) -> Decoded<Vec<u8>> {
    let reader = Reader::new(how, bytes);
    match how {
        "gzip" => read_all(&reader, how, bytes.len(), MultiGzDecoder::new(bytes)),
        "zstd" => {
            let decoder = zstd::stream::read::Decoder::with_buffer(bytes)
                .and_then(|mut decoder| decoder.window_log_max(ZSTD_WINDOW_LOG).map(|()| decoder));
            let decoder = decoder.map_err(|error| reader.error(format!("no zstd: {error}")))?;
            read_all(&reader, how, bytes.len(), decoder)
        }
        _ => inflate(&reader, bytes),
    }
}

fn read_all(
    reader: &Reader,
    how: &str,
    length: usize,
    decoder: impl std::io::Read,
) -> Decoded<Vec<u8>> {
    let limit = length.saturating_mul(INFLATED_RATIO).clamp(INFLATED_SMALL, INFLATED_MAX);
    let mut inflated = Vec::new();
    decoder
        .take(limit as u64 + 1)
        .read_to_end(&mut inflated)
        .map_err(|error| reader.error(format!("invalid {how} data: {error}")))?;
    if inflated.len() > limit {
        return Err(reader.error(format!("{how} data expands to more than {limit} bytes")));
    }
    Ok(inflated)
}
