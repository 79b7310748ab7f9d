//! Escaped text of Python 2 and protocol 0.

/// The bytes of a Python 2 `repr`, such as `'a\x00\n'`.
pub fn unquote(line: &[u8]) -> Option<Vec<u8>> {
    let quote = *line.first().filter(|byte| matches!(byte, b'\'' | b'"'))?;
    let mut rest = line.get(1..)?.strip_suffix(&[quote])?;
    let mut bytes = Vec::with_capacity(rest.len());
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (byte, length) = escaped(rest)?;
        bytes.push(byte);
        rest = &rest[length..];
    }
    Some(bytes)
}

/// The byte after a backslash, and the length of the escape without the backslash.
fn escaped(rest: &[u8]) -> Option<(u8, usize)> {
    let byte = match *rest.first()? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'a' => 7,
        b'b' => 8,
        b'v' => 11,
        b'f' => 12,
        b'x' => {
            let digits = std::str::from_utf8(rest.get(1..3)?).ok()?;
            return Some((u8::from_str_radix(digits, 16).ok()?, 3));
        }
        b'0'..=b'7' => {
            let length =
                rest.iter().take(3).take_while(|digit| matches!(digit, b'0'..=b'7')).count();
            let digits = std::str::from_utf8(&rest[..length]).ok()?;
            return Some((u8::from_str_radix(digits, 8).ok()?, length));
        }
        other => other,
    };
    Some((byte, 1))
}

/// `raw-unicode-escape`: Latin 1 with `\uXXXX` and `\UXXXXXXXX`.
pub fn unescape(line: &[u8]) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let [first, tail @ ..] = rest {
        let length = match tail.first().filter(|_| *first == b'\\') {
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => 0,
        };
        match tail.get(1..=length).filter(|_| length > 0).and_then(code_point) {
            Some(character) => {
                text.push(character);
                rest = &tail[1 + length..];
            }
            None => {
                text.push(char::from(*first));
                rest = tail;
            }
        }
    }
    text
}

fn code_point(digits: &[u8]) -> Option<char> {
    let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}
