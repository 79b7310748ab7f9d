//! `sessionctl list`

use bson::{Document, RawDocument, doc};
use sessionctl::query::{Elsewhere, Met};
use sessionctl::select::Judged;
use sessionctl::store::{Reading, SortKey, documents};
use sessionctl::{Key, Layouts, Selection, Session, SessionId, Store};
use tokio::sync::mpsc;

use crate::args::{EveryArgs, Format, OTHERS, SelectionArgs};
use crate::console::failure::{Doing as _, Exit, Failure, Refusal};
use crate::console::output::{Cell, Lines, Row, Rows, Shape};
use crate::console::progress::Progress;
use crate::console::text::{neutral, sessions};
use crate::context::selected::check_state;
use crate::context::{Context, Purpose};

mod columns;
pub mod follow;
mod sort;

use columns::More;
use sort::{Order, Sort};

/// List sessions
///
/// Without a selection, all sessions are listed, in storage order ($natural). A table shows the first
/// 50; the other formats print all of them as they are read.
///
/// Ids are shortened to 12 characters, or more where that is needed to keep the rows distinct, but never
/// to more than half of the id. In json, ndjson and csv, the length is fixed after 1,000 rows, so later
/// short ids may not be unique.
///
/// With --follow, sessions are listed as they change, from now on. The columns time and event come
/// first: event is created, renewed (its document was written), ended (rewritten with an expiry in
/// the past) or removed. When only the expiry of a session passes, its document does not change, so there is
/// no event until it is removed. json prints one object per line, and --limit ends it after N
/// events.
///
/// A TIME is RFC 3339 with a zone (2026-11-23T10:00:00Z), a date (2026-11-23, midnight UTC), or a
/// duration from now (-7d, +1h). A DURATION is a number of seconds, or has units: 90s, 15m, 1d12h.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl list
  sessionctl list --live --user 42 -d shop
  sessionctl list --idle 30d -o csv --columns id,user,touched > idle.csv
  sessionctl list --follow --user 42 -o ndjson")]
pub struct Args {
    /// Print at most N sessions; 0 prints all [default: 50 in a table, else 0]
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true)]
    limit: Option<u64>,

    /// Sort by KEY [default: storage order ($natural), which is fastest]
    #[arg(long, value_enum, value_name = "KEY")]
    sort: Option<Sort>,

    /// Reverse the order
    #[arg(long)]
    reverse: bool,

    /// Print only these columns, in this order. payload.PATH is the value at PATH of the payload,
    /// with secrets masked; ip and agent are at the places that the layout defines
    #[arg(long, value_delimiter = ',', value_name = "NAME,...", value_parser = columns::Parser)]
    columns: Vec<String>,

    /// List sessions as they are created, renewed, ended and removed, until a signal
    #[arg(long, conflicts_with_all = ["sort", "reverse", "foreign", "keep", "unmatched", "every_collection"])]
    pub follow: bool,

    /// List foreign documents instead: documents of the collection that are not sessions. Their ids may
    /// be secrets too, and are shortened unless --full-ids is given
    #[arg(long, conflicts_with_all = OTHERS.iter().chain(&["touch_slack", "all", "sort"]))]
    foreign: bool,

    #[command(flatten)]
    pub selection: SelectionArgs,

    #[command(flatten)]
    pub every: EveryArgs,
}

impl Args {
    /// Refuses a column that is named twice: the keys of an object differ.
    pub fn check(&self) -> Result<(), Refusal> {
        let columns = &self.columns;
        let again = (1..columns.len()).find(|at| columns[..*at].contains(&columns[*at]));
        match again.map(|at| &columns[at]) {
            Some(name) => {
                let sentence = format!("--columns names {} twice", neutral(name));
                Err(Refusal::Own(sentence, "name each column once"))
            }
            None => Ok(()),
        }
    }
}

/// The keys of a session's row.
pub const HEADER: [&str; 7] = ["id", "state", "expires", "touched", "created", "user", "bytes"];

