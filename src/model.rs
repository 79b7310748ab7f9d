//! What a session is. Pure: no I/O, no clock, no async, no client of the driver.

pub(crate) mod document;
mod draft;
mod elements;
pub(crate) mod filter;
pub mod humanize;
pub(crate) mod index_spec;
pub(crate) mod key;
pub mod layout;
mod number;
pub mod payload;
pub mod query;
pub(crate) mod raw;
pub mod selection;
pub mod session;
pub(crate) mod shape;
