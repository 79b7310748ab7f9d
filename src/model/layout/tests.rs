//! The built-in records, tried on the documents that real stores wrote.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bson::raw::RawDocumentBuf;
use bson::{Bson, DateTime, Document, doc};

use super::detect::{Certainty, Sample, detect};
use super::known::KNOWN;
use super::{Kind, Layout, Weak};
use crate::error::{Error, Need};
use crate::model::index_spec::IndexSpec;
use crate::model::session::State;

/// A fixture: `tests/fixtures/<layout>/<store and version>.json`.
struct Fixture {
    file: PathBuf,
    layout: String,
    sample: Sample,
}

impl Fixture {
    fn layout(&self) -> Layout {
        Layout::named(&self.layout).unwrap().clone().resolved(None, &self.sample.indexes)
    }
}

fn fixtures() -> Vec<Fixture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let mut entries: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        entries
    };
    let files = entries(&folder).into_iter().flat_map(|layout| entries(&layout));
    files.map(|file| fixture(&file)).collect()
}

fn fixture(file: &Path) -> Fixture {
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let documents = |name: &str| -> Vec<Document> {
        let of_name = json[name].as_array().unwrap().iter();
        of_name
            .map(|json| match Bson::try_from(json.clone()).unwrap() {
                Bson::Document(document) => document,
                other => panic!("{}: {other}", file.display()),
            })
            .collect()
    };
    let raw = |document: &Document| RawDocumentBuf::try_from(document).unwrap();
    Fixture {
        file: file.to_owned(),
        layout: file.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned(),
        sample: Sample {
            namespace: format!("app.{}", json["collection"].as_str().unwrap()),
            documents: documents("documents").iter().map(raw).collect(),
            indexes: documents("indexes").into_iter().map(IndexSpec).collect(),
        },
    }
}

/// 2026-11-23, when the fixtures were written.
fn then() -> DateTime {
    DateTime::from_millis(1_795_441_200_000)
}

#[test]
fn every_built_in_record_is_one_that_from_toml_takes_and_has_its_files_name() {
    for (name, text) in KNOWN {
        assert_eq!(Layout::from_toml(text).unwrap().name, name);
    }
}

#[test]
fn every_layout_has_a_fixture() {
    let fixtures = fixtures();
    for layout in Layout::known() {
        let has = fixtures.iter().any(|fixture| fixture.layout == layout.name);
        assert!(has, "{} has none", layout.name);
    }
}

#[test]
fn every_fixture_is_detected_as_the_layout_that_wrote_it() {
    for fixture in fixtures() {
        let verdict = detect(&fixture.sample, Layout::known());
        let found = verdict.likeliest().map(|layout| layout.name.as_str());
        assert_eq!(found, Some(&*fixture.layout), "{}: {verdict}", fixture.file.display());
        let weak = Layout::named(&fixture.layout).unwrap().detect.weak;
        let sure = match verdict.certainty {
            Certainty::Certain => weak != Some(Weak::Always),
            Certainty::Weak => weak.is_some(),
            _ => false,
        };
        assert!(sure, "{}: {verdict}", fixture.file.display());
    }
}

#[test]
fn a_fixture_is_detected_without_its_indexes_and_under_another_name() {
    for mut fixture in fixtures() {
        fixture.sample.indexes.clear();
        fixture.sample.namespace = "x.y".into();
        let verdict = detect(&fixture.sample, Layout::known());
        let found = verdict.likeliest().map(|layout| layout.name.as_str());
        assert_eq!(found, Some(&*fixture.layout), "{}: {verdict}", fixture.file.display());
        assert_ne!(verdict.certainty, Certainty::Ambiguous, "{verdict}");
    }
}

