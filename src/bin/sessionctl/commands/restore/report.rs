//! The report of a restore.

use std::time::Duration;

use sessionctl::restore::{Refused, Restored};

use crate::commands::apply::stopped;
use crate::console::failure::{Exit, Failure};
use crate::console::output::{Cell, Row};
use crate::console::text::{elapsed, grouped, neutral, sessions};
use crate::context::words::Words;

pub const HEADER: &[&str] = &[
    "namespace",
    "file",
    "read",
    "restored",
    "reverted",
    "skipped",
    "changed",
    "absent",
    "exact",
    "batches",
    "seconds",
    "stopped",
];

/// The report.
#[derive(Debug, Clone)]
pub struct Report {
    pub namespace: String,
    pub file: String,
    /// Whether the archive has sessions that were changed rather than deleted.
    pub is_undo: bool,
    /// Whether sessions that were removed stay removed.
    pub only_present: bool,
    /// What was done, or what would be.
    pub counts: Option<Restored>,
    /// Which sessions the collection refused. This is not a key.
    pub refused: Refused,
    pub is_done: bool,
    pub batches: u64,
    pub took: Duration,
    pub stopped: Option<&'static str>,
    /// How many of the archive's sessions were left when it was stopped. This is not a key.
    pub left: Option<u64>,
    /// Which sessions of the archive these are. This is not a key.
    pub words: Words,
}

/// The phrase for both kinds of sessions, such as `reverted 3 sessions and restored 2 that were removed
/// since`.
fn both((revert, restore): (&str, &str), counts: &Restored) -> String {
    let reverted = format!("{revert} {}", sessions(counts.reverted));
    match counts.inserted {
        0 => reverted,
        inserted if counts.reverted == 0 => {
            let were = if inserted == 1 { "was" } else { "were" };
            format!("{restore} {} that {were} removed since", sessions(inserted))
        }
        inserted => {
            let were = if inserted == 1 { "was" } else { "were" };
            format!("{reverted} and {restore} {} that {were} removed since", grouped(inserted))
        }
    }
}

impl Report {
    /// The question before anything is written.
    pub fn question(&self, planned: u64) -> String {
        let Self { namespace, file, .. } = self;
        match self.counts.as_ref().filter(|_| self.is_undo) {
            Some(counts) => {
                let wanted = both(("Revert", "restore"), counts);
                let wanted = match wanted.strip_prefix("restore") {
                    Some(rest) => format!("Restore{rest}"),
                    None => wanted,
                };
                format!("{wanted} in {namespace}, using {file}?")
            }
            None => format!("Restore {} from {file} into {namespace}?", sessions(planned)),
        }
    }

    /// The sentence of the report or of a dry run, and what did not go as planned.
    pub fn sentence(&self) -> String {
        let Self { namespace, file, .. } = self;
        let Some(counts) = self.counts.filter(|counts| counts.read > 0 || self.stopped.is_some())
        else {
            return format!("{} in {file}{}", self.words.none(), self.words.except());
        };
        let mut parts = Vec::new();
        let took = elapsed(self.took);
        let at_least = if counts.exact { "" } else { "at least " };
        let is_all = self.stopped.is_none() && counts.refused == 0;
        parts.push(match (self.is_undo, self.is_done) {
            (true, true) if counts.inserted + counts.reverted == 0 && is_all => {
                format!("nothing to undo in {namespace} from {file}")
            }
            (false, true) if counts.inserted == 0 && counts.exact && is_all => {
                format!("nothing to restore from {file} into {namespace}")
            }
            (true, true) => {
                let done = both(("reverted", "restored"), &counts);
                format!("{done} in {namespace} in {took}, using {file}")
            }
            (true, false) => {
                let wanted = both(("revert", "restore"), &counts);
                format!("would {wanted} in {namespace}, using {file}")
            }
            (false, true) => {
                let those = sessions(counts.inserted);
                format!("restored {at_least}{those} from {file} into {namespace} in {took}")
            }
            (false, false) => {
                let all = sessions(counts.read);
                let those = match counts.inserted == counts.read {
                    true => all,
                    false => format!("{} of {all}", grouped(counts.inserted)),
                };
                format!("would restore {those} from {file} into {namespace}")
            }
        });
        parts.extend(self.remarks(&counts));
        parts.extend(self.stopped.map(|why| stopped(why, self.left)));
        parts.join("; ")
    }

