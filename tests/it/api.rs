//! The public API of the library is that of `snapshots/api.txt`, so that no change of it goes
//! unnoticed. `UPDATE=1 cargo test --test it api::` renews it. `tests/api` reads it from the source.

use std::path::Path;

use crate::support::Program;

#[test]
fn the_public_api_is_that_of_the_snapshot() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let printed = Program::cargo(&[
        "run",
        "--locked",
        "--quiet",
        "--manifest-path=tests/api/Cargo.toml",
        "--target-dir=target/api",
        "--",
        "src/lib.rs",
    ]);
    let found = printed.at(top).run().exits(0).stdout;
    assert!(found.contains("pub struct Store"), "{found}");
    let path = top.join("tests/it/snapshots/api.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap();
    snapbox::assert_data_eq!(found, snapbox::Data::text(wanted));
}
