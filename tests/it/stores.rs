//! The documents of every store, on a server without a TTL monitor, under every command.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Document, doc};
use serde_json::Value;
use sessionctl::Layout;
use sessionctl::layout::Unit;
use sessionctl::mongod::{Mongod, Options};

use crate::support::{Db, Program, Run, now, own_server};

mod converted;
mod drafts;
mod ending;
mod given;
mod lifetimes;
mod pairs;
mod survey;
mod ttl;

/// 2026-11-23T13:40:00Z, about when the libraries wrote the fixtures.
const WRITTEN: i64 = 1_795_441_200_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// When a store's session is over, defined independently of our records.
#[derive(Clone, Copy)]
enum Expiry {
    /// The date at this path.
    Date(&'static str),
    /// The date at this path plus this many seconds.
    Touch(&'static str, i64),
    /// The number at this path, in units of this many milliseconds, plus this many seconds.
    Number(&'static str, f64, i64),
    /// The number at this path in milliseconds, unless it is 0 or less.
    Positive(&'static str),
    /// The date at this path, and the number at that one in a unit of so many milliseconds, unless
    /// it is less than 0.
    Own(&'static str, &'static str, i64),
    /// The text at this path.
    Text(&'static str),
    /// The text in the JSON text at this path.
    Inside(&'static str),
    /// koa-session's own beside the index's.
    Koa,
    /// The date, or the time stored and the time to live beside it.
    Catbox,
    /// Nothing, or nothing that is a date.
    None,
}
use Expiry::{Catbox, Date, Inside, Koa, None as Never, Number, Own, Positive, Text, Touch};

/// Each layout with its expiry, and who is logged in, in the order of the documents.
const STORES: [(&str, Expiry, &[&str]); 63] = [
    ("accounts-js", Never, &["64f1c0ffee0ddba11c0ffee0", "u_8f14e45f"]),
    ("actix-session-mongodb", Date("valid_until"), &["64f1c0ffee0ddba11c0ffee0", ""]),
    ("aiohttp-session-mongo", Date("expire"), &["42", ""]),
    ("apache-session", Number("_utime", 1e3, 72_000), &["asa", ""]),
    ("async-mongodb-session", Date("expireAt"), &["42", "", ""]),
    ("authjs", Date("expires"), &["6b043fa2b14416e4a577dffc", "6b043fa2b14416e4a577dffd"]),
    ("axum-session", Number("expires", 1e3, 0), &["42", ""]),
    ("beaker", Number("expiration", 1e3, 0), &["42", ""]),
    ("better-auth", Date("expiresAt"), &["6b043fa42802bcb55f988681", "6b043fa42802bcb55f988684"]),
    ("catbox-mongodb", Catbox, &["42", ""]),
    ("connect-mongo-json", Date("expires"), EXPRESS),
    ("django-db", Date("expire_date"), &["64f1c0ffee0ddba11c0ffee0", ""]),
    ("django-mongo-sessions", Touch("creation_date", 1_209_600), &["", ""]),
    ("django-mongoengine", Date("expire_date"), &["64f1c0ffee0ddba11c0ffee0", ""]),
    ("express-mongodb-1", Date("expiresAt"), EXPRESS),
    ("express-mongodb-legacy", Date("expires"), EXPRESS),
    ("express-session-mongo", Never, &["64f1c0ffee0ddba11c0ffee0", ""]),
    ("express-session-object", Date("expires"), EXPRESS),
    ("fiber", Date("exp"), &["42", ""]),
    ("flask-mongo-sessions", Date("exp"), &["42", ""]),
    ("flask-mongoengine", Date("expiration"), &["64f1c0ffee0ddba11c0ffee0", ""]),
    ("flask-session", Date("expiration"), &["42", "", "5f9d88b8c9e77c0017d1a2b3"]),
    ("gin-mongostore", Touch("modified", 3600), &["42", ""]),
    ("koa-generic-session-mongo", Date("ttl"), &["42", ""]),
    ("koa-session-mongo", Touch("updatedAt", 1_209_600), &["64f1c0ff", ""]),
    ("koa-session-mongoose", Koa, &["64f1c0ffee0ddba11c0ffee0", "", "5f9d88b8c9e77c0017d1a2b3"]),
    ("laravel-database", Number("last_activity", 1e3, 7200), &["64f1c0ffee0ddba11c0ffee0", ""]),
    ("laravel-mongodb", Date("expires_at"), &["64f1c0ffee0ddba11c0ffee0", ""]),
    ("lucia", Date("expires_at"), &["u_8f14e45f", "u_9"]),
    ("mongo-session-store", Never, &["42", ""]),
    ("mongoid-session-store", Never, &["42", ""]),
    ("mongoose-session", Touch("createdAt", 3600), EXPRESS),
    ("parse-server", Date("expiresAt"), &["Xq81hEJ0kQ", "Yq81hEJ0kQ"]),
    ("sanic-session", Date("expiry"), &["42", ""]),
    ("scs", Number("expiration", 1e-6, 0), &["7", "42"]),
    ("shopify", Date("expires"), &["aasa-shop.myshopify.com", "902541635"]),
    ("spring-jackson", Date("expireAt"), &["asa@example.se", ""]),
    ("spring-jdk", Date("expireAt"), &["asa@example.se", "", ""]),
    ("symfony", Date("expires_at"), &["asa@example.se", ""]),
    ("tower-sessions", Date("expireAt"), &["42", "", "u_8f14e45f"]),
    ("aiohttp-session-mongo-key", Date("expire"), &["42", ""]),
    ("aspnet-session-state", Date("Expires"), &["", ""]),
    ("async-mongodb-session-1", Inside("session"), &["42", "", ""]),
    ("catbox-mongodb-1", Own("stored", "ttl", 1), &["42", ""]),
    ("catbox-mongodb-1-key", Own("stored", "ttl", 1), &["64f1c0ffee0ddba11c0ffee0", ""]),
    ("chat-ui", Date("expiresAt"), &["64f1c0ffee0ddba11c0ffee0", "5f9d88b8c9e77c0017d1a2b3"]),
    ("connect-mongodb", Number("expires", 1.0, 0), THREE),
    ("foal", Number("state.updatedAt", 1e3, 900), &["64f1c0ffee0ddba11c0ffee0", ""]),
    ("go-session", Date("expired_at"), &["42", ""]),
    (
        "graylog",
        Own("last_access_time", "timeout", 1),
        &["64f1c0ffee0ddba11c0ffee0", "", "local:admin"],
    ),
    ("jetty", Positive("expiry"), &["64f1c0ffee0ddba11c0ffee0", "", ""]),
    ("keyv", Date("expiresAt"), THREE),
    ("laminas", Own("modified", "lifetime", 1000), &["64f1c0ffee0ddba11c0ffee0", ""]),
    ("laravel-1ff", Date("expires_at"), &["64f1c0ffee0ddba11c0ffee0", ""]),
    ("laravel4-jenssegers", Touch("last_activity", 7200), &["64f1c0ffee0ddba11c0ffee0", ""]),
    ("librechat", Date("expiration"), &["64f1c0ffee0ddba11c0ffee0", "5f9d88b8c9e77c0017d1a2b3"]),
    ("lucia-2", Number("idle_expires", 1.0, 0), &["h2k9wq7xz1m4c5v", "p8d3nr6tb0y5s2f"]),
    ("oak-sessions", Text("data._expire"), &["64f1c0ffee0ddba11c0ffee0", "", ""]),
    ("prisma-session-store", Date("expiresAt"), THREE),
    ("session-mongoose", Date("expires"), THREE),
    ("session-mongoose-ttl", Touch("usedAt", 3600), THREE),
    ("sessionstore", Date("expires"), THREE),
    ("yii2", Number("expire", 1e3, 0), &["64f1c0ffee0ddba11c0ffee0", ""]),
];
const EXPRESS: &[&str] =
    &["64f1c0ffee0ddba11c0ffee0", "", "u_8f14e45f", "5f9d88b8c9e77c0017d1a2b3"];
const THREE: &[&str] = &["64f1c0ffee0ddba11c0ffee0", "", "u_8f14e45f"];
/// Other collections look like these too, whatever the indexes.
const WEAK: [&str; 4] = ["apache-session", "fiber", "keyv", "lucia"];

/// The documents and indexes of one store, with its dates moved to today.
struct Fixture {
    name: String,
    layout: &'static str,
    collection: String,
    expiry: Expiry,
    users: &'static [&'static str],
    documents: Vec<Document>,
    indexes: Vec<Document>,
}

impl Fixture {
    /// Every file of every layout.
    fn all() -> Vec<Self> {
        STORES.iter().flat_map(|(layout, ..)| Self::of(layout)).collect()
    }

    /// Every file of one layout.
    fn of(layout: &str) -> Vec<Self> {
        let (layout, expiry, users) = STORES.into_iter().find(|store| store.0 == layout).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(layout);
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|path| Self::read(path, layout, expiry, users)).collect()
    }

    fn one(layout: &str) -> Self {
        Self::of(layout).remove(0)
    }

    fn read(
        path: &Path,
        layout: &'static str,
        expiry: Expiry,
        users: &'static [&'static str],
    ) -> Self {
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let list = |key: &str| -> Vec<Document> {
            let document = |value: &Value| match Bson::try_from(value.clone()) {
                Ok(Bson::Document(document)) => document,
                other => panic!("{other:?}"),
            };
            file[key].as_array().unwrap().iter().map(document).collect()
        };
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let users: &[&str] = match name.as_str() {
            name if name.contains("crypto") || name.contains("secret") => &["", "", "", ""],
            name if name.starts_with("fastify") => &["42", ""],
            "lucia-2.7" => &["a420671ad3a24c1", "3a90f3117605bf1"],
            // A stream of Java objects.
            "jetty-nosql-9.4.56" => &["", "", ""],
            _ => users,
        };
        let mut documents = list("documents");
        documents.iter_mut().for_each(|document| moved(document, layout));
        let collection = file["collection"].as_str().unwrap().to_owned();
        Self { name, layout, collection, expiry, users, documents, indexes: list("indexes") }
    }

    fn record(&self) -> &'static Layout {
        Layout::named(self.layout).unwrap()
    }

    /// Whether auto detection is not sure enough of it to delete.
    fn is_weak(&self) -> bool {
        WEAK.contains(&self.layout)
    }

    fn db(&self) -> Db {
        let db = Db::on(&quiet_uri());
        self.load(&db);
        db
    }

    fn load(&self, db: &Db) {
        for mut index in self.indexes.clone() {
            index.remove("v");
            if index.get_str("name").unwrap() != "_id_" {
                db.create_index(&self.collection, index);
            }
        }
        db.insert(&self.collection, self.documents.clone());
    }

    /// sessionctl on its collection, with the layout named only where detection is not sure.
    fn run(&self, db: &Db, arguments: &[&str]) -> Run {
        if self.is_weak() { self.named(db, arguments) } else { self.auto(db, arguments) }
    }

    fn auto(&self, db: &Db, arguments: &[&str]) -> Run {
        self.program(db, arguments).run()
    }

    fn program(&self, db: &Db, arguments: &[&str]) -> Program {
        let program = db.command(arguments).env("SESSIONCTL_COLLECTION", &self.collection);
        // The index is another matter.
        match (self.lifetime(), arguments) {
            (Some(lifetime), [command, ..]) if *command != "index" => {
                program.env("SESSIONCTL_LIFETIME", &lifetime.as_secs().to_string())
            }
            _ => program,
        }
    }

    /// The lifetime that nothing in the collection says, and without which commands that need a state fail.
    fn lifetime(&self) -> Option<Duration> {
        let seconds = match self.layout {
            "apache-session" => 72_000,
            "foal" => 900,
            "laravel4-jenssegers" | "laravel-database" => 7200,
            _ => return None,
        };
        Some(Duration::from_secs(seconds))
    }

    fn named(&self, db: &Db, arguments: &[&str]) -> Run {
        self.program(db, arguments).env("SESSIONCTL_LAYOUT", self.layout).run()
    }

    fn rows(&self, db: &Db, arguments: &[&str]) -> Vec<Value> {
        let mut all = vec!["list", "--full-ids", "-o", "json"];
        all.extend(arguments);
        let rows = self.auto(db, &all).exits(0).json();
        rows.as_array().unwrap().clone()
    }

    /// The ids as a list shows them. Half an `ObjectId` is when and where it was made: there only
    /// the whole names a session.
    fn shown(&self, db: &Db) -> Vec<String> {
        let full: &[&str] = if self.layout == "gin-mongostore" { &["--full-ids"] } else { &[] };
        let rows = self.auto(db, &[&["list", "-o", "json"], full].concat()).exits(0).json();
        let ids = rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned());
        ids.collect()
    }

    /// What its store looks a document up by, as text.
    fn id(&self, document: &Document) -> String {
        match document.get(&self.record().id.path).unwrap() {
            Bson::String(id) => id.clone(),
            Bson::ObjectId(id) => id.to_hex(),
            Bson::Binary(binary) => String::from_utf8(binary.bytes.clone()).unwrap(),
            other => panic!("{other}"),
        }
    }

    /// When `document` is over, as stored.
    fn expires(&self, document: &Document) -> Option<i64> {
        let date = |path: &str| at(document, path).and_then(Bson::as_datetime).copied();
        let date = |path: &str| date(path).map(DateTime::timestamp_millis);
        let number = |path: &str| at(document, path).and_then(number);
        match self.expiry {
            Never => None,
            Date(path) => date(path),
            Touch(path, seconds) => date(path).map(|millis| millis + seconds * 1000),
            Number(path, unit, seconds) => {
                number(path).map(|number| (number * unit) as i64 + seconds * 1000)
            }
            Positive(path) => {
                number(path).filter(|millis| *millis > 0.0).map(|millis| millis as i64)
            }
            Own(path, lifetime, unit) => {
                let lifetime = number(lifetime).filter(|lifetime| *lifetime >= 0.0)?;
                date(path).map(|millis| millis + lifetime as i64 * unit)
            }
            Text(path) => at(document, path).and_then(Bson::as_str).and_then(rfc3339),
            Inside(path) => rfc3339(document.get_str(path).ok()?.split('"').nth(7)?),
            Koa => {
                let own = number("data._expire").map(|millis| millis as i64);
                own.into_iter().chain(date("updatedAt").map(|millis| millis + DAY)).min()
            }
            Catbox => {
                let own = date("stored").map(|at| at + number("ttl").unwrap() as i64);
                own.into_iter().chain(date("expiresAt")).min()
            }
        }
    }

    fn state(&self, document: &Document) -> &'static str {
        if self.layout == "accounts-js" {
            return if document.get_bool("valid").unwrap() { "endless" } else { "expired" };
        }
        // Jetty and Graylog say so besides, of sessions without a limit too.
        let is_over = match self.layout {
            "jetty" => document.get("valid") == Some(&Bson::Boolean(false)),
            "graylog" => document.get("expired") == Some(&Bson::Boolean(true)),
            _ => false,
        };
        if is_over {
            return "expired";
        }
        match self.expires(document) {
            Some(millis) if millis < now().timestamp_millis() => "expired",
            Some(_) => "live",
            None => "endless",
        }
    }

