//! The file of `--config`: settings for several namespaces. A fault names the file, the line and the
//! key.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize as _;
use sessionctl::error::reason;
use sessionctl::sweep::Sweep;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::config::{Fault, Plan, Settings, check_archives, sharer};
use crate::console::failure::{Exit, Failure};
use crate::input::read_text;

/// Reads the file: settings for all namespaces, and a table for each, which overrides them. Where neither
/// says anything, `others` holds.
pub fn read(path: &Path, sweep: &Sweep, others: &Settings) -> Result<Vec<Plan>, Failure> {
    let action = format!("could not use the configuration file {}", path.display());
    let text = read_text(path)
        .map_err(|error| Failure::new(Exit::Usage, format!("{action}: {}", reason(&error))))?;
    let source = Source { action: &action, text: &text };
    let mut file = DeTable::parse(&text)
        .map_err(|error| source.failed(error.span(), first_line(&error)))?
        .into_inner();
    let collections = match file.remove("collections").map(Spanned::into_inner) {
        Some(DeValue::Table(table)) if !table.is_empty() => table,
        _ => {
            return Err(source.failed(
                None,
                "no collection is configured; add a table such as [collections.\"app.sessions\"]",
            ));
        }
    };
    let common = spans(&file);
    let defaults = source.settings(file, &common, "")?;
    let (mut plans, mut places) = (BTreeMap::new(), BTreeMap::new());
    for (name, settings) in collections {
        let namespace = name.get_ref().to_string();
        let Some((database, collection)) = namespace
            .split_once('.')
            .filter(|(database, collection)| !database.is_empty() && !collection.is_empty())
        else {
            let why = format!("{namespace} is not a namespace; write database.collection");
            return Err(source.failed(Some(name.span()), why));
        };
        let DeValue::Table(settings) = settings.into_inner() else {
            let why = format!("{namespace} must be a table of settings");
            return Err(source.failed(Some(name.span()), why));
        };
        let whose = format!("{namespace}: ");
        let own = spans(&settings);
        let settings = source.settings(settings, &own, &whose)?.or(&defaults);
        let settings = settings.relative_to(path).or(others);
        let plan = Plan::new(Some(database.into()), collection.into(), &settings, sweep);
        let place = |key: &str| own.get(key).or(common.get(key)).cloned();
        let plan = plan.map_err(|Fault { key, failure }| {
            source.failed(place(key), named(&whose, key, &failure.to_string()))
        })?;
        places.insert(namespace.clone(), place("archive"));
        plans.insert(namespace, plan);
    }
    let plans: Vec<_> = plans.into_values().collect();
    check_archives(&plans).map_err(|failure| {
        let sharer = sharer(&plans).and_then(|plan| {
            let database = plan.database.as_deref()?;
            places.remove(&format!("{database}.{}", plan.collection))?
        });
        source.failed(sharer, failure.to_string())
    })?;
    Ok(plans)
}

/// Where each key of a table stands, with its value.
type Places = BTreeMap<String, Range<usize>>;

fn spans(table: &DeTable<'_>) -> Places {
    let mut places = Places::new();
    for (key, value) in table {
        places.insert(key.get_ref().to_string(), key.span().start..value.span().end);
    }
    places
}

/// The text of the file, for errors.
struct Source<'a> {
    action: &'a str,
    text: &'a str,
}

impl Source<'_> {
    /// A fault at a place. Like a wrong command line, it is a usage error: a retry cannot help.
    fn failed(&self, place: Option<Range<usize>>, why: impl std::fmt::Display) -> Failure {
        let line = place.and_then(|place| self.text.get(..place.start)).map(|before| {
            let line = before.matches('\n').count() + 1;
            format!("line {line}: ")
        });
        let sentence = format!("{}: {}{why}", self.action, line.unwrap_or_default());
        Failure::new(Exit::Usage, sentence).hint("`sessionctl help sweep.toml` shows an example")
    }

    /// The settings of one table; `whose` begins the message.
    fn settings(
        &self,
        table: DeTable<'_>,
        places: &Places,
        whose: &str,
    ) -> Result<Settings, Failure> {
        let value = Spanned::new(0..0, DeValue::Table(table));
        Settings::deserialize(ValueDeserializer::from(value)).map_err(|error| {
            let place = error.span().filter(|place| !place.is_empty());
            let at = place.as_ref().map(|place| place.start);
            let holds =
                |(_, range): &(&String, &Range<usize>)| at.is_some_and(|at| range.contains(&at));
            let key = places.iter().find(holds).map_or("", |(key, _)| key);
            self.failed(place, named(whose, key, &first_line(&error)))
        })
    }
}

/// The message with its namespace and its key, unless it names the key itself.
fn named(whose: &str, key: &str, why: &str) -> String {
    match key.is_empty() || why.contains(key) {
        true => format!("{whose}{why}"),
        false => format!("{whose}{key}: {why}"),
    }
}

