//! `hold` in the configuration file: keeps the users listed in a file logged out while the sweeper works.
//! The file is read again when it changes.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sessionctl::follow::{Due, Holding, Means};
use sessionctl::purge::{Action, Batch, PaceControl, Purge, Step};
use sessionctl::sweep::Target;
use sessionctl::{Error, Query, Selection, Store, Users};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::log::{inform, warn};
use super::records::{Records, Run};
use super::report::Stops;
use crate::console::failure::{Doing as _, Failure, why};
use crate::console::text::{counted, sessions};
use crate::context::listed;
use crate::daemon::metrics::Metrics;

/// How long it waits for a collection, or for a file that cannot be read.
const PAUSE: Duration = Duration::from_secs(5);

/// A list of users, and the state of the file when it was read.
pub struct File {
    path: PathBuf,
    read: Option<(SystemTime, u64, u64)>,
}

impl File {
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read: None }
    }

    fn look(&self) -> Option<(SystemTime, u64, u64)> {
        let about = fs::metadata(&self.path).ok()?;
        Some((about.modified().ok()?, about.len(), about.ino()))
    }

    /// The users, if the file has changed since it was read.
    pub fn changed(&mut self) -> Result<Option<Users>, Failure> {
        let now = self.look();
        if now.is_some() && now == self.read {
            return Ok(None);
        }
        let users = listed::users(&[], Some(&self.path))?;
        self.read = now;
        Ok(users)
    }
}

/// A namespace in which users are kept logged out.
pub struct Held {
    pub namespace: String,
    pub target: Target,
    pub file: PathBuf,
    pub quiet: bool,
    pub metrics: Metrics,
    /// The audit file.
    pub records: Records,
    /// What `--control` asks for.
    pub pace: PaceControl,
    pub stops: Stops,
    /// Cancelled with the sweep, and with the lease.
    pub sweep: CancellationToken,
    pub cancel: CancellationToken,
}

/// Why a hold ends.
enum Trouble {
    Server(Error),
    /// What it does cannot be recorded.
    Audit(Failure),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Audit(failure)
    }
}

impl Held {
    /// Runs until cancellation.
    ///
    /// # Errors
    /// An error that cannot go away by itself, such as a missing right.
    pub async fn run(self) -> Result<(), Failure> {
        // So that the first session that is ended is an increase, too.
        self.metrics.logged_out(&self.namespace, 0);
        let (mut file, mut users, mut is_said) = (File::new(&self.file), Users::default(), false);
        while !self.cancel.is_cancelled() {
            self.read(&mut file, &mut users);
            let held = match users.is_empty() {
                true => Ok(()),
                false => self.hold(&mut file, &mut users).await,
            };
            match held {
                Ok(()) => {}
                Err(Trouble::Audit(failure)) => return Err(failure),
                // The first login creates the collection.
                Err(Trouble::Server(
                    error @ (Error::NoCollection { .. }
                    | Error::Undetected { .. }
                    | Error::Misnamed { .. }
                    | Error::CollectionChanged { .. }),
                )) => {
                    if !std::mem::replace(&mut is_said, true) {
                        let text = format!(
                            "users of {} are not held yet: {}",
                            self.namespace,
                            why(&error)
                        );
                        warn(&self.namespace, &text);
                    }
                }
                Err(Trouble::Server(error)) if sessionctl::sweep::may_pass(&error) => {}
                Err(Trouble::Server(error)) => {
                    return Err(error).doing(&format!("hold users of {}", self.namespace));
                }
            }
            self.cancel.run_until_cancelled(sleep(PAUSE)).await;
        }
        Ok(())
    }

    /// Reads the file if it changed, and returns whether it did. If it is invalid, the previous users stay.
    fn read(&self, file: &mut File, users: &mut Users) -> bool {
        match file.changed() {
            Ok(None) => false,
            Ok(Some(read)) => {
                *users = read;
                let those = counted(users.len() as u64, "user");
                self.inform(&format!("holding {those} of {}", self.namespace));
                true
            }
            Err(failure) => {
                // Reported again only after the next change.
                file.read = file.look();
                let text = format!("{failure}; continuing with the previous users");
                warn(&self.namespace, &text);
                false
            }
        }
    }

    fn inform(&self, text: &str) {
        if !self.quiet {
            inform(&self.namespace, text);
        }
    }

