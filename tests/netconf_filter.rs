//! Subtree filters against a naive reading of RFC 6241 section 6, over random trees and random filters.

use std::collections::BTreeSet;

use fleetbridge::netconf::{
    filter::{Filter, Node, Selection},
    xml::{Element, OwnedAttribute},
};
use proptest::prelude::*;

/// What is left of a tree, as the places of its leaves.
type Leaves = BTreeSet<Vec<usize>>;

fn is_match(filter: &Element) -> bool {
    filter.children.is_empty() && !filter.text.is_empty()
}

fn names(filter: &Element, data: &Element) -> bool {
    filter.name == data.name && (filter.namespace.is_empty() || filter.namespace == data.namespace)
}

/// Section 6.2.5 and 6.3, one sibling set at a time.
fn naive(filters: &[Element], data: &[Element], at: &[usize], out: &mut Leaves) {
    let (matches, others): (Vec<_>, Vec<_>) = filters.iter().partition(|filter| is_match(filter));
    let holds = |filter: &Element| {
        filter.attributes.is_empty()
            && data
                .iter()
                .any(|leaf| leaf.children.is_empty() && names(filter, leaf) && leaf.text == filter.text)
    };
    if filters.is_empty() || !matches.iter().all(|filter| holds(filter)) {
        return;
    }
    for (index, child) in data.iter().enumerate() {
        let at = [at, &[index]].concat();
        if others.is_empty() || matches.iter().any(|filter| names(filter, child)) {
            whole(child, &at, out);
        }
        for filter in others.iter().filter(|filter| filter.attributes.is_empty() && names(filter, child)) {
            if filter.children.is_empty() {
                whole(child, &at, out);
            } else {
                naive(&filter.children, &child.children, &at, out);
            }
        }
    }
}

fn whole(data: &Element, at: &[usize], out: &mut Leaves) {
    if data.children.is_empty() {
        out.insert(at.to_vec());
    }
    for (index, child) in data.children.iter().enumerate() {
        whole(child, &[at, &[index]].concat(), out);
    }
}

/// As a streamer walks; lists whose key is `a` go by their keys.
fn walk(selection: &Selection<'_>, data: &Element, at: &[usize], out: &mut Leaves) {
    let entered = match selection {
        Selection::None => return,
        Selection::All => return whole(data, at, out),
        Selection::Some(node) => enter(node, data),
    };
    if entered == Selection::All {
        return whole(data, at, out);
    }
    for (index, child) in data.children.iter().enumerate() {
        walk(&entered.child(&child.namespace, &child.name), child, &[at, &[index]].concat(), out);
    }
}

fn enter<'a>(node: &Node<'a>, data: &Element) -> Selection<'a> {
    let holds = |node: &Node<'a>| {
        node.enter(|condition| {
            data.children.iter().any(|leaf| {
                leaf.children.is_empty()
                    && condition.is_on(&leaf.namespace, &leaf.name)
                    && leaf.text == condition.value()
            })
        })
    };
    let key = data.children.iter().find(|child| child.name == "a" && child.children.is_empty());
    let of_key = data.children.iter().filter(|child| child.name == "a").count() == 1;
    match (node.by_key("u", "a"), key) {
        (Some(nodes), Some(key)) if of_key && key.namespace == "u" => {
            nodes.get(&*key.text).map_or(Selection::None, holds)
        }
        _ => holds(node),
    }
}

fn element(
    namespaces: &'static [&'static str],
    texts: &'static [&'static str],
    attributes: bool,
) -> impl Strategy<Value = Element> {
    let name = (prop::sample::select(namespaces), prop::sample::select(&["a", "b", "c"][..]));
    let attribute = if attributes { prop::bool::weighted(0.05).boxed() } else { Just(false).boxed() };
    let named = move |((namespace, name), attribute): ((&str, &str), bool), text: &str, children| Element {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        attributes: attribute
            .then(|| OwnedAttribute { namespace: String::new(), name: "x".into(), value: "1".into() })
            .into_iter()
            .collect(),
        text: text.to_owned(),
        children,
    };
    let leaf = (name.clone(), attribute.clone(), prop::sample::select(texts))
        .prop_map(move |(name, attribute, text)| named((name, attribute), text, Vec::new()));
    leaf.prop_recursive(3, 24, 4, move |inner| {
        (name.clone(), attribute.clone(), prop::collection::vec(inner, 1..4))
            .prop_map(move |(name, attribute, children)| named((name, attribute), "", children))
    })
}

fn under(name: &str, children: Vec<Element>) -> Element {
    Element { namespace: "u".into(), name: name.into(), children, ..Element::default() }
}

fn leaves_of(tree: &Element) -> usize {
    if tree.children.is_empty() { 1 } else { tree.children.iter().map(leaves_of).sum() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn the_plan_selects_what_the_rfc_says(
        data in prop::collection::vec(element(&["u", "v"], &["1", "2", ""], false), 0..5),
        filter in prop::collection::vec(element(&["u", "v", "u", ""], &["1", "2", "", ""], true), 0..4),
    ) {
        let data = under("top", data);
        let filter = under("filter", vec![under("top", filter)]);
        let mut expected = Leaves::new();
        naive(&filter.children, std::slice::from_ref(&data), &[], &mut expected);
        let plan = Filter::new(&filter).unwrap();
        let mut selected = Leaves::new();
        walk(&plan.root().child("u", "top"), &data, &[0], &mut selected);
        prop_assert_eq!(&selected, &expected);
        // A top without children is a leaf of the tree here, and is never left when cut down to nothing.
        let left = plan.apply(&data).map_or(0, |left| leaves_of(&left));
        prop_assert_eq!(left, expected.len());
    }
}
