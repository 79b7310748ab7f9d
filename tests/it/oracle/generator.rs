//! Random documents: real sessions of every store, and then whatever BSON allows in any of their fields.

use std::fs;
use std::path::Path;

use bson::{Bson, RawDocumentBuf};

use super::value::{Fields, Value, fields_of};

/// Random numbers of a seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Less than `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    /// `true` with a probability of one in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    fn bytes<const LENGTH: usize>(&mut self) -> [u8; LENGTH] {
        std::array::from_fn(|_| self.next() as u8)
    }
}

/// The documents of one layout.
pub struct Generator<'a> {
    pub random: Random,
    /// What the store itself wrote.
    pub originals: Vec<Fields>,
    /// The fields that its record reads.
    pub paths: Vec<String>,
    pub id: &'a str,
    /// The instant around which expiries are.
    pub cutoff: i64,
    /// The lifetime that is added to last touches, in seconds.
    pub lifetime: i64,
    pub number: u64,
    /// Whether some documents are as large as the server takes them.
    pub with_large: bool,
}

/// Every document that the store of a layout wrote.
pub fn originals(layout: &str) -> Vec<Fields> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(layout);
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| -> Vec<Fields> {
        let file: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let fields = |value: &serde_json::Value| match Bson::try_from(value.clone()) {
            Ok(Bson::Document(document)) => {
                fields_of(RawDocumentBuf::try_from(&document).unwrap().as_bytes())
            }
            other => panic!("{other:?}"),
        };
        file["documents"].as_array().unwrap().iter().map(fields).collect()
    };
    let json = |path: &&std::path::PathBuf| path.extension().is_some_and(|ending| ending == "json");
    paths.iter().filter(json).flat_map(read).collect()
}

