//! What can be wrong with the TTL indexes that are there.

use std::time::Duration;

use bson::{Bson, Document};

use super::script::{self, text};
use crate::model::humanize::{grouped, lasting};
use crate::model::index_spec::{IndexSpec, LONGEST_TTL};
use crate::model::layout::{Kind, Layout};
use crate::ops::doctor::facts::Facts;
use crate::ops::doctor::finding::{Finding, Outcome, Unknown};
use crate::ops::doctor::remedy::Remedy;
use crate::ops::index::TtlState;

/// The indexes with `expireAfterSeconds`, and the layout.
fn ttls(facts: &Facts) -> Result<(&Layout, Vec<&IndexSpec>), Unknown> {
    let layout = facts.known_layout()?;
    let ttls = facts.usable_indexes()?.iter().filter(|index| index.is_ttl()).collect();
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

fn drop_index(facts: &Facts, index: &IndexSpec) -> Remedy {
    script::on_collection(facts, &format!("dropIndex({})", text(index.name())))
}

/// Whether `expireAfterSeconds` is what this field wants.
pub(super) fn seconds(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, ttls) = ttls(facts)?;
    let findings = ttls.iter().filter_map(|index| {
        let (outcome, what, meaning) = fault(facts, layout, index)?;
        Some(Finding::new(outcome, what, meaning).remedy(match is_on_expiry(index, layout) {
            true => facts.deleting_remedy(layout),
            false => drop_index(facts, index),
        }))
    });
    let worst = findings.min_by_key(|finding| finding.outcome);
    Ok(worst.unwrap_or_else(|| {
        Finding::pass(match ttls.len() {
            0 => "there is no TTL index",
            _ => "expireAfterSeconds is as it should be",
        })
    }))
}

/// What is wrong with the seconds of one index, and what comes of it.
fn fault(
    facts: &Facts,
    layout: &Layout,
    index: &IndexSpec,
) -> Option<(Outcome, String, &'static str)> {
    let (name, key) = (index.name(), key(index));
    if let Some((outcome, odd, meaning)) = odd(index.0.get("expireAfterSeconds")?, facts) {
        let what = format!("expireAfterSeconds of the index {name} is {odd}");
        return Some((outcome, what, meaning));
    }
    let seconds = index.seconds()?;
    let lasts = lasting(Duration::from_secs(seconds));
    let wanted = layout.ttl_index.as_ref().filter(|ttl| ttl.key == key).map(|ttl| ttl.seconds);
    // The index adds its seconds to the last touch: with none, no session outlives the next pass.
    let ends_all = is_touch(layout, key) && seconds == 0;
    Some(match wanted {
        Some(_) if ends_all => (
            Outcome::Fail,
            format!("the index {name} deletes 0 s after {key}, which is the last touch"),
            "every session is deleted within a minute of its last touch: everybody is logged out all \
             the time",
        ),
        Some(Some(wanted)) if wanted != seconds && !layout.lifetime_from_index() => {
            let what = format!(
                "the index {name} deletes {lasts} after {key}, which is the expiry itself; wanted is {}",
                after(wanted)
            );
            match layout.checks_expiry_on_read {
                true => {
                    let meaning =
                        "expired sessions log nobody in, and stay on the disk for so long";
                    (Outcome::Warn, what, meaning)
                }
                false => (Outcome::Fail, what, "expired sessions go on logging in for so long"),
            }
        }
        // Where the index says the lifetime, any is right but none.
        Some(_) => return None,
        None if ends_all => (
            Outcome::Fail,
            format!("the index {name} deletes 0 s after {key}, which is not the expiry"),
            "every session is deleted within a minute: everybody is logged out all the time",
        ),
        // A limit on idleness, for some of the sessions: somebody thought of it.
        None if index.0.contains_key("partialFilterExpression") && is_touch(layout, key) => {
            return None;
        }
        None => (
            Outcome::Warn,
            format!("the index {name} deletes {lasts} after {key}, which is not the expiry"),
            "sessions end at that time, whatever their own expiry says",
        ),
    })
}

/// Whether the index's field is the last touch, to which a lifetime is added, rather than the expiry.
fn is_touch(layout: &Layout, key: &str) -> bool {
    layout.expiry.iter().any(|rule| {
        rule.path.as_deref() == Some(key)
            && rule.kind == Kind::Date
            && (rule.lifetime_from.is_some()
                || rule.lifetime.is_some()
                || rule.lifetime_path.is_some())
    }) || layout.touched.iter().chain(&layout.created).any(|at| at.path == key && at.unit.is_none())
}

