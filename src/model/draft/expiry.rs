//! Guesses when sessions are over: by a date, a number, text, or a last touch and a lifetime.

use bson::DateTime;
use bson::raw::RawBsonRef;
use serde_json::Value;

use super::fields::{Field, Survey, Time};
use super::names;
use super::text::{quoted, unit_name};
use crate::model::humanize::lasting;
use crate::model::index_spec::IndexSpec;
use crate::model::layout::{BsonType, Unit};

/// The guess of an expiry.
#[derive(Debug, Default)]
pub(super) struct ExpiryGuess {
    /// The lines of the rule.
    pub(super) rule: Vec<String>,
    pub(super) reasons: Vec<String>,
    /// Other readings, which become comments in the record.
    pub(super) others: Vec<String>,
    /// The field that decides, and its types.
    pub(super) path: Option<String>,
    pub(super) types: Vec<BsonType>,
    pub(super) ttl: Option<TtlGuess>,
    /// Last touches and creations, with the units of numbers.
    pub(super) touched: Vec<(String, Option<Unit>)>,
    pub(super) created: Vec<(String, Option<Unit>)>,
    /// The value that makes the store refuse a session.
    pub(super) end: Option<String>,
}

/// The guess of a TTL index.
#[derive(Debug)]
pub(super) struct TtlGuess {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) seconds: Option<u64>,
    pub(super) descending: bool,
}

/// A field that may be the expiry.
struct Candidate<'a> {
    path: &'a str,
    field: &'a Field<'a>,
    time: Time,
    /// The median of its times.
    middle: i64,
}

pub(super) fn guess(
    survey: &Survey<'_>,
    indexes: &[IndexSpec],
    payload: Option<&str>,
    now: DateTime,
) -> ExpiryGuess {
    let mut guess = ExpiryGuess::default();
    let times: Vec<Candidate<'_>> =
        survey.all().filter_map(|(path, field)| candidate(path, field)).collect();
    let of = |is: fn(&str) -> bool| {
        let outside = |one: &&Candidate<'_>| {
            !one.path.contains('.')
                || !times.iter().any(|other| !other.path.contains('.') && is(other.path))
        };
        let own = times.iter().filter(|one| is(one.path) && one.time != Time::Text);
        own.filter(outside).map(|one| (one.path.to_owned(), one.time.unit())).collect::<Vec<_>>()
    };
    guess.touched = of(names::is_touch);
    guess.created = of(names::is_creation);
    let ttl = indexes.iter().find_map(|index| {
        let found = times.iter().find(|one| one.time == Time::Date && index.is_on(one.path))?;
        (index.is_ttl() && !index.leaves_out(found.path)).then_some((index, found))
    });
    let mut expiries: Vec<&Candidate<'_>> =
        times.iter().filter(|one| names::is_expiry(one.path)).collect();
    // A field with a TTL index comes first, then fields of the document before those of the
    // payload, and dates before numbers and text. Among equals, the latest times win, because they
    // make the fewest sessions expired.
    expiries.sort_by_key(|one| {
        let is_indexed = ttl.is_some_and(|(_, indexed)| indexed.path == one.path);
        let depth = one.path.matches('.').count();
        (!is_indexed, depth, one.time.rank(), std::cmp::Reverse(one.middle))
    });
    let lifetime = own_lifetime(survey, &times);
    // The field of a TTL index counts more than a date inside the payload, which some payloads may
    // lack.
    if ttl.is_some_and(|(index, _)| index.seconds().is_some()) {
        let (own, inner): (Vec<_>, Vec<_>) =
            expiries.into_iter().partition(|one| !one.path.contains('.'));
        expiries = own;
        guess.others.extend(inner.into_iter().map(|one| {
            let rule = one.time.rule(one.path).join(", ");
            format!("Other reading, as a second [[expiry]] that counts, too: {rule}")
        }));
    }
    match (expiries.first(), ttl) {
        (Some(expiry), _) => by_expiry(&mut guess, expiry, &expiries[1..]),
        (None, Some((index, one))) if index.seconds() == Some(0) => {
            by_expiry(&mut guess, one, &[]);
        }
        (None, _) if lifetime.is_some() => by_own_lifetime(&mut guess, lifetime),
        (None, Some((index, one))) => by_index(&mut guess, one, index),
        (None, None) => without_index(&mut guess, survey, payload, &times),
    }
    note_unused(&mut guess, survey, ttl.map(|(index, one)| (index, one.path)));
    guess.ttl = wanted_index(&guess, indexes);
    if let Some(found) = times.iter().find(|one| Some(one.path) == guess.path.as_deref()) {
        let is_expiry = guess.rule.iter().all(|line| !line.starts_with("lifetime"));
        guess.describe_instants(found, is_expiry, now);
    }
    guess
}

