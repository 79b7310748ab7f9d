//! Chooses the layouts of a collection: those that the operator named, or those that are detected.
//! Every command, the sweeper and the doctor use this.

use std::time::Duration;

use crate::error::{Certainty, Error, Result};
use crate::model::layout::detect::{Sample, Verdict, detect};
use crate::model::layout::{Layout, Layouts};
use crate::server::connection::Connection;

/// How many documents are sampled to detect a layout: `$sample` returns a hundred of a million in
/// 20 ms.
const SAMPLE: i64 = 100;
/// How many documents are sampled if they do not all have one layout.
const LARGE_SAMPLE: i64 = 1000;

/// What a command does with the sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Read: a likely layout is enough, detected from the first and last hundred documents.
    Reading,
    /// Delete or change: requires a certain or a named layout. It is detected from a hundred random
    /// documents, because the first may be of a store that is no longer in use.
    Changing,
}

/// The resolved layouts of a collection, and the reason. There is nearly always one.
#[derive(Debug, Clone)]
pub enum Choice {
    /// The operator named the layouts.
    Named {
        /// The layouts.
        layouts: Layouts,
        /// [`Error::Misnamed`], if no document fits any of them.
        misnamed: Option<Error>,
    },
    /// The layouts were detected from the documents, or from the indexes of an empty collection.
    Detected {
        /// The most likely layout, or those of a mixed collection; `None` if nothing fits.
        layouts: Option<Layouts>,
        /// The certainty, and the other candidates.
        verdict: Verdict,
    },
}

impl Choice {
    /// The choice from a sample, whatever its certainty. Pure.
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

    /// The layouts, or the most likely one; `None` if nothing shows which store writes here.
    pub fn layouts(&self) -> Option<&Layouts> {
        match self {
            Self::Named { layouts, .. } => Some(layouts),
            Self::Detected { layouts, .. } => layouts.as_ref(),
        }
    }

    /// The layouts if they are certain: named by the operator, or detected from documents. The
    /// indexes of an empty collection are not enough, and neither are documents of unrelated
    /// layouts.
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

    /// Whether some examined documents do not have the most likely layout.
    fn is_of_more(&self) -> bool {
        match self {
            Self::Named { .. } => false,
            Self::Detected { verdict, .. } => verdict.together > 1 || verdict.strangers() > 0,
        }
    }

    /// Fails if the choice is not certain enough. For an empty collection it always is, because
    /// there is nothing to misread.
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
    /// Chooses the layouts of a collection: `named`, or detected. `lifetime` is how long a session
    /// lives after its last touch, if only the operator knows it.
    ///
    /// # Errors
    /// [`Error::NoCollection`]; [`Error::Undetected`] and [`Error::Misnamed`] if the choice is not certain enough for the purpose.
    pub async fn choose_layouts(
        &self,
        collection: &str,
        named: Option<&Layouts>,
        lifetime: Option<Duration>,
        purpose: Purpose,
    ) -> Result<Choice> {
        let sample = self.sample(collection, purpose, SAMPLE).await?;
        if sample.documents.is_empty() {
            // It may have been dropped after its indexes were listed, and is then not an empty one.
            self.exists(collection).await?;
        }
        let mut choice = Choice::of(&sample, named, lifetime);
        if choice.is_of_more() && purpose == Purpose::Changing {
            // A larger sample, because chance should not decide whether enough documents have
            // another layout.
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
        // A few accounts among sessions are ordinary foreign documents.
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
