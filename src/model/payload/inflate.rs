//! zlib, within bounds: a kilobyte may claim to be a gigabyte.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

use super::reader::{Decoded, Reader};

/// At most this much comes out of zlib, and
const INFLATED_MAX: usize = 16 << 20;
/// at most this many times what went in, beyond what is small anyway.
const INFLATED_RATIO: usize = 100;
const INFLATED_SMALL: usize = 64 << 10;

pub fn inflate(reader: &Reader, bytes: &[u8]) -> Decoded<Vec<u8>> {
    let limit = bytes.len().saturating_mul(INFLATED_RATIO).clamp(INFLATED_SMALL, INFLATED_MAX);
    let mut inflated = Vec::new();
    let mut decoder = ZlibDecoder::new(bytes).take(limit as u64 + 1);
    decoder
        .read_to_end(&mut inflated)
        .map_err(|error| reader.error(format!("no zlib: {error}")))?;
    if inflated.len() > limit {
        return Err(reader.error(format!("it inflates to more than {limit} bytes: a zlib bomb")));
    }
    Ok(inflated)
}
