//! One change of the indexes after the other, with the progress of what is built.

use std::time::Duration;

use sessionctl::Store;
use sessionctl::index::{Change, Changing};

use super::install::done;
use crate::confirm::Confirmed;
use crate::context::Context;
use crate::progress::Progress;
use crate::report::{Doing as _, Exit, Failure};

/// How often the server is asked how far it is.
const LOOK: Duration = Duration::from_millis(500);

/// Changes the indexes. Gives the exit of a command that left a build to the server.
pub async fn carry_out(
    context: &Context,
    store: &Store,
    action: &str,
    mut changing: Changing,
    _: &Confirmed,
) -> Result<Option<Exit>, Failure> {
    let asked = &context.signals.asked;
    let mut began = false;
    while let Some(change) = changing.next().await.doing(action)? {
        if asked.is_cancelled() && !began {
            return Ok(context.signals.received().map(Exit::Signal));
        }
        began = true;
        let built = match &change {
            Change::Build(index) | Change::Await(index) => Some(index.name().to_owned()),
            Change::Convert(_) | Change::Drop(_) => None,
        };
        let building = built.is_some();
        // A task of its own, because a driver's future must not be dropped.
        let mut work = tokio::spawn(async move {
            let outcome = changing.apply(&change).await;
            (changing, outcome)
        });
        let progress = Progress::building(context.global.quiet);
        let finished = loop {
            tokio::select! {
                finished = &mut work => break finished,
                () = asked.cancelled(), if building => {
                    progress.finish();
                    // It may be on its way yet.
                    let name = built.as_deref().unwrap_or_default();
                    while !work.is_finished() && !store.has_index(name).await.doing(action)? {
                        tokio::time::sleep(LOOK).await;
                    }
                    if work.is_finished() {
                        break work.await;
                    }
                    return Ok(Some(left(context, store)));
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
    }
    context.note("note", done(changing.done()));
    Ok(None)
}

/// The server goes on with a build whose client goes away (seen on 4.4.2 and 6.0.5).
fn left(context: &Context, store: &Store) -> Exit {
    let namespace = store.namespace();
    context.note("note", format!("the server goes on building the index of {namespace}"));
    context.note("note", "`sessionctl index install` waits for it and goes on");
    Exit::Signal(context.signals.received().unwrap_or_default())
}
