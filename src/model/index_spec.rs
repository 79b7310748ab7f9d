//! An index as the server describes it. Specs are read raw, because the driver's own `list_indexes`
//! drops all options of an index if one of them has an unexpected type (NaN, a double).

use bson::{Bson, Document};

/// The largest `expireAfterSeconds` that the server accepts.
pub const LONGEST_TTL: u64 = 2_147_483_647;

/// One index as `listIndexes` describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexSpec(pub Document);

impl IndexSpec {
    /// Its name.
    pub fn name(&self) -> &str {
        self.0.get_str("name").unwrap_or_default()
    }

    /// Whether its only key is `field`, in either direction.
    pub fn is_on(&self, field: &str) -> bool {
        self.0.get_document("key").is_ok_and(|key| key.len() == 1 && key.contains_key(field))
    }

    /// Whether it is the index on `_id` of a collection with a collation, which that index
    /// inherits.
    pub fn is_collated_id(&self) -> bool {
        self.name() == "_id_" && self.0.contains_key("collation")
    }

    /// Whether it is a TTL index.
    pub fn is_ttl(&self) -> bool {
        self.0.contains_key("expireAfterSeconds")
    }

    /// Whether only one document may lack its fields: it is unique and not sparse.
    pub(crate) fn takes_one_without(&self) -> bool {
        let has = |option| self.0.get(option).is_some_and(truthy);
        has("unique") && !has("sparse") && !self.0.contains_key("partialFilterExpression")
    }

    /// Whether no two documents may have the same value.
    pub(crate) fn is_unique(&self) -> bool {
        self.0.get("unique").is_some_and(truthy)
    }

    /// Its `expireAfterSeconds`, if it is a whole number that the server uses.
    pub fn seconds(&self) -> Option<u64> {
        let seconds = match self.0.get("expireAfterSeconds")? {
            Bson::Int32(seconds) => u64::try_from(*seconds).ok()?,
            Bson::Int64(seconds) => u64::try_from(*seconds).ok()?,
            Bson::Double(seconds) if seconds.fract() == 0.0 && *seconds >= 0.0 => *seconds as u64,
            _ => return None,
        };
        (seconds <= LONGEST_TTL).then_some(seconds)
    }

    /// The seconds after which the server deletes every document by the date in `field`. `None` if this
    /// index deletes none of them, or skips some.
    ///
    /// A hidden index deletes like any other, whatever its collation. So does a sparse one: the documents
    /// that it leaves out have no date.
    pub(crate) fn deletes_all_after(&self, field: &str) -> Option<u64> {
        // The TTL monitor ignores indexes that do not sort their values, such as hashed ones.
        let key = self.0.get_document("key").ok().and_then(|key| key.get(field));
        let acts = self.is_on(field) && key.is_some_and(sorts) && !self.leaves_out(field);
        self.seconds().filter(|_| acts)
    }

    /// Whether it skips documents that have a date in `field`, its key. A filter that only requires the
    /// date itself does not, because the server deletes only by a date.
    pub(crate) fn leaves_out(&self, field: &str) -> bool {
        let Ok(filter) = self.0.get_document("partialFilterExpression") else { return false };
        let wants_date = |condition: &Document| {
            let has_date = match condition.get("$type") {
                Some(Bson::String(name)) => name == "date",
                Some(Bson::Int32(9) | Bson::Int64(9)) => true,
                Some(Bson::Double(number)) => *number == 9.0,
                _ => false,
            };
            has_date || condition.get_bool("$exists").unwrap_or(false)
        };
        let only = filter.len() == 1
            && filter.get_document(field).is_ok_and(|it| it.len() == 1 && wants_date(it));
        !only && !filter.is_empty()
    }

    /// Whether queries can use it to find all documents by `field`: its first key is that field, it
    /// is complete, and the planner may use it.
    pub(crate) fn leads_along(&self, field: &str) -> bool {
        let key = self.0.get_document("key").ok().and_then(|key| key.iter().next());
        key.is_some_and(|(first, value)| first == field && sorts(value))
            && !self.0.contains_key("partialFilterExpression")
            && !self.is_hidden()
    }

    /// Whether it is hidden: the planner ignores it, but the TTL monitor does not.
    pub(crate) fn is_hidden(&self) -> bool {
        self.0.get("hidden").is_some_and(truthy)
    }

    /// Whether `field` is a key in this direction.
    pub(crate) fn goes(&self, field: &str, direction: i32) -> bool {
        let own = self.0.get_document("key").ok().and_then(|key| key.get(field));
        match own {
            Some(Bson::Int32(number)) => *number == direction,
            Some(Bson::Int64(number)) => *number == i64::from(direction),
            Some(Bson::Double(number)) => *number == f64::from(direction),
            _ => false,
        }
    }
}

/// Whether a key of this kind sorts values: it is a direction, rather than a kind such as `hashed`.
fn sorts(kind: &Bson) -> bool {
    matches!(kind, Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_))
}

/// Whether this value turns an index option on.
pub(crate) fn truthy(value: &Bson) -> bool {
    !matches!(value, Bson::Boolean(false) | Bson::Int32(0) | Bson::Int64(0) | Bson::Null)
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    /// A TTL index of 60 seconds on `at`, with these options.
    fn seconds(options: Document) -> Option<u64> {
        let mut spec = doc! { "key": { "at": 1 }, "name": "at_1", "expireAfterSeconds": 60 };
        spec.extend(options);
        IndexSpec(spec).deletes_all_after("at")
    }

    #[test]
    fn an_index_deletes_all_unless_its_filter_skips_documents_with_a_date() {
        for whole in [
            doc! {},
            doc! { "key": { "at": -1.0 } },
            doc! { "hidden": true },
            doc! { "sparse": true },
            doc! { "prepareUnique": true },
            doc! { "collation": { "locale": "en", "strength": 1 } },
            doc! { "partialFilterExpression": {} },
            doc! { "partialFilterExpression": { "at": { "$type": "date" } } },
            doc! { "partialFilterExpression": { "at": { "$exists": true } } },
        ] {
            assert_eq!(seconds(whole.clone()), Some(60), "{whole}");
        }
        for other in [
            doc! { "key": { "at": 1, "user": 1 } },
            doc! { "key": { "at": "hashed" } },
            doc! { "key": { "user": 1 } },
            doc! { "expireAfterSeconds": f64::NAN },
            doc! { "partialFilterExpression": { "anonymous": true } },
            doc! { "partialFilterExpression": { "at": { "$exists": true }, "anonymous": true } },
            doc! { "partialFilterExpression": { "at": { "$type": "date", "$gt": 1 } } },
        ] {
            assert_eq!(seconds(other.clone()), None, "{other}");
        }
    }
}
