//! Converts a typed selection to a plain value, and to its record in the audit file.

use std::path::PathBuf;
use std::time::Duration;

use bson::{DateTime, Document, RawDocument};
use serde_json::{Map, Value, json};
use sessionctl::payload::time;
use sessionctl::query::{Needed, ago};
use sessionctl::store::{Reading, Resolved};
use sessionctl::{
    Error, Except, Filter, Keep, Key, Layouts, Query, Selection, Session, State, Store,
};

use super::ids::{Ids, Unknown};
use super::users::Seen;
use super::{Context, Purpose, listed};
use crate::args::conditions::{Operator, Where};
use crate::args::{SelectionArgs, Time};
use crate::audit::chain::Lines;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::redact::{condition, short_id};
use crate::console::text::counted;

/// A resolved selection.
#[derive(Debug)]
pub struct Selected {
    pub selection: Selection,
    /// The ids that match no session.
    unknown: Unknown,
    /// What some sampled sessions contain, if payloads are checked.
    pub seen: Seen,
    /// The number and the digest of the ids from stdin.
    from_stdin: Option<Value>,
}

impl Context {
    /// Resolves a typed selection, and looks up its ids.
    pub async fn selected(
        &self,
        action: &str,
        store: &Store,
        typed: &SelectionArgs,
        now: DateTime,
        purpose: Purpose,
    ) -> Result<Selected, Failure> {
        let action = format!("{action} {}", store.namespace());
        let mut selection = self.selection_of(typed, store.layouts(), now, purpose)?;
        let (mut unknown, mut from_stdin) = (Unknown::new(typed, self.global.verbose)?, None);
        if !typed.ids.is_empty() {
            let mut ids = Ids::new(&typed.ids);
            let mut resolver = store.resolver();
            while let Some(some) = ids.next()? {
                resolver.look_up(&some, |id| unknown.add(id)).await.doing(&action)?;
            }
            let resolved = resolver.done();
            unknown.finish(ids.count)?;
            from_stdin = ids.given_by_stdin();
            if !resolved.ambiguous.is_empty() {
                return Err(Failure::of(&action, &Error::AmbiguousIds(resolved.ambiguous)));
            }
            selection.keys = Some(resolved.keys);
        }
        selection.except.keys = self.excepted(&action, store, typed).await?;
        selection.keep = typed.keep.map(Keep::newest);
        // A condition that the layout cannot decide is an error before anything is read.
        let decides = Selection { keep: None, ..selection.clone() }.filter(store.layouts());
        decides.map_err(|error| {
            let failure = Failure::of(&action, &error);
            match &error {
                Error::NoDate { date: TOUCH, .. } if store.layouts().derive_touches() => {
                    failure.hint(SLACK)
                }
                _ => failure,
            }
        })?;
        self.check_dates(store, &selection, &action).await?;
        let mut seen = Seen::default();
        if selection.needs_payload() {
            seen = self.look_for_users(store, selection.now).await.doing(&action)?;
            if selection.query.users.is_some() || !selection.query.payload.is_empty() {
                self.warn_of_the_unreadable(&selection, &seen);
            }
        }
        self.check_users(&action, store, &selection, &seen, purpose).await?;
        self.check_conditions(&action, store, &selection).await?;
        Ok(Selected { selection, unknown, seen, from_stdin })
    }

    /// What was typed, but for the ids; exceptions by id among them.
    pub fn selection_of(
        &self,
        typed: &SelectionArgs,
        layouts: &Layouts,
        now: DateTime,
        purpose: Purpose,
    ) -> Result<Selection, Failure> {
        let touch_slack = touch_slack(typed, layouts, purpose);
        let query = Query { touch_slack, ..query(typed, now)? };
        check_range(&query, now)?;
        let list = typed.except_users_from.as_deref();
        let users = listed::users(&typed.except_user, list)?.unwrap_or_default();
        let except = Except { users, ..Except::default() };
        Ok(Selection { except, ..Selection::new(query, now) })
    }

    /// The sessions of these ids, or prefixes of them.
    async fn resolve(
        &self,
        action: &str,
        store: &Store,
        ids: &[String],
    ) -> Result<Resolved, Failure> {
        let resolved = store.resolve(ids).await.doing(action)?;
        if !resolved.ambiguous.is_empty() {
            return Err(Failure::of(action, &Error::AmbiguousIds(resolved.ambiguous)));
        }
        Ok(resolved)
    }

