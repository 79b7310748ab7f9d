//! JSON text.

use serde_json::Value;
use serde_json::error::Category;

use super::base64::either;
use super::reader::{DecodeError, Decoded, MAX_VALUES, Reader};

/// Values in shorter texts are not counted, because a text has no more values than bytes.
const SHORT: usize = 1 << 10;

/// How many times a payload may be wrapped, in quotes or in base64.
const WRAPPINGS: u8 = 3;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Decodes a payload that is JSON, including one with a byte order mark, or one that the
/// application encoded again as JSON or in base64.
pub fn json(text: &[u8]) -> Decoded<Value> {
    wrapped(text, WRAPPINGS)
}

/// `text` without the byte order mark that editors and .NET add.
pub fn unmarked(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

fn wrapped(text: &[u8], wrappings: u8) -> Decoded<Value> {
    let text = unmarked(text);
    let reader = Reader::new("json", text);
    if text.len() > MAX_VALUES {
        reader.clone().values(count(text))?;
    }
    // Unwraps only an object or an array: a string may just be a string.
    let inside = |text: &[u8]| {
        let inner = wrapped(text, wrappings.checked_sub(1)?).ok();
        inner.filter(|inner| inner.is_object() || inner.is_array())
    };
    match parse(&reader, text) {
        Ok(Value::String(text)) => Ok(inside(text.as_bytes()).unwrap_or(Value::String(text))),
        Err(error) => object_in_base64(text).and_then(|text| inside(&text)).ok_or(error),
        Ok(value) => Ok(value),
    }
}

fn object_in_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    // The first six bits of a brace. Most ciphertexts, which are long, begin differently.
    let text = Some(text).filter(|text| text.starts_with(b"e"))?;
    either(text).filter(|bytes| bytes.starts_with(b"{"))
}

/// Decodes the rest of `reader` as JSON.
pub fn read(reader: &mut Reader) -> Decoded<Value> {
    let text = reader.rest();
    reader.values(if text.len() > SHORT { count(text) } else { text.len() })?;
    parse(reader, text)
}

/// Decodes `text`, which is a part of valid JSON.
pub fn value(text: &str) -> Option<Value> {
    // Nearly every user is such text.
    let plain = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    if let Some(plain) = plain.filter(|plain| !plain.contains('\\')) {
        return Some(plain.into());
    }
    let value = serde_json::from_str(text);
    value.or_else(|_| serde_json::from_str(&repaired(text.as_bytes()))).ok()
}

