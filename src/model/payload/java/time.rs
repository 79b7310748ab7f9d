//! Java's dates: `java.util.Date` and its subclasses, and `java.time`. Source: JDK 17
//! `java/util/Date.java` and `java/time/Ser.java`.

use crate::model::payload::json_repr;
use crate::model::payload::reader::{Decoded, Reader};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// A `java.util.Date` from its block: milliseconds since 1970. A `java.sql.Timestamp` stores the
/// fraction of the second as nanoseconds.
pub(super) fn date(block: &[u8], nanoseconds: i32) -> Option<Value> {
    let milliseconds = i64::from_be_bytes(block.try_into().ok()?);
    if nanoseconds == 0 {
        return json_repr::millis(milliseconds);
    }
    json_repr::seconds(milliseconds.div_euclid(1000), nanoseconds)
}

/// Decodes what `java.time.Ser` wrote for a `java.time` object. A date with an offset or a zone is
/// shown in UTC; one without is shown as it is, in ISO 8601.
pub(super) fn java_time(block: &[u8]) -> Option<Value> {
    let mut reader = Reader::new("java", block);
    shown(&mut reader).ok().flatten().filter(|_| reader.is_empty())
}

fn shown(reader: &mut Reader) -> Decoded<Option<Value>> {
    let text = match byte(reader)? {
        1 => return Ok(duration(long(reader)?, int(reader)?)),
        2 => return Ok(json_repr::seconds(long(reader)?, int(reader)?)),
        3 => local_date(reader)?,
        4 => local_time(reader)?,
        5 => local_date_time(reader)?,
        6 => {
            let at = moment(reader)?;
            zone(reader)?;
            return Ok(at);
        }
        7 => region(reader)?,
        8 => offset(reader)?,
        9 => format!("{}{}", local_time(reader)?, offset(reader)?),
        10 => return moment(reader),
        11 => format!("{:04}", int(reader)?),
        12 => format!("{:04}-{:02}", int(reader)?, byte(reader)?),
        13 => format!("--{:02}-{:02}", byte(reader)?, byte(reader)?),
        14 => format!("P{}Y{}M{}D", int(reader)?, int(reader)?, int(reader)?),
        _ => return Ok(None),
    };
    Ok(Some(Value::from(text)))
}

/// Java's nanoseconds count up from the second, even for negative durations.
fn duration(seconds: i64, nanoseconds: i32) -> Option<Value> {
    let nanoseconds = SignedDuration::from_nanos(nanoseconds.into());
    let duration = SignedDuration::from_secs(seconds).checked_add(nanoseconds)?;
    Some(Value::from(duration.to_string()))
}

/// A local date and time, followed by its offset.
fn moment(reader: &mut Reader) -> Decoded<Option<Value>> {
    let text = format!("{}{}", local_date_time(reader)?, offset(reader)?);
    Ok(Some(text.parse::<Timestamp>().map_or(Value::from(text), json_repr::date)))
}

fn local_date_time(reader: &mut Reader) -> Decoded<String> {
    Ok(format!("{}T{}", local_date(reader)?, local_time(reader)?))
}

fn local_date(reader: &mut Reader) -> Decoded<String> {
    Ok(format!("{:04}-{:02}-{:02}", int(reader)?, byte(reader)?, byte(reader)?))
}

/// The last part that is not zero is complemented, and the parts after it are omitted.
fn local_time(reader: &mut Reader) -> Decoded<String> {
    let mut parts = [0_i8; 3];
    for part in &mut parts {
        *part = byte(reader)?;
        if *part < 0 {
            *part = !*part;
            let [hour, minute, second] = parts;
            return Ok(format!("{hour:02}:{minute:02}:{second:02}"));
        }
    }
    let [hour, minute, second] = parts;
    let fraction = format!("{:09}", int(reader)?);
    Ok(format!("{hour:02}:{minute:02}:{second:02}.{}", fraction.trim_end_matches('0')))
}

/// A region or an offset, which repeats the offset of the moment.
fn zone(reader: &mut Reader) -> Decoded<String> {
    match byte(reader)? {
        7 => region(reader),
        8 => offset(reader),
        _ => Err(reader.error("expected a time zone")),
    }
}

fn region(reader: &mut Reader) -> Decoded<String> {
    let length = u16::from_be_bytes(reader.array()?);
    Ok(json_repr::name(reader.take(length.into())?))
}

/// Quarters of an hour, or 127 followed by seconds.
fn offset(reader: &mut Reader) -> Decoded<String> {
    let seconds = match byte(reader)? {
        127 => int(reader)?,
        quarters => i32::from(quarters) * 900,
    };
    if seconds == 0 {
        return Ok("Z".to_owned());
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let rest = if rest == 0 { String::new() } else { format!(":{rest:02}") };
    Ok(format!("{sign}{hours:02}:{minutes:02}{rest}"))
}

fn byte(reader: &mut Reader) -> Decoded<i8> {
    reader.array().map(i8::from_be_bytes)
}

fn int(reader: &mut Reader) -> Decoded<i32> {
    reader.array().map(i32::from_be_bytes)
}

fn long(reader: &mut Reader) -> Decoded<i64> {
    reader.array().map(i64::from_be_bytes)
}
