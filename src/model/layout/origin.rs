//! The client's address and user agent, if the store or the application records them.

use bson::RawDocument;

use super::definition::{Layout, UserPlace};
use super::layouts::Layouts;
use crate::model::document::{Fields, Found, text_of};
use crate::model::payload::Partial;

/// The address and the user agent of a session. Both come from the client, so they can contain
/// anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The address, as it is stored.
    pub ip: Option<String>,
    /// The user agent.
    pub agent: Option<String>,
}

impl Layout {
    /// The origin of the session in `document`. Decodes only the necessary part of the payload.
    pub fn origin(&self, document: &RawDocument) -> Origin {
        let all = || self.ip.iter().chain(&self.agent);
        if all().next().is_none() {
            return Origin::default();
        }
        let fields = Fields::of(document);
        let in_payload = |place: &UserPlace| matches!(place, UserPlace::Payload(_));
        let payload = all().any(in_payload).then(|| {
            let paths = all().map(UserPlace::path);
            Partial::at(&self.payload, &fields, paths)
        });
        let first = |places: &[UserPlace]| {
            places.iter().find_map(|place| match place {
                UserPlace::Field(path) => match fields.find(path) {
                    Found::One(value) => text_of(value),
                    _ => None,
                },
                UserPlace::Payload(path) => {
                    let value = payload.as_ref()?.get(path)?;
                    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
                }
            })
        };
        Origin { ip: first(&self.ip), agent: first(&self.agent) }
    }
}

impl Layouts {
    /// Whether any layout has a place for addresses.
    pub fn tell_ips(&self) -> bool {
        self.iter().any(|layout| !layout.ip.is_empty())
    }

    /// Whether any layout has a place for user agents.
    pub fn tell_agents(&self) -> bool {
        self.iter().any(|layout| !layout.agent.is_empty())
    }
}
