//! A layout as expressions for the server, by which `$group` counts. They must agree with
//! [`Layout::session`] and with the filters.

use std::borrow::Borrow;

use bson::{Bson, DateTime, Document, doc};

use super::definition::{Instant, Layout, UserPlace};
use super::expressions::{code, instant, is_missing, is_usable, items, least, millis, over_or_not};
use super::rule::{Clock, Kind, Meaning, Rule};
use crate::model::document::FieldPath;
use crate::model::payload::Codec;

impl Layout {
    /// The state at `cutoff`, as the number that `state_of` accepts.
    pub(crate) fn state_fact(&self, cutoff: impl Into<Clock>) -> Bson {
        let cutoff = cutoff.into();
        let mut facts = self.expiry.iter().enumerate().map(|(at, rule)| rule.fact(cutoff, at == 0));
        match self.expiry.len() {
            1 => facts.next().unwrap_or(Bson::Null),
            // If rules disagree, the state with the higher number wins.
            _ => doc! { "$max": facts.collect::<Vec<_>>() }.into(),
        }
    }

    /// The fields that decide the state, without changes.
    pub(crate) fn expiry_fields(&self) -> Document {
        let paths = self.expiry.iter().flat_map(|rule| {
            [&rule.path, &rule.lifetime_path, &rule.only_null].into_iter().flatten()
        });
        let name = |path: &FieldPath| path.split('.').next().unwrap_or_default().to_owned();
        paths.map(name).map(|name| (name.clone(), Bson::from(format!("${name}")))).collect()
    }

    /// Whether a session is live by the server's clock. The expression is as short as possible,
    /// because the server parses it with every write: in an array with values other than dates, the
    /// least value counts, which is not a date.
    pub(crate) fn lives(&self) -> Document {
        let Some(rule) = self.rule_that_decides().filter(|rule| rule.only_null.is_none()) else {
            // 2 is live and 1 is endless.
            return doc! { "$in": [self.state_fact(Clock::Server), [1, 2]] };
        };
        let field = rule.field();
        // A date, or the least value of an array, as in an index. Values of later BSON types sort
        // after all dates, so the type is checked as well.
        let dated = doc! { "$and": [
            { "$gte": [{ "$min": &field }, Clock::Server.limit(rule)] },
            { "$eq": [{ "$type": { "$min": &field } }, "date"] },
        ] };
        let absent = [("missing", rule.missing), ("null", rule.null)];
        let endless = absent.into_iter().filter(|(_, meaning)| *meaning == Meaning::Endless);
        let endless: Vec<&str> = endless.map(|(kind, _)| kind).collect();
        if endless.is_empty() {
            return dated;
        }
        doc! { "$or": [dated, { "$in": [{ "$type": field }, endless] }] }
    }

    /// The expiry in milliseconds since 1970, or null.
    pub(crate) fn expiry_fact(&self) -> Bson {
        let mut facts: Vec<Bson> = self.expiry.iter().filter_map(Rule::instant_fact).collect();
        match facts.len() {
            0 => Bson::Null,
            1 => facts.remove(0),
            // `$min` ignores nulls.
            _ => doc! { "$min": facts }.into(),
        }
    }

    /// The first of these that holds a date, in milliseconds since 1970, or null.
    pub(crate) fn instant_fact(instants: &[impl Borrow<Instant>]) -> Bson {
        let or_else = |rest, at: &Instant| match rest {
            Bson::Null => instant(&at.path, at.unit),
            rest => doc! { "$ifNull": [instant(&at.path, at.unit), rest] }.into(),
        };
        instants.iter().rfold(Bson::Null, |rest, at| or_else(rest, at.borrow()))
    }

    /// If a single date field decides: that field, and the time before which its date means that
    /// the session is over at `now`. `None` if more than one field decides.
    pub(crate) fn date_that_decides(&self, now: DateTime) -> Option<(String, DateTime)> {
        let rule = self.rule_that_decides()?;
        Some((rule.field(), DateTime::from_millis(rule.limit_millis(now))))
    }

    /// How long after that date the session is over, in milliseconds.
    pub(crate) fn lifetime_that_decides(&self) -> i64 {
        self.rule_that_decides().map_or(0, Rule::lifetime_millis)
    }

