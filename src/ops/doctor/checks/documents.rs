//! Checks of the documents: their users and their sizes.

use super::script::{self, text};
use crate::model::humanize::{percent, sized};
use crate::model::layout::{Kind, Layout};
use crate::model::session::State;
use crate::ops::doctor::facts::{Facts, Place};
use crate::ops::doctor::finding::{Finding, Unknown};
use crate::ops::doctor::remedy::{Remedy, Task};
use crate::server::connection::Topology;

/// The largest document that the server accepts.
const LIMIT: u64 = 16 << 20;
/// Less reusable space is normal: every `WiredTiger` file has some.
const LITTLE: u64 = 16 << 20;
/// The minimum number of documents for a significant share.
const ENOUGH: u64 = 20;

/// No command changes foreign documents, but a TTL index can delete any document.
pub(super) fn foreign(facts: &Facts) -> Result<Finding, Unknown> {
    let (layout, survey) = facts.surveyed()?;
    if survey.foreign == 0 {
        return Ok(Finding::pass(survey.looking("every document is a session")));
    }
    let amount = survey.about(survey.foreign, "document");
    let is_one = |count: u64| survey.estimate(count) == 1;
    let path = layout.expiry_path().unwrap_or_default();
    // Sessions of another store with the same expiry: the index is right for them, too. Among other
    // documents, they prove nothing about those.
    let looked = facts.looked.as_ref().ok();
    let other = looked.and_then(|looked| Some((looked.other.as_ref()?, looked.strangers)));
    if let Some(((other, fitting), strangers)) = other
        && *fitting == strangers
        && expires_by(other) == expires_by(layout)
    {
        let what =
            format!("{amount} of another layout, such as {}, expire by {path} too", other.name);
        return Ok(Finding::pass(what));
    }
    // Some of them may be sessions of another store.
    let of = other.map_or_else(String::new, |_| format!(" of {}", layout.name));
    let are_not = |count: u64| {
        if is_one(count) {
            format!("is not a session{of}")
        } else {
            format!("are not sessions{of}")
        }
    };
    let dated = survey.foreign_dated;
    if dated == 0 {
        let are_not = are_not(survey.foreign);
        return Ok(Finding::pass(format!(
            "{amount} {are_not}, and no TTL index on {path} reaches them"
        )));
    }
    let those = survey.about(dated, "document");
    let have = if is_one(dated) { "has" } else { "have" };
    let what = format!("{those} that {} {have} a date in {path}", are_not(dated));
    let Some(index) = facts.acting_index(layout) else {
        return Ok(Finding::pass(format!("{what}: a TTL index would delete them")));
    };
    let but = other.map_or_else(String::new, |((other, _), _)| {
        format!(", unless they are sessions of {} that should expire by it", other.name)
    });
    let meaning = format!(
        "the server deletes them by the index {}, like expired sessions: move them to a collection of \
         their own{but}, or drop the index and run `sweep`, which deletes only sessions",
        index.name()
    );
    Ok(Finding::warn(what, meaning))
}

/// The parts of the expiry that matter to a TTL index.
fn expires_by(layout: &Layout) -> (Option<&str>, Kind, Option<u64>, bool) {
    let rule = &layout.expiry[0];
    (rule.path.as_deref(), rule.kind, rule.lifetime, rule.lifetime_path.is_some())
}

/// If the store does not check the expiry, expired sessions can log in until they are deleted.
pub(super) fn read_check(facts: &Facts) -> Result<Finding, Unknown> {
    let layout = facts.known_layout()?;
    if layout.checks_expiry_on_read {
        return Ok(Finding::pass("the store refuses expired sessions"));
    }
    let survey = facts.survey.as_ref()?;
    let expired = survey.count(State::Expired);
    let does_not = "the store does not check the expiry when it reads a session";
    if expired > 0 {
        let amount = survey.about(expired, "expired session");
        let what = format!("{does_not}, and there are {amount}");
        let meaning = "their users stay logged in until the documents are deleted";
        let finding = Finding::fail(what, meaning);
        return Ok(facts.by_lifetime(finding, layout, Remedy::Purge(State::Expired)));
    }
    if facts.acting_index(layout).is_some() || facts.sweeping().is_some() {
        return Ok(Finding::pass(format!("{does_not}, but expired sessions are deleted")));
    }
    let meaning =
        "users stay logged in until their documents are deleted, and nothing deletes them";
    let finding = Finding::warn(does_not, meaning);
    // An expired session can log in until the next pass, so the sweeper runs more often than the
    // TTL monitor.
    let remedy = facts.deleting_remedy(layout).map(|remedy| match remedy {
        Remedy::Sweep { .. } => Remedy::sweep(10),
        remedy => remedy,
    });
    Ok(facts.by_lifetime(finding, layout, remedy))
}

