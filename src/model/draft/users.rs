//! Where the sample names its users.

use std::collections::BTreeMap;

use bson::RawDocumentBuf;

use crate::model::layout::{Layout, UserPlace};

/// More places than these are no guess.
const MOST: usize = 6;

/// The places that look as if they named a user, those of common applications first, then those of the
/// most sessions. `layout` is the draft without users.
pub(super) fn guess(layout: &Layout, documents: &[&RawDocumentBuf]) -> Vec<String> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for document in documents {
        let payload = layout.payload(document);
        for place in layout.likely_users(document, &payload) {
            *places.entry(place).or_default() += 1;
        }
    }
    let common = Layout::named("connect-mongo-json").map_or(&[][..], |layout| &layout.user);
    let rank = |place: &str| {
        let at =
            common.iter().position(|one| matches!(one, UserPlace::Payload(path) if path == place));
        at.unwrap_or(common.len())
    };
    let mut places: Vec<(String, usize)> = places.into_iter().collect();
    // A field of the document is there to be searched.
    places.sort_by_key(|(place, count)| {
        (!place.starts_with('/'), rank(place), std::cmp::Reverse(*count))
    });
    // A place of few sessions is a name in what the application stores, such as an invited friend.
    let enough = |(_, count): &(String, usize)| count * 20 >= documents.len();
    places.into_iter().filter(enough).map(|(place, _)| place).take(MOST).collect()
}