fn candidate<'a>(path: &'a str, field: &'a Field<'a>) -> Option<Candidate<'a>> {
    // The cookie's expiry is a copy that the store ignores.
    let is_cookie = path.split('.').any(|name| name.eq_ignore_ascii_case("cookie"));
    let time = field.time().filter(|_| path != "_id" && !is_cookie)?;
    let mut millis = field.millis(time);
    millis.sort_unstable();
    let middle = millis.get(millis.len() / 2).copied()?;
    Some(Candidate { path, field, time, middle })
}

impl Time {
    fn unit(self) -> Option<Unit> {
        match self {
            Self::Number(unit) => Some(unit),
            Self::Date | Self::Text => None,
        }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Date => 0,
            Self::Number(_) => 1,
            Self::Text => 2,
        }
    }

    /// The lines of a rule that decides by such a field.
    fn rule(self, path: &str) -> Vec<String> {
        let kind = |kind: &str| format!("kind = \"{kind}\"");
        let path = format!("path = {}", quoted(path));
        match self {
            Self::Date => vec![kind("date"), path],
            Self::Number(unit) => {
                vec![kind("number"), path, format!("unit = \"{}\"", unit_name(unit))]
            }
            Self::Text => vec![kind("date"), path, "text = true".to_owned()],
        }
    }
}

impl ExpiryGuess {
    fn decide(&mut self, one: &Candidate<'_>) {
        self.rule = one.time.rule(one.path);
        self.path = Some(one.path.to_owned());
        self.types = one.field.types_of(one.time);
        let odd = one.field.odd(one.time);
        if odd > 0 {
            self.reasons.push(format!(
                "Doubt: {odd} of {} hold something else, and count as malformed.",
                one.field.there
            ));
        }
    }

    /// How many sampled sessions are over, so that a person can check the guess.
    fn describe_instants(&mut self, one: &Candidate<'_>, is_expiry: bool, now: DateTime) {
        let millis = one.field.millis(one.time);
        let past = millis.iter().filter(|at| **at < now.timestamp_millis()).count();
        if is_expiry {
            self.reasons.push(format!("{past} of {} are past.", millis.len()));
        } else if past < millis.len() {
            let later = millis.len() - past;
            self.reasons.push(format!(
                "Doubt: {later} of {} are in the future, which a last touch never is.",
                millis.len()
            ));
        }
    }
}

fn by_expiry(guess: &mut ExpiryGuess, one: &Candidate<'_>, others: &[&Candidate<'_>]) {
    guess.decide(one);
    let (path, what) = (one.path, one.time.what());
    guess.reasons.push(match names::is_expiry(path) {
        true => format!("`{path}` is named like an expiry, and holds {what}."),
        false => format!("A TTL index deletes at the date in `{path}`."),
    });
    if one.field.numbers().iter().any(|number| *number <= 0.0) && one.time.unit().is_some() {
        guess.rule.push("never_up_to = 0".to_owned());
        guess.reasons.push(
            "Doubt: some hold 0 or less, which is read as `never`. If the store treats such a \
             session as expired, remove never_up_to."
                .to_owned(),
        );
    }
    for other in others {
        guess.others.push(format!(
            "Other reading: `{}` holds {} that may be the expiry, too.",
            other.path,
            other.time.what()
        ));
    }
    if one.time == Time::Date {
        guess.end = Some(format!("set = {{ {} = \"past\" }}", quoted(path)));
    }
}

impl Time {
    fn what(self) -> String {
        match self {
            Self::Date => "a date".to_owned(),
            Self::Number(unit) => {
                let unit = match unit {
                    Unit::S => "seconds",
                    Unit::Ms => "milliseconds",
                    Unit::Ns => "nanoseconds",
                };
                format!("a number that is a time near today if it counts {unit} since 1970")
            }
            Self::Text => "a text that contains a date".to_owned(),
        }
    }
}

/// A last touch, with the lifetime in another field.
struct OwnLifetime<'a> {
    touched: &'a Candidate<'a>,
    path: String,
    numbers: Vec<f64>,
}

fn own_lifetime<'a>(survey: &Survey<'_>, times: &'a [Candidate<'a>]) -> Option<OwnLifetime<'a>> {
    let is_touch = |one: &&Candidate<'_>| one.time == Time::Date && names::is_touch(one.path);
    let touched = times.iter().filter(is_touch).min_by_key(|one| one.path.matches('.').count())?;
    let numeric = [BsonType::Int, BsonType::Long, BsonType::Double];
    let (path, field) = survey.top().find(|(name, field)| {
        names::is_lifetime(name)
            && field.is_all(&numeric)
            && field.time().is_none()
            && survey.has_mostly(field)
    })?;
    Some(OwnLifetime { touched, path: path.to_owned(), numbers: field.numbers() })
}

