//! Control of a running command: the file of `--control`, and keys beside the progress bar.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sessionctl::error::reason;
use sessionctl::purge::{Pace, PaceControl};
use tokio::task::{AbortHandle, spawn_blocking};

use crate::console::failure::{Exit, Failure};
use crate::console::keys::{self, Keys};
use crate::console::progress::{Progress, Screen};
use crate::console::report::say;
use crate::console::signals::Signals;
use crate::context::{Context, Orders};

mod file;
mod instruction;

use file::ControlFile;
use instruction::{FORMS, Instruction, latency_goal, rate_limit};

/// How often the file is looked at.
const EVERY: Duration = Duration::from_millis(250);
/// Keys are read when a command has run for this long: what is typed during a short one is for the shell.
const LATER: Duration = Duration::from_secs(1);

/// The option.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct ControlArgs {
    /// Obey the lines of FILE while the command runs: pause, continue, rate N, max-latency DURATION, stop
    /// (see sessionctl help safety)
    #[arg(long, value_name = "FILE")]
    control: Option<PathBuf>,
}

impl ControlArgs {
    /// The control of a command that begins at `pace`, unless the operator has asked for another one
    /// while it worked on another collection.
    ///
    /// # Errors
    /// If the file could never be read.
    pub fn open(&self, pace: Pace, context: &Context) -> Result<Control, Failure> {
        let control = self.open_for_several(context)?;
        control.add("", pace);
        Ok(control)
    }

    /// The control of a sweeper, whose collections are added later.
    ///
    /// # Errors
    /// If the file could never be read.
    pub fn open_for_several(&self, context: &Context) -> Result<Control, Failure> {
        let Context { signals, global, orders, .. } = context;
        let control = Control::new(signals, global.quiet, Arc::clone(orders));
        self.follow(&control)?;
        Ok(control)
    }

    /// Checks that the file can be read once it exists.
    ///
    /// # Errors
    /// If it could never be read.
    pub fn check(&self) -> Result<(), Failure> {
        self.control.as_deref().map_or(Ok(()), check)
    }

    fn follow(&self, control: &Control) -> Result<(), Failure> {
        self.check()?;
        if let Some(path) = &self.control {
            control.follow(path);
        }
        Ok(())
    }
}

/// The file may not exist yet, but its folder must.
fn check(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let why = match file::read(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if folder.is_none_or(Path::is_dir) {
                return Ok(());
            }
            "its folder does not exist".to_owned()
        }
        Err(error) => reason(&error),
    };
    let sentence = format!("could not use the control file {}: {why}", path.display());
    Err(Failure::new(Exit::Failed, sentence))
}

/// The control of one command.
#[derive(Debug)]
pub struct Control {
    state: Arc<State>,
    following: Mutex<Option<AbortHandle>>,
}

/// What the file and the keys act on.
#[derive(Debug)]
struct State {
    /// Those of a sweeper by namespace; any other command has one.
    paces: Mutex<BTreeMap<String, PaceControl>>,
    orders: Arc<Mutex<Orders>>,
    signals: Signals,
    quiet: bool,
    screen: Mutex<Option<Screen>>,
    /// Wrong lines that were reported.
    reported: Mutex<BTreeSet<String>>,
}

impl Control {
    fn new(signals: &Signals, quiet: bool, orders: Arc<Mutex<Orders>>) -> Self {
        let state = State {
            paces: Mutex::default(),
            orders,
            signals: signals.clone(),
            quiet,
            screen: Mutex::default(),
            reported: Mutex::default(),
        };
        Self { state: Arc::new(state), following: Mutex::default() }
    }

    /// Without a file.
    pub fn none(pace: Pace, signals: &Signals, quiet: bool) -> Self {
        let control = Self::new(signals, quiet, Arc::default());
        control.add("", pace);
        control
    }

    /// Adds a collection, and returns its pace, to which what was asked for applies.
    pub fn add(&self, namespace: &str, pace: Pace) -> PaceControl {
        let pace = PaceControl::new(pace);
        let orders = lock(&self.state.orders);
        if orders.paused {
            pace.pause();
        }
        if let Some(rate) = orders.rate {
            pace.set_rate(rate);
        }
        if let Some(goal) = orders.max_latency {
            pace.set_max_latency(goal);
        }
        // Before another order can be given, which would miss it.
        lock(&self.state.paces).insert(namespace.to_owned(), pace.clone());
        drop(orders);
        pace
    }

