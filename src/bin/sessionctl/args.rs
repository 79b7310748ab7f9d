//! Arguments that commands share.

#![expect(clippy::doc_markdown, reason = "these texts are the help, and not rendered")]

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{FalseyValueParser, PossibleValue, StringValueParser, TypedValueParser};
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Args, ValueEnum};
use sessionctl::Layout;
use sessionctl::layout::UserPlace;

pub mod conditions;
mod selection;
mod times;

pub use selection::{OTHERS, SelectionArgs, id};
pub use times::{Time, duration, interval, time};

/// The options of every command, before or after its name.
#[derive(Debug, Clone, Args)]
#[command(
    next_help_heading = "Global options (each has an environment variable, such as SESSIONCTL_URI)"
)]
pub struct Global {
    /// Connection string, or - to read it from stdin [default: mongodb://localhost:27017]
    #[arg(long, global = true, env = "SESSIONCTL_URI", hide_env = true, value_name = "URI")]
    pub uri: Option<Secret>,

    /// Read the connection string from FILE, so that ps does not show it
    #[arg(long, global = true, env = "SESSIONCTL_URI_FILE", hide_env = true, value_name = "FILE")]
    pub uri_file: Option<PathBuf>,

    /// Database NAME [default: the one in the connection string, else test]
    #[arg(short, long, global = true, env = "SESSIONCTL_DB", hide_env = true, value_name = "NAME")]
    pub db: Option<String>,

    /// Collection NAME [default: sessions]; repeatable for list, users, stats, doctor, expire, purge,
    /// sweep and deploy
    #[arg(
        short,
        long,
        global = true,
        env = "SESSIONCTL_COLLECTION",
        hide_env = true,
        default_value = "sessions",
        hide_default_value = true,
        value_name = "NAME",
        action = ArgAction::Append
    )]
    pub collection: Vec<String>,

    /// Use layout NAME (see sessionctl layouts); auto detects the layout. Repeat --layout for a
    /// collection with sessions of several layouts
    #[arg(
        long,
        global = true,
        env = "SESSIONCTL_LAYOUT",
        hide_env = true,
        hide_possible_values = true,
        default_value = "auto",
        value_parser = Completed(auto_and_layouts),
        value_name = "NAME",
        action = ArgAction::Append
    )]
    pub layout: Vec<String>,

    /// Read your own layout from FILE (see sessionctl help layout-file)
    #[arg(
        long,
        global = true,
        env = "SESSIONCTL_LAYOUT_FILE",
        hide_env = true,
        value_name = "FILE"
    )]
    pub layout_file: Option<PathBuf>,

    /// Session lifetime, counted from the last touch, for layouts that store it neither in the document
    /// nor in a TTL index
    #[arg(
        long,
        global = true,
        env = "SESSIONCTL_LIFETIME",
        hide_env = true,
        value_name = "DURATION",
        value_parser = interval,
        allow_negative_numbers = true
    )]
    pub lifetime: Option<Duration>,

    /// Read the user from PATH in the payload, such as account.id, instead of the paths of the
    /// layout; repeatable. A leading / means a field of the document itself, such as /user_id
    #[arg(
        long,
        global = true,
        env = "SESSIONCTL_USER_PATH",
        hide_env = true,
        value_name = "PATH",
        value_delimiter = ',',
        value_parser = user_place,
        action = ArgAction::Append
    )]
    pub user_path: Vec<UserPlace>,

    /// Output format: table (for people), json, ndjson or csv
    #[arg(
        short = 'o',
        long,
        global = true,
        env = "SESSIONCTL_FORMAT",
        hide_env = true,
        value_enum,
        hide_possible_values = true,
        default_value_t = Format::Table,
        value_name = "FORMAT"
    )]
    pub format: Format,

    /// Print whole session ids; anyone who sees one may be able to log in with it
    #[arg(long, global = true, env = "SESSIONCTL_FULL_IDS", hide_env = true, value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub full_ids: bool,

    /// Use colors: auto (on a terminal, unless NO_COLOR is set), always or never
    #[arg(long, global = true, env = "SESSIONCTL_COLOR", hide_env = true, hide_possible_values = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,

    /// Whether the connection string, or its file, was given on the command line.
    #[arg(skip)]
    pub is_uri_typed: bool,

    /// Suppress notes, warnings and progress, and reports in table format; rows of data are still
    /// printed
    #[arg(short, long, global = true, env = "SESSIONCTL_QUIET", hide_env = true, value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub quiet: bool,

    /// Print more: why a layout was detected, and the driver's message on a failure
    #[arg(short, long, global = true, env = "SESSIONCTL_VERBOSE", hide_env = true, value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub verbose: bool,
}

impl Global {
    /// The layouts that were named, joined with `+` as reports name them; `None` for `auto`.
    pub fn layout_name(&self) -> Option<String> {
        Some(self.layout.join("+")).filter(|name| name != AUTO)
    }

    /// Whether a connection string was given in any form.
    pub fn names_server(&self) -> bool {
        self.uri.is_some() || self.uri_file.is_some()
    }
}

/// The connection string if none is given.
pub const DEFAULT_URI: &str = "mongodb://localhost:27017";

/// The format of stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: times relative to now, columns that fit the terminal
    Table,
    /// One JSON array or object
    Json,
    /// One JSON object a line
    Ndjson,
    /// A header and lines of comma-separated values
    Csv,
}

/// When to use colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal
    Auto,
    /// In files and pipes too
    Always,
    /// Nowhere
    Never,
}

impl Color {
    /// Whether a stream is colored.
    pub fn is_on(self, stream_is_terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                stream_is_terminal
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }
}

/// Accepts any text, while the shells complete these values. The command itself reports a wrong
/// name, because it knows more than clap does.
#[derive(Clone)]
pub struct Completed(pub fn() -> Vec<String>);

impl TypedValueParser for Completed {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter().map(PossibleValue::new)))
    }
}

/// The value of `--layout` that detects the layout.
pub const AUTO: &str = "auto";

/// The names of the built-in layouts.
pub fn layouts() -> Vec<String> {
    Layout::known().iter().map(|layout| layout.name.clone()).collect()
}

fn auto_and_layouts() -> Vec<String> {
    std::iter::once(AUTO.to_owned()).chain(layouts()).collect()
}

/// Text that must not appear in any output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

/// Where the connection string comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uri {
    Given(Secret),
    File(PathBuf),
    Stdin,
}

/// Whether this option was given on the command line, rather than in a variable or not at all.
pub fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    matches.try_contains_id(id).unwrap_or(false)
        && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// An address to listen on.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an address and a port, such as 127.0.0.1:9464".to_owned())
}

/// A place of users, in the syntax of layout files.
fn user_place(text: &str) -> Result<UserPlace, String> {
    text.to_owned().try_into()
}

/// Whether a command works on every collection.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct EveryArgs {
    /// Every collection of the database that holds sessions, instead of -c
    #[arg(long)]
    pub every_collection: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_is_never_debugged() {
        let secret: Secret = "mongodb://user:password@host".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "(redacted)");
    }
}
