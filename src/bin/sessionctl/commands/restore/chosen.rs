//! Which sessions of an archive are restored: the selection, decided by the archive's documents alone.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bson::raw::RawDocumentBuf;
use bson::{DateTime, RawDocument};
use serde_json::Value;
use sessionctl::archive::{Contents, Entry};
use sessionctl::collections::{Choice, Purpose};
use sessionctl::layout::detect::Sample;
use sessionctl::query::{Met, Verdict};
use sessionctl::{Error, Except, Key, Layouts, Selection, Session, SessionId};

use super::source::Source;
use crate::args::SelectionArgs;
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::text::{counted, neutral, sessions, without_password};
use crate::context::Context;
use crate::context::ids::{Ids, Unknown};
use crate::context::selected::{Selected, check_state};
use crate::context::users::UNDECIDED;

/// How many documents at the front of the archive tell the layout.
const SAMPLE: usize = 1000;
/// From this size on, in bytes, no more of them are read into memory.
const SAMPLE_BYTES: usize = 16 << 20;
/// The shortest beginning that names a session.
const SHORTEST: usize = 8;

/// The sessions that are restored.
#[derive(Debug)]
pub struct Chosen {
    layouts: Layouts,
    selection: Selection,
    keys: Option<HashSet<Key>>,
    except: HashSet<Key>,
}

/// The chosen sessions, with what to report about them.
#[derive(Debug)]
pub struct Choosing {
    pub chosen: Arc<Chosen>,
    /// How many sessions that is.
    pub count: u64,
    /// The selection, for the audit file.
    pub written: Value,
    /// How the command ends when all is done.
    pub end: Result<Exit, Failure>,
}

impl Chosen {
    pub fn holds(&self, document: &RawDocument) -> bool {
        self.is_named(document) && self.selection.holds(&self.layouts, document)
    }

    fn is_named(&self, document: &RawDocument) -> bool {
        let Some(key) = Key::of(document) else { return false };
        self.keys.as_ref().is_none_or(|keys| keys.contains(&key)) && !self.except.contains(&key)
    }

    pub fn layouts(&self) -> &Layouts {
        &self.layouts
    }
}

/// Whether a selection was given, so that only some sessions are restored.
pub fn is_choice(typed: &SelectionArgs) -> bool {
    let spares = !typed.except.is_empty()
        || !typed.except_user.is_empty()
        || typed.except_users_from.is_some();
    spares || (!typed.is_empty() && !typed.all)
}

impl Context {
    /// The layouts detected from the documents of an archive.
    pub fn layouts_of_archive(
        &self,
        source: &Source,
        contents: &Arc<Contents>,
        action: &str,
    ) -> Result<Layouts, Failure> {
        let entries = source.entries(contents).doing(action)?;
        let mut bytes = 0;
        let documents = entries.take(SAMPLE).filter_map(Result::ok).map(|entry| entry.document);
        let documents = documents.take_while(|document| {
            let is_little = bytes < SAMPLE_BYTES;
            bytes += document.as_bytes().len();
            is_little
        });
        let sample = Sample {
            namespace: source.name(),
            documents: documents.collect(),
            indexes: Vec::new(),
        };
        let named = self.named_layouts()?;
        let choice = Choice::of(&sample, named.as_ref(), self.global.lifetime);
        let layouts = choice.certain().doing(action)?;
        Ok(self.with_user_paths(layouts.clone()))
    }

    /// Those of the collection, if they are certain. The sessions of a fix have no expiry by which an
    /// archive would show its layout.
    pub async fn layouts_of_collection(&self) -> Option<Layouts> {
        let store = self.store("restore", Purpose::Changing).await.ok().flatten();
        store.map(|store| store.layouts().clone())
    }

