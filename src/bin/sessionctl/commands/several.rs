//! One command on several collections: a report for each, printed as one document.

use std::sync::Arc;

use crate::args::Uri;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output::{self, Joined};
use crate::console::report;
use crate::context::Context;

/// Runs a command on each of its collections, or on every one of the database. If one fails, the
/// others still run; the exit code is the worst.
pub async fn run(
    context: &Context,
    every_collection: bool,
    command: impl AsyncFn(&Context) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    if context.uri == Uri::Stdin {
        // stdin can be read only once.
        context.read_uri()?;
    }
    let (names, unread) = match every_collection {
        // Until something is changed, a signal ends the command at once.
        true => match context.signals.asked.run_until_cancelled(every(context)).await {
            Some(found) => found?,
            None => return Ok(context.signals.exit()),
        },
        false => (context.global.collection.clone(), Vec::new()),
    };
    let joined = Arc::new(Joined::default());
    let mut worst = Exit::Done;
    for failure in unread {
        report::fail(context.global.verbose, &failure);
        worst = worst.worse(failure.exit);
    }
    for name in names {
        match command(&context.on(&name, &joined)).await {
            Ok(exit) => worst = worst.worse(exit),
            // The reader of stdout is gone, but not what failed before.
            Err(failure) if failure.is_closed_pipe() => return Ok(worst),
            // It would be the same for every collection.
            Err(failure) if failure.exit == Exit::Usage => return Err(failure),
            Err(failure) => {
                report::fail(context.global.verbose, &failure);
                worst = worst.worse(failure.exit);
            }
        }
        if context.signals.stopped().is_some() {
            worst = worst.worse(context.signals.exit());
            break;
        }
    }
    match output::text(joined.end(context.global.format)) {
        Err(failure) if !failure.is_closed_pipe() => Err(failure),
        _ => Ok(worst),
    }
}

/// The collections of the database that hold sessions, and why others could not be read.
async fn every(context: &Context) -> Result<(Vec<String>, Vec<Failure>), Failure> {
    let own = context.named_layouts()?;
    let connection = context.connect().await?;
    let database = connection.database();
    let action = format!("look for sessions in {database}");
    let (surveyed, unread) = connection.survey(false, own.as_ref()).await.doing(&action)?;
    let unread: Vec<_> = unread.iter().map(|error| Failure::of(&action, error)).collect();
    let names: Vec<_> = surveyed
        .iter()
        .filter(|found| found.verdict.is_sessions())
        .filter_map(|found| found.verdict.namespace.strip_prefix(database)?.strip_prefix('.'))
        .map(str::to_owned)
        .collect();
    match names.is_empty() && unread.is_empty() {
        true => {
            let sentence = format!("could not find a collection with sessions in {database}");
            Err(Failure::new(Exit::Failed, sentence).hint("choose the database with -d"))
        }
        false => Ok((names, unread)),
    }
}
