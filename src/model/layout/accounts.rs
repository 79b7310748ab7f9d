//! Accounts with their sessions inside: such documents are not sessions, although an array in them
//! looks like sessions. `accounts.toml` lists the applications that write them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bson::RawDocument;
use bson::raw::RawBsonRef;
use serde::Deserialize;

use super::definition::BsonType;
use super::membership::has_type;
use crate::error::Error;
use crate::model::document::{FieldPath, Found, find};

/// How one application stores the sessions of an account inside the account.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// The application.
    pub store: String,
    /// The array that holds the sessions.
    pub sessions: FieldPath,
    /// The fields of its elements, and their types.
    each: BTreeMap<String, Vec<BsonType>>,
}

impl Accounts {
    /// The application whose accounts look like `document`.
    pub(super) fn of(document: &RawDocument) -> Option<&'static Self> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Record {
            accounts: Vec<Accounts>,
        }
        static KNOWN: LazyLock<Vec<Accounts>> =
            LazyLock::new(|| match toml::from_str::<Record>(include_str!("accounts.toml")) {
                Ok(record) => record.accounts,
                Err(error) => unreachable!("accounts.toml: {error}"),
            });
        KNOWN.iter().find(|accounts| accounts.describe(document))
    }

    /// The error of a command that would treat the documents of `namespace` as sessions.
    pub(crate) fn error(&self, namespace: &str) -> Error {
        Error::Accounts {
            namespace: namespace.to_owned(),
            store: self.store.clone(),
            sessions: self.sessions.to_string(),
        }
    }

    fn describe(&self, document: &RawDocument) -> bool {
        let is_array = matches!(find(document, &self.sessions), Found::One(RawBsonRef::Array(_)));
        let has = |(field, types): (&String, &Vec<BsonType>)| {
            has_type(document, &format!("{}.{field}", self.sessions), types)
        };
        is_array && self.each.iter().all(has)
    }
}
