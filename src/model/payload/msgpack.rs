//! MessagePack (<https://github.com/msgpack/msgpack/blob/master/spec.md>), as Flask-Session 0.7+
//! writes it with msgspec and tower-sessions with rmp-serde. gofiber's sessions are gob in v2 and
//! in v3, not MessagePack.
//!
//! Read with our own Reader rather than rmpv: that gives a tree of its own to be converted, and
//! its errors have neither an offset nor our limits.

mod tower;
mod value;

#[cfg(any(test, feature = "tower-sessions"))]
pub use tower::tower_record;
pub use tower::{TowerExpiry, encode_tower, tower, tower_id};
pub use value::map;

#[cfg(test)]
mod tests;
