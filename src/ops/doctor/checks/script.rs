//! JavaScript for mongosh, which does what sessionctl does not.

use crate::ops::doctor::facts::Facts;
use crate::ops::doctor::remedy::{Remedy, Task};

/// The script.
pub(super) fn run(task: Task, script: String) -> Remedy {
    Remedy::Script { task, script }
}

/// A method of the examined collection.
pub(super) fn on_collection(facts: &Facts, task: Task, call: &str) -> Remedy {
    run(task, format!("{}.{call}", collection(facts, &facts.collection)))
}

/// Drops an index.
pub(super) fn drop_index(facts: &Facts, name: &str) -> Remedy {
    on_collection(facts, Task::DropIndex, &format!("dropIndex({})", text(name)))
}

/// The collection of this name.
pub(super) fn collection(facts: &Facts, name: &str) -> String {
    format!("{}.getCollection({})", database(facts), text(name))
}

/// The database. By `getSiblingDB`, because mongosh takes the connection string's, or `test`.
pub(super) fn database(facts: &Facts) -> String {
    format!("db.getSiblingDB({})", text(&facts.database))
}

/// A text as JavaScript has it: names of collections, indexes and users may hold quotes.
pub(super) fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
