//! MessagePack (<https://github.com/msgpack/msgpack/blob/master/spec.md>), as written by
//! Flask-Session 0.7+ with msgspec and by tower-sessions with rmp-serde. gofiber's sessions are gob
//! in v2 and v3, not MessagePack.
//!
//! This module uses our own Reader rather than rmpv, which builds a tree that would have to be
//! converted, and whose errors have neither an offset nor our limits.

mod tower;
mod value;

#[cfg(any(test, feature = "tower-sessions", feature = "tower-sessions-014"))]
pub use tower::tower_record;
pub use tower::{TowerExpiry, encode, encode_tower, tower, tower_id};
pub use value::map;

#[cfg(test)]
mod tests;