#[test]
fn every_fixture_has_dates_and_users_where_its_store_writes_them() {
    for fixture in fixtures() {
        let layout = fixture.layout();
        let sessions: Vec<_> = fixture
            .sample
            .documents
            .iter()
            .map(|document| layout.session(document, &layout.payload(document), then()))
            .collect();
        let file = fixture.file.display();
        let bounded =
            layout.expiry.iter().any(|rule| rule.kind != Kind::None && rule.kind != Kind::Flag);
        // Beaker writes null, express-session-mongo and Ruby's stores nothing, by default.
        // Only the application knows the lifetime of others.
        let never = [
            "apache-session",
            "beaker",
            "express-session-mongo",
            "foal",
            "laravel-database",
            "laravel4-jenssegers",
            "mongo-session-store",
            "mongoid-session-store",
            "shopify",
        ];
        if bounded && !never.contains(&&*layout.name) {
            assert!(sessions.iter().any(|session| session.expires.is_some()), "{file}");
        }
        if !layout.touched.is_empty() && layout.touched[0].path != "lastModified" {
            assert!(sessions.iter().any(|session| session.touched.is_some()), "{file}");
        }
        let encrypted = fixture
            .sample
            .documents
            .iter()
            .all(|document| layout.payload(document).value().is_none());
        // The one session data in django-mongo-sessions' own tests is {"foo": "bar"}.
        let anonymous = layout.name == "django-mongo-sessions"
            // All attributes are one stream of Java objects.
            || fixture.file.ends_with("jetty-nosql-9.4.56.json");
        if !layout.user.is_empty() && !encrypted && !anonymous {
            assert!(sessions.iter().any(|session| session.user.is_some()), "{file}: nobody");
        }
        assert!(sessions.iter().all(|session| session.state != State::Malformed), "{file}");
    }
}

#[test]
fn a_glance_at_any_fixture_sees_what_the_decoded_payload_says() {
    for fixture in fixtures() {
        let layout = fixture.layout();
        for document in &fixture.sample.documents {
            let whole = layout.session(document, &layout.payload(document), then());
            assert_eq!(layout.glance(document, then()), whole, "{}", fixture.file.display());
        }
    }
}

#[test]
fn a_weak_signature_becomes_certain_by_the_stores_own_index() {
    let koa =
        fixtures().into_iter().find(|fixture| fixture.layout == "koa-session-mongoose").unwrap();
    let mut bare = koa.sample.clone();
    bare.indexes.clear();
    assert_eq!(detect(&koa.sample, Layout::known()).certainty, Certainty::Certain);
    assert_eq!(detect(&bare, Layout::known()).certainty, Certainty::Weak);
}

#[test]
fn a_partial_ttl_index_is_no_store_of_its_own() {
    let koa =
        fixtures().into_iter().find(|fixture| fixture.layout == "koa-session-mongoose").unwrap();
    let mut partial = koa.sample;
    partial.indexes = vec![partial_ttl()];
    assert_eq!(detect(&partial, Layout::known()).certainty, Certainty::Weak);
}

/// A TTL index on some of the sessions of koa-session-mongoose.
fn partial_ttl() -> IndexSpec {
    IndexSpec(doc! {
        "key": { "updatedAt": -1 }, "name": "updatedAt_-1", "expireAfterSeconds": 1800,
        "partialFilterExpression": { "data.anonymous": true },
    })
}

fn mixed(layouts: &[(&str, usize)]) -> Sample {
    let mut sample = Sample { namespace: "app.sessions".to_owned(), ..Sample::default() };
    for (name, documents) in layouts {
        let fixture = fixtures().into_iter().find(|fixture| fixture.layout == *name).unwrap();
        sample.documents.extend(fixture.sample.documents.into_iter().cycle().take(*documents));
    }
    sample
}

#[test]
fn two_stores_of_one_family_are_certain_together() {
    for names in [["laravel-mongodb", "symfony"], ["connect-mongo-json", "express-session-object"]]
    {
        let verdict = detect(&mixed(&[(names[0], 60), (names[1], 40)]), Layout::known());
        assert_eq!((verdict.certainty, verdict.strangers()), (Certainty::Certain, 0), "{verdict}");
        let certain = verdict.certain().map(|layouts| layouts.name());
        assert_eq!(certain, Some(names.join("+")), "{verdict}");
    }
}

