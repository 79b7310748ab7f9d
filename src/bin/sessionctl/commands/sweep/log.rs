//! The log of a sweep: passes are rows for programs, and lines for people.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use serde_json::{Map, Value};
use sessionctl::flavour::Spread;
use sessionctl::purge::Batch;
use sessionctl::sweep::{Event, Pass};

use super::args::Args;
use super::report::{Stops, report};
use crate::args::Format;
use crate::commands::apply::{HEADER, Report, out_of_reach};
use crate::console::failure::Failure;
use crate::console::output::{Row, Rows};
use crate::console::progress::Progress;
use crate::console::report::{Level, LogFormat, event, is_seen};
use crate::console::text::sessions;
use crate::context::Context;

/// Everything that a sweep reports.
pub struct Log<'a> {
    context: &'a Context,
    stops: Stops,
    rows: Rows<Box<dyn Write>>,
    once: bool,
    logs_passes: bool,
    unprinted: Option<Failure>,
    /// The progress of a single pass. A daemon logs its passes.
    progress: Option<Progress>,
    namespaces: BTreeMap<String, Logged>,
}

/// What was logged about one namespace.
#[derive(Debug, Default)]
struct Logged {
    interval: Duration,
    layout: Option<String>,
    /// The last reason for waiting, so that it is logged once.
    last: Option<String>,
    walks: bool,
    overran: bool,
    /// Whether reads take longer than they should whatever is written.
    out_of_reach: bool,
    /// Whether it was logged that the clocks of the cluster differ.
    clocks_differ: bool,
    /// Whether it was logged that this sweeper does the work.
    sweeps: bool,
}

impl<'a> Log<'a> {
    pub fn new(context: &'a Context, stops: Stops, args: &Args) -> Self {
        // A pass is reported in one place only; a single pass is reported on stdout.
        let is_table = context.global.format == Format::Table;
        let rows = match args.once {
            true => Rows::foreground(context.style(), HEADER),
            false => Rows::background(context.style(), HEADER),
        };
        let logs_passes = is_table && !args.once || args.service.log_format == LogFormat::Json;
        Self {
            context,
            stops,
            rows,
            once: args.once,
            logs_passes: logs_passes && !context.global.quiet,
            unprinted: None,
            progress: args.once.then(|| {
                Progress::new("sessions deleted", None, context.global.quiet || is_seen())
            }),
            namespaces: BTreeMap::new(),
        }
    }

    /// Logs a message about the daemon as a whole, except for a single pass.
    pub fn remark(&self, text: &str) {
        if !self.once && !self.context.global.quiet {
            event(Level::Info, text, Map::new());
        }
    }

    fn inform(&self, namespace: &str, text: &str) {
        if !self.context.global.quiet {
            inform(namespace, text);
        }
    }

    /// Starts logging a namespace.
    pub fn begins(&mut self, namespace: &str, interval: Duration) {
        self.namespaces.insert(namespace.to_owned(), Logged { interval, ..Logged::default() });
    }

    /// Stops logging a namespace.
    pub fn ends(&mut self, namespace: &str) {
        self.namespaces.remove(namespace);
    }

    /// Ends the rows. A disconnected reader is not a failure.
    pub fn finish(self) -> Result<(), Failure> {
        let finished = self.rows.finish();
        match self.unprinted {
            Some(failure) if !failure.is_closed_pipe() => Err(failure),
            Some(_) => Ok(()),
            None => finished,
        }
    }

    pub fn event(&mut self, namespace: &str, event: &Event) {
        match event {
            Event::Passed(pass) => self.passed(pass),
            Event::Holds(_) => self.logged(namespace).last = None,
            Event::Yields { to: Some(holder) } => {
                self.logged(namespace).sweeps = false;
                let text = format!("standing by for {namespace}: {} holds the lease", whom(holder));
                if self.is_new(namespace, &text) {
                    self.inform(namespace, &text);
                }
            }
            Event::Yields { to: None } => {
                self.note_once(namespace, &format!("lost the lease of {namespace}"));
            }
            Event::ClocksDiffer(spread) => self.clocks_differ(namespace, spread),
            Event::Waiting(error) => {
                self.note_once(namespace, &format!("waiting for {namespace}: {error}"));
            }
            Event::Away { error, .. } => {
                self.warn_once(
                    namespace,
                    &format!("could not sweep {namespace}: {error}; retrying"),
                );
            }
            Event::Batch { batch: Batch { done: deleted, .. }, .. } => {
                self.progress.iter().for_each(|progress| progress.advance(*deleted));
            }
            _ => {}
        }
    }

    fn logged(&mut self, namespace: &str) -> &mut Logged {
        self.namespaces.entry(namespace.to_owned()).or_default()
    }

