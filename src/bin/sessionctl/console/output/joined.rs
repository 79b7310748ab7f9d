//! Several answers that are printed as one.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::args::Format;

/// Answers that are printed as one: an array in JSON, one header in CSV.
#[derive(Debug, Default)]
pub struct Joined(AtomicBool);

impl Joined {
    /// Whether nothing was printed yet; from now on something was.
    pub fn begins(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }

    /// What ends the answer.
    pub fn end(&self, format: Format) -> &'static str {
        match (format, self.begins()) {
            (Format::Json, true) => "[]\n",
            (Format::Json, false) => "\n]\n",
            _ => "",
        }
    }
}
