//! Against a plain `mongod` nothing costs more: the commands are counted.

use super::{Other, sessions};
use crate::personality::Personality;

/// A `mongod` as it is.
static PLAIN: Personality = Personality { name: "mongod", lines: &[] };

#[test]
fn short_commands_make_no_more_round_trips_than_they_need() {
    let plain = Other::new(&PLAIN);
    plain.db.insert("sessions", sessions(5, 5));
    for (arguments, most) in
        [(&["list"][..], 5), (&["inspect", "dead-0001"], 8), (&["purge", "--expired"], 15)]
    {
        plain.servers[0].take_commands();
        plain.command(arguments).run().exits(0);
        let seen = plain.servers[0].take_commands();
        let seen: Vec<_> = seen.iter().filter(|name| *name != "endSessions").collect();
        assert!(seen.len() <= most, "{arguments:?}: {seen:?}");
        let clocks = seen.iter().filter(|name| **name == "buildInfo").count();
        assert_eq!(clocks, 0, "{arguments:?}: {seen:?}");
    }
}
