//! `top` on a terminal under tmux: the screen shows what is in the database, and the terminal is
//! restored.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bson::{Bson, DateTime, Document, doc};
use sessionctl::mongod::Options;
use sessionctl::{Layout, State};
use tempfile::TempDir;

use crate::patience::limit;
use crate::support::{Db, LONG, at, connect_mongo, eventually, long_id, now, own_server, session};

/// A terminal on which the program runs, and a shell that waits for it to end.
struct Terminal {
    folder: TempDir,
}

impl Terminal {
    /// Starts `sessionctl top` on a database.
    fn open(db: &Db, arguments: &[&str]) -> Self {
        Self::sized(db, (100, 30), arguments)
    }

    fn sized(db: &Db, size: (u16, u16), arguments: &[&str]) -> Self {
        let words: Vec<_> = arguments.iter().map(|word| format!("'{word}'")).collect();
        let program = env!("CARGO_BIN_EXE_sessionctl");
        let script = format!(
            "trap : HUP
echo before the view
stty -g > before
sh -c 'echo $$ > pid; exec \"$@\"' sh '{program}' top --interval 250ms {}
echo $? > code
stty -g > after
mv code exit
exec sleep 600
",
            words.join(" ")
        );
        let terminal = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(terminal.file("script"), script).unwrap();
        let (columns, rows) = (size.0.to_string(), size.1.to_string());
        let new = ["new-session", "-d", "-s", "top", "-x", &columns, "-y", &rows, "sh script"];
        let mut command = terminal.command(&new);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SESSIONCTL_") {
                command.env_remove(name);
            }
        }
        command.env("SESSIONCTL_URI", &db.uri).env("SESSIONCTL_DB", &db.name);
        run(command.env_remove("NO_COLOR"));
        terminal
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/tools.sh");
        let mut command = Command::new("bash");
        command.arg(tools).args(["tmux", "-L", "top", "-f", "/dev/null"]).args(arguments);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("TMUX_TMPDIR", self.folder.path()).env_remove("TMUX");
        command
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        String::from_utf8(run(&mut self.command(arguments)).stdout).unwrap()
    }

    /// The contents of the screen.
    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-t", "top"])
    }

    /// Waits until the screen contains this.
    #[track_caller]
    fn shows(&self, text: &str) -> String {
        self.becomes(text, |screen| screen.contains(text))
    }

    #[track_caller]
    fn becomes(&self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let mut screen = String::new();
        let (began, limit) = (std::time::Instant::now(), limit(LONG));
        while !is_it(&screen) {
            let waited = began.elapsed() < limit;
            assert!(waited, "waited {} s until {what:?} was on\n{screen}", limit.as_secs());
            screen = self.screen();
        }
        screen
    }

    fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys", "-t", "top"], keys].concat());
    }

    fn signal(&self, name: &str) {
        let pid = std::fs::read_to_string(self.file("pid")).unwrap();
        run(Command::new("kill").args(["-s", name, pid.trim()]));
    }

    /// It ended so, and the terminal is what it was before.
    #[track_caller]
    fn ended(&self, code: i32) {
        eventually("top ended", || self.file("exit").exists());
        let read = |name| std::fs::read_to_string(self.file(name)).unwrap();
        assert_eq!(read("exit").trim(), code.to_string(), "{}", self.screen());
        assert_eq!(read("before"), read("after"));
        let screen = self.shows("before the view");
        assert!(!screen.contains("q leave"), "{screen}");
        let modes = "#{alternate_on} #{cursor_flag}";
        assert_eq!(self.tmux(&["display-message", "-p", "-t", "top", modes]).trim(), "0 1");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output();
    }
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

/// Sessions in all four states.
fn some() -> Db {
    let db = Db::new();
    db.insert(
        "sessions",
        (0..3).map(|at_| connect_mongo(&long_id(&format!("live{at_}")), at(3600))),
    );
    db.insert(
        "sessions",
        (0..2).map(|at_| connect_mongo(&long_id(&format!("dead{at_}")), at(-7200))),
    );
    db.insert("sessions", [connect_mongo(&long_id("odd"), "tomorrow")]);
    db
}

