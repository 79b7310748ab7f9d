//! The modules of the library, and what a path in one of them leads to.

use std::collections::BTreeMap;
use std::path::Path;

use quote::ToTokens as _;
use syn::{Attribute, Ident, Item, ItemImpl, ItemUse, Type, UseTree, Visibility};

use super::declaration::{implementation, is_hidden};

/// A path from the crate, such as `["model", "session", "State"]`.
pub type Name = Vec<String>;

pub struct Tree(BTreeMap<Name, Vec<Item>>);

/// A public item of a module, or one that it re-exports.
pub struct Exported {
    pub name: String,
    /// Where it is defined, if in this crate.
    pub target: Option<Name>,
    pub item: Item,
}

/// One name that a `use` makes: `path as name`, or all of `path`.
struct Leaf {
    path: Name,
    /// `*` for all.
    name: String,
}

impl Tree {
    /// Of a crate with this root.
    pub fn of(root: &Path) -> Self {
        let mut tree = Self(BTreeMap::new());
        let folder = root.parent().unwrap();
        tree.add(Vec::new(), parsed(root), folder);
        tree
    }

    fn add(&mut self, at: Name, items: Vec<Item>, folder: &Path) {
        for item in &items {
            let Item::Mod(module) = item else { continue };
            if is_hidden(&module.attrs) {
                continue;
            }
            let name = module.ident.to_string();
            let below = at.iter().chain([&name]).cloned().collect();
            let inside = match &module.content {
                Some((_, items)) => items.clone(),
                None => parsed(&folder.join(format!("{name}.rs"))),
            };
            self.add(below, inside, &folder.join(&name));
        }
        self.0.insert(at, items);
    }

    pub fn is_module(&self, name: &[String]) -> bool {
        self.0.contains_key(name)
    }

    /// What the module gives to applications.
    pub fn exports(&self, module: &[String]) -> Vec<Exported> {
        let mut exports = Vec::new();
        for item in &self.0[module] {
            if let Item::Use(import) = item {
                if is_public(&import.vis) && !is_hidden(&import.attrs) {
                    exports.extend(self.re_exports(module, import));
                }
            } else if let Some((name, vis, attrs)) = named(item)
                && is_public(vis)
                && !is_hidden(attrs)
            {
                let name = name.to_string();
                let target = Some(module.iter().chain([&name]).cloned().collect());
                exports.push(Exported { name, target, item: item.clone() });
            }
        }
        exports
    }

    fn re_exports(&self, module: &[String], import: &ItemUse) -> Vec<Exported> {
        let mut found = Vec::new();
        for leaf in leaves(&import.tree) {
            let target = self.resolve(module, &leaf.path);
            if leaf.name == "*" {
                found.extend(target.map(|target| self.exports(&target)).unwrap_or_default());
                continue;
            }
            found.push(Exported { name: leaf.name, target, item: Item::Use(import.clone()) });
        }
        found
    }

    /// The definition that this path means in `module`, if it is in this crate.
    pub fn resolve(&self, module: &[String], path: &[String]) -> Option<Name> {
        let (first, rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.to_vec(),
            "super" => module[..module.len().checked_sub(1)?].to_vec(),
            name => self.member(module, name)?,
        };
        for name in rest {
            at = match name.as_str() {
                "super" => at[..at.len().checked_sub(1)?].to_vec(),
                name => self.member(&at, name)?,
            };
        }
        Some(at)
    }

    fn member(&self, module: &[String], name: &str) -> Option<Name> {
        let items = self.0.get(module)?;
        if items.iter().filter_map(named).any(|(own, ..)| own == name) {
            return Some(module.iter().cloned().chain([name.to_owned()]).collect());
        }
        let imports = items.iter().filter_map(|item| match item {
            Item::Use(import) => Some(leaves(&import.tree)),
            _ => None,
        });
        for leaf in imports.flatten() {
            // `use std::fmt;` in a module `fmt` would lead to itself for ever.
            let leads_here = leaf.path.len() == 1 && leaf.path[0] == name;
            if leaf.name == name && !leads_here {
                return self.resolve(module, &leaf.path);
            }
            if leaf.name == "*"
                && let Some(all) = self.resolve(module, &leaf.path).filter(|all| all != module)
                && let Some(found) = self.member(&all, name)
            {
                return Some(found);
            }
        }
        None
    }

