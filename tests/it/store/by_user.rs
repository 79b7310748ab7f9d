//! The sessions of one user: listed, ended and limited, whichever application wrote them.

use std::time::Duration;

use bson::{Document, doc};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sessionctl::devices::{Devices, Visitor};
use sessionctl::layout::UserPlace;
use sessionctl::{Error, Expiry, Query, Store, StoreBuilder};
use tokio::task::JoinSet;

use super::{HOUR, ID, OTHER, watched};
use crate::support::{Db, LAYOUTS, at, eventually, session, with};

fn id(number: usize) -> String {
    format!("{number:0>21}Q")
}

fn builder(db: &Db, layout: &str) -> StoreBuilder {
    Store::builder().uri(&db.uri).database(&db.name).collection("sessions").layout(layout)
}

fn open(db: &Db, builder: StoreBuilder) -> Store {
    db.runtime.block_on(builder.open()).unwrap().0
}

fn log_in(db: &Db, store: &Store, id: &str, user: impl Into<Value>) {
    let payload = json!({ "userId": user.into(), "cart": ["TEE"] });
    assert!(db.runtime.block_on(store.set_new(id, &payload, HOUR)).unwrap(), "{id}");
}

/// The ids under which the store finds the sessions that are in the database, sorted.
fn stored(db: &Db, field: &str) -> Vec<String> {
    let text = |session: &Document| session.get_str(field).unwrap().to_owned();
    let mut ids: Vec<_> = db.find("sessions", doc! {}).iter().map(text).collect();
    ids.sort();
    ids
}

fn sessions_of(db: &Db, store: &Store, user: &str) -> Vec<String> {
    let found = db.runtime.block_on(store.sessions_of(user)).unwrap();
    assert!(found.iter().all(|found| found.session.user.as_deref() == Some(user)));
    found.iter().map(|found| found.session.id.full()).collect()
}

#[test]
fn the_sessions_of_a_user_are_those_that_can_log_in_the_most_recent_first() {
    for (layout, field, expires) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        assert!(sessions_of(&db, &store, "asa").is_empty(), "{layout}: there is no collection");
        for (number, user) in ["asa", "bo", "asa", "asa-2", "asa", "asa"].into_iter().enumerate() {
            log_in(&db, &store, &id(number), user);
        }
        db.runtime.block_on(store.set(OTHER, &json!({ "cart": ["asa"] }), HOUR)).unwrap();
        // The first one lives on the longest, and one is over.
        let two = Expiry::After(Duration::from_secs(7200));
        assert!(db.runtime.block_on(store.touch(&id(0), two)).unwrap(), "{layout}");
        db.update("sessions", doc! { field: id(2) }, doc! { "$set": { expires: at(-1) } });
        assert_eq!(sessions_of(&db, &store, "asa"), [id(0), id(5), id(4)], "{layout}");
        assert_eq!(sessions_of(&db, &store, "bo"), [id(1)], "{layout}");
        for nobody in ["", "as", "TEE", "cart"] {
            assert!(sessions_of(&db, &store, nobody).is_empty(), "{layout} {nobody}");
        }
    }
}

#[test]
fn a_user_is_logged_out_everywhere_or_everywhere_else_and_nobody_else_is() {
    for (layout, field, expires) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        let users = ["asa", "bo", "asa", "asa", "bo"];
        for (number, user) in users.into_iter().enumerate() {
            log_in(&db, &store, &id(number), user);
        }
        db.runtime.block_on(store.set(OTHER, &json!({}), HOUR)).unwrap();
        db.update("sessions", doc! { field: id(3) }, doc! { "$set": { expires: at(-1) } });
        let others = db.runtime.block_on(store.destroy_others("asa", &id(2))).unwrap();
        assert_eq!(others, 2, "{layout}: one is over");
        let mut left = vec![id(1), id(2), id(4), OTHER.to_owned()];
        left.sort();
        assert_eq!(stored(&db, field), left, "{layout}");
        // The session to keep may be gone already.
        let others = db.runtime.block_on(store.destroy_others("bo", &id(3))).unwrap();
        assert_eq!(others, 2, "{layout}");
        let all = db.runtime.block_on(store.destroy_all_of("asa")).unwrap();
        assert_eq!((all, stored(&db, field)), (1, vec![OTHER.to_owned()]), "{layout}");
        for nobody in ["asa", ""] {
            let none = db.runtime.block_on(store.destroy_all_of(nobody)).unwrap();
            assert_eq!((none, db.count("sessions", doc! {})), (0, 1), "{layout}");
        }
    }
}

