//! `sessionctl completions SHELL`

use clap_complete::Shell;

use crate::console::failure::{Exit, Failure};
use crate::console::output;

/// Print the completion script of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl completions bash > /etc/bash_completion.d/sessionctl
  sessionctl completions zsh > ~/.zfunc/_sessionctl
  sessionctl completions fish > ~/.config/fish/completions/sessionctl.fish")]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub fn run(args: &Args, command: &mut clap::Command) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "sessionctl", &mut script);
    output::text(&String::from_utf8_lossy(&script)).map(|()| Exit::Done)
}
