//! What operators do to a collection of sessions.

pub mod archive;
pub mod collections;
mod decoding;
pub mod doctor;
pub mod follow;
pub mod index;
pub mod purge;
pub mod restore;
mod rights;
pub mod select;
pub mod stats;
pub mod sweep;
pub mod top;
pub mod users;
