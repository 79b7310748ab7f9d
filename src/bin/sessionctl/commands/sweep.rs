//! `sessionctl sweep`

use std::time::Duration;

use sessionctl::purge::Fate;
use sessionctl::sweep::{Event, Pass, Sweep, Target, may_pass};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::ending::{HEADER, Report};
use crate::args::{duration, interval};
use crate::context::Context;
use crate::output::{Format, Row, Rows, Shape};
use crate::report::{Exit, Failure, line, say};
use crate::text::{neutral, sessions};

/// Purge expired sessions again and again: the daemon
///
/// The first pass begins at once, then one every interval, until SIGINT or SIGTERM: then the batch
/// under way is finished, and the exit code is 0. A server that is away, or a collection that does
/// not exist yet, is waited for. A DURATION is a number of seconds, or like 90s, 15m, 24h, 7d.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl sweep --interval 60
  sessionctl sweep --once -q
  sessionctl sweep --interval 5m --grace 10m -o ndjson")]
pub struct Args {
    /// Begin a pass this often
    #[arg(long, value_name = "DURATION", default_value = "60", env = "SESSIONCTL_INTERVAL", hide_env = true, value_parser = interval, allow_negative_numbers = true)]
    interval: Duration,

    /// Do one pass, then end
    #[arg(long)]
    once: bool,

    /// Delete only what has been expired for this long
    #[arg(long, value_name = "DURATION", default_value = "0", env = "SESSIONCTL_GRACE", hide_env = true, value_parser = duration, allow_negative_numbers = true)]
    grace: Duration,

    /// Sessions in a batch [default: 1000, or 5000 where no ids are needed]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), allow_negative_numbers = true)]
    batch_size: Option<u32>,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let named = context.named_layout()?;
    let connection = context.connect().await?;
    let namespace = format!("{}.{}", connection.database(), context.collection());
    let sweep = Sweep {
        interval: args.interval,
        grace: args.grace,
        batch_size: args.batch_size,
        once: args.once,
    };
    let target = Target {
        connection,
        collection: context.collection().to_owned(),
        layout: named,
        lifetime: context.global.lifetime,
    };
    let mut teller = Teller {
        context,
        namespace: namespace.clone(),
        rows: context.rows(Shape::Stream, HEADER),
        once: args.once,
        unprinted: None,
        last: None,
    };
    let ended = sweep.run(&target, &context.signals.asked, |event| teller.tell(&event)).await;
    let Teller { rows, unprinted, .. } = teller;
    rows.finish()?;
    match (ended, unprinted) {
        (Err(error), _) => Err(Failure::of(&format!("sweep {namespace}"), &error)),
        (Ok(()), Some(failure)) if !failure.is_closed_pipe() => Err(failure),
        // A daemon is told to end by SIGINT and SIGTERM: that is no failure.
        (Ok(()), _) => match context.signals.received() {
            Some(signal) if args.once || ![SIGINT, SIGTERM].contains(&signal) => {
                Ok(Exit::Signal(signal))
            }
            _ => Ok(Exit::Done),
        },
    }
}

/// Tells what happens: passes as rows where a program reads them, as lines to people otherwise.
struct Teller<'a> {
    context: &'a Context,
    namespace: String,
    rows: Rows<std::io::Stdout>,
    once: bool,
    unprinted: Option<Failure>,
    /// The last thing that was waited for, so that it is said once.
    last: Option<String>,
}

impl Teller<'_> {
    fn tell(&mut self, event: &Event) {
        match event {
            Event::Passed(pass) => {
                self.last = None;
                self.passed(pass);
            }
            Event::Waiting(error) => {
                let text = format!("waiting for {}: {error}", self.namespace);
                if !self.context.global.quiet {
                    self.say_once(text);
                }
            }
            Event::Away { error, .. } => {
                self.say_once(format!("could not sweep {}: {error}; trying again", self.namespace));
            }
            _ => {}
        }
    }

    fn say_once(&mut self, text: String) {
        if self.last.as_ref() != Some(&text) {
            say("warning", &text);
            self.last = Some(text);
        }
    }

    fn passed(&mut self, pass: &Pass) {
        // What ends the sweep is said once, when it has ended.
        if let Some(error) = pass.error.as_ref().filter(|error| !self.once && may_pass(error)) {
            say("warning", format!("a pass over {} broke off: {error}", pass.namespace));
        }
        if self.context.global.format == Format::Table {
            if !self.context.global.quiet {
                line(&sentence(pass));
            }
        } else if self.unprinted.is_none() {
            self.unprinted = self.rows.row(row(pass)).err();
        }
    }
}

/// One line a pass. The daemon's log is its own; whoever collects it adds the time.
fn sentence(pass: &Pass) -> String {
    let at_least = if pass.exact { "" } else { "at least " };
    let renewed = match pass.spared {
        None | Some(0) => String::new(),
        Some(spared) => format!(", {} renewed or gone meanwhile", sessions(spared)),
    };
    format!(
        "{}: deleted {at_least}{} in {:.2} s{renewed}",
        neutral(&pass.namespace),
        sessions(pass.deleted),
        pass.took.as_secs_f64()
    )
}

fn row(pass: &Pass) -> Row {
    let stopped = match (&pass.error, pass.interrupted) {
        (Some(_), _) => Some("error"),
        (None, true) => Some("signal"),
        (None, false) => None,
    };
    let report = Report {
        done: Some(pass.deleted),
        exact: Some(pass.exact),
        renewed: pass.spared,
        batches: pass.batches,
        took: pass.took,
        stopped,
        ..Report::new(pass.namespace.clone(), pass.layout.clone(), pass.cutoff)
    };
    report.row(Fate::Deleted)
}
