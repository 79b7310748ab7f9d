//! A layout for documents that no layout describes, guessed from a sample: the text of a record, with
//! the reasons and the doubts beside each guess.
//!
//! A wrong guess could end sessions that are live. So if a field can be read in two ways, the
//! record uses the reading that makes fewer sessions expired, and the other becomes a comment.

use bson::{DateTime, RawDocumentBuf};

use crate::error::{Error, Result};
use crate::model::layout::Layout;
use crate::model::layout::detect::Sample;

mod expiry;
mod fields;
mod id;
mod names;
mod payload;
mod record;
mod text;
mod users;

use fields::Survey;
use record::Record;

/// Fewer documents than these prove little.
const FEW: usize = 20;

impl Sample {
    /// The text of a record for these documents, which [`Layout::from_toml`] accepts unchanged. An
    /// expiry before `now` is in the past.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if there are no documents, and [`Error::Accounts`] if they are accounts with sessions inside.
    pub fn draft(&self, now: DateTime) -> Result<String> {
        if self.documents.is_empty() {
            let what = format!("{} is empty, so no layout can be guessed", self.namespace);
            return Err(Error::Unsupported(what));
        }
        if let Some(accounts) = self.accounts(|_| false) {
            return Err(accounts.error(&self.namespace));
        }
        let all: Vec<&RawDocumentBuf> = self.documents.iter().collect();
        let whole = Survey::of(&all);
        let place = payload::place(&whole);
        // If most documents have a payload, one without it is not a session.
        let sessions: Vec<&RawDocumentBuf> = match &place {
            Some(path) => all.iter().copied().filter(|one| fields::has(one, path)).collect(),
            None => all.clone(),
        };
        let survey = Survey::of(&sessions);
        let mut record = Record::new(&self.namespace, all.len(), sessions.len());
        if all.len() < FEW {
            record.head.push(format!(
                "Doubt: {} documents prove little; run draft again when there are more.",
                all.len()
            ));
        }
        record.id = id::guess(&survey, &self.indexes);
        let id = record.id.path.clone();
        record.expiry = expiry::guess(&survey, &self.indexes, place.as_deref(), now);
        record.payload = payload::guess(&survey, place.as_deref(), &sessions, &id, &record.expiry);
        record.require(&survey);
        let without_users = Layout::from_toml(&record.text())?;
        record.user = users::guess(&without_users, &sessions);
        let text = record.text();
        Layout::from_toml(&text).map(|_| text)
    }
}