/// An upper limit for the number of values and keys in `text`.
fn count(text: &[u8]) -> usize {
    let (mut count, mut in_string, mut escaped) = (1, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b',' | b':' | b'[' | b'{' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}

fn parse(reader: &Reader, text: &[u8]) -> Decoded<Value> {
    serde_json::from_slice(text).or_else(|error| {
        serde_json::from_str(&repaired(text)).map_err(|_| located(reader, text, &error))
    })
}

fn located(reader: &Reader, text: &[u8], error: &serde_json::Error) -> DecodeError {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    let mut reader = reader.clone();
    reader.skip(before + error.column());
    match error.classify() {
        Category::Eof => reader.error("the JSON is truncated"),
        _ if error.to_string().starts_with("recursion limit") => reader.error("nested too deeply"),
        _ => reader.error("invalid JSON"),
    }
}

/// Replaces what is not UTF-8 and unpaired surrogates with U+FFFD. JavaScript writes unpaired
/// surrogates when a string is cut within a character, and `serde_json` rejects them.
fn repaired(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut repaired = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(at) = rest.find('\\') {
        repaired.push_str(&rest[..at]);
        rest = &rest[at..];
        let kept = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => 0,
            _ => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        repaired.push_str(if kept == 0 { "\\ufffd" } else { &rest[..kept] });
        rest = &rest[if kept == 0 { 6 } else { kept }..];
    }
    repaired.push_str(rest);
    repaired
}

/// The UTF-16 unit of an escape such as `\u00e5`.
fn unit(escape: &str) -> Option<u16> {
    u16::from_str_radix(escape.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::payload::samples::{stored, survives_damage};

    fn refusal(text: &[u8]) -> String {
        super::json(text).unwrap_err().to_string()
    }

    #[test]
    fn a_text_that_breaks_off_is_undecodable_and_says_where() {
        let text = br#"{"cookie":{"originalMaxAge":null"#;
        assert_eq!(refusal(text), "json: the JSON is truncated at byte 32");
        assert_eq!(refusal(b"{\n \"a\": 1,\n \"b\": x }"), "json: invalid JSON at byte 18");
        assert_eq!(refusal(b""), "json: the JSON is truncated at byte 0");
    }

    #[test]
    fn a_plain_string_is_a_payload() {
        assert_eq!(super::json(br#""hello""#), Ok("hello".into()));
    }

    #[test]
    fn a_payload_that_was_encoded_again_is_read() {
        let plain = r#"{"user":"\u00e5sa/\"x"}"#;
        let value = super::json(plain.as_bytes()).unwrap();
        let quoted = |text: &str| Value::from(text).to_string();
        let base64 = "eyJ1c2VyIjoiXHUwMGU1c2EvXCJ4In0=";
        let marked = format!("\u{feff}{plain}");
        for text in [
            &marked,
            &quoted(plain),
            &quoted(&quoted(plain)),
            &quoted(&marked),
            base64,
            base64.trim_end_matches('='),
            &quoted(base64),
        ] {
            assert_eq!(super::json(text.as_bytes()).as_ref(), Ok(&value), "{text}");
        }
    }

    #[test]
    fn a_text_in_quotes_stays_a_text_unless_it_is_a_payload() {
        for text in ["hello", "42", "{\"user\":", "e30x", "[1", ""] {
            let quoted = Value::from(text);
            assert_eq!(super::json(quoted.to_string().as_bytes()), Ok(quoted));
        }
        let mut text = "{}".to_owned();
        for _ in 0..5 {
            text = Value::from(text).to_string();
        }
        assert!(super::json(text.as_bytes()).is_ok_and(|value| value.is_string()));
        assert_eq!(refusal(b"e30x"), "json: invalid JSON at byte 1");
    }

    #[test]
    fn half_a_character_is_no_reason_to_refuse_a_session() {
        let text = br#"{"cut":"a\ud83d","pair":"\ud83c\udf89","low":"\udf89!","path":"c:\\udead"}"#;
        let expected =
            json!({ "cut": "a\u{fffd}", "pair": "🎉", "low": "\u{fffd}!", "path": "c:\\udead" });
        assert_eq!(super::json(text), Ok(expected));
        assert_eq!(super::json(b"[\"\xff\"]"), Ok(json!(["\u{fffd}"])));
    }

    #[test]
    fn numbers_are_the_ones_that_were_written() {
        let text = br#"{"price":0.1,"big":123456789.12345678,"id":9007199254740993}"#;
        let shown = super::json(text).unwrap();
        assert_eq!(shown.to_string().as_bytes(), text);
    }

    #[test]
    fn hostile_text_is_an_error() {
        assert!(refusal(&b"[".repeat(100_000)).starts_with("json: nested too deeply at byte 128"));
        assert!(refusal(&br#"{"":"#.repeat(20_000)).starts_with("json: nested too deeply"));
        assert_eq!(refusal(&vec![0; 16 << 20]), "json: invalid JSON at byte 1");
        let zeros = [b"[", &b"0,".repeat(8 << 20)[..], b"0]"].concat();
        assert!(refusal(&zeros).starts_with("json: too many values"));
    }

    #[test]
    fn values_within_text_do_not_count() {
        assert_eq!(count(br#"{"a,b":["\",[",1]}"#), 5);
    }

    #[test]
    fn damage_is_survived() {
        let mut seeds = stored("connect-mongo-6-default", "session");
        seeds.extend(stored("connect-mongo-3-secret", "session"));
        seeds.push(br#"{"cut":"a\ud83d","pair":"\ud83c\udf89"}"#.to_vec());
        survives_damage(&seeds, super::json);
    }
}
