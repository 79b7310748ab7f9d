//! The statistics of a selection: its sessions are read and checked one by one.

use std::collections::HashMap;

use bson::raw::RawBsonRef;
use bson::{DateTime, RawDocument};

use super::Stats;
use super::figures::{CreatedBy, Options, Share, Span};
use super::grid::{AGES, EXPIRIES, Grid, Group, HOUR, Histograms};
use super::users::{Users, most};
use crate::error::Result;
use crate::model::layout::{Layout, Layouts};
use crate::model::selection::Selection;
use crate::model::session::Session;
use crate::ops::select::Judged;
use crate::store::{Reading, Store};

/// The facts of a session that are counted.
struct Line {
    group: Group,
    user: Option<String>,
    is_unreadable: bool,
}

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
        let mut stats = Stats::of_nothing(now);
        let (mut histograms, mut users) = (Histograms::default(), HashMap::<String, u64>::new());
        let (mut known, mut unreadable) = (0, 0);
        let mut told = Judged::of(Vec::new());
        for part in self.parts(selection).await? {
            for filter in part.filter(&layouts)? {
                let lines = {
                    let layouts = layouts.clone();
                    move |document: &RawDocument, session| {
                        line(&layouts, document, session, (now, by))
                    }
                };
                let mut judging = self.judge(filter, &Reading::default(), selection, lines).await?;
                while let Some(judged) = judging.next().await? {
                    for Line { group, user, is_unreadable } in judged.selected {
                        stats.add(&group, &mut histograms);
                        unreadable += u64::from(is_unreadable);
                        known += u64::from(user.is_some());
                        user.into_iter().for_each(|user| *users.entry(user).or_default() += 1);
                    }
                    told.looked_at += judged.looked_at;
                    told.undecided += judged.undecided;
                    told.elsewhere.join(judged.elsewhere);
                    told.met.join(judged.met);
                }
            }
        }
        stats.end(&histograms, by);
        let sessions = stats.all().sessions;
        let has_users = layouts.iter().any(|layout| !layout.user.is_empty());
        stats.users = has_users.then(|| Users {
            looked_at: sessions,
            sessions,
            sampled: false,
            estimated: false,
            distinct: users.len() as u64,
            anonymous: sessions - known - unreadable,
            unreadable,
            top: most(users, options.top),
        });
        Ok((stats, told))
    }
}

fn line(
    layouts: &Layouts,
    document: &RawDocument,
    session: Session,
    (now, by): (DateTime, Option<CreatedBy>),
) -> Line {
    let layout = layouts.of(document);
    let made = match by {
        Some(CreatedBy::Date) => session.created,
        Some(CreatedBy::Id) => match document.get("_id") {
            Ok(Some(RawBsonRef::ObjectId(id))) => Some(id.timestamp()),
            _ => None,
        },
        Some(CreatedBy::Touch) => session.touched,
        None => None,
    };
    let only = |date: Option<DateTime>| Span { earliest: date, latest: date };
    let bytes = session.bytes;
    Line {
        group: Group {
            state: Some(session.state),
            share: Share { sessions: 1, bytes, largest: bytes },
            expires: only(session.expires),
            expires_in: session.expires.map(|at| slot(&EXPIRIES, now, at)),
            created: only(made),
            age: made.map(|at| slot(&AGES, at.min(now), now)),
            touched: only(session.touched),
        },
        is_unreadable: session.user.is_none() && is_unreadable(layout, document),
        user: session.user,
    }
}

/// The slot of the whole hours from one time to another.
fn slot(grid: &Grid, from: DateTime, to: DateTime) -> i64 {
    let millis = to.timestamp_millis().saturating_sub(from.timestamp_millis());
    grid.slot_of(millis.div_euclid(HOUR))
}

fn is_unreadable(layout: &Layout, document: &RawDocument) -> bool {
    layout.user_needs_payload() && layout.payload(document).error().is_some()
}
