//! The loop over the batches of a copy.

use std::time::Instant;

use sessionctl::copy::{Copying, Step};
use sessionctl::purge::Cause;

use super::report::Report;
use crate::audit::Began;
use crate::commands::apply::{out_of_reach, pause, remark_pace};
use crate::commands::control::Control;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::progress::Progress;
use crate::console::report::say;
use crate::context::Context;
use crate::context::users::UNDECIDED;

/// Goes through the batches, unless a signal stops it.
pub async fn go_through(
    context: &Context,
    copying: Copying,
    report: &mut Report,
    action: &str,
    (control, began): (&Control, Option<&Began>),
) -> Result<Exit, Failure> {
    let started = Instant::now();
    let progress = Progress::new("sessions examined", report.matched, context.global.quiet);
    let beside = control.beside(&progress);
    let mut copying = copying.controlled_by(control.pace());
    let mut paused = None;
    let outcome = loop {
        let step = copying.next().await;
        if let Some(began) = began {
            let changes = copying.take_changes();
            // What cannot be written down is not continued.
            if let Err(failure) = began.copied(report.batches + 1, changes, copying.is_exact()) {
                break Err(failure);
            }
        }
        match step {
            Ok(None) => break Ok(()),
            Ok(Some(Step::Batch(batch))) => {
                paused = None;
                report.batches += 1;
                progress.advance(batch.done());
            }
            Ok(Some(Step::Paused(Cause::Latency | Cause::Paused))) => {}
            Ok(Some(Step::Paused(cause))) => {
                let kind = std::mem::discriminant(&cause);
                if paused.replace(kind) != Some(kind) && !context.global.quiet {
                    progress.aside(|| say("note", pause(cause)));
                }
            }
            Err(error) => break Err(error).doing(action),
        }
    };
    drop(beside);
    progress.finish();
    report.took += started.elapsed();
    let latency = copying.latency();
    out_of_reach(latency.as_ref()).iter().for_each(|text| context.note("warning", text));
    remark_pace(context, latency.as_ref(), copying.throttled(), report.took);
    report.copied = copying.total();
    report.exact = Some(copying.is_exact());
    if report.copied.undecided > 0 {
        let those = crate::console::text::sessions(report.copied.undecided);
        let text = format!("{those} cannot be checked, because {UNDECIDED}");
        context.note("note", format!("{text}: not selected"));
    }
    let left = |report: &Report| {
        report.matched.map(|matched| matched.saturating_sub(report.copied.done()))
    };
    if let Err(failure) = outcome {
        (report.stopped, report.left) = (Some("error"), left(report));
        return Err(failure);
    }
    match context.signals.stopped() {
        Some((why, exit)) if !copying.is_finished() => {
            (report.stopped, report.left) = (Some(why), left(report));
            Ok(exit)
        }
        _ => Ok(Exit::Done),
    }
}
