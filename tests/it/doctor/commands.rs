//! Every command that the doctor may print: its fault is set up on a real server, the command is
//! typed on a terminal exactly as printed, its question is answered, and then the fault is gone and
//! every user who was logged in still is.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use std::thread;

use sessionctl::doctor::remedies;
use sessionctl::mongod::{Mongod, Options};

use super::*;
use crate::clock::with_clock;
use crate::stores::quiet_uri;
use crate::support::{flask, own_server, type_on_terminal};

const THIRD: &str = "CCCCCCCCCCCCCCCCCCCCCC";
const DAY: i64 = 86_400;

/// A collection `sessions` with one fault.
struct Fault {
    db: Db,
    /// What the doctor is given besides.
    arguments: Vec<&'static str>,
    /// Who looks, where it is not this test's own login.
    uri: Option<String>,
    /// The documents that the command may delete: expired, malformed, or named by the finding's text.
    dead: Vec<&'static str>,
    /// How far this machine's clock is ahead, in seconds.
    clock: i64,
    /// What is typed beside the answer to a question: the prompt, and the text.
    prompts: Vec<(String, String)>,
    _server: Option<Mongod>,
}

impl Fault {
    /// On a server without a TTL monitor, so that only the command deletes.
    fn new(documents: impl IntoIterator<Item = Document>) -> Self {
        let fault = Self::of(Db::on(&quiet_uri()), None);
        fault.db.insert("sessions", documents);
        fault
    }

    fn of(db: Db, server: Option<Mongod>) -> Self {
        let (arguments, dead, prompts) = (Vec::new(), Vec::new(), Vec::new());
        Self { db, arguments, uri: None, dead, clock: 0, prompts, _server: server }
    }

    fn on_own_server(options: Options) -> Self {
        let server = own_server(options);
        Self::of(Db::on(&server.uri()), Some(server))
    }

    fn with(self, but: Document) -> Self {
        ttl(&self.db, but);
        self
    }

    fn index(self, spec: Document) -> Self {
        self.db.create_index("sessions", spec);
        self
    }

    fn dead(mut self, dead: &[&'static str]) -> Self {
        self.dead = dead.to_vec();
        self
    }

    fn arguments(mut self, arguments: &[&'static str]) -> Self {
        self.arguments = arguments.to_vec();
        self
    }

    fn examine(&self, program: Program, check: &str) -> Value {
        let program = match &self.uri {
            Some(uri) => program.env("SESSIONCTL_URI", uri),
            None => program,
        };
        let program = if self.clock == 0 { program } else { with_clock(program, self.clock) };
        let run = program.run();
        assert!(matches!(run.code, Some(0 | 4)), "{run:#?}");
        let lines = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let found = lines.into_iter().find(|finding| finding["check"] == check);
        found.unwrap_or_else(|| panic!("no {check} in {run:#?}"))
    }

    fn finding(&self, check: &str) -> Value {
        let arguments = [&["doctor", "-o", "ndjson"], self.arguments.as_slice()].concat();
        self.examine(self.db.command(&arguments), check)
    }

    fn documents(&self) -> Vec<Document> {
        self.db.find("sessions", doc! {})
    }
}

/// Folders with `mongosh`, and with what stands in for this machine's clock.
fn tools() -> &'static PathBuf {
    static TOOLS: OnceLock<PathBuf> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("doctor-tools");
        std::fs::create_dir_all(folder.join(".mongodb/mongosh")).unwrap();
        let tool = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/tools.sh");
        let cache = std::env::var("XDG_CACHE_HOME")
            .unwrap_or_else(|_| format!("{}/.cache", std::env::var("HOME").unwrap()));
        let program = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        // A separate home folder, with telemetry turned off.
        let config = folder.join(".mongodb/mongosh/config");
        std::fs::write(config, "enableTelemetry: false\n").unwrap();
        let home = folder.display();
        let mongosh = format!(
            "#!/bin/sh\nexport XDG_CACHE_HOME='{cache}' HOME='{home}'\nexec bash '{}' mongosh \"$@\"\n",
            tool.display()
        );
        program("mongosh", &mongosh);
        let line = "#!/bin/sh\n[ \"$*\" = 'set-ntp true' ] && echo 'the clock is set'\n";
        program("timedatectl", line);
        folder
    })
}

