//! sessionctl: web sessions in MongoDB, whoever wrote them.

mod args;
mod audit;
mod commands;
mod confirm;
mod context;
mod daemon;
#[cfg(test)]
mod generated;
mod output;
mod progress;
mod report;
mod signals;
mod text;

use std::process::ExitCode;

fn main() -> ExitCode {
    let (cli, uri) = match args::parse() {
        Ok(parsed) => parsed,
        Err(refusal) => return report::usage(&refusal),
    };
    report::finish(cli.global.verbose, commands::run(cli, uri))
}
