//! A selection in words, for questions and reports: "94 live sessions of user 42".

use std::path::Path;
use std::time::Duration;

use bson::DateTime;
use sessionctl::payload::time as rfc3339;

use super::listed;
use crate::args::conditions::{Operator, Where};
use crate::args::{SelectionArgs, Time};
use crate::console::redact::{condition, short_id};
use crate::console::text::{exact_duration, grouped, neutral};

/// How many ids are listed.
const NAMED: usize = 3;

/// The kind of sessions, and their conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// The words before "sessions", such as `expired`.
    kind: &'static str,
    /// The words after it, such as ` of user 42`.
    rest: String,
    /// What is excluded, such as `, except those of user 42`. It follows the namespace.
    except: String,
}

impl Words {
    /// Sessions of this kind, without other conditions.
    pub fn of_kind(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    /// The sessions of a typed selection.
    pub fn of(typed: &SelectionArgs, now: DateTime) -> Self {
        // Without `..`, so that the compiler requires new conditions to be described here.
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
            // This is a tolerance, not a condition.
            touch_slack: _,
            older,
            except,
            except_user,
            except_users_from,
            keep,
            // This is the output file, not a condition.
            unmatched: _,
            all: _,
        } = typed;
        let kinds =
            [(expired, "expired"), (live, "live"), (endless, "endless"), (malformed, "malformed")];
        let kind = kinds.iter().find(|(is, _)| **is).map_or("", |(_, kind)| *kind);
        let instant = |what: &str, time: &Option<Time>| {
            let at = rfc3339(time.as_ref()?.resolve(now)).unwrap_or_default();
            Some(format!("{what} {at}"))
        };
        let lasting = |time: &Option<Duration>| time.as_ref().map(|time| exact_duration(*time));
        let of_users = of_users(user, users_from.as_deref());
        let spared = [
            named(except).map(|ids| format!("those {ids}")),
            self::of_users(except_user, except_users_from.as_deref())
                .map(|of| format!("those {of}")),
        ];
        let spared: Vec<_> = spared.into_iter().flatten().collect();
        let kept = keep.map(|newest| match newest {
            1 => ", keeping each user's most recent session".to_owned(),
            newest => format!(", keeping each user's {newest} most recent sessions"),
        });
        let payload = payload.iter().map(|one| fulfilling(one, now));
        let parts = [
            selected(ids),
            of_users,
            anonymous.then(|| "without a user".to_owned()),
            lasting(idle).map(|idle| format!("idle for at least {idle}")),
            lasting(active).map(|active| format!("touched within the last {active}")),
            lasting(older).map(|older| format!("created at least {older} ago")),
            instant("expiring at or after", expires_after),
            instant("expiring before", expires_before),
            instant("last touched at or after", touched_after),
            instant("last touched before", touched_before),
            instant("created at or after", created_after),
            instant("created before", created_before),
        ];
        let except = (!spared.is_empty()).then(|| format!(", except {}", spared.join(" and ")));
        let except = except.into_iter().chain(kept).collect();
        let parts: Vec<_> = parts.into_iter().flatten().chain(payload).collect();
        let rest = if parts.is_empty() { String::new() } else { format!(" {}", parts.join(", ")) };
        Self { kind, rest, except }
    }

    /// This number of these sessions.
    pub fn counted(&self, count: u64) -> String {
        format!("{} {}", grouped(count), self.noun(count))
    }

    /// The text if there are none.
    pub fn none(&self) -> String {
        format!("no {}", self.noun(0))
    }

    /// What is excluded from these sessions. It begins with a comma, or is empty.
    pub fn except(&self) -> &str {
        &self.except
    }

    /// Whether any state is selected, rather than one of them.
    pub fn is_any_state(&self) -> bool {
        self.kind.is_empty()
    }

    fn noun(&self, count: u64) -> String {
        let space = if self.kind.is_empty() { "" } else { " " };
        let noun = if count == 1 { "session" } else { "sessions" };
        format!("{}{space}{noun}{}", self.kind, self.rest)
    }
}

