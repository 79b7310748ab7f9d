//! One MongoDB deployment: connections, replies, replication lag and retries.

pub(crate) mod backoff;
pub(crate) mod clocks;
pub mod connection;
pub(crate) mod cursor;
pub mod flavour;
pub(crate) mod listing;
pub mod replication;
pub(crate) mod reply;
pub(crate) mod scene;