/// The expiries that are in the collection, by `_id`.
fn expiries(db: &Db) -> Vec<(String, Bson)> {
    let one = |found: &Document| {
        (found.get_str("_id").unwrap().to_owned(), found.get("expires").unwrap().clone())
    };
    let mut all: Vec<_> = db.find("sessions", doc! {}).iter().map(one).collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

#[test]
fn the_view_shows_the_counts_of_the_database_and_follows_them() {
    let db = some();
    let view = Terminal::open(&db, &[]);
    view.shows("odd000000000  malformed");
    let screen = view.shows("live 3  expired 2  endless 0  malformed 1  all 6");
    assert!(screen.contains("oldest expired 2h ago"), "{screen}");
    assert!(screen.contains("no sweeper"), "{screen}");
    assert!(screen.contains("no TTL index  TTL monitor every 1s"), "{screen}");
    view.shows("created 0.0/s  removed 0.0/s");
    // The newest comes first.
    let rows: Vec<_> = screen.lines().skip_while(|line| !line.starts_with("ID")).collect();
    assert!(
        rows[1].starts_with("odd000000000  malformed") && rows[6].starts_with("live0"),
        "{screen}"
    );

    db.insert("sessions", (0..2).map(|at_| connect_mongo(&long_id(&format!("new{at_}")), at(60))));
    view.shows("live 5  expired 2  endless 0  malformed 1  all 8");
    view.shows("\nnew100000000  live");
    view.becomes("created, not removed", |screen| {
        !screen.contains("created 0.0/s") && screen.contains("removed 0.0/s")
    });
    let expired = doc! { "_id": { "$regex": "^dead" } };
    db.runtime.block_on(db.collection("sessions").delete_many(expired).into_future()).unwrap();
    view.shows("live 5  expired 0  endless 0  malformed 1  all 6");
    view.becomes("removed", |screen| !screen.contains("removed 0.0/s"));
    view.press(&["q"]);
    view.ended(0);
}

#[test]
fn exactly_the_selected_session_is_logged_out_and_only_after_a_yes() {
    let db = some();
    let audit = tempfile::NamedTempFile::new().unwrap();
    let view = Terminal::open(&db, &["--audit", audit.path().to_str().unwrap()]);
    view.shows("live 3  expired 2");
    let before = expiries(&db);
    // The newest is `odd`, then two expired ones, then `live2`, `live1`. The counts may be there first.
    view.shows("\nlive10000000  live");
    view.press(&["j", "Down", "j", "j"]);
    view.press(&["x"]);
    let screen = view.shows("[y/N]");
    let namespace = format!("{}.sessions", db.name);
    let question = format!("Log out session live10000000 of user 42 in {namespace}?");
    assert!(screen.contains(&question), "{screen}");
    assert!(screen.contains("The document stays until"), "{screen}");
    view.press(&["n"]);
    view.shows("nothing was changed");
    assert_eq!(expiries(&db), before);

    view.press(&["x"]);
    view.shows("[y/N]");
    // New ones come meanwhile, above it.
    db.insert("sessions", [connect_mongo(&long_id("new"), at(60))]);
    view.shows("\nnew000000000");
    assert_eq!(expiries(&db).len(), before.len() + 1);
    view.press(&["y"]);
    view.shows("logged out session live10000000 of user 42: the session is expired");
    for (id, expires) in expiries(&db) {
        let was = before.iter().find(|(one, _)| *one == id).map(|(_, expires)| expires);
        match id.as_str() {
            "live1000000000000000000000000000" => {
                assert!(expires.as_datetime().unwrap() < &now(), "{expires}");
            }
            _ if id.starts_with("new") => assert!(expires.as_datetime().unwrap() > &now()),
            _ => assert_eq!(was, Some(&expires), "{id}"),
        }
    }
    view.shows("live 3  expired 3");
    let lines = std::fs::read_to_string(audit.path()).unwrap();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["command"]), (3, &"expire".into()), "{lines:?}");
    assert_eq!(lines[1]["sessions"][0]["user"], "42", "{lines:?}");
    assert_eq!(lines[2]["result"]["expired"], 1, "{lines:?}");

    // An expired session is not logged out again.
    view.press(&["x"]);
    view.shows("session live10000000 of user 42 is already expired");
    view.press(&["q"]);
    view.ended(0);
}