impl Generator<'_> {
    /// Another document.
    pub fn document(&mut self) -> Fields {
        let mut document = self.random.of(&self.originals).clone();
        self.number += 1;
        self.renamed(&mut document);
        // Most have their expiry near the cutoff, and half are otherwise as their store writes them.
        for path in self.paths.clone() {
            if self.random.once_in(4) {
                let value = match look(&document, &path) {
                    Some(value) => self.near(&value),
                    None => continue,
                };
                set(&mut document, &path, value);
            }
        }
        let faults = match self.random.below(4) {
            0 | 1 => 0,
            2 => 1,
            _ => 2 + self.random.below(3),
        };
        for _ in 0..faults {
            self.fault(&mut document);
        }
        if self.with_large && self.random.once_in(2000) {
            let size = self.random.below(15_900_000);
            let at = self.random.below(document.len() + 1).max(1);
            document.insert(at, (b"large".to_vec(), Value::Binary(0, vec![7; size])));
        }
        document
    }

    /// With an id of its own, by which it is found again.
    fn renamed(&mut self, document: &mut Fields) {
        let number = self.number;
        for path in ["_id", self.id] {
            let Some((_, value)) = document.iter_mut().find(|(name, _)| name == path.as_bytes())
            else {
                continue;
            };
            match value {
                Value::Text(text) if text.ends_with(b":session") => {
                    text.splice(0..0, format!("{number:016}").into_bytes());
                }
                Value::Text(text) | Value::Binary(_, text) => {
                    text.extend(format!("{number:016}").into_bytes());
                }
                Value::ObjectId(id) => id[4..].copy_from_slice(&number.to_be_bytes()),
                Value::Long(own) => *own = number as i64,
                other => *other = Value::Long(number as i64),
            }
        }
    }

    /// A value like this one, near the instant that decides.
    fn near(&mut self, value: &Value) -> Value {
        let at = self.cutoff - if self.random.once_in(2) { self.lifetime * 1000 } else { 0 };
        let off = *self.random.of(&[-86_400_000, -1001, -1000, -1, 0, 1, 999, 1000, 86_400_000]);
        let at = at + off;
        match value {
            Value::Date(_) => Value::Date(at),
            Value::Long(_) | Value::Int(_) | Value::Double(_) => self.number_near(at),
            Value::Bool(_) => Value::Bool(self.random.once_in(2)),
            other => other.clone(),
        }
    }

    fn number_near(&mut self, at: i64) -> Value {
        let (seconds, part) = (at.div_euclid(1000), at.rem_euclid(1000));
        match self.random.below(14) {
            0 | 1 => Value::Long(at),
            2 | 3 => Value::Long(seconds),
            4 => Value::Int(i32::try_from(seconds).unwrap_or(i32::MAX)),
            5 | 6 => Value::Double(at as f64 / 1000.0),
            7 => Value::Double(at as f64),
            8 => Value::Long(at.saturating_mul(1_000_000)),
            9 => Value::Long(at.saturating_mul(1_000_000).saturating_sub(1)),
            10 => Value::decimal(&format!("{seconds}.{part:03}")),
            11 => Value::decimal(&at.to_string()),
            12 => Value::decimal(&format!("{}.9999999999999999999", at - 1)),
            _ => Value::Int(*self.random.of(&[0, 1, -1, 60, 3600, 86_400, i32::MAX, i32::MIN])),
        }
    }

    /// One thing that no store does.
    fn fault(&mut self, document: &mut Fields) {
        let path = self.random.of(&self.paths).clone();
        match self.random.below(16) {
            0..=6 => {
                let value = self.anything(3);
                set(document, &path, value);
            }
            7 => remove(document, &path),
            // The field twice, the second time with something else.
            8 => {
                let value = self.anything(2);
                document.push((root(&path), value));
            }
            9 => {
                let value = self.anything(2);
                let at = self.random.below(document.len());
                document.insert(at.max(1), (root(&path), value));
            }
            // Something odd under another name, before or after the others.
            10 | 11 => {
                let (name, value) = (self.name(), self.anything(3));
                let at = self.random.below(document.len() + 1);
                document.insert(at.max(1), (name, value));
            }
            // The value in an array, or the document around it in one.
            12 => {
                let value = look(document, &path).unwrap_or(Value::Null);
                let others = [self.anything(1), self.anything(1)];
                let [first, second] = others;
                let values = match self.random.below(4) {
                    0 => vec![value],
                    1 => vec![first, value],
                    2 => vec![value, first, second],
                    _ => vec![Value::array(vec![value]), first],
                };
                set(document, &path, Value::array(values));
            }
            13 => {
                let name = root(&path);
                let other = self.anything(1);
                if let Some((_, value)) = document.iter_mut().find(|(own, _)| *own == name) {
                    let whole = value.clone();
                    *value = match self.random.below(4) {
                        0 => Value::array(vec![whole]),
                        1 => Value::array(vec![other, whole]),
                        2 => Value::array(vec![Value::Document(Vec::new()), whole.clone(), whole]),
                        _ => Value::array(vec![Value::array(vec![whole])]),
                    };
                }
            }
            14 => self.damage(document),
            _ => {
                let value = self.odd_id();
                if let Some((_, own)) = document.iter_mut().find(|(name, _)| name == b"_id") {
                    *own = value;
                }
            }
        }
    }

    /// Bytes and texts of the document, damaged: payloads of every codec among them.
    fn damage(&mut self, document: &mut Fields) {
        let id = self.id.as_bytes();
        let is_payload = |(name, value): &&mut (Vec<u8>, Value)| {
            matches!(value, Value::Text(_) | Value::Binary(..)) && name != b"_id" && name != id
        };
        let mut payloads: Vec<_> = document.iter_mut().filter(is_payload).collect();
        if payloads.is_empty() {
            return;
        }
        let at = self.random.below(payloads.len());
        let (Value::Text(bytes) | Value::Binary(_, bytes)) = &mut payloads[at].1 else { return };
        for _ in 0..=self.random.below(3) {
            let at = self.random.below(bytes.len() + 1);
            match self.random.below(5) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.random.next() as u8),
                2 => {
                    let part: Vec<u8> = bytes[at..].iter().take(64).copied().collect();
                    bytes.splice(at..at, part.repeat(3));
                }
                _ if at < bytes.len() => bytes[at] = self.random.next() as u8,
                _ => {}
            }
        }
    }

    fn name(&mut self) -> Vec<u8> {
        let names: [&[u8]; 9] = [
            b"",
            b"\xFF",
            b"a\xC3",
            b"$x",
            b"a.b",
            b"\xED\xA0\x80",
            b"0",
            "Ü".as_bytes(),
            b"expires",
        ];
        self.random.of(&names).to_vec()
    }

    fn odd_id(&mut self) -> Value {
        let number = self.number;
        match self.random.below(10) {
            0 => Value::Text([b"bad\xFF".to_vec(), number.to_string().into_bytes()].concat()),
            1 => Value::Long(number as i64),
            2 => Value::Double(number as f64 + 0.5),
            3 => Value::Document(vec![
                (b"a".to_vec(), Value::Long(number as i64)),
                (b"a".to_vec(), Value::Null),
            ]),
            4 => Value::Binary(4, number.to_be_bytes().repeat(2)),
            5 => Value::Binary(2, number.to_be_bytes().to_vec()),
            6 => Value::Code(number.to_string().into_bytes()),
            7 => Value::Date(number as i64),
            8 => Value::decimal(&format!("{number}.25")),
            _ => Value::text(&format!("{number}\u{202E}\u{1b}[31m\u{9b}\n\"',")),
        }
    }

    /// A value of any type, with the extremes of each.
    fn anything(&mut self, depth: usize) -> Value {
        let off = *self.random.of(&[-86_400_000, -1001, -1, 0, 1, 1000, 86_400_000]);
        let at = self.cutoff + off;
        match self.random.below(30) {
            0 => Value::Double(*self.random.of(&[
                f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
                0.0,
                -0.0,
                0.5,
                -1.5,
                1e300,
                -1e300,
                5e-324,
                9.3e18,
                1e15,
                -1e15,
                9_007_199_254_740_993.0,
            ])),
            1 => Value::decimal(self.random.of::<&str>(&[
                "NaN",
                "Infinity",
                "-Infinity",
                "9E+400",
                "-9E+400",
                "1E-6100",
                "0",
                "-0",
                "1.5",
                "9999999999999999999999999999999999E+6111",
                "1E+3",
                "1000000000000000.5",
                "-1E+15",
                "1767323045.678",
                "1767323045000",
            ])),
            2 | 3 => self.number_near(at),
            4 => Value::Long(*self.random.of(&[
                i64::MIN,
                i64::MAX,
                0,
                -1,
                1,
                1_767_323_045,
                1_767_323_045_000_000,
                10_000_000_000,
            ])),
            5 | 6 => Value::Date(at),
            7 => Value::Date(*self.random.of(&[i64::MIN, i64::MAX, 0, -1, 1 << 53])),
            8 | 9 => Value::Null,
            10 => Value::Undefined,
            11 => Value::Bool(self.random.once_in(2)),
            12..=14 => self.said(at),
            15 => self.bad_text(),
            16 => Value::Binary(
                2,
                self.random
                    .of(&[
                        &b""[..],
                        b"\x03",
                        b"\x04\0\0\0abcd",
                        b"\xFF\xFF\xFF\x7Fabcd",
                        b"\x09\0\0\0abc",
                    ])
                    .to_vec(),
            ),
            17 => Value::Binary(
                *self.random.of(&[0, 1, 3, 4, 5, 6, 7, 8, 128, 255]),
                self.random.bytes::<16>().to_vec(),
            ),
            18 => Value::ObjectId(self.random.bytes()),
            19 => Value::Regex(self.random.of(&[&b"a"[..], b"\xFF"]).to_vec(), b"i".to_vec()),
            20 => Value::Pointer(
                self.random.of(&[&b"a.b"[..], b"\xFF"]).to_vec(),
                self.random.bytes(),
            ),
            21 => Value::Code(self.random.of(&[&b"1"[..], b"\xFF\xC3"]).to_vec()),
            22 => Value::Symbol(self.random.of(&[&b"abc"[..], b"\xFF", b""]).to_vec()),
            23 => Value::Scoped(
                self.random.of(&[&b"1"[..], b"\xFF\xC3"]).to_vec(),
                vec![(self.name(), Value::Null)],
            ),
            24 => Value::Timestamp(*self.random.of(&[
                1,
                1_767_323_045 << 32,
                u64::MAX,
                (1 << 32) | 5,
            ])),
            25 => self.random.of(&[Value::MinKey, Value::MaxKey]).clone(),
            26 => self.wrapped(at),
            _ if depth == 0 => Value::Null,
            27 | 28 => {
                let values = (0..self.random.below(4)).map(|_| self.anything(depth - 1)).collect();
                let mut array = Value::array(values);
                if let Value::Array(items) = &mut array
                    && self.random.once_in(4)
                    && let Some((name, _)) = items.first_mut()
                {
                    *name = self.name();
                }
                array
            }
            _ => {
                let fields = (0..self.random.below(4)).map(|_| {
                    let path = self.random.of(&self.paths).clone();
                    let name = path.rsplit('.').next().unwrap().as_bytes().to_vec();
                    let name = if self.random.once_in(3) { self.name() } else { name };
                    (name, self.anything(depth - 1))
                });
                Value::Document(fields.collect())
            }
        }
    }

    /// Text that says when, or something like it.
    fn said(&mut self, at: i64) -> Value {
        let time = jiff::Timestamp::from_millisecond(at).unwrap();
        let rfc = format!("{time:.3}");
        let text = match self.random.below(14) {
            0 | 1 => rfc,
            2 => rfc.replace('T', " "),
            3 => rfc.replace('Z', "+01:00"),
            4 => rfc.replace('Z', "-0130"),
            5 => at.to_string(),
            6 => (at / 1000).to_string(),
            7 => format!("{{\"id\":\"ö\",\"expiry\":\"{rfc}\",\"data\":{{}}}}"),
            8 => format!("{{\"id\":\"x\",\"expiry\":\"{rfc}"),
            9 => time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
            10 => {
                time.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Mitteleuropäische Zeit)").to_string()
            }
            11 => "{\"id\":\"x\",\"expiry\":null}".to_owned(),
            _ => (*self.random.of(&[
                "",
                "-",
                "+5",
                "007",
                "-0",
                "1e3",
                "60",
                "-1",
                "99999999999999999999",
                "9223372036854775807",
                "-9223372036854775808",
                "2026-02-30T00:00:00Z",
                "2024-02-29T23:59:59Z",
                "2026-01-01T24:00:00Z",
                "2026-01-01T00:00:60Z",
                "2026-01-01T00:00:00",
                "2026-01-01T00:00:00+15:00",
                "2026-01-01T00:00:00Z\n",
                "Mon, 23 Nov 2026 13:20:00 GMT",
                "Tue, 23 Nov 2026 13:20:00 GMT",
                "Åsa",
                "１",
                "never",
                "01/02/2026",
                "\u{202E}\u{1b}[31m\u{9b}2J\r\n",
                "sess:x",
                "a:session",
            ]))
            .to_owned(),
        };
        Value::text(&text)
    }

    fn bad_text(&mut self) -> Value {
        let texts: [&[u8]; 9] = [
            b"bad\xFF",
            b"2026-01-01T00:00:00Z\xFF",
            b"\xFF2026-01-01T00:00:00Z",
            b"\xC3",
            b"17673230\xC345",
            b"{\"id\":\"\xFF\",\"expiry\":\"2026-01-01T00:00:00Z\",\"data\":1}",
            b"{\"id\":\"x\",\"expiry\":\"\x80\x81\"}",
            b"{\"id\":\"x\",\"expiry\":\"2026-01-01T00:00:00\xFFZ\"}",
            b"sess:\xFF:session",
        ];
        Value::Text(self.random.of(&texts).to_vec())
    }

    /// A date as an import, or a serializer, may have wrapped it.
    fn wrapped(&mut self, at: i64) -> Value {
        let inner = match self.random.below(6) {
            0 => self.said(at),
            1 => self.bad_text(),
            2 => Value::Document(vec![(
                b"$numberLong".to_vec(),
                match self.random.below(3) {
                    0 => Value::text(&at.to_string()),
                    1 => self.bad_text(),
                    _ => Value::text("-999999999999999"),
                },
            )]),
            3 => self.number_near(at),
            _ => self.anything(0),
        };
        match self.random.below(3) {
            0 => Value::array(vec![Value::text("java.util.Date"), inner]),
            _ => Value::Document(vec![(b"$date".to_vec(), inner)]),
        }
    }
}

