//! What a layout's record says of a document, read as simply as can be: written from the record and its
//! documentation alone. It never calls what decides in the library.

use std::fs;
use std::path::Path;

use regex::Regex;
use sessionctl::State;
use toml::{Table, Value as Toml};

use super::number::Number;
use super::value::{Fields, Value};

/// The record of a built-in layout, as its file has it, and the lifetime that the operator gives.
pub struct Rules {
    pub name: String,
    pub record: Table,
    /// In seconds.
    pub given: Option<i64>,
}

/// The value at a path.
enum Found<'a> {
    Missing,
    Direct(&'a Value),
    /// The path leads through an array.
    Through(Vec<&'a Value>),
}

/// What one rule says.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    Over,
    /// An instant that is not over.
    Dated,
    Expired,
    Endless,
    Malformed,
}

const NUMBERS: [&str; 4] = ["int", "long", "double", "decimal"];
/// Beyond this a lifetime in a document is nonsense.
const LONGEST: i128 = 1_000_000_000_000_000;

impl Rules {
    /// Those of every built-in layout.
    pub fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/model/layout/known");
        let mut paths: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let read = |path: &std::path::PathBuf| {
            let record: Table = fs::read_to_string(path).unwrap().parse().unwrap();
            Self { name: text(&record["name"]).to_owned(), record, given: None }
        };
        paths.iter().map(read).collect()
    }

    /// The state of the session in a document; `None` where it is foreign.
    pub fn state(&self, document: &Fields, cutoff: i64) -> Option<State> {
        if !self.describes(document) {
            return None;
        }
        let rules = self.record["expiry"].as_array().unwrap();
        let words: Vec<Word> = rules
            .iter()
            .map(|rule| self.word(rule.as_table().unwrap(), document, cutoff))
            .collect();
        Some(if words.contains(&Word::Over) || words[0] == Word::Expired {
            State::Expired
        } else if words.contains(&Word::Dated) {
            State::Live
        } else if words[0] == Word::Endless {
            State::Endless
        } else {
            State::Malformed
        })
    }

    /// Whether a document is a session: it has what is required and lacks what is forbidden.
    pub fn describes(&self, document: &Fields) -> bool {
        let detect = self.record["detect"].as_table().unwrap();
        let requires = |(path, types): (&String, &Toml)| {
            let found = look(document, path);
            let types: Vec<&str> = types.as_array().unwrap().iter().map(text).collect();
            let fits = |value: &&Value| {
                let kind = if value.kind() == "symbol" { "string" } else { value.kind() };
                types.contains(&kind)
            };
            // What others are read from is no array of documents.
            let outer = format!("{path}.");
            match self.inner_paths().iter().any(|inner| inner.starts_with(&outer)) {
                true => matches!(found, Found::Direct(value) if fits(&value)),
                false => whole(&found).iter().any(fits) || each(&found).iter().any(fits),
            }
        };
        let forbids = detect.get("forbid").and_then(Toml::as_array).into_iter().flatten();
        let id = self.record["id"].as_table().unwrap();
        let affix = |name: &str| id.get(name).map(text).unwrap_or_default().as_bytes();
        let prefix: &[u8] = match detect.get("prefixed").and_then(Toml::as_bool) {
            Some(true) => affix("prefix"),
            _ => b"",
        };
        let suffix = affix("suffix");
        let fits = match look(document, text(&id["path"])) {
            Found::Direct(Value::Text(id)) => id.starts_with(prefix) && id.ends_with(suffix),
            _ => prefix.is_empty() && suffix.is_empty(),
        };
        detect["require"].as_table().unwrap().iter().all(requires)
            && forbids.map(text).all(|path| matches!(look(document, path), Found::Missing))
            && fits
    }

    /// The paths of expiries and dates, and those that must be there or must not.
    fn inner_paths(&self) -> Vec<&str> {
        let list = |key: &str| self.record.get(key).and_then(Toml::as_array).into_iter().flatten();
        let rules = list("expiry").chain(list("touched")).chain(list("created"));
        let paths = rules.filter_map(|rule| rule.get("path")).map(text);
        let detect = self.record["detect"].as_table().unwrap();
        let forbidden = detect.get("forbid").and_then(Toml::as_array).into_iter().flatten();
        let required = detect["require"].as_table().unwrap().keys().map(String::as_str);
        paths.chain(self.ended()).chain(forbidden.map(text)).chain(required).collect()
    }

    /// Seconds that are added to the value of a rule; `None` if unknown.
    fn lifetime(&self, rule: &Table) -> Option<i64> {
        let own = rule.get("lifetime").and_then(Toml::as_integer);
        match rule.get("lifetime_from") {
            Some(_) => self.given.or(own),
            None => Some(own.unwrap_or(0)),
        }
    }

    fn word(&self, rule: &Table, document: &Fields, cutoff: i64) -> Word {
        let kind = text(&rule["kind"]);
        if kind == "none" {
            return Word::Endless;
        }
        let Some(lifetime) = self.lifetime(rule) else { return Word::Endless };
        let found = look(document, text(&rule["path"]));
        match found {
            Found::Missing => return meaning(rule, "missing"),
            Found::Direct(Value::Null) => return meaning(rule, "null"),
            _ => {}
        }
        // What the field is compared with.
        let limit = cutoff - lifetime * 1000;
        let dated = |is_over: bool| if is_over { Word::Over } else { Word::Dated };
        let never = rule.get("never_up_to").and_then(Toml::as_integer);
        if let Some(path) = rule.get("lifetime_path") {
            let Found::Direct(Value::Date(date)) = found else { return Word::Malformed };
            let Some(millis) = own_lifetime(rule, &look(document, text(path))) else {
                return Word::Malformed;
            };
            let (lifetime, millis) = millis;
            if never.is_some_and(|never| lifetime <= Number::of(&Value::Long(never)).unwrap()) {
                return Word::Endless;
            }
            return dated(i128::from(*date) + millis < i128::from(cutoff));
        }
        if is(rule, "text") || never.is_some() {
            let Found::Direct(value) = found else { return Word::Malformed };
            let millis = match (value, kind) {
                (Value::Text(said), _) if is(rule, "text") => {
                    let said = match rule.get("after").map(text) {
                        None => Some(&said[..]),
                        Some(mark) => {
                            let end = rule.get("before").map(|end| text(end).as_bytes());
                            let end = end.and_then(|end| place(said, end));
                            after(&said[..end.unwrap_or(said.len())], mark.as_bytes())
                        }
                    };
                    let Some(said) = said else { return meaning(rule, "missing") };
                    match kind {
                        "date" => rfc3339(said).map(i128::from),
                        _ => digits(said).map(|number| millis(&Value::Long(number), unit(rule))),
                    }
                }
                (Value::Date(date), "date") => Some(i128::from(*date)),
                (value, "number") => Number::of(value).map(|_| millis(value, unit(rule))),
                _ => None,
            };
            let Some(millis) = millis else { return Word::Malformed };
            let never = never.map(|never| self::millis(&Value::Long(never), unit(rule)));
            return match never {
                Some(never) if millis <= never => Word::Endless,
                _ => dated(millis < i128::from(limit)),
            };
        }
        let values = each(&found);
        match kind {
            "date" => {
                let dates = values.iter().filter_map(|value| match value {
                    Value::Date(date) => Some(*date),
                    _ => None,
                });
                dates.min().map_or(Word::Malformed, |earliest| dated(earliest < limit))
            }
            "number" => {
                // The limit as the store has it: a whole number, or the double of a part of one.
                let limit = match unit(rule) {
                    3 if limit % 1000 == 0 => Value::Long(limit / 1000),
                    3 => Value::Double(limit as f64 / 1000.0),
                    0 => Value::Long(limit),
                    _ => Value::Long(limit.saturating_mul(1_000_000)),
                };
                let limit = Number::of(&limit).unwrap();
                let least = values.into_iter().filter_map(Number::of).min();
                least.map_or(Word::Malformed, |least| dated(least < limit))
            }
            _ => {
                let over = Value::Bool(rule["over"].as_bool().unwrap());
                if values.contains(&&over) {
                    Word::Over
                } else if values.iter().any(|value| value.kind() == "bool") {
                    Word::Endless
                } else {
                    Word::Malformed
                }
            }
        }
    }

    /// The date that `fix expiry` gives a session: `Some(None)` where the expiry is a text or a number
    /// without one meaning, `None` where there is nothing to mend.
    pub fn mended(&self, document: &Fields) -> Option<Option<i64>> {
        let Found::Direct(value) = look(document, self.path()) else { return None };
        // One of two is not mended: the server would set both, or end.
        let is_single =
            document.iter().filter(|(name, _)| name == self.path().as_bytes()).count() == 1;
        let date = dated(value).filter(|_| is_single);
        let is_plain = value.kind() == "string" || NUMBERS.contains(&value.kind());
        (is_plain || date.is_some()).then_some(date)
    }

    /// The field that the first rule decides by.
    pub fn path(&self) -> &str {
        self.record["expiry"][0].get("path").map(text).unwrap_or_default()
    }

    /// Whether its expiry is a date as such.
    pub fn keeps_dates(&self) -> bool {
        let rule = self.record["expiry"][0].as_table().unwrap();
        text(&rule["kind"]) == "date" && !is(rule, "text")
    }

    /// The fields that `expire` writes; none where it does not help.
    pub fn ended(&self) -> Vec<&str> {
        let end = self.record.get("end").and_then(|end| end.get("set")).and_then(Toml::as_table);
        let checks = self.record["checks_expiry_on_read"].as_bool().unwrap();
        end.into_iter().flatten().filter(|_| checks).map(|(path, _)| path.as_str()).collect()
    }

    /// Every field that the record reads.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for rule in self.record["expiry"].as_array().unwrap() {
            // What decides is tried most.
            for _ in 0..3 {
                paths.extend(
                    ["path", "lifetime_path"].iter().filter_map(|key| rule.get(key)).map(text),
                );
            }
        }
        let detect = self.record["detect"].as_table().unwrap();
        paths.extend(detect["require"].as_table().unwrap().keys().map(String::as_str));
        let list = |table: &'_ Table, key: &str| -> Vec<Toml> {
            table.get(key).and_then(Toml::as_array).cloned().unwrap_or_default()
        };
        let mut paths: Vec<String> = paths.into_iter().map(str::to_owned).collect();
        paths.extend(list(detect, "forbid").iter().map(|path| text(path).to_owned()));
        for key in ["touched", "created"] {
            paths.extend(list(&self.record, key).iter().map(|at| text(&at["path"]).to_owned()));
        }
        let users = list(&self.record, "user");
        paths.extend(users.iter().filter_map(|at| text(at).strip_prefix('/')).map(str::to_owned));
        paths.push(text(&self.record["id"]["path"]).to_owned());
        paths.extend(self.record["payload"].get("path").map(|path| text(path).to_owned()));
        paths.retain(|path| path != "_id");
        paths
    }
}

