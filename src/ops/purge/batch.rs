//! What a purge reports: its batches, and its pauses.

use std::time::Duration;

use super::pace::Cause;
use crate::model::key::Key;

/// The result of one batch.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Batch {
    /// Sessions that were deleted, or ended.
    pub done: u64,
    /// Sessions that were read for it but no longer matched at the write: they were renewed or removed
    /// meanwhile. None if the sessions were not read.
    pub spared: Option<u64>,
    /// Whether `done` is exact; if a connection broke during a write, it is "at least".
    pub exact: bool,
    /// How many of `done` are in the archive; `None` without an archive.
    pub archived: Option<u64>,
    /// Sessions that were kept because the archive cannot represent them.
    pub kept: u64,
    /// Sessions that the server refused to change, because of their content.
    pub refused: u64,
    /// The short ids of some of those that were kept or refused.
    pub left: Vec<String>,
    /// Why the first of them was refused.
    pub why: Option<String>,
    /// The ids by which the store finds its sessions, if the purge reports them. Sessions that were
    /// spared are among them.
    pub ids: Vec<Key>,
    /// The users of these sessions, if the purge reports users.
    pub users: Vec<Option<String>>,
    /// The range of the expiry or of the `_id` that the sessions are in, if they are deleted because of
    /// their expiry alone.
    pub window: Option<bson::RawDocumentBuf>,
    /// The duration of the write.
    pub took: Duration,
}

/// What happens next in a purge.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A batch was written.
    Batch(Batch),
    /// It waits: reported at once if the server has to catch up, and at intervals during any long wait.
    /// The next call continues the wait.
    Paused(Cause),
}
