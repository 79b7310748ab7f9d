use std::io::Read as _;
use std::process::Command;

use bson::raw::RawDocumentBuf;
use bson::{Bson, Document, doc, rawdoc};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const NAMES: [&str; 6] =
    ["a.bson", "a.bson.gz", "a.bson.zst", "a.ndjson", "a.ndjson.gz", "a.ndjson.zst"];

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// All documents of the fixtures, which real session stores wrote.
fn fixtures() -> Vec<RawDocumentBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = folders
        .flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
        .collect();
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let json: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        for document in json["documents"].as_array().unwrap() {
            let document = Document::try_from(document.as_object().unwrap().clone()).unwrap();
            all.push(raw(&document));
        }
    }
    assert!(all.len() > 100, "{}", all.len());
    all
}

/// A few documents of each kind and size.
fn some() -> Vec<RawDocumentBuf> {
    vec![
        rawdoc! { "_id": "first", "session": "{\"user\":42}", "expires": bson::DateTime::from_millis(1) },
        rawdoc! { "_id": 2, "nested": { "list": [1, 2.5, "drei", null, true] } },
        rawdoc! { "_id": 3_i64, "empty": {} },
        rawdoc! { "_id": "last", "text": "with \n and \u{0} and é" },
    ]
}

fn raw(document: &Document) -> RawDocumentBuf {
    RawDocumentBuf::try_from(document).unwrap()
}

fn refs(documents: &[RawDocumentBuf]) -> Vec<&RawDocument> {
    documents.iter().map(AsRef::as_ref).collect()
}

/// Writes an archive of these batches.
fn write(path: &Path, batches: &[&[RawDocumentBuf]]) -> u64 {
    let mut archive = Archive::create(path).unwrap();
    for batch in batches {
        assert!(archive.write(&refs(batch)).unwrap().is_all());
    }
    archive.length()
}

fn read(path: &Path) -> Vec<RawDocumentBuf> {
    open(path).map(Result::unwrap).collect()
}

fn append(path: &Path) -> Result<Archive> {
    Archive::append(path)
}

fn open(path: &Path) -> Reader {
    Reader::open(path).unwrap()
}

/// Reads an archive, up to its error, if any.
fn read_until_error(path: &Path) -> (Vec<RawDocumentBuf>, Option<String>, u64) {
    let mut reader = open(path);
    let mut documents = Vec::new();
    let mut error = None;
    for next in reader.by_ref() {
        match next {
            Ok(document) => documents.push(document),
            Err(why) => error = Some(why.to_string()),
        }
    }
    (documents, error, reader.torn())
}

/// A document with text that is not UTF-8.
fn broken_text(id: i32) -> RawDocumentBuf {
    let mut bytes = rawdoc! { "_id": id, "data": "??" }.into_bytes();
    bytes.iter_mut().filter(|byte| **byte == b'?').for_each(|byte| *byte = 0xFF);
    RawDocumentBuf::from_bytes(bytes).unwrap()
}

#[test]
fn every_format_gives_every_fixture_back_byte_by_byte() {
    let documents = fixtures();
    for name in NAMES {
        let folder = folder();
        let path = folder.path().join(name);
        let (first, second) = documents.split_at(documents.len() / 3);
        let length = write(&path, &[first, &[], second]);
        assert_eq!(fs::metadata(&path).unwrap().len(), length, "{name}");
        assert!(read(&path) == documents, "{name}");
        let contents = Contents::of(&path, || {}).unwrap();
        assert_eq!((contents.documents, contents.torn), (documents.len() as u64, 0), "{name}");
        assert!(contents.damage.is_none(), "{name}");
    }
}

