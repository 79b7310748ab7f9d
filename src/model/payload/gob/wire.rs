//! Gob's encoding of numbers, strings and structs.

use crate::model::payload::reader::{Decoded, Reader};

/// Reads the fields of a struct. Each is preceded by the difference of its index to the last one; a
/// zero ends the struct.
pub fn read_fields<'a>(
    reader: &mut Reader<'a>,
    mut read: impl FnMut(&mut Reader<'a>, usize) -> Decoded<()>,
) -> Decoded<()> {
    let mut next = 0_usize;
    loop {
        let distance = read_uint(reader)?;
        if distance == 0 {
            return Ok(());
        }
        let distance = usize::try_from(distance).ok();
        let Some(after) = distance.and_then(|distance| next.checked_add(distance)) else {
            return Err(reader.error("field number overflow"));
        };
        next = after;
        read(reader, next - 1)?;
    }
}

/// A number below 128 is one byte. Others are the negated length, then that many big-endian bytes.
pub fn read_uint(reader: &mut Reader) -> Decoded<u64> {
    let first = reader.byte()?;
    if first < 0x80 {
        return Ok(u64::from(first));
    }
    let width = usize::from(first.wrapping_neg());
    if width > 8 {
        return Err(reader.error(format!("invalid number length {width}")));
    }
    let bytes = reader.take(width)?;
    Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// If the lowest bit is set, the other bits are complemented.
pub fn read_int(reader: &mut Reader) -> Decoded<i64> {
    let number = read_uint(reader)?;
    let half = (number >> 1).cast_signed();
    Ok(if number & 1 == 1 { !half } else { half })
}

/// The bytes of a float are reversed, because common numbers end in zero bytes.
pub fn read_float(reader: &mut Reader) -> Decoded<f64> {
    Ok(f64::from_bits(read_uint(reader)?.swap_bytes()))
}

pub fn read_length(reader: &mut Reader) -> Decoded<usize> {
    let start = reader.clone();
    let length = read_uint(reader)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= reader.rest().len());
    length.ok_or_else(|| start.error("length is past the end"))
}

/// The number of items. Each takes at least one byte, so the rest of the input limits it.
pub fn read_count(reader: &mut Reader) -> Decoded<usize> {
    read_length(reader)
}

pub fn read_bytes<'a>(reader: &mut Reader<'a>) -> Decoded<&'a [u8]> {
    let length = read_length(reader)?;
    reader.take(length)
}

pub fn read_text(reader: &mut Reader) -> Decoded<String> {
    Ok(String::from_utf8_lossy(read_bytes(reader)?).into_owned())
}
