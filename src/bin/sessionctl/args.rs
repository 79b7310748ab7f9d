//! Arguments that commands share, and how times and durations are typed.

#![expect(clippy::doc_markdown, reason = "these texts are the help, and not rendered")]

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bson::DateTime;
use clap::builder::{FalseyValueParser, PossibleValue, StringValueParser, TypedValueParser};
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Args, ValueEnum};
use jiff::{Timestamp, civil, tz::TimeZone};
use sessionctl::Layout;
use sessionctl::layout::UserPlace;

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

    /// Layout NAME of the sessions (see sessionctl layouts); auto detects it. Repeat --layout for a
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

    /// Lifetime after the last touch, if neither the document nor a TTL index stores it
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

    /// Whether the connection string, or its file, stood on the command line.
    #[arg(skip)]
    pub is_uri_typed: bool,

    /// Print failures only: no notes, and no report in table format
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

/// Where the server is unless something else is said.
pub const DEFAULT_URI: &str = "mongodb://localhost:27017";

/// The format of what is printed on stdout.
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

/// Takes any text, while the shells complete these values: what is wrong with a name is said by the
/// command, which knows more than clap does.
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

/// What stands for the name of a layout that is to be found out.
pub const AUTO: &str = "auto";

/// The names of the built-in layouts.
pub fn layouts() -> Vec<String> {
    Layout::known().iter().map(|layout| layout.name.clone()).collect()
}

fn auto_and_layouts() -> Vec<String> {
    std::iter::once(AUTO.to_owned()).chain(layouts()).collect()
}

/// Text that no output may show.
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

/// Where the connection string is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uri {
    Given(Secret),
    File(PathBuf),
    Stdin,
}

/// The sessions a command works on: ids are alternatives, everything else must hold.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// Session ids, or unique prefixes of at least 8 characters. Pass - to read ids from stdin,
    /// one per line. Put ids that begin with - after --
    #[arg(value_name = "ID", value_parser = id, help_heading = None::<&str>)]
    pub ids: Vec<String>,

    /// Sessions whose expiry is in the past
    #[arg(long, group = "state")]
    pub expired: bool,

    /// Sessions whose expiry is in the future
    #[arg(long, group = "state")]
    pub live: bool,

    /// Sessions that the store keeps forever
    #[arg(long, group = "state", conflicts_with_all = ["expires_before", "expires_after"])]
    pub endless: bool,

    /// Sessions with an unusable expiry
    #[arg(long, group = "state", conflicts_with_all = ["expires_before", "expires_after"])]
    pub malformed: bool,

    /// Sessions of USER (see sessionctl help selection for where the user is read)
    #[arg(long, value_name = "USER", value_parser = user)]
    pub user: Option<String>,

    /// Sessions whose payload has VALUE at PATH; repeatable
    #[arg(long = "where", value_name = "PATH=VALUE", value_parser = path_value)]
    pub payload: Vec<(String, String)>,

    /// Sessions expiring before TIME, such as +1h
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub expires_before: Option<Time>,

    /// Sessions expiring at or after TIME
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub expires_after: Option<Time>,

    /// Sessions idle for at least DURATION, such as 7d or 1d12h
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    pub idle: Option<Duration>,

    /// Allow for touches that the store has not written, up to DURATION; such as connect-mongo's touchAfter
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true, requires = "idle")]
    pub touch_slack: Option<Duration>,

    /// Sessions created at least DURATION ago
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    pub older: Option<Duration>,

    /// All sessions of the collection
    #[arg(long, conflicts_with_all = ["ids", "state", "user", "payload", "expires_before", "expires_after", "idle", "older"])]
    pub all: bool,
}

impl SelectionArgs {
    /// Whether nothing was said, so that it could mean everything.
    pub fn is_empty(&self) -> bool {
        !self.all
            && self.ids.is_empty()
            && !(self.expired || self.live || self.endless || self.malformed)
            && self.user.is_none()
            && self.payload.is_empty()
            && self.expires_before.is_none()
            && self.expires_after.is_none()
            && self.idle.is_none()
            && self.older.is_none()
    }