/// The row of a session.
pub fn row(session: Session, full_ids: bool) -> Row {
    let id = match full_ids {
        true => Cell::Id(session.id.full()),
        false => Cell::Short(session.id.shortened(session.user.as_deref())),
    };
    Row(vec![
        ("id", id),
        ("state", Cell::State(session.state)),
        ("expires", Cell::maybe(session.expires, Cell::Time)),
        ("touched", Cell::maybe(session.touched, Cell::Time)),
        ("created", Cell::maybe(session.created, Cell::Time)),
        ("user", Cell::maybe(session.user, Cell::Text)),
        ("bytes", Cell::Count(session.bytes)),
    ])
}

/// The row of a foreign document, of which only `_id` and size are known.
fn foreign_row(document: &RawDocument, full_ids: bool) -> Row {
    let key = Key::of(document);
    let id = match (key.as_ref().and_then(Key::bson), key) {
        (Some(value), _) if full_ids => SessionId::new(value, "").full(),
        (_, key) => key.map(|key| key.short()).unwrap_or_default(),
    };
    Row(vec![
        ("id", Cell::Id(id)),
        ("state", Cell::Text("foreign".to_owned())),
        ("expires", Cell::Null),
        ("touched", Cell::Null),
        ("created", Cell::Null),
        ("user", Cell::Null),
        ("bytes", Cell::Count(document.as_bytes().len() as u64)),
    ])
}

