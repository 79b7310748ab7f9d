//! `sessionctl index remove`

use sessionctl::index::{IndexSpec, TtlIndexes};

use super::looked::{Looked, print_changed, print_now};
use crate::console::confirm::{Confirmed, Question, Yes, ask};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::text::neutral;
use crate::context::Context;

pub async fn run(context: &Context, looked: Looked, yes: Yes) -> Result<Exit, Failure> {
    let store = &looked.store;
    let TtlIndexes { own, others, .. } = store.ttl_indexes().await.doing(&looked.action)?;
    let names: Vec<&str> = own.iter().map(IndexSpec::name).collect();
    let those = if looked.is_idle { "idle" } else { "expired" };
    let then = match others.is_empty() {
        true => format!("The server then no longer deletes {those} sessions."),
        false => {
            format!("The server then still deletes sessions by the TTL index {}.", named(&others))
        }
    };
    let stays = || {
        if !others.is_empty() {
            let named = named(&others);
            context.note("note", format!("the server still deletes by the TTL index {named}"));
        }
    };
    if names.is_empty() {
        context.say_done(&format!("{} has no TTL index to remove", store.namespace()))?;
        stays();
        print_changed(context, store, &looked.status)?;
        return Ok(Exit::Done);
    }
    let name = names.join(" and ");
    let namespace = store.namespace();
    let question = format!("Remove the TTL index {name} of {namespace}? {then}");
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
    stays();
    print_now(context, &looked).await
}

/// Such as `created_1 on createdAt and ip_1 on ip`.
fn named(indexes: &[IndexSpec]) -> String {
    let each = indexes.iter().filter_map(|index| Some((index.name(), index.field()?)));
    let each: Vec<_> = each.map(|(name, field)| format!("{name} on {field}")).collect();
    neutral(&each.join(" and ")).into_owned()
}