    /// Removes a collection of a sweeper.
    pub fn remove(&self, namespace: &str) {
        lock(&self.state.paces).remove(namespace);
    }

    /// The pace of the command.
    pub fn pace(&self) -> PaceControl {
        // There is always one, except for a sweeper without a collection.
        let first = lock(&self.state.paces).values().next().cloned();
        first.unwrap_or_else(|| PaceControl::new(Pace::default()))
    }

    /// Obeys the file until the control is dropped.
    fn follow(&self, path: &Path) {
        let (state, mut file) = (Arc::clone(&self.state), ControlFile::new(path));
        // What it says at the start holds from the first batch on. A later reading reports a failure.
        if let Ok(Some(text)) = file.changed() {
            state.obey(&text, path);
        }
        let following = tokio::spawn(async move {
            let mut said = None;
            loop {
                tokio::time::sleep(EVERY).await;
                // A file on a slow file system must not hold up the batches.
                let looking = spawn_blocking(move || {
                    let changed = file.changed();
                    (file, changed)
                });
                let Ok((looked, changed)) = looking.await else { return };
                file = looked;
                match changed {
                    Ok(Some(text)) => {
                        said = None;
                        state.obey(&text, file.path());
                    }
                    Ok(None) => {}
                    Err(error) => {
                        let why = reason(&error);
                        if said.replace(why.clone()).as_ref() != Some(&why) {
                            let path = file.path().display();
                            state.say("warning", &format!("could not read {path}: {why}"));
                        }
                    }
                }
            }
        });
        *lock(&self.following) = Some(following.abort_handle());
    }

    /// Shows messages beside this progress, and takes keys if it is drawn on a terminal, until the
    /// guard is dropped.
    pub fn beside(&self, progress: &Progress) -> Beside {
        let screen = progress.screen();
        screen.pause(self.pace().is_paused());
        *lock(&self.state.screen) = Some(screen);
        let takes_keys = progress.is_shown() && io::stdin().is_terminal();
        let reading = takes_keys.then(|| {
            let state = Arc::clone(&self.state);
            tokio::spawn(async move { state.read_keys().await }).abort_handle()
        });
        Beside { state: Arc::clone(&self.state), reading }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        lock(&self.following).iter().for_each(AbortHandle::abort);
    }
}

/// A progress that is drawn.
#[derive(Debug)]
pub struct Beside {
    state: Arc<State>,
    reading: Option<AbortHandle>,
}

impl Drop for Beside {
    fn drop(&mut self) {
        *lock(&self.state.screen) = None;
        if let Some(reading) = &self.reading {
            reading.abort();
            // The task ends later than this.
            keys::close();
        }
    }
}

impl State {
    fn paces(&self) -> Vec<PaceControl> {
        lock(&self.paces).values().cloned().collect()
    }

    fn screen(&self) -> Option<Screen> {
        lock(&self.screen).clone()
    }

    fn say(&self, label: &str, text: &str) {
        if self.quiet && label == "note" {
            return;
        }
        match self.screen() {
            Some(screen) => screen.aside(|| say(label, text)),
            None => say(label, text),
        }
    }

    /// Obeys the lines of the file, in order.
    fn obey(&self, text: &str, path: &Path) {
        // Not the paces: a sweeper has none yet when it starts with what an old file says.
        let before = *lock(&self.orders);
        let (instructions, wrong) = instruction::read(text);
        for instruction in instructions {
            self.apply(instruction);
        }
        let after = *lock(&self.orders);
        let path = path.display();
        if let Some(rate) = after.rate.filter(|_| after.rate != before.rate) {
            self.say("note", &format!("{path}: {}", rate_limit(rate)));
        }
        if let Some(goal) = after.max_latency.filter(|_| after.max_latency != before.max_latency) {
            self.say("note", &format!("{path}: {}", latency_goal(goal)));
        }
        match (before.paused, after.paused) {
            (false, true) => self.say("note", &format!("{path}: paused")),
            (true, false) => self.say("note", &format!("{path}: continuing")),
            _ => {}
        }
        if self.signals.is_stopped_by_operator() {
            self.say("note", &format!("{path}: stopping"));
        }
        for (number, line) in wrong {
            if lock(&self.reported).insert(line.to_owned()) {
                self.say("warning", &format!("{path}: ignoring line {number}: expected {FORMS}"));
            }
        }
    }

    fn first(&self) -> Option<(Pace, bool)> {
        self.paces().first().map(|control| (control.pace(), control.is_paused()))
    }

