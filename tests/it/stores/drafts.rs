//! `layouts draft`, on every store's documents as if none of them were known: the draft loads as it is, and
//! by it each session is in the state that it has by its own layout.

use std::time::Duration;

use bson::{Bson, DateTime, RawDocumentBuf};
use sessionctl::index::IndexSpec;
use sessionctl::layout::detect::Sample;
use sessionctl::{Layout, State};

use super::*;

/// Fixtures by whose draft sessions are in other states than by their own layout, and why.
const OTHERWISE: &[(&str, &str)] = &[];

fn sample(fixture: &Fixture) -> Sample {
    let documents = fixture.documents.iter();
    Sample {
        namespace: format!("app.{}", fixture.collection),
        documents: documents.map(|one| RawDocumentBuf::try_from(one).unwrap()).collect(),
        indexes: fixture.indexes.iter().cloned().map(IndexSpec).collect(),
    }
}

fn states(layout: &Layout, sample: &Sample, now: i64) -> Vec<Option<State>> {
    let at = DateTime::from_millis(now);
    let state = |document: &RawDocumentBuf| {
        layout.describes(document).then(|| layout.glance(document, at).state)
    };
    sample.documents.iter().map(state).collect()
}

/// The first difference between the states by the draft and those by the store's own layout.
fn difference(fixture: &Fixture) -> Option<String> {
    let sample = sample(fixture);
    let now = now().timestamp_millis();
    let text = sample.draft(DateTime::from_millis(now)).unwrap();
    let draft = Layout::from_toml(&text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    // Where only the operator knows the lifetime, both are told the same.
    let given = text.contains("until then no state can be told").then(|| Duration::from_secs(7200));
    let draft = draft.resolved(given, &sample.indexes);
    let own = fixture.record().clone().resolved(given, &sample.indexes);
    for later in [0, HOUR, DAY, 15 * DAY, 100 * DAY] {
        let (by_draft, by_own) =
            (states(&draft, &sample, now + later), states(&own, &sample, now + later));
        if by_draft != by_own {
            let hours = later / HOUR;
            return Some(format!("after {hours} h {by_draft:?} instead of {by_own:?}\n{text}"));
        }
    }
    None
}

#[test]
fn by_the_draft_of_every_fixture_sessions_are_in_the_states_of_their_own_layout() {
    let fixtures = Fixture::all();
    let mut others = Vec::new();
    for fixture in &fixtures {
        if let Some(difference) = difference(fixture) {
            let known = OTHERWISE.iter().any(|(name, _)| *name == fixture.name);
            if !known {
                others.push(format!("{}/{}: {difference}", fixture.layout, fixture.name));
            }
        }
    }
    assert!(others.is_empty(), "{} of {}\n{}", others.len(), fixtures.len(), others.join("\n\n"));
}
