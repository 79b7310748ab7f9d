//! Whether bytes are a BSON document, looked at without decoding it: text that is not UTF-8 is
//! normal in sessions, and a lying length must neither allocate nor panic.

/// The largest document that a server keeps or sends, in bytes: 16 MiB and 16 KiB.
pub(super) const LARGEST: usize = (16 << 20) + (16 << 10);
/// How deep documents may nest; a server takes 200 levels.
const DEEPEST: u32 = 250;

/// What bytes that begin like a document are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checked {
    /// The whole of a document, and nothing more.
    Whole,
    /// The beginning of one, all right as far as it goes.
    Cut,
    /// No document, and why not.
    Wrong(&'static str),
}

/// The length that a document gives itself, if it is one that a document can have.
pub(super) fn length(bytes: &[u8]) -> Result<usize, i32> {
    let length = bytes.first_chunk().map_or(0, |length| i32::from_le_bytes(*length));
    match usize::try_from(length) {
        Ok(bytes) if (5..=LARGEST).contains(&bytes) => Ok(bytes),
        _ => Err(length),
    }
}

/// Looks through a document, or through its beginning.
pub(super) fn check(bytes: &[u8]) -> Checked {
    if bytes.len() < 4 {
        return Checked::Cut;
    }
    let Ok(end) = length(bytes) else { return Checked::Wrong("its length cannot be right") };
    match (Walk { bytes, end }).document(0, 0) {
        Ok(at) if at == bytes.len() => Checked::Whole,
        Ok(_) => Checked::Wrong("bytes follow its end"),
        Err(shape) => shape,
    }
}

struct Walk<'a> {
    /// What is there.
    bytes: &'a [u8],
    /// Where the outermost document ends, which may be further.
    end: usize,
}

impl Walk<'_> {
    /// Walks over the document at `at`; where it ends.
    fn document(&self, at: usize, depth: u32) -> Result<usize, Checked> {
        if depth > DEEPEST {
            return Err(Checked::Wrong("it nests too deep"));
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
                    false => Err(Checked::Wrong("it ends before its length says so")),
                };
            }
            at = inner.text(at)?;
            at = inner.value(kind, at, depth)?;
        }
    }

    /// Walks over a value; where it ends.
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
                // A byte of subtype lies between the length and what it counts.
                self.skip(at + 5, length, 0)
            }
            0x0B => self.text(self.text(at)?),
            0x0C => self.skip(self.string(at)?, 12, 0),
            0x0F => {
                let end = self.skip(at, self.number(at)?, 14)?;
                let inner = Walk { bytes: self.bytes, end };
                match inner.document(inner.string(at + 4)?, depth + 1)? == end {
                    true => Ok(end),
                    false => Err(Checked::Wrong("a length in it cannot be right")),
                }
            }
            _ => Err(Checked::Wrong("a value in it is of no known type")),
        }
    }

    fn string(&self, at: usize) -> Result<usize, Checked> {
        let end = self.skip(at + 4, self.number(at)?, 1)?;
        match self.byte(end - 1)? {
            0 => Ok(end),
            _ => Err(Checked::Wrong("a text in it does not end")),
        }
    }

    /// Walks over text that a zero ends.
    fn text(&self, at: usize) -> Result<usize, Checked> {
        let there = self.bytes.len().min(self.end);
        let bytes = self.bytes.get(at..there).unwrap_or_default();
        match bytes.iter().position(|byte| *byte == 0) {
            Some(length) => Ok(at + length + 1),
            None if there < self.end => Err(Checked::Cut),
            None => Err(Checked::Wrong("a name in it does not end")),
        }
    }

    /// Over `length` bytes, which are at least `least`. They need not be there, but must be within
    /// the document.
    fn skip(&self, at: usize, length: impl TryInto<usize>, least: usize) -> Result<usize, Checked> {
        let end = length.try_into().ok().filter(|length| *length >= least);
        end.and_then(|length| at.checked_add(length))
            .filter(|end| *end <= self.end)
            .ok_or(Checked::Wrong("a length in it cannot be right"))
    }

    fn number(&self, at: usize) -> Result<i32, Checked> {
        let end = self.skip(at, 4_usize, 4)?;
        let bytes = self.bytes.get(at..end).and_then(|bytes| bytes.try_into().ok());
        bytes.map(i32::from_le_bytes).ok_or(Checked::Cut)
    }

    fn byte(&self, at: usize) -> Result<u8, Checked> {
        match self.bytes.get(at) {
            _ if at >= self.end => Err(Checked::Wrong("it does not end where its length says so")),
            Some(byte) => Ok(*byte),
            None => Err(Checked::Cut),
        }
    }
}
