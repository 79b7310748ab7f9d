//! Checks whether `--user` can be decided: compares where the layout looks for users with where
//! they seem to be, and warns or refuses if these differ.

use std::time::{Duration, Instant};

use bson::{DateTime, RawDocument};
use sessionctl::layout::UserPlace;
use sessionctl::purge::Counted;
use sessionctl::query::{Elsewhere, Met};
use sessionctl::store::{Reading, documents};
use sessionctl::{Layouts, Query, Selection, Session, Store, Users};

use super::{Context, listed};
use crate::args::SelectionArgs;
use crate::console::failure::{Exit, Failure};
use crate::console::text::{counted, grouped, neutral, sessions};

/// How many sessions are sampled to find the places of users.
const LOOKED_AT: u64 = 100;
/// How long a reader that found the user searches for more sessions of that user if the server
/// cannot: enough for some hundred thousand sessions, without delaying a list that looks complete.
const LOOKING: Duration = Duration::from_millis(500);
/// Why it can be unknown whether a session matches.
pub const UNDECIDED: &str = "the payload cannot be decoded, or has a value that cannot be compared";
/// How many places a message lists.
const NAMED: usize = 12;

/// What some sampled sessions reveal about their users.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub sessions: u64,
    /// Sessions with a user in the places of the layout.
    pub known: u64,
    /// Sessions whose payload cannot be decoded, and that have no user outside it.
    pub unreadable: u64,
    /// Sessions whose payload cannot be decoded, with or without a user outside it.
    pub undecoded: u64,
    pub reason: Option<String>,
    /// Places that seem to hold a user.
    pub likely: Elsewhere,
}

impl Context {
    /// These layouts with the places of `--user-path`, if any, instead of their own.
    pub fn with_user_paths(&self, layouts: Layouts) -> Layouts {
        layouts.with_user_places(&self.global.user_path)
    }

    /// Refuses a place of `--user-path` that is in the document instead of the payload, or vice
    /// versa: no session would have a user.
    pub async fn check_user_paths(&self, action: &str, store: &Store) -> Result<(), Failure> {
        let paths = &self.global.user_path;
        if paths.is_empty() {
            return Ok(());
        }
        // How often each place exists as given, and on the other side.
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

    /// With `-v`, names the places where the users of sessions are read.
    pub fn note_user_places(&self, store: &Store) {
        if self.global.verbose && store.layouts().iter().any(|layout| !layout.user.is_empty()) {
            let places = user_places(store.layouts());
            self.note("note", format!("the user is the first value at {places}"));
        }
    }

    /// Finds the places of users in some sessions.
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
                // A session with a user outside its payload is a less useful example.
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

    /// Warns if sessions have the user in another place than those where `--user` looks, and fails
    /// if that is the reason why none was found.
    pub async fn judge_listed(
        &self,
        action: &str,
        store: &Store,
        selection: &Selection,
        seen: &Seen,
        (printed, elsewhere): (u64, Elsewhere),
    ) -> Result<(), Failure> {
        let Some(users) = &selection.query.users else { return Ok(()) };
        let user = one_of(users);
        let mut elsewhere = elsewhere;
        if self.global.user_path.is_empty()
            && let Some(others) = selection.of_any_user(store.layouts())
            // If the store has a field for the user, other places are searched only if necessary.
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
                        "only the first {looked_at} sessions were searched for {user} at other \
                         places; expire and purge search all"
                    ),
                );
            }
        }
        if self.global.user_path.is_empty() && !elsewhere.is_empty() {
            let (have, places) = (have(elsewhere.sessions), places(&elsewhere));
            self.note(
                "warning",
                format!(
                    "{have} {user} at {places}, where --user does not look; pass --user-path \
                         to look there"
                ),
            );
        }
        match printed {
            0 => self.judge_none(action, store, seen, selection.now).await,
            _ => Ok(()),
        }
    }

    /// Refuses to end only some of a user's sessions, and to report success if no session has a
    /// user.
    pub async fn judge_counted(
        &self,
        action: &str,
        store: &Store,
        selection: &Selection,
        seen: &Seen,
        counted: &Counted,
    ) -> Result<(), Failure> {
        let (Some(users), elsewhere) = (&selection.query.users, &counted.elsewhere) else {
            return Ok(());
        };
        if !elsewhere.is_empty() {
            let (have, places) = (have(elsewhere.sessions), places(elsewhere));
            let sentence = format!(
                "could not {action}: {have} {} at {places}, where --user does not look; nothing was \
                 changed",
                one_of(users)
            );
            let (place, _) = elsewhere.by_sessions()[0];
            return Err(Failure::new(Exit::Failed, sentence).hint(format!(
                "repeat --user-path for every place that holds a user: with {}, these sessions \
                 match too; without it, they are left alone",
                neutral(place)
            )));
        }
        match counted.selected {
            0 => self.judge_none(action, store, seen, selection.now).await,
            _ => Ok(()),
        }
    }

    /// "No session matches" is a valid answer only if some session has a user in these places.
    pub async fn judge_none(
        &self,
        action: &str,
        store: &Store,
        seen: &Seen,
        now: DateTime,
    ) -> Result<(), Failure> {
        if seen.knows_users(store, now).await.map_err(|error| Failure::of(action, &error))? {
            return Ok(());
        }
        let sentence =
            format!("could not {action}: {}", seen.nobody("no session", store.layouts()));
        Err(Failure::new(Exit::Failed, sentence).hint(seen.hint()))
    }
}