#[test]
fn a_session_that_is_another_users_by_now_is_left_alone() {
    let db = some();
    let view = Terminal::open(&db, &[]);
    view.shows("live 3  expired 2");
    view.press(&["s"]);
    view.shows("only live");
    view.becomes("selected", |screen| screen.contains("\nlive20000000  live"));
    view.press(&["d"]);
    view.shows("Log out session live20000000 of user 42");
    let other = doc! { "$set": { "session": "{\"cookie\":{},\"userId\":43}" } };
    db.update("sessions", doc! { "_id": long_id("live2") }, other);
    let before = expiries(&db);
    view.press(&["y"]);
    view.shows("the session was renewed, ended or removed");
    assert_eq!(expiries(&db), before);
}

#[test]
fn where_the_store_does_not_look_at_the_expiry_the_session_is_deleted() {
    let db = Db::new();
    let layout = Layout::named("flask-session").unwrap();
    assert!(!layout.checks_expiry_on_read);
    let bytes = b"{}".to_vec();
    let value = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes };
    let one = |id: &str| {
        doc! { "id": format!("session:{}", long_id(id)), "val": &value, "expiration": at(3600) }
    };
    // Two documents of the second: the store would read the one that is left.
    db.insert("sessions", ["one", "two", "two", "three"].map(one));
    let view = Terminal::open(&db, &["--layout", "flask-session"]);
    view.shows("live 4");
    view.shows("\ntwo0000000000000  live");
    view.press(&["j", "x"]);
    view.shows("Log out session two000000000");
    // Where its lines break depends on the database's name.
    view.becomes("the whole question", |screen| {
        let said =
            "This deletes its document, because its store does not check the expiry when it reads. [y/N]";
        screen.replace('\n', " ").contains(said)
    });
    assert_eq!(db.count("sessions", doc! {}), 4);
    view.press(&["y"]);
    view.shows("logged out session two000000000: the session is deleted");
    let left: Vec<_> = db
        .find("sessions", doc! {})
        .iter()
        .map(|left| left.get_str("id").unwrap()[8..11].to_owned())
        .collect();
    assert_eq!(left, ["one", "thr"]);
}

#[test]
fn where_the_layout_is_only_guessed_nobody_is_logged_out() {
    let db = Db::new();
    let one = |id: &str| doc! { "_id": long_id(id), "user_id": "7", "expires_at": at(3600) };
    db.insert("sessions", ["one", "two"].map(one));
    let view = Terminal::open(&db, &[]);
    view.shows("live 2");
    view.shows("\ntwo000000000  ");
    let before = db.find("sessions", doc! {});
    // Nothing is asked: the answer could change nothing.
    view.press(&["x"]);
    view.shows("could not log out sessions of ");
    view.shows("fits the layout lucia (2 of 2) only");
    let screen = view.shows("choose one with --layout NAME");
    assert!(!screen.contains("[y/N]"), "{screen}");
    assert_eq!(db.find("sessions", doc! {}), before);
}

