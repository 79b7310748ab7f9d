//! `copy`: all sessions into another collection of the server, in the same layout and into another one.

use bson::doc;
use bson::raw::RawDocumentBuf;

use crate::ratios::{Ratios, timed};
use crate::server::Server;

pub fn measure(server: &Server, ratios: &Ratios) {
    server.command("admin", doc! { "setParameter": 1, "ttlMonitorEnabled": false });
    server.fill("sessions", Server::sessions());
    // Both sides begin with an empty collection that has the index.
    let prepare = || {
        server.wait(server.collection("copies").drop().into_future()).expect("a drop");
        let index = doc! { "key": { "expires": 1 }, "name": "expires_1", "expireAfterSeconds": 0 };
        server.command("test", doc! { "createIndexes": "copies", "indexes": [index] });
        server.command("admin", doc! { "fsync": 1 });
    };
    let raw = async || {
        let mut cursor = server.collection("sessions").find(doc! {}).await.expect("find");
        let copies = server.collection("copies");
        let mut batch: Vec<RawDocumentBuf> = Vec::with_capacity(1000);
        while cursor.advance().await.expect("advance") {
            batch.push(cursor.current().to_owned());
            if batch.len() == 1000 {
                copies.insert_many(batch.drain(..)).ordered(false).await.expect("insert");
            }
        }
        if !batch.is_empty() {
            copies.insert_many(batch).ordered(false).await.expect("insert");
        }
    };
    let copy = ["copy", "--to-collection", "copies", "--yes", "-q"];
    let run = |arguments: &[&str]| {
        prepare();
        timed(|| server.sessionctl(arguments))
    };
    ratios.compare(
        "copy / the driver's read and insert_many",
        1.3,
        || {
            prepare();
            timed(|| server.wait(raw()))
        },
        || run(&copy),
    );
    let convert = [&copy[..], &["--to-layout", "express-session-object"]].concat();
    ratios.compare("copy into another layout / the same", 2.0, || run(&copy), || run(&convert));
    prepare();
    ratios.amount("memory of copy", server.peak_memory(&copy), "MB", 40.0);
    ratios.amount("memory of a copy that is repeated", server.peak_memory(&copy), "MB", 40.0);
    prepare();
    ratios.amount("memory of copy --to-layout", server.peak_memory(&convert), "MB", 40.0);
}