fn text(value: &Toml) -> &str {
    value.as_str().unwrap()
}

fn is(rule: &Table, key: &str) -> bool {
    rule.get(key).and_then(Toml::as_bool).unwrap_or(false)
}

fn meaning(rule: &Table, of: &str) -> Word {
    match rule.get(of).map_or("endless", text) {
        "expired" => Word::Expired,
        "malformed" => Word::Malformed,
        _ => Word::Endless,
    }
}

/// By how many places the number of a rule is moved to be one of milliseconds.
fn unit(rule: &Table) -> i32 {
    places(text(&rule["unit"]))
}

fn places(unit: &str) -> i32 {
    match unit {
        "s" => 3,
        "ms" => 0,
        _ => -6,
    }
}

/// The first field of each name counts, and of an array that a path leads through each document in it.
fn look<'a>(document: &'a Fields, path: &str) -> Found<'a> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let first = document.iter().find(|(own, _)| own == name.as_bytes());
    match (first, rest) {
        (Some((_, value)), None) => Found::Direct(value),
        (Some((_, Value::Document(inner))), Some(rest)) => look(inner, rest),
        (Some((_, Value::Array(items))), Some(rest)) => {
            let mut found = Vec::new();
            for (_, item) in items {
                if let Value::Document(inner) = item {
                    found.extend(whole(&look(inner, rest)));
                }
            }
            if found.is_empty() { Found::Missing } else { Found::Through(found) }
        }
        _ => Found::Missing,
    }
}