#[test]
fn logging_out_everywhere_waits_out_a_session_that_keeps_changing() {
    let db = Db::new();
    let store = db.store("express-mongodb-1");
    log_in(&db, &store, ID, "asa");
    // The delete is held while a request of that session writes.
    let delete = doc! { "failCommands": ["delete"], "blockConnection": true, "blockTimeMS": 1000 };
    let held = db.fail_commands(doc! { "times": 1 }, delete);
    let deleted = std::thread::scope(|scope| {
        let ending = scope.spawn(|| db.runtime.block_on(store.destroy_all_of("asa")).unwrap());
        held.wait(1);
        db.update("sessions", doc! { "_id": ID }, doc! { "$set": { "session.views": 2 } });
        ending.join().unwrap()
    });
    assert_eq!((deleted, db.count("sessions", doc! {})), (1, 0));
}

#[test]
fn deleting_by_a_query_waits_out_a_session_that_keeps_changing() {
    const CHANGES: i32 = 6;
    let db = Db::new();
    let store = db.store("express-mongodb-1");
    log_in(&db, &store, ID, "asa");
    let delete = doc! { "failCommands": ["delete"], "blockConnection": true, "blockTimeMS": 1000 };
    let held = db.fail_commands(doc! { "times": CHANGES }, delete);
    let deleted = std::thread::scope(|scope| {
        let query = Query::of("asa");
        let ending = scope.spawn(|| db.runtime.block_on(store.destroy_matching(query)).unwrap());
        for views in 1..=CHANGES {
            held.wait(i64::from(views));
            db.update("sessions", doc! { "_id": ID }, doc! { "$set": { "session.views": views } });
        }
        ending.join().unwrap()
    });
    assert_eq!((deleted, db.count("sessions", doc! {})), (1, 0));
}

#[test]
fn a_write_whose_surplus_cannot_be_deleted_is_a_write_that_succeeded() {
    let db = Db::new();
    let store = open(&db, builder(&db, "express-mongodb-1").limit_per_user(1));
    log_in(&db, &store, &id(0), "asa");
    let refused = doc! { "failCommands": ["delete"], "errorCode": 13 };
    let refusing = db.fail_commands("alwaysOn", refused);
    log_in(&db, &store, &id(1), "asa");
    let payload = json!({ "userId": "asa" });
    assert!(db.runtime.block_on(store.set_existing(&id(1), &payload, HOUR)).unwrap());
    refusing.wait(2);
    drop(refusing);
    assert_eq!(db.count("sessions", doc! {}), 2);
    // The next write catches up.
    assert!(db.runtime.block_on(store.set_existing(&id(1), &payload, HOUR)).unwrap());
    assert_eq!(db.ids("sessions"), [id(1)]);
}

#[test]
fn a_limit_that_could_delete_nothing_is_refused_when_the_store_opens() {
    let db = Db::new();
    let refused = doc! { "failCommands": ["listIndexes"], "errorCode": 13 };
    let _refusing = db.fail_commands("alwaysOn", refused);
    let builder = builder(&db, "express-mongodb-1");
    open(&db, builder.clone());
    let opened = db.runtime.block_on(builder.limit_per_user(1).open());
    assert!(matches!(opened.unwrap_err(), Error::Unauthorized { .. }));
}

#[test]
fn an_index_finds_candidates_and_each_document_decides() {
    let db = Db::new();
    let collation = doc! { "locale": "en", "strength": 1 };
    db.run(doc! { "create": "sessions", "collation": collation });
    let indexed = builder(&db, "express-mongodb-1").user_path("userId").user_index(true);
    let store = open(&db, indexed);
    for (number, user) in ["asa", "Åsa", "ASA"].into_iter().enumerate() {
        log_in(&db, &store, &id(number), user);
    }
    // Express writes numbers, and other applications put a user elsewhere.
    let of = |id: &str, payload: Document| {
        with(session("express-mongodb-1", id, at(60)), doc! { "session": payload })
    };
    db.insert(
        "sessions",
        [
            of("number", doc! { "cookie": {}, "userId": 42 }),
            of("text", doc! { "cookie": {}, "userId": "42" }),
            of("elsewhere", doc! { "cookie": {}, "user": "asa" }),
            doc! { "_id": "foreign", "session": { "userId": "asa" }, "expires": at(60) },
        ],
    );
    assert_eq!(sessions_of(&db, &store, "asa"), [id(0)]);
    let mut both = sessions_of(&db, &store, "42");
    both.sort();
    assert_eq!(both, ["number", "text"]);
    assert_eq!(db.runtime.block_on(store.destroy_all_of("asa")).unwrap(), 1);
    assert_eq!(db.runtime.block_on(store.destroy_all_of("42")).unwrap(), 2);
    assert_eq!(db.ids("sessions"), [id(1), id(2), "elsewhere".into(), "foreign".into()]);
}

