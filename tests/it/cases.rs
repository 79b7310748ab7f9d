//! Documents and situations from public bug reports (tests/cases): what each of them protects. Every
//! date moves with `as_of`, so that the cases hold next year.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use bson::{Bson, DateTime, Document, doc};
use serde_json::{Value, json};

use crate::stores::quiet_uri;
use crate::support::{Db, Run, now};

mod copied;
mod drafts;
mod foreign;
mod known;
mod mixed;
mod users;

/// A case in its own database, on a server without a TTL monitor.
struct Case {
    db: Db,
    collection: String,
    documents: Vec<Document>,
}

impl Case {
    fn load(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cases/{name}.json"));
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let as_of: jiff::Timestamp = file["as_of"].as_str().unwrap().parse().unwrap();
        let shift = now().timestamp_millis() - as_of.as_millisecond();
        let list = |key: &str| -> Vec<Document> {
            let document = |value: &Value| match Bson::try_from(value.clone()) {
                Ok(Bson::Document(document)) => document,
                other => panic!("{other:?}"),
            };
            file[key].as_array().unwrap().iter().map(document).collect()
        };
        let mut documents = list("documents");
        for document in &mut documents {
            document.iter_mut().for_each(|(_, value)| move_dates(value, shift));
            for (path, unit) in file["shift"].as_object().into_iter().flatten() {
                let mut place = Bson::Document(std::mem::take(document));
                let path: Vec<_> = path.split('/').collect();
                move_at(&mut place, &path, unit.as_str().unwrap(), shift);
                *document = place.as_document().unwrap().clone();
            }
        }
        let db = Db::on(&quiet_uri());
        let collection = file["collection"].as_str().unwrap().to_owned();
        db.insert(&collection, documents.clone());
        for index in list("indexes") {
            db.create_index(&collection, index);
        }
        Self { db, collection, documents }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.db.command(arguments).env("SESSIONCTL_COLLECTION", &self.collection).run()
    }

    /// How many documents are in each state; those of no layout are foreign.
    fn states(&self, arguments: &[&str]) -> Value {
        let row = self.run(&[&["stats", "-o", "json"], arguments].concat()).exits(0).json();
        let keys = ["expired", "live", "endless", "malformed", "foreign"];
        let sum: u64 = keys.iter().map(|key| row[key].as_u64().unwrap()).sum();
        assert_eq!(sum, self.documents.len() as u64, "{row}");
        let of = |key: &&str| row[*key] != json!(0);
        keys.iter()
            .filter(|key| of(key))
            .map(|key| ((*key).to_owned(), row[*key].clone()))
            .collect()
    }

    fn layout(&self) -> String {
        let row = self.run(&["stats", "-o", "json"]).exits(0).json();
        row["layout"].as_str().unwrap().to_owned()
    }

    /// The number of sessions of each user; `-` means no user.
    fn users(&self, arguments: &[&str]) -> BTreeMap<String, u64> {
        let rows = self.run(&[&["list", "-o", "json"], arguments].concat()).exits(0).json();
        let mut users = BTreeMap::new();
        for row in rows.as_array().unwrap() {
            *users.entry(row["user"].as_str().unwrap_or("-").to_owned()).or_default() += 1;
        }
        users
    }

    fn ids(&self) -> Vec<Bson> {
        let all = self.db.find(&self.collection, doc! {});
        all.into_iter().map(|document| document.get("_id").unwrap().clone()).collect()
    }

    fn count(&self, filter: Document) -> u64 {
        self.db.count(&self.collection, filter)
    }
}

fn move_dates(value: &mut Bson, shift: i64) {
    match value {
        Bson::DateTime(date) if date.timestamp_millis().abs() < 8_000_000_000_000_000 => {
            *date = DateTime::from_millis(date.timestamp_millis() + shift);
        }
        Bson::Document(document) => {
            document.iter_mut().for_each(|(_, value)| move_dates(value, shift));
        }
        Bson::Array(values) => values.iter_mut().for_each(|value| move_dates(value, shift)),
        _ => {}
    }
}

/// Moves the number or text at a path, such as `data/created` or `expireAt/1`.
fn move_at(value: &mut Bson, path: &[&str], unit: &str, shift: i64) {
    let Some((key, rest)) = path.split_first() else { return moved(value, unit, shift) };
    match value {
        Bson::Document(document) => {
            if let Some(inner) = document.get_mut(key) {
                move_at(inner, rest, unit, shift);
            }
        }
        Bson::Array(values) if *key == "*" => {
            values.iter_mut().for_each(|value| move_at(value, rest, unit, shift));
        }
        Bson::Array(values) => {
            if let Some(inner) = values.get_mut(key.parse::<usize>().unwrap()) {
                move_at(inner, rest, unit, shift);
            }
        }
        _ => {}
    }
}

fn moved(value: &mut Bson, unit: &str, shift: i64) {
    let by = |per_second: i64| shift / 1000 * per_second;
    let by = match unit {
        "s" => by(1),
        "ms" => by(1000),
        "us" => by(1_000_000),
        "ns" => by(1_000_000_000),
        _ => 0,
    };
    match value {
        Bson::Int32(number) if *number > 0 => *number += i32::try_from(by).unwrap(),
        Bson::Int64(number) if *number > 0 => *number += by,
        Bson::Double(number) if *number > 0.0 => *number += by as f64,
        Bson::String(text) if unit == "iso" => {
            let time: jiff::Timestamp = text.parse().unwrap();
            let time = jiff::Timestamp::from_millisecond(time.as_millisecond() + shift).unwrap();
            text.clear();
            write!(text, "{time:.3}").unwrap();
        }
        _ => {}
    }
}
