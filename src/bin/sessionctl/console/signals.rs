//! What stops a command: SIGINT, SIGTERM, SIGHUP and an operator. The first signal asks to stop, and the
//! second ends the process at once. For a daemon with a configuration file, SIGHUP means to reload it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::console::failure::Exit;

/// The signals received so far.
#[derive(Debug, Clone)]
pub struct Signals {
    /// Cancelled by the first signal, and when an operator stops the command.
    pub asked: CancellationToken,
    first: Arc<AtomicI32>,
    operator: Arc<AtomicBool>,
}

/// The meaning of SIGHUP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangup {
    /// The terminal is gone: stop.
    Stops,
    /// Reload the configuration; [`signals`] delivers the signal.
    Reloads,
}

/// A signal that may arrive any number of times.
pub fn signals(number: i32) -> io::Result<Signal> {
    signal(SignalKind::from_raw(number))
}

impl Signals {
    /// Before any signal, and without listening.
    pub fn none() -> Self {
        Self { asked: CancellationToken::new(), first: Arc::default(), operator: Arc::default() }
    }

    /// Starts to listen. Requires a runtime.
    pub fn listen(hangup: Hangup) -> io::Result<Self> {
        let signals = Self::none();
        let armed = Arc::new(AtomicBool::new(false));
        for number in [SIGINT, SIGTERM, SIGHUP] {
            if (number, hangup) == (SIGHUP, Hangup::Reloads) {
                continue;
            }
            // Registered before the listener, so that a second signal has its default effect.
            signal_hook::flag::register_conditional_default(number, Arc::clone(&armed))?;
            signal_hook::flag::register(number, Arc::clone(&armed))?;
            let mut stream = signal(SignalKind::from_raw(number))?;
            let heard = signals.clone();
            tokio::spawn(async move {
                // The exit code is that of the first signal.
                if stream.recv().await.is_some() {
                    let _ =
                        heard.first.compare_exchange(0, number, Ordering::SeqCst, Ordering::SeqCst);
                    heard.asked.cancel();
                }
            });
        }
        Ok(signals)
    }

    /// Stops the command as the first signal does, by `--control` or a key.
    pub fn stop(&self) {
        self.operator.store(true, Ordering::SeqCst);
        self.asked.cancel();
    }

    /// Whether it was stopped like that.
    pub fn is_stopped_by_operator(&self) -> bool {
        self.operator.load(Ordering::SeqCst)
    }

    /// Why the command was stopped, and its exit. A signal counts first.
    pub fn stopped(&self) -> Option<(&'static str, Exit)> {
        match self.received() {
            Some(signal) => Some(("signal", Exit::Signal(signal))),
            None => self.is_stopped_by_operator().then_some(("operator", Exit::WorkLeft)),
        }
    }

    /// The exit of a command that was stopped.
    pub fn exit(&self) -> Exit {
        self.stopped().map_or(Exit::Signal(0), |(_, exit)| exit)
    }

    /// The number of the first signal, if there was one.
    pub fn received(&self) -> Option<i32> {
        Some(self.first.load(Ordering::SeqCst)).filter(|number| *number != 0)
    }
}
