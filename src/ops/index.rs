//! The TTL index that a layout's documents need, and any other index in its place.
//!
//! Rules of the server behind this (mongod 6.0.5): the same key with other options or another name
//! is refused (85, 86). `collMod` converts a plain index to a TTL index in place, even one whose
//! name or options the application does not expect. The driver's own `list_indexes` drops options
//! of an unexpected type (NaN, a double), so specs are read raw.

mod build;
mod change;
mod outlook;
mod status;

pub use crate::model::index_spec::{IndexSpec, LONGEST_TTL};
pub use build::Building;
pub(crate) use build::builds;
pub use change::{Aim, Change, Changing, Installed, STAND_IN};
pub use status::{TtlIndexes, TtlState, TtlStatus, status};
