//! Payloads that are made to take memory: megabytes of what costs most in each encoding. Whatever a site
//! was made to store, reading it takes less than 150 MB.

use std::fs;
use std::thread;
use std::time::Duration;

use super::generator::originals;
use super::value::{Fields, Value};
use super::{Rules, insert, is_long, tell};
use crate::stores::quiet_uri;
use crate::support::{Db, Run, at, connect_mongo};

/// Less where many tests run: what bounds the values is reached all the same.
fn size() -> usize {
    if is_long() { 10_000_000 } else { 4_000_000 }
}

/// Kilobytes.
const MOST: u64 = 150_000;

/// `start`, then `part` again and again.
fn filled(start: &[u8], part: &[u8]) -> Vec<u8> {
    let mut bytes = start.to_vec();
    bytes.extend(
        part.iter().copied().cycle().take((size() - start.len()) / part.len() * part.len()),
    );
    bytes
}

/// A length before a text, as Java writes it.
fn java_name(name: &str) -> Vec<u8> {
    [&u16::try_from(name.len()).unwrap().to_be_bytes(), name.as_bytes()].concat()
}

/// A class without ancestors, which has so many fields, and how an object of it begins.
fn java_class(name: &str, flags: u8, fields: u16) -> Vec<u8> {
    let start = [&[0x72][..], &java_name(name), &[0; 8], &[flags], &fields.to_be_bytes()].concat();
    [start, b"I\0\0".repeat(fields.into()), vec![0x78, 0x70]].concat()
}

/// The layout, what the payload is, and whether it is text.
fn bombs() -> Vec<(&'static str, &'static str, Vec<u8>, bool)> {
    let java: &[u8] = &[0xac, 0xed, 0, 5];
    let array = [java, &[0x75], &java_class("[Ljava.lang.Object;", 2, 0), &[0x7f; 4]].concat();
    let of_fields = java_class("A", 2, u16::MAX);
    let count = u32::try_from(size()).unwrap().to_be_bytes();
    let msgpack = |start: &[u8]| [start, &count].concat();
    // Python's protocol 2: a list, filled from a mark on.
    let pickle = b"\x80\x02](";
    // Ruby's array or hash of so many.
    let ruby = |kind: u8| [&[4, 8, kind, 4][..], &(1_u32 << 23).to_le_bytes()].concat();
    let most = u32::try_from(size() - 10).unwrap().to_be_bytes();
    let fields = u32::try_from(size() - 20).unwrap().to_be_bytes();
    // The length of the message, the type's id, and a struct of so many fields.
    let gob_type = [&[0xFC][..], &most, &[0xFF, 0x81, 3, 2, 1, 1, 0xFC], &fields].concat();
    let gob_type = &gob_type[..];
    vec![
        ("spring-jdk", "java: empty blocks", filled(java, &[0x77, 0]), false),
        ("spring-jdk", "java: nulls", filled(&array, &[0x70]), false),
        ("spring-jdk", "java: texts", filled(&array, &[0x74, 0, 1, b'a']), false),
        ("spring-jdk", "java: bytes that are not UTF-8", filled(&array, &[0x77, 1, 0xFF]), false),
        ("spring-jdk", "java: fields", filled(java, &of_fields), false),
        (
            "spring-jdk",
            "java: interfaces",
            filled(&[java, &[0x7d], &count[..]].concat(), &[0, 0]),
            false,
        ),
        (
            "flask-session",
            "msgpack: maps",
            filled(&msgpack(&[0x81, 0xa1, b'a', 0xdd]), &[0x80]),
            false,
        ),
        (
            "flask-session",
            "msgpack: maps of one",
            filled(&msgpack(&[0x81, 0xa1, b'a', 0xdd]), &[0x81, 0xa0, 0xc0]),
            false,
        ),
        (
            "flask-session",
            "msgpack: bytes",
            filled(&msgpack(&[0x81, 0xa1, b'a', 0xdd]), &[0xc4, 1, 0xFF]),
            false,
        ),
        (
            "flask-session",
            "msgpack: integers",
            filled(&msgpack(&[0x81, 0xa1, b'a', 0xdd]), &[1]),
            false,
        ),
        (
            "tower-sessions",
            "msgpack: arrays",
            filled(
                &[&[0x93, 0xc4, 16][..], &[7; 16], &[0x81, 0xa1, b'a', 0xdd], &count].concat(),
                &[0x91, 0xc0],
            ),
            false,
        ),
        ("flask-session", "pickle: dictionaries", filled(pickle, b"}"), false),
        ("flask-session", "pickle: bytes", filled(pickle, b"C\x01\xFF"), false),
        ("flask-session", "pickle: memo", filled(pickle, b"\x94N"), false),
        ("flask-session", "pickle: marks", filled(pickle, b"("), false),
        ("symfony", "php: arrays", filled(b"a|a:9999999:{", b"i:0;a:0:{}"), false),
        ("symfony", "php: bytes", filled(b"a|a:9999999:{", b"i:0;s:1:\"\xFF\";"), false),
        ("symfony", "php: variables", filled(b"", b"a|N;"), false),
        ("mongoid-session-store", "ruby: hashes", filled(&ruby(b'['), b"{\0"), false),
        ("mongoid-session-store", "ruby: bytes", filled(&ruby(b'['), b"\"\x06\xFF"), false),
        ("mongoid-session-store", "ruby: symbols", filled(&ruby(b'['), b":\x06a"), false),
        ("scs", "gob: fields", filled(gob_type, &[0]), false),
        ("scs", "gob: types", filled(b"", &[5, 0xFF, 0x81, 2, 0, 0]), false),
        ("connect-mongo-json", "json: objects", filled(b"{\"a\":[", b"{},"), true),
        ("connect-mongo-json", "json: objects of one", filled(b"{\"a\":[", b"{\"\":0},"), true),
        ("connect-mongo-json", "json: members", filled(b"{", b"\"\":0,"), true),
        ("connect-mongo-json", "json: depth", filled(b"{\"a\":", b"["), true),
        ("connect-mongo-json", "json: a long text", filled(b"{\"a\":\"", b"\\u0001"), true),
        ("connect-mongo-json", "json: a long id", filled(b"{\"user\":\"", b"x"), true),
        ("django-db", "django: no base64", filled(b".eJ", b"A"), true),
    ]
}

