//! Checks that completions/ and man/ match clap's output, and the unit in the package that of
//! `deploy`. `UPDATE=1 cargo test` renews them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use clap::{Arg, Command, FromArgMatches as _};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::args::Uri;
use crate::cli::{Cli, definition};
use crate::commands::{self, completions, deploy};
use crate::help::{TOPICS, Topic};

mod roff;

/// File names and contents.
type Files = BTreeMap<String, Vec<u8>>;

#[test]
fn the_completions_are_what_the_program_prints() {
    let shells = [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh];
    let scripts = shells.into_iter().map(|shell| {
        let script = completions::script(shell, &mut definition());
        (clap_complete::Generator::file_name(&shell, "sessionctl"), script)
    });
    assert_committed("completions", &scripts.collect());
}

#[test]
fn the_man_pages_are_what_clap_and_the_topics_generate() {
    let mut command = definition();
    // After building, each command has the global options, too.
    command.build();
    let mut pages = Files::new();
    add_pages(&command, None, &mut pages);
    for topic in &TOPICS {
        pages.insert(
            format!("{}.{}", roff::name(topic), topic.section),
            roff::page(topic).into_bytes(),
        );
    }
    assert_committed("man", &pages);
}

#[test]
fn the_unit_in_the_package_is_what_deploy_prints() {
    let words = "sessionctl deploy systemd --binary /usr/bin/sessionctl --config /etc/sessionctl/sweep.toml";
    let matches = definition().try_get_matches_from(words.split(' ')).unwrap();
    let cli = Cli::from_arg_matches(&matches).unwrap();
    let commands::Command::Deploy(args) = &cli.command else { panic!("{cli:?}") };
    let uri = Uri::File("/etc/sessionctl/uri".into());
    let unit = deploy::print(args, &cli.global, &uri).unwrap();
    let units = Files::from([("sessionctl-sweep.service".to_owned(), unit.into_bytes())]);
    assert_committed("src/bin/sessionctl/deploy/package", &units);
}

#[test]
fn the_topic_on_the_environment_names_every_variable() {
    let mut command = definition();
    command.build();
    assert_variables(&command, Topic::named("environment").unwrap().body());
}

fn assert_variables(command: &Command, topic: &str) {
    for arg in command.get_arguments() {
        let Some(variable) = arg.get_env().map(|name| name.to_string_lossy()) else { continue };
        let help = "src/bin/sessionctl/help/environment.md";
        assert!(topic.contains(&format!("`{variable}`")), "{help} lacks {variable}");
    }
    command.get_subcommands().for_each(|subcommand| assert_variables(subcommand, topic));
}

/// Compares a folder with the expected files, or updates it.
#[track_caller]
fn assert_committed(folder: &str, wanted: &Files) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let names: BTreeSet<String> = fs::read_dir(&path)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(&path).unwrap();
        for stale in names.iter().filter(|name| !wanted.contains_key(*name)) {
            fs::remove_file(path.join(stale)).unwrap();
        }
        for (name, content) in wanted {
            fs::write(path.join(name), content).unwrap();
        }
        return;
    }
    let is_stale = |name: &&String| fs::read(path.join(name)).ok().as_ref() != wanted.get(*name);
    let stale: BTreeSet<_> = names.iter().chain(wanted.keys()).filter(is_stale).collect();
    assert!(stale.is_empty(), "stale in {folder}/: {stale:?}; `UPDATE=1 cargo test` renews them");
}

fn add_pages(command: &Command, parent: Option<&Command>, pages: &mut Files) {
    let name = page(command);
    pages.insert(format!("{name}.1"), man_page(command, parent));
    for subcommand in command.get_subcommands() {
        add_pages(subcommand, Some(command), pages);
    }
}

/// The name of a command's page, such as `sessionctl-index-install`.
fn page(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn man_page(command: &Command, parent: Option<&Command>) -> Vec<u8> {
    let mut described = command.clone().override_usage(synopsis(command));
    if let Some(description) = command.get_before_help() {
        described = described.long_about(description.clone());
    }
    let man = Man::new(described)
        // Without quotes, an empty date would turn the source into the date.
        .date("\"\"")
        .source(concat!("sessionctl ", env!("CARGO_PKG_VERSION")))
        .manual("sessionctl");
    let mut page = Vec::new();
    man.render_title(&mut page).unwrap();
    man.render_name_section(&mut page).unwrap();
    man.render_synopsis_section(&mut page).unwrap();
    man.render_description_section(&mut page).unwrap();
    man.render_options_section(&mut page).unwrap();
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page).unwrap();
    }
    let sections = [environment(command), exit_status(command), examples(command)];
    for section in sections.into_iter().chain([see_also(command, parent)]) {
        section.to_writer(&mut page).unwrap();
    }
    // Each section repeats the preamble, which is needed only once.
    let text = String::from_utf8(page).unwrap();
    let (preamble, _) = text.split_once(".TH").unwrap();
    let lines = text.replace(preamble, "");
    let lines = lines.lines().map(|line| match line.starts_with(".SH \"GLOBAL OPTIONS") {
        // In a man page, environment variables have a separate section.
        true => ".SH \"GLOBAL OPTIONS\"\n".to_owned(),
        false => format!("{line}\n"),
    });
    (preamble.to_owned() + &lines.collect::<String>()).into_bytes()
}