/// How many sessions a table shows without --limit.
const TABLE_LIMIT: u64 = 50;
/// How many batches may wait for the printer, so that memory stays constant.
const AHEAD: usize = 1;

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let columns = context.columns_of_one(&args.columns, &HEADER);
    let rows = context.rows(Shape::Many, &HEADER).columns(&columns);
    let Some(store) = context.store("list", Purpose::Reading).await? else {
        context.note("note", context.has_no_documents());
        rows.finish()?;
        return context.end_of_nothing(&args.selection, context.collection());
    };
    let action = format!("list {}", store.namespace());
    columns::check(context, &args.columns, false, store.layouts())?;
    context.begin_table(Some(&store.namespace()))?;
    let now = store.now().await.doing(&action)?;
    let selected = context.selected("list", &store, &args.selection, now, Purpose::Reading).await?;
    check_state(&selected.selection.query, now)?;
    let selection = &context.ranked(&action, &store, selected.selection.clone()).await?;
    if let Some(sort) = args.sort {
        sort::check(sort, &store, selection, &action).await?;
    }
    note_derived_touches(context, store.layouts());
    context.note_user_places(&store);
    let limit = args.limit.unwrap_or(match context.global.format {
        Format::Table => TABLE_LIMIT,
        _ => 0,
    });
    let reading = Reading {
        sort: args.sort.map(SortKey::from),
        reverse: args.reverse,
        // Read one session more than is shown, to know whether there are more. If payloads are
        // checked here, the server cannot apply the limit.
        limit: if limit == 0 || selection.needs_payload() { 0 } else { limit.saturating_add(1) },
        ..Reading::default()
    };
    // Without another condition, checking membership doubles the server's time, and the documents
    // are decoded here anyway. With a limit, the first sessions are found quickly either way.
    let is_unfiltered = selection.is_of_all() && limit == 0 && args.sort.is_none();
    // The server must sort all sessions together, not one batch of ids at a time.
    let parts = match args.foreign || args.sort.is_some() {
        true => vec![selection.clone()],
        false => store.parts(selection).await.doing(&action)?,
    };
    let quiet = context.global.quiet || shows_rows();
    let total = match Progress::is_seen(quiet) {
        // Without a filter, the server knows the number of documents. To count matches, it would
        // have to read them.
        true if selection.is_of_all() && !args.foreign => {
            let count = store.count(Document::new()).await.doing(&action)?;
            Some(if limit == 0 { count } else { count.min(limit) })
        }
        _ => None,
    };
    let progress = Progress::new("sessions", total, quiet);
    let _cleared = progress.cleared();
    let full_ids = context.global.full_ids;
    let more_columns = More::of(&columns, store.namespace());
    let rows = rows.now(now);
    // Without one, the reading threads write the text of the rows themselves. With a limit, and in a table,
    // rows are passed on: only the printer knows which are printed, and how wide.
    let form = (limit == 0).then(|| rows.form());
    let order = args.sort.and_then(|sort| Order::of(sort, store.layouts(), &action));
    let add = {
        let (layouts, more) = (store.layouts().clone(), more_columns.clone());
        let order = order.clone();
        move |lines: &mut Lines, document: &RawDocument, session: Session| {
            if let Some(order) = &order {
                order.see(&session);
            }
            let mut row = row(session, full_ids);
            more.add(&mut row, &layouts, document);
            match &form {
                Some(form) => form.add(lines, row),
                None => lines.rows.push(row),
            }
        }
    };
    let printer = Printer { limit, rows, order: order.clone(), progress };
    let (sender, receiver) = mpsc::channel(AHEAD);
    let printing = tokio::task::spawn_blocking(move || printer.print(receiver));
    let read = match args.foreign {
        true => {
            let row = |document: &RawDocument| {
                let mut row = foreign_row(document, full_ids);
                more_columns.add_nothing(&mut row);
                row
            };
            send_foreign(&store, &reading, &sender, row).await
        }
        false => {
            let chosen = Chosen { selection, parts, is_unfiltered };
            send_sessions(&store, chosen, &reading, &sender, add).await
        }
    };
    let read = read.doing(&action);
    drop(sender);
    let printed = printing.await.unwrap_or_else(|error| {
        Err(Failure::new(Exit::Failed, format!("could not print: {error}")))
    })?;
    read?;
    note_undecoded(context, more_columns.undecoded());
    note_rest(context, printed.rows, printed.more.then_some(limit));
    if printed.more {
        check_unmatched(&args.selection, selection)?;
    } else {
        if let Some(order) = order {
            order.note_undated(context);
        }
        let Printed { rows, elsewhere, undecided, met, .. } = printed;
        context.note_undecided(selection, &selected.seen, undecided);
        context.tell_unmatched(&args.selection, selection, &met)?;
        let listed = (rows, elsewhere);
        context.judge_listed(&action, &store, selection, &selected.seen, listed).await?;
    }
    selected.end(&store.namespace())
}

