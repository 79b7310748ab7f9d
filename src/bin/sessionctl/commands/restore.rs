//! `sessionctl restore`

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sessionctl::archive::{Contents, Reader};
use sessionctl::error::reason;
use sessionctl::restore::BATCH_SIZE;
use sessionctl::{Connection, Error};

use crate::commands::apply::stopped;
use crate::console::confirm::{Confirmed, Question, Yes, ask};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output::{Cell, Row};
use crate::console::progress::Progress;
use crate::console::redact::{is_like_id, short_id};
use crate::console::text::{counted, elapsed, grouped, sessions};
use crate::context::Context;

/// Restore sessions from an archive
///
/// The sessions are inserted into the collection in -d and -c, which is created if it does not exist. A session
/// whose id already exists is skipped, so a restore can be repeated. If an archive contains a session
/// twice, the first copy counts. Expired sessions are inserted too; the next sweep or a TTL index
/// removes them again.
///
/// The name of FILE ends in .bson or .ndjson, optionally followed by .gz or .zst. Pass - to read ndjson
/// from stdin, such as the output of sessionctl inspect --raw -o ndjson.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl restore purged.bson --dry-run
  sessionctl restore purged.bson
  sessionctl restore purged.ndjson.zst -d shop -c sessions --yes
  sessionctl inspect --raw -o ndjson 7ZQOhQlxWzrh | sessionctl restore - -c copies --yes")]
pub struct Args {
    /// Archive to read, or - for stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Insert nothing: count the sessions in the archive, and those that already exist
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    yes: Yes,

    /// Sessions per batch
    #[arg(long, value_name = "N", default_value_t = BATCH_SIZE, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch_size: u32,
}

const HEADER: &[&str] =
    &["namespace", "file", "read", "restored", "skipped", "exact", "batches", "seconds", "stopped"];

/// The report.
#[derive(Debug, Clone)]
struct Report {
    namespace: String,
    file: String,
    read: u64,
    restored: Option<u64>,
    skipped: u64,
    exact: Option<bool>,
    batches: u64,
    took: Duration,
    stopped: Option<&'static str>,
    /// How many of the archive's sessions were left when it was stopped. This is not a key.
    left: Option<u64>,
}

impl Report {
    /// The sentence of the report or of a dry run, and what did not go as planned.
    fn sentence(&self) -> String {
        let Self { namespace, file, read, skipped, .. } = self;
        let Some(restored) = self.restored else {
            let (new, all) = (grouped(read.saturating_sub(*skipped)), sessions(*read));
            let there = match skipped {
                0 => String::new(),
                1 => "; 1 already exists".to_owned(),
                there => format!("; {} already exist", grouped(*there)),
            };
            return match read {
                0 => format!("no sessions in {file}"),
                _ if *skipped == 0 => format!("would restore {all} from {file} into {namespace}"),
                _ => format!("would restore {new} of {all} from {file} into {namespace}{there}"),
            };
        };
        let at_least = if self.exact == Some(false) { "at least " } else { "" };
        let (those, took) = (sessions(restored), elapsed(self.took));
        let mut parts =
            vec![format!("restored {at_least}{those} from {file} into {namespace} in {took}")];
        if (*read, self.stopped) == (0, None) {
            parts = vec![format!("no sessions in {file}")];
        }
        match skipped {
            0 => {}
            1 => parts.push("1 session already existed".to_owned()),
            there => parts.push(format!("{} already existed", sessions(*there))),
        }
        parts.extend(self.stopped.map(|why| stopped(why, self.left)));
        parts.join("; ")
    }

    fn row(&self) -> Row {
        Row(vec![
            ("namespace", Cell::Text(self.namespace.clone())),
            ("file", Cell::Text(self.file.clone())),
            ("read", Cell::Count(self.read)),
            ("restored", Cell::maybe(self.restored, Cell::Count)),
            ("skipped", Cell::Count(self.skipped)),
            ("exact", Cell::maybe(self.exact, Cell::Flag)),
            ("batches", Cell::Count(self.batches)),
            ("seconds", Cell::Seconds(self.took.as_secs_f64())),
            ("stopped", Cell::maybe(self.stopped, |why| Cell::Text(why.to_owned()))),
        ])
    }
}

/// The archive. It is read twice, first to check all of it.
#[derive(Debug)]
enum Source {
    File(PathBuf),
    /// A copy of stdin, in an unnamed file that disappears with this process.
    Stdin(File),
}

impl Args {
    /// Whether the archive is read from stdin, which then cannot answer a question.
    pub fn reads_stdin(&self) -> bool {
        self.file == Path::new("-")
    }

    fn source(&self) -> sessionctl::Result<Source> {
        if !self.reads_stdin() {
            return Ok(Source::File(self.file.clone()));
        }
        let copied = tempfile::tempfile().and_then(|mut file| {
            io::copy(&mut io::stdin().lock(), &mut file)?;
            Ok(file)
        });
        copied.map(Source::Stdin).map_err(|error| {
            let what = format!("could not be copied to a temporary file: {}", reason(&error));
            Error::Archive { path: STDIN.into(), what }
        })
    }
}

