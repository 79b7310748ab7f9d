//! Guesses the places of users.

use std::collections::BTreeMap;

use bson::RawDocumentBuf;

use crate::model::layout::{Layout, UserPlace};

/// A guess with more places would be useless.
const MOST: usize = 6;

/// The places that seem to hold a user: those of common applications first, then those of the most
/// sessions. `layout` is the draft without users.
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
    // A store adds such a field to the document in order to search by it.
    places.sort_by_key(|(place, count)| {
        (!place.starts_with('/'), rank(place), std::cmp::Reverse(*count))
    });
    // If few sessions have the place, it is another person in the application's data, such as an
    // invited friend.
    let enough = |(_, count): &(String, usize)| count * 20 >= documents.len();
    places.into_iter().filter(enough).map(|(place, _)| place).take(MOST).collect()
}
