//! One task for each namespace, started and stopped according to signals and the file.

use std::collections::BTreeMap;
use std::path::Path;

use sessionctl::Connection;
use sessionctl::error::reason;
use sessionctl::purge::PaceControl;
use sessionctl::sweep::{self, Event, Target};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::low_level::signal_name;
use tokio::signal::unix::Signal;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::args::Args;
use super::config::{Plan, check_holds};
use super::health::Health;
use super::hold::{Held, List};
use super::journal::Journal;
use super::log::Log;
use super::records::Records;
use super::report::Stops;
use crate::commands::control::Control;
use crate::console::failure::{Exit, Failure};
use crate::console::report::say;
use crate::console::signals::signals;
use crate::context::Context;

/// The running sweeps, and the plans to reach.
pub struct Supervisor<'a> {
    context: &'a Context,
    args: &'a Args,
    stops: Stops,
    connection: Connection,
    log: Log<'a>,
    health: Health,
    control: Control,
    running: BTreeMap<String, (Plan, sweep::Control)>,
    /// The plan that starts when the earlier sweep of the same namespace has ended.
    next: BTreeMap<String, Plan>,
    tasks: JoinSet<(String, Result<(), Failure>)>,
    /// The namespaces in which users are kept logged out, while this sweeper has the lease.
    holds: BTreeMap<String, CancellationToken>,
    holding: JoinSet<Result<(), Failure>>,
    /// The users to keep logged out. A hold begins anew with each lease; these lists stay.
    lists: BTreeMap<String, List>,
    sender: UnboundedSender<(String, Event)>,
    events: UnboundedReceiver<(String, Event)>,
    pass_now: Signal,
    reload: Option<Signal>,
    failure: Option<Failure>,
}

impl<'a> Supervisor<'a> {
    pub fn new(
        context: &'a Context,
        args: &'a Args,
        stops: Stops,
        connection: Connection,
        log: Log<'a>,
        health: Health,
    ) -> Result<Self, Failure> {
        let listen = |number| {
            signals(number).map_err(|error| {
                let sentence = format!("could not listen for signals: {}", reason(&error));
                Failure::new(Exit::Failed, sentence)
            })
        };
        // Unbounded, because a sweep must not wait until its reports are logged. Logging does not
        // wait for a reader of the log.
        let (sender, events) = unbounded_channel();
        Ok(Self {
            context,
            args,
            stops,
            connection,
            log,
            health,
            control: args.control(context)?,
            running: BTreeMap::new(),
            next: BTreeMap::new(),
            tasks: JoinSet::new(),
            holds: BTreeMap::new(),
            holding: JoinSet::new(),
            lists: BTreeMap::new(),
            sender,
            events,
            pass_now: listen(SIGUSR1)?,
            reload: args.config.as_ref().map(|_| listen(SIGHUP)).transpose()?,
            failure: None,
        })
    }

    /// Starts and stops sweeps to match these plans. Unchanged sweeps are not disturbed.
    pub fn apply(&mut self, plans: Vec<Plan>) {
        let mut wanted: BTreeMap<_, _> =
            plans.into_iter().map(|plan| (self.target(&plan).namespace(), plan)).collect();
        for (namespace, (plan, control)) in &self.running {
            let is_ending = control.cancel.is_cancelled();
            match wanted.remove(namespace) {
                // Each reading of the file generates a new name of the lease holder.
                Some(same) if same.is_like(plan) && !is_ending => continue,
                Some(other) => drop(self.next.insert(namespace.clone(), other)),
                None => drop(self.next.remove(namespace)),
            }
            control.cancel.cancel();
        }
        for (namespace, plan) in wanted {
            self.start(namespace, plan);
        }
    }

    fn target(&self, plan: &Plan) -> Target {
        let connection = match &plan.database {
            Some(database) => self.connection.on(database),
            None => self.connection.clone(),
        };
        Target {
            connection,
            collection: plan.collection.clone(),
            layouts: plan.layouts.clone(),
            lifetime: plan.lifetime,
            user: plan.user_path.clone(),
        }
    }

