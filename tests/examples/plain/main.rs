//! The store without a web framework: log in, read, write, list the sessions of a user, log out
//! elsewhere. What a framework does between a request and its response is up to you.
//!
//! `cargo run --example plain` runs it on a throwaway MongoDB, or on the one in `SESSIONCTL_URI`, in
//! the database `plain_example`.

#![expect(clippy::print_stdout, reason = "it shows what it does")]

use std::env;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sessionctl::mongod::{Mongod, Options, find_or_fetch};
use sessionctl::{Expiry, Store};

const HOUR: Expiry = Expiry::After(Duration::from_secs(3600));

/// What the application keeps in a session.
#[derive(Debug, Serialize, Deserialize)]
struct Visit {
    user: String,
    #[serde(rename = "userAgent")]
    agent: String,
    pages: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let throwaway = match env::var_os("SESSIONCTL_URI") {
        Some(_) => None,
        None => {
            let binary = find_or_fetch(&mut |doing| println!("{doing}"))?;
            Some(Mongod::start(&binary, Options::default())?)
        }
    };
    let uri = throwaway.as_ref().map_or_else(|| env::var("SESSIONCTL_URI"), |it| Ok(it.uri()))?;
    let (store, _) = Store::builder()
        .uri(&uri)
        .database("plain_example")
        .layout("express-mongodb-1")
        .user_path("user")
        .user_index(true)
        .ttl_index(true)
        .open()
        .await?;

    // Ids must be random and long: 192 bits here, as express-session has them.
    let [laptop, phone] = [(); 2].map(|()| sessionctl::express_cookie::new_id());
    for (id, agent) in [(&laptop, "Firefox"), (&phone, "Safari")] {
        let visit = Visit { user: "alice".into(), agent: agent.into(), pages: 0 };
        assert!(store.set_new(id, &visit, HOUR).await?, "another session has this id");
    }

    // A request: read, change, and write only if nobody logged out in the meantime.
    let mut visit: Visit = store.get(&laptop).await?.ok_or("nobody is logged in")?;
    visit.pages += 1;
    let lives = store.set_existing(&laptop, &visit, HOUR).await?;
    println!("{} saw {} page; logged in: {lives}", visit.user, visit.pages);

    for found in store.sessions_of("alice").await? {
        // Display shows the beginning of an id: all of it is as good as a password.
        println!("{}... {}", found.session.id, found.origin.agent.unwrap_or_default());
    }
    println!("logged out elsewhere: {}", store.destroy_others("alice", &laptop).await?);
    println!("the phone is logged in: {}", store.get::<Visit>(&phone).await?.is_some());
    store.destroy_all_of("alice").await?;
    println!("sessions left: {}", store.length().await?);
    Ok(())
}
