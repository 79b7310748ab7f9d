//! The doctor: every reason why the sessions of a collection will not expire, or will be slow, what
//! it means, and the command that mends it.
//!
//! Facts are gathered first, each by itself, so that a missing right makes one of them unknown and
//! no more. What they mean is decided by checks that are pure: [`examine`].

use std::fmt;

use crate::error::Error;

mod checks;
mod facts;
mod gather;
mod mend;
mod survey;
#[cfg(test)]
mod tests;
mod words;

pub use checks::examine;
pub use facts::{
    Clocks, Fact, Facts, Looked, Monitor, Passes, Place, Rights, Stats, Sweeper, Version,
};
pub use gather::Doctor;
pub(crate) use gather::{monitor, oldest_along, server_status, sweeper};
pub use mend::Commands;
pub use survey::Survey;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Sessions do not expire, or nobody can log in: something has to be done.
    Fail,
    /// It works, but not as it should.
    Warn,
    /// It could not be looked at.
    Unknown,
    /// All is well.
    Pass,
}

impl Outcome {
    /// All of them, the worst first.
    pub const ALL: [Self; 4] = [Self::Fail, Self::Warn, Self::Unknown, Self::Pass];

    /// The word for it in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Unknown => "unknown",
            Self::Pass => "pass",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The name of the check, which stays the same from release to release.
    pub check: &'static str,
    /// How it came out.
    pub outcome: Outcome,
    /// What is there.
    pub what: String,
    /// What that means for logins and for the disk; empty where all is well.
    pub meaning: String,
    /// The command that mends it, ready for a shell, where there is one.
    pub mend: Option<String>,
}

impl Finding {
    fn new(check: &'static str, outcome: Outcome, what: impl Into<String>) -> Self {
        Self { check, outcome, what: what.into(), meaning: String::new(), mend: None }
    }

    fn pass(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(check, Outcome::Pass, what)
    }

    fn warn(check: &'static str, what: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { meaning: meaning.into(), ..Self::new(check, Outcome::Warn, what) }
    }

    fn fail(check: &'static str, what: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { meaning: meaning.into(), ..Self::new(check, Outcome::Fail, what) }
    }

    fn unknown(check: &'static str, why: impl Into<String>) -> Self {
        Self::new(check, Outcome::Unknown, why)
    }

    fn unread(check: &'static str, error: &Error) -> Self {
        Self::unknown(check, error.to_string())
    }

    fn mend(mut self, command: String) -> Self {
        self.mend = Some(command);
        self
    }
}
