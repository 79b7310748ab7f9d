//! PHP's dates: `DateTime`, `DateTimeImmutable` and their subclasses, such as Carbon. Source:
//! php-src `ext/date/php_date.c`, `date_object_to_hash`; checked with PHP 8.2.

use crate::model::payload::json_repr;
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Map, Value};

/// The instant that an object represents. `date` is `2026-11-23 10:00:00.500000` in `timezone`,
/// which is an offset, an abbreviation or the name of a zone, depending on `timezone_type`. `None`
/// for abbreviations other than UTC, because many of them are ambiguous.
pub(super) fn date(object: &Map<String, Value>) -> Option<Value> {
    let date = object.get("date")?.as_str()?;
    let zone = object.get("timezone")?.as_str()?;
    let at = match object.get("timezone_type")?.as_u64()? {
        1 => format!("{date}{zone}").parse::<Timestamp>().ok()?,
        2 if !matches!(zone, "UTC" | "Z" | "GMT") => return None,
        2 => in_zone(date, "UTC")?,
        3 => in_zone(date, zone)?,
        _ => return None,
    };
    Some(json_repr::date(at))
}

fn in_zone(date: &str, zone: &str) -> Option<Timestamp> {
    Some(date.parse::<DateTime>().ok()?.in_tz(zone).ok()?.timestamp())
}
