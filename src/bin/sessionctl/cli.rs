//! The whole command line: its definition, its parsing, and the checks that clap cannot do. Parsing
//! reads only the command line and the environment.

#![expect(clippy::doc_markdown, reason = "these texts are the help, and not rendered")]

use std::num::{IntErrorKind, ParseIntError};

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};

use crate::args::{AUTO, Completed, DEFAULT_URI, Global, Uri, is_typed};
use crate::commands::{Command, Invocation, help};
use crate::console::failure::Refusal;
use crate::console::redact::{command_line, is_like_id, not_an_id, short_id};
use crate::console::text::without_password;
use crate::help::{TOPICS, Topic};

mod mistyped;

/// List, inspect, expire, purge and sweep web sessions in MongoDB, whichever framework wrote them.
///
/// Without options, sessionctl uses the collection test.sessions of mongodb://localhost:27017, and
/// detects which of more than sixty session stores wrote it (see sessionctl layouts). The server's
/// clock decides which sessions are expired.
#[derive(Debug, Parser)]
#[command(
    name = "sessionctl",
    version,
    max_term_width = 100,
    after_help = "Examples:
  sessionctl list
  sessionctl purge --expired
  sessionctl sweep --interval 60s
  sessionctl list --help

Topics: sessionctl help lists them; start with sessionctl help recipes"
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Reads the command line and the environment.
pub fn parse() -> Result<Invocation, Refusal> {
    let mut command = definition();
    check_hyphens()?;
    let matches = command.try_get_matches_from_mut(std::env::args_os()).map_err(|error| {
        match error.use_stderr() {
            true => without_secrets(error, &definition()),
            // Help and the version repeat nothing that was typed, and need no second definition.
            false => Refusal::Clap(error),
        }
    })?;
    check_repeated(&matches)?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(Refusal::Clap)?;
    choose_layout(&mut cli.global, &matches)?;
    check_collections(&cli, &matches)?;
    cli.command.check(&matches)?;
    if let Command::Help(args) = &cli.command {
        check_help(args, &command)?;
    }
    let typed = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
    cli.global.is_uri_typed = typed("uri") || typed("uri_file");
    let uri = uri(&cli.global, &matches)?;
    if uri == Uri::Stdin && cli.command.reads_stdin() {
        let hint = "put the connection string into a file and pass --uri-file FILE";
        let what = match cli.command {
            Command::Restore(_) => "the archive",
            _ => "the ids",
        };
        let sentence = format!("stdin cannot provide both {what} and the connection string");
        return Err(Refusal::Own(sentence, hint));
    }
    let command_line = command_line(std::env::args_os(), &command);
    Ok(Invocation {
        command: cli.command,
        global: cli.global,
        uri,
        command_line,
        definition: command,
    })
}

/// The one definition, from which help, completions and man pages are made.
pub fn definition() -> clap::Command {
    // clap's own help subcommand does not know topics.
    let program = compact(Cli::command()).disable_help_subcommand(true);
    program.mut_subcommand("help", |help| {
        help.mut_arg("names", |arg| arg.value_parser(Completed(commands_and_topics)))
    })
}

fn commands_and_topics() -> Vec<String> {
    let program = Cli::command();
    let commands = program.get_subcommands().map(|command| command.get_name().to_owned());
    let topics = TOPICS.iter().map(|topic| topic.name.to_owned());
    let names: std::collections::BTreeSet<_> = commands.chain(topics).collect();
    names.into_iter().collect()
}

/// Refuses `help` for names that are neither a command nor a topic.
fn check_help(args: &help::Args, definition: &clap::Command) -> Result<(), Refusal> {
    let mut command = definition;
    for (depth, name) in args.names.iter().enumerate() {
        let below = command.find_subcommand(name);
        match below {
            Some(below) => command = below,
            None if args.names.len() == 1 && Topic::named(name).is_some() => {}
            None if depth == 0 => return Err(mistyped::topic(name, definition)),
            None => {
                let name = not_an_id(name);
                let sentence = format!("{} has no subcommand {name}", command.get_name());
                let hint = "`sessionctl help COMMAND` lists the subcommands of a command";
                return Err(Refusal::Own(sentence, hint));
            }
        }
    }
    Ok(())
}

