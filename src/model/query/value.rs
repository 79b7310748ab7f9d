//! A query as a plain value.

use std::time::Duration;

use bson::DateTime;

use super::condition::Condition;
use super::users::Users;
use crate::model::session::State;

/// A selection of sessions. All conditions must hold; the default has none and means every session.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// In this state.
    pub state: Option<State>,
    /// Of one of these users. Without any of them no session matches.
    pub users: Option<Users>,
    /// Without a user.
    pub anonymous: bool,
    /// With a decoded payload for which these hold.
    pub payload: Vec<Condition>,
    /// With an expiry before this instant.
    pub expires_before: Option<DateTime>,
    /// With an expiry at or after this instant.
    pub expires_after: Option<DateTime>,
    /// With a last touch before this instant.
    pub touched_before: Option<DateTime>,
    /// With a last touch at or after this instant.
    pub touched_after: Option<DateTime>,
    /// Created before this instant.
    pub created_before: Option<DateTime>,
    /// Created at or after this instant.
    pub created_after: Option<DateTime>,
    /// Not touched for this long.
    pub idle: Option<Duration>,
    /// Touched this long ago or later.
    pub active: Option<Duration>,
    /// How much later than it is known a session may have been touched. `None`: only stored touches
    /// are compared. With it, those that follow from the expiry are, too, and every touch counts as so
    /// much later.
    pub touch_slack: Option<Duration>,
    /// Created this long ago or earlier.
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
