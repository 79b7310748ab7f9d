//! Whether anything deletes the expired sessions: a TTL index, the server's monitor, or a sweeper.

use std::time::Duration;

use crate::model::index_spec::IndexSpec;
use crate::model::layout::{Kind, Layout};
use crate::model::session::State;
use crate::ops::doctor::Finding;
use crate::ops::doctor::facts::{Facts, Passes};
use crate::ops::doctor::words::{between, grouped, lasting};
use crate::ops::index::{TtlState, TtlStatus, status};

use super::{layout, settle, without_indexes};

/// What has been expired for so long is late, whatever the interval.
const LATE: Duration = Duration::from_secs(600);
/// A backlog from which on it is drained before the index is made.
const MUCH: u64 = 100_000;

/// Whether there is a TTL index by which the server deletes these sessions.
pub(super) fn index(facts: &Facts) -> Finding {
    settle(index_or(facts))
}

fn index_or(facts: &Facts) -> Result<Finding, Finding> {
    const CHECK: &str = "ttl-index";
    let layout = layout(facts, CHECK)?;
    if let Some(early) = without_indexes(facts, CHECK) {
        return Err(early);
    }
    let indexes = indexes(facts, CHECK)?;
    if let Some(index) = acting(facts, layout, indexes) {
        let hidden = match index.is_hidden() {
            true => ", although it is hidden: it deletes all the same",
            false => "",
        };
        let name = index.name();
        return Ok(Finding::pass(CHECK, format!("the server deletes by the index {name}{hidden}")));
    }
    if let Some(sweeper) = sweeping(facts) {
        let holder = &sweeper.holder;
        let what = format!("there is no TTL index, and the sweeper {holder} does its work");
        return Ok(Finding::pass(CHECK, what));
    }
    let status = status(layout, indexes, facts.lifetime);
    let unsure = match &facts.sweeper {
        Ok(_) => String::new(),
        Err(error) => format!(" (unless a sweeper does: {error})"),
    };
    let meaning =
        format!("nothing deletes expired sessions{unsure}: the collection grows for ever");
    let building = facts.stats.as_ref().is_ok_and(|stats| {
        let wanted = layout.ttl_index.as_ref();
        wanted.is_some_and(|wanted| stats.builds.contains(&wanted.name))
    });
    if building {
        let meaning = "expired sessions stay until it is built";
        return Ok(Finding::warn(CHECK, "the TTL index is still being built", meaning));
    }
    let what = match (&status.reason, &layout.ttl_index) {
        (Some(reason), _) => format!("no TTL index can be made: {reason}"),
        (None, Some(ttl)) => format!("there is no TTL index on {} that deletes", ttl.key),
        (None, None) => "there is no TTL index".to_owned(),
    };
    Ok(Finding::fail(CHECK, what, meaning).mend(mending(facts, layout, &status)))
}

/// The command that makes the wanted index, or does what an index cannot.
pub(super) fn mending(facts: &Facts, layout: &Layout, status: &TtlStatus) -> String {
    let commands = &facts.commands;
    if layout.ttl_index.is_none() {
        return commands.sessionctl("sweep", "--interval 60");
    }
    let lifetime = if needs_lifetime(layout) { lifetime(facts) } else { "" };
    let differs = status.state == TtlState::Differs
        || status.found.is_none() && in_the_way(facts, layout).is_some();
    if differs {
        return commands.sessionctl("index replace", &format!("{lifetime}--yes"));
    }
    let backlog =
        facts.survey.as_ref().map_or(0, |survey| survey.estimate(survey.count(State::Expired)));
    let drain = if backlog > MUCH { "--drain " } else { "" };
    commands.sessionctl("index install", &format!("{lifetime}{drain}--yes"))
}

/// A lifetime to begin with; the operator's own is among the options that are repeated.
pub(super) fn lifetime(facts: &Facts) -> &'static str {
    if facts.lifetime.is_none() { "--lifetime 14d " } else { "" }
}

