//! `sessionctl help`: commands, topics, the pager, man pages, and the way from a wrong word to the
//! right command.

use std::path::Path;
use std::process::Command;

use bson::doc;
use sessionctl::mongod::Options;

use crate::deploy::tool;
use crate::readme::{blocks, read, seed, topic};
use crate::support::{Db, Program, at, connect_mongo, long_id, own_server, with};

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a command prints where there is no terminal to ask for its width.
fn printed(arguments: &[&str]) -> String {
    Program::new(arguments).env("COLUMNS", "100").run().exits(0).stdout
}

/// The names that `sessionctl help` lists as topics.
fn topics() -> Vec<String> {
    let listed = printed(&["help"]);
    let (_, listed) = listed.split_once("\nTopics (sessionctl help TOPIC):\n").unwrap();
    listed.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn every_topic_is_listed_and_explained() {
    let topics = topics();
    assert!(topics.len() >= 14, "{topics:?}");
    for name in &topics {
        let text = printed(&["help", name]);
        assert!(text.lines().count() > 10, "{name}");
        // A code block is indented and not wrapped.
        let wide = |line: &&str| line.len() > 100 && !line.starts_with("        ");
        assert_eq!(text.lines().find(wide), None, "{name}");
        assert!(!text.contains('\u{1b}'), "{name} is colored in a pipe");
    }
}

#[test]
fn the_help_of_a_command_is_what_its_help_option_prints() {
    let whole = printed(&["help"]);
    assert!(whole.starts_with(&printed(&["--help"])), "{whole}");
    for words in [&["purge"][..], &["index"], &["index", "install"], &["fix", "expiry"]] {
        assert_eq!(printed(&[&["help"], words].concat()), printed(&[words, &["--help"]].concat()));
    }
}

#[test]
fn a_command_and_a_topic_of_one_name_are_both_shown() {
    for name in ["layouts", "deploy"] {
        let text = printed(&["help", name]);
        let help = printed(&[name, "--help"]);
        let topic = text.strip_suffix(&help).unwrap_or_else(|| panic!("{text}"));
        assert!(topic.contains("\nBUILT-IN LAYOUTS\n") || topic.contains("\nSYSTEMD\n"), "{topic}");
        assert!(topic.ends_with(&format!("\nTHE COMMAND {}\n\n", name.to_uppercase())), "{topic}");
    }
}

#[test]
fn a_topic_goes_through_the_pager_on_a_terminal_and_not_into_a_pipe() {
    let pager = "sed 's/^/paged /'";
    let help = |topic: &str| Program::new(&["help", topic]).env("PAGER", pager);
    let shown = help("layouts").on_terminal(&[]).exits(0).stdout;
    let paged = |line: &str| line.starts_with("paged") && line.contains("BUILT-IN LAYOUTS");
    assert!(shown.lines().any(paged), "{shown}");
    let shown = help("purge").on_terminal(&[]).exits(0).stdout;
    assert!(!shown.contains("paged"), "{shown}");
    let piped = help("layouts").run().exits(0).stdout;
    assert!(!piped.contains("paged") && piped.contains("BUILT-IN LAYOUTS"), "{piped}");
}

#[test]
fn without_a_pager_a_topic_is_printed() {
    let missing = Program::new(&["help", "rights"]).env("PAGER", "no-such-pager -R");
    let shown = missing.on_terminal(&[]).exits(0).stdout;
    assert!(shown.contains("createRole"), "{shown}");
    // Neither less nor more can be found.
    let none = Program::new(&["help", "rights"]).env("PAGER", "").env("PATH", "/nowhere");
    let shell = "PATH=/nowhere exec $sessionctl";
    let none = none.env("PATH", &std::env::var("PATH").unwrap());
    let shown = none.typed_on_terminal(shell, &[]).exits(0).stdout;
    assert!(shown.contains("createRole"), "{shown}");
}

#[test]
fn a_word_that_is_no_command_is_answered_with_the_one_that_means_the_same() {
    for (words, command) in [
        (&["revoke", "logout", "kill"][..], "expire"),
        (&["export", "ls", "show"], "list"),
        (&["delete", "rm"], "purge"),
    ] {
        for word in words {
            for arguments in
                [&[*word][..], &[word, "--all"], &["-d", "shop", word], &["help", word]]
            {
                let run = Program::new(arguments).run().exits(2).fails_in_one_sentence();
                run.says(&format!("hint: `sessionctl {command}` "));
            }
        }
    }
    Program::new(&["pruge"]).run().exits(2).says("did you mean purge?");
    let run = Program::new(&["reset"]).run().exits(2).fails_in_one_sentence();
    run.never_shows("restore").says("`sessionctl help` lists commands");
    let id = "s3cr3tS3ss10nIdThatMayLogIn";
    Program::new(&[id]).run().exits(2).never_shows(id);
    let uri = "mongodb://user:hunter2@h/";
    Program::new(&[uri]).run().exits(2).never_shows("hunter2");
}

#[test]
fn help_of_an_unknown_subcommand_is_a_usage_error() {
    Program::new(&["help", "index", "instal"])
        .run()
        .exits(2)
        .says("index has no subcommand instal");
    Program::new(&["index", "help"]).run().exits(2).says("`sessionctl help COMMAND`");
}

#[test]
fn every_man_page_renders_without_a_warning() {
    let pages = std::fs::read_dir(top().join("man")).unwrap();
    let mut pages: Vec<_> = pages.map(|page| page.unwrap().path()).collect();
    pages.sort();
    for section in ["1", "5", "7"] {
        assert!(pages.iter().any(|page| page.extension().is_some_and(|it| it == section)));
    }
    let script = top().join("tests/deploy/tools.sh");
    for page in pages {
        let mut groff = Command::new("bash");
        groff.arg(&script).args(["groff", "-ww", "-z", "-man"]).arg(&page);
        let output = groff.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{}: {said}", page.display());
    }
}

#[test]
fn the_lines_for_a_network_in_the_recipes_do_what_they_say() {
    let db = Db::new();
    let session = |id: &str, ip: &str| {
        let payload = format!(r#"{{"cookie":{{"path":"/"}},"ip":"{ip}"}}"#);
        with(connect_mongo(&long_id(id), at(3600)), doc! { "session": payload })
    };
    let all = [("a-", "203.0.113.9"), ("b-", "203.0.113.7"), ("c-", "198.51.100.1")];
    db.insert("sessions", all.map(|(id, ip)| session(id, ip)));
    let recipes = read(&topic("recipes"));
    let is_of_network = |block: &&str| block.contains("ip in 203.0.113.0/24");
    let block = blocks(&recipes, "sh").into_iter().find(is_of_network).unwrap();
    let run = |line: &str| {
        let shell = Program::shell(&line.replace("expire", "expire --yes"));
        shell.env("SESSIONCTL_URI", &db.uri).env("SESSIONCTL_DB", &db.name).run().exits(0)
    };
    let printed: Vec<_> = block.lines().map(run).collect();
    assert_eq!(printed[0].stdout.lines().count(), 1 + 2, "{printed:#?}");
    let left = db.find("sessions", doc! { "expires": { "$gt": at(0) } });
    let left: Vec<_> = left.iter().map(|one| one.get_str("_id").unwrap().to_owned()).collect();
    assert_eq!(left, ["b-", "c-"].map(long_id));
}

#[test]
fn the_lines_for_cron_in_the_recipes_do_what_they_say() {
    let server = own_server(Options::default());
    let mut db = Db::on(&server.uri());
    db.name = "test".to_owned();
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().to_str().unwrap();
    let uri = folder.path().join("uri");
    std::fs::write(&uri, server.uri()).unwrap();
    let recipes = read(&topic("recipes"));
    let lines: Vec<&str> = blocks(&recipes, "cron")[0].lines().collect();
    assert_eq!(lines.len(), 2);
    let run = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let times =
            |field: &&str| field.chars().all(|it| it.is_ascii_digit() || "*/,-".contains(it));
        assert!(fields[..5].iter().all(times), "{line}");
        // As cron reads it: an escaped % is one, and a bare one would end the command.
        let command = fields[6..].join(" ").replace("\\%", "\0");
        assert!(!command.contains('%'), "{line}");
        let command =
            command.replace('\0', "%").replace("/etc/sessionctl/uri", uri.to_str().unwrap());
        let command = command.replace("/var/backups", here).replace("/usr/local/bin/", "");
        seed(&db);
        Program::shell(&format!("PATH={here}:$PATH; {command}")).run()
    };
    let expired = doc! { "expires": { "$lt": crate::support::now() } };
    let purge = run(lines[0]).exits(0);
    assert_eq!((&*purge.stdout, &*purge.stderr), ("", ""));
    assert_eq!(db.count("sessions", expired), 0);
    let files = std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name());
    let mut archives = files.filter_map(|name| name.into_string().ok());
    assert!(archives.any(|name| name.starts_with("sessions-2") && name.ends_with(".bson.gz")));
    // What it prints is what cron mails.
    run(lines[1]).exits(4).prints("no working TTL index");
}

