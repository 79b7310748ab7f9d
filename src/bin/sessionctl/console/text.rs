//! Text for people. Ids, users and payloads come from anyone who can reach the site, so they are
//! made safe. Also formats numbers, sizes and durations.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use bson::DateTime;
pub use sessionctl::humanize::{counted, grouped};
use sessionctl::payload::is_invisible;

/// Control characters, marks that change the direction of text, and invisible characters. A terminal
/// would interpret them, or show something else than the text.
fn is_hostile(letter: char) -> bool {
    // They choose between forms of a letter or an emoji that is shown.
    let selects = matches!(letter, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}');
    letter.is_control()
        || matches!(letter, '\u{2028}' | '\u{2029}')
        || (is_invisible(letter) && !selects)
}

/// The joiners, which the writing of some languages and emoji need.
fn is_joiner(letter: char) -> bool {
    matches!(letter, '\u{200C}' | '\u{200D}')
}

/// The characters of a text, each with whether it is hostile there: a joiner is not between two
/// characters that are shown and that are not ASCII.
fn judged(text: &str) -> impl Iterator<Item = (char, bool)> {
    let joins =
        |letter: &char| !letter.is_ascii() && !letter.is_whitespace() && !is_hostile(*letter);
    let mut letters = text.chars().peekable();
    let mut before: Option<char> = None;
    std::iter::from_fn(move || {
        let letter = letters.next()?;
        let is_needed = is_joiner(letter)
            && before.as_ref().is_some_and(joins)
            && letters.peek().is_some_and(joins);
        before = Some(letter);
        Some((letter, is_hostile(letter) && !is_needed))
    })
}

/// Whether a text contains hostile characters.
pub fn has_hostile(text: &str) -> bool {
    judged(text).any(|(_, is_hostile)| is_hostile)
}

/// `text` with all hostile characters escaped as in JSON, but for those that are `kept`.
pub fn neutral_but(text: Cow<'_, str>, kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    // Nearly all texts are plain.
    if !text.contains(|letter| is_hostile(letter) && !kept(letter)) {
        return text;
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for (letter, is_hostile) in judged(&text) {
        if is_hostile && !kept(letter) { escape(letter, &mut safe) } else { safe.push(letter) }
    }
    Cow::Owned(safe)
}

/// `text` with all hostile characters escaped as in JSON.
pub fn neutral(text: &str) -> Cow<'_, str> {
    neutral_but(Cow::Borrowed(text), |_| false)
}

/// `text` without anything between `mongodb://` and `@`. A connection string that was given as a
/// file, a database or a command by mistake would otherwise be repeated with its password.
pub fn without_password(text: &str) -> Cow<'_, str> {
    let mut safe = String::new();
    let mut rest = text;
    while let Some(scheme) = ["mongodb://", "mongodb+srv://"]
        .iter()
        .filter_map(|scheme| Some(rest.find(scheme)? + scheme.len()))
        .min()
    {
        let (before, after) = rest.split_at(scheme);
        safe.push_str(before);
        let end = after.find(char::is_whitespace).unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(at) => {
                safe.push_str("...");
                &after[at..]
            }
            None => after,
        };
    }
    if safe.is_empty() {
        return Cow::Borrowed(text);
    }
    safe.push_str(rest);
    Cow::Owned(safe)
}

/// Appends `letter` as `\u` escapes: one, or a pair of surrogates.
pub fn escape(letter: char, into: &mut String) {
    for unit in letter.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        let _ = write!(into, "\\u{unit:04x}");
    }
}

/// `1 session`, `2 sessions`, `1,234,567 sessions`.
pub fn sessions(count: u64) -> String {
    counted(count, "session")
}

/// A share in percent, never rounded to 0 or 100 %.
pub fn percent(part: u64, all: u64) -> String {
    let share = part as f64 / all.max(1) as f64 * 100.0;
    match share {
        _ if part > 0 && share < 1.0 => "<1%".to_owned(),
        _ if part < all && share > 99.0 => ">99%".to_owned(),
        share => format!("{share:.0}%"),
    }
}

