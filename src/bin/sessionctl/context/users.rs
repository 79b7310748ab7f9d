//! Whether `--user` can be decided: where the layout looks for users, where they seem to be, and what a
//! command says or refuses where these differ.

use std::time::{Duration, Instant};

use bson::{DateTime, RawDocument};
use sessionctl::layout::UserPlace;
use sessionctl::purge::Counted;
use sessionctl::query::{Elsewhere, Verdict};
use sessionctl::store::{Reading, documents};
use sessionctl::{Layouts, Query, Selection, Store};

use super::Context;
use crate::console::failure::{Exit, Failure};
use crate::console::text::{counted, grouped, neutral, sessions};

/// How many sessions are looked at to learn where users are.
const LOOKED_AT: u64 = 100;
/// For how long a reader that found the user looks for more of that user's sessions, where the server
/// cannot tell: some hundred thousand sessions, and nobody waits for a list that seems complete.
const LOOKING: Duration = Duration::from_millis(500);
/// How many places a message names.
const NAMED: usize = 12;

/// What a look at some sessions told of their users.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub sessions: u64,
    /// Sessions with a user where the layout looks.
    pub known: u64,
    /// Sessions with a payload that cannot be decoded, and no user beside it.
    pub unreadable: u64,
    /// The same, whether or not the user is beside it; why, of the first.
    pub undecoded: u64,
    pub reason: Option<String>,
    /// Places that look as if they named a user.
    pub likely: Elsewhere,
}

impl Context {
    /// These layouts, with the places of `--user-path` in place of their own.
    pub fn with_user_paths(&self, layouts: Layouts) -> Layouts {
        layouts.with_user_places(&self.global.user_path)
    }

    /// Refuses a place of `--user-path` that is in the documents and not in the payload, or the other way
    /// round: no session would have a user.
    pub async fn check_user_paths(&self, action: &str, store: &Store) -> Result<(), Failure> {
        let paths = &self.global.user_path;
        if paths.is_empty() {
            return Ok(());
        }
        // How often each stands where it was said to be, and on the other side.
        let mut counts = vec![(0_u64, 0_u64); paths.len()];
        let looked = for_some(store, DateTime::from_millis(0), |document| {
            let payload = store.layouts().of(document).payload(document);
            for (path, (here, there)) in paths.iter().zip(&mut counts) {
                let in_payload =
                    payload.value().and_then(|value| sessionctl::payload::get(value, path.path()));
                let sides = (has_field(document, path.path()), in_payload.is_some());
                let (is_here, is_there) = match path {
                    UserPlace::Field(_) => sides,
                    UserPlace::Payload(_) => (sides.1, sides.0),
                };
                (*here, *there) = (*here + u64::from(is_here), *there + u64::from(is_there));
            }
        });
        looked.await.map_err(|error| Failure::of(action, &error))?;
        let wrong = paths.iter().zip(counts).find(|(_, (here, there))| *here == 0 && *there > 0);
        let Some((path, _)) = wrong else { return Ok(()) };
        let name = neutral(path.path());
        Err(match path {
            UserPlace::Payload(_) => Failure::new(
                Exit::Failed,
                format!(
                    "could not {action}: --user-path {name} is at the root of the documents, not in \
                     their payload"
                ),
            )
            .hint(format!("a root path begins with /: --user-path /{name}")),
            UserPlace::Field(_) => Failure::new(
                Exit::Failed,
                format!(
                    "could not {action}: --user-path /{name} is in the payload, not at the root of \
                     the documents"
                ),
            )
            .hint(format!("a path in the payload has no / in front: --user-path {name}")),
        })
    }

    /// Where the users of some sessions are.
    pub async fn look_for_users(&self, store: &Store, now: DateTime) -> sessionctl::Result<Seen> {
        let mut seen = Seen::default();
        for_some(store, now, |document| {
            let layout = store.layouts().of(document);
            let payload = layout.payload(document);
            let has_user = layout.session(document, &payload, now).user.is_some();
            seen.sessions += 1;
            seen.known += u64::from(has_user);
            if let Some(reason) = payload.error() {
                seen.undecoded += 1;
                seen.unreadable += u64::from(!has_user);
                // The reason of one that has a user beside its payload says less.
                if !has_user || seen.reason.is_none() {
                    seen.reason = Some(reason);
                }
            }
            if !has_user {
                seen.likely.add(layout.likely_users(document, &payload));
            }
        })
        .await?;
        Ok(seen)
    }

