//! `sessionctl doctor`

use console::Style;
use serde_json::{Value, json};
use sessionctl::doctor::{Doctor, Facts, Finding, Outcome, Remedy, examine};

use crate::args::Format;
use crate::console::failure::{Doing as _, Exit, Failure, needing};
use crate::console::output::{Cell, Row, Shape, text};
use crate::console::text::{grouped, neutral};
use crate::context::Context;

mod remedy;

use remedy::Commands;

/// Say why sessions will not expire or will be slow, and with which command to mend it
///
/// Indexes, documents, the server and the rights of this login are looked at; nothing is changed.
/// Each check passes, warns, fails, or is unknown where a right is missing. If one fails, the exit
/// code is 4.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl doctor
  sessionctl doctor -d shop -c sessions -o json
  sessionctl doctor -q || sessionctl doctor -o ndjson | grep fail")]
pub struct Args {
    /// Count a random sample of so many documents [default: all of them up to 100,000, of more
    /// 10,000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,
}

const HEADER: &[&str] = &["namespace", "check", "outcome", "what", "meaning", "mend"];

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let layouts = context.named_layouts()?;
    let connection = context.connect().await?;
    let doctor = Doctor { layouts, lifetime: context.global.lifetime, sample: args.sample };
    let action = format!("examine {}.{}", connection.database(), context.collection());
    let facts = doctor.gather(&connection, context.collection()).await.doing(&action)?;
    let commands = Commands::of(context, &connection, &facts)?;
    let findings: Vec<_> =
        examine(&facts).into_iter().map(|finding| Said::of(finding, &commands)).collect();
    print(context, &facts, &findings)?;
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
        let Finding { check, outcome, what, need, mut meaning, remedy } = finding;
        if remedy == Some(Remedy::NameLayout) {
            meaning = meaning.replacen("the layout named", "--layout", 1);
        }
        let mend = remedy.map(|remedy| commands.command(&remedy));
        Self { check, outcome, what: needing(&what, need), meaning, mend }
    }
}

fn print(context: &Context, facts: &Facts, findings: &[Said]) -> Result<(), Failure> {
    match context.global.format {
        Format::Table if context.global.quiet => Ok(()),
        Format::Table => text(&table(context, facts, findings)),
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

/// Where the sentences begin.
const INDENT: usize = 9;
/// Wider lines are hard to read.
const WIDEST: usize = 100;

/// For people: the worst first, and each command on a line of its own, to be copied.
fn table(context: &Context, facts: &Facts, findings: &[Said]) -> String {
    let width = context.style().width.map_or(80, usize::from).clamp(40, WIDEST);
    let mut lines = vec![format!("namespace  {}", neutral(&facts.namespace()))];
    if let Some(layouts) = &facts.layouts {
        lines.push(format!("layout     {}", neutral(&layouts.name())));
    }
    if let Ok(survey) = &facts.survey {
        let sampled = match survey.is_sample() {
            true => {
                format!(", of which a random sample of {} is counted", grouped(survey.looked_at))
            }
            false => String::new(),
        };
        lines.push(format!("documents  {}{sampled}", grouped(survey.documents)));
    }
    lines.push(String::new());
    for outcome in Outcome::ALL {
        for finding in findings.iter().filter(|finding| finding.outcome == outcome) {
            let what = format!("{} ({})", finding.what, finding.check);
            let mut sentences = wrapped(&neutral(&what), width - INDENT);
            sentences.extend(wrapped(&neutral(&finding.meaning), width - INDENT));
            for (at, sentence) in sentences.iter().enumerate() {
                let label = format!("{:INDENT$}", if at == 0 { outcome.name() } else { "" });
                lines.push(format!("{}{sentence}", style(outcome).apply_to(label)));
            }
            if let Some(mend) = &finding.mend {
                let command = Style::new().bold().apply_to(neutral(mend));
                lines.push(format!("{:INDENT$}$ {command}", ""));
            }
        }
    }
    lines.extend([String::new(), summary(findings)]);
    lines.join("\n") + "\n"
}

fn summary(findings: &[Said]) -> String {
    let count = |outcome| findings.iter().filter(|finding| finding.outcome == outcome).count();
    format!(
        "{} failed, {} warned, {} unknown, {} passed",
        count(Outcome::Fail),
        count(Outcome::Warn),
        count(Outcome::Unknown),
        count(Outcome::Pass)
    )
}

fn style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Fail => Style::new().red().bold(),
        Outcome::Warn => Style::new().yellow(),
        Outcome::Unknown => Style::new().blue(),
        Outcome::Pass => Style::new().green(),
    }
}

/// Lines of at most `width` columns; a longer word has a line of its own.
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
