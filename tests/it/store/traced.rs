//! What an application sees of the operations with the feature `tracing`, and what it never sees.

use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use bson::doc;
use serde_json::{Value, json};
use sessionctl::{Store, StoreBuilder};
use time::OffsetDateTime;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tracing::field::{Field, Visit};
use tracing::span;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

use super::{HOUR, ID, OTHER};
use crate::support::{Db, at};

/// Writes each span and event as a line.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<String>>>, Arc<AtomicU64>);

impl Captured {
    /// With a single subscriber in the process, tracing asks only the thread that reaches an event first
    /// whether anybody listens, and remembers the answer. That can be the thread of another test.
    fn listens(&self) -> Dispatch {
        static SECOND: OnceLock<Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Dispatch::new(Self::default()));
        Dispatch::new(self.clone())
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() != "milliseconds" {
            write!(self.0, " {field}={value:?}").unwrap();
        }
    }
}

impl Subscriber for Captured {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("sessionctl")
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        let mut line = Line(format!("span {}", span.metadata().name()));
        span.record(&mut line);
        self.0.lock().unwrap().push(line.0);
        span::Id::from_u64(1 + self.1.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{}", event.metadata().level()));
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn each_operation_is_a_span_with_its_outcome_and_without_ids_users_and_payloads() {
    let db = Db::new();
    let builder = Store::builder().uri(&db.uri).database(&db.name).collection("sessions");
    let builder = builder.user_path("user").limit_per_user(1);
    let (store, _) = db.runtime.block_on(builder.open()).unwrap();
    let payload = json!({ "user": "asa-the-user", "card": "4111-secret" });
    let captured = Captured::default();
    tracing::dispatcher::with_default(&captured.listens(), || {
        db.runtime.block_on(async {
            store.set(ID, &payload, HOUR).await.unwrap();
            assert!(store.set_existing(ID, &payload, HOUR).await.unwrap());
            assert!(!store.set_new(ID, &payload, HOUR).await.unwrap());
            store.get::<Value>(ID).await.unwrap().unwrap();
            assert!(store.get::<Value>(OTHER).await.unwrap().is_none());
            assert!(store.touch(ID, HOUR).await.unwrap());
            assert_eq!(store.length().await.unwrap(), 1);
            assert_eq!(store.sessions_of("asa-the-user").await.unwrap().len(), 1);
            assert_eq!(store.destroy_others("asa-the-user", ID).await.unwrap(), 0);
            assert_eq!(store.destroy_all_of("asa-the-user").await.unwrap(), 1);
            assert!(!store.destroy(ID).await.unwrap());
            assert_eq!(store.clear_expired().await.unwrap(), 0);
        });
    });
    let lines = captured.0.lock().unwrap().clone();
    let namespace = format!("namespace=\"{}.sessions\"", db.name);
    let operations = [
        ("set", 1),
        ("set_existing", 1),
        ("set_new", 1),
        ("get", 1),
        ("get", 0),
        ("touch", 1),
        ("length", 1),
        ("sessions_of", 1),
        ("destroy_others", 0),
        ("destroy_all_of", 1),
        ("destroy", 0),
        ("clear_expired", 0),
    ];
    let mut seen = lines.iter();
    for (operation, sessions) in operations {
        let span = format!("span session operation=\"{operation}\" {namespace}");
        assert!(seen.any(|line| *line == span), "{span} in {lines:#?}");
        let done = format!("DEBUG message=done sessions={sessions}");
        let mut rest = seen.clone();
        assert!(rest.any(|line| *line == done), "{operation} {done} in {lines:#?}");
    }
    for secret in [ID, &ID[..6], OTHER, "asa", "4111", "card"] {
        assert!(!lines.iter().any(|line| line.contains(secret)), "{secret} in {lines:#?}");
    }
}

#[test]
fn an_operation_that_fails_is_a_warning_with_the_cause() {
    let db = Db::new();
    let store = db.store("connect-mongo-json");
    db.insert("sessions", [doc! { "_id": ID, "session": "{secret", "expires": at(60) }]);
    let captured = Captured::default();
    tracing::dispatcher::with_default(&captured.listens(), || {
        db.runtime.block_on(store.get::<Value>(ID)).unwrap_err();
    });
    let lines = std::mem::take(&mut *captured.0.lock().unwrap());
    assert!(lines.iter().any(|line| line.starts_with("WARN")), "cannot be decoded: {lines:?}");
    assert!(!lines.iter().any(|line| line.contains("secret")), "{lines:?}");
    let failing = doc! { "failCommands": ["update", "find"], "errorCode": 13 };
    let _held = db.fail_commands("alwaysOn", failing);
    tracing::dispatcher::with_default(&captured.listens(), || {
        db.runtime.block_on(async {
            store.get::<Value>(ID).await.unwrap_err();
            store.touch(ID, HOUR).await.unwrap_err();
        });
    });
    let lines = captured.0.lock().unwrap().clone();
    let warnings: Vec<_> =
        lines.iter().filter(|line| line.starts_with(Level::WARN.as_str())).collect();
    assert_eq!(warnings.len(), 2, "{lines:?}");
    assert!(warnings.iter().all(|line| line.contains("not authorized")), "{warnings:?}");
    assert!(!lines.iter().any(|line| line.contains(ID) || line.contains("secret")), "{lines:?}");
}

#[test]
fn a_log_in_of_axum_login_that_no_log_out_elsewhere_will_find_is_a_warning() {
    let db = Db::new();
    let options = || Store::builder().uri(&db.uri).database(&db.name).collection("sessions");
    let open = |options: StoreBuilder| db.runtime.block_on(options.open()).unwrap().0;
    let expires = at(3600).timestamp_millis() / 1000;
    let warnings = |store: &Store, key: &str, data: Value| {
        let mut record = Record {
            id: Id::default(),
            data: [(key.to_owned(), data)].into(),
            expiry_date: OffsetDateTime::from_unix_timestamp(expires).unwrap(),
        };
        let captured = Captured::default();
        tracing::dispatcher::with_default(&captured.listens(), || {
            db.runtime.block_on(SessionStore::create(store, &mut record)).unwrap();
        });
        let lines = captured.0.lock().unwrap().clone();
        lines.into_iter().filter(|line| line.starts_with("WARN")).collect::<Vec<_>>()
    };
    let login = json!({ "user_id": "asa-the-user", "auth_hash": [1, 2] });
    let express = open(options());
    let found = warnings(&express, "axum-login.data", login.clone());
    assert!(found.len() == 1 && found[0].contains("axum-login.data.user_id"), "{found:?}");
    assert!(!found[0].contains("asa"), "{found:?}");
    let logged_out = json!({ "user_id": null, "auth_hash": null });
    assert!(warnings(&express, "axum-login.data", logged_out).is_empty());
    db.runtime.block_on(express.clear()).unwrap();

    let named = open(options().user_path("auth.user_id"));
    assert!(warnings(&named, "auth", login.clone()).is_empty());
    db.runtime.block_on(named.clear()).unwrap();
    // The server cannot search below such a key, even if it is named.
    let dotted = open(options().user_path("my.auth.user_id"));
    let found = warnings(&dotted, "my.auth", login.clone());
    assert!(found.len() == 1 && found[0].contains("without a dot"), "{found:?}");
    assert!(db.runtime.block_on(dotted.sessions_of("asa-the-user")).unwrap().is_empty());
    db.runtime.block_on(dotted.clear()).unwrap();
    let tower = open(options().layout("tower-sessions"));
    assert!(warnings(&tower, "axum-login.data", login.clone()).is_empty());
    assert_eq!(warnings(&tower, "auth", login).len(), 1);
}

#[test]
fn a_clear_interval_that_deletes_nothing_is_logged_with_the_cause() {
    let db = Db::new();
    // In this thread, which listens.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let builder = Store::builder().uri(&db.uri).database(&db.name).collection("sessions");
    let (store, _) = runtime.block_on(builder.open()).unwrap();
    db.insert("sessions", [doc! { "_id": 1, "theme": "dark" }]);
    let captured = Captured::default();
    let is_logged = || {
        let lines = captured.0.lock().unwrap();
        lines.iter().any(|line| {
            line.starts_with("ERROR") && line.contains("could not delete expired sessions")
        })
    };
    tracing::dispatcher::with_default(&captured.listens(), || {
        runtime.block_on(async {
            let _guard = store.clear_interval(Duration::from_millis(100));
            let began = Instant::now();
            while !is_logged() {
                assert!(began.elapsed() < Duration::from_secs(30), "nothing is logged");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    });
}
