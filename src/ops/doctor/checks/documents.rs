//! What the documents are like: who is logged in by them, and what they take.

use super::script::{self, text};
use crate::model::humanize::{percent, sized};
use crate::model::session::State;
use crate::ops::doctor::facts::{Facts, Place};
use crate::ops::doctor::finding::{Finding, Unknown};
use crate::ops::doctor::remedy::Remedy;

/// The largest document that the server takes.
const LIMIT: u64 = 16 << 20;
/// So little reusable space is not worth a thought: any file of `WiredTiger` has some.
const LITTLE: u64 = 16 << 20;
/// From so many documents on their share means something.
const ENOUGH: u64 = 20;

/// Where the store does not look at the expiry, what is expired logs in until it is deleted.
pub(super) fn read_check(facts: &Facts) -> Result<Finding, Unknown> {
    let layout = facts.known_layout()?;
    if layout.checks_expiry_on_read {
        return Ok(Finding::pass("the store refuses a session that is expired"));
    }
    let survey = facts.survey.as_ref()?;
    let expired = survey.count(State::Expired);
    let does_not = "the store does not look at the expiry when it reads a session";
    if expired > 0 {
        let amount = survey.about(expired, "session");
        let what = format!("{does_not}, and of {amount} the time is over");
        let meaning = "they still log in, until their documents are deleted";
        return Ok(Finding::fail(what, meaning).remedy(Remedy::purge(State::Expired)));
    }
    if facts.acting_index(layout).is_some() || facts.sweeping().is_some() {
        return Ok(Finding::pass(format!("{does_not}, but what is expired is deleted")));
    }
    let meaning = "whoever has a session stays logged in until its document is deleted, and nothing \
                   deletes it";
    // Until the next pass an expired session logs in: oftener than the TTL monitor's minute.
    Ok(Finding::warn(does_not, meaning).remedy(Remedy::sweep(10)))
}

/// Sessions of nobody: bots, and `saveUninitialized`.
pub(super) fn anonymous(facts: &Facts) -> Result<Finding, Unknown> {
    let layout = facts.known_layout()?;
    let looked = facts.looked.as_ref()?;
    let own = looked.at - looked.strangers;
    let readable = looked.known + looked.anonymous;
    if layout.user.is_empty() {
        return Err(Unknown::because("a session of this layout tells no user"));
    }
    if own > 0 && readable == 0 {
        return Err(Unknown::because("the payloads cannot be read"));
    }
    let what = format!("{} of {readable} sessions looked at have no user", looked.anonymous);
    if readable < ENOUGH || looked.anonymous * 2 < readable {
        return Ok(Finding::pass(what));
    }
    let meaning = match layout.payload.cookie {
        Some(_) => {
            "every visitor and every bot gets a document: set saveUninitialized: false in \
             express-session, so that only a login makes one"
        }
        None => {
            "every visitor and every bot gets a document: let the application keep a session only \
             once there is something to keep"
        }
    };
    Ok(Finding::warn(what, meaning))
}

/// A document cannot grow beyond 16 MB.
pub(super) fn size(facts: &Facts) -> Result<Finding, Unknown> {
    let (_, survey) = facts.surveyed()?;
    let (bytes, (id, largest)) = match (survey.bytes, &survey.largest) {
        (Some(bytes), Some(largest)) => (bytes, largest),
        _ if survey.looked_at == 0 => return Ok(Finding::pass("there are no documents")),
        _ => return Err(Unknown::because("the server does not tell the sizes (before 4.4)")),
    };
    let average = sized(bytes / survey.looked_at.max(1));
    let what = format!("a session has {average} on average, the largest {}", sized(*largest));
    if *largest < LIMIT / 2 {
        return Ok(Finding::pass(what));
    }
    let meaning = "at 16 MB the store cannot write it any more, and each request reads and writes \
                   all of it; the command logs it out";
    let finding = match *largest >= LIMIT / 16 * 15 {
        true => Finding::fail(what, meaning),
        false => Finding::warn(what, meaning),
    };
    // The short form of other ids cannot be looked up, nor be typed without doubt.
    let short = id.short();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    let can_be_typed =
        id.value().as_str().is_some() && short.chars().count() >= 8 && short.chars().all(is_plain);
    Ok(match can_be_typed {
        true => finding.remedy(Remedy::PurgeSession { id: short }),
        false => finding,
    })
}

/// What was deleted leaves room on the disk that only new documents fill: `WiredTiger` keeps its pages.
pub(super) fn disk(facts: &Facts) -> Result<Finding, Unknown> {
    let stats = facts.stats.as_ref()?;
    if matches!(facts.place, Ok(Place::View(_))) {
        return Err(Unknown::because("a view takes no space of its own"));
    }
    let Some(reusable) = stats.reusable else {
        return Err(Unknown::because("the server does not tell the reusable space"));
    };
    let storage = stats.storage;
    let share = percent(reusable, storage);
    let what = format!(
        "{} on the disk, {} of it to be used again ({share})",
        sized(storage),
        sized(reusable)
    );
    if reusable < LITTLE || reusable * 2 < storage {
        return Ok(Finding::pass(what));
    }
    let meaning = "what was deleted is not given back to the system: new sessions fill it, or compact \
                   does";
    let database = script::database(facts);
    let script = format!("{database}.runCommand({{compact: {}}})", text(&facts.collection));
    Ok(Finding::warn(what, meaning).remedy(script::run(script)))
}
