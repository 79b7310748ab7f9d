//! Numbers, durations and sizes for people to read.

use std::time::Duration;

/// `1 noun`, `2,000 nouns`.
pub fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

/// Digits in groups of three.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A duration in the largest suitable unit.
pub fn lasting(duration: Duration) -> String {
    const UNITS: [(u64, &str); 4] =
        [(31_536_000, "year"), (86_400, "day"), (3600, "hour"), (60, "minute")];
    let seconds = duration.as_secs();
    if seconds == 0 && !duration.is_zero() {
        return format!("{} ms", duration.as_millis());
    }
    let (size, name) =
        UNITS.into_iter().find(|(size, _)| seconds >= size * 2).unwrap_or((1, "second"));
    counted(seconds / size, name)
}

/// A size in bytes, in the largest suitable unit.
pub fn sized(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match UNITS.into_iter().find(|(size, _)| bytes >= *size) {
        Some((size, name)) => format!("{:.1} {name}", bytes as f64 / size as f64),
        None => counted(bytes, "byte"),
    }
}

/// `62 %` of something; more than none is never 0 %.
pub fn percent(part: u64, whole: u64) -> String {
    match part.saturating_mul(100) / whole.max(1) {
        0 if part > 0 => "less than 1 %".to_owned(),
        share => format!("{share} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_people_say_them() {
        assert_eq!((grouped(0), grouped(999)), ("0".into(), "999".into()));
        assert_eq!(counted(1, "session"), "1 session");
        assert_eq!(counted(1_234_567, "session"), "1,234,567 sessions");
        assert_eq!(lasting(Duration::from_secs(90)), "90 seconds");
        assert_eq!(lasting(Duration::from_secs(3 * 86_400)), "3 days");
        assert_eq!(lasting(Duration::from_millis(300)), "300 ms");
        assert_eq!(sized(900), "900 bytes");
        assert_eq!(sized(15_000_000), "15.0 MB");
        assert_eq!((percent(1, 1000), percent(62, 100)), ("less than 1 %".into(), "62 %".into()));
    }
}
