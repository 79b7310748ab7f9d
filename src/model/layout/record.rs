//! The TOML form of a layout. It is compiled into a [`Layout`] once, when it is loaded. A wrong
//! value is an error then, with its line and key, so that it is never written into a session.

use std::collections::BTreeMap;

use bson::Bson;
use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use super::definition::{
    BsonType, DerivedTouch, Detect, Id, Instant, Layout, SetTo, TtlIndex, UserPlace,
};
use super::rule::{Kind, Rule};
use crate::error::{Error, Result};
use crate::model::document::FieldPath;
use crate::model::payload::{Codec, PayloadPlace};

/// A whole record. Paths, types and codecs are checked while it is parsed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    name: String,
    stores: Vec<String>,
    #[serde(default)]
    collections: Vec<String>,
    checks_expiry_on_read: bool,
    survives: Option<String>,
    #[serde(default)]
    touched: Vec<Instant>,
    derived_touch: Option<DerivedTouch>,
    #[serde(default)]
    created: Vec<Instant>,
    #[serde(default)]
    user: Vec<UserPlace>,
    user_index: Option<String>,
    #[serde(default)]
    ip: Vec<UserPlace>,
    #[serde(default)]
    agent: Vec<UserPlace>,
    #[serde(default)]
    user_prefix: String,
    #[serde(default)]
    credentials: BTreeMap<FieldPath, Scalar>,
    id: Id,
    payload: PayloadPlace,
    expiry: Vec<Rule>,
    #[serde(default)]
    end: EndRecord,
    ttl_index: Option<TtlIndex>,
    detect: Detect,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndRecord {
    #[serde(default)]
    set: BTreeMap<FieldPath, SetRecord>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected true, false, a number or a text")]
enum Scalar {
    Flag(bool),
    Whole(i64),
    Part(f64),
    Text(String),
}

impl From<Scalar> for Bson {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Flag(flag) => flag.into(),
            Scalar::Whole(number) => number.into(),
            Scalar::Part(number) => number.into(),
            Scalar::Text(text) => text.into(),
        }
    }
}

#[derive(Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "expected \"past\", true, false, a number or { text = \"...\" }"
)]
enum SetRecord {
    Plain(Scalar),
    /// An unmarked text. Any text but "past" is an error.
    Text {
        text: String,
    },
}

/// A fault of a record, and its key.
struct Fault {
    key: Vec<String>,
    what: String,
}

fn fault<const DEPTH: usize>(key: [&str; DEPTH], what: impl Into<String>) -> Fault {
    Fault { key: key.map(str::to_owned).to_vec(), what: what.into() }
}

impl Layout {
    /// Compiles a record.
    ///
    /// # Errors
    /// [`Error::LayoutFile`], which names the line and the key.
    pub fn from_toml(text: &str) -> Result<Self> {
        let record: Record = toml::from_str(text).map_err(|error| unreadable(text, error))?;
        record.compile().map_err(|Fault { key, what }| {
            let line = line_of_key(text, &key);
            Error::LayoutFile(format!("line {line}: {}: {what}", key.join(".")))
        })
    }
}