/// A parser's message without its excerpt of the line.
fn first_line(error: &toml::de::Error) -> String {
    error.message().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sessionctl::purge::MaxLatency;

    use super::*;

    fn plans(text: &str) -> Result<Vec<Plan>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sweep.toml");
        std::fs::write(&path, text).unwrap();
        read(&path, &Sweep::default(), &Settings::default()).map_err(|failure| failure.to_string())
    }

    #[track_caller]
    fn refused(text: &str, why: &str) {
        let refusal = plans(text).unwrap_err();
        assert!(refusal.contains(why), "{refusal}");
    }

    #[test]
    fn each_collection_has_what_stands_above_all_unless_it_says_otherwise() {
        let plans = plans(
            "interval = 30\ngrace = \"10m\"\nuser_path = [\"/a\", \"b.c\"]\nlayout = \"tower-sessions\"\n\
             [collections.\"app.web.sessions\"]\ninterval = \"5m\"\nuser_path = \"uid\"\nidle = \"30d\"\nrate = 2000\nsleep_factor = 1\nmax_latency = \"10ms\"\n\
             archive = \"x-%Y.bson\"\n[collections.\"shop.sessions\"]\nlayout = \"auto\"\n",
        )
        .unwrap();
        let [app, shop] = plans.as_slice() else { panic!("{plans:?}") };
        assert_eq!(
            (app.database.as_deref(), app.collection.as_str()),
            (Some("app"), "web.sessions")
        );
        assert_eq!(app.layouts.as_ref().unwrap().name(), "tower-sessions");
        let paths =
            |plan: &Plan| -> Vec<_> { plan.user_path.iter().map(ToString::to_string).collect() };
        assert_eq!(
            (paths(app), paths(shop)),
            (vec!["uid".to_owned()], vec!["/a".to_owned(), "b.c".to_owned()])
        );
        assert_eq!(app.sweep.interval, Duration::from_secs(300));
        assert_eq!(app.sweep.idle, Some(Duration::from_secs(30 * 86_400)));
        assert_eq!((app.sweep.pace.rate, app.sweep.pace.sleep_factor), (Some(2000), 1.0));
        assert_eq!(app.sweep.pace.max_latency, MaxLatency::Within(Duration::from_millis(10)));
        assert_eq!(shop.sweep.pace.max_latency, MaxLatency::Auto);
        assert_eq!(shop.layouts, None);
        assert_eq!(shop.sweep.interval, Duration::from_secs(30));
        for plan in &plans {
            assert_eq!(plan.sweep.grace, Duration::from_secs(600));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        refused("interval = 60", "no collection is configured");
        refused("[collections.\"app.s\"]\nintervall = 60", "app.s: unknown field `intervall`");
        refused("gracce = 60\n[collections.\"app.s\"]", "unknown field `gracce`");
        refused("[collections.sessions]", "sessions is not a namespace");
        refused("[collections.\"a.s\"]\ninterval = 0", "longer than zero");
        refused("[collections.\"a.s\"]\ninterval = 1.5", "duration");
        refused("[collections.\"a.s\"]\ninterval = \"1h\"\njitter = \"2h\"", "a.s: the jitter");
        refused("[collections.\"a.s\"]\nlayout = \"nobody\"", "no layout named nobody");
        refused("[collections.\"a.s\"]\narchive = \"x.txt\"", "has no valid extension");
        refused("[collections.\"a.s\"]\njobs = 0", "jobs is out of range");
        refused("[collections.\"a.s\"]\nuser_path = 1", "expected a user path");
        refused("archive = \"x.bson\"\n[collections.\"a.s\"]\n[collections.\"a.t\"]", "share");
        refused("interval = \n", "");
    }

    #[test]
    fn a_fault_names_its_line_and_its_key() {
        let own = "interval = 60\n\n[collections.\"a.s\"]\n";
        refused(&format!("{own}grace = \"x\""), "line 4: a.s: grace: ");
        refused(&format!("{own}\njitter = \"2m\""), "line 5: a.s: the jitter is longer");
        refused(&format!("{own}layout = \"nobody\""), "line 4: a.s: ");
        refused(&format!("{own}rate = 0"), "line 4: a.s: rate is out of range");
        refused(&format!("{own}batch = 1"), "line 4: a.s: unknown field `batch`");
        refused("rate = -1\n[collections.\"a.s\"]", "line 1: rate: ");
        // A key above all collections, which contradicts one below.
        refused("jitter = 90\n[collections.\"a.s\"]", "line 1: a.s: the jitter is longer");
        refused("rate = 5\n[collections.s]", "line 2: s is not a namespace");
        refused("rate = 5\nrate 6", "line 2: ");
        refused(
            "[collections.\"a.s\"]\narchive = \"x.bson\"\n[collections.\"a.t\"]\narchive = \"x.bson\"",
            "line 4: two collections cannot share",
        );
    }
}
