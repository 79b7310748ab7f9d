//! Documents that are put together from raw values.

use bson::RawDocument;
use bson::raw::RawDocumentBuf;

/// The types of elements that the program distinguishes.
pub(crate) const DOUBLE: u8 = 0x01;
pub(crate) const STRING: u8 = 0x02;
pub(crate) const DOCUMENT: u8 = 0x03;
pub(crate) const ARRAY: u8 = 0x04;
pub(crate) const BINARY: u8 = 0x05;
pub(crate) const DATE: u8 = 0x09;
pub(crate) const SYMBOL: u8 = 0x0E;
pub(crate) const INT32: u8 = 0x10;
pub(crate) const INT64: u8 = 0x12;
pub(crate) const DECIMAL: u8 = 0x13;

/// A document built from raw values, which a `Document` cannot hold.
#[derive(Debug)]
pub(crate) struct Raw(Vec<u8>);

impl Raw {
    pub(crate) fn new() -> Self {
        Self(vec![0; 4])
    }

    /// Reserves space, so that a large document is not copied as it grows.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.0.reserve(bytes);
    }

    /// Adds an element. `name` must not contain a zero byte.
    pub(crate) fn put(&mut self, name: impl AsRef<[u8]>, kind: u8, value: &[u8]) {
        self.0.push(kind);
        self.0.extend(name.as_ref());
        self.0.push(0);
        self.0.extend(value);
    }

    pub(crate) fn document(&mut self, name: &str, document: &RawDocument) {
        self.put(name, DOCUMENT, document.as_bytes());
    }

    /// Adds an array of these values, each with its type.
    pub(crate) fn array<'a>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = (u8, &'a [u8])>,
    ) {
        let start = self.begin(name, ARRAY);
        for (at, (kind, value)) in values.into_iter().enumerate() {
            self.put(at.to_string(), kind, value);
        }
        self.end(start);
    }

    /// Begins a document or an array, which contains what is added until its [`end`](Self::end). In
    /// place, because documents may be large, and so would be each copy.
    pub(crate) fn begin(&mut self, name: &str, kind: u8) -> usize {
        self.put(name, kind, &[0; 4]);
        self.0.len() - 4
    }

    pub(crate) fn end(&mut self, start: usize) {
        self.0.push(0);
        let length = i32::try_from(self.0.len() - start).unwrap_or(i32::MAX);
        self.0[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    pub(crate) fn documents<'a>(
        &mut self,
        name: &str,
        documents: impl IntoIterator<Item = &'a RawDocument>,
    ) {
        self.array(name, documents.into_iter().map(|document| (DOCUMENT, document.as_bytes())));
    }

    /// Adds the fields of another document.
    pub(crate) fn extend(&mut self, document: &RawDocument) {
        let bytes = document.as_bytes();
        self.0.extend(&bytes[4..bytes.len() - 1]);
    }

    pub(crate) fn done(mut self) -> RawDocumentBuf {
        self.0.push(0);
        let length = i32::try_from(self.0.len()).unwrap_or(i32::MAX);
        self.0[..4].copy_from_slice(&length.to_le_bytes());
        // Only the length and the end are checked, and both were just written.
        RawDocumentBuf::from_bytes(self.0).unwrap_or_default()
    }
}

/// All of these clauses.
pub(crate) fn all_raw<'a>(clauses: impl IntoIterator<Item = &'a RawDocument>) -> RawDocumentBuf {
    let clauses: Vec<_> =
        clauses.into_iter().filter(|clause| clause.as_bytes().len() > 5).collect();
    match clauses.as_slice() {
        [] => RawDocumentBuf::new(),
        [one] => (*one).to_owned(),
        _ => {
            let mut filter = Raw::new();
            filter.documents("$and", clauses);
            filter.done()
        }
    }
}
