//! The choice of a collection's layouts: those that the operator named, or those that its documents
//! speak for. Every command, the sweeper and the doctor choose here.

use std::time::Duration;

use crate::error::{Certainty, Error, Result};
use crate::model::layout::detect::{Sample, Verdict, detect};
use crate::model::layout::{Layout, Layouts};
use crate::server::connection::Connection;

/// How many documents a layout is judged by: `$sample` gives a hundred of a million in 20 ms.
const SAMPLE: i64 = 100;
/// And how many where they are not all of one layout.
const LARGE_SAMPLE: i64 = 1000;

/// What a command does with the sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Read: a likely layout will do, judged by the first hundred documents and the last.
    Reading,
    /// Delete or change: only a certain layout, or the operator's word, judged by a hundred documents
    /// from all over the collection: the first may be of a store that is no longer in use.
    Changing,
}

/// The layouts of a collection, resolved, and why it is these. Nearly always it is one.
#[derive(Debug, Clone)]
pub enum Choice {
    /// The operator named them.
    Named {
        /// The layouts.
        layouts: Layouts,
        /// Where no document looks like any of them: [`Error::Misnamed`].
        misnamed: Option<Error>,
    },
    /// The documents speak for them, or the indexes of an empty collection.
    Detected {
        /// The likeliest layout, or those of a mixed collection; none where nothing fits.
        layouts: Option<Layouts>,
        /// How sure that is, and what else comes into question.
        verdict: Verdict,
    },
}

impl Choice {
    /// The choice by a sample, however sure it is. Pure.
    pub fn of(sample: &Sample, named: Option<&Layouts>, lifetime: Option<Duration>) -> Self {
        let resolved =
            |layouts: Layouts| layouts.map(|layout| layout.resolved(lifetime, &sample.indexes));
        if let Some(named) = named {
            let misnamed = sample.allows(named).err();
            return Self::Named { layouts: resolved(named.clone()), misnamed };
        }
        let verdict = detect(sample, Layout::known());
        // If several stores create the same indexes, only documents distinguish them.
        let is_clear = verdict.certainty != Certainty::Empty || verdict.candidates.len() == 1;
        let layouts = verdict.layouts().filter(|_| is_clear).map(resolved);
        Self::Detected { layouts, verdict }
    }

    /// The layouts, or the likeliest; none if nothing shows which store writes here.
    pub fn layouts(&self) -> Option<&Layouts> {
        match self {
            Self::Named { layouts, .. } => Some(layouts),
            Self::Detected { layouts, .. } => layouts.as_ref(),
        }
    }

    /// The layouts if they are certain: the operator or the documents speak for them. The indexes of an
    /// empty collection do not, nor documents of layouts that have nothing in common.
    ///
    /// # Errors
    /// [`Error::Misnamed`] or [`Error::Undetected`].
    pub fn certain(&self) -> Result<&Layouts> {
        match self {
            Self::Named { misnamed: Some(error), .. } => Err(error.clone()),
            Self::Named { layouts, .. } => Ok(layouts),
            Self::Detected { layouts, verdict } => {
                let certain = layouts.as_ref().filter(|_| verdict.certain().is_some());
                certain.ok_or_else(|| verdict.clone().into())
            }
        }
    }

    /// Whether one layout does not describe all examined documents.
    fn is_of_more(&self) -> bool {
        match self {
            Self::Named { .. } => false,
            Self::Detected { verdict, .. } => verdict.together > 1 || verdict.strangers() > 0,
        }
    }

    /// Fails where this is not sure enough. An empty collection always is: it has nothing that could be
    /// taken for what it is not.
    fn permits(&self, purpose: Purpose) -> Result<()> {
        match (self, purpose) {
            (Self::Detected { verdict, .. }, _) if verdict.certainty == Certainty::Empty => Ok(()),
            (Self::Detected { layouts: None, verdict }, _) => Err(verdict.clone().into()),
            (Self::Named { misnamed: Some(error @ Error::Accounts { .. }), .. }, _) => {
                Err(error.clone())
            }
            (_, Purpose::Changing) => self.certain().map(drop),
            (_, Purpose::Reading) => Ok(()),
        }
    }
}