#[test]
fn the_files_are_what_other_programs_read() {
    let folder = folder();
    let documents = some();
    let plain = folder.path().join("plain.bson");
    write(&plain, &[&documents]);
    let plain = fs::read(&plain).unwrap();
    assert!(plain == documents.iter().flat_map(|raw| raw.as_bytes().to_vec()).collect::<Vec<_>>());
    let path = folder.path().join("a.bson.gz");
    write(&path, &[&documents[..2], &documents[2..]]);
    let unpacked = Command::new("gzip").arg("-dc").arg(&path).output().unwrap();
    assert!(unpacked.status.success() && unpacked.stdout == plain, "{unpacked:?}");
    let path = folder.path().join("a.bson.zst");
    write(&path, &[&documents[..2], &documents[2..]]);
    assert!(zstd::decode_all(File::open(&path).unwrap()).unwrap() == plain);
    let lines = folder.path().join("a.ndjson");
    write(&lines, &[&documents]);
    assert_eq!(
        fs::read_to_string(lines).unwrap().lines().next().unwrap(),
        r#"{"_id":"first","session":"{\"user\":42}","expires":{"$date":{"$numberLong":"1"}}}"#
    );
}

#[test]
fn text_that_is_not_utf8_is_archived_in_bson_only() {
    for name in NAMES {
        let folder = folder();
        let path = folder.path().join(name);
        let documents = [some()[0].clone(), broken_text(1), some()[1].clone()];
        let mut archive = Archive::create(&path).unwrap();
        let written = archive.write(&refs(&documents)).unwrap();
        if name.contains("ndjson") {
            assert_eq!(
                (written.archived.as_slice(), written.count()),
                (&[true, false, true][..], 2)
            );
            assert!(read_after(archive, &path) == [documents[0].clone(), documents[2].clone()]);
        } else {
            assert!(written.is_all());
            assert!(read_after(archive, &path) == documents);
        }
    }
}

fn read_after(archive: Archive, path: &Path) -> Vec<RawDocumentBuf> {
    drop(archive);
    read(path)
}

#[test]
fn what_extended_json_cannot_give_back_is_not_archived_in_it() {
    let folder = folder();
    let path = folder.path().join("a.ndjson");
    let twice = {
        let mut bytes = rawdoc! { "_id": 1, "a": 1, "b": 2 }.into_bytes();
        let at = bytes.iter().position(|byte| *byte == b'b').unwrap();
        bytes[at] = b'a';
        RawDocumentBuf::from_bytes(bytes).unwrap()
    };
    let mut deep = rawdoc! {};
    for _ in 0..150 {
        deep = rawdoc! { "a": deep };
    }
    let odd = [
        twice,
        rawdoc! { "_id": 1, "looks": { "$date": { "$numberLong": "1" } } },
        rawdoc! { "_id": 1, "looks": { "$oid": "64f1c0ffee0ddba11c0ffee0" } },
        rawdoc! { "_id": 1, "not a number": f64::from_bits(0x7FF8_0000_0000_0123) },
        deep,
    ];
    let mut archive = Archive::create(&path).unwrap();
    let written = archive.write(&refs(&odd)).unwrap();
    assert_eq!((written.count(), written.archived.len(), archive.length()), (0, odd.len(), 0));
    let even = [
        rawdoc! { "_id": 1, "zero": -0.0, "large": f64::MAX, "infinite": f64::NEG_INFINITY, "nan": f64::NAN },
        rawdoc! { "_id": 1, "date": bson::DateTime::MAX, "before": bson::DateTime::from_millis(-1) },
        raw(
            &doc! { "_id": 1, "min": Bson::MinKey, "max": Bson::MaxKey, "undefined": Bson::Undefined },
        ),
        rawdoc! { "_id": 1, "binary": bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes: vec![7; 16] } },
        rawdoc! { "_id": 1, "$odd": "name", "": "empty", "dotted.name": 1 },
    ];
    assert!(archive.write(&refs(&even)).unwrap().is_all());
    assert!(read_after(archive, &path) == even);
}

