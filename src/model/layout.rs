//! A layout describes how one store writes a session. It is a record, not code: the id, the
//! payload, the expiry, the dates and the user are paths and rules, which are used to read
//! documents and to build filters. Nothing here waits, reads a clock or contacts a server.
//!
//! `record` reads the TOML and compiles it into the [`Layout`] of `definition`; `known` has those
//! that are built in. [`detect`] finds the layout of a collection, and `membership` decides which
//! documents are its sessions; `layouts` combines those of a mixed collection. `read` extracts the
//! session from a document, `states` builds the filter of each state from the rules of `expiry` and
//! `derived`, and `origin` finds the client's address and user agent. `aggregation` has the same
//! logic as expressions for the server, and `mend` repairs expiries.

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
pub(crate) use expressions::{has_each_field_once, is_single, state_of};
pub use layouts::Layouts;
pub(crate) use membership::{is_id, type_of};
pub use mend::{Fault, Mending};
pub use nearest::Nearest;
pub use origin::Origin;
pub(crate) use rule::Clock;
pub use rule::{Kind, LifetimeFrom, Meaning, Rule};
