//! `sweep --check-config`: whether the sweeper could start with these settings, without contacting a
//! server.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use sessionctl::Connection;
use sessionctl::error::reason;

use super::args::Args;
use super::config::{self, Plan};
use super::in_force::{HEADER, row};
use crate::args::Format;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output::{Cell, Row, Shape};
use crate::context::Context;
use crate::daemon::textfile::TextFile;

/// Checks everything that can be checked here, and prints the settings in force.
pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let plans = args.plans(&context.global)?;
    config::check_holds(&plans)?;
    let uri = context.read_uri()?;
    let checked = Connection::check(uri.trim(), context.global.db.as_deref()).await;
    let (address, database) = checked.doing("use the connection string")?;
    for archive in plans.iter().filter_map(|plan| plan.sweep.archive.as_deref()) {
        check_folder("the archive", archive)?;
    }
    if let Some(audit) = &args.audit.audit {
        check_folder("the audit file", audit)?;
        check_writable("the audit file", audit)?;
    }
    args.check_control()?;
    if let Some(metrics) = &args.service.metrics_file {
        check_folder("the metrics file", metrics)?;
        TextFile::new(metrics.clone())?;
    }
    print(context, &plans, &database)?;
    context.note("note", format!("the configuration is valid; the sweeper would use {address}"));
    Ok(Exit::Done)
}

/// The file itself may not exist yet, but its folder must.
fn check_folder(what: &str, file: &Path) -> Result<(), Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut folder = folder.map_or_else(|| PathBuf::from("."), Path::to_owned);
    // A folder that depends on the date need not exist today.
    while folder.to_string_lossy().contains('%') && folder.pop() {}
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let (file, folder) = (file.display(), folder.display());
    let sentence = format!("could not use {what} {file}: {folder} is not a folder");
    Err(Failure::new(Exit::Failed, sentence).hint("create the folder, or choose another one"))
}

/// A file that exists must be writable, else its folder.
fn check_writable(what: &str, file: &Path) -> Result<(), Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let written = if file.exists() { file } else { folder.unwrap_or(Path::new(".")) };
    let why = match access(written, Access::WRITE_OK) {
        Ok(()) if !file.is_dir() => return Ok(()),
        Ok(()) => "it is a folder".to_owned(),
        Err(error) => reason(&error.into()),
    };
    let (file, written) = (file.display(), written.display());
    let sentence = format!("could not use {what} {file}: {written}: {why}");
    Err(Failure::new(Exit::Failed, sentence)
        .hint("the user of the sweeper must be able to write it"))
}

fn print(context: &Context, plans: &[Plan], database: &str) -> Result<(), Failure> {
    let is_table = context.global.format == Format::Table;
    if is_table && context.global.quiet {
        return Ok(());
    }
    let shape = if is_table { Shape::Stream } else { Shape::Many };
    let mut rows = context.rows(shape, HEADER);
    for (at, plan) in plans.iter().enumerate() {
        let database = plan.database.as_deref().unwrap_or(database);
        let Row(mut cells) = row(&format!("{database}.{}", plan.collection), plan);
        if is_table {
            // A person needs only the settings that have a value.
            cells.retain(|(_, cell)| *cell != Cell::Null);
            if at > 0 {
                rows.gap()?;
            }
        }
        rows.row(Row(cells))?;
    }
    rows.finish()
}
