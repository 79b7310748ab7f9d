//! `sessionctl demo`: the tour, and that nothing is left of it.

use std::collections::HashSet;
use std::net::TcpListener;
use std::path::Path;

use sessionctl::mongod::Options;

use crate::support::{Db, Program, Run, becomes, eventually, mongod_binary, own_server};

/// The demo, with its temporary files in a separate folder.
fn demo(temporary: &Path, arguments: &[&str]) -> Program {
    Program::new(&[&["demo"], arguments].concat())
        .env("SESSIONCTL_MONGOD", mongod_binary().to_str().unwrap())
        .env("TMPDIR", temporary.to_str().unwrap())
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

/// The processes that were started with that folder.
fn processes_on(folder: &Path) -> usize {
    let of = |path: &Path| std::fs::read_to_string(path.join("cmdline")).unwrap_or_default();
    let all = std::fs::read_dir("/proc").unwrap();
    let folder = folder.to_str().unwrap();
    all.filter(|entry| of(&entry.as_ref().unwrap().path()).contains(folder)).count()
}

fn took_the_tour(run: &Run) {
    let commands: Vec<_> =
        run.stdout.lines().filter_map(|line| line.strip_prefix("$ sessionctl ")).collect();
    for command in
        ["collections ", "doctor ", "stats ", "list ", "expire ", "fix ", "purge ", "index install"]
    {
        assert!(commands.iter().any(|typed| typed.starts_with(command)), "{command}: {run:#?}");
    }
    for word in ["expired 3 sessions of user olga in shop.sessions", "none came back", "deleted "] {
        assert!(run.stdout.contains(word), "{word}: {run:#?}");
    }
}

/// Each command and what it prints are seen at once on a terminal of 80x24.
fn fits_the_terminal(tour: &str) {
    let tour = console::strip_ansi_codes(tour);
    let steps: Vec<_> = tour.split("$ sessionctl ").skip(1).collect();
    assert!(steps.len() >= 8, "{tour}");
    for step in steps {
        assert!(step.trim_end().lines().count() <= 23, "{step}");
        // What a carriage return leads back over is drawn over.
        let shown = |line: &&str| line.trim_end().rsplit('\r').next().unwrap_or("").chars().count();
        // The suggested command contains the path of the program, which may be long.
        let wide = step.lines().find(|line| shown(line) > 80 && !line.contains(" --uri "));
        assert_eq!(wide, None);
    }
}

#[test]
fn the_tour_shows_each_command_with_its_output_and_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let run = demo(temporary.path(), &["--exit"]).run().exits(0);
    took_the_tour(&run);
    assert!(is_empty(temporary.path()));
    becomes("no process was left", || processes_on(temporary.path()), |left| *left == 0);
}

#[test]
fn without_a_terminal_it_leaves_by_itself_and_on_one_it_stays_until_ctrl_c() {
    let temporary = tempfile::tempdir().unwrap();
    demo(temporary.path(), &[]).run().exits(0);
    let staying = demo(temporary.path(), &[]);
    // The last line that it prints.
    let mut staying = staying.start_on_terminal("stty rows 24 cols 80; exec $sessionctl");
    staying.await_printed("The server runs until you press Ctrl-C.");
    // The last line of the tour works unchanged.
    let screen = staying.await_printed(" -d shop\r\n");
    let last = screen.lines().rev().find(|line| !line.trim().is_empty()).unwrap();
    let rows = Program::shell(last).run().exits(0).stdout;
    assert!(rows.lines().count() > 20, "{last}: {rows}");
    staying.types("\x03");
    let run = staying.wait().exits(0);
    fits_the_terminal(&run.stdout);
    assert!(is_empty(temporary.path()));
}

#[test]
fn a_demo_that_is_killed_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let mut demo = demo(temporary.path(), &["--exit"]).start();
    demo.await_printed("\n");
    assert!(processes_on(temporary.path()) > 0 && !is_empty(temporary.path()));
    demo.signal("KILL");
    assert_eq!(demo.wait().signal, Some(9));
    eventually("neither files nor processes were left", || {
        is_empty(temporary.path()) && processes_on(temporary.path()) == 0
    });
}

#[test]
fn a_demo_that_is_interrupted_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let mut demo = demo(temporary.path(), &["--exit"]).start();
    demo.await_printed("\n");
    demo.signal("TERM");
    demo.wait().exits(143);
    eventually("neither files nor processes were left", || {
        is_empty(temporary.path()) && processes_on(temporary.path()) == 0
    });
}

#[test]
fn the_path_of_kept_data_is_printed_and_it_has_four_layouts_and_all_states_but_those_the_tour_repaired()
 {
    let temporary = tempfile::tempdir().unwrap();
    let run = demo(temporary.path(), &["--exit", "--keep"]).run().exits(0);
    let kept = run.stdout.lines().find_map(|line| line.strip_prefix("The data is kept in "));
    let kept = Path::new(kept.unwrap());
    assert!(kept.starts_with(temporary.path()) && kept.join("WiredTiger").exists());
    becomes("no process was left", || processes_on(temporary.path()), |left| *left == 0);

    let server = own_server(Options { data: Some(kept.to_owned()), ..Options::default() });
    let client = Db::on(&server.uri());
    let shop = client.client.database("shop");
    let collections = client.runtime.block_on(shop.list_collection_names().into_future()).unwrap();
    let (mut layouts, mut states, mut sessions) = (HashSet::new(), HashSet::new(), 0);
    for collection in collections {
        let on_shop = |arguments: &[&str]| {
            let place = ["-d", "shop", "-c", &collection, "-o", "json"];
            client.sessionctl(&[arguments, &place].concat()).exits(0).json()
        };
        layouts.insert(on_shop(&["index", "status"])["layout"].to_string());
        let rows = on_shop(&["list"]);
        sessions += rows.as_array().unwrap().len();
        states.extend(rows.as_array().unwrap().iter().map(|row| row["state"].to_string()));
    }
    // The tour purged the expired ones of one collection, and repaired the malformed ones.
    assert!(layouts.len() >= 4 && sessions > 200, "{layouts:?} {sessions}");
    assert_eq!(states, HashSet::from(["expired", "endless", "live"].map(|it| format!("{it:?}"))));
}

#[test]
fn a_port_in_use_is_reported() {
    let temporary = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    demo(temporary.path(), &["--exit", "--port", &port])
        .run()
        .exits(1)
        .says(&format!("port {port} of 127.0.0.1 is in use"));
    assert!(is_empty(temporary.path()));
    drop(taken);
    let run = demo(temporary.path(), &["--exit", "--port", &port]).run().exits(0);
    took_the_tour(&run);
}
