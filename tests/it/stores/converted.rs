//! Sessions of every store, converted into every layout that sessions can be converted into: whoever is
//! logged in stays so, and what is not copied is counted. Each file is converted into one of them, in the
//! long form (`SESSIONCTL_LONG_TESTS=1`) into all.

use serde_json::Value;
use sessionctl::Layout;
use sessionctl::copy::TARGETS;

use super::Fixture;
use crate::oracle::is_long;

#[test]
fn a_session_of_any_store_has_the_same_user_and_the_same_end_in_another_layout_or_is_counted() {
    for (at, fixture) in Fixture::all().into_iter().enumerate() {
        let db = fixture.db();
        let before = fixture.rows(&db, &[]);
        let mut targets: Vec<_> = TARGETS.into_iter().filter(|to| *to != fixture.layout).collect();
        if !is_long() {
            let turn = at % targets.len();
            targets = vec![targets[turn]];
        }
        for layout in targets {
            let to = format!("to-{layout}");
            let arguments =
                ["copy", "--to-collection", &to, "--to-layout", layout, "--yes", "-o", "json"];
            let name = format!("{} {layout}", fixture.name);
            let report = fixture.named(&db, &arguments).exits(0).json();
            let number = |key: &str| report[key].as_u64().unwrap();
            assert_eq!(number("read"), fixture.documents.len() as u64, "{name} {report}");
            assert_eq!(number("copied") + number("lost"), number("read"), "{name} {report}");
            let rows = ["list", "--full-ids", "-o", "json", "-c", &to, "--layout", layout];
            let rows = db.sessionctl(&rows).exits(0).json();
            let rows = rows.as_array().unwrap();
            assert_eq!(rows.len() as u64, number("copied"), "{name} {report}");
            for row in rows {
                let id = row["id"].as_str().unwrap().trim_start_matches("session:");
                let is_it = |other: &&Value| other["id"].as_str().unwrap().contains(id);
                let own = before.iter().find(is_it).unwrap_or_else(|| panic!("{name} {row}"));
                if layout != "koa-session-mongoose" {
                    assert_eq!(row["expires"], own["expires"], "{name} {row}");
                    assert_eq!(row["state"], own["state"], "{name} {row}");
                }
                // Other layouts look for users at the places of other frameworks.
                let looks_alike = Layout::named(layout).unwrap().user == fixture.record().user;
                assert!(!looks_alike || row["user"] == own["user"], "{name} {row} {own}");
            }
            let again = fixture.named(&db, &arguments).exits(0).json();
            assert_eq!(
                (&again["copied"], &again["replaced"]),
                (&0.into(), &0.into()),
                "{name} {again}"
            );
            assert_eq!(again["unchanged"], report["copied"], "{name} {again}");
        }
    }
}