    /// What is left as it is.
    pub fn remarks(&self, counts: &Restored) -> Vec<String> {
        let of = |count: u64, one: &str, several: &str| match count {
            0 => None,
            1 => Some(format!("1 session {one}")),
            count => Some(format!("{} {several}", sessions(count))),
        };
        let there = match (self.is_undo, self.is_done) {
            (true, _) => of(counts.skipped, "needs no change", "need no change"),
            (false, true) => of(counts.skipped, "already existed", "already existed"),
            (false, false) if counts.skipped > 1 => {
                Some(format!("{} already exist", grouped(counts.skipped)))
            }
            (false, false) => of(counts.skipped, "already exists", "already exist"),
        };
        let changed = match self.is_done {
            true => of(
                counts.changed,
                "changed since and was left alone",
                "changed since and were left alone",
            ),
            false => of(
                counts.changed,
                "changed since and stays as it is",
                "changed since and stay as they are",
            ),
        };
        let absent = of(counts.absent, "was removed and stays so", "were removed and stay so");
        let refused = of(counts.refused, "could not be restored", "could not be restored");
        [changed, there, absent, refused].into_iter().flatten().collect()
    }

    /// The failure if the collection refused sessions.
    pub fn failure(&self, action: &str) -> Option<Failure> {
        let refused = self.counts.map(|counts| counts.refused).filter(|refused| *refused > 0)?;
        let Refused { ids, why, .. } = &self.refused;
        let named: Vec<_> = ids.iter().map(|id| format!("{}...", neutral(id))).collect();
        let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let (those, named) = (sessions(refused), named.join(", "));
        let sentence =
            format!("could not {action}: {} refused {those} ({named}){why}", self.namespace);
        Some(Failure::new(Exit::Failed, sentence).hint("all other sessions were processed"))
    }

    pub fn row(&self) -> Row {
        let counts = self.counts;
        let count =
            |of: fn(&Restored) -> u64| Cell::maybe(counts.map(|counts| of(&counts)), Cell::Count);
        let done = |of: fn(&Restored) -> u64| match self.is_done {
            true => count(of),
            false => Cell::Null,
        };
        let only = |is: bool, cell: Cell| if is { cell } else { Cell::Null };
        let tells_absent = self.only_present || counts.is_some_and(|counts| counts.absent > 0);
        let exact = counts.filter(|_| self.is_done).map(|counts| counts.exact);
        let mut row = Row(vec![
            ("namespace", Cell::Text(self.namespace.clone())),
            ("file", Cell::Text(self.file.clone())),
            ("read", Cell::Count(counts.map_or(0, |counts| counts.read))),
            ("restored", done(|counts| counts.inserted)),
            ("reverted", only(self.is_undo, done(|counts| counts.reverted))),
            ("skipped", Cell::Count(counts.map_or(0, |counts| counts.skipped))),
            ("changed", only(self.is_undo, count(|counts| counts.changed))),
            ("absent", only(tells_absent, count(|counts| counts.absent))),
            ("exact", Cell::maybe(exact, Cell::Flag)),
            ("batches", Cell::Count(self.batches)),
            ("seconds", Cell::Seconds(self.took.as_secs_f64())),
            ("stopped", Cell::maybe(self.stopped, |why| Cell::Text(why.to_owned()))),
        ]);
        if !self.is_done {
            row.0.push(("to_restore", count(|counts| counts.inserted)));
            row.0.push(("to_revert", only(self.is_undo, count(|counts| counts.reverted))));
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_undo_says_what_becomes_of_each_kind() {
        let mut counts = Restored::default();
        (counts.read, counts.reverted, counts.inserted) = (1015, 1000, 2);
        (counts.changed, counts.skipped, counts.exact) = (12, 1, true);
        let report = Report {
            namespace: "shop.sessions".into(),
            file: "undo.bson".into(),
            is_undo: true,
            only_present: false,
            counts: Some(counts),
            refused: Refused::default(),
            is_done: true,
            batches: 2,
            took: Duration::from_millis(420),
            stopped: None,
            left: None,
            words: Words::default(),
        };
        assert_eq!(
            report.question(0),
            "Revert 1,000 sessions and restore 2 that were removed since in shop.sessions, using \
             undo.bson?"
        );
        assert_eq!(
            report.sentence(),
            "reverted 1,000 sessions and restored 2 that were removed since in shop.sessions in \
             0.4 s, using undo.bson; 12 sessions changed since and were left alone; 1 session \
             needs no change"
        );
        counts.reverted = 0;
        let removed = Report { counts: Some(counts), is_done: false, ..report };
        assert_eq!(
            removed.question(0),
            "Restore 2 sessions that were removed since in shop.sessions, using undo.bson?"
        );
    }
}
