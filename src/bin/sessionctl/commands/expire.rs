//! `sessionctl expire`

use sessionctl::purge::Action;

use super::apply::{ArchiveArgs, HoldArgs, selected};
use crate::console::failure::{Exit, Failure};
use crate::context::Context;

/// End sessions now and keep their documents
///
/// The store refuses the sessions from now on. Their documents stay until they are swept. Sessions that
/// are already expired are not changed. The new expiry is a day in the past, so that list shows such a
/// session as expired 24h ago. If the store does not check the expiry when it reads a session,
/// expire fails and changes nothing: use purge instead. An archive holds the sessions as they were:
/// restore undoes an expire with it.
///
/// If the last touch of a session is derived from its expiry, list shows an earlier TOUCHED
/// afterwards: see sessionctl help layouts.
///
/// With --hold, the command keeps running and expires every matching session that is created or
/// written back, until the time is over or a signal arrives. It first prints how soon such a session
/// is ended.
///
/// A TIME is RFC 3339 with a zone (2026-11-23T10:00:00Z), a date (2026-11-23, midnight UTC), or a
/// duration from now (-7d, +1h). A DURATION is a number of seconds, or has units: 90s, 15m, 1d12h.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl expire 7ZQOhQlxWzrh
  sessionctl expire --user 42 --yes
  sessionctl expire --user 42 --hold 1h
  sessionctl expire --users-from leaked.txt --archive undo.bson.zst
  sessionctl expire --live --idle 8h --touch-slack 0")]
pub struct Args {
    #[command(flatten)]
    pub selected: selected::Args,

    #[command(flatten)]
    pub hold: HoldArgs,

    #[command(flatten)]
    archive: ArchiveArgs,
}

impl Args {
    /// Whether what is ended is archived.
    pub fn is_archived(&self) -> bool {
        self.archive.is_wanted()
    }
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    selected::run(context, &args.selected, Action::Expire, &args.archive, &args.hold).await
}
