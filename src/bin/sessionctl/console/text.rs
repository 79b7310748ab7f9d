//! Making text safe to show: ids, users and payloads are written by whoever can reach the site.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Control characters and marks that turn the direction of text: a terminal would obey them, and
/// what is seen would not be what is there.
pub fn is_hostile(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}' | '\u{2029}'
            | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
            // Tags: invisible letters.
            | '\u{E0000}'..='\u{E007F}')
}

/// `text` with everything hostile spelled out as in JSON.
pub fn neutral(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if is_hostile(letter) { escape(letter, &mut safe) } else { safe.push(letter) }
    }
    Cow::Owned(safe)
}

/// `text` without what stands between `mongodb://` and `@`: a connection string given for a file, a
/// database or a command by mistake would be repeated with its password.
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

/// `1 noun`, `2,000 nouns`.
pub fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

/// Digits in groups of three.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
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
    fn a_connection_string_loses_its_password_wherever_it_stands() {
        assert_eq!(
            without_password("could not read mongodb://u:p@ss@h:1/d: not found, mongodb+srv://a@b"),
            "could not read mongodb://...@h:1/d: not found, mongodb+srv://...@b"
        );
        assert_eq!(without_password("form mongodb://host:port/x"), "form mongodb://host:port/x");
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(sessions(1), "1 session");
    }

    proptest! {
        #[test]
        fn nothing_hostile_survives(text in any::<String>()) {
            prop_assert!(!neutral(&text).contains(is_hostile));
        }
    }
}
