//! What would not work where it is put, or would show a password, is not printed.

use super::*;

#[track_caller]
fn refused(arguments: &[&str]) -> Run {
    let run = Program::new(&[&["deploy"], arguments].concat()).run();
    let run = run.exits(2).fails_in_one_sentence().shows_nothing_hostile();
    assert_eq!(run.stdout, "");
    run
}

#[test]
fn no_password_reaches_a_file() {
    const SECRETS: [&str; 3] = [
        "mongodb://sweeper:hunter2@db1/?authSource=admin",
        "mongodb://db1/?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:hunter2",
        "mongodb+srv://db1/?proxyPassword=hunter2",
    ];
    for kind in ["systemd", "cron", "kubernetes", "prometheus"] {
        for secret in SECRETS {
            let said = "the printed file would expose the password in the connection string";
            refused(&[kind, "--uri", secret]).says(said).never_shows("hunter2");
            let run = Program::new(&["deploy", kind]).env("SESSIONCTL_URI", secret).run();
            run.exits(2).says(said).never_shows("hunter2");
        }
        // A file beats the variable, and is only named.
        let arguments = ["deploy", kind, "--uri-file", "/etc/x/uri"];
        let run = Program::new(&arguments).env("SESSIONCTL_URI", SECRETS[0]).run().exits(0);
        assert!(run.stdout.contains("/etc/x/uri") || kind == "kubernetes", "{run:#?}");
        run.never_shows("hunter2");
        refused(&[kind, "--uri", "-"]).says("stdin");
    }
    let all: [&[&str]; 4] = [
        &["systemd", "--", "--uri", SECRETS[0]],
        &["systemd", "-d", SECRETS[0]],
        &["kubernetes", "--image", SECRETS[0]],
        &["cron", "--archive", SECRETS[0]],
    ];
    for arguments in all {
        refused(arguments).never_shows("hunter2");
    }
    let (_folder, config) = written("sweep.toml", &format!("uri = \"{}\"\n", SECRETS[0]));
    refused(&["kubernetes", "--config", &config]).never_shows("hunter2");
}

#[test]
fn what_the_service_could_not_write_or_nobody_could_read_is_refused() {
    refused(&["systemd", "--", "--audit", "/var/log/sessionctl.ndjson"]).says("--audit");
    refused(&["systemd", "--", "--audit=audit.ndjson"]).says("--audit is not absolute");
    refused(&["kubernetes", "--", "--audit", "/var/log/sessionctl.ndjson"]).says("cannot write");
    let metrics = ["systemd", "--", "--metrics-file", "/var/lib/sessionctl/sessionctl.prom"];
    refused(&metrics).says("the node exporter cannot read");
    for arguments in [
        &["systemd", "--", "--audit", "/var/lib/sessionctl/audit.ndjson"][..],
        &["systemd", "--user", "www-data", "--", "--audit", "/var/log/sessionctl/a.ndjson"],
        &["kubernetes", "--claim", "x", "--", "--audit", "/var/lib/sessionctl/audit.ndjson"],
    ] {
        Program::new(&[&["deploy"], arguments].concat()).run().exits(0);
    }
}

#[test]
fn no_value_starts_a_new_line() {
    let hostile = "x\nExecStartPre=/bin/rm";
    for kind in ["systemd", "cron", "kubernetes"] {
        for option in ["-d", "-c", "--layout", "--archive"] {
            refused(&[kind, option, hostile]);
        }
    }
    let all: [&[&str]; 8] = [
        &["systemd", "--user", hostile],
        &["systemd", "--name", hostile],
        &["systemd", "--binary", "/usr/bin/x\ny"],
        &["cron", "--mailto", hostile],
        &["cron", "--schedule", "* * * * *\n* * * * * root"],
        &["kubernetes", "--image", "x\ny"],
        &["grafana", "--title", "x\u{1b}[31m"],
        &["systemd", "--", "--metrics-file", hostile],
    ];
    for arguments in all {
        refused(arguments);
    }
}

