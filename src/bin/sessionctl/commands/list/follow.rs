//! `sessionctl list --follow`

use std::time::Duration;

use bson::DateTime;
use sessionctl::follow::{Event, Following, Means, Step};
use sessionctl::payload::time;
use sessionctl::query::Elsewhere;
use sessionctl::{SessionId, ShortId, Store};
use signal_hook::consts::{SIGINT, SIGTERM};
use tokio::sync::mpsc;
use tokio::task::JoinError;

use super::columns::{self, More};
use super::{Args, row};
use crate::console::failure::{Doing as _, Exit, Failure, why};
use crate::console::output::{Cell, Row, Rows, Shape, is_closed};
use crate::context::{Context, Purpose};

/// The keys of an event's row.
const HEADER: [&str; 9] =
    ["time", "event", "id", "state", "expires", "touched", "created", "user", "bytes"];
/// The maximum number of rows that wait for the printer.
const AHEAD: usize = 64;
/// The number of sessions whose ids decide how much of an id is shown.
const COMPARED: usize = 1000;
/// How long the printer may take after an error.
const MOMENT: Duration = Duration::from_millis(500);

/// Prints events until a signal, or until stdout is closed.
pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let signals = &context.signals;
    match signals.asked.run_until_cancelled(follow(context, args)).await {
        Some(ended) => ended,
        // Signals are the usual way to end it.
        None if signals.received().is_some_and(|signal| [SIGINT, SIGTERM].contains(&signal)) => {
            Ok(Exit::Done)
        }
        None => Ok(signals.exit()),
    }
}

async fn follow(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let Some(store) = context.store("follow", Purpose::Reading).await? else {
        let sentence = format!(
            "could not follow {}: it is empty, so its layout is unknown",
            context.collection()
        );
        return Err(Failure::new(Exit::Failed, sentence).hint("choose one with --layout NAME"));
    };
    let action = format!("follow {}", store.namespace());
    columns::check(context, &args.columns, true, store.layouts())?;
    let now = store.now().await.doing(&action)?;
    let typed = &args.selection;
    let selected = context.selected("follow", &store, typed, now, Purpose::Reading).await?;
    selected.end(&store.namespace())?;
    let selection = selected.selection;
    let nobody = (0, Elsewhere::default());
    context.judge_listed(&action, &store, &selection, &selected.seen, nobody).await?;
    let cancel = context.signals.asked.clone();
    let mut following = store.follow(selection, cancel).await.doing(&action)?;

    let rows = context.rows(Shape::Lines, &HEADER).columns(&args.columns);
    let (sender, receiver) = mpsc::channel(AHEAD);
    let printer = Printer { rows, receiver };
    let mut printing = tokio::task::spawn_blocking(move || printer.print());
    let follower = Follower {
        context,
        action,
        more: More::of(&args.columns, store.namespace()),
        limit: args.limit.unwrap_or(0),
        store,
        is_away: false,
    };
    let ended = tokio::select! {
        printed = &mut printing => {
            return printed.unwrap_or_else(|error| Err(lost(&error))).map(|()| Exit::Done);
        }
        ended = follower.run(&mut following, sender) => ended,
    };
    // A slow reader gets every row; a signal still ends it at once. After an error, a reader that is
    // stuck does not delay the message.
    tokio::select! {
        printed = printing => printed.unwrap_or_else(|error| Err(lost(&error)))?,
        () = tokio::time::sleep(MOMENT), if ended.is_err() => {}
    }
    ended.map(|()| Exit::Done)
}

/// The printer panicked.
fn lost(error: &JoinError) -> Failure {
    Failure::new(Exit::Failed, format!("could not print: {error}"))
}

/// A message to the printer.
enum Message {
    /// Ids of present sessions: as much of each id is shown as distinguishes these.
    Ids(Vec<ShortId>),
    /// The row of an event, and the server's clock when it was seen.
    Row(Row, DateTime),
}