    /// A session like `document`, under another id.
    fn twin(&self, document: &Document, number: usize) -> Document {
        let mut twin = document.clone();
        let id = &self.record().id.path;
        let end = format!("{}{}", &self.record().id.suffix, "");
        let renamed = |old: &Bson| match old {
            Bson::ObjectId(_) => Bson::ObjectId(ObjectId::new()),
            Bson::String(old) => {
                let own = old.strip_suffix(&end).unwrap_or(old);
                let kept: String = own.chars().take(own.chars().count() - 5).collect();
                Bson::String(format!("{kept}{number:05}{end}"))
            }
            Bson::Binary(Binary { subtype, bytes }) => {
                let mut bytes = bytes.clone();
                bytes.truncate(bytes.len() - 5);
                bytes.extend(format!("{number:05}").bytes());
                Bson::Binary(Binary { subtype: *subtype, bytes })
            }
            other => panic!("{other}"),
        };
        for path in ["_id", id.as_str()] {
            let new = renamed(document.get(path).unwrap());
            twin.insert(path, new);
        }
        twin
    }

    /// `document` as its store would have left it 400 days ago.
    fn aged(&self, document: &Document) -> Document {
        let mut aged = document.clone();
        for rule in &self.record().expiry {
            let Some(path) = &rule.path else { continue };
            match at_mut(&mut aged, path) {
                Some(Bson::Boolean(flag)) => *flag = rule.over.unwrap(),
                Some(value) => shift(value, rule.unit, -400 * DAY),
                None => {}
            }
        }
        aged
    }
}

