//! A query as a plain value.

use std::time::Duration;

use bson::DateTime;

use super::condition::Condition;
use super::users::Users;
use crate::model::session::State;

/// A query for sessions. All conditions must hold; the default has none and matches every session.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// In this state.
    pub state: Option<State>,
    /// Of one of these users. If the set is empty, no session matches.
    pub users: Option<Users>,
    /// Without a user.
    pub anonymous: bool,
    /// With a decoded payload that fulfils these conditions.
    pub payload: Vec<Condition>,
    /// With an expiry before this time.
    pub expires_before: Option<DateTime>,
    /// With an expiry at or after this time.
    pub expires_after: Option<DateTime>,
    /// With a last touch before this time.
    pub touched_before: Option<DateTime>,
    /// With a last touch at or after this time.
    pub touched_after: Option<DateTime>,
    /// Created before this time.
    pub created_before: Option<DateTime>,
    /// Created at or after this time.
    pub created_after: Option<DateTime>,
    /// Not touched for this long.
    pub idle: Option<Duration>,
    /// Touched within this duration.
    pub active: Option<Duration>,
    /// How much later than recorded a session may have been touched. This is added to every touch,
    /// and derived touches are compared, too. If `None`, only stored touches are compared.
    pub touch_slack: Option<Duration>,
    /// Created at least this long ago.
    pub older: Option<Duration>,
}

impl Query {
    /// The sessions in `state`.
    pub fn state(state: State) -> Self {
        Self { state: Some(state), ..Self::default() }
    }

    /// The sessions of `users`: one, or several.
    pub fn of(users: impl Into<Users>) -> Self {
        Self { users: Some(users.into()), ..Self::default() }
    }

    /// Whether every session it selects is expired, so that ending them logs nobody out.
    pub fn is_only_expired(&self) -> bool {
        self.state == Some(State::Expired)
    }
}