#[test]
fn a_user_under_a_key_with_a_dot_is_found_in_every_layout() {
    for (layout, ..) in LAYOUTS {
        let db = Db::new();
        let store = open(&db, builder(&db, layout).user_path("axum-login.data.user_id"));
        let payload = json!({ "axum-login.data": { "user_id": "asa" }, "user": "bo" });
        db.runtime.block_on(store.set(ID, &payload, HOUR)).unwrap();
        assert_eq!(sessions_of(&db, &store, "asa"), [ID], "{layout}");
        assert!(sessions_of(&db, &store, "bo").is_empty(), "{layout}: at another place");
    }
}

/// Mongod 6.0 and older take a search that PCRE gives up for one that found nothing.
#[test]
fn a_user_with_many_letters_beyond_ascii_is_found_in_json_and_logged_out() {
    let users = [
        "Дмитрий Иванов",
        "Александра",
        "Дмитрий Александрович Преображенский-Воскресенский",
        "Åsa \"Öberg\" +++++++ Ñ",
    ];
    let db = Db::new();
    let cookie = json!({ "originalMaxAge": 86_400_000, "expires": "2036-01-02T03:04:05.000Z",
        "httpOnly": true, "path": "/" });
    let of = |id: String, user: &str| {
        let payload = json!({ "cookie": cookie, "views": 7, "user": user }).to_string();
        doc! { "_id": id, "expires": at(600), "session": payload }
    };
    db.insert("sessions", (0..1000).map(|number| of(id(number), &format!("Äke Nr. {number}"))));
    let store = db.store("connect-mongo-json");
    for user in users {
        let plain = of(ID.to_owned(), user);
        // As PHP and Python write it.
        let escape = |letter: char| match letter.is_ascii() {
            true => letter.to_string(),
            false => format!("\\u{:04x}", u32::from(letter)),
        };
        let escaped: String = plain.get_str("session").unwrap().chars().map(escape).collect();
        let escaped = with(plain.clone(), doc! { "_id": OTHER, "session": escaped });
        db.insert("sessions", [plain, escaped]);
        assert_eq!(sessions_of(&db, &store, user).len(), 2, "{user}");
        let found = db.sessionctl(&["list", "--user", user, "-o", "json"]).exits(0).json();
        assert_eq!(found.as_array().unwrap().len(), 2, "{user}");
        let ended = db.runtime.block_on(store.destroy_all_of(user)).unwrap();
        assert_eq!((ended, db.count("sessions", doc! {})), (2, 1000), "{user}");
    }
}

#[test]
fn with_the_index_only_the_sessions_of_the_user_are_examined() {
    for layout in ["express-mongodb-1", "express-session-object", "express-mongodb-legacy"] {
        let db = Db::new();
        let options = builder(&db, layout).user_path("userId").user_index(true);
        let store = open(&db, options.clone().limit_per_user(3));
        open(&db, options);
        let payload = if layout == "express-mongodb-legacy" { "data" } else { "session" };
        let indexes = db.indexes("sessions");
        let of_user = doc! { format!("{payload}.userId"): 1 };
        let named = indexes.iter().filter(|index| index.get_document("key").unwrap() == &of_user);
        let names: Vec<_> = named.map(|index| index.get_str("name").unwrap()).collect();
        assert_eq!(names, [format!("{payload}.userId_1")], "{layout}");
        let others = (0..300).map(|number| session(layout, &format!("{number:022}"), at(600)));
        db.insert("sessions", others);
        for number in 0..3 {
            log_in(&db, &store, &id(number), "asa");
        }
        let seen = watched(&db, || {
            log_in(&db, &store, &id(3), "asa");
            assert_eq!(sessions_of(&db, &store, "asa").len(), 3);
            db.runtime.block_on(store.destroy_others("asa", &id(3))).unwrap();
            assert_eq!(db.runtime.block_on(store.destroy_all_of("asa")).unwrap(), 1);
        });
        let reads = seen.iter().filter(|seen| seen.contains_key("docsExamined"));
        let most = reads
            .map(|seen| (seen.get_i32("docsExamined").unwrap(), seen))
            .max_by_key(|seen| seen.0);
        let (most, seen) = most.unwrap();
        assert!((1..=5).contains(&most), "{layout} {most} {seen}");
        assert_eq!(db.count("sessions", doc! {}), 300, "{layout}");
    }
}