    async fn hold(&self, file: &mut File, users: &mut Users) -> Result<(), Trouble> {
        let store = self.target.store().await?;
        let now = store.connection().primary_now().await?;
        let purge = |users: &Users| {
            let query = Query { users: Some(users.clone()), ..Query::default() };
            let mut purge = Purge::new(Selection::new(query, now), store.way_out(now));
            (purge.tells_ids, purge.tells_users) =
                (self.records.is_wanted(), self.records.is_wanted());
            purge
        };
        let held = purge(users);
        let mut holding = store.hold(held.clone(), self.cancel.clone()).await?;
        if let Means::Scans { every, why } = holding.means() {
            let text = format!(
                "{why}, so a scan every {} s finds the sessions to end",
                every.as_secs().max(1)
            );
            self.inform(&text);
        }
        // Without an audit record, nobody is logged out.
        let mut run = self.records.begin(&store, &held, &self.file, users.len())?;
        let mut said = BTreeSet::new();
        let ended = loop {
            let due = match holding.next().await {
                Ok(Some(due)) => due,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.into()),
            };
            match due {
                Due::Run(purge) => {
                    if run.is_rotated() {
                        run.end(None, None)?;
                        run = self.records.begin(&store, &held, &self.file, users.len())?;
                    }
                    let ended = self.end(&store, *purge, &mut holding, &mut run, &mut said).await;
                    if let Err(trouble) = ended {
                        break Err(trouble);
                    }
                }
                Due::Away { error, .. } => warn(&self.namespace, &why(&error)),
                _ => {}
            }
            if self.read(file, users) {
                let held = purge(users);
                run.end(None, None)?;
                run = self.records.begin(&store, &held, &self.file, users.len())?;
                holding.replace(held);
            }
        };
        let failed = match &ended {
            Ok(()) => None,
            Err(Trouble::Audit(_)) => return ended,
            Err(Trouble::Server(error)) => {
                Some(Failure::of(&format!("hold users of {}", self.namespace), error))
            }
        };
        let stopped = if failed.is_some() { "error" } else { self.stopped() };
        run.end(Some(stopped), failed.as_ref())?;
        ended
    }

    /// Why the hold ended.
    fn stopped(&self) -> &'static str {
        match self.sweep.is_cancelled() {
            true => self.stops.why(),
            // Another sweeper holds the users from now on.
            false => "lease",
        }
    }

    async fn end(
        &self,
        store: &Store,
        purge: Purge,
        holding: &mut Holding,
        run: &mut Run,
        said: &mut BTreeSet<String>,
    ) -> Result<(), Trouble> {
        let past = if purge.action == Action::Expire { "expired" } else { "deleted" };
        let over = self.cancel.child_token();
        let mut purging = store.purge(purge, over.clone())?.controlled_by(self.pace.clone());
        let (mut done, mut unwritten) = (0, None);
        let ended = loop {
            match purging.next().await {
                Ok(None) => break Ok(()),
                Ok(Some(Step::Batch(batch))) => {
                    done += batch.done;
                    if let Err(failure) = run.batch(&batch) {
                        // Batches in flight are finished. No further batch starts, because it could
                        // not be recorded.
                        over.cancel();
                        unwritten = unwritten.or(Some(failure));
                    }
                    self.warn_refused(&batch, said);
                }
                Ok(Some(_)) => {}
                Err(error) => break Err(error),
            }
        };
        if done > 0 {
            self.metrics.logged_out(&self.namespace, done);
            self.inform(&format!("{past} {} of held users in {}", sessions(done), self.namespace));
        }
        if let Some(failure) = unwritten {
            return Err(Trouble::Audit(failure));
        }
        if let Err(error) = ended
            && let Due::Away { error, .. } = holding.failed(error)?
        {
            warn(&self.namespace, &why(&error));
        }
        Ok(())
    }

    /// Warns that users stay logged in, once for each cause: a scan comes to the same sessions again.
    fn warn_refused(&self, batch: &Batch, said: &mut BTreeSet<String>) {
        if batch.refused == 0 {
            return;
        }
        let cause = batch.why.as_deref().unwrap_or("no reason given");
        if said.insert(cause.to_owned()) {
            let (those, namespace) = (sessions(batch.refused), &self.namespace);
            let text = format!("{namespace} refused to end {those} of held users: {cause}");
            warn(namespace, &text);
        }
    }
}
