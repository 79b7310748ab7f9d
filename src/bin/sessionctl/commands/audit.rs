//! `sessionctl audit`

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use serde_json::json;
use sessionctl::error::reason;

use crate::args::{Format, Global};
use crate::console::failure::{Exit, Failure};
use crate::console::output::{self, Cell, Row, Rows, Shape, Style};
use crate::console::report::say;
use crate::console::text::{counted, grouped, neutral};

mod runs;
mod verified;

use runs::{Run, Runs};
use verified::{Fault, Verified};

/// Read and verify an audit file: who ended which sessions
///
/// Each line of an audit file contains the SHA-256 of the previous line. audit verifies this chain and
/// prints the digest of the last line, the head. Store the head in another place: only --head detects
/// that the last lines were removed. If the chain is broken, the exit code is 4.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl audit /var/log/sessionctl.ndjson
  sessionctl audit /var/log/sessionctl.ndjson --users -o csv
  sessionctl audit /var/log/sessionctl.ndjson --user 42
  sessionctl audit /var/log/sessionctl.ndjson --head 9f86d081884c7d65")]
pub struct Args {
    /// The audit file; - is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Print one row for each user of each run instead
    #[arg(long)]
    users: bool,

    /// Print only runs that ended or changed sessions of USER
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// Fail unless a line of the file has this digest; its first 16 digits are enough
    #[arg(long, value_name = "DIGEST", value_parser = head)]
    head: Option<String>,
}

fn head(text: &str) -> Result<String, String> {
    let is_digest = text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_digest {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("expected at least 16 hexadecimal digits".to_owned()),
    }
}

const RUNS: &[&str] = &[
    "time",
    "run",
    "who",
    "login",
    "host",
    "command",
    "namespace",
    "selection",
    "done",
    "users",
    "outcome",
    "ended",
];
const USERS: &[&str] = &["time", "run", "who", "command", "namespace", "user", "sessions"];
/// The columns that fit a table.
const TABLE: [&str; 7] = ["time", "who", "command", "namespace", "done", "users", "outcome"];
/// How many faults are listed.
const NAMED: usize = 10;

pub fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    let unreadable = |error: &io::Error| {
        let sentence = format!("could not read {}: {}", args.file.display(), reason(error));
        Failure::new(Exit::Failed, sentence)
    };
    let (runs, verified) = read(args).map_err(|error| unreadable(&error))?;
    if verified.lines > 0 && verified.records == 0 {
        let sentence = format!("could not read {}: it is not an audit file", args.file.display());
        return Err(Failure::new(Exit::Failed, sentence)
            .hint("--audit FILE writes such a file; see sessionctl help safety"));
    }
    let is_meant = |run: &&Run| args.user.as_ref().is_none_or(|user| run.users.contains_key(user));
    let rows: Vec<Row> = runs
        .iter()
        .filter(is_meant)
        .flat_map(|run| match args.users {
            true => run.user_rows(args.user.as_deref()),
            false => vec![run.row()],
        })
        .collect();
    if let (Some(user), false) = (&args.user, global.quiet) {
        note_missing(user, &rows, runs.iter().filter(|run| !run.names_all_users()).count() as u64);
    }
    print(args, global, rows, &verified)?;
    Ok(if verified.faults.is_empty() { Exit::Done } else { Exit::Problems })
}

fn read(args: &Args) -> io::Result<(Runs, Verified)> {
    let mut input: Box<dyn BufRead> = match args.file.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => Box::new(BufReader::new(File::open(&args.file)?)),
    };
    let mut runs = Runs::default();
    let mut verified = Verified::seeking(args.head.as_deref());
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        line.pop_if(|byte| *byte == b'\n');
        if let Some(object) = verified.line(&line) {
            runs.line(&object);
        }
        line.clear();
    }
    verified.end();
    Ok((runs, verified))
}

