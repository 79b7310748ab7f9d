//! Shows a long text to a person, a screen at a time.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGINT;

use crate::console::failure::Failure;
use crate::console::output;

/// What a shell says of a command that it cannot find.
const NOT_FOUND: i32 = 127;

/// Shows `text` through `$PAGER`, else `less` or `more`. Without a terminal or a pager it is printed.
pub fn show(text: &str) -> Result<(), Failure> {
    if !io::stdout().is_terminal() || !pagers().into_iter().any(|pager| is_shown(pager, text)) {
        return output::text(text);
    }
    Ok(())
}

fn pagers() -> Vec<Command> {
    match std::env::var("PAGER") {
        Ok(typed) if !typed.trim().is_empty() => {
            // As man and git do it: it may have options, and be a pipe.
            let mut shell = Command::new("sh");
            shell.args(["-c", &typed]);
            vec![shell]
        }
        _ => {
            let mut less = Command::new("less");
            less.arg("-FRX");
            vec![less, Command::new("more")]
        }
    }
}

/// Runs a pager until its reader leaves it, unless there is no such program.
fn is_shown(mut pager: Command, text: &str) -> bool {
    let Ok(mut child) = pager.stdin(Stdio::piped()).spawn() else { return false };
    // Ctrl-C is for the pager. Ending here would leave it and the shell reading one terminal.
    let _ = signal_hook::flag::register(SIGINT, Arc::new(AtomicBool::new(false)));
    if let Some(mut pipe) = child.stdin.take() {
        // A pager that is left early closes its end, which is no failure.
        let _ = pipe.write_all(text.as_bytes());
    }
    child.wait().is_ok_and(|status| status.code() != Some(NOT_FOUND))
}
