//! The update that writes a session's fields, in the simplest possible form.

use bson::{Bson, DateTime, Document, doc};
use mongodb::options::UpdateModifications;

use crate::error::{Error, Result};
use crate::model::document::{FieldPath, Unit};
use crate::model::layout::{
    BsonType, Clock, Kind, Layout, Meaning, Rule, has_each_field_once, is_single,
};
use crate::store::expiry::{Expiry, LONGEST_MS, later, millis};

/// What no document is replaced by: the server refuses the update, before mongod 6.0.5 ends on it.
const NO_DOCUMENT: Bson = Bson::Null;

/// The fields that an update changes.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<(FieldPath, Put)>);

/// The change of a field.
#[derive(Debug, Clone)]
enum Put {
    Value(Bson),
    /// An expression of the server's clock.
    Now(Bson),
    Nothing,
}

impl Put {
    fn has_type(&self, types: &[BsonType]) -> bool {
        let own = match self {
            Self::Value(Bson::String(_)) => BsonType::String,
            Self::Value(Bson::Document(_)) => BsonType::Object,
            Self::Value(Bson::Array(_)) => BsonType::Array,
            Self::Value(Bson::Binary(_)) => BsonType::BinData,
            Self::Value(Bson::Int32(_)) => BsonType::Int,
            Self::Value(Bson::Int64(_)) => BsonType::Long,
            Self::Value(Bson::Double(_)) => BsonType::Double,
            // A number is computed before, from the server's clock.
            Self::Value(Bson::DateTime(_)) | Self::Now(_) => BsonType::Date,
            Self::Value(_) | Self::Nothing => return false,
        };
        types.contains(&own)
    }

    /// The value of the field in a pipeline.
    fn expression(self) -> Bson {
        match self {
            Self::Value(value) => doc! { "$literal": value }.into(),
            Self::Now(expression) => expression,
            Self::Nothing => "$$REMOVE".into(),
        }
    }
}

impl Changes {
    pub(super) fn expiry(&mut self, layout: &Layout, expiry: Expiry, clock: Clock) -> Result<()> {
        let rule = &layout.expiry[0];
        let (Kind::Date | Kind::Number, Some(path)) = (rule.kind, &rule.path) else {
            return Err(unwritable(layout));
        };
        if is_last_touch(rule) && rule.lifetime.is_none() {
            // With any expiry, the session would never end here, and immediately elsewhere.
            return Err(layout.needs_lifetime());
        }
        if rule.lifetime_path.is_some() || rule.after.is_some() {
            return Err(unwritable(layout));
        }
        let put = match (expiry, never(layout, rule)) {
            _ if is_last_touch(rule) => now(clock, rule.unit),
            (Expiry::After(lifetime), _) => match clock {
                Clock::At(now) => Put::Value(in_unit(rule.unit, later(now, lifetime))),
                Clock::Server => {
                    let lifetime = millis(lifetime).min(LONGEST_MS);
                    Put::Now(doc! { "$add": [clock.now(), lifetime] }.into())
                }
            },
            (Expiry::At(at), _) => Put::Value(in_unit(rule.unit, at)),
            (Expiry::Never, Some(Bson::Null)) => Put::Value(Bson::Null),
            (Expiry::Never, Some(_)) => Put::Nothing,
            (Expiry::Never, None) => {
                let what = format!("the layout {} has no sessions that never expire", layout.name);
                return Err(Error::Unsupported(what));
            }
        };
        self.0.push((path.clone(), put));
        Ok(())
    }

    pub(super) fn touched(&mut self, layout: &Layout, clock: Clock) {
        for at in layout.touched.iter().filter(|at| at.written) {
            if !self.0.iter().any(|(path, _)| *path == at.path) {
                self.0.push((at.path.clone(), now(clock, at.unit)));
            }
        }
    }

    pub(super) fn value(&mut self, path: FieldPath, value: Bson) {
        self.0.push((path, Put::Value(value)));
    }

    /// Whether a new document with these fields is a session of `layout`. If not, every other
    /// command would treat it as foreign, and it would never be swept.
    pub(super) fn make_session(&self, layout: &Layout) -> bool {
        layout.detect.require.iter().all(|(required, types)| {
            // The server generates an ObjectId if the id is another field.
            let is_made_up = *required == "_id" && types.contains(&BsonType::ObjectId);
            // Ids of the library are text.
            let is_id = *required == layout.id.path.as_str() && types.contains(&BsonType::String);
            is_id
                || is_made_up
                || self.0.iter().any(|(path, put)| path == required && put.has_type(types))
        })
    }

    /// The fields whose value is already known.
    pub(super) fn literals(self) -> Document {
        let literal = |(path, put): (FieldPath, Put)| match put {
            Put::Value(value) => Some((path.into(), value)),
            Put::Now(_) | Put::Nothing => None,
        };
        self.0.into_iter().filter_map(literal).collect()
    }

    /// The update, which changes no field unless `condition` holds. The server does not write an
    /// update without changes. Without a condition, it has the simplest form: `$set` rather than a
    /// pipeline if possible. The server refuses a pipeline for a document in which a field occurs twice.
    pub(super) fn update(self, condition: Option<Document>) -> UpdateModifications {
        match (condition, self.is_literal(), self.is_whole()) {
            (None, true, _) => self.plain(),
            (condition, _, true) => self.merged_if(condition),
            (Some(condition), _, false) => self.each_if(&condition).staged(),
            (None, false, false) => self.staged(),
        }
    }

