//! `sessionctl index remove`

use sessionctl::index::{IndexSpec, STAND_IN};

use super::looked::{Looked, print_changed, print_now};
use crate::console::confirm::{Confirmed, Question, Yes, ask};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::context::Context;

pub async fn run(context: &Context, looked: Looked, yes: Yes) -> Result<Exit, Failure> {
    let store = &looked.store;
    let found = looked.status.found.as_ref().filter(|index| index.is_ttl());
    // What an interrupted installation left deletes sessions as well.
    let stands_in = !looked.is_idle && store.has_index(STAND_IN).await.doing(&looked.action)?;
    let names = found.map(IndexSpec::name).into_iter().chain(stands_in.then_some(STAND_IN));
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        context.say_done(&format!("{} has no TTL index to remove", store.namespace()))?;
        print_changed(context, store, &looked.status)?;
        return Ok(Exit::Done);
    }
    let name = names.join(" and ");
    let namespace = store.namespace();
    let those = if looked.is_idle { "idle" } else { "expired" };
    let question = format!(
        "Remove the TTL index {name} of {namespace}? The server then no longer deletes {those} sessions."
    );
    let done = format!("removed the TTL index {name} of {namespace}");
    let question = Question::TypeNamespace(question, namespace);
    let beforehand = Confirmed::by_flag(yes);
    if beforehand.is_none() {
        looked.check_rights(context, &["dropIndex"]).await?;
    }
    let _: Confirmed = ask(beforehand, question, false, &context.signals).await?;
    for name in names {
        store.index_remove(name).await.doing(&looked.action)?;
    }
    context.say_done(&done)?;
    print_now(context, &looked).await
}