    pub fn reads_stdin(&self) -> bool {
        self.ids.iter().any(|id| id == "-")
    }
}

/// Whether a command is for every collection.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct EveryArgs {
    /// Every collection of the database that holds sessions, instead of -c
    #[arg(long)]
    pub every_collection: bool,
}

/// A time as typed: absolute, or relative to the server's now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    At(DateTime),
    /// Milliseconds from now; negative is ago.
    FromNow(i64),
}

impl Time {
    pub fn resolve(self, now: DateTime) -> DateTime {
        match self {
            Self::At(time) => time,
            Self::FromNow(millis) => {
                DateTime::from_millis(now.timestamp_millis().saturating_add(millis))
            }
        }
    }
}

/// `60`, `90s`, `15m`, `1d12h`, `2w`, `500ms`.
pub fn duration(text: &str) -> Result<Duration, String> {
    // The largest unit comes first, and none comes twice: `12h1d` is more likely a slip than a wish.
    const UNITS: [(&str, u64); 6] = [
        ("w", 604_800_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    const FORMS: &str = "expected a number of seconds, or a duration such as 90s, 15m, 7d or 1d12h";
    // A thousand years; the server's dates go further, but nobody's sessions do.
    const LONGEST: u64 = 31_536_000_000_000;
    let too_long = || "must not be longer than a thousand years".to_owned();
    let (mut rest, mut units) = (text, UNITS.as_slice());
    let mut total: u64 = 0;
    while !rest.is_empty() || total == 0 && units.len() == UNITS.len() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        let unit = if unit.is_empty() && number == text { "s" } else { unit };
        if number.is_empty() {
            return Err("a duration must begin with a whole number".to_owned());
        }
        let at = units.iter().position(|(name, _)| *name == unit).ok_or(FORMS)?;
        let millis = number.parse::<u64>().ok().and_then(|number| number.checked_mul(units[at].1));
        let sum = millis.and_then(|millis| total.checked_add(millis));
        total = sum.filter(|total| *total <= LONGEST).ok_or_else(too_long)?;
        (rest, units) = (next, &units[at + 1..]);
    }
    Ok(Duration::from_millis(total))
}

/// A duration that is not zero.
pub fn interval(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|duration| match duration.is_zero() {
        true => Err("must be longer than zero".to_owned()),
        false => Ok(duration),
    })
}

/// Whether this option stands on the command line, rather than in a variable or nowhere.
pub fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    matches.try_contains_id(id).unwrap_or(false)
        && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// Where to listen.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an address and a port, such as 127.0.0.1:9464".to_owned())
}

/// A place of users, as layout files have it.
fn user_place(text: &str) -> Result<UserPlace, String> {
    text.to_owned().try_into()
}

/// An instant, or a duration from now.
pub fn time(text: &str) -> Result<Time, String> {
    const FORMS: &str = "expected RFC 3339 with a zone (2026-11-23T10:00:00Z), a date (2026-11-23, \
                         midnight UTC), or a duration from now (-7d, +1h, -1d12h)";
    if let Some(ago) = text.strip_prefix('-') {
        return duration(ago).map(|ago| Time::FromNow(-(ago.as_millis() as i64)));
    }
    if let Some(ahead) = text.strip_prefix('+') {
        return duration(ahead).map(|ahead| Time::FromNow(ahead.as_millis() as i64));
    }
    let timestamp: Option<Timestamp> = match text.parse() {
        Ok(timestamp) => Some(timestamp),
        Err(_) if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => {
            // jiff takes the date of a longer text, too, and drops the rest.
            let midnight = text.parse().ok().map(|date: civil::Date| date.at(0, 0, 0, 0));
            midnight.and_then(|midnight| TimeZone::UTC.to_timestamp(midnight).ok())
        }
        Err(_) => match text.parse() {
            Ok(clock) => {
                // A machine that has no zone keeps UTC.
                let here = TimeZone::try_system().unwrap_or(TimeZone::UTC);
                return Err(without_zone(clock, &here));
            }
            Err(_) => None,
        },
    };
    timestamp
        .map(|timestamp| Time::At(DateTime::from_millis(timestamp.as_millisecond())))
        .ok_or_else(|| FORMS.to_owned())
}