    /// The sessions of the `--except` option. An id that is not found is an error, because the
    /// session that the operator wants to keep would be ended.
    async fn excepted(
        &self,
        action: &str,
        store: &Store,
        typed: &SelectionArgs,
    ) -> Result<Vec<Key>, Failure> {
        if typed.except.is_empty() {
            return Ok(Vec::new());
        }
        let Resolved { keys, unknown, .. } = self.resolve(action, store, &typed.except).await?;
        if !unknown.is_empty() {
            let those = counted(unknown.len() as u64, "id");
            let matches = if unknown.len() == 1 { "matches" } else { "match" };
            let ids = unknown.join("..., ");
            let sentence =
                format!("could not {action}: {those} of --except {matches} no session: {ids}...");
            return Err(Failure::new(Exit::Failed, sentence)
                .hint("pass the whole id, or at least its first 8 characters"));
        }
        Ok(keys)
    }

    /// The selection, with the sessions ranked that `--keep` spares.
    pub async fn ranked(
        &self,
        action: &str,
        store: &Store,
        selection: Selection,
    ) -> Result<Selection, Failure> {
        store.ranked(selection).await.doing(action)
    }

    /// The exit of a command on an empty collection: none of the typed ids is known.
    pub fn end_of_nothing(&self, typed: &SelectionArgs, namespace: &str) -> Result<Exit, Failure> {
        listed::users(&typed.user, typed.users_from.as_deref())?;
        listed::users(&typed.except_user, typed.except_users_from.as_deref())?;
        let (mut ids, mut unknown) =
            (Ids::new(&typed.ids), Unknown::new(typed, self.global.verbose)?);
        while let Some(some) = ids.next()? {
            some.iter().for_each(|id| unknown.add(id));
        }
        unknown.finish(ids.count)?;
        unknown.end(false, namespace)
    }

