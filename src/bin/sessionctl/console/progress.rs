//! Progress on a terminal: a bar where the total is known, a count where it is not.

use std::fmt;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::console::report;
use crate::console::text::grouped;

const BAR: &str = "{msg} {wide_bar:.dim} {human_pos} of {human_len}  {rate:.dim}  {eta} left";

/// A bar on stderr, or nothing where nobody sees it.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// For `total` sessions, or for as many as there are.
    pub fn new(what: &'static str, total: Option<u64>, quiet: bool) -> Self {
        if !Self::is_seen(quiet) {
            return Self(ProgressBar::hidden());
        }
        let (bar, template) = match total {
            Some(total) => (ProgressBar::new(total), BAR),
            None => (ProgressBar::new_spinner(), "{spinner} {msg} {human_pos}  {rate:.dim}"),
        };
        // Five frames a second: enough to see, little enough for a slow link.
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
        bar.set_message(what);
        let progress = Self(bar);
        progress.style(template);
        progress.0.enable_steady_tick(Duration::from_millis(500));
        progress
    }

    /// For the server's building of an index, of which it may not tell how far it is.
    pub fn building(quiet: bool) -> Self {
        let progress = Self::new("building the index", None, quiet);
        progress.style("{spinner} {msg}");
        progress
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style.with_key("rate", rate));
        }
    }

    /// How far the server is.
    pub fn at(&self, done: u64, total: u64) {
        if self.0.length() != Some(total) {
            self.style(BAR);
            self.0.set_length(total);
        }
        self.0.set_position(done);
    }

    /// Whether it is drawn.
    pub fn is_shown(&self) -> bool {
        !self.0.is_hidden()
    }

    /// Whether somebody would see it.
    pub fn is_seen(quiet: bool) -> bool {
        !quiet && report::is_seen()
    }

    pub fn advance(&self, sessions: u64) {
        self.0.inc(sessions);
    }

    /// Says something while the bar is out of the way.
    pub fn aside(&self, say: impl FnOnce()) {
        self.0.suspend(say);
    }

    pub fn finish(&self) {
        self.0.finish_and_clear();
    }

    /// Takes the bar away when it is dropped, also where what advances it is left in the middle.
    pub fn cleared(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Whole sessions a second.
fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // What cannot be written is not shown.
    let _ = write!(out, "{}/s", grouped(state.per_sec() as u64));
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
