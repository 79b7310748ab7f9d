//! `sessionctl top`

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{Event, KeyEventKind};
use sessionctl::Store;
use sessionctl::top::Wanted;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::args::Format;
use crate::args::interval;
use crate::audit::{Audit, AuditArgs};
use crate::console::failure::{Exit, Failure};
use crate::console::report::say;
use crate::context::{Context, Purpose};

mod frame;
mod labels;
mod log_out;
mod reading;
mod screen;
mod view;

use log_out::LogOut;
use reading::{Asking, Poller, Update};
use screen::Screen;
use view::{Act, View};

/// Watch a collection live, and log out single sessions
///
/// top shows the number of sessions in each state, how many are created and removed per second, the
/// newest sessions, and what the TTL monitor and the sweepers do.
///
/// Keys: arrows, j, k, page up, page down, home and end move, Enter inspects a session, / filters by user or by
/// an id prefix of at least 8 characters, s filters by state, x or d logs the selected session out after
/// a confirmation, p pauses, + refreshes half as often, - twice as often, ? shows help, and q, Esc or
/// Ctrl-C quit.
///
/// The rates cover the last ten seconds. Created counts sessions added at the end of the storage order
/// ($natural) since the last refresh. Removed is that number minus the growth of the collection. The states
/// are counted with the index on the expiry if there is one, otherwise by scanning the collection (a
/// sample of it above two million sessions); after each count, top pauses counting for ten times as long
/// as the count took. The deletes of the TTL monitor are the server's own counter, for all collections.
/// Values that this login lacks the rights to read are shown as unknown.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl top
  sessionctl top --interval 10s -d shop
  sessionctl top --audit /var/log/sessionctl.ndjson")]
pub struct Args {
    /// Refresh every DURATION
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = interval, allow_negative_numbers = true)]
    interval: Duration,

    #[command(flatten)]
    audit: AuditArgs,
}

/// How many sessions are kept for the screen.
const ROWS: usize = 100;
/// The maximum time between redraws, because the screen shows the age of its data.
const TICK: Duration = Duration::from_millis(500);

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let is_drawable = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    if !io::stdout().is_terminal() || !is_drawable {
        return Err(Failure::new(Exit::Usage, "top requires a terminal")
            .hint("`sessionctl stats -o json` prints the counts for programs"));
    }
    if context.global.format != Format::Table {
        return Err(Failure::new(Exit::Usage, "top does not support --format")
            .hint("`sessionctl stats -o json` prints the counts for programs"));
    }
    let audit = Audit::open(&args.audit, &context.command_line)?;
    let poller = match context.signals.asked.run_until_cancelled(poller(context)).await {
        Some(poller) => poller?,
        None => return Ok(context.signals.exit()),
    };
    let mut live = Live::start(context, args, poller, audit);
    let outcome = live.watch().await;
    // A log-out in progress is finished, and its result is printed after the view is closed.
    let finished = live.finish().await;
    outcome.and_then(|exit| finished.map(|()| exit))
}

async fn poller(context: &Context) -> Result<Poller, Failure> {
    let store = context.store("watch", Purpose::Reading).await?;
    let connection = match &store {
        Some(store) => store.connection().clone(),
        None => context.connect().await?,
    };
    let named = context.named_layouts()?;
    let (collection, lifetime) = (context.collection().to_owned(), context.global.lifetime);
    let user_path = context.global.user_path.clone();
    Ok(Poller { store, connection, collection, named, lifetime, user_path })
}

/// The running view. It waits only for keys and for data.
struct Live<'a> {
    context: &'a Context,
    view: View,
    store: Option<Store>,
    named: bool,
    audit: Arc<Audit>,
    asking: watch::Sender<Asking>,
    sender: mpsc::Sender<Update>,
    updates: mpsc::Receiver<Update>,
    ending: Option<JoinHandle<Result<String, Failure>>>,
    /// When the last snapshot arrived, and when the current one began.
    seen: Instant,
    began: Option<Instant>,
}

impl<'a> Live<'a> {
    fn start(context: &'a Context, args: &Args, poller: Poller, audit: Audit) -> Self {
        let namespace = format!("{}.{}", poller.connection.database(), poller.collection);
        let mut view = View::new(namespace, context.global.full_ids, args.interval);
        view.wanted = Wanted { limit: ROWS, ..Wanted::default() };
        let (asking, asked) = watch::channel(view.asking());
        // Bounded, so that a slow terminal slows down reading.
        let (sender, updates) = mpsc::channel(16);
        let named = poller.named.is_some();
        tokio::spawn(poller.poll(asked, sender.clone()));
        Self {
            context,
            view,
            store: None,
            named,
            audit: Arc::new(audit),
            asking,
            sender,
            updates,
            ending: None,
            seen: Instant::now(),
            began: None,
        }
    }