fn whole<'a>(found: &Found<'a>) -> Vec<&'a Value> {
    match found {
        Found::Missing => Vec::new(),
        Found::Direct(value) => vec![*value],
        Found::Through(values) => values.clone(),
    }
}

/// The values, and of an array what is in it.
fn each<'a>(found: &Found<'a>) -> Vec<&'a Value> {
    let inside = |value: &'a Value| -> Vec<&'a Value> {
        match value {
            Value::Array(items) => items.iter().map(|(_, item)| item).collect(),
            value => vec![value],
        }
    };
    whole(found).into_iter().flat_map(inside).collect()
}

/// A number with as many places more, without its fraction. A double is multiplied as doubles are.
fn millis(value: &Value, places: i32) -> i128 {
    times(value, places).floor()
}

fn times(value: &Value, places: i32) -> Number {
    let factor = 10_f64.powi(places);
    let number = match value {
        _ if places == 0 => return Number::of(value).unwrap(),
        Value::Decimal(_) => return Number::of(value).unwrap().shifted(places),
        Value::Double(number) => *number,
        Value::Int(number) => f64::from(*number),
        Value::Long(number) => *number as f64,
        other => panic!("{other:?}"),
    };
    Number::of_double(number * factor).unwrap()
}

/// The lifetime beside a date, and how many milliseconds it is.
fn own_lifetime(rule: &Table, found: &Found<'_>) -> Option<(Number, i128)> {
    let Found::Direct(value) = found else { return None };
    let number = match value {
        Value::Text(said) if is(rule, "lifetime_text") => Value::Long(digits(said)?),
        value => (*value).clone(),
    };
    let lifetime = Number::of(&number)?;
    let within = Number::of(&Value::Long(-LONGEST as i64)).unwrap() < lifetime
        && lifetime < Number::of(&Value::Long(LONGEST as i64)).unwrap();
    let millis = times(&number, places(text(&rule["lifetime_unit"]))).truncated();
    within.then_some((lifetime, millis))
}

