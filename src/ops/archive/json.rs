//! Documents as lines of canonical Extended JSON, where that loses nothing.

use bson::raw::RawDocumentBuf;
use bson::{Bson, Document, RawDocument};

use super::bson_check::{Checked, LARGEST, check};

/// The longest line, in bytes: twice the largest document. Longer ones cost too much to parse.
pub(super) const LONGEST: usize = 32 << 20;

/// Why a line is no document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unread {
    /// It stops in the middle.
    Cut,
    /// Anything else.
    Wrong(String),
}

/// The document as a line, with its end. `None` where reading it back would not give the same bytes:
/// text that is not UTF-8, a name that is there twice, a field that looks like Extended JSON, ...
pub(super) fn line(document: &RawDocument) -> Option<Vec<u8>> {
    if check(document.as_bytes()) != Checked::Whole {
        return None;
    }
    // Of two fields with one name a `Document` keeps one; the comparison below notices that.
    let decoded = Document::try_from(document).ok()?;
    let mut line = serde_json::to_vec(&Bson::Document(decoded).into_canonical_extjson()).ok()?;
    if line.len() > LONGEST || parse(&line).ok()?.as_bytes() != document.as_bytes() {
        return None;
    }
    line.push(b'\n');
    Some(line)
}

/// The document that a line holds.
pub(super) fn parse(line: &[u8]) -> Result<RawDocumentBuf, Unread> {
    let json: serde_json::Value = serde_json::from_slice(line).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Eof => return Unread::Cut,
            _ => format!("a line that is no JSON at its column {}", error.column()),
        };
        Unread::Wrong(what)
    })?;
    let wrong = |what: &str| Unread::Wrong(what.to_owned());
    // What the crate says of it repeats the value.
    let Ok(Bson::Document(document)) = Bson::try_from(json) else {
        return Err(wrong("a line that is no document in Extended JSON"));
    };
    let raw = RawDocumentBuf::try_from(&document)
        .map_err(|_| wrong("a line that has no form in BSON"))?;
    match raw.as_bytes().len() <= LARGEST {
        true => Ok(raw),
        false => Err(wrong("a document larger than a server takes")),
    }
}
