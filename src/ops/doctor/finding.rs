//! The finding of a check, and its outcome.

use std::fmt;

use super::remedy::Remedy;
use crate::error::{Error, Need};

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Sessions do not expire, or users cannot log in: this must be fixed.
    Fail,
    /// It works, but not well.
    Warn,
    /// The check was not possible.
    Unknown,
    /// No fault was found.
    Pass,
}

impl Outcome {
    /// All outcomes, the worst first.
    pub const ALL: [Self; 4] = [Self::Fail, Self::Warn, Self::Unknown, Self::Pass];

    /// Its name in rows.
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

/// The finding of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The name of the check, which is stable across releases.
    pub check: &'static str,
    /// The outcome.
    pub outcome: Outcome,
    /// What the check found.
    pub what: String,
    /// Missing information that only the operator has.
    pub need: Option<Need>,
    /// The impact on logins and disk space; empty if the check passed.
    pub meaning: String,
    /// The remedy, if there is one.
    pub remedy: Option<Remedy>,
}

impl Finding {
    /// `examine` fills in the name of the check from its table.
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

    /// Requires information that only the operator has.
    pub(super) fn needs(self, need: impl Into<Option<Need>>) -> Self {
        Self { need: need.into(), ..self }
    }
}

/// Why a check is not possible. Checks return it with `?`, mostly for a fact that could not be
/// read.
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
