//! Java's strings: UTF-16 units, stored in "modified UTF-8". Source: `java.io.DataInput`, "Modified
//! UTF-8".

use crate::model::payload::reader::{Decoded, Reader};

/// Decodes a string in which NUL takes two bytes, and a character beyond U+FFFF is a surrogate pair
/// of three bytes each. The reader gives the position for errors.
pub(super) fn modified_utf_8(reader: &Reader, bytes: &[u8]) -> Decoded<String> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(text.to_owned());
    }
    let units = units(bytes).ok_or_else(|| reader.error("not modified UTF-8"))?;
    Ok(String::from_utf16_lossy(&units))
}

/// Decodes big-endian UTF-16 units.
pub(super) fn utf_16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn units(bytes: &[u8]) -> Option<Vec<u16>> {
    let mut units = Vec::new();
    let mut rest = bytes.iter().copied();
    while let Some(first) = rest.next() {
        let bits = u16::from(first);
        units.push(match first {
            0..=0x7f => bits,
            0xc0..=0xdf => (bits & 0x1f) << 6 | trailing(&mut rest)?,
            0xe0..=0xef => (bits & 0xf) << 12 | trailing(&mut rest)? << 6 | trailing(&mut rest)?,
            _ => return None,
        });
    }
    Some(units)
}

fn trailing(rest: &mut impl Iterator<Item = u8>) -> Option<u16> {
    let byte = rest.next()?;
    (byte & 0xc0 == 0x80).then_some(u16::from(byte & 0x3f))
}
