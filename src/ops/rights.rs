//! The rights of the login, checked before a confirmation.

use bson::doc;

use super::doctor::Rights;
use crate::server::connection::Connection;

impl Connection {
    /// The login, and the first of these rights that it lacks on the collection; `None` if it lacks
    /// none, or if the server does not report rights.
    pub async fn lacking(
        &self,
        collection: &str,
        rights: &[&'static str],
    ) -> Option<(String, &'static str)> {
        let command = doc! { "connectionStatus": 1, "showPrivileges": true };
        let reply = self.run_on_admin("connectionStatus", command).await.ok()?;
        let held = Rights::read(&reply);
        let (login, _) = held.user.clone()?;
        let lacks = |right: &&&'static str| !held.may(right, self.database(), collection);
        rights.iter().find(lacks).map(|right| (login, *right))
    }
}