impl Record {
    fn compile(self) -> Result<Layout, Fault> {
        if self.payload.codecs.is_empty() {
            let what = "a codec is required (use [\"none\"] if there is no payload)";
            return Err(fault(["payload", "codecs"], what));
        }
        // Such a path would find nothing: the author probably meant a field of the document.
        let in_payload = |place: &UserPlace| matches!(place, UserPlace::Payload(_));
        for (key, places) in [("user", &self.user), ("ip", &self.ip), ("agent", &self.agent)] {
            if self.payload.codecs == [Codec::Absent]
                && let Some(at) = places.iter().position(in_payload)
            {
                let place = &places[at];
                let what = format!(
                    "`{place}` is a path in the payload, but this layout has none; write a field \
                     of the document with a leading slash: `/{place}`"
                );
                return Err(fault([key, &at.to_string()], what));
            }
        }
        if self.survives.as_ref().is_some_and(|survives| survives.trim().is_empty()) {
            return Err(fault(["survives"], "it is empty"));
        }
        if let Some(derived) = &self.derived_touch {
            let fault = |what| Err(fault(["derived_touch", "lifetime"], what));
            if derived.lifetime.is_empty() {
                return fault("it is empty");
            }
            if self.payload.codecs == [Codec::Absent] {
                return fault("it is a path in the payload, but this layout has none");
            }
        }
        if self.detect.require.is_empty() {
            return Err(fault(["detect", "require"], "it is empty, so every document would fit"));
        }
        let expiry = self.expiry;
        for (at, rule) in expiry.iter().enumerate() {
            if let Some((key, what)) = fault_of_rule(rule) {
                let kind = format!("{:?}", rule.kind).to_lowercase();
                let what = format!("the rule of kind \"{kind}\" {what}");
                return Err(fault(["expiry", &at.to_string(), key], what));
            }
        }
        if expiry.is_empty() {
            let what = "an [[expiry]] rule is required (use kind = \"none\" if nothing expires)";
            return Err(fault(["expiry"], what));
        }
        // If a field was renamed in only one of the two places, the index would be useless.
        if let Some(ttl) = &self.ttl_index
            && !expiry.iter().any(|rule| rule.path.as_ref() == Some(&ttl.key))
        {
            let what = format!("it is {}, but no [[expiry]] rule has that path", ttl.key);
            return Err(fault(["ttl_index", "key"], what));
        }
        let set = self.end.set.into_iter().map(|(path, to)| {
            match compile_end(&path, to, &expiry, &self.detect) {
                Ok(to) => Ok((path, to)),
                Err(what) => Err(fault(["end", "set", &path], what)),
            }
        });
        let end = set.collect::<Result<_, _>>()?;
        let credentials = self.credentials.into_iter();
        Ok(Layout {
            name: self.name,
            stores: self.stores,
            collections: self.collections,
            checks_expiry_on_read: self.checks_expiry_on_read,
            survives: self.survives,
            touched: self.touched,
            derived_touch: self.derived_touch,
            created: self.created,
            user: self.user,
            user_index: self.user_index,
            ip: self.ip,
            agent: self.agent,
            user_prefix: self.user_prefix,
            credentials: credentials.map(|(path, value)| (path.into(), value.into())).collect(),
            id: self.id,
            payload: self.payload,
            expiry,
            end,
            ttl_index: self.ttl_index,
            detect: self.detect,
        })
    }
}

/// What is missing or superfluous in a rule, with its key.
fn fault_of_rule(rule: &Rule) -> Option<(&'static str, &'static str)> {
    match rule.kind {
        Kind::None => None,
        _ if rule.path.is_none() => Some(("path", "requires a path")),
        Kind::Number if rule.unit.is_none() => {
            Some(("unit", "requires a unit: \"s\", \"ms\" or \"ns\""))
        }
        Kind::Date if rule.unit.is_some() => Some(("unit", "has a unit, but dates have none")),
        Kind::Number if rule.lifetime_path.is_some() => {
            Some(("lifetime_path", "has a lifetime_path, which only dates have"))
        }
        _ if rule.lifetime_path.is_some() != rule.lifetime_unit.is_some() => {
            Some(("lifetime_path", "requires lifetime_path and lifetime_unit together"))
        }
        Kind::Flag if rule.over.is_none() => Some(("over", "requires over = true or over = false")),
        Kind::Flag if rule.text || rule.never_up_to.is_some() => {
            Some(("kind", "is a boolean, which has no text and no never_up_to"))
        }
        _ if rule.lifetime_path.is_some() && rule.text => {
            Some(("text", "has a lifetime_path, which is added to dates only"))
        }
        _ if rule.lifetime_text && rule.lifetime_path.is_none() => {
            Some(("lifetime_text", "has lifetime_text, but no lifetime_path"))
        }
        _ if rule.after.is_some() && !rule.text => {
            Some(("after", "has after, which only text has"))
        }
        _ if rule.before.is_some() && rule.after.is_none() => {
            Some(("before", "has before, but no after"))
        }
        Kind::Date if rule.never_up_to.is_some() && rule.lifetime_path.is_none() => {
            Some(("never_up_to", "has never_up_to, but there is no number to compare it with"))
        }
        _ => None,
    }
}