/// The connection string of a server without a TTL monitor: what is expired stays.
pub fn quiet_uri() -> String {
    static SERVER: OnceLock<Mutex<Mongod>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let parameters = vec![("ttlMonitorEnabled".to_owned(), "false".to_owned())];
        Mutex::new(own_server(Options { parameters, ..Options::default() }))
    });
    server.lock().unwrap().uri()
}

/// Moves every date, and every number that the layout reads as one, to today.
fn moved(document: &mut Document, layout: &str) {
    fn dates(value: &mut Bson, by: i64) {
        match value {
            Bson::Document(document) => document.iter_mut().for_each(|(_, one)| dates(one, by)),
            Bson::Array(array) => array.iter_mut().for_each(|one| dates(one, by)),
            Bson::DateTime(_) => shift(value, None, by),
            _ => {}
        }
    }
    let by = now().timestamp_millis() - WRITTEN;
    document.iter_mut().for_each(|(_, value)| dates(value, by));
    let layout = Layout::named(layout).unwrap();
    for rule in layout.expiry.iter().filter(|rule| rule.text) {
        if let Some(value) = at_mut(document, rule.path.as_ref().unwrap()) {
            shift(value, None, by);
        }
    }
    let rules = layout.expiry.iter().filter_map(|rule| Some((rule.path.as_ref()?, rule.unit?)));
    let instants = layout.touched.iter().chain(&layout.created);
    let instants = instants.filter_map(|instant| Some((&instant.path, instant.unit?)));
    let paths: BTreeSet<_> =
        rules.chain(instants).map(|(path, unit)| (path, format!("{unit:?}"))).collect();
    for (path, unit) in paths {
        let unit = [Unit::S, Unit::Ms, Unit::Ns].into_iter().find(|one| format!("{one:?}") == unit);
        if let Some(value) = at_mut(document, path) {
            shift(value, unit, by);
        }
    }
}

