//! The loop over the batches of a purge: it shows progress, reports what it waits for, and stops
//! between two batches.

use std::mem::{Discriminant, discriminant};
use std::time::{Duration, Instant};

use sessionctl::archive::Archive;
use sessionctl::purge::{Cause, Purge, Purging, Step};
use sessionctl::{Key, Store};
use tokio_util::sync::CancellationToken;

use super::report::Report;
use super::throttle::{out_of_reach, pause};
use crate::audit::{Audit, Began};
use crate::commands::control::Control;
use crate::console::confirm::Confirmed;
use crate::console::failure::{Exit, Failure};
use crate::console::progress::Progress;
use crate::console::report::say;
use crate::console::signals::Signals;

/// The warning if there is no index.
pub const WALK: &str = "no usable index: scanning the whole collection once";

/// In which order sessions are found from now on.
fn order(is_stored: bool, walks: bool) -> String {
    let usual = if walks { "by _id" } else { "along an index" };
    match is_stored {
        true => format!(
            "scanning the collection in storage order instead of {usual}, so that each page changes once"
        ),
        false => format!("going on {usual} instead of in storage order"),
    }
}

/// How sessions are found without an index, or after the index was dropped.
fn walk((lost_index, walks): (bool, bool)) -> String {
    let lost = "the index that led to these sessions was dropped or hidden meanwhile";
    match (lost_index, walks) {
        (false, _) => WALK.to_owned(),
        (true, true) => format!("{lost}: {WALK}"),
        (true, false) => format!("{lost}: continuing without it"),
    }
}

/// After an interrupt, counting the remaining sessions may take this long.
const MOMENT: Duration = Duration::from_millis(500);

/// What the loop needs besides the purge.
pub struct Means<'a> {
    pub signals: &'a Signals,
    /// Whether to show no progress, and to report failures only.
    pub quiet: bool,
    /// Whether to say in which order the sessions are found.
    pub verbose: bool,
    pub audit: &'a Audit,
    pub control: &'a Control,
    pub archive: Option<Archive>,
    /// The end of `--run-time`, for all rounds together.
    pub deadline: Option<Instant>,
    /// How long to keep ending sessions that are created or written back.
    pub hold: Option<Duration>,
}

impl<'a> Means<'a> {
    /// No archive, no limit, no hold.
    pub fn new(signals: &'a Signals, quiet: bool, audit: &'a Audit, control: &'a Control) -> Self {
        Self {
            signals,
            quiet,
            verbose: false,
            audit,
            control,
            archive: None,
            deadline: None,
            hold: None,
        }
    }
}

/// Runs the batches, and reports their progress.
pub struct Batches<'a> {
    pub store: Store,
    pub means: Means<'a>,
    /// The work done so far.
    pub report: Report,
    /// The audit run that records each batch.
    pub began: &'a Began,
    /// Whether the ids are needed afterwards, for `--verify`.
    pub keeps_ids: bool,
}

/// How it ended, without a failure.
pub struct Ran {
    /// The exit code if work may be left.
    pub stopped: Option<Exit>,
    /// The ids to look up again, for `--verify`.
    pub ids: Vec<Key>,
    /// Why a finished batch could not be recorded in the audit file.
    pub unwritten: Option<Failure>,
}

impl Batches<'_> {
    /// Runs the batches of `purge`, and adds them to the report.
    pub async fn run(&mut self, purge: Purge, _: &Confirmed) -> sessionctl::Result<Ran> {
        let started = Instant::now();
        let Self { store, means, report, began, keeps_ids } = self;
        let Means { signals, quiet, verbose, deadline, control, archive, .. } = means;
        let progress = Progress::new(report.verb.progress, report.matched, *quiet);
        let _beside = control.beside(&progress);
        let note = |label: &str, text: &str| {
            if !*quiet {
                progress.aside(|| say(label, text));
            }
        };
        // A signal, the operator, or the end of `--run-time`.
        let stop = signals.asked.child_token();
        let remaining = deadline.map(|end| end.saturating_duration_since(started));
        let _timer = remaining.map(|time| Timer::start(time, &stop));
        let purging = store.purge(purge.clone(), stop.clone())?;
        let mut purging = purging.controlled_by(control.pace());
        if let Some(archive) = archive.take() {
            purging = purging.archive_to(archive);
        }
        let (mut ids, mut unwritten) = (Vec::new(), None);
        // A hold and `--verify` come to the same sessions again: each is counted once.
        let refused_before = std::mem::take(&mut report.refused);
        let (mut said, mut reads_all) = (Said::default(), true);
        let outcome = loop {
            match purging.next().await {
                Ok(None) => break Ok(()),
                Ok(Some(Step::Paused(
                    Cause::Rate | Cause::Rest | Cause::Latency | Cause::Paused,
                ))) => {}
                Ok(Some(Step::Paused(cause))) => said.paused(cause, &note),
                Ok(Some(Step::Batch(batch))) => {
                    said.paused = None;
                    reads_all &= batch.spared.is_some();
                    report.add(&batch);
                    progress.advance(batch.done);
                    if let Err(failure) = began.batch(report.batches, &batch) {
                        // Batches in flight are finished. No further batch starts, because it could
                        // not be recorded.
                        stop.cancel();
                        unwritten = unwritten.or(Some(failure));
                    }
                    if *keeps_ids {
                        ids.extend(batch.ids);
                    }
                }
                Err(error) => break Err(error),
            }
            said.course(&purging, *verbose, &note);
        };
        // It may have been found out after the last batch.
        said.course(&purging, *verbose, &note);
        progress.finish();
        report.refused = report.refused.max(refused_before);
        report.took += started.elapsed();
        report.throttled += purging.throttled();
        report.latency = purging.latency().or(report.latency);
        report.exact = Some(report.exact != Some(false) && purging.is_exact());
        report.may_count_twice |= purging.may_count_twice();
        report.done = Some(report.done.unwrap_or(0));
        let left_alone = report.kept + report.refused;
        let is_finished = purging.is_finished() && signals.received().is_none();
        // What comes back is archived, too.
        *archive = purging.into_archive();
        if let Err(error) = outcome {
            report.stopped = Some("error");
            return Err(error);
        }
        if unwritten.is_some() {
            report.stopped = Some("error");
            report.left = left(store, &purge, report, left_alone).await;
            return Ok(Ran { stopped: None, ids, unwritten });
        }
        let stopped = signals.stopped().unwrap_or(("run-time", Exit::WorkLeft));
        let stopped = (!is_finished).then_some(stopped);
        let is_known = reads_all && report.renewed.is_some();
        if stopped.is_none() && report.exact == Some(true) && !is_known {
            report.renewed = renewed(report, left_alone);
        }
        report.stopped = stopped.as_ref().map(|(why, _)| *why);
        if stopped.is_some() {
            report.left = left(store, &purge, report, left_alone).await;
        }
        Ok(Ran { stopped: stopped.map(|(_, exit)| exit), ids, unwritten })
    }
}

