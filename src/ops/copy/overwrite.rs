//! Replaces and deletes sessions of the target that are still as they were read.

use std::borrow::Cow;
use std::sync::PoisonError;

use bson::raw::{RawDocumentBuf, cstr};
use bson::{RawDocument, rawdoc};

use super::write::{Replacement, Writer, Written};
use crate::error::{Error, Result};
use crate::model::key::{Key, with_value};
use crate::model::raw::Raw;
use crate::ops::insert::BATCH_MAX_MS;
use crate::ops::unchanged::as_read;
use crate::server::backoff::Retries;
use crate::server::reply::affected;
use crate::store::joined;

/// Statements that go into one command, and how many bytes of them, unless a single one is larger.
const STATEMENTS: usize = 200;
const STATEMENT_BYTES: usize = 8 << 20;
/// The largest session that is replaced: a command has room for 16 MB.
const MOST_BYTES: usize = 15 << 20;

impl Writer {
    /// Replaces sessions that are still as they were compared.
    pub(super) async fn replace(
        &self,
        mut older: Vec<Replacement>,
        written: &mut Written,
    ) -> Result<()> {
        let before = older.len();
        let collated = self.target.is_collated().await?;
        older.retain(|(new, _)| new.as_bytes().len() <= MOST_BYTES);
        written.kept += (before - older.len()) as u64;
        let mut older = self.archived(older, |(_, existing)| existing, written).await?;
        while !older.is_empty() {
            let mut bytes = 0;
            let fits = |(new, existing): &&Replacement| {
                bytes += new.as_bytes().len() + existing.as_bytes().len();
                bytes <= STATEMENT_BYTES
            };
            let some = older.iter().take(STATEMENTS).take_while(fits).count().max(1);
            let rest = older.split_off(some);
            let statements: Vec<_> = older
                .iter()
                .map(|(new, existing)| {
                    let mut statement = Raw::new();
                    statement.document("q", &as_read(existing, collated)?);
                    statement.document("u", &placed(new, existing)?);
                    Ok(statement.done())
                })
                .collect::<Result<_>>()?;
            let replaced = self.change(Change::Update, &statements, written).await;
            self.note(replaced.as_ref(), older.iter().map(|(_, existing)| existing), written);
            let replaced = replaced?;
            written.replaced += replaced;
            written.kept += (older.len() as u64).saturating_sub(replaced);
            older = rest;
        }
        Ok(())
    }

    /// Deletes sessions that are still as they were read.
    pub(super) async fn delete(
        &self,
        there: Vec<RawDocumentBuf>,
        written: &mut Written,
    ) -> Result<()> {
        let collated = self.target.is_collated().await?;
        let there = self.archived(there, |there| there, written).await?;
        for some in there.chunks(STATEMENTS) {
            let statements: Vec<_> = some
                .iter()
                .map(|there| {
                    let mut statement = Raw::new();
                    statement.document("q", &as_read(there, collated)?);
                    let mut statement = statement.done();
                    statement.append(cstr!("limit"), 1);
                    Ok(statement)
                })
                .collect::<Result<_>>()?;
            let removed = self.change(Change::Delete, &statements, written).await;
            self.note(removed.as_ref(), some.iter(), written);
            let removed = removed?;
            written.removed += removed;
            written.kept += (some.len() as u64).saturating_sub(removed);
        }
        Ok(())
    }

    /// Writes what the target has into the archive, if there is one. What it cannot hold is left as it is.
    async fn archived<T: Send + 'static>(
        &self,
        all: Vec<T>,
        there: impl Fn(&T) -> &RawDocumentBuf + Send + 'static,
        written: &mut Written,
    ) -> Result<Vec<T>> {
        let Some(archive) = self.archive.clone().filter(|_| !all.is_empty()) else {
            return Ok(all);
        };
        let before = all.len();
        let writing = tokio::task::spawn_blocking(move || {
            let mut archive = archive.lock().unwrap_or_else(PoisonError::into_inner);
            let batch: Vec<&RawDocument> = all.iter().map(|one| &**there(one)).collect();
            let archived = archive.write(&batch)?.archived;
            drop(batch);
            let both = all.into_iter().zip(archived);
            Ok(both.filter_map(|(one, is_archived)| is_archived.then_some(one)).collect::<Vec<_>>())
        });
        let all: Vec<T> = writing.await.unwrap_or_else(|_| Err(Error::lost_task()))?;
        written.kept += (before - all.len()) as u64;
        Ok(all)
    }

    /// Notes whose sessions were replaced or deleted, unless none was.
    fn note<'a>(
        &self,
        changed: Result<&u64, &Error>,
        there: impl Iterator<Item = &'a RawDocumentBuf>,
        written: &mut Written,
    ) {
        if !self.reports || changed.is_ok_and(|changed| *changed == 0) {
            return;
        }
        let now = self.clock.now();
        written.sessions.extend(there.filter_map(|document| {
            let layout = self.target.layouts().of(document);
            let id = Key::at(document, &layout.id.path).or_else(|| Key::of(document))?;
            Some((id, layout.glance(document, now).user))
        }));
    }

    /// How many documents these statements changed.
    async fn change(
        &self,
        change: Change,
        statements: &[RawDocumentBuf],
        written: &mut Written,
    ) -> Result<u64> {
        let mut retries = Retries::default();
        loop {
            let error =
                match self.target.reply(change.name(), self.command(change, statements)).await {
                    Ok(reply) => match reply.refusal {
                        None => return Ok(affected(&reply.document, "n")),
                        Some(error) if !error.is_transient() => {
                            let done = affected(&reply.document, "n");
                            match change {
                                Change::Update => written.replaced += done,
                                Change::Delete => written.removed += done,
                            }
                            return Err(error);
                        }
                        Some(error) => error,
                    },
                    Err(error) => error,
                };
            // It may have been carried out, in whole or in part; then it matches no more.
            written.exact &= error.is_refusal();
            retries.pause(&self.cancel, error.clone()).await?;
            if !self.target.connection().reach(&mut retries, &self.cancel).await? {
                return Err(error);
            }
        }
    }

    fn command(&self, change: Change, statements: &[RawDocumentBuf]) -> RawDocumentBuf {
        let mut all = Raw::new();
        let first = match change {
            Change::Update => rawdoc! { "update": self.target.name() },
            Change::Delete => rawdoc! { "delete": self.target.name() },
        };
        let field = if change == Change::Update { "updates" } else { "deletes" };
        all.documents(field, statements.iter().map(|statement| &**statement));
        let mut command = joined(&first, &all.done());
        command.append(cstr!("ordered"), false);
        command.append(cstr!("maxTimeMS"), BATCH_MAX_MS);
        command.append(cstr!("comment"), self.target.comment());
        command.append(cstr!("writeConcern"), rawdoc! { "w": "majority" });
        command
    }
}

/// A command that changes what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Update,
    Delete,
}

impl Change {
    fn name(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// A session as it is written over the one that is there. That may have another `_id`, which a replacement
/// cannot change.
pub(super) fn placed<'a>(
    new: &'a RawDocument,
    existing: &RawDocument,
) -> Result<Cow<'a, RawDocument>> {
    let key = Key::of(existing);
    if Key::of(new) == key {
        return Ok(Cow::Borrowed(new));
    }
    let whole = key.and_then(|key| with_value(new, "_id", &key));
    whole.map(Cow::Owned).ok_or_else(|| Error::Document("it has no _id".into()))
}
