//! `sessionctl restore`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bson::DateTime;
use serde_json::{Value, json};
use sessionctl::archive::{Contents, Entry};
use sessionctl::purge::Pace;
use sessionctl::restore::{BATCH_SIZE, Refused, Restored};
use sessionctl::{Connection, Error, Layouts};

use super::apply::{GentleArgs, out_of_reach, remark_pace};
use crate::args::SelectionArgs;
use crate::audit::{Audit, AuditArgs, Began, Intent, run_id};
use crate::commands::control::{Control, ControlArgs};
use crate::console::confirm::{Confirmed, Question, Yes, ask};
use crate::console::failure::{Doing as _, Exit, Failure, Refusal};
use crate::console::progress::Progress;
use crate::console::redact::{is_like_id, short_id};
use crate::console::text::{counted, sessions};
use crate::context::Context;
use crate::context::words::Words;

mod chosen;
mod report;
mod source;

use chosen::{Choosing, Chosen};
use report::{HEADER, Report};
use source::Source;

/// Restore sessions from an archive, or undo an expire or a fix
///
/// An archive written by purge is inserted into the collection given by -d and -c, which is created if
/// it does not exist. A session whose id already exists is skipped, so a restore can be repeated. Expired
/// sessions are inserted too; the next sweep or a TTL index removes them again. The archive also contains
/// sessions that were renewed while the purge ran, and so stayed: if their users logged out since, they are
/// inserted, too.
///
/// An archive written by expire or fix undoes that command: each session gets back its archived
/// document, unless it changed since. Sessions that were deleted since, by a TTL index or a sweeper, are
/// inserted. Sessions that a fix left live and that were deleted since stay deleted: their users logged
/// out. The prompt and --dry-run report both counts.
///
/// With --archive-append, one archive can hold the sessions of several commands. Each session is then
/// restored as the command that archived it requires. If an archive contains a session more than once, the
/// last copy counts; if the session was expired and then purged, both are undone.
///
/// With a selection, only archived sessions that match it are restored.
///
/// The name of FILE ends in .bson or .ndjson, optionally followed by .gz or .zst. Pass - to read ndjson
/// from stdin, such as the output of sessionctl inspect --raw -o ndjson.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl restore purged.bson --dry-run
  sessionctl restore purged.bson
  sessionctl restore undo.bson.zst --user 42
  sessionctl restore purged.ndjson.zst -d shop -c sessions --yes
  sessionctl inspect --raw -o ndjson 7ZQOhQlxWzrh | sessionctl restore - -c copies --yes")]
pub struct Args {
    /// Archive to read, or - for stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Write nothing: count the sessions that would be restored, and those that would be left alone
    #[arg(long)]
    dry_run: bool,

    /// Do not insert sessions that were deleted since
    #[arg(long)]
    only_present: bool,

    #[command(flatten)]
    yes: Yes,

    #[command(flatten)]
    audit: AuditArgs,

    /// Process N sessions per batch
    #[arg(long, value_name = "N", default_value_t = BATCH_SIZE, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch_size: u32,

    #[command(flatten)]
    gentle: GentleArgs,

    #[command(flatten)]
    control: ControlArgs,

    #[command(flatten)]
    pub selection: SelectionArgs,
}

impl Args {
    /// Whether stdin gives the archive, or what is selected, and so no answer to a question.
    pub fn reads_stdin(&self) -> bool {
        self.is_stdin() || self.selection.reads_stdin()
    }

    fn is_stdin(&self) -> bool {
        self.file == Path::new("-")
    }

    /// What clap cannot check.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.is_stdin() && self.selection.reads_stdin() {
            let sentence = "stdin cannot provide both the archive and a selection".into();
            return Err(Refusal::Own(sentence, "put one of them into a file"));
        }
        if self.selection.keep.is_some() {
            let sentence = "--keep cannot be used with restore".into();
            return Err(Refusal::Own(sentence, "select the sessions by user, id or time"));
        }
        // Exceptions alone are enough here: an archive is a selection by itself.
        let typed = SelectionArgs { expired: true, ..self.selection.clone() };
        typed.check().map_err(|(sentence, hint)| Refusal::Own(sentence, hint))
    }
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    // Until something is written, a signal ends the command at once.
    let prepared = context.signals.asked.run_until_cancelled(prepare(context, args)).await;
    let Some(prepared) = prepared else { return Ok(context.signals.exit()) };
    let mut prepared = prepared?;
    let mut outcome = Ok(Exit::Done);
    if !args.dry_run
        && let Some(begun) = begin(context, args, &mut prepared).await?
    {
        outcome = carry_out(context, args, &mut prepared, begun).await;
    }
    let Prepared { action, contents, mut report, end, .. } = prepared;
    if let (Ok(Exit::Done), Some(damage)) = (&outcome, &contents.damage) {
        (report.stopped, report.left) = (Some("error"), None);
        outcome = Err(Failure::of(&action, damage).hint(if args.dry_run {
            "the sessions before the damage can be restored"
        } else {
            "the sessions before the damage are restored"
        }));
    }
    if let (Ok(Exit::Done), true) = (&outcome, contents.torn > 0 && contents.damage.is_none()) {
        (report.stopped, report.left) = (Some("error"), None);
        let sentence = format!("could not {action}: {} ends in the middle of a batch", report.file);
        outcome = Err(Failure::new(Exit::Failed, sentence).hint(
            "if a purge was interrupted, it did not delete the sessions of that batch; if the \
             file was truncated, the sessions after this point are lost",
        ));
    }
    if let Ok(Exit::Done) = outcome {
        outcome = end;
    }
    context.finish(HEADER, report.row(), &report.sentence(), outcome)
}

