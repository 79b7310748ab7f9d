//! What the view knows and what a key makes of it. Pure: no terminal, no server, no clock.

use std::time::Duration;

use bson::DateTime;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use sessionctl::purge::Action;
use sessionctl::top::{Line, Look, Tally, Wanted};
use sessionctl::{Error, State};

use super::log_out::name;
use super::reading::Asking;
use crate::console::confirm::{Asked, Confirmed};
use crate::console::text::neutral;

/// What is on the screen, and how it came there.
pub struct View {
    pub namespace: String,
    pub layout: Option<String>,
    pub full_ids: bool,
    pub interval: Duration,
    pub paused: bool,
    pub wanted: Wanted,
    pub look: Option<Look>,
    /// How long ago that look came.
    pub age: Duration,
    /// How long the look under way has been so.
    pub waiting: Option<Duration>,
    /// Why the last look failed.
    pub trouble: Option<String>,
    pub tally: Option<Result<Tally, Error>>,
    pub mode: Mode,
    pub selected: usize,
    /// The first row that is shown.
    pub top: usize,
    /// Other sessions are looked for than those that were found.
    pub is_searching: bool,
    /// What came of the last thing that was done.
    pub notice: Option<String>,
    /// A log-out is under way.
    pub is_ending: bool,
    /// Whether the selection was moved, and so stays with its session.
    has_moved: bool,
    /// Whether the question fits on the screen.
    pub is_question_whole: bool,
    way_out: Option<Action>,
}

/// What the keys are for.
#[derive(Debug)]
pub enum Mode {
    Rows,
    /// A filter is typed.
    Typing(String),
    /// This session is about to be logged out.
    Question(Box<Line>, Asked),
    /// A session whole, and the line at the top.
    Inspect(Vec<String>, usize),
    Help(usize),
}

/// What is to be done outside the view.
#[derive(Debug)]
pub enum Act {
    Nothing,
    Leave,
    /// Something else is to be read.
    Ask,
    Inspect(Line),
    LogOut(Line, Confirmed),
}

const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(3600);
/// How far a page goes.
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
            look: None,
            age: Duration::ZERO,
            waiting: None,
            trouble: None,
            tally: None,
            mode: Mode::Rows,
            selected: 0,
            top: 0,
            is_searching: false,
            notice: None,
            is_ending: false,
            has_moved: false,
            is_question_whole: false,
            way_out: None,
        }
    }

    pub fn asking(&self) -> Asking {
        Asking { wanted: self.wanted.clone(), interval: self.interval, paused: self.paused }
    }

    /// The server's clock, as it goes on since the last look.
    pub fn now(&self) -> Option<DateTime> {
        let age = i64::try_from(self.age.as_millis()).unwrap_or(i64::MAX);
        let now = self.look.as_ref()?.now.timestamp_millis();
        Some(DateTime::from_millis(now.saturating_add(age)))
    }

    /// The sessions that were found, if it is known which.
    pub fn lines(&self) -> &[Line] {
        let rows = self.look.as_ref().and_then(|look| look.rows.as_ref().ok());
        rows.map_or(&[], |rows| rows.lines.as_slice())
    }

    pub fn found(&mut self, layout: &str) {
        self.layout = Some(layout.to_owned());
    }

    /// Takes in what was seen. The selection stays with its session.
    pub fn look(&mut self, look: Look, wanted: &Wanted, way_out: Option<Action>) {
        if *wanted != self.wanted {
            // The answer to a question that nobody asks any more.
            return;
        }
        let before = self.lines().get(self.selected).map(|line| line.key.clone());
        (self.look, self.way_out, self.trouble) = (Some(look), way_out, None);
        self.is_searching = false;
        // Whoever has not moved watches the newest.
        let before = before.filter(|_| self.has_moved);
        let same = before.and_then(|key| self.lines().iter().position(|line| line.key == key));
        let last = self.lines().len().saturating_sub(1);
        self.selected = same.unwrap_or(self.selected).min(last);
    }

    /// Takes in a count. One that failed leaves the numbers before it, which tell their age.
    pub fn tally(&mut self, tally: Result<Tally, Error>) {
        match (&tally, &self.tally) {
            (Err(error), Some(Ok(_))) if error.is_transient() => {}
            _ => self.tally = Some(tally),
        }
    }

    pub fn inspected(&mut self, lines: Result<Vec<String>, String>) {
        match (lines, &self.mode) {
            (Ok(lines), Mode::Rows) => self.mode = Mode::Inspect(lines, 0),
            (Err(why), _) => self.notice = Some(why),
            // Something else was begun meanwhile.
            (Ok(_), _) => {}
        }
    }

    /// Whether a question stands on the screen for the first time.
    pub fn question_was_drawn(&mut self) -> bool {
        match &mut self.mode {
            Mode::Question(_, asked) if self.is_question_whole => asked.seen(),
            _ => false,
        }
    }

    /// What a key does.
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
            Mode::Question(line, asked) => self.answer(key.code, control, *line, &asked),
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
                return self.lines().get(self.selected).cloned().map_or(Act::Nothing, Act::Inspect);
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
        let last = self.lines().len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(by).min(last);
    }

    /// Other sessions are wanted: those on the screen are not they.
    fn seek(&mut self) -> Act {
        if let Some(look) = &mut self.look {
            look.rows = Ok(sessionctl::top::Rows::default());
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

    /// Asks about the selected session, or says why there is nothing to ask.
    fn ask(&mut self) {
        let (Some(line), Some(way_out)) = (self.lines().get(self.selected).cloned(), &self.way_out)
        else {
            return;
        };
        if self.is_ending {
            self.notice = Some("one log-out is still under way".to_owned());
            return;
        }
        let name = name(&line);
        if (way_out, line.session.state) == (&Action::Expire, State::Expired) {
            self.notice = Some(format!("{name} is over already"));
            return;
        }
        let how = match way_out {
            Action::Delete => {
                "Its document is deleted: its store does not look at the expiry when it reads"
            }
            _ => "Its expiry is set into the past; the document stays until it is swept",
        };
        let namespace = neutral(&self.namespace);
        let question = Asked::new(format!("Log out {name}, {namespace}? {how}."));
        self.mode = Mode::Question(Box::new(line), question);
    }

    fn answer(&mut self, code: KeyCode, control: bool, line: Line, asked: &Asked) -> Act {
        let confirmed = match code {
            KeyCode::Char(key) if !control => asked.answer(key),
            _ => None,
        };
        match confirmed {
            Some(confirmed) => Act::LogOut(line, confirmed),
            None => {
                self.notice = Some("nothing was done".to_owned());
                Act::Nothing
            }
        }
    }
}

/// Where a text is scrolled to; `None` if the key closes it.
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
