//! What is particular to `fix`: which sessions have the fault, and what mending them means.

use std::time::Instant;

use serde_json::json;
use sessionctl::layout::Fault;
use sessionctl::purge::{Fate, Purge};
use sessionctl::query::Query;

use super::{Archiving, HEADER, Prepared, Report, Verifying, Working, count, nothing};
use crate::console::confirm::{Confirmed, Question, ask};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::text::{grouped, sessions};
use crate::context::{Context, Purpose};

/// Mends `fault` wherever it is.
pub async fn mend(
    context: &Context,
    working: &Working,
    archiving: &Archiving,
    fault: Fault,
) -> Result<Exit, Failure> {
    archiving.check()?;
    // Until something is written, a signal ends the command at once.
    let prepared = prepare(context, working, archiving, fault);
    let Some(prepared) = context.signals.asked.run_until_cancelled(prepared).await else {
        return Ok(Exit::Signal(context.signals.received().unwrap_or_default()));
    };
    let prepared = match prepared? {
        Ok(prepared) => prepared,
        Err(nothing) => return context.finish(HEADER, nothing.row_of("mended"), Ok(Exit::Done)),
    };
    if working.dry_run {
        return prepared.preview(context).await;
    }
    let confirmed = confirm(context, working, &prepared, fault).await?;
    prepared.work(context, working, archiving, &Verifying::default(), &confirmed).await
}

async fn prepare(
    context: &Context,
    working: &Working,
    archiving: &Archiving,
    fault: Fault,
) -> Result<Result<Prepared, Report>, Failure> {
    let began = Instant::now();
    let action = "fix sessions of";
    let Some(store) = context.store(action, Purpose::Changing).await? else {
        return nothing(context, action).await.map(Err);
    };
    let action = format!("{action} {}", store.namespace());
    let now = store.connection().primary_now().await.doing(&action)?;
    let mending = store.layout().mending(fault, now).map_err(|error| {
        Failure::of(&action, &error).hint("`sessionctl doctor` says what else can be done")
    })?;
    let fate = Fate::Mended(Box::new(mending.clone()));
    let mut purge = working.pacing.paced(Purge::new(Query::default(), fate, now, now));
    purge.archive = archiving.is_wanted();
    working.pacing.check_lag(context, &store, &action).await?;
    let mut report = Report::new(store.namespace(), Some(store.layout().name.clone()), now);
    report.matched = Some(count(context, &store, &purge).await.doing(&action)?);
    let over = store.count_over(&purge, &mending).await.doing(&action)?;
    let unclear = store.count_unclear(&mending).await.doing(&action)?;
    report.took = began.elapsed();
    if over > 0 {
        let text = match over {
            1 => "1 of them is over as soon as it has a date".to_owned(),
            over => format!("{} of them are over as soon as they have a date", grouped(over)),
        };
        context.note("note", text);
    }
    let end = end(unclear, &action);
    Ok(Ok(Prepared { store, purge, report, selection: selection(fault), end }))
}

async fn confirm(
    context: &Context,
    working: &Working,
    prepared: &Prepared,
    fault: Fault,
) -> Result<Confirmed, Failure> {
    let matched = prepared.report.matched.unwrap_or_default();
    if matched == 0 {
        return Ok(Confirmed::nothing_matched());
    }
    if working.yes {
        return Ok(Confirmed::by_flag());
    }
    let (those, namespace) = (sessions(matched), prepared.store.namespace());
    let text = match fault {
        Fault::ExpiryType => format!("give {those} of {namespace} a date as expiry?"),
        Fault::Endless(_) => format!("give {those} of {namespace} that never end an expiry?"),
    };
    ask(Question::YesNo(text), false, &context.signals).await
}

fn selection(fault: Fault) -> serde_json::Value {
    match fault {
        Fault::ExpiryType => json!({ "fault": "expiry-type" }),
        Fault::Endless(lifetime) => {
            json!({ "fault": "endless", "lifetime_seconds": lifetime.as_secs_f64() })
        }
    }
}

/// What nobody can read for sure is left, and then the command fails, having mended the others.
fn end(unclear: u64, action: &str) -> Result<Exit, Failure> {
    if unclear == 0 {
        return Ok(Exit::Done);
    }
    let those = match unclear {
        1 => "1 text or number".to_owned(),
        unclear => format!("{} texts or numbers", grouped(unclear)),
    };
    let sentence = format!(
        "could not {action} whose expiry has more than one meaning, or none: {those} left alone"
    );
    Err(Failure::new(Exit::Failed, sentence)
        .hint("`sessionctl list --malformed` shows them, `purge --malformed` deletes them"))
}