/// Whether nobody but the operator can say the lifetime.
pub(super) fn needs_lifetime(layout: &Layout) -> bool {
    layout.ttl_index.as_ref().is_some_and(|ttl| ttl.seconds.is_none())
}

/// An index that stands where the wanted one is to be.
fn in_the_way<'a>(facts: &'a Facts, layout: &Layout) -> Option<&'a IndexSpec> {
    let ttl = layout.ttl_index.as_ref()?;
    let indexes = facts.indexes.as_ref().ok()?;
    indexes.iter().find(|index| {
        (index.is_on(&ttl.key) || index.name() == ttl.name)
            && (index.is_ttl() || index.name() != ttl.name)
    })
}

/// The indexes, or that they are unknown.
pub(super) fn indexes<'a>(
    facts: &'a Facts,
    check: &'static str,
) -> Result<&'a [IndexSpec], Finding> {
    match &facts.indexes {
        Ok(indexes) => Ok(indexes),
        Err(error) => Err(Finding::unread(check, error)),
    }
}

/// The TTL index by which the server deletes sessions of this layout.
pub(super) fn acting<'a>(
    facts: &Facts,
    layout: &Layout,
    indexes: &'a [IndexSpec],
) -> Option<&'a IndexSpec> {
    let ttl = layout.ttl_index.as_ref()?;
    let is_built = |index: &&IndexSpec| {
        facts
            .stats
            .as_ref()
            .map_or(true, |stats| !stats.builds.iter().any(|name| name == index.name()))
    };
    let deletes = |index: &&IndexSpec| {
        index.is_on(&ttl.key)
            && index
                .seconds()
                .is_some_and(|seconds| seconds < crate::model::index_spec::LONGEST_TTL)
    };
    indexes.iter().filter(is_built).find(deletes)
}

/// The sweeper whose lease has not run out.
pub(super) fn sweeping(facts: &Facts) -> Option<&crate::ops::doctor::Sweeper> {
    let sweeper = facts.sweeper.as_ref().ok()?.as_ref()?;
    (sweeper.until > facts.now).then_some(sweeper)
}

/// Whether the server deletes by TTL indexes at all.
pub(super) fn monitor(facts: &Facts) -> Finding {
    const CHECK: &str = "ttl-monitor";
    match &facts.monitor {
        Err(error) => Finding::unread(CHECK, error),
        Ok(monitor) if monitor.enabled => Finding::pass(CHECK, "the TTL monitor is on"),
        Ok(_) => {
            let what = "the TTL monitor is off (ttlMonitorEnabled: false)";
            let meaning = "this server deletes by no TTL index of any collection: all that expires \
                           stays on the disk";
            Finding::fail(CHECK, what, meaning)
                .mend(set_parameter(facts, "ttlMonitorEnabled: true"))
        }
    }
}

fn set_parameter(facts: &Facts, parameter: &str) -> String {
    facts.commands.mongosh(&format!("db.adminCommand({{setParameter: 1, {parameter}}})"))
}

/// Whether it does so often enough.
pub(super) fn interval(facts: &Facts) -> Finding {
    const CHECK: &str = "ttl-interval";
    let monitor = match &facts.monitor {
        Err(error) => return Finding::unread(CHECK, error),
        Ok(monitor) => monitor,
    };
    let rests = lasting(monitor.sleep);
    if monitor.sleep <= Duration::from_secs(300) {
        return Finding::pass(CHECK, format!("the TTL monitor rests {rests} between two passes"));
    }
    let what = format!("the TTL monitor rests {rests} between two passes (ttlMonitorSleepSecs)");
    let meaning = "expired sessions stay for so long; then all of them are deleted at once";
    Finding::warn(CHECK, what, meaning).mend(set_parameter(facts, "ttlMonitorSleepSecs: 60"))
}

/// Whether what is expired really goes.
pub(super) fn deleting(facts: &Facts) -> Finding {
    settle(deleting_or(facts))
}