#[test]
fn sessions_of_a_user_or_with_an_id_are_found_and_one_is_inspected() {
    let db = some();
    let alice = doc! { "_id": long_id("hers"), "expires": at(60), "session": "{\"cookie\":{},\"userId\":\"alice\",\"csrfSecret\":\"hunter2\"}" };
    db.insert("sessions", [alice]);
    let view = Terminal::open(&db, &[]);
    view.shows("all 7");
    view.press(&["/"]);
    view.press(&["-l", "alice"]);
    view.press(&["Enter"]);
    let screen = view.becomes("hers alone", |screen| {
        screen.contains("only alice") && screen.contains("\nhers0")
    });
    assert!(!screen.contains("\nlive0"), "{screen}");
    view.press(&["Enter"]);
    let screen = view.shows("csrfSecret");
    assert!(screen.contains("********") && !screen.contains("hunter2"), "{screen}");
    view.press(&["q"]);
    view.shows("only alice");
    view.press(&["/"]);
    view.press(&["C-u"]);
    view.press(&["-l", "live0000"]);
    view.press(&["Enter"]);
    let screen = view.becomes("that alone", |screen| {
        screen.contains("only live0000") && screen.contains("\nlive0")
    });
    assert!(!screen.contains("\nhers") && !screen.contains("\nlive1"), "{screen}");
}

#[test]
fn the_terminal_is_whole_after_every_way_out() {
    let db = some();
    for (way, code) in
        [("q", 0), ("Escape", 0), ("C-c", 0), ("INT", 130), ("TERM", 143), ("HUP", 129)]
    {
        let view = Terminal::open(&db, &[]);
        view.shows("all 6");
        match code {
            0 => view.press(&[way]),
            _ => view.signal(way),
        }
        view.ended(code);
    }
}

#[test]
fn a_terminal_that_is_closed_ends_it() {
    let db = some();
    let view = Terminal::open(&db, &[]);
    view.shows("all 6");
    view.tmux(&["kill-session", "-t", "top"]);
    let pid = std::fs::read_to_string(view.file("pid")).unwrap();
    eventually("top ended", || !Path::new("/proc").join(pid.trim()).exists());
}

#[test]
fn a_server_that_is_away_is_waited_for() {
    let mut server = own_server(Options::default());
    let mut db = Db::on(&server.uri());
    db.uri = format!("{}/?serverSelectionTimeoutMS=1000&heartbeatFrequencyMS=500", server.uri());
    db.insert("sessions", [connect_mongo(&long_id("live"), at(3600))]);
    let view = Terminal::open(&db, &[]);
    view.shows("live 1  expired 0");
    view.shows("live00000000  live");
    server.pause().unwrap();
    let screen = view.shows("the server has not answered for");
    assert!(
        screen.contains("live00000000  live") && screen.contains("showing data from"),
        "{screen}"
    );
    server.resume().unwrap();
    view.becomes("an answer", |screen| !screen.contains("has not answered"));
    db.insert("sessions", [connect_mongo(&long_id("more"), at(3600))]);
    view.shows("live 2  expired 0");

    server.stop();
    let screen = view.shows("no server answered");
    assert!(screen.contains("live00000000  live"), "{screen}");
    server.restart().unwrap();
    db.insert("sessions", [connect_mongo(&long_id("third"), at(3600))]);
    view.shows("live 3  expired 0");
    view.press(&["q"]);
    view.ended(0);
}

#[test]
fn what_a_login_may_not_read_is_unknown_and_what_it_may_not_do_is_told() {
    let server = own_server(Options { args: vec!["--auth".to_owned()], ..Options::default() });
    Db::on(&server.uri()).admin(doc! { "createUser": "root", "pwd": "root", "roles": ["root"] });
    let uri =
        |user: &str| format!("mongodb://{user}:{user}@{}/?authSource=admin", server.address());
    let mut db = Db::on(&uri("root"));
    let resource = doc! { "db": &db.name, "collection": "sessions" };
    let privilege = doc! { "resource": resource, "actions": ["find", "listIndexes"] };
    db.admin(doc! { "createRole": "reader", "privileges": [privilege], "roles": [] });
    db.admin(doc! { "createUser": "reader", "pwd": "reader", "roles": ["reader"] });
    db.insert("sessions", [connect_mongo(&long_id("live"), at(3600))]);
    db.uri = uri("reader");
    let view = Terminal::open(&db, &[]);
    view.shows("live 1  expired 0  endless 0  malformed 0  all 1");
    let screen = view.shows("live00000000  live");
    for unknown in ["TTL monitor unknown  passes unknown", "sweeper unknown", "no TTL index"] {
        assert!(screen.contains(unknown), "{unknown}\n{screen}");
    }
    view.press(&["?"]);
    view.shows("the sweeper: not authorized to run find on");
    view.press(&["q"]);
    // The missing right is reported before any question.
    view.press(&["x"]);
    let screen = view.shows("the login reader lacks the right update on");
    assert!(!screen.contains("[y/N]"), "{screen}");
    assert_eq!(db.count("sessions", doc! { "expires": { "$gt": now() } }), 1);
    view.press(&["q"]);
    view.ended(0);
}

