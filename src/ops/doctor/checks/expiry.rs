//! What the expiries of the sessions are like.

use std::time::Duration;

use bson::DateTime;

use super::evidence::needs_lifetime;
use super::script;
use crate::model::humanize::{lasting, percent};
use crate::model::index_spec::IndexSpec;
use crate::model::layout::{Fault, Kind, Layout};
use crate::model::payload::time;
use crate::model::session::State;
use crate::ops::doctor::facts::{Facts, between};
use crate::ops::doctor::finding::{Finding, Unknown};
use crate::ops::doctor::remedy::Remedy;
use crate::ops::doctor::survey::{ANCIENT_MS, FAR_MS, Survey};

/// Types that can be turned into dates. The TTL monitor passes all of them over: it acts on dates, and
/// on arrays of dates, alone.
const FIXABLE: [&str; 5] = ["string", "int", "long", "double", "decimal"];
/// So many sessions in one minute are a burst,
const BURST: u64 = 100;
/// if they are one of so many of those that are alive.
const BURST_SHARE: u64 = 4;

fn kind(layout: &Layout) -> Kind {
    layout.expiry[0].kind
}

/// How many sessions have an expiry of a type that is not the store's, and which types those are.
fn of_wrong_type<'a>(layout: &Layout, survey: &'a Survey) -> (u64, Vec<&'a str>) {
    let wrong = |name: &&str| match kind(layout) {
        _ if layout.expiry[0].text => false,
        Kind::Date => FIXABLE.contains(name),
        Kind::Number => ["string", "date"].contains(name),
        Kind::Flag | Kind::None => false,
    };
    let wrong = survey.types.iter().filter(|(name, _)| wrong(&name.as_str()));
    wrong.fold((0, Vec::new()), |(sum, mut names), (name, count)| {
        names.push(name.as_str());
        (sum + count, names)
    })
}

/// Strings or numbers where there should be dates.
pub(super) fn wrong_type(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, survey) = facts.surveyed()?;
    let (count, names) = of_wrong_type(layout, survey);
    let path = layout.expiry_path().unwrap_or_default();
    let wanted = match kind(layout) {
        Kind::Date => "date",
        _ => "a number",
    };
    if count == 0 {
        return Ok(Finding::pass(survey.looking("no expiry is of a wrong type")));
    }
    let what = format!(
        "{} with {path} of type {}, not {wanted}",
        survey.about(count, "session"),
        names.join(" or ")
    );
    let meaning = "neither the store nor the server can tell when they are over: they never go \
                   away by themselves";
    let can_be_fixed = kind(layout) == Kind::Date && survey.unclear < count;
    Ok(Finding::fail(what, meaning).remedy(match can_be_fixed {
        true => Remedy::FixExpiry,
        false => Remedy::purge(State::Malformed),
    }))
}

/// Null, missing and whatever else the store cannot read.
pub(super) fn unusable(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, survey) = facts.surveyed()?;
    let (wrong_type, _) = of_wrong_type(layout, survey);
    let count = survey.count(State::Malformed).saturating_sub(wrong_type);
    if count == 0 {
        return Ok(Finding::pass(survey.looking("every expiry can be acted on")));
    }
    let path = layout.expiry_path().unwrap_or_default();
    let kinds: Vec<_> = survey
        .types
        .keys()
        .map(String::as_str)
        .filter(|name| !FIXABLE.contains(name) && !["date", "array"].contains(name))
        .collect();
    let is = if survey.estimate(count) == 1 { "is" } else { "are" };
    let what = format!(
        "{} {is} malformed: {path} is {}",
        survey.about(count, "session"),
        if kinds.is_empty() { "not usable".to_owned() } else { kinds.join(" or ") }
    );
    let meaning = "the store cannot read them and the server does not delete them: they only \
                   take space, for ever";
    Ok(Finding::fail(what, meaning).remedy(Remedy::purge(State::Malformed)))
}

/// Of an array the earliest date counts.
pub(super) fn arrays(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, survey) = facts.surveyed()?;
    let count = survey.types.get("array").copied().unwrap_or(0);
    let path = layout.expiry_path().unwrap_or_default();
    if count == 0 || path.is_empty() {
        return Ok(Finding::pass(survey.looking("no expiry is an array")));
    }
    let what = format!("{} with an array as {path}", survey.about(count, "session"));
    let meaning = "the server deletes such a session at the earliest of its dates, and stores \
                   read it as they like";
    let script = format!(
        "updateMany({{\"{path}\": {{$type: \"array\"}}}}, [{{$set: {{\"{path}\": {{$min: \"${path}\"}}}}}}])"
    );
    Ok(Finding::warn(what, meaning).remedy(script::on_collection(facts, &script)))
}

