//! Who has the sessions.

/// The users of the sessions that were looked at for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users {
    /// How many sessions were looked at.
    pub looked_at: u64,
    /// Whether these are all of them.
    pub all: bool,
    /// How many users there are among them.
    pub distinct: u64,
    /// How many of these sessions have no user.
    pub anonymous: u64,
    /// How many of these sessions cannot be read, so that nobody knows.
    pub unreadable: u64,
    /// Those with the most sessions, and how many each has.
    pub top: Vec<(String, u64)>,
}
