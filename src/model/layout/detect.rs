//! Detects the layout of documents and indexes, with its certainty and the reasons. Pure.
//!
//! Reading may continue with the most likely layout; writing requires a certain or a named one.

use std::fmt;

use bson::raw::RawBsonRef;
use bson::{RawDocument, RawDocumentBuf};

use super::accounts::Accounts;
use super::definition::{BsonType, Layout, Weak};
use super::layouts::Layouts;
use super::membership::has_type;
use super::nearest::Nearest;
use crate::error::{Error, Result};
use crate::model::document::{FieldPath, Found, find};
use crate::model::index_spec::IndexSpec;

pub use crate::error::Certainty;

/// What is known about a collection before its layout.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// `database.collection`.
    pub namespace: String,
    /// Some of its documents.
    pub documents: Vec<RawDocumentBuf>,
    /// All of its indexes.
    pub indexes: Vec<IndexSpec>,
}

/// A layout that fits some sampled documents.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The layout.
    pub layout: Layout,
    /// How many sampled documents it fits.
    pub fitting: usize,
    /// The evidence for it: ten points for each required field, four if the key of its TTL index is
    /// indexed, and three for the name of the collection.
    pub score: usize,
}

/// The layouts that a collection may have, the most likely first.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// `database.collection`.
    pub namespace: String,
    /// How many documents were examined.
    pub sampled: usize,
    /// How certain the result is.
    pub certainty: Certainty,
    /// The candidates.
    pub candidates: Vec<Candidate>,
    /// How many of the candidates, from the first on, its sessions have: one, or several in a mixed
    /// collection.
    pub together: usize,
    /// The nearest layout, if none fits.
    pub nearest: Option<Nearest>,
    /// The kind of accounts, if the documents are accounts with sessions inside.
    pub accounts: Option<&'static Accounts>,
}

impl Verdict {
    /// The most likely layout, which is good enough for reading.
    pub fn likeliest(&self) -> Option<&Layout> {
        self.candidates.first().map(|candidate| &candidate.layout)
    }

    /// The layouts that its sessions have, or else the most likely one: good enough for reading.
    pub fn layouts(&self) -> Option<Layouts> {
        let layouts = self.members().iter().map(|candidate| candidate.layout.clone());
        Layouts::together(layouts).ok().flatten()
    }

    /// The layouts, if they are certain enough for writing.
    pub fn certain(&self) -> Option<Layouts> {
        self.layouts().filter(|_| self.certainty == Certainty::Certain)
    }

    fn members(&self) -> &[Candidate] {
        &self.candidates[..self.together.min(self.candidates.len())]
    }

    /// Whether the documents themselves show that they are sessions.
    pub fn is_sessions(&self) -> bool {
        matches!(
            self.certainty,
            Certainty::Certain | Certainty::Weak | Certainty::Ambiguous | Certainty::Mixed
        )
    }

    /// How many sampled documents fit none of these layouts.
    pub fn strangers(&self) -> usize {
        let fitting = self.members().iter().map(|member| member.fitting).sum();
        self.sampled.saturating_sub(fitting)
    }
}

impl From<Verdict> for Error {
    fn from(verdict: Verdict) -> Self {
        if let Some(accounts) = verdict.accounts {
            return accounts.error(&verdict.namespace);
        }
        // Of several that fit the same documents, none is more likely to be right.
        let is_unclear = verdict.certainty == Certainty::Ambiguous
            && verdict.together < verdict.candidates.len();
        let members = verdict.members().iter().filter(|_| !is_unclear);
        let layouts = members.map(|member| member.layout.name.clone()).collect();
        Self::Undetected { certainty: verdict.certainty, what: verdict.to_string(), layouts }
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
            Certainty::Certain if self.together > 1 => {
                let names = names[..self.together].join(" and ");
                write!(f, "{namespace} holds sessions of the layouts {names}")
            }
            Certainty::Certain => write!(f, "{namespace} has the layout {}", names.join(", ")),
            Certainty::Mixed => {
                let names = names.join(" and ");
                write!(f, "{namespace} holds sessions of different layouts: {names}")
            }
            Certainty::Weak => {
                write!(f, "{namespace} fits the layout {} only weakly", names.join(", "))
            }
            Certainty::Ambiguous if self.together == names.len() => {
                let names = names.join(", ");
                write!(f, "only some documents of {namespace} have a known layout: {names}")
            }
            Certainty::Ambiguous => {
                write!(f, "{namespace} fits more than one layout: {}", names.join(", "))
            }
            Certainty::Nothing => {
                write!(f, "the documents of {namespace} match no known layout")?;
                self.nearest.iter().try_for_each(|nearest| write!(f, " ({nearest})"))
            }
            Certainty::Accounts => self
                .accounts
                .iter()
                .try_for_each(|accounts| write!(f, "{}", accounts.error(namespace))),
            Certainty::Empty => {
                write!(f, "{namespace} is empty, so its layout is unknown")
            }
        }
    }
}

