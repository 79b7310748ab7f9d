//! The output of `deploy`, checked by the tools that will read it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Db, Program, Run, at, connect_mongo};

mod monitoring;
mod refusals;

/// Prints a file for the sweeper, which has to succeed without a word.
#[track_caller]
fn printed(arguments: &[&str]) -> String {
    let run = Program::new(&[&["deploy"], arguments].concat()).run().exits(0);
    assert_eq!(run.stderr, "");
    run.stdout
}

/// A file in its own folder, printed by `deploy`.
#[track_caller]
fn file(name: &str, arguments: &[&str]) -> (tempfile::TempDir, String) {
    written(name, &printed(arguments))
}

fn written(name: &str, text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// Runs a tool, which is fetched if it is missing, and gives what it says if it is content.
#[track_caller]
pub fn tool(arguments: &[&str]) -> String {
    tool_saying(arguments, "info", Stdio::null()).0
}

/// The same for one that reads this file.
#[track_caller]
pub fn tool_reading(arguments: &[&str], file: std::fs::File) -> String {
    tool_saying(arguments, "info", file.into()).0
}

#[track_caller]
fn tool_saying(arguments: &[&str], systemd_log_level: &str, stdin: Stdio) -> (String, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/tools.sh");
    let mut command = Command::new("bash");
    command
        .arg(script)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(stdin)
        .env("SYSTEMD_LOG_LEVEL", systemd_log_level);
    let output = command.output().expect("these tests need bash");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}\n{stdout}\n{stderr}");
    (stdout, stderr)
}

/// What the YAML documents of a file say.
#[track_caller]
fn documents(path: &str) -> Vec<Value> {
    serde_json::from_str(&tool(&["yaml-to-json", path])).unwrap()
}

const MONGOD: &str = "mongodb://db1.example.org:27017/?replicaSet=rs0";

/// All options of a unit at once.
const WHOLE_UNIT: [&str; 17] = [
    "systemd",
    "--binary",
    "/usr/bin/env",
    "-d",
    "shop",
    "--interval",
    "5m",
    "--grace",
    "10m",
    "--metrics",
    "127.0.0.1:9464",
    "--archive",
    "/srv/archives/%Y.bson.zst",
    "--user",
    "www-data",
    "--",
    "--batch-size=500",
];

/// A printed command, to be run by a shell with the program that is tested.
fn runnable(command: &str) -> Program {
    let command = command.replace("/usr/bin/sessionctl", env!("CARGO_BIN_EXE_sessionctl"));
    Program::shell(&command)
}

/// Two collections with a session that has been expired for a minute, and the address of the server.
fn served() -> (Db, tempfile::TempDir, String) {
    let db = Db::new();
    for collection in ["one", "two"] {
        db.insert(collection, [connect_mongo("live", at(600)), connect_mongo("dead", at(-60))]);
    }
    let (folder, uri) = written("uri", &format!("{}\n", db.uri));
    (db, folder, uri)
}

fn is_swept(db: &Db) -> bool {
    ["one", "two"].iter().all(|collection| db.ids(collection) == ["live"])
}

#[test]
fn the_command_of_the_crontab_sweeps_and_archives_without_a_word() {
    let (db, folder, uri) = served();
    let archive = folder.path().join("%Y.bson");
    let arguments = ["cron", "-d", &db.name, "-c", "one", "--grace", "1s", "--uri-file", &uri];
    let more = ["--archive", archive.to_str().unwrap(), "--", "--rate", "1000"];
    for (collection, more) in [("one", &more[..]), ("two", &[])] {
        let mut arguments = arguments;
        arguments[4] = collection;
        let table = printed(&[&arguments[..], more].concat());
        let line = table.lines().last().unwrap();
        let command = line.split_once("www-data ").unwrap().1.replace("\\%", "%");
        let run = runnable(&command).run().exits(0);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""), "{command}");
    }
    assert!(is_swept(&db));
    let table = printed(&["cron", "--archive", "/var/lib/s x/%Y.bson", "--user", "me"]);
    assert!(table.contains("install -d -m 0700 -o me '/var/lib/s x'"), "{table}");
    let archived = std::fs::read_dir(folder.path()).unwrap().flatten();
    assert!(
        archived.into_iter().any(|file| file.path().extension().is_some_and(|end| end == "bson"))
    );
}

