//! The selection as it is typed, the same wherever sessions are chosen.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgGroup, Args};

use super::conditions::{Where, condition};
use super::times::{Time, duration, time};

/// The sessions a command works on: ids are alternatives, everything else must hold.
#[derive(Debug, Clone, Default, Args)]
#[command(
    next_help_heading = "Selection",
    group = ArgGroup::new("touch").args(["idle", "active", "touched_before", "touched_after"]).multiple(true),
    group = ArgGroup::new("users").args(["user", "users_from"]).multiple(true),
    group = ArgGroup::new("listed").args(["ids", "user", "users_from"]).multiple(true)
)]
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

    /// Sessions of USER (see sessionctl help selection for where the user is read); repeatable
    #[arg(long, value_name = "USER", value_parser = user)]
    pub user: Vec<String>,

    /// Sessions of the users in FILE, one per line; - reads them from stdin
    #[arg(long, value_name = "FILE")]
    pub users_from: Option<PathBuf>,

    /// Sessions without a user
    #[arg(long, conflicts_with_all = ["user", "users_from", "except_user", "except_users_from", "keep"])]
    pub anonymous: bool,

    /// Sessions whose payload matches EXPR: PATH=VALUE, !=, ~REGEX, <, <=, >, >=, PATH in CIDR, PATH
    /// (present) or !PATH (absent); repeatable
    #[arg(long = "where", value_name = "EXPR", value_parser = condition)]
    pub payload: Vec<Where>,

    /// Sessions expiring before TIME, such as +1h
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub expires_before: Option<Time>,

    /// Sessions expiring at or after TIME
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub expires_after: Option<Time>,

    /// Sessions last touched before TIME
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub touched_before: Option<Time>,

    /// Sessions last touched at or after TIME
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub touched_after: Option<Time>,

    /// Sessions created before TIME
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub created_before: Option<Time>,

    /// Sessions created at or after TIME
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    pub created_after: Option<Time>,

    /// Sessions idle for at least DURATION, such as 7d or 1d12h
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    pub idle: Option<Duration>,

    /// Sessions touched within the last DURATION
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    pub active: Option<Duration>,

    /// Assume that a session may have been used up to DURATION after its recorded last touch; set it
    /// to the store's touchAfter (connect-mongo), or to 0 if the store writes every touch
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true, requires = "touch")]
    pub touch_slack: Option<Duration>,

    /// Sessions created at least DURATION ago
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    pub older: Option<Duration>,

    /// Exclude the session ID; repeatable
    #[arg(long, value_name = "ID", value_parser = id, allow_hyphen_values = true)]
    pub except: Vec<String>,

    /// Exclude the sessions of USER; repeatable
    #[arg(long, value_name = "USER", value_parser = user)]
    pub except_user: Vec<String>,

    /// Exclude the sessions of the users in FILE, one per line; - reads them from stdin
    #[arg(long, value_name = "FILE")]
    pub except_users_from: Option<PathBuf>,

    /// Exclude each user's N most recent sessions among those that match all other conditions, and
    /// every session without a user
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,

    /// Write to FILE each given user that matches no session, one per line; without --user and
    /// --users-from, each given id
    #[arg(long, value_name = "FILE", requires = "listed")]
    pub unmatched: Option<PathBuf>,

    /// All sessions of the collection; cannot be combined with other conditions
    #[arg(long, conflicts_with_all = OTHERS)]
    pub all: bool,
}

/// The options that can be combined with neither `--all` nor `list --foreign`.
pub const OTHERS: [&str; 19] = [
    "ids",
    "state",
    "user",
    "users_from",
    "anonymous",
    "payload",
    "expires_before",
    "expires_after",
    "touched_before",
    "touched_after",
    "created_before",
    "created_after",
    "idle",
    "active",
    "older",
    "except",
    "except_user",
    "except_users_from",
    "keep",
];

impl SelectionArgs {
    /// Whether nothing was selected. An empty selection must not be taken for all sessions.
    pub fn is_empty(&self) -> bool {
        let is_typed = self.all
            || !self.ids.is_empty()
            || (self.expired || self.live || self.endless || self.malformed)
            || self.names_users()
            || self.anonymous
            || !self.payload.is_empty()
            || self.idle.is_some()
            || self.active.is_some()
            || self.older.is_some();
        let times = [
            self.expires_before,
            self.expires_after,
            self.touched_before,
            self.touched_after,
            self.created_before,
            self.created_after,
        ];
        !is_typed && times.iter().all(Option::is_none)
    }

    /// Whether users were given, by name or in a file.
    pub fn names_users(&self) -> bool {
        !self.user.is_empty() || self.users_from.is_some()
    }

    pub fn reads_stdin(&self) -> bool {
        self.given_by_stdin().next().is_some()
    }

    /// What is read from stdin.
    fn given_by_stdin(&self) -> impl Iterator<Item = &'static str> {
        let is_stdin = |file: &Option<PathBuf>| file.as_deref() == Some(Path::new("-"));
        [
            (self.ids.iter().any(|id| id == "-"), "the ids"),
            (is_stdin(&self.users_from), "the users"),
            (is_stdin(&self.except_users_from), "the users to spare"),
        ]
        .into_iter()
        .filter_map(|(is_read, what)| is_read.then_some(what))
    }

    /// Checks what clap cannot check. The error is a sentence and a hint.
    pub fn check(&self) -> Result<(), (String, &'static str)> {
        let mut given = self.given_by_stdin();
        if let (Some(one), Some(other)) = (given.next(), given.next()) {
            let sentence = format!("stdin cannot provide both {one} and {other}");
            return Err((sentence, "put one of them into a file"));
        }
        let spares = !self.except.is_empty()
            || !self.except_user.is_empty()
            || self.except_users_from.is_some();
        if self.is_empty() && (spares || self.keep.is_some()) {
            let option = match (spares, &self.except_users_from) {
                (false, _) => "--keep",
                _ if !self.except.is_empty() => "--except",
                (true, None) => "--except-user",
                (true, Some(_)) => "--except-users-from",
            };
            let sentence = format!("{option} only excludes sessions; no sessions are selected");
            return Err((sentence, "add a condition that selects sessions, such as --live"));
        }
        Ok(())
    }
}

/// A user. An empty one comes from an unset variable in a script.
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