    /// Runs until the view is closed.
    async fn watch(&mut self) -> Result<Exit, Failure> {
        let color = console::colors_enabled();
        let mut screen = Screen::open(color).map_err(|error| Failure::stdout(&error))?;
        let mut events = screen::events();
        loop {
            (self.view.age, self.view.waiting) =
                (self.seen.elapsed(), self.began.map(|began| began.elapsed()));
            if let Err(error) = screen.draw(|frame| frame::draw(&mut self.view, color, frame)) {
                return self.lost(&error).await;
            }
            if self.view.question_was_drawn() {
                // Keys typed before the question appeared must not answer it.
                while events.try_recv().is_ok() {}
            }
            tokio::select! {
                () = self.context.signals.asked.cancelled() => return Ok(self.context.signals.exit()),
                event = events.recv() => match event {
                    Some(Ok(event)) => if self.take(&event) {
                        return Ok(Exit::Done);
                    },
                    Some(Err(error)) => return self.lost(&error).await,
                    None => return self.lost(&io::ErrorKind::UnexpectedEof.into()).await,
                },
                update = self.updates.recv() => {
                    if let Some(update) = update {
                        self.learn(update);
                    }
                }
                outcome = ended(&mut self.ending) => self.logged_out(outcome),
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// The terminal is gone: its signal may arrive in a moment.
    async fn lost(&self, error: &io::Error) -> Result<Exit, Failure> {
        let moment = tokio::time::sleep(Duration::from_secs(1));
        match self.context.signals.asked.run_until_cancelled(moment).await {
            None => Ok(self.context.signals.exit()),
            Some(()) => Err(Failure::stdout(error)),
        }
    }

    /// Whether the view is closed.
    fn take(&mut self, event: &Event) -> bool {
        let Event::Key(key) = event else { return false };
        if key.kind == KeyEventKind::Release {
            return false;
        }
        match self.view.key(*key) {
            Act::Nothing => {}
            Act::Leave => return true,
            Act::Ask => {
                self.asking.send_replace(self.view.asking());
            }
            Act::Inspect(line) => {
                if let Some(store) = self.store.clone() {
                    let full_ids = self.context.global.full_ids;
                    tokio::spawn(reading::inspect(store, line, full_ids, self.sender.clone()));
                }
            }
            Act::LogOut(line, confirmed) => {
                if let Some(store) = self.store.clone() {
                    let (audit, signals) = (self.audit.clone(), self.context.signals.clone());
                    let log_out = LogOut { store, line, named: self.named, audit, signals };
                    self.ending = Some(tokio::spawn(log_out.carry_out(confirmed)));
                    self.view.is_ending = true;
                }
            }
        }
        false
    }

    fn learn(&mut self, update: Update) {
        match update {
            Update::Store(store, refusal) => {
                self.view.found(&store.layouts().name(), refusal);
                self.store = Some(*store);
            }
            Update::Began => self.began = Some(Instant::now()),
            Update::Snapshot(snapshot, wanted) => {
                (self.seen, self.began) = (Instant::now(), None);
                let way_out = self.store.as_ref().map(|store| store.way_out(snapshot.now));
                self.view.take_snapshot(*snapshot, &wanted, way_out);
            }
            Update::Trouble(why) => {
                self.began = None;
                self.view.trouble = Some(why);
            }
            Update::Counts(counts) => self.view.take_counts(counts),
            Update::Inspected(lines) => self.view.inspected(lines),
        }
    }

    fn logged_out(&mut self, outcome: Result<String, Failure>) {
        self.view.is_ending = false;
        self.view.notice = Some(outcome.unwrap_or_else(|failure| failure.in_one_line()));
        // Show the result at once.
        self.asking.send_replace(self.view.asking());
    }

    /// Waits for a running log-out, and reports its result.
    async fn finish(&mut self) -> Result<(), Failure> {
        if self.ending.is_some() {
            say("note", ended(&mut self.ending).await?);
        }
        Ok(())
    }
}

/// The result of the running log-out; waits forever if there is none.
async fn ended(
    ending: &mut Option<JoinHandle<Result<String, Failure>>>,
) -> Result<String, Failure> {
    let Some(task) = ending else { return std::future::pending().await };
    let outcome = task.await;
    *ending = None;
    outcome.unwrap_or_else(|_| Err(Failure::new(Exit::Failed, "could not log the session out")))
}