/// The value to set at `path`, if the field can have this value. Any other value would leave the
/// session neither over nor readable.
fn compile_end(
    path: &FieldPath,
    to: SetRecord,
    rules: &[Rule],
    detect: &Detect,
) -> Result<SetTo, String> {
    let rule = rules.iter().find(|rule| rule.path.as_ref() == Some(path));
    let value: Bson = match to {
        SetRecord::Plain(Scalar::Text(text)) if text == "past" => {
            return match rule {
                // The update would replace the whole text with a part of it.
                Some(rule) if rule.after.is_some() => Err("the time is inside a longer text"),
                Some(_) => Ok(SetTo::Past),
                None => Err("no [[expiry]] rule has that path"),
            }
            .map_err(|why| format!("it is \"past\", but {why}"));
        }
        SetRecord::Plain(Scalar::Text(text)) => {
            return Err(format!(
                "\"{text}\" is not allowed here; write \"past\" for a time in the past, or {{ \
                 text = \"{text}\" }} for this text"
            ));
        }
        SetRecord::Plain(scalar) => scalar.into(),
        SetRecord::Text { text } => text.into(),
    };
    if rule.is_some_and(|rule| rule.kind == Kind::Flag && value == Bson::Boolean(!rule.over())) {
        return Err(format!(
            "it is {value}, but by the [[expiry]] rule such a session is not over"
        ));
    }
    let is_lifetime = rules.iter().any(|rule| rule.lifetime_path.as_ref() == Some(path));
    let of_rule: Option<&[BsonType]> = match rule.map(|rule| rule.kind) {
        _ if rule.is_some_and(|rule| rule.text) => Some(&[BsonType::String]),
        Some(Kind::Date) => Some(&[BsonType::Date]),
        Some(Kind::Flag) => Some(&[BsonType::Bool]),
        Some(Kind::Number) => Some(NUMBERS),
        Some(Kind::None) | None => is_lifetime.then_some(NUMBERS),
    };
    let of_detect = detect.require.get(path).or_else(|| detect.expiry.get(path));
    match of_rule.or(of_detect.map(Vec::as_slice)) {
        Some(types) if !has_type(&value, types) => {
            let types: Vec<_> = types.iter().map(ToString::to_string).collect();
            let types = types.join(", ");
            Err(format!("it is {value}, but by [[expiry]] or [detect] the field holds {types}"))
        }
        _ => Ok(SetTo::Value(value)),
    }
}

const NUMBERS: &[BsonType] = &[BsonType::Int, BsonType::Long, BsonType::Double, BsonType::Decimal];

/// Whether a TOML value has one of these BSON types. A number has every numeric type.
fn has_type(value: &Bson, types: &[BsonType]) -> bool {
    match value {
        Bson::Boolean(_) => types.contains(&BsonType::Bool),
        Bson::String(_) => types.contains(&BsonType::String),
        _ => types.iter().any(|kind| NUMBERS.contains(kind)),
    }
}

/// The error for an invalid record. Names the key unless the message does.
fn unreadable(text: &str, mut error: toml::de::Error) -> Error {
    let line = error.span().map_or(1, |span| line_at(text, span.start));
    let message = error.message().replace('\n', ", ");
    // toml only names the key if the error has no text position.
    error.set_input(None);
    let said = error.to_string();
    let key = said.rsplit_once("\nin `").and_then(|(_, key)| key.trim_end().strip_suffix('`'));
    let key = key.filter(|_| !message.contains(" field `"));
    let key = key.map(|key| format!("{key}: ")).unwrap_or_default();
    Error::LayoutFile(format!("line {line}: {key}{message}"))
}

fn line_at(text: &str, at: usize) -> usize {
    1 + text[..at].matches('\n').count()
}

/// The line of a key, or of the innermost table around it.
fn line_of_key(text: &str, key: &[String]) -> usize {
    let Ok(table) = DeTable::parse(text) else { return 1 };
    let (mut at, mut value) = (0, DeValue::Table(table.into_inner()));
    for name in key {
        let found = match value {
            DeValue::Table(mut table) => {
                table.remove_entry(name.as_str()).map(|(name, inner)| (name.span(), inner))
            }
            DeValue::Array(items) => {
                let item = name.parse().ok().and_then(|at| items.into_iter().nth(at));
                item.map(|item| (item.span(), item))
            }
            _ => None,
        };
        let Some((span, inner)) = found else { break };
        (at, value) = (span.start, inner.into_inner());
    }
    line_at(text, at)
}