#[test]
fn it_fits_any_terminal_and_one_that_changes_its_size() {
    let db = some();
    let view = Terminal::sized(&db, (40, 10), &[]);
    view.shows("live 3  expired 2");
    let screen = view.shows("odd000000000  malformed");
    assert!(screen.lines().all(|line| line.chars().count() <= 40), "{screen}");
    for (columns, rows) in [("80", "24"), ("12", "3"), ("2", "1"), ("200", "50")] {
        view.tmux(&["resize-window", "-t", "top", "-x", columns, "-y", rows]);
        view.becomes("drawn", |screen| !screen.trim().is_empty());
    }
    view.shows("live 3  expired 2  endless 0  malformed 1  all 6");
    view.press(&["q"]);
    view.ended(0);
}

#[test]
fn a_question_that_does_not_fit_is_not_answered() {
    let db = some();
    let view = Terminal::sized(&db, (60, 24), &[]);
    view.shows("odd000000000  malformed");
    view.tmux(&["resize-window", "-t", "top", "-x", "30", "-y", "2"]);
    view.press(&["x"]);
    let screen = view.shows("Log out session");
    assert!(!screen.contains("[y/N]"), "{screen}");
    let before = expiries(&db);
    view.press(&["y"]);
    view.becomes("the question is gone", |screen| !screen.contains("Log out session"));
    assert_eq!(expiries(&db), before);
}

#[test]
fn what_strangers_wrote_is_shown_harmless_and_colors_can_be_off() {
    let db = Db::new();
    let user = "{\"cookie\":{},\"userId\":\"\\u001b[2Jme\\u202e\"}";
    db.insert(
        "sessions",
        [doc! { "_id": long_id("e\u{1b}]0;vil"), "expires": at(60), "session": user }],
    );
    let view = Terminal::open(&db, &["--color", "never"]);
    let screen = view.shows("\\u001b[2Jme\\u202e");
    assert!(screen.contains("e\\u001b]0;vil"), "{screen}");
    let styled = |view: &Terminal| view.tmux(&["capture-pane", "-e", "-p", "-t", "top"]);
    let is_colored = |styled: &str| styled.contains("\u{1b}[38;5;2m");
    assert!(!is_colored(&styled(&view)));
    let view = Terminal::open(&db, &["--color", "always"]);
    view.shows("live 1");
    assert!(is_colored(&styled(&view)), "{:?}", styled(&view));
}

#[test]
fn a_sweeper_and_its_lease_are_seen() {
    let db = some();
    let mut sweeper = db.command(&["sweep", "--interval", "1h", "--grace", "1d"]).start();
    let holder = format!(":{}:", sweeper.child().id());
    let view = Terminal::open(&db, &[]);
    view.becomes("a lease", |screen| screen.contains(&holder) && screen.contains("lease 1 for "));
    sweeper.end();
    view.shows("no sweeper");
}