/// Help that fits a screen: the whole description, then each option on a line or two. clap's own
/// long form takes four lines an option. `-h` and `--help` are the same.
fn compact(command: clap::Command) -> clap::Command {
    const TEMPLATE: &str = "{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";
    let description = command.get_long_about().or(command.get_about()).cloned();
    let mut command = command.help_template(TEMPLATE).long_about(None::<&str>);
    if let Some(description) = description {
        command = command.before_help(description);
    }
    let names: Vec<String> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, compact))
}

const HINT: &str =
    "put a session id that begins with - after --; long options begin with --, such as --uri";

/// Refuses a session id that begins like an option. clap would read `-cXYZ` as the collection
/// `XYZ`, and would repeat the id in an error.
fn check_hyphens() -> Result<(), Refusal> {
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let is_id = |word: &String| {
        word.starts_with('-') && !word.starts_with("--") && is_like_id(word.trim_start_matches('-'))
    };
    match words.take_while(|word| word != "--").find(is_id) {
        Some(id) => Err(Refusal::Own(format!("unexpected argument {}", short_id(&id)), HINT)),
        None => Ok(()),
    }
}

/// The standard library calls a text that is no number an "invalid digit".
fn not_a_number(error: &clap::Error) -> Option<Refusal> {
    use clap::error::{ContextKind, ContextValue};
    let parsing: &ParseIntError = std::error::Error::source(error)?.downcast_ref()?;
    let (ContextValue::String(argument), ContextValue::String(value)) =
        (error.get(ContextKind::InvalidArg)?, error.get(ContextKind::InvalidValue)?)
    else {
        return None;
    };
    let what = match parsing.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "the number is too large",
        _ => "expected a whole number",
    };
    let sentence = format!("invalid value '{value}' for '{argument}': {what}");
    Some(Refusal::Own(sentence, "write it with digits only, such as 1000"))
}

/// clap repeats an argument it does not know, which may be a session id or hold a password.
fn without_secrets(mut error: clap::Error, definition: &clap::Command) -> Refusal {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidSubcommand] {
        if let Some(ContextValue::String(value)) = error.get(kind) {
            let value = not_an_id(value);
            error.insert(kind, ContextValue::String(value));
        }
    }
    if without_password(&error.render().to_string()) != error.render().to_string() {
        let hint = "pass it with --uri, or in a file with --uri-file FILE";
        return Refusal::Own("unexpected connection string".into(), hint);
    }
    if let Some(refusal) = mistyped::command(&error, definition) {
        return refusal;
    }
    if let Some(refusal) = not_a_number(&error) {
        return refusal;
    }
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.clone(),
        _ => return Refusal::Clap(error),
    };
    if argument == "--every-collection" {
        let sentence =
            "--every-collection works with list, users, stats, doctor and purge --expired only";
        return Refusal::Own(sentence.into(), "name each collection with -c");
    }
    let deploys = std::env::args_os().any(|word| word == "deploy");
    if error.kind() == ErrorKind::UnknownArgument && deploys {
        let sentence = match is_option(&argument) {
            true => format!("deploy has no option {argument}"),
            false => "deploy accepts options only".to_owned(),
        };
        return Refusal::Own(sentence, "pass options of sweep after --, as in -- --rate 2000");
    }
    if error.kind() == ErrorKind::UnknownArgument && !is_option(&argument) {
        return Refusal::Own(
            format!("unexpected argument {}...", sessionctl::session::shorten(&argument)),
            HINT,
        );
    }
    Refusal::Clap(error)
}

/// Whether this looks like a mistyped long option: an id rarely consists of lowercase letters only.
fn is_option(argument: &str) -> bool {
    let small = |letter: u8| letter.is_ascii_lowercase() || letter == b'-';
    argument.strip_prefix("--").is_some_and(|name| name.bytes().all(small))
}

/// A flag overrides a variable here too.
fn choose_layout(global: &mut Global, matches: &ArgMatches) -> Result<(), Refusal> {
    let typed = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
    if global.layout.len() > 1 && global.layout.iter().any(|name| name == AUTO) {
        let sentence = "--layout auto cannot be combined with the name of a layout".into();
        return Err(Refusal::Own(sentence, "omit auto, or the names"));
    }
    match (typed("layout"), typed("layout_file")) {
        // The two together are the layouts of a mixed collection.
        (true, true) if global.layout_name().is_none() => {
            let sentence = "--layout auto and --layout-file cannot be used together".into();
            return Err(Refusal::Own(sentence, "pass only one of them"));
        }
        (true, false) => global.layout_file = None,
        (false, _) if global.layout_file.is_some() => global.layout = vec![AUTO.to_owned()],
        _ => {}
    }
    Ok(())
}