    /// The sessions of an archive that were chosen; `None` if all are restored.
    pub async fn choose(
        &self,
        typed: &SelectionArgs,
        (source, contents): (&Source, &Arc<Contents>),
        now: DateTime,
        action: &str,
    ) -> Result<Option<Choosing>, Failure> {
        if !is_choice(typed) {
            return Ok(None);
        }
        let layouts = self.layouts_of_archive(source, contents, action)?;
        layouts.tell_states().doing(action)?;
        let selection = self.selection_of(typed, &layouts, now, Purpose::Changing)?;
        check_state(&selection.query, now)?;
        selection.filter(&layouts).doing(action)?;
        let mut unknown = Unknown::new(typed, self.global.verbose)?;
        let mut ids = Ids::new(&typed.ids);
        let mut named = Named::default();
        while let Some(some) = ids.next()? {
            named.add(some);
        }
        let given = ids.count;
        let from_stdin = ids.given_by_stdin();
        let mut spared = Named::default();
        spared.add(typed.except.clone());
        let pass = |take: &mut (dyn FnMut(RawDocumentBuf) + Send)| {
            for entry in source.entries(contents).doing(action)? {
                let Entry { document, .. } = entry.doing(action)?;
                if layouts.describes(&document) {
                    take(document);
                }
            }
            Ok::<_, Failure>(())
        };
        if !typed.ids.is_empty() || !typed.except.is_empty() {
            pass(&mut |document| {
                named.look(&layouts, &document);
                spared.look(&layouts, &document);
            })?;
        }
        let except = spared.keys(action, |_| {})?;
        if except.unknown > 0 {
            let those = counted(except.unknown, "id");
            let sentence =
                format!("could not {action}: {those} of --except not found in the archive");
            return Err(Failure::new(Exit::Failed, sentence)
                .hint("pass the whole id, or at least its first 8 characters"));
        }
        let keys = named.keys(action, |id| unknown.add(id))?;
        unknown.finish(given)?;
        let keys = (!typed.ids.is_empty()).then_some(keys.keys);
        let except = except.keys;
        let chosen = Chosen { layouts: layouts.clone(), selection, keys, except };
        let mut seen = Seen::new(&chosen);
        pass(&mut |document| seen.look(&document))?;
        seen.check(&source.name(), action)?;
        if seen.undecided > 0 {
            let those = sessions(seen.undecided);
            let text = format!("{those} cannot be checked, because {UNDECIDED}");
            self.note("note", format!("{text}: not selected"));
        }
        self.tell_unmatched(typed, &chosen.selection, &seen.met)?;
        let count = seen.count;
        let others = chosen.keys.as_ref().is_some_and(|keys| !keys.is_empty());
        let end = unknown.end(others, &source.name());
        let written = Selected::written_of(&chosen.selection, typed, from_stdin.as_ref());
        Ok(Some(Choosing { chosen: Arc::new(chosen), count, written, end }))
    }
}

/// Ids as they were typed, and the sessions of the archive that have them.
#[derive(Debug, Default)]
struct Named {
    typed: HashMap<String, Matches>,
    /// Of the ids that may be beginnings.
    lengths: BTreeSet<usize>,
}

/// The documents of the sessions that an id may name. Where the id is not `_id`, several documents may
/// have it.
#[derive(Debug, Default)]
struct Matches {
    whole: HashSet<Key>,
    /// By their ids.
    beginning: HashMap<Key, HashSet<Key>>,
}

struct Resolved {
    keys: HashSet<Key>,
    unknown: u64,
}

impl Named {
    fn add(&mut self, ids: Vec<String>) {
        for id in ids {
            if id.len() >= SHORTEST {
                self.lengths.insert(id.len());
            }
            self.typed.entry(id).or_default();
        }
    }

    fn look(&mut self, layouts: &Layouts, document: &RawDocument) {
        let layout = layouts.of(document);
        let (Some(key), Some(id)) = (Key::of(document), Key::at(document, &layout.id.path)) else {
            return;
        };
        let Some(value) = id.bson() else { return };
        let whole = SessionId::new(value, &layout.id.prefix).full();
        let own = whole.strip_prefix(&*layout.id.prefix).unwrap_or(&whole);
        for text in [&*whole, own] {
            if let Some(met) = self.typed.get_mut(text) {
                met.whole.insert(key.clone());
            }
            for length in self.lengths.range(..text.len()) {
                if let Some(met) = text.get(..*length).and_then(|begin| self.typed.get_mut(begin))
                    // Two are enough to know that it is ambiguous.
                    && (met.beginning.len() < 2 || met.beginning.contains_key(&id))
                {
                    met.beginning.entry(id.clone()).or_default().insert(key.clone());
                }
            }
        }
    }