/// Moves an instant, in its own type.
fn shift(value: &mut Bson, unit: Option<Unit>, millis: i64) {
    let by = match unit {
        Some(Unit::S) => millis / 1000,
        Some(Unit::Ns) => millis * 1_000_000,
        _ => millis,
    };
    match value {
        Bson::DateTime(date) => *date = DateTime::from_millis(date.timestamp_millis() + millis),
        Bson::Int32(number) => *number += by as i32,
        Bson::Int64(number) => *number += by,
        Bson::Double(number) => *number += by as f64,
        // Of a longer text, the part that is an instant.
        Bson::String(text) => {
            let parts = text.split('"').map(|part| match rfc3339(part) {
                Some(at) => sessionctl::payload::time(DateTime::from_millis(at + millis)).unwrap(),
                None => part.to_owned(),
            });
            *text = parts.collect::<Vec<_>>().join("\"");
        }
        _ => {}
    }
}

fn rfc3339(text: &str) -> Option<i64> {
    DateTime::parse_rfc3339_str(text).ok().map(DateTime::timestamp_millis)
}

fn at<'a>(document: &'a Document, path: &str) -> Option<&'a Bson> {
    match path.split_once('.') {
        None => document.get(path),
        Some((first, rest)) => at(document.get_document(first).ok()?, rest),
    }
}