#[test]
fn a_few_documents_of_another_layout_are_not_enough_unless_they_are_all_there_are() {
    let of = |one: usize, other: usize| {
        let sample = mixed(&[("connect-mongo-json", one), ("express-session-object", other)]);
        let verdict = detect(&sample, Layout::known());
        (verdict.certainty, verdict.certain().map_or(0, |layouts| layouts.len()))
    };
    assert_eq!(of(95, 5), (Certainty::Certain, 1));
    assert_eq!(of(81, 19), (Certainty::Ambiguous, 0));
    assert_eq!(of(91, 20), (Certainty::Certain, 2));
    assert_eq!(of(80, 20), (Certainty::Certain, 2));
    assert_eq!(of(7, 1), (Certainty::Certain, 2));
}

#[test]
fn two_stores_that_have_nothing_in_common_are_never_certain() {
    let verdict = detect(&mixed(&[("connect-mongo-json", 50), ("symfony", 50)]), Layout::known());
    assert_eq!(verdict.certainty, Certainty::Mixed, "{verdict}");
    assert_eq!(verdict.certain(), None);
    let read = verdict.layouts().map(|layouts| layouts.name());
    assert_eq!(read.as_deref(), Some("connect-mongo-json+symfony"));
}

#[test]
fn a_weak_layout_is_not_used_together_with_another() {
    let sample = mixed(&[("connect-mongo-json", 50), ("koa-session-mongoose", 50)]);
    let verdict = detect(&sample, Layout::known());
    assert_ne!(verdict.certainty, Certainty::Certain, "{verdict}");
    assert!(verdict.certain().is_none(), "{verdict}");
}

#[test]
fn a_session_without_its_expiry_still_fits_among_others_that_have_it() {
    let mut sample = fixtures()
        .into_iter()
        .find(|fixture| fixture.layout == "connect-mongo-json")
        .unwrap()
        .sample;
    sample.indexes.clear();
    let endless = doc! { "_id": "x", "session": "{}" };
    sample.documents.push(RawDocumentBuf::try_from(&endless).unwrap());
    let verdict = detect(&sample, Layout::known());
    assert_eq!((verdict.certainty, verdict.strangers()), (Certainty::Certain, 0));
}

#[test]
fn an_unknown_key_in_a_layout_file_is_named_with_its_line() {
    let text = Layout::source("symfony").unwrap().replace("[id]\n", "[id]\nfield = \"x\"\n");
    let error = Layout::from_toml(&text).unwrap_err().to_string();
    let line = 1 + text.lines().position(|line| line.starts_with("field")).unwrap();
    assert!(error.contains(&format!("line {line}")) && error.contains("`field`"), "{error}");
}

/// The record of connect-mongo with one text in place of another, which is wrong; how the error ends.
fn refusal(of: &str, right: &str, wrong: &str) -> String {
    let source = Layout::source(of).unwrap();
    assert!(source.contains(right), "{right:?} is not in {of}");
    let text = source.replace(right, wrong);
    let line = 1 + text[..text.find(wrong).unwrap()].matches('\n').count();
    let error = Layout::from_toml(&text).unwrap_err().to_string();
    let before = format!("invalid layout file: line {line}: ");
    error.strip_prefix(&before).unwrap_or_else(|| panic!("{error}, not line {line}")).to_owned()
}

#[test]
fn a_user_path_that_lacks_its_leading_slash_is_an_error_where_there_is_no_payload() {
    let said = refusal("authjs", "user = [\"/userId\"]", "user = [\"userId\"]");
    assert_eq!(
        said,
        "user.0: `userId` is a path in the payload, but this layout has none; write a field of the \
         document with a leading slash: `/userId`"
    );
}

