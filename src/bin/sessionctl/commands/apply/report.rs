//! The report of a purge or of a pass: one row model for all commands.

use std::path::PathBuf;
use std::time::Duration;

use bson::DateTime;
use sessionctl::Store;
use sessionctl::purge::{Action, Batch, Latency, Throttled};

use super::throttle::{felt, waited};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output::{Cell, Row};
use crate::console::text::{elapsed, grouped, neutral, sessions};
use crate::context::Context;
use crate::context::words::Words;

/// How many of the sessions that were not written are named.
const NAMED: usize = 3;

/// The keys of a report's row.
pub const HEADER: &[&str] = &[
    "namespace",
    "layout",
    "cutoff",
    "matched",
    "deleted",
    "exact",
    "archived",
    "renewed",
    "reappeared",
    "batches",
    "seconds",
    "stopped",
];

/// An action, in the words of the command line and of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verb {
    pub name: &'static str,
    /// The key of the number of written sessions.
    done: &'static str,
    /// The verb before the sessions, in the imperative and in the past.
    imperative: &'static str,
    past: &'static str,
    /// What the progress counts.
    pub progress: &'static str,
    /// Between the sessions and the namespace.
    place: &'static str,
}

impl Verb {
    pub const PURGE: Self = Self {
        name: "purge",
        done: "deleted",
        imperative: "delete",
        past: "deleted",
        progress: "sessions deleted",
        place: "from",
    };
    pub const EXPIRE: Self = Self {
        name: "expire",
        done: "expired",
        imperative: "expire",
        past: "expired",
        progress: "sessions expired",
        place: "in",
    };
    pub const FIX: Self = Self {
        name: "fix",
        done: "mended",
        imperative: "fix the expiry of",
        past: "fixed the expiry of",
        progress: "sessions fixed",
        place: "in",
    };

    pub fn of(action: &Action) -> Self {
        match action {
            Action::Delete => Self::PURGE,
            Action::Expire => Self::EXPIRE,
            Action::Fix(_) => Self::FIX,
        }
    }
}

/// The work done. Values that do not apply, or are unknown, are absent.
#[derive(Debug, Clone)]
pub struct Report {
    pub verb: Verb,
    pub namespace: String,
    pub layout: Option<String>,
    pub cutoff: DateTime,
    /// The count before the first write, if there was one; else what the writes matched.
    pub matched: Option<u64>,
    pub done: Option<u64>,
    pub exact: Option<bool>,
    pub archived: Option<u64>,
    pub renewed: Option<u64>,
    pub reappeared: Option<u64>,
    pub batches: u64,
    pub took: Duration,
    pub stopped: Option<&'static str>,
    /// Which sessions these are. This field and those after it are for people, and are not keys.
    pub words: Words,
    /// The archive.
    pub archive: Option<PathBuf>,
    /// How many the archive cannot represent, so that they were not deleted.
    pub kept: u64,
    /// How many sessions the server refused to change.
    pub refused: u64,
    pub why_refused: Option<String>,
    /// What other clients felt, and how long it waited.
    pub latency: Option<Latency>,
    pub throttled: Throttled,
    /// The short ids of some sessions that were kept or refused.
    pub left_alone: Vec<String>,
    /// How many sessions were left when the command was stopped.
    pub left: Option<u64>,
    /// Whether a count that is not exact may be too high, and not only too low.
    pub may_count_twice: bool,
    /// How many sessions a hold ended, after the selection had been ended once.
    pub held: Option<u64>,
    /// How many sessions match but need not be expired, because they have expired already; `None` if
    /// they were not counted.
    pub already: Option<u64>,
    /// How many sessions of a selection without conditions can still log in.
    pub live: Option<u64>,
    /// How many expiries have no unambiguous date, so that they cannot be fixed.
    pub unclear: u64,
}

impl Report {
    /// Before anything is done.
    pub fn new(verb: Verb, namespace: String, layout: Option<String>, cutoff: DateTime) -> Self {
        Self {
            verb,
            namespace,
            layout,
            cutoff,
            matched: None,
            done: None,
            exact: None,
            archived: None,
            renewed: None,
            reappeared: None,
            batches: 0,
            took: Duration::ZERO,
            stopped: None,
            words: Words::default(),
            archive: None,
            kept: 0,
            refused: 0,
            why_refused: None,
            latency: None,
            throttled: Throttled::default(),
            left_alone: Vec::new(),
            left: None,
            may_count_twice: false,
            held: None,
            already: None,
            live: None,
            unclear: 0,
        }
    }

