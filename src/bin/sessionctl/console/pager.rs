//! Shows a long text page by page.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGINT;

use crate::console::failure::Failure;
use crate::console::output;

/// The exit code of a shell for an unknown command.
const NOT_FOUND: i32 = 127;

/// Shows `text` through `$PAGER`, else `less` or `more`. Without a terminal or a pager, prints it.
pub fn show(text: &str) -> Result<(), Failure> {
    if !io::stdout().is_terminal() || !pagers().into_iter().any(|pager| is_shown(pager, text)) {
        return output::text(text);
    }
    Ok(())
}

fn pagers() -> Vec<Command> {
    match std::env::var("PAGER") {
        Ok(typed) if !typed.trim().is_empty() => {
            // Like man and git, run it with a shell: it may have options, or be a pipeline.
            let mut shell = Command::new("sh");
            shell.args(["-c", &typed]);
            // As git does: a plain `less` would print the codes of bold text instead of bold text.
            if std::env::var_os("LESS").is_none() {
                shell.env("LESS", "FRX");
            }
            vec![shell]
        }
        _ => {
            let mut less = Command::new("less");
            less.arg("-FRX");
            vec![less, Command::new("more")]
        }
    }
}

/// Runs a pager until it is closed, if there is such a program.
fn is_shown(mut pager: Command, text: &str) -> bool {
    let Ok(mut child) = pager.stdin(Stdio::piped()).spawn() else { return false };
    // Ctrl-C is for the pager. If this process ended, the pager and the shell would read from the
    // same terminal.
    let _ = signal_hook::flag::register(SIGINT, Arc::new(AtomicBool::new(false)));
    if let Some(mut pipe) = child.stdin.take() {
        // A pager that is closed early closes the pipe, which is not a failure.
        let _ = pipe.write_all(text.as_bytes());
    }
    child.wait().is_ok_and(|status| status.code() != Some(NOT_FOUND))
}