fn at_mut<'a>(document: &'a mut Document, path: &str) -> Option<&'a mut Bson> {
    match path.split_once('.') {
        None => document.get_mut(path),
        Some((first, rest)) => at_mut(document.get_document_mut(first).ok()?, rest),
    }
}

fn number(value: &Bson) -> Option<f64> {
    match value {
        Bson::Int32(number) => Some(f64::from(*number)),
        Bson::Int64(number) => Some(*number as f64),
        Bson::Double(number) => Some(*number),
        _ => None,
    }
}

fn ids(rows: &[Value]) -> BTreeSet<String> {
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_store_has_a_record_and_every_record_a_fixture() {
    let known: BTreeSet<_> = Layout::known().iter().map(|layout| layout.name.as_str()).collect();
    let tested: BTreeSet<_> = STORES.iter().map(|store| store.0).collect();
    assert_eq!(known, tested);
}

#[test]
fn every_store_is_recognised_and_listed_with_its_own_expiries_and_users() {
    for fixture in Fixture::all() {
        let db = fixture.db();
        let rows = fixture.rows(&db, &[]);
        assert_eq!(rows.len(), fixture.documents.len(), "{}", fixture.name);
        for ((row, document), user) in rows.iter().zip(&fixture.documents).zip(fixture.users) {
            let place = format!("{} {row}", fixture.name);
            let expires = fixture.expires(document).map(DateTime::from_millis);
            let expires = expires.map(|at| sessionctl::payload::time(at).unwrap());
            assert_eq!(row["id"], fixture.id(document), "{place}");
            assert_eq!(row["expires"].as_str(), expires.as_deref(), "{place}");
            assert_eq!(row["state"], fixture.state(document), "{place}");
            assert_eq!(row["user"].as_str().unwrap_or_default(), *user, "{place}");
        }
        let run = fixture.auto(&db, &["list", "-v"]).exits(0);
        run.says(if fixture.is_weak() { "warning: " } else { "has the layout " })
            .says(fixture.layout);
    }
}

#[test]
fn every_store_is_inspected_by_the_short_ids_that_are_shown() {
    for fixture in Fixture::all() {
        let db = fixture.db();
        let shown = fixture.shown(&db);
        let mut arguments = vec!["inspect", "-o", "json", "--"];
        arguments.extend(shown.iter().map(String::as_str));
        let run = fixture.auto(&db, &arguments).exits(0);
        assert_eq!(run.stderr.contains("warning: "), fixture.is_weak(), "{run:#?}");
        let rows = run.json();
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), fixture.documents.len(), "{}", fixture.name);
        for row in rows {
            assert_eq!(row["layout"], fixture.layout, "{}", fixture.name);
            assert_eq!(row["namespace"], format!("{}.{}", db.name, fixture.collection));
        }
    }
}

