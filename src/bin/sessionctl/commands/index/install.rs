//! `sessionctl index install` and `replace`: count what the server will delete, ask, purge a large
//! backlog, and change the indexes.

use bson::doc;
use serde_json::json;
use sessionctl::index::{Aim, IndexSpec, TtlState};
use sessionctl::{State, Store};

use super::drain::Drained;
use super::looked::{Change, Looked, print_changed, print_now};
use super::steps;
use crate::console::confirm::{Confirmed, Question, ask};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::text::{counted, grouped, sessions};
use crate::context::Context;
use crate::context::words::Words;

pub async fn run(
    context: &Context,
    looked: Looked,
    aim: Aim,
    change: &Change,
) -> Result<Exit, Failure> {
    let (store, action) = (&looked.store, &looked.action);
    change.drain.throttle.control.check()?;
    let replaces = aim == Aim::Replace && looked.status.state == TtlState::Differs;
    if looked.status.state != TtlState::Missing && !replaces {
        return nothing_to_do(context, &looked, aim, change).await;
    }
    let asked = &context.signals.asked;
    let outlook = match asked.run_until_cancelled(outlook(context, &looked, change)).await {
        Some(outlook) => outlook?,
        None => return Ok(context.signals.exit()),
    };
    let drains = change.drain.is_wanted(outlook.deletes);
    let changing = store.index_changing(aim, looked.lifetime);
    // Everything that can fail is checked before the question.
    let audit = change.drain.audit(context)?;
    // Without the right to build it, a replacement would leave no index.
    if replaces || Confirmed::by_flag(change.confirming.yes).is_none() {
        let mut rights = changing.rights().await.doing(action)?;
        rights.extend(drains.then_some("remove"));
        looked.check_rights(context, &rights).await?;
    }
    let confirmed = match replaces {
        true => confirm_replacing(context, &looked, change, &outlook, drains).await?,
        false => confirm_installing(context, &looked, change, &outlook, drains).await?,
    };
    if let Some(doomed) = outlook.doomed.as_ref().filter(|_| drains) {
        let what = looked.drained();
        let draining = change.drain.carry_out(context, doomed, &what, action, &audit, &confirmed);
        if let Some(stopped) = draining.await? {
            return Ok(stopped);
        }
    }
    match steps::carry_out(context, store, action, changing, &confirmed).await? {
        Some(stopped) => Ok(stopped),
        None => print_now(context, &looked).await,
    }
}

impl Looked {
    /// The sessions that the index is for.
    fn drained(&self) -> Drained {
        let idle = self.lifetime.filter(|_| self.is_idle);
        match idle.map(|idle| idle.as_secs_f64()) {
            Some(seconds) => Drained {
                kind: "idle",
                selection: json!({ "state": "endless", "idle_seconds": seconds }),
            },
            None => Drained { kind: "expired", selection: json!({ "state": "expired" }) },
        }
    }
}

/// The index exists, or another one is in the way: the library reports which.
async fn nothing_to_do(
    context: &Context,
    looked: &Looked,
    aim: Aim,
    change: &Change,
) -> Result<Exit, Failure> {
    let (store, no_more) = (&looked.store, Outlook::default());
    let nothing = confirm_installing(context, looked, change, &no_more, false).await?;
    let changing = store.index_changing(aim, looked.lifetime);
    match steps::carry_out(context, store, &looked.action, changing, &nothing).await {
        Ok(Some(stopped)) => Ok(stopped),
        Ok(None) => print_now(context, looked).await,
        Err(failure) => {
            print_changed(context, store, &looked.status)?;
            Err(failure)
        }
    }
}

/// What the wanted index would delete at once, beyond what the existing one deletes.
#[derive(Default)]
struct Outlook {
    /// The sessions as the index sees them.
    doomed: Option<Store>,
    /// How many sessions the server deletes.
    deletes: u64,
    /// How many foreign documents it deletes with them: an index does not check the layout.
    foreign: u64,
    /// How many of them the existing index would keep.
    ends: u64,
}

