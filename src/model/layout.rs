//! A layout says how one store writes a session. It is a record, not code: the id, the payload, the
//! expiry, the dates and the user are paths and rules that documents are read by and that turn into
//! filters. Nothing here waits, reads a clock or talks to a server.
//!
//! `record` reads the TOML and compiles it into the [`Layout`] of `definition`; `known` has those
//! that are built in. [`detect`] finds the layout of a collection, and
//! `membership` which documents are sessions of it; `layouts` puts those of a mixed collection together. By a layout `read` finds the
//! session in a document, and `states` the sessions of a collection that are over, by the rules of
//! `expiry` and `derived`; `origin` is where one came from. `aggregation` says the same as expressions, and `mend`
//! what puts an expiry right.

mod accounts;
mod aggregation;
mod dates;
mod definition;
mod derived;
pub mod detect;
mod expiry;
mod expressions;
mod known;
mod layouts;
mod membership;
mod mend;
mod nearest;
mod origin;
mod read;
mod record;
mod rule;
mod states;
#[cfg(test)]
mod tests;

pub use crate::model::document::{FieldPath, Unit};
pub use accounts::Accounts;
pub use definition::{BsonType, Detect, Id, Instant, Layout, TtlIndex, UserPlace, Weak};
pub(crate) use expressions::state_of;
pub use layouts::Layouts;
pub(crate) use membership::type_of;
pub use mend::{Fault, Mending};
pub use nearest::Nearest;
pub use origin::Origin;
pub(crate) use rule::Clock;
pub use rule::{Kind, LifetimeFrom, Meaning, Rule};
