//! What can be wrong with the TTL indexes that are there.

use std::time::Duration;

use bson::{Bson, Document};

use super::script;
use crate::model::humanize::{grouped, lasting};
use crate::model::index_spec::{IndexSpec, LONGEST_TTL};
use crate::model::layout::{Kind, Layout};
use crate::ops::doctor::facts::Facts;
use crate::ops::doctor::finding::{Finding, Outcome, Unknown};
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

/// Whether `expireAfterSeconds` suits this field.
pub(super) fn seconds(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, ttls) = ttls(facts)?;
    let findings = ttls.iter().filter_map(|index| fault(facts, layout, index));
    let worst = findings.min_by_key(|finding| finding.outcome);
    Ok(worst.unwrap_or_else(|| {
        Finding::pass(match ttls.len() {
            0 => "there is no TTL index",
            _ => "expireAfterSeconds suits the field",
        })
    }))
}

/// What is wrong with the seconds of one index, its impact, and what fixes it.
fn fault(facts: &Facts, layout: &Layout, index: &IndexSpec) -> Option<Finding> {
    let (name, key) = (index.name(), key(index));
    let drop = || Some(script::drop_index(facts, name));
    if let Some((outcome, odd, meaning)) = odd(index.0.get("expireAfterSeconds")?, facts) {
        let what = format!("expireAfterSeconds of the index {name} is {odd}");
        let finding = Finding::new(outcome, what, meaning);
        return Some(match is_on_expiry(index, layout) {
            true => facts.by_lifetime(finding, layout, facts.deleting_remedy(layout)),
            false => finding.remedy(drop()),
        });
    }
    let seconds = index.seconds()?;
    let lasts = lasting(Duration::from_secs(seconds));
    let ttl = layout.ttl_index.as_ref().filter(|ttl| ttl.key == key);
    // The index adds its seconds to the last touch: with none, no session outlives the next pass.
    if is_touch(layout, key) && seconds == 0 {
        let is = if ttl.is_some() { "the last touch" } else { "not the expiry" };
        let what = format!("the index {name} deletes 0 s after {key}, which is {is}");
        let meaning = "every session is deleted within a minute of its last touch: users are logged \
                       out all the time";
        // Without the index no user is logged out; with another lifetime some may be.
        let replace = facts.deleting_remedy(layout).filter(|_| ttl.is_some());
        return Some(Finding::fail(what, meaning).remedy(replace.or_else(drop)));
    }
    let Some(ttl) = ttl else {
        // A limit on idleness, for some of the sessions: probably intended.
        if index.0.contains_key("partialFilterExpression") && is_touch(layout, key) {
            return None;
        }
        let what = format!("the index {name} deletes {lasts} after {key}, which is not the expiry");
        let meaning = "sessions end at that time, whatever their own expiry: if the application does \
                       not need this limit, drop the index";
        return Some(Finding::warn(what, meaning));
    };
    // Where the index sets the lifetime, any number is right but 0.
    let wanted =
        ttl.seconds.filter(|wanted| *wanted != seconds && !layout.lifetime_from_index())?;
    let stay = match layout.checks_expiry_on_read {
        true => "expired sessions stay on disk that long, but log nobody in",
        false => "expired sessions stay that long, and still log in",
    };
    if let Some(option) = ttl.option.as_ref().filter(|_| seconds > 0 && index.has_shape_of(ttl)) {
        let what = format!("the index {name} keeps expired sessions for another {lasts}");
        let meaning = format!(
            "{stay}. It is the application's own ({option}), or a leftover. An application that asks \
             for other seconds fails at its start with error 85: only then run `index replace`"
        );
        return Some(Finding::warn(what, meaning));
    }
    let what = format!(
        "the index {name} deletes {lasts} after {key}, which is the expiry itself; it should delete {}",
        after(wanted)
    );
    let finding = match layout.checks_expiry_on_read {
        true => Finding::warn(what, stay),
        false => Finding::fail(what, stay),
    };
    Some(finding.remedy(facts.deleting_remedy(layout)))
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

/// A value that is not a whole number of seconds that the server acts on, and its effect. 6.0
/// refuses or rounds such a value when an index is made, and lists one that an older server stored.
fn odd(value: &Bson, facts: &Facts) -> Option<(Outcome, String, &'static str)> {
    const NEVER: &str = "the server deletes nothing with this index: the collection grows forever";
    let number = match value {
        Bson::Int32(number) => f64::from(*number),
        Bson::Int64(number) => *number as f64,
        Bson::Double(number) => *number,
        _ => return Some((Outcome::Fail, "not a number".into(), NEVER)),
    };
    if number.is_nan() {
        let at_once = facts.version.as_ref().is_ok_and(|version| {
            let [major, minor, patch] = version.number;
            // SERVER-68477: what 4.4 stored as never, these delete by at once.
            matches!((major, minor), (5, 0)) && patch <= 13
                || matches!((major, minor), (6, 0)) && patch <= 1
        });
        let meaning = match at_once {
            true => "this version of the server reads it as 0, other versions as never",
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
        let meaning = "the server uses whole seconds, and drivers do not recognize such an index as a \
                       TTL index";
        (Outcome::Warn, format!("{number}, which is not a whole number"), meaning)
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
    let meaning = "the server deletes nothing by it: a TTL index has one field. Queries may use it";
    Ok(Finding::warn(what, meaning))
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
            let what = format!("the TTL index {name} is partial, and skips sessions");
            let meaning = "the server never deletes sessions that its filter does not match";
            let finding = Finding::fail(what, meaning);
            facts.by_lifetime(finding, layout, facts.deleting_remedy(layout))
        }
        _ => Finding::pass("no TTL index skips expired sessions"),
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

/// Of two on the expiry the one that deletes sooner counts.
pub(super) fn several(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, ttls) = ttls(facts)?;
    let is_whole = |index: &&&IndexSpec| !index.0.contains_key("partialFilterExpression");
    let on_expiry = |index: &&&IndexSpec| is_on_expiry(index, layout);
    let whole: Vec<_> = ttls.iter().filter(is_whole).filter(on_expiry).collect();
    if whole.len() < 2 {
        return Ok(Finding::pass("there is no second TTL index on the expiry"));
    }
    let names: Vec<_> = whole.iter().map(|index| index.name()).collect();
    let what = format!("{} TTL indexes are on the expiry: {}", whole.len(), names.join(", "));
    let meaning = "the one that deletes sooner decides, and each slows down every write";
    // The one to drop is not the store's own, which it would create again at its next start.
    let wanted = facts.index_status(layout);
    let right = wanted.found.filter(|_| wanted.state == TtlState::Installed);
    let wrong = right.and_then(|right| whole.iter().find(|index| index.name() != right.name()));
    let remedy = wrong.map(|wrong| script::drop_index(facts, wrong.name()));
    Ok(Finding::warn(what, meaning).remedy(remedy))
}

/// One of another name or with other options is in the application's own way.
pub(super) fn options(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, _) = ttls(facts)?;
    let status = facts.index_status(layout);
    // The server refuses a second index with the same key (85) or of the same name (86), and none else.
    let collides = |found: &IndexSpec| {
        layout.ttl_index.as_ref().is_some_and(|ttl| {
            let is_own_option = ttl.option.is_some()
                && found.has_shape_of(ttl)
                && found.seconds().is_some_and(|seconds| seconds > 0);
            !is_own_option && (found.name() == ttl.name || found.goes(&ttl.key, ttl.direction()))
        })
    };
    let differs = status.state == TtlState::Differs;
    let Some(found) = status.found.as_ref().filter(|found| differs && collides(found)) else {
        return Ok(Finding::pass("no index prevents the store from creating its own"));
    };
    let what = format!(
        "the index {} is not the one that {} creates",
        found.name(),
        layout.stores.first().map_or(layout.name.as_str(), String::as_str)
    );
    let meaning =
        "an application that creates its index at its start fails there with error 85 or 86";
    let finding = Finding::warn(what, meaning);
    Ok(facts.by_lifetime(finding, layout, facts.deleting_remedy(layout)))
}

/// One that is still being built does not delete yet.
pub(super) fn build(facts: &Facts) -> Result<Finding, Unknown> {
    let stats = facts.stats.as_ref()?;
    if stats.builds.is_empty() {
        return Ok(Finding::pass("no index is being built"));
    }
    let what = format!("indexes are still being built: {}", stats.builds.join(", "));
    let meaning = "queries and the TTL monitor cannot use them until the build is complete; it loads the server";
    Ok(Finding::warn(what, meaning))
}
