//! The state of the view, and the effect of each key. Pure: no terminal, no server, no clock.

use std::time::Duration;

use bson::DateTime;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use sessionctl::purge::Action;
use sessionctl::top::{Counts, Entry, Snapshot, Wanted};
use sessionctl::{Error, State};

use super::log_out::name;
use super::reading::Asking;
use crate::console::confirm::{Asked, Confirmed};
use crate::console::text::neutral;

/// The contents of the screen, and how they came about.
pub struct View {
    pub namespace: String,
    pub layout: Option<String>,
    pub full_ids: bool,
    pub interval: Duration,
    pub paused: bool,
    pub wanted: Wanted,
    pub snapshot: Option<Snapshot>,
    /// The age of the snapshot.
    pub age: Duration,
    /// How long the current snapshot has been running.
    pub waiting: Option<Duration>,
    /// The error of the last snapshot.
    pub trouble: Option<String>,
    pub counts: Option<Result<Counts, Error>>,
    pub mode: Mode,
    pub selected: usize,
    /// The first visible row.
    pub top: usize,
    /// Whether the filter changed since these sessions were found.
    pub is_searching: bool,
    /// The result of the last action.
    pub notice: Option<String>,
    /// Whether a log-out is running.
    pub is_ending: bool,
    /// Whether the operator moved the selection, so that it stays on its session.
    has_moved: bool,
    /// Whether the question fits on the screen.
    pub is_question_whole: bool,
    way_out: Option<Action>,
    /// Why sessions cannot be logged out.
    refusal: Option<String>,
}

/// The meaning of the keys.
#[derive(Debug)]
pub enum Mode {
    Rows,
    /// The operator types a filter.
    Typing(String),
    /// The question whether to log out this session.
    Question(Box<Entry>, Asked),
    /// A whole session, and the line at the top.
    Inspect(Vec<String>, usize),
    Help(usize),
}

/// An action outside the view.
#[derive(Debug)]
pub enum Act {
    Nothing,
    Leave,
    /// Read other data.
    Ask,
    Inspect(Entry),
    LogOut(Entry, Confirmed),
}

const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(3600);
/// The rows of a page.
const PAGE: isize = 10;

impl View {
    pub fn new(namespace: String, full_ids: bool, interval: Duration) -> Self {
        Self {
            namespace,
            layout: None,
            full_ids,
            interval: interval.clamp(SHORTEST, LONGEST),
            paused: false,
            wanted: Wanted::default(),
            snapshot: None,
            age: Duration::ZERO,
            waiting: None,
            trouble: None,
            counts: None,
            mode: Mode::Rows,
            selected: 0,
            top: 0,
            is_searching: false,
            notice: None,
            is_ending: false,
            has_moved: false,
            is_question_whole: false,
            way_out: None,
            refusal: None,
        }
    }

    pub fn asking(&self) -> Asking {
        Asking { wanted: self.wanted.clone(), interval: self.interval, paused: self.paused }
    }

    /// The server's clock, advanced since the last snapshot.
    pub fn now(&self) -> Option<DateTime> {
        let age = i64::try_from(self.age.as_millis()).unwrap_or(i64::MAX);
        let now = self.snapshot.as_ref()?.now.timestamp_millis();
        Some(DateTime::from_millis(now.saturating_add(age)))
    }

    /// The sessions that were found, if known.
    pub fn entries(&self) -> &[Entry] {
        let found = self.snapshot.as_ref().and_then(|snapshot| snapshot.found.as_ref().ok());
        found.map_or(&[], |found| found.entries.as_slice())
    }

    /// Updates the layout, and why its sessions cannot be logged out.
    pub fn found(&mut self, layout: &str, refusal: Option<String>) {
        (self.layout, self.refusal) = (Some(layout.to_owned()), refusal);
    }