#[test]
fn ids_are_taken_whole_with_and_without_what_the_store_puts_around_them() {
    for fixture in Fixture::all() {
        let db = fixture.db();
        let id = &fixture.record().id;
        let wholes: Vec<_> = fixture.documents.iter().map(|one| fixture.id(one)).collect();
        let without =
            |whole: &'_ String| whole.strip_prefix(&id.prefix).unwrap_or(whole).to_owned();
        let bare = |whole: &String| {
            let without = without(whole);
            without.strip_suffix(&id.suffix).unwrap_or(&without).to_owned()
        };
        let forms: [Vec<String>; 3] = [
            wholes.clone(),
            wholes.iter().map(without).collect(),
            wholes.iter().map(bare).collect(),
        ];
        for typed in forms.into_iter().collect::<BTreeSet<_>>() {
            let mut arguments = vec!["inspect", "--full-ids", "-o", "json", "--"];
            arguments.extend(typed.iter().map(String::as_str));
            let rows = fixture.auto(&db, &arguments).exits(0).json();
            assert_eq!(
                ids(rows.as_array().unwrap()),
                wholes.iter().cloned().collect(),
                "{} {typed:?}",
                fixture.name
            );
        }
    }
}

#[test]
fn the_states_of_every_store_add_up_to_its_collection() {
    for mut fixture in Fixture::all() {
        let aged: Vec<_> = fixture.documents.iter().map(|one| fixture.aged(one)).collect();
        let twins = aged.iter().enumerate().map(|(number, one)| fixture.twin(one, number));
        let twins: Vec<_> = twins.collect();
        fixture.documents.extend(twins);
        let db = fixture.db();
        let mut seen = BTreeSet::new();
        let mut sum = 0;
        for state in ["--expired", "--live", "--endless", "--malformed"] {
            let rows = fixture.rows(&db, &[state]);
            assert!(rows.iter().all(|row| state.ends_with(row["state"].as_str().unwrap())));
            sum += rows.len();
            seen.extend(ids(&rows));
        }
        let count = fixture.documents.len();
        assert_eq!((seen.len(), sum), (count, count), "{}", fixture.name);
        counted(&fixture, &db);
    }
}

/// `stats` counts the states that the server finds by their filters, and the users that a list
/// shows.
fn counted(fixture: &Fixture, db: &Db) {
    let row = fixture.auto(db, &["stats", "-o", "json", "--top", "99"]).exits(0).json();
    let place = format!("{} {row}", fixture.name);
    let now = DateTime::parse_rfc3339_str(row["now"].as_str().unwrap()).unwrap();
    let indexes = fixture.indexes.iter().cloned().map(sessionctl::index::IndexSpec);
    let layout =
        fixture.record().clone().resolved(fixture.lifetime(), &indexes.collect::<Vec<_>>());
    for state in sessionctl::State::ALL {
        let filter = layout.filter(state, now);
        assert_eq!(row[state.name()], db.count(&fixture.collection, filter), "{state} {place}");
    }
    assert_eq!(row["sessions"], fixture.documents.len(), "{place}");
    let stats = crate::stats::of(db, &fixture.collection, &layout, now);
    crate::stats::agrees(&stats, &layout, &fixture.documents, now);

    let mut users = std::collections::BTreeMap::<String, u64>::new();
    let mut anonymous = 0;
    for listed in fixture.rows(db, &[]) {
        match listed["user"].as_str() {
            Some(user) => *users.entry(user.to_owned()).or_default() += 1,
            None => anonymous += 1,
        }
    }
    if layout.user.is_empty() {
        assert!(row["users"].is_null() && users.is_empty(), "{place}");
        return;
    }
    let top = row["top_users"].as_array().unwrap().iter();
    let one =
        |one: &Value| (one["user"].as_str().unwrap().to_owned(), one["sessions"].as_u64().unwrap());
    assert_eq!(top.map(one).collect::<std::collections::BTreeMap<_, _>>(), users, "{place}");
    assert_eq!(row["users"], users.len(), "{place}");
    // Where no session has a user where the layout looks, none is called anonymous.
    match row["anonymous"].as_u64() {
        Some(known) => {
            assert_eq!(known + row["unreadable"].as_u64().unwrap(), anonymous, "{place}");
        }
        None => assert!(users.is_empty(), "{place}"),
    }
}

