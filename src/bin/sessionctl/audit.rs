//! The audit file: a line of JSON before anything is deleted, one for each batch, and one at the
//! end, with the same run id. A run that matched nothing leaves one line.
//!
//! If the first line cannot be written, nothing is deleted. A run without a last line was killed.
//! No line contains a connection string, a whole session id or a value that looks secret. Each line
//! has the digest of the line before it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bson::oid::ObjectId;
use bson::{DateTime, RawDocumentBuf};
use nix::unistd::{Uid, User, gethostname};
use serde_json::{Value, json};
use sessionctl::copy::Changes;
use sessionctl::error::reason;
use sessionctl::payload::time;
use sessionctl::purge::Batch;
use sessionctl::restore::Restored;
use sessionctl::{Key, Layouts};

use crate::console::failure::{Exit, Failure};
use crate::console::json::json_text;
use crate::console::output::Row;
use crate::console::text::without_password;

mod batch;
pub mod chain;

use chain::{Locked, PREVIOUS, Tail, WHOLE, digest, tail};

/// Where the audit records go.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct AuditArgs {
    /// Append audit records to FILE: lines of JSON about the run and each batch (see sessionctl
    /// help safety). If FILE cannot be written, nothing is changed
    #[arg(long, env = "SESSIONCTL_AUDIT", hide_env = true, value_name = "FILE")]
    pub audit: Option<PathBuf>,
}

/// The audit file, if one was requested.
#[derive(Debug)]
pub struct Audit(Option<Arc<Sink>>);

#[derive(Debug)]
struct Sink {
    path: PathBuf,
    file: File,
    /// A handle for reading the same file, if this process may read it.
    reader: Option<File>,
    /// The digest of the last line that this process wrote, for a file that cannot be read.
    last: Mutex<Option<String>>,
    /// The command line, without secrets.
    command_line: Vec<String>,
}

/// What a run is about to do. It contains no secrets.
#[derive(Debug, Clone)]
pub struct Intent<'a> {
    /// From [`run_id`].
    pub run: &'a str,
    /// The server's clock.
    pub now: DateTime,
    /// The hosts, without any credentials.
    pub server: &'a str,
    /// The user of the database.
    pub login: Option<&'a str>,
    /// `purge`, `expire`, `restore`, `sweep`, ...
    pub command: &'a str,
    /// `database.collection`.
    pub namespace: &'a str,
    pub layout: Option<&'a str>,
    /// The selection as it was typed, with absolute times.
    pub selection: Value,
    pub cutoff: Option<DateTime>,
    /// How many sessions match, if they were counted.
    pub planned: Option<u64>,
}

/// A run whose first line is written.
#[derive(Debug)]
#[must_use = "how it ended is to be written down, too"]
pub struct Began {
    sink: Option<Arc<Sink>>,
    run: String,
    now: DateTime,
    since: Instant,
}

/// A random name for a run.
pub fn run_id() -> String {
    ObjectId::new().to_hex()
}

impl Audit {
    /// Opens the file, and creates it (mode 0600) if it does not exist.
    ///
    /// # Errors
    /// If the file cannot be appended to.
    pub fn open(args: &AuditArgs, command_line: &[String]) -> Result<Self, Failure> {
        let Some(path) = &args.audit else {
            return Ok(Self(None));
        };
        let file = open(path).map_err(|error| unwritten(path, &error).hint(UNDONE))?;
        let (command_line, reader) = (command_line.to_vec(), reader(path, &file));
        let (path, last) = (path.clone(), Mutex::new(None));
        Ok(Self(Some(Arc::new(Sink { path, file, reader, last, command_line }))))
    }

    /// Writes the first line of a run.
    ///
    /// # Errors
    /// If the line cannot be written and synced. The run must then change nothing.
    pub fn before(&self, intent: &Intent<'_>) -> Result<Began, Failure> {
        let began = Began {
            sink: self.0.clone(),
            run: intent.run.to_owned(),
            now: intent.now,
            since: Instant::now(),
        };
        if let Some(sink) = &self.0 {
            let line = intent.line("began", &sink.command_line);
            sink.append(line).map_err(|error| unwritten(&sink.path, &error).hint(UNDONE))?;
        }
        Ok(began)
    }