fn by_own_lifetime(guess: &mut ExpiryGuess, own: Option<OwnLifetime<'_>>) {
    // No session lives for much more than a year.
    const LONGEST_SECONDS: f64 = 400.0 * 86_400.0;
    // No session lives for less than a minute.
    const SHORTEST_MILLIS: f64 = 60_000.0;
    let Some(OwnLifetime { touched, path, numbers }) = own else { return };
    guess.decide(touched);
    let longest = numbers.iter().copied().fold(0.0, f64::max);
    let (unit, other) = if names::says_millis(&path) || longest > LONGEST_SECONDS {
        (Unit::Ms, None)
    } else if names::says_seconds(&path) || longest < SHORTEST_MILLIS {
        (Unit::S, None)
    } else {
        (Unit::S, Some(Unit::Ms))
    };
    guess.rule.push(format!("lifetime_path = {}", quoted(&path)));
    guess.rule.push(format!("lifetime_unit = \"{}\"", unit_name(unit)));
    let touched = touched.path;
    guess.reasons.push(format!(
        "`{touched}` is named like a last touch, and `{path}` like how long a session lives after it."
    ));
    if let Some(other) = other {
        guess.reasons.push(format!(
            "Doubt: `{path}` is up to {longest}: {} if it counts seconds, {} if milliseconds. \
             This draft uses seconds, which make fewer sessions expired.",
            lasting(std::time::Duration::from_secs_f64(longest)),
            lasting(std::time::Duration::from_secs_f64(longest / 1000.0)),
        ));
        guess.others.push(format!("Other reading: lifetime_unit = \"{}\"", unit_name(other)));
    }
    if numbers.iter().any(|number| *number <= 0.0) {
        guess.rule.push("never_up_to = 0".to_owned());
        guess.reasons.push("Doubt: 0 or less is read as `never`.".to_owned());
    }
}

/// A last touch, with the lifetime in a TTL index.
fn by_index(guess: &mut ExpiryGuess, one: &Candidate<'_>, index: &IndexSpec) {
    guess.decide(one);
    let path = one.path;
    match index.seconds() {
        Some(seconds) => {
            guess.rule.push(format!("lifetime = {seconds}"));
            guess.rule.push("lifetime_from = \"index\"".to_owned());
            guess.reasons.push(format!(
                "A TTL index deletes {} after the date in `{path}`.",
                lasting(std::time::Duration::from_secs(seconds))
            ));
        }
        None => {
            guess.rule.push("lifetime_from = \"operator\"".to_owned());
            guess.reasons.push(format!(
                "Doubt: the TTL index on `{path}` never acts, so the lifetime is unknown: pass it \
                 with --lifetime, or write lifetime = SECONDS here."
            ));
        }
    }
}

