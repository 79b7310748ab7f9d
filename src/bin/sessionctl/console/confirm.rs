//! Asks before sessions are ended. A [`Confirmed`] can be created only here, from evidence, and
//! every destructive function requires one.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::builder::FalseyValueParser;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use sessionctl::Query;

use crate::console::failure::{Exit, Failure};
use crate::console::report::{is_seen, line};
use crate::console::signals::Signals;
use crate::console::text::neutral;

/// Proof that a destructive action was confirmed, or needs no confirmation.
#[derive(Debug)]
pub struct Confirmed(());

/// The flag that confirms in advance.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(skip)]
pub struct Yes {
    /// Skip the confirmation prompt
    #[arg(short, long, env = "SESSIONCTL_YES", hide_env = true, value_parser = FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    yes: bool,
}

/// A question.
#[derive(Debug, Clone)]
pub enum Question {
    /// A yes-or-no question.
    YesNo(String),
    /// A text, after which the namespace must be typed.
    TypeNamespace(String, String),
}

impl Confirmed {
    /// No session would be lost.
    pub fn by_count(sessions: u64) -> Option<Self> {
        (sessions == 0).then_some(Self(()))
    }

    /// `--yes` was given.
    pub fn by_flag(flag: Yes) -> Option<Self> {
        flag.yes.then_some(Self(()))
    }

    /// Every matching session is already expired, so no user is logged out.
    pub fn by_death(query: &Query) -> Option<Self> {
        query.is_only_expired().then_some(Self(()))
    }
}

/// A yes-or-no question that a view shows itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    text: String,
    is_seen: bool,
}

impl Asked {
    pub fn new(text: String) -> Self {
        Self { text, is_seen: false }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Records that the question is visible, so that keys can answer it from now on. Returns
    /// whether this is the first time, so that keys typed before are dropped.
    pub fn seen(&mut self) -> bool {
        !std::mem::replace(&mut self.is_seen, true)
    }

    /// The key `y` means yes; any other key means no.
    pub fn answer(&self, key: char) -> Option<Confirmed> {
        (self.is_seen && matches!(key, 'y' | 'Y')).then_some(Confirmed(()))
    }
}

/// Whether there is a terminal. If stdin provides ids, the answer is read from the terminal itself.
pub fn can_ask(stdin_gives_ids: bool) -> bool {
    is_seen() && (io::stdin().is_terminal() || stdin_gives_ids)
}

/// Asks, unless it was confirmed in advance. Without a terminal, refuses.
pub async fn ask(
    beforehand: Option<Confirmed>,
    question: Question,
    stdin_gives_ids: bool,
    signals: &Signals,
) -> Result<Confirmed, Failure> {
    if let Some(confirmed) = beforehand {
        return Ok(confirmed);
    }
    let (text, namespace) = match &question {
        Question::YesNo(text) => (text, None),
        Question::TypeNamespace(text, namespace) => (text, Some(namespace.clone())),
    };
    if !can_ask(stdin_gives_ids) {
        return Err(refused(text));
    }
    // A prompt that begins now could change the modes of the terminal after they were restored.
    if signals.asked.is_cancelled() {
        return Err(stopped(signals));
    }
    // The question is on separate lines, because it may be long, and the prompt is on a short one.
    line(&neutral(text));
    let prompt = match &namespace {
        None => "[y/N]".to_owned(),
        Some(namespace) => format!("Type {} to continue", neutral(namespace)),
    };
    let before = tcgetattr(io::stderr()).ok();
    // Read a whole line, so that a single key typed before does not answer.
    let asking = tokio::task::spawn_blocking(move || {
        let input = dialoguer::Input::<String>::new().with_prompt(prompt).allow_empty(true);
        input.interact_text().map(|typed| match namespace {
            None => ["y", "yes"].contains(&&*typed.trim().to_lowercase()),
            Some(namespace) => typed.trim() == namespace,
        })
    });
    let answer = tokio::select! {
        answer = asking => answer,
        () = signals.asked.cancelled() => {
            // The abandoned prompt left the terminal in raw mode.
            if let Some(before) = before {
                let _ = tcsetattr(io::stderr(), OptionalActions::Now, &before);
            }
            return Err(interrupted(signals));
        }
    };
    match answer {
        Ok(Ok(true)) => Ok(Confirmed(())),
        // On Ctrl-C, the prompt fails and sends us the signal, which arrives a little later,
        // depending on the load.
        Ok(Err(dialoguer::Error::IO(error))) if error.kind() == io::ErrorKind::Interrupted => {
            let moment = tokio::time::sleep(Duration::from_secs(5));
            match signals.asked.run_until_cancelled(moment).await {
                None => Err(interrupted(signals)),
                Some(()) => Err(canceled()),
            }
        }
        Ok(Ok(false) | Err(_)) | Err(_) => Err(canceled()),
    }
}

fn interrupted(signals: &Signals) -> Failure {
    // The cursor is still after the prompt.
    line("");
    stopped(signals)
}

fn stopped(signals: &Signals) -> Failure {
    Failure::new(signals.exit(), "interrupted before anything was changed")
}

fn canceled() -> Failure {
    Failure::new(Exit::Refused, "canceled: nothing was changed")
}

/// There is no terminal to ask on.
fn refused(text: &str) -> Failure {
    // A question may have several sentences; an error has one, without a question mark.
    let text = text.trim_end_matches(['.', '?']).replace("? ", "; ");
    let lower = |sentence: &str| {
        let mut letters = sentence.chars();
        let first = letters.next().map(|letter| letter.to_lowercase().to_string());
        first.unwrap_or_default() + letters.as_str()
    };
    let text = text.split("; ").map(lower).collect::<Vec<_>>().join("; ");
    Failure::new(Exit::Refused, format!("confirmation required: {text}"))
        .hint("without a terminal, pass --yes")
}