    fn rule_that_decides(&self) -> Option<&Rule> {
        match self.expiry.as_slice() {
            [rule] => Some(rule).filter(|rule| {
                // The server may find arrays along a path.
                let is_plain = !rule.path().contains('.')
                    && rule.lifetime_path.is_none()
                    && !rule.is_derived();
                rule.kind == Kind::Date && rule.is_bounded() && is_plain
            }),
            _ => None,
        }
    }

    /// The states, as numbers, of a session whose expiry is missing and of one where it is null.
    pub(crate) fn undated_facts(&self) -> [i32; 2] {
        [self.expiry[0].missing, self.expiry[0].null].map(code)
    }

    /// The user, or null. `None` if the server cannot read it: it cannot decode payloads, or match
    /// names with `*`.
    pub(crate) fn user_fact(&self) -> Option<Bson> {
        let fields: Option<Vec<UserField>> =
            self.user.iter().map(|place| self.user_field(place)).collect();
        let fields = fields.filter(|fields| !fields.is_empty())?;
        let branch =
            |field: &UserField| doc! { "case": is_user(&field.value), "then": &field.value };
        // Most sessions have only one or two of the root fields, so a root is checked before the
        // places below it.
        let branches = fields.chunk_by(|one, next| one.root == next.root).map(|run| match run {
            [field] => branch(field),
            _ => {
                let is_there = doc! { "$ne": [{ "$type": &run[0].root }, "missing"] };
                let any: Vec<_> = run.iter().map(|field| is_user(&field.value)).collect();
                let of_run: Vec<_> = run.iter().map(branch).collect();
                doc! {
                    "case": { "$and": [is_there, { "$or": any }] },
                    "then": { "$switch": { "branches": of_run } },
                }
            }
        });
        // Most users are in the first place, which is checked before its root.
        let has_root = |field: &&UserField| fields.get(1).is_some_and(|one| one.root == field.root);
        let first = fields.first().filter(has_root).map(branch);
        let branches: Vec<_> = first.into_iter().chain(branches).collect();
        Some(doc! { "$switch": { "branches": branches, "default": Bson::Null } }.into())
    }

    /// A user as text, as [`Layout::user_of`] reads it; or `value` if the server cannot write that
    /// text: it has none for binary data, and another one for fractions.
    pub(crate) fn user_text_fact(value: &str) -> Document {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let kind = doc! { "$type": value };
        // The comparisons exclude NaN, which is less than all numbers.
        let is_whole = doc! { "$and": [
            { "$eq": [&kind, "double"] }, { "$gt": [value, -EXACT] }, { "$lt": [value, EXACT] },
            { "$eq": [{ "$trunc": value }, value] },
        ] };
        doc! { "$switch": {
            "branches": [
                { "case": { "$eq": [&kind, "string"] }, "then": value },
                {
                    "case": { "$in": [kind, ["objectId", "int", "long", "decimal"]] },
                    "then": { "$toString": value },
                },
                { "case": is_whole, "then": { "$toString": { "$toLong": value } } },
            ],
            "default": value,
        } }
    }

    fn user_field(&self, place: &UserPlace) -> Option<UserField> {
        let path = place.path();
        let prefix = match (place, self.payload.codecs.as_slice(), &self.payload.path) {
            (UserPlace::Field(_), ..) | (_, [Codec::Flat], None) => "$".to_owned(),
            (_, [Codec::Document], Some(payload)) => format!("${payload}."),
            _ => return None,
        };
        // In a path, the server would read the index as a field name, but it has an operator for
        // the last item.
        let is_index = |key: &str| key.parse::<usize>().is_ok();
        let (path, index) = match path.rsplit_once('.') {
            Some((array, index)) => match index.parse::<i32>() {
                Ok(index) => (array, Some(index)),
                Err(_) => (path, None),
            },
            None => (path, None),
        };
        if path.contains('*') || path.split('.').any(is_index) {
            return None;
        }
        let root = path.split_once('.').map_or(path, |(root, _)| root);
        let field = format!("{prefix}{path}");
        let value = match index {
            None => field.into(),
            Some(index) => {
                let item = doc! { "$arrayElemAt": [&field, index] };
                let member = format!("{field}.{index}");
                doc! { "$cond": [{ "$isArray": &field }, item, member] }.into()
            }
        };
        Some(UserField { root: format!("{prefix}{root}"), value })
    }
}

/// A place of the user, for the server.
struct UserField {
    /// The first field on the path, inside the payload if the user is in the payload.
    root: String,
    value: Bson,
}