/// Everything that is checked before anything is written.
struct Prepared {
    connection: Connection,
    action: String,
    now: DateTime,
    source: Source,
    contents: Arc<Contents>,
    chosen: Option<Arc<Chosen>>,
    /// The layouts of the sessions, if they are known: they tell which sessions exist under another `_id`,
    /// and which a fix left live. The audit file names the users by them.
    layouts: Option<Layouts>,
    /// The selection, for the audit file.
    written: Value,
    /// How many sessions of the archive are to be restored.
    planned: u64,
    report: Report,
    /// How it ends when all is done.
    end: Result<Exit, Failure>,
}

async fn prepare(context: &Context, args: &Args) -> Result<Prepared, Failure> {
    let started = Instant::now();
    let name = args.file.to_string_lossy();
    if is_like_id(&name) {
        let sentence =
            format!("restore requires an archive, not a session id: {}", short_id(&name));
        return Err(Failure::new(Exit::Usage, sentence).hint("pass the FILE that --archive wrote"));
    }
    // A wrong name or file is reported before the server is contacted.
    let action = format!("restore {}", args.file.display());
    let source = Source::new(&args.file).doing(&action)?;
    drop(source.open().doing(&action)?);
    let file = source.name();
    let connection = context.connect().await?;
    let namespace = format!("{}.{}", connection.database(), context.collection());
    let action = format!("restore {namespace}");
    let now = connection.primary_now().await.doing(&action)?;
    let contents = Arc::new(look_through(context, &source).await.doing(&action)?);
    if contents.torn > 0 {
        let bytes = counted(contents.torn, "byte");
        context.note(
            "warning",
            format!("ignoring the last {bytes} of {file}: they belong to an unfinished batch"),
        );
    }
    if let Some(damage) = &contents.damage {
        let before = sessions(contents.documents);
        context.note("warning", format!("{damage}; only the {before} before that can be restored"));
    }
    let choosing = context.choose(&args.selection, (&source, &contents), now, &action).await?;
    let (mut planned, mut chosen, mut end) =
        (count(&source, &contents).await.doing(&action)?, None, Ok(Exit::Done));
    let mut written = json!({ "file": file });
    if let Some(choosing) = choosing {
        let Choosing { chosen: some, count, written: how, end: unknown } = choosing;
        (planned, chosen, end) = (count, Some(some), unknown);
        if let (Some(all), Value::Object(how)) = (written.as_object_mut(), how) {
            all.extend(how);
        }
    }
    let is_undo = contents.superseded.changed() > 0;
    let of_archive = || context.layouts_of_archive(&source, &contents, &action).ok();
    let layouts = match (&chosen, is_undo) {
        (_, true) => context.layouts_of_collection().await.or_else(of_archive),
        (Some(chosen), false) => Some(chosen.layouts().clone()),
        (None, false) => match of_archive() {
            None if contents.documents > 0 => context.layouts_of_collection().await,
            layouts => layouts,
        },
    };
    let report = Report {
        namespace,
        file,
        is_undo,
        only_present: args.only_present,
        counts: None,
        refused: Refused::default(),
        is_done: false,
        batches: 0,
        took: Duration::ZERO,
        stopped: None,
        left: None,
        words: Words::of(&args.selection, now),
    };
    let mut prepared = Prepared {
        connection,
        action,
        now,
        source,
        contents,
        chosen,
        layouts,
        written,
        planned,
        report,
        end,
    };
    let asks = prepared.report.is_undo && Confirmed::by_flag(args.yes).is_none();
    if args.dry_run || asks {
        prepared.report.counts = Some(preview(context, args, &prepared).await?);
    }
    prepared.report.took = started.elapsed();
    Ok(prepared)
}