/// The name in errors and reports.
const STDIN: &str = "stdin";

impl Source {
    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin(_) => STDIN.to_owned(),
        }
    }

    fn open(&self) -> sessionctl::Result<Reader> {
        match self {
            Self::File(path) => Reader::open(path),
            Self::Stdin(file) => {
                let file = file.try_clone().map_err(|error| {
                    let what = format!("could not be read: {}", reason(&error));
                    Error::Archive { path: STDIN.into(), what }
                })?;
                Reader::of_lines(Path::new(STDIN), file)
            }
        }
    }
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    // Until something is written, a signal ends the command at once.
    let prepared = context.signals.asked.run_until_cancelled(prepare(context, args)).await;
    let Some(prepared) = prepared else { return Ok(context.signals.exit()) };
    let Prepared { connection, action, source, contents, mut report } = prepared?;
    let mut outcome = Ok(Exit::Done);
    if !args.dry_run {
        let confirmed = confirm(context, args, &connection, &report, contents.documents).await?;
        let restored = restore(
            context,
            args,
            &connection,
            &source,
            contents.documents,
            &mut report,
            confirmed,
        );
        outcome = restored.await.doing(&action);
    }
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
    context.finish(HEADER, report.row(), &report.sentence(), outcome)
}

/// Everything that is checked before anything is written.
struct Prepared {
    connection: Connection,
    action: String,
    source: Source,
    contents: Contents,
    report: Report,
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
    let source = args.source().doing(&action)?;
    drop(source.open().doing(&action)?);
    let file = source.name();
    let connection = context.connect().await?;
    let namespace = format!("{}.{}", connection.database(), context.collection());
    let action = format!("restore {namespace}");
    connection.primary_now().await.doing(&action)?;
    let contents = look_through(context, &source).await.doing(&action)?;
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
    let mut report = Report {
        namespace,
        file,
        read: 0,
        restored: None,
        skipped: 0,
        exact: None,
        batches: 0,
        took: Duration::ZERO,
        stopped: None,
        left: None,
    };
    if args.dry_run {
        let documents = source.open().doing(&action)?.take(whole(contents.documents));
        let existing = connection.count_existing(context.collection(), documents).await;
        (report.read, report.skipped) = (contents.documents, existing.doing(&action)?);
    }
    report.took = started.elapsed();
    Ok(Prepared { connection, action, source, contents, report })
}

/// Reads the whole archive on a blocking thread, so that signals are still handled.
async fn look_through(context: &Context, source: &Source) -> sessionctl::Result<Contents> {
    let progress = Progress::new("sessions examined", None, context.global.quiet);
    let (seen, reader) = (progress.cleared(), source.open()?);
    let looking = tokio::task::spawn_blocking(move || Contents::read(reader, || seen.advance(1)));
    looking.await.map_err(|_| {
        let what = "could not be read completely".to_owned();
        Error::Archive { path: source.name().into(), what }
    })
}

fn whole(documents: u64) -> usize {
    usize::try_from(documents).unwrap_or(usize::MAX)
}

async fn confirm(
    context: &Context,
    args: &Args,
    connection: &Connection,
    report: &Report,
    documents: u64,
) -> Result<Confirmed, Failure> {
    let beforehand = Confirmed::by_count(documents).or_else(|| Confirmed::by_flag(args.yes));
    let Report { namespace, file, .. } = report;
    if beforehand.is_none() {
        let action = format!("restore {namespace}");
        context.check_rights(connection, context.collection(), &["insert"], &action).await?;
    }
    let text = format!("Restore {} from {file} into {namespace}?", sessions(documents));
    ask(beforehand, Question::YesNo(text), args.reads_stdin(), &context.signals).await
}

/// Runs the batches, until a signal stops it.
async fn restore(
    context: &Context,
    args: &Args,
    connection: &Connection,
    source: &Source,
    documents: u64,
    report: &mut Report,
    _: Confirmed,
) -> sessionctl::Result<Exit> {
    let started = Instant::now();
    let progress = Progress::new("sessions read", Some(documents), context.global.quiet);
    let archive = source.open()?.take(whole(documents));
    let asked = context.signals.asked.clone();
    let mut restoring = connection.restore(context.collection(), archive, args.batch_size, asked);
    let outcome = loop {
        match restoring.next().await {
            Ok(Some(batch)) => {
                report.batches += 1;
                progress.advance(batch.read);
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    progress.finish();
    report.took = started.elapsed();
    let total = restoring.total();
    (report.read, report.restored) = (total.read, Some(total.inserted));
    (report.skipped, report.exact) = (total.skipped, Some(total.exact));
    if let Err(error) = outcome {
        report.stopped = Some("error");
        report.left = Some(documents.saturating_sub(report.read));
        return Err(error);
    }
    let signal = context.signals.received();
    report.stopped = signal.map(|_| "signal");
    report.left = signal.map(|_| documents.saturating_sub(report.read));
    Ok(signal.map_or(Exit::Done, Exit::Signal))
}
