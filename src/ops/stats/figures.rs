//! The options of the statistics, and their parts: counts, date ranges, and the source of a
//! creation time.

use std::time::Duration;

use bson::{DateTime, RawDocument};

/// What to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The number of sessions to examine at random; `None` is all of them.
    pub sample: Option<u64>,
    /// The number of users to list, those with the most sessions.
    pub top: usize,
    /// The time limit for decoding sessions to count their users, if the server cannot read the
    /// users. If all sessions would take longer, a sample is decoded, and the counts are estimates.
    pub decoding: Duration,
    /// The maximum number of users that are counted at once, to limit the memory for their names. If a
    /// selection has more, they are counted in further passes; if a collection has more and the server
    /// cannot read them, a sample is decoded.
    pub users: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { sample: None, top: 10, decoding: Duration::from_secs(10), users: 2_000_000 }
    }
}

/// Some of the sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// How many.
    pub sessions: u64,
    /// Their BSON size, uncompressed; 0 if the server cannot compute sizes.
    pub bytes: u64,
    /// The size of the largest of them.
    pub largest: u64,
}

impl Share {
    /// One session.
    pub(super) fn of(document: &RawDocument) -> Self {
        let bytes = document.as_bytes().len() as u64;
        Self { sessions: 1, bytes, largest: bytes }
    }

    pub(super) fn add(&mut self, more: Self) {
        self.sessions += more.sessions;
        self.bytes += more.bytes;
        self.largest = self.largest.max(more.largest);
    }

    /// Their BSON size, if it is known: not every server has `$bsonSize`.
    pub fn known_bytes(&self) -> Option<u64> {
        (self.sessions == 0 || self.bytes > 0).then_some(self.bytes)
    }

    /// The mean size in bytes, if there are sessions and sizes are known.
    pub fn mean(&self) -> Option<u64> {
        self.known_bytes()?.checked_div(self.sessions)
    }
}

/// A range of dates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub earliest: Option<DateTime>,
    /// The last.
    pub latest: Option<DateTime>,
}

impl Span {
    pub(super) fn add(&mut self, more: Self) {
        self.earliest = self.earliest.into_iter().chain(more.earliest).min();
        self.latest = self.latest.into_iter().chain(more.latest).max();
    }

    pub(super) fn later(self, millis: i64) -> Self {
        let later =
            |date: DateTime| DateTime::from_millis(date.timestamp_millis().saturating_add(millis));
        Self { earliest: self.earliest.map(later), latest: self.latest.map(later) }
    }
}

/// The source of the creation time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CreatedBy {
    /// A field that the store writes.
    Date,
    /// The `_id` is an `ObjectId`, which contains its creation time.
    Id,
    /// Neither: the last touch is used instead.
    Touch,
}

impl CreatedBy {
    /// Its name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Date => "created",
            Self::Id => "id",
            Self::Touch => "touched",
        }
    }
}