#[test]
fn the_command_of_the_unit_sweeps_until_sigterm() {
    let (db, _folder, uri) = served();
    let words = ["systemd", "-d", &db.name, "-c", "one", "-c", "two", "--grace", "1s"];
    let more = ["--metrics", "127.0.0.1:0", "--", "--jitter", "1s", "--lease", "5s"];
    let unit = printed(&[&words[..], &more].concat());
    let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let sweep = runnable(&format!("exec {}", command.replace("%d/uri", &uri))).start();
    db.await_ids("one", &["live"]);
    db.await_ids("two", &["live"]);
    sweep.end();
}

#[test]
fn systemd_accepts_the_unit_and_finds_little_exposure() {
    let units: [&[&str]; 4] = [
        &["systemd", "--binary", "/usr/bin/env"],
        &["systemd", "--binary", "/usr/bin/env", "--config", "/etc/sessionctl/sweep.toml"],
        &["systemd", "--binary", "/usr/bin/env", "--uri", MONGOD],
        &WHOLE_UNIT,
    ];
    for arguments in units {
        let (_folder, unit) = file("sessionctl-sweep.service", arguments);
        // Without the manual, which is not installed here.
        // An unknown setting is only warned of.
        let said =
            tool_saying(&["systemd-analyze", "verify", "--man=no", &unit], "info", Stdio::null());
        assert_eq!(said, (String::new(), String::new()));
        // Tenths: with the network that it needs a service comes hardly below 1.0; OK ends at 4.9.
        tool(&["systemd-analyze", "security", "--offline=true", "--threshold=15", &unit]);
    }
}

#[test]
fn systemd_starts_the_sweeper_with_the_words_that_were_given() {
    let archive = r#"/var/lib/sessionctl/a b"c\d'e %Y ;#.bson"#;
    let arguments = ["systemd", "--binary", "/usr/bin/env", "-d", "x;y", "--archive", archive];
    let (_folder, unit) =
        file("words.service", &[&arguments[..], &["--uri-file", "/etc/a b%c"]].concat());
    let verify = ["systemd-analyze", "verify", "--man=no", &unit];
    let (dump, _) = tool_saying(&verify, "debug", Stdio::null());
    let command = dump.lines().find_map(|line| line.trim().strip_prefix("Command Line: ")).unwrap();
    let wanted = r#"/usr/bin/env sweep -d "x;y" -c sessions --archive "/var/lib/sessionctl/a b\"c\\d'e %Y ;#.bson" --interval 1m --uri-file /run/credentials/words.service/uri"#;
    assert_eq!(command, wanted);
    assert!(std::fs::read_to_string(unit).unwrap().contains("\nLoadCredential=uri:/etc/a b%%c\n"));
    // What systemd does to a $ it does when it starts the command.
    let unit = printed(&["systemd", "-d", "$HOME"]);
    assert!(unit.contains("ExecStart=/usr/bin/sessionctl sweep -d \"$$HOME\" "), "{unit}");
}

#[test]
fn the_unit_waits_for_readiness_and_reloads_only_a_file() {
    let unit = printed(&["systemd"]);
    for line in [
        "Type=notify",
        "NotifyAccess=main",
        "WatchdogSec=5min",
        "Restart=on-failure",
        "DynamicUser=yes",
        "StateDirectory=sessionctl",
        "LoadCredential=uri:/etc/sessionctl/uri",
        "WantedBy=multi-user.target",
    ] {
        assert!(unit.lines().any(|found| found == line), "no {line} in {unit}");
    }
    assert!(!unit.contains("ExecReload"), "{unit}");
    let unit = printed(&["systemd", "--config", "/etc/sessionctl/sweep.toml"]);
    assert!(
        unit.contains("sweep --config /etc/sessionctl/sweep.toml --uri-file %d/uri\n"),
        "{unit}"
    );
    assert!(unit.contains("\nExecReload=/bin/kill -HUP $MAINPID\n"), "{unit}");
    let unit = printed(&WHOLE_UNIT);
    assert!(unit.contains("\nReadWritePaths=/srv/archives\n"), "{unit}");
    assert!(unit.contains("\nUser=www-data\n") && !unit.contains("DynamicUser"), "{unit}");
}