    /// Whether it sets fields of the document itself, and removes none.
    fn is_whole(&self) -> bool {
        let is_whole =
            |(path, put): &(FieldPath, Put)| !path.contains('.') && !matches!(put, Put::Nothing);
        self.0.iter().all(is_whole)
    }

    fn merged_if(self, condition: Option<Document>) -> UpdateModifications {
        // One condition takes the server half as long as one per field, and one literal less than
        // several.
        let literals = self.is_literal();
        // Where a document takes the place of another, the server compares them field by field.
        let documents = self.0.iter().filter(|(_, put)| put.has_type(&[BsonType::Object]));
        let documents: Vec<_> = documents.map(|(path, _)| format!("${path}")).collect();
        let fields = self.0.into_iter().map(|(path, put)| match put {
            Put::Value(value) if literals => (path.into(), value),
            put => (path.into(), put.expression()),
        });
        let fields: Document = fields.collect();
        let fields = if literals {
            doc! { "$literal": fields }
        } else {
            fields
        };
        let renewed = doc! { "$mergeObjects": ["$$ROOT", fields] };
        let changed: Bson = match condition {
            Some(condition) => doc! { "$cond": [condition, renewed, "$$ROOT"] }.into(),
            None => renewed.into(),
        };
        let once = std::iter::once("$$ROOT".to_owned()).chain(documents);
        let once: Vec<Bson> = once.map(|document| has_each_field_once(&document).into()).collect();
        let changed = doc! { "$cond": [{ "$and": once }, changed, NO_DOCUMENT] };
        UpdateModifications::Pipeline(vec![doc! { "$replaceWith": changed }])
    }

    /// Whether nothing depends on the server's clock.
    fn is_literal(&self) -> bool {
        self.0.iter().all(|(_, put)| !matches!(put, Put::Now(_)))
    }

    fn each_if(mut self, condition: &Document) -> Self {
        for (path, put) in &mut self.0 {
            let kept = format!("${path}");
            let new = std::mem::replace(put, Put::Nothing).expression();
            *put = Put::Now(doc! { "$cond": [condition, new, kept] }.into());
        }
        self
    }

    fn plain(self) -> UpdateModifications {
        let (mut set, mut unset) = (Document::new(), Document::new());
        for (path, put) in self.0 {
            match put {
                Put::Value(value) => set.insert(path, value),
                Put::Now(_) | Put::Nothing => unset.insert(path, ""),
            };
        }
        // Before 5.0 the server refuses one that is empty (9).
        let operators = [("$set", set), ("$unset", unset)];
        let needed = operators.into_iter().filter(|(_, fields)| !fields.is_empty());
        let update = needed.map(|(name, fields)| (name.to_owned(), fields.into())).collect();
        UpdateModifications::Document(update)
    }

    fn staged(self) -> UpdateModifications {
        let once: Vec<_> = self.0.iter().map(|(path, _)| is_single(path)).collect();
        let (mut set, mut unset) = (Document::new(), Vec::new());
        for (path, put) in self.0 {
            match put {
                Put::Value(value) => set.insert(path, doc! { "$literal": value }),
                Put::Now(expression) => set.insert(path, expression),
                Put::Nothing => {
                    unset.push(path);
                    None
                }
            };
        }
        let single = doc! { "$cond": [{ "$and": once }, "$$ROOT", NO_DOCUMENT] };
        let mut stages = vec![doc! { "$replaceWith": single }, doc! { "$set": set }];
        if !unset.is_empty() {
            let unset: Vec<_> = unset.iter().map(FieldPath::as_str).collect();
            stages.push(doc! { "$unset": unset });
        }
        UpdateModifications::Pipeline(stages)
    }
}

fn now(clock: Clock, unit: Option<Unit>) -> Put {
    match clock {
        Clock::At(now) => Put::Value(in_unit(unit, now)),
        Clock::Server => Put::Now(clock.now()),
    }
}

/// How the store marks a session that never expires: with null, or (`Undefined` here) without the
/// field.
fn never(layout: &Layout, rule: &Rule) -> Option<Bson> {
    let path = rule.path.as_ref()?;
    let writes_null =
        layout.detect.expiry.get(path).is_some_and(|types| types.contains(&BsonType::Null));
    match (rule.null, rule.missing) {
        (Meaning::Endless, _) if writes_null => Some(Bson::Null),
        (_, Meaning::Endless) => Some(Bson::Undefined),
        (Meaning::Endless, _) => Some(Bson::Null),
        _ => None,
    }
}

fn in_unit(unit: Option<Unit>, at: DateTime) -> Bson {
    unit.map_or(Bson::DateTime(at), |unit| unit.number(at.timestamp_millis()))
}

/// Whether the date is the last touch, and the lifetime is stored elsewhere.
pub(super) fn is_last_touch(rule: &Rule) -> bool {
    rule.lifetime.is_some() || rule.lifetime_from.is_some()
}

pub(crate) fn unwritable(layout: &Layout) -> Error {
    Error::Unsupported(format!(
        "sessions of the layout {} can be read but not written",
        layout.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_that_only_takes_a_field_away_has_no_empty_operator() {
        let changes = Changes(vec![("expires".parse().unwrap(), Put::Nothing)]);
        let UpdateModifications::Document(update) = changes.update(None) else {
            panic!("nothing in it depends on the time");
        };
        assert_eq!(update, doc! { "$unset": { "expires": "" } });
    }
}
