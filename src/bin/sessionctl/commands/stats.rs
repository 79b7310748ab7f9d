//! `sessionctl stats`

use bson::DateTime;
use serde_json::json;
use sessionctl::State;
use sessionctl::payload::time;
use sessionctl::stats::{Options, Slot, Stats};

use crate::context::{Context, Purpose};
use crate::output::{Cell, Row, Shape};
use crate::report::{Doing as _, Exit, Failure};

/// Count the sessions: states, sizes, ages, when they expire, and who has them
///
/// The server reads every session once. The users whom only the payload tells are counted in a
/// sample that is decoded here.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl stats
  sessionctl stats --sample 100000 -d shop
  sessionctl stats -o json | jq .expired")]
pub struct Args {
    /// Look at so many sessions taken at random, for a huge collection
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,

    /// Name so many of the users who have the most sessions
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
}

const HEADER: &[&str] = &[
    "namespace",
    "layout",
    "now",
    "sessions",
    "sampled_of",
    "expired",
    "live",
    "endless",
    "malformed",
    "bytes",
];

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let Some(store) = context.store("count", Purpose::Reading).await? else {
        context.note("note", format!("{} is empty", context.collection()));
        return Ok(Exit::Done);
    };
    let action = format!("count {}", store.namespace());
    let options = Options { sample: args.sample, top: args.top };
    let now = store.now().await.doing(&action)?;
    let stats = store.stats(&options, now).await.doing(&action)?;
    let mut rows = context.rows(Shape::One, HEADER);
    rows.row(row(&store.namespace(), &store.layout().name, &stats))?;
    rows.finish().map(|()| Exit::Done)
}

fn row(namespace: &str, layout: &str, stats: &Stats) -> Row {
    let count = |state| Cell::Count(stats.of(state).sessions);
    let date = |date| Cell::maybe(date, Cell::Time);
    let all = stats.all();
    Row(vec![
        ("namespace", Cell::Text(namespace.to_owned())),
        ("layout", Cell::Text(layout.to_owned())),
        ("now", Cell::Time(stats.now)),
        ("sessions", Cell::Count(all.sessions)),
        ("sampled_of", Cell::maybe(stats.sampled_of, Cell::Count)),
        ("expired", count(State::Expired)),
        ("live", count(State::Live)),
        ("endless", count(State::Endless)),
        ("malformed", count(State::Malformed)),
        ("bytes", Cell::Count(all.bytes)),
        ("expired_bytes", Cell::Count(stats.of(State::Expired).bytes)),
        ("mean_bytes", Cell::maybe(all.mean(), Cell::Count)),
        ("largest_bytes", Cell::maybe(all.mean().map(|_| all.largest), Cell::Count)),
        ("oldest_expired", date(stats.oldest_expired)),
        ("next_expiry", date(stats.next_expiry)),
        ("last_expiry", date(stats.expires.latest)),
        ("expiries", slots(&stats.expiries)),
        ("growth", slots(&stats.growth)),
        ("ages", slots(&stats.ages)),
    ])
}

fn slots(slots: &[Slot]) -> Cell {
    let date = |date: Option<DateTime>| date.and_then(time);
    let slot = |slot: &Slot| json!({ "from": date(slot.from), "to": date(slot.to), "sessions": slot.sessions });
    Cell::Json(slots.iter().map(slot).collect())
}