    fn start(&mut self, namespace: String, plan: Plan) {
        let target = self.target(&plan);
        let cancel = self.context.signals.asked.child_token();
        let pace = self.control.add(&namespace, plan.sweep.pace);
        let control =
            sweep::Control { cancel, pace: Some(pace.clone()), ..sweep::Control::default() };
        let (sweep, told, events) = (plan.sweep.clone(), control.clone(), self.sender.clone());
        let stops = self.stops.clone();
        let Context { command_line, .. } = self.context;
        let mut journal = Journal::new(
            (&self.args.audit, command_line),
            self.stops.clone(),
            (target.connection.address(), target.connection.login()),
            &namespace,
            sweep.idle.map(|idle| idle.as_secs_f64()),
        );
        self.log.begins(&namespace, sweep.interval);
        self.health.begins(&namespace, &plan, pace);
        self.list(&namespace, plan.hold.as_deref());
        let is_leased = sweep.lease.is_some();
        self.running.insert(namespace.clone(), (plan, control));
        if !is_leased {
            self.hold(&namespace);
        }
        self.tasks.spawn(async move {
            let name = namespace.clone();
            let on_event = |event| {
                if !journal.event(&event) {
                    stops.fails();
                    told.cancel.cancel();
                }
                // The receiver is only gone when the program ends.
                drop(events.send((name.clone(), event)));
            };
            let ended = sweep.run(&target, &told, on_event).await;
            let ended = ended.map_err(|error| Failure::of(&format!("sweep {namespace}"), &error));
            (namespace, journal.failure().map_or(ended, Err))
        });
    }

    /// Starts to keep users of a namespace logged out, if the configuration lists any.
    fn hold(&mut self, namespace: &str) {
        let Some((plan, control)) = self.running.get(namespace) else { return };
        let Some(list) = self.lists.get(namespace).map(List::unread) else { return };
        let cancel = control.cancel.child_token();
        let held = Held {
            namespace: namespace.to_owned(),
            target: self.target(plan),
            list,
            quiet: self.context.global.quiet,
            metrics: self.health.metrics(),
            records: Records::new(&self.args.audit, &self.context.command_line),
            pace: control.pace.clone().unwrap_or_else(|| PaceControl::new(plan.sweep.pace)),
            stops: self.stops.clone(),
            sweep: control.cancel.clone(),
            cancel: cancel.clone(),
        };
        self.release(namespace);
        self.holds.insert(namespace.to_owned(), cancel);
        self.holding.spawn(held.run());
    }

    /// Keeps the list of a namespace if it is still this file; otherwise reads the new one.
    fn list(&mut self, namespace: &str, file: Option<&Path>) {
        let kept = self.lists.remove(namespace);
        let Some(file) = file else { return };
        let list = kept.filter(|list| list.is_of(file)).unwrap_or_else(|| List::new(file));
        self.lists.insert(namespace.to_owned(), list);
        self.refresh(namespace);
    }

    /// Reads a list that changed while another sweeper holds its users, so that this one knows the last
    /// valid list when it takes over.
    fn refresh(&mut self, namespace: &str) {
        if let Some(list) = self.lists.get_mut(namespace) {
            // A hold reports why the list cannot be read.
            drop(list.refresh());
        }
    }

    fn release(&mut self, namespace: &str) {
        if let Some(cancel) = self.holds.remove(namespace) {
            cancel.cancel();
        }
    }

