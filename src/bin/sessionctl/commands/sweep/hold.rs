//! `hold` in the configuration file: keeps the users listed in a file logged out while the sweeper works.
//! The file is read again when it changes.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sessionctl::follow::{Due, Holding, Means};
use sessionctl::purge::{Action, Purge, Step};
use sessionctl::sweep::Target;
use sessionctl::{Error, Query, Selection, Store, Users};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::log::{inform, warn};
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
    pub cancel: CancellationToken,
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
                // The first login creates the collection.
                Err(
                    error @ (Error::NoCollection { .. }
                    | Error::Undetected { .. }
                    | Error::Misnamed { .. }
                    | Error::CollectionChanged { .. }),
                ) => {
                    if !std::mem::replace(&mut is_said, true) {
                        let text = format!(
                            "users of {} are not held yet: {}",
                            self.namespace,
                            why(&error)
                        );
                        warn(&self.namespace, &text);
                    }
                }
                Err(error) if sessionctl::sweep::may_pass(&error) => {}
                Err(error) => {
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

    async fn hold(&self, file: &mut File, users: &mut Users) -> sessionctl::Result<()> {
        let store = self.target.store().await?;
        let now = store.connection().primary_now().await?;
        let purge = |users: &Users| {
            let query = Query { users: Some(users.clone()), ..Query::default() };
            Purge::new(Selection::new(query, now), store.way_out(now))
        };
        let mut holding = store.hold(purge(users), self.cancel.clone()).await?;
        if let Means::Scans { every, why } = holding.means() {
            let text = format!(
                "{why}, so a scan every {} s finds the sessions to end",
                every.as_secs().max(1)
            );
            self.inform(&text);
        }
        while let Some(due) = holding.next().await? {
            match due {
                Due::Run(purge) => self.end(&store, *purge, &mut holding).await?,
                Due::Away { error, .. } => warn(&self.namespace, &why(&error)),
                _ => {}
            }
            if self.read(file, users) {
                holding.replace(purge(users));
            }
        }
        Ok(())
    }

    async fn end(
        &self,
        store: &Store,
        purge: Purge,
        holding: &mut Holding,
    ) -> sessionctl::Result<()> {
        let past = if purge.action == Action::Expire { "expired" } else { "deleted" };
        let mut purging = store.purge(purge, self.cancel.clone())?;
        let mut done = 0;
        let ended = loop {
            match purging.next().await {
                Ok(None) => break Ok(()),
                Ok(Some(Step::Batch(batch))) => done += batch.done,
                Ok(Some(_)) => {}
                Err(error) => break Err(error),
            }
        };
        if done > 0 {
            self.metrics.logged_out(&self.namespace, done);
            self.inform(&format!("{past} {} of held users in {}", sessions(done), self.namespace));
        }
        if let Err(error) = ended
            && let Due::Away { error, .. } = holding.failed(error)?
        {
            warn(&self.namespace, &why(&error));
        }
        Ok(())
    }
}
