//! Checks of the expiries.

use std::collections::BTreeMap;
use std::time::Duration;

use bson::{Bson, doc};

use super::script;
use crate::error::Need;
use crate::model::filter::all;
use crate::model::humanize::{lasting, percent};
use crate::model::index_spec::IndexSpec;
use crate::model::layout::{Fault, Kind, Layout};
use crate::model::session::State;
use crate::ops::doctor::facts::{Facts, between};
use crate::ops::doctor::finding::{Finding, Unknown};
use crate::ops::doctor::remedy::{Remedy, Task};
use crate::ops::doctor::survey::{Survey, dates_only, passed_or_not};

/// Types that can be converted to dates. The TTL monitor ignores them: it acts only on dates and
/// arrays of dates.
const FIXABLE: [&str; 5] = ["string", "int", "long", "double", "decimal"];
/// Types that may contain a date.
const WRAPPED: [&str; 3] = ["array", "object", "timestamp"];
/// This many sessions in one minute are a burst,
const BURST: u64 = 100;
/// if they are at least this share of the live ones.
const BURST_SHARE: u64 = 4;

fn kind(layout: &Layout) -> Kind {
    layout.expiry[0].kind
}

/// The number of sessions whose expiry has a wrong type, and these types.
fn of_wrong_type<'a>(layout: &Layout, survey: &'a Survey) -> (u64, Vec<&'a str>) {
    let of_types = |types: &'a BTreeMap<String, u64>, wrong: &[&str]| {
        let types = types.iter().filter(|(name, _)| wrong.contains(&name.as_str()));
        types.fold((0, Vec::new()), |(sum, mut names), (name, count)| {
            names.push(name.as_str());
            (sum + count, names)
        })
    };
    match kind(layout) {
        _ if layout.expiry[0].text => (0, Vec::new()),
        Kind::Date => {
            let (_, mut names) = of_types(&survey.types, &FIXABLE);
            if survey.mendable > 0 {
                // An array of dates is not malformed.
                names.extend(of_types(&survey.malformed_types, &WRAPPED).1);
            }
            (survey.mendable + survey.unclear, names)
        }
        Kind::Number => of_types(&survey.types, &["string", "date"]),
        Kind::Flag | Kind::None => (0, Vec::new()),
    }
}

/// Strings or numbers instead of dates.
pub(super) fn wrong_type(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, survey) = facts.surveyed()?;
    let (count, names) = of_wrong_type(layout, survey);
    let path = layout.expiry_path().unwrap_or_default();
    let wanted = match kind(layout) {
        Kind::Date => "date",
        _ => "a number",
    };
    if count == 0 {
        return Ok(Finding::pass(survey.looking("no expiry has a wrong type")));
    }
    let what = format!(
        "{} with {path} of type {} instead of {wanted}",
        survey.about(count, "session"),
        names.join(" or ")
    );
    let never = "neither the store nor a TTL index can read this expiry, so these sessions are never deleted";
    Ok(if kind(layout) == Kind::Date && survey.mendable > 0 {
        Finding::fail(what, never).remedy(Remedy::FixExpiry)
    } else {
        let meaning = format!("{never}; the values are not unambiguous dates{}", deletes(layout));
        Finding::fail(what, meaning).remedy(Remedy::Purge(State::Malformed))
    })
}

/// The impact of purging malformed sessions on their users.
fn deletes(layout: &Layout) -> &'static str {
    match layout.checks_expiry_on_read {
        true => "",
        false => "; the command deletes them, which logs their users out",
    }
}

/// Null, missing, and other values that the store cannot read.
pub(super) fn unusable(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, survey) = facts.surveyed()?;
    let (wrong_type, _) = of_wrong_type(layout, survey);
    let count = survey.count(State::Malformed).saturating_sub(wrong_type);
    if count == 0 {
        return Ok(Finding::pass(survey.looking("every expiry is usable")));
    }
    let path = layout.expiry_path().unwrap_or_default();
    let kinds: Vec<_> = survey
        .malformed_types
        .keys()
        .map(String::as_str)
        .filter(|name| !FIXABLE.contains(name) && *name != "date")
        .map(|name| if name == "array" { "an array without a usable value" } else { name })
        .collect();
    let is = if survey.estimate(count) == 1 { "is" } else { "are" };
    let what = format!(
        "{} {is} malformed: {path} is {}",
        survey.about(count, "session"),
        if kinds.is_empty() { "not usable".to_owned() } else { kinds.join(" or ") }
    );
    let finding = |meaning: String| Finding::fail(what.clone(), meaning);
    let stay = "the server never deletes them: they only take disk space";
    // A purge deletes all malformed sessions, so those that can be fixed are fixed first.
    if survey.mendable > 0 {
        return Ok(finding(format!("{stay}; first fix the expiries of a wrong type")));
    }
    let meaning = format!("{stay}{}", deletes(layout));
    Ok(finding(meaning).remedy(Remedy::Purge(State::Malformed)))
}

