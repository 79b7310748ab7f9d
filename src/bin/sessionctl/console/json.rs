//! JSON without characters that a terminal would interpret.

use std::io::{self, Write};

use serde_json::Value;

use super::text::neutral_but;

/// JSON on one line, with all hostile characters escaped.
pub fn json_text(value: &Value) -> String {
    escaped(value.to_string())
}

/// Pretty JSON with all hostile characters escaped, and a line end.
pub fn pretty_text(value: &Value) -> String {
    escaped(format!("{value:#}\n"))
}

/// A string of compact JSON. Nearly all are plain, and this is the innermost loop of a long list.
pub fn string(out: &mut impl Write, text: &str) -> io::Result<()> {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\');
    // Without an early exit, the compiler vectorizes this loop.
    if text.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
        return quoted(out, text);
    }
    out.write_all(json_text(&text.into()).as_bytes())
}

pub fn quoted(out: &mut impl Write, text: &str) -> io::Result<()> {
    out.write_all(b"\"")?;
    out.write_all(text.as_bytes())?;
    out.write_all(b"\"")
}

/// JSON itself escapes neither C1 controls nor bidirectional overrides. Its syntax is ASCII, so
/// hostile characters are always inside strings. Line breaks of pretty JSON are an exception, but
/// those inside strings are already escaped.
fn escaped(json: String) -> String {
    neutral_but(json.into(), |letter| letter == '\n').into_owned()
}
