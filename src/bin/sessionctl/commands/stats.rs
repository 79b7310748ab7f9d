//! `sessionctl stats`

use bson::DateTime;
use serde_json::json;
use sessionctl::payload::time;
use sessionctl::select::Judged;
use sessionctl::stats::{Options, Slot, Stats, Users};
use sessionctl::{State, Store};

use crate::args::{EveryArgs, Format, OTHERS, SelectionArgs};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output::{self, Cell, Row, Shape};
use crate::console::text::{grouped, sessions};
use crate::context::selected::check_state;
use crate::context::users::Seen;
use crate::context::words::Words;
use crate::context::{Context, Purpose};

mod chart;
mod render;

use render::Title;

/// Count sessions by state, size, age, expiry and user
///
/// The server reads every session once and counts. If it cannot read the payload (JSON text,
/// MessagePack, PHP, ...), sessionctl decodes every session to count the users. If that would take more
/// than 10 seconds, it decodes a random sample instead, scales the counts and marks them as estimated.
///
/// With a selection, sessionctl reads and counts the selected sessions, exactly.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl stats
  sessionctl stats --sample 100000 -d shop
  sessionctl stats --live --where role=admin
  sessionctl stats -o json | jq .expired")]
pub struct Args {
    /// Count a random sample of N sessions, for a collection too large to read whole
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = OTHERS)]
    sample: Option<u64>,

    /// List the N users with the most sessions
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(..=1000))]
    top: u16,

    #[command(flatten)]
    pub selection: SelectionArgs,

    #[command(flatten)]
    pub every: EveryArgs,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let Some(store) = context.store("count", Purpose::Reading).await? else {
        context.note("note", context.has_no_documents());
        let connection = context.connect().await?;
        let now = connection.hello().await.doing("count")?.now;
        let namespace = format!("{}.{}", connection.database(), context.collection());
        let title = Title { namespace: &namespace, layout: None, knows_users: true };
        print(context, &title, &Stats::of_nothing(now))?;
        return context.end_of_nothing(&args.selection, &namespace);
    };
    let action = format!("count {}", store.namespace());
    let options = Options { sample: args.sample, top: args.top.into(), ..Options::default() };
    let now = store.now().await.doing(&action)?;
    if !args.selection.is_empty() && !args.selection.all {
        return selected(context, args, &store, &options, now, &action).await;
    }
    let stats = store.stats(&options, now).await.doing(&action)?;
    if let Some(all) = stats.sampled_of {
        let looked_at = sessions(stats.all().sessions);
        context
            .note("note", format!("counted in a random sample: {looked_at} of {}", grouped(all)));
    }
    let knows_users = !stats.users.as_ref().is_some_and(Users::nobody_is_known) || {
        let seen = context.look_for_users(&store, now).await.doing(&action)?;
        note_nobody(context, &store, &seen, &stats);
        false
    };
    let (namespace, layout) = (store.namespace(), store.layouts().name());
    print(context, &Title { namespace: &namespace, layout: Some(&layout), knows_users }, &stats)
}

fn note_nobody(context: &Context, store: &Store, seen: &Seen, stats: &Stats) {
    let nobody = seen.nobody(render::nobody(stats), store.layouts());
    context.note("note", format!("{nobody}; {}", seen.hint()));
}

/// The same for a selection.
async fn selected(
    context: &Context,
    args: &Args,
    store: &Store,
    options: &Options,
    now: DateTime,
    action: &str,
) -> Result<Exit, Failure> {
    let typed = &args.selection;
    let selected = context.selected("count", store, typed, now, Purpose::Reading).await?;
    check_state(&selected.selection.query, now)?;
    let selection = context.ranked(action, store, selected.selection.clone()).await?;
    let counted = store.stats_of(&selection, options).await.doing(action)?;
    let (stats, Judged { elsewhere, undecided, met, .. }) = counted;
    let (sessions, namespace) = (stats.all().sessions, store.namespace());
    // The rows name the collection, and the heading of a table does.
    let words = Words::of(typed, now).counted(sessions);
    context.note("note", format!("counting {words}"));
    context.note_undecided(&selection, &selected.seen, undecided);
    context.tell_unmatched(typed, &selection, &met)?;
    let found = (sessions, elsewhere);
    context.judge_listed(action, store, &selection, &selected.seen, found).await?;
    // Other sessions may have a user, in which case these have none.
    let knows_users = !stats.users.as_ref().is_some_and(Users::nobody_is_known) || {
        let seen = context.look_for_users(store, now).await.doing(action)?;
        let knows_users = seen.knows_users(store, now).await.doing(action)?;
        if !knows_users {
            note_nobody(context, store, &seen, &stats);
        }
        knows_users
    };
    let layout = store.layouts().name();
    print(context, &Title { namespace: &namespace, layout: Some(&layout), knows_users }, &stats)?;
    selected.end(&namespace)
}

