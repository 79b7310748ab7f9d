//! A selection in words, for questions and reports: "94 live sessions of user 42".

use bson::DateTime;
use sessionctl::payload::time;

use crate::args::SelectionArgs;
use crate::console::redact::{condition, short_id};
use crate::console::text::{exact_duration, grouped, neutral};

/// How many ids are named one by one.
const NAMED: usize = 3;

/// What kind of sessions they are, and what else they have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Before "sessions", such as `expired`.
    kind: &'static str,
    /// After it, such as ` of user 42`.
    rest: String,
}

impl Words {
    /// Sessions of which only the kind is known.
    pub fn of_kind(kind: &'static str) -> Self {
        Self { kind, rest: String::new() }
    }

    /// The sessions of a selection that was typed.
    pub fn of(typed: &SelectionArgs, now: DateTime) -> Self {
        // Whoever adds a way to select is made to say it here.
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
            // A margin of the answer, not a part of the question.
            touch_slack: _,
            older,
            // Where they are told, not which they are.
            unmatched: _,
            all: _,
        } = typed;
        let kinds =
            [(expired, "expired"), (live, "live"), (endless, "endless"), (malformed, "malformed")];
        let kind = kinds.iter().find(|(is, _)| **is).map_or("", |(_, kind)| *kind);
        let instant = |at: DateTime| time(at).unwrap_or_default();
        let payload = payload.iter().map(|(path, value)| {
            format!("with {} at {}", neutral(&condition(path, value)), neutral(path))
        });
        let parts = [
            named(ids),
            user.as_ref().map(|user| format!("of user {}", neutral(user))),
            idle.map(|idle| format!("idle for at least {}", exact_duration(idle))),
            older.map(|older| format!("created at least {} ago", exact_duration(older))),
            expires_after.map(|at| format!("expiring at or after {}", instant(at.resolve(now)))),
            expires_before.map(|at| format!("expiring before {}", instant(at.resolve(now)))),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().chain(payload).collect();
        let rest = if parts.is_empty() { String::new() } else { format!(" {}", parts.join(", ")) };
        Self { kind, rest }
    }

    /// So many of them.
    pub fn counted(&self, count: u64) -> String {
        format!("{} {}", grouped(count), self.noun(count))
    }

    /// That there are none.
    pub fn none(&self) -> String {
        format!("no {}", self.noun(0))
    }

    fn noun(&self, count: u64) -> String {
        let space = if self.kind.is_empty() { "" } else { " " };
        let noun = if count == 1 { "session" } else { "sessions" };
        format!("{}{space}{noun}{}", self.kind, self.rest)
    }
}

fn named(ids: &[String]) -> Option<String> {
    let is_short = ids.len() <= NAMED && !ids.iter().any(|id| id == "-");
    match ids {
        [] => None,
        [one] if is_short => Some(format!("with the id {}", neutral(&short_id(one)))),
        ids if is_short => {
            let ids: Vec<_> = ids.iter().map(|id| neutral(&short_id(id)).into_owned()).collect();
            Some(format!("with the ids {}", ids.join(", ")))
        }
        _ => Some("with the given ids".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::args::Time;

    #[test]
    fn a_selection_is_named_as_it_was_typed() {
        let now = DateTime::from_millis(1_795_428_000_000);
        let counted = |typed: SelectionArgs| Words::of(&typed, now).counted(1234);
        assert_eq!(counted(SelectionArgs::default()), "1,234 sessions");
        let live = SelectionArgs { live: true, user: Some("u1".into()), ..Default::default() };
        assert_eq!(counted(live), "1,234 live sessions of user u1");
        let idle = Some(Duration::from_secs(90 * 86_400));
        let secret = vec![("otp".into(), "123456".into())];
        let many = SelectionArgs {
            expired: true,
            idle,
            payload: secret,
            expires_before: Some(Time::FromNow(-1000)),
            ..Default::default()
        };
        let words = Words::of(&many, now);
        assert_eq!(
            words.none(),
            "no expired sessions idle for at least 90d, expiring before 2026-11-23T09:59:59.000Z, \
             with ******** at otp"
        );
    }

    #[test]
    fn few_ids_are_named_in_their_short_form_and_nothing_typed_reaches_a_terminal_raw() {
        let now = DateTime::from_millis(0);
        let words = |ids: &[&str]| {
            let ids = ids.iter().map(|id| (*id).to_owned()).collect();
            Words::of(&SelectionArgs { ids, ..Default::default() }, now).counted(1)
        };
        let id = "7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN";
        assert_eq!(words(&[id]), "1 session with the id 7ZQOhQlxWzrh...");
        assert_eq!(words(&["12345678", id]), "1 session with the ids 1234..., 7ZQOhQlxWzrh...");
        assert_eq!(words(&["-"]), "1 session with the given ids");
        assert_eq!(words(&[id, id, id, id]), "1 session with the given ids");
        let user = Some("a\u{1b}[2J".to_owned());
        let typed = SelectionArgs { user, ..Default::default() };
        assert_eq!(Words::of(&typed, now).none(), "no sessions of user a\\u001b[2J");
    }
}
