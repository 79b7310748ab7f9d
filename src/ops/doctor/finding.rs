//! What a check finds, and how it came out.

use std::fmt;

use super::remedy::Remedy;
use crate::error::{Error, Need};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Sessions do not expire, or users cannot log in: it needs fixing.
    Fail,
    /// It works, but not as it should.
    Warn,
    /// It could not be checked.
    Unknown,
    /// No fault was found.
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
    /// What only the operator can say, where that is missing.
    pub need: Option<Need>,
    /// What that means for logins and for the disk; empty where all is well.
    pub meaning: String,
    /// What mends it, where something does.
    pub remedy: Option<Remedy>,
}

impl Finding {
    /// `examine` puts in the name of the check, which is in its table.
    pub(super) fn new(
        outcome: Outcome,
        what: impl Into<String>,
        meaning: impl Into<String>,
    ) -> Self {
        let (what, meaning) = (what.into(), meaning.into());
        Self { check: "", outcome, what, need: None, meaning, remedy: None }
    }

    pub(super) fn pass(what: impl Into<String>) -> Self {
        Self::new(Outcome::Pass, what, "")
    }

    pub(super) fn warn(what: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self::new(Outcome::Warn, what, meaning)
    }

    pub(super) fn fail(what: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self::new(Outcome::Fail, what, meaning)
    }

    pub(super) fn remedy(self, remedy: impl Into<Option<Remedy>>) -> Self {
        Self { remedy: remedy.into(), ..self }
    }

    /// It takes something that only the operator can say.
    pub(super) fn needs(self, need: impl Into<Option<Need>>) -> Self {
        Self { need: need.into(), ..self }
    }
}

/// Why a check has nothing to go by. Checks return it with `?`, for a fact that could not be read above all.
#[derive(Debug)]
pub(super) struct Unknown {
    why: String,
    need: Option<Need>,
}

impl Unknown {
    pub(super) fn because(why: impl Into<String>) -> Self {
        Self { why: why.into(), need: None }
    }

    pub(super) fn without(need: Need, why: impl Into<String>) -> Self {
        Self { why: why.into(), need: Some(need) }
    }
}

impl From<&Error> for Unknown {
    fn from(error: &Error) -> Self {
        Self::because(error.to_string())
    }
}

impl From<Unknown> for Finding {
    fn from(Unknown { why, need }: Unknown) -> Self {
        Self { need, ..Self::new(Outcome::Unknown, why, "") }
    }
}
