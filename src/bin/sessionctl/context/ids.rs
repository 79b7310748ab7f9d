//! The given ids, from the command line and stdin, in parts, so that a list of a million needs no
//! more memory than a short one. Ids that match no session are counted, and written to the file of
//! `--unmatched`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use serde_json::Value;
use sessionctl::error::reason;
use sessionctl::session::shorten;

use crate::args::SelectionArgs;
use crate::audit::chain::Lines;
use crate::console::failure::{Exit, Failure};
use crate::console::redact::short_id;
use crate::console::report::say;
use crate::console::text::{counted, grouped, neutral};

/// How many ids are looked up at once.
const AT_ONCE: usize = 8000;
/// How many unknown ids the error names.
const NAMED: usize = 5;

/// A stream of ids.
pub struct Ids<'a> {
    typed: std::slice::Iter<'a, String>,
    stdin: Option<io::Lines<io::StdinLock<'static>>>,
    /// The number of ids so far.
    pub count: u64,
    /// The ids from stdin.
    lines: Option<Lines>,
}

impl<'a> Ids<'a> {
    /// The typed ids, and those from stdin if one of them is `-`.
    pub fn new(typed: &'a [String]) -> Self {
        let reads = typed.iter().any(|id| id == "-");
        Self {
            typed: typed.iter(),
            stdin: reads.then(|| io::stdin().lines()),
            count: 0,
            lines: reads.then(Lines::default),
        }
    }

    /// The number and the digest of the ids from stdin, for the audit file.
    pub fn given_by_stdin(self) -> Option<Value> {
        self.lines.map(Lines::digest)
    }

    /// The next ids; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Vec<String>>, Failure> {
        let typed = self.typed.by_ref().filter(|id| *id != "-");
        let mut ids: Vec<String> = typed.take(AT_ONCE).cloned().collect();
        while let Some(lines) = self.stdin.as_mut().filter(|_| ids.len() < AT_ONCE) {
            let Some(line) = lines.next() else {
                self.stdin = None;
                break;
            };
            let line = line.map_err(|error| {
                let sentence = format!("could not read ids from stdin: {}", reason(&error));
                Failure::new(Exit::Failed, sentence)
            })?;
            let line = line.trim();
            if !line.is_empty() {
                ids.push(line.to_owned());
                self.lines.iter_mut().for_each(|lines| lines.add(line));
            }
        }
        self.count += ids.len() as u64;
        Ok(Some(ids).filter(|ids| !ids.is_empty()))
    }
}

/// The ids that match no session.
#[derive(Debug, Default)]
pub struct Unknown {
    count: u64,
    /// The total number of ids.
    of: u64,
    /// The first few of them, shortened.
    named: Vec<String>,
    /// Whether each is reported as soon as it is known.
    tells: bool,
    list: Option<(PathBuf, BufWriter<File>)>,
    failure: Option<io::Error>,
}

impl Unknown {
    /// Starts without any; opens the file of `--unmatched`.
    pub fn new(typed: &SelectionArgs, tells: bool) -> Result<Self, Failure> {
        // If users were given, the file lists users.
        let names_users = !typed.user.is_empty() || typed.users_from.is_some();
        let Some(path) = typed.unmatched.as_ref().filter(|_| !names_users) else {
            return Ok(Self { tells, ..Self::default() });
        };
        let about = path.metadata();
        if about.is_ok_and(|about| !about.is_file()) {
            let path = path.display();
            let sentence = format!("could not write {path}: it is not a regular file");
            return Err(Failure::new(Exit::Failed, sentence));
        }
        // Ids may be secrets in another collection.
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
        let file = file.map_err(|error| unwritable(path, &error))?;
        let list = Some((path.clone(), BufWriter::new(file)));
        Ok(Self { tells, list, ..Self::default() })
    }

    /// Adds an id.
    pub fn add(&mut self, id: &str) {
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(shorten(id));
        }
        if self.tells {
            say("note", format!("no session has the id {}", neutral(&short_id(id))));
        }
        if let Some((_, list)) = &mut self.list
            && let Err(error) = writeln!(list, "{id}")
        {
            self.failure.get_or_insert(error);
        }
    }

    /// Ends the list, after `of` ids.
    pub fn finish(&mut self, of: u64) -> Result<(), Failure> {
        self.of = of;
        let Some((path, mut list)) = self.list.take() else { return Ok(()) };
        let written = list.flush();
        match self.failure.take().map_or(written, Err) {
            Ok(()) => Ok(()),
            Err(error) => Err(unwritable(&path, &error)),
        }
    }

    /// The exit of a command that has processed the `others`: it fails if some ids were not found.
    pub fn end(&self, others: bool, namespace: &str) -> Result<Exit, Failure> {
        let Self { count, of, named, .. } = self;
        if *count == 0 {
            return Ok(Exit::Done);
        }
        if *count > named.len() as u64 {
            let (count, of) = (grouped(*count), counted(*of, "id"));
            let sentence = format!("{count} of {of} match no session of {namespace}");
            return Err(Failure::new(Exit::Failed, sentence)
                .hint("-v names them, and --unmatched FILE writes them to a file"));
        }
        let named = format!("{}...", named.join("..., "));
        let sentence = match *count {
            1 => format!("no session of {namespace} has the id {named}"),
            count => format!("{} ids match no session of {namespace}: {named}", grouped(count)),
        };
        Err(Failure::new(Exit::Failed, sentence).hint(match others {
            true => "the sessions with the other ids were processed",
            false => "pass the whole id, or at least its first 8 characters; a deleted session cannot be found",
        }))
    }
}

fn unwritable(path: &std::path::Path, error: &io::Error) -> Failure {
    let sentence = format!("could not write {}: {}", path.display(), reason(error));
    Failure::new(Exit::Failed, sentence)
}
