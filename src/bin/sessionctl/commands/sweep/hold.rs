//! `hold` in the configuration file: keeps the users listed in a file logged out while the sweeper works.
//! The file is read again when it changes.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
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

/// The state of a file: its time, its length and its inode.
type Stamp = (SystemTime, u64, u64);

/// A list of users in a file.
#[derive(Debug)]
pub struct List {
    path: PathBuf,
    /// The users of the last valid list. They stay known while the file cannot be read.
    users: Arc<Mutex<Users>>,
    /// The state of the file when it was read.
    read: Option<Stamp>,
}

impl List {
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), users: Arc::default(), read: None }
    }

    /// The same list with the users that are known, for a reader that has not read the file yet.
    pub fn unread(&self) -> Self {
        Self { path: self.path.clone(), users: Arc::clone(&self.users), read: None }
    }

    pub fn is_of(&self, path: &Path) -> bool {
        self.path == path
    }

    fn users(&self) -> Users {
        self.users.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn look(&self) -> Option<Stamp> {
        let about = fs::metadata(&self.path).ok()?;
        Some((about.modified().ok()?, about.len(), about.ino()))
    }

    /// Reads the file if it changed, and returns whether it did. If it is invalid, the previous users stay,
    /// and the next call tries again: a file can become readable without a change of its time.
    pub fn refresh(&mut self) -> Result<bool, Failure> {
        let now = self.look();
        if now.is_some() && now == self.read {
            return Ok(false);
        }
        if let Some(users) = listed::users(&[], Some(&self.path))? {
            *self.users.lock().unwrap_or_else(PoisonError::into_inner) = users;
        }
        self.read = now;
        Ok(true)
    }
}

/// A namespace in which users are kept logged out.
pub struct Held {
    pub namespace: String,
    pub target: Target,
    pub list: List,
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

/// The list as a hold reads it.
struct Reader {
    list: List,
    /// Why it could not be read, as far as that was logged.
    trouble: Option<String>,
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
        let mut reader = Reader { list: self.list.unread(), trouble: None };
        let mut is_said = false;
        while !self.cancel.is_cancelled() {
            self.read(&mut reader);
            let users = reader.list.users();
            let held = match users.is_empty() {
                true => Ok(()),
                false => self.hold(users, &mut reader).await,
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

    /// Reads the list if it changed, and returns whether it did.
    fn read(&self, Reader { list, trouble }: &mut Reader) -> bool {
        let read = list.refresh();
        let users = list.users();
        match read {
            Ok(is_new) => {
                *trouble = None;
                if is_new {
                    let those = counted(users.len() as u64, "user");
                    self.inform(&format!("holding {those} of {}", self.namespace));
                }
                is_new
            }
            Err(failure) => {
                let effect = match users.is_empty() {
                    true => "no user is held until the file is valid",
                    false => "continuing with the previous users",
                };
                let text = format!("{failure}; {effect}");
                if trouble.as_ref() != Some(&text) {
                    warn(&self.namespace, &text);
                    *trouble = Some(text);
                }
                false
            }
        }
    }

    fn inform(&self, text: &str) {
        if !self.quiet {
            inform(&self.namespace, text);
        }
    }

    async fn hold(&self, users: Users, reader: &mut Reader) -> Result<(), Trouble> {
        let store = self.target.store().await?;
        let now = store.connection().primary_now().await?;
        let (path, mut number) = (self.list.path.as_path(), users.len());
        let purge = |users: Users| {
            let query = Query { users: Some(users), ..Query::default() };
            let mut purge = Purge::new(Selection::new(query, now), store.way_out(now));
            (purge.tells_ids, purge.tells_users) =
                (self.records.is_wanted(), self.records.is_wanted());
            purge
        };
        let mut held = purge(users);
        let mut holding = store.hold(held.clone(), self.cancel.clone()).await?;
        if let Means::Scans { every, why } = holding.means() {
            let text = format!(
                "{why}, so a scan every {} s finds the sessions to end",
                every.as_secs().max(1)
            );
            self.inform(&text);
        }
        // Without an audit record, nobody is logged out.
        let mut run = self.records.begin(&store, &held, path, number)?;
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
                        run = self.records.begin(&store, &held, path, number)?;
                    }
                    let ended = self.end(&store, *purge, &mut holding, &mut run, &mut said).await;
                    if let Err(trouble) = ended {
                        break Err(trouble);
                    }
                }
                Due::Away { error, .. } => warn(&self.namespace, &why(&error)),
                _ => {}
            }
            if self.read(reader) {
                let users = reader.list.users();
                (number, held) = (users.len(), purge(users));
                run.end(None, None)?;
                run = self.records.begin(&store, &held, path, number)?;
                holding.replace(held.clone());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_list_leaves_the_users_as_they_were_and_is_read_as_soon_as_it_is_valid() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("held");
        let write = |text: &str, seconds| {
            fs::write(&path, text).unwrap();
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        };
        write("asa\n", 1);
        let mut list = List::new(&path);
        assert!(list.refresh().unwrap() && !list.refresh().unwrap());
        write("\n\n\n\n\n\n", 2);
        let mut next = list.unread();
        for _ in 0..2 {
            assert!(next.refresh().is_err());
            assert_eq!(next.users().len(), 1);
        }
        // As after a change of its mode, its state is the same.
        write("bo\ncy\n", 2);
        assert!(next.refresh().unwrap() && !next.refresh().unwrap());
        assert_eq!((next.users().len(), list.users().len()), (2, 2));
        assert!(list.refresh().unwrap());
    }
}
