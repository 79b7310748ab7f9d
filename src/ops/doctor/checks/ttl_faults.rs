//! What can be wrong with the TTL indexes that are there.

use std::time::Duration;

use bson::{Bson, Document};

use crate::model::index_spec::{IndexSpec, LONGEST_TTL};
use crate::model::layout::Layout;
use crate::ops::doctor::facts::Facts;
use crate::ops::doctor::mend::text;
use crate::ops::doctor::words::lasting;
use crate::ops::doctor::{Finding, Outcome};
use crate::ops::index::{TtlState, status};

use super::ttl::{after, indexes, is_touch, mending};
use super::{layout, settle, without_indexes};

/// The indexes with `expireAfterSeconds`, and the layout.
fn ttls<'a>(
    facts: &'a Facts,
    check: &'static str,
) -> Result<(&'a Layout, Vec<&'a IndexSpec>), Finding> {
    let layout = layout(facts, check)?;
    if let Some(early) = without_indexes(facts, check) {
        return Err(early);
    }
    let ttls = indexes(facts, check)?.iter().filter(|index| index.is_ttl()).collect();
    Ok((layout, ttls))
}

fn is_on_expiry(index: &IndexSpec, layout: &Layout) -> bool {
    layout.ttl_index.as_ref().is_some_and(|ttl| index.is_on(&ttl.key))
}

/// The only key of an index.
fn key(index: &IndexSpec) -> &str {
    let key = index.0.get_document("key").ok().and_then(|key| key.keys().next());
    key.map_or("", String::as_str)
}

fn drop_index(facts: &Facts, index: &IndexSpec) -> String {
    facts.commands.on_collection(&format!("dropIndex({})", text(index.name())))
}

fn replace(facts: &Facts, layout: &Layout) -> String {
    let indexes = facts.indexes.as_deref().unwrap_or_default();
    mending(facts, layout, &status(layout, indexes, facts.lifetime))
}

/// Whether `expireAfterSeconds` is what this field wants.
pub(super) fn seconds(facts: &Facts) -> Finding {
    const CHECK: &str = "ttl-seconds";
    settle(ttls(facts, CHECK).map(|(layout, ttls)| {
        let faults = ttls.iter().filter_map(|index| fault(CHECK, facts, layout, index));
        faults.min_by_key(|finding| finding.outcome).unwrap_or_else(|| {
            Finding::pass(
                CHECK,
                match ttls.len() {
                    0 => "there is no TTL index",
                    _ => "expireAfterSeconds is as it should be",
                },
            )
        })
    }))
}

fn fault(
    check: &'static str,
    facts: &Facts,
    layout: &Layout,
    index: &IndexSpec,
) -> Option<Finding> {
    let (name, key) = (index.name(), key(index));
    let mend = match is_on_expiry(index, layout) {
        true => replace(facts, layout),
        false => drop_index(facts, index),
    };
    let value = index.0.get("expireAfterSeconds")?;
    if let Some((outcome, odd, meaning)) = odd(value, facts) {
        let what = format!("expireAfterSeconds of the index {name} is {odd}");
        let finding = match outcome {
            Outcome::Fail => Finding::fail(check, what, meaning),
            _ => Finding::warn(check, what, meaning),
        };
        return Some(finding.mend(mend));
    }
    let seconds = index.seconds()?;
    let lasts = lasting(Duration::from_secs(seconds));
    let partial = index.0.contains_key("partialFilterExpression");
    let wanted = layout.ttl_index.as_ref().filter(|ttl| ttl.key == key).map(|ttl| ttl.seconds);
    match wanted {
        // The index says the lifetime: any is right but none.
        Some(_) if is_touch(layout, key) && seconds == 0 => {
            let what = format!("the index {name} deletes 0 s after {key}, which is the last touch");
            let meaning = "every session is deleted within a minute of its last touch: everybody is \
                           logged out all the time";
            Some(Finding::fail(check, what, meaning).mend(mend))
        }
        Some(Some(wanted)) if wanted != seconds && !layout.lifetime_from_index() => {
            let what = format!(
                "the index {name} deletes {lasts} after {key}, which is the expiry itself; wanted is {}",
                after(wanted)
            );
            let finding = match layout.checks_expiry_on_read {
                true => Finding::warn(
                    check,
                    what,
                    "expired sessions log nobody in, and stay on the disk for so long",
                ),
                false => {
                    Finding::fail(check, what, "expired sessions go on logging in for so long")
                }
            };
            Some(finding.mend(mend))
        }
        Some(_) => None,
        None if is_touch(layout, key) && seconds == 0 => {
            let what = format!("the index {name} deletes 0 s after {key}, which is not the expiry");
            let meaning = "every session is deleted within a minute: everybody is logged out all \
                           the time";
            Some(Finding::fail(check, what, meaning).mend(mend))
        }
        // A limit on idleness, for some of the sessions: somebody thought of it.
        None if partial && is_touch(layout, key) => None,
        None => {
            let what =
                format!("the index {name} deletes {lasts} after {key}, which is not the expiry");
            let meaning = "sessions end at that time, whatever their own expiry says";
            Some(Finding::warn(check, what, meaning).mend(mend))
        }
    }
}