#[test]
fn what_could_not_work_is_refused_with_a_way_that_does() {
    let all: [(&[&str], &str); 40] = [
        (&["systemd", "--config", "/home/me/sweep.toml"], "/etc/sessionctl"),
        (&["systemd", "--binary", "/home/me/.cargo/bin/sessionctl"], "--root /usr/local"),
        (&["systemd", "--binary", "sessionctl"], "an absolute path"),
        (&["systemd", "--archive", "sessions.bson"], "/var/lib/sessionctl"),
        (&["systemd", "--archive", "/var/lib/sessionctl/x-%Y.txt"], "has no valid extension"),
        (&["systemd", "--archive", "/var/lib/sessionctl/x-%Q.bson"], "%Q"),
        (&["systemd", "-c", "a", "-c", "b", "--archive", "/var/lib/sessionctl/x.bson"], "share"),
        (&["systemd", "--layout", "nonsense"], "no layout named nonsense"),
        (
            &["systemd", "--config", "/etc/x.toml", "-d", "shop"],
            "--db cannot be used with --config",
        ),
        (
            &["cron", "--config", "/etc/x.toml", "-c", "shop"],
            "--collection cannot be used with --config",
        ),
        (&["kubernetes", "--config", "/etc/x.toml", "--lifetime", "1d"], "--lifetime cannot"),
        (
            &["systemd", "--config", "/etc/x.toml", "--", "--rate", "5"],
            "--rate cannot be used with --config",
        ),
        (&["systemd", "--", "--rate", "fast"], "'fast' for '--rate <N>'"),
        (&["systemd", "--", "--idle", "30d"], "--yes"),
        (&["systemd", "--", "--metrics-file", "/var/lib/node/x.prom"], "--user"),
        (&["systemd", "--", "--metrics-file=x.prom"], "/var/lib/sessionctl"),
        (&["systemd", "--archive", "/srv/x.bson"], "--user"),
        (&["systemd", "--archive", "/srv/%Y/x.bson", "--user", "me"], "the name of the file"),
        (&["systemd", "--", "--no-such-option"], "sessionctl sweep --help"),
        (&["systemd", "--rate", "2000"], "after --, as in -- --rate 2000"),
        (&["systemd", "--interval", "5m", "2000"], "after --, as in -- --rate 2000"),
        (&["systemd", "--", "--once"], "deploy adds it"),
        (&["systemd", "--", "-d", "shop"], "--db"),
        (&["systemd", "--", "--interval", "5m"], "--interval"),
        (&["systemd", "--name", "a b"], "letters"),
        (&["systemd", "--user", "1x"], "letter"),
        (&["cron", "-d", "a\\b"], "--config"),
        (&["cron", "--schedule", "@reboot"], "@hourly"),
        (&["cron", "--schedule", "61 * * * *"], "minute"),
        (&["cron", "--archive", "x-%Y.bson"], "absolute path"),
        (&["cron", "--name", "sessionctl.cron"], "letters"),
        (&["cron", "--mailto", "a b"], "ops@example.org"),
        (&["kubernetes", "--metrics", "127.0.0.1:9464"], "0.0.0.0"),
        (&["kubernetes", "--name", "Sweep"], "lowercase letters"),
        (&["kubernetes", "--archive", "/var/lib/sessionctl/x.bson"], "--claim"),
        (&["kubernetes", "--archive", "/data/x.bson", "--claim", "a"], "/var/lib/sessionctl"),
        (&["kubernetes", "--image", ""], "sessionctl:"),
        (&["grafana", "--uid", "a b"], "letters"),
        (&["prometheus", "--job", "a\"b"], "letters"),
        (&["prometheus", "--uri-file", "/etc/{{.}}/uri"], "{{"),
    ];
    for (arguments, hint) in all {
        refused(arguments).says("hint: ").says(hint);
    }
    let long = "x".repeat(1000);
    refused(&["cron", "-d", &long]).says("--config");
    // Options that say different things, by clap's own words.
    for arguments in [
        &["systemd", "--config", "/etc/x.toml", "--interval", "5m"][..],
        &["systemd", "--config", "/etc/x.toml", "--grace", "5m"],
        &["kubernetes", "--cron", "--replicas", "3"],
        &["kubernetes", "--schedule", "@hourly"],
    ] {
        Program::new(&[&["deploy"], arguments].concat()).run().exits(2);
    }
}

#[test]
fn a_config_file_for_kubernetes_is_read_before_it_is_packed() {
    let (folder, broken) = written("sweep.toml", "interval = \n");
    let failed = |config: &str| {
        Program::new(&["deploy", "kubernetes", "--config", config]).run().fails_in_one_sentence()
    };
    failed(&broken).exits(2).says("line 1: ");
    let (_folder, unknown) = written("sweep.toml", "[collections.\"a.b\"]\nintervall = 5\n");
    failed(&unknown).exits(2).says("intervall");
    failed(folder.path().join("none.toml").to_str().unwrap()).exits(1).says("could not read");
    let archived = "[collections.\"a.b\"]\narchive = \"/var/lib/sessionctl/x.bson\"\n";
    let (_folder, archived) = written("sweep.toml", archived);
    failed(&archived).exits(2).says("--claim");
}
