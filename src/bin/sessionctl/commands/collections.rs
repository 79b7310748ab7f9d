//! `sessionctl collections`

use sessionctl::collections::Surveyed;

use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output::{Cell, Row, Shape};
use crate::console::report;
use crate::context::Context;

/// Find the collections that hold sessions, and the layout of each
///
/// collections searches all databases that this login may see, or only the one in -d.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl collections
  sessionctl collections -d shop -o ndjson")]
pub struct Args {}

const HEADER: &[&str] = &["namespace", "layout", "certainty", "documents", "bytes", "ttl"];

pub async fn run(context: &Context) -> Result<Exit, Failure> {
    let own = context.named_layouts()?;
    let connection = context.connect().await?;
    let all = context.global.db.is_none();
    let action = "look for collections";
    let (surveyed, unread) = connection.survey(all, own.as_ref()).await.doing(action)?;
    let mut rows = context.rows(Shape::Many, HEADER);
    for error in &unread {
        report::fail(context.global.verbose, &Failure::of(action, error));
    }
    if surveyed.is_empty() {
        let other = if unread.is_empty() { "" } else { "other " };
        context.note("note", format!("no {other}collection here holds sessions of a known layout"));
    }
    for collection in surveyed {
        rows.row(row(&collection))?;
    }
    rows.finish()?;
    Ok(if unread.is_empty() { Exit::Done } else { Exit::Failed })
}

fn row(found: &Surveyed) -> Row {
    Row(vec![
        ("namespace", Cell::Text(found.verdict.namespace.clone())),
        ("layout", Cell::maybe(found.verdict.layouts(), |layouts| Cell::Text(layouts.name()))),
        ("certainty", Cell::Text(found.verdict.certainty.name().to_owned())),
        ("documents", Cell::maybe(found.documents, Cell::Count)),
        ("bytes", Cell::maybe(found.bytes, Cell::Count)),
        ("ttl", Cell::maybe(found.ttl, |ttl| Cell::Text(ttl.name().to_owned()))),
    ])
}
