//! What the documents are like: who is logged in by them, and what they take.

use crate::model::session::State;
use crate::ops::doctor::Finding;
use crate::ops::doctor::facts::{Facts, Place};
use crate::ops::doctor::words::{percent, sized};

use super::ttl::{acting, sweeping};
use super::{layout, settle};

/// The largest document that the server takes.
const LIMIT: u64 = 16 << 20;
/// So little reusable space is not worth a thought.
const LITTLE: u64 = 16 << 20;
/// From so many documents on their share means something.
const ENOUGH: u64 = 20;

/// Where the store does not look at the expiry, what is expired logs in until it is deleted.
pub(super) fn read_check(facts: &Facts) -> Finding {
    settle(read_check_or(facts))
}

fn read_check_or(facts: &Facts) -> Result<Finding, Finding> {
    const CHECK: &str = "expiry-check";
    let layout = layout(facts, CHECK)?;
    if layout.checks_expiry_on_read {
        return Ok(Finding::pass(CHECK, "the store refuses a session that is expired"));
    }
    let survey = facts.survey.as_ref().map_err(|error| Finding::unread(CHECK, error))?;
    let expired = survey.count(State::Expired);
    let indexes = facts.indexes.as_deref().unwrap_or_default();
    let deletes = acting(facts, layout, indexes).is_some() || sweeping(facts).is_some();
    let does_not = "the store does not look at the expiry when it reads a session";
    if expired > 0 {
        let amount = survey.about(expired, "session");
        let what = format!("{does_not}, and of {amount} the time is over");
        let meaning = "they still log in, until their documents are deleted";
        let mend = facts.commands.sessionctl("purge --expired", "--yes");
        return Ok(Finding::fail(CHECK, what, meaning).mend(mend));
    }
    if deletes {
        return Ok(Finding::pass(CHECK, format!("{does_not}, but what is expired is deleted")));
    }
    let meaning = "whoever has a session stays logged in until its document is deleted, and nothing \
                   deletes it";
    let mend = facts.commands.sessionctl("sweep", "--interval 10");
    Ok(Finding::warn(CHECK, does_not, meaning).mend(mend))
}

/// Sessions of nobody: bots, and `saveUninitialized`.
pub(super) fn anonymous(facts: &Facts) -> Finding {
    settle(anonymous_or(facts))
}

fn anonymous_or(facts: &Facts) -> Result<Finding, Finding> {
    const CHECK: &str = "anonymous";
    let layout = layout(facts, CHECK)?;
    let looked = facts.looked.as_ref().map_err(|error| Finding::unread(CHECK, error))?;
    let own = looked.at - looked.strangers;
    let readable = looked.known + looked.anonymous;
    if layout.user.is_empty() {
        return Ok(Finding::unknown(CHECK, "a session of this layout tells no user"));
    }
    if own > 0 && readable == 0 {
        return Ok(Finding::unknown(CHECK, "the payloads cannot be read"));
    }
    let what = format!("{} of {readable} sessions looked at have no user", looked.anonymous);
    if readable < ENOUGH || looked.anonymous * 2 < readable {
        return Ok(Finding::pass(CHECK, what));
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
    Ok(Finding::warn(CHECK, what, meaning))
}

/// A document cannot grow beyond 16 MB.
pub(super) fn size(facts: &Facts) -> Finding {
    settle(size_or(facts))
}

fn size_or(facts: &Facts) -> Result<Finding, Finding> {
    const CHECK: &str = "document-size";
    layout(facts, CHECK)?;
    let survey = facts.survey.as_ref().map_err(|error| Finding::unread(CHECK, error))?;
    let (bytes, (id, largest)) = match (survey.bytes, &survey.largest) {
        (Some(bytes), Some(largest)) => (bytes, largest),
        _ if survey.looked_at == 0 => return Ok(Finding::pass(CHECK, "there are no documents")),
        _ => return Ok(Finding::unknown(CHECK, "the server does not tell the sizes (before 4.4)")),
    };
    let average = sized(bytes / survey.looked_at.max(1));
    let what = format!("a session has {average} on average, the largest {}", sized(*largest));
    if *largest < LIMIT / 2 {
        return Ok(Finding::pass(CHECK, what));
    }
    let meaning = "at 16 MB the store cannot write it any more, and each request reads and writes \
                   all of it; the command logs it out";
    let finding = match *largest >= LIMIT / 16 * 15 {
        true => Finding::fail(CHECK, what, meaning),
        false => Finding::warn(CHECK, what, meaning),
    };
    // The short form of other ids cannot be looked up.
    let short = id.short();
    let is_text = id.value().as_str().is_some() && short.chars().count() >= 8;
    Ok(
        match is_text
            && short.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter))
        {
            true => finding.mend(facts.commands.sessionctl("purge", &format!("--yes -- {short}"))),
            false => finding,
        },
    )
}

/// What was deleted leaves room on the disk that only new documents fill.
pub(super) fn disk(facts: &Facts) -> Finding {
    const CHECK: &str = "disk";
    let stats = match &facts.stats {
        Ok(stats) => stats,
        Err(error) => return Finding::unread(CHECK, error),
    };
    if matches!(facts.place, Ok(Place::View(_))) {
        return Finding::unknown(CHECK, "a view takes no space of its own");
    }
    let Some(reusable) = stats.reusable else {
        return Finding::unknown(CHECK, "the server does not tell the reusable space");
    };
    let storage = stats.storage;
    let share = percent(reusable, storage);
    let what = format!(
        "{} on the disk, {} of it to be used again ({share})",
        sized(storage),
        sized(reusable)
    );
    if reusable < LITTLE || reusable * 2 < storage {
        return Finding::pass(CHECK, what);
    }
    let meaning = "what was deleted is not given back to the system: new sessions fill it, or compact \
                   does";
    let commands = &facts.commands;
    let script = format!(
        "{}.runCommand({{compact: {}}})",
        commands.script_of_database(),
        crate::ops::doctor::mend::text(&commands.collection)
    );
    Finding::warn(CHECK, what, meaning).mend(commands.mongosh(&script))
}