/// What follows the mark, up to the next quotation mark.
fn after<'a>(said: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let at = place(said, mark)?;
    said[at + mark.len()..].split(|byte| *byte == b'"').next()
}

fn place(said: &[u8], mark: &[u8]) -> Option<usize> {
    said.windows(mark.len()).position(|window| window == mark)
}

fn digits(said: &[u8]) -> Option<i64> {
    let said = std::str::from_utf8(said).ok()?;
    let own = said.strip_prefix('-').unwrap_or(said);
    let are_digits = own.bytes().all(|byte| byte.is_ascii_digit()) && !own.is_empty();
    said.parse().ok().filter(|_| are_digits && own.len() <= 19)
}

fn captured<'a>(pattern: &str, said: &'a str) -> Option<Vec<&'a str>> {
    let found = Regex::new(pattern).unwrap().captures(said)?;
    Some(found.iter().skip(1).map(|part| part.map_or("", |part| part.as_str())).collect())
}

/// RFC 3339, also with a space, and with up to nine digits of a second.
fn rfc3339(said: &[u8]) -> Option<i64> {
    let said = std::str::from_utf8(said).ok()?;
    let pattern = r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)$";
    let parts = captured(pattern, said)?;
    let millis: i64 = format!("{:0<3}", parts[2])[..3].parse().unwrap();
    Some(instant(parts[0], parts[1], parts[3])? + millis)
}

/// A date, a time of day and a zone.
fn instant(date: &str, time: &str, zone: &str) -> Option<i64> {
    if date.starts_with('0') || zone.len() > 1 && zone[1..3].parse::<u8>().unwrap() > 14 {
        return None;
    }
    let date: jiff::civil::Date = date.parse().ok()?;
    let clock: Vec<i64> = time.split(':').map(|part| part.parse().unwrap()).collect();
    if clock[0] > 23 || clock[1] > 59 || clock[2] > 59 {
        return None;
    }
    let days = date.since(jiff::civil::date(1970, 1, 1)).unwrap().get_days();
    let seconds = i64::from(days) * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2];
    let away = match zone.len() {
        1 => 0,
        length => {
            let minutes: i64 = zone[length - 2..].parse().unwrap();
            if minutes > 59 {
                return None;
            }
            let away = zone[1..3].parse::<i64>().unwrap() * 60 + minutes;
            if zone.starts_with('-') { -away } else { away }
        }
    };
    Some((seconds - away * 60) * 1000)
}

