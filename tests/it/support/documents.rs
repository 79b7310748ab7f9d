//! Sessions as the stores write them, and instants around now.

use bson::{Bson, DateTime, Document, doc};

/// The server's clock and ours are the same machine's here; tests may look at either.
pub fn now() -> DateTime {
    #[expect(clippy::disallowed_methods, reason = "a test makes documents around now")]
    DateTime::now()
}

/// `seconds` from now; negative is ago.
pub fn at(seconds: i64) -> DateTime {
    DateTime::from_millis(now().timestamp_millis() + seconds * 1000)
}

/// `document` with more fields.
pub fn with(mut document: Document, more: Document) -> Document {
    document.extend(more);
    document
}

/// An id of 32 characters that begins with `name`, as long as those that stores make.
pub fn long_id(name: &str) -> String {
    format!("{name:0<32}")
}

/// A session as connect-mongo writes it.
pub fn connect_mongo(id: &str, expires: impl Into<Bson>) -> Document {
    let cookie = r#""cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}"#;
    doc! { "_id": id, "expires": expires, "session": format!("{{{cookie},\"userId\":42}}") }
}

/// A session as Flask-Session writes it. Its id is not the `_id`, and need not be unique.
pub fn flask(id: &str, expires: DateTime) -> Document {
    let val = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![0x80] };
    doc! { "id": format!("session:{id}"), "val": val, "expiration": expires }
}

/// A session as the store of `layout` writes it.
pub fn session(layout: &str, id: &str, expires: impl Into<Bson>) -> Document {
    let expires = expires.into();
    let payload = doc! { "cookie": { "originalMaxAge": null, "path": "/" }, "userId": 42 };
    match layout {
        "connect-mongo-json" => connect_mongo(id, expires),
        "express-session-object" => doc! { "_id": id, "expires": expires, "session": payload },
        "express-mongodb-legacy" => {
            doc! { "sid": id, "__v": 0, "data": payload, "expires": expires, "lastAccess": at(-60) }
        }
        "express-mongodb-1" => {
            doc! { "_id": id, "session": payload, "expiresAt": expires, "updatedAt": at(-60) }
        }
        "tower-sessions" => {
            let bytes = vec![0x93, 0x00, 0x80, 0x90];
            let data = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes };
            doc! { "_id": id, "data": data, "expireAt": expires }
        }
        _ => panic!("{layout}"),
    }
}

/// The built-in layouts, with the field of the id and the field of the expiry.
pub const LAYOUTS: [(&str, &str, &str); 5] = [
    ("connect-mongo-json", "_id", "expires"),
    ("express-session-object", "_id", "expires"),
    ("express-mongodb-legacy", "sid", "expires"),
    ("express-mongodb-1", "_id", "expiresAt"),
    ("tower-sessions", "_id", "expireAt"),
];
