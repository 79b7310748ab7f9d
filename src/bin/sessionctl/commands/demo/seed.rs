//! Sample sessions: several hundred of four stores, in all four states. They are the same at every
//! start, except for their dates.

use bson::{DateTime, Document, doc};
use serde_json::{Value, json};
use sessionctl::Expiry;

/// One sample collection.
pub struct Collection {
    pub name: &'static str,
    pub layout: &'static str,
    pub sessions: Vec<Sample>,
    /// Documents that remain after something went wrong.
    pub odd: Vec<Document>,
}

/// One session, which is written as its store would write it.
pub struct Sample {
    pub id: String,
    pub payload: Value,
    pub expiry: Expiry,
}

/// A session with a whole payload.
const CUSTOMER: &str = "7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN";

const MINUTE: i64 = 60_000;
const DAY: i64 = 1440 * MINUTE;

/// The sample collections, with dates around `now`.
pub fn collections(now: DateTime) -> Vec<Collection> {
    let at = |millis: i64| Expiry::At(DateTime::from_millis(now.timestamp_millis() + millis));
    let mut random = Random(0x5eed);
    let mut samples = |count: u32, id_length: usize, endless_in_ten: u64, past: i64, ahead: i64| {
        (0..count)
            .map(|number| {
                // Two thirds are expired, as in a collection without a sweeper.
                let expiry = match random.below(10) {
                    dice if dice < endless_in_ten => Expiry::Never,
                    dice if dice < 7 => at(-MINUTE - random.below(past as u64) as i64),
                    _ => at(MINUTE + random.below(ahead as u64) as i64),
                };
                Sample { id: random.id(id_length), payload: visitor(number, &mut random), expiry }
            })
            .collect::<Vec<_>>()
    };
    let mut web = samples(180, 32, 0, 60 * DAY, 14 * DAY);
    web[0] = Sample { id: CUSTOMER.to_owned(), payload: customer(), expiry: at(13 * DAY) };
    // The user that the tour logs out.
    for (sample, days) in web[1..4].iter_mut().zip(9..) {
        (sample.payload, sample.expiry) =
            (json!({ "passport": { "user": "olga" } }), at(days * DAY - MINUTE));
    }
    vec![
        Collection {
            name: "sessions",
            layout: "connect-mongo-json",
            sessions: web,
            odd: (0..6).map(|number| broken(number, now)).collect(),
        },
        Collection {
            name: "admin_sessions",
            layout: "express-session-object",
            // These expire soon, so that `stats` fits a small terminal.
            sessions: samples(60, 32, 0, DAY, DAY / 24),
            odd: Vec::new(),
        },
        Collection {
            name: "legacy",
            layout: "express-mongodb-legacy",
            sessions: samples(90, 32, 3, 60 * DAY, 14 * DAY),
            odd: Vec::new(),
        },
        Collection {
            name: "rust",
            layout: "tower-sessions",
            // 22 characters, the last of which carries only two bits.
            sessions: samples(120, 21, 0, 60 * DAY, 14 * DAY)
                .into_iter()
                .map(|sample| Sample { id: sample.id + "w", ..sample })
                .collect(),
            odd: Vec::new(),
        },
    ]
}

/// An expiry that is text, as after a manual restore: nothing deletes it.
fn broken(number: i64, now: DateTime) -> Document {
    let day = DateTime::from_millis(now.timestamp_millis() - (30 + number) * DAY);
    doc! {
        "_id": format!("restored-by-hand-0000-{number:010}"),
        "expires": day.try_to_rfc3339_string().unwrap_or_default(),
        "session": r#"{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}}"#,
    }
}

fn customer() -> Value {
    json!({
        "passport": { "user": "64f1c0ffee0ddba11c0ffee0" },
        "name": "Åsa Łuczak",
        "csrfSecret": "q3J9x0mZQ1yB6m2rVtY7s8Kd",
        "cart": { "items": [{ "sku": "TEE-XL", "qty": 2 }, { "sku": "本-42", "qty": 1 }], "total": 46.98 },
        "flash": { "info": ["Välkommen tillbaka!"] },
    })
}

/// Every third visitor is logged in.
fn visitor(number: u32, random: &mut Random) -> Value {
    let views = random.below(40);
    match number % 3 {
        0 => json!({ "userId": 1000 + random.below(50), "views": views, "cart": { "total": 0 } }),
        _ => json!({ "views": views, "returnTo": "/checkout" }),
    }
}

/// A small generator, so that the samples are the same at every start.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn id(&mut self, length: usize) -> String {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        (0..length).map(|_| char::from(LETTERS[self.below(64) as usize])).collect()
    }
}
