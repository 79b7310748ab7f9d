//! Checks for faults of the existing TTL indexes.

use std::time::Duration;

use bson::Bson;

use super::script;
use crate::model::humanize::{grouped, lasting};
use crate::model::index_spec::{IndexSpec, LONGEST_TTL};
use crate::model::layout::{Kind, Layout};
use crate::ops::doctor::facts::Facts;
use crate::ops::doctor::finding::{Finding, Outcome, Unknown};
use crate::ops::index::TtlState;
use crate::server::flavour::Product;

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
            0 => "no TTL index has a wrong expireAfterSeconds",
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
    // The index adds its seconds to the last touch: with 0 seconds, no session survives the next
    // pass.
    if is_touch(layout, key) && seconds == 0 {
        let is = if ttl.is_some() { "the last touch" } else { "not the expiry" };
        let what = format!("the index {name} deletes 0 s after {key}, which is {is}");
        let meaning = "every session is deleted within a minute of its last touch: users are logged \
                       out all the time";
        // Dropping the index logs no user out; another lifetime may.
        let replace = facts.deleting_remedy(layout).filter(|_| ttl.is_some());
        return Some(Finding::fail(what, meaning).remedy(replace.or_else(drop)));
    }
    let Some(ttl) = ttl else {
        // A limit on idle time for some of the sessions is probably intended.
        if index.0.contains_key("partialFilterExpression") && is_touch(layout, key) {
            return None;
        }
        if key == LAST_WRITE && facts.is_on(Product::CosmosDb) {
            let what = format!("the index {name} deletes {lasts} after _ts, the last write");
            let meaning = "sessions end that long after their last write, whatever their own expiry: \
                           if that is shorter than a session should last, users are logged out early";
            return Some(Finding::warn(what, meaning));
        }
        let what = format!("the index {name} deletes {lasts} after {key}, which is not the expiry");
        let meaning = "sessions end at that time, whatever their own expiry: if the application does \
                       not need this limit, drop the index";
        return Some(Finding::warn(what, meaning));
    };
    // If the index sets the lifetime, any number except 0 is right.
    let wanted =
        ttl.seconds.filter(|wanted| *wanted != seconds && !layout.lifetime_from_index())?;
    let stay = match layout.checks_expiry_on_read {
        true => "expired sessions stay on disk for that time, but can no longer log in",
        false => "expired sessions stay for that time, and can still log in",
    };
    if let Some(option) = ttl.option.as_ref().filter(|_| seconds > 0 && index.has_shape_of(ttl)) {
        let what = format!("the index {name} keeps expired sessions for another {lasts}");
        let meaning = format!(
            "{stay}. It is the application's own ({option}), or a leftover. Run `index replace` \
             only if the application fails at startup with error 85, because it creates the index with \
             another value"
        );
        return Some(Finding::warn(what, meaning));
    }
    let what = format!(
        "the index {name} deletes sessions {lasts} after they expire ({key}); the layout needs {}",
        after(wanted)
    );
    let finding = match layout.checks_expiry_on_read {
        true => Finding::warn(what, stay),
        false => Finding::fail(what, stay),
    };
    Some(finding.remedy(facts.deleting_remedy(layout)))
}

/// The field in which Cosmos DB notes the last write of each document.
const LAST_WRITE: &str = "_ts";

impl Facts {
    /// The TTL index on the last write, which Cosmos DB has, and its seconds in words.
    pub(super) fn by_last_write(&self) -> Option<(&str, String)> {
        let indexes = self.indexes.as_ref().ok().filter(|_| self.is_on(Product::CosmosDb))?;
        let index = indexes.iter().find(|index| index.is_ttl() && key(index) == LAST_WRITE)?;
        Some((index.name(), lasting(Duration::from_secs(index.seconds()?))))
    }
}

/// Whether the field of the index is the last touch, to which a lifetime is added, rather than the
/// expiry.
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
        0 => "0 s".to_owned(),
        seconds => format!("{} s", grouped(seconds)),
    }
}

/// An `expireAfterSeconds` that is not a usable whole number, and its effect. MongoDB 6.0 refuses
/// or rounds such a value when an index is created, but lists one that an older server stored.
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
            // SERVER-68477: these versions read a value that 4.4 stored as "never" as 0.
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

/// A TTL index on more than one field never deletes. Current servers refuse to create one (67).
pub(super) fn compound(facts: &Facts) -> Result<Finding, Unknown> {
    let (_, ttls) = ttls(facts)?;
    let is_compound =
        |index: &&&IndexSpec| index.0.get_document("key").is_ok_and(|key| key.len() > 1);
    let Some(index) = ttls.iter().find(is_compound) else {
        return Ok(Finding::pass("no TTL index has more than one field"));
    };
    let what = format!("the TTL index {} has more than one field", index.name());
    let meaning = "the server deletes nothing with it: a TTL index has one field. Queries may use \
                   it";
    Ok(Finding::warn(what, meaning))
}

/// A partial TTL index may skip sessions.
pub(super) fn partial(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, ttls) = ttls(facts)?;
    let of_expiry = ttls.iter().filter(|index| is_on_expiry(index, layout));
    let (partial, whole): (Vec<_>, Vec<_>) =
        of_expiry.copied().partition(|index| index.leaves_out(key(index)));
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

/// If two TTL indexes are on the expiry, the one that deletes sooner takes effect.
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
    let meaning = "the index that deletes sooner takes effect, and each of them slows down every \
                   write";
    // Drop the one that is not the store's own, because the store would create its own again at its
    // next start.
    let wanted = facts.index_status(layout);
    let right = wanted.found.filter(|_| wanted.state == TtlState::Installed);
    let wrong = right.and_then(|right| whole.iter().find(|index| index.name() != right.name()));
    let remedy = wrong.map(|wrong| script::drop_index(facts, wrong.name()));
    Ok(Finding::warn(what, meaning).remedy(remedy))
}

/// An index with another name or other options prevents the application from creating its own.
pub(super) fn options(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, _) = ttls(facts)?;
    let status = facts.index_status(layout);
    // The server refuses only a second index with the same key (85) or the same name (86).
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
    let meaning = "an application that creates its index at startup fails with error 85 or 86";
    let finding = Finding::warn(what, meaning);
    Ok(facts.by_lifetime(finding, layout, facts.deleting_remedy(layout)))
}

/// An index that is still being built does not work yet.
pub(super) fn build(facts: &Facts) -> Result<Finding, Unknown> {
    let stats = facts.stats.as_ref()?;
    if stats.builds.is_empty() {
        return Ok(Finding::pass("no index is being built"));
    }
    let what = format!("indexes are still being built: {}", stats.builds.join(", "));
    let meaning = "queries and the TTL monitor cannot use them until the build is complete; it loads the server";
    Ok(Finding::warn(what, meaning))
}