#[test]
fn a_tail_that_was_cut_off_anywhere_costs_only_its_batch() {
    let documents = some();
    for name in NAMES {
        let folder = folder();
        let path = folder.path().join(name);
        let mut archive = Archive::create(&path).unwrap();
        let _ = archive.write(&refs(&documents)).unwrap();
        let before = archive.length();
        let _ = archive.write(&refs(&documents)).unwrap();
        let whole = fs::read(&path).unwrap();
        drop(archive);
        for length in before..whole.len() as u64 {
            fs::write(&path, &whole[..length as usize]).unwrap();
            let (found, error, torn) = read_until_error(&path);
            let at = format!("{name} cut at {length} of {}", whole.len());
            assert_eq!(error, None, "{at}");
            assert!((4..=8).contains(&found.len()) || name == "a.ndjson", "{at}");
            assert!(found[..4] == documents && found[4..] == documents[..found.len() - 4], "{at}");
            assert!(torn <= length - before, "{at}");
            // All unusable bytes are cut off, and a batch added later can be read.
            let mut archive = append(&path).unwrap();
            assert_eq!(archive.cut(), torn, "{at}");
            let kept = read_through(&archive, &path);
            assert!(kept.len() >= 4 && kept[..4] == documents, "{at}");
            assert!(archive.write(&refs(&documents[1..3])).unwrap().is_all(), "{at}");
            let found = read_after(archive, &path);
            assert!(found[..kept.len()] == kept && found[kept.len()..] == documents[1..3], "{at}");
        }
    }
}

/// Reads an open archive.
fn read_through(archive: &Archive, path: &Path) -> Vec<RawDocumentBuf> {
    let reader = Reader::over(path, archive.file.try_clone().unwrap(), archive.format).unwrap();
    reader.map(Result::unwrap).collect()
}