/// Sessions like those of `user`, but of somebody else, or with the user's id in another place.
fn near_misses(fixture: &Fixture, user: &str) -> Vec<Document> {
    let spaced = format!("{} {}", &user[..1], &user[1..]);
    let others = [
        format!("1{user}"),
        format!("{user}1"),
        spaced,
        format!("{user} "),
        format!(" {user}"),
        user.chars().rev().collect(),
        format!("\"{user}\""),
        format!("{}x", &user[..user.len() - 1]),
    ];
    (0..200)
        .map(|number| {
            let like = &fixture.documents[number % fixture.documents.len()];
            let mut twin = fixture.twin(like, number);
            let id = fixture.record().id.path.to_string();
            for (key, value) in twin.iter_mut() {
                if key != "_id" && *key != id {
                    replace(value, user, &others[number / 2 % others.len()]);
                }
            }
            if number % 2 == 0 {
                elsewhere(&mut twin, fixture.record().payload.path.as_deref(), user, number);
            }
            twin
        })
        .collect()
}

fn replace(value: &mut Bson, user: &str, by: &str) {
    match value {
        Bson::Document(document) => {
            document.iter_mut().for_each(|(_, one)| replace(one, user, by));
        }
        Bson::Array(array) => array.iter_mut().for_each(|one| replace(one, user, by)),
        Bson::String(text) => *text = text.replace(user, by),
        Bson::Int32(own) if own.to_string() == user => *own = 421,
        Bson::Int64(own) if own.to_string() == user => *own = 142,
        Bson::ObjectId(own) if own.to_hex() == user => *own = ObjectId::new(),
        // A payload of bytes keeps its lengths.
        Bson::Binary(binary) if binary.subtype == BinarySubtype::Generic && user.len() > 2 => {
            let other = format!("{}x", &user[..user.len() - 1]);
            let places = 0..binary.bytes.len().saturating_sub(user.len());
            for start in places {
                if binary.bytes[start..].starts_with(user.as_bytes()) {
                    binary.bytes[start..start + user.len()].copy_from_slice(other.as_bytes());
                }
            }
        }
        _ => {}
    }
}

/// Puts the user's id where it says nothing of the user.
fn elsewhere(document: &mut Document, payload: Option<&str>, user: &str, number: usize) {
    let value = match user.parse::<i64>() {
        Ok(id) if number.is_multiple_of(4) => Bson::Int64(id),
        _ => Bson::String(user.to_owned()),
    };
    let Some(field) = payload else {
        document.insert("aside", value);
        return;
    };
    match document.get_mut(field) {
        Some(Bson::Document(inner)) => drop(inner.insert("aside", value)),
        Some(Bson::String(text)) if text.ends_with('}') => {
            text.truncate(text.len() - 1);
            text.push_str(&format!(",\"aside\":{}}}", value.into_relaxed_extjson()));
        }
        _ => {}
    }
}

#[test]
fn user_finds_exactly_the_users_sessions_among_near_misses() {
    for fixture in Fixture::all() {
        let users: BTreeSet<_> = fixture.users.iter().filter(|user| !user.is_empty()).collect();
        for user in users {
            let db = fixture.db();
            db.insert(&fixture.collection, near_misses(&fixture, user));
            let all = fixture.rows(&db, &[]);
            let (own, _): (Vec<_>, Vec<_>) =
                all.iter().cloned().partition(|row| row["user"] == **user);
            let found = fixture.rows(&db, &["--user", user]);
            assert_eq!(ids(&found), ids(&own), "{} {user}", fixture.name);
            // Payloads that the near misses could not change keep their user.
            let is_opaque = !matches!(
                fixture.documents[0].get(fixture.record().payload.path.as_deref().unwrap_or("_id")),
                Some(Bson::Document(_) | Bson::ObjectId(_))
            );
            if !is_opaque {
                assert_eq!(found.len(), 1, "{} {user}", fixture.name);
            }
            let others = [format!("{user}3"), user[1..].to_owned(), format!(".{}", &user[1..])];
            // An empty user is a mistake in the command line.
            for nobody in others.into_iter().filter(|one| !one.is_empty()) {
                let rows = fixture.rows(&db, &[&format!("--user={nobody}")]);
                assert!(rows.iter().all(|row| row["user"] == nobody), "{} {nobody}", fixture.name);
            }
        }
    }
}

