//! One MongoDB deployment: connections, replies, replication, and when to try again.

pub(crate) mod backoff;
pub mod connection;
pub mod replication;
pub(crate) mod reply;
pub(crate) mod scene;