#[test]
fn without_a_terminal_it_says_what_to_do_instead() {
    let db = some();
    let run = db.sessionctl(&["top"]).exits(2).fails_in_one_sentence();
    run.says("error: top requires a terminal").says("sessionctl stats -o json");
    let run = db.command(&["top", "-o", "json"]).on_terminal(&[]).exits(2);
    assert!(run.stdout.contains("does not support --format"), "{run:?}");
}

#[test]
fn an_empty_collection_is_watched_until_sessions_come() {
    let db = Db::new();
    db.run(doc! { "create": "sessions" });
    let view = Terminal::open(&db, &[]);
    view.shows("the collection is empty, so its layout is unknown");
    db.insert("sessions", [connect_mongo(&long_id("live"), at(3600))]);
    view.shows("(connect-mongo-json)");
    view.shows("live 1  expired 0");
}

/// What the server did for a count, by its profiler.
fn examined(db: &Db, layout: &str) -> (Vec<u64>, [u64; 4]) {
    db.run(doc! { "profile": 2 });
    let tally = db.runtime.block_on(db.store(layout).count_states()).unwrap();
    db.run(doc! { "profile": 0 });
    let own =
        doc! { "command.comment": { "$regex": " top$" }, "ns": format!("{}.sessions", db.name) };
    let looked = db.find("system.profile", own);
    assert!(!looked.is_empty());
    let documents = |entry: &Document| entry.get_i32("docsExamined").unwrap_or(0) as u64;
    (looked.iter().map(documents).collect(), tally.states)
}

#[test]
fn along_an_index_each_session_is_read_once_to_be_counted() {
    let db = Db::new();
    let sessions =
        (0..200_i64).map(|at_| connect_mongo(&long_id(&format!("s{at_:03}")), at(at_ * 60 - 3000)));
    db.insert("sessions", sessions);
    let (documents, states) = examined(&db, "connect-mongo-json");
    assert_eq!(documents, [200], "without an index it is one pass");
    db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
    db.run(doc! { "drop": "system.profile" });
    let (documents, along) = examined(&db, "connect-mongo-json");
    // Only the documents themselves show which of them are sessions.
    assert!(documents.iter().sum::<u64>() <= 200, "{documents:?}");
    assert_eq!(along, states);
    assert_eq!(states.iter().sum::<u64>(), 200);
    db.insert("sessions", [connect_mongo(&long_id("odd"), "tomorrow")]);
    let malformed = examined(&db, "connect-mongo-json").1[3];
    assert_eq!(malformed, 1, "the one that no index leads to is looked for");
}

#[test]
fn the_states_are_counted_as_list_shows_them_with_and_without_an_index() {
    for (layout, _, expiry) in crate::support::LAYOUTS {
        let db = Db::new();
        let expiries: Vec<Bson> = vec![
            at(-600).into(),
            at(60).into(),
            Bson::Null,
            "text".into(),
            7.into(),
            vec![at(-60), at(60)].into_iter().map(Bson::from).collect::<Vec<_>>().into(),
            DateTime::MAX.into(),
        ];
        let written = expiries
            .into_iter()
            .enumerate()
            .map(|(number, expires)| session(layout, &long_id(&format!("s{number}")), expires));
        let mut written: Vec<_> = written.collect();
        let mut without = session(layout, &long_id("none"), at(0));
        without.remove(expiry);
        written.push(without);
        db.insert("sessions", written);
        let rows = db.sessionctl(&["list", "--layout", layout, "-o", "json"]).exits(0).json();
        let of = |state: State| {
            let rows = rows.as_array().unwrap();
            rows.iter().filter(|row| row["state"] == state.name()).count() as u64
        };
        let listed = State::ALL.map(of);
        let tally = || db.runtime.block_on(db.store(layout).count_states()).unwrap();
        assert_eq!(tally().states, listed, "{layout}");
        let oldest = tally().oldest;
        db.create_index("sessions", doc! { "key": { expiry: 1 }, "name": "along" });
        assert_eq!(tally().states, listed, "{layout} along the index");
        assert_eq!(tally().oldest, oldest, "{layout}");
    }
}