    /// Before anything is done to the sessions of a store.
    pub fn of(verb: Verb, store: &Store, cutoff: DateTime) -> Self {
        Self::new(verb, store.namespace(), Some(store.layouts().name()), cutoff)
    }

    /// The report of an empty collection, at the server's time.
    pub async fn of_nothing(context: &Context, verb: Verb, action: &str) -> Result<Self, Failure> {
        let connection = context.connect().await?;
        let now = connection.primary_now().await.doing(action)?;
        let namespace = format!("{}.{}", connection.database(), context.collection());
        let report = Self { matched: Some(0), ..Self::new(verb, namespace, None, now) };
        Ok(report.nothing_done())
    }

    /// There was nothing to do.
    pub fn nothing_done(mut self) -> Self {
        (self.done, self.exact) = (Some(0), Some(true));
        self
    }

    /// Adds what a batch did.
    pub fn add(&mut self, batch: &Batch) {
        let add = |sum: Option<u64>, more: Option<u64>| match (sum, more) {
            (sum, None) => sum,
            (sum, Some(more)) => Some(sum.unwrap_or(0) + more),
        };
        self.done = add(self.done, Some(batch.done));
        self.renewed = add(self.renewed, batch.spared);
        self.archived = add(self.archived, batch.archived);
        self.kept += batch.kept;
        self.refused += batch.refused;
        self.why_refused = self.why_refused.take().or_else(|| batch.why.clone());
        for id in &batch.left {
            if self.left_alone.len() < NAMED && !self.left_alone.contains(id) {
                self.left_alone.push(id.clone());
            }
        }
        self.exact = Some(self.exact.unwrap_or(true) && batch.exact);
        self.batches += 1;
    }

    /// Adds the counts of an earlier run on the same sessions.
    pub fn join(&mut self, earlier: &Self) {
        self.done = Some(self.done.unwrap_or(0) + earlier.done.unwrap_or(0));
        self.exact = Some(self.exact != Some(false) && earlier.exact != Some(false));
        self.renewed = self.renewed.or(earlier.renewed);
        self.refused += earlier.refused;
        self.batches += earlier.batches;
        self.took += earlier.took;
        self.throttled += earlier.throttled;
        self.latency = self.latency.or(earlier.latency);
    }

    /// Reports how it was slowed down: with `-v` in detail.
    pub fn remark_pace(&self, context: &Context) {
        remark_pace(context, self.latency.as_ref(), self.throttled, self.took);
    }

