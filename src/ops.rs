//! What operators do to a collection of sessions.

pub mod archive;
pub mod collections;
pub mod copy;
mod decoding;
pub mod doctor;
pub mod follow;
pub mod index;
mod insert;
mod lease;
pub mod purge;
pub mod restore;
mod rights;
pub mod select;
pub mod stats;
pub mod sweep;
pub mod top;
mod unchanged;
pub mod users;
