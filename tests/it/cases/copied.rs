//! Copies of the cases: each session is copied or counted, and nothing foreign is copied.

use super::*;

const CONVERTED: [&str; 4] =
    ["--to-collection", "converted", "--to-layout", "express-session-object"];

fn names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut names: Vec<_> =
        files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn each_session_of_the_cases_is_copied_or_counted_and_nothing_foreign_is_copied() {
    let mut copied = 0;
    for name in names() {
        let case = Case::load(&name);
        for to in [&["--to-collection", "copies"][..], &CONVERTED] {
            let place = to[1];
            let copy = ["copy", "--yes", "-o", "json"];
            let run = case.run(&[&copy[..], to].concat());
            if run.code != Some(0) {
                // Its layout is not certain, or cannot say what has expired.
                assert_eq!(run.code, Some(1), "{name} {run:?}");
                assert_eq!(case.db.count(place, doc! {}), 0, "{name} {run:?}");
                continue;
            }
            let report = run.json();
            let of = |key: &str| report[key].as_u64().unwrap();
            let keys = ["copied", "replaced", "unchanged", "kept", "lost"];
            let sum: u64 = keys.into_iter().map(of).sum();
            let states = case.states(&[]);
            let foreign = states["foreign"].as_u64().unwrap_or(0);
            let all = case.documents.len() as u64;
            assert_eq!((sum + foreign, of("read")), (all, sum), "{name} {states} {report}");
            assert_eq!(case.db.count(place, doc! {}), of("copied"), "{name} {report}");
            let reasons = report["reasons"].as_object().unwrap().values();
            let lost: u64 = reasons.map(|count| count.as_u64().unwrap()).sum();
            assert_eq!(lost, of("lost"), "{name} {report}");
            if place == "copies" {
                assert_eq!((of("lost"), of("copied")), (0, sum), "{name} {report}");
                for copy in case.db.find("copies", doc! {}) {
                    assert!(case.documents.contains(&copy), "{name} {copy}");
                }
            }
            copied += of("copied");
        }
    }
    assert!(copied > 300, "{copied}");
}