impl Sample {
    /// Checks the named `layouts`: at least one document must fit one of them.
    ///
    /// # Errors
    /// [`Error::Misnamed`] if none fits: with a wrong layout, every session could look expired or malformed. [`Error::Accounts`] if the documents are accounts with sessions inside.
    pub fn allows(&self, layouts: &Layouts) -> Result<()> {
        if let Some(accounts) = self.accounts(|document| layouts.describes(document)) {
            return Err(accounts.error(&self.namespace));
        }
        if self.documents.is_empty()
            || self.documents.iter().any(|document| layouts.describes(document))
        {
            return Ok(());
        }
        Err(Error::Misnamed {
            namespace: self.namespace.clone(),
            layout: layouts.name(),
            sampled: self.documents.len(),
        })
    }

    /// The kind of accounts, if the documents are accounts. If some documents are sessions that a
    /// layout `describes`, the few accounts among them are just foreign.
    pub(crate) fn accounts(
        &self,
        describes: impl Fn(&RawDocument) -> bool,
    ) -> Option<&'static Accounts> {
        let mut found = None;
        let mut others = 0;
        for document in &self.documents {
            let described = describes(document);
            match Accounts::of(document) {
                // With this layout, an account would look like a session.
                Some(accounts) if described => return Some(accounts),
                Some(accounts) => found = found.or(Some(accounts)),
                None => others += usize::from(described),
            }
        }
        found.filter(|_| others * 2 < self.documents.len())
    }
}

/// The points of a required field: more than an index and a name together, which other stores may
/// share.
const FIELD: usize = 10;
/// How many of a hundred documents must fit: a single handwritten document must not make the
/// collection unknown.
const QUORUM: usize = 90;

/// How many documents must fit each of several layouts: fewer could be accidental.
const EACH: usize = 20;
/// A sample below this size is the whole collection, because commands that write sample at least
/// this many.
const WHOLE: usize = 100;

/// Judges `sample` by `layouts`.
pub fn detect(sample: &Sample, layouts: &[Layout]) -> Verdict {
    let verdict = judge(sample, layouts);
    match verdict.certainty {
        Certainty::Certain if verdict.strangers() > 0 => with_relatives(sample, layouts, verdict),
        Certainty::Ambiguous | Certainty::Nothing => of_several(sample, layouts, verdict),
        _ => verdict,
    }
}

/// The layouts that have enough documents which fit no other, and that are certain for these
/// documents.
fn peeled(sample: &Sample, layouts: &[Layout]) -> Vec<Candidate> {
    let least = if sample.documents.len() < WHOLE { 1 } else { EACH };
    let (mut rest, mut layouts) = (sample.clone(), layouts.to_vec());
    let mut found: Vec<Candidate> = Vec::new();
    loop {
        let likely = layouts.iter().filter_map(|layout| candidate(&rest, layout));
        let Some(likeliest) = likely.max_by_key(|one| (one.fitting, one.score)) else { break };
        let mut own = rest.clone();
        own.documents.retain(|one| likeliest.layout.describes(one));
        let Verdict { certainty, candidates, .. } = judge(&own, &layouts);
        let best = candidates.into_iter().next().filter(|_| certainty == Certainty::Certain);
        let is_certain = best.is_some();
        let best = best.unwrap_or(likeliest);
        rest.documents.retain(|one| !best.layout.describes(one));
        layouts.retain(|layout| layout.name != best.layout.name);
        let excludes = |other: &Candidate| other.layout.excludes(&best.layout);
        if is_certain && best.fitting >= least && found.iter().all(excludes) {
            found.push(best);
        }
    }
    in_order(&mut found);
    found
}