    /// Runs until all sweeps have ended.
    pub async fn run(mut self) -> Result<Exit, Failure> {
        let asked = self.context.signals.asked.clone();
        let mut stopping = false;
        let mut check = tokio::time::interval(self.health.every());
        while !self.tasks.is_empty() {
            tokio::select! {
                // The order matters: the last reports of a sweep are handled before its end, after
                // which the namespace is removed.
                biased;
                Some((namespace, event)) = self.events.recv() => self.event(&namespace, &event),
                Some(ended) = self.tasks.join_next() => self.ended(ended),
                Some(ended) = self.holding.join_next() => match ended {
                    Ok(Ok(())) => {}
                    Ok(Err(failure)) => self.fail(failure),
                    Err(_) => self.fail(panicked()),
                },
                () = asked.cancelled(), if !stopping => {
                    stopping = true;
                    self.health.stops();
                }
                _ = check.tick() => {
                    if let Some(trouble) = self.health.check() {
                        say("warning", trouble);
                    }
                }
                Some(()) = self.pass_now.recv() => {
                    self.running.values().for_each(|(_, control)| control.wake.notify_one());
                }
                Some(()) = heard(&mut self.reload), if !stopping => self.reload(),
            }
        }
        // Batches in flight are finished.
        while self.holding.join_next().await.is_some() {}
        while let Ok((namespace, event)) = self.events.try_recv() {
            self.event(&namespace, &event);
        }
        let Self { log, failure, context, args, .. } = self;
        if let Some(name) = context.signals.received().and_then(signal_name) {
            log.remark(&format!("stopped by {name}"));
        } else if context.signals.is_stopped_by_operator() {
            log.remark("stopped by the operator");
        }
        let printed = log.finish();
        if let Some(failure) = failure {
            return Err(failure);
        }
        printed?;
        // SIGINT and SIGTERM are the normal way to end a daemon, not a failure.
        Ok(match context.signals.received() {
            // A single pass that was interrupted is not done, whatever the signal.
            Some(signal) if args.once || ![SIGINT, SIGTERM].contains(&signal) => {
                Exit::Signal(signal)
            }
            None if args.once && context.signals.is_stopped_by_operator() => Exit::WorkLeft,
            _ => Exit::Done,
        })
    }

    fn event(&mut self, namespace: &str, event: &Event) {
        match event {
            Event::Holds(_) => self.hold(namespace),
            Event::Yields { .. } => self.release(namespace),
            Event::Alive if !self.holds.contains_key(namespace) => self.refresh(namespace),
            _ => {}
        }
        self.health.event(namespace, event);
        self.log.event(namespace, event);
    }

    fn ended(&mut self, ended: Result<(String, Result<(), Failure>), tokio::task::JoinError>) {
        let Ok((namespace, ended)) = ended else {
            self.fail(panicked());
            return;
        };
        self.running.remove(&namespace);
        self.release(&namespace);
        self.control.remove(&namespace);
        self.log.ends(&namespace);
        let next = self.next.remove(&namespace);
        match (ended, next) {
            // With other settings, it is the same namespace: what is known of it stays.
            (Ok(()), Some(plan)) if !self.context.signals.asked.is_cancelled() => {
                self.start(namespace, plan);
            }
            (ended, _) => {
                // A failure ends all sweeps.
                match ended.is_err() || self.failure.is_some() {
                    true => self.health.fails(&namespace),
                    false => self.health.ends(&namespace),
                }
                // The file of a single pass stays as it is until the next one.
                if !self.args.once {
                    self.health.writes_end();
                }
                if let Err(failure) = ended {
                    self.fail(failure);
                }
            }
        }
    }

    /// A sweep that cannot continue ends all of them, so that the service manager notices.
    fn fail(&mut self, failure: Failure) {
        self.next.clear();
        self.stops.fails();
        self.running.values().for_each(|(_, control)| control.cancel.cancel());
        match &self.failure {
            None => self.failure = Some(failure),
            Some(_) => say("warning", failure),
        }
    }

    fn reload(&mut self) {
        self.health.begins_reload();
        let plans = self.args.plans(&self.context.global);
        match plans.and_then(|plans| check_holds(&plans).map(|()| plans)) {
            Ok(plans) => {
                let read = self.args.config.iter().map(|path| path.display().to_string());
                self.log.remark(&format!("reloaded {}", read.collect::<String>()));
                self.apply(plans);
            }
            // An error in the file does not end a working daemon.
            Err(failure) => {
                say("warning", format!("{failure}; continuing with the previous settings"));
            }
        }
        self.health.ends_reload();
    }
}

fn panicked() -> Failure {
    // Its message was printed.
    Failure::new(Exit::Failed, "could not sweep: the task of a sweep panicked")
}

/// Waits for the next signal of a kind; forever if it is not handled.
async fn heard(signal: &mut Option<Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}
