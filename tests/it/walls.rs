//! The storeys of `src/`: every import goes down, and no two files import each other, not even through
//! others. A wall that is broken is named by file and line.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

/// The layers from the bottom up. Other files, such as `lib.rs`, are above all of them.
const STOREYS: [&[&str]; 2] = [
    &["error", "mongod", "model", "server", "store", "ops", "app"],
    &["input", "args", "help", "console", "audit", "context", "daemon", "commands", "cli"],
];
const PROGRAM: &str = "src/bin/sessionctl";

/// One import: a path that stands in a file, and the file that it leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Import {
    from: PathBuf,
    line: usize,
    to: PathBuf,
}

impl std::fmt::Display for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{} imports {}", self.from.display(), self.line, self.to.display())
    }
}

#[test]
fn every_import_goes_down() {
    let imports = imports();
    assert!(imports.len() > 500, "only {} imports were found", imports.len());
    let upward = imports.iter().filter(|import| match (storey(&import.from), storey(&import.to)) {
        (Some(from), Some(to)) => from < to,
        // `lib.rs` and `main.rs` are above all storeys.
        (from, to) => from.is_some() && to.is_none(),
    });
    let upward: Vec<_> = upward.map(ToString::to_string).collect();
    assert!(upward.is_empty(), "upward:\n{}", upward.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let imports = imports();
    let mut next: BTreeMap<&Path, Vec<&Import>> = BTreeMap::new();
    for import in &imports {
        next.entry(&import.from).or_default().push(import);
    }
    // One circle for the same files, however often they name each other.
    let mut circles = BTreeMap::new();
    for start in &imports {
        // The shortest way back, so that the circle named is one that can be opened.
        if let Some(way) = way(&next, &start.to, &start.from) {
            let circle: Vec<_> = std::iter::once(start).chain(way).collect();
            let files: BTreeSet<_> = circle.iter().map(|import| &import.from).collect();
            let text: Vec<_> = circle.iter().map(ToString::to_string).collect();
            circles.entry(files).or_insert(text.join("\n  "));
        }
    }
    let circles: Vec<_> = circles.into_values().collect();
    assert!(circles.is_empty(), "{} circles:\n{}", circles.len(), circles.join("\n\n"));
}

/// A session is what its document says: no I/O, no clock, nothing that waits.
#[test]
fn the_model_is_pure() {
    let impure =
        ["mongodb::", "tokio", "async ", ".await", "std::fs", "SystemTime", "Instant::now"];
    let mut found = Vec::new();
    for file in files(Path::new("src/model")) {
        for (at, line) in code(&file).lines().enumerate() {
            for word in impure.iter().filter(|word| line.contains(**word)) {
                found.push(format!("{}:{} has {word}", file.display(), at + 1));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The layer of a file, in the library or in the program.
fn storey(file: &Path) -> Option<usize> {
    let (which, inside) = match file.strip_prefix(PROGRAM) {
        Ok(inside) => (1, inside),
        Err(_) => (0, file.strip_prefix("src").unwrap()),
    };
    let first = inside.iter().next()?.to_str()?.trim_end_matches(".rs");
    STOREYS[which].iter().position(|name| *name == first)
}

/// The imports along which one gets from one file to another, the fewest.
fn way<'a>(
    next: &BTreeMap<&Path, Vec<&'a Import>>,
    from: &Path,
    to: &Path,
) -> Option<Vec<&'a Import>> {
    let mut came_by: BTreeMap<&Path, &Import> = BTreeMap::new();
    let mut queue = VecDeque::from([from]);
    while let Some(here) = queue.pop_front() {
        if here == to {
            let mut way = Vec::new();
            let mut at = to;
            while at != from {
                let import = came_by[at];
                way.insert(0, import);
                at = &import.from;
            }
            return Some(way);
        }
        for import in next.get(here).into_iter().flatten() {
            if import.to != from && !came_by.contains_key(&*import.to) {
                came_by.insert(&import.to, import);
                queue.push_back(&import.to);
            }
        }
    }
    None
}

/// Every import of `src/` but those of unit tests.
fn imports() -> Vec<Import> {
    let all: BTreeSet<PathBuf> = files(Path::new("src")).into_iter().collect();
    let mut found = BTreeSet::new();
    for file in &all {
        let text = code(file);
        for (line, path) in paths(&text) {
            if let Some(to) = resolve(file, &path, &text, &all).filter(|to| to != file) {
                found.insert(Import { from: file.clone(), line, to });
            }
        }
    }
    found.into_iter().collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && !is_test(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Files that are compiled for unit tests only.
fn is_test(file: &Path) -> bool {
    ["tests.rs", "samples.rs", "generated.rs"].iter().any(|name| file.ends_with(name))
}

/// The text without comments, strings and unit tests; its lines keep their numbers.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut code = String::new();
    for line in text.lines() {
        let mut in_string = false;
        let mut previous = ' ';
        let line = line.split("//").next().unwrap();
        for letter in line.chars() {
            if letter == '"' && previous != '\\' && previous != '\'' {
                in_string = !in_string;
            } else if !in_string {
                code.push(letter);
            }
            previous = letter;
        }
        code.push('\n');
    }
    code
}

/// Every path in the text with its line; those of a `use` tree one by one.
fn paths(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut at = 0;
    while let Some(start) = text[at..].find(is_word).map(|start| at + start) {
        let end =
            text[start..].find(|letter| !is_word(letter)).map_or(text.len(), |end| start + end);
        at = end;
        // The second name of a path is no beginning of one, and `::<` is none.
        let is_path = text[end..].starts_with("::") && !text[end..].starts_with("::<");
        // `pub(in a::b)` says who may see a thing, and imports nothing.
        let is_visibility = text[..start].ends_with("(in ");
        if text[..start].ends_with("::") || !is_path || is_visibility {
            continue;
        }
        let line = 1 + text[..start].matches('\n').count();
        at = start + tree(&text[start..], &mut Vec::new(), &mut |path| found.push((line, path)));
    }
    found
}

/// Reads `a::b::{c, d::e}` from the start of `text`; gives how far it goes.
fn tree(text: &str, before: &mut Vec<String>, found: &mut impl FnMut(Vec<String>)) -> usize {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let depth = before.len();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let skipped = rest.len() - rest.trim_start().len();
        at += skipped;
        let rest = &text[at..];
        if let Some(inside) = rest.strip_prefix('{') {
            at += 1;
            let mut from = 0;
            loop {
                from += tree(&inside[from..], before, found);
                let next = inside[from..].trim_start();
                from = inside.len() - next.len();
                match next.chars().next() {
                    Some(',') => from += 1,
                    _ => break,
                }
            }
            at += from + 1;
            break;
        }
        let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
        before.push(rest[..end].to_owned());
        at += end;
        if rest[end..].starts_with("::") && !rest[end..].starts_with("::<") {
            at += 2;
        } else {
            found(before.clone());
            break;
        }
    }
    before.truncate(depth);
    at
}

/// The file of the innermost module that the path leads through.
fn resolve(file: &Path, path: &[String], text: &str, all: &BTreeSet<PathBuf>) -> Option<PathBuf> {
    let in_program = file.starts_with(PROGRAM);
    let root = PathBuf::from(if in_program { PROGRAM } else { "src" });
    // The folder of a module is named like its file.
    let own = match file.file_name()?.to_str()? {
        "lib.rs" | "main.rs" => root.clone(),
        _ => file.with_extension(""),
    };
    let (mut folder, mut rest) = match path.first()?.as_str() {
        "crate" => (root, &path[1..]),
        "self" => (own, &path[1..]),
        "super" => {
            let ups = path.iter().take_while(|name| *name == "super").count();
            (own.ancestors().nth(ups)?.to_owned(), &path[ups..])
        }
        child if text.contains(&format!("mod {child};")) => (own, path),
        _ => return None,
    };
    while let Some((name, more)) = rest.split_first() {
        let inner = folder.join(name);
        if !all.contains(&inner.with_extension("rs")) {
            break;
        }
        (folder, rest) = (inner, more);
    }
    let is_root = |root: &str| folder == Path::new(root);
    Some(if is_root("src") {
        PathBuf::from("src/lib.rs")
    } else if is_root(PROGRAM) {
        Path::new(PROGRAM).join("main.rs")
    } else {
        folder.with_extension("rs")
    })
}

#[test]
fn an_import_is_found_in_every_form() {
    let text = "use crate::a::{b, c::{D, e}};\nlet x = super::f::g();\nVec::<u8>::new();\nmod h;\n";
    let found: Vec<_> =
        paths(text).into_iter().map(|(line, path)| format!("{line} {}", path.join("::"))).collect();
    assert_eq!(found, ["1 crate::a::b", "1 crate::a::c::D", "1 crate::a::c::e", "2 super::f::g"]);
}
