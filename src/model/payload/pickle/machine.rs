//! The opcodes of Python's `Lib/pickletools.py`, protocols 0 to 5, without their effects: an import
//! becomes a name, and a call an object that is never created.
//!
//! Values live in an arena and refer to each other by index. Building and dropping them does not
//! recurse, and references cost nothing, even circular ones.

use std::borrow::Cow;
use std::collections::HashMap;

use super::node::{Id, Node};
use super::{integers, python, text};
use crate::model::payload::reader::{Decoded, Reader};

/// Runs the pickle up to its STOP opcode. Returns all nodes, and the index of the value.
pub fn run<'a>(reader: &mut Reader<'a>) -> Decoded<(Vec<Node<'a>>, Id)> {
    reader.aside(run_counted)
}

fn run_counted<'a>(reader: &mut Reader<'a>) -> Decoded<(Vec<Node<'a>>, Id)> {
    let mut machine = Machine {
        reader,
        nodes: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    loop {
        match machine.reader.byte()? {
            b'.' => break,
            opcode => machine.step(opcode)?,
        }
    }
    let root = machine.pop()?;
    Ok((machine.nodes, root))
}

pub struct Machine<'r, 'a> {
    reader: &'r mut Reader<'a>,
    nodes: Vec<Node<'a>>,
    stack: Vec<Id>,
    /// The stack height at each MARK.
    marks: Vec<usize>,
    memo: HashMap<usize, Id>,
}

impl<'a> Machine<'_, 'a> {
    fn step(&mut self, opcode: u8) -> Decoded<()> {
        match opcode {
            b'N' | 0x88 | 0x89 | b'I' | b'J' | b'K' | b'M' | b'L' | 0x8a | 0x8b | b'F' | b'G' => {
                self.number(opcode)
            }
            b'S' | b'T' | b'U' | b'V' | b'X' | 0x8c | 0x8d | b'B' | b'C' | 0x8e | 0x96 => {
                self.text(opcode)
            }
            b']' | b'}' | b')' | 0x8f | b'l' | b'd' | b't' | 0x85..=0x87 | 0x91 => {
                self.container(opcode)
            }
            b'a' | b'e' | b's' | b'u' | 0x90 => self.fill(opcode),
            b'p' | b'q' | b'r' | b'g' | b'h' | b'j' | 0x94 => self.memo(opcode),
            b'(' | b'0' | b'1' | b'2' => self.shuffle(opcode),
            b'c' | 0x93 | 0x82..=0x84 | b'P' | b'Q' => self.reference(opcode),
            b'i' | b'o' | b'R' | b'b' | 0x81 | 0x92 => self.object(opcode),
            0x80 => match self.reader.byte()? {
                0..=5 => Ok(()),
                version => Err(self.reader.error(format!("unsupported protocol {version}"))),
            },
            // FRAME is a hint for buffering, and READONLY_BUFFER has no visible effect.
            0x95 => self.reader.take(8).map(drop),
            0x98 => Ok(()),
            0x97 => Err(self.reader.error("a buffer is stored outside the pickle")),
            _ => Err(self.reader.error(format!("unknown opcode 0x{opcode:02x}"))),
        }
    }

    fn number(&mut self, opcode: u8) -> Decoded<()> {
        let node = match opcode {
            b'N' => Node::None,
            0x88 | 0x89 => Node::Bool(opcode == 0x88),
            b'I' => match self.line()? {
                "00" => Node::Bool(false),
                "01" => Node::Bool(true),
                digits => self.decimal(digits)?,
            },
            b'J' => Node::Int(i64::from(i32::from_le_bytes(self.reader.array()?))),
            b'K' => Node::Int(i64::from(self.reader.byte()?)),
            b'M' => Node::Int(i64::from(u16::from_le_bytes(self.reader.array()?))),
            b'L' => {
                let line = self.line()?;
                self.decimal(line.strip_suffix('L').unwrap_or(line))?
            }
            0x8a | 0x8b => {
                let length = if opcode == 0x8a { self.length(1)? } else { self.length(4)? };
                self.long(length)?
            }
            b'F' => {
                let line = self.line()?;
                Node::Float(line.parse().map_err(|_| self.reader.error("invalid float"))?)
            }
            _ => Node::Float(f64::from_be_bytes(self.reader.array()?)),
        };
        self.push(node)
    }

    fn decimal(&mut self, digits: &'a str) -> Decoded<Node<'a>> {
        if let Ok(number) = digits.parse() {
            return Ok(Node::Int(number));
        }
        let magnitude = digits.strip_prefix('-').unwrap_or(digits);
        if magnitude.is_empty() || !magnitude.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(self.reader.error("invalid integer"));
        }
        Ok(Node::BigInt(Cow::Borrowed(digits)))
    }

    fn long(&mut self, length: usize) -> Decoded<Node<'a>> {
        let bytes = self.reader.take(length)?;
        if let Some(number) = integers::small_long(bytes) {
            return Ok(Node::Int(number));
        }
        self.reader.repeat(length.saturating_mul(3))?;
        Ok(Node::BigInt(Cow::Owned(integers::big_long(bytes))))
    }

    fn text(&mut self, opcode: u8) -> Decoded<()> {
        let node = match opcode {
            b'S' => {
                let line = self.reader.until(b'\n')?;
                self.reader.repeat(line.len())?;
                let unquoted = text::unquote(line)
                    .ok_or_else(|| self.reader.error("a string is not quoted"))?;
                Node::Str(Cow::Owned(unquoted))
            }
            b'V' => {
                let line = self.reader.until(b'\n')?;
                self.reader.repeat(line.len().saturating_mul(2))?;
                Node::Text(Cow::Owned(text::unescape(line)))
            }
            b'U' => Node::Str(Cow::Borrowed(self.sized(1)?)),
            b'T' => Node::Str(Cow::Borrowed(self.sized(4)?)),
            0x8c => self.utf8(1)?,
            b'X' => self.utf8(4)?,
            0x8d => self.utf8(8)?,
            b'C' => Node::Bytes(Cow::Borrowed(self.sized(1)?)),
            b'B' => Node::Bytes(Cow::Borrowed(self.sized(4)?)),
            _ => Node::Bytes(Cow::Borrowed(self.sized(8)?)),
        };
        self.push(node)
    }

    fn utf8(&mut self, width: usize) -> Decoded<Node<'a>> {
        let text = String::from_utf8_lossy(self.sized(width)?);
        if let Cow::Owned(text) = &text {
            self.reader.repeat(text.len())?;
        }
        Ok(Node::Text(text))
    }

    fn container(&mut self, opcode: u8) -> Decoded<()> {
        let node = match opcode {
            b']' => Node::List(Vec::new()),
            b'}' => Node::Dict(Vec::new()),
            b')' => Node::Tuple(Vec::new()),
            0x8f => Node::Set(Vec::new()),
            b'l' => Node::List(self.since_mark()?),
            b'd' => {
                let items = self.since_mark()?;
                Node::Dict(self.pairs(&items)?)
            }
            b't' => Node::Tuple(self.since_mark()?),
            0x91 => Node::Set(self.since_mark()?),
            _ => {
                let mut items = Vec::new();
                for _ in 0x85..=opcode {
                    items.push(self.pop()?);
                }
                items.reverse();
                Node::Tuple(items)
            }
        };
        self.push(node)
    }

    /// APPEND and similar opcodes: add items to the container below them on the stack.
    fn fill(&mut self, opcode: u8) -> Decoded<()> {
        let added = match opcode {
            b'a' => vec![self.pop()?],
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.since_mark()?,
        };
        let target = self.top()?;
        if opcode == b's' || opcode == b'u' {
            let pairs = self.pairs(&added)?;
            match &mut self.nodes[target] {
                Node::Dict(old) => old.extend(pairs),
                Node::Object(object) => object.pairs.extend(pairs),
                _ => return Err(self.reader.error("a key is set on a value that is not a dict")),
            }
        } else {
            match &mut self.nodes[target] {
                Node::List(old) | Node::Set(old) => old.extend(added),
                Node::Object(object) => object.items.extend(added),
                _ => {
                    return Err(self
                        .reader
                        .error("an item is added to a value that is not a list"));
                }
            }
        }
        Ok(())
    }

    fn pairs(&self, items: &[Id]) -> Decoded<Vec<(Id, Id)>> {
        let (pairs, rest) = items.as_chunks();
        if !rest.is_empty() {
            return Err(self.reader.error("a key without a value"));
        }
        Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
    }

    fn memo(&mut self, opcode: u8) -> Decoded<()> {
        let index = match opcode {
            b'p' | b'g' => {
                let line = self.line()?;
                line.parse().map_err(|_| self.reader.error("invalid memo index"))?
            }
            b'q' | b'h' => self.length(1)?,
            b'r' | b'j' => self.length(4)?,
            _ => self.memo.len(),
        };
        if matches!(opcode, b'g' | b'h' | b'j') {
            let known = self.memo.get(&index).copied();
            let id =
                known.ok_or_else(|| self.reader.error(format!("memo {index} was never set")))?;
            self.push_again(id)?;
        } else {
            self.reader.value()?;
            let id = self.top()?;
            self.memo.insert(index, id);
        }
        Ok(())
    }

    fn shuffle(&mut self, opcode: u8) -> Decoded<()> {
        match opcode {
            b'(' => {
                self.reader.value()?;
                self.marks.push(self.stack.len());
            }
            b'0' if self.marks.last() == Some(&self.stack.len()) => drop(self.marks.pop()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.since_mark()?),
            _ => {
                let top = self.top()?;
                self.push_again(top)?;
            }
        }
        Ok(())
    }

    /// Names of classes and functions, and ids of persistent objects.
    fn reference(&mut self, opcode: u8) -> Decoded<()> {
        let node = match opcode {
            b'c' => self.class_by_lines()?,
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let module = self.name(module)?;
                Node::Class { module, name: self.name(name)? }
            }
            b'P' => {
                let text = Node::Text(Cow::Borrowed(self.line()?));
                self.push(text)?;
                Node::Persistent(self.pop()?)
            }
            b'Q' => Node::Persistent(self.pop()?),
            _ => {
                let code = self.length([1, 2, 4][usize::from(opcode - 0x82)])?;
                Node::Class {
                    module: Cow::Borrowed("copyreg"),
                    name: Cow::Owned(format!("extension {code}")),
                }
            }
        };
        self.push(node)
    }

    fn class_by_lines(&mut self) -> Decoded<Node<'a>> {
        let module = Cow::Borrowed(self.line()?);
        Ok(Node::Class { module, name: Cow::Borrowed(self.line()?) })
    }

    fn name(&mut self, id: Id) -> Decoded<Cow<'a, str>> {
        let name = match &self.nodes[id] {
            Node::Text(name) => name.clone(),
            _ => return Err(self.reader.error("the name of a class is not text")),
        };
        if let Cow::Owned(name) = &name {
            self.reader.repeat(name.len())?;
        }
        Ok(name)
    }

    fn object(&mut self, opcode: u8) -> Decoded<()> {
        match opcode {
            b'b' => return self.build(),
            b'R' | 0x81 => {
                let args = self.pop()?;
                let class = self.pop()?;
                return self.construct(class, args);
            }
            0x92 => {
                let keywords = self.pop()?;
                let args = self.pop()?;
                let class = self.pop()?;
                let both = self.add(Node::Tuple(vec![args, keywords]))?;
                return self.construct(class, both);
            }
            _ => {}
        }
        let mut items = self.since_mark()?;
        let class = if opcode == b'i' {
            let class = self.class_by_lines()?;
            self.add(class)?
        } else if items.is_empty() {
            return Err(self.reader.error("an object without a class"));
        } else {
            items.remove(0)
        };
        let args = self.add(Node::Tuple(items))?;
        self.construct(class, args)
    }

    fn construct(&mut self, class: Id, args: Id) -> Decoded<()> {
        let (cost, node) = python::construct(&self.nodes, class, args);
        self.reader.repeat(cost)?;
        self.push(node)
    }

    fn build(&mut self) -> Decoded<()> {
        let state = self.pop()?;
        let target = self.top()?;
        let label = self.add(Node::Text(Cow::Borrowed("$state")))?;
        match &mut self.nodes[target] {
            Node::Object(object) => object.state = Some(state),
            Node::Dict(pairs) => pairs.push((label, state)),
            _ => return Err(self.reader.error("a state is set on a value that is not an object")),
        }
        Ok(())
    }

    fn add(&mut self, node: Node<'a>) -> Decoded<Id> {
        self.reader.value()?;
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }

    fn push(&mut self, node: Node<'a>) -> Decoded<()> {
        let id = self.add(node)?;
        self.stack.push(id);
        Ok(())
    }

    fn push_again(&mut self, id: Id) -> Decoded<()> {
        self.reader.value()?;
        self.stack.push(id);
        Ok(())
    }

    /// As in Python, items below the last MARK are out of reach.
    fn top(&self) -> Decoded<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let top = self.stack.get(floor..).and_then(<[Id]>::last);
        top.copied().ok_or_else(|| self.reader.error("the stack is empty"))
    }

    fn pop(&mut self) -> Decoded<Id> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn since_mark(&mut self) -> Decoded<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(|| self.reader.error("there is no MARK"))?;
        Ok(self.stack.split_off(mark))
    }

    fn line(&mut self) -> Decoded<&'a str> {
        let line = self.reader.until(b'\n')?;
        std::str::from_utf8(line).map_err(|_| self.reader.error("a line is not UTF-8"))
    }

    /// A little-endian length of `width` bytes.
    fn length(&mut self, width: usize) -> Decoded<usize> {
        let mut bytes = [0; 8];
        bytes[..width].copy_from_slice(self.reader.take(width)?);
        usize::try_from(u64::from_le_bytes(bytes))
            .map_err(|_| self.reader.error("length too large for this platform"))
    }

    fn sized(&mut self, width: usize) -> Decoded<&'a [u8]> {
        let length = self.length(width)?;
        self.reader.take(length)
    }
}