/// `sessionctl list [OPTIONS] [ID]...`, where `clap_mangen` would name each of two dozen options.
fn synopsis(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    usage.trim_start_matches("Usage: ").to_owned()
}

fn environment(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["ENVIRONMENT"]);
    roff.text([roman("An option on the command line overrides its variable.")]);
    let with_variable = command.get_arguments().filter_map(|arg| Some((arg.get_env()?, arg)));
    for (variable, arg) in with_variable {
        entry(&mut roff, &variable.to_string_lossy(), &set_by(arg));
    }
    entry(&mut roff, "NO_COLOR", "Turns colors off, unless it is empty.");
    if command.get_name() == "demo" {
        entry(&mut roff, "SESSIONCTL_MONGOD", "The mongod to start.");
        let cache = "The cache folder, where the fetched mongod is kept; ~/.cache by default.";
        entry(&mut roff, "XDG_CACHE_HOME", cache);
    }
    roff
}

/// The meaning of a variable: the option that it sets.
fn set_by(arg: &Arg) -> String {
    let option = arg.get_long().unwrap_or_default();
    if arg.get_num_args().is_some_and(|number| number.takes_values()) {
        format!("Sets --{option}.")
    } else {
        format!("1 or true sets --{option}.")
    }
}

fn exit_status(command: &Command) -> Roff {
    let path = page(command).trim_start_matches("sessionctl").trim_start_matches('-');
    let whole = path.is_empty();
    let changes = [
        "expire",
        "purge",
        "restore",
        "copy",
        "sweep",
        "fix",
        "fix-expiry",
        "fix-endless",
        "index",
        "index-install",
        "index-replace",
        "index-remove",
    ];
    let offline = (path.starts_with("layouts") && path != "layouts-draft")
        || path.starts_with("deploy")
        || path == "completions"
        || path == "audit"
        || path == "help";
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    entry(
        &mut roff,
        "0",
        if path == "sweep" { "Done, or ended by SIGINT or SIGTERM." } else { "Done." },
    );
    entry(&mut roff, "1", "Failed.");
    entry(&mut roff, "2", "Wrong usage.");
    if whole || changes.contains(&path) {
        entry(
            &mut roff,
            "3",
            "Refused: a confirmation was required and not given. Nothing was changed.",
        );
    }
    if whole || path == "index" || path == "index-status" {
        entry(
            &mut roff,
            "4",
            "index status --check found the index missing, different or still being built.",
        );
    }
    if whole || path == "copy" {
        entry(&mut roff, "4", "copy --check found that both sides differ.");
    }
    if whole || path == "audit" {
        entry(&mut roff, "4", "audit found a line that was changed or cut out.");
    }
    if whole || path == "doctor" {
        entry(&mut roff, "4", "doctor found a failure.");
    }
    if path == "sweep" {
        let signals = "Ended by SIGHUP without --config, or with --once by SIGINT or SIGTERM.";
        entry(&mut roff, "129, 130, 143", signals);
    } else if !offline {
        let signals = "Interrupted by SIGHUP, SIGINT or SIGTERM, after reporting what was done.";
        entry(&mut roff, "129, 130, 143", signals);
    }
    roff
}

fn examples(command: &Command) -> Roff {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    // What follows the examples, the way to the topics, is the section SEE ALSO.
    let examples = help.strip_prefix("Examples:\n").and_then(|text| text.split("\n\n").next());
    let examples = examples.unwrap_or_else(|| panic!("{} has no examples", page(command)));
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]).control("nf", []);
    for line in examples.lines() {
        roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
    }
    roff.control("fi", []);
    roff
}

fn see_also(command: &Command, parent: Option<&Command>) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]).control("ad", ["l"]).control("nh", []);
    let relatives = parent.into_iter().flat_map(Command::get_subcommands);
    let mut pages: Vec<(String, &str)> = parent
        .into_iter()
        .chain(relatives)
        .chain(command.get_subcommands())
        .filter(|other| page(other) != page(command))
        .map(|other| (page(other).to_owned(), "1"))
        .collect();
    if parent.is_none() {
        pages.extend(TOPICS.iter().map(|topic| (roff::name(topic), topic.section)));
    } else if let Some(topic) = Topic::named(command.get_name()) {
        pages.push((roff::name(&topic), topic.section));
    }
    roff::references(&pages, &mut roff);
    roff
}

fn entry(roff: &mut Roff, term: &str, text: &str) {
    roff.control("TP", []).text([bold(term)]).text([roman(text)]);
}
