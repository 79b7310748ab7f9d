//! Changes the indexes step by step, and shows the progress of builds.

use std::time::Duration;

use sessionctl::Store;
use sessionctl::index::{Change, Changing, Installed};

use crate::console::confirm::Confirmed;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::progress::Progress;
use crate::context::Context;

/// How often the progress is read from the server.
const LOOK: Duration = Duration::from_millis(500);
/// How long to wait after a signal for a change that was already sent, and how often to check for
/// it.
const MOMENT: Duration = Duration::from_millis(800);
const SOON: Duration = Duration::from_millis(20);

/// Changes the indexes. Returns the exit code of a command that left a build to the server.
pub async fn carry_out(
    context: &Context,
    store: &Store,
    action: &str,
    mut changing: Changing,
    _: &Confirmed,
) -> Result<Option<Exit>, Failure> {
    let asked = &context.signals.asked;
    // Nothing was started yet, so a signal leaves nothing behind.
    let mut change = match asked.run_until_cancelled(changing.next()).await {
        Some(change) => change.doing(action)?,
        None => return Ok(context.signals.stopped().map(|(_, exit)| exit)),
    };
    while let Some(next) = change {
        let built = match &next {
            Change::Build(index) | Change::Await(index) => Some(index.name().to_owned()),
            Change::Convert(_) | Change::Drop(_) => None,
        };
        let building = built.is_some();
        // In its own task, because a driver future must not be dropped.
        let mut work = tokio::spawn(async move {
            let outcome = changing.apply(&next).await;
            (changing, outcome)
        });
        let progress = Progress::building(context.global.quiet);
        let finished = loop {
            tokio::select! {
                finished = &mut work => break finished,
                () = asked.cancelled() => {
                    progress.finish();
                    let left = tokio::select! {
                        finished = &mut work => break finished,
                        () = listed(store, built.as_deref()), if building => Left::Building,
                        () = tokio::time::sleep(MOMENT) => Left::Unknown,
                    };
                    return Ok(Some(leave(context, store, left)));
                }
                () = tokio::time::sleep(LOOK), if building && progress.is_shown() => {
                    if let Ok(Some(far)) = store.index_building().await {
                        progress.at(far.done, far.total);
                    }
                }
            }
        };
        progress.finish();
        let Ok((changed, outcome)) = finished else {
            return Err(Failure::new(Exit::Failed, format!("could not {action}: a task was lost")));
        };
        outcome.doing(action)?;
        changing = changed;
        change = changing.next().await.doing(action)?;
    }
    context.say_done(&done(&store.namespace(), changing.done()))?;
    Ok(None)
}

/// Returns when the server has the index, complete or not.
async fn listed(store: &Store, name: Option<&str>) {
    let name = name.unwrap_or_default();
    while !matches!(store.has_index(name).await, Ok(true)) {
        tokio::time::sleep(SOON).await;
    }
}

/// What continues on the server after a signal.
#[derive(Debug, Clone, Copy)]
enum Left {
    /// A build, which the server continues without its client (seen on 4.4.2 and 6.0.5).
    Building,
    /// The server did not answer in time.
    Unknown,
}

fn leave(context: &Context, store: &Store, left: Left) -> Exit {
    let namespace = store.namespace();
    let what = match left {
        Left::Building => format!("the server continues to build the index of {namespace}"),
        Left::Unknown => format!("the server may still change the indexes of {namespace}"),
    };
    context.note("note", what);
    context.note("note", "run the command again to wait for the server and continue");
    context.signals.exit()
}

/// The sentence about a finished step.
fn done(namespace: &str, installed: Installed) -> String {
    match installed {
        Installed::Already => {
            format!("{namespace} already has the TTL index; nothing was changed")
        }
        Installed::Created => format!("created the TTL index of {namespace}"),
        Installed::Converted => {
            format!("converted the existing index of {namespace} to a TTL index")
        }
    }
}
