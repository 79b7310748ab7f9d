//! `list`: all sessions, those of one user and of thousands, and the memory it takes.

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
    let listed = |count: u32| {
        let list = tempfile::NamedTempFile::new().expect("a file");
        let users: Vec<String> = (0..count).map(|number| (number * 331).to_string()).collect();
        std::fs::write(&list, users.join("\n")).expect("write");
        list
    };
    let (some, many) = (listed(3000), listed(100_000));
    let path = |list: &tempfile::NamedTempFile| list.path().to_string_lossy().into_owned();
    let of = |list: &str| -> Vec<String> {
        ["list", "-q", "-o", "ndjson", "--users-from", list].map(str::to_owned).into()
    };
    let run = |arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        timed(|| server.sessionctl(&arguments))
    };
    ratios.compare(
        "list of 3,000 users / of one",
        2.0,
        || timed(|| server.sessionctl(&["list", "--user", "424242", "-o", "ndjson"])),
        || run(&of(&path(&some))),
    );
    let many = of(&path(&many));
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    ratios.amount("memory of a list of 100,000 users", server.peak_memory(&many), "MB", 60.0);
    let keep = ["list", "-q", "-o", "ndjson", "--live", "--keep", "3"];
    ratios.amount("memory of list --keep 3", server.peak_memory(&keep), "MB", 64.0);
    ratios.amount("memory of list -o ndjson", server.peak_memory(&list), "MB", 40.0);
}
