//! `sessionctl layouts`

use std::io::IsTerminal as _;

use clap::Subcommand;
use sessionctl::Layout;
use sessionctl::layout::Kind;

use crate::args::{Color, Completed, Format, Global, layouts};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::output::{self, Cell, Row, Rows, Shape, Style};
use crate::context::Context;

/// List the built-in layouts, print one, or draft one
///
/// A layout describes how one session store writes its documents: where the id, the payload, the
/// expiry, the last touch and the user are. The column logout names the command that logs a user out:
/// expire, or purge for a store that does not check the expiry when it reads a session.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl layouts
  sessionctl layouts show connect-mongo-json > my.toml
  sessionctl layouts draft -c logins > my.toml
  sessionctl list --layout-file my.toml")]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a layout as TOML, to edit and pass with --layout-file
    #[command(after_help = "Examples:
  sessionctl layouts show connect-mongo-json > my.toml
  sessionctl list --layout-file my.toml")]
    Show {
        /// Name of the layout
        #[arg(value_parser = Completed(layouts), hide_possible_values = true)]
        name: String,
    },

    /// Print a layout for the documents of a collection, guessed from a sample
    ///
    /// The layout is TOML for --layout-file. Reasons and doubts are comments beside each guess:
    /// check them before you write with the layout. If a field can be read in two ways, the draft
    /// uses the reading that makes fewer sessions expired; the other is a comment.
    #[command(after_help = "Examples:
  sessionctl layouts draft -d shop -c logins > logins.toml
  sessionctl list -d shop -c logins --layout-file logins.toml")]
    Draft,
}

/// The columns of the table; the other formats print the whole row.
const TABLE: [&str; 4] = ["layout", "expiry", "logout", "stores"];
const HEADER: &[&str] =
    &["layout", "collections", "id", "payload", "expiry", "user", "stores", "logout"];

impl Args {
    /// Whether the subcommand reads documents.
    pub fn needs_server(&self) -> bool {
        matches!(self.command, Some(Command::Draft))
    }
}

/// Prints a draft for the collection.
pub async fn draft(context: &Context) -> Result<Exit, Failure> {
    let connection = context.connect().await?;
    let collection = context.collection();
    let action = format!("draft a layout for {}.{collection}", connection.database());
    let (text, verdict) = connection.draft_layout(collection).await.doing(&action)?;
    if verdict.is_sessions() {
        context.note("note", format!("{verdict}; you probably need no draft"));
    }
    output::text(&text).map(|()| Exit::Done)
}

pub fn run(args: &Args, global: &Global) -> Result<Exit, Failure> {
    if let Some(Command::Show { name }) = &args.command {
        let source = Layout::source(name).doing("show the layout")?;
        return output::text(source).map(|()| Exit::Done);
    }
    let terminal = std::io::stdout().is_terminal();
    let style = Style {
        format: global.format,
        color: terminal && global.color != Color::Never,
        width: console::Term::stdout()
            .size_checked()
            .map(|(_, columns)| columns)
            .filter(|_| terminal),
    };
    let columns = match global.format {
        Format::Table => TABLE.map(str::to_owned).to_vec(),
        _ => Vec::new(),
    };
    let mut rows = Rows::stdout(style, Shape::Many, HEADER).columns(&columns);
    for layout in Layout::known() {
        rows.row(row(layout))?;
    }
    rows.finish()?;
    Ok(Exit::Done)
}

/// The command that logs a user out of this store.
fn logout(layout: &Layout) -> &'static str {
    match layout.is_ended_by_expiry() {
        true => "expire",
        false => "purge",
    }
}

fn row(layout: &Layout) -> Row {
    let rule = &layout.expiry[0];
    let kind = match rule.kind {
        Kind::None => "never".to_owned(),
        kind => format!(
            "{} ({})",
            rule.path.as_deref().unwrap_or_default(),
            format!("{kind:?}").to_lowercase()
        ),
    };
    let texts = |list: &[String]| Cell::Text(list.join(", "));
    Row(vec![
        ("layout", Cell::Text(layout.name.clone())),
        ("collections", texts(&layout.collections)),
        ("id", Cell::Text(layout.id.path.to_string())),
        ("payload", Cell::maybe(layout.payload.path.clone(), |path| Cell::Text(path.into()))),
        ("expiry", Cell::Text(kind)),
        ("user", Cell::maybe(layout.user.first(), |place| Cell::Text(place.to_string()))),
        ("stores", texts(&layout.stores)),
        ("logout", Cell::Text(logout(layout).to_owned())),
    ])
}