/// What would be done now.
async fn preview(context: &Context, args: &Args, prepared: &Prepared) -> Result<Restored, Failure> {
    let Prepared { connection, action, source, contents, chosen, planned, .. } = prepared;
    let progress = Progress::new("sessions examined", Some(*planned), context.global.quiet);
    let entries = source.entries(contents).doing(action)?.filter(is_chosen(chosen.as_ref()));
    let asked = context.signals.asked.clone();
    let mut restoring = connection
        .restore(context.collection(), entries, args.batch_size, asked)
        .only_present(args.only_present)
        .layouts(prepared.layouts.clone());
    while let Some(batch) = restoring.preview().await.doing(action)? {
        progress.advance(batch.read);
    }
    progress.finish();
    Ok(restoring.total())
}

/// Whether an entry is restored. One that cannot be read is not passed over.
fn is_chosen(
    chosen: Option<&Arc<Chosen>>,
) -> impl FnMut(&sessionctl::Result<Entry>) -> bool + Send + use<> {
    let chosen = chosen.cloned();
    move |entry| {
        let (Ok(entry), Some(chosen)) = (entry, &chosen) else { return true };
        chosen.holds(&entry.document)
    }
}

/// Reads the whole archive on a blocking thread, so that signals are still handled.
async fn look_through(context: &Context, source: &Source) -> sessionctl::Result<Contents> {
    let progress = Progress::new("sessions examined", None, context.global.quiet);
    let (seen, reader) = (progress.cleared(), source.open()?);
    let looking = tokio::task::spawn_blocking(move || Contents::read(reader, || seen.advance(1)));
    looking.await.map_err(|_| unread(source))
}

/// How many sessions the archive has, each counted once.
async fn count(source: &Source, contents: &Arc<Contents>) -> sessionctl::Result<u64> {
    if !contents.superseded.may_be_any() {
        return Ok(contents.documents);
    }
    let entries = source.entries(contents)?;
    let counting = tokio::task::spawn_blocking(move || entries.count() as u64);
    counting.await.map_err(|_| unread(source))
}

fn unread(source: &Source) -> Error {
    let what = "could not be read completely".to_owned();
    Error::Archive { path: source.name().into(), what }
}

async fn confirm(
    context: &Context,
    args: &Args,
    prepared: &Prepared,
) -> Result<Confirmed, Failure> {
    let Prepared { connection, action, planned, report, layouts, .. } = prepared;
    let counts = report.counts.filter(|_| report.is_undo);
    let count = counts.map_or(*planned, |counts| counts.inserted + counts.reverted);
    let beforehand = Confirmed::by_count(count).or_else(|| Confirmed::by_flag(args.yes));
    if beforehand.is_none() {
        let mut rights = if args.only_present { Vec::new() } else { vec!["insert"] };
        if report.is_undo {
            rights.extend(["find", "update"]);
        } else if layouts.iter().flat_map(Layouts::iter).any(|layout| layout.id.path != "_id") {
            rights.push("find");
        }
        context.check_rights(connection, context.collection(), &rights, action).await?;
        let remarks = counts.map(|counts| report.remarks(&counts)).unwrap_or_default();
        remarks.iter().for_each(|remark| context.note("note", remark));
        if !report.is_undo && !args.only_present {
            let text = "the archive may contain sessions that were renewed while the purge ran, and so \
                        were not deleted then; any of them that are gone by now are inserted";
            context.note("note", text);
        }
    }
    let question = Question::YesNo(report.question(*planned));
    ask(beforehand, question, args.reads_stdin(), &context.signals).await
}

/// What was confirmed and is written down, so that it may be done.
struct Begun {
    control: Control,
    began: Began,
    /// Whether each batch is written down.
    is_audited: bool,
    confirmed: Confirmed,
}

/// Asks, and writes down what is done: what cannot be written down is not done. `None` if nothing is to be
/// done.
async fn begin(
    context: &Context,
    args: &Args,
    prepared: &mut Prepared,
) -> Result<Option<Begun>, Failure> {
    let pace = Pace { max_latency: args.gentle.max_latency, ..Pace::default() };
    let control = args.control.open(pace, context)?;
    let audit = Audit::open(&args.audit, &context.command_line)?;
    let run = run_id();
    let Prepared { connection, layouts, .. } = &*prepared;
    let layout = layouts.as_ref().map(Layouts::name);
    let (server, login) = (connection.address().to_owned(), connection.login().map(str::to_owned));
    let intent = Intent {
        run: &run,
        now: prepared.now,
        server: &server,
        login: login.as_deref(),
        command: "restore",
        namespace: &prepared.report.namespace.clone(),
        layout: layout.as_deref(),
        selection: prepared.written.clone(),
        cutoff: None,
        planned: Some(prepared.planned),
    };
    let confirmed = confirm(context, args, prepared).await?;
    prepared.report.is_done = true;
    if prepared.planned == 0 {
        prepared.report.counts = Some(Restored::default());
        audit.nothing(&intent, &prepared.report.row())?;
        return Ok(None);
    }
    let (began, is_audited) = (audit.before(&intent)?, audit.is_wanted());
    Ok(Some(Begun { control, began, is_audited, confirmed }))
}

