//! The TTL index that a layout's documents need, and any other index in its place.
//!
//! Rules of the server that shape this (mongod 6.0.5): the same key with other options or another
//! name is refused (85, 86); `collMod` turns a plain index into a TTL index in place and would as
//! happily convert one whose name or options the application does not expect; options of an odd
//! type (NaN, a double) are dropped by the driver's own `list_indexes`, so specs are read raw.

mod build;
mod change;
mod outlook;
mod status;

pub use crate::model::index_spec::{IndexSpec, LONGEST_TTL};
pub use build::Building;
pub use change::{Aim, Change, Changing, Installed};
pub use status::{TtlState, TtlStatus, status};
