//! Verifies that each line of an audit file follows the one before.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::audit::chain::{PREVIOUS, WHOLE, digest};

/// A fault, and the line that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    line: Option<u64>,
    what: String,
}

impl Fault {
    pub fn json(&self) -> Value {
        json!({ "line": self.line, "what": self.what })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// The result for the lines read so far.
#[derive(Debug, Default)]
pub struct Verified {
    pub lines: u64,
    /// How many of the lines are records.
    pub records: u64,
    /// Lines at the beginning that an older version wrote, without a chain.
    pub unchained: u64,
    /// The numbers of the lines that are not records.
    pub unreadable: Vec<u64>,
    pub faults: Vec<Fault>,
    /// The digest of the last line.
    pub head: Option<String>,
    is_chained: bool,
    /// The digest of the last record.
    whole: Option<String>,
    /// The digest that one of the lines must have, or its beginning.
    sought: Option<String>,
}

impl Verified {
    /// Starts before the first line; one of the lines must have the digest `head`.
    pub fn seeking(head: Option<&str>) -> Self {
        Self { sought: head.map(str::to_owned), ..Self::default() }
    }

    /// Verifies the next line, and returns it if it is a record.
    pub fn line(&mut self, line: &[u8]) -> Option<Map<String, Value>> {
        self.lines += 1;
        let before = self.head.replace(digest(line));
        let is_sought = |sought: &mut String| {
            self.head.as_ref().is_some_and(|head| head.starts_with(sought.as_str()))
        };
        drop(self.sought.take_if(is_sought));
        // A full disk can cut a line off. It cannot be read, but the next line still has its
        // digest, and that of the last record.
        let Ok(Value::Object(object)) = serde_json::from_slice(line) else {
            self.unreadable.push(self.lines);
            return None;
        };
        self.records += 1;
        let what = match object.get(PREVIOUS) {
            None if !self.is_chained => {
                self.unchained += 1;
                None
            }
            None => Some("has no digest of the line before it"),
            Some(Value::String(previous)) if Some(previous) == before.as_ref() => {
                let whole = object.get(WHOLE).map(Value::as_str);
                whole.filter(|whole| *whole != self.whole.as_deref()).map(|_| {
                    "does not follow the last record before the unreadable line: a line was changed, added \
                     or removed"
                })
            }
            Some(Value::Null) if before.is_none() => None,
            Some(Value::Null) => Some("starts a new chain, although other lines precede it"),
            Some(_) if before.is_none() => Some("follows a line that is not in this file"),
            Some(_) => {
                Some("does not follow the line before it: a line was changed, added or removed")
            }
        };
        self.is_chained |= object.contains_key(PREVIOUS);
        self.whole.clone_from(&self.head);
        if let Some(what) = what {
            self.faults.push(Fault { line: Some(self.lines), what: what.to_owned() });
        }
        Some(object)
    }

    /// Whether the lines follow each other, but the expected head is not among them.
    pub fn lacks_head_only(&self) -> bool {
        self.faults.iter().all(|fault| fault.line.is_none())
    }

    /// Ends the verification: by now the digest of `head` was found, or it is missing.
    pub fn end(&mut self) {
        if let Some(head) = self.sought.take() {
            let what = format!(
                "no line has the digest {head}: lines were removed or changed, or the digest \
                 belongs to another file"
            );
            self.faults.push(Fault { line: None, what });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(lines: &[String]) -> Verified {
        seeking(None, lines)
    }

    fn seeking(head: Option<&str>, lines: &[String]) -> Verified {
        let mut verified = Verified::seeking(head);
        for line in lines {
            verified.line(line.as_bytes());
        }
        verified.end();
        verified
    }

    fn lines() -> Vec<String> {
        let mut lines = vec![r#"{"event":"began"}"#.to_owned()];
        for number in 1..6 {
            let previous = digest(lines[number - 1].as_bytes());
            lines.push(format!("{{\"event\":\"x\",\"number\":{number},\"prev\":\"{previous}\"}}"));
        }
        lines
    }

    fn faults(lines: &[String]) -> Vec<Option<u64>> {
        verified(lines).faults.iter().map(|fault| fault.line).collect()
    }

    #[test]
    fn a_line_that_is_changed_cut_out_added_or_moved_is_noticed() {
        let whole = lines();
        assert_eq!(faults(&whole), []);
        assert_eq!(verified(&whole).unchained, 1);
        for at in 0..5 {
            let mut changed = whole.clone();
            changed[at] = changed[at].replace("event", "Event");
            assert_eq!(faults(&changed), [Some(at as u64 + 2)], "{at}");
            let mut cut = whole.clone();
            cut.remove(at);
            assert_eq!(faults(&cut), [Some(at as u64 + 1)], "{at}");
            let mut added = whole.clone();
            added.insert(at + 1, r#"{"event":"x"}"#.to_owned());
            assert!(!faults(&added).is_empty(), "{at}");
            let mut anew = whole.clone();
            anew.insert(at + 1, r#"{"event":"x","prev":null}"#.to_owned());
            assert!(!faults(&anew).is_empty(), "{at}");
        }
        let mut swapped = whole.clone();
        swapped.swap(2, 3);
        assert!(!faults(&swapped).is_empty());
    }

    #[test]
    fn a_record_before_a_torn_line_that_is_changed_or_removed_is_noticed() {
        let mut whole = lines();
        let last = digest(whole[5].as_bytes());
        whole.push(r#"{"event":"be"#.to_owned());
        let torn = digest(whole[6].as_bytes());
        whole.push(format!(r#"{{"event":"x","prev":"{torn}","prev_whole":"{last}"}}"#));
        assert_eq!(faults(&whole), []);
        let mut changed = whole.clone();
        changed[5] = changed[5].replace("event", "Event");
        assert_eq!(faults(&changed), [Some(8)]);
        let mut cut = whole.clone();
        cut.remove(5);
        assert_eq!(faults(&cut), [Some(7)]);
        assert_eq!(faults(&whole[6..]), [Some(2)]);
    }

    #[test]
    fn a_tail_that_is_cut_off_is_noticed_by_the_head() {
        let whole = lines();
        let head = verified(&whole).head.unwrap();
        assert!(verified(&whole[..5]).faults.is_empty());
        assert_eq!(seeking(Some(&head), &whole[..5]).faults.len(), 1);
        // Lines appended after the head was noted are not a fault.
        let earlier = verified(&whole[..3]).head.unwrap();
        assert!(seeking(Some(&earlier[..16]), &whole).faults.is_empty());
    }
}
