//! The syntax of times and durations.

use std::time::Duration;

use bson::DateTime;
use jiff::{Timestamp, civil, tz::TimeZone};

/// A time as typed: absolute, or relative to the server's now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    At(DateTime),
    /// Milliseconds from now; negative is ago.
    FromNow(i64),
}

impl Time {
    pub fn resolve(self, now: DateTime) -> DateTime {
        match self {
            Self::At(time) => time,
            Self::FromNow(millis) => {
                DateTime::from_millis(now.timestamp_millis().saturating_add(millis))
            }
        }
    }
}

/// `60`, `90s`, `15m`, `1d12h`, `2w`, `500ms`.
pub fn duration(text: &str) -> Result<Duration, String> {
    // The largest unit comes first, and no unit is repeated: `12h1d` is probably a typing error.
    const UNITS: [(&str, u64); 6] = [
        ("w", 604_800_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    const FORMS: &str = "expected a number of seconds, or a duration such as 90s, 15m, 7d or 1d12h";
    // A thousand years. The server's dates go further, but no session lasts that long.
    const LONGEST: u64 = 31_536_000_000_000;
    let too_long = || "must not be longer than a thousand years".to_owned();
    let (mut rest, mut units) = (text, UNITS.as_slice());
    let mut total: u64 = 0;
    while !rest.is_empty() || total == 0 && units.len() == UNITS.len() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        let unit = if unit.is_empty() && number == text { "s" } else { unit };
        if number.is_empty() {
            return Err(FORMS.to_owned());
        }
        let at = units.iter().position(|(name, _)| *name == unit).ok_or(FORMS)?;
        let millis = number.parse::<u64>().ok().and_then(|number| number.checked_mul(units[at].1));
        let sum = millis.and_then(|millis| total.checked_add(millis));
        total = sum.filter(|total| *total <= LONGEST).ok_or_else(too_long)?;
        (rest, units) = (next, &units[at + 1..]);
    }
    Ok(Duration::from_millis(total))
}

/// A duration that is not zero.
pub fn interval(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|duration| match duration.is_zero() {
        true => Err("must be longer than zero".to_owned()),
        false => Ok(duration),
    })
}

/// A point in time, or a duration from now.
pub fn time(text: &str) -> Result<Time, String> {
    const FORMS: &str = "expected RFC 3339 with a zone (2026-11-23T10:00:00Z), a date (2026-11-23, \
                         midnight UTC), or a duration from now (-7d, +1h, -1d12h)";
    if let Some(ago) = text.strip_prefix('-') {
        return duration(ago).map(|ago| Time::FromNow(-(ago.as_millis() as i64)));
    }
    if let Some(ahead) = text.strip_prefix('+') {
        return duration(ahead).map(|ahead| Time::FromNow(ahead.as_millis() as i64));
    }
    let timestamp: Option<Timestamp> = match text.parse() {
        Ok(timestamp) => Some(timestamp),
        Err(_) if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => {
            // jiff also parses the date at the beginning of a longer text, and ignores the rest.
            let midnight = text.parse().ok().map(|date: civil::Date| date.at(0, 0, 0, 0));
            midnight.and_then(|midnight| TimeZone::UTC.to_timestamp(midnight).ok())
        }
        Err(_) => match text.parse() {
            Ok(clock) => {
                // A machine without a configured zone uses UTC.
                let here = TimeZone::try_system().unwrap_or(TimeZone::UTC);
                return Err(without_zone(clock, &here));
            }
            Err(_) => None,
        },
    };
    timestamp
        .map(|timestamp| Time::At(DateTime::from_millis(timestamp.as_millisecond())))
        .ok_or_else(|| match duration(text) {
            // Past times are more common.
            Ok(_) => format!("{FORMS}; did you mean -{text}?"),
            Err(_) => FORMS.to_owned(),
        })
}

/// The possible readings of a date and time without a zone. They are hours apart, so none is
/// chosen.
fn without_zone(clock: civil::DateTime, local: &TimeZone) -> String {
    let here = clock.to_zoned_datetime(local.clone()).map(|here| {
        let zone = here.time_zone().iana_name().unwrap_or("the zone of this machine");
        format!(" or {clock}{} ({zone})", here.strftime("%:z"))
    });
    let here = here.unwrap_or_default();
    format!("the time zone is missing: write {clock}Z (UTC){here}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_seconds_or_has_a_unit() {
        assert_eq!(duration("60"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        for wrong in ["", "s", "1y", "-1", "1.5h", "99999999999999999999", "9999999999w"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert!(interval("0").is_err());
    }

    #[test]
    fn a_duration_may_be_compound_from_the_largest_unit_down() {
        assert_eq!(duration("1d12h"), Ok(Duration::from_secs(36 * 3600)));
        assert_eq!(duration("2w1d3h4m5s6ms"), Ok(Duration::from_millis(1_307_045_006)));
        assert_eq!(duration("1m500ms"), Ok(Duration::from_millis(60_500)));
        assert_eq!(time("-1d12h"), Ok(Time::FromNow(-36 * 3_600_000)));
        for wrong in ["12h1d", "1d1d", "1d12", "12 h", "1d h", "1dh", "500w99999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_absolute_or_relative() {
        let ten = DateTime::from_millis(1_795_428_000_000);
        assert_eq!(time("2026-11-23T10:00:00Z"), Ok(Time::At(ten)));
        assert_eq!(time("2026-11-23T11:00:00+01:00"), Ok(Time::At(ten)));
        assert_eq!(time("2026-11-23"), Ok(Time::At(DateTime::from_millis(1_795_392_000_000))));
        assert_eq!(time("-7d"), Ok(Time::FromNow(-604_800_000)));
        assert_eq!(time("+1h"), Ok(Time::FromNow(3_600_000)));
        assert!(time("yesterday").is_err());
    }

    #[test]
    fn a_date_and_time_without_a_zone_is_an_error_that_shows_both_readings() {
        for text in ["2026-11-30T08:30:00", "2026-11-30 08:30:00", "2026-11-30T08:30"] {
            let said = time(text).unwrap_err();
            assert!(said.contains("2026-11-30T08:30:00Z (UTC) or 2026-11-30T08:30:00"), "{said}");
        }
        let clock = "2026-07-01T08:30:00".parse().unwrap();
        let stockholm = TimeZone::get("Europe/Stockholm").unwrap();
        assert_eq!(
            without_zone(clock, &stockholm),
            "the time zone is missing: write 2026-07-01T08:30:00Z (UTC) or \
             2026-07-01T08:30:00+02:00 (Europe/Stockholm)"
        );
        // Text after the date must not be ignored: this is not midnight.
        for text in ["2026-11-30T08:30:00[Europe/Stockholm]", "2026-11-30T", "2026-11-30 noon"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
