//! Documents as lines of canonical Extended JSON, if that is lossless.

use bson::raw::RawDocumentBuf;
use bson::{Bson, Document, RawDocument};
use serde_json::error::Category;

use super::bson_check::{Checked, LARGEST, check};
use super::large_line;
use crate::model::shape::count_values;

/// The longest line, in bytes: twice the largest document. Longer lines are too expensive to parse.
pub(super) const LONGEST: usize = 32 << 20;

/// Lines from this size on, in bytes, are not decoded as a whole.
pub(super) const LARGE: usize = 1 << 20;

/// The most values that a document may have to be a line: decoded, each takes some hundred bytes.
const MOST_VALUES: usize = 100_000;

/// Why a line cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unread {
    /// The line is truncated.
    Cut,
    /// Any other reason.
    Wrong(String),
}

/// The document as a line, including the newline. `None` if reading it back would not give the same
/// bytes: text that is not UTF-8, duplicate field names, a field that looks like Extended JSON, ...; or if
/// it has too many values.
pub fn line(document: &RawDocument) -> Option<Vec<u8>> {
    let bytes = document.as_bytes();
    if check(bytes) != Checked::Whole || count_values(bytes, MOST_VALUES) >= MOST_VALUES {
        return None;
    }
    // A `Document` keeps only one of two fields with the same name. The comparison below detects
    // that.
    let decoded = Document::try_from(document).ok()?;
    let mut line = Vec::with_capacity(bytes.len() + bytes.len() / 8);
    serde_json::to_writer(&mut line, &Bson::Document(decoded).into_canonical_extjson()).ok()?;
    if line.len() > LONGEST || parse(&line).ok()?.as_bytes() != document.as_bytes() {
        return None;
    }
    line.push(b'\n');
    Some(line)
}

/// The document in a line.
pub(super) fn parse(line: &[u8]) -> Result<RawDocumentBuf, Unread> {
    let wrong = |what: &str| Unread::Wrong(what.to_owned());
    let no_document = "a line that is not an Extended JSON document";
    let unread = |error: serde_json::Error| match error.classify() {
        Category::Eof => Unread::Cut,
        // The message repeats the value.
        Category::Data => wrong(no_document),
        _ => Unread::Wrong(format!("a line with invalid JSON at column {}", error.column())),
    };
    let raw = if line.len() > LARGE {
        large_line::read(line).map_err(unread)?
    } else {
        let json: serde_json::Value = serde_json::from_slice(line).map_err(unread)?;
        let Ok(Bson::Document(document)) = Bson::try_from(json) else {
            return Err(wrong(no_document));
        };
        RawDocumentBuf::try_from(&document)
            .map_err(|_| wrong("a line that cannot be converted to BSON"))?
    };
    match raw.as_bytes().len() <= LARGEST {
        true => Ok(raw),
        false => Err(wrong("a document larger than the server's limit")),
    }
}