    /// Its row.
    pub fn row(&self) -> Row {
        let count = |count: Option<u64>| Cell::maybe(count, Cell::Count);
        Row(vec![
            ("namespace", Cell::Text(self.namespace.clone())),
            ("layout", Cell::maybe(self.layout.clone(), Cell::Text)),
            ("cutoff", Cell::Time(self.cutoff)),
            ("matched", count(self.matched.or(self.done))),
            (self.verb.done, count(self.done)),
            ("exact", Cell::maybe(self.exact, Cell::Flag)),
            ("archived", count(self.archived)),
            ("renewed", count(self.renewed)),
            ("reappeared", count(self.reappeared.or(self.held))),
            ("batches", Cell::Count(self.batches)),
            ("seconds", Cell::Seconds(self.took.as_secs_f64())),
            ("stopped", Cell::maybe(self.stopped, |why| Cell::Text(why.to_owned()))),
        ])
    }
    /// The question: `Delete 2 live sessions from shop.sessions?`.
    pub fn question(&self) -> String {
        let wanted = self.wanted();
        let mut letters = wanted.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string());
        format!("{}{}?", first.unwrap_or_default(), letters.as_str())
    }

    /// The sentence of a dry run, with the estimated time.
    pub fn preview(&self, estimate: Duration) -> String {
        match self.matched {
            Some(0) => self.nothing(),
            _ => format!("would {}; estimated time: {}", self.wanted(), elapsed(estimate)),
        }
    }

    fn wanted(&self) -> String {
        let those = self.words.counted(self.matched.unwrap_or(0));
        let Verb { imperative, place, .. } = self.verb;
        let (namespace, except) = (&self.namespace, self.words.except());
        match self.live {
            Some(live) => {
                let live = grouped(live);
                format!(
                    "{imperative} all {those} {place} {namespace}, {live} of which can still log in"
                )
            }
            None => format!("{imperative} {those} {place} {namespace}{except}"),
        }
    }

    fn nothing(&self) -> String {
        let (namespace, except) = (&self.namespace, self.words.except());
        // `fix expiry` selects by the fault alone: "no sessions" would be wrong.
        if self.verb == Verb::FIX && self.words == Words::default() {
            return match self.unclear {
                0 => format!("no expiry to fix in {namespace}"),
                _ => format!("fixed no expiry in {namespace}"),
            };
        }
        let none = self.words.none();
        if self.verb != Verb::EXPIRE || !self.words.is_any_state() {
            return format!("{none} in {namespace}{except}");
        }
        // `expire` leaves out sessions that have expired already. That they exist must not be denied.
        match self.already {
            Some(0) => format!("{none} in {namespace}{except}"),
            Some(already) => {
                let those = self.words.counted(already);
                let have = if already == 1 { "has" } else { "have" };
                format!("nothing to expire in {namespace}: {those} {have} already expired")
            }
            None => {
                format!("nothing to expire in {namespace}: {none} that have not already expired")
            }
        }
    }

    /// The sentence of a report, and what did not go as planned.
    pub fn sentence(&self) -> String {
        let (done, exact) = (self.done.unwrap_or(0), self.exact != Some(false));
        let remarks = self.remarks();
        let is_nothing = done == 0 && exact && self.matched.unwrap_or(0) == 0;
        let main = match is_nothing && remarks.is_empty() {
            true => self.nothing(),
            false => {
                let (Verb { past, place, .. }, namespace) = (self.verb, &self.namespace);
                let at_least = match (exact, self.may_count_twice) {
                    (true, _) => "",
                    (false, false) => "at least ",
                    (false, true) => "about ",
                };
                let (those, took) = (self.words.counted(done), elapsed(self.took));
                let except = self.words.except();
                let comma = if except.is_empty() { "" } else { "," };
                format!("{past} {at_least}{those} {place} {namespace}{except}{comma} in {took}")
            }
        };
        [vec![main], remarks].concat().join("; ")
    }

    /// The failure if sessions were kept or refused.
    pub fn failure(&self, action: &str) -> Option<Failure> {
        let named = self.left_alone.iter().map(|id| format!("{}...", neutral(id)));
        let named = named.collect::<Vec<_>>().join(", ");
        if self.refused > 0 {
            let (those, place) = (sessions(self.refused), &self.namespace);
            let why = self.why_refused.as_deref().unwrap_or("no reason given");
            let sentence = format!("could not {action}: {place} refused {those} ({named}): {why}");
            return Some(
                Failure::new(Exit::Failed, sentence).hint("all other sessions were processed"),
            );
        }
        if self.kept == 0 {
            return None;
        }
        let those = sessions(self.kept);
        let sentence = format!(
            "could not {action}: kept {those}, which the archive format cannot represent ({named})"
        );
        Some(Failure::new(Exit::Failed, sentence).hint("a .bson archive takes every session"))
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if let (Some(archived @ 1..), Some(archive)) = (self.archived, &self.archive) {
            let archive = archive.display();
            remarks.push(match Some(archived) == self.done {
                true => format!("archived to {archive}"),
                false => format!("{} archived to {archive}", grouped(archived)),
            });
        }
        if self.kept > 0 {
            remarks.push(format!("kept {}, which cannot be archived", sessions(self.kept)));
        }
        if self.refused > 0 {
            remarks.push(format!("{} could not be changed", sessions(self.refused)));
        }
        if let Some(renewed @ 1..) = self.renewed {
            // The counts do not show which of the two happened.
            let were = if renewed == 1 { "was" } else { "were" };
            remarks.push(format!("{} {were} renewed or removed meanwhile", sessions(renewed)));
        }
        if let Some(held) = self.held {
            remarks.push(format!("{} of them during the hold", grouped(held)));
        }
        match self.reappeared {
            Some(0) => remarks.push("none came back".to_owned()),
            Some(count) => remarks.push(format!("{} came back", sessions(count))),
            None => {}
        }
        remarks.extend(self.stopped.map(|why| stopped(why, self.left)));
        remarks
    }
}

/// Reports how a command that took this long was slowed down.
pub fn remark_pace(
    context: &Context,
    latency: Option<&Latency>,
    throttled: Throttled,
    took: Duration,
) {
    let is_verbose = context.global.verbose;
    let waited = waited(throttled).filter(|_| is_verbose);
    let remarks = felt(latency, took, is_verbose).into_iter().chain(waited);
    remarks.for_each(|remark| context.note("note", remark));
}

