//! The choice of a collection's layout: the one that the operator named, or the one that its documents
//! speak for. Every command, the sweeper and the doctor choose here.

use std::time::Duration;

use crate::error::{Certainty, Error, Result};
use crate::model::layout::Layout;
use crate::model::layout::detect::{Sample, Verdict, detect};
use crate::server::connection::Connection;

/// What is to be done with the sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Read: a likely layout will do, judged by the first hundred documents.
    Reading,
    /// Delete or change: only a certain layout, or the operator's word, judged by a hundred documents
    /// from all over the collection: the first may be of a store that is no longer in use.
    Changing,
}

/// The layout of a collection, resolved, and why it is this one.
#[derive(Debug, Clone)]
pub enum Choice {
    /// The operator named it.
    Named {
        /// The layout.
        layout: Layout,
        /// Where no document looks like it: [`Error::Misnamed`].
        misnamed: Option<Error>,
    },
    /// The documents speak for it, or the indexes of an empty collection.
    Detected {
        /// The likeliest layout; none where nothing fits.
        layout: Option<Layout>,
        /// How sure that is, and what else comes into question.
        verdict: Verdict,
    },
}

impl Choice {
    /// The choice by a sample, however sure it is. Pure.
    pub fn of(sample: &Sample, named: Option<&Layout>, lifetime: Option<Duration>) -> Self {
        let resolved = |layout: &Layout| layout.clone().resolved(lifetime, &sample.indexes);
        if let Some(named) = named {
            return Self::Named { layout: resolved(named), misnamed: sample.allows(named).err() };
        }
        let verdict = detect(sample, Layout::known());
        // Where several stores make the same indexes, nothing but documents tells them apart.
        let is_clear = verdict.certainty != Certainty::Empty || verdict.candidates.len() == 1;
        let layout = verdict.likeliest().filter(|_| is_clear).map(resolved);
        Self::Detected { layout, verdict }
    }

    /// The layout, or the likeliest; none where nothing tells which store writes here.
    pub fn layout(&self) -> Option<&Layout> {
        match self {
            Self::Named { layout, .. } => Some(layout),
            Self::Detected { layout, .. } => layout.as_ref(),
        }
    }

    /// The layout if it is certain: the operator or the documents speak for it. The indexes of an empty
    /// collection do not.
    ///
    /// # Errors
    /// [`Error::Misnamed`] or [`Error::Undetected`].
    pub fn certain(&self) -> Result<&Layout> {
        match self {
            Self::Named { misnamed: Some(error), .. } => Err(error.clone()),
            Self::Named { layout, .. } => Ok(layout),
            Self::Detected { layout, verdict } => {
                let certain = layout.as_ref().filter(|_| verdict.certain().is_some());
                certain.ok_or_else(|| verdict.clone().into())
            }
        }
    }

    /// Fails where this is not sure enough. An empty collection always is: it has nothing that could be
    /// taken for what it is not.
    fn permits(&self, purpose: Purpose) -> Result<()> {
        match (self, purpose) {
            (Self::Detected { verdict, .. }, _) if verdict.certainty == Certainty::Empty => Ok(()),
            (Self::Detected { layout: None, verdict }, _) => Err(verdict.clone().into()),
            (Self::Named { misnamed: Some(error @ Error::Accounts { .. }), .. }, _) => {
                Err(error.clone())
            }
            (_, Purpose::Changing) => self.certain().map(drop),
            (_, Purpose::Reading) => Ok(()),
        }
    }
}

impl Connection {
    /// Chooses the layout of a collection: `named`, or what its documents speak for. `lifetime` is how
    /// long a session lives after its last touch, where only the operator knows.
    ///
    /// # Errors
    /// [`Error::NoCollection`]; [`Error::Undetected`] and [`Error::Misnamed`] where the choice is not
    /// sure enough for the purpose.
    pub async fn choose_layout(
        &self,
        collection: &str,
        named: Option<&Layout>,
        lifetime: Option<Duration>,
        purpose: Purpose,
    ) -> Result<Choice> {
        let sample = self.sample(collection, purpose).await?;
        let choice = Choice::of(&sample, named, lifetime);
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
        let named = named.map(|name| Layout::named(name).unwrap());
        Choice::of(&sample, named, None)
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
        assert!(empty.permits(Purpose::Changing).is_ok() && empty.layout().is_none());
        assert!(empty.certain().is_err(), "no document speaks for it");
        assert!(choice(Vec::new(), Some("tower-sessions")).certain().is_ok());
    }
}
