//! Progress: on a terminal, a bar if the total is known, else a count; elsewhere, a line from time
//! to time, so that the log of a long run shows that it is alive.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use tokio::task::AbortHandle;

use crate::console::report;
use crate::console::text::{elapsed, grouped};

mod pace;

use pace::Pace;

const BUILDING: &str = "building the index";
const BAR: &str =
    "{msg} {wide_bar:.dim} {human_pos} of {human_len}  {rate:.dim}  {left}{keys:.dim}";
const COUNT: &str = "{spinner} {msg} {human_pos}  {rate:.dim}{keys:.dim}";

/// How often a line is logged without a terminal.
const EVERY: Duration = Duration::from_secs(30);

/// How long work must take for its bar to be drawn: one that flashes up only distracts.
const SOON: Duration = Duration::from_millis(700);

/// A bar on stderr, lines in a log, or nothing.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    pace: Shared,
    /// Whether it is drawn on a terminal, if the work takes long enough.
    is_drawn: bool,
    /// What draws the bar later, or logs the lines.
    later: Option<AbortHandle>,
}

/// The pace, and whether keys are read, for everyone who shows or changes them.
type Shared = Arc<Mutex<(Pace, bool)>>;

fn lock(shared: &Shared) -> MutexGuard<'_, (Pace, bool)> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A progress as others see it: it can be written beside, and paused.
#[derive(Debug, Clone)]
pub struct Screen {
    bar: ProgressBar,
    pace: Shared,
}

impl Screen {
    /// Prints a message while the bar is hidden.
    pub fn aside(&self, say: impl FnOnce()) {
        self.bar.suspend(say);
    }

    /// Shows that the operator has paused the work, or no longer.
    pub fn pause(&self, is_paused: bool) {
        lock(&self.pace).0.pause(Instant::now(), is_paused);
        self.bar.tick();
    }

    /// Shows that `?` explains the keys, or no longer.
    pub fn offer_keys(&self, are_read: bool) {
        lock(&self.pace).1 = are_read;
        self.bar.tick();
    }

    /// Sessions per second.
    pub fn rate(&self) -> Option<f64> {
        lock(&self.pace).0.rate()
    }
}

impl Progress {
    /// The progress of `total` sessions, or of an unknown number.
    pub fn new(what: &'static str, total: Option<u64>, quiet: bool) -> Self {
        if quiet {
            return Self {
                bar: ProgressBar::hidden(),
                pace: shared(total),
                is_drawn: false,
                later: None,
            };
        }
        if !report::is_seen() {
            return Self::logged(what, total, EVERY, |line| report::say("progress", line));
        }
        let (bar, template) = match total {
            Some(total) => (ProgressBar::new(total), BAR),
            None => (ProgressBar::new_spinner(), COUNT),
        };
        bar.set_draw_target(ProgressDrawTarget::hidden());
        bar.set_message(what);
        let drawn = bar.clone();
        let drawing = tokio::spawn(async move {
            tokio::time::sleep(SOON).await;
            // Five frames per second are smooth enough, and few enough for a slow connection.
            drawn.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
            drawn.enable_steady_tick(Duration::from_millis(500));
        });
        let later = Some(drawing.abort_handle());
        let progress = Self { bar, pace: shared(total), is_drawn: true, later };
        progress.style(template);
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
        let pace = shared(total);
        let (watched, seen, began) = (bar.clone(), Arc::clone(&pace), Instant::now());
        let logging = tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let (done, total) = (watched.position(), watched.length());
                let line = line(what, done, total, began.elapsed());
                let is_paused = lock(&seen).0.is_paused();
                // Nothing is known before the first session.
                let left = left(&seen, done, total).filter(|_| !is_paused);
                let left = left.map(|left| format!(", about {} left", elapsed(left)));
                let paused = if is_paused { ", paused" } else { "" };
                log(line + paused + &left.unwrap_or_default());
            }
        });
        Self { bar, pace, is_drawn: false, later: Some(logging.abort_handle()) }
    }

    /// The progress of an index build, which the server may not report.
    pub fn building(quiet: bool) -> Self {
        let progress = Self::new(BUILDING, None, quiet);
        progress.style("{spinner} {msg}");
        progress
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            let (rated, timed, keyed) =
                (Arc::clone(&self.pace), Arc::clone(&self.pace), Arc::clone(&self.pace));
            // A failed write is ignored.
            let style = style
                .with_key("rate", move |_: &ProgressState, out: &mut dyn fmt::Write| {
                    let rate = lock(&rated).0.rate().unwrap_or_default();
                    let _ = write!(out, "{}/s", grouped(rate as u64));
                })
                .with_key("left", move |state: &ProgressState, out: &mut dyn fmt::Write| {
                    let left = left(&timed, state.pos(), state.len());
                    let _ = match left {
                        Some(left) => write!(out, "{} left", short(left)),
                        None => Ok(()),
                    };
                })
                .with_key("keys", move |_: &ProgressState, out: &mut dyn fmt::Write| {
                    let shared = lock(&keyed);
                    let _ = match (shared.0.is_paused(), shared.1) {
                        (true, true) => write!(out, "  paused: p continues"),
                        (true, false) => write!(out, "  paused"),
                        (false, true) => write!(out, "  ? keys"),
                        (false, false) => Ok(()),
                    };
                });
            self.bar.set_style(style);
        }
    }

    /// Updates the progress of the server.
    pub fn at(&self, done: u64, total: u64) {
        if self.bar.length() != Some(total) {
            self.style(BAR);
            self.bar.set_length(total);
        }
        let more = done.saturating_sub(self.bar.position());
        lock(&self.pace).0.advance(Instant::now(), more);
        self.bar.set_position(done);
    }

    /// A view for others.
    pub fn screen(&self) -> Screen {
        Screen { bar: self.bar.clone(), pace: Arc::clone(&self.pace) }
    }

    /// Whether it is drawn on a terminal.
    pub fn is_shown(&self) -> bool {
        self.is_drawn
    }

    /// Whether progress is shown.
    pub fn is_seen(quiet: bool) -> bool {
        !quiet && report::is_seen()
    }

    pub fn advance(&self, sessions: u64) {
        lock(&self.pace).0.advance(Instant::now(), sessions);
        self.bar.inc(sessions);
    }

    /// Prints a message while the bar is hidden.
    pub fn aside(&self, say: impl FnOnce()) {
        self.bar.suspend(say);
    }

    pub fn finish(&self) {
        if let Some(later) = &self.later {
            later.abort();
        }
        self.bar.finish_and_clear();
    }

    /// Removes the bar when dropped, even if the work was abandoned.
    pub fn cleared(&self) -> Self {
        let (bar, pace) = (self.bar.clone(), Arc::clone(&self.pace));
        Self { bar, pace, is_drawn: self.is_drawn, later: self.later.clone() }
    }
}

