//! sessionctl: web sessions in MongoDB, whichever framework wrote them.

mod args;
mod audit;
mod cli;
mod commands;
mod console;
mod context;
mod daemon;
#[cfg(test)]
mod generated;
mod help;
mod input;

use std::process::ExitCode;

use console::{output, report};

fn main() -> ExitCode {
    let code = match cli::parse() {
        Ok(invocation) => report::finish(invocation.global.verbose, commands::run(invocation)),
        Err(refusal) => report::usage(&refusal),
    };
    output::drain();
    report::drain();
    code
}
