//! What a finished run left, and what a test says of it.

use std::time::Duration;

use crate::patience::limit;

/// What a finished run left.
#[derive(Debug)]
pub struct Run {
    /// The program and its arguments.
    pub what: String,
    pub code: Option<i32>,
    /// The signal that killed it, if one did.
    pub signal: Option<i32>,
    /// From when its end was waited for.
    pub took: Duration,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// It ended with this exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}: {self:#?}", self.what);
        self
    }

    /// It ended so, and soon: within a second on a quiet machine.
    #[track_caller]
    pub fn soon(self) -> Self {
        assert!(self.took < limit(Duration::from_secs(1)), "{self:#?}");
        self
    }

    /// This is somewhere on stderr.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in {self:#?}");
        self
    }

    /// It printed this on stdout.
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "no {text:?} in {self:#?}");
        self
    }

    /// This is nowhere in what it printed.
    #[track_caller]
    pub fn never_shows(self, text: &str) -> Self {
        let shown = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(!shown, "{text:?} in {self:#?}");
        self
    }

    /// It failed with one line of error and at most one of hint.
    #[track_caller]
    pub fn fails_in_one_sentence(self) -> Self {
        let lines: Vec<_> = self.stderr.lines().filter(|line| !line.starts_with("note:")).collect();
        let errors = lines.iter().filter(|line| line.starts_with("error: ")).count();
        let hints = lines.iter().filter(|line| line.starts_with("hint: ")).count();
        assert!(errors == 1 && hints <= 1 && lines.len() == errors + hints, "{self:#?}");
        self
    }

    /// Nothing in it would make a terminal do anything but show it.
    #[track_caller]
    pub fn shows_nothing_hostile(self) -> Self {
        let hostile = |letter: char| {
            (letter.is_control() && letter != '\n')
                || ('\u{200B}'..='\u{200F}').contains(&letter)
                || ('\u{202A}'..='\u{202E}').contains(&letter)
                || ('\u{2066}'..='\u{2069}').contains(&letter)
        };
        let hostile = self.stdout.contains(hostile) || self.stderr.contains(hostile);
        assert!(!hostile, "{self:#?}");
        self
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}