/// A value that is no whole number of seconds which the server acts on, and what comes of it.
fn odd(value: &Bson, facts: &Facts) -> Option<(Outcome, String, &'static str)> {
    const NEVER: &str = "the server deletes nothing by it: the collection grows for ever";
    let number = match value {
        Bson::Int32(number) => f64::from(*number),
        Bson::Int64(number) => *number as f64,
        Bson::Double(number) => *number,
        _ => return Some((Outcome::Fail, "no number".into(), NEVER)),
    };
    if number.is_nan() {
        let at_once = facts.version.as_ref().is_ok_and(|version| {
            let [major, minor, patch] = version.number;
            // SERVER-68477.
            matches!((major, minor), (5, 0)) && patch <= 13
                || matches!((major, minor), (6, 0)) && patch <= 1
        });
        let meaning = match at_once {
            true => "this version of the server takes that for 0, and others for never",
            false => NEVER,
        };
        return Some((Outcome::Fail, "NaN".into(), meaning));
    }
    if number < 0.0 {
        return Some((Outcome::Fail, format!("{number}"), NEVER));
    }
    if number >= LONGEST_TTL as f64 {
        return Some((Outcome::Fail, format!("{number}, which is 68 years or more"), NEVER));
    }
    (number.fract() != 0.0).then(|| {
        let meaning = "the server acts on whole seconds, and drivers do not see such an index as one \
                       with a TTL";
        (Outcome::Warn, format!("{number}, which is no whole number"), meaning)
    })
}

/// A TTL on more than one field never deletes.
pub(super) fn compound(facts: &Facts) -> Finding {
    const CHECK: &str = "ttl-compound";
    settle(ttls(facts, CHECK).map(|(_, ttls)| {
        let is_compound =
            |index: &&&IndexSpec| index.0.get_document("key").is_ok_and(|key| key.len() > 1);
        let Some(index) = ttls.iter().find(is_compound) else {
            return Finding::pass(CHECK, "no TTL index has more than one field");
        };
        let what = format!("the TTL index {} has more than one field", index.name());
        let meaning = "the server deletes nothing by it: only an index on one field has a TTL";
        Finding::fail(CHECK, what, meaning).mend(drop_index(facts, index))
    }))
}

/// A partial one leaves documents out.
pub(super) fn partial(facts: &Facts) -> Finding {
    const CHECK: &str = "ttl-partial";
    settle(ttls(facts, CHECK).map(|(layout, ttls)| {
        let of_expiry = ttls.iter().filter(|index| is_on_expiry(index, layout));
        let (partial, whole): (Vec<_>, Vec<_>) =
            of_expiry.copied().partition(|index| leaves_out(index, key(index)));
        match partial.as_slice() {
            [index, ..] if whole.is_empty() => {
                let name = index.name();
                let what = format!("the TTL index {name} is partial, and leaves documents out");
                let meaning = "what its filter leaves out never expires, and stays on the disk";
                Finding::fail(CHECK, what, meaning).mend(replace(facts, layout))
            }
            _ => Finding::pass(CHECK, "no TTL index leaves expired sessions out"),
        }
    }))
}

/// Whether a filter leaves out documents that have a date, which others could not expire by anyway.
fn leaves_out(index: &IndexSpec, key: &str) -> bool {
    let Ok(filter) = index.0.get_document("partialFilterExpression") else { return false };
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
        && filter.get_document(key).is_ok_and(|it| it.len() == 1 && wants_date(it));
    !only
}

/// Of two the one that deletes sooner counts.
pub(super) fn several(facts: &Facts) -> Finding {
    const CHECK: &str = "ttl-several";
    settle(ttls(facts, CHECK).map(|(layout, ttls)| {
        let is_whole = |index: &&&IndexSpec| !index.0.contains_key("partialFilterExpression");
        let whole: Vec<_> = ttls.iter().filter(is_whole).collect();
        if whole.len() < 2 {
            return Finding::pass(CHECK, "there is no second TTL index");
        }
        let indexes = facts.indexes.as_deref().unwrap_or_default();
        let wanted = status(layout, indexes, facts.lifetime);
        let right = wanted.found.filter(|_| wanted.state == TtlState::Installed);
        let right = right.as_ref().map(IndexSpec::name);
        let names: Vec<_> = whole.iter().map(|index| index.name()).collect();
        let wrong = whole.iter().find(|index| Some(index.name()) != right).unwrap_or(&whole[1]);
        let what = format!("there are {} TTL indexes: {}", whole.len(), names.join(", "));
        let meaning = "a session ends by the one that deletes it first, and each costs work at \
                       every write";
        Finding::warn(CHECK, what, meaning).mend(drop_index(facts, wrong))
    }))
}

/// One of another name or with other options is in the application's own way.
pub(super) fn name(facts: &Facts) -> Finding {
    const CHECK: &str = "ttl-options";
    settle(ttls(facts, CHECK).and_then(|(layout, _)| {
        let status = status(layout, indexes(facts, CHECK)?, facts.lifetime);
        let found = status.found.as_ref().filter(|_| status.state == TtlState::Differs);
        let Some(found) = found else {
            return Ok(Finding::pass(CHECK, "no index is in the way of the store's own"));
        };
        let what = format!(
            "the index {} is not as {} would make it",
            found.name(),
            layout.stores.first().map_or(layout.name.as_str(), String::as_str)
        );
        let meaning = "where the application makes its index at its start, that fails with error 85 \
                       or 86";
        Ok(Finding::warn(CHECK, what, meaning).mend(mending(facts, layout, &status)))
    }))
}

/// One that is still being built does not delete yet.
pub(super) fn build(facts: &Facts) -> Finding {
    const CHECK: &str = "index-build";
    let stats = match &facts.stats {
        Ok(stats) => stats,
        Err(error) => return Finding::unread(CHECK, error),
    };
    if stats.builds.is_empty() {
        return Finding::pass(CHECK, "no index is being built");
    }
    let what = format!("still being built: {}", stats.builds.join(", "));
    let meaning = "until it is built nothing is deleted by it, and the server has more to do";
    Finding::warn(CHECK, what, meaning)
}