/// With `SESSIONCTL_LONG_TESTS=1`, among a million.
#[test]
fn the_sessions_of_a_user_cost_the_same_however_many_others_there_are() {
    let is_long = std::env::var_os("SESSIONCTL_LONG_TESTS").is_some();
    let sizes: [u32; 2] = if is_long { [10_000, 1_000_000] } else { [1000, 5000] };
    let db = Db::new();
    let options = builder(&db, "express-mongodb-1").user_path("user").user_index(true);
    let store = open(&db, options);
    let mut inserted = 0;
    let costs = sizes.map(|size| {
        let of = |number: u32| {
            let payload = doc! { "cookie": {}, "user": format!("user-{}", number / 4) };
            let id = format!("{number:0>22}");
            with(session("express-mongodb-1", &id, at(3600)), doc! { "session": payload })
        };
        while inserted < size {
            let to = size.min(inserted + 10_000);
            db.insert("sessions", (inserted..to).map(of));
            inserted = to;
        }
        let seen = watched(&db, || assert_eq!(sessions_of(&db, &store, "user-77").len(), 4));
        let sum =
            |key: &str| -> i32 { seen.iter().map(|seen| seen.get_i32(key).unwrap_or(0)).sum() };
        (sum("keysExamined"), sum("docsExamined"))
    });
    assert_eq!(costs[0], costs[1]);
    assert_eq!(costs[0].1, 4, "{costs:?}");
}

#[test]
fn an_index_that_cannot_find_a_user_is_refused_and_nothing_is_created() {
    let cases = [
        ("tower-sessions", Some("user_id"), "binary"),
        ("connect-mongo-json", Some("user"), "cannot read"),
        ("express-mongodb-1", None, "places"),
        ("express-mongodb-1", Some("axum-login.data.user_id"), "a dot"),
        ("express-mongodb-1", Some("login_*"), "*"),
        ("aspnet-session-state", None, "does not define"),
    ];
    let db = Db::new();
    for (layout, path, _) in cases {
        let mut options = builder(&db, layout).user_index(true).lifetime(Duration::from_secs(60));
        if let Some(path) = path {
            options = options.user_path(path);
        }
        let opened = db.runtime.block_on(options.open());
        assert!(matches!(opened, Err(Error::Unsupported(_))), "{layout} {opened:?}");
    }
    let refused = [
        builder(&db, "express-mongodb-1").limit_per_user(0),
        builder(&db, "aspnet-session-state").limit_per_user(3),
        builder(&db, "express-mongodb-1").user_path(""),
        builder(&db, "express-mongodb-1").user_path("/a*"),
    ];
    for options in refused {
        let opened = db.runtime.block_on(options.open());
        assert!(matches!(opened, Err(Error::Unsupported(_))), "{opened:?}");
    }
    assert!(db.collections().is_empty());
    assert!(matches!(UserPlace::try_from("/uid".to_owned()), Ok(UserPlace::Field(_))));
}

#[test]
fn sixty_four_log_ins_at_a_time_leave_as_many_sessions_as_the_limit_says() {
    for (layout, field, _) in LAYOUTS {
        let db = Db::new();
        let options = builder(&db, layout).limit_per_user(3);
        // As two processes.
        let stores = [open(&db, options.clone()), open(&db, options)];
        db.runtime.block_on(stores[0].install_indexes()).unwrap();
        log_in(&db, &stores[0], ID, "bo");
        db.runtime.block_on(async {
            let mut logging_in = JoinSet::new();
            for number in 0..64 {
                let store = stores[number % 2].clone();
                let payload = json!({ "userId": "asa", "n": number });
                logging_in.spawn(async move {
                    match number % 3 {
                        0 => store.set(&id(number), &payload, HOUR).await.unwrap(),
                        _ => assert!(store.set_new(&id(number), &payload, HOUR).await.unwrap()),
                    }
                });
            }
            while let Some(done) = logging_in.join_next().await {
                done.unwrap();
            }
        });
        let left = stored(&db, field);
        assert_eq!(left.len(), 4, "{layout} {left:?}");
        assert!(left.contains(&ID.to_owned()), "{layout}: another user");
        // The next log-in leaves itself and two of these.
        log_in(&db, &stores[1], OTHER, "asa");
        let after = stored(&db, field);
        assert_eq!(after.len(), 4, "{layout}");
        assert!(after.contains(&OTHER.to_owned()), "{layout}");
    }
}