    /// Warns where sessions have the user at another place than those where `--user` looks, and fails
    /// where that is the reason why none was found.
    pub async fn judge_listed(
        &self,
        action: &str,
        store: &Store,
        selection: &Selection,
        seen: &Seen,
        (printed, elsewhere): (u64, Elsewhere),
    ) -> Result<(), Failure> {
        let Some(user) = &selection.query.user else { return Ok(()) };
        let mut elsewhere = elsewhere;
        if self.global.user_path.is_empty()
            && let Some(others) = selection.of_any_user(store.layouts())
            // Where the store itself has a field for the user, others are looked at only in need.
            && (printed == 0 || store.layouts().user_needs_payload())
        {
            let within = (printed > 0).then_some(LOOKING);
            let found = find_elsewhere(store, &others, selection, within).await;
            let Found { places, looked_at, is_whole } =
                found.map_err(|error| Failure::of(action, &error))?;
            elsewhere = places;
            if !is_whole {
                let looked_at = grouped(looked_at);
                self.note(
                    "note",
                    format!(
                        "only the first {looked_at} sessions were searched for {} at other places; \
                         expire and purge search all",
                        neutral(user)
                    ),
                );
            }
        }
        if self.global.user_path.is_empty() && !elsewhere.is_empty() {
            let (have, places) = (have(elsewhere.sessions), places(&elsewhere));
            let user = neutral(user);
            self.note(
                "warning",
                format!("{have} {user} at {places}, where --user does not look; --user-path states where"),
            );
        }
        match printed {
            0 => self.judge_none(action, store, seen, selection.now).await,
            _ => Ok(()),
        }
    }

    /// Refuses to end some of a user's sessions and leave others, and to call it done where no session
    /// has a user.
    pub async fn judge_counted(
        &self,
        action: &str,
        store: &Store,
        selection: &Selection,
        seen: &Seen,
        counted: &Counted,
    ) -> Result<(), Failure> {
        let (Some(user), elsewhere) = (&selection.query.user, &counted.elsewhere) else {
            return Ok(());
        };
        if !elsewhere.is_empty() {
            let (have, places) = (have(elsewhere.sessions), places(elsewhere));
            let sentence = format!(
                "could not {action}: {have} {} at {places}, where --user does not look; nothing was \
                 changed",
                neutral(user)
            );
            let (place, _) = elsewhere.by_sessions()[0];
            return Err(Failure::new(Exit::Failed, sentence).hint(format!(
                "repeat --user-path for every place that names a user: with {} these sessions match \
                 too, without it they are left alone",
                neutral(place)
            )));
        }
        match counted.selected {
            0 => self.judge_none(action, store, seen, selection.now).await,
            _ => Ok(()),
        }
    }

    /// That nobody was found is an answer only if some session has a user where it was looked for.
    async fn judge_none(
        &self,
        action: &str,
        store: &Store,
        seen: &Seen,
        now: DateTime,
    ) -> Result<(), Failure> {
        if seen.known > 0 || seen.sessions == 0 {
            return Ok(());
        }
        // All of them are looked at: an empty answer is relied on.
        let found = any_user(store, now).await.map_err(|error| Failure::of(action, &error))?;
        match found {
            true => Ok(()),
            false => Err(Failure::new(
                Exit::Failed,
                format!("could not {action}: {}", seen.nobody(store.layouts())),
            )
            .hint(seen.hint())),
        }
    }
}