/// Does what was begun, and writes down how it ended.
async fn carry_out(
    context: &Context,
    args: &Args,
    prepared: &mut Prepared,
    begun: Begun,
) -> Result<Exit, Failure> {
    let Begun { control, began, is_audited, confirmed } = begun;
    let layouts = prepared.layouts.clone();
    let audited = is_audited.then_some(Audited { began: &began, layouts: layouts.as_ref() });
    let outcome = restore(context, args, prepared, audited, (&control, confirmed)).await;
    let written = began.after(&prepared.report.row(), outcome.as_ref().err());
    outcome.and_then(|exit| written.map(|()| exit))
}

/// What was done in between.
fn since(total: Restored, before: Restored) -> Restored {
    let mut done = total;
    done.read -= before.read;
    done.inserted -= before.inserted;
    done.reverted -= before.reverted;
    done.skipped -= before.skipped;
    done.changed -= before.changed;
    done.absent -= before.absent;
    done.refused -= before.refused;
    done
}

/// Where each batch is written down, and how its users are read.
struct Audited<'a> {
    began: &'a Began,
    layouts: Option<&'a Layouts>,
}

/// Runs the batches, until a signal or the operator stops it.
async fn restore(
    context: &Context,
    args: &Args,
    prepared: &mut Prepared,
    audited: Option<Audited<'_>>,
    (control, _): (&Control, Confirmed),
) -> Result<Exit, Failure> {
    let started = Instant::now();
    let Prepared {
        connection,
        action,
        source,
        contents,
        chosen,
        layouts,
        planned,
        report,
        now,
        ..
    } = prepared;
    let progress = Progress::new("sessions read", Some(*planned), context.global.quiet);
    let beside = control.beside(&progress);
    let entries = source.entries(contents).doing(action)?.filter(is_chosen(chosen.as_ref()));
    let asked = context.signals.asked.clone();
    let mut restoring = connection
        .restore(context.collection(), entries, args.batch_size, asked)
        .only_present(args.only_present)
        .layouts(layouts.clone())
        .controlled_by(control.pace())
        .reporting(audited.is_some());
    let outcome = loop {
        let before = restoring.total();
        let (batch, error) = match restoring.next().await {
            Ok(Some(batch)) => (batch, None),
            Ok(None) => break Ok(()),
            // A part of the batch may have been written.
            Err(error) => (since(restoring.total(), before), Some(error)),
        };
        let is_written = error.is_none() || batch.inserted + batch.reverted > 0;
        report.batches += u64::from(is_written);
        progress.advance(batch.read);
        if let Some(Audited { began, layouts }) = audited.as_ref().filter(|_| is_written) {
            let documents = restoring.batch();
            let written = began.restored(report.batches, &batch, documents, *layouts, *now);
            if let Err(failure) = written {
                break Err(failure);
            }
        }
        if let Some(error) = error {
            break Err(error).doing(action);
        }
    };
    drop(beside);
    progress.finish();
    report.took = started.elapsed();
    let latency = restoring.latency();
    out_of_reach(latency.as_ref()).iter().for_each(|text| context.note("warning", text));
    remark_pace(context, latency.as_ref(), restoring.throttled(), report.took);
    let total = restoring.total();
    report.counts = Some(total);
    report.refused = restoring.refused().clone();
    let left = planned.saturating_sub(total.settled());
    if let Err(failure) = outcome {
        (report.stopped, report.left) = (Some("error"), Some(left));
        return Err(failure);
    }
    let stopped = context.signals.stopped();
    let stopped = stopped.filter(|(_, exit)| left > 0 || *exit != Exit::WorkLeft);
    report.stopped = stopped.map(|(why, _)| why);
    report.left = stopped.map(|_| left);
    match (stopped, report.failure(action)) {
        (Some((_, exit)), _) => Ok(exit),
        (None, Some(failure)) => Err(failure),
        (None, None) => Ok(Exit::Done),
    }
}