/// Several selected ids are not named: some of them may match no session.
fn selected(ids: &[String]) -> Option<String> {
    match ids.len() {
        0 | 1 => named(ids),
        _ => Some("with the given ids".to_owned()),
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

/// `of user 42`, `of users 42, 43`, `of the users in leaked.txt`.
fn of_users(typed: &[String], list: Option<&Path>) -> Option<String> {
    let list = list.map(|list| match listed::name(list).as_str() {
        "stdin" => "the users from stdin".to_owned(),
        file => format!("the users in {}", neutral(file)),
    });
    let users = match (typed, list) {
        ([], None) => return None,
        ([], Some(listed)) => listed,
        ([one], None) => format!("user {}", neutral(one)),
        (some, None) if some.len() <= NAMED => {
            let some: Vec<_> = some.iter().map(|user| neutral(user)).collect();
            format!("users {}", some.join(", "))
        }
        (many, None) => format!("{} users", grouped(many.len() as u64)),
        (more, Some(listed)) => format!("{listed} and {} more", grouped(more.len() as u64)),
    };
    Some(format!("of {users}"))
}

/// A condition of `--where`: `with role = admin`.
fn fulfilling(one: &Where, now: DateTime) -> String {
    let path = neutral(&one.path);
    let operand = match one.instant(now) {
        Some(at) => rfc3339(at).unwrap_or_default(),
        None => neutral(&condition(&one.path, &one.operand)).into_owned(),
    };
    let sign = match one.operator {
        Operator::Equals => "=",
        Operator::Differs => "!=",
        Operator::Matches => "~",
        Operator::Less => "<",
        Operator::LessOrEqual => "<=",
        Operator::Greater => ">",
        Operator::GreaterOrEqual => ">=",
        Operator::In => "in",
        Operator::Present => return format!("with a value at {path}"),
        Operator::Absent => return format!("without a value at {path}"),
    };
    format!("with {path} {sign} {operand}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::conditions;

    #[test]
    fn a_selection_is_named_as_it_was_typed() {
        let now = DateTime::from_millis(1_795_428_000_000);
        let counted = |typed: SelectionArgs| Words::of(&typed, now).counted(1234);
        assert_eq!(counted(SelectionArgs::default()), "1,234 sessions");
        let live = SelectionArgs { live: true, user: vec!["u1".into()], ..Default::default() };
        assert_eq!(counted(live.clone()), "1,234 live sessions of user u1");
        let spared = SelectionArgs {
            except: vec!["7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN".into()],
            except_users_from: Some("staff.txt".into()),
            keep: Some(3),
            ..live
        };
        let spared = Words::of(&spared, now);
        assert_eq!(
            spared.counted(1234) + spared.except(),
            "1,234 live sessions of user u1, except those with the id 7ZQOhQlxWzrh... and those of \
             the users in staff.txt, keeping each user's 3 most recent sessions"
        );
        let listed = SelectionArgs { users_from: Some("leaked.txt".into()), ..Default::default() };
        assert_eq!(counted(listed), "1,234 sessions of the users in leaked.txt");
        let of = |text| {
            let payload = vec![conditions::condition(text).unwrap()];
            counted(SelectionArgs { payload, ..Default::default() })
        };
        assert_eq!(of("ip in 10.0.0.0/8"), "1,234 sessions with ip in 10.0.0.0/8");
        assert_eq!(of("n>=5"), "1,234 sessions with n >= 5");
        assert_eq!(of("at<-1d"), "1,234 sessions with at < 2026-11-22T10:00:00.000Z");
        assert_eq!(of("!mfa"), "1,234 sessions without a value at mfa");
        let idle = Some(Duration::from_secs(90 * 86_400));
        let secret = vec![conditions::condition("otp=123456").unwrap()];
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
             with otp = ********"
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
        assert_eq!(words(&["12345678", id]), "1 session with the given ids");
        assert_eq!(words(&["-"]), "1 session with the given ids");
        assert_eq!(words(&[id, id, id, id]), "1 session with the given ids");
        let user = vec!["a\u{1b}[2J".to_owned()];
        let typed = SelectionArgs { user, ..Default::default() };
        assert_eq!(Words::of(&typed, now).none(), "no sessions of user a\\u001b[2J");
    }
}
