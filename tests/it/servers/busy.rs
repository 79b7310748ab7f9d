//! Servers that are too busy: Cosmos DB refuses whatever goes beyond the request units that are paid for
//! (16500), MongoDB labels its refusals and may say how long to wait.

use std::time::{Duration, Instant};

use bson::{Document, doc};

use super::{Other, living, sessions};
use crate::personalities::{COSMOS, MONGODB_8};
use crate::personality::{Busy, Refusal};

const TOO_LARGE: Refusal = Refusal {
    code: 16500,
    name: "RequestRateTooLarge",
    message: "Error=16500, RetryAfterMs=34, Details='Request rate is large'",
};

fn refused(command: &'static str, skip: u64) -> Busy {
    Busy { command, refusal: TOO_LARGE, with: Document::new(), skip, times: 2 }
}

#[test]
fn reads_that_are_refused_are_repeated_and_a_cursor_goes_on_where_it_was() {
    let cosmos = Other::new(&COSMOS);
    cosmos.db.insert("sessions", sessions(100, 2500));
    for (commands, arguments) in [
        (vec!["find", "getMore"], vec!["list", "-o", "ndjson", "--limit", "0"]),
        (vec!["aggregate", "find"], vec!["stats", "-o", "json"]),
        (vec!["find", "listIndexes"], vec!["users", "-o", "json"]),
    ] {
        cosmos.servers[0].busy(commands.iter().map(|command| refused(command, 0)));
        let before = cosmos.servers[0].refused();
        let run = cosmos.command(&arguments).run().exits(0);
        assert!(cosmos.servers[0].refused() >= before + 4, "{run:?}");
        if arguments[0] == "list" {
            assert_eq!(run.stdout.lines().count(), 2600);
        }
    }
}

#[test]
fn writes_that_are_refused_are_repeated_and_counted_once() {
    for command in ["find", "listIndexes", "aggregate", "delete"] {
        let cosmos = Other::new(&COSMOS);
        cosmos.db.insert("sessions", sessions(200, 10));
        cosmos.servers[0].busy([refused(command, 0)]);
        let arguments = ["purge", "--expired", "--batch-size", "50", "-o", "json"];
        let report = cosmos.command(&arguments).run().exits(0).json();
        assert_eq!(report["deleted"], 200, "{command}: {report}");
        assert_eq!((living(&cosmos.db), cosmos.db.count("sessions", doc! {})), (10, 10));
    }
}

#[test]
fn expire_and_sweep_outlast_many_refusals() {
    let cosmos = Other::new(&COSMOS);
    cosmos.db.insert("sessions", sessions(20, 10));
    cosmos.servers[0].busy([Busy { times: 9, ..refused("update", 0) }]);
    cosmos.command(&["expire", "--live", "--yes"]).run().exits(0);
    cosmos.servers[0].busy([refused("delete", 0), refused("find", 1), refused("findAndModify", 0)]);
    cosmos.command(&["sweep", "--once"]).run().exits(0);
    assert_eq!(cosmos.db.count("sessions", doc! {}), 0);
}

#[test]
fn a_server_is_given_the_time_that_it_asks_for() {
    let refusal = Refusal { code: 462, name: "IngressRequestRateLimitExceeded", message: "busy" };
    let labels = ["SystemOverloadedError", "RetryableError"].map(str::to_owned).to_vec();
    // More often than the driver itself repeats.
    let busy = |command, backoff: i32, times| Busy {
        command,
        refusal,
        with: doc! { "errorLabels": &labels, "baseBackoffMS": backoff },
        skip: 0,
        times,
    };
    let server = Other::new(&MONGODB_8);
    server.db.insert("sessions", sessions(20, 10));
    // A read is repeated only because the server asks for it.
    server.servers[0].busy([busy("find", 50, 12)]);
    server.command(&["list"]).run().exits(0);
    assert!(server.servers[0].refused() >= 12);
    server.servers[0].busy([busy("delete", 1500, 4)]);
    let began = Instant::now();
    server.command(&["purge", "--expired"]).run().exits(0);
    assert!(began.elapsed() > Duration::from_millis(1500));
    assert_eq!(server.db.count("sessions", doc! {}), 10);
}

#[test]
fn reads_have_limits_of_their_own_where_the_server_would_cut_them_off() {
    let server = Other::new(&MONGODB_8);
    server.db.insert("sessions", sessions(20, 10));
    for arguments in [
        &["list"][..],
        &["users"],
        &["stats"],
        &["doctor"],
        &["collections"],
        &["purge", "--all", "--dry-run"],
    ] {
        let run = server.command(arguments).run();
        assert!(matches!(run.code, Some(0 | 4)), "{run:?}");
        run.never_shows("exceeded time limit");
    }
    server.command(&["purge", "--expired"]).run().exits(0);
    assert_eq!(server.db.count("sessions", doc! {}), 10);
}