struct Follower<'a> {
    context: &'a Context,
    action: String,
    store: Store,
    more: More,
    limit: u64,
    is_away: bool,
}

impl Follower<'_> {
    async fn run(
        mut self,
        following: &mut Following,
        sender: mpsc::Sender<Message>,
    ) -> Result<(), Failure> {
        let mut events = 0;
        while let Some(step) = following.next().await.doing(&self.action)? {
            match step {
                Step::Event(event) => {
                    let message = Message::Row(self.row(*event), following.now());
                    events += 1;
                    if sender.send(message).await.is_err() || events == self.limit {
                        return Ok(());
                    }
                }
                Step::Began(means) => {
                    self.say_means(&means, following.is_complete());
                    let sessions = following.remembered(COMPARED).into_iter();
                    let ids = sessions.map(|one| one.id.shortened(one.user.as_deref())).collect();
                    let _ = sender.send(Message::Ids(ids)).await;
                }
                Step::Idle if is_closed() => return Ok(()),
                Step::Away { error, .. } if !self.is_away => {
                    self.is_away = true;
                    let text = format!("{}; retrying until the server is back", why(&error));
                    self.context.note("warning", text);
                }
                Step::Resumed if self.is_away => {
                    self.is_away = false;
                    self.context.note("note", "the server is back, and no change was lost");
                }
                Step::Lost(error) => {
                    self.is_away = false;
                    // What was seen before is compared only if all of it is remembered.
                    let next = match following.is_complete() {
                        true => "sessions that differ from what was seen before are listed next",
                        false => "the changes in between are not listed",
                    };
                    let text = format!(
                        "changes were lost, because the server no longer has them: {}; {next}",
                        why(&error)
                    );
                    self.context.note("warning", text);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn say_means(&self, means: &Means, is_complete: bool) {
        let (context, namespace) = (self.context, self.store.namespace());
        match means {
            Means::Stream => context.note("note", format!("following {namespace}")),
            Means::Scans { every, why } => {
                let seconds = every.as_secs();
                let text = format!(
                    "{why}: comparing {namespace} every {seconds} s; a session that is created and \
                     removed in between is not seen"
                );
                context.note("note", text);
            }
        }
        if !is_complete && context.global.verbose {
            let text = "the row of a removed session may contain only its id";
            context.note("note", text);
        }
    }

    fn row(&self, event: Event) -> Row {
        let full_ids = self.context.global.full_ids;
        let mut cells = vec![
            ("time", Cell::maybe(time(event.at), Cell::Text)),
            ("event", Cell::Text(event.change.name().to_owned())),
        ];
        match event.session {
            Some(session) => cells.extend(row(session, full_ids).0),
            None => {
                let id = |id: SessionId| match full_ids {
                    true => Cell::Id(id.full()),
                    false => Cell::Short(id.shortened(None)),
                };
                cells.push(("id", Cell::maybe(event.id, id)));
                let unknown = HEADER.into_iter().skip(cells.len());
                cells.extend(unknown.map(|key| (key, Cell::Null)).collect::<Vec<_>>());
            }
        }
        let mut row = Row(cells);
        match &event.document {
            Some(document) => {
                self.more.add(&mut row, self.store.layouts(), document);
            }
            None => self.more.add_nothing(&mut row),
        }
        row
    }
}

/// Prints on a separate thread, so that a slow reader does not delay signals.
struct Printer {
    rows: Rows<std::io::Stdout>,
    receiver: mpsc::Receiver<Message>,
}

impl Printer {
    fn print(mut self) -> Result<(), Failure> {
        while let Some(message) = self.receiver.blocking_recv() {
            match message {
                Message::Ids(mut ids) => self.rows.tell_apart_like(&mut ids),
                Message::Row(row, now) => {
                    self.rows.set_now(now);
                    self.rows.row(row)?;
                }
            }
        }
        self.rows.finish()
    }
}
