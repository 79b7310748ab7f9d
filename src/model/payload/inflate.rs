//! Decompresses zlib with limits, because a kilobyte may expand to a gigabyte.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

use super::reader::{Decoded, Reader};

/// The maximum decompressed size.
const INFLATED_MAX: usize = 16 << 20;
/// The maximum ratio of the decompressed size to the compressed size, for sizes above
/// `INFLATED_SMALL`.
const INFLATED_RATIO: usize = 100;
const INFLATED_SMALL: usize = 64 << 10;

pub fn inflate(reader: &Reader, bytes: &[u8]) -> Decoded<Vec<u8>> {
    let limit = bytes.len().saturating_mul(INFLATED_RATIO).clamp(INFLATED_SMALL, INFLATED_MAX);
    let mut inflated = Vec::new();
    let mut decoder = ZlibDecoder::new(bytes).take(limit as u64 + 1);
    decoder
        .read_to_end(&mut inflated)
        .map_err(|error| reader.error(format!("invalid zlib data: {error}")))?;
    if inflated.len() > limit {
        return Err(reader.error(format!("zlib data expands to more than {limit} bytes")));
    }
    Ok(inflated)
}