    /// Updates the snapshot. The selection stays on its session.
    pub fn take_snapshot(&mut self, snapshot: Snapshot, wanted: &Wanted, way_out: Option<Action>) {
        if *wanted != self.wanted {
            // This snapshot is for an earlier filter.
            return;
        }
        let before = self.entries().get(self.selected).map(|entry| entry.key.clone());
        (self.snapshot, self.way_out, self.trouble) = (Some(snapshot), way_out, None);
        self.is_searching = false;
        // Without a moved selection, the newest session is selected.
        let before = before.filter(|_| self.has_moved);
        let same = before.and_then(|key| self.entries().iter().position(|entry| entry.key == key));
        let last = self.entries().len().saturating_sub(1);
        self.selected = same.unwrap_or(self.selected).min(last);
    }

    /// Updates the counts. A failed count keeps the previous numbers, which are shown with their
    /// age.
    pub fn take_counts(&mut self, counts: Result<Counts, Error>) {
        match (&counts, &self.counts) {
            (Err(error), Some(Ok(_))) if error.is_transient() => {}
            _ => self.counts = Some(counts),
        }
    }

    pub fn inspected(&mut self, lines: Result<Vec<String>, String>) {
        match (lines, &self.mode) {
            (Ok(lines), Mode::Rows) => self.mode = Mode::Inspect(lines, 0),
            (Err(why), _) => self.notice = Some(why),
            // The operator did something else in the meantime.
            (Ok(_), _) => {}
        }
    }

    /// Whether a question is on the screen for the first time.
    pub fn question_was_drawn(&mut self) -> bool {
        match &mut self.mode {
            Mode::Question(_, asked) if self.is_question_whole => asked.seen(),
            _ => false,
        }
    }

    /// Handles a key.
    pub fn key(&mut self, key: KeyEvent) -> Act {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && matches!(key.code, KeyCode::Char('c')) {
            return Act::Leave;
        }
        self.notice = None;
        match std::mem::replace(&mut self.mode, Mode::Rows) {
            Mode::Rows if control => Act::Nothing,
            Mode::Rows => self.key_in_rows(key.code),
            Mode::Typing(typed) => self.key_in_filter(key.code, control, typed),
            Mode::Question(entry, asked) => self.answer(key.code, control, *entry, &asked),
            Mode::Inspect(lines, top) => {
                let last = lines.len().saturating_sub(1);
                self.mode = match scrolled(key.code, top) {
                    Some(top) => Mode::Inspect(lines, top.min(last)),
                    None => Mode::Rows,
                };
                Act::Nothing
            }
            Mode::Help(top) => {
                self.mode = scrolled(key.code, top).map_or(Mode::Rows, Mode::Help);
                Act::Nothing
            }
        }
    }

    fn key_in_rows(&mut self, code: KeyCode) -> Act {
        match code {
            KeyCode::Char('q') | KeyCode::Esc => return Act::Leave,
            KeyCode::Char('j') | KeyCode::Down => self.select(1),
            KeyCode::Char('k') | KeyCode::Up => self.select(-1),
            KeyCode::PageDown => self.select(PAGE),
            KeyCode::PageUp => self.select(-PAGE),
            KeyCode::Char('g') | KeyCode::Home => self.select(isize::MIN),
            KeyCode::Char('G') | KeyCode::End => self.select(isize::MAX),
            KeyCode::Char('/') => {
                self.mode = Mode::Typing(self.wanted.text.clone().unwrap_or_default());
            }
            KeyCode::Char('?') => self.mode = Mode::Help(0),
            KeyCode::Char('s') => {
                const CYCLE: [Option<State>; 5] = [
                    None,
                    Some(State::Live),
                    Some(State::Expired),
                    Some(State::Endless),
                    Some(State::Malformed),
                ];
                let at = CYCLE.iter().position(|state| *state == self.wanted.state).unwrap_or(0);
                self.wanted.state = CYCLE[(at + 1) % CYCLE.len()];
                return self.seek();
            }
            KeyCode::Char('p') => {
                self.paused = !self.paused;
                return Act::Ask;
            }
            KeyCode::Char('+') => return self.every(self.interval * 2),
            KeyCode::Char('-') => return self.every(self.interval / 2),
            KeyCode::Enter => {
                return self
                    .entries()
                    .get(self.selected)
                    .cloned()
                    .map_or(Act::Nothing, Act::Inspect);
            }
            KeyCode::Char('x' | 'd') => self.ask(),
            _ => {}
        }
        Act::Nothing
    }