#[test]
fn better_auths_users_with_uuids_are_found_by_them() {
    let mut fixture = Fixture::one("better-auth");
    let uuid = bson::Uuid::parse_str("7c1d9a52-2a0e-4f2b-8c0f-5f0e9d8c7b6a").unwrap();
    for (number, document) in fixture.documents.iter_mut().enumerate() {
        document.insert("_id", bson::Uuid::new());
        let own = if number == 0 { uuid } else { bson::Uuid::new() };
        document.insert("userId", own);
    }
    let db = fixture.db();
    let rows = fixture.rows(&db, &["--user", &uuid.to_string()]);
    assert_eq!(ids(&rows), [fixture.id(&fixture.documents[0])].into());
    assert_eq!(rows[0]["user"], uuid.to_string());
    fixture.auto(&db, &["purge", "--yes", "--user", &uuid.to_string()]).exits(0);
    assert_eq!(db.count(&fixture.collection, doc! {}), 1);
}

/// The values in a payload with their paths; keys with dots have none.
fn leaves(value: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    let deeper = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    match value {
        Value::Object(object) => {
            for (key, value) in
                object.iter().filter(|(key, _)| !key.contains(['.', '*', '=', '\\']))
            {
                leaves(value, &deeper(key), found);
            }
        }
        Value::Array(array) => {
            for (number, value) in array.iter().enumerate() {
                leaves(value, &deeper(&number.to_string()), found);
            }
        }
        value => found.push((path.to_owned(), value.clone())),
    }
}

#[test]
fn where_finds_the_sessions_with_a_value_in_the_payload() {
    for fixture in Fixture::all() {
        let db = fixture.db();
        let typed: Vec<_> = fixture.documents.iter().map(|one| fixture.id(one)).collect();
        let mut arguments = vec!["inspect", "--reveal", "--full-ids", "-o", "json", "--"];
        arguments.extend(typed.iter().map(String::as_str));
        let inspected = fixture.auto(&db, &arguments).exits(0).json();
        let payloads: Vec<_> = inspected
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let mut found = Vec::new();
                leaves(&row["payload"], "", &mut found);
                (row["id"].as_str().unwrap().to_owned(), found)
            })
            .collect();
        let mut kinds = BTreeSet::new();
        let all: Vec<_> = payloads.iter().flat_map(|(_, found)| found.clone()).collect();
        for (path, value) in all {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            // One of each kind: unicode, number, fraction, bool, null, nested or not.
            let kind = (
                value.is_string(),
                text.is_ascii(),
                value.is_f64(),
                value.is_null(),
                value.is_boolean(),
                path.contains('.'),
            );
            if path.is_empty() || !kinds.insert(kind) {
                continue;
            }
            let has = |found: &[(String, Value)]| {
                let same = |own: &Value| match own {
                    Value::String(own) => *own == text,
                    own => format!("{own}") == text,
                };
                found.iter().any(|(other, own)| *other == path && same(own))
            };
            let meant: BTreeSet<_> =
                payloads.iter().filter(|(_, found)| has(found)).map(|(id, _)| id.clone()).collect();
            let rows = fixture.rows(&db, &["--where", &format!("{path}={text}")]);
            assert_eq!(ids(&rows), meant, "{} {path}={text}", fixture.name);
        }
        let payload = &inspected[0]["payload"];
        let holds_nothing = payload.is_null() || *payload == serde_json::json!({});
        assert!(!kinds.is_empty() || holds_nothing, "{}", fixture.name);
    }
}

/// By the server's filters as well as here.
#[test]
fn an_expiry_among_the_data_of_a_session_is_not_its_own() {
    let mut fixture = Fixture::one("async-mongodb-session-1");
    let text = r#"{"id":"h7Jk","expiry":null,"data":{"card":"1","expiry":"\"2020-01-01\""}}"#;
    fixture.documents[2].insert("session", text);
    let db = fixture.db();
    assert_eq!(fixture.rows(&db, &["--endless"]).len(), 1);
    assert_eq!(fixture.rows(&db, &["--malformed"]).len(), 0);
    let stats = fixture.auto(&db, &["stats", "-o", "json"]).exits(0).json();
    assert_eq!((&stats["endless"], &stats["malformed"]), (&1.into(), &0.into()), "{stats}");
}
