//! `sessionctl users`

use bson::DateTime;
use sessionctl::users::{Options, User, Users};

use crate::args::{EveryArgs, Format, SelectionArgs};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output::{Cell, Row, Shape};
use crate::console::progress::Progress;
use crate::console::text::{counted, grouped, sessions};
use crate::context::selected::check_state;
use crate::context::{Context, Purpose};

/// List who has sessions: one row per user, those with the most sessions first
///
/// Reads and decodes every session of the selection, so the numbers are exact. A table shows the
/// first 50 users; the other formats print all of them. All users that are printed are kept in memory
/// until they are sorted; --limit bounds it. A user is first seen at the earliest creation and last seen
/// at the latest touch. ips and agents count the addresses and user agents of the sessions, if the layout
/// defines where these are.
///
/// A TIME is RFC 3339 with a zone (2026-11-23T10:00:00Z), a date (2026-11-23, midnight UTC), or a
/// duration from now (-7d, +1h). A DURATION is a number of seconds, or has units: 90s, 15m, 1d12h.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl users --live
  sessionctl users --min-sessions 10 -o csv > many.csv
  sessionctl users --live -o ndjson | jq -r .user > logged-in.txt")]
pub struct Args {
    /// Print at most N users; 0 prints all [default: 50 in a table, else 0]
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true)]
    limit: Option<usize>,

    /// Print only users with at least N sessions
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true, value_parser = clap::value_parser!(u64).range(1..), allow_negative_numbers = true)]
    min_sessions: u64,

    #[command(flatten)]
    pub selection: SelectionArgs,

    #[command(flatten)]
    pub every: EveryArgs,
}

const HEADER: [&str; 7] = ["user", "sessions", "live", "first_seen", "last_seen", "ips", "agents"];
/// How many users a table shows without --limit.
const TABLE_LIMIT: usize = 50;

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let columns = context.columns_of_one(&[], &HEADER);
    let columns = if columns.is_empty() { HEADER.map(str::to_owned).to_vec() } else { columns };
    let rows = context.rows(Shape::Many, &HEADER).columns(&columns);
    let Some(store) = context.store("list the users of", Purpose::Reading).await? else {
        context.note("note", context.has_no_documents());
        rows.finish()?;
        return context.end_of_nothing(&args.selection, context.collection());
    };
    let action = format!("list the users of {}", store.namespace());
    let now = store.now().await.doing(&action)?;
    let typed = &args.selection;
    let selected =
        context.selected("list the users of", &store, typed, now, Purpose::Reading).await?;
    check_state(&selected.selection.query, now)?;
    context.note_user_places(&store);
    let is_table = context.global.format == Format::Table;
    let limit = args.limit.unwrap_or(if is_table { TABLE_LIMIT } else { 0 });
    let options = Options {
        limit: Some(limit).filter(|limit| *limit > 0),
        min_sessions: args.min_sessions,
        ..Options::default()
    };
    let progress = Progress::new("sessions examined", None, context.global.quiet);
    let looked_at = |sessions| progress.advance(sessions);
    let selection = &context.ranked(&action, &store, selected.selection.clone()).await?;
    let users = store.users(selection, &options, looked_at).await;
    progress.finish();
    let users = users.doing(&action)?;
    check_known(context, &action, &store, &users, now).await?;
    context.note_undecided(selection, &selected.seen, users.undecided);
    context.tell_unmatched(typed, selection, &users.met)?;
    let listed = (users.sessions, users.elsewhere.clone());
    context.judge_listed(&action, &store, selection, &selected.seen, listed).await?;

    context.begin_table(Some(&store.namespace()))?;
    // A table omits columns without values.
    let has_values = |name: &&str| match *name {
        "ips" => users.users.iter().any(|user| user.ips.is_some()),
        "agents" => users.users.iter().any(|user| user.agents.is_some()),
        _ => true,
    };
    let columns: Vec<_> = HEADER.into_iter().filter(has_values).map(str::to_owned).collect();
    let mut rows = if is_table { rows.columns(&columns) } else { rows }.now(now);
    let (shown, namespace) = (users.users.len() as u64, store.namespace());
    for user in &users.users {
        let mut row = row(user);
        row.0.push(("namespace", Cell::Text(namespace.clone())));
        rows.row(row)?;
    }
    rows.finish()?;
    if users.sessions == 0 && is_table {
        context.note("note", "no session matches");
    }
    if shown < users.found {
        let hint = if is_table { "; --limit 0 shows all" } else { "" };
        let (shown, found) = (grouped(shown), counted(users.found, "user"));
        context.note("note", format!("showing {shown} of {found}{hint}"));
    }
    say_rest(context, &users);
    selected.end(&store.namespace())
}

fn row(user: &User) -> Row {
    let date = |date| Cell::maybe(date, Cell::Time);
    let count = |count| Cell::maybe(count, Cell::Count);
    Row(vec![
        ("user", Cell::Text(user.user.clone())),
        ("sessions", Cell::Count(user.sessions)),
        ("live", Cell::Count(user.live)),
        ("first_seen", date(user.first_seen)),
        ("last_seen", date(user.last_seen)),
        ("ips", count(user.ips)),
        ("agents", count(user.agents)),
    ])
}

/// "No users" is a valid answer only if users are in the places of the layout.
async fn check_known(
    context: &Context,
    action: &str,
    store: &sessionctl::Store,
    users: &Users,
    now: DateTime,
) -> Result<(), Failure> {
    if users.anonymous + users.unreadable < users.sessions || users.sessions == 0 {
        return Ok(());
    }
    let seen = context.look_for_users(store, now).await.doing(action)?;
    context.judge_none(action, store, &seen, now).await
}

fn say_rest(context: &Context, users: &Users) {
    if users.anonymous > 0 {
        let have = if users.anonymous == 1 { "has" } else { "have" };
        context.note("note", format!("{} {have} no user", sessions(users.anonymous)));
    }
    if users.unreadable > 0 {
        let have = if users.unreadable == 1 { "has a payload" } else { "have payloads" };
        let those = sessions(users.unreadable);
        context.note(
            "warning",
            format!("{those} {have} that cannot be decoded, so their users are not counted"),
        );
    }
    if context.global.verbose && users.passes > 1 {
        let passes = users.passes;
        context.note("note", format!("read the sessions {passes} times to save memory"));
    }
}