    /// Whether there is an audit file.
    pub fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the path leads to another file by now, or to none.
    pub fn is_rotated(&self) -> bool {
        let Some(sink) = &self.0 else { return false };
        let of = |about: std::fs::Metadata| (about.dev(), about.ino());
        let (opened, now) = (sink.file.metadata().map(of), sink.path.metadata().map(of));
        opened.ok() != now.ok()
    }

    /// Writes that nothing matched: an auditor may also ask whether somebody looked.
    ///
    /// # Errors
    /// If the line cannot be written and synced.
    pub fn nothing(&self, intent: &Intent<'_>, result: &Row) -> Result<(), Failure> {
        let Some(sink) = &self.0 else { return Ok(()) };
        let mut line = intent.line("nothing", &sink.command_line);
        line["result"] = result.json();
        sink.append(line).map_err(|error| unwritten(&sink.path, &error).hint(UNDONE))
    }
}

impl Intent<'_> {
    fn line(&self, event: &str, command_line: &[String]) -> Value {
        json!({
            "event": event,
            "run": self.run,
            "time": time(self.now),
            "who": who(self.login),
            "host": gethostname().ok().map(|name| name.to_string_lossy().into_owned()),
            "pid": std::process::id(),
            "argv": command_line,
            "server": self.server,
            "command": self.command,
            "namespace": self.namespace,
            "layout": self.layout,
            "selection": self.selection,
            "cutoff": self.cutoff.and_then(time),
            "planned": self.planned,
        })
    }
}

impl Began {
    /// The current time by the server's clock. The server may be unreachable by now, so this adds
    /// the time elapsed here since its clock was read.
    fn now(&self) -> DateTime {
        let took = i64::try_from(self.since.elapsed().as_millis()).unwrap_or(i64::MAX);
        DateTime::from_millis(self.now.timestamp_millis().saturating_add(took))
    }

    /// Writes what one batch did: the users of its sessions if they were read, else their range.
    ///
    /// # Errors
    /// If the line cannot be written and synced.
    pub fn batch(&self, number: u64, batch: &Batch) -> Result<(), Failure> {
        let Some(sink) = &self.sink else { return Ok(()) };
        let mut line = batch::line(batch);
        line["run"] = self.run.as_str().into();
        line["time"] = time(self.now()).into();
        line["number"] = number.into();
        sink.append(line).map_err(|error| {
            let hint = "the batches before this point were written, and no other was started";
            unwritten(&sink.path, &error).hint(hint)
        })
    }

    /// Writes what one batch of a restore did, as [`Began::batch`]. The users are included if
    /// the layouts are known.
    ///
    /// # Errors
    /// If the line cannot be written and synced.
    pub fn restored(
        &self,
        number: u64,
        restored: &Restored,
        documents: &[RawDocumentBuf],
        layouts: Option<&Layouts>,
        now: DateTime,
    ) -> Result<(), Failure> {
        let mut batch = Batch::default();
        batch.done = restored.inserted + restored.reverted;
        batch.spared = Some(restored.read.saturating_sub(batch.done));
        batch.exact = restored.exact;
        // A batch that wrote nothing ended no session of anybody.
        for document in documents.iter().filter(|_| batch.done > 0) {
            let layout = layouts.map(|layouts| layouts.of(document));
            let path = layout.map_or("_id", |layout| &layout.id.path);
            batch.ids.extend(Key::at(document, path).or_else(|| Key::of(document)));
            batch.users.extend(layout.map(|layout| layout.glance(document, now).user));
        }
        self.batch(number, &batch)
    }

    /// Writes what a copy wrote at the target, if it wrote anything, as [`Began::batch`]. The users are
    /// those whose sessions were replaced or deleted there.
    ///
    /// # Errors
    /// If the line cannot be written and synced.
    pub fn copied(&self, number: u64, changes: Changes, exact: bool) -> Result<(), Failure> {
        let mut batch = Batch::default();
        batch.done = changes.copied + changes.replaced + changes.removed;
        if batch.done == 0 && changes.sessions.is_empty() {
            return Ok(());
        }
        batch.exact = exact;
        (batch.ids, batch.users) = changes.sessions.into_iter().unzip();
        self.batch(number, &batch)
    }

