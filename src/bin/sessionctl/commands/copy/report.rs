//! The report of a copy.

use std::time::Duration;

use serde_json::{Map, Value};
use sessionctl::Store;
use sessionctl::copy::{Copied, Loss};

use crate::commands::apply::stopped;
use crate::console::output::{Cell, Row};
use crate::console::text::{elapsed, grouped, sessions};
use crate::context::words::Words;

pub const HEADER: &[&str] = &[
    "namespace",
    "target",
    "layout",
    "target_layout",
    "matched",
    "read",
    "copied",
    "replaced",
    "unchanged",
    "kept",
    "lost",
    "reasons",
    "exact",
    "batches",
    "seconds",
    "stopped",
];

/// What was done.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub namespace: String,
    pub target: String,
    pub layout: String,
    pub target_layout: String,
    /// How many a count before the first write found.
    pub matched: Option<u64>,
    pub copied: Copied,
    pub exact: Option<bool>,
    pub batches: u64,
    pub took: Duration,
    pub stopped: Option<&'static str>,
    /// How many were left when it was stopped. This and what follows is for people, and no key.
    pub left: Option<u64>,
    /// The server of the target, where that is another one.
    pub server: Option<String>,
    pub words: Words,
    /// Whether nothing was written.
    pub is_dry: bool,
    /// Whether the copy is kept up to date.
    pub follows: bool,
}

impl Report {
    /// Before anything is done.
    pub fn new(source: &Store, target: &Store, words: Words) -> Self {
        let [here, there] = [source, target].map(|store| store.connection().address().to_owned());
        Self {
            namespace: source.namespace(),
            target: target.namespace(),
            layout: source.layouts().name(),
            target_layout: target.layouts().name(),
            server: (here != there).then_some(there),
            words,
            ..Self::default()
        }
    }

    /// Of an empty collection.
    pub fn of_nothing(namespace: String) -> Self {
        Self { namespace, matched: Some(0), exact: Some(true), ..Self::default() }
    }

    fn place(&self) -> String {
        let Self { namespace, target, server, .. } = self;
        let at = server.as_ref().map(|server| format!(" at {server}")).unwrap_or_default();
        format!("from {namespace} to {target}{at}")
    }

    /// The question before anything is written. It counts the expired sessions, because nobody would miss
    /// them.
    pub fn question(&self, expired: Option<u64>) -> String {
        let those = match self.matched {
            Some(matched) => self.words.counted(matched),
            None => "all sessions".to_owned(),
        };
        let expired = expired.filter(|expired| *expired > 0);
        let expired = expired.map(|some| format!(" ({} expired)", grouped(some)));
        let then = if self.follows { ", and each change that follows" } else { "" };
        format!("Copy {those}{} {}{then}?", expired.unwrap_or_default(), self.place())
    }

    /// What was done, or in a dry run would be, and what did not go as planned.
    pub fn sentence(&self) -> String {
        let Copied { read, copied, replaced, unchanged, kept, lost, .. } = &self.copied;
        let Copied { removed, ended, .. } = &self.copied;
        if (*read, *removed, self.stopped) == (0, 0, None) {
            return format!("{} in {}{}", self.words.none(), self.namespace, self.words.except());
        }
        let (those, took) = (sessions(*copied), elapsed(self.took));
        let mut parts = vec![match self.is_dry {
            true => format!("would copy {those} {}", self.place()),
            false => format!("copied {those} {} in {took}", self.place()),
        }];
        let mut add = |count: u64, one: &str, more: &str| match count {
            0 => {}
            1 => parts.push(format!("1 session {one}")),
            count => parts.push(format!("{} {more}", sessions(count))),
        };
        match self.is_dry {
            true => add(*replaced, "would replace an older one", "would replace older ones"),
            false => add(*replaced, "replaced an older one", "replaced older ones"),
        }
        add(*removed, "was deleted, as at the source", "were deleted, as at the source");
        if !self.follows {
            add(*unchanged, "is there already", "are there already");
        }
        add(
            *ended,
            "was ended at the target, and stays so",
            "were ended at the target, and stay so",
        );
        add(*kept, "was left as the target has it", "were left as the target has them");
        let verb = if self.is_dry { "cannot be copied" } else { "could not be copied" };
        for (loss, count) in lost {
            parts.push(format!("{} {verb}: {}", sessions(*count), loss.reason()));
        }
        parts.extend(self.stopped.map(|why| stopped(why, self.left)));
        parts.join("; ")
    }

    /// Whether both sides have the same sessions; `extra` is how many only the target has.
    pub fn agrees(&self, extra: Option<u64>) -> bool {
        let Copied { copied, replaced, kept, .. } = &self.copied;
        self.stopped.is_none()
            && copied + replaced + kept + self.copied.lost() + extra.unwrap_or(0) == 0
    }

    /// What a comparison of both sides found.
    pub fn compared(&self, extra: Option<u64>) -> String {
        let Copied { copied, replaced, unchanged, kept, .. } = &self.copied;
        let (those, took) = (sessions(*unchanged), elapsed(self.took));
        let Self { namespace, target, .. } = self;
        if self.agrees(extra) {
            return format!("{namespace} and {target} agree on {those}; compared in {took}");
        }
        let mut parts = vec![format!("{namespace} and {target} differ, and agree on {those}")];
        for (count, what) in [
            (*copied, "missing at the target"),
            (*replaced, "older at the target"),
            (*kept, "newer at the target, or different"),
            (self.copied.lost(), "impossible to carry over"),
            (extra.unwrap_or(0), "only at the target"),
        ] {
            let verb = if count == 1 { "is" } else { "are" };
            parts.extend((count > 0).then(|| format!("{} {verb} {what}", sessions(count))));
        }
        parts.extend(self.stopped.map(|why| stopped(why, self.left)));
        parts.join("; ")
    }

    pub fn row(&self) -> Row {
        let Copied { read, copied, replaced, unchanged, kept, lost, .. } = &self.copied;
        let text = |text: &String| match text.is_empty() {
            true => Cell::Null,
            false => Cell::Text(text.clone()),
        };
        let reasons: Map<String, Value> = Loss::ALL
            .into_iter()
            .filter_map(|loss| Some((loss.name().to_owned(), (*lost.get(&loss)?).into())))
            .collect();
        let mut row = Row(vec![
            ("namespace", text(&self.namespace)),
            ("target", text(&self.target)),
            ("layout", text(&self.layout)),
            ("target_layout", text(&self.target_layout)),
            ("matched", Cell::maybe(self.matched, Cell::Count)),
            ("read", Cell::Count(*read)),
            ("copied", Cell::Count(*copied)),
            ("replaced", Cell::Count(*replaced)),
            ("unchanged", Cell::Count(*unchanged)),
            ("kept", Cell::Count(*kept)),
            ("lost", Cell::Count(self.copied.lost())),
            ("reasons", Cell::Json(reasons.into())),
            ("exact", Cell::maybe(self.exact, Cell::Flag)),
            ("batches", Cell::Count(self.batches)),
            ("seconds", Cell::Seconds(self.took.as_secs_f64())),
            ("stopped", Cell::maybe(self.stopped, |why| Cell::Text(why.to_owned()))),
        ]);
        if self.follows {
            let Copied { removed, ended, .. } = &self.copied;
            row.0.push(("removed", Cell::Count(*removed)));
            row.0.push(("ended", Cell::Count(*ended)));
        }
        row
    }
}
