//! The terminal during a view, and its keys. However the view ends, the terminal is restored.

use std::io::{self, Stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::style::force_color_output;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};
use tokio::sync::mpsc;

use crate::console::output;

/// Whether the terminal is in raw mode.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal in raw mode, on the alternate screen.
pub struct Screen(Terminal<CrosstermBackend<Stdout>>);

impl Screen {
    pub fn open(color: bool) -> io::Result<Self> {
        // The message of a panic would be lost on the alternate screen.
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                give_back();
                before(panic);
            }));
        });
        // Whether to use colors was already decided.
        force_color_output(color);
        TAKEN.store(true, Ordering::SeqCst);
        let opened = enable_raw_mode()
            .and_then(|()| execute!(output::screen(), EnterAlternateScreen, Hide))
            .and_then(|()| Terminal::new(CrosstermBackend::new(output::screen())));
        if opened.is_err() {
            give_back();
        }
        opened.map(Self)
    }

    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.0.draw(draw).map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // A closed terminal needs no restoring.
        let _ = execute!(output::screen(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// The keys, read on a separate thread, which cannot be stopped and ends with the process.
pub fn events() -> mpsc::UnboundedReceiver<io::Result<Event>> {
    let (sender, events) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        loop {
            let event = event::read();
            let is_last = event.is_err();
            if sender.send(event).is_err() || is_last {
                break;
            }
        }
    });
    events
}
