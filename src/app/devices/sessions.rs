//! The sessions of a visitor, as the page shows and ends them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bson::{DateTime, RawDocument};

use super::agent::Agent;
use super::keyed::Keyed;
use crate::app::by_user::UserSession;
use crate::error::{Error, Result};
use crate::model::layout::{Layout, UserPlace};
use crate::store::Store;
use crate::store::observe::in_task;

/// Where applications usually store the client's address and user agent.
const ADDRESSES: [&str; 4] = ["ip", "ipAddress", "clientIp", "remoteAddress"];
const AGENTS: [&str; 4] = ["userAgent", "user_agent", "agent", "ua"];

/// Who asks: the current session, and its user.
#[derive(Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The whole id of the session, as the store has it.
    pub id: String,
    /// The user, as [`Store::sessions_of`] finds it: with axum-login, `user.id().to_string()`. An
    /// `ObjectId` is its hexadecimal text, `id.to_hex()`.
    pub user: String,
}

impl fmt::Debug for Visitor {
    /// Without the id, which is as good as a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A session of a visitor, for display.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Device {
    /// The name of the session for [`Devices::sign_out`]: a digest of its id.
    pub handle: String,
    /// Whether it is the session that asks.
    pub current: bool,
    /// The browser, such as `Firefox`; `None` if it is unknown.
    pub browser: Option<&'static str>,
    /// The device, such as `Mac` or `Android device`; `None` if it is unknown.
    pub device: Option<&'static str>,
    /// The address from which the user logged in.
    pub address: Option<IpAddr>,
    /// When the session was last used.
    pub last_seen: Option<DateTime>,
    /// When it began.
    pub signed_in: Option<DateTime>,
    /// When it expires if it is not used.
    pub expires: Option<DateTime>,
}

/// The sessions of the visitors of a site.
#[derive(Debug, Clone)]
pub struct Devices {
    pub(super) store: Store,
    pub(super) keyed: Keyed,
    lifetime: Option<Duration>,
}

impl Devices {
    /// The sessions in `store`. The key is a secret of the application, of at least 32 bytes, the
    /// same in all processes that serve the page; for example the output of `openssl rand -hex 32`
    /// in an environment variable: `std::env::var("DEVICES_KEY")?.as_bytes()`. If it changes, pages
    /// that are open must be reloaded.
    ///
    /// The key names the sessions on the page, and makes the tokens that protect its forms against
    /// CSRF. Your own forms can use these too: see [`token`](Self::token) and
    /// [`is_token`](Self::is_token).
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the key is shorter, or if the layout does not define where the user
    /// is.
    pub fn new(store: &Store, key: &[u8]) -> Result<Self> {
        let keyed = Keyed::new(key)?;
        if let Some(layout) = store.layouts().iter().find(|layout| layout.user.is_empty()) {
            let what = format!("the layout {} does not define where the user is", layout.name);
            return Err(Error::Unsupported(what));
        }
        let layouts = store.layouts().clone().map(|mut layout| {
            if layout.ip.is_empty() {
                layout.ip = ADDRESSES.map(in_payload).to_vec();
            }
            if layout.agent.is_empty() {
                layout.agent = AGENTS.map(in_payload).to_vec();
            }
            layout
        });
        Ok(Self { store: store.with_layouts(layouts), keyed, lifetime: None })
    }

    /// Where the sessions have the client's user agent: a dotted path in the payload, or `/` and a
    /// field of the document. Default: the places of the layout, or `userAgent`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the path is invalid.
    pub fn agent_path(self, path: &str) -> Result<Self> {
        self.with(path, |layout, place| layout.agent = vec![place])
    }

    /// Where the sessions have the client's address, like [`agent_path`](Self::agent_path). Default:
    /// the places of the layout, or `ip`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the path is invalid.
    pub fn address_path(self, path: &str) -> Result<Self> {
        self.with(path, |layout, place| layout.ip = vec![place])
    }

    fn with(mut self, path: &str, put: impl Fn(&mut Layout, UserPlace)) -> Result<Self> {
        let place = UserPlace::try_from(path.to_owned()).map_err(Error::Unsupported)?;
        let layouts = self.store.layouts().clone().map(|mut layout| {
            put(&mut layout, place.clone());
            layout
        });
        self.store = self.store.with_layouts(layouts);
        Ok(self)
    }

    /// How long a session lives after its last use. If the layout does not store the last use, it is
    /// the expiry minus this.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// The sessions with which the visitor is logged in, the current one first, then the most
    /// recent.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the current session exists, but the store finds no user in it, or
    /// not the visitor: see [`StoreBuilder::user_path`](crate::StoreBuilder::user_path). Otherwise
    /// as for [`Store::sessions_of`].
    pub async fn sessions(&self, visitor: &Visitor) -> Result<Vec<Device>> {
        let (found, _) = self.found(visitor).await?;
        let mut devices: Vec<_> = found.iter().map(|found| self.device(found, visitor)).collect();
        // The sort is stable.
        devices.sort_by_key(|device| !device.current);
        Ok(devices)
    }