/// Whether `value` can be a user's id, as in [`super::text_of`].
fn is_user(value: &Bson) -> Document {
    let kind = doc! { "$type": value };
    doc! { "$or": [
        { "$and": [{ "$eq": [&kind, "string"] }, { "$ne": [value, ""] }] },
        { "$in": [&kind, ["int", "long", "double", "decimal", "objectId"]] },
        { "$and": [{ "$eq": [kind, "binData"] }, { "$eq": [{ "$binarySize": value }, 16] }] },
    ] }
}

impl Rule {
    /// The state by this rule. If its field is missing or null, only the `first` rule decides.
    fn fact(&self, cutoff: Clock, first: bool) -> Bson {
        let code = |meaning| if first { code(meaning) } else { 0 };
        if self.kind == Kind::None || (self.kind != Kind::Flag && !self.is_bounded()) {
            // `$project` reads a bare number as an instruction to keep the field.
            return doc! { "$literal": code(Meaning::Endless) }.into();
        }
        if self.is_derived() {
            return self.derived_fact(cutoff, first);
        }
        let field = self.field();
        let mut branches = vec![self.usual(cutoff, first)];
        if let (Some(lifetime), Some(never)) = (&self.lifetime_path, self.never_up_to) {
            let then = code(Meaning::Endless);
            branches.push(doc! { "case": self.never_ends(lifetime, never), "then": then });
        }
        let null = doc! { "$eq": [{ "$type": &field }, "null"] };
        let absent = [(is_missing(self.path()), self.missing), (null, self.null)];
        branches.extend(absent.map(|(case, meaning)| doc! { "case": case, "then": code(meaning) }));
        if self.lifetime_path.is_none() {
            let array = self.fact_of_array(cutoff, first);
            branches.push(doc! { "case": { "$isArray": &field }, "then": array });
        }
        doc! { "$switch": { "branches": branches, "default": 0 } }.into()
    }

    /// The branch for the type that nearly all documents have. It comes first because that is
    /// fastest.
    fn usual(&self, cutoff: Clock, first: bool) -> Document {
        let field = self.field();
        match (&self.lifetime_path, self.kind) {
            (Some(lifetime), _) => doc! {
                "case": self.has_own_lifetime(lifetime),
                "then": over_or_not(doc! { "$lt": [field, cutoff.own_limit(self, lifetime)] }),
            },
            (None, Kind::Flag) => {
                let over = self.over();
                doc! {
                    "case": { "$eq": [{ "$type": &field }, "bool"] },
                    "then": { "$cond": [{ "$eq": [&field, over] }, 3, i32::from(first)] },
                }
            }
            (None, _) => doc! {
                "case": self.is_usable(&field),
                "then": over_or_not(doc! { "$lt": [&field, cutoff.limit(self)] }),
            },
        }
    }

    fn fact_of_array(&self, cutoff: Clock, first: bool) -> Document {
        if self.kind == Kind::Flag {
            let (over, items) = (self.over(), items(self.path()));
            let other = doc! { "$cond": [{ "$in": [!over, &items] }, i32::from(first), 0] };
            return doc! { "$cond": [{ "$in": [over, items] }, 3, other] };
        }
        let over = over_or_not(doc! { "$lt": ["$$least", cutoff.limit(self)] });
        doc! { "$let": {
            "vars": { "least": least(self.path(), self.is_usable("$$this")) },
            "in": { "$cond": [{ "$lte": ["$$least", Bson::Null] }, 0, over] },
        } }
    }

    /// Whether `value` contains a time.
    fn is_usable(&self, value: &str) -> Document {
        is_usable(value, self.unit)
    }

    /// The time in milliseconds, or null.
    fn instant_fact(&self) -> Option<Bson> {
        if !self.is_bounded() {
            return None;
        }
        if self.is_derived() {
            return Some(self.derived_instant());
        }
        if let Some(lifetime) = &self.lifetime_path {
            let sum = doc! { "$add": [millis(&self.field(), None), self.own_millis(lifetime)] };
            return Some(
                doc! { "$cond": [self.has_own_lifetime(lifetime), sum, Bson::Null] }.into(),
            );
        }
        let at = instant(self.path(), self.unit);
        Some(match self.lifetime_millis() {
            0 => at,
            lifetime => doc! { "$add": [at, lifetime] }.into(),
        })
    }
}