    fn every(&mut self, interval: Duration) -> Act {
        self.interval = interval.clamp(SHORTEST, LONGEST);
        Act::Ask
    }

    fn select(&mut self, by: isize) {
        self.has_moved = true;
        let last = self.entries().len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(by).min(last);
    }

    /// The filter changed, so the sessions on the screen are outdated.
    fn seek(&mut self) -> Act {
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.found = Ok(sessionctl::top::Found::default());
        }
        (self.selected, self.top, self.paused, self.has_moved) = (0, 0, false, false);
        self.is_searching = true;
        Act::Ask
    }

    fn key_in_filter(&mut self, code: KeyCode, control: bool, mut typed: String) -> Act {
        match code {
            KeyCode::Esc => return Act::Nothing,
            KeyCode::Enter => {
                let text = Some(typed.trim().to_owned()).filter(|text| !text.is_empty());
                if text == self.wanted.text {
                    return Act::Nothing;
                }
                self.wanted.text = text;
                return self.seek();
            }
            KeyCode::Backspace => drop(typed.pop()),
            KeyCode::Char('u') if control => typed.clear(),
            KeyCode::Char(letter) if !control => typed.push(letter),
            _ => {}
        }
        self.mode = Mode::Typing(typed);
        Act::Nothing
    }

    /// Asks about the selected session, or reports why that is impossible.
    fn ask(&mut self) {
        let (Some(entry), Some(way_out)) =
            (self.entries().get(self.selected).cloned(), &self.way_out)
        else {
            return;
        };
        if let Some(refusal) = &self.refusal {
            self.notice = Some(refusal.clone());
            return;
        }
        if self.is_ending {
            self.notice = Some("another log-out is still running".to_owned());
            return;
        }
        let name = name(&entry);
        if (way_out, entry.session.state) == (&Action::Expire, State::Expired) {
            self.notice = Some(format!("{name} is already expired"));
            return;
        }
        let how = match way_out {
            Action::Delete => {
                "This deletes its document, because its store does not check the expiry when it reads"
            }
            _ => "The document stays until it is swept",
        };
        let namespace = neutral(&self.namespace);
        let question = Asked::new(format!("Log out {name} in {namespace}? {how}."));
        self.mode = Mode::Question(Box::new(entry), question);
    }

    fn answer(&mut self, code: KeyCode, control: bool, entry: Entry, asked: &Asked) -> Act {
        let confirmed = match code {
            KeyCode::Char(key) if !control => asked.answer(key),
            _ => None,
        };
        match confirmed {
            Some(confirmed) => Act::LogOut(entry, confirmed),
            None => {
                self.notice = Some("nothing was changed".to_owned());
                Act::Nothing
            }
        }
    }
}

/// The new scroll position of a text; `None` if the key closes it.
fn scrolled(code: KeyCode, top: usize) -> Option<usize> {
    let by = match code {
        KeyCode::Char('j') | KeyCode::Down => 1,
        KeyCode::Char('k') | KeyCode::Up => -1,
        KeyCode::PageDown | KeyCode::Char(' ') => PAGE,
        KeyCode::PageUp => -PAGE,
        KeyCode::Home => isize::MIN,
        KeyCode::End => isize::MAX / 2,
        _ => return None,
    };
    Some(top.saturating_add_signed(by))
}

#[cfg(test)]
pub mod tests;
