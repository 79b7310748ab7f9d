//! What every codec reads with: bytes front to back, errors that know where, and limits on depth
//! and output, because payloads are written by whoever can reach the site.

use std::borrow::Cow;
use std::fmt;

/// How deep values may nest; the payloads of real sessions stay below twenty.
pub const MAX_DEPTH: usize = 100;

/// How many values a payload may hold; the largest of real sessions have some thousands.
pub const MAX_VALUES: usize = 1 << 17;

/// So many are allowed however short the payload is: what it shares may be shown several times.
const FREE_VALUES: usize = 1 << 16;

/// What a value, or a key, is charged in bytes.
const VALUE_COST: usize = 64;

/// Why bytes could not be decoded, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The codec that gave up, such as `php`.
    pub codec: &'static str,
    /// Bytes from the start of the payload.
    pub offset: usize,
    /// A fragment such as `length 900 is past the end`.
    pub reason: Cow<'static, str>,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} at byte {}", self.codec, self.reason, self.offset)
    }
}

impl std::error::Error for DecodeError {}

pub type Decoded<T> = Result<T, DecodeError>;

/// A position in a payload, with what may still be nested and produced.
///
/// All codecs draw on one budget of bytes: 64 for a value and as many for a key, and its length for
/// a text that is shown again. The budget is 64 bytes for each byte of the payload, which is enough
/// for whatever repeats nothing, as every value takes a byte at least; 4 MiB more, for short
/// payloads that do repeat; and never more than 8 MiB, for 131,072 values.
///
/// The number of values is what bounds memory, not the length: a byte can claim a
/// `serde_json::Value` of 72 bytes, and two bytes an object of one entry, which takes some 500.
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

    /// The bytes before the next `stop`, which is consumed too.
    pub fn until(&mut self, stop: u8) -> Decoded<&'a [u8]> {
        let rest = self.rest();
        let length = rest
            .iter()
            .position(|byte| *byte == stop)
            .ok_or_else(|| self.error(format!("no {:?} follows", char::from(stop))))?;
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

    /// Counts a value, or a key of a map.
    pub fn value(&mut self) -> Decoded<()> {
        self.values(1)
    }

    pub fn values(&mut self, count: usize) -> Decoded<()> {
        self.charge(count.saturating_mul(VALUE_COST), "more values than a session has")
    }

    /// Counts bytes that the payload did not spend a byte of its own on, so that references to
    /// references cannot fill the memory.
    pub fn repeat(&mut self, bytes: usize) -> Decoded<()> {
        self.charge(bytes, "it unfolds to many times its size")
    }

    fn charge(&mut self, cost: usize, too_much: &'static str) -> Decoded<()> {
        self.budget = self.budget.checked_sub(cost).ok_or_else(|| self.error(too_much))?;
        Ok(())
    }

    /// Reads `bytes`, a payload inside of this one, within the same limits.
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

    /// Runs `read`, which takes memory that is not the value's own: it may take as much as the value.
    pub fn aside<T>(&mut self, read: impl FnOnce(&mut Self) -> Decoded<T>) -> Decoded<T> {
        let budget = self.budget;
        let result = read(self);
        self.budget = budget;
        result
    }

    /// Goes to where `part` lies, a piece of the payload.
    pub fn seek(&mut self, part: &[u8]) {
        let distance = part.as_ptr().addr().saturating_sub(self.bytes.as_ptr().addr());
        self.at = distance.min(self.bytes.len());
    }

    /// Goes over `count` bytes, or to the end.
    pub fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.bytes.len());
    }

    /// Nothing may follow the value.
    pub fn end(&self) -> Decoded<()> {
        if self.is_empty() { Ok(()) } else { Err(self.error("more follows the end of the value")) }
    }

    /// Runs `read` one level deeper.
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
