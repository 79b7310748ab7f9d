//! The output of a dry run: the report, a sample, and how the sessions would be found.

use std::time::{Duration, Instant};

use sessionctl::purge::Purge;
use sessionctl::store::{Reading, documents};
use sessionctl::{Key, Store};

use super::batches::WALK;
use super::job::Job;
use super::report::HEADER;
use crate::args::Format;
use crate::commands::list;
use crate::console::failure::{Doing as _, Failure};
use crate::console::output::{self, Cell, Row, Shape};
use crate::context::Context;

/// How many sessions are shown.
const SAMPLE: usize = 5;
/// How many sessions are read to measure the time.
const TIMED: u64 = 2000;
/// How many of them are looked up to measure the time.
const LOOKED_UP: usize = 1000;

/// Prints what would be done.
pub async fn print(context: &Context, job: &Job) -> Result<(), Failure> {
    let Job { store, purge, report, action, .. } = job;
    let plan = store.plan(purge).await.doing(action)?;
    let Sample { rows: mut sample, keys, reading } =
        sample(context, store, purge).await.doing(action)?;
    let cost = store.cost(purge, &keys).await.doing(action)?;
    let matched = report.matched.unwrap_or(0);
    let estimate = cost.estimate(purge, plan.strategy, matched, reading);
    let mut row = report.row();
    let (strategy, walks) = (plan.strategy.to_string(), plan.walks);
    row.0.push(("strategy", Cell::Text(strategy)));
    row.0.push(("plan", Cell::maybe(plan.winning, Cell::Text)));
    row.0.push(("estimate", Cell::Seconds(estimate.as_secs_f64())));
    if walks {
        context.note("warning", WALK);
    }
    output::tell_apart(&mut sample);
    let is_table = context.global.format == Format::Table;
    if !is_table {
        row.0.push(("sample", Cell::Json(sample.iter().map(Row::json).collect())));
    }
    let sentence = report.preview(estimate);
    context.report(HEADER, row, &sentence)?;
    if !is_table || context.global.quiet || sample.is_empty() {
        return Ok(());
    }
    output::text("\n")?;
    let mut rows = context.rows(Shape::Many, &list::HEADER).now(purge.selection.now);
    sample.into_iter().try_for_each(|session| rows.row(session))?;
    rows.finish()
}

/// Some of the sessions, the keys of more of them, and how long it takes to read one.
struct Sample {
    rows: Vec<Row>,
    keys: Vec<Key>,
    reading: Duration,
}

async fn sample(context: &Context, store: &Store, purge: &Purge) -> sessionctl::Result<Sample> {
    let (selection, layouts) = (&purge.selection, store.layouts());
    let limit = if selection.needs_payload() { 0 } else { TIMED };
    let began = Instant::now();
    let reading = Reading { limit, ..Reading::default() };
    let (mut rows, mut keys, mut read) = (Vec::new(), Vec::new(), 0_u32);
    'reading: for filter in purge.filter(layouts)? {
        let mut batches = store.read(filter, &reading).await?;
        while let Some(batch) = batches.next().await? {
            for document in documents(&batch) {
                read += 1;
                if keys.len() < LOOKED_UP {
                    keys.extend(Key::of(document));
                }
                if rows.len() < SAMPLE
                    && let Some(session) = selection.session(layouts, document)
                {
                    rows.push(list::row(session, context.global.full_ids));
                }
            }
            if u64::from(read) >= TIMED && rows.len() == SAMPLE {
                break 'reading;
            }
        }
    }
    let reading = began.elapsed().div_f64(f64::from(read.max(1)));
    Ok(Sample { rows, keys, reading })
}
