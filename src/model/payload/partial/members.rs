//! The members of JSON objects, found by one scan of the text.

use crate::model::payload::json_scan::{self, Met};
use crate::model::payload::path::along;

/// The maximum number of members that are kept of an object, and of the value of each: each is
/// compared with every name that is looked up.
pub(super) const MOST: usize = 32;

/// A set of first letters of names, with one bit each; different letters may share a bit. It
/// quickly rules out most payloads, which contain none of the names, without comparing them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Letters(u64);

impl Letters {
    pub(super) const ALL: Self = Self(u64::MAX);

    pub(super) fn of<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        Self(names.fold(0, |letters, name| letters | bit(name)))
    }

    fn add(&mut self, name: &str) {
        self.0 |= bit(name);
    }

    /// Whether one of these names can be the first component of `path`.
    pub(super) fn may_begin(self, path: &str) -> bool {
        path.starts_with('*') || self.0 & bit(path) != 0
    }

    /// Whether one of these paths can go through the member `name`.
    pub(super) fn may_lead_through(self, name: &str) -> bool {
        self.0 & (bit(name) | bit("*")) != 0
    }
}

fn bit(name: &str) -> u64 {
    // A path that begins with a dot has an empty first name.
    1 << (name.as_bytes().first().unwrap_or(&b'.') & 63)
}

/// Members of a JSON object and of the objects in it, with their values still as text: each is
/// followed by the members of its value.
pub(crate) struct Members<'a> {
    members: Vec<Member<'a>>,
    /// The first letters of the names in the outermost object.
    letters: Letters,
}

struct Member<'a> {
    name: &'a str,
    text: &'a str,
    /// Whether the members of its value are known.
    is_open: bool,
    /// Where the next member of the same object is. While its value is scanned, the member around it.
    next: usize,
}

impl<'a> Members<'a> {
    /// The members of the object in `text` for which `is_wanted` is true. `None` if the text must
    /// be decoded instead.
    pub(super) fn of(text: &'a str, is_wanted: impl Fn(&str) -> bool) -> Option<Self> {
        let mut found = Gathering {
            members: Vec::with_capacity(16),
            letters: Letters(0),
            outermost: 0,
            at: None,
            skipping: 0,
            seen: 0,
        };
        json_scan::members(text, |met| match met {
            Met::Name(name) => found.begin(name, &is_wanted),
            Met::Value(text) => found.end(text),
        })?;
        let Gathering { members, letters, seen, .. } = found;
        (seen <= MOST).then_some(Self { members, letters })
    }

    pub(super) fn get(&self, path: &str) -> Option<At<'_, 'a>> {
        if !self.letters.may_begin(path) {
            return None;
        }
        Object { members: &self.members, from: 0, to: self.members.len() }.get(path)
    }
}

/// Gathers members in the order in which they are scanned.
struct Gathering<'a> {
    members: Vec<Member<'a>>,
    letters: Letters,
    /// The last member of the outermost object.
    outermost: usize,
    /// The member whose value is being scanned.
    at: Option<usize>,
    /// How many members that are not kept are being scanned, one within the other.
    skipping: usize,
    /// The number of members of the outermost object that are wanted.
    seen: usize,
}

impl<'a> Gathering<'a> {
    fn begin(&mut self, name: &'a str, is_wanted: &impl Fn(&str) -> bool) {
        let is_kept = match self.at {
            _ if self.skipping > 0 => false,
            None => {
                self.outermost = self.members.len();
                let is_wanted = is_wanted(name);
                self.seen += usize::from(is_wanted);
                is_wanted && self.seen <= MOST
            }
            Some(_) => self.has_room(),
        };
        if !is_kept {
            self.skipping += 1;
            return;
        }
        if self.at.is_none() {
            self.letters.add(name);
        }
        let around = self.at.replace(self.members.len()).unwrap_or(usize::MAX);
        self.members.push(Member { name, text: "", is_open: true, next: around });
    }

