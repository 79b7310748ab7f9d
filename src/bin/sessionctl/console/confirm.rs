//! Asking before sessions are ended. A [`Confirmed`] can be made only here and only of evidence, and
//! whatever destroys takes one.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::builder::FalseyValueParser;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use sessionctl::Query;

use crate::console::failure::{Exit, Failure};
use crate::console::report::{is_seen, line};
use crate::console::signals::Signals;
use crate::console::text::neutral;

/// Proof that destruction was confirmed, or needs no confirmation.
#[derive(Debug)]
pub struct Confirmed(());

/// The flag that confirms beforehand.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(skip)]
pub struct Yes {
    /// Skip the confirmation prompt
    #[arg(short, long, env = "SESSIONCTL_YES", hide_env = true, value_parser = FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    yes: bool,
}

/// What is asked.
#[derive(Debug, Clone)]
pub enum Question {
    /// Yes or no.
    YesNo(String),
    /// The namespace is to be typed, after this has been said.
    TypeNamespace(String, String),
}

impl Confirmed {
    /// So many sessions would be lost: none.
    pub fn by_count(sessions: u64) -> Option<Self> {
        (sessions == 0).then_some(Self(()))
    }

    /// `--yes` was given.
    pub fn by_flag(flag: Yes) -> Option<Self> {
        flag.yes.then_some(Self(()))
    }

    /// Every session that matches is dead already, so nobody is logged out.
    pub fn by_death(query: &Query) -> Option<Self> {
        query.is_only_expired().then_some(Self(()))
    }
}

/// A yes or no question that a view asks in a frame of its own.
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

    /// It stands on the screen: from now on a key can answer it. Whether it is so for the first
    /// time, so that what was typed ahead is to be dropped.
    pub fn seen(&mut self) -> bool {
        !std::mem::replace(&mut self.is_seen, true)
    }

    /// Yes is the key `y`; any other is no.
    pub fn answer(&self, key: char) -> Option<Confirmed> {
        (self.is_seen && matches!(key, 'y' | 'Y')).then_some(Confirmed(()))
    }
}

/// Whether somebody is there to be asked. Where stdin gives the ids, the terminal itself is read.
pub fn can_ask(stdin_gives_ids: bool) -> bool {
    is_seen() && (io::stdin().is_terminal() || stdin_gives_ids)
}

/// Asks, if it is not confirmed beforehand and somebody is there.
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
        return Err(refused(text, "pass --yes to confirm it without a terminal"));
    }
    // The question stands on lines of its own, however long; what is typed stands on a short one.
    line(&neutral(text));
    let prompt = match &namespace {
        None => "Continue? [y/N]".to_owned(),
        Some(namespace) => format!("Type {} to continue", neutral(namespace)),
    };
    let before = tcgetattr(io::stderr()).ok();
    // A whole line: a key that was typed ahead must not answer.
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
            // The prompt put the terminal into raw mode and is left in the middle.
            if let Some(before) = before {
                let _ = tcsetattr(io::stderr(), OptionalActions::Now, &before);
            }
            return Err(interrupted(signals));
        }
    };
    match answer {
        Ok(Ok(true)) => Ok(Confirmed(())),
        // At Ctrl-C the prompt gives up and sends us the signal, which is about to be heard: how
        // soon depends on how busy the machine is.
        Ok(Err(dialoguer::Error::IO(error))) if error.kind() == io::ErrorKind::Interrupted => {
            let moment = tokio::time::sleep(Duration::from_secs(5));
            match signals.asked.run_until_cancelled(moment).await {
                None => Err(interrupted(signals)),
                Some(()) => Err(refused(text, "nothing was changed")),
            }
        }
        Ok(Ok(false) | Err(_)) | Err(_) => Err(refused(text, "nothing was changed")),
    }
}

fn interrupted(signals: &Signals) -> Failure {
    // The cursor still stands behind the question.
    line("");
    Failure::new(signals.exit(), "interrupted before anything was changed")
}

fn refused(text: &str, hint: &str) -> Failure {
    // A question may be more than one sentence; an error is one, and ends without a stop.
    let mut letters = text.trim_end_matches(['.', '?']).chars();
    let first = letters.next().map(|letter| letter.to_lowercase().to_string());
    let text = format!("{}{}", first.unwrap_or_default(), letters.as_str());
    Failure::new(Exit::Refused, format!("not confirmed: {text}")).hint(hint)
}
