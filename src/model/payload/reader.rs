//! The reader that all codecs use: it consumes bytes front to back, gives errors a position, and
//! limits depth and output, because anyone who can reach the site can write a payload.

use std::borrow::Cow;
use std::fmt;

/// The maximum nesting depth. The payloads of real sessions stay below twenty.
pub const MAX_DEPTH: usize = 100;

/// The maximum number of values in a payload. The largest payloads of real sessions have some thousands.
pub const MAX_VALUES: usize = 1 << 17;

/// The number of values that are always allowed, however short the payload is, because shared
/// values may be shown several times.
const FREE_VALUES: usize = 1 << 16;

/// The cost of a value or a key, in bytes.
const VALUE_COST: usize = 64;

/// Why bytes could not be decoded, and at which position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The codec that failed, such as `php`.
    pub codec: &'static str,
    /// The position, in bytes from the start of the payload.
    pub offset: usize,
    /// The reason, such as `length 900 is past the end`.
    pub reason: Cow<'static, str>,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} at byte {}", self.codec, self.reason, self.offset)
    }
}

impl std::error::Error for DecodeError {}

pub type Decoded<T> = Result<T, DecodeError>;

/// A position in a payload, and the remaining limits of nesting and output.
///
/// All codecs draw on one budget of bytes. A value costs 64, a key another 64, and text that is
/// shown again its length. The budget is 64 bytes per byte of the payload, which is enough for any
/// payload without repetition, because every value takes at least one byte; plus 4 MiB, for short
/// payloads with repetition; and at most 8 MiB, 131,072 values.
///
/// The number of values bounds the memory, not the length of the payload: one byte can encode a
/// `serde_json::Value` of 72 bytes, and two bytes an object with one entry, which takes about 500.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    codec: &'static str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    budget: usize,
}

impl<'a> Reader<'a> {
    pub fn new(codec: &'static str, bytes: &'a [u8]) -> Self {
        let values = bytes.len().saturating_add(FREE_VALUES).min(MAX_VALUES);
        Self { codec, bytes, at: 0, depth: 0, budget: values * VALUE_COST }
    }

    pub fn error(&self, reason: impl Into<Cow<'static, str>>) -> DecodeError {
        DecodeError { codec: self.codec, offset: self.at, reason: reason.into() }
    }

    pub fn offset(&self) -> usize {
        self.at
    }

    pub fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub fn byte(&mut self) -> Decoded<u8> {
        let byte = self.peek().ok_or_else(|| self.error("unexpected end"))?;
        self.at += 1;
        Ok(byte)
    }

    pub fn take(&mut self, count: usize) -> Decoded<&'a [u8]> {
        let taken = self
            .rest()
            .get(..count)
            .ok_or_else(|| self.error(format!("length {count} is past the end")))?;
        self.at += count;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// The bytes before the next `stop`. Also consumes `stop`.
    pub fn until(&mut self, stop: u8) -> Decoded<&'a [u8]> {
        let rest = self.rest();
        let length = rest
            .iter()
            .position(|byte| *byte == stop)
            .ok_or_else(|| self.error(format!("{:?} is missing", char::from(stop))))?;
        self.at += length + 1;
        Ok(&rest[..length])
    }

    pub fn expect(&mut self, wanted: u8) -> Decoded<()> {
        match self.peek() {
            Some(found) if found == wanted => {
                self.at += 1;
                Ok(())
            }
            Some(found) => Err(self.error(format!(
                "expected {:?}, found {:?}",
                char::from(wanted),
                char::from(found)
            ))),
            None => Err(self.error("unexpected end")),
        }
    }

    /// Charges for one value, or one key of a map.
    pub fn value(&mut self) -> Decoded<()> {
        self.values(1)
    }

    pub fn values(&mut self, count: usize) -> Decoded<()> {
        self.charge(count.saturating_mul(VALUE_COST), "too many values")
    }

    /// Charges for output without bytes in the payload, so that references to references cannot
    /// exhaust the memory.
    pub fn repeat(&mut self, bytes: usize) -> Decoded<()> {
        self.charge(bytes, "references expand to many times the payload's size")
    }

    fn charge(&mut self, cost: usize, too_much: &'static str) -> Decoded<()> {
        self.budget = self.budget.checked_sub(cost).ok_or_else(|| self.error(too_much))?;
        Ok(())
    }

    /// Reads `bytes`, a payload inside this one, within the same limits.
    pub fn inside<'b, T>(
        &mut self,
        codec: &'static str,
        bytes: &'b [u8],
        read: impl FnOnce(&mut Reader<'b>) -> Decoded<T>,
    ) -> Decoded<T> {
        let mut inner = Reader { codec, bytes, at: 0, depth: self.depth, budget: self.budget };
        let result = read(&mut inner);
        self.budget = inner.budget;
        result
    }

    /// Runs `read` on a separate budget of the same size, for memory that is not part of the value.
    pub fn aside<T>(&mut self, read: impl FnOnce(&mut Self) -> Decoded<T>) -> Decoded<T> {
        let budget = self.budget;
        let result = read(self);
        self.budget = budget;
        result
    }

    /// Moves to `part`, which must be a slice of the payload.
    pub fn seek(&mut self, part: &[u8]) {
        let distance = part.as_ptr().addr().saturating_sub(self.bytes.as_ptr().addr());
        self.at = distance.min(self.bytes.len());
    }

    /// Skips `count` bytes, or to the end.
    pub fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.bytes.len());
    }

    /// Checks that nothing follows the value.
    pub fn end(&self) -> Decoded<()> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(self.error("extra bytes after the end of the value"))
        }
    }

    /// Runs `read` one nesting level deeper.
    pub fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Decoded<T>) -> Decoded<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error(format!("nested more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }
}