    /// The item that is defined under this name.
    pub fn item(&self, name: &[String]) -> Item {
        let (last, module) = name.split_last().unwrap();
        let mut items = self.0[module].iter();
        let item = items.find(|item| named(item).is_some_and(|(own, ..)| own == last));
        item.unwrap_or_else(|| panic!("{} is not defined", name.join("::"))).clone()
    }

    /// What applications can use of the `impl` blocks of a type, sorted.
    pub fn impls_of(&self, of: &[String]) -> Vec<Item> {
        self.impls(|target| target == Some(of))
    }

    /// The `impl` blocks of types that other crates define, for traits that have our types.
    pub fn impls_of_foreign_types(&self) -> Vec<Item> {
        self.impls(|target| target.is_none())
    }

    fn impls(&self, wanted: impl Fn(Option<&[String]>) -> bool) -> Vec<Item> {
        let mut found = Vec::new();
        for (module, items) in &self.0 {
            for item in items {
                let Item::Impl(block) = item else { continue };
                let target = self.self_type(module, block);
                if wanted(target.as_deref()) && self.is_usable(module, block) {
                    found.extend(implementation(block));
                }
            }
        }
        found.sort_by_key(|item| item.to_token_stream().to_string());
        found
    }

    fn self_type(&self, module: &[String], block: &ItemImpl) -> Option<Name> {
        let mut of = &*block.self_ty;
        while let Type::Reference(reference) = of {
            of = &reference.elem;
        }
        let Type::Path(path) = of else { return None };
        self.resolve(module, &segments(&path.path))
    }

    /// Whether applications can name the trait.
    fn is_usable(&self, module: &[String], block: &ItemImpl) -> bool {
        let Some((_, of, _)) = &block.trait_ else { return !is_hidden(&block.attrs) };
        let defined = self.resolve(module, &segments(of));
        defined.is_none_or(|defined| {
            named(&self.item(&defined)).is_some_and(|(_, vis, _)| is_public(vis))
        })
    }
}

fn parsed(path: &Path) -> Vec<Item> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{path:?}: {error}")).items
}

fn segments(path: &syn::Path) -> Name {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

fn named(item: &Item) -> Option<(&Ident, &Visibility, &[Attribute])> {
    Some(match item {
        Item::Const(it) => (&it.ident, &it.vis, &it.attrs),
        Item::Enum(it) => (&it.ident, &it.vis, &it.attrs),
        Item::Fn(it) => (&it.sig.ident, &it.vis, &it.attrs),
        Item::Mod(it) => (&it.ident, &it.vis, &it.attrs),
        Item::Static(it) => (&it.ident, &it.vis, &it.attrs),
        Item::Struct(it) => (&it.ident, &it.vis, &it.attrs),
        Item::Trait(it) => (&it.ident, &it.vis, &it.attrs),
        Item::Type(it) => (&it.ident, &it.vis, &it.attrs),
        _ => return None,
    })
}

fn leaves(tree: &UseTree) -> Vec<Leaf> {
    let leaf = |path: String, name: String| vec![Leaf { path: vec![path], name }];
    match tree {
        UseTree::Path(path) => {
            let mut below = leaves(&path.tree);
            for leaf in &mut below {
                // `a::{self}` is `a`; `a::*` is all of `a`.
                match leaf.path.as_slice() {
                    [own] if own == "self" || own == "*" => {
                        leaf.path = vec![path.ident.to_string()]
                    }
                    _ => leaf.path.insert(0, path.ident.to_string()),
                }
                if leaf.name == "self" {
                    leaf.name = path.ident.to_string();
                }
            }
            below
        }
        UseTree::Name(name) => leaf(name.ident.to_string(), name.ident.to_string()),
        UseTree::Rename(renamed) => leaf(renamed.ident.to_string(), renamed.rename.to_string()),
        UseTree::Glob(_) => leaf("*".to_owned(), "*".to_owned()),
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
    }
}