/// The line that cron runs, after what cron does to it, split by a shell.
#[track_caller]
fn cron_words(table: &str) -> (String, Vec<String>) {
    assert!(table.ends_with('\n'), "cron passes over a last line without an end: {table}");
    let line = table.lines().last().unwrap();
    let mut fields = line.splitn(7, ' ');
    let schedule: Vec<_> = fields.by_ref().take(6).collect();
    let command = fields.next().unwrap();
    // A bare % would end the command.
    assert_eq!(command.matches('%').count(), command.matches("\\%").count(), "{command}");
    let command = command.replace("\\%", "%");
    let shell = Command::new("sh").args(["-c", &format!(r"printf '%s\n' {command}")]).output();
    let words = String::from_utf8(shell.unwrap().stdout).unwrap();
    (schedule.join(" "), words.lines().map(str::to_owned).collect())
}

#[test]
fn cron_runs_a_silent_pass_with_the_words_that_were_given() {
    let table = printed(&["cron"]);
    let (schedule, words) = cron_words(&table);
    assert_eq!(schedule, "*/5 * * * * www-data");
    let pass = "/usr/bin/sessionctl sweep -c sessions --once -q --uri-file /etc/sessionctl/uri";
    assert_eq!(words.join(" "), pass);
    assert!(table.contains("\nMAILTO=root\n"), "{table}");
    let table = printed(&[
        "cron",
        "-d",
        "it's; rm $HOME `x`",
        "--layout",
        "connect-mongo-json",
        "--archive",
        "/srv/%Y %m.bson",
        "--schedule",
        "0 3 * * MON-FRI",
        "--user",
        "ops",
        "--mailto",
        "ops@example.org",
        "--grace",
        "90",
    ]);
    let (schedule, words) = cron_words(&table);
    assert_eq!(schedule, "0 3 * * MON-FRI ops");
    let wanted = [
        "/usr/bin/sessionctl",
        "sweep",
        "-d",
        "it's; rm $HOME `x`",
        "-c",
        "sessions",
        "--layout",
        "connect-mongo-json",
        "--grace",
        "90s",
        "--archive",
        "/srv/%Y %m.bson",
        "--once",
        "-q",
        "--uri-file",
        "/etc/sessionctl/uri",
    ];
    assert_eq!(words, wanted);
    assert!(table.contains("\nMAILTO=ops@example.org\n"), "{table}");
}

const CONFIG: &str =
    "  interval = \"60s\"\n# Ünïcode: yes\n\n[collections.\"app.sessions\"]\nrate = 2000\n\n";

/// All options of a manifest, with a file of collections at `config`.
fn whole_deployment(config: &str) -> Vec<&str> {
    vec![
        "kubernetes",
        "--config",
        config,
        "--namespace",
        "web",
        "--name",
        "sweep",
        "--replicas",
        "3",
        "--image",
        "registry.example.org/sessionctl:1",
        "--secret",
        "mongo",
        "--claim",
        "archives",
        "--metrics",
        "[::]:9000",
    ]
}

#[test]
fn the_manifests_fit_the_schemas_of_kubernetes() {
    let (_folder, config) = written("sweep.toml", CONFIG);
    let whole = whole_deployment(&config);
    let manifests: [&[&str]; 5] = [
        &["kubernetes"],
        &["kubernetes", "--uri", MONGOD, "-d", "yes", "-c", "0x1F"],
        &["kubernetes", "--cron"],
        &["kubernetes", "--cron", "--schedule", "@hourly", "--config", &config, "--claim", "x"],
        &whole,
    ];
    let files: Vec<_> = manifests.iter().map(|arguments| file("sweep.yaml", arguments)).collect();
    let paths: Vec<_> = files.iter().map(|(_, path)| path.as_str()).collect();
    for version in ["1.25", "1.37"] {
        let check = ["kubernetes-validate", "--strict", "-k", version];
        let said = tool(&[&check[..], &paths].concat());
        // Two of them have a config map beside the workload.
        assert_eq!(said.matches(" passed for resource ").count(), 7, "{said}");
    }
}