/// Types a line into a shell, and answers its question.
#[track_caller]
fn typed(fault: &Fault, line: &str) -> Run {
    let path = format!(
        "{}:{}:{}",
        tools().display(),
        PathBuf::from(env!("CARGO_BIN_EXE_sessionctl")).parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let uri = fault.uri.as_ref().unwrap_or(&fault.db.uri);
    let program = Program::shell(line).env("SESSIONCTL_URI", uri).env("PATH", &path);
    type_on_terminal(program, line, &format!("{}.sessions", fault.db.name), &fault.prompts)
}

/// A session whose expiry is a number, which no TTL index acts on.
fn numbered(id: &str, expires: bson::DateTime) -> Document {
    let session = r#"{"lastAccess":1792400400000,"cookie":{"originalMaxAge":2592000,"path":"/"}}"#;
    doc! { "_id": id, "session": session, "expires": expires.timestamp_millis() }
}

fn parameters(named: &[(&str, &str)]) -> Options {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Options { parameters: named.iter().map(owned).collect(), ..Options::default() }
}

/// Sets up the fault for which `check` prints this command. A command without a fault here must not
/// be printed.
fn fault(check: &str, remedy: &str) -> Fault {
    let live = || connect_mongo(LIVE, at(600));
    let index = |key: &str, but: Document| {
        with(doc! { "key": { key: 1 }, "name": format!("{key}_1") }, but)
    };
    let seconds = |seconds: i32| doc! { "expireAfterSeconds": seconds };
    match (check, remedy) {
        ("collection", "examine") => {
            let fault = Fault::new([live()]).with(doc! {}).arguments(&["-c", "logins"]);
            fault.db.run(doc! { "create": "logins", "viewOn": "sessions", "pipeline": [] });
            fault
        }
        ("collection", "uncap") => {
            let fault = Fault::of(Db::on(&quiet_uri()), None);
            fault.db.run(doc! { "create": "sessions", "capped": true, "size": 1 << 20 });
            fault.db.insert("sessions", [live(), connect_mongo(OTHER, at(60))]);
            fault
        }
        ("login", "grant-roles") => {
            let server =
                own_server(Options { args: vec!["--auth".to_owned()], ..Options::default() });
            let root = doc! { "createUser": "root", "pwd": "root", "roles": ["root"] };
            Db::on(&server.uri()).admin(root);
            let uri =
                |user| format!("mongodb://{user}:{user}@{}/?authSource=admin", server.address());
            let (own, reader) = (uri("root"), uri("reader"));
            let mut fault = Fault::of(Db::on(&own), Some(server));
            fault.db.insert("sessions", [live()]);
            let role = doc! { "role": "read", "db": &fault.db.name };
            fault.db.admin(doc! { "createUser": "reader", "pwd": "reader", "roles": [role] });
            fault.uri = Some(reader);
            fault.prompts = vec![("Enter password:".to_owned(), "root\r".to_owned())];
            fault.with(doc! {})
        }
        ("layout", "name-layout") => {
            let value =
                bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![0x80] };
            Fault::new([doc! { "key": LIVE, "value": value, "exp": at(600) }])
        }
        ("layout", "detect-layout") => {
            Fault::new([live()]).arguments(&["--layout", "tower-sessions"])
        }
        ("ttl-index", "index-install") => {
            Fault::new([live(), connect_mongo(OTHER, at(-DAY))]).dead(&[OTHER])
        }
        ("ttl-index", "index-replace") => Fault::new([live()]).with(seconds(i32::MAX)),
        ("ttl-index", "sweep") => {
            Fault::new([numbered(LIVE, at(600)), numbered(OTHER, at(-DAY))]).dead(&[OTHER])
        }
        ("ttl-seconds", "index-replace") => {
            let expired = connect_mongo(OTHER, at(-60));
            Fault::new([live(), expired]).with(seconds(3600)).dead(&[OTHER])
        }
        ("ttl-seconds", "drop-index") => {
            Fault::new([live()]).with(doc! {}).index(index("lastModified", seconds(0)))
        }
        ("ttl-partial", "index-replace") => {
            let partial = doc! { "partialFilterExpression": { "user": { "$exists": true } } };
            Fault::new([live()]).with(partial)
        }
        ("ttl-several", "drop-index") => {
            let key = doc! { "key": { "expires": -1 }, "name": "mine", "expireAfterSeconds": 0 };
            Fault::new([live()]).with(doc! {}).index(key)
        }
        ("ttl-options", "index-replace") => Fault::new([live()]).with(doc! { "name": "mine" }),
        ("ttl-monitor", "set-parameter") => {
            let fault = Fault::on_own_server(parameters(&[("ttlMonitorEnabled", "false")]));
            fault.db.insert("sessions", [live()]);
            fault.with(doc! {})
        }
        ("ttl-interval", "set-parameter") => {
            let fault = Fault::on_own_server(parameters(&[("ttlMonitorSleepSecs", "3600")]));
            fault.db.insert("sessions", [live()]);
            fault.with(doc! {})
        }
        ("expired", "purge-expired") => {
            Fault::new([live(), connect_mongo(OTHER, at(-3 * DAY))]).dead(&[OTHER])
        }
        ("expiry-type", "fix-expiry") => {
            let text = at(600).try_to_rfc3339_string().unwrap();
            Fault::new([live(), connect_mongo(OTHER, text)]).with(doc! {})
        }
        ("expiry-type", "purge-malformed") => {
            let unclear = connect_mongo(OTHER, "01/02/2026");
            Fault::new([live(), unclear]).with(doc! {}).dead(&[OTHER])
        }
        ("expiry-unusable", "purge-malformed") => {
            let null = connect_mongo(OTHER, Bson::Null);
            Fault::new([live(), null]).with(doc! {}).dead(&[OTHER])
        }
        ("expiry-array", "reduce-arrays") => {
            let dates = connect_mongo(OTHER, vec![at(1200), at(600)]);
            // A document of another program keeps its array.
            let foreign = doc! { "_id": THIRD, "expires": [at(1200), at(600)] };
            let others =
                (0..20).map(|n| connect_mongo(&format!("another-session-{n:016}"), at(600)));
            Fault::new([live(), dates, foreign].into_iter().chain(others)).with(doc! {})
        }
        ("endless", "fix-endless") => {
            let mut endless = connect_mongo(OTHER, at(0));
            endless.remove("expires");
            let fault = Fault::new([live(), endless]).with(doc! {});
            fault.arguments(&["--lifetime", "14d"])
        }
        ("expiry-ancient", "purge-expired") => {
            let seconds = bson::DateTime::from_millis(at(600).timestamp_millis() / 1000);
            Fault::new([live(), connect_mongo(OTHER, seconds)]).dead(&[OTHER])
        }
        ("expiry-check", "purge-expired") => {
            Fault::new([flask(LIVE, at(600)), flask(OTHER, at(-60))])
                .index(index("expiration", seconds(0)))
                .dead(&[OTHER])
        }
        ("expiry-check", "index-install") => Fault::new([flask(LIVE, at(600))]),
        ("expiry-check", "index-replace") => {
            let partial = doc! { "partialFilterExpression": { "user": { "$exists": true } } };
            Fault::new([flask(LIVE, at(600))]).index(index("expiration", with(seconds(0), partial)))
        }
        ("expiry-check", "sweep") => Fault::new([numbered(LIVE, at(600))]),
        ("document-size", "purge-session") => {
            let session = format!("{{\"cookie\":{{}},\"cart\":\"{}\"}}", "x".repeat(31 << 19));
            let large = with(connect_mongo(OTHER, at(600)), doc! { "session": session });
            // Its text says that it logs this user out.
            Fault::new([live(), large]).with(doc! {}).dead(&[OTHER])
        }
        ("disk", "compact") => {
            let fault = Fault::on_own_server(Options::default());
            fault.db.insert("sessions", [live()]);
            super::documents::leave_free_space(&fault.db);
            fault.with(doc! {})
        }
        ("id-index", "create-index") => {
            let legacy = [(LIVE, 600), (OTHER, 1200)]
                .map(|(id, seconds)| session("express-mongodb-legacy", id, at(seconds)));
            Fault::new(legacy)
        }
        ("user-index", "create-index") => {
            let user = bson::oid::ObjectId::new();
            Fault::new([doc! { "sessionToken": LIVE, "userId": user, "expires": at(600) }])
        }
        ("unique-index", "drop-index") => {
            Fault::new([live()]).with(doc! {}).index(index("token", doc! { "unique": true }))
        }
        ("clock-here", "set-clock") => {
            let mut fault = Fault::new([live()]).with(doc! {});
            fault.clock = 120;
            fault
        }
        _ => panic!("there is no fault here of which {check} makes the command {remedy}"),
    }
}

