//! `sessionctl doctor`

use console::Style;
use serde_json::{Value, json};
use sessionctl::doctor::{Doctor, Facts, Finding, Outcome, Remedy, examine};
use sessionctl::error::Need;

use crate::args::{EveryArgs, Format};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output::{Cell, Row, Shape, text};
use crate::console::text::{grouped, neutral};
use crate::context::Context;

mod remedy;

use remedy::Commands;

/// Report why sessions do not expire or are slow to find, with the commands that fix it
///
/// doctor checks the indexes, the documents, the server and the rights of this login, and changes
/// nothing. A check that this login lacks rights for is unknown, not a failure. If a check fails, the
/// exit code is 4; if the server stops answering or takes too long, it is 1. The table shows failures and
/// warnings; -v shows all checks, -q only failures.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl doctor
  sessionctl doctor -d shop -c sessions -o json
  sessionctl doctor -v
  sessionctl doctor -o ndjson | grep '\"fail\"'")]
pub struct Args {
    /// Check a random sample of N documents [default: all documents; 10,000 in a collection of more
    /// than 100,000]. The layout and the users are always taken from 100 random documents
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,

    #[command(flatten)]
    pub every: EveryArgs,
}

const HEADER: &[&str] = &["namespace", "check", "outcome", "what", "meaning", "mend"];

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let layouts = context.named_layouts()?;
    let connection = context.connect().await?;
    let (lifetime, user_places) = (context.global.lifetime, context.global.user_path.clone());
    let doctor = Doctor { layouts, lifetime, user_places, sample: args.sample };
    let action = format!("examine {}.{}", connection.database(), context.collection());
    let facts = doctor.gather(&connection, context.collection()).await.doing(&action)?;
    let commands = Commands::of(context, &connection, &facts)?;
    let findings: Vec<_> =
        examine(&facts).into_iter().map(|finding| Said::of(finding, &commands)).collect();
    print(context, &facts, &findings)?;
    // What was not read may have failed a check.
    if let Some((fact, error)) = facts.lost() {
        return Err(Failure::of(&format!("{action} ({fact})"), error));
    }
    Ok(match findings.iter().any(|finding| finding.outcome == Outcome::Fail) {
        true => Exit::Problems,
        false => Exit::Done,
    })
}

/// A finding with the options and commands that the library does not know.
struct Said {
    check: &'static str,
    outcome: Outcome,
    what: String,
    meaning: String,
    mend: Option<String>,
}

impl Said {
    fn of(finding: Finding, commands: &Commands) -> Self {
        let Finding { check, outcome, mut what, need, mut meaning, remedy } = finding;
        if remedy == Some(Remedy::NameLayout) {
            meaning = meaning.replacen("the layout named", "--layout", 1);
        }
        match need {
            // With this information, doctor could evaluate the check, or name a command.
            Some(Need::Lifetime | Need::IdleLimit) if !meaning.is_empty() => meaning += LIFETIME,
            Some(Need::Lifetime | Need::IdleLimit) => what += LIFETIME,
            Some(Need::Layout) => what += "; name it with --layout",
            None => {}
        }
        let mend = remedy.map(|remedy| commands.command(&remedy));
        Self { check, outcome, what, meaning, mend }
    }
}

/// doctor proposes no lifetime, because one that is too short logs users out.
const LIFETIME: &str = "; run doctor again with --lifetime DURATION, the session lifetime that the \
                        application sets";

fn print(context: &Context, facts: &Facts, findings: &[Said]) -> Result<(), Failure> {
    match context.global.format {
        Format::Table => {
            context.begin_table(None)?;
            text(&table(context, facts, findings))
        }
        Format::Json => {
            let mut rows = context.rows(Shape::One, HEADER);
            rows.row(whole(facts, findings))?;
            rows.finish()
        }
        Format::Ndjson | Format::Csv => {
            let mut rows = context.rows(Shape::Many, HEADER);
            for finding in findings {
                rows.row(row(facts, finding))?;
            }
            rows.finish()
        }
    }
}

fn whole(facts: &Facts, findings: &[Said]) -> Row {
    let survey = facts.survey.as_ref().ok();
    let findings = findings.iter().map(|finding| {
        let mut object = row(facts, finding).json();
        if let Value::Object(object) = &mut object {
            object.shift_remove("namespace");
        }
        object
    });
    Row(vec![
        ("namespace", Cell::Text(facts.namespace())),
        ("layout", layout(facts)),
        ("documents", Cell::maybe(survey, |survey| Cell::Count(survey.documents))),
        ("looked_at", Cell::maybe(survey, |survey| Cell::Count(survey.looked_at))),
        ("findings", Cell::Json(json!(findings.collect::<Vec<_>>()))),
    ])
}