/// Where these layouts look for the user of a session, in this order.
fn user_places(layouts: &Layouts) -> String {
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
    format!("{}{more}", neutral(&named.join(", ")))
}

impl Seen {
    /// Whether some session of the collection has a user in the places of the layout, or there are no
    /// sessions. All of them are read if none of the sampled ones has, because operators rely on it.
    pub async fn knows_users(&self, store: &Store, now: DateTime) -> sessionctl::Result<bool> {
        Ok(self.known > 0 || self.sessions == 0 || any_user(store, now).await?)
    }

    /// The message that none of the sessions, such as `no session`, has a user in these places.
    pub fn nobody(&self, whom: &str, layouts: &Layouts) -> String {
        let mut text = format!("{whom} has a user at {}", user_places(layouts));
        if self.unreadable == self.sessions
            && let Some(reason) = &self.reason
        {
            text = format!("{text}, and their payloads cannot be decoded: {reason}");
        }
        if !self.likely.is_empty() {
            let of = sessions(self.sessions);
            text =
                format!("{text}; in {of} examined, users seem to be at {}", places(&self.likely));
        }
        text
    }

    pub fn hint(&self) -> String {
        match self.likely.by_sessions().first() {
            Some((place, _)) => {
                format!("pass the place of the user, such as --user-path {}", neutral(place))
            }
            None => "pass the place of the user with --user-path PATH; `sessionctl inspect ID` \
                     shows a session's payload"
                .to_owned(),
        }
    }
}

impl Context {
    /// Reports how many sessions match neither the selection nor its opposite, unless the sample
    /// already showed that.
    pub fn note_undecided(&self, selection: &Selection, seen: &Seen, undecided: u64) {
        let warns = selection.query.users.is_some() || !selection.query.payload.is_empty();
        let is_said = warns && seen.undecoded > 0;
        if undecided > 0 && !is_said {
            let those = sessions(undecided);
            let text = format!("{those} cannot be checked, because {UNDECIDED}");
            self.note("note", format!("{text}: not selected"));
        }
    }

    /// Reports how many of the users have no matching session, and writes them to the file of
    /// `--unmatched`.
    pub fn tell_unmatched(
        &self,
        typed: &SelectionArgs,
        selection: &Selection,
        met: &Met,
    ) -> Result<(), Failure> {
        let Some(users) = &selection.query.users else { return Ok(()) };
        let missing: Vec<_> = met.missing(users).collect();
        if !missing.is_empty() && users.only().is_none() {
            let (none, all) = (grouped(missing.len() as u64), grouped(users.len() as u64));
            let have = if missing.len() == 1 { "has" } else { "have" };
            self.note("note", format!("{none} of {all} users {have} no matching session"));
        }
        match &typed.unmatched {
            Some(file) => listed::write(file, &missing),
            None => Ok(()),
        }
    }
}

/// The user, or "one of the users".
fn one_of(users: &Users) -> String {
    match users.only() {
        Some(user) => neutral(user).into_owned(),
        None => format!("one of the {} users", grouped(users.len() as u64)),
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

/// Passes some sessions of the collection to `look`.
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
    let everybody = Selection::new(Query::default(), now);
    let filter = everybody.predicate(store.layouts())?;
    let has_user = |_: &RawDocument, session: Session| session.user.is_some();
    let mut judging = store.judge(filter, &Reading::default(), &everybody, has_user).await?;
    while let Some(judged) = judging.next().await? {
        if judged.selected.contains(&true) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The result of searching for a user in other places.
struct Found {
    places: Elsewhere,
    looked_at: u64,
    /// Whether all sessions were looked at.
    is_whole: bool,
}

/// Searches `others` for sessions that have the user of the selection elsewhere, within a time
/// limit.
async fn find_elsewhere(
    store: &Store,
    others: &Selection,
    selection: &Selection,
    within: Option<Duration>,
) -> sessionctl::Result<Found> {
    let began = Instant::now();
    let mut found = Found { places: Elsewhere::default(), looked_at: 0, is_whole: true };
    let (filter, reading) = (others.predicate(store.layouts())?, Reading::default());
    let mut judging = store.judge(filter, &reading, selection, |_, _| ()).await?;
    while let Some(judged) = judging.next().await? {
        if within.is_some_and(|within| began.elapsed() > within) {
            found.is_whole = false;
            break;
        }
        found.looked_at += judged.looked_at;
        found.places.join(judged.elsewhere);
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
