//! Columns from the payload, and where sessions came from.

use bson::oid::ObjectId;
use bson::{Bson, doc};
use serde_json::{Value, json};
use sessionctl::Layout;

use crate::support::{Db, Run, at, connect_mongo, long_id, with};

#[track_caller]
fn rows(run: &Run) -> Vec<Value> {
    run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn express(id: &str, payload: &Value) -> bson::Document {
    with(connect_mongo(&long_id(id), at(60)), doc! { "session": payload.to_string() })
}

#[test]
fn values_of_the_payload_are_columns_and_secrets_in_them_are_masked() {
    let db = Db::new();
    let first = json!({
        "cookie": {}, "userId": "asa", "ip": "203.0.113.7", "cart": { "items": [{ "sku": "a-1" }] },
        "api": { "token": "tok-secret-1", "calls": 3 }, "otp": 123_456,
        "fields": [{ "name": "password", "value": "pass-secret-2" }],
        "referer": "https://shop.example/?token=tok-secret-3&page=2", "note": "=cmd()",
    });
    let encrypted = doc! { "session": "Z2FyYmFnZSB0aGF0IGlzIG5vdCBKU09O" };
    db.insert(
        "sessions",
        [
            express("a", &first),
            express("b", &json!({ "cookie": {}, "ip": null, "otp": null })),
            with(connect_mongo(&long_id("c"), at(60)), encrypted),
        ],
    );
    let paths =
        ["ip", "cart.items.0.sku", "api.calls", "api", "otp", "fields.0.value", "referer", "note"];
    let names: Vec<_> = paths.iter().map(|path| format!("payload.{path}")).collect();
    let columns = format!("user,{}", names.join(","));
    let run = db.sessionctl(&["list", "-o", "ndjson", "--sort", "id", "--columns", &columns]);
    let run = run.exits(0).never_shows("secret").never_shows("123456");
    let run = run.says("warning: 1 session has a payload that cannot be decoded");
    let seen = rows(&run);
    let keys: Vec<_> = seen[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys.join(","), columns);
    let wanted = [
        json!("203.0.113.7"),
        json!("a-1"),
        json!(3),
        json!({ "token": "********", "calls": 3 }),
        json!("********"),
        json!("********"),
        json!("https://shop.example/?token=********&page=2"),
        json!("=cmd()"),
    ];
    for (name, wanted) in names.iter().zip(wanted) {
        assert_eq!(seen[0][name], wanted, "{name}");
    }
    for row in &seen[1..] {
        assert!(names.iter().all(|name| row[name] == Value::Null), "{row}");
    }
    let csv = ["list", "-o", "csv", "-q", "--sort", "id", "--columns", "payload.note,payload.api"];
    let run = db.sessionctl(&csv).exits(0);
    let api = r#""{""token"":""********"",""calls"":3}""#;
    assert_eq!(run.stdout, format!("payload.note,payload.api\n'=cmd(),{api}\n,\n,\n"));
    for wrong in ["payload", "payload.", "cart.items", "/session"] {
        db.sessionctl(&["list", "--columns", wrong]).exits(2);
    }
    let run =
        db.sessionctl(&["list", "-q", "--sort", "id", "--columns", "user,payload.ip"]).exits(0);
    assert!(run.stdout.starts_with("USER  PAYLOAD.IP\nasa   203.0.113.7\n"), "{run:#?}");
}

#[test]
fn the_layout_says_where_a_session_came_from() {
    let db = Db::new();
    let better_auth = |more| {
        let times = doc! { "expiresAt": at(60), "createdAt": at(-60), "updatedAt": at(-60) };
        let own = doc! { "_id": ObjectId::new(), "token": long_id("t"), "userId": ObjectId::new() };
        with(with(own, times), more)
    };
    db.insert(
        "session",
        [
            better_auth(doc! { "ipAddress": "203.0.113.7", "userAgent": "Firefox \u{1b}[2J" }),
            better_auth(doc! { "ipAddress": "", "userAgent": Bson::Null }),
            better_auth(doc! { "userAgent": "curl?token=tok-secret-1" }),
        ],
    );
    db.insert(
        "sessions",
        [
            express("a", &json!({ "cookie": {}, "ipAddress": "198.51.100.2", "userAgent": "x" })),
            express("b", &json!({ "cookie": {}, "ip": { "v4": "198.51.100.3" } })),
        ],
    );
    let listed = |collection: &str| {
        let columns = ["list", "-o", "ndjson", "-c", collection, "--columns", "ip,agent"];
        rows(&db.sessionctl(&columns).exits(0).shows_nothing_hostile())
    };
    assert_eq!(
        listed("session"),
        [
            json!({ "ip": "203.0.113.7", "agent": "Firefox \u{1b}[2J" }),
            json!({ "ip": null, "agent": null }),
            json!({ "ip": null, "agent": "curl?token=********" }),
        ]
    );
    assert_eq!(
        listed("sessions"),
        [json!({ "ip": "198.51.100.2", "agent": "x" }), json!({ "ip": null, "agent": null })]
    );
    let authjs =
        doc! { "sessionToken": long_id("s"), "userId": ObjectId::new(), "expires": at(60) };
    db.insert("authjs", [authjs]);
    let run =
        db.sessionctl(&["list", "-c", "authjs", "-o", "csv", "--columns", "user,ip"]).exits(0);
    run.says("the layout authjs does not define where the ip is");
}

#[test]
fn stores_that_write_down_where_a_session_came_from_are_read() {
    let linux = "Mozilla/5.0 (X11; Linux)";
    let wanted = [
        ("accounts-js", Some(linux)),
        ("better-auth", Some(linux)),
        ("chat-ui", Some("Mozilla/5.0")),
        ("graylog", None),
        ("laravel-database", Some("Mozilla/5.0")),
        ("laravel-mongodb", Some("Mozilla/5.0")),
        ("lucia", None),
    ];
    for (name, agent) in wanted {
        let folder = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
        let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        let fixture: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let document = Bson::try_from(fixture["documents"][0].clone()).unwrap();
        let document = bson::RawDocumentBuf::try_from(document.as_document().unwrap()).unwrap();
        let origin = Layout::named(name).unwrap().origin(&document);
        assert_eq!(origin.ip.as_deref(), Some("203.0.113.7"), "{name}");
        assert_eq!(origin.agent.as_deref(), agent, "{name}");
    }
}

#[test]
fn names_of_columns_are_escaped_and_none_is_printed_twice() {
    let db = Db::new();
    db.insert("sessions", [express("one", &json!({ "a\"b": 7 }))]);
    let columns = ["list", "--columns", "id,payload.a\"b"];
    let run = db.sessionctl(&[&columns[..], &["-o", "json"]].concat()).exits(0);
    assert_eq!(run.json()[0]["payload.a\"b"], 7);
    let run = db.sessionctl(&[&columns[..], &["-o", "ndjson"]].concat()).exits(0);
    assert_eq!(rows(&run)[0]["payload.a\"b"], 7);
    for columns in ["id,user,id", "payload.a,id,payload.a"] {
        let run = db.sessionctl(&["list", "--columns", columns]).exits(2);
        run.fails_in_one_sentence().says("twice");
    }
}