/// Sessions that the store keeps for ever.
pub(super) fn endless(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, survey) = facts.surveyed()?;
    let count = survey.count(State::Endless);
    if count == 0 {
        return Ok(Finding::pass(survey.looking("no session is endless")));
    }
    // The partial index is for a null. One for what is missing cannot be made: `$exists: false` is no
    // filter that the server takes there.
    let is_null = survey.types.get("missing").is_none_or(|count| *count == 0);
    if let Some(index) = idle_index(facts, layout).filter(|_| is_null) {
        let what = format!(
            "{} without an expiry; the index {} ends them when they are idle",
            survey.about(count, "session"),
            index.name()
        );
        return Ok(Finding::pass(what));
    }
    let share = percent(count, survey.looked_at);
    let never = if survey.estimate(count) == 1 { "never ends" } else { "never end" };
    let what = format!("{} {never}: {share}", survey.about(count, "session"));
    let meaning = "they log in for ever, and stay on the disk for ever";
    let unbounded = layout.expiry.iter().any(|rule| {
        rule.kind == Kind::None || rule.lifetime_from.is_some() && rule.lifetime.is_none()
    });
    let lifetime = facts.suggested_lifetime();
    Ok(Finding::warn(what, meaning).remedy(if unbounded && needs_lifetime(layout) {
        facts.deleting_remedy(layout)
    } else if unbounded {
        Remedy::Sweep { interval: Duration::from_secs(60), rate: None, lifetime }
    } else if layout.mending(Fault::Endless(Duration::ZERO), facts.now).is_err() {
        Remedy::purge(State::Endless)
    } else {
        Remedy::FixEndless { lifetime }
    }))
}

/// The index that ends what was not touched for long, if it is there.
fn idle_index<'a>(facts: &'a Facts, layout: &Layout) -> Option<&'a IndexSpec> {
    let name = layout.idle_limited()?.ttl_index?.name;
    let indexes = facts.indexes.as_ref().ok()?;
    indexes.iter().find(|index| index.name() == name && index.is_ttl())
}

/// Expiries so far ahead that a unit was mistaken.
pub(super) fn far(facts: &Facts) -> Result<Finding, Unknown> {
    let (_, survey) = facts.surveyed()?;
    if survey.far == 0 {
        let none = "no session expires more than two years from now";
        return Ok(Finding::pass(survey.looking(none)));
    }
    let expire = if survey.estimate(survey.far) == 1 { "expires" } else { "expire" };
    let amount = survey.about(survey.far, "session");
    let what = format!("{amount} {expire} more than two years from now");
    let meaning = "they log in, and stay on the disk, for years: often a maxAge that is in a \
                   wrong unit; the command logs them out";
    let remedy = Remedy::PurgeExpiringAfter(Duration::from_millis(FAR_MS.unsigned_abs()));
    Ok(Finding::warn(what, meaning).remedy(remedy))
}

/// Expiries before there were any such stores: seconds taken for milliseconds.
pub(super) fn ancient(facts: &Facts) -> Result<Finding, Unknown> {
    let (_, survey) = facts.surveyed()?;
    if survey.ancient == 0 {
        return Ok(Finding::pass(survey.looking("no session expired before the year 2000")));
    }
    let amount = survey.about(survey.ancient, "session");
    let what = format!("{amount} expired before the year 2000");
    let meaning = "the application writes seconds where milliseconds are wanted: a session is \
                   over as soon as it is written, and nobody stays logged in";
    let remedy = Remedy::PurgeExpiredBefore(DateTime::from_millis(ANCIENT_MS));
    Ok(Finding::fail(what, meaning).remedy(remedy))
}

/// Many that expire in the same minute.
pub(super) fn burst(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, survey) = facts.surveyed()?;
    let live = survey.count(State::Live);
    let much = |count: u64| survey.estimate(count) >= BURST && count * BURST_SHARE >= live;
    let Some((minute, count)) = survey.busiest.filter(|(_, count)| much(*count)) else {
        return Ok(Finding::pass(survey.looking("the expiries are spread over time")));
    };
    let what = format!(
        "{} expire in the same minute, {} of those alive, {} from now",
        survey.about(count, "session"),
        percent(count, live),
        lasting(between(facts.now, minute)),
    );
    let meaning = "all of them are logged out at once, and the server deletes all of them at once";
    Ok(Finding::warn(what, meaning).remedy(match spreading(layout, minute) {
        Some(script) => script::on_collection(facts, &script),
        None => {
            Remedy::Sweep { interval: Duration::from_secs(60), rate: Some(500), lifetime: None }
        }
    }))
}

/// Takes up to an hour off each of these sessions, at random. Earlier, not later: no session may live
/// longer than its store said.
fn spreading(layout: &Layout, minute: DateTime) -> Option<String> {
    let [rule] = layout.expiry.as_slice() else { return None };
    let path = rule.path.as_deref().filter(|_| rule.kind == Kind::Date)?;
    let lifetime = i64::try_from(rule.lifetime.unwrap_or(0)).ok()?.checked_mul(1000)?;
    let from = minute.timestamp_millis().checked_sub(lifetime)?;
    let date = |millis: i64| Some(format!("ISODate(\"{}\")", time(DateTime::from_millis(millis))?));
    Some(format!(
        "updateMany({{\"{path}\": {{$gte: {}, $lt: {}}}}}, \
         [{{$set: {{\"{path}\": {{$subtract: [\"${path}\", {{$multiply: [{{$rand: {{}}}}, 3600000]}}]}}}}}}])",
        date(from)?,
        date(from + 60_000)?,
    ))
}
