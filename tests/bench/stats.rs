//! `stats` against an aggregation of the same facts, written by hand for the one layout.

use bson::{Bson, DateTime, Document, doc};

use crate::ratios::{Ratios, timed};
use crate::server::Server;

pub fn measure(server: &Server, ratios: &Ratios) {
    server.fill("sessions", Server::sessions());
    compare(server, ratios, "sessions", "stats / the same facts by hand", &[]);
    let memory = server.peak_memory(&["stats", "-o", "json"]);
    ratios.amount("memory of stats", memory, "MB", 40.0);

    // The same payloads as documents, in which the server finds the user.
    let payload = doc! { "passport": { "user": { "$toInt": { "$multiply": [{ "$rand": {} }, 200_000] } } }, "cookie": { "path": "/" } };
    let as_documents = [
        doc! { "$set": { "session": payload, "lastModified": { "$subtract": ["$expires", 1_209_600_000_i64] } } },
        doc! { "$out": "objects" },
    ];
    let made = server.wait(server.collection("sessions").aggregate(as_documents).into_future());
    made.expect("documents");
    compare(server, ratios, "objects", "stats with users / by hand", &users());
}

fn compare(server: &Server, ratios: &Ratios, collection: &str, what: &str, users: &[Document]) {
    let sessions = server.collection(collection);
    let by_hand = async || {
        let lines = lines(!users.is_empty());
        let pipeline = match users {
            [] => lines,
            users => vec![doc! { "$facet": { "lines": lines, "users": users } }],
        };
        let mut cursor = sessions.aggregate(pipeline).allow_disk_use(true).await.expect("a pass");
        let mut found = 0;
        while cursor.advance().await.expect("advance") {
            found += 1;
        }
        assert!(found > 0);
    };
    ratios.compare(
        what,
        1.2,
        || timed(|| server.wait(by_hand())),
        || timed(|| server.sessionctl(&["stats", "-o", "json", "-c", collection])),
    );
}

/// By state and by the hour or day of the expiry: how many, how large, from when to when; and with
/// `touched`, how old.
fn lines(touched: bool) -> Vec<Document> {
    #[expect(clippy::disallowed_methods, reason = "what everybody runs goes by the client's clock")]
    let now = DateTime::now();
    let hours = doc! { "$floor": { "$divide": [{ "$subtract": ["$expires", now] }, 3_600_000] } };
    let day = doc! { "$subtract": ["$$h", { "$mod": ["$$h", 24] }] };
    let slot = doc! { "$let": {
        "vars": { "h": hours },
        "in": { "$cond": [{ "$lt": ["$$h", 48] }, "$$h", day] },
    } };
    let state = doc! { "$switch": { "branches": [
        { "case": { "$ne": [{ "$type": "$expires" }, "date"] }, "then": "other" },
        { "case": { "$lt": ["$expires", now] }, "then": "expired" },
    ], "default": "live" } };
    let size = doc! { "$bsonSize": "$$ROOT" };
    let mut key = doc! { "state": state, "slot": slot };
    let mut group = doc! {
        "n": { "$sum": 1 },
        "bytes": { "$sum": &size },
        "largest": { "$max": size },
        "first": { "$min": "$expires" },
        "last": { "$max": "$expires" },
    };
    if touched {
        let age =
            doc! { "$floor": { "$divide": [{ "$subtract": [now, "$lastModified"] }, 3_600_000] } };
        key.insert("age", doc! { "$min": [age, 24] });
        let millis = doc! { "$toLong": "$lastModified" };
        group.extend(doc! {
            "oldest": { "$min": "$lastModified" },
            "newest": { "$max": "$lastModified" },
            "sum": { "$sum": millis },
        });
    }
    group.insert("_id", key);
    vec![doc! { "$group": group }]
}

fn users() -> Vec<Document> {
    vec![
        doc! { "$group": { "_id": "$session.passport.user", "n": { "$sum": 1 } } },
        doc! { "$group": {
            "_id": Bson::Null,
            "users": { "$sum": 1 },
            "top": { "$topN": { "n": 11, "sortBy": { "n": -1 }, "output": { "user": "$_id", "n": "$n" } } },
        } },
    ]
}
