//! Items without what applications cannot see: bodies, values, private parts and comments.

use quote::ToTokens as _;
use syn::{
    Attribute, Fields, ImplItem, Item, ItemImpl, TraitItem, Visibility, parse_quote,
    punctuated::Punctuated,
};

use super::tree::Tree;

/// Attributes that are part of what an application relies on.
const KEPT: [&str; 6] = ["cfg", "deprecated", "derive", "must_use", "non_exhaustive", "repr"];

/// Whether applications do not see an item: a test, or one that the documentation leaves out.
pub fn is_hidden(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| {
        let text = attr.meta.to_token_stream().to_string();
        text == "cfg (test)" || text == "doc (hidden)"
    })
}

/// The declaration of an item, and of its methods and traits.
pub fn declaration(tree: &Tree, defined: &[String]) -> Vec<Item> {
    let mut item = tree.item(defined);
    match &mut item {
        Item::Const(it) => {
            strip(&mut it.attrs);
            *it.expr = parse_quote!(_);
        }
        Item::Enum(it) => {
            strip(&mut it.attrs);
            for variant in &mut it.variants {
                strip(&mut variant.attrs);
                variant.fields.iter_mut().for_each(|field| strip(&mut field.attrs));
            }
        }
        Item::Fn(it) => {
            strip(&mut it.attrs);
            *it.block = parse_quote!({});
        }
        Item::Static(it) => {
            strip(&mut it.attrs);
            *it.expr = parse_quote!(_);
        }
        Item::Struct(it) => {
            strip(&mut it.attrs);
            without_private(&mut it.fields);
        }
        Item::Trait(it) => {
            strip(&mut it.attrs);
            it.items.iter_mut().for_each(without_body);
        }
        Item::Type(it) => strip(&mut it.attrs),
        other => panic!("what is declared by {}?", other.to_token_stream()),
    }
    std::iter::once(item).chain(tree.impls_of(defined)).collect()
}

/// The public part of an `impl` block, if it has one.
pub fn implementation(block: &ItemImpl) -> Option<Item> {
    let mut block = block.clone();
    strip(&mut block.attrs);
    let is_trait = block.trait_.is_some();
    block.items.retain(|item| match item {
        ImplItem::Const(it) => is_visible(&it.vis, &it.attrs),
        ImplItem::Fn(it) => is_visible(&it.vis, &it.attrs),
        // The associated types of a trait.
        ImplItem::Type(it) => is_trait || is_visible(&it.vis, &it.attrs),
        _ => false,
    });
    for item in &mut block.items {
        match item {
            ImplItem::Const(it) => {
                strip(&mut it.attrs);
                it.expr = parse_quote!(_);
            }
            ImplItem::Fn(it) => {
                strip(&mut it.attrs);
                it.block = parse_quote!({});
                // `mut self` is the business of the body.
                if let Some(syn::FnArg::Receiver(receiver)) = it.sig.inputs.first_mut()
                    && receiver.reference.is_none()
                {
                    receiver.mutability = None;
                }
            }
            ImplItem::Type(it) => strip(&mut it.attrs),
            _ => {}
        }
    }
    (is_trait || !block.items.is_empty()).then_some(Item::Impl(block))
}

fn is_visible(vis: &Visibility, attrs: &[Attribute]) -> bool {
    matches!(vis, Visibility::Public(_)) && !is_hidden(attrs)
}

fn strip(attrs: &mut Vec<Attribute>) {
    attrs.retain(|attr| KEPT.iter().any(|kept| attr.path().is_ident(kept)));
}

/// Private fields are one field `private`: that there is one matters, what it is does not.
fn without_private(fields: &mut Fields) {
    let is_private = |field: &syn::Field| !matches!(field.vis, Visibility::Public(_));
    let has_private = fields.iter().any(is_private);
    fields.iter_mut().for_each(|field| strip(&mut field.attrs));
    match fields {
        Fields::Named(named) => {
            let kept = named.named.iter().filter(|field| !is_private(field)).cloned();
            let mut kept: Punctuated<_, syn::token::Comma> = kept.collect();
            if has_private {
                let private: syn::FieldsNamed = parse_quote!({ private: () });
                kept.extend(private.named);
            }
            named.named = kept;
        }
        Fields::Unnamed(unnamed) => {
            for field in unnamed.unnamed.iter_mut().filter(|field| is_private(field)) {
                field.ty = parse_quote!(());
            }
        }
        Fields::Unit => {}
    }
}

fn without_body(item: &mut TraitItem) {
    match item {
        TraitItem::Const(it) => strip(&mut it.attrs),
        TraitItem::Fn(it) => {
            strip(&mut it.attrs);
            // Whether there is a default matters.
            if it.default.is_some() {
                it.default = Some(parse_quote!({}));
            }
        }
        TraitItem::Type(it) => strip(&mut it.attrs),
        _ => {}
    }
}
