//! `sessionctl sweep`

use crate::console::failure::{Exit, Failure};
use crate::console::report::{never_wait, set_log_format};
use crate::context::Context;

mod args;
mod check;
mod config;
pub mod config_file;
mod health;
mod hold;
mod in_force;
mod journal;
mod log;
mod records;
mod report;
mod status;
mod supervise;

pub use args::{Args, nothing_beside_config};
pub use config::Settings;

use health::Health;
use log::Log;
use report::Stops;
use supervise::Supervisor;

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    set_log_format(args.service.log_format);
    args.check_idle()?;
    if args.check_config {
        return check::run(context, args).await;
    }
    if !args.once {
        never_wait();
    }
    let plans = args.plans(&context.global)?;
    config::check_holds(&plans)?;
    let stops = Stops::new(&context.signals);
    let mut health = Health::open(context, stops.clone(), &args.service)?;
    let connection = context.connect().await?;
    health.watch(connection.clone());
    let log = Log::new(context, stops.clone(), args);
    let mut supervisor = Supervisor::new(context, args, stops, connection, log, health)?;
    supervisor.apply(plans);
    supervisor.run().await
}