#[test]
fn a_session_is_ended_by_nothing_that_its_field_cannot_hold() {
    let ended = |record, wrong: &str| {
        let right = match record {
            "spring-jdk" => "expireAt = \"past\", interval = { text = \"PT0S\" }",
            "catbox-mongodb" => "expiresAt = \"past\", ttl = 0, stored = \"past\"",
            "accounts-js" => "valid = false",
            "axum-session" => "expires = \"past\"",
            _ => "expireAt = \"past\"",
        };
        let right = format!("set = {{ {right} }}");
        refusal(record, &right, &format!("set = {{ {wrong} }}"))
    };
    let error = ended("tower-sessions", "expireAt = \"now\"");
    assert_eq!(
        error,
        "end.set.expireAt: \"now\" is not allowed here; write \"past\" for a time in the past, or \
         { text = \"now\" } for this text"
    );
    let error = ended("tower-sessions", "expireAt = { text = \"now\" }");
    assert_eq!(
        error,
        "end.set.expireAt: it is \"now\", but by [[expiry]] or [detect] the field holds date"
    );
    for (record, wrong, key, said) in [
        ("tower-sessions", "validUntil = \"past\"", "validUntil", "no [[expiry]] rule"),
        ("tower-sessions", "expireAt = 0", "expireAt", "it is 0, but"),
        ("tower-sessions", "expireAt = 2026-01-01T00:00:00Z", "expireAt", "expected \"past\""),
        ("tower-sessions", "expireAt = [\"past\"]", "expireAt", "expected \"past\""),
        ("tower-sessions", "data = false", "data", "holds binData"),
        ("tower-sessions", "\"a..b\" = 1", "", "end.set: `a..b` is not the path of a field"),
        ("tower-sessions", "expireAt = { text = \"x\", of = 1 }", "expireAt", "expected \"past\""),
        ("axum-session", "expires = false", "expires", "holds int, long, double, decimal"),
        ("accounts-js", "valid = 0", "valid", "holds bool"),
        ("accounts-js", "valid = true", "valid", "such a session is not over"),
        ("catbox-mongodb", "ttl = true", "ttl", "holds int, long, double, decimal"),
        ("spring-jdk", "interval = \"PT0S\"", "interval", "{ text = \"PT0S\" }"),
        ("spring-jdk", "interval = { words = \"PT0S\" }", "interval", "expected \"past\""),
    ] {
        let error = ended(record, wrong);
        let key = if key.is_empty() { "" } else { &format!("end.set.{key}: ") };
        assert!(error.starts_with(key) && error.contains(said), "{wrong}: {error}");
    }
}

#[test]
fn whatever_is_wrong_with_a_record_is_named_with_its_line_and_key() {
    for (right, wrong, said) in [
        ("kind = \"date\"", "kind = \"moon\"", "expiry.kind: unknown variant `moon`"),
        (
            "path = \"expires\"",
            "path = \"$expires\"",
            "expiry.path: `$expires` is not the path of a field",
        ),
        ("kind = \"date\"", "unit = \"s\"\nkind = \"date\"", "expiry.0.unit: "),
        ("[[expiry]]\nkind = \"date\"", "[[expiry]]\nkind = \"number\"", "expiry.0.unit: "),
        ("key = \"expires\"", "key = \"expireAt\"", "ttl_index.key: it is expireAt, but no "),
        ("seconds = 0", "seconds = -1", "ttl_index.seconds: invalid value"),
        ("types = [\"string\"]", "types = [\"text\"]", "id.types: unknown variant `text`"),
        (
            "codecs = [\"json\", \"encrypted\"]",
            "codecs = []",
            "payload.codecs: a codec is required",
        ),
        ("cookie =", "cokie =", "unknown field `cokie`"),
        ("user = [", "user = [\"/pass*\",", "user: `/pass*` has a *, which is allowed only"),
    ] {
        let error = refusal("connect-mongo-json", right, wrong);
        assert!(error.starts_with(said), "{wrong}: {error}");
    }
}

