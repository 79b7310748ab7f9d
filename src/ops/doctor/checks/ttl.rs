//! Checks whether anything deletes expired sessions: a TTL index and the server's monitor, or a
//! sweeper.

use std::time::Duration;

use super::script;
use crate::model::humanize::{grouped, lasting};
use crate::model::session::State;
use crate::ops::doctor::facts::{Facts, Passes, Place, between};
use crate::ops::doctor::finding::{Finding, Outcome, Unknown};
use crate::ops::doctor::remedy::{Remedy, Task};

/// A session that has been expired for longer is overdue: the TTL monitor runs every minute, but a
/// pass over a large backlog takes several.
const LATE: Duration = Duration::from_secs(600);

/// Whether there is a TTL index that deletes these sessions.
pub(super) fn index(facts: &Facts) -> Result<Finding, Unknown> {
    let layout = facts.known_layout()?;
    facts.usable_indexes()?;
    if matches!(facts.place(), Ok(Place::Capped)) {
        return Err(Unknown::because("a capped collection takes no TTL index"));
    }
    if let Some(index) = facts.acting_index(layout) {
        // The planner ignores a hidden index, but the TTL monitor does not.
        let hidden = match index.is_hidden() {
            true => ", which is hidden from queries but deletes all the same",
            false => "",
        };
        let name = index.name();
        return Ok(Finding::pass(format!(
            "the server deletes expired sessions with the index {name}{hidden}"
        )));
    }
    if let Some(sweeper) = facts.sweeping() {
        let holder = &sweeper.holder;
        let what =
            format!("there is no TTL index, but the sweeper {holder} deletes expired sessions");
        return Ok(Finding::pass(what));
    }
    if let Some((name, lasts)) = facts.by_last_write() {
        let what = format!(
            "no TTL index acts on the expiry; the index {name} deletes sessions {lasts} after their \
             last write"
        );
        let meaning = "sessions do not end at their own expiry: run `sweep`, or enable \
                       EnableTtlOnCustomPath for the account, and then a TTL index on the expiry";
        return Ok(Finding::warn(what, meaning));
    }
    let unsure = match &facts.sweeper {
        Ok(_) => String::new(),
        Err(error) => format!(" (unless a sweeper does, which is unknown: {error})"),
    };
    let skipped = layout.ttl_index.as_ref().and_then(|ttl| {
        let indexes = facts.indexes.as_ref().ok()?;
        indexes.iter().find(|one| one.is_ttl() && one.is_on(&ttl.key) && one.leaves_out(&ttl.key))
    });
    let those = skipped.map_or_else(String::new, |index| {
        format!(" that the partial index {} skips", index.name())
    });
    let meaning =
        format!("nothing deletes expired sessions{those}{unsure}: the collection grows forever");
    // `listIndexes` already shows an index while it is being built.
    let building = facts.stats.as_ref().is_ok_and(|stats| {
        let wanted = layout.ttl_index.as_ref();
        wanted.is_some_and(|wanted| stats.builds.contains(&wanted.name))
    });
    if building {
        let meaning = "expired sessions stay until the build is complete";
        return Ok(Finding::warn("the TTL index is still being built", meaning));
    }
    let status = facts.index_status(layout);
    let what = match (&status.reason, &layout.ttl_index) {
        (Some(reason), _) if status.need.is_some() => {
            format!("there is no TTL index, and the lifetime is unknown: {reason}")
        }
        (Some(reason), _) => format!("no TTL index is possible: {reason}"),
        (None, Some(ttl)) => format!("there is no working TTL index on {}", ttl.key),
        (None, None) => "there is no TTL index".to_owned(),
    };
    let finding = Finding::fail(what, meaning);
    Ok(facts.by_lifetime(finding, layout, facts.deleting_remedy(layout)))
}

/// Whether the TTL monitor is on.
pub(super) fn monitor(facts: &Facts) -> Result<Finding, Unknown> {
    if facts.monitor.as_ref()?.enabled {
        return Ok(Finding::pass("the TTL monitor is on"));
    }
    let what = "the TTL monitor is off (ttlMonitorEnabled: false)";
    let meaning = "no TTL index of any collection works on this server: all expired documents stay \
                   on disk";
    Ok(Finding::fail(what, meaning).remedy(set_parameter("ttlMonitorEnabled: true")))
}

