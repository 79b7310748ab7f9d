//! For the codecs' tests: payloads that real stores and languages wrote, and ways to damage them.
//!
//! `tests/fixtures/<layout>/` has documents. `tests/payloads/` has payloads outside session
//! documents: `*.json` of the same form, and `*.txt` with lines of `<name> <base64>`. The programs
//! beside them created those that are not from a store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::reader::Decoded;

/// What kruptein 2.2 makes of a payload, without `use_asn1`: the object that connect-mongo 4.1 stores.
pub const KRUPTEIN: &str = r#"{"hmac":"33112ee1","ct":"f998fe06","iv":{"type":"Buffer","data":[172,234]},"salt":{"type":"Buffer","data":[7,1]},"aad":"e9590c04","at":{"type":"Buffer","data":[1,2]}}"#;

/// The documents of a fixture, as canonical Extended JSON.
pub fn documents(fixture: &str) -> Vec<Value> {
    let path = find(fixture);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut fixture: Value = serde_json::from_str(&text).unwrap();
    match fixture["documents"].take() {
        Value::Array(documents) => documents,
        other => panic!("{}: its documents are {other}", path.display()),
    }
}

fn find(fixture: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let layouts = std::fs::read_dir(tests.join("fixtures")).unwrap();
    let folders = layouts.map(|layout| layout.unwrap().path());
    let mut paths = folders.map(|folder| folder.join(format!("{fixture}.json")));
    let found = paths.find(|path| path.exists());
    found.unwrap_or_else(|| tests.join("payloads").join(format!("{fixture}.json")))
}

/// The contents of `field` (Binary as its bytes, String as UTF-8) in each document of a fixture.
pub fn stored(fixture: &str, field: &str) -> Vec<Vec<u8>> {
    let bytes = |document: &Value| match &document[field] {
        Value::String(text) => text.clone().into_bytes(),
        other => base64(other["$binary"]["base64"].as_str().unwrap()),
    };
    documents(fixture).iter().map(bytes).collect()
}

/// The payload with this name.
pub fn payload(list: &str, name: &str) -> Vec<u8> {
    let found = payloads(list).find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no payload is named {name}")).1
}

/// All payloads, with their names.
pub fn payloads(list: &str) -> impl Iterator<Item = (&str, Vec<u8>)> {
    let lines = list.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(name, encoded)| (name, base64(encoded)))
}

pub fn base64(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).unwrap()
}

pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// Damages `seeds` 10,000 times, in the same way in every run, and passes each to `decode`. Any
/// result is accepted as long as there is one, errors have a reason, and values take no more memory
/// than the Reader allows.
pub fn survives_damage(seeds: &[Vec<u8>], decode: impl Fn(&[u8]) -> Decoded<Value>) {
    let mut random = XorShift(0x9e37_79b9_7f4a_7c15);
    for round in 0..10_000 {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(4) {
            damage(&mut bytes, seeds, &mut random);
        }
        match catch_unwind(AssertUnwindSafe(|| decode(&bytes))) {
            Ok(Ok(value)) => assert!(weight(&value) <= (bytes.len() + (1 << 16)) * 128),
            Ok(Err(error)) => assert!(!error.reason.is_empty()),
            Err(_) => panic!("round {round} panicked on {}", BASE64_STANDARD.encode(&bytes)),
        }
    }
}

/// Decodes every prefix of every payload. None of them may pass as a complete payload.
pub fn refuses_truncated<'a>(
    payloads: impl IntoIterator<Item = (&'a str, Vec<u8>)>,
    decode: impl Fn(&[u8]) -> Decoded<Value>,
) {
    for (name, bytes) in payloads {
        for length in 0..bytes.len() {
            let error = decode(&bytes[..length]).expect_err(name);
            assert!(error.offset <= length, "{name}: {error}");
        }
    }
}

fn damage(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut XorShift) {
    let at = random.below(bytes.len() + 1);
    match random.below(8) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = random.byte(),
        2 => bytes.truncate(at),
        3 => bytes.insert(at, random.byte()),
        4 => drop(bytes.drain(at..(at + random.below(33)).min(bytes.len()))),
        5 => splice(bytes, at, &bytes.clone(), random),
        6 => splice(bytes, at, &seeds[random.below(seeds.len())], random),
        _ => {}
    }
}

/// Inserts up to 64 bytes of `source` at `at`.
fn splice(bytes: &mut Vec<u8>, at: usize, source: &[u8], random: &mut XorShift) {
    let start = random.below(source.len() + 1);
    let end = (start + random.below(65)).min(source.len());
    bytes.splice(at..at, source[start..end].iter().copied());
}

/// The approximate size in memory, in bytes.
fn weight(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(weight).sum(),
            Value::Object(map) => {
                map.iter().map(|(key, value)| 48 + key.len() + weight(value)).sum()
            }
            _ => 0,
        }
}

/// Marsaglia's xorshift.
struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }
}
