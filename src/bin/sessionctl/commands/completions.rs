//! `sessionctl completions SHELL`

use clap_complete::Shell;

use crate::console::failure::{Exit, Failure};
use crate::console::output;

/// Print the completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl completions bash > /etc/bash_completion.d/sessionctl
  sessionctl completions zsh > ~/.zfunc/_sessionctl
  sessionctl completions fish > ~/.config/fish/completions/sessionctl.fish")]
pub struct Args {
    /// Shell to print the script for
    shell: Shell,
}

pub fn run(args: &Args, command: &mut clap::Command) -> Result<Exit, Failure> {
    let script = script(args.shell, command);
    output::text(&String::from_utf8_lossy(&script)).map(|()| Exit::Done)
}

/// The script of a shell.
pub fn script(shell: Shell, command: &mut clap::Command) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "sessionctl", &mut script);
    if shell == Shell::Fish {
        // clap_complete omits the values of positional arguments, but only for fish.
        for command in command.get_subcommands() {
            let condition = format!("__fish_sessionctl_using_subcommand {}", command.get_name());
            add_values(command, &condition, &mut script);
            for below in command.get_subcommands() {
                let name = below.get_name();
                let condition = format!("{condition}; and __fish_seen_subcommand_from {name}");
                add_values(below, &condition, &mut script);
            }
        }
    }
    script
}

fn add_values(command: &clap::Command, condition: &str, script: &mut Vec<u8>) {
    for arg in command.get_positionals() {
        let values = arg.get_value_parser().possible_values().into_iter().flatten();
        let values: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
        if !values.is_empty() {
            let values = values.join(" ");
            script.extend(
                format!("complete -c sessionctl -n \"{condition}\" -f -a \"{values}\"\n").bytes(),
            );
        }
    }
}
