//! What a server says of itself.

use bson::DateTime;

use crate::server::flavour::Topology;

/// The server's clock, the kind of its deployment, and whether it accepts writes.
#[derive(Debug, Clone, Copy)]
pub struct Hello {
    /// The server's clock when it answered.
    pub now: DateTime,
    /// The kind of its deployment.
    pub kind: Topology,
    /// Whether the server is a primary, a standalone or a `mongos`.
    pub writable: bool,
}
