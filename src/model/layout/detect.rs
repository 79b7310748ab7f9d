//! Which layout documents and indexes have, how sure that is, and why. Pure.
//!
//! Reading may go on with the likeliest layout; deleting wants a certain one, or the operator's word.

use std::fmt;

use bson::raw::RawBsonRef;
use bson::{RawDocument, RawDocumentBuf};

use super::accounts::Accounts;
use super::definition::{BsonType, Layout, Weak};
use super::membership::has_type;
use super::nearest::Nearest;
use crate::error::{Error, Result};
use crate::model::document::{FieldPath, Found, find};
use crate::model::index_spec::IndexSpec;

pub use crate::error::Certainty;

/// What is known of a collection without its layout.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// `database.collection`.
    pub namespace: String,
    /// Some of its documents.
    pub documents: Vec<RawDocumentBuf>,
    /// All of its indexes.
    pub indexes: Vec<IndexSpec>,
}

/// A layout that some documents of the sample fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The layout.
    pub layout: Layout,
    /// How many documents of the sample fit it.
    pub fitting: usize,
    /// What speaks for it: ten for each field that must be there, four for the key of its TTL index
    /// being indexed, three for the collection's name.
    pub score: usize,
}

/// Which layouts a collection may have, the likeliest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// `database.collection`.
    pub namespace: String,
    /// How many documents were looked at.
    pub sampled: usize,
    /// How sure it is.
    pub certainty: Certainty,
    /// The layouts in question.
    pub candidates: Vec<Candidate>,
    /// Where no layout fits: the one that comes nearest.
    pub nearest: Option<Nearest>,
    /// Where the documents are accounts with sessions inside: which.
    pub accounts: Option<&'static Accounts>,
}

impl Verdict {
    /// The likeliest layout, good enough to read with.
    pub fn likeliest(&self) -> Option<&Layout> {
        self.candidates.first().map(|candidate| &candidate.layout)
    }

    /// The layout, if it is certain enough to delete by.
    pub fn certain(&self) -> Option<&Layout> {
        self.likeliest().filter(|_| self.certainty == Certainty::Certain)
    }

    /// Whether these are sessions, as far as anybody can tell without being told.
    pub fn is_sessions(&self) -> bool {
        matches!(self.certainty, Certainty::Certain | Certainty::Weak | Certainty::Ambiguous)
    }

    /// How many documents of the sample do not fit the likeliest layout.
    pub fn strangers(&self) -> usize {
        self.candidates.first().map_or(self.sampled, |best| self.sampled - best.fitting)
    }
}

impl From<Verdict> for Error {
    fn from(verdict: Verdict) -> Self {
        if let Some(accounts) = verdict.accounts {
            return accounts.error(&verdict.namespace);
        }
        Self::Undetected { certainty: verdict.certainty, what: verdict.to_string() }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = &self.namespace;
        let named = |candidate: &Candidate| {
            format!("{} ({} of {})", candidate.layout.name, candidate.fitting, self.sampled)
        };
        let names: Vec<_> = self.candidates.iter().map(named).collect();
        match self.certainty {
            Certainty::Certain => write!(f, "{namespace} has the layout {}", names.join(", ")),
            Certainty::Weak => {
                write!(f, "{namespace} fits the layout {} only weakly", names.join(", "))
            }
            Certainty::Ambiguous if names.len() == 1 => {
                write!(f, "only some documents of {namespace} fit a layout: {}", names.join(", "))
            }
            Certainty::Ambiguous => {
                write!(f, "{namespace} fits more than one layout: {}", names.join(", "))
            }
            Certainty::Nothing => {
                write!(f, "{namespace} fits no layout that sessionctl knows")?;
                self.nearest.iter().try_for_each(|nearest| write!(f, " ({nearest})"))
            }
            Certainty::Accounts => self
                .accounts
                .iter()
                .try_for_each(|accounts| write!(f, "{}", accounts.error(namespace))),
            Certainty::Empty => {
                write!(f, "{namespace} is empty, so nothing says which store writes it")
            }
        }
    }
}