/// Sends the rows of foreign documents to the printer, until it has enough.
async fn send_foreign(
    store: &Store,
    reading: &Reading,
    sender: &mpsc::Sender<Judged<Lines>>,
    row: impl Fn(&RawDocument) -> Row,
) -> sessionctl::Result<()> {
    let foreign = doc! { "$nor": [store.layouts().membership()] };
    let mut batches = store.read(foreign, reading).await?;
    while let Some(batch) = batches.next().await? {
        let selected = Lines::of(documents(&batch).map(&row).collect());
        if sender.send(Judged { selected, ..Judged::default() }).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// The sessions to list.
struct Chosen<'a> {
    selection: &'a Selection,
    /// What is read one after the other.
    parts: Vec<Selection>,
    /// Whether all documents are read, and their membership is checked here.
    is_unfiltered: bool,
}

/// Sends the rows of sessions to the printer, until it has enough.
async fn send_sessions(
    store: &Store,
    chosen: Chosen<'_>,
    reading: &Reading,
    sender: &mpsc::Sender<Judged<Lines>>,
    add: impl Fn(&mut Lines, &RawDocument, Session) + Clone + Send + Sync + 'static,
) -> sessionctl::Result<()> {
    let Chosen { selection, parts, is_unfiltered } = chosen;
    for part in &parts {
        let filters = match is_unfiltered {
            true => vec![Document::new().into()],
            false => part.filter(store.layouts())?,
        };
        for filter in filters {
            let mut judging = store.gather(filter, reading, selection, add.clone()).await?;
            while let Some(judged) = judging.next().await? {
                if sender.send(judged).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// With `-v`, explains the last touches that are not stored.
fn note_derived_touches(context: &Context, layouts: &Layouts) {
    if !context.global.verbose {
        return;
    }
    for derived in layouts.iter().filter_map(|layout| layout.derived_touch.as_ref()) {
        let text = format!(
            "where no field stores the last touch, it is {derived}; the actual last touch can be \
             later, by up to the store's touchAfter"
        );
        context.note("note", text);
    }
}

/// Warns of columns of the payload that stay empty.
fn note_undecoded(context: &Context, undecoded: u64) {
    if undecoded > 0 {
        let have = if undecoded == 1 { "has a payload" } else { "have payloads" };
        let sentence = format!("{} {have} that cannot be decoded", sessions(undecoded));
        context.note("warning", format!("{sentence}; `sessionctl inspect ID` shows why"));
    }
}

/// Notes that there are no rows, or more than the limit.
fn note_rest(context: &Context, printed: u64, limit: Option<u64>) {
    let is_table = context.global.format == Format::Table;
    if printed == 0 && is_table {
        context.note("note", "no session matches");
    }
    if let Some(limit) = limit {
        let hint = if is_table { "; --limit 0 shows all" } else { "" };
        context.note("note", format!("showing {}; more exist{hint}", sessions(limit)));
    }
}

/// Which users have no session is unknown if not all sessions were read.
fn check_unmatched(typed: &SelectionArgs, selection: &Selection) -> Result<(), Failure> {
    let (Some(file), Some(_)) = (&typed.unmatched, &selection.query.users) else { return Ok(()) };
    let sentence = format!("could not write {}: not all sessions were read", file.display());
    Err(Failure::new(Exit::Failed, sentence).hint("--limit 0 reads all"))
}

/// Whether stdout goes to a terminal or a pipe, so that a progress line could mix with the rows.
fn shows_rows() -> bool {
    let file = rustix::fs::fstat(std::io::stdout());
    !file.is_ok_and(|file| rustix::fs::FileType::from_raw_mode(file.st_mode).is_file())
}

/// Prints on its own thread, so that reading need not wait for printing.
struct Printer {
    limit: u64,
    rows: Rows<std::io::Stdout>,
    order: Option<Order>,
    progress: Progress,
}

/// What was printed.
#[derive(Default)]
struct Printed {
    rows: u64,
    /// Whether there was more than the limit.
    more: bool,
    /// Sessions that have the user in a place where the layout does not look.
    elsewhere: Elsewhere,
    /// Sessions whose payload cannot be decoded, so that it is unknown whether they match.
    undecided: u64,
    /// Users that have a session.
    met: Met,
}

impl Printer {
    /// Prints the rows as they arrive.
    fn print(mut self, mut batches: mpsc::Receiver<Judged<Lines>>) -> Result<Printed, Failure> {
        let mut printed = Printed::default();
        while let Some(batch) = batches.blocking_recv() {
            let before = self.rows.printed();
            if let Some(order) = self.order.as_ref().filter(|_| before == 0) {
                order.check()?;
            }
            printed.elsewhere.join(batch.elsewhere);
            printed.undecided += batch.undecided;
            printed.met.join(batch.met);
            let Lines { rows, text, count } = batch.selected;
            for row in rows {
                if self.limit > 0 && self.rows.printed() == self.limit {
                    self.rows.finish()?;
                    return Ok(Printed { rows: self.limit, more: true, ..printed });
                }
                self.rows.row(row)?;
            }
            self.rows.lines(&text, count)?;
            self.progress.advance(self.rows.printed() - before);
        }
        let rows = self.rows.printed();
        self.rows.finish()?;
        Ok(Printed { rows, ..printed })
    }
}
