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

/// Print a unit, a crontab, manifests, alerts or a dashboard for the sweeper
///
/// Each is printed on stdout, complete and with your own values filled in, to be looked at and put
/// where the comment at its top says. The connection string never stands in it, unless it is given
/// with --uri and holds no password: it is read from a file when the sweeper starts.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl deploy systemd > /etc/systemd/system/sessionctl-sweep.service
  sessionctl deploy cron -d shop --uri-file /etc/sessionctl/uri > /etc/cron.d/sessionctl
  sessionctl deploy kubernetes --config sweep.toml | kubectl apply -f -
  sessionctl deploy prometheus > /etc/prometheus/rules/sessionctl.yml
  sessionctl deploy grafana > sessionctl.json")]
pub struct Args {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
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

/// The whole file. Nothing is asked of a server.
pub fn print(args: &Args, global: &Global, uri: &Uri) -> Result<String, Failure> {
    match &args.kind {
        Kind::Systemd(args) => systemd::unit(args, global, uri),
        Kind::Cron(args) => cron::table(args, global, uri),
        Kind::Kubernetes(args) => kubernetes::manifests(args, global, uri),
        Kind::Prometheus(args) => prometheus::rules(args, global, uri),
        Kind::Grafana(args) => grafana::dashboard(args, global),
    }
}

/// What was typed cannot be used.
fn refused(sentence: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, sentence).hint(hint)
}

/// A name that holds nothing but letters, digits and these others; else `sentence` refuses it.
fn name<'a>(name: &'a str, others: &str, sentence: &str) -> Result<&'a str, Failure> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || others.contains(letter);
    if !name.is_empty() && name.chars().all(plain) {
        return Ok(name);
    }
    let others: Vec<_> = others.chars().map(String::from).collect();
    Err(refused(sentence, format!("make it of letters, digits and {}", others.join(" "))))
}
