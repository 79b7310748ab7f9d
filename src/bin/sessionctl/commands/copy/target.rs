//! Where sessions are copied to: another collection, database, server or layout.

use std::path::PathBuf;

use sessionctl::collections::Purpose;
use sessionctl::error::reason;
use sessionctl::{Connection, Error, Layout, Layouts, Store};

use crate::args::{Completed, Secret, layouts};
use crate::console::failure::{Doing as _, Exit, Failure, Refusal};
use crate::context::Context;
use crate::input::read_text;

/// The target. It defaults to the source.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Target (defaults to the source)")]
pub struct TargetArgs {
    /// Connection string of the target
    #[arg(
        long,
        env = "SESSIONCTL_TO_URI",
        hide_env = true,
        value_name = "URI",
        conflicts_with = "to_uri_file"
    )]
    to_uri: Option<Secret>,

    /// Read the connection string of the target from FILE, so that ps does not show it
    #[arg(long, env = "SESSIONCTL_TO_URI_FILE", hide_env = true, value_name = "FILE")]
    to_uri_file: Option<PathBuf>,

    /// Database NAME of the target
    #[arg(long, value_name = "NAME")]
    to_db: Option<String>,

    /// Collection NAME of the target
    #[arg(long, value_name = "NAME")]
    to_collection: Option<String>,

    /// Write the sessions in the layout NAME (see sessionctl help copy)
    #[arg(long, value_name = "NAME", hide_possible_values = true, value_parser = Completed(layouts))]
    pub to_layout: Option<String>,
}

impl TargetArgs {
    /// What clap cannot check.
    pub fn check(&self) -> Result<(), Refusal> {
        let Self { to_uri, to_uri_file, to_db, to_collection, to_layout: _ } = self;
        let is_given = to_uri.is_some()
            || [to_uri_file.is_some(), to_db.is_some(), to_collection.is_some()].contains(&true);
        match is_given {
            true => Ok(()),
            false => Err(Refusal::Own(
                "no target to copy to".into(),
                "pass --to-collection, --to-db or --to-uri",
            )),
        }
    }

    /// The store of the target, which may not exist yet.
    pub async fn store(&self, context: &Context, source: &Store) -> Result<Store, Failure> {
        self.look(context, source).await.map_err(|failure| {
            // What is wrong with a connection is wrong with this one.
            let hint = failure.hint.as_ref().map(|hint| hint.replace(" --uri ", " --to-uri "));
            Failure { hint, ..failure }
        })
    }

    async fn look(&self, context: &Context, source: &Store) -> Result<Store, Failure> {
        let layouts = self.layouts(context, source)?;
        let connection = self.connect(context, source.connection()).await?;
        let collection = self.to_collection.as_deref().unwrap_or(source.name());
        let action = format!("copy sessions to {}.{collection}", connection.database());
        let lifetime = context.global.lifetime;
        let choice = connection
            .choose_layouts(collection, Some(&layouts), lifetime, Purpose::Changing)
            .await;
        let layouts = match choice {
            Ok(choice) => choice.layouts().cloned().unwrap_or(layouts),
            Err(Error::NoCollection { .. }) => layouts,
            Err(error @ Error::Misnamed { .. }) if self.to_layout.is_none() => {
                let failure = Failure::of(&action, &error);
                return Err(failure.hint("--to-layout names the layout of the target"));
            }
            Err(error) => return Err(error).doing(&action),
        };
        layouts.tell_states().doing(&action)?;
        Ok(connection.store(collection, layouts))
    }

    fn layouts(&self, context: &Context, source: &Store) -> Result<Layouts, Failure> {
        let Some(name) = &self.to_layout else { return Ok(source.layouts().clone()) };
        let named = Layout::named(name).doing("choose the layout of the target")?;
        Ok(named.clone().resolved(context.global.lifetime, &[]).into())
    }

    async fn connect(&self, context: &Context, source: &Connection) -> Result<Connection, Failure> {
        let uri = match (&self.to_uri, &self.to_uri_file) {
            (Some(uri), _) => uri.expose().to_owned(),
            (None, Some(path)) => read_text(path).map_err(|error| {
                let sentence = format!(
                    "could not read the connection string from {}: {}",
                    path.display(),
                    reason(&error)
                );
                Failure::new(Exit::Failed, sentence)
            })?,
            (None, None) => {
                return Ok(source.on(self.to_db.as_deref().unwrap_or(source.database())));
            }
        };
        let connection = Connection::open(uri.trim(), self.to_db.as_deref()).await;
        let connection = connection.doing("connect to the target")?;
        context.warn_of_ignored(&connection);
        let is_named = self.to_db.is_some() || names_database(uri.trim());
        Ok(if is_named { connection } else { connection.on(source.database()) })
    }
}

/// Whether a connection string has a database in it.
fn names_database(uri: &str) -> bool {
    let hosts = uri.split_once("://").map_or(uri, |(_, hosts)| hosts);
    let path = hosts.split_once('/').map_or("", |(_, path)| path);
    !path.split('?').next().unwrap_or_default().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_behind_the_hosts_and_before_the_options() {
        for (uri, is_named) in [
            ("mongodb://h", false),
            ("mongodb://h/", false),
            ("mongodb://h/?a=b", false),
            ("mongodb://u:p@h,i/shop", true),
            ("mongodb+srv://h/shop?a=/b", true),
        ] {
            assert_eq!(names_database(uri), is_named, "{uri}");
        }
    }
}