    fn apply(&self, instruction: Instruction) {
        let mut orders = lock(&self.orders);
        match instruction {
            Instruction::Pause => orders.paused = true,
            Instruction::Continue => orders.paused = false,
            Instruction::Rate(rate) => orders.rate = Some(rate),
            Instruction::MaxLatency(goal) => orders.max_latency = Some(goal),
            Instruction::Stop => self.signals.stop(),
        }
        drop(orders);
        for pace in self.paces() {
            match instruction {
                Instruction::Pause => pace.pause(),
                Instruction::Continue => pace.resume(),
                Instruction::Rate(rate) => pace.set_rate(rate),
                Instruction::MaxLatency(goal) => pace.set_max_latency(goal),
                Instruction::Stop => {}
            }
        }
        if let (Some(screen), Some((_, is_paused))) = (self.screen(), self.first()) {
            screen.pause(is_paused);
        }
    }

    /// Obeys keys until the command stops.
    async fn read_keys(&self) {
        tokio::time::sleep(LATER).await;
        let Some(mut keys) = Keys::open() else { return };
        let hint =
            |screen: Option<Screen>| screen.iter().for_each(|screen| screen.offer_keys(true));
        hint(self.screen());
        let asked = self.signals.asked.clone();
        while let Some(Ok((key, times))) = asked.run_until_cancelled(keys.next()).await {
            self.key(key, times);
        }
        self.screen().iter().for_each(|screen| screen.offer_keys(false));
    }

    fn key(&self, key: char, times: usize) {
        let Some((pace, is_paused)) = self.first() else { return };
        match key {
            'p' | ' ' if times.is_multiple_of(2) => {}
            'p' | ' ' if is_paused => self.apply(Instruction::Continue),
            'p' | ' ' => self.apply(Instruction::Pause),
            '+' | '-' => {
                let mut rate = pace.rate;
                let now = self.screen().and_then(|screen| screen.rate());
                (0..times).for_each(|_| rate = another_rate(rate, now, key == '+'));
                match rate == pace.rate {
                    true if rate.is_none() && key == '+' => {
                        self.say("note", "there is no limit on sessions per second to raise");
                    }
                    true => {}
                    false => {
                        self.apply(Instruction::Rate(rate));
                        self.say("note", &rate_limit(rate));
                    }
                }
            }
            'q' => self.apply(Instruction::Stop),
            '?' => self.say(
                "keys",
                "p pauses or continues, + and - change the limit, q stops, ? lists the keys",
            ),
            _ => {}
        }
    }
}

/// The limit after `+` or `-`: half as much again, or two thirds. `now` is the current pace. A limit far
/// above that is none.
fn another_rate(rate: Option<u32>, now: Option<f64>, faster: bool) -> Option<u32> {
    let now = now.filter(|now| *now >= 1.0);
    let from = match (rate, faster) {
        (Some(rate), _) => f64::from(rate),
        (None, true) => return None,
        (None, false) => now?,
    };
    let factor = if faster { 1.5 } else { 1.0 / 1.5 };
    let next = rounded((from * factor).clamp(1.0, f64::from(u32::MAX)));
    let is_binding = !faster || now.is_none_or(|now| f64::from(next) < now * 3.0);
    is_binding.then_some(next)
}

/// To two digits: 113,427 is no better to read than 110,000.
fn rounded(rate: f64) -> u32 {
    let size = 10_f64.powf((rate.log10().floor() - 1.0).max(0.0));
    // At least 1, and within the range of the number.
    ((rate / size).round() * size).max(1.0) as u32
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_goes_down_from_the_current_pace_and_up_until_it_limits_nothing() {
        let first = another_rate(None, Some(90_000.0), false);
        assert_eq!(first, Some(60_000));
        assert_eq!(another_rate(first, Some(60_000.0), false), Some(40_000));
        assert_eq!(another_rate(Some(40_000), Some(40_000.0), true), Some(60_000));
        // The server does not reach the limit.
        assert_eq!(another_rate(Some(60_000), Some(20_000.0), true), None);
        assert_eq!(another_rate(None, Some(20_000.0), true), None);
        assert_eq!(another_rate(None, None, false), None);
        assert_eq!(another_rate(Some(1), Some(1.0), false), Some(1));
        assert_eq!(another_rate(Some(1), Some(1.0), true), Some(2));
        assert_eq!(another_rate(Some(u32::MAX), None, true), Some(u32::MAX));
    }
}
