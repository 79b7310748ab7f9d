//! `sessionctl help`

use std::io::IsTerminal as _;

use crate::args::Global;
use crate::console::failure::{Exit, Failure};
use crate::console::{output, pager};
use crate::help::terminal::{Look, render};
use crate::help::{TOPICS, Topic};

/// Print the help of a command, or explain a topic
///
/// On a terminal, topics are shown through $PAGER, or less, or more. If a command and a topic share a
/// name, both are shown, the topic first. Each topic is also a man page, such as man sessionctl-rights.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl help purge
  sessionctl help index install
  sessionctl help recipes
  sessionctl help rights | less")]
pub struct Args {
    /// A command, a command and its subcommand, or a topic
    #[arg(value_name = "COMMAND|TOPIC", hide_possible_values = true)]
    pub names: Vec<String>,
}

/// The maximum width of help.
const WIDTH: u16 = 100;

pub fn run(args: &Args, global: &Global, mut definition: clap::Command) -> Result<Exit, Failure> {
    let terminal = std::io::stdout().is_terminal();
    let columns = console::Term::stdout().size_checked().map(|(_, columns)| columns);
    let width = columns.filter(|_| terminal).unwrap_or(WIDTH).clamp(40, WIDTH);
    let look = Look { width: width.into(), color: global.color.is_on(terminal) };
    let topic = match args.names.as_slice() {
        [name] => Topic::named(name),
        _ => None,
    };
    let mut help = help_of(&args.names, &mut definition, look).unwrap_or_default();
    let Some(topic) = topic else {
        if args.names.is_empty() {
            help.push_str(&topics(look));
        }
        return output::text(&help).map(|()| Exit::Done);
    };
    let mut text = render(&format!("## {}\n{}", topic.summary(), topic.body()), look);
    if !help.is_empty() {
        text.push_str(&render(&format!("\n## The command {}\n", topic.name), look));
        text.push('\n');
        text.push_str(&help);
    }
    pager::show(&text).map(|()| Exit::Done)
}

/// The output of `--help`, if there is such a command.
fn help_of(names: &[String], definition: &mut clap::Command, look: Look) -> Option<String> {
    definition.build();
    let mut command = definition;
    for name in names {
        command = command.find_subcommand_mut(name)?;
    }
    let help = command.render_help();
    Some(if look.color { help.ansi().to_string() } else { help.to_string() })
}

/// The list of topics, which follows the help of the program.
fn topics(look: Look) -> String {
    let rows = TOPICS.map(|topic| format!("| {} | {} |\n", topic.name, topic.summary())).concat();
    let table = render(&format!("| | |\n|---|---|\n{rows}"), look);
    let lines = table.lines().map(|line| line.replacen("  ", "", 1) + "\n");
    format!("\nTopics (sessionctl help TOPIC):\n{}", lines.collect::<String>())
}