#[test]
fn nothing_is_cut_that_is_no_broken_off_tail() {
    let documents = some();
    for name in NAMES {
        let folder = folder();
        let path = folder.path().join(name);
        let first = {
            let mut archive = Archive::create(&path).unwrap();
            let _ = archive.write(&refs(&documents)).unwrap();
            archive.length()
        };
        let mut archive = append(&path).unwrap();
        let _ = archive.write(&refs(&documents)).unwrap();
        let _ = archive.write(&refs(&documents)).unwrap();
        drop(archive);
        let whole = fs::read(&path).unwrap();
        // A changed bit in the first batch must not make the rest look like a truncated tail.
        for at in 0..first as usize {
            for bit in [0, 3, 7] {
                let mut changed = whole.clone();
                changed[at] ^= 1 << bit;
                fs::write(&path, &changed).unwrap();
                match append(&path) {
                    Ok(archive) => assert_eq!(archive.cut(), 0, "{name} at {at}, bit {bit}"),
                    Err(error) => {
                        let error = error.to_string();
                        assert!(error.contains("is damaged "), "{error}");
                        assert!(error.contains("at byte "), "{error}");
                    }
                }
                assert!(fs::read(&path).unwrap() == changed, "{name} at {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn what_comes_before_the_damage_can_be_had() {
    let documents = some();
    for name in NAMES {
        let folder = folder();
        let path = folder.path().join(name);
        write(&path, &[&documents, &documents]);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() * 3 / 4;
        bytes[middle..middle + 8].copy_from_slice(b"\n\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
        fs::write(&path, &bytes).unwrap();
        let contents = Contents::of(&path, || {}).unwrap();
        assert!((4..8).contains(&contents.documents), "{name} {contents:?}");
        let damage = contents.damage.unwrap().to_string();
        assert!(damage.contains("is damaged "), "{damage}");
        let found: Vec<_> = Reader::open(&path)
            .unwrap()
            .take(contents.documents as usize)
            .map(Result::unwrap)
            .collect();
        assert!(found == [&documents[..], &documents[..found.len() - 4]].concat(), "{name}");
    }
}

#[test]
fn a_length_that_lies_allocates_nothing() {
    let folder = folder();
    for (number, length) in
        [i32::MAX, i32::MIN, -1, 0, 4, (16 << 20) + (16 << 10) + 1].into_iter().enumerate()
    {
        let path = folder.path().join(format!("{number}.bson"));
        fs::write(&path, [&length.to_le_bytes()[..], &[2, b'a', 0]].concat()).unwrap();
        let (found, error, torn) = read_until_error(&path);
        assert!(found.is_empty() && torn == 0);
        assert_eq!(
            error.unwrap(),
            format!(
                "the archive {} is damaged at byte 0: impossible document length {length}",
                path.display()
            )
        );
    }
}

#[test]
fn a_line_without_an_end_is_not_read_for_ever() {
    let folder = folder();
    let path = folder.path().join("a.ndjson.zst");
    let line = zstd::encode_all(std::io::repeat(b' ').take(40 << 20), 1).unwrap();
    fs::write(&path, line).unwrap();
    let (_, error, _) = read_until_error(&path);
    assert!(error.unwrap().contains("a line that is too long"));
}

#[test]
fn an_archive_is_never_overwritten_and_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    for name in NAMES {
        let path = folder.path().join(name);
        write(&path, &[&some()]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let before = fs::read(&path).unwrap();
        let error = Archive::create(&path).unwrap_err();
        assert!(matches!(error, Error::ArchiveExists { .. }), "{error}");
        assert_eq!(error.to_string(), format!("the archive {} already exists", path.display()));
        assert!(fs::read(&path).unwrap() == before);
    }
    let dangling = folder.path().join("link.bson");
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &dangling).unwrap();
    assert!(Archive::create(&dangling).is_err());
    assert!(!folder.path().join("nowhere").exists());
}

#[test]
fn a_name_of_no_known_ending_is_refused_and_the_endings_are_named() {
    for name in ["a", "a.json", "bson", "a.bson.xz", "a.gz", "a.bson.gz.zst", "", "a.BSON"] {
        let error = Format::of(Path::new(name)).unwrap_err().to_string();
        assert!(error.contains(".bson or .ndjson") && error.contains(".zst"), "{error}");
        assert!(
            Archive::create(Path::new(name)).is_err() && Reader::open(Path::new(name)).is_err()
        );
    }
    let gzipped = Format { encoding: Encoding::Ndjson, compression: Compression::Gzip };
    assert_eq!(Format::of(Path::new("/a.b/c.d.ndjson.gz")).unwrap(), gzipped);
}

#[test]
fn only_one_writes_an_archive_at_a_time() {
    let folder = folder();
    for name in NAMES {
        let path = folder.path().join(name);
        let mut archive = Archive::create(&path).unwrap();
        let _ = archive.write(&refs(&some())).unwrap();
        for error in [Archive::append(&path).unwrap_err(), Reader::open(&path).unwrap_err()] {
            assert!(error.to_string().ends_with("is in use by another process"), "{error}");
        }
        drop(archive);
        let reader = open(&path);
        drop(open(&path));
        assert!(Archive::append(&path).is_err());
        drop(reader);
        assert!(append(&path).is_ok());
    }
}

#[test]
fn what_is_no_file_is_no_archive() {
    let folder = folder();
    let path = folder.path().join("folder.bson");
    fs::create_dir(&path).unwrap();
    for error in [append(&path).unwrap_err(), Reader::open(&path).unwrap_err()] {
        assert!(error.to_string().ends_with("is not a regular file"), "{error}");
    }
    // This pipe has no writer.
    let pipe = folder.path().join("pipe.bson");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(Reader::open(&pipe).is_err() && append(&pipe).is_err());
    assert!(Reader::open(&folder.path().join("none.bson")).is_err());
    assert!(Archive::create(&folder.path().join("none/a.bson")).is_err());
}

#[test]
fn what_somebody_else_wrote_is_read_too_and_added_to() {
    let folder = folder();
    let documents = some();
    // Documents that continue in the next member, and a last line without a newline.
    let plain = folder.path().join("a.ndjson");
    write(&plain, &[&documents[..2]]);
    let lines = fs::read(&plain).unwrap();
    let lines = lines.trim_ascii_end();
    let path = folder.path().join("b.ndjson.gz");
    let mut members = Vec::new();
    for part in lines.chunks(7) {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(part).unwrap();
        members.extend(encoder.finish().unwrap());
    }
    for (path, bytes) in [(&path, &members[..]), (&plain, lines)] {
        fs::write(path, bytes).unwrap();
        assert!(read(path) == documents[..2]);
        let mut archive = append(path).unwrap();
        assert_eq!(archive.cut(), 0);
        assert!(archive.write(&refs(&documents[2..])).unwrap().is_all());
        assert!(read_after(archive, path) == documents);
    }
    fs::write(&plain, [b"\n\n", lines, b"\n \n\n"].concat()).unwrap();
    assert!(read(&plain) == documents[..2]);
}

#[test]
fn an_archive_that_was_removed_or_shortened_takes_no_more() {
    let folder = folder();
    let path = folder.path().join("a.bson");
    let mut archive = Archive::create(&path).unwrap();
    let _ = archive.write(&refs(&some())).unwrap();
    fs::remove_file(&path).unwrap();
    let error = archive.write(&refs(&some())).unwrap_err().to_string();
    assert!(
        error.ends_with("could not be written: another process removed or shortened it"),
        "{error}"
    );
    let mut archive = Archive::create(&path).unwrap();
    let _ = archive.write(&refs(&some())).unwrap();
    fs::write(&path, b"").unwrap();
    // Nor the next one, after a gap.
    for _ in 0..2 {
        assert!(archive.write(&refs(&some())).is_err() && !archive.is_in_place());
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    }
    drop(archive);
    let mut archive = append(&path).unwrap();
    let _ = archive.write(&refs(&some())).unwrap();
    drop(archive);
    assert!(read(&path) == some());
}

/// In a process that cannot write files larger than 4 KiB: this acts like a full disk, but does not
/// require root.
#[test]
fn a_batch_that_does_not_fit_is_taken_back_and_said() {
    const INSIDE: &str = "SESSIONCTL_TEST_FULL_DISK";
    if let Some(folder) = std::env::var_os(INSIDE) {
        return fill_the_disk(Path::new(&folder));
    }
    let folder = folder();
    let name = "ops::archive::tests::a_batch_that_does_not_fit_is_taken_back_and_said";
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact \"$1\" --nocapture"]);
    shell.arg(std::env::current_exe().unwrap()).arg(name).env(INSIDE, folder.path());
    let run = shell.output().unwrap();
    assert!(run.status.success(), "{run:?}");
    assert!(fs::read_dir(folder.path()).unwrap().count() == NAMES.len(), "{run:?}");
    for name in NAMES {
        // Then there is space again.
        let mut archive = append(&folder.path().join(name)).unwrap();
        assert_eq!(archive.cut(), 0, "{name}");
        assert!(archive.write(&refs(&[large()])).unwrap().is_all());
        assert_eq!(read_after(archive, &folder.path().join(name)).len(), 6, "{name}");
    }
}

/// Larger than the limit with every compression.
fn large() -> RawDocumentBuf {
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let bytes = (0..64 << 10).map(|_| random()).collect();
    rawdoc! { "_id": 5, "b": bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes } }
}

fn fill_the_disk(folder: &Path) {
    for name in NAMES {
        let path = folder.join(name);
        let mut archive = Archive::create(&path).unwrap();
        assert!(archive.write(&refs(&some())).unwrap().is_all());
        let length = archive.length();
        for _ in 0..2 {
            let error = archive.write(&refs(&[large()])).unwrap_err().to_string();
            let full = ["file too large", "no storage space"];
            assert!(full.iter().any(|full| error.ends_with(full)), "{error}");
            assert_eq!(fs::metadata(&path).unwrap().len(), length, "{name}");
        }
        // A smaller batch still fits.
        assert!(archive.write(&refs(&some()[..1])).unwrap().is_all());
        assert!(read_after(archive, &path).len() == 5, "{name}");
    }
}

#[test]
fn no_change_to_an_archive_makes_reading_it_panic() {
    let documents: Vec<_> = fixtures().into_iter().step_by(9).collect();
    for name in NAMES {
        let folder = folder();
        let path = folder.path().join(name);
        write(&path, &[&documents[..5], &documents[5..]]);
        let whole = fs::read(&path).unwrap();
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
            cases: 300,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let changes = proptest::collection::vec((0..whole.len(), any::<u8>(), 0..4_u8), 1..4);
        runner
            .run(&changes, |changes| {
                let mut bytes = whole.clone();
                for (at, byte, how) in changes {
                    let at = at.min(bytes.len() - 1);
                    match how {
                        0 => bytes[at] = byte,
                        1 => bytes.insert(at, byte),
                        2 => drop(bytes.drain(at..(at + usize::from(byte)).min(bytes.len() - 1))),
                        _ => bytes.truncate(at + 1),
                    }
                }
                fs::write(&path, &bytes).unwrap();
                let contents = Contents::of(&path, || {}).unwrap();
                let sound = open(&path).take(contents.documents as usize);
                // Everything that passes the check is a document, and can be read again.
                for document in sound {
                    prop_assert!(
                        bson_check::check(document.unwrap().as_bytes())
                            == bson_check::Checked::Whole
                    );
                }
                Ok(())
            })
            .unwrap();
    }
}

proptest! {
    #[test]
    fn the_beginning_of_a_document_is_cut_and_never_wrong(at in any::<prop::sample::Index>()) {
        for document in some().iter().chain([&raw(&doc! {
            "code": Bson::JavaScriptCodeWithScope(bson::JavaScriptCodeWithScope {
                code: "f()".into(), scope: doc! { "a": 1 },
            }),
            "regex": Bson::RegularExpression(bson::Regex {
                pattern: "a".try_into().unwrap(), options: "i".try_into().unwrap(),
            }),
            "symbol": Bson::Symbol("s".into()),
        })]) {
            let bytes = document.as_bytes();
            prop_assert_eq!(bson_check::check(bytes), bson_check::Checked::Whole);
            prop_assert_eq!(bson_check::check(&bytes[..at.index(bytes.len())]), bson_check::Checked::Cut);
        }
    }

    #[test]
    fn any_bytes_can_be_looked_at(bytes in any::<Vec<u8>>()) {
        let mut bytes = bytes;
        let _ = bson_check::check(&bytes);
        let length = (bytes.len() as i32 + 4).to_le_bytes();
        bytes.splice(0..0, length);
        if bson_check::check(&bytes) == bson_check::Checked::Whole {
            prop_assert!(RawDocument::from_bytes(&bytes).is_ok());
        }
    }

    #[test]
    fn any_line_can_be_parsed(text in ".{0,60}", key in "\\$?[a-zA-Z]{1,12}") {
        let _ = json::parse(text.as_bytes());
        for value in [format!("\"{}\"", text.escape_default()), "{}".into(), "1e400".into(), "-1".into(), "[[]]".into()] {
            let _ = json::parse(format!("{{\"a\":{{\"{key}\":{value}}}}}").as_bytes());
        }
    }
}

#[test]
fn the_lock_ends_with_the_archive_whoever_else_still_holds_the_open_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bson");
    let archive = Archive::create(&path).unwrap();
    // As in a child process between fork and exec.
    let held = archive.file.try_clone().unwrap();
    assert!(Reader::open(&path).is_err());
    drop(archive);
    let reader = Reader::open(&path).unwrap();
    assert!(Archive::append(&path).is_err());
    let reading = reader.file.try_clone().unwrap();
    drop(reader);
    drop(Archive::append(&path).unwrap());
    drop((held, reading));
}

