//! actix-session 0.11 with its sessions in MongoDB: a login form, a page for users, and log-out here
//! and everywhere.
//!
//! `cargo run --example actix` starts it on a throwaway MongoDB; open <http://127.0.0.1:3000>. The users
//! are `alice` with the password `wonderland`, and `bob` with `builder`. With other settings it runs
//! beside an Express application, whose users are then logged in here, and vice versa:
//!
//! - `SESSIONCTL_URI`: where the sessions are, such as `mongodb://localhost:27017/shop`;
//! - `SESSIONCTL_COLLECTION` and `SESSIONCTL_LAYOUT`: `sessions` and `express-mongodb-1` unless set;
//! - `SESSION_SECRET`: the `secret` that the Express application gives express-session. Unless set,
//!   no cookie is shared;
//! - `SESSION_KEY`: 64 characters that encrypt actix-session's cookie, the same in all processes; a
//!   random key unless set, so that a restart logs everybody out;
//! - `PORT`: 3000 unless set.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints its address")]

#[path = "../common/accounts.rs"]
mod accounts;
mod app;
mod express;
#[path = "../common/page.rs"]
mod page;
#[path = "../common/server.rs"]
mod server;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use actix_web::cookie::Key;
use actix_web::rt::System;
use actix_web::{App, HttpServer};
use sessionctl::Store;
use sessionctl::express_cookie::ExpressCookie;

use accounts::Accounts;
use app::Site;
use server::{server, setting};

fn main() -> ExitCode {
    match System::new().block_on(serve()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let (uri, _throwaway) = server()?;
    let (store, _clear_interval) = Store::builder()
        .uri(&uri)
        .collection(&setting("SESSIONCTL_COLLECTION", "sessions"))
        .layout(&setting("SESSIONCTL_LAYOUT", "express-mongodb-1"))
        .clear_interval(Duration::from_secs(60))
        .ttl_index(true)
        .user_path("user")
        .open()
        .await?;
    let key = match env::var("SESSION_KEY") {
        Ok(key) => Key::try_from(key.as_bytes()).map_err(|_| "SESSION_KEY is too short")?,
        Err(_) => Key::generate(),
    };
    let site = Site {
        store: store.clone(),
        accounts: Accounts::new([("alice", "wonderland"), ("bob", "builder")]),
        key,
        express: env::var("SESSION_SECRET").ok().map(|secret| ExpressCookie::new(&secret)),
    };

    let address = format!("127.0.0.1:{}", setting("PORT", "3000"));
    let server = HttpServer::new(move || {
        let site = site.clone();
        App::new().configure(|config| app::configure(config, site))
    });
    let server =
        server.bind(&address).map_err(|error| format!("could not listen at {address}: {error}"))?;
    println!("the sessions are in {} at {}", store.namespace(), store.connection().address());
    for address in server.addrs() {
        println!("http://{address} (Ctrl-C ends it)");
    }
    server.shutdown_timeout(5).run().await?;
    Ok(())
}
