//! JSON that a terminal cannot take for anything else.

use std::io::{self, Write};

use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::text::{escape, is_hostile};

/// JSON on one line, with everything hostile escaped.
pub fn json_text(value: &Value) -> String {
    let mut text = Vec::new();
    // Writing to a Vec cannot fail.
    let _ = compact(&mut text, value);
    String::from_utf8_lossy(&text).into_owned()
}

/// A string of compact JSON. Nearly all are plain, and this is the innermost loop of a long list.
pub fn string(out: &mut impl Write, text: &str) -> io::Result<()> {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\');
    // Without a way out of the loop, many bytes are looked at together.
    if text.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
        return quoted(out, text);
    }
    text.serialize(&mut Serializer::with_formatter(out, Safe(CompactFormatter)))?;
    Ok(())
}

pub fn quoted(out: &mut impl Write, text: &str) -> io::Result<()> {
    out.write_all(b"\"")?;
    out.write_all(text.as_bytes())?;
    out.write_all(b"\"")
}

pub fn compact(out: &mut impl Write, value: &Value) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Safe(CompactFormatter)))?;
    Ok(())
}

pub fn pretty(out: &mut impl Write, value: &Value) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Safe(PrettyFormatter::new())))?;
    Ok(())
}

/// Pretty JSON with everything hostile escaped, and a line end.
pub fn pretty_text(value: &Value) -> String {
    let mut text = Vec::new();
    let _ = pretty(&mut text, value);
    text.push(b'\n');
    String::from_utf8_lossy(&text).into_owned()
}

/// JSON that a terminal cannot take for anything else: C1 controls and bidirectional overrides are
/// escaped besides what JSON itself escapes.
struct Safe<F>(F);

impl<F: Formatter> Formatter for Safe<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(is_hostile) {
            out.write_all(&rest.as_bytes()[..at])?;
            let mut letters = rest[at..].chars();
            let mut escaped = String::new();
            letters.next().into_iter().for_each(|letter| escape(letter, &mut escaped));
            out.write_all(escaped.as_bytes())?;
            rest = letters.as_str();
        }
        out.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}
