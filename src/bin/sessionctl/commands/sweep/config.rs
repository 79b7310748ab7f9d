//! What to sweep, and how: from the command line, or from a file for several namespaces.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bson::DateTime;
use serde::{Deserialize, Deserializer};
use sessionctl::error::reason;
use sessionctl::layout::UserPlace;
use sessionctl::purge::{MOST_JOBS, Pace};
use sessionctl::sweep::{Sweep, archive_path};
use sessionctl::{Layouts, archive};

use crate::args::{AUTO, duration, interval};
use crate::commands::apply::factor;
use crate::console::failure::{Exit, Failure};
use crate::context::{layouts, listed};
use crate::input::read_text;

/// The settings of one namespace, from the command line or the file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub layout: Option<String>,
    pub layout_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "an_interval")]
    pub lifetime: Option<Duration>,
    pub user_path: Option<UserPaths>,
    #[serde(default, deserialize_with = "an_interval")]
    pub interval: Option<Duration>,
    #[serde(default, deserialize_with = "a_duration")]
    pub jitter: Option<Duration>,
    #[serde(default, deserialize_with = "a_duration")]
    pub grace: Option<Duration>,
    #[serde(default, deserialize_with = "a_duration")]
    pub idle: Option<Duration>,
    pub archive: Option<PathBuf>,
    pub hold: Option<PathBuf>,
    pub batch_size: Option<u32>,
    pub jobs: Option<u32>,
    pub rate: Option<u32>,
    #[serde(default, deserialize_with = "a_factor")]
    pub sleep_factor: Option<f64>,
    #[serde(default, deserialize_with = "an_interval")]
    pub max_lag: Option<Duration>,
}

/// One place of users, or several.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected a user path, such as account.id, or a list of them")]
pub enum UserPaths {
    One(UserPlace),
    Several(Vec<UserPlace>),
}

impl From<UserPaths> for Vec<UserPlace> {
    fn from(paths: UserPaths) -> Self {
        match paths {
            UserPaths::One(path) => vec![path],
            UserPaths::Several(paths) => paths,
        }
    }
}

/// One namespace, ready to be swept.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub database: Option<String>,
    pub collection: String,
    pub layouts: Option<Layouts>,
    pub layout_file: Option<PathBuf>,
    pub lifetime: Option<Duration>,
    pub user_path: Vec<UserPlace>,
    /// The file with the users to keep logged out.
    pub hold: Option<PathBuf>,
    pub sweep: Sweep,
}

impl Plan {
    /// Applies these settings to a namespace.
    pub fn new(
        database: Option<String>,
        collection: String,
        settings: &Settings,
        sweep: &Sweep,
    ) -> Result<Self, Failure> {
        let name = settings.layout.as_deref().unwrap_or(AUTO);
        let sweep = Sweep {
            interval: settings.interval.unwrap_or(sweep.interval),
            jitter: settings.jitter.unwrap_or_default(),
            grace: settings.grace.unwrap_or_default(),
            idle: settings.idle,
            batch_size: settings.batch_size,
            jobs: settings.jobs,
            pace: Pace {
                rate: settings.rate,
                sleep_factor: settings.sleep_factor.unwrap_or_default(),
                max_lag: settings.max_lag,
                ..Pace::default()
            },
            archive: settings.archive.clone(),
            ..sweep.clone()
        };
        check(&sweep).map_err(|(sentence, hint)| Failure::new(Exit::Usage, sentence).hint(hint))?;
        Ok(Self {
            database,
            collection,
            layouts: layouts(name, settings.layout_file.as_deref())?,
            layout_file: settings.layout_file.clone(),
            lifetime: settings.lifetime,
            user_path: settings.user_path.clone().map(Into::into).unwrap_or_default(),
            hold: settings.hold.clone(),
            sweep,
        })
    }
}

impl Plan {
    /// Whether two plans are equal, apart from the name of the lease holder.
    pub fn is_like(&self, other: &Self) -> bool {
        let lease = other.sweep.lease.clone();
        *other == Self { sweep: Sweep { lease, ..self.sweep.clone() }, ..self.clone() }
    }
}

/// Reports settings that contradict each other, with a hint.
fn check(sweep: &Sweep) -> Result<(), (String, &'static str)> {
    if sweep.jitter > sweep.interval {
        return Err((
            "the jitter is longer than the interval".into(),
            "use a shorter jitter, such as a tenth of the interval",
        ));
    }
    if let Some(pattern) = &sweep.archive {
        archive_path(pattern, DateTime::from_millis(0))
            .and_then(|path| archive::Format::of(&path))
            .map_err(|error| (error.to_string(), "for example app.sessions-%Y-%m-%d.bson.zst"))?;
    }
    let batches = sweep.batch_size.is_none_or(|size| (1..=100_000).contains(&size));
    let jobs = sweep.jobs.is_none_or(|jobs| (1..=MOST_JOBS).contains(&jobs));
    if !batches || !jobs || sweep.pace.rate == Some(0) {
        return Err((
            "batch_size, jobs or rate is out of range".into(),
            "batch_size must be 1 to 100000, jobs 1 to 64, and rate at least 1",
        ));
    }
    Ok(())
}

/// Checks that the lists of users can be read.
pub fn check_holds(plans: &[Plan]) -> Result<(), Failure> {
    let mut files = plans.iter().filter_map(|plan| plan.hold.as_deref());
    files.try_for_each(|file| listed::users(&[], Some(file)).map(drop))
}