fn layout(facts: &Facts) -> Cell {
    Cell::maybe(facts.layouts.as_ref(), |layouts| Cell::Text(layouts.name()))
}

fn row(facts: &Facts, finding: &Said) -> Row {
    let meaning = Some(&finding.meaning).filter(|meaning| !meaning.is_empty());
    Row(vec![
        ("namespace", Cell::Text(facts.namespace())),
        ("check", Cell::Text(finding.check.to_owned())),
        ("outcome", Cell::Text(finding.outcome.name().to_owned())),
        ("what", Cell::Text(finding.what.clone())),
        ("meaning", Cell::maybe(meaning.cloned(), Cell::Text)),
        ("mend", Cell::maybe(finding.mend.clone(), Cell::Text)),
    ])
}

/// The column at which the sentences begin.
const INDENT: usize = 9;
/// Wider lines are hard to read.
const WIDEST: usize = 100;

/// The table: the worst findings first, each command on its own line for copying, and one line for
/// the checks that passed.
fn table(context: &Context, facts: &Facts, findings: &[Said]) -> String {
    let global = &context.global;
    let width = context.style().width.map_or(80, usize::from).clamp(40, WIDEST);
    let is_shown = |outcome: Outcome| match outcome {
        Outcome::Fail => true,
        Outcome::Warn => !global.quiet,
        Outcome::Unknown | Outcome::Pass => global.verbose && !global.quiet,
    };
    let has_failed = findings.iter().any(|finding| finding.outcome == Outcome::Fail);
    let mut lines = Vec::new();
    if facts.is_empty() && !global.verbose && !has_failed {
        if !global.quiet {
            lines.push(format!(
                "{} is empty: there is nothing to check",
                neutral(&facts.namespace())
            ));
        }
    } else {
        if !global.quiet {
            lines.extend(header(facts));
        }
        for outcome in Outcome::ALL.into_iter().filter(|outcome| is_shown(*outcome)) {
            for finding in findings.iter().filter(|finding| finding.outcome == outcome) {
                lines.extend(finding_lines(finding, width));
            }
        }
        if !global.quiet {
            if lines.last().is_some_and(|line| !line.is_empty()) {
                lines.push(String::new());
            }
            lines.push(summary(findings, global.verbose));
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn header(facts: &Facts) -> Vec<String> {
    let mut lines = vec![format!("namespace  {}", neutral(&facts.namespace()))];
    if let Some(layouts) = &facts.layouts {
        lines.push(format!("layout     {}", neutral(&layouts.name())));
    }
    if let Ok(survey) = &facts.survey {
        let sampled = match survey.is_sample() {
            true => {
                format!(", of which a random sample of {} was examined", grouped(survey.examined))
            }
            false => String::new(),
        };
        lines.push(format!("documents  {}{sampled}", grouped(survey.documents)));
    }
    lines.push(String::new());
    lines
}

fn finding_lines(finding: &Said, width: usize) -> Vec<String> {
    let outcome = finding.outcome;
    let what = format!("{} ({})", finding.what, finding.check);
    let mut sentences = wrapped(&neutral(&what), width - INDENT);
    sentences.extend(wrapped(&neutral(&finding.meaning), width - INDENT));
    let mut lines = Vec::new();
    for (at, sentence) in sentences.iter().enumerate() {
        let label = format!("{:INDENT$}", if at == 0 { outcome.name() } else { "" });
        lines.push(format!("{}{sentence}", style(outcome).apply_to(label)));
    }
    if let Some(mend) = &finding.mend {
        let command = Style::new().bold().apply_to(neutral(mend));
        lines.push(format!("{:INDENT$}$ {command}", ""));
    }
    lines
}

/// The line that counts what the table does not show.
fn summary(findings: &[Said], shows_all: bool) -> String {
    let count = |outcome| findings.iter().filter(|finding| finding.outcome == outcome).count();
    let (passed, unknown) = (count(Outcome::Pass), count(Outcome::Unknown));
    let unknown = match unknown {
        0 => String::new(),
        unknown => format!(", {unknown} unknown"),
    };
    let shown = if shows_all { "" } else { " (-v shows them)" };
    format!("{passed} of {} checks passed{unknown}{shown}", findings.len())
}

fn style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Fail => Style::new().red().bold(),
        Outcome::Warn => Style::new().yellow(),
        Outcome::Unknown => Style::new().blue(),
        Outcome::Pass => Style::new().green(),
    }
}

/// Lines of at most `width` columns; a longer word gets its own line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line)
                if console::measure_text_width(line) + 1 + console::measure_text_width(word)
                    <= width =>
            {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