/// Why a command ended early, and how many sessions were left.
pub fn stopped(why: &str, left: Option<u64>) -> String {
    let why = match why {
        "signal" => "interrupted",
        "run-time" => "stopped by --run-time",
        "operator" => "stopped by the operator",
        "error" => "stopped by an error",
        "reload" => "stopped, because the settings changed",
        "failure" => "stopped, because the sweeper failed elsewhere",
        "lease" => "stopped, because another sweeper holds the lease",
        other => return format!("stopped by {other}"),
    };
    match left {
        Some(left) => format!("{why} with {} left", sessions(left)),
        None => format!("{why}; some may be left"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verb: Verb, kind: &'static str) -> Report {
        let cutoff = DateTime::from_millis(0);
        Report {
            words: Words::of_kind(kind),
            took: Duration::from_millis(420),
            exact: Some(true),
            ..Report::new(verb, "shop.sessions".into(), None, cutoff)
        }
    }

    #[test]
    fn a_report_is_a_sentence_about_what_was_done() {
        let done = |verb, kind, done| Report { done: Some(done), ..report(verb, kind) }.sentence();
        assert_eq!(
            done(Verb::PURGE, "expired", 132),
            "deleted 132 expired sessions from shop.sessions in 0.4 s"
        );
        assert_eq!(
            done(Verb::EXPIRE, "live", 1),
            "expired 1 live session in shop.sessions in 0.4 s"
        );
        assert_eq!(
            done(Verb::FIX, "", 1234),
            "fixed the expiry of 1,234 sessions in shop.sessions in 0.4 s"
        );
        assert_eq!(done(Verb::PURGE, "expired", 0), "no expired sessions in shop.sessions");
        assert_eq!(done(Verb::FIX, "", 0), "no expiry to fix in shop.sessions");
    }

    #[test]
    fn sessions_that_have_expired_already_are_not_denied() {
        let expire = |already| {
            let done = Some(0);
            Report { done, matched: done, already, ..report(Verb::EXPIRE, "") }.sentence()
        };
        assert_eq!(expire(Some(0)), "no sessions in shop.sessions");
        assert_eq!(
            expire(Some(4)),
            "nothing to expire in shop.sessions: 4 sessions have already expired"
        );
        assert_eq!(
            expire(None),
            "nothing to expire in shop.sessions: no sessions that have not already expired"
        );
        let live = Report { done: Some(0), ..report(Verb::EXPIRE, "live") };
        assert_eq!(live.sentence(), "no live sessions in shop.sessions");
    }

    #[test]
    fn what_did_not_go_as_planned_follows() {
        let purge = || report(Verb::PURGE, "");
        let odd = Report {
            matched: Some(5),
            done: Some(2),
            exact: Some(false),
            archived: Some(2),
            archive: Some("old.bson".into()),
            renewed: Some(1),
            stopped: Some("signal"),
            left: Some(2),
            ..purge()
        };
        assert_eq!(
            odd.sentence(),
            "deleted at least 2 sessions from shop.sessions in 0.4 s; archived to old.bson; \
             1 session was renewed or removed meanwhile; interrupted with 2 sessions left"
        );
        let kept = Report { done: Some(0), kept: 3, ..purge() };
        assert_eq!(
            kept.sentence(),
            "deleted 0 sessions from shop.sessions in 0.4 s; kept 3 sessions, which cannot be archived"
        );
        let slow = Report { done: Some(0), stopped: Some("run-time"), ..purge() };
        assert_eq!(
            slow.sentence(),
            "deleted 0 sessions from shop.sessions in 0.4 s; stopped by --run-time; some may be left"
        );
        let back = |count| Report { done: Some(1), reappeared: Some(count), ..purge() }.sentence();
        assert!(
            back(0).ends_with("; none came back") && back(3).ends_with("; 3 sessions came back")
        );
    }

    #[test]
    fn a_dry_run_and_a_question_name_the_same_sessions() {
        let wanted = |count| Report { matched: Some(count), ..report(Verb::PURGE, "expired") };
        assert_eq!(wanted(1).question(), "Delete 1 expired session from shop.sessions?");
        assert_eq!(
            wanted(132).preview(Duration::from_millis(400)),
            "would delete 132 expired sessions from shop.sessions; estimated time: 0.4 s"
        );
        assert_eq!(wanted(0).preview(Duration::ZERO), "no expired sessions in shop.sessions");
    }
}