fn print(context: &Context, title: &Title<'_>, stats: &Stats) -> Result<Exit, Failure> {
    if context.global.format == Format::Table {
        context.begin_table(None)?;
        output::text(&render::page(stats, title, chart::Chart::of(&context.style())))?;
    } else {
        let mut rows = context.rows(Shape::One, &[]);
        rows.row(row(title, stats))?;
        rows.finish()?;
    }
    Ok(Exit::Done)
}

fn row(title: &Title<'_>, stats: &Stats) -> Row {
    let all = stats.all();
    let count = |state| Cell::Count(stats.of(state).sessions);
    let date = |date| Cell::maybe(date, Cell::Time);
    let of_users = |count: fn(&Users) -> u64| {
        Cell::maybe(stats.users.as_ref(), |users| Cell::Count(count(users)))
    };
    let anonymous = stats.users.as_ref().filter(|_| title.knows_users).map(|users| users.anonymous);
    let top = |users: &Users| {
        let one = |(user, sessions): &(String, u64)| json!({ "user": user, "sessions": sessions });
        Cell::Json(users.top.iter().map(one).collect())
    };
    Row(vec![
        ("namespace", Cell::Text(title.namespace.to_owned())),
        ("layout", Cell::maybe(title.layout, |layout| Cell::Text(layout.to_owned()))),
        ("now", Cell::Time(stats.now)),
        ("sessions", Cell::Count(all.sessions)),
        ("sampled_of", Cell::maybe(stats.sampled_of, Cell::Count)),
        ("expired", count(State::Expired)),
        ("live", count(State::Live)),
        ("endless", count(State::Endless)),
        ("malformed", count(State::Malformed)),
        ("foreign", Cell::Count(stats.foreign.sessions)),
        ("bytes", Cell::maybe(all.known_bytes(), Cell::Count)),
        ("expired_bytes", Cell::maybe(stats.of(State::Expired).known_bytes(), Cell::Count)),
        ("mean_bytes", Cell::maybe(all.mean(), Cell::Count)),
        ("largest_bytes", Cell::maybe(all.mean().map(|_| all.largest), Cell::Count)),
        ("oldest_expired", date(stats.oldest_expired)),
        ("next_expiry", date(stats.next_expiry)),
        ("last_expiry", date(stats.expires.latest)),
        ("oldest_touched", date(stats.touched.earliest)),
        ("newest_touched", date(stats.touched.latest)),
        ("created_by", Cell::maybe(stats.created_by, |by| Cell::Text(by.name().to_owned()))),
        ("oldest_created", date(stats.created.earliest)),
        ("newest_created", date(stats.created.latest)),
        ("users", of_users(|users| users.distinct)),
        ("anonymous", Cell::maybe(anonymous, Cell::Count)),
        ("unreadable", of_users(|users| users.unreadable)),
        ("users_of", of_users(|users| users.looked_at)),
        ("users_sampled", Cell::maybe(stats.users.as_ref(), |users| Cell::Flag(users.sampled))),
        ("top_users", Cell::maybe(stats.users.as_ref(), top)),
        ("expiries", slots(&stats.expiries)),
        ("coming", slots(&stats.coming)),
        ("ages", slots(&stats.ages)),
        ("growth", slots(&stats.growth)),
        ("users_estimated", Cell::maybe(stats.users.as_ref(), |users| Cell::Flag(users.estimated))),
    ])
}

fn slots(slots: &[Slot]) -> Cell {
    let date = |date: Option<DateTime>| date.and_then(time);
    let slot = |slot: &Slot| {
        let (from, to) = (date(slot.from), date(slot.to));
        json!({ "from": from, "to": to, "sessions": slot.sessions })
    };
    Cell::Json(slots.iter().map(slot).collect())
}
