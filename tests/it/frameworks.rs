//! Applications of the real frameworks on our store: those among the examples.

use sessionctl::{Store, StoreBuilder};

use crate::support::Db;

#[path = "../examples/common/accounts.rs"]
mod accounts;
pub mod actix;
pub mod axum_login;
#[path = "../examples/common/page.rs"]
mod page;
mod started;
mod step_down;

/// The password of every account.
pub const PASSWORD: &str = "correct horse";

/// The users of the tests: those named, and `user-0` to `user-1999`.
pub fn accounts() -> accounts::Accounts {
    let numbered: Vec<_> = (0..2000).map(|number| format!("user-{number}")).collect();
    let named = ["alice", "asa", "bo", "bob"];
    let names = numbered.iter().map(String::as_str).chain(named);
    accounts::Accounts::new(names.map(|name| (name, PASSWORD)))
}

/// A store of this layout in the collection `sessions`, where axum-login has the user at
/// `auth.user_id`, and actix-session and Express at `user`.
pub fn shared_store(db: &Db, layout: &str) -> Store {
    let builder: StoreBuilder = Store::builder().uri(&db.uri).database(&db.name).layout(layout);
    let builder = builder.user_path("auth.user_id").user_path("user").ttl_index(true);
    db.runtime.block_on(builder.open()).unwrap().0
}
