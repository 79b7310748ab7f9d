//! Objects as a stream describes them: classes, and what each class of an ancestry wrote.

use serde_json::Value;
use std::rc::Rc;

/// A description of a class; its flags are those of `java.io.ObjectStreamConstants`.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) name: String,
    pub(super) flags: u8,
    pub(super) fields: Vec<Field>,
    pub(super) parent: Option<Rc<Class>>,
}

#[derive(Debug)]
pub(super) struct Field {
    /// As in a type's signature: `I` for `int`.
    pub(super) kind: u8,
    pub(super) name: String,
}

/// What follows the fields of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extra {
    None,
    Contents,
    /// Bytes without a length, from JDK 1.1.
    Unbounded,
}

#[derive(Debug)]
pub(super) struct Object<'a> {
    pub(super) class: Rc<Class>,
    /// The data of its classes, from the oldest ancestor down.
    pub(super) levels: Vec<Level<'a>>,
}

#[derive(Debug)]
pub(super) struct Level<'a> {
    pub(super) class: Rc<Class>,
    pub(super) fields: Vec<Value>,
    /// What `writeObject` or `writeExternal` wrote.
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

    /// The classes whose data follow an object's class, in their order: an externalizable class
    /// writes its ancestors itself.
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
    /// The first field of that name, left null.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.levels.iter_mut().find_map(|level| {
            let at = level.class.fields.iter().position(|field| field.name == name)?;
            level.fields.get_mut(at).map(Value::take)
        })
    }

    pub(super) fn integer(&mut self, name: &str) -> Option<i64> {
        self.take(name)?.as_i64()
    }

    /// The first bytes that a class wrote for itself.
    pub(super) fn block(&self) -> Option<&[u8]> {
        self.levels.iter().flat_map(|level| &level.extra).find_map(|content| match content {
            Content::Block(bytes) => Some(*bytes),
            Content::Object(_) => None,
        })
    }
}