/// `expireAfterSeconds` in words.
fn after(seconds: u64) -> String {
    match seconds {
        0 => "at once".to_owned(),
        seconds => format!("{} s", grouped(seconds)),
    }
}

/// A value that is no whole number of seconds which the server acts on, and what comes of it. 6.0
/// refuses or rounds such a value when an index is made, and lists one that an older server stored.
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
            // SERVER-68477: what 4.4 stored as never, these delete by at once.
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

/// A TTL on more than one field never deletes. Today's servers refuse to make one (67).
pub(super) fn compound(facts: &Facts) -> Result<Finding, Unknown> {
    let (_, ttls) = ttls(facts)?;
    let is_compound =
        |index: &&&IndexSpec| index.0.get_document("key").is_ok_and(|key| key.len() > 1);
    let Some(index) = ttls.iter().find(is_compound) else {
        return Ok(Finding::pass("no TTL index has more than one field"));
    };
    let what = format!("the TTL index {} has more than one field", index.name());
    let meaning = "the server deletes nothing by it: only an index on one field has a TTL";
    Ok(Finding::fail(what, meaning).remedy(drop_index(facts, index)))
}

/// A partial one leaves documents out.
pub(super) fn partial(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, ttls) = ttls(facts)?;
    let of_expiry = ttls.iter().filter(|index| is_on_expiry(index, layout));
    let (partial, whole): (Vec<_>, Vec<_>) =
        of_expiry.copied().partition(|index| leaves_out(index, key(index)));
    Ok(match partial.as_slice() {
        [index, ..] if whole.is_empty() => {
            let name = index.name();
            let what = format!("the TTL index {name} is partial, and leaves documents out");
            let meaning = "what its filter leaves out never expires, and stays on the disk";
            Finding::fail(what, meaning).remedy(facts.deleting_remedy(layout))
        }
        _ => Finding::pass("no TTL index leaves expired sessions out"),
    })
}

/// Whether a filter leaves out documents that have a date. One that asks for the date itself does not:
/// the server deletes by nothing else.
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
pub(super) fn several(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, ttls) = ttls(facts)?;
    let is_whole = |index: &&&IndexSpec| !index.0.contains_key("partialFilterExpression");
    let whole: Vec<_> = ttls.iter().filter(is_whole).collect();
    if whole.len() < 2 {
        return Ok(Finding::pass("there is no second TTL index"));
    }
    let wanted = facts.index_status(layout);
    let right = wanted.found.filter(|_| wanted.state == TtlState::Installed);
    let right = right.as_ref().map(IndexSpec::name);
    let names: Vec<_> = whole.iter().map(|index| index.name()).collect();
    // The one to drop is not the store's own, which it would make again at its next start.
    let wrong = whole.iter().find(|index| Some(index.name()) != right).unwrap_or(&whole[1]);
    let what = format!("there are {} TTL indexes: {}", whole.len(), names.join(", "));
    let meaning = "a session ends by the one that deletes it first, and each costs work at \
                   every write";
    Ok(Finding::warn(what, meaning).remedy(drop_index(facts, wrong)))
}

/// One of another name or with other options is in the application's own way.
pub(super) fn options(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, _) = ttls(facts)?;
    // `createIndex` is a no-op only for an index with the same options and name.
    let status = facts.index_status(layout);
    let found = status.found.as_ref().filter(|_| status.state == TtlState::Differs);
    let Some(found) = found else {
        return Ok(Finding::pass("no index is in the way of the store's own"));
    };
    let what = format!(
        "the index {} is not as {} would make it",
        found.name(),
        layout.stores.first().map_or(layout.name.as_str(), String::as_str)
    );
    let meaning = "where the application makes its index at its start, that fails with error 85 \
                   or 86";
    Ok(Finding::warn(what, meaning).remedy(facts.deleting_remedy(layout)))
}

/// One that is still being built does not delete yet.
pub(super) fn build(facts: &Facts) -> Result<Finding, Unknown> {
    let stats = facts.stats.as_ref()?;
    if stats.builds.is_empty() {
        return Ok(Finding::pass("no index is being built"));
    }
    let what = format!("still being built: {}", stats.builds.join(", "));
    let meaning = "until it is built nothing is deleted by it, and the server has more to do";
    Ok(Finding::warn(what, meaning))
}