/// How a command of this kind begins.
fn beginning(remedy: &str) -> &'static str {
    match remedy {
        "examine" | "name-layout" | "detect-layout" => "sessionctl doctor ",
        "purge-expired" => "sessionctl purge --expired ",
        "purge-malformed" => "sessionctl purge --malformed ",
        "purge-session" => "sessionctl purge ",
        "fix-expiry" => "sessionctl fix expiry ",
        "fix-endless" => "sessionctl fix endless ",
        "sweep" => "sessionctl sweep ",
        "index-install" => "sessionctl index install ",
        "index-replace" => "sessionctl index replace ",
        "set-clock" => "timedatectl ",
        "create-index" | "drop-index" | "compact" | "set-parameter" | "grant-roles" | "uncap"
        | "reduce-arrays" => "mongosh ",
        _ => panic!("how does {remedy} begin?"),
    }
}

/// Every live session is still there: the same document, with an expiry in the future.
#[track_caller]
fn nobody_was_logged_out(fault: &Fault, before: &[Document], command: &str) {
    let after = fault.documents();
    let expiries = ["expires", "expireAt", "expiration", "exp"];
    let without = |document: &Document| {
        let mut document = document.clone();
        expiries.iter().for_each(|path| drop(document.remove(path)));
        document
    };
    for document in before {
        let id = document.get("_id").unwrap();
        let name = document.get_str("id").ok().or(id.as_str()).unwrap_or_default();
        if fault.dead.iter().any(|dead| name.ends_with(dead)) {
            continue;
        }
        let same = after.iter().find(|other| other.get("_id") == Some(id));
        let same = same.unwrap_or_else(|| panic!("{command} deleted {id}"));
        assert_eq!(without(same), without(document), "{command}");
        for path in expiries {
            let (was, is) = (document.get(path), same.get(path));
            let lives = matches!(is, Some(Bson::DateTime(date)) if *date > at(0));
            assert!(was == is || lives, "{command} made {was:?} {is:?}");
        }
    }
}

