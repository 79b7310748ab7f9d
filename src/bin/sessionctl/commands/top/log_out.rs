//! Logs out one session, with a purge of its documents that repeats the user named in the question.

use std::sync::Arc;

use sessionctl::collections::{Choice, Purpose};
use sessionctl::purge::{Action, Purge};
use sessionctl::top::Entry;
use sessionctl::{Error, Query, Selection, Store};

use crate::args::SelectionArgs;
use crate::audit::Audit;
use crate::commands::apply::{Applied, Job, Means, VerifyArgs};
use crate::commands::control::Control;
use crate::console::confirm::Confirmed;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::signals::Signals;
use crate::console::text::neutral;
use crate::context::selected::written;

/// The session to log out, and what is needed for it.
pub struct LogOut {
    pub store: Store,
    pub line: Entry,
    /// Whether the operator named the layout.
    pub named: bool,
    pub audit: Arc<Audit>,
    pub signals: Signals,
}

/// The session in the words of the question: its short id, and its user.
pub fn name(line: &Entry) -> String {
    let user = line.session.user.as_ref().map(|user| format!(" of user {}", neutral(user)));
    format!(
        "session {}{}",
        neutral(line.session.id.clone().shortened(line.session.user.as_deref()).as_str()),
        user.unwrap_or_default()
    )
}

impl LogOut {
    /// The sentence that reports the log-out.
    pub async fn carry_out(self, confirmed: Confirmed) -> Result<String, Failure> {
        let Self { store, line, .. } = &self;
        let name = name(line);
        let action = format!("log out {name}");
        check_layout(store, self.named).await.doing(&action)?;
        let now = store.primary_now().await.doing(&action)?;
        let user = line.session.user.clone();
        let query = Query { users: user.clone().map(Into::into), ..Query::default() };
        let selection = Selection::new(query, now);
        let id = line.session.id.full();
        let mut keys = vec![line.key.clone()];
        if store.layouts().iter().any(|layout| layout.id.path != "_id") {
            // The store would find another document of the same session.
            let others = store.keys_of(&id).await.doing(&action)?;
            keys.extend(others.into_iter().filter(|key| *key != line.key));
        }
        let documents = keys.len() as u64;
        let selection = Selection { keys: Some(keys), ..selection };
        let purge = Purge::new(selection, store.way_out(now));
        let is_deleted = purge.action == Action::Delete;
        let ids = vec![id];
        let user = user.into_iter().collect();
        let typed = SelectionArgs { ids, user, ..SelectionArgs::default() };
        let mut job = Job::new(store.clone(), purge, written(&typed, now), action.clone());
        job.report.matched = Some(documents);
        // The view owns the screen, so there is no progress bar.
        let quiet = true;
        let control = Control::none(job.purge.pace, &self.signals, quiet);
        let means = Means::new(&self.signals, quiet, &self.audit, &control);
        let Applied { report, outcome } =
            job.apply(means, &VerifyArgs::default(), &confirmed).await?;
        outcome?;
        match report.done {
            Some(1..) if is_deleted => Ok(format!("logged out {name}: the session is deleted")),
            Some(1..) => Ok(format!("logged out {name}: the session is expired")),
            _ => Err(Failure::new(
                Exit::Failed,
                format!(
                    "could not {action}: the session was renewed, ended or removed in the meantime"
                ),
            )),
        }
    }
}

/// Why sessions of `store` cannot be logged out. This is checked before the question, so that
/// nobody confirms something that must fail. An unreachable server is not a reason.
pub async fn refusal(store: &Store, named: bool) -> Option<Failure> {
    let action = format!("log out sessions of {}", store.namespace());
    match check_layout(store, named).await {
        Err(error) if !error.is_transient() => return Some(Failure::of(&action, &error)),
        _ => {}
    }
    let now = store.now().await.ok()?;
    let right = match store.way_out(now) {
        Action::Delete => "remove",
        Action::Expire | Action::Fix(_) => "update",
    };
    let (login, right) = store.connection().lacking(store.name(), &[right]).await?;
    let namespace = store.namespace();
    let sentence =
        format!("could not {action}: the login {login} lacks the right {right} on {namespace}");
    Some(Failure::new(Exit::Failed, sentence))
}

/// A write requires a certain layout, or one that the operator named.
async fn check_layout(store: &Store, named: bool) -> Result<(), Error> {
    let named = named.then(|| store.layouts());
    let connection = store.connection();
    let choice = connection.choose_layouts(store.name(), named, None, Purpose::Changing).await?;
    let certain = choice.certain()?;
    match &choice {
        // Another store may have written documents in the meantime.
        Choice::Detected { verdict, .. } if certain.name() != store.layouts().name() => {
            Err(verdict.clone().into())
        }
        _ => Ok(()),
    }
}
