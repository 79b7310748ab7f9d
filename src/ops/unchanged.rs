//! The filter of a document that is still as it was read, for writes that must not touch another version.

use bson::RawDocument;
use bson::raw::RawDocumentBuf;

use crate::error::{Error, Result};
use crate::model::filter::exactly;
use crate::model::key::{Key, compared};
use crate::model::raw::{DOCUMENT, Raw, all_raw};
use crate::store::raw_document;

/// Documents and values up to this size, in bytes, are repeated in the filter of their write; a command holds
/// 16 MB.
pub(in crate::ops) const REPEATED: usize = 4 << 20;
/// Fields of larger ones up to this size are, and no more than these.
const SMALL: usize = 512;
const MOST_FIELDS: usize = 12;

/// The filter of a document that is still as it was read. `collated` says whether the server may treat other
/// ids as equal.
pub(in crate::ops) fn as_read(there: &RawDocument, collated: bool) -> Result<RawDocumentBuf> {
    let Some(key) = Key::of(there) else { return Err(Error::Document("it has no _id".into())) };
    let this = match key.bson().filter(|_| collated && key.is_text()) {
        Some(text) => raw_document(&exactly("_id", &text))?,
        None => compared("_id", &[("$eq", &key)]),
    };
    Ok(all_raw([&*this, &*unchanged(there)]))
}

/// The condition that a document is unchanged since it was read. One that is too large to be repeated is bound
/// to its small fields, the expiry among them.
pub(in crate::ops) fn unchanged(document: &RawDocument) -> RawDocumentBuf {
    let mut condition = Raw::new();
    if document.as_bytes().len() <= REPEATED {
        let (mut literal, mut equal) = (Raw::new(), Raw::new());
        literal.document("$literal", document);
        let root = Key::from("$$ROOT");
        equal.array("$eq", [(root.kind(), root.value()), (DOCUMENT, literal.done().as_bytes())]);
        condition.document("$expr", &equal.done());
    } else {
        for (name, value) in small_fields(document) {
            condition.extend(&compared(&name, &[("$eq", &value)]));
        }
    }
    condition.done()
}

fn small_fields(document: &RawDocument) -> Vec<(String, Key)> {
    let names = document.iter_elements().map_while(std::result::Result::ok);
    let field = |name: &str| {
        let value = Key::at(document, name).filter(|value| value.size() <= SMALL)?;
        Some((name.to_owned(), value))
    };
    let is_plain = |name: &str| !name.contains('.') && !name.starts_with('$') && name != "_id";
    names
        .map(|element| element.key().as_str().to_owned())
        .filter(|name| is_plain(name))
        .filter_map(|name| field(&name))
        .take(MOST_FIELDS)
        .collect()
}