/// In an array, the earliest date counts. A session that can still log in by a later one is not ended by
/// the way.
pub(super) fn arrays(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, survey) = facts.surveyed()?;
    let path = layout.expiry_path().unwrap_or_default();
    if survey.arrays == 0 || path.is_empty() {
        return Ok(Finding::pass(survey.looking("no expiry is an array of dates")));
    }
    let what =
        format!("{} with an array of dates as {path}", survey.about(survey.arrays, "session"));
    let meaning = "the server deletes such a session at the earliest of its dates, and the store may read another";
    let half = survey.half_expired;
    if half == survey.arrays {
        let meaning = format!(
            "{meaning}; the earliest has passed and the latest has not, so keeping only the earliest would \
             log their users out"
        );
        return Ok(Finding::warn(what, meaning));
    }
    let skipped = match half {
        0 => String::new(),
        _ => format!(
            ", and skips {} of which only some dates have passed: that would log their users out",
            survey.about(half, "array")
        ),
    };
    let meaning = format!("{meaning}; the command keeps the earliest{skipped}");
    let now = match layout.expiry[0].lifetime_millis() {
        0 => Bson::from("$$NOW"),
        lifetime => doc! { "$subtract": ["$$NOW", lifetime] }.into(),
    };
    // The dates are compared when the command runs, which may be much later.
    let filter = all(vec![layout.membership(), dates_only(path), passed_or_not(path, now)]);
    let filter = Bson::Document(filter).into_relaxed_extjson();
    let script = format!("updateMany({filter}, [{{$set: {{\"{path}\": {{$min: \"${path}\"}}}}}}])");
    Ok(Finding::warn(what, meaning).remedy(script::on_collection(
        facts,
        Task::ReduceArrays,
        &script,
    )))
}

/// Sessions that the store keeps forever.
pub(super) fn endless(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, survey) = facts.surveyed()?;
    let count = survey.count(State::Endless);
    if count == 0 {
        return Ok(Finding::pass(survey.looking("every session expires")));
    }
    // The partial index covers null. One for a missing field is impossible, because the server does
    // not accept `$exists: false` there.
    let is_null = survey.types.get("missing").is_none_or(|count| *count == 0);
    if let Some(index) = idle_index(facts, layout).filter(|_| is_null) {
        let what = format!(
            "{} without an expiry; the index {} deletes them when they are idle",
            survey.about(count, "session"),
            index.name()
        );
        return Ok(Finding::pass(what));
    }
    // These sessions may end, but only the application knows when.
    if facts.lacks_lifetime(layout) {
        let why = format!("the store of {} does not record how long a session lives", layout.name);
        return Err(Unknown::without(Need::Lifetime, why));
    }
    let share = percent(count, survey.looked_at);
    let never = if survey.estimate(count) == 1 { "never expires" } else { "never expire" };
    let what = format!("{} {never}: {share}", survey.about(count, "session"));
    let finding = match count == survey.looked_at {
        true => Finding::fail(
            what,
            "every login lasts forever, and the collection grows forever: set a lifetime in the \
             application too",
        ),
        false => Finding::warn(what, "these logins never end, and the documents stay on disk"),
    };
    Ok(match layout.mending(Fault::Endless(Duration::ZERO), facts.now) {
        Ok(_) if facts.lifetime.is_some() => finding.remedy(Remedy::FixEndless),
        Ok(_) => finding.needs(Need::Lifetime),
        Err(_) => finding,
    })
}

/// The index that deletes idle sessions, if it exists.
fn idle_index<'a>(facts: &'a Facts, layout: &Layout) -> Option<&'a IndexSpec> {
    let name = layout.idle_limited()?.ttl_index?.name;
    let indexes = facts.indexes.as_ref().ok()?;
    indexes.iter().find(|index| index.name() == name && index.is_ttl())
}

/// Expiries so far in the future that somebody probably confused units.
pub(super) fn far(facts: &Facts) -> Result<Finding, Unknown> {
    let (_, survey) = facts.surveyed()?;
    if survey.far == 0 {
        let none = "no session expires more than two years from now";
        return Ok(Finding::pass(survey.looking(none)));
    }
    let expire = if survey.estimate(survey.far) == 1 { "expires" } else { "expire" };
    let amount = survey.about(survey.far, "session");
    let what = format!("{amount} {expire} more than two years from now");
    let meaning = "their users stay logged in for years: if that is not intended, correct the unit of \
                   maxAge or ttl in the application";
    Ok(Finding::warn(what, meaning))
}

/// Expiries before such stores existed: somebody confused seconds and milliseconds.
pub(super) fn ancient(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, survey) = facts.surveyed()?;
    if survey.ancient == 0 {
        return Ok(Finding::pass(survey.looking("no session expired before the year 2000")));
    }
    let amount = survey.about(survey.ancient, "session");
    let what = format!("{amount} expired before the year 2000");
    if !layout.checks_expiry_on_read {
        let meaning = "the application writes seconds where milliseconds belong: any sweeper or TTL \
                       index logs their users out at once";
        return Ok(Finding::fail(what, meaning));
    }
    let meaning = "the application writes seconds where milliseconds belong: a session is expired as \
                   soon as it is written, and nobody stays logged in. Correct the application first; \
                   the command removes what it left";
    Ok(facts.by_lifetime(Finding::fail(what, meaning), layout, Remedy::Purge(State::Expired)))
}

/// Many sessions that expire in the same minute.
pub(super) fn burst(facts: &Facts) -> Result<Finding, Unknown> {
    let (_, survey) = facts.surveyed()?;
    let live = survey.count(State::Live);
    let much = |count: u64| survey.estimate(count) >= BURST && count * BURST_SHARE >= live;
    let Some((minute, count)) = survey.busiest.filter(|(_, count)| much(*count)) else {
        return Ok(Finding::pass(survey.looking("expiries are spread over time")));
    };
    let what = format!(
        "{} expire in the same minute, {} of those alive, {} from now",
        survey.about(count, "session"),
        percent(count, live),
        lasting(between(facts.now, minute)),
    );
    let meaning = "their users are logged out at once, and log in again at once: expect the load, or \
                   let the application vary its lifetimes";
    Ok(Finding::warn(what, meaning))
}
