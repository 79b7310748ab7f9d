//! Combines several results into one document.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::args::Format;

/// Several results that are printed as one document: an array in JSON, one header in CSV.
#[derive(Debug, Default)]
pub struct Joined(AtomicBool);

impl Joined {
    /// Returns whether nothing was printed yet, and records that something is now.
    pub fn begins(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }

    /// The end of the document.
    pub fn end(&self, format: Format) -> &'static str {
        match (format, self.begins()) {
            (Format::Json, true) => "[]\n",
            (Format::Json, false) => "\n]\n",
            _ => "",
        }
    }
}
