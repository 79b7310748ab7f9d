//! The result of a codec whose payloads may be encrypted.

use serde_json::Value;

/// A decoded value, or the finding that the payload is encrypted.
#[derive(Debug, Clone, PartialEq)]
pub enum Sealed {
    Value(Value),
    Encrypted,
}

#[cfg(test)]
impl Sealed {
    pub fn shown(self) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Encrypted => "encrypted".into(),
        }
    }
}
