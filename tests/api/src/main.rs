//! Prints the public API of the library whose root file is the argument: its declarations, without
//! bodies, private parts and comments.
//!
//! They are read from the source, so the result is the same with every compiler. What a macro or a
//! `derive` generates is not among them; the attribute `derive` itself is.

use std::collections::BTreeMap;
use std::path::Path;

use syn::{File, Item, ItemMod};

use self::declaration::declaration;
use self::tree::{Name, Tree};

mod declaration;
mod tree;

/// All public paths of each definition.
type Names = BTreeMap<Name, Vec<Name>>;

/// The items of each public module.
type Modules = BTreeMap<Name, Vec<Item>>;

fn main() {
    let root = std::env::args_os().nth(1).expect("usage: api ROOT_FILE");
    let tree = Tree::of(Path::new(&root));
    let (mut names, mut modules) = (Names::new(), Modules::new());
    expose(&tree, &[], &[], &mut names, &mut modules);
    for (defined, places) in &mut names {
        // The declaration stands at the shortest path; the others lead to it.
        places.sort_by_key(|place| (place.len(), place.clone()));
        let [first, others @ ..] = places.as_slice() else { continue };
        let folder = |place: &Name| place[..place.len() - 1].to_vec();
        modules.entry(folder(first)).or_default().extend(declaration(&tree, defined));
        for other in others {
            let text = match (first.last(), other.last()) {
                (name, alias) if name == alias => format!("pub use crate::{};", first.join("::")),
                (_, Some(alias)) => format!("pub use crate::{} as {alias};", first.join("::")),
                _ => continue,
            };
            let leads = syn::parse_str(&text).expect("it is a use of a path");
            modules.entry(folder(other)).or_default().push(leads);
        }
    }
    modules.entry(Vec::new()).or_default().extend(tree.impls_of_foreign_types());
    let file = File { shebang: None, attrs: Vec::new(), items: nested(&mut modules, &[]) };
    print!("{}", prettyplease::unparse(&file));
}

/// Collects the public names of what the module `defined` has, which applications call `public`.
/// Re-exports of other crates go to the modules at once.
fn expose(
    tree: &Tree,
    defined: &[String],
    public: &[String],
    names: &mut Names,
    modules: &mut Modules,
) {
    modules.entry(public.to_vec()).or_default();
    for exported in tree.exports(defined) {
        let called: Name = public.iter().chain([&exported.name]).cloned().collect();
        match exported.target {
            Some(target) if tree.is_module(&target) => {
                expose(tree, &target, &called, names, modules);
            }
            Some(target) => names.entry(target).or_default().push(called),
            None => modules.entry(public.to_vec()).or_default().push(exported.item),
        }
    }
}

/// The modules below `at`, each with its items: first the items, then the modules, by name.
fn nested(modules: &mut Modules, at: &[String]) -> Vec<Item> {
    let mut items = modules.remove(at).unwrap_or_default();
    let below = |name: &Name| name.len() > at.len() && name.starts_with(at);
    while let Some(next) = modules.keys().find(|name| below(name)).cloned() {
        let inside = nested(modules, &next[..=at.len()]);
        let text = format!("pub mod {} {{}}", next[at.len()]);
        let mut module: ItemMod = syn::parse_str(&text).expect("it is a module");
        module.content = Some((syn::token::Brace::default(), inside));
        items.push(Item::Mod(module));
    }
    items
}
