//! The order of `sessionctl list`: what the server can sort by, and the sessions that lack the date.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bson::{DateTime, doc};
use clap::ValueEnum;
use sessionctl::store::{Reading, SortKey};
use sessionctl::{Error, Layout, Layouts, Selection, Session, Store};

use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::text::sessions;
use crate::context::Context;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    Expires,
    Touched,
    Created,
    Bytes,
    Id,
}

impl From<Sort> for SortKey {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Expires => Self::Expires,
            Sort::Touched => Self::Touched,
            Sort::Created => Self::Created,
            Sort::Bytes => Self::Bytes,
            Sort::Id => Self::Id,
        }
    }
}

impl Sort {
    /// The option, and the date by which it sorts.
    fn date(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Expires => Some(("sort expires", "an expiry")),
            Self::Touched => Some(("sort touched", "a last touch")),
            Self::Created => Some(("sort created", "a creation time")),
            Self::Bytes | Self::Id => None,
        }
    }
}

/// Refuses an order that the server cannot make.
pub async fn check(
    sort: Sort,
    store: &Store,
    selection: &Selection,
    action: &str,
) -> Result<(), Failure> {
    let stores = |layout: &Layout| match sort {
        Sort::Touched => !layout.touched.is_empty() || layout.derived_touch.is_some(),
        Sort::Created => !layout.created.is_empty(),
        Sort::Expires | Sort::Bytes | Sort::Id => true,
    };
    if let (Some((condition, date)), false) = (sort.date(), store.layouts().iter().any(stores)) {
        let layout = store.layouts().name();
        return Err(Failure::of(action, &Error::NoDate { condition, date, layout }));
    }
    if sort == Sort::Touched {
        for layout in store.layouts().iter().filter(|layout| layout.derived_touch.is_some()) {
            check_touches(store, layout, selection, action).await?;
        }
    }
    if selection.filter(store.layouts()).doing(action)?.len() > 1 {
        let sentence = format!("could not {action}: --sort does not support that many ids");
        return Err(Failure::new(Exit::Failed, sentence).hint("omit --sort, or pass fewer ids"));
    }
    Ok(())
}

/// The server sorts, and it only knows stored touches.
async fn check_touches(
    store: &Store,
    layout: &Layout,
    selection: &Selection,
    action: &str,
) -> Result<(), Failure> {
    let stored = layout.touched_before(DateTime::MAX).map(|stored| doc! { "$nor": [stored] });
    let zero = DateTime::from_millis(0);
    let expires = [layout.expires_before(zero), layout.expires_after(zero)].to_vec();
    let selected = selection.predicate(store.layouts()).doing(action)?;
    let mut clauses = vec![selected, layout.membership(), doc! { "$or": expires }];
    clauses.extend(stored);
    clauses.retain(|clause| !clause.is_empty());
    let one = Reading { limit: 1, ..Reading::default() };
    let mut derived = store.read(doc! { "$and": clauses }, &one).await.doing(action)?;
    if derived.next().await.doing(action)?.is_none() {
        return Ok(());
    }
    let sentence = format!(
        "could not {action}: --sort touched requires a stored last touch, but that of some \
         sessions is derived from the expiry"
    );
    Err(Failure::new(Exit::Failed, sentence)
        .hint("--sort expires gives the same order if all sessions have the same lifetime"))
}

/// An order by a date. Sessions without the date come last in either direction.
#[derive(Clone)]
pub struct Order {
    sort: Sort,
    date: &'static str,
    /// Counts the sessions with and without the date, in all threads that read.
    counts: Arc<[AtomicU64; 2]>,
    /// The sentence if no session has the date, and the hint.
    failure: (String, Option<String>),
}

impl Order {
    /// `None` if it is not by a date.
    pub fn of(sort: Sort, layouts: &Layouts, action: &str) -> Option<Self> {
        let (option, date) = sort.date()?;
        let sentence = format!(
            "could not {action}: --{option} requires {date}, which no selected session has"
        );
        let dates = layouts.iter().flat_map(|layout| match sort {
            Sort::Touched => layout.touched.as_slice(),
            Sort::Created => &layout.created,
            Sort::Expires | Sort::Bytes | Sort::Id => &[],
        });
        let mut fields: Vec<_> = dates.map(|date| date.path.to_string()).collect();
        fields.dedup();
        let (name, fields) = (layouts.name(), fields.join(", "));
        let hint = (!fields.is_empty())
            .then(|| format!("the layout {name} reads this date from {fields}"));
        Some(Self { sort, date, counts: Arc::default(), failure: (sentence, hint) })
    }

    pub fn see(&self, session: &Session) {
        let date = match self.sort {
            Sort::Touched => session.touched,
            Sort::Created => session.created,
            _ => session.expires,
        };
        self.counts[usize::from(date.is_none())].fetch_add(1, Ordering::Relaxed);
    }

    /// Fails if sessions came and none has the date: those that have it come first.
    pub fn check(&self) -> Result<(), Failure> {
        let [dated, undated] = self.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        if dated > 0 || undated == 0 {
            return Ok(());
        }
        let (sentence, hint) = self.failure.clone();
        Err(Failure { hint, ..Failure::new(Exit::Failed, sentence) })
    }

    /// Counts the sessions whose place in the order means nothing.
    pub fn note_undated(&self, context: &Context) {
        let undated = self.counts[1].load(Ordering::Relaxed);
        if undated > 0 {
            let date = self.date.split_once(' ').map_or(self.date, |(_, date)| date);
            let (have, come) = if undated == 1 { ("has", "comes") } else { ("have", "come") };
            context.note("note", format!("{} {have} no {date} and {come} last", sessions(undated)));
        }
    }
}
