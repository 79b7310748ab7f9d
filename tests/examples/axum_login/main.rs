//! A new axum application with axum-login 0.18 and its sessions in MongoDB: a login form, the page
//! "Your sessions", and log-out here, elsewhere and everywhere. The documentation of
//! `sessionctl::axum_guide` explains a smaller one.
//!
//! `cargo run --example axum_login` starts it on a throwaway MongoDB; open <http://127.0.0.1:3000>. The
//! users are `alice` with the password `wonderland`, and `bob` with `builder`. With other settings it
//! stores its sessions beside those of an Express application, and "log out everywhere" ends both:
//!
//! - `SESSIONCTL_URI`: where the sessions are, such as `mongodb://localhost:27017/shop`;
//! - `SESSIONCTL_COLLECTION` and `SESSIONCTL_LAYOUT`: `sessions` and `express-mongodb-1` unless set;
//! - `DEVICES_KEY`: a secret of at least 32 bytes for the page `/sessions`, the same in all processes; a
//!   random one unless set;
//! - `PORT`: 3000 unless set.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints its address")]

#[path = "../common/accounts.rs"]
mod accounts;
mod app;
#[path = "../common/page.rs"]
mod page;
#[path = "../common/server.rs"]
mod server;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use sessionctl::Store;
use sessionctl::express_cookie::new_id;
use tokio::net::TcpListener;

use accounts::Accounts;
use server::{server, setting};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match serve().await {
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
        // Where axum-login has the user, and where the Express application has it.
        .user_path("auth.user_id")
        .user_path("user")
        .open()
        .await?;
    let accounts = Accounts::new([("alice", "wonderland"), ("bob", "builder")]);
    let key = setting("DEVICES_KEY", &new_id());
    let app = app::router(store.clone(), accounts, "auth", key.as_bytes())?;

    let address = format!("127.0.0.1:{}", setting("PORT", "3000"));
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("could not listen at {address}: {error}"))?;
    println!("the sessions are in {} at {}", store.namespace(), store.connection().address());
    println!("http://{} (Ctrl-C ends it)", listener.local_addr()?);
    let ended = async {
        // Without signals it ends when it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(ended).await?;
    Ok(())
}