    /// The sessions of the visitor, and whether the current one is among them.
    async fn found(&self, visitor: &Visitor) -> Result<(Vec<UserSession>, bool)> {
        let found = self.store.sessions_of(&visitor.user).await?;
        let has_current = found.iter().any(|found| found.session.id.full() == visitor.id);
        if !has_current {
            self.check_user(visitor).await?;
        }
        Ok((found, has_current))
    }

    /// Refuses a visitor whose session exists, but is not the visitor's for the store: "0 sessions"
    /// would be wrong, and nothing else would tell the developer that the store looks elsewhere.
    async fn check_user(&self, visitor: &Visitor) -> Result<()> {
        let store = self.store.clone().on_primary();
        let user = |document: &RawDocument, now| {
            Ok(store.layouts().of(document).glance(document, now).user)
        };
        let Some(user) = store.read_live(&visitor.id, true, user).await? else { return Ok(()) };
        let what = match user {
            Some(user) if user == visitor.user => return Ok(()),
            Some(_) => "the session of the visitor has another user than Visitor::user",
            None => {
                "the session of the visitor has no user where the store looks; name the place with \
                 StoreBuilder::user_path"
            }
        };
        Err(Error::Unsupported(what.to_owned()))
    }

    fn device(&self, found: &UserSession, visitor: &Visitor) -> Device {
        let UserSession { session, origin, .. } = found;
        let id = session.id.full();
        let Agent { browser, device } = Agent::of(origin.agent.as_deref().unwrap_or_default());
        let before = |expires: DateTime| {
            let lifetime = i64::try_from(self.lifetime?.as_millis()).ok()?;
            Some(DateTime::from_millis(expires.timestamp_millis().checked_sub(lifetime)?))
        };
        Device {
            handle: self.keyed.handle(&id),
            current: id == visitor.id,
            browser,
            device,
            address: origin.ip.as_deref().and_then(address),
            last_seen: session.touched.or_else(|| session.expires.and_then(before)),
            signed_in: session.created,
            expires: session.expires,
        }
    }

    /// Ends one session of the visitor other than the current one, and returns whether it existed. Does
    /// nothing if the current session has ended. It continues if this future is dropped.
    ///
    /// # Errors
    /// As for [`sessions`](Self::sessions) and [`Store::destroy_others`].
    pub async fn sign_out(&self, visitor: &Visitor, handle: &str) -> Result<bool> {
        let (devices, visitor, handle) = (self.clone(), visitor.clone(), handle.to_owned());
        // With its look-ups: the visitor may leave the page at once.
        in_task(async move {
            let (found, has_current) = devices.found(&visitor).await?;
            // A session that has ended, such as a stolen one, ends no other.
            if !has_current {
                return Ok(false);
            }
            let mut ids = found.iter().map(|found| found.session.id.full());
            let is_it = |id: &String| devices.keyed.handle(id) == handle && *id != visitor.id;
            let Some(id) = ids.find(is_it) else { return Ok(false) };
            Ok(devices.store.destroy_one_of(&visitor.user, &id).await? > 0)
        })
        .await
    }

    /// Ends all sessions of the visitor but the current one, and returns how many it ended; `None`
    /// if the current session is not among them, because it has ended: then nothing is done. It
    /// continues if this future is dropped.
    ///
    /// # Errors
    /// As for [`sessions`](Self::sessions) and [`Store::destroy_others`].
    pub async fn sign_out_others(&self, visitor: &Visitor) -> Result<Option<u64>> {
        let (devices, visitor) = (self.clone(), visitor.clone());
        in_task(async move {
            let (_, has_current) = devices.found(&visitor).await?;
            if !has_current {
                return Ok(None);
            }
            devices.store.destroy_others(&visitor.user, &visitor.id).await.map(Some)
        })
        .await
    }

    /// A token for the forms of an application that has its own page. It is bound to the session,
    /// and each one is different.
    pub fn token(&self, visitor: &Visitor) -> String {
        self.keyed.token(&visitor.id)
    }

    /// Whether [`token`](Self::token) made this token for the session of the visitor.
    pub fn is_token(&self, visitor: &Visitor, token: &str) -> bool {
        self.keyed.is_token(&visitor.id, token)
    }
}

fn in_payload(path: &str) -> UserPlace {
    UserPlace::Payload(path.to_owned())
}

/// The address in what an application stored: the first one of a list, perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    let first = text.split(',').next()?.trim();
    let with_port = || first.parse::<SocketAddr>().ok().map(|address| address.ip());
    first.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_is_shown_as_one() {
        let shown = |text| address(text).map(|address| address.to_string());
        for (text, wanted) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:51234", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            (" 2001:db8::1 , 10.0.0.1", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(wanted), "{text}");
        }
        for text in ["", "unknown", "<b>1.2.3.4</b>", "1.2.3.4\u{202e}", "256.1.1.1"] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn debugging_a_visitor_does_not_give_the_id_away() {
        let visitor = Visitor { id: "7ZQOhQlxWzrhLkva".into(), user: "alice".into() };
        assert_eq!(format!("{visitor:?}"), r#"Visitor { user: "alice", .. }"#);
    }
}