impl Connection {
    /// Chooses the layouts of a collection: `named`, or what its documents speak for. `lifetime` is how
    /// long a session lives after its last touch, where only the operator knows.
    ///
    /// # Errors
    /// [`Error::NoCollection`]; [`Error::Undetected`] and [`Error::Misnamed`] where the choice is not
    /// sure enough for the purpose.
    pub async fn choose_layouts(
        &self,
        collection: &str,
        named: Option<&Layouts>,
        lifetime: Option<Duration>,
        purpose: Purpose,
    ) -> Result<Choice> {
        let sample = self.sample(collection, purpose, SAMPLE).await?;
        let mut choice = Choice::of(&sample, named, lifetime);
        if choice.is_of_more() && purpose == Purpose::Changing {
            // Whether enough documents have another layout must not depend on a lucky draw.
            let sample = self.sample(collection, purpose, LARGE_SAMPLE).await?;
            choice = Choice::of(&sample, named, lifetime);
        }
        choice.permits(purpose)?;
        Ok(choice)
    }
}

#[cfg(test)]
mod tests {
    use bson::RawDocumentBuf;
    use bson::oid::ObjectId;
    use bson::rawdoc;

    use super::*;

    fn choice(documents: Vec<RawDocumentBuf>, named: Option<&str>) -> Choice {
        let sample = Sample { namespace: "app.sessions".into(), documents, indexes: Vec::new() };
        let named = named.map(|name| Layouts::from(Layout::named(name).unwrap().clone()));
        Choice::of(&sample, named.as_ref(), None)
    }

    #[test]
    fn nothing_is_changed_by_a_layout_that_no_document_has() {
        let misnamed = choice(vec![rawdoc! { "a": 1 }], Some("tower-sessions"));
        assert!(misnamed.permits(Purpose::Reading).is_ok());
        let refused = misnamed.permits(Purpose::Changing);
        assert!(matches!(refused, Err(Error::Misnamed { .. })), "{refused:?}");
        assert!(misnamed.certain().is_err());
    }

    #[test]
    fn documents_of_no_layout_are_not_even_read() {
        let unknown = choice(vec![rawdoc! { "a": 1 }], None);
        for purpose in [Purpose::Reading, Purpose::Changing] {
            assert!(matches!(unknown.permits(purpose), Err(Error::Undetected { .. })));
        }
    }

    #[test]
    fn accounts_with_sessions_inside_are_not_read_by_whatever_layout() {
        let when = bson::DateTime::from_millis(0);
        let token = rawdoc! { "hashedToken": "x", "when": when };
        let resume = rawdoc! { "resume": { "loginTokens": [token] } };
        let account = rawdoc! { "_id": "a", "services": resume, "session": "{}", "expires": when };
        for named in [None, Some("connect-mongo-json"), Some("tower-sessions")] {
            let accounts = choice(vec![rawdoc! { "_id": "b" }, account.clone()], named);
            for purpose in [Purpose::Reading, Purpose::Changing] {
                let refused = accounts.permits(purpose);
                assert!(matches!(refused, Err(Error::Accounts { .. })), "{named:?} {refused:?}");
            }
        }
        // Few accounts among sessions are foreign documents as others are.
        let session = rawdoc! { "_id": "c", "session": "{}", "expires": when };
        let account =
            rawdoc! { "_id": ObjectId::new(), "sessions": [{ "id": "x", "expiresAt": when }] };
        let mixed = choice(vec![session.clone(), session, account], Some("connect-mongo-json"));
        assert!(mixed.permits(Purpose::Changing).is_ok());
    }

    #[test]
    fn in_an_empty_collection_there_is_nothing_to_do_by_whatever_layout() {
        let empty = choice(Vec::new(), None);
        assert!(empty.permits(Purpose::Changing).is_ok() && empty.layouts().is_none());
        assert!(empty.certain().is_err(), "no document speaks for it");
        assert!(choice(Vec::new(), Some("tower-sessions")).certain().is_ok());
    }
}
