//! Decides how the sessions of a purge are found: by windows of the expiry, by windows of `_id`, or
//! one by one. It asks the server for its query plan and its indexes, and reads no sessions.

use std::collections::VecDeque;

use bson::raw::cstr;
use bson::{Bson, Document, doc, rawdoc};

use super::ids::{Group, Ids, Keys};
use super::source::Part;
use super::spec::{Purge, Strategy};
use super::windows::{Expiry, Walk};
use crate::error::Result;
use crate::model::filter::{Filter, all, any};
use crate::model::index_spec::IndexSpec;
use crate::model::raw::Raw;
use crate::store::{Store, joined};

/// The plan of a purge.
#[derive(Debug)]
pub struct Plan {
    /// How most of the sessions are found.
    pub strategy: Strategy,
    /// The plan that the server chooses for the selection, such as `IXSCAN expires_1` or
    /// `COLLSCAN`; `None` if it does not report one.
    pub winning: Option<String>,
    /// Whether the whole collection is scanned for some of its sessions, because an index is missing.
    pub walks: bool,
    pub(super) parts: VecDeque<Part>,
    /// The same sessions in the order in which they are stored, where that is another way.
    pub(super) stored: Option<Ids>,
}

impl Store {
    /// How `purge` would proceed.
    ///
    /// # Errors
    /// If the server refuses to list the indexes, or cannot be reached.
    pub async fn plan(&self, purge: &Purge) -> Result<Plan> {
        let selections = self.parts(&purge.selection).await?;
        let first = selections.first().unwrap_or(&purge.selection).clone();
        let of_first = Purge { selection: first, ..purge.clone() };
        let winning = self.winning_plan(of_first.few().filter(self.layouts())?.pop()).await;
        let is_in_one_part = purge.selection.keys.is_none() && selections.len() <= 1;
        let indexes = self.indexes().await?;
        let (mut parts, rest) = self.along_indexes(purge, &indexes)?;
        match rest {
            // Many users are processed in parts.
            Some(predicate) if selections.len() > 1 => {
                let of = |selection| Group::new(selection, predicate.clone());
                parts.extend(selections.into_iter().map(|some| Part::Group(of(some))));
            }
            Some(predicate) => parts.push_back(self.part(purge, predicate).await?),
            None => {}
        }
        let strategy = parts.front().map_or(Strategy::Ids, Part::strategy);
        let walks = strategy == Strategy::IdWindows && !purge.is_of_all();
        let is_scan = strategy == Strategy::Ids && winning.as_deref() == Some(COLLSCAN);
        let stored = match is_in_one_part && !is_scan {
            true => Some(self.ids(purge, purge.predicate(self.layouts())?)?.stored()),
            false => None,
        };
        Ok(Plan { strategy, winning, walks, parts, stored })
    }

    /// The parts of a purge that use an index on the expiry, and the parts that do not.
    fn along_indexes(
        &self,
        purge: &Purge,
        indexes: &[IndexSpec],
    ) -> Result<(VecDeque<Part>, Option<Document>)> {
        // If the layouts differ in this, the server chooses how to find the sessions.
        let expired = self.layouts().expired_parts(purge.selection.cutoff);
        let Some((ranges, mut rest)) = expired.filter(|_| purge.is_by_expiry_alone()) else {
            return Ok((VecDeque::new(), Some(purge.predicate(self.layouts())?)));
        };
        // With an index on the expiry, the server examines only a range.
        let invariant = purge.selection.invariant(self.layouts());
        let mut parts = VecDeque::new();
        for (path, below) in ranges {
            match indexes.iter().find(|index| index.leads_along(&path)) {
                Some(index) => {
                    let index = index.name().to_owned();
                    let expiry = Expiry::new(path, &below, index, invariant.clone());
                    parts.push_back(Part::Expiry(expiry));
                }
                None => rest.push(doc! { path: { "$lt": below } }),
            }
        }
        Ok((parts, (!rest.is_empty()).then(|| all(vec![any(rest), invariant]))))
    }

    /// How the sessions of `predicate` are found without windows of the expiry.
    async fn part(&self, purge: &Purge, predicate: Document) -> Result<Part> {
        if let Some(keys) = purge.selection.keys.clone() {
            return Ok(Part::Keys(Keys::new(keys, predicate)));
        }
        if !purge.needs_documents()
            && self
                .winning_plan(Some(predicate.clone().into()))
                .await
                .is_some_and(|plan| plan == COLLSCAN)
        {
            return Ok(Part::Walk(Walk::new(predicate)));
        }
        self.ids(purge, predicate).map(Part::Ids)
    }

    fn ids(&self, purge: &Purge, predicate: Document) -> Result<Ids> {
        let filter = match purge.is_by_expiry_alone() {
            true => predicate.clone(),
            false => purge.condition(self.layouts())?,
        };
        Ok(Ids::new(filter, predicate))
    }

    /// The plan that the server chooses for a filter. Some servers and logins do not get one.
    async fn winning_plan(&self, filter: Option<Filter>) -> Option<String> {
        let mut find = Raw::new();
        find.document("filter", &filter?.raw()?);
        let mut find = joined(&rawdoc! { "find": self.name() }, &find.done());
        find.append(cstr!("comment"), self.comment());
        let command = rawdoc! { "explain": find, "verbosity": "queryPlanner" };
        let reply = self.connection().run_raw("explain", self.name(), command).await.ok()?;
        let mut stages = Vec::new();
        stages_of(reply.get("queryPlanner")?.as_document()?.get("winningPlan")?, &mut stages);
        stages.dedup();
        (!stages.is_empty()).then(|| stages.join(", "))
    }
}

const COLLSCAN: &str = "COLLSCAN";

/// The reading stages of a plan, in the format of any server version: nested, per shard, or
/// slot-based.
fn stages_of(plan: &Bson, found: &mut Vec<String>) {
    match plan {
        Bson::Document(plan) => {
            match (plan.get_str("stage"), plan.get_str("indexName")) {
                (Ok(stage), Ok(index)) => found.push(format!("{stage} {index}")),
                (Ok(stage @ ("COLLSCAN" | "IDHACK" | "EOF")), _) => found.push(stage.to_owned()),
                _ => {}
            }
            // The slot-based form repeats the plan.
            let inner = plan.iter().filter(|(key, _)| *key != "slotBasedPlan");
            inner.for_each(|(_, value)| stages_of(value, found));
        }
        Bson::Array(plans) => plans.iter().for_each(|plan| stages_of(plan, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages(plan: Document) -> String {
        let mut found = Vec::new();
        stages_of(&plan.into(), &mut found);
        found.join(", ")
    }

    #[test]
    fn a_plan_is_named_by_the_stages_that_read() {
        let fetch = doc! { "stage": "FETCH", "inputStage": { "stage": "IXSCAN", "indexName": "expires_1", "keyPattern": { "expires": 1 } } };
        assert_eq!(stages(fetch.clone()), "IXSCAN expires_1");
        assert_eq!(stages(doc! { "stage": "COLLSCAN", "direction": "forward" }), "COLLSCAN");
        let slots = doc! { "queryPlan": fetch.clone(), "slotBasedPlan": { "stage": "COLLSCAN" } };
        assert_eq!(stages(slots), "IXSCAN expires_1");
        let scan = doc! { "stage": "COLLSCAN" };
        let or = doc! { "stage": "SUBPLAN", "inputStage": { "stage": "OR", "inputStages": [fetch, scan] } };
        assert_eq!(stages(or), "IXSCAN expires_1, COLLSCAN");
    }
}