async fn outlook(context: &Context, looked: &Looked, change: &Change) -> Result<Outlook, Failure> {
    let (store, action) = (&looked.store, &looked.action);
    change.drain.throttle.check_lag(context, store, action).await?;
    let now = store.primary_now().await.doing(action)?;
    context.warn_of_clocks(store.connection());
    let wanted = looked.status.wanted.clone().map(IndexSpec);
    let doomed = wanted.and_then(|wanted| store.deleted_by(&wanted));
    let over = |store: &Store| store.layouts().filter(State::Expired, now);
    let members = store.layouts().membership();
    let (deletes, foreign) = match &doomed {
        Some(doomed) => {
            let sessions = doc! { "$and": [over(doomed), &members] };
            let foreign = doc! { "$and": [over(doomed), { "$nor": [&members] }] };
            (store.count(sessions).await, store.count(foreign).await)
        }
        None => (Ok(0), Ok(0)),
    };
    let (deletes, foreign) = (deletes.doing(action)?, foreign.doing(action)?);
    // Sessions that the existing index deletes anyway are not ended by the new one.
    let found = looked.status.found.as_ref();
    let anyway = found.and_then(|found| store.deleted_by(found)).map(|store| over(&store));
    let ends = match (&doomed, anyway) {
        (Some(doomed), Some(anyway)) => {
            let kept = doc! { "$and": [over(doomed), members, { "$nor": [anyway] }] };
            store.count(kept).await.doing(action)?
        }
        _ => deletes,
    };
    Ok(Outlook { doomed, deletes, foreign, ends })
}

async fn confirm_installing(
    context: &Context,
    looked: &Looked,
    change: &Change,
    outlook: &Outlook,
    drains: bool,
) -> Result<Confirmed, Failure> {
    if let Some(confirmed) = Confirmed::by_count(outlook.deletes + outlook.foreign) {
        return Ok(confirmed);
    }
    let kind = looked.drained().kind;
    let those = Words::of_kind(kind).counted(outlook.deletes);
    // Idle sessions can still log in, and documents that are no sessions may be anything, so `--drain` does
    // not confirm deleting them.
    let is_of_dead = !looked.is_idle && outlook.foreign == 0;
    let outlook = outcome(&those, outlook.foreign, drains);
    let namespace = looked.store.namespace();
    let by_drain = || change.drain.confirmed().filter(|_| is_of_dead);
    let beforehand = Confirmed::by_flag(change.confirming.yes).or_else(by_drain);
    if beforehand.is_some() {
        context.note("note", format!("with the TTL index of {namespace}, {outlook}"));
    }
    let question = format!("Install the TTL index of {namespace}? {}.", sentence(&outlook));
    ask(beforehand, Question::YesNo(question), false, &context.signals).await
}

async fn confirm_replacing(
    context: &Context,
    looked: &Looked,
    change: &Change,
    outlook: &Outlook,
    drains: bool,
) -> Result<Confirmed, Failure> {
    let found = looked.status.found.as_ref().map_or("", IndexSpec::name);
    let ends = match outlook.ends {
        0 => String::new(),
        ends => format!("; {found} would still keep {} of them", grouped(ends)),
    };
    let those = sessions(outlook.deletes);
    let outlook = outcome(&those, outlook.foreign, drains) + &ends;
    let namespace = looked.store.namespace();
    let beforehand = Confirmed::by_flag(change.confirming.yes);
    if beforehand.is_some() {
        context.note("note", format!("with the new TTL index of {namespace}, {outlook}"));
    }
    let question = format!("Replace the index {found} of {namespace}? {}.", sentence(&outlook));
    let question = Question::TypeNamespace(question, namespace);
    ask(beforehand, question, false, &context.signals).await
}

/// What happens to the sessions that the index is for.
fn outcome(those: &str, foreign: u64, drains: bool) -> String {
    let others = match foreign {
        0 => String::new(),
        foreign => format!("{} that are not sessions", counted(foreign, "document")),
    };
    match (drains, foreign) {
        (true, 0) => format!("sessionctl first purges {those}"),
        (true, _) => format!("sessionctl first purges {those}; the server deletes {others}"),
        (false, 0) => format!("the server deletes {those} within about a minute"),
        (false, _) => format!("the server deletes {those} and {others} within about a minute"),
    }
}

fn sentence(outcome: &str) -> String {
    outcome.strip_prefix("the ").map_or_else(|| outcome.to_owned(), |rest| format!("The {rest}"))
}