    /// Writes how the run ended: the row of the report, and the failure if it failed.
    ///
    /// # Errors
    /// If the line cannot be written and synced.
    pub fn after(self, result: &Row, failure: Option<&Failure>) -> Result<(), Failure> {
        let Some(sink) = &self.sink else {
            return Ok(());
        };
        let result = result.json();
        let line = json!({
            "event": "ended",
            "run": self.run,
            "time": time(self.now()),
            "stopped": result.get("stopped").cloned().unwrap_or(Value::Null),
            "error": failure.map(|failure| without_password(&failure.to_string()).into_owned()),
            "result": result,
        });
        sink.append(line).map_err(|error| {
            let hint = format!(
                "all changes were made; only the end record of run {} is missing",
                self.run
            );
            unwritten(&sink.path, &error).hint(hint)
        })
    }
}

const UNDONE: &str = "nothing was changed; --audit or SESSIONCTL_AUDIT sets this file";

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    let sentence =
        format!("could not write to the audit file {}: {}", path.display(), reason(error));
    Failure::new(Exit::Failed, sentence)
}

fn open(path: &Path) -> io::Result<File> {
    // A pipe without a reader is an error instead of blocking forever.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file =
        OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)?;
    // Sync the folder too, so that a crash does not lose a new file's name. This requires reading
    // the folder, which may be forbidden.
    if let Some(folder) = path.parent() {
        let here = Path::new(".");
        let folder = if folder.as_os_str().is_empty() { here } else { folder };
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(file)
}

/// A second handle of this file for reading, unless it is append-only.
fn reader(path: &Path, file: &File) -> Option<File> {
    let about = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let reader = File::open(path).ok()?;
    let same = reader.metadata().ok()?;
    // The file may have been rotated in the meantime.
    ((about.dev(), about.ino()) == (same.dev(), same.ino())).then_some(reader)
}

impl Sink {
    /// Appends one line in a single write, after the last line of any process.
    fn append(&self, mut line: Value) -> io::Result<()> {
        let is_file = self.file.metadata()?.is_file();
        let _locked = is_file.then(|| Locked::new(&self.file)).transpose()?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match &self.reader {
            Some(reader) => tail(reader)?,
            None => Tail { digest: last.clone(), ..Tail::default() },
        };
        line[PREVIOUS] = before.digest.into();
        if let Some(whole) = before.whole {
            line[WHOLE] = whole.into();
        }
        let text = json_text(&line);
        let end_of_torn = if before.is_torn { "\n" } else { "" };
        (&self.file).write_all(format!("{end_of_torn}{text}\n").as_bytes())?;
        *last = Some(digest(text.as_bytes()));
        // Pipes and terminals cannot be synced.
        if is_file { self.file.sync_data() } else { Ok(()) }
    }
}