#[test]
fn a_lifetime_comes_from_the_operator_else_the_index_else_the_record() {
    let rule = |layout: Layout| layout.expiry[0].lifetime;
    let own = "path = \"updatedAt\"\nlifetime = 86400\n";
    let source = Layout::source("koa-session-mongoose").unwrap();
    let koa = || Layout::from_toml(&source.replacen("path = \"updatedAt\"\n", own, 1)).unwrap();
    let index = [IndexSpec(doc! {
        "key": { "updatedAt": 1 }, "name": "updatedAt_1", "expireAfterSeconds": 60,
    })];
    assert_eq!(rule(koa().resolved(None, &[])), Some(86_400));
    assert_eq!(rule(koa().resolved(None, &index)), Some(60));
    assert_eq!(rule(koa().resolved(Some(Duration::from_secs(5)), &index)), Some(5));
}

#[test]
fn an_index_on_some_sessions_sets_no_lifetime() {
    let lifetime = |layout: &str, indexes: &[IndexSpec]| {
        Layout::named(layout).unwrap().clone().resolved(None, indexes).expiry[0].lifetime
    };
    assert_eq!(lifetime("koa-session-mongoose", &[partial_ttl()]), None);
    // Of two on all sessions, the one that deletes first takes effect.
    let whole = |direction: i32, seconds: i32| {
        IndexSpec(doc! { "key": { "updatedAt": direction }, "expireAfterSeconds": seconds })
    };
    let all = [partial_ttl(), whole(1, 7200), whole(-1, 3600), whole(-1, 0)];
    assert_eq!(lifetime("koa-session-mongoose", &all), Some(3600));
    // Where only the operator knows it, it stays unknown.
    let mut partial = partial_ttl();
    partial.0.insert("key", doc! { "last_activity": 1 });
    assert_eq!(lifetime("laravel4-jenssegers", &[partial]), None);
}

#[test]
fn the_earliest_of_two_rules_counts() {
    let layout = Layout::named("catbox-mongodb").unwrap();
    let read = |expires: i64, ttl: Bson| {
        let document = RawDocumentBuf::try_from(&doc! {
            "_id": "x", "value": {}, "stored": DateTime::from_millis(0), "ttl": ttl,
            "expiresAt": DateTime::from_millis(expires),
        });
        let document = document.unwrap();
        let session =
            layout.session(&document, &layout.payload(&document), DateTime::from_millis(500));
        (session.state, session.expires.map(DateTime::timestamp_millis))
    };
    assert_eq!(read(1000, Bson::Int32(400)), (State::Expired, Some(400)));
    assert_eq!(read(400, Bson::Int64(1000)), (State::Expired, Some(400)));
    assert_eq!(read(1000, Bson::Double(900.0)), (State::Live, Some(900)));
    assert_eq!(read(1000, Bson::String("x".into())), (State::Live, Some(1000)));
}

fn user_of(layout: &str, document: &Document) -> Option<String> {
    let layout = Layout::named(layout).unwrap();
    let document = RawDocumentBuf::try_from(document).unwrap();
    let glance = layout.glance(&document, then()).user;
    let whole = layout.session(&document, &layout.payload(&document), then()).user;
    assert_eq!(glance, whole, "{document:?}");
    whole
}

