//! The statistics of a selection: its sessions are read and checked one by one.

use bson::RawDocument;

use super::Stats;
use super::counts::{Counts, Line, Part};
use super::figures::Options;
use super::users::Users;
use crate::error::Result;
use crate::model::selection::Selection;
use crate::model::session::Session;
use crate::ops::select::Judged;
use crate::ops::users;
use crate::store::{Reading, Store};

impl Store {
    /// The exact statistics of the sessions of a selection, and the other results of checking its
    /// candidates.
    ///
    /// # Errors
    /// As for [`Selection::filter`], and if the command cannot be sent or the server rejects it.
    pub async fn stats_of(
        &self,
        selection: &Selection,
        options: &Options,
    ) -> Result<(Stats, Judged<()>)> {
        let now = selection.now;
        let by = self.created_by(now).await?;
        let layouts = self.layouts().clone();
        let mut counts = Counts::default();
        let mut total = Judged::default();
        for part in self.parts(selection).await? {
            for filter in part.filter(&layouts)? {
                let add = {
                    let layouts = layouts.clone();
                    move |part: &mut Part, document: &RawDocument, session: Session| {
                        let layout = layouts.of(document);
                        let is_unreadable = session.user.is_none()
                            && layout.user_needs_payload()
                            && layout.payload(document).error().is_some();
                        part.add(Line::of(document, session, is_unreadable, (now, by)));
                    }
                };
                let mut judging = self.gather(filter, &Reading::default(), selection, add).await?;
                while let Some(judged) = judging.next().await? {
                    counts.join(judged.selected);
                    if counts.users.len() > options.users {
                        counts.drop_users();
                    }
                    total.looked_at += judged.looked_at;
                    total.undecided += judged.undecided;
                    total.elsewhere.join(judged.elsewhere);
                    total.met.join(judged.met);
                }
            }
        }
        let has_users = layouts.iter().any(|layout| !layout.user.is_empty());
        let stats = Stats::of_counts(&counts, now, by);
        let in_passes = match counts.users_are_dropped {
            true => Some(self.users(selection, &in_passes(options), |_| ()).await?),
            false => None,
        };
        let users = has_users.then(|| match in_passes {
            None => Users::of(counts, options.top),
            Some(counted) => {
                let top = counted.users.into_iter().map(|user| (user.user, user.sessions));
                let top = top.collect();
                Users { distinct: counted.found, top, ..Users::of(counts, options.top) }
            }
        });
        Ok((Stats { users, ..stats }, total))
    }
}

/// How to count the users, if they are too many to be counted at once.
fn in_passes(options: &Options) -> users::Options {
    users::Options { limit: Some(options.top), ..users::Options::default() }
}
