//! `sessionctl index remove`

use super::looked::{Looked, print, print_now};
use crate::console::confirm::{Confirmed, Question, Yes, ask};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::context::Context;

pub async fn run(context: &Context, looked: Looked, yes: Yes) -> Result<Exit, Failure> {
    let store = &looked.store;
    let Some(index) = looked.status.found.as_ref().filter(|index| index.is_ttl()) else {
        context.note("note", "there is no TTL index to remove");
        print(context, store, &looked.status)?;
        return Ok(Exit::Done);
    };
    let name = index.name();
    let namespace = store.namespace();
    let question = format!(
        "remove the index {name}? The server then deletes no expired session of {namespace} by itself."
    );
    let question = Question::TypeNamespace(question, namespace);
    let _: Confirmed = ask(Confirmed::by_flag(yes), question, false, &context.signals).await?;
    store.index_remove(name).await.doing(&looked.action)?;
    context.note("note", "the TTL index was removed");
    print_now(context, &looked).await
}