/// Sorted by name, so that another sample with other proportions gives the same result.
fn in_order(members: &mut [Candidate]) {
    members.sort_by(|one, other| one.layout.name.cmp(&other.layout.name));
}

/// The layout of nearly all documents, with others of its family that some documents have.
fn with_relatives(sample: &Sample, layouts: &[Layout], mut verdict: Verdict) -> Verdict {
    let Some(best) = verdict.candidates.first().cloned() else { return verdict };
    let relatives = peeled(sample, layouts)
        .into_iter()
        .filter(|one| one.layout.excludes(&best.layout) && one.layout.is_relative_of(&best.layout));
    let relatives: Vec<_> = relatives.collect();
    verdict.together += relatives.len();
    // Layouts that fit as many documents, but require fewer fields, come later.
    verdict.candidates.splice(1..1, relatives);
    in_order(&mut verdict.candidates[..verdict.together]);
    verdict
}

/// The case that no layout fits nearly all documents, but several together do.
fn of_several(sample: &Sample, layouts: &[Layout], verdict: Verdict) -> Verdict {
    let found = peeled(sample, layouts);
    let fitting: usize = found.iter().map(|one| one.fitting).sum();
    let [first, others @ ..] = found.as_slice() else { return verdict };
    if others.is_empty() || fitting * 2 < verdict.sampled {
        return verdict;
    }
    let certainty = if fitting * 100 < verdict.sampled * QUORUM {
        Certainty::Ambiguous
    } else if others.iter().all(|one| one.layout.is_relative_of(&first.layout)) {
        Certainty::Certain
    } else {
        Certainty::Mixed
    };
    Verdict { certainty, together: found.len(), candidates: found, ..verdict }
}

/// Decides which one of `layouts` the documents have.
fn judge(sample: &Sample, layouts: &[Layout]) -> Verdict {
    let sampled = sample.documents.len();
    let verdict = |certainty, candidates| Verdict {
        namespace: sample.namespace.clone(),
        sampled,
        certainty,
        candidates,
        together: 1,
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
    if let Some(accounts) =
        sample.accounts(|document| likeliest.is_some_and(|layout| layout.describes(document)))
    {
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

/// If several fit, the one that requires at least one more field than the next wins.
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

/// The store's own TTL index, or its name for the collection, makes weak evidence certain. No store
/// makes a partial index, which skips sessions.
fn strength(sample: &Sample, candidate: &Candidate) -> Certainty {
    let ttl = candidate.layout.ttl_index.as_ref();
    let confirmed = ttl.is_some_and(|ttl| {
        let is_own = |index: &IndexSpec| {
            index.is_on(&ttl.key) && index.is_ttl() && !index.leaves_out(&ttl.key)
        };
        sample.indexes.iter().any(is_own)
    });
    match candidate.layout.detect.weak {
        Some(Weak::Always) => Certainty::Weak,
        Some(Weak::UnlessIndexed) if !confirmed => Certainty::Weak,
        Some(Weak::UnlessNamed) if !is_named(sample, &candidate.layout) => Certainty::Weak,
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
    // If another store writes the same fields, an index on one of them proves nothing.
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

/// Whether no document has an expiry, but each has the text that this store writes.
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

/// An index that is the only evidence of an expiry counts only once: another store may keep an
/// expiry of another type in that field.
fn score_without_expiry(sample: &Sample, layout: &Layout) -> usize {
    layout.detect.require.len() * FIELD + usize::from(is_named(sample, layout)) * 3
}

/// Whether the collection has a name that the store gives it by default.
fn is_named(sample: &Sample, layout: &Layout) -> bool {
    let collection = sample.namespace.split_once('.').map_or("", |(_, collection)| collection);
    layout.collections.iter().any(|name| name == collection)
}

/// The layouts whose indexes an empty collection has.
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
