//! Single keys on the terminal of a running command. Whenever nothing reads them, the terminal has the
//! modes that it had before: after the run, while the program is stopped, and when a signal ends it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use rustix::io::{ioctl_fionread, read};
use rustix::process::getpgrp;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr,
};
use signal_hook::consts::{SIGCONT, SIGQUIT, SIGTSTP};
use signal_hook::low_level::emulate_default_handler;

use crate::console::signals::signals;

/// The modes to restore, while the terminal has ours.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);
/// Whether keys are wanted, also while the program is stopped or in the background.
static WANTED: AtomicBool = AtomicBool::new(false);

/// How often it looks for a key. The driver of the terminal has no event for it that would not block
/// when another process reads the key first.
const EVERY: Duration = Duration::from_millis(50);

/// The keys of the terminal, one at a time and without an echo.
#[derive(Debug)]
pub struct Keys(());

impl Keys {
    /// Begins to read keys. `None` if there is no terminal, it belongs to another program now, or
    /// something was typed ahead: that is for the shell.
    pub fn open() -> Option<Self> {
        WANTED.store(true, Ordering::SeqCst);
        // Dropped on failure, which gives the terminal back.
        let keys = Self(());
        follow_signals().ok()?;
        take().is_ok_and(|taken| taken).then_some(keys)
    }

    /// The next key, and how often it was typed. What arrives together is pasted text or the sequence
    /// of a special key, and is dropped, unless it is one key that repeats.
    pub async fn next(&mut self) -> io::Result<(char, usize)> {
        loop {
            tokio::time::sleep(EVERY).await;
            // While the program is stopped or in the background, reading would block or stop it.
            if !is_foreground() {
                continue;
            }
            // A shell may bring a running program back without a SIGCONT.
            if !is_taken() && !take()? && is_foreground() {
                // Something was typed ahead: that is for the shell.
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if !is_taken() || ioctl_fionread(io::stdin())? == 0 {
                continue;
            }
            let mut bytes = [0; 256];
            let typed = match read(io::stdin(), &mut bytes) {
                Ok(count) => &bytes[..count],
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            if let Some((first, rest)) = typed.split_first()
                && rest.iter().all(|other| other == first)
            {
                return Ok((char::from(*first), typed.len()));
            }
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        close();
    }
}

/// Gives the terminal back now, rather than when the task of the [`Keys`] is dropped.
pub fn close() {
    WANTED.store(false, Ordering::SeqCst);
    give_back(&mut before());
}

fn before() -> MutexGuard<'static, Option<Termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_taken() -> bool {
    before().is_some()
}

/// A program in the background is stopped if it changes the terminal or reads from it.
fn is_foreground() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp())
}

/// Switches to single keys. `false` if the terminal cannot be had now, or is no longer wanted.
fn take() -> io::Result<bool> {
    let mut before = before();
    if before.is_some() || !is_foreground() || !WANTED.load(Ordering::SeqCst) {
        return Ok(before.is_some());
    }
    let old = tcgetattr(io::stdin())?;
    let mut modes = old.clone();
    // Signals, such as that of Ctrl-C, and the translation of line ends stay.
    modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    // A read returns at once, even if another process has read the key meanwhile.
    modes.special_codes[SpecialCodeIndex::VMIN] = 0;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    tcsetattr(io::stdin(), OptionalActions::Now, &modes)?;
    // An incomplete line shows only now.
    if ioctl_fionread(io::stdin())? > 0 {
        tcsetattr(io::stdin(), OptionalActions::Now, &old)?;
        return Ok(false);
    }
    *before = Some(old);
    Ok(true)
}

fn give_back(before: &mut Option<Termios>) {
    // In the background, the modes are the shell's, and changing them would stop the program.
    if let Some(old) = before.take().filter(|_| is_foreground()) {
        // A closed terminal needs no restoring.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &old);
    }
}

/// Restores the terminal before Ctrl-Z stops the program and before Ctrl-\ ends it. SIGINT, SIGTERM and
/// SIGHUP end the run, which gives the terminal back.
fn follow_signals() -> io::Result<()> {
    static ONCE: Once = Once::new();
    if ONCE.is_completed() {
        return Ok(());
    }
    let (mut stop, mut quit) = (signals(SIGTSTP)?, signals(SIGQUIT)?);
    let mut resume = signals(SIGCONT)?;
    // Once caught, a signal has no other effect any more: the task lasts as long as the program.
    ONCE.call_once(|| {
        tokio::spawn(async move {
            loop {
                let signal = tokio::select! {
                    Some(()) = stop.recv() => SIGTSTP,
                    Some(()) = quit.recv() => SIGQUIT,
                    Some(()) = resume.recv() => SIGCONT,
                    else => return,
                };
                if signal != SIGCONT {
                    // Locked, so that nobody takes the terminal again before the program is stopped.
                    let mut before = before();
                    give_back(&mut before);
                    // After Ctrl-Z, it returns when the program continues.
                    let _ = emulate_default_handler(signal);
                }
                if WANTED.load(Ordering::SeqCst) {
                    let _ = take();
                }
            }
        });
    });
    Ok(())
}