fn without_index(
    guess: &mut ExpiryGuess,
    survey: &Survey<'_>,
    payload: Option<&str>,
    times: &[Candidate<'_>],
) {
    if let Some((path, field)) = only_nulls(survey) {
        guess.rule = vec!["kind = \"date\"".to_owned(), format!("path = {}", quoted(path))];
        guess.path = Some(path.to_owned());
        guess.types.clone_from(&field.types);
        guess.reasons.push(format!(
            "Doubt: `{path}` is named like an expiry and null in every document seen, so that no \
             session ever ends by it. For a number, write kind = \"number\" and a unit."
        ));
        return;
    }
    if let Some(inside) = payload.and_then(|path| expiry_in_text(survey, path)) {
        let (path, key) = inside;
        guess.rule = Time::Text.rule(&path);
        guess.rule.push(format!("after = {}", quoted(&format!("\"{key}\":\""))));
        guess.reasons.push(format!(
            "The JSON in `{path}` has a date at `{key}`, and the document itself has none."
        ));
        guess.types = vec![BsonType::String];
        guess.path = Some(path);
        return;
    }
    let touch = times.iter().filter(|one| names::is_touch(one.path) && one.time != Time::Text);
    // The latest, which makes the fewest sessions expired.
    let touch = touch.min_by_key(|one| {
        let depth = one.path.matches('.').count();
        (depth, one.time.rank(), std::cmp::Reverse(one.middle))
    });
    match touch {
        Some(one) => {
            guess.decide(one);
            guess.rule.push("lifetime_from = \"operator\"".to_owned());
            guess.reasons.push(format!(
                "`{}` is named like a last touch, and holds {}.",
                one.path,
                one.time.what()
            ));
            guess.reasons.push(
                "Doubt: the documents do not show how long a session lives after it. Pass \
                 --lifetime, or write lifetime = SECONDS here; until then, commands that need a \
                 state fail."
                    .to_owned(),
            );
            guess.others.push(
                "Other reading: kind = \"none\", if the store keeps sessions forever.".to_owned(),
            );
        }
        None => {
            guess.rule = vec!["kind = \"none\"".to_owned()];
            guess.reasons.push(
                "Doubt: no field looks like an expiry or a last touch, so that no session ever ends."
                    .to_owned(),
            );
            if let Some((path, unit)) = guess.created.first() {
                let time = unit.map_or(Time::Date, Time::Number);
                let mut rule = time.rule(path);
                rule.push("lifetime_from = \"operator\"".to_owned());
                guess.others.push(format!("Other reading: {}", rule.join(", ")));
            }
        }
    }
}

/// A field that is named like an expiry, and always null.
fn only_nulls<'a, 's>(survey: &'s Survey<'a>) -> Option<(&'s str, &'s Field<'a>)> {
    survey.top().find(|(name, field)| names::is_expiry(name) && field.is_all(&[BsonType::Null]))
}

/// The key in the JSON text at `path` that is named like an expiry and holds a date in most
/// documents.
fn expiry_in_text(survey: &Survey<'_>, path: &str) -> Option<(String, String)> {
    let field = survey.get(path)?;
    let texts = || {
        field.values.iter().filter_map(|value| match value {
            RawBsonRef::String(text) => Some(*text),
            _ => None,
        })
    };
    let key = texts().find_map(|text| {
        let Ok(Value::Object(map)) = serde_json::from_str(text) else { return None };
        let says_date = |value: &Value| {
            value.as_str().is_some_and(|text| DateTime::parse_rfc3339_str(text).is_ok())
        };
        map.into_iter().find(|(key, value)| names::is_expiry(key) && says_date(value))
    });
    let (key, _) = key?;
    let mark = format!("\"{key}\":\"");
    let with = texts().filter(|text| text.contains(&mark)).count();
    (with * 2 > survey.total).then(|| (path.to_owned(), key))
}

/// Fields that contradict the guess.
fn note_unused(guess: &mut ExpiryGuess, survey: &Survey<'_>, ttl: Option<(&IndexSpec, &str)>) {
    if let Some((index, path)) = ttl
        && guess.path.as_deref() == Some(path)
        && let Some(seconds) = index.seconds().filter(|seconds| *seconds > 0)
        && !guess.rule.iter().any(|line| line.starts_with("lifetime"))
    {
        guess.others.push(format!(
            "Other reading: lifetime = {seconds}, lifetime_from = \"index\", if a session is over only \
             when the TTL index deletes it, {} after `{path}`.",
            lasting(std::time::Duration::from_secs(seconds))
        ));
    } else if let Some((index, path)) = ttl
        && guess.path.as_deref() != Some(path)
    {
        guess
            .others
            .push(format!("The TTL index {} on `{path}` deletes sessions, too.", index.name()));
    }
    for (path, field) in survey.top() {
        if field.is_all(&[BsonType::Bool]) && names::is_flag(path) {
            guess.others.push(format!(
                "Other reading, as a second [[expiry]]: kind = \"flag\", path = {}, over = true or \
                 false.",
                quoted(path)
            ));
        }
    }
}

/// The TTL index that would delete expired sessions, if a date alone decides.
fn wanted_index(guess: &ExpiryGuess, indexes: &[IndexSpec]) -> Option<TtlGuess> {
    let key = guess.path.clone()?;
    let is_date = guess.rule.first().is_some_and(|kind| kind == "kind = \"date\"");
    let is_derived = guess
        .rule
        .iter()
        .any(|line| ["text", "after", "lifetime_path"].iter().any(|word| line.starts_with(word)));
    if !is_date || is_derived {
        return None;
    }
    let mut on_key = indexes.iter().filter(|index| index.is_on(&key));
    let plain = on_key.clone().find(|index| !index.is_ttl());
    let ttl = on_key.find(|index| index.is_ttl() && !index.leaves_out(&key));
    let seconds = |index: Option<&IndexSpec>| match guess
        .rule
        .iter()
        .any(|line| line.starts_with("lifetime"))
    {
        true => index.and_then(IndexSpec::seconds),
        false => Some(index.and_then(IndexSpec::seconds).unwrap_or(0)),
    };
    Some(match (ttl, plain) {
        (Some(index), _) => TtlGuess {
            name: index.name().to_owned(),
            seconds: seconds(Some(index)),
            descending: index.goes(&key, -1),
            key,
        },
        // There is already a plain index on the field, and the store would fail to create its own
        // again (85).
        (None, Some(plain)) if plain.goes(&key, 1) => {
            TtlGuess { name: format!("{key}_-1"), seconds: seconds(None), descending: true, key }
        }
        (None, _) => {
            TtlGuess { name: format!("{key}_1"), seconds: seconds(None), descending: false, key }
        }
    })
}