/// Sets the fault up, runs the command and looks again.
fn mend_it(check: &'static str, remedy: &'static str) {
    let mut fault = fault(check, remedy);
    let found = fault.finding(check);
    assert!(["fail", "warn"].contains(&found["outcome"].as_str().unwrap()), "{found:#}");
    let command = found["mend"].as_str().unwrap_or_else(|| panic!("{found:#}")).to_owned();
    assert!(command.starts_with(beginning(remedy)), "{remedy} is {command}");
    assert!(!command.contains("--yes") && !command.contains(" -y"), "{command}");
    let before = fault.documents();
    let again = match remedy {
        // Its own output is the answer.
        "examine" | "name-layout" | "detect-layout" => {
            let program = Program::shell(&format!("{command} -o ndjson"));
            fault.examine(program.env("SESSIONCTL_URI", &fault.db.uri), check)
        }
        "sweep" => {
            let words: Vec<_> = command.split(' ').skip(1).collect();
            let sweeper = fault.db.command(&words).start();
            let outcome = format!("{check} passed while {command} ran");
            let again = becomes(&outcome, || fault.finding(check), |it| it["outcome"] == "pass");
            fault.dead.iter().for_each(|id| fault.db.await_gone("sessions", id));
            sweeper.end();
            again
        }
        _ => {
            // Its text says so.
            let line = command.replace("ADMINISTRATOR", "root");
            let run = typed(&fault, &line).exits(0);
            if remedy == "set-clock" && run.stdout.contains("the clock is set") {
                fault.clock = 0;
            }
            fault.finding(check)
        }
    };
    assert_eq!(again["outcome"], "pass", "after {command}: {again:#}");
    nobody_was_logged_out(&fault, &before, &command);
}

#[test]
fn each_command_that_the_doctor_prints_fixes_its_fault_and_logs_nobody_out() {
    let all: Vec<_> = remedies().collect();
    assert!(all.len() > 25, "{all:?}");
    let next = Mutex::new(all.into_iter());
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some((check, remedy)) = next.lock().unwrap().next() else { break };
                    let outcome = std::panic::catch_unwind(|| mend_it(check, remedy));
                    if outcome.is_err() {
                        failed.lock().unwrap().push(format!("{check}: {remedy}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "these do not (see above): {failed:?}");
}
