//! `sessionctl deploy systemd|cron|kubernetes|prometheus|grafana`

use clap::{ArgMatches, Subcommand};

use crate::args::{Global, Uri};
use crate::commands::sweep::nothing_beside_config;
use crate::console::failure::Refusal;
use crate::console::failure::{Exit, Failure};
use crate::console::output;

mod cron;
mod grafana;
mod kubernetes;
mod prometheus;
mod sweeping;
mod systemd;
mod template;
mod values;

/// Print a systemd unit, a crontab, manifests, alerts or a dashboard for the sweeper
///
/// deploy prints a complete file to stdout, with your values filled in. The comment at its top says where to
/// put it. The file contains the connection string only if --uri gives one without a password;
/// otherwise the sweeper reads it from a file when it starts.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl deploy systemd > /etc/systemd/system/sessionctl-sweep.service
  sessionctl deploy cron -d shop --uri-file /etc/sessionctl/uri > /etc/cron.d/sessionctl
  sessionctl deploy kubernetes --config sweep.toml | kubectl apply -f -
  sessionctl deploy prometheus > /etc/prometheus/rules/sessionctl.yml
  sessionctl deploy grafana > sessionctl.json")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Systemd(systemd::Args),
    Cron(cron::Args),
    Kubernetes(kubernetes::Args),
    Prometheus(prometheus::Args),
    Grafana(grafana::Args),
}

impl Args {
    /// What clap cannot check.
    pub fn check(matches: &ArgMatches) -> Result<(), Refusal> {
        let Some((_, typed)) = matches.subcommand() else { return Ok(()) };
        match typed.try_contains_id("config") {
            Ok(true) => nothing_beside_config(typed),
            _ => Ok(()),
        }
    }
}

pub fn run(args: &Args, global: &Global, uri: &Uri) -> Result<Exit, Failure> {
    output::text(&print(args, global, uri)?).map(|()| Exit::Done)
}

/// The whole file. This contacts no server.
pub fn print(args: &Args, global: &Global, uri: &Uri) -> Result<String, Failure> {
    match &args.command {
        Command::Systemd(args) => systemd::unit(args, global, uri),
        Command::Cron(args) => cron::table(args, global, uri),
        Command::Kubernetes(args) => kubernetes::manifests(args, global, uri),
        Command::Prometheus(args) => prometheus::rules(args, global, uri),
        Command::Grafana(args) => grafana::dashboard(args, global),
    }
}