    /// Whether one more member inside the value of the outermost one can be kept. If there are too
    /// many, none is.
    fn has_room(&mut self) -> bool {
        let inner = self.members.len() - self.outermost;
        let outermost = &mut self.members[self.outermost];
        if inner <= MOST {
            return outermost.is_open;
        }
        outermost.is_open = false;
        while let Some(at) = self.at.filter(|at| *at != self.outermost) {
            self.skipping += 1;
            self.at = Some(self.members[at].next);
        }
        self.members.truncate(self.outermost + 1);
        false
    }

    fn end(&mut self, text: &'a str) {
        if self.skipping > 0 {
            self.skipping -= 1;
            return;
        }
        let next = self.members.len();
        if let Some(member) = self.at.and_then(|at| self.members.get_mut(at)) {
            self.at = Some(std::mem::replace(&mut member.next, next)).filter(|at| *at < next);
            member.text = text;
            member.is_open &= text.starts_with('{');
        }
    }
}

/// The members of one object.
#[derive(Clone, Copy)]
struct Object<'m, 'a> {
    members: &'m [Member<'a>],
    from: usize,
    to: usize,
}

/// The value at a path.
#[derive(Clone, Copy)]
pub(super) struct At<'m, 'a> {
    pub(super) text: &'a str,
    /// Its members, if it is an object and they are known.
    object: Option<Object<'m, 'a>>,
}

impl<'m, 'a> Object<'m, 'a> {
    fn get(self, path: &str) -> Option<At<'m, 'a>> {
        along(path, |key| self.member(key), At::get)
    }

    /// The places of its members.
    fn places(self) -> impl Iterator<Item = usize> {
        let mut next = self.from;
        std::iter::from_fn(move || {
            let at = next;
            next = self.members.get(at).filter(|_| at < self.to)?.next;
            Some(at)
        })
    }

    fn member(self, key: &str) -> Option<At<'m, 'a>> {
        let name = |at: &usize| self.members[*at].name;
        let named = |wanted: &str| self.places().filter(|at| name(at) == wanted).last();
        let at = match key.strip_suffix('*') {
            // Of two members with the same name, the last counts, at the position of the first.
            Some(start) => named(name(&self.places().find(|at| name(at).starts_with(start))?)),
            None => named(key),
        }?;
        let Member { text, is_open, next, .. } = self.members[at];
        Some(At { text, object: is_open.then_some(Self { from: at + 1, to: next, ..self }) })
    }
}

impl At<'_, '_> {
    /// The value at `path` within this value, as [`get`](super::get) finds it.
    fn get(self, path: &str) -> Option<Self> {
        if self.text.starts_with('[') {
            return along(path, |key| item(self.text, key.parse().ok()?), Self::get);
        }
        match self.object {
            Some(object) => object.get(path),
            // In an array, or among too many members.
            None => in_text(self.text, path).map(|text| Self { text, object: None }),
        }
    }
}

/// The value at `path` of the object in `text`.
fn in_text<'a>(text: &'a str, path: &str) -> Option<&'a str> {
    if !text.starts_with('{') {
        return None;
    }
    let wanted = Letters::of(std::iter::once(path));
    let members =
        Members::of(text, |name| wanted.may_lead_through(name) && leads_through(path, name))?;
    members.get(path).map(|at| at.text)
}

fn item<'m, 'a>(text: &'a str, index: usize) -> Option<At<'m, 'a>> {
    let mut items = Vec::new();
    json_scan::items(text, |item| items.push(item))?;
    items.get(index).map(|text| At { text, object: None })
}

/// Whether `path` can go through the member `name`; see [`get`](super::get).
fn leads_through(path: &str, name: &str) -> bool {
    match path.strip_prefix(name) {
        Some(rest) if rest.is_empty() || rest.starts_with('.') => true,
        _ => path.split_once('*').is_some_and(|(start, _)| name.starts_with(start)),
    }
}
