//! Progress: on a terminal, a bar if the total is known, else a count; elsewhere, a line from time
//! to time, so that the log of a long run shows that it is alive.

use std::fmt;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use tokio::task::AbortHandle;

use crate::console::report;
use crate::console::text::{elapsed, grouped};

const BUILDING: &str = "building the index";
const BAR: &str = "{msg} {wide_bar:.dim} {human_pos} of {human_len}  {rate:.dim}  {eta} left";

/// How often a line is logged without a terminal.
const EVERY: Duration = Duration::from_secs(30);

/// A bar on stderr, lines in a log, or nothing.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    log: Option<AbortHandle>,
}

impl Progress {
    /// The progress of `total` sessions, or of an unknown number.
    pub fn new(what: &'static str, total: Option<u64>, quiet: bool) -> Self {
        if quiet {
            return Self { bar: ProgressBar::hidden(), log: None };
        }
        if !report::is_seen() {
            return Self::logged(what, total, EVERY, |line| report::say("progress", line));
        }
        let (bar, template) = match total {
            Some(total) => (ProgressBar::new(total), BAR),
            None => (ProgressBar::new_spinner(), "{spinner} {msg} {human_pos}  {rate:.dim}"),
        };
        // Five frames per second are smooth enough, and few enough for a slow connection.
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
        bar.set_message(what);
        let progress = Self { bar, log: None };
        progress.style(template);
        progress.bar.enable_steady_tick(Duration::from_millis(500));
        progress
    }

    /// Logs a line every `every`, until the work is finished.
    fn logged(
        what: &'static str,
        total: Option<u64>,
        every: Duration,
        log: impl Fn(String) + Send + 'static,
    ) -> Self {
        let bar = ProgressBar::hidden();
        if let Some(total) = total {
            bar.set_length(total);
        }
        let (watched, began) = (bar.clone(), Instant::now());
        let logging = tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                log(line(what, watched.position(), watched.length(), began.elapsed()));
            }
        });
        Self { bar, log: Some(logging.abort_handle()) }
    }

    /// The progress of an index build, which the server may not report.
    pub fn building(quiet: bool) -> Self {
        let progress = Self::new(BUILDING, None, quiet);
        progress.style("{spinner} {msg}");
        progress
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.with_key("rate", rate));
        }
    }

    /// Updates the progress of the server.
    pub fn at(&self, done: u64, total: u64) {
        if self.bar.length() != Some(total) {
            self.style(BAR);
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
    }

    /// Whether it is drawn on a terminal.
    pub fn is_shown(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// Whether progress is shown.
    pub fn is_seen(quiet: bool) -> bool {
        !quiet && report::is_seen()
    }

    pub fn advance(&self, sessions: u64) {
        self.bar.inc(sessions);
    }

    /// Prints a message while the bar is hidden.
    pub fn aside(&self, say: impl FnOnce()) {
        self.bar.suspend(say);
    }

    pub fn finish(&self) {
        if let Some(log) = &self.log {
            log.abort();
        }
        self.bar.finish_and_clear();
    }

    /// Removes the bar when dropped, even if the work was abandoned.
    pub fn cleared(&self) -> Self {
        Self { bar: self.bar.clone(), log: self.log.clone() }
    }
}

/// The progress in words.
fn line(what: &str, done: u64, total: Option<u64>, took: Duration) -> String {
    let after = elapsed(took);
    match total {
        _ if what == BUILDING => format!("{what} for {after}"),
        None => format!("{} {what} after {after}", grouped(done)),
        Some(total) => {
            let ahead = total.saturating_sub(done) as f64 / done as f64;
            let left = Duration::try_from_secs_f64(took.as_secs_f64() * ahead);
            // Nothing is known before the first session.
            let left = left.map_or(String::new(), |left| format!(", about {} left", elapsed(left)));
            format!("{} of {} {what} after {after}{left}", grouped(done), grouped(total))
        }
    }
}

/// Whole sessions per second.
fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // A failed write is ignored.
    let _ = write!(out, "{}/s", grouped(state.per_sec() as u64));
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn without_a_terminal_a_line_is_logged_now_and_then_until_it_is_finished() {
        let (sender, mut lines) = mpsc::unbounded_channel();
        let log = move |line| drop(sender.send(line));
        let progress = Progress::logged("sessions", Some(50), Duration::from_millis(5), log);
        progress.advance(20);
        for _ in 0..2 {
            let said = lines.recv().await.expect("the log goes on");
            assert!(said.starts_with("20 of 50 sessions after 0."), "{said}");
            assert!(said.contains(" s, about 0.") && said.ends_with(" s left"), "{said}");
        }
        progress.finish();
        // The task ends, and drops the only sender of the log.
        while lines.recv().await.is_some() {}
    }

    #[test]
    fn a_line_says_how_far_it_is_and_when_it_will_be_done() {
        let half = Duration::from_secs(30);
        assert_eq!(
            line("sessions", 12_000, Some(48_000), half),
            "12,000 of 48,000 sessions after 30 s, about 1 min 30 s left"
        );
        assert_eq!(line("sessions", 0, Some(9), half), "0 of 9 sessions after 30 s");
        assert_eq!(line("sessions", 1000, None, half), "1,000 sessions after 30 s");
        assert_eq!(line(BUILDING, 0, None, half * 2), "building the index for 1 min 0 s");
    }
}