/// Only some commands take several collections.
fn check_collections(cli: &Cli, matches: &ArgMatches) -> Result<(), Refusal> {
    let collections = &cli.global.collection;
    let is_typed = matches.value_source("collection") == Some(ValueSource::CommandLine);
    if is_typed && cli.command.every_collection() {
        let sentence = "-c and --every-collection cannot be used together".into();
        return Err(Refusal::Own(sentence, "pass only one of them"));
    }
    if is_typed && matches!(cli.command, Command::Collections(_)) {
        let sentence = "collections searches whole databases, and -c has no effect".into();
        return Err(Refusal::Own(sentence, "choose the database with -d"));
    }
    let has_several = collections.len() > 1 || cli.command.every_collection();
    if has_several && cli.command.reads_stdin() {
        let sentence = "stdin provides the ids of one collection only".into();
        return Err(Refusal::Own(sentence, "run it once per collection"));
    }
    if has_several && cli.command.is_archived() {
        let sentence = "an archive holds the sessions of one collection only".into();
        return Err(Refusal::Own(sentence, "run it once per collection, with a file for each"));
    }
    if has_several && cli.command.lists_unmatched() {
        let sentence = "--unmatched writes what one collection does not have".into();
        return Err(Refusal::Own(sentence, "run it once per collection, with a file for each"));
    }
    if collections.len() > 1 && !cli.command.takes_collections() {
        let name = matches.subcommand_name().unwrap_or_default();
        let sentence =
            format!("{name} works on one collection, but {} were given", collections.len());
        return Err(Refusal::Own(sentence, "run it once per collection"));
    }
    Ok(())
}

/// Refuses a repeatable option on both sides of the subcommand: clap drops the values before it if there
/// are values after it.
fn check_repeated(matches: &ArgMatches) -> Result<(), Refusal> {
    let options = [
        ("collection", "--collection", Some('c'), "give every -c after the subcommand"),
        ("layout", "--layout", None, "give every --layout after the subcommand"),
        ("user_path", "--user-path", None, "give every --user-path after the subcommand"),
    ];
    for (id, long, short, hint) in options {
        let kept = matches.get_raw_occurrences(id).map_or(0, Iterator::count);
        if is_typed(matches, id) && typed_times(long, short) > kept {
            let name = short.map_or_else(|| long.to_owned(), |short| format!("-{short}"));
            let sentence = format!("{name} given both before and after the subcommand");
            return Err(Refusal::Own(sentence, hint));
        }
    }
    Ok(())
}

/// The short options that take no value, which may stand before another one in the same word.
const FLAGS: [char; 3] = ['q', 'v', 'y'];

/// How often an option was given on the command line.
fn typed_times(long: &str, short: Option<char>) -> usize {
    let args = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
    let is_short = |arg: &str| {
        let first = arg.strip_prefix('-').map(|letters| letters.trim_start_matches(FLAGS));
        short.is_some() && first.is_some_and(|letters| letters.chars().next() == short)
    };
    let is_long = |arg: &str| {
        arg.strip_prefix(long).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    args.take_while(|arg| arg != "--").filter(|arg| is_short(arg) || is_long(arg)).count()
}

/// A flag overrides a variable, in any of its forms.
fn uri(global: &Global, matches: &ArgMatches) -> Result<Uri, Refusal> {
    let typed = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
    let text = global
        .uri
        .clone()
        .map(|uri| if uri.expose() == "-" { Uri::Stdin } else { Uri::Given(uri) });
    let file = global.uri_file.clone().map(Uri::File);
    if typed("uri") && typed("uri_file") {
        return Err(Refusal::Own(
            "--uri and --uri-file cannot be used together".into(),
            "pass only one of them",
        ));
    }
    let chosen = if typed("uri_file") { file.or(text) } else { text.or(file) };
    Ok(chosen.unwrap_or_else(|| Uri::Given(DEFAULT_URI.to_owned().into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        definition().debug_assert();
    }

    #[test]
    fn only_the_flags_take_no_value() {
        fn flags(command: &clap::Command) -> Vec<char> {
            let own = command.get_arguments().filter(|arg| !arg.get_action().takes_values());
            let below = command.get_subcommands().flat_map(flags);
            own.filter_map(clap::Arg::get_short).chain(below).collect()
        }
        let found: std::collections::BTreeSet<_> = flags(&definition()).into_iter().collect();
        assert_eq!(found, FLAGS.into());
    }
}
