//! Where a session came from, as far as its store or its application writes that down.

use bson::RawDocument;

use super::definition::{Layout, UserPlace};
use super::layouts::Layouts;
use crate::model::document::{Fields, Found, text_of};
use crate::model::payload::Partial;

/// The address and the user agent of a session: text that clients sent, so anybody may have written it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The address, as it was written.
    pub ip: Option<String>,
    /// The user agent.
    pub agent: Option<String>,
}

impl Layout {
    /// Where the session in `document` came from. No more of the payload is decoded than tells it.
    pub fn origin(&self, document: &RawDocument) -> Origin {
        let all = || self.ip.iter().chain(&self.agent);
        if all().next().is_none() {
            return Origin::default();
        }
        let fields = Fields::of(document);
        let in_payload = |place: &UserPlace| matches!(place, UserPlace::Payload(_));
        let payload = all().any(in_payload).then(|| {
            let paths = all().map(UserPlace::path);
            Partial::at(&self.payload, document, &fields, paths)
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
    /// Whether any of them says where addresses are.
    pub fn tell_ips(&self) -> bool {
        self.iter().any(|layout| !layout.ip.is_empty())
    }

    /// Whether any of them says where user agents are.
    pub fn tell_agents(&self) -> bool {
        self.iter().any(|layout| !layout.agent.is_empty())
    }
}
