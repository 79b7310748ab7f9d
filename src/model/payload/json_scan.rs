//! Scans JSON text without building its values. It gives up on some valid text, which `serde_json`
//! then has to parse, but accepts no text that `serde_json` rejects. `RawValue` and `IgnoredAny` of
//! `serde_json` do not guarantee that: they accept `1e999` and any depth, which building the value
//! rejects, so a list would show a user where `inspect` finds no payload.

/// The maximum nesting depth, less than that of `serde_json`.
const DEPTH: u8 = 100;
/// The longest number that always fits into a double.
const LONGEST_NUMBER: usize = 30;

/// What is met in an object, and in the objects that are its values.
#[derive(Debug, Clone, Copy)]
pub enum Met<'a> {
    /// The name of a member. Its value follows.
    Name(&'a str),
    /// The text of the value, after all that is met in it.
    Value(&'a str),
}

/// Calls `meet` with the members of `text`, which must be an object, and with those of the objects
/// in it, but not with those in arrays. `None` if it is not an object, if a name contains an escape,
/// or if a number has an exponent.
pub fn members<'a>(text: &'a str, mut meet: impl FnMut(Met<'a>)) -> Option<()> {
    let mut scanner = Scanner { text, at: 0 };
    (scanner.next()? == b'{').then(|| scanner.object(DEPTH, &mut meet))??;
    scanner.next().is_none().then_some(())
}

/// Calls `item` with the text of each value of `text`, which must be an array.
pub fn items<'a>(text: &'a str, item: impl FnMut(&'a str)) -> Option<()> {
    let mut scanner = Scanner { text, at: 0 };
    (scanner.next()? == b'[').then(|| scanner.array(DEPTH, item))??;
    scanner.next().is_none().then_some(())
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// Scans what follows `{`.
    fn object(&mut self, depth: u8, meet: &mut impl FnMut(Met<'a>)) -> Option<()> {
        let mut first = self.next()?;
        if first == b'}' {
            return Some(());
        }
        loop {
            let name = (first == b'"').then(|| self.name())??;
            if self.next()? != b':' {
                return None;
            }
            let first_of_value = self.next()?;
            meet(Met::Name(name));
            let value = self.value(first_of_value, depth, meet)?;
            meet(Met::Value(value));
            match self.next()? {
                b',' => first = self.next()?,
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Scans what follows `[`.
    fn array(&mut self, depth: u8, mut item: impl FnMut(&'a str)) -> Option<()> {
        let mut first = self.next()?;
        if first == b']' {
            return Some(());
        }
        loop {
            item(self.value(first, depth, &mut ignore)?);
            match self.next()? {
                b',' => first = self.next()?,
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// The value whose first byte has been read.
    fn value(&mut self, first: u8, depth: u8, meet: &mut impl FnMut(Met<'a>)) -> Option<&'a str> {
        let start = self.at - 1;
        match first {
            b'"' => self.string(),
            b'{' => self.object(depth.checked_sub(1)?, meet),
            b'[' => self.array(depth.checked_sub(1)?, skip),
            b't' => self.word(b"rue"),
            b'f' => self.word(b"alse"),
            b'n' => self.word(b"ull"),
            first => self.number(first),
        }?;
        self.text.get(start..self.at)
    }

    /// The name whose opening quote has been read.
    fn name(&mut self) -> Option<&'a str> {
        let start = self.at;
        (self.past_plain()? == b'"').then(|| self.text.get(start..self.at - 1))?
    }

    fn string(&mut self) -> Option<()> {
        loop {
            match self.past_plain()? {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    /// Skips plain characters and the quote, backslash or control character after them, and returns
    /// that.
    fn past_plain(&mut self) -> Option<u8> {
        let rest = self.rest();
        let plain = plain(rest)?;
        self.at += plain + 1;
        Some(rest[plain])
    }

    fn escape(&mut self) -> Option<()> {
        self.at += match self.rest() {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 1,
            [b'u', digits @ ..] if digits.get(..4)?.iter().all(u8::is_ascii_hexdigit) => 5,
            _ => return None,
        };
        Some(())
    }

    fn word<const LENGTH: usize>(&mut self, word: &[u8; LENGTH]) -> Option<()> {
        let is_there = self.rest().first_chunk() == Some(word);
        self.at += LENGTH;
        is_there.then_some(())
    }

    fn number(&mut self, mut first: u8) -> Option<()> {
        let start = self.at;
        if first == b'-' {
            first = *self.rest().first()?;
            self.at += 1;
        }
        match first {
            b'0' => {}
            b'1'..=b'9' => self.at += digits(self.rest()),
            _ => return None,
        }
        if let [b'.', fraction @ ..] = self.rest() {
            let digits = Some(digits(fraction)).filter(|digits| *digits > 0)?;
            self.at += 1 + digits;
        }
        (self.at - start < LONGEST_NUMBER).then_some(())
    }

    /// The next byte that is not white space.
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            self.at += 1;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }
}

// Functions, because a closure in a generic function would be another type at each depth.
fn ignore(_: Met<'_>) {}
fn skip(_: &str) {}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The position of the first quote, backslash or control character. Checks eight bytes at a time.
fn plain(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    // Sets the high bit of each byte that is less than `limit`; reliable for the first such byte.
    let less = |bytes: u64, limit: u8| bytes.wrapping_sub(ONES * u64::from(limit)) & !bytes;
    let (chunks, tail) = text.as_chunks::<8>();
    for (at, chunk) in chunks.iter().enumerate() {
        let bytes = u64::from_le_bytes(*chunk);
        let is = |byte: u8| less(bytes ^ (ONES * u64::from(byte)), 1);
        let found = (is(b'"') | is(b'\\') | less(bytes, b' ')) & (ONES * 0x80);
        if found != 0 {
            return Some(at * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let in_tail = tail.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '))?;
    Some(text.len() - tail.len() + in_tail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn of(text: &str) -> Option<Vec<(&str, &str)>> {
        let (mut names, mut found) = (Vec::new(), Vec::new());
        members(text, |met| match met {
            Met::Name(name) => names.push(name),
            Met::Value(value) => {
                let name = names.pop().unwrap();
                if names.is_empty() {
                    found.push((name, value));
                }
            }
        })?;
        Some(found)
    }

    #[test]
    fn members_are_given_with_the_text_of_their_values() {
        let text = " {\"a\" : [1, {\"b\":-0.5}] ,\"\":\"\\\"\\u00e5{\",\"c\":{ },\"d\":null}\n";
        let wanted =
            vec![("a", "[1, {\"b\":-0.5}]"), ("", "\"\\\"\\u00e5{\""), ("c", "{ }"), ("d", "null")];
        assert_eq!(of(text), Some(wanted));
    }

    #[test]
    fn the_end_of_plain_text_is_found_wherever_it_is() {
        for before in 0..20 {
            for (end, after) in ["\"", "\\", "\u{0}", "\u{1f}"].into_iter().zip([
                "\u{0}",
                "",
                "a\"b\\c",
                "!#[]é\u{7f}",
            ]) {
                let text = format!("{}{end}{after}", "!#[]\u{7f}é".repeat(before));
                assert_eq!(plain(text.as_bytes()), Some(7 * before), "{text:?}");
            }
            assert_eq!(plain("x".repeat(before).as_bytes()), None);
        }
    }

    #[test]
    fn what_serde_might_refuse_is_given_up() {
        let long = format!("{{\"a\":{}}}", "1".repeat(400));
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(127), "]".repeat(127));
        for text in ["{\"a\":1e999}", "{\"a\":1e1}", "{\"\\u0061\":1}", &long, &deep] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    /// Text that is nearly JSON.
    fn nearly_json() -> impl Strategy<Value = String> {
        let tokens = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\"a\"",
            "\"b\":",
            "\\",
            "\\n",
            "\\u00e5",
            "\\ud83d",
            "\\x",
            "å",
            "\n",
            " ",
            "\t",
            "0",
            "-",
            "1",
            "10",
            ".",
            ".5",
            "e3",
            "null",
            "true",
            "nul",
            "\u{1}",
            "\u{7f}",
            "\"c\":{",
            "}}",
            "\"d\":[1,2]",
        ];
        let token = prop::sample::select(tokens.to_vec());
        prop::collection::vec(token, 0..12).prop_map(|tokens| format!("{{{}", tokens.concat()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn nothing_is_taken_that_serde_refuses_and_what_is_taken_is_the_same(text in nearly_json()) {
            if let Some(found) = of(&text) {
                let value: Result<serde_json::Map<String, Value>, _> = serde_json::from_str(&text);
                // Half a character is refused by serde only, and mended by the codec.
                prop_assert!(value.is_ok() || text.contains("\\ud83d"), "{text}");
                for (name, value) in value.unwrap_or_default() {
                    let last = found.iter().rfind(|(found, _)| *found == name);
                    prop_assert_eq!(last.map(|last| serde_json::from_str(last.1).unwrap()), Some(value));
                }
            }
        }
    }
}
