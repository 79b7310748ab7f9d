//! The sessions that were seen, in bounded memory: a digest of each, and the latest documents as
//! far as they fit. The event of a removal contains only an `_id`; the document shows whose session
//! it was.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use bson::RawDocument;
use bson::raw::RawDocumentBuf;

use crate::model::key::Key;

/// The memory limits of the documents, and of everything else: enough for at least 200,000
/// sessions.
const MOST_DOCUMENTS: usize = 16 << 20;
const MOST_ENTRIES: usize = 48 << 20;
/// The approximate size of an entry without its key and document.
const ENTRY: usize = 96;

/// The sessions that were seen.
pub(super) struct Seen {
    entries: HashMap<Key, Entry>,
    /// The sessions with a document and those without, the oldest first. Entries with an outdated stamp
    /// are ignored.
    with_document: VecDeque<(u64, Key)>,
    bare: VecDeque<(u64, Key)>,
    hashes: RandomState,
    stamp: u64,
    documents: usize,
    bytes: usize,
    /// The number of the current scan.
    pub(super) scan: u64,
    /// Whether no session was forgotten for lack of memory.
    pub(super) is_complete: bool,
    most: (usize, usize),
}

struct Entry {
    digest: u64,
    document: Option<RawDocumentBuf>,
    stamp: u64,
    scan: u64,
}

/// How a session compares with what is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    New,
    Changed,
    Same,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seen({} sessions)", self.entries.len())
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self::with((MOST_DOCUMENTS, MOST_ENTRIES))
    }
}

impl Seen {
    fn with(most: (usize, usize)) -> Self {
        Self {
            entries: HashMap::new(),
            with_document: VecDeque::new(),
            bare: VecDeque::new(),
            hashes: RandomState::new(),
            stamp: 0,
            documents: 0,
            bytes: 0,
            scan: 0,
            is_complete: true,
            most,
        }
    }

    /// Whether a session is remembered.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.entries.contains_key(key)
    }

    /// Its document, if there was room for it.
    pub(super) fn document(&self, key: &Key) -> Option<&RawDocument> {
        self.entries.get(key)?.document.as_deref()
    }

    /// The documents that are remembered, in no order.
    pub(super) fn documents(&self) -> impl Iterator<Item = &RawDocument> {
        self.entries.values().filter_map(|entry| entry.document.as_deref())
    }

    /// Remembers a session as it is now.
    pub(super) fn add(&mut self, key: &Key, document: &RawDocument) -> Compared {
        let digest = self.hashes.hash_one(document.as_bytes());
        self.stamp += 1;
        let (stamp, scan) = (self.stamp, self.scan);
        let size = document.as_bytes().len();
        self.with_document.push_back((stamp, key.clone()));
        let compared = match self.entries.get_mut(key) {
            Some(entry) => {
                let compared =
                    if entry.digest == digest { Compared::Same } else { Compared::Changed };
                let before = entry.document.replace(document.to_owned());
                self.documents -= before.map_or(0, |before| before.as_bytes().len());
                (entry.digest, entry.stamp, entry.scan) = (digest, stamp, scan);
                compared
            }
            None => {
                let document = Some(document.to_owned());
                self.entries.insert(key.clone(), Entry { digest, document, stamp, scan });
                self.bytes += ENTRY + 2 * key.size();
                Compared::New
            }
        };
        self.documents += size;
        self.shrink();
        compared
    }

    /// Forgets a session; its document, if it was remembered.
    pub(super) fn remove(&mut self, key: &Key) -> Option<RawDocumentBuf> {
        let entry = self.entries.remove(key)?;
        self.bytes -= ENTRY + 2 * key.size();
        self.documents -= entry.document.as_ref().map_or(0, |document| document.as_bytes().len());
        entry.document
    }

    /// The sessions that were not found in the last scan.
    pub(super) fn unseen(&self) -> Vec<Key> {
        let unseen = self.entries.iter().filter(|(_, entry)| entry.scan != self.scan);
        unseen.map(|(key, _)| key.clone()).collect()
    }

    /// Drops the oldest documents, and the oldest entries.
    fn shrink(&mut self) {
        let (most_documents, most_entries) = self.most;
        for queue in [&mut self.with_document, &mut self.bare] {
            if queue.len() > 2 * self.entries.len() + 1000 {
                let is_current = |(stamp, key): &(u64, Key)| {
                    self.entries.get(key).is_some_and(|entry| entry.stamp == *stamp)
                };
                queue.retain(is_current);
            }
        }
        while self.documents > most_documents {
            let Some((stamp, key)) = self.with_document.pop_front() else { break };
            let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.stamp == stamp)
            else {
                continue;
            };
            self.documents -= entry.document.take().map_or(0, |document| document.as_bytes().len());
            self.bare.push_back((stamp, key));
        }
        while self.bytes > most_entries {
            let oldest = self.bare.pop_front().or_else(|| self.with_document.pop_front());
            let Some((stamp, key)) = oldest else { break };
            if self.entries.get(&key).is_some_and(|entry| entry.stamp == stamp) {
                self.remove(&key);
                self.is_complete = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bson::rawdoc;

    use super::*;

    fn add(seen: &mut Seen, id: &str, value: i32) -> Compared {
        seen.add(&id.into(), &rawdoc! { "_id": id, "value": value })
    }

    #[test]
    fn a_session_is_new_then_the_same_or_changed() {
        let mut seen = Seen::default();
        let compared =
            [("a", 1), ("a", 1), ("a", 2), ("b", 2)].map(|(id, value)| add(&mut seen, id, value));
        use Compared::{Changed, New, Same};
        assert_eq!(compared, [New, Same, Changed, New]);
        assert!(seen.remove(&"a".into()).is_some() && !seen.has(&"a".into()));
        assert_eq!(add(&mut seen, "a", 2), New);
    }

    #[test]
    fn documents_go_before_sessions_are_forgotten_and_memory_is_bounded() {
        let mut seen = Seen::with((200, 2000));
        let queued = |seen: &Seen| seen.with_document.len().max(seen.bare.len());
        for number in 0..10 {
            add(&mut seen, &format!("{number:04}"), number);
        }
        assert!(seen.is_complete && seen.document(&"0000".into()).is_none());
        for number in 10..3000 {
            add(&mut seen, &format!("{number:04}"), number);
            assert!(seen.documents <= 200 && seen.bytes <= 2000);
            assert!(queued(&seen) <= 2 * seen.entries.len() + 1001);
        }
        assert!(!seen.is_complete && seen.entries.len() > 5);
        assert!(seen.document(&"2999".into()).is_some());
        for _ in 0..5000 {
            add(&mut seen, "2999", 1);
        }
        assert!(queued(&seen) <= 2 * seen.entries.len() + 1001);
    }

    #[test]
    fn what_a_scan_did_not_see_is_known() {
        let mut seen = Seen::default();
        add(&mut seen, "a", 1);
        add(&mut seen, "b", 1);
        seen.scan += 1;
        add(&mut seen, "b", 2);
        assert_eq!(seen.unseen(), ["a".into()]);
    }
}
