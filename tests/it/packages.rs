//! What Cargo.toml says about packages is true of the files that there are. That the packages work is
//! shown by tests/packages/check.sh, which builds and installs them.

use std::path::{Path, PathBuf};

use crate::deploy::tool;
use crate::support::Program;

const DOCKERFILE: &str = include_str!("../../src/bin/sessionctl/deploy/Dockerfile");

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn metadata(name: &str) -> toml::Table {
    let manifest: toml::Table = toml::from_str(include_str!("../../Cargo.toml")).unwrap();
    manifest["package"]["metadata"][name].as_table().unwrap().clone()
}

/// The files that a source of an asset names; one `*` stands for any text in a file's name.
fn files(source: &str) -> Vec<PathBuf> {
    let path = top().join(source);
    let Some((before, after)) = source.split_once('*') else { return vec![path] };
    let (folder, before) = before.rsplit_once('/').unwrap();
    let folder = std::fs::read_dir(top().join(folder)).unwrap();
    let fits = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(before) && name.ends_with(after)
    };
    folder.map(|entry| entry.unwrap().path()).filter(fits).collect()
}

/// The files that `cargo publish` would upload.
fn published() -> Vec<String> {
    let list = ["package", "--list", "--locked", "--allow-dirty", "--offline"];
    let listed = Program::cargo(&list).run().exits(0);
    listed.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn the_crate_holds_what_it_is_built_of_and_no_fixtures() {
    let published = published();
    let mut size = 0;
    for file in &published {
        let belongs = ["src/", "man/", "completions/", "tests/examples/"];
        let is_single = !file.contains('/');
        assert!(is_single || belongs.iter().any(|folder| file.starts_with(folder)), "{file}");
        // Cargo makes some of them.
        size += std::fs::metadata(top().join(file)).map_or(0, |file| file.len());
    }
    assert!(size < 5 << 20, "{size} bytes");
    // Unit tests stand in files of their own where they read fixtures.
    let is_test = |path: &str| path.ends_with("/tests.rs") || path.ends_with("/samples.rs");
    let mut folders = vec![top().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let path = path.strip_prefix(top()).unwrap().to_str().unwrap();
            assert_ne!(published.iter().any(|file| file == path), is_test(path), "{path}");
        }
    }
}

#[test]
fn docs_rs_shows_every_feature_but_the_command_line() {
    let manifest: toml::Table = toml::from_str(include_str!("../../Cargo.toml")).unwrap();
    let features = manifest["features"].as_table().unwrap().keys();
    let wanted: Vec<_> =
        features.filter(|name| !["default", "cli"].contains(&name.as_str())).collect();
    let shown = metadata("docs")["rs"]["features"].as_array().unwrap().clone();
    let shown: Vec<_> = shown.iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(shown, wanted);
}

#[test]
fn every_file_of_the_debian_package_is_there() {
    let deb = metadata("deb");
    let assets = deb["assets"].as_array().unwrap();
    let mut packed = Vec::new();
    for asset in assets {
        let asset: Vec<_> =
            asset.as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        let [source, target, mode] = asset.as_slice() else { panic!("{asset:?}") };
        assert_eq!(*mode, if target.starts_with("usr/bin") { "755" } else { "644" }, "{source}");
        if *source != "target/release/sessionctl" {
            let files = files(source);
            assert!(!files.is_empty() && files.iter().all(|file| file.is_file()), "{source}");
            packed.extend(files);
        }
    }
    for page in std::fs::read_dir(top().join("man")).unwrap() {
        assert!(packed.contains(&page.unwrap().path()));
    }
    for script in ["sessionctl.bash", "_sessionctl", "sessionctl.fish"] {
        assert!(packed.contains(&top().join("completions").join(script)), "{script}");
    }
}

#[test]
fn installing_the_debian_package_starts_nothing() {
    let deb = metadata("deb");
    let units = deb["systemd-units"].as_table().unwrap();
    for switch in ["enable", "start", "restart-after-upgrade", "stop-on-upgrade"] {
        assert_eq!(units[switch].as_bool(), Some(false), "{switch}");
    }
    // cargo-deb takes the unit from the folder of the maintainer scripts.
    let folder = top().join(deb["maintainer-scripts"].as_str().unwrap());
    let unit = format!("{}.service", units["unit-name"].as_str().unwrap());
    let files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(files, [unit.as_str()]);
}

#[test]
fn the_example_of_a_configuration_does_nothing_until_it_is_edited() {
    let example = include_str!("../../src/bin/sessionctl/deploy/sweep.toml");
    assert!(toml::from_str::<toml::Table>(example).unwrap().is_empty());
    // Settings are commented out without a space, and words with one.
    let edited: String = example
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .filter(|line| !line.starts_with(' ') && !line.is_empty())
        .map(|line| format!("{line}\n"))
        .collect();
    let edited: toml::Table = toml::from_str(&edited).unwrap();
    assert_eq!(edited["collections"].as_table().unwrap().len(), 3);
    assert_eq!(edited["interval"].as_str(), Some("60s"));
}

#[test]
fn the_archive_of_cargo_binstall_is_named_as_the_script_names_it() {
    let binstall = metadata("binstall");
    let script = include_str!("../packages/check.sh");
    let url = binstall["pkg-url"].as_str().unwrap();
    assert!(url.ends_with("/v{ version }/sessionctl-{ version }-{ target }.tar.gz"), "{url}");
    let folder = binstall["bin-dir"].as_str().unwrap();
    assert_eq!(folder, "sessionctl-{ version }-{ target }/{ bin }{ binary-ext }");
    assert!(script.contains("name=$package-$version-$target\n"));
}

#[test]
fn the_image_holds_nothing_but_the_program_and_runs_as_nobody() {
    tool(&["hadolint", "src/bin/sessionctl/deploy/Dockerfile"]);
    let (build, image) = DOCKERFILE.split_once("\nFROM scratch\n").unwrap();
    for source in build.lines().filter_map(|line| line.strip_prefix("COPY ")) {
        for path in source.split(' ').rev().skip(1) {
            assert!(top().join(path).exists(), "{path}");
        }
    }
    assert!(build.contains("target-feature=+crt-static") && build.contains("--target"));
    let rust = concat!("FROM rust:", env!("CARGO_PKG_RUST_VERSION"), "-");
    assert!(build.contains(rust), "the oldest Rust that is supported builds it: {rust}");
    assert_eq!(image.matches("COPY ").count(), 1);
    assert!(image.contains("\nUSER 65532:65532\n"));
    assert!(image.contains("\nENTRYPOINT [\"/sessionctl\"]\n"));
    let version = concat!("sessionctl:", env!("CARGO_PKG_VERSION"), " .");
    assert!(DOCKERFILE.contains(version), "{version}");
}