/// Sessions without a user: bots, and `saveUninitialized`.
pub(super) fn anonymous(facts: &Facts) -> Result<Finding, Unknown> {
    let layout = facts.known_layout()?;
    let looked = facts.looked.as_ref()?;
    let own = looked.at - looked.strangers;
    let readable = looked.known + looked.anonymous;
    if layout.user.is_empty() {
        return Err(Unknown::because("sessions of this layout have no user"));
    }
    if own > 0 && readable == 0 {
        return Err(Unknown::because("the payloads cannot be read"));
    }
    let what = format!("{} of {readable} randomly sampled sessions have no user", looked.anonymous);
    if readable < ENOUGH || looked.anonymous * 2 < readable {
        return Ok(Finding::pass(what));
    }
    let meaning = match layout.payload.cookie {
        Some(_) => {
            "every visitor and every bot gets a document: set saveUninitialized: false in \
             express-session, so that only a login creates one"
        }
        None => {
            "every visitor and every bot gets a document: let the application save a session only \
             when it has something to store"
        }
    };
    Ok(Finding::warn(what, meaning))
}

/// A document cannot grow beyond 16 MB.
pub(super) fn size(facts: &Facts) -> Result<Finding, Unknown> {
    let (_, survey) = facts.surveyed()?;
    let (bytes, (id, largest)) = match (survey.bytes, &survey.largest) {
        (Some(bytes), Some(largest)) => (bytes, largest),
        _ if survey.looked_at == 0 => return Ok(Finding::pass("there are no sessions")),
        _ => {
            return Err(Unknown::because("the server does not report document sizes (before 4.4)"));
        }
    };
    let average = sized(bytes / survey.looked_at.max(1));
    let what = format!("a session takes {average} on average, the largest {}", sized(*largest));
    if *largest < LIMIT / 2 {
        return Ok(Finding::pass(what));
    }
    let slow = "at 16 MB the store can no longer save it, and each of its requests reads and writes all \
                of it";
    if *largest < LIMIT / 16 * 15 {
        return Ok(Finding::warn(what, format!("{slow}: let the application store less")));
    }
    let meaning = format!("{slow}; the command deletes this session, which logs its user out");
    let finding = Finding::fail(what, meaning);
    // The short form of other ids cannot be looked up, or typed unambiguously.
    let short = id.short();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    let can_be_typed =
        id.value().as_str().is_some() && short.chars().count() >= 8 && short.chars().all(is_plain);
    Ok(match can_be_typed {
        true => finding.remedy(Remedy::PurgeSession { id: short }),
        false => finding,
    })
}

/// Deleted documents leave space on disk that only new documents fill, because `WiredTiger` keeps
/// its pages.
pub(super) fn disk(facts: &Facts) -> Result<Finding, Unknown> {
    let stats = facts.stats.as_ref()?;
    if matches!(facts.place, Ok(Place::View(_))) {
        return Err(Unknown::because("a view takes no disk space of its own"));
    }
    let Some(reusable) = stats.reusable else {
        return Err(Unknown::because("the server does not report the reusable space"));
    };
    let storage = stats.storage;
    let share = percent(reusable, storage);
    let what =
        format!("{} on disk, of which {} can be reused ({share})", sized(storage), sized(reusable));
    if reusable < LITTLE || reusable * 2 < storage {
        return Ok(Finding::pass(what));
    }
    // Before 4.4, compact blocks the database, and the primary of a replica set refuses it.
    let is_harmless = facts.kind == Topology::Standalone
        && facts.version.as_ref().is_ok_and(|version| version.is_from(4, 4));
    if !is_harmless {
        let meaning = "only new sessions fill that space: to give it back to the system, run compact \
                       on each member, the secondaries first";
        return Ok(Finding::warn(what, meaning));
    }
    let meaning = "only new sessions fill that space; compact gives it back to the system";
    let database = script::database(facts);
    let script = format!("{database}.runCommand({{compact: {}}})", text(&facts.collection));
    Ok(Finding::warn(what, meaning).remedy(script::run(Task::Compact, script)))
}
