//! From the selection that was typed to the one that is meant, and to what the audit file says of it.

use std::io;
use std::time::Duration;

use bson::{DateTime, Document, RawDocument};
use serde_json::{Map, Value, json};
use sessionctl::error::reason;
use sessionctl::payload::time;
use sessionctl::query::Needed;
use sessionctl::session::shorten;
use sessionctl::store::{Reading, documents};
use sessionctl::{Error, Layouts, Query, Selection, State, Store};

use super::users::Seen;
use super::{Context, Purpose};
use crate::args::SelectionArgs;
use crate::audit::chain::digest_of_lines;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::redact::{condition, short_id};
use crate::console::text::counted;

/// What is meant by a selection that was typed.
#[derive(Debug, Clone)]
pub struct Selected {
    pub selection: Selection,
    /// Ids that were typed and that no session has, shortened.
    unknown: Vec<String>,
    /// What a look at some sessions told, where payloads are judged.
    pub seen: Seen,
    /// How many ids stdin gave, and their digest.
    from_stdin: Option<Value>,
}

impl Context {
    /// From what was typed to what is meant, with the ids looked up.
    pub async fn selected(
        &self,
        action: &str,
        store: &Store,
        typed: &SelectionArgs,
        now: DateTime,
        purpose: Purpose,
    ) -> Result<Selected, Failure> {
        let action = format!("{action} {}", store.namespace());
        let query = Query {
            touch_slack: touch_slack(typed, store.layouts(), purpose),
            ..query(typed, now)
        };
        let mut selection = Selection::new(query, now);
        let (mut unknown, mut from_stdin) = (Vec::new(), None);
        if !typed.ids.is_empty() {
            let ids = typed_ids(&typed.ids)?;
            if typed.reads_stdin() {
                let named = typed.ids.iter().filter(|id| *id != "-").count();
                from_stdin = Some(digest_of_lines(&ids[named..]));
            }
            let resolved = store.resolve(&ids).await.doing(&action)?;
            if !resolved.ambiguous.is_empty() {
                return Err(Failure::of(&action, &Error::AmbiguousIds(resolved.ambiguous)));
            }
            (selection.keys, unknown) = (Some(resolved.keys), resolved.unknown);
        }
        check_range(&selection.query)?;
        // What the layout cannot decide is an error before anything is read.
        selection.filter(store.layouts()).map_err(|error| {
            let failure = Failure::of(&action, &error);
            match (&error, typed.idle) {
                (Error::NoDate { .. }, Some(_)) if store.layouts().derive_touches() => {
                    failure.hint(SLACK)
                }
                _ => failure,
            }
        })?;
        self.check_dates(store, &selection, &action).await?;
        let mut seen = Seen::default();
        if selection.query.user.is_some() || !selection.query.payload.is_empty() {
            seen = self.look_for_users(store, selection.now).await.doing(&action)?;
            self.warn_of_the_unreadable(&selection, &seen);
        }
        Ok(Selected { selection, unknown, seen, from_stdin })
    }

    /// How a command ends where there are no sessions: no id that was typed is known.
    pub fn end_of_nothing(&self, typed: &SelectionArgs, namespace: &str) -> Result<Exit, Failure> {
        let typed = typed_ids(&typed.ids)?;
        let unknown: Vec<_> = typed.iter().map(|id| shorten(id)).collect();
        end(&unknown, false, namespace)
    }

    /// A condition on a date that no session has cannot be decided. Where only some lack it, they are
    /// counted: they match neither the condition nor its opposite.
    async fn check_dates(
        &self,
        store: &Store,
        selection: &Selection,
        action: &str,
    ) -> Result<(), Failure> {
        let layouts = store.layouts();
        for (needed, has, lacks) in selection.needed_dates(layouts).doing(action)? {
            let undated = store.count(lacks.clone()).await.doing(action)?;
            if undated == 0 {
                continue;
            }
            let Needed { condition, date, fields, .. } = needed;
            let is_idle = condition == "idle" && layouts.derive_touches();
            if is_idle && selection.query.judges_touches() {
                let derived = touched(store, lacks, selection.cutoff).await.doing(action)?;
                self.check_derived(undated, derived, (store, has, fields), action).await?;
                continue;
            }
            let one = Reading { limit: 1, ..Reading::default() };
            let mut dated = store.read(has, &one).await.doing(action)?;
            if dated.next().await.doing(action)?.is_none() {
                let sentence = format!(
                    "could not {action}: --{condition} requires {date}, which no session of {} has",
                    store.namespace()
                );
                let fields = fields.join(", ");
                return Err(Failure::new(Exit::Failed, sentence).hint(match is_idle {
                    true => SLACK.to_owned(),
                    false => format!("the layout {} reads it from {fields}", layouts.name()),
                }));
            }
            let date = date.split_once(' ').map_or(date, |(_, date)| date);
            let (verb, matches) = match undated {
                1 => ("has", "does not match"),
                _ => ("have", "do not match"),
            };
            let hint = if is_idle { format!("; {SLACK}") } else { String::new() };
            self.note(
                "note",
                format!(
                    "{} {verb} no {date} and {matches} --{condition}{hint}",
                    counted(undated, "session")
                ),
            );
        }
        Ok(())
    }