/// The one date that an expiry gone wrong means; see `sessionctl help fix`.
fn dated(value: &Value) -> Option<i64> {
    match value {
        Value::Text(said) => dated_text(said),
        Value::Timestamp(stamp) => Some((stamp >> 32) as i64 * 1000),
        Value::Array(items) => {
            let is_text = |value: &&Value| value.kind() == "string";
            let (texts, others): (Vec<_>, Vec<_>) =
                items.iter().map(|(_, item)| item).partition(is_text);
            match others[..] {
                [Value::Date(date)] => Some(*date),
                [one] if texts.len() + 1 == items.len() => dated_number(one),
                _ => None,
            }
        }
        Value::Document(fields) => match &fields[..] {
            [(name, inner)] if name == b"$date" => dated_inside(inner),
            _ => None,
        },
        value => dated_number(value),
    }
}

/// `{"$date": ...}`
fn dated_inside(value: &Value) -> Option<i64> {
    match value {
        Value::Text(said) => rfc3339(said),
        Value::Document(fields) => match &fields[..] {
            [(name, Value::Text(said))] if name == b"$numberLong" => {
                digits(said).filter(|_| said.iter().filter(|byte| **byte != b'-').count() <= 15)
            }
            _ => None,
        },
        Value::Int(_) | Value::Long(_) | Value::Double(_) => {
            let millis = Number::of(value)?.truncated();
            let double = Number::of(value)?;
            let within = Number::of(&Value::Long(-LONGEST as i64)).unwrap() < double
                && double < Number::of(&Value::Long(LONGEST as i64)).unwrap();
            within.then_some(millis as i64)
        }
        _ => None,
    }
}

fn dated_number(value: &Value) -> Option<i64> {
    let number = Number::of(value)?;
    // By the digits before the point: seconds, milliseconds, microseconds, nanoseconds.
    let whole = number.floor();
    let units = [(10, 3), (13, 0), (16, -3), (19, -6)];
    let (_, places) = units.into_iter().find(|(digits, _)| {
        (10_i128.pow(digits - 1)..10_i128.pow(*digits)).contains(&whole)
            && whole < i128::from(i64::MAX)
    })?;
    let millis = match (value, places) {
        // A double, or a long that is divided.
        (Value::Double(number), places) if places >= 0 => {
            Number::of_double(number * 10_f64.powi(places)).unwrap()
        }
        (Value::Double(number), places) => {
            Number::of_double(number / 10_f64.powi(-places)).unwrap()
        }
        (Value::Long(number), places) if places < 0 => {
            Number::of_double(*number as f64 / 10_f64.powi(-places)).unwrap()
        }
        _ => number.shifted(places),
    };
    i64::try_from(millis.rounded()).ok()
}

fn dated_text(said: &[u8]) -> Option<i64> {
    if let Some(date) = rfc3339(said) {
        return Some(date);
    }
    // Only the name of a time zone may have any letters, also such as are not UTF-8.
    let said = &*String::from_utf8_lossy(said);
    if captured(r"^([1-9]\d*)$", said).is_some() {
        return dated_number(&Value::Long(said.parse().ok()?));
    }
    let cookie = r"^(\w{3}), (\d\d) (\w{3}) (\d{4}) (\d\d:\d\d:\d\d) GMT$";
    if let Some(parts) = captured(cookie, said) {
        return on_weekday(parts[0], [parts[3], parts[2], parts[1]], parts[4], "Z");
    }
    let printed =
        r"^(\w{3}) (\w{3}) (\d\d) (\d{4}) (\d\d:\d\d:\d\d) GMT([+-]\d\d:?\d\d)(?: \([^()]*\))?$";
    let parts = captured(printed, said)?;
    on_weekday(parts[0], [parts[3], parts[1], parts[2]], parts[4], parts[5])
}

fn on_weekday(weekday: &str, [year, month, day]: [&str; 3], time: &str, zone: &str) -> Option<i64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let month = MONTHS.find(month).filter(|at| at % 3 == 0)? / 3 + 1;
    let date = format!("{year}-{month:02}-{day}");
    let on: jiff::civil::Date = date.parse().ok()?;
    (format!("{:?}", on.weekday()).get(..3) == Some(weekday)).then_some(())?;
    match year.starts_with('0') {
        false => instant(&date, time, zone),
        true => None,
    }
}