/// Runs the program to its end, with the most memory that it held.
fn measured(db: &Db, arguments: &[&str]) -> (Run, u64) {
    let mut running = db.command(arguments).start();
    let status = format!("/proc/{}/status", running.child().id());
    let mut most = 0;
    while let Ok(status) = fs::read_to_string(&status) {
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let Some(line) = line else { break };
        most = most.max(line.trim().trim_end_matches(" kB").parse().unwrap());
        thread::sleep(Duration::from_millis(2));
    }
    (running.wait(), most)
}

#[test]
fn megabytes_of_any_payload_are_read_in_less_than_150_mb() {
    let db = Db::on(&quiet_uri());
    let mut all = Vec::new();
    for (layout, what, payload, is_text) in bombs() {
        let rules = Rules::all().into_iter().find(|rules| rules.name == layout).unwrap();
        let path = rules.record["payload"]["path"].as_str().unwrap();
        let value = if is_text { Value::Text(payload) } else { Value::Binary(0, payload) };
        let mut document: Fields = originals(layout).remove(0);
        document.iter_mut().find(|(name, _)| name == path.as_bytes()).unwrap().1 = value;
        db.run(bson::doc! { "delete": "sessions", "deletes": [{ "q": {}, "limit": 0 }] });
        insert(&db, "sessions", &[document]);
        let with = ["--layout", layout, "-o", "json"];
        let (listed, most) = measured(&db, &[&["list", "--full-ids"], &with[..]].concat());
        let id = listed.exits(0).json()[0]["id"].as_str().unwrap().to_owned();
        let mut peaks = vec![(most, format!("list of {what}"))];
        let commands: &[&[&str]] = match is_long() {
            true => &[&["stats"], &["inspect", &id], &["inspect", "--reveal", &id]],
            false => &[&["inspect", &id]],
        };
        for command in commands {
            let (run, most) = measured(&db, &[command, &with[..]].concat());
            run.exits(0).json();
            peaks.push((most, format!("{} of {what}", command[0])));
        }
        all.extend(peaks);
    }
    all.sort();
    let beyond: Vec<_> = all.iter().filter(|(most, _)| *most > MOST).collect();
    let (most, what) = all.last().unwrap();
    tell(&format!("bombs: highest memory {} MB: {what}", most / 1000));
    assert!(beyond.is_empty(), "{beyond:#?}");
}

/// A line as earlier versions wrote it, of so many values that all of them together, decoded, would take a
/// gigabyte in the long form.
fn line_of_many_values() -> Vec<u8> {
    let start = r#"{"_id":"many","expires":{"$date":{"$numberLong":"1"}},"session":"{}","many":["#;
    let mut line = filled(start.as_bytes(), br#"{"$numberInt":"7"},"#);
    line.pop();
    line.extend(b"]}\n");
    line
}

#[test]
fn the_largest_sessions_are_examined_archived_and_restored_in_less_than_150_mb() {
    let db = Db::on(&quiet_uri());
    let folder = tempfile::tempdir().unwrap();
    let (archive, lines) = (folder.path().join("a.bson"), folder.path().join("a.ndjson"));
    let (archive, many) = (archive.to_str().unwrap(), lines.to_str().unwrap());
    let sessions = if is_long() { 30 } else { 5 };
    for n in 0..sessions {
        let mut session = connect_mongo(&format!("large-{n:02}"), at(-60));
        session.insert("session", format!("{{\"a\":\"{}\"}}", "x".repeat((16 << 20) - 300)));
        db.insert("sessions", [session]);
    }
    fs::write(&lines, line_of_many_values()).unwrap();
    let commands: [&[&str]; 4] = [
        &["doctor", "-o", "json"],
        &["purge", "--expired", "--archive", archive],
        &["restore", archive, "--yes"],
        &["restore", many, "--yes"],
    ];
    for command in commands {
        let (run, most) = measured(&db, command);
        assert!(matches!(run.code, Some(0 | 4)), "{run:#?}");
        tell(&format!("bombs: {} MB for {}", most / 1000, command[0]));
        assert!(most < MOST, "{most} kB for {command:?}");
    }
    assert_eq!(db.count("sessions", bson::doc! {}), sessions + 1);
    let many = db.one("sessions", "_id", "many");
    assert!(many.get_array("many").unwrap().len() > size() / 20);
}