    /// A condition on a date that no session has cannot be decided. If only some sessions lack the
    /// date, they are counted: they match neither the condition nor its opposite.
    async fn check_dates(
        &self,
        store: &Store,
        selection: &Selection,
        action: &str,
    ) -> Result<(), Failure> {
        let layouts = store.layouts();
        for (needed, has, lacks) in selection.needed_dates(layouts).doing(action)? {
            let mut undated = 0;
            for some in &lacks {
                undated += store.count(some.clone()).await.doing(action)?;
            }
            if undated == 0 {
                continue;
            }
            let is_idle = needed.is_touch() && layouts.derive_touches();
            let Needed { condition, date, fields, .. } = needed;
            if is_idle && selection.query.judges_touches() {
                let derived = touched(store, lacks, selection.cutoff).await.doing(action)?;
                let needed = (condition, fields);
                self.check_derived(undated, derived, (store, has, needed), action).await?;
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
                    false => format!("the layout {} reads this date from {fields}", layouts.name()),
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

    /// The same for derived touches: of the `without` sessions without a stored touch, `derived`
    /// have a derived one.
    async fn check_derived(
        &self,
        without: u64,
        derived: u64,
        (store, has, (condition, fields)): (&Store, Document, (&str, Vec<String>)),
        action: &str,
    ) -> Result<(), Failure> {
        let one = Reading { limit: 1, ..Reading::default() };
        if derived == 0
            && store.read(has, &one).await.doing(action)?.next().await.doing(action)?.is_none()
        {
            let sentence = format!(
                "could not {action}: --{condition} requires a last touch, which no session of {} has",
                store.namespace()
            );
            let fields = fields.join(", ");
            return Err(Failure::new(Exit::Failed, sentence).hint(format!(
                "the layout {} reads the last touch from {fields}; pass --lifetime if the payload does not \
                 hold the lifetime",
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
            self.note("note", format!("{those} {verb} no last touch and {matches} --{condition}"));
        }
        Ok(())
    }

    /// "Nothing matched" would be misleading if the payloads cannot be read.
    fn warn_of_the_unreadable(&self, selection: &Selection, seen: &Seen) {
        // Some stores keep the user outside the payload.
        let blind = match selection.query.payload.is_empty() {
            true => seen.unreadable,
            false => seen.undecoded,
        };
        if let Some(reason) = seen.reason.as_ref().filter(|_| blind > 0) {
            let (blind, sampled) = (counted(blind, "session"), seen.sessions);
            self.note(
                "warning",
                format!("--user and --where cannot search {blind} of {sampled} examined: {reason}"),
            );
        }
    }
}

impl Selected {
    /// The selection for the audit file: as it was typed, with the number and the digest of the
    /// entries of lists and stdin.
    pub fn written(&self, typed: &SelectionArgs) -> Value {
        Self::written_of(&self.selection, typed, self.from_stdin.as_ref())
    }

    /// The same of a selection, and of what stdin gave.
    pub fn written_of(
        selection: &Selection,
        typed: &SelectionArgs,
        from_stdin: Option<&Value>,
    ) -> Value {
        let mut shown = written(typed, selection.now);
        let users = selection.query.users.as_ref().filter(|_| typed.users_from.is_some());
        let except = Some(&selection.except.users);
        let except = except.filter(|_| typed.except_users_from.is_some());
        for (name, users) in [("users_listed", users), ("except_users_listed", except)] {
            if let (Some(users), Some(shown)) = (users, shown.as_object_mut()) {
                let mut lines = Lines::default();
                users.iter().for_each(|user| lines.add(user));
                shown.insert(name.to_owned(), lines.digest());
            }
        }
        if let (Some(given), Some(shown)) = (from_stdin, shown.as_object_mut()) {
            shown.insert("stdin".to_owned(), given.clone());
        }
        shown
    }

    /// The exit of a command that has processed the sessions that were found.
    pub fn end(&self, namespace: &str) -> Result<Exit, Failure> {
        let others = self.selection.keys.as_ref().is_some_and(|keys| !keys.is_empty());
        self.unknown.end(others, namespace)
    }
}

/// Refuses ranges that contain no time.
fn check_range(query: &Query, now: DateTime) -> Result<(), Failure> {
    let of = |name, time: Option<DateTime>| time.map(|time| (name, time));
    let ago = |name, time: Option<Duration>| of(name, time.map(|time| ago(now, time)));
    let touched_after = [of("touched-after", query.touched_after), ago("active", query.active)];
    let touched_before = [of("touched-before", query.touched_before), ago("idle", query.idle)];
    let created_before = [of("created-before", query.created_before), ago("older", query.older)];
    let latest = |some: [Option<(&'static str, DateTime)>; 2]| {
        some.into_iter().flatten().max_by_key(|(_, time)| *time)
    };
    let earliest = |some: [Option<(&'static str, DateTime)>; 2]| {
        some.into_iter().flatten().min_by_key(|(_, time)| *time)
    };
    let ranges = [
        (of("expires-after", query.expires_after), of("expires-before", query.expires_before)),
        (latest(touched_after), earliest(touched_before)),
        (of("created-after", query.created_after), earliest(created_before)),
    ];
    for (after, before) in ranges {
        let (Some((after, from)), Some((before, to))) = (after, before) else { continue };
        if from >= to {
            let sentence = format!("--{after} is not before --{before}, so no session matches");
            return Err(Failure::new(Exit::Usage, sentence).hint("swap the two times"));
        }
    }
    Ok(())
}

/// Refuses an expiry that no session of the state has at the cutoff.
pub fn check_state(query: &Query, cutoff: DateTime) -> Result<(), Failure> {
    let (state, option) = match query.state {
        Some(State::Expired) if query.expires_after.is_some_and(|after| after >= cutoff) => {
            ("--expired", "--expires-after")
        }
        Some(State::Live) if query.expires_before.is_some_and(|before| before <= cutoff) => {
            ("--live", "--expires-before")
        }
        _ => return Ok(()),
    };
    let sentence = format!("{option} and {state} exclude each other, so no session matches");
    Err(Failure::new(Exit::Usage, sentence).hint("omit one of them"))
}

/// The name of the last touch in [`Needed::date`] and in the error.
const TOUCH: &str = "a last touch";

/// The hint about derived touches.
const SLACK: &str = "pass --touch-slack DURATION, the store's touchAfter, or --touch-slack 0 if the \
                     store writes every touch";

/// How much later than recorded a session may have been touched. Commands that write use derived
/// touches only if `--touch-slack` was given.
fn touch_slack(typed: &SelectionArgs, layouts: &Layouts, purpose: Purpose) -> Option<Duration> {
    let reads = purpose == Purpose::Reading && layouts.derive_touches();
    let slack = typed.touch_slack.or_else(|| reads.then_some(Duration::ZERO));
    let asks = typed.idle.or(typed.active).is_some()
        || typed.touched_before.or(typed.touched_after).is_some();
    slack.filter(|_| asks)
}

/// How many of the matching sessions have a last touch, stored or derived.
async fn touched(store: &Store, filters: Vec<Filter>, cutoff: DateTime) -> sessionctl::Result<u64> {
    let everybody = Selection::new(Query::default(), cutoff);
    let count = |touched: &mut u64, _: &RawDocument, session: Session| {
        *touched += u64::from(session.touched.is_some());
    };
    let mut touched = 0;
    for filter in filters {
        let mut judging = store.gather(filter, &Reading::default(), &everybody, count).await?;
        while let Some(judged) = judging.next().await? {
            touched += judged.selected;
        }
    }
    Ok(touched)
}

fn query(typed: &SelectionArgs, now: DateTime) -> Result<Query, Failure> {
    let states = [
        (typed.expired, State::Expired),
        (typed.live, State::Live),
        (typed.endless, State::Endless),
        (typed.malformed, State::Malformed),
    ];
    let at = |time: Option<Time>| time.map(|time| time.resolve(now));
    Ok(Query {
        state: states.into_iter().find(|(asked, _)| *asked).map(|(_, state)| state),
        users: listed::users(&typed.user, typed.users_from.as_deref())?,
        anonymous: typed.anonymous,
        payload: typed.payload.iter().map(|condition| condition.resolve(now)).collect(),
        expires_before: at(typed.expires_before),
        expires_after: at(typed.expires_after),
        touched_before: at(typed.touched_before),
        touched_after: at(typed.touched_after),
        created_before: at(typed.created_before),
        created_after: at(typed.created_after),
        idle: typed.idle,
        active: typed.active,
        touch_slack: None,
        older: typed.older,
    })
}

/// The selection with absolute times; an empty object if nothing was selected.
pub fn written(typed: &SelectionArgs, now: DateTime) -> Value {
    // Without `..`, so that the compiler requires new conditions to be recorded here.
    let SelectionArgs {
        ids,
        expired,
        live,
        endless,
        malformed,
        user,
        users_from,
        anonymous,
        payload,
        expires_before,
        expires_after,
        touched_before,
        touched_after,
        created_before,
        created_after,
        idle,
        active,
        touch_slack,
        older,
        except,
        except_user,
        except_users_from,
        keep,
        unmatched: _,
        all,
    } = typed;
    let mut shown = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        shown.extend(value.map(|value| (name.to_owned(), value)));
    };
    let some = |is: bool, value: Value| is.then_some(value);
    let short_ids = |ids: &[String]| -> Option<Value> {
        let ids: Vec<_> = ids.iter().map(|id| short_id(id)).collect();
        some(!ids.is_empty(), json!(ids))
    };
    let file = |file: &Option<PathBuf>| file.as_deref().map(|file| json!(listed::name(file)));
    let instant = |at: &Option<Time>| at.map(|at| json!(time(at.resolve(now))));
    let seconds = |time: &Option<Duration>| time.map(|time| json!(time.as_secs_f64()));
    put("ids", short_ids(ids));
    let states =
        [(expired, "expired"), (live, "live"), (endless, "endless"), (malformed, "malformed")];
    put("state", states.iter().find(|(is, _)| **is).map(|(_, name)| json!(name)));
    match user.as_slice() {
        [] => {}
        [one] => put("user", Some(json!(one))),
        users => put("users", Some(json!(users))),
    }
    put("users_from", file(users_from));
    put("anonymous", some(*anonymous, json!(true)));
    let payload: Vec<_> =
        payload.iter().map(|one| json!({ &one.path: shown_test(one, now) })).collect();
    put("where", some(!payload.is_empty(), json!(payload)));
    put("expires_before", instant(expires_before));
    put("expires_after", instant(expires_after));
    put("touched_before", instant(touched_before));
    put("touched_after", instant(touched_after));
    put("created_before", instant(created_before));
    put("created_after", instant(created_after));
    put("idle_seconds", seconds(idle));
    put("active_seconds", seconds(active));
    put("touch_slack_seconds", seconds(touch_slack));
    put("older_seconds", seconds(older));
    put("except", short_ids(except));
    put("except_users", some(!except_user.is_empty(), json!(except_user)));
    put("except_users_from", file(except_users_from));
    put("keep", keep.map(|newest| json!(newest)));
    put("all", some(*all, json!(true)));
    Value::Object(shown)
}

/// The expected value at the path of a condition: the value itself, or the operator with its
/// operand.
fn shown_test(one: &Where, now: DateTime) -> Value {
    let operand = match one.instant(now) {
        Some(at) => json!(time(at)),
        None => json!(condition(&one.path, &one.operand)),
    };
    match one.operator {
        Operator::Equals => operand,
        Operator::Present => json!({ "present": true }),
        Operator::Absent => json!({ "present": false }),
        operator => json!({ operator.text().trim(): operand }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::conditions;

    const ID: &str = "7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN";

    #[test]
    fn a_selection_is_written_down_with_absolute_times() {
        let typed = SelectionArgs {
            ids: vec![ID.into(), "-".into()],
            live: true,
            user: vec!["42".into()],
            payload: ["otp=123456", "plan=free", "n>=5"]
                .map(|text| conditions::condition(text).unwrap())
                .into(),
            except_users_from: Some("staff.txt".into()),
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
                "where": [{ "otp": "********" }, { "plan": "free" }, { "n": { ">=": "5" } }],
                "expires_before": "2026-11-23T09:59:59.000Z",
                "idle_seconds": 1.5,
                "touch_slack_seconds": 60.0,
                "except_users_from": "staff.txt",
            })
        );
        let all = SelectionArgs { all: true, ..SelectionArgs::default() };
        assert_eq!(written(&all, now), json!({ "all": true }));
    }
}