impl Seen {
    /// That no session has a user, and where it was looked for.
    pub fn nobody(&self, layouts: &Layouts) -> String {
        let mut user: Vec<&UserPlace> = Vec::new();
        for place in layouts.iter().flat_map(|layout| &layout.user) {
            if !user.contains(&place) {
                user.push(place);
            }
        }
        let named: Vec<_> = user.iter().take(NAMED).map(ToString::to_string).collect();
        let more = match user.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" or {more} other places"),
        };
        let named = named.join(", ");
        let mut text = format!("no session has a user at {}{more}", neutral(&named));
        if self.unreadable == self.sessions
            && let Some(reason) = &self.reason
        {
            text = format!("{text}, and their payloads cannot be decoded: {reason}");
        }
        if !self.likely.is_empty() {
            let of = sessions(self.sessions);
            text =
                format!("{text}; of {of} examined, users seem to be at {}", places(&self.likely));
        }
        text
    }

    pub fn hint(&self) -> String {
        match self.likely.by_sessions().first() {
            Some((place, _)) => {
                format!("state where users are, such as --user-path {}", neutral(place))
            }
            None => "state where users are with --user-path PATH; `sessionctl inspect ID` shows a \
                     session's payload"
                .to_owned(),
        }
    }
}

/// `account.id (2) and person.name (1)`
fn places(elsewhere: &Elsewhere) -> String {
    let by_sessions = elsewhere.by_sessions();
    let shown: Vec<_> = by_sessions
        .iter()
        .take(NAMED)
        .map(|(place, sessions)| match by_sessions.len() {
            1 => neutral(place).into_owned(),
            _ => format!("{} ({sessions})", neutral(place)),
        })
        .collect();
    let more = by_sessions.len().saturating_sub(NAMED);
    let more = if elsewhere.has_more { format!("more than {more}") } else { more.to_string() };
    match by_sessions.len() > NAMED {
        true => format!("{} and {more} other places", shown.join(", ")),
        false => shown.join(", "),
    }
}

fn have(number: u64) -> String {
    format!("{} {}", counted(number, "session"), if number == 1 { "has" } else { "have" })
}

/// Gives some sessions of the collection to `look`.
async fn for_some(
    store: &Store,
    now: DateTime,
    mut look: impl FnMut(&RawDocument),
) -> sessionctl::Result<()> {
    let reading = Reading { limit: LOOKED_AT, ..Reading::default() };
    let filter = Selection::new(Query::default(), now).predicate(store.layouts())?;
    let mut batches = store.read(filter, &reading).await?;
    while let Some(batch) = batches.next().await? {
        documents(&batch).for_each(&mut look);
    }
    Ok(())
}

/// Whether any session of the collection has a user.
async fn any_user(store: &Store, now: DateTime) -> sessionctl::Result<bool> {
    let filter = Selection::new(Query::default(), now).predicate(store.layouts())?;
    let mut batches = store.read(filter, &Reading::default()).await?;
    while let Some(batch) = batches.next().await? {
        if documents(&batch).any(|one| store.layouts().of(one).glance(one, now).user.is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a search for a user at other places came to.
struct Found {
    places: Elsewhere,
    looked_at: u64,
    /// Whether all sessions were looked at.
    is_whole: bool,
}

/// The sessions among `others` that have the user of the selection elsewhere, as far as they are found
/// in time.
async fn find_elsewhere(
    store: &Store,
    others: &Selection,
    selection: &Selection,
    within: Option<Duration>,
) -> sessionctl::Result<Found> {
    let began = Instant::now();
    let mut found = Found { places: Elsewhere::default(), looked_at: 0, is_whole: true };
    let mut batches = store.read(others.predicate(store.layouts())?, &Reading::default()).await?;
    while let Some(batch) = batches.next().await? {
        if within.is_some_and(|within| began.elapsed() > within) {
            found.is_whole = false;
            break;
        }
        for document in documents(&batch) {
            found.looked_at += 1;
            if let Verdict::Elsewhere(places) = selection.verdict(store.layouts(), document) {
                found.places.add(places);
            }
        }
    }
    Ok(found)
}

fn has_field(document: &RawDocument, path: &str) -> bool {
    let mut document = document;
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        match document.get(name) {
            Ok(Some(_)) if names.peek().is_none() => return true,
            Ok(Some(value)) => match value.as_document() {
                Some(inner) => document = inner,
                None => return false,
            },
            _ => return false,
        }
    }
    false
}
