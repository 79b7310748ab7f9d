//! Decodes the payload of a session, in any encoding that stores use. Pure, and from raw BSON,
//! because PHP and old drivers often wrote text that is not UTF-8.
//!
//! Every decoded payload is plain JSON, for reading and searching: an `ObjectId` is shown as its
//! hex digits, a date as RFC 3339 in UTC with milliseconds, a decimal or a number beyond 64 bits as
//! a string, and other bytes as `{"$binary": "<base64>"}`.

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
pub(crate) use json_repr::uuid_in;
pub(crate) use partial::Partial;
pub use path::get;
pub(crate) use path::has_dotted_key;
pub use place::PayloadPlace;
pub use secrets::{is_invisible, mask};
