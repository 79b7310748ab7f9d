//! Numbers, texts and structs as gob spells them.

use crate::model::payload::reader::{Decoded, Reader};

/// The fields of a struct, each behind its distance from the one before, up to a zero.
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
            return Err(reader.error("a field beyond all structs"));
        };
        next = after;
        read(reader, next - 1)?;
    }
}

/// A number below 128 is a byte; others are the negated count of their big-endian bytes before
/// those.
pub fn read_uint(reader: &mut Reader) -> Decoded<u64> {
    let first = reader.byte()?;
    if first < 0x80 {
        return Ok(u64::from(first));
    }
    let width = usize::from(first.wrapping_neg());
    if width > 8 {
        return Err(reader.error(format!("a number of {width} bytes")));
    }
    let bytes = reader.take(width)?;
    Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The lowest bit says whether the others are complemented.
pub fn read_int(reader: &mut Reader) -> Decoded<i64> {
    let number = read_uint(reader)?;
    let half = (number >> 1).cast_signed();
    Ok(if number & 1 == 1 { !half } else { half })
}

/// The bytes of a float are reversed, as those of common numbers end in zeros.
pub fn read_float(reader: &mut Reader) -> Decoded<f64> {
    Ok(f64::from_bits(read_uint(reader)?.swap_bytes()))
}

pub fn read_length(reader: &mut Reader) -> Decoded<usize> {
    let start = reader.clone();
    let length = read_uint(reader)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= reader.rest().len());
    length.ok_or_else(|| start.error("a length past the end"))
}

/// Of items, which take a byte each at least.
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
