//! express-mongodb's demo, as an axum application: the sessions of a site in the collection
//! `mysession`, each for a minute.
//!
//! `cargo run --example axum` starts it on a throwaway MongoDB; open <http://127.0.0.1:3000>. With
//! other settings it runs beside an Express application, whose users are then logged in here:
//!
//! - `SESSIONCTL_URI`: where the sessions are, such as `mongodb://localhost:27017/shop`;
//! - `SESSIONCTL_COLLECTION` and `SESSIONCTL_LAYOUT`: `mysession` and `express-mongodb-1` unless set;
//! - `SESSION_SECRET`: the `secret` that the Express application gives express-session;
//! - `DEVICES_KEY`: a secret of at least 32 bytes for the page `/sessions`, the same in all processes; a
//!   random one unless set;
//! - `SESSION_MAX_AGE`: how many seconds a session lives after its last request, 60 unless set;
//! - `PORT`: 3000 unless set.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints its address")]

mod app;
mod page;
#[path = "../common/server.rs"]
mod server;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use sessionctl::Store;
use sessionctl::express_cookie::{ExpressCookie, new_id};
use tokio::net::TcpListener;

use server::{server, setting};

/// What the examples of express-session use. Whoever knows the secret can be anyone.
const SECRET_OF_EXAMPLES: &str = "keyboard cat";

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
        .collection(&setting("SESSIONCTL_COLLECTION", "mysession"))
        .layout(&setting("SESSIONCTL_LAYOUT", "express-mongodb-1"))
        .clear_interval(Duration::from_secs(60))
        .ttl_index(true)
        .open()
        .await?;
    let cookie = ExpressCookie::new(&setting("SESSION_SECRET", SECRET_OF_EXAMPLES));

    let max_age = setting("SESSION_MAX_AGE", "60")
        .parse()
        .map_err(|_| "SESSION_MAX_AGE is a number of seconds")?;
    let max_age = Duration::from_secs(max_age);
    let key = setting("DEVICES_KEY", &new_id());
    let app = app::router(store.clone(), cookie, max_age, key.as_bytes())?;

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