/// The words before the cursor, and a required completion.
const COMPLETIONS: &[(&str, &[&str])] = &[
    ("list --layout sy", &["symfony"]),
    ("purge --layout au", &["auto", "authjs"]),
    ("layouts show sym", &["symfony"]),
    ("list --columns e", &["expires"]),
    ("help ri", &["rights"]),
    ("help pu", &["purge"]),
];

#[test]
fn bash_completes_layouts_columns_and_topics() {
    for (typed, wanted) in COMPLETIONS {
        let words: Vec<&str> = typed.split(' ').collect();
        let last = words.len();
        let (current, previous) = (words[last - 1], words[last - 2]);
        let script = format!(
            "source completions/sessionctl.bash\nCOMP_WORDS=(sessionctl {typed}); COMP_CWORD={last}\n\
             _sessionctl sessionctl '{current}' '{previous}'; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let output =
            Command::new("bash").args(["-c", &script]).current_dir(top()).output().unwrap();
        let completed = String::from_utf8(output.stdout).unwrap();
        for word in *wanted {
            assert!(completed.lines().any(|line| line == *word), "{typed}: {completed}");
        }
    }
}

#[test]
fn fish_completes_layouts_columns_and_topics() {
    for (typed, wanted) in COMPLETIONS {
        let script =
            format!("source completions/sessionctl.fish; complete -C 'sessionctl {typed}'");
        let completed = tool(&["fish", "--no-config", "-c", &script]);
        for word in *wanted {
            let first = |line: &str| line.split('\t').next() == Some(*word);
            assert!(completed.lines().any(first), "{typed}: {completed}");
        }
    }
}

#[test]
fn zsh_completes_layouts_columns_and_topics() {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!(
        "fpath=({}/completions $fpath)\nautoload -U compinit; compinit -u -D\nPROMPT='READY> '\n",
        top().display()
    );
    std::fs::write(folder.path().join(".zshrc"), settings).unwrap();
    let script = top().join("tests/deploy/tools.sh");
    let shell = format!("exec bash '{}' zsh -d -i", script.display());
    let zsh = Program::new(&[]).env("ZDOTDIR", folder.path().to_str().unwrap());
    // Each line is typed once the previous completion is shown; Ctrl-U then clears the line.
    zsh.typed_on_terminal(
        &shell,
        &[
            ("READY> ", "sessionctl list --layout sy\t"),
            ("list --layout symfony", "\u{15}sessionctl layouts show luc\t"),
            ("show lucia", "\u{15}sessionctl list --columns ex\t"),
            ("--columns expires", "\u{15}sessionctl help ri\t"),
            ("help rights", "\u{15}exit\n"),
        ],
    );
}
