//! The values of a pickle, in an arena. They refer to each other by index.

use std::borrow::Cow;

/// An index into the arena.
pub type Id = usize;

#[derive(Debug)]
pub enum Node<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits, in decimal, or as `0x...` if it has more than 64 bytes.
    BigInt(Cow<'a, str>),
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    /// A Python 2 `str`: text or bytes.
    Str(Cow<'a, [u8]>),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Set(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Class {
        module: Cow<'a, str>,
        name: Cow<'a, str>,
    },
    Object(Box<Object>),
    /// A reference to an object outside the pickle.
    Persistent(Id),
}

/// A call that the pickle would have made, and what it would have done to the result.
#[derive(Debug, Default)]
pub struct Object {
    pub class: Id,
    /// A tuple.
    pub args: Option<Id>,
    pub state: Option<Id>,
    pub items: Vec<Id>,
    pub pairs: Vec<(Id, Id)>,
}