impl Sample {
    /// Whether `layout` can be right: somebody named it, but no document may look like it.
    ///
    /// # Errors
    /// [`Error::Misnamed`]. By the wrong layout every session can be expired or malformed.
    /// [`Error::Accounts`], where sessions are inside of the documents, whatever the layout.
    pub fn allows(&self, layout: &Layout) -> Result<()> {
        if let Some(accounts) = self.accounts(Some(layout)) {
            return Err(accounts.error(&self.namespace));
        }
        if self.documents.is_empty()
            || self.documents.iter().any(|document| layout.describes(document))
        {
            return Ok(());
        }
        Err(Error::Misnamed {
            namespace: self.namespace.clone(),
            layout: layout.name.clone(),
            sampled: self.documents.len(),
        })
    }

    /// The accounts that the documents are, unless there are sessions of `layout` and the few accounts
    /// among them are foreign to it.
    pub(crate) fn accounts(&self, layout: Option<&Layout>) -> Option<&'static Accounts> {
        let mut found = None;
        let mut others = 0;
        for document in &self.documents {
            let described = layout.is_some_and(|layout| layout.describes(document));
            match Accounts::of(document) {
                // By this layout an account would be taken for a session.
                Some(accounts) if described => return Some(accounts),
                Some(accounts) => found = found.or(Some(accounts)),
                None => others += usize::from(described),
            }
        }
        found.filter(|_| others * 2 < self.documents.len())
    }
}

/// What a field that must be there is worth: more than an index and a name together, which other stores
/// may have too.
const FIELD: usize = 10;
/// How many of a hundred documents must fit: one that somebody wrote by hand does not make the rest
/// unknown.
const QUORUM: usize = 90;

/// Judges `sample` by `layouts`.
pub fn detect(sample: &Sample, layouts: &[Layout]) -> Verdict {
    let sampled = sample.documents.len();
    let verdict = |certainty, candidates| Verdict {
        namespace: sample.namespace.clone(),
        sampled,
        certainty,
        candidates,
        nearest: None,
        accounts: None,
    };
    if sampled == 0 {
        return verdict(Certainty::Empty, by_indexes(sample, layouts));
    }
    let mut candidates: Vec<_> =
        layouts.iter().filter_map(|layout| candidate(sample, layout)).collect();
    candidates.sort_by_key(|candidate| std::cmp::Reverse((candidate.fitting, candidate.score)));
    let likeliest = candidates.first().map(|best| &best.layout);
    if let Some(accounts) = sample.accounts(likeliest) {
        let accounts = Some(accounts);
        return Verdict { accounts, ..verdict(Certainty::Accounts, Vec::new()) };
    }
    let whole: Vec<_> = candidates
        .iter()
        .filter(|candidate| candidate.fitting * 100 >= sampled * QUORUM)
        .cloned()
        .collect();
    match whole.as_slice() {
        [] if candidates.first().is_none_or(|best| best.fitting * 2 < sampled) => {
            let nearest = Nearest::of(&sample.documents, layouts);
            Verdict { nearest, ..verdict(Certainty::Nothing, Vec::new()) }
        }
        [] => verdict(Certainty::Ambiguous, candidates),
        [best] => verdict(strength(sample, best), candidates),
        _ => verdict_of_several(whole, verdict, sample),
    }
}

/// Several fit: the one that demands a whole field more than the next is the one.
fn verdict_of_several(
    mut whole: Vec<Candidate>,
    verdict: impl Fn(Certainty, Vec<Candidate>) -> Verdict,
    sample: &Sample,
) -> Verdict {
    whole.sort_by_key(|candidate| std::cmp::Reverse((candidate.score, candidate.fitting)));
    let certainty = if whole[0].score >= whole[1].score + FIELD {
        strength(sample, &whole[0])
    } else {
        Certainty::Ambiguous
    };
    verdict(certainty, whole)
}

