//! The collections of a database, as the server lists them.

use bson::{Bson, Document, doc};

use crate::error::Result;
use crate::server::connection::Connection;
use crate::server::flavour::Feature;
use crate::server::reply::first_batch;

impl Connection {
    /// The entries of `listCollections` in which these paths have these values. `more` has further
    /// options of the command.
    pub(crate) async fn list_collections(
        &self,
        wanted: Document,
        more: Document,
    ) -> Result<Vec<Document>> {
        let command = |filter: Option<&Document>| {
            let mut command = doc! { "listCollections": 1 };
            command.extend(filter.map(|filter| ("filter".to_owned(), Bson::from(filter.clone()))));
            command.extend(more.clone());
            async { self.run("listCollections", "", command).await }
        };
        let reply = match self.flavour().lacks(Feature::FilteredCollections) {
            true => command(None).await?,
            false => match command(Some(&wanted)).await {
                Err(error) if self.flavour().learns(Feature::FilteredCollections, &error) => {
                    command(None).await?
                }
                reply => reply?,
            },
        };
        // Some servers ignore the filter.
        let is_wanted =
            |entry: &Document| wanted.iter().all(|(path, value)| has(entry, path, value));
        Ok(first_batch(&reply).into_iter().filter(is_wanted).collect())
    }
}

/// Whether an entry has this value. One without a type is a collection.
fn has(entry: &Document, path: &str, value: &Bson) -> bool {
    let found = match path.split_once('.') {
        Some((outer, inner)) => entry.get_document(outer).ok().and_then(|outer| outer.get(inner)),
        None => entry.get(path),
    };
    found.map_or(path == "type", |found| found == value)
}