    fn note_once(&mut self, namespace: &str, text: &str) {
        if !self.context.global.quiet {
            self.warn_once(namespace, text);
        }
    }

    fn warn_once(&mut self, namespace: &str, text: &str) {
        if self.is_new(namespace, text) {
            warn(namespace, text);
        }
    }

    /// Logged once.
    fn clocks_differ(&mut self, namespace: &str, spread: &Spread) {
        let logged = self.logged(namespace);
        if !std::mem::replace(&mut logged.clocks_differ, true) {
            warn(namespace, &format!("{spread}; the earliest decides what has expired"));
        }
    }

    /// Whether this differs from the last message.
    fn is_new(&mut self, namespace: &str, text: &str) -> bool {
        let logged = self.logged(namespace);
        let is_new = logged.last.as_deref() != Some(text);
        logged.last = Some(text.to_owned());
        is_new
    }

    fn passed(&mut self, pass: &Pass) {
        let (quiet, once) = (self.context.global.quiet, self.once);
        let logged = self.logged(&pass.namespace);
        logged.last = None;
        let (every, begins) =
            (logged.interval.as_secs_f64(), !logged.sweeps && pass.error.is_none());
        logged.sweeps |= begins;
        if begins && !once {
            self.inform(&pass.namespace, &format!("sweeping {} every {every} s", pass.namespace));
        }
        let logged = self.logged(&pass.namespace);
        // An error that ends the sweep is logged once, at its end.
        if let Some(error) = pass.error.as_ref().filter(|_| !pass.is_last) {
            let text = format!("a pass over {} failed: {error}", pass.namespace);
            warn(&pass.namespace, &text);
        }
        if !quiet {
            logged.remark(pass, once);
        }
        let report = report(pass, &self.stops);
        let is_worth_a_line = pass.error.is_none() || pass.deleted > 0;
        if self.logs_passes && is_worth_a_line {
            event(Level::Info, &report.sentence(), fields(&report.row()));
        }
        let is_table = self.context.global.format == Format::Table;
        if self.unprinted.is_none() && (!is_table || (self.once && is_worth_a_line)) {
            self.print(&report);
        }
    }

    fn print(&mut self, report: &Report) {
        let printed = match self.context.global.format {
            Format::Table => self.context.report(HEADER, report.row(), &report.sentence()),
            _ => self.rows.row(report.row()),
        };
        self.unprinted = printed.err();
        if self.unprinted.as_ref().is_some_and(Failure::is_closed_pipe) {
            // The sweep continues without its reader, so that sessions do not pile up.
            warn(
                &report.namespace,
                "the reader of stdout disconnected; continuing without reports",
            );
        }
    }
}

/// A warning about a namespace.
pub(super) fn warn(namespace: &str, text: &str) {
    event(Level::Warning, text, of_namespace(namespace));
}

pub(super) fn inform(namespace: &str, text: &str) {
    event(Level::Info, text, of_namespace(namespace));
}

fn of_namespace(namespace: &str) -> Map<String, Value> {
    Map::from_iter([("namespace".to_owned(), namespace.into())])
}

fn fields(row: &Row) -> Map<String, Value> {
    match row.json() {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

impl Logged {
    /// Warnings about a pass, logged when the condition first appears.
    fn remark(&mut self, pass: &Pass, once: bool) {
        let namespace = &pass.namespace;
        if let (Some(before), Some(now)) = (&self.layout, &pass.layout)
            && before != now
        {
            let text = format!("the layout of {namespace} changed from {before} to {now}");
            warn(namespace, &text);
        }
        self.layout.clone_from(&pass.layout);
        if pass.walked && !self.walks {
            warn(
                namespace,
                &format!(
                    "no usable index for the expired sessions of {namespace}: each pass scans the whole collection"
                ),
            );
        }
        self.walks = pass.walked;
        let unreachable = out_of_reach(pass.latency.as_deref());
        if let Some(text) = unreachable.as_ref().filter(|_| !self.out_of_reach) {
            warn(namespace, &format!("{namespace}: {text}"));
        }
        self.out_of_reach = unreachable.is_some();
        let overran = pass.took > self.interval && !once;
        if overran && !self.overran {
            let (took, interval) = (pass.took.as_secs_f64(), self.interval.as_secs_f64());
            warn(
                namespace,
                &format!(
                    "a pass over {namespace} took {took:.1} s, longer than the interval of {interval} s"
                ),
            );
        }
        self.overran = overran;
        if pass.kept > 0 {
            let those = sessions(pass.kept);
            warn(
                namespace,
                &format!("kept {those} of {namespace}, which the archive format cannot represent"),
            );
        }
    }
}

/// A holder without the random part of its name.
pub(super) fn whom(holder: &str) -> &str {
    holder.rsplit_once(':').map_or(holder, |(who, _)| who)
}