    fn keys(self, action: &str, mut unknown: impl FnMut(&str)) -> Result<Resolved, Failure> {
        let mut resolved = Resolved { keys: HashSet::new(), unknown: 0 };
        let mut ambiguous = Vec::new();
        for (id, Matches { whole, beginning }) in self.typed {
            match (whole.is_empty(), beginning.len()) {
                (false, _) => resolved.keys.extend(whole),
                (true, 0) => {
                    resolved.unknown += 1;
                    unknown(&id);
                }
                (true, 1) => resolved.keys.extend(beginning.into_values().flatten()),
                (true, _) => ambiguous.push(sessionctl::session::shorten(&id)),
            }
        }
        match ambiguous.is_empty() {
            true => Ok(resolved),
            false => Err(Failure::of(action, &Error::AmbiguousIds(ambiguous))),
        }
    }
}

/// What a pass over the archive shows.
struct Seen<'a> {
    chosen: &'a Chosen,
    count: u64,
    undecided: u64,
    met: Met,
    has_user: bool,
    /// Whether some session can decide each condition on the payload.
    decided: Vec<bool>,
    /// Whether some session has a last touch, a creation.
    is_touched: bool,
    is_created: bool,
}

impl<'a> Seen<'a> {
    fn new(chosen: &'a Chosen) -> Self {
        Self {
            chosen,
            count: 0,
            undecided: 0,
            met: Met::default(),
            has_user: false,
            decided: vec![false; chosen.selection.query.payload.len()],
            is_touched: false,
            is_created: false,
        }
    }

    fn look(&mut self, document: &RawDocument) {
        let Chosen { layouts, selection, .. } = self.chosen;
        let layout = layouts.of(document);
        let Session { user, touched, created, .. } = layout.glance(document, selection.cutoff);
        self.has_user |= user.is_some();
        self.is_touched |= touched.is_some();
        self.is_created |= created.is_some();
        if self.decided.contains(&false)
            && let Some(value) = layout.payload(document).value()
        {
            let conditions = selection.query.payload.iter();
            for (decided, condition) in self.decided.iter_mut().zip(conditions) {
                *decided |= condition.is_decided_by(value);
            }
        }
        if !self.chosen.is_named(document) {
            return;
        }
        if selection.holds(layouts, document) {
            self.count += 1;
            if let (Some(users), Some(user)) = (&selection.query.users, user) {
                self.met.add(users, &user);
            }
        } else if selection.needs_payload()
            && selection.verdict(layouts, document) == Verdict::Undecided
        {
            self.undecided += 1;
        }
    }

    /// What no session of the archive can decide is an error, not "none".
    fn check(&self, file: &str, action: &str) -> Result<(), Failure> {
        let Selection { query, except: Except { users, .. }, .. } = &self.chosen.selection;
        let missing = |what: &str| {
            let sentence =
                format!("could not {action}: no session in {} has {what}", neutral(file));
            Err(Failure::new(Exit::Failed, sentence))
        };
        if !self.has_user && (query.users.is_some() || query.anonymous || !users.is_empty()) {
            return missing("a user where the layout looks")
                .map_err(|failure| failure.hint("--user-path PATH says where the user is"));
        }
        let undecided = self.decided.iter().position(|decided| !decided);
        if let Some(condition) = undecided.map(|at| &query.payload[at]) {
            let path = without_password(&condition.path);
            return missing(&format!("{} at {}", condition.kind(), neutral(&path)));
        }
        let asks_touch = query.idle.is_some()
            || query.active.is_some()
            || query.touched_before.is_some()
            || query.touched_after.is_some();
        let asks_creation = query.older.is_some()
            || query.created_before.is_some()
            || query.created_after.is_some();
        match (asks_touch && !self.is_touched, asks_creation && !self.is_created) {
            (true, _) => missing("a last touch"),
            (_, true) => missing("a creation time"),
            _ => Ok(()),
        }
    }
}