#[test]
fn the_limit_counts_each_kind_of_write_but_no_session_that_is_over() {
    let db = Db::new();
    let store = open(&db, builder(&db, "express-mongodb-1").limit_per_user(2));
    // Visitors first, who log in later.
    for number in 0..4 {
        db.runtime.block_on(store.set(&id(number), &json!({ "views": 1 }), HOUR)).unwrap();
    }
    assert_eq!(db.count("sessions", doc! {}), 4);
    let over = doc! { "cookie": {}, "userId": "asa" };
    db.insert(
        "sessions",
        [with(session("express-mongodb-1", "over", at(-60)), doc! { "session": over })],
    );
    for number in 0..4 {
        let payload = json!({ "userId": "asa" });
        let id_of_it = id(number);
        let set = store.set_existing(&id_of_it, &payload, HOUR);
        assert!(db.runtime.block_on(set).unwrap());
        let left = sessions_of(&db, &store, "asa");
        assert_eq!(left.len(), (number + 1).min(2), "{left:?}");
        assert_eq!(left[0], id(number));
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn only_the_first_write_of_a_log_in_looks_at_the_limit() {
    let db = Db::new();
    let store = open(&db, builder(&db, "express-mongodb-1").limit_per_user(2));
    log_in(&db, &store, ID, "asa");
    db.run(doc! { "profile": 2 });
    let write = |id: &str, payload: Value| {
        assert!(db.runtime.block_on(store.set_existing(id, &payload, HOUR)).unwrap());
    };
    let reads = || {
        let read = doc! { "appName": &db.name, "op": "query" };
        db.find("system.profile", read).len()
    };
    for number in 0..5 {
        write(ID, json!({ "userId": "asa", "n": number }));
    }
    assert_eq!(reads(), 0);
    // Each of these is a log-in.
    for payload in [json!({ "userId": "bo" }), json!({ "n": 1 }), json!({ "userId": "bo" })] {
        let before = reads();
        write(ID, payload.clone());
        assert_eq!(reads() > before, payload["userId"] == "bo", "{payload}");
    }
    db.run(doc! { "profile": 0 });
}

#[test]
fn a_session_that_is_used_meanwhile_is_ranked_again_rather_than_deleted() {
    let db = Db::new();
    let store = open(&db, builder(&db, "express-mongodb-1").limit_per_user(2));
    for number in 0..2 {
        log_in(&db, &store, &id(number), "asa");
        let seen = doc! { "$set": { "updatedAt": at(-60 + number as i64) } };
        db.update("sessions", doc! { "_id": id(number) }, seen);
    }
    let delete = doc! { "failCommands": ["delete"], "blockConnection": true, "blockTimeMS": 1000 };
    let held = db.fail_commands(doc! { "times": 1 }, delete);
    std::thread::scope(|scope| {
        let login = scope.spawn(|| log_in(&db, &store, &id(2), "asa"));
        held.wait(1);
        // The oldest was about to go, and its user comes back.
        db.update("sessions", doc! { "_id": id(0) }, doc! { "$set": { "updatedAt": at(60) } });
        login.join().unwrap();
    });
    assert_eq!(db.ids("sessions"), [id(0), id(2)]);
}

/// A new primary whose clock is behind writes sessions that look older than those of its predecessor.
#[test]
fn a_new_session_is_kept_whatever_a_clock_that_was_ahead_wrote_before() {
    let db = Db::new();
    for (limit, kept) in [(1, 1), (2, 2)] {
        db.run(doc! { "dropDatabase": 1 });
        let store = open(&db, builder(&db, "express-mongodb-1").limit_per_user(limit));
        for number in 0..3 {
            log_in(&db, &store, &id(number), "asa");
            assert!(db.ids("sessions").contains(&id(number)), "{limit} {number}");
            let ahead = doc! { "$set": { "updatedAt": at(60) } };
            db.update("sessions", doc! { "_id": id(number) }, ahead);
        }
        assert_eq!(db.count("sessions", doc! {}), kept, "{limit}");
    }
}

#[test]
fn a_request_that_is_given_up_after_its_write_leaves_no_surplus() {
    let db = Db::new();
    let store = open(&db, builder(&db, "express-mongodb-1").limit_per_user(1));
    log_in(&db, &store, &id(0), "asa");
    let update = doc! { "failCommands": ["update"], "blockConnection": true, "blockTimeMS": 500 };
    let held = db.fail_commands(doc! { "times": 1 }, update);
    let (again, payload) = (store.clone(), json!({ "userId": "asa" }));
    let request = db.runtime.spawn(async move { again.set(&id(1), &payload, HOUR).await });
    held.wait(1);
    request.abort();
    db.await_ids("sessions", &[id(1)]);
    assert!(db.runtime.block_on(request).unwrap_err().is_cancelled());
    // So does a log-out of everything.
    let delete = doc! { "failCommands": ["find"], "blockConnection": true, "blockTimeMS": 500 };
    drop(held);
    let held = db.fail_commands(doc! { "times": 1 }, delete);
    let again = store.clone();
    let request = db.runtime.spawn(async move { again.destroy_all_of("asa").await });
    held.wait(1);
    request.abort();
    eventually("nobody is logged in", || db.count("sessions", doc! {}) == 0);
}

#[test]
fn a_log_out_continues_if_its_request_is_given_up_during_its_first_look_up() {
    type LogOut = fn(Store) -> BoxFuture<'static, ()>;
    let log_outs: [(LogOut, &[usize]); 3] = [
        (|store| Box::pin(async move { drop(store.destroy_others("asa", &id(0)).await) }), &[0]),
        (
            |store| {
                let devices = Devices::new(&store, &[7; 32]).unwrap();
                let visitor = Visitor { id: id(0), user: "asa".to_owned() };
                Box::pin(async move { drop(devices.sign_out_others(&visitor).await) })
            },
            &[0],
        ),
        (
            |store| Box::pin(async move { drop(store.destroy_matching(Query::of("asa")).await) }),
            &[],
        ),
    ];
    for (number, (log_out, left)) in log_outs.into_iter().enumerate() {
        let db = Db::new();
        let store = open(&db, builder(&db, "express-mongodb-1"));
        for number in 0..3 {
            log_in(&db, &store, &id(number), "asa");
        }
        let find = doc! { "failCommands": ["find"], "blockConnection": true, "blockTimeMS": 500 };
        let held = db.fail_commands(doc! { "times": 1 }, find);
        let request = db.runtime.spawn(log_out(store.clone()));
        held.wait(1);
        request.abort();
        let left: Vec<_> = left.iter().map(|number| id(*number)).collect();
        eventually(&format!("log-out {number} is done"), || db.ids("sessions") == left);
        assert!(db.runtime.block_on(request).unwrap_err().is_cancelled());
    }
}

#[test]
fn a_session_that_a_request_in_flight_brings_back_counts_as_a_log_in() {
    let db = Db::new();
    let store = open(&db, builder(&db, "express-mongodb-1").limit_per_user(1));
    let [phone, laptop] = [id(0), id(1)];
    log_in(&db, &store, &phone, "asa");
    log_in(&db, &store, &laptop, "asa");
    assert_eq!(db.ids("sessions"), std::slice::from_ref(&laptop));
    let payload = json!({ "userId": "asa" });
    db.runtime.block_on(store.set(&phone, &payload, HOUR)).unwrap();
    assert_eq!(db.ids("sessions"), [phone]);
}

#[test]
fn in_a_new_process_a_session_that_was_read_with_its_user_is_no_log_in() {
    let db = Db::new();
    let limited = || open(&db, builder(&db, "express-mongodb-1").limit_per_user(2));
    log_in(&db, &limited(), ID, "asa");
    let store = limited();
    assert!(db.runtime.block_on(store.get::<Value>(ID)).unwrap().is_some());
    let write = |user: &str| {
        let payload = json!({ "userId": user, "n": 1 });
        let done = watched(&db, || {
            assert!(db.runtime.block_on(store.set_existing(ID, &payload, HOUR)).unwrap());
        });
        done.iter().filter(|done| done.get_str("op").is_ok_and(|op| op == "query")).count()
    };
    assert_eq!(write("asa"), 0);
    assert!(write("bo") > 0, "another user logs in");
}