#[test]
fn the_deployment_runs_two_replicas_that_can_do_nothing_but_sweep() {
    let (_folder, manifest) = file("sweep.yaml", &["kubernetes"]);
    let documents = documents(&manifest);
    let [deployment] = documents.as_slice() else { panic!("{documents:#?}") };
    assert_eq!(deployment["kind"], "Deployment");
    assert_eq!(deployment["spec"]["replicas"], 2);
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let words = "sweep -c sessions --interval 1m --metrics 0.0.0.0:9464 --uri-file /run/secrets/sessionctl/uri";
    assert_eq!(container["args"], json!(words.split(' ').collect::<Vec<_>>()));
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["automountServiceAccountToken"], false);
    let limits = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": { "drop": ["ALL"] },
    });
    assert_eq!(container["securityContext"], limits);
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/livez");
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
    let port = json!([{ "name": "metrics", "containerPort": 9464 }]);
    assert_eq!(container["ports"], port);
    // Octal 440: readable by the owner and the group of the pod only.
    let secret = json!({ "secretName": "sessionctl", "defaultMode": 0o440 });
    assert_eq!(pod["volumes"][0]["secret"], secret);
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    for (name, value) in deployment["spec"]["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(&labels[name], value);
    }
    let annotations = &deployment["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(annotations["prometheus.io/port"], "9464");
}

#[test]
fn the_deployment_takes_its_file_from_a_config_map_and_is_renewed_with_it() {
    let (_folder, config) = written("sweep.toml", CONFIG);
    let (_folder, manifest) = file("sweep.yaml", &whole_deployment(&config));
    let found = documents(&manifest);
    let [map, deployment] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!(map["data"], json!({ "sweep.toml": CONFIG }));
    let pod = &deployment["spec"]["template"]["spec"];
    let words = "sweep --config /etc/sessionctl/sweep.toml --metrics [::]:9000 --uri-file /run/secrets/sessionctl/uri";
    assert_eq!(pod["containers"][0]["args"], json!(words.split(' ').collect::<Vec<_>>()));
    let volumes = json!([
        { "name": "uri", "secret": { "secretName": "mongo", "defaultMode": 0o440 } },
        { "name": "config", "configMap": { "name": "sweep" } },
        { "name": "archive", "persistentVolumeClaim": { "claimName": "archives" } },
    ]);
    assert_eq!(pod["volumes"], volumes);
    assert_eq!(map["metadata"]["namespace"], "web");
    assert_eq!(deployment["metadata"]["namespace"], "web");
    let checksum = |documents: &[Value]| {
        let annotations = &documents[1]["spec"]["template"]["metadata"]["annotations"];
        annotations["sessionctl/config"].as_str().unwrap().to_owned()
    };
    let others = ["[collections.'a.b']\n", "[collections.\"a.\\tb\"]\n# '\t'"];
    for other in others {
        let (_folder, config) = written("sweep.toml", other);
        let (_folder, manifest) = file("sweep.yaml", &whole_deployment(&config));
        let others = documents(&manifest);
        assert_eq!(others[0]["data"], json!({ "sweep.toml": other }));
        assert_ne!(checksum(&found), checksum(&others));
    }
}

#[test]
fn a_layout_file_that_a_config_file_names_goes_into_the_config_map_with_it() {
    let layout = Program::new(&["layouts", "show", "connect-mongo-json"]).run().exits(0).stdout;
    let (folder, config) = written("sweep.toml", "[collections.'a.b']\nlayout_file = 'own.toml'\n");
    std::fs::write(folder.path().join("own.toml"), &layout).unwrap();
    let (_folder, manifest) = file("sweep.yaml", &["kubernetes", "--config", &config]);
    let packed = &documents(&manifest)[0]["data"];
    assert_eq!(packed["own.toml"], json!(layout));
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let moved = elsewhere.join("sweep.toml");
    std::fs::write(&moved, "[collections.'a.b']\nlayout_file = '../own.toml'\n").unwrap();
    let arguments = ["deploy", "kubernetes", "--config", moved.to_str().unwrap()];
    Program::new(&arguments).run().exits(2).says("is not in the folder of the --config file");
}

#[test]
fn the_cron_job_makes_one_silent_pass_at_a_time() {
    let (_folder, manifest) = file("sweep.yaml", &["kubernetes", "--cron", "-d", "a\"b: %Y"]);
    let documents = documents(&manifest);
    let [job] = documents.as_slice() else { panic!("{documents:#?}") };
    assert_eq!(job["kind"], "CronJob");
    assert_eq!(job["spec"]["schedule"], "*/5 * * * *");
    assert_eq!(job["spec"]["concurrencyPolicy"], "Forbid");
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    assert_eq!(pod["restartPolicy"], "Never");
    let uri = "/run/secrets/sessionctl/uri";
    let words = ["sweep", "-d", "a\"b: %Y", "-c", "sessions", "--once", "-q", "--uri-file", uri];
    assert_eq!(pod["containers"][0]["args"], json!(words));
    assert!(pod["containers"][0].get("livenessProbe").is_none());
}
