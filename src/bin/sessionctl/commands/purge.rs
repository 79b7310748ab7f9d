//! `sessionctl purge`

use bson::DateTime;
use serde_json::json;
use sessionctl::purge::Action;

use super::apply::{ArchiveArgs, HoldArgs, selected};
use crate::args::EveryArgs;
use crate::console::failure::{Exit, Failure, Refusal};
use crate::context::Context;
use crate::context::selected::written;

/// Delete sessions, in batches
///
/// Each delete repeats its condition, so a session that is renewed in the meantime survives. purge
/// asks before it deletes anything. Without a terminal, --expired (with or without other conditions)
/// needs no confirmation; other selections require --yes.
///
/// A TIME is RFC 3339 with a zone (2026-11-23T10:00:00Z), a date (2026-11-23, midnight UTC), or a
/// duration from now (-7d, +1h). A DURATION is a number of seconds, or has units: 90s, 15m, 1d12h.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl purge --expired
  sessionctl purge --expired --dry-run -o json
  sessionctl purge --user 42 --yes
  sessionctl purge --idle 90d --touch-slack 0")]
pub struct Args {
    #[command(flatten)]
    pub selected: selected::Args,

    // Before the archive, whose heading would cover it in the help.
    #[command(flatten)]
    pub every: EveryArgs,

    #[command(flatten)]
    archive: ArchiveArgs,
}

impl Args {
    /// Only expired sessions may be purged in every collection, because a user id differs between
    /// applications.
    pub fn check(&self) -> Result<(), Refusal> {
        let selected = written(&self.selected.selection, DateTime::MIN);
        if self.every.every_collection && selected != json!({ "state": "expired" }) {
            let sentence = "purge --every-collection requires --expired and no other condition, because \
                            user 42 of one application is not user 42 of another";
            return Err(Refusal::Own(sentence.into(), "name each collection with -c"));
        }
        Ok(())
    }

    /// Whether deleted sessions are archived.
    pub fn is_archived(&self) -> bool {
        self.archive.is_wanted()
    }
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let hold = HoldArgs::default();
    selected::run(context, &args.selected, Action::Delete, &args.archive, &hold).await
}