fn change(value: i64) -> Change {
    Change::new("expire", [&Bson::from(doc! { "$set": { "a.b": value } })]).unwrap()
}

/// The `_id`s of an archive, and what was written into each.
fn entries(path: &Path) -> Vec<(i32, Option<Change>)> {
    let entries = open(path).entries().map(Result::unwrap);
    entries
        .map(|Entry { document, change }| {
            (document.get_i32("_id").unwrap(), change.as_deref().cloned())
        })
        .collect()
}

#[test]
fn what_was_done_is_noted_once_also_after_a_write_that_broke_off() {
    for name in NAMES {
        let folder = folder();
        let path = folder.path().join(name);
        let put = |archive: &mut Archive, change: Option<Change>, id: i32| {
            archive.set_change(change);
            let documents = [rawdoc! { "_id": id }, rawdoc! { "_id": id + 1 }];
            assert!(archive.write(&refs(&documents)).unwrap().is_all());
        };
        let mut archive = Archive::create(&path).unwrap();
        put(&mut archive, Some(change(1)), 0);
        let one_note = archive.length();
        put(&mut archive, Some(change(1)), 10);
        assert!(archive.length() - one_note < one_note, "{name}: noted twice");
        put(&mut archive, None, 20);
        drop(archive);
        let mut archive = append(&path).unwrap();
        put(&mut archive, None, 30);
        let whole = archive.length();
        put(&mut archive, Some(change(2)), 40);
        drop(archive);
        let wanted = |of_last: &[(i32, Option<Change>)]| {
            let purged = [20, 21, 30, 31].map(|id| (id, None));
            let changed = [0, 1, 10, 11].map(|id| (id, Some(change(1))));
            [&changed[..], &purged, of_last].concat()
        };
        assert_eq!(entries(&path), wanted(&[40, 41].map(|id| (id, Some(change(2))))), "{name}");
        // The note that broke off counts no more than the documents after it.
        let length = fs::metadata(&path).unwrap().len();
        for cut in [whole + 1, length - 3] {
            let bytes = fs::read(&path).unwrap();
            let broken = folder.path().join(format!("{cut}-{name}"));
            fs::write(&broken, &bytes[..usize::try_from(cut).unwrap()]).unwrap();
            let mut archive = append(&broken).unwrap();
            put(&mut archive, None, 50);
            drop(archive);
            let (last, change) = entries(&broken).pop().unwrap();
            assert_eq!((last, change), (51, None), "{name} {cut}");
        }
    }
}