/// A size in a suitable unit.
pub fn byte_size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1000.0;
    let mut unit = 0;
    while amount >= 999.5 && unit + 1 < UNITS.len() {
        amount /= 1000.0;
        unit += 1;
    }
    let digits = if amount < 99.95 { 1 } else { 0 };
    format!("{amount:.digits$} {}", UNITS[unit])
}

/// How long ago or how far ahead, in the largest suitable unit.
pub fn relative(time: DateTime, now: DateTime) -> String {
    let millis = time.timestamp_millis().saturating_sub(now.timestamp_millis());
    let amount = short_duration(Duration::from_millis(millis.unsigned_abs()));
    if millis < 0 { format!("{amount} ago") } else { format!("in {amount}") }
}

/// The time since `earlier`; zero if it is later.
pub fn since(earlier: DateTime, now: DateTime) -> Duration {
    let millis = now.timestamp_millis().saturating_sub(earlier.timestamp_millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// A duration in the largest suitable unit.
pub fn short_duration(duration: Duration) -> String {
    const UNITS: [(u64, &str); 5] =
        [(31_536_000, "y"), (86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let seconds = duration.as_secs();
    // From two of a unit on, that unit is used; below, the next smaller one is more precise.
    let (size, name) = UNITS.into_iter().find(|(size, _)| seconds >= size * 2).unwrap_or((1, "s"));
    format!("{}{name}", seconds / size)
}

/// The duration of an action.
pub fn elapsed(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match duration.as_secs() {
        3600.. => format!("{} h {} min", duration.as_secs() / 3600, duration.as_secs() / 60 % 60),
        60.. => format!("{} min {} s", duration.as_secs() / 60, duration.as_secs() % 60),
        // Never zero.
        10.. => format!("{} s", duration.as_secs()),
        // Rounded down like longer ones.
        _ if seconds >= 9.95 => "9.9 s".to_owned(),
        _ if seconds < 0.095 => format!("{:.2} s", seconds.max(0.01)),
        _ => format!("{seconds:.1} s"),
    }
}

/// In the largest exact unit, such as `5m`, as our options accept it.
pub fn exact_duration(duration: Duration) -> String {
    in_whole(
        duration.as_millis(),
        [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")],
    )
}

/// The same for hours, for time slots that may be years away.
pub fn whole_hours(hours: u64) -> String {
    in_whole(hours.into(), [(8760, "y"), (24, "d"), (1, "h")])
}

/// The last unit divides everything.
fn in_whole<const N: usize>(amount: u128, units: [(u128, &str); N]) -> String {
    let fits = |(size, _): &&(u128, &str)| amount >= *size && amount.is_multiple_of(*size);
    let (size, name) = units.iter().find(fits).unwrap_or(&units[N - 1]);
    format!("{}{name}", amount / size)
}

/// One word for a shell. It contains no backslash, which shells and crons interpret differently.
pub fn shell_word(word: &str) -> Cow<'_, str> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,+@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r#"'"'"'"#)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_and_overrides_are_spelled_out_and_the_rest_is_kept() {
        assert_eq!(neutral("\u{1b}[31mred\r\n"), "\\u001b[31mred\\u000d\\u000a");
        assert_eq!(neutral("a\u{202e}b\u{9b}c"), "a\\u202eb\\u009bc");
        assert_eq!(neutral("\u{E0041}"), "\\udb40\\udc41");
        assert_eq!(neutral("Åsa 🎉 王小明"), "Åsa 🎉 王小明");
    }

    #[test]
    fn what_looks_like_nothing_is_spelled_out_unless_the_writing_needs_it() {
        let invisible =
            "\u{200B}\u{2060}\u{2064}\u{AD}\u{34F}\u{115F}\u{1160}\u{3164}\u{FFA0}\u{180B}\u{FFF9}";
        for letter in invisible.chars() {
            let name = format!("ad{letter}min");
            assert_eq!(neutral(&name), format!("ad\\u{:04x}min", u32::from(letter)));
            assert!(has_hostile(&name));
        }
        // Persian, Hindi, and emoji that are joined or have another form.
        for name in ["می\u{200C}خواهم", "क्\u{200D}ष", "👩\u{200D}🚀", "❤\u{FE0F}\u{200D}🔥"]
        {
            assert_eq!(neutral(name), name);
        }
        for name in ["ad\u{200D}min", "\u{200C}خ", "خ\u{200D}", "خ\u{200D}\u{200D}خ", "خ\u{200C}a"]
        {
            assert!(!neutral(name).contains(is_joiner), "{name}");
        }
    }

    #[test]
    fn a_connection_string_loses_its_password_wherever_it_stands() {
        assert_eq!(
            without_password("could not read mongodb://u:p@ss@h:1/d: not found, mongodb+srv://a@b"),
            "could not read mongodb://...@h:1/d: not found, mongodb+srv://...@b"
        );
        assert_eq!(without_password("form mongodb://host:port/x"), "form mongodb://host:port/x");
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(sessions(1), "1 session");
        assert_eq!(sessions(1_234_567), "1,234,567 sessions");
    }

    #[test]
    fn sizes_are_in_the_unit_that_says_enough() {
        assert_eq!(byte_size(0), "0 B");
        assert_eq!(byte_size(999), "999 B");
        assert_eq!(byte_size(1000), "1.0 kB");
        assert_eq!(byte_size(999_949), "1.0 MB");
        assert_eq!(byte_size(123_456_789), "123 MB");
        assert_eq!(byte_size(u64::MAX), "18447 PB");
    }

    #[test]
    fn a_share_is_never_rounded_to_nothing_or_to_everything() {
        assert_eq!(percent(0, 10), "0%");
        assert_eq!(percent(1, 1000), "<1%");
        assert_eq!(percent(999, 1000), ">99%");
        assert_eq!(percent(10, 10), "100%");
        assert_eq!(percent(0, 0), "0%");
    }

    #[test]
    fn times_are_relative_in_the_unit_that_says_enough() {
        let now = DateTime::from_millis(1_795_428_000_000);
        let at = |seconds: i64| {
            relative(DateTime::from_millis(now.timestamp_millis() + seconds * 1000), now)
        };
        assert_eq!(at(0), "in 0s");
        assert_eq!(at(-119), "119s ago");
        assert_eq!(at(7200), "in 2h");
        assert_eq!(at(-86_400 * 13), "13d ago");
        assert_eq!(at(86_400 * 800), "in 2y");
    }

    #[test]
    fn an_exact_duration_loses_nothing() {
        let exact = |millis| exact_duration(Duration::from_millis(millis));
        let said = [0, 1500, 90_000, 300_000, 172_800_000].map(exact);
        assert_eq!(said, ["0ms", "1500ms", "90s", "5m", "2d"]);
        assert_eq!([0, 47, 168, 8760].map(whole_hours), ["0h", "47h", "7d", "1y"]);
    }

    #[test]
    fn what_something_took_is_told_to_the_digit_that_matters() {
        let took = |millis| elapsed(Duration::from_millis(millis));
        assert_eq!([0, 42, 94, 95].map(took), ["0.01 s", "0.04 s", "0.09 s", "0.1 s"]);
        assert_eq!([420, 9_999, 59_900].map(took), ["0.4 s", "9.9 s", "59 s"]);
        assert_eq!([60_000, 3_599_999].map(took), ["1 min 0 s", "59 min 59 s"]);
        assert_eq!(took(7_320_000), "2 h 2 min");
    }

    proptest! {
        #[test]
        fn nothing_hostile_survives(text in any::<String>()) {
            prop_assert!(!has_hostile(&neutral(&text)));
        }
    }
}