fn root(path: &str) -> Vec<u8> {
    path.split('.').next().unwrap().as_bytes().to_vec()
}

fn look(document: &Fields, path: &str) -> Option<Value> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let (_, value) = document.iter().find(|(own, _)| own == name.as_bytes())?;
    match (rest, value) {
        (None, value) => Some(value.clone()),
        (Some(rest), Value::Document(inner)) => look(inner, rest),
        _ => None,
    }
}

fn set(document: &mut Fields, path: &str, value: Value) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let at = document.iter().position(|(own, _)| own == name.as_bytes());
    let at = at.unwrap_or_else(|| {
        document.push((name.as_bytes().to_vec(), Value::Document(Vec::new())));
        document.len() - 1
    });
    match rest {
        None => document[at].1 = value,
        Some(rest) => {
            if !matches!(document[at].1, Value::Document(_)) {
                document[at].1 = Value::Document(Vec::new());
            }
            if let Value::Document(inner) = &mut document[at].1 {
                set(inner, rest, value);
            }
        }
    }
}

fn remove(document: &mut Fields, path: &str) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let Some(at) = document.iter().position(|(own, _)| own == name.as_bytes()) else { return };
    match (rest, &mut document[at].1) {
        (None, _) => drop(document.remove(at)),
        (Some(rest), Value::Document(inner)) => remove(inner, rest),
        _ => {}
    }
}
