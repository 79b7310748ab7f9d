//! `sessionctl copy --follow`

use std::time::Instant;

use sessionctl::copy::{Event, Following};
use sessionctl::follow::Means;
use sessionctl::purge::Cause;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::report::Report;
use crate::audit::Began;
use crate::commands::apply::pause;
use crate::commands::control::Control;
use crate::console::confirm::Confirmed;
use crate::console::failure::{Doing as _, Exit, Failure, why};
use crate::console::progress::Progress;
use crate::console::report::say;
use crate::console::text::{neutral, sessions};
use crate::context::Context;

/// The source has no sessions, and so no layout.
pub fn nothing(context: &Context) -> Failure {
    let sentence =
        format!("could not follow {}: it is empty, so its layout is unknown", context.collection());
    Failure::new(Exit::Failed, sentence).hint("choose one with --layout NAME")
}

/// Copies, and keeps the copy up to date until a signal.
pub async fn run(
    context: &Context,
    following: Following,
    report: &mut Report,
    action: &str,
    (control, _, began): (&Control, &Confirmed, &Began),
) -> Result<Exit, Failure> {
    let started = Instant::now();
    context.note("note", begins(&following.means(), report));
    let progress = Progress::new("sessions examined", report.matched, context.global.quiet);
    let beside = control.beside(&progress);
    let mut follower = Follower {
        following: following.controlled_by(control.pace()),
        progress,
        passes: 0,
        is_current: false,
        is_away: false,
        began,
        paused: None,
        quiet: context.global.quiet,
    };
    let outcome = follower.run(report, action).await;
    drop(beside);
    follower.progress.finish();
    report.took += started.elapsed();
    report.copied = follower.following.total();
    report.exact = Some(follower.following.is_exact());
    if let Err(failure) = outcome {
        report.stopped = Some("error");
        return Err(failure);
    }
    let usual = context.signals.received().is_none_or(|signal| [SIGINT, SIGTERM].contains(&signal));
    if usual && follower.is_current {
        // A signal and the operator are the usual ways to end it.
        return Ok(Exit::Done);
    }
    if follower.passes > 0 {
        let text = "it was stopped before both sides were compared again: the last changes of the \
                    source may be missing at the target; run the same command again to copy them";
        context.note("warning", text);
    }
    report.stopped = context.signals.stopped().map(|(why, _)| why);
    Ok(context.signals.exit())
}

struct Follower<'a> {
    following: Following,
    progress: Progress,
    passes: u64,
    /// Whether the target has everything that was noticed at the source.
    is_current: bool,
    is_away: bool,
    began: &'a Began,
    paused: Option<std::mem::Discriminant<Cause>>,
    quiet: bool,
}

impl Follower<'_> {
    async fn run(&mut self, report: &mut Report, action: &str) -> Result<(), Failure> {
        loop {
            let event = self.following.next().await;
            // Also what was written before it failed.
            let (changes, exact) = (self.following.take_changes(), self.following.is_exact());
            self.began.copied(report.batches + 1, changes, exact)?;
            let Some(event) = event.doing(action)? else { return Ok(()) };
            match &event {
                Event::Passed => self.is_current = true,
                Event::Taken { .. }
                | Event::Begins
                | Event::Away { .. }
                | Event::Resumed
                | Event::Lost { .. } => {
                    self.is_current = false;
                }
                _ => {}
            }
            match event {
                Event::Batch(batch) => {
                    self.paused = None;
                    report.batches += u64::from(batch.done() + batch.removed > 0);
                    if self.passes == 0 {
                        self.progress.advance(batch.done());
                    }
                }
                Event::Paused(Cause::Latency | Cause::Paused) => {}
                Event::Paused(cause) => {
                    let kind = std::mem::discriminant(&cause);
                    if self.paused.replace(kind) != Some(kind) {
                        self.note("note", &pause(cause));
                    }
                }
                Event::Passed => self.passed(report),
                Event::Taken { by } => {
                    let text = format!(
                        "waiting for another copy that follows this source, or was killed a moment ago: \
                         {}",
                        neutral(&by)
                    );
                    self.note("note", &text);
                }
                Event::Slower(means) => self.note("note", &speed(&means)),
                Event::Away { error, .. } if !std::mem::replace(&mut self.is_away, true) => {
                    let text = format!("{}; retrying until the server is back", why(&error));
                    self.note("warning", &text);
                }
                Event::Resumed if self.is_away => {
                    self.note("note", "the server is back: comparing both sides");
                }
                Event::Resumed => {
                    self.note("note", "the change stream was interrupted: comparing both sides");
                }
                Event::Lost { error } => {
                    let text = format!(
                        "changes were lost, because the server no longer has them: {}; comparing both \
                         sides, so they arrive once that is done",
                        why(&error)
                    );
                    self.note("warning", &text);
                }
                _ => {}
            }
        }
    }

    /// Everything was compared: from now on only changes are copied.
    fn passed(&mut self, report: &Report) {
        self.passes += 1;
        let Report { namespace, target, .. } = report;
        if self.passes == 1 {
            self.progress.finish();
            let total = self.following.total();
            let those = sessions(total.copied + total.replaced + total.unchanged);
            let text =
                format!("{target} has {those} of {namespace}; {}", speed(&self.following.means()));
            self.note("note", &text);
        } else if std::mem::take(&mut self.is_away) {
            self.note("note", &format!("{target} has what changed in {namespace} meanwhile"));
        }
    }

    fn note(&self, label: &str, text: &str) {
        if !self.quiet {
            self.progress.aside(|| say(label, text));
        }
    }
}

/// The notes before anything is written.
fn begins(means: &Means, report: &Report) -> String {
    let Report { namespace, target, .. } = report;
    match means {
        Means::Stream => format!("copying {namespace} to {target}, and following its changes"),
        Means::Scans { why, .. } => format!(
            "{why}: {namespace} is compared with {target} again and again, so changes and deletions \
             arrive late, and a session that is created and removed in between is never copied"
        ),
    }
}

/// How fast changes arrive.
fn speed(means: &Means) -> String {
    match means {
        Means::Stream => {
            "following: changes arrive within a second of their majority commit, except during elections"
                .to_owned()
        }
        Means::Scans { every, .. } => {
            format!("following: comparing again every {} s", every.as_secs().max(1))
        }
    }
}