/// Notes if no run contains sessions of the user, and which runs may do so all the same.
fn note_missing(user: &str, rows: &[Row], unknown: u64) {
    let none = format!("no run contains sessions of user {}", neutral(user));
    let others = format!("{} did not record users", counted(unknown, "run"));
    match (rows.is_empty(), unknown) {
        (true, 0) => say("note", none),
        (true, _) => say("note", format!("{none}; {others}")),
        (false, 0) => {}
        (false, _) => say("note", others),
    }
}

fn print(args: &Args, global: &Global, rows: Vec<Row>, verified: &Verified) -> Result<(), Failure> {
    let terminal = console::Term::stdout();
    let width = terminal.size_checked().map(|(_, columns)| columns);
    let style = Style {
        format: global.format,
        color: global.color.is_on(terminal.is_term()),
        width: width.filter(|_| terminal.is_term()),
    };
    if let (Some(warning), false) = (unreadable(&verified.unreadable), global.quiet) {
        say("warning", warning);
    }
    if global.format == Format::Json {
        let rows: Vec<_> = rows.iter().map(Row::json).collect();
        let faults: Vec<_> = verified.faults.iter().map(Fault::json).collect();
        let mut report = Rows::stdout(style, Shape::One, &[]);
        report.row(Row(vec![
            ("file", Cell::Text(args.file.display().to_string())),
            ("lines", Cell::Count(verified.lines)),
            ("unchained", Cell::Count(verified.unchained)),
            ("unreadable", Cell::Count(verified.unreadable.len() as u64)),
            ("faults", Cell::Json(json!(faults))),
            ("head", Cell::maybe(verified.head.clone(), Cell::Text)),
            (if args.users { "users" } else { "runs" }, Cell::Json(json!(rows))),
        ]))?;
        return report.finish();
    }
    let is_table = global.format == Format::Table;
    let columns =
        if is_table && !args.users { TABLE.map(str::to_owned).to_vec() } else { Vec::new() };
    let mut printed = Rows::stdout(style, Shape::Many, if args.users { USERS } else { RUNS });
    printed = printed.columns(&columns);
    for row in rows {
        printed.row(row)?;
    }
    printed.finish()?;
    for fault in verified.faults.iter().take(NAMED) {
        say("error", fault);
    }
    let more = verified.faults.len().saturating_sub(NAMED);
    if more > 0 {
        say("error", format!("{more} more faults"));
    }
    let summary = summary(verified);
    match is_table {
        _ if global.quiet => Ok(()),
        true => output::text(&format!("{summary}\n")),
        false => {
            say("note", summary);
            Ok(())
        }
    }
}

/// The warning about the lines that are not records; `None` if there are none.
fn unreadable(lines: &[u64]) -> Option<String> {
    let (is_are, many) = if lines.len() == 1 { ("is", "line") } else { ("are", "lines") };
    let named: Vec<_> = lines.iter().take(NAMED).map(u64::to_string).collect();
    let more = match lines.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {} more", grouped(more as u64)),
    };
    (!lines.is_empty()).then(|| {
        format!(
            "{many} {}{more} {is_are} not readable, as after a full disk: the users recorded there \
             are missing",
            named.join(", ")
        )
    })
}

fn summary(verified: &Verified) -> String {
    let Some(head) = &verified.head else { return "no lines: the file is empty".to_owned() };
    let mut lines = counted(verified.lines, "line");
    if !verified.unreadable.is_empty() {
        let unreadable = grouped(verified.unreadable.len() as u64);
        lines = format!("{lines}, {unreadable} of them not readable");
    }
    let chain = match (verified.faults.is_empty(), verified.unchained) {
        (false, _) if verified.lacks_head_only() => {
            "the chain is intact, but lacks the line of --head".to_owned()
        }
        (false, _) => "the chain is broken".to_owned(),
        (true, 0) => "the chain is intact".to_owned(),
        (true, unchained) => {
            format!("the first {} have no chain, the rest is intact", grouped(unchained))
        }
    };
    format!("{lines}; {chain}; head {head}")
}
