//! The lines of an audit file, grouped into runs: each run has several lines.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use crate::console::output::{Cell, Row};

/// The runs, in the order of their first lines.
#[derive(Debug, Default)]
pub struct Runs {
    runs: Vec<Run>,
    by_name: HashMap<String, usize>,
}

/// What is known about a run. A key that a line lacks is null.
#[derive(Debug, Default)]
pub struct Run {
    began: Map<String, Value>,
    ended: Map<String, Value>,
    /// The users whose sessions were read, and the number of sessions of each.
    pub users: BTreeMap<String, u64>,
    /// The sessions without a user among them.
    anonymous: u64,
    /// Whether sessions were read, so that their users are known.
    names_users: bool,
    /// The number of sessions that its batches wrote.
    done: u64,
}

impl Runs {
    pub fn iter(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter()
    }

    /// Adds a line.
    pub fn line(&mut self, line: &Map<String, Value>) {
        let Some(name) = line.get("run").and_then(Value::as_str) else { return };
        let runs = &mut self.runs;
        let at = *self.by_name.entry(name.to_owned()).or_insert_with(|| {
            runs.push(Run::default());
            runs.len() - 1
        });
        let run = &mut self.runs[at];
        match line.get("event").and_then(Value::as_str) {
            Some("began") => run.began = line.clone(),
            Some("ended") => run.ended = line.clone(),
            Some("nothing") => {
                run.began = line.clone();
                run.ended = line.clone();
            }
            Some("batch") => run.add(line),
            _ => {}
        }
    }
}

impl Run {
    fn add(&mut self, batch: &Map<String, Value>) {
        self.done += batch.get("done").and_then(Value::as_u64).unwrap_or(0);
        let Some(sessions) = batch.get("sessions").and_then(Value::as_array) else { return };
        for group in sessions {
            let count = group["ids"].as_array().map_or(0, Vec::len) as u64;
            match group.get("user") {
                Some(Value::String(user)) => {
                    self.names_users = true;
                    *self.users.entry(user.clone()).or_default() += count;
                }
                Some(_) => {
                    self.names_users = true;
                    self.anonymous += count;
                }
                None => {}
            }
        }
    }

    pub fn row(&self) -> Row {
        let mut cells =
            self.cells(&["time", "run", "who", "login", "host", "command", "namespace"]);
        let selection = self.began.get("selection").filter(|selection| !selection.is_null());
        let users = self.names_users.then_some(self.users.len() as u64);
        cells.extend([
            ("selection", Cell::maybe(selection.cloned(), Cell::Json)),
            ("done", Cell::Count(self.done())),
            ("users", Cell::maybe(users, Cell::Count)),
            ("outcome", Cell::Text(self.outcome())),
            ("ended", text(self.ended.get("time"))),
        ]);
        Row(cells)
    }

    /// Whether the users of all sessions that it ended or changed are known. They are not if it wrote
    /// ranges of dates, or if the line of a batch cannot be read.
    pub fn names_all_users(&self) -> bool {
        // A copy names the users whose sessions it replaced or deleted, not those it inserted.
        self.began.get("command").is_some_and(|command| command == "copy")
            || self.done() <= self.users.values().sum::<u64>() + self.anonymous
    }

    /// A row for each user, or only for `user`.
    pub fn user_rows(&self, user: Option<&str>) -> Vec<Row> {
        let named = self.users.iter().map(|(user, count)| (Some(user.as_str()), *count));
        let nobody = (self.anonymous > 0).then_some((None, self.anonymous));
        named
            .chain(nobody)
            .filter(|(name, _)| user.is_none() || *name == user)
            .map(|(user, count)| {
                let mut cells = self.cells(&["time", "run", "who", "command", "namespace"]);
                cells.push(("user", Cell::maybe(user, |user| Cell::Text(user.to_owned()))));
                cells.push(("sessions", Cell::Count(count)));
                Row(cells)
            })
            .collect()
    }

    fn cells(&self, names: &[&'static str]) -> Vec<(&'static str, Cell)> {
        let who = self.began.get("who");
        let of = |key: &str| who.and_then(|who| who.get(key)).filter(|value| !value.is_null());
        let cell = |name: &'static str| match name {
            // The user who called sudo is responsible.
            "who" => text(of("sudo_user").or_else(|| of("user")).or_else(|| of("uid"))),
            "login" => text(of("login")),
            name => text(self.began.get(name)),
        };
        names.iter().map(|name| (*name, cell(name))).collect()
    }

    /// How many sessions the run ended or changed: as its last line says, or without one, the sum
    /// of its batches.
    fn done(&self) -> u64 {
        let result = self.ended.get("result");
        let of = |key: &str| result.and_then(|result| result.get(key)).and_then(Value::as_u64);
        let done = ["deleted", "expired", "mended"].into_iter().find_map(of);
        // A restore does both.
        let restored = of("restored").map(|restored| restored + of("reverted").unwrap_or(0));
        done.or(restored).unwrap_or(self.done)
    }

    fn outcome(&self) -> String {
        let value = |key: &str| self.ended.get(key).and_then(Value::as_str);
        if self.ended.is_empty() {
            return "unfinished: there is no end record".to_owned();
        }
        if let Some(error) = value("error") {
            return error.to_owned();
        }
        match (value("stopped"), value("event")) {
            (Some(why), _) => format!("stopped: {why}"),
            (None, Some("nothing")) => "nothing matched".to_owned(),
            (None, _) => "done".to_owned(),
        }
    }
}

fn text(value: Option<&Value>) -> Cell {
    match value {
        None | Some(Value::Null) => Cell::Null,
        Some(Value::String(text)) => Cell::Text(text.clone()),
        Some(value) => Cell::Text(value.to_string()),
    }
}
