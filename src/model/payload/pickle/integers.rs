//! Integers of any size in pickles.

use crate::model::payload::json_repr;

/// A little-endian two's complement integer, if it fits into 64 bits.
pub fn small_long(bytes: &[u8]) -> Option<i64> {
    let fill = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    let mut wide = [fill; 8];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(wide))
}

/// A little-endian two's complement integer of any size, as text.
pub fn big_long(bytes: &[u8]) -> String {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut carry = negative;
    let mut magnitude = bytes.to_vec();
    for byte in magnitude.iter_mut().filter(|_| negative) {
        (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
    }
    magnitude.reverse();
    json_repr::digits(negative, &magnitude)
}