    /// The same where last touches follow from the expiry: of the sessions without a stored one,
    /// `derived` have such a one.
    async fn check_derived(
        &self,
        without: u64,
        derived: u64,
        (store, has, fields): (&Store, Document, Vec<String>),
        action: &str,
    ) -> Result<(), Failure> {
        let one = Reading { limit: 1, ..Reading::default() };
        if derived == 0
            && store.read(has, &one).await.doing(action)?.next().await.doing(action)?.is_none()
        {
            let sentence = format!(
                "could not {action}: --idle requires a last touch, which no session of {} has",
                store.namespace()
            );
            let fields = fields.join(", ");
            return Err(Failure::new(Exit::Failed, sentence).hint(format!(
                "the layout {} reads it from {fields}; --lifetime states the lifetime where the \
                 payload has none",
                store.layout().name
            )));
        }
        let undated = without.saturating_sub(derived);
        if undated > 0 {
            let (verb, matches) = match undated {
                1 => ("has", "does not match"),
                _ => ("have", "do not match"),
            };
            let those = counted(undated, "session");
            self.note("note", format!("{those} {verb} no last touch and {matches} --idle"));
        }
        Ok(())
    }

    /// "Nothing matched" must not look like an answer where the payloads cannot be read.
    fn warn_of_the_unreadable(&self, selection: &Selection, seen: &Seen) {
        // Some stores keep the user beside the payload.
        let blind = match selection.query.payload.is_empty() {
            true => seen.unreadable,
            false => seen.undecoded,
        };
        if let Some(reason) = seen.reason.as_ref().filter(|_| blind > 0) {
            let (blind, sampled) = (counted(blind, "session"), seen.sessions);
            self.note(
                "warning",
                format!(
                    "--user and --where cannot see into {blind} of {sampled} looked at: {reason}"
                ),
            );
        }
    }
}

impl Selected {
    /// What was selected, for the audit file: as it was typed, and what stdin gave.
    pub fn written(&self, typed: &SelectionArgs, now: DateTime) -> Value {
        let mut shown = written(typed, now);
        if let Some(given) = &self.from_stdin {
            shown["stdin"] = given.clone();
        }
        shown
    }

    /// How a command ends that did what it was told to the sessions that were found.
    pub fn end(&self, namespace: &str) -> Result<Exit, Failure> {
        let others = self.selection.keys.as_ref().is_some_and(|keys| !keys.is_empty());
        end(&self.unknown, others, namespace)
    }
}

/// Names the ids that were not found; then the command fails, having done the others.
fn end(unknown: &[String], others: bool, namespace: &str) -> Result<Exit, Failure> {
    if unknown.is_empty() {
        return Ok(Exit::Done);
    }
    let those = counted(unknown.len() as u64, "id");
    let sentence = format!("could not find {those} in {namespace}: {}...", unknown.join("..., "));
    Err(Failure::new(Exit::Failed, sentence).hint(match others {
        true => "the other sessions that were named are done",
        false => "give the whole id, or at least its first 8 characters",
    }))
}

/// No instant is both at or after one time and before an earlier one.
fn check_range(query: &Query) -> Result<(), Failure> {
    match (query.expires_after, query.expires_before) {
        (Some(after), Some(before)) if after >= before => {
            let sentence = "--expires-after is not before --expires-before, so no session matches";
            Err(Failure::new(Exit::Usage, sentence).hint("exchange the two times"))
        }
        _ => Ok(()),
    }
}

/// How to have touches judged that the store has not stored.
const SLACK: &str = "--touch-slack DURATION derives the last touch from the expiry; DURATION is the \
                     touchAfter of the store, or 0 where it writes each touch";

/// How much later than it is known a session may have been touched. A touch that follows from the expiry
/// ends no session unless that was stated.
fn touch_slack(typed: &SelectionArgs, layouts: &Layouts, purpose: Purpose) -> Option<Duration> {
    let reads = purpose == Purpose::Reading && layouts.derive_touches();
    let slack = typed.touch_slack.or_else(|| reads.then_some(Duration::ZERO));
    slack.filter(|_| typed.idle.is_some())
}

