//! The audit line of one batch: the users whose sessions it wrote, without whole ids.

use std::collections::BTreeMap;

use bson::raw::RawDocumentBuf;
use bson::{Bson, Document};
use serde_json::{Map, Value, json};
use sessionctl::payload::time;
use sessionctl::purge::Batch;
use sessionctl::{Key, SessionId};

use super::chain::short_digest;

/// The line, without the name of the run.
pub fn line(batch: &Batch) -> Value {
    json!({
        "event": "batch",
        "run": null,
        "time": null,
        "number": null,
        "matched": batch.spared.map(|spared| batch.done + spared),
        "done": batch.done,
        "exact": batch.exact,
        "sessions": (!batch.ids.is_empty()).then(|| sessions(batch)),
        "window": batch.window.as_ref().map(window),
    })
}

/// The sessions of a batch by their users, as digests of their ids. Without users there is one group.
fn sessions(batch: &Batch) -> Value {
    let digest = |id: &Key| match id.bson() {
        Some(id) => short_digest(&SessionId::new(id, "").full()),
        None => short_digest(&id.short()),
    };
    let mut groups: BTreeMap<Option<&str>, Vec<String>> = BTreeMap::new();
    for (at, id) in batch.ids.iter().enumerate() {
        let user = batch.users.get(at).and_then(Option::as_deref);
        groups.entry(user).or_default().push(digest(id));
    }
    let group = |(user, ids): (Option<&str>, Vec<String>)| match batch.users.is_empty() {
        true => json!({ "ids": ids }),
        false => json!({ "user": user, "ids": ids }),
    };
    groups.into_iter().map(group).collect()
}

/// The bounds of a range. Ids are replaced with their digests.
fn window(range: &RawDocumentBuf) -> Value {
    // A bound that cannot be decoded is omitted; the counts of the batch are complete without it.
    let Ok(range) = Document::try_from(&**range) else { return Value::Null };
    let bound = |bound: &Bson| match bound {
        Bson::DateTime(date) => time(*date).into(),
        Bson::Int32(number) => (*number).into(),
        Bson::Int64(number) => (*number).into(),
        Bson::Double(number) => (*number).into(),
        id => Value::String(short_digest(&SessionId::new(id.clone(), "").full())),
    };
    let bounds = |(path, range): (&String, &Bson)| {
        let range = range.as_document().into_iter().flatten();
        let range: Map<_, _> =
            range.map(|(operator, value)| (operator.clone(), bound(value))).collect();
        (path.clone(), Value::Object(range))
    };
    Value::Object(range.iter().map(bounds).collect())
}