/// The setting lasts until the server restarts; its configuration file is unknown here.
fn set_parameter(parameter: &str) -> Remedy {
    script::run(Task::SetParameter, format!("db.adminCommand({{setParameter: 1, {parameter}}})"))
}

/// Whether the TTL monitor runs often enough.
pub(super) fn interval(facts: &Facts) -> Result<Finding, Unknown> {
    let monitor = facts.monitor.as_ref()?;
    let rests = lasting(monitor.sleep);
    if monitor.sleep <= Duration::from_secs(300) {
        return Ok(Finding::pass(format!("the TTL monitor runs every {rests}")));
    }
    let what = format!("the TTL monitor runs only every {rests} (ttlMonitorSleepSecs)");
    let meaning = "expired sessions stay that long, and are then deleted all at once; this is a setting \
                   of the server, until it restarts";
    Ok(Finding::warn(what, meaning).remedy(set_parameter("ttlMonitorSleepSecs: 60")))
}

/// Whether expired sessions are really deleted.
pub(super) fn deleting(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, survey) = facts.surveyed()?;
    let expired = survey.count(State::Expired);
    let amount = survey.about(expired, "session");
    // An index finds the oldest session, which a sample may miss.
    let oldest = facts.oldest.as_ref().ok().copied().flatten().or(survey.oldest);
    let age = oldest.map(|oldest| between(oldest, facts.now));
    if expired == 0 && age.is_none() {
        return Ok(Finding::pass("no session is expired"));
    }
    let of_age = age.map_or_else(String::new, |age| format!(", the oldest {} ago", lasting(age)));
    let what = match expired {
        0 => format!("few sessions are expired{of_age}"),
        _ => format!("{amount} expired{of_age}"),
    };
    let sleep = facts.monitor.as_ref().map_or(Duration::from_secs(60), |monitor| monitor.sleep);
    if age.is_some_and(|age| age < LATE.max(sleep * 3)) {
        return Ok(Finding::pass(what));
    }
    let logs_in = match layout.checks_expiry_on_read {
        true => "they only take disk space",
        false => "they can still log in",
    };
    let by_index = facts.acting_index(layout).is_some();
    let (outcome, meaning) = match (&facts.passes, by_index) {
        (_, false) if facts.sweeping().is_some() => {
            (Outcome::Warn, format!("the sweeper does not keep up; {logs_in}"))
        }
        (_, false) => (Outcome::Fail, format!("nothing deletes them; {logs_in}")),
        // Their age is unknown.
        (_, true) if age.is_none() => return Ok(Finding::pass(what)),
        // Only a primary runs the TTL monitor; a secondary may be behind it.
        _ if !facts.writable => (Outcome::Warn, "the primary has not deleted them yet".to_owned()),
        (Ok(passes), true) if passes.deleted > passes.deleted_before => {
            (Outcome::Warn, format!("the server is deleting them now; until then, {logs_in}"))
        }
        // An expiry in the past may have been written a moment ago: by `expire`, by `fix`, by a
        // restore, or before the index was there.
        (Ok(passes), true) if passes.done == 0 || passes.deleted > 0 => {
            let meaning = format!(
                "the TTL monitor runs within {}: if it does not delete them, run `doctor` again; \
                 until then, {logs_in}",
                lasting(sleep)
            );
            (Outcome::Warn, meaning)
        }
        (Ok(Passes { done, uptime, .. }), true) => {
            let (passes, has) = match *done {
                1 => ("1 TTL pass".to_owned(), "has"),
                done => (format!("{} TTL passes", grouped(done)), "have"),
            };
            let meaning = format!(
                "{passes} in {} {has} not deleted them, nor anything else, although there is a TTL \
                 index; {logs_in}",
                lasting(*uptime),
            );
            (Outcome::Fail, meaning)
        }
        (Err(_), true) => {
            (Outcome::Fail, format!("the server does not delete them in time; {logs_in}"))
        }
    };
    let finding = Finding::new(outcome, what, meaning);
    Ok(facts.by_lifetime(finding, layout, Remedy::Purge(State::Expired)))
}