/// Remembers what was reported about a purge, so that nothing is reported twice.
#[derive(Default)]
struct Said {
    paused: Option<Discriminant<Cause>>,
    /// Whether it lost its index, and walks.
    how: (bool, bool),
    is_stored: bool,
    out_of_reach: bool,
}

impl Said {
    fn paused(&mut self, cause: Cause, note: &impl Fn(&str, &str)) {
        if self.paused.replace(discriminant(&cause)) != Some(discriminant(&cause)) {
            note("note", &pause(cause));
        }
    }

    /// Says in which order the sessions are found, and what is in the way of the goal for reads.
    fn course(&mut self, purging: &Purging, verbose: bool, note: &impl Fn(&str, &str)) {
        let out_of_reach = out_of_reach(purging.latency().as_ref()).filter(|_| !self.out_of_reach);
        if let Some(text) = out_of_reach {
            self.out_of_reach = true;
            note("warning", &text);
        }
        let is_stored = purging.prefers_stored();
        if verbose && std::mem::replace(&mut self.is_stored, is_stored) != is_stored {
            note("note", &order(is_stored, purging.walks()));
        }
        let how = (purging.lost_index(), purging.walks());
        if how != (false, false) && std::mem::replace(&mut self.how, how) != how {
            note("warning", &walk(how));
        }
    }
}

/// How many sessions were renewed in a purge that did not read all of them one by one: those that were
/// counted and not deleted were renewed, or already gone.
fn renewed(report: &Report, left_alone: u64) -> Option<u64> {
    let others = report.done.unwrap_or(0) + left_alone;
    let missing = report.matched.map(|matched| matched.saturating_sub(others));
    report.renewed.max(missing)
}

/// How many sessions are left, if they were counted before or can be counted quickly.
async fn left(store: &Store, purge: &Purge, report: &Report, kept: u64) -> Option<u64> {
    let seen = report.done.unwrap_or(0) + report.renewed.unwrap_or(0) + kept;
    if let Some(matched) = report.matched {
        return Some(matched.saturating_sub(seen));
    }
    let (store, purge) = (store.clone(), purge.clone());
    // In its own task, because a driver future must not be dropped while it runs.
    let counting = tokio::spawn(async move { store.count_selected(&purge, |_| {}).await });
    tokio::select! {
        counted = counting => counted.ok()?.ok(),
        () = tokio::time::sleep(MOMENT) => None,
    }
}

/// Cancels a token after a while, unless it is dropped before.
pub(super) struct Timer(tokio::task::JoinHandle<()>);

impl Timer {
    pub(super) fn start(time: Duration, stop: &CancellationToken) -> Self {
        // At once, rather than whenever the task runs.
        if time.is_zero() {
            stop.cancel();
        }
        let stop = stop.clone();
        Self(tokio::spawn(async move {
            tokio::time::sleep(time).await;
            stop.cancel();
        }))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use bson::DateTime;

    use super::super::report::Verb;
    use super::*;

    #[test]
    fn what_was_counted_and_is_neither_deleted_nor_left_alone_was_renewed() {
        let of = |matched, seen, done| {
            let date = DateTime::from_millis(0);
            let report = Report::new(Verb::PURGE, "a.s".to_owned(), None, date);
            let report = Report { matched, renewed: seen, done: Some(done), ..report };
            renewed(&report, 3)
        };
        // Nobody counted them, or nobody read them.
        assert_eq!((of(None, None, 5), of(None, Some(2), 5)), (None, Some(2)));
        assert_eq!(of(Some(10), None, 5), Some(2));
        // Only some were read, such as in a trial of storage order.
        assert_eq!(of(Some(10), Some(0), 5), Some(2));
        assert_eq!(of(Some(10), Some(1), 7), Some(1));
    }
}
