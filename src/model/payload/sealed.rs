//! What a codec whose payloads may be encrypted comes to.

use serde_json::Value;

/// What a payload is, if that can be seen.
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