fn shared(total: Option<u64>) -> Shared {
    Arc::new(Mutex::new((Pace::new(Instant::now(), total), false)))
}

/// The time that is left, if it can be known.
fn left(pace: &Shared, done: u64, total: Option<u64>) -> Option<Duration> {
    // A scan goes on after the last session was found, nobody knows for how long.
    let rest = total?.checked_sub(done).filter(|rest| *rest > 0)?;
    lock(pace).0.left(Instant::now(), rest)
}

/// A duration without tenths of a second, which would only flicker.
fn short(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..10 => format!("{} s", seconds.max(1)),
        _ => elapsed(time),
    }
}

/// The progress in words.
fn line(what: &str, done: u64, total: Option<u64>, took: Duration) -> String {
    let after = elapsed(took);
    match total {
        _ if what == BUILDING => format!("{what} for {after}"),
        None => format!("{} {what} after {after}", grouped(done)),
        Some(total) => format!("{} of {} {what} after {after}", grouped(done), grouped(total)),
    }
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
        progress.screen().pause(true);
        while lines.try_recv().is_ok() {}
        let said = lines.recv().await.expect("the log goes on");
        assert!(said.starts_with("20 of 50 sessions after 0.") && !said.contains("left"), "{said}");
        assert!(said.ends_with(", paused"), "{said}");
        progress.screen().pause(false);
        // All were found, and the command still looks for more.
        progress.advance(30);
        let mut said = String::new();
        while !said.starts_with("50 of 50") {
            said = lines.recv().await.expect("the log goes on");
        }
        assert!(said.ends_with(" s"), "{said}");
        progress.finish();
        // The task ends, and drops the only sender of the log.
        while lines.recv().await.is_some() {}
    }

    #[test]
    fn a_line_says_how_far_it_is() {
        let half = Duration::from_secs(30);
        assert_eq!(
            line("sessions", 12_000, Some(48_000), half),
            "12,000 of 48,000 sessions after 30 s"
        );
        assert_eq!(line("sessions", 1000, None, half), "1,000 sessions after 30 s");
        assert_eq!(line(BUILDING, 0, None, half * 2), "building the index for 1 min 0 s");
    }
}