fn deleting_or(facts: &Facts) -> Result<Finding, Finding> {
    const CHECK: &str = "expired";
    let layout = layout(facts, CHECK)?;
    let survey = facts.survey.as_ref().map_err(|error| Finding::unread(CHECK, error))?;
    let expired = survey.count(State::Expired);
    let amount = survey.about(expired, "session");
    let oldest = facts.oldest.as_ref().ok().copied().flatten().or(survey.oldest);
    let age = oldest.map(|oldest| between(oldest, facts.now));
    if expired == 0 && age.is_none() {
        return Ok(Finding::pass(CHECK, "no session is expired"));
    }
    let of_age = age.map_or_else(String::new, |age| format!(", the oldest for {}", lasting(age)));
    let what = match expired {
        0 => format!("few sessions are expired{of_age}"),
        _ => format!("{amount} expired{of_age}"),
    };
    let sleep = facts.monitor.as_ref().map_or(Duration::from_secs(60), |monitor| monitor.sleep);
    if age.is_some_and(|age| age < LATE.max(sleep * 3)) {
        return Ok(Finding::pass(CHECK, what));
    }
    let mend = facts.commands.sessionctl("purge --expired", "--yes");
    let logs_in = match layout.checks_expiry_on_read {
        true => "they only take space",
        false => "they still log in",
    };
    let indexes = facts.indexes.as_deref().unwrap_or_default();
    let by_index = acting(facts, layout, indexes).is_some();
    Ok(match (&facts.passes, by_index) {
        (_, false) if sweeping(facts).is_some() => {
            let meaning = format!("the sweeper does not keep up; {logs_in}");
            Finding::warn(CHECK, what, meaning).mend(mend)
        }
        (_, false) => {
            let meaning = format!("nothing deletes them; {logs_in}");
            Finding::fail(CHECK, what, meaning).mend(mend)
        }
        // Of what age they are cannot be told.
        (_, true) if age.is_none() => Finding::pass(CHECK, what),
        _ if !facts.writable => {
            Finding::warn(CHECK, what, "the primary has not deleted them yet").mend(mend)
        }
        (Ok(passes), true) if passes.deleted > passes.deleted_before => {
            let meaning = format!("the server is deleting now; until then {logs_in}");
            Finding::warn(CHECK, what, meaning).mend(mend)
        }
        // An expiry in the past may have been written a moment ago: by `expire`, by `fix`, by a
        // restore, or before the index was there.
        (Ok(passes), true) if passes.done == 0 || passes.deleted > 0 => {
            let meaning = format!(
                "the server deletes such sessions, and makes its next pass within {}: if they are \
                 still there then, it does not reach them; until then {logs_in}",
                lasting(sleep)
            );
            Finding::warn(CHECK, what, meaning).mend(mend)
        }
        (Ok(Passes { done, uptime, .. }), true) => {
            let (passes, has) = match *done {
                1 => ("1 TTL pass".to_owned(), "has"),
                done => (format!("{} TTL passes", grouped(done)), "have"),
            };
            let meaning = format!(
                "the server's {passes} in {} {has} not removed them, nor anything else, although \
                 there is a TTL index; {logs_in}",
                lasting(*uptime),
            );
            Finding::fail(CHECK, what, meaning).mend(mend)
        }
        (Err(_), true) => {
            let meaning = format!("the server does not delete them in time; {logs_in}");
            Finding::fail(CHECK, what, meaning).mend(mend)
        }
    })
}

/// Whether the index's field is the last touch, to which a lifetime is added, rather than the expiry.
pub(super) fn is_touch(layout: &Layout, key: &str) -> bool {
    layout.expiry.iter().any(|rule| {
        rule.path.as_deref() == Some(key)
            && rule.kind == Kind::Date
            && (rule.lifetime_from.is_some()
                || rule.lifetime.is_some()
                || rule.lifetime_path.is_some())
    }) || layout.touched.iter().chain(&layout.created).any(|at| at.path == key && at.unit.is_none())
}

/// `expireAfterSeconds` in words.
pub(super) fn after(seconds: u64) -> String {
    match seconds {
        0 => "at once".to_owned(),
        seconds => format!("{} s", grouped(seconds)),
    }
}