/// The user of the operating system, the user who called sudo, and the user of the database.
fn who(login: Option<&str>) -> Value {
    let name = |uid: Uid| User::from_uid(uid).ok().flatten().map(|user| user.name);
    let (real, effective) = (Uid::current(), Uid::effective());
    json!({
        "user": name(real),
        "uid": real.as_raw(),
        "effective_user": name(effective),
        "effective_uid": effective.as_raw(),
        "sudo_user": std::env::var("SUDO_USER").ok(),
        "login": login,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::console::output::Cell;

    fn audit(path: &Path) -> Audit {
        Audit::open(&AuditArgs { audit: Some(path.to_owned()) }, &[]).unwrap()
    }

    fn intent(run: &str) -> Intent<'_> {
        Intent {
            run,
            now: DateTime::from_millis(1_795_428_000_000),
            server: "db1:27017",
            login: Some("app"),
            command: "purge",
            namespace: "app.sessions",
            layout: Some("connect-mongo-json"),
            selection: json!({ "state": "expired" }),
            cutoff: Some(DateTime::from_millis(1_795_427_990_000)),
            planned: Some(12),
        }
    }

    fn result(stopped: Cell) -> Row {
        Row(vec![("deleted", Cell::Count(11)), ("stopped", stopped)])
    }

    fn lines(path: &Path) -> Vec<Value> {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.ends_with('\n'));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_is_written_before_and_one_after_and_both_name_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.ndjson");
        let audit = audit(&path);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let began = audit.before(&intent("6b05f81620104eab71dd2b49")).unwrap();
        assert_eq!(lines(&path).len(), 1);
        let failure = Failure::new(Exit::Failed, "could not purge mongodb://u:secret@h: gone");
        began.after(&result(Cell::Text("error".into())), Some(&failure)).unwrap();
        let lines = lines(&path);
        assert_eq!(lines.len(), 2);
        let keys: Vec<_> = lines[0].as_object().unwrap().keys().map(String::as_str).collect();
        let wanted = "event run time who host pid argv server command namespace layout selection \
                      cutoff planned prev";
        assert_eq!(keys, wanted.split_whitespace().collect::<Vec<_>>());
        assert_eq!(lines[0]["event"], "began");
        assert_eq!(lines[0]["time"], "2026-11-23T10:00:00.000Z");
        assert_eq!(lines[0]["cutoff"], "2026-11-23T09:59:50.000Z");
        assert_eq!(lines[0]["who"]["uid"], Uid::current().as_raw());
        assert_eq!(lines[0]["who"]["login"], "app");
        assert!(lines[0]["host"].is_string() && lines[0]["argv"].is_array());
        assert_eq!(lines[1]["event"], "ended");
        assert_eq!(lines[1]["run"], lines[0]["run"]);
        assert!(lines[1]["time"].as_str() >= lines[0]["time"].as_str());
        assert_eq!(lines[1]["stopped"], "error");
        assert_eq!(lines[1]["result"]["deleted"], 11);
        assert_eq!(lines[1]["error"], "could not purge mongodb://...@h: gone");
    }

    #[test]
    fn lines_are_appended_and_a_torn_one_is_ended_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.ndjson");
        fs::write(&path, "{\"event\":\"beg").unwrap();
        for run in ["a", "b"] {
            let audit = audit(&path);
            let began = audit.before(&intent(run)).unwrap();
            began.after(&result(Cell::Null), None).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (5, "{\"event\":\"beg"));
        for line in &lines[1..] {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn a_record_after_a_torn_line_names_the_last_record_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.ndjson");
        let append = |run: &str| drop(audit(&path).before(&intent(run)).unwrap());
        let tear = |text: &str| {
            let whole = fs::read_to_string(&path).unwrap_or_default();
            fs::write(&path, whole + text).unwrap();
        };
        let last = || {
            serde_json::from_str::<Value>(fs::read_to_string(&path).unwrap().lines().last()?).ok()
        };
        tear("{\"eve");
        append("a");
        assert_eq!(last().unwrap()[WHOLE], Value::Null);
        assert!(last().unwrap().as_object().unwrap().contains_key(WHOLE));
        append("b");
        assert!(!last().unwrap().as_object().unwrap().contains_key(WHOLE));
        let whole = digest(json_text(&last().unwrap()).as_bytes());
        // Twice, as while the disk stays full.
        tear("{\"event\":\"began\",\"run\":\"c\n{\"event\":");
        append("d");
        assert_eq!(last().unwrap()[WHOLE], whole.as_str());
    }

    #[test]
    fn what_cannot_be_written_down_fails_before() {
        let folder = tempfile::tempdir().unwrap();
        let args = |path: &Path| AuditArgs { audit: Some(path.to_owned()) };
        let missing = Audit::open(&args(&folder.path().join("none/audit")), &[]).unwrap_err();
        assert!(
            missing.to_string().ends_with("none/audit: no such file or directory"),
            "{missing}"
        );
        assert!(Audit::open(&args(folder.path()), &[]).is_err());
        let full = audit(Path::new("/dev/full"));
        let refused = full.before(&intent("a")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "could not write to the audit file /dev/full: no storage space"
        );
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        assert!(Audit::open(&AuditArgs { audit: Some(path) }, &[]).is_err());
    }

    #[test]
    fn without_a_file_nothing_is_written() {
        let audit = Audit::open(&AuditArgs::default(), &[]).unwrap();
        let began = audit.before(&intent("a")).unwrap();
        began.after(&result(Cell::Null), None).unwrap();
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.ndjson");
        let audit = audit(&path);
        let hostile = Intent { namespace: "a\u{1b}[2J\u{202e}.b\n", ..intent("a") };
        let _ = audit.before(&hostile).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(!crate::console::text::has_hostile(text.trim_end()), "{text}");
    }

    #[test]
    fn a_run_has_a_name_of_its_own() {
        let (one, other) = (run_id(), run_id());
        assert_ne!(one, other);
        assert!(one.len() == 24 && one.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
