//! Reading the server's replies.

use bson::{Bson, Document};
use mongodb::raw_batch_cursor::RawBatch;

use crate::error::{Error, without_values};

/// A reply with `ok: 1`, and the error that it may contain nevertheless.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) document: Document,
    pub(crate) refusal: Option<Error>,
}

/// The documents of the first batch of a cursor reply.
pub(crate) fn first_batch(reply: &Document) -> Vec<Document> {
    let cursor = reply.get_document("cursor");
    let batch = cursor.and_then(|cursor| cursor.get_array("firstBatch"));
    batch.map_or_else(
        |_| Vec::new(),
        |batch| batch.iter().filter_map(Bson::as_document).cloned().collect(),
    )
}

/// The error inside a reply with `ok: 1`, if any.
pub(crate) fn refusal(reply: &Document) -> Option<Error> {
    let write_error = reply
        .get_array("writeErrors")
        .ok()
        .and_then(|errors| errors.first())
        .and_then(Bson::as_document);
    // A write concern error means that the write was made but not confirmed by a majority, so a
    // failover can roll it back.
    let error = write_error.or_else(|| reply.get_document("writeConcernError").ok())?;
    Some(error_of(error))
}

/// The server's errors about single statements of a write, by index. Empty if the reply also has
/// a write concern error.
pub(crate) fn write_errors(reply: &Document) -> Vec<(usize, Error)> {
    let errors = reply.get_array("writeErrors").ok();
    let errors = errors.filter(|_| !reply.contains_key("writeConcernError")).into_iter().flatten();
    errors.filter_map(Bson::as_document).map(write_error).collect()
}

/// The index of the statement or document that an error is about, and the error.
pub(crate) fn write_error(error: &Document) -> (usize, Error) {
    let place = usize::try_from(affected(error, "index")).unwrap_or(usize::MAX);
    (place, error_of(error))
}

fn error_of(error: &Document) -> Error {
    let code = error.get_i32("code").unwrap_or_default();
    Error::Server {
        code,
        name: error.get_str("codeName").unwrap_or("WriteError").to_owned(),
        // A duplicate key error repeats the key, which may be a session id.
        message: without_values(error.get_str("errmsg").unwrap_or_default()),
        source: None,
    }
}

/// A number in a reply, which may have either integer type.
pub(crate) fn affected(reply: &Document, field: &str) -> u64 {
    match reply.get(field) {
        Some(Bson::Int32(number)) => u64::try_from(*number).unwrap_or(0),
        Some(Bson::Int64(number)) => u64::try_from(*number).unwrap_or(0),
        Some(Bson::Double(number)) => *number as u64,
        _ => 0,
    }
}

/// The batch, if all of it can be read: the driver checks only what is around it.
pub(crate) fn whole(batch: RawBatch) -> mongodb::error::Result<RawBatch> {
    let damage = batch.doc_slices()?.into_iter().find_map(|value| match value {
        Ok(value) if value.as_document().is_some() => None,
        Ok(_) => Some("a batch holds something else than documents".to_owned()),
        Err(error) => Some(error.to_string()),
    });
    match damage {
        None => Ok(batch),
        Some(damage) => Err(mongodb::error::Error::custom(damage)),
    }
}

/// The documents of a batch, which is [whole].
pub fn documents(batch: &RawBatch) -> impl Iterator<Item = &bson::RawDocument> {
    let values = batch.doc_slices().ok().into_iter().flatten();
    values.filter_map(|value| value.ok()?.as_document())
}
