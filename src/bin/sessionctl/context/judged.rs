//! Checks whether conditions that only sessionctl can evaluate can be decided at all: spared and
//! missing users, and conditions on the payload.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bson::RawDocument;
use serde_json::Value;
use sessionctl::query::{Condition, Test};
use sessionctl::store::Reading;
use sessionctl::{Query, Selection, Session, Store};

use super::users::Seen;
use super::{Context, Purpose};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::text::{neutral, without_password};

impl Context {
    /// `--except-user`, `--keep` and `--anonymous` require that the users are known.
    pub(super) async fn check_users(
        &self,
        action: &str,
        store: &Store,
        selection: &Selection,
        seen: &Seen,
        purpose: Purpose,
    ) -> Result<(), Failure> {
        let is_anonymous = selection.query.anonymous;
        if !is_anonymous && selection.except.users.is_empty() && selection.keep.is_none() {
            return Ok(());
        }
        let is_guess = self.global.user_path.is_empty() && store.layouts().user_needs_payload();
        if is_anonymous && is_guess && purpose == Purpose::Changing {
            let sentence = format!(
                "could not {action}: a session without a user in the places of the layout {} may \
                 have one elsewhere in its payload",
                store.layouts().name()
            );
            return Err(Failure::new(Exit::Failed, sentence).hint(
                "--anonymous requires --user-path PATH for each place where the application \
                 stores the user",
            ));
        }
        self.judge_none(action, store, seen, selection.now).await
    }

    /// If no session has a value at the path of a condition, the path is probably wrong.
    pub(super) async fn check_conditions(
        &self,
        action: &str,
        store: &Store,
        selection: &Selection,
    ) -> Result<(), Failure> {
        for condition in &selection.query.payload {
            let path = condition.path.clone();
            if matches!(condition.test, Test::Present | Test::Absent)
                || is_decided(store, condition, selection).await.doing(action)?
            {
                continue;
            }
            let (kind, path) = (condition.kind(), without_password(&path));
            let path = neutral(&path);
            let sentence = format!("could not {action}: no session has {kind} at {path}");
            return Err(Failure::new(Exit::Failed, sentence)
                .hint("`sessionctl inspect ID` shows a session's payload, with the paths in it"));
        }
        Ok(())
    }
}

impl Context {
    /// The names at the root of the payloads of some selected sessions, and how often each occurs.
    /// They show an operator who ends sessions without a user where a user may be after all.
    pub async fn payload_keys(
        &self,
        action: &str,
        store: &Store,
        selection: &Selection,
    ) -> Result<String, Failure> {
        let layouts = store.layouts().clone();
        let take = move |document: &RawDocument, _: Session| {
            let payload = layouts.of(document).payload(document);
            let names = payload.value().and_then(Value::as_object);
            names.map(|map| map.keys().cloned().collect::<Vec<_>>()).unwrap_or_default()
        };
        let reading = Reading::default();
        let (mut sessions, mut counts) = (0, BTreeMap::new());
        for filter in selection.filter(store.layouts()).doing(action)? {
            let judging = store.judge(filter, &reading, selection, take.clone()).await;
            let mut judging = judging.doing(action)?;
            while let Some(judged) = judging.next().await.doing(action)?
                && sessions < LOOKED_AT
            {
                for names in judged.selected.into_iter().take(LOOKED_AT - sessions) {
                    sessions += 1;
                    names.into_iter().for_each(|name| *counts.entry(name).or_insert(0_u64) += 1);
                }
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| Reverse(*count));
        let more = counts.len().saturating_sub(NAMED);
        let shown = counts.iter().take(NAMED);
        let shown: Vec<_> =
            shown.map(|(name, count)| format!("{} ({count})", neutral(name))).collect();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Ok(format!("{}{more}", shown.join(", ")))
    }
}

/// How many sessions are read for these names, and how many names are shown.
const LOOKED_AT: usize = 1000;
const NAMED: usize = 12;

/// Whether some session has a value at the path that the condition can compare.
async fn is_decided(
    store: &Store,
    condition: &Condition,
    selection: &Selection,
) -> sessionctl::Result<bool> {
    let there = Condition { path: condition.path.clone(), test: Test::Present };
    let query = Query { payload: vec![there], ..Query::default() };
    let everybody = Selection::new(Query::default(), selection.now);
    let decides = {
        let (layouts, condition) = (store.layouts().clone(), condition.clone());
        move |decided: &mut bool, document: &RawDocument, _: Session| {
            let payload = layouts.of(document).payload(document);
            *decided |= payload.value().is_some_and(|value| condition.is_decided_by(value));
        }
    };
    let filter = Selection::new(query, selection.now).predicate(store.layouts())?;
    let mut judging = store.gather(filter, &Reading::default(), &everybody, decides).await?;
    while let Some(judged) = judging.next().await? {
        if judged.selected {
            return Ok(true);
        }
    }
    // Without any sessions, "none matches" is right.
    let one = Reading { limit: 1, ..Reading::default() };
    let everybody = everybody.predicate(store.layouts())?;
    Ok(store.read(everybody, &one).await?.next().await?.is_none())
}