/// Which instants a date and a time of day can be: hours apart, so nobody guesses.
fn without_zone(clock: civil::DateTime, local: &TimeZone) -> String {
    let here = clock.to_zoned_datetime(local.clone()).map(|here| {
        let zone = here.time_zone().iana_name().unwrap_or("the zone of this machine");
        format!(" or {clock}{} ({zone})", here.strftime("%:z"))
    });
    let here = here.unwrap_or_default();
    format!("the time zone is missing: write {clock}Z (UTC){here}")
}

/// The user that `--user` names. Nobody is called "", so an empty one is a variable of a script that
/// was never set.
fn user(text: &str) -> Result<String, String> {
    match text.is_empty() {
        true => Err("must not be empty: no session would match".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// A session id, or the beginning of one.
pub fn id(text: &str) -> Result<String, String> {
    match text.is_empty() {
        true => Err("a session id must not be empty".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn path_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.is_empty() => Ok((path.to_owned(), value.to_owned())),
        _ => Err("expected PATH=VALUE, such as cart.total=0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_seconds_or_has_a_unit() {
        assert_eq!(duration("60"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        for wrong in ["", "s", "1y", "-1", "1.5h", "99999999999999999999", "9999999999w"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert!(interval("0").is_err());
    }

    #[test]
    fn a_duration_may_be_compound_from_the_largest_unit_down() {
        assert_eq!(duration("1d12h"), Ok(Duration::from_secs(36 * 3600)));
        assert_eq!(duration("2w1d3h4m5s6ms"), Ok(Duration::from_millis(1_307_045_006)));
        assert_eq!(duration("1m500ms"), Ok(Duration::from_millis(60_500)));
        assert_eq!(time("-1d12h"), Ok(Time::FromNow(-36 * 3_600_000)));
        for wrong in ["12h1d", "1d1d", "1d12", "12 h", "1d h", "1dh", "500w99999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_absolute_or_relative() {
        let ten = DateTime::from_millis(1_795_428_000_000);
        assert_eq!(time("2026-11-23T10:00:00Z"), Ok(Time::At(ten)));
        assert_eq!(time("2026-11-23T11:00:00+01:00"), Ok(Time::At(ten)));
        assert_eq!(time("2026-11-23"), Ok(Time::At(DateTime::from_millis(1_795_392_000_000))));
        assert_eq!(time("-7d"), Ok(Time::FromNow(-604_800_000)));
        assert_eq!(time("+1h"), Ok(Time::FromNow(3_600_000)));
        assert!(time("yesterday").is_err());
    }

    #[test]
    fn a_date_and_time_without_a_zone_is_an_error_that_shows_both_readings() {
        for text in ["2026-11-30T08:30:00", "2026-11-30 08:30:00", "2026-11-30T08:30"] {
            let said = time(text).unwrap_err();
            assert!(said.contains("2026-11-30T08:30:00Z (UTC) or 2026-11-30T08:30:00"), "{said}");
        }
        let clock = "2026-07-01T08:30:00".parse().unwrap();
        let stockholm = TimeZone::get("Europe/Stockholm").unwrap();
        assert_eq!(
            without_zone(clock, &stockholm),
            "the time zone is missing: write 2026-07-01T08:30:00Z (UTC) or \
             2026-07-01T08:30:00+02:00 (Europe/Stockholm)"
        );
        // Not midnight, whatever stands behind the date.
        for text in ["2026-11-30T08:30:00[Europe/Stockholm]", "2026-11-30T", "2026-11-30 noon"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_connection_string_is_never_debugged() {
        let secret: Secret = "mongodb://user:password@host".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "(redacted)");
    }
}
