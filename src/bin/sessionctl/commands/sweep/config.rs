//! What to sweep, and how: the settings of each namespace, and the plan made from them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bson::DateTime;
use serde::{Deserialize, Deserializer};
use sessionctl::layout::UserPlace;
use sessionctl::purge::{MOST_JOBS, MaxLatency, Pace};
use sessionctl::sweep::{Sweep, archive_path};
use sessionctl::{Layouts, archive};

use crate::args::{AUTO, duration, interval};
use crate::commands::apply::{factor, max_latency};
use crate::console::failure::{Exit, Failure};
use crate::context::{layouts, listed};

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
    // Not 0, which would be every endless session rather than none.
    #[serde(default, deserialize_with = "an_interval")]
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
    #[serde(default, deserialize_with = "a_latency")]
    pub max_latency: Option<MaxLatency>,
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
    ) -> Result<Self, Fault> {
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
                max_latency: settings.max_latency.unwrap_or(MaxLatency::Auto),
            },
            archive: settings.archive.clone(),
            ..sweep.clone()
        };
        check(&sweep)?;
        if sweep.once && settings.hold.is_some() {
            let sentence = "hold cannot be used with --once: users can log in again after the pass";
            let hint = "remove hold, or run sweep without --once";
            return Err(Fault::new("hold", sentence, hint));
        }
        Ok(Self {
            database,
            collection,
            layouts: settings.layouts()?,
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

/// A setting that cannot be used.
#[derive(Debug)]
pub struct Fault {
    /// Its key in the file.
    pub key: &'static str,
    pub failure: Failure,
}

impl Fault {
    fn new(key: &'static str, sentence: impl Into<String>, hint: &str) -> Self {
        Self { key, failure: Failure::new(Exit::Usage, sentence).hint(hint) }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        fault.failure
    }
}

/// Finds a setting that is out of range or contradicts another.
fn check(sweep: &Sweep) -> Result<(), Fault> {
    if sweep.jitter > sweep.interval {
        let sentence = "the jitter is longer than the interval";
        let hint = "use a shorter jitter, such as a tenth of the interval";
        return Err(Fault::new("jitter", sentence, hint));
    }
    if let Some(pattern) = &sweep.archive {
        let hint = "for example app.sessions-%Y-%m-%d.bson.zst";
        archive_path(pattern, DateTime::from_millis(0))
            .and_then(|path| archive::Format::of(&path))
            .map_err(|error| Fault::new("archive", error.to_string(), hint))?;
    }
    let numbers = [
        ("batch_size", sweep.batch_size, 100_000),
        ("jobs", sweep.jobs, MOST_JOBS),
        ("rate", sweep.pace.rate, u32::MAX),
    ];
    for (key, number, most) in numbers {
        if number.is_some_and(|number| number == 0 || number > most) {
            let sentence = format!("{key} is out of range");
            let hint = format!("{key} must be from 1 to {most}");
            return Err(Fault::new(key, sentence, &hint));
        }
    }
    Ok(())
}

/// Checks that the lists of users can be read.
pub fn check_holds(plans: &[Plan]) -> Result<(), Failure> {
    let mut files = plans.iter().filter_map(|plan| plan.hold.as_deref());
    files.try_for_each(|file| listed::users(&[], Some(file)).map(drop))
}

/// The first plan that shares its archive with an earlier one.
pub fn sharer(plans: &[Plan]) -> Option<&Plan> {
    let mut seen = BTreeSet::new();
    plans.iter().find(|plan| plan.sweep.archive.as_ref().is_some_and(|path| !seen.insert(path)))
}

/// Refuses two sweeps that share an archive: the second would find it locked, but only in its first
/// pass.
pub fn check_archives(plans: &[Plan]) -> Result<(), Failure> {
    let archive = sharer(plans).and_then(|plan| plan.sweep.archive.as_ref());
    archive.map_or(Ok(()), |path| {
        let sentence = format!("two collections cannot share the archive {}", path.display());
        let hint = "give each collection its own archive in the file of --config";
        Err(Failure::new(Exit::Usage, sentence).hint(hint))
    })
}

impl Settings {
    /// The layouts of the file and of the name. `None` if they are to be detected.
    fn layouts(&self) -> Result<Option<Layouts>, Fault> {
        let fault = |key| move |failure| Fault { key, failure };
        let (name, file) = (self.layout.as_deref().unwrap_or(AUTO), self.layout_file.as_deref());
        if file.is_some() {
            layouts(AUTO, file).map_err(fault("layout_file"))?;
        }
        layouts(name, file).map_err(fault("layout"))
    }

    /// Fills in settings that are missing here from the common ones.
    pub fn or(self, other: &Self) -> Self {
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
            max_latency: self.max_latency.or(other.max_latency),
        }
    }

    /// The paths of a layout file and of a list of users are relative to the file that names them.
    pub fn relative_to(mut self, config: &Path) -> Self {
        let folder = config.parent().unwrap_or(Path::new(""));
        self.layout_file = self.layout_file.map(|path| folder.join(path));
        self.hold = self.hold.map(|path| folder.join(path));
        self
    }
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

fn a_latency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<MaxLatency>, D::Error> {
    typed(deserializer, max_latency)
}
