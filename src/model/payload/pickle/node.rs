//! Values of a pickle in an arena, which refer to each other by index.

use std::borrow::Cow;

/// An index into the arena.
pub type Id = usize;

#[derive(Debug)]
pub enum Node<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits in decimal, or as `0x...` when it has more than 64 bytes.
    BigInt(Cow<'a, str>),
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    /// A `str` of Python 2: text or bytes.
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
    /// A reference to something that is kept outside of the pickle.
    Persistent(Id),
}

/// What a class or function would have been called with, and what would have been done to the
/// result.
#[derive(Debug, Default)]
pub struct Object {
    pub class: Id,
    /// A tuple.
    pub args: Option<Id>,
    pub state: Option<Id>,
    pub items: Vec<Id>,
    pub pairs: Vec<(Id, Id)>,
}