/// A weak signature is made certain by the index that the store makes.
fn strength(sample: &Sample, candidate: &Candidate) -> Certainty {
    let ttl = candidate.layout.ttl_index.as_ref();
    let confirmed = ttl.is_some_and(|ttl| {
        sample.indexes.iter().any(|index| index.is_on(&ttl.key) && index.is_ttl())
    });
    match candidate.layout.detect.weak {
        Some(Weak::Always) => Certainty::Weak,
        Some(Weak::UnlessIndexed) if !confirmed => Certainty::Weak,
        _ => Certainty::Certain,
    }
}

fn candidate(sample: &Sample, layout: &Layout) -> Option<Candidate> {
    let fitting: Vec<_> =
        sample.documents.iter().filter(|document| layout.describes(document)).collect();
    let shown = |(path, types): (&FieldPath, &Vec<BsonType>)| {
        fitting.iter().any(|document| has_type(document, path, types))
    };
    let indexed = |path: &FieldPath| sample.indexes.iter().any(|index| index.is_on(path));
    let is_ttl = |path| sample.indexes.iter().any(|index| index.is_on(path) && index.is_ttl());
    let detect = &layout.detect;
    let is_shown = detect.expiry.iter().all(shown);
    // Where another store writes the same fields, an index on one of them says nothing.
    let is_seen = |(path, types)| indexed(path) || shown((path, types));
    let expires = is_shown
        || (detect.refute.is_empty() && detect.expiry.iter().all(is_seen))
        || speaks_otherwise(&fitting, layout);
    let refuted = detect.refute.iter().any(|(path, types)| is_ttl(path) || shown((path, types)));
    if fitting.is_empty() || !expires || refuted {
        return None;
    }
    let score = if is_shown { score(sample, layout) } else { score_without_expiry(sample, layout) };
    Some(Candidate { fitting: fitting.len(), score, layout: layout.clone() })
}

/// Whether no document has an expiry, but each a text that this store writes.
fn speaks_otherwise(fitting: &[&RawDocumentBuf], layout: &Layout) -> bool {
    let detect = &layout.detect;
    let contains = |document: &RawDocument, path: &str, part: &str| matches!(find(document, path), Found::One(RawBsonRef::String(text)) if text.contains(part));
    !detect.otherwise.is_empty()
        && fitting.iter().all(|document| {
            detect.expiry.keys().all(|path| matches!(find(document, path), Found::Missing))
                && detect.otherwise.iter().all(|(path, part)| contains(document, path, part))
        })
}

fn score(sample: &Sample, layout: &Layout) -> usize {
    let indexed = layout
        .ttl_index
        .as_ref()
        .is_some_and(|ttl| sample.indexes.iter().any(|index| index.is_on(&ttl.key)));
    score_without_expiry(sample, layout)
        + layout.detect.expiry.len() * FIELD
        + usize::from(indexed) * 4
}

/// Where only an index speaks of the expiry, it has been counted as evidence already: another store
/// may have its expiry in that field, in a type of its own.
fn score_without_expiry(sample: &Sample, layout: &Layout) -> usize {
    let collection = sample.namespace.split_once('.').map_or("", |(_, collection)| collection);
    let named = layout.collections.iter().any(|name| name == collection);
    layout.detect.require.len() * FIELD + usize::from(named) * 3
}

/// The layouts whose own indexes an empty collection has.
fn by_indexes(sample: &Sample, layouts: &[Layout]) -> Vec<Candidate> {
    let has = |layout: &&Layout| {
        let marks = &layout.detect.indexes;
        !marks.is_empty()
            && marks.iter().all(|key| sample.indexes.iter().any(|index| index.is_on(key)))
    };
    let candidate = |layout: &Layout| Candidate {
        layout: layout.clone(),
        fitting: 0,
        score: score(sample, layout),
    };
    layouts.iter().filter(has).map(candidate).collect()
}