/// How many of the sessions that match have a last touch, stored or derived.
async fn touched(store: &Store, filter: Document, cutoff: DateTime) -> sessionctl::Result<u64> {
    let mut touched = 0;
    let mut batches = store.read(filter, &Reading::default()).await?;
    while let Some(batch) = batches.next().await? {
        let is_touched =
            |one: &&RawDocument| store.layouts().of(one).glance(one, cutoff).touched.is_some();
        touched += documents(&batch).filter(is_touched).count() as u64;
    }
    Ok(touched)
}

fn query(typed: &SelectionArgs, now: DateTime) -> Query {
    let states = [
        (typed.expired, State::Expired),
        (typed.live, State::Live),
        (typed.endless, State::Endless),
        (typed.malformed, State::Malformed),
    ];
    Query {
        state: states.into_iter().find(|(asked, _)| *asked).map(|(_, state)| state),
        user: typed.user.clone(),
        payload: typed.payload.clone(),
        expires_before: typed.expires_before.map(|time| time.resolve(now)),
        expires_after: typed.expires_after.map(|time| time.resolve(now)),
        idle: typed.idle,
        touch_slack: None,
        older: typed.older,
    }
}

/// The ids that were typed, and those that stdin gives if one of them is `-`.
fn typed_ids(ids: &[String]) -> Result<Vec<String>, Failure> {
    let mut typed: Vec<String> = ids.iter().filter(|id| *id != "-").cloned().collect();
    if typed.len() < ids.len() {
        for line in io::stdin().lines() {
            let line = line.map_err(|error| {
                Failure::new(
                    Exit::Failed,
                    format!("could not read ids from stdin: {}", reason(&error)),
                )
            })?;
            typed.extend(Some(line.trim().to_owned()).filter(|line| !line.is_empty()));
        }
    }
    Ok(typed)
}

/// What was selected, with the times made absolute. An empty object where nothing was.
pub fn written(typed: &SelectionArgs, now: DateTime) -> Value {
    // Whoever adds a way to select is told to write it down here.
    let SelectionArgs {
        ids,
        expired,
        live,
        endless,
        malformed,
        user,
        payload,
        expires_before,
        expires_after,
        idle,
        touch_slack,
        older,
        all,
    } = typed;
    let mut shown = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        shown.extend(value.map(|value| (name.to_owned(), value)));
    };
    let some = |is: bool, value: Value| is.then_some(value);
    let ids: Vec<_> = ids.iter().map(|id| short_id(id)).collect();
    put("ids", some(!ids.is_empty(), json!(ids)));
    let states =
        [(expired, "expired"), (live, "live"), (endless, "endless"), (malformed, "malformed")];
    put("state", states.iter().find(|(is, _)| **is).map(|(_, name)| json!(name)));
    put("user", user.as_ref().map(|user| json!(user)));
    let payload: Vec<_> =
        payload.iter().map(|(path, value)| json!({ path: condition(path, value) })).collect();
    put("where", some(!payload.is_empty(), json!(payload)));
    put("expires_before", expires_before.map(|at| json!(time(at.resolve(now)))));
    put("expires_after", expires_after.map(|at| json!(time(at.resolve(now)))));
    put("idle_seconds", idle.map(|idle| json!(idle.as_secs_f64())));
    put("touch_slack_seconds", touch_slack.map(|slack| json!(slack.as_secs_f64())));
    put("older_seconds", older.map(|older| json!(older.as_secs_f64())));
    put("all", some(*all, json!(true)));
    Value::Object(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Time;

    const ID: &str = "7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN";

    #[test]
    fn a_selection_is_written_down_with_absolute_times() {
        let typed = SelectionArgs {
            ids: vec![ID.into(), "-".into()],
            live: true,
            user: Some("42".into()),
            payload: vec![("otp".into(), "123456".into()), ("plan".into(), "free".into())],
            expires_before: Some(Time::FromNow(-1000)),
            idle: Some(Duration::from_millis(1500)),
            touch_slack: Some(Duration::from_secs(60)),
            ..SelectionArgs::default()
        };
        let now = DateTime::from_millis(1_795_428_000_000);
        assert_eq!(
            written(&typed, now),
            json!({
                "ids": ["7ZQOhQlxWzrh...", "-"],
                "state": "live",
                "user": "42",
                "where": [{ "otp": "********" }, { "plan": "free" }],
                "expires_before": "2026-11-23T09:59:59.000Z",
                "idle_seconds": 1.5,
                "touch_slack_seconds": 60.0,
            })
        );
        let all = SelectionArgs { all: true, ..SelectionArgs::default() };
        assert_eq!(written(&all, now), json!({ "all": true }));
    }
}
