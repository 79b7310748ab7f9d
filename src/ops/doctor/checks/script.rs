//! JavaScript for mongosh, for repairs that sessionctl does not do itself.

use crate::ops::doctor::facts::Facts;
use crate::ops::doctor::remedy::{Remedy, Task};

/// The script that calls this method.
pub(super) fn run(task: Task, script: String) -> Remedy {
    Remedy::Script { task, script }
}

/// Calls a method of the examined collection.
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

/// The database. With `getSiblingDB`, because mongosh uses the one in the connection string, or
/// `test`.
pub(super) fn database(facts: &Facts) -> String {
    format!("db.getSiblingDB({})", text(&facts.database))
}

/// A JavaScript string: names of collections, indexes and users may contain quotes.
pub(super) fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
