//! Checks whether bytes are a BSON document without decoding it: sessions often contain text that
//! is not UTF-8, and a wrong length must neither allocate nor panic.

/// The size limit of documents on the server, in bytes: 16 MiB plus 16 KiB.
pub(super) const LARGEST: usize = (16 << 20) + (16 << 10);
/// The maximum nesting depth. A server accepts 200 levels.
const DEEPEST: u32 = 250;

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checked {
    /// One complete document.
    Whole,
    /// The start of a document, valid as far as it goes.
    Cut,
    /// Not a document, for this reason.
    Wrong(&'static str),
}

/// The length in the header of a document. `Err` if no document can have that length.
pub(super) fn length(bytes: &[u8]) -> Result<usize, i32> {
    let length = bytes.first_chunk().map_or(0, |length| i32::from_le_bytes(*length));
    match usize::try_from(length) {
        Ok(bytes) if (5..=LARGEST).contains(&bytes) => Ok(bytes),
        _ => Err(length),
    }
}

/// Checks a document, or the start of one.
pub(super) fn check(bytes: &[u8]) -> Checked {
    if bytes.len() < 4 {
        return Checked::Cut;
    }
    let Ok(end) = length(bytes) else { return Checked::Wrong("its length is impossible") };
    match (Walk { bytes, end }).document(0, 0) {
        Ok(at) if at == bytes.len() => Checked::Whole,
        Ok(_) => Checked::Wrong("extra bytes follow its end"),
        Err(shape) => shape,
    }
}

struct Walk<'a> {
    /// The available bytes.
    bytes: &'a [u8],
    /// Where the outermost document ends, possibly beyond `bytes`.
    end: usize,
}

impl Walk<'_> {
    /// Walks over the document at `at`. Returns its end.
    fn document(&self, at: usize, depth: u32) -> Result<usize, Checked> {
        if depth > DEEPEST {
            return Err(Checked::Wrong("it is nested too deeply"));
        }
        let length = self.number(at)?;
        let end = self.skip(at, length, 5)?;
        let inner = Walk { bytes: self.bytes, end };
        let mut at = at + 4;
        loop {
            let kind = inner.byte(at)?;
            at += 1;
            if kind == 0 {
                return match at == end {
                    true => Ok(end),
                    false => Err(Checked::Wrong("it ends before its stated length")),
                };
            }
            at = inner.text(at)?;
            at = inner.value(kind, at, depth)?;
        }
    }

    /// Walks over a value. Returns its end.
    fn value(&self, kind: u8, at: usize, depth: u32) -> Result<usize, Checked> {
        match kind {
            0x06 | 0x0A | 0x7F | 0xFF => Ok(at),
            0x08 => self.skip(at, 1, 0),
            0x10 => self.skip(at, 4, 0),
            0x01 | 0x09 | 0x11 | 0x12 => self.skip(at, 8, 0),
            0x07 => self.skip(at, 12, 0),
            0x13 => self.skip(at, 16, 0),
            0x02 | 0x0D | 0x0E => self.string(at),
            0x03 | 0x04 => self.document(at, depth + 1),
            0x05 => {
                let length = self.number(at)?;
                // The subtype byte is not included in the length.
                self.skip(at + 5, length, 0)
            }
            0x0B => self.text(self.text(at)?),
            0x0C => self.skip(self.string(at)?, 12, 0),
            0x0F => {
                let end = self.skip(at, self.number(at)?, 14)?;
                let inner = Walk { bytes: self.bytes, end };
                match inner.document(inner.string(at + 4)?, depth + 1)? == end {
                    true => Ok(end),
                    false => Err(Checked::Wrong("it contains an impossible length")),
                }
            }
            _ => Err(Checked::Wrong("it contains a value of an unknown type")),
        }
    }

    fn string(&self, at: usize) -> Result<usize, Checked> {
        let end = self.skip(at + 4, self.number(at)?, 1)?;
        match self.byte(end - 1)? {
            0 => Ok(end),
            _ => Err(Checked::Wrong("it contains an unterminated string")),
        }
    }

    /// Walks over a zero-terminated string.
    fn text(&self, at: usize) -> Result<usize, Checked> {
        let there = self.bytes.len().min(self.end);
        let bytes = self.bytes.get(at..there).unwrap_or_default();
        match bytes.iter().position(|byte| *byte == 0) {
            Some(length) => Ok(at + length + 1),
            None if there < self.end => Err(Checked::Cut),
            None => Err(Checked::Wrong("it contains an unterminated name")),
        }
    }

    /// Skips `length` bytes, at least `least`. They must be within the document, but need not be
    /// available.
    fn skip(&self, at: usize, length: impl TryInto<usize>, least: usize) -> Result<usize, Checked> {
        let end = length.try_into().ok().filter(|length| *length >= least);
        end.and_then(|length| at.checked_add(length))
            .filter(|end| *end <= self.end)
            .ok_or(Checked::Wrong("it contains an impossible length"))
    }

    fn number(&self, at: usize) -> Result<i32, Checked> {
        let end = self.skip(at, 4_usize, 4)?;
        let bytes = self.bytes.get(at..end).and_then(|bytes| bytes.try_into().ok());
        bytes.map(i32::from_le_bytes).ok_or(Checked::Cut)
    }

    fn byte(&self, at: usize) -> Result<u8, Checked> {
        match self.bytes.get(at) {
            _ if at >= self.end => Err(Checked::Wrong("it does not end at its stated length")),
            Some(byte) => Ok(*byte),
            None => Err(Checked::Cut),
        }
    }
}