/// What the examples of Passport's own documentation do: `cb(null, { id: user.id, ... })`.
#[test]
fn a_user_that_passport_keeps_as_an_object_is_its_id() {
    let user = || doc! { "id": 77, "username": "asa" };
    let json = r#"{"cookie":{},"passport":{"user":{"id":77,"username":"asa"}}}"#;
    let text = doc! { "_id": "a", "session": json };
    assert_eq!(user_of("connect-mongo-json", &text).as_deref(), Some("77"));
    let object = doc! { "_id": "a", "session": { "cookie": {}, "passport": { "user": user() } } };
    assert_eq!(user_of("express-session-object", &object).as_deref(), Some("77"));
    let id = bson::oid::ObjectId::parse_str("64f1c0ffee0ddba11c0ffee0").unwrap();
    let payload = doc! { "passport": { "user": { "_id": id } } };
    let legacy = doc! { "sid": "a", "data": payload };
    assert_eq!(user_of("express-mongodb-legacy", &legacy), Some(id.to_hex()));
    let name = doc! { "_id": "a", "session": r#"{"cookie":{},"user":"asa"}"# };
    assert_eq!(user_of("connect-mongo-json", &name).as_deref(), Some("asa"));
}

/// tower-sessions keeps what `serde_json` makes of an `ObjectId` of the `bson` crate.
#[test]
fn an_object_id_that_serde_wrote_is_a_user() {
    let id = "64f1c0ffee0ddba11c0ffee0";
    let mut record = vec![0x93, 0xc4, 16];
    record.extend([7; 16]);
    record.extend(b"\x81\xafaxum-login.data\x81\xa7user_id\x81\xa4$oid\xb8");
    record.extend(id.bytes());
    record.extend([0x99, 0xcd, 0x07, 0xea, 0xcd, 0x01, 0x4a, 0, 0, 0, 0, 0, 0, 0]);
    let data = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: record };
    assert_eq!(user_of("tower-sessions", &doc! { "_id": "a", "data": data }).as_deref(), Some(id));
    let text = format!(r#"{{"data":{{"user_auth_session_id":{{"$oid":"{id}"}}}}}}"#);
    let axum = doc! { "id": "a", "session": text };
    assert_eq!(user_of("axum-session", &axum).as_deref(), Some(id));
}

#[test]
fn a_spring_session_without_a_principal_has_the_user_of_its_context() {
    let context = doc! { "authentication": { "principal": "asa" } };
    let attrs = doc! { "SPRING_SECURITY_CONTEXT": context };
    let session = doc! { "_id": "a", "principal": null, "attrs": attrs };
    assert_eq!(user_of("spring-jackson", &session).as_deref(), Some("asa"));
}

#[test]
fn accounts_js_may_keep_dates_where_it_keeps_numbers() {
    let layout = Layout::named("accounts-js").unwrap();
    for (created, updated) in [
        (Bson::Double(1e12), Bson::Double(2e12)),
        (DateTime::from_millis(1e12 as i64).into(), DateTime::from_millis(2e12 as i64).into()),
    ] {
        let document = doc! { "token": "a", "createdAt": created, "updatedAt": updated };
        let document = RawDocumentBuf::try_from(&document).unwrap();
        let session = layout.session(&document, &layout.payload(&document), then());
        assert_eq!(session.created.map(DateTime::timestamp_millis), Some(1_000_000_000_000));
        assert_eq!(session.touched.map(DateTime::timestamp_millis), Some(2_000_000_000_000));
    }
}

/// With `expiresKey: "expiresAt"` it does not look at the expiry, so it must not pass for a store
/// that does.
#[test]
fn a_renamed_connect_mongodb_session_is_not_taken_for_express_mongodb() {
    let session = doc! {
        "_id": "x", "session": { "cookie": { "expires": then() } }, "expiresAt": then(),
    };
    let sample = Sample {
        namespace: "app.mySessions".to_owned(),
        documents: vec![RawDocumentBuf::try_from(&session).unwrap(); 3],
        indexes: Vec::new(),
    };
    let verdict = detect(&sample, Layout::known());
    assert_eq!(verdict.certainty, Certainty::Nothing, "{verdict}");
}

#[test]
fn ending_a_session_writes_the_past_in_the_type_of_its_expiry() {
    let now = DateTime::from_millis(1_795_441_200_000);
    let ending = |name: &str| Layout::named(name).unwrap().ending(now);
    let past = DateTime::from_millis(1_795_354_800_000);
    assert_eq!(ending("connect-mongo-json"), Some(doc! { "$set": { "expires": past } }));
    assert_eq!(ending("axum-session"), Some(doc! { "$set": { "expires": 1_795_354_800_i64 } }));
    assert_eq!(
        ending("scs"),
        Some(doc! { "$set": { "expiration": 1_795_354_800_000_000_000_i64 } })
    );
    assert_eq!(ending("accounts-js"), Some(doc! { "$set": { "valid": false } }));
    assert_eq!(ending("flask-session"), None);
    let flag = Layout::source("accounts-js").unwrap().replace("valid = false", "valid = \"past\"");
    let flag = Layout::from_toml(&flag).unwrap().ending(now);
    assert_eq!(flag, Some(doc! { "$set": { "valid": false } }));
}

/// Laravel and Django add a lifetime of their own, which may be years, to this last touch.
#[test]
fn an_ended_session_is_over_however_long_the_application_lets_sessions_live() {
    let now = DateTime::from_millis(1_795_441_200_000);
    let index = [IndexSpec(doc! {
        "key": { "creation_date": 1 }, "name": "creation_date_1", "expireAfterSeconds": 60,
    })];
    for given in [None, Some(Duration::from_secs(7200))] {
        let ending = |name: &str| {
            Layout::named(name).unwrap().clone().resolved(given, &index).ending(now).unwrap()
        };
        let seconds = 946_684_800_i64;
        let date = DateTime::from_millis(seconds * 1000);
        assert_eq!(ending("laravel-database"), doc! { "$set": { "last_activity": seconds } });
        assert_eq!(ending("django-mongo-sessions"), doc! { "$set": { "creation_date": date } });
        let foal = doc! { "state.createdAt": seconds, "state.updatedAt": seconds };
        assert_eq!(ending("foal"), doc! { "$set": foal });
    }
}

#[test]
fn no_record_guesses_a_lifetime_that_the_application_chooses() {
    let koa = RawDocumentBuf::try_from(&doc! { "_id": "a", "updatedAt": DateTime::from_millis(0) });
    let koa = koa.unwrap();
    for layout in Layout::known() {
        let name = &layout.name;
        let chosen: Vec<_> =
            layout.expiry.iter().filter(|rule| rule.lifetime_from.is_some()).collect();
        assert!(chosen.iter().all(|rule| rule.lifetime.is_none()), "{name}");
        if name.starts_with("koa-session-") || name == "mongoose-session" {
            assert_eq!(layout.state_at(&koa, then()), (State::Endless, None), "{name}");
        }
    }
    let index = [IndexSpec(doc! {
        "key": { "creation_date": 1 }, "name": "creation_date_1", "expireAfterSeconds": 60,
    })];
    let resolved = |name: &str, given: Option<u64>, indexes: &[IndexSpec]| {
        let layout = Layout::named(name).unwrap().clone();
        layout.resolved(given.map(Duration::from_secs), indexes)
    };
    for name in ["apache-session", "django-mongo-sessions", "foal", "laravel-database"] {
        let error = resolved(name, None, &[]).tells_states().unwrap_err();
        assert!(matches!(error, Error::Needs { need: Need::Lifetime, .. }), "{name}: {error}");
        assert!(resolved(name, Some(60), &[]).tells_states().is_ok(), "{name}");
    }
    assert!(resolved("django-mongo-sessions", None, &index).tells_states().is_ok());
    // Only the one limit that --lifetime gives ends a session: the other starts earlier.
    let used = doc! { "createdAt": 0, "updatedAt": 5000 };
    let used = RawDocumentBuf::try_from(&doc! { "sessionID": "a", "state": used }).unwrap();
    let (state, _) = resolved("foal", Some(4), &[]).state_at(&used, DateTime::from_millis(8000));
    assert_eq!(state, State::Live);
}

/// `Session::writeSession` always writes a time to come, and `Cache` 0 for what it keeps forever.
#[test]
fn a_cache_entry_of_yii_without_an_end_is_not_expired() {
    let layout = Layout::named("yii2").unwrap();
    for never in [Bson::Int32(0), Bson::Int64(0), Bson::Double(0.0)] {
        let entry = doc! { "id": "a", "expire": never, "data": "x" };
        let entry = RawDocumentBuf::try_from(&entry).unwrap();
        assert_eq!(layout.state_at(&entry, then()), (State::Endless, None), "{entry:?}");
    }
    let entry = RawDocumentBuf::try_from(&doc! { "id": "a", "expire": 1 }).unwrap();
    assert_eq!(layout.state_at(&entry, then()).0, State::Expired);
}

/// Invitations, tokens of an API and cache entries have the same fields.
#[test]
fn fields_that_any_collection_may_have_are_sessions_only_in_one_with_the_stores_name() {
    for name in ["accounts-js", "better-auth", "chat-ui", "yii2"] {
        let mut fixture = fixtures().into_iter().find(|fixture| fixture.layout == name).unwrap();
        fixture.sample.indexes.clear();
        let named = detect(&fixture.sample, Layout::known());
        assert_eq!(named.certainty, Certainty::Certain, "{named}");
        fixture.sample.namespace = "app.cache".to_owned();
        let other = detect(&fixture.sample, Layout::known());
        assert_eq!(other.certainty, Certainty::Weak, "{other}");
        assert_eq!(other.likeliest().unwrap().name, name);
        if let Some(ttl) = &Layout::named(name).unwrap().ttl_index {
            let index = doc! { "key": { &*ttl.key: 1 }, "name": "x", "expireAfterSeconds": 0 };
            fixture.sample.indexes = vec![IndexSpec(index)];
            let indexed = detect(&fixture.sample, Layout::known());
            assert_eq!(indexed.certainty, Certainty::Weak, "{indexed}");
        }
    }
}

/// What an application puts into the session stands beside the fields of these stores.
#[test]
fn a_flat_session_may_have_a_value_under_any_name() {
    for (name, keys) in [
        ("koa-generic-session-mongo", &["data", "session"][..]),
        ("sessionstore", &["data", "session", "sid", "id", "lastAccess", "expiresAt"]),
    ] {
        let fixture = fixtures().into_iter().find(|fixture| fixture.layout == name).unwrap();
        for key in keys {
            for value in [Bson::from("x"), doc! { "a": 1 }.into()] {
                let mut sample = fixture.sample.clone();
                for document in &mut sample.documents {
                    let mut with = Document::try_from(&**document).unwrap();
                    with.insert(*key, value.clone());
                    *document = RawDocumentBuf::try_from(&with).unwrap();
                }
                let verdict = detect(&sample, Layout::known());
                assert_eq!(verdict.strangers(), 0, "{name} {key}: {verdict}");
                let certain = verdict.certain().map(|layouts| layouts.name());
                assert_eq!(certain.as_deref(), Some(name), "{key}: {verdict}");
            }
        }
    }
    let store = |name| Layout::named(name).unwrap();
    for other in ["connect-mongo-json", "express-session-object"] {
        assert!(store("sessionstore").excludes(store(other)), "{other}");
    }
}

#[test]
fn an_expiry_among_the_data_is_not_that_of_the_session() {
    let layout = Layout::named("async-mongodb-session-1").unwrap();
    let state = |text: &str| {
        let document = RawDocumentBuf::try_from(&doc! { "session": text }).unwrap();
        layout.state_at(&document, then()).0
    };
    let data = r#""data":{"card":"1","expiry":"\"2020-01-01T00:00:00Z\""}}"#;
    assert_eq!(state(&format!(r#"{{"id":"a","expiry":null,{data}"#)), State::Endless);
    let expiry = r#""expiry":"2036-01-01T00:00:00Z""#;
    assert_eq!(state(&format!(r#"{{"id":"a",{expiry},{data}"#)), State::Live);
    assert_eq!(state(r#"{"id":"a","expiry":"soon","data":{}}"#), State::Malformed);
}
