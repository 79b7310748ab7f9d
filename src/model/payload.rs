//! What a session holds, decoded from however its store encodes it. Pure, and from raw BSON:
//! text that is not UTF-8 is normal in what PHP and old drivers wrote.
//!
//! Every decoded payload is plain JSON, made to be read and searched: an `ObjectId` is its hex
//! digits, a date is RFC 3339 in UTC with milliseconds, a decimal or a number beyond 64 bits is a
//! string, other bytes are `{"$binary": "<base64>"}`.

mod base64;
mod codec;
mod decode;
mod django;
mod encrypted;
mod gob;
mod inflate;
mod java;
mod json;
mod json_repr;
mod json_scan;
pub(crate) mod msgpack;
mod partial;
mod path;
mod php;
mod pickle;
mod place;
mod plain;
mod reader;
mod ruby;
#[cfg(test)]
mod samples;
mod sealed;
mod secrets;
mod securecookie;

pub use codec::Codec;
pub use decode::Payload;
pub(crate) use decode::decode;
pub use json_repr::time;
pub(crate) use partial::Partial;
pub use path::get;
pub use place::PayloadPlace;
pub use secrets::mask;
