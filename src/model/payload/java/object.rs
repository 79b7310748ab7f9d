//! Objects as a stream describes them: classes, and the data that each class in the ancestry wrote.

use serde_json::Value;
use std::rc::Rc;

/// A class description. The flags are those of `java.io.ObjectStreamConstants`.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) name: String,
    pub(super) flags: u8,
    pub(super) fields: Vec<Field>,
    pub(super) parent: Option<Rc<Class>>,
}

#[derive(Debug)]
pub(super) struct Field {
    /// As in a type signature: `I` for `int`.
    pub(super) kind: u8,
    pub(super) name: String,
}

/// The data after the fields of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extra {
    None,
    Contents,
    /// Bytes without a length, as JDK 1.1 wrote them.
    Unbounded,
}

#[derive(Debug)]
pub(super) struct Object<'a> {
    pub(super) class: Rc<Class>,
    /// The data of its classes, from the oldest ancestor to the class itself.
    pub(super) levels: Vec<Level<'a>>,
}

#[derive(Debug)]
pub(super) struct Level<'a> {
    pub(super) class: Rc<Class>,
    pub(super) fields: Vec<Value>,
    /// The output of `writeObject` or `writeExternal`.
    pub(super) extra: Vec<Content<'a>>,
}

#[derive(Debug)]
pub(super) enum Content<'a> {
    Block(&'a [u8]),
    Object(Value),
}

const WRITE_METHOD: u8 = 1;
const SERIALIZABLE: u8 = 2;
const EXTERNALIZABLE: u8 = 4;
const BLOCK_DATA: u8 = 8;

impl Class {
    pub(super) fn proxy(interfaces: &[String]) -> Self {
        let name = format!("Proxy({})", interfaces.join(", "));
        Self { name, flags: SERIALIZABLE, fields: Vec::new(), parent: None }
    }

    pub(super) fn shown(&self) -> Value {
        Value::from(self.name.as_str())
    }

    /// The class, its parent, and so on.
    pub(super) fn ancestry(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |class| class.parent.as_deref())
    }

    /// The classes that have data in an object, in the order of the stream. An externalizable class
    /// writes the data of its ancestors itself.
    pub(super) fn data_levels(self: &Rc<Self>) -> Vec<Rc<Self>> {
        if self.flags & EXTERNALIZABLE != 0 {
            return vec![Rc::clone(self)];
        }
        let ancestry = std::iter::successors(Some(self), |class| class.parent.as_ref());
        let mut levels: Vec<_> = ancestry.map(Rc::clone).collect();
        levels.reverse();
        levels
    }

    pub(super) fn extra(&self) -> Extra {
        let flag = |bit| self.flags & bit != 0;
        if flag(EXTERNALIZABLE) {
            if flag(BLOCK_DATA) { Extra::Contents } else { Extra::Unbounded }
        } else if flag(SERIALIZABLE) && flag(WRITE_METHOD) {
            Extra::Contents
        } else {
            Extra::None
        }
    }
}

impl Object<'_> {
    /// Takes the first field with this name, leaving null.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.levels.iter_mut().find_map(|level| {
            let at = level.class.fields.iter().position(|field| field.name == name)?;
            level.fields.get_mut(at).map(Value::take)
        })
    }

    pub(super) fn integer(&mut self, name: &str) -> Option<i64> {
        self.take(name)?.as_i64()
    }

    /// The first block of bytes that a class wrote itself.
    pub(super) fn block(&self) -> Option<&[u8]> {
        self.levels.iter().flat_map(|level| &level.extra).find_map(|content| match content {
            Content::Block(bytes) => Some(*bytes),
            Content::Object(_) => None,
        })
    }
}