#[test]
fn a_note_of_a_later_version_is_no_session_and_ends_the_reading() {
    let folder = folder();
    let path = folder.path().join("a.bson");
    let note = rawdoc! { "sessionctl": "resurrect", "version": "9.0.0" };
    write(&path, &[&[rawdoc! { "_id": 1 }, note, rawdoc! { "_id": 2 }]]);
    let contents = Contents::of(&path, || {}).unwrap();
    assert_eq!(contents.documents, 1);
    assert!(contents.damage.unwrap().to_string().contains("a note of a later version"));
    // An update that does more than setting values is not run.
    let update = Bson::from(vec![doc! { "$merge": { "into": "users" } }]);
    assert!(Change::new("fix", [&update]).is_none());
}

#[test]
fn a_value_is_set_as_the_server_sets_it() {
    let [update] = change(7).updates().to_vec().try_into().unwrap();
    for (before, after) in [
        (rawdoc! { "_id": 1 }, Some(rawdoc! { "_id": 1, "a": { "b": 7_i64 } })),
        (
            rawdoc! { "a": { "b": 1, "c": 2 }, "z": 1 },
            Some(rawdoc! { "a": { "b": 7_i64, "c": 2 }, "z": 1 }),
        ),
        (
            rawdoc! { "a": { "c": 2 }, "z": 1 },
            Some(rawdoc! { "a": { "c": 2, "b": 7_i64 }, "z": 1 }),
        ),
        (rawdoc! { "a": [1] }, None),
        (rawdoc! { "a": null }, None),
    ] {
        assert_eq!(update.set(&before), after, "{before:?}");
    }
}