/// Refuses two sweeps that share an archive.
pub fn check_archives(plans: &[Plan]) -> Result<(), Failure> {
    // The second sweep would find the archive locked, but only in its first pass.
    let mut seen = BTreeSet::new();
    match plans
        .iter()
        .filter_map(|plan| plan.sweep.archive.as_ref())
        .find(|path| !seen.insert(*path))
    {
        None => Ok(()),
        Some(path) => {
            let sentence = format!("two collections cannot share the archive {}", path.display());
            let hint = "give each collection its own archive in the file of --config";
            Err(Failure::new(Exit::Usage, sentence).hint(hint))
        }
    }
}

/// Reads the file: settings for all namespaces, and a table for each, which overrides them.
pub fn read(path: &Path, sweep: &Sweep) -> Result<Vec<Plan>, Failure> {
    let action = format!("could not use the configuration file {}", path.display());
    // Like a wrong command line, this is a usage error: a retry cannot help.
    let failed = |why: String| {
        Failure::new(Exit::Usage, format!("{action}: {why}"))
            .hint("`sessionctl help sweep.toml` shows an example")
    };
    let text = read_text(path)
        .map_err(|error| Failure::new(Exit::Failed, format!("{action}: {}", reason(&error))))?;
    let mut file: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        failed(format!("line {line}: {}", first_line(&error)))
    })?;
    let collections = match file.remove("collections") {
        Some(toml::Value::Table(table)) if !table.is_empty() => table,
        _ => {
            return Err(failed(
                "no collection is configured; add a table such as [collections.\"app.sessions\"]"
                    .into(),
            ));
        }
    };
    let known = |settings: toml::Value, whose: &str| {
        Settings::deserialize(settings)
            .map_err(|error| failed(format!("{whose}{}", first_line(&error))))
    };
    let defaults = known(toml::Value::Table(file), "")?;
    let mut plans = BTreeMap::new();
    for (namespace, settings) in collections {
        let Some((database, collection)) = namespace
            .split_once('.')
            .filter(|(database, collection)| !database.is_empty() && !collection.is_empty())
        else {
            return Err(failed(format!(
                "{namespace} is not a namespace; write database.collection"
            )));
        };
        let own = known(settings, &format!("{namespace}: "))?;
        let settings = own.or(&defaults).relative_to(path);
        let plan = Plan::new(Some(database.into()), collection.into(), &settings, sweep)
            .map_err(|failure| failed(format!("{namespace}: {failure}")))?;
        plans.insert(namespace, plan);
    }
    let plans: Vec<_> = plans.into_values().collect();
    check_archives(&plans).map_err(|failure| failed(failure.to_string()))?;
    Ok(plans)
}

impl Settings {
    /// Fills in settings that are missing here from the common ones.
    fn or(self, other: &Self) -> Self {
        let other = other.clone();
        // A layout name here replaces a layout file there, and vice versa.
        let names_layout = self.layout.is_some() || self.layout_file.is_some();
        Self {
            layout: self.layout.or(other.layout.filter(|_| !names_layout)),
            layout_file: self.layout_file.or(other.layout_file.filter(|_| !names_layout)),
            lifetime: self.lifetime.or(other.lifetime),
            user_path: self.user_path.or(other.user_path),
            interval: self.interval.or(other.interval),
            jitter: self.jitter.or(other.jitter),
            grace: self.grace.or(other.grace),
            idle: self.idle.or(other.idle),
            archive: self.archive.or(other.archive),
            hold: self.hold.or(other.hold),
            batch_size: self.batch_size.or(other.batch_size),
            jobs: self.jobs.or(other.jobs),
            rate: self.rate.or(other.rate),
            sleep_factor: self.sleep_factor.or(other.sleep_factor),
            max_lag: self.max_lag.or(other.max_lag),
        }
    }

    /// The paths of a layout file and of a list of users are relative to the file that names them.
    fn relative_to(mut self, config: &Path) -> Self {
        let folder = config.parent().unwrap_or(Path::new(""));
        self.layout_file = self.layout_file.map(|path| folder.join(path));
        self.hold = self.hold.map(|path| folder.join(path));
        self
    }
}

/// A parser's message without its excerpt of the line.
fn first_line(error: &toml::de::Error) -> String {
    error.message().lines().next().unwrap_or_default().to_owned()
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Typed {
    Number(f64),
    Text(String),
}

fn typed<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, D::Error> {
    let text = match Typed::deserialize(deserializer)? {
        Typed::Number(number) => number.to_string(),
        Typed::Text(text) => text,
    };
    parse(&text).map(Some).map_err(serde::de::Error::custom)
}

fn a_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    typed(deserializer, duration)
}

fn an_interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    typed(deserializer, interval)
}

fn a_factor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    typed(deserializer, factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plans(text: &str) -> Result<Vec<Plan>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sweep.toml");
        std::fs::write(&path, text).unwrap();
        read(&path, &Sweep::default()).map_err(|failure| failure.to_string())
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
             [collections.\"app.web.sessions\"]\ninterval = \"5m\"\nuser_path = \"uid\"\nidle = \"30d\"\nrate = 2000\nsleep_factor = 1\n\
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
        refused("[collections.\"a.s\"]\njobs = 0", "out of range");
        refused("[collections.\"a.s\"]\nuser_path = 1", "expected a user path");
        refused("archive = \"x.bson\"\n[collections.\"a.s\"]\n[collections.\"a.t\"]", "share");
        refused("interval = \n", "");
    }
}
