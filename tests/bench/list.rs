//! `list`: all sessions, one user's, and the memory it takes.

use bson::doc;

use crate::ratios::{Ratios, timed};
use crate::server::Server;

pub fn measure(server: &Server, ratios: &Ratios) {
    server.fill("sessions", Server::sessions());
    let sessions = server.collection("sessions");
    let list = ["list", "-o", "ndjson"];
    let drain = async || {
        let mut cursor = sessions.find(doc! {}).await.expect("find");
        let mut bytes = 0;
        while cursor.advance().await.expect("advance") {
            bytes += cursor.current().as_bytes().len();
        }
        assert!(bytes > 0);
    };
    ratios.compare(
        "list -o ndjson / a raw cursor",
        1.3,
        || timed(|| server.wait(drain())),
        || timed(|| server.sessionctl(&list)),
    );
    let count = async || {
        let count = sessions.count_documents(doc! { "session": { "$regex": "424242" } });
        assert!(count.await.is_ok());
    };
    ratios.compare(
        "list --user / a count by $regex",
        1.2,
        || timed(|| server.wait(count())),
        || timed(|| server.sessionctl(&["list", "--user", "424242", "-o", "ndjson"])),
    );
    ratios.amount("memory of list -o ndjson", server.peak_memory(&list), "MB", 40.0);
}
