//! Subtree filters (RFC 6241 section 6), compiled once and then asked while data is streamed.
//!
//! Whoever streams walks down with a [`Selection`]: nothing, all, or a [`Node`] to be asked about each child. Several
//! branches of a filter about the same node are one `Node`, which selects what any of them does.
//!
//! ```text
//! <fleet><device><name>a</name><alias/></device><device><name>b</name></device></fleet>
//!   root.child(fleet) ─▶ Some ─ child(device) ─▶ Some, by_key(name) ─▶ a: Some(alias, name)   b: all
//! ```
//! Where the RFC leaves a choice: keys are selected only if the filter names them (section 6.2.5 lets a server add them,
//! and ours do), containers in which nothing is selected are not shown, and a leaf-list of which a value is matched is
//! shown whole.

use std::collections::BTreeMap;

use super::{
    error::{Info, RpcError, Tag},
    xml::Element,
};

/// What a `<filter>` selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The element `<filter>` itself.
    root: Option<Branch>,
}

/// A node of a filter that is no content match node.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Branch {
    name: Wanted,
    /// Content match nodes; all must hold, or the branch selects nothing (section 6.2.5).
    matches: Vec<Match>,
    selects: Vec<Branch>,
    /// Selects its whole subtree: a selection node, or one that has content match nodes only.
    all: bool,
}

/// A condition: a leaf with this value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    name: Wanted,
    value: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    /// `None`: any (section 6.2.1).
    namespace: Option<String>,
    name: String,
}

/// What is selected of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection<'a> {
    None,
    /// With all below it.
    All,
    Some(Node<'a>),
}

/// The branches of a filter that are about one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    branches: Vec<&'a Branch>,
}

impl Filter {
    /// Of the element `<filter>`. An empty one selects nothing (section 6.4.2).
    ///
    /// # Errors
    /// An element with text and elements.
    pub fn new(filter: &Element) -> Result<Filter, RpcError> {
        let root = Branch::new(filter)?.filter(|_| !filter.children.is_empty());
        Ok(Filter { root })
    }

    /// What is selected of the top of the data.
    pub fn root(&self) -> Selection<'_> {
        Selection::of(self.root.iter().collect())
    }

    /// Cuts a small tree down to what is selected; `None` if that is nothing.
    pub fn apply(&self, top: &Element) -> Option<Element> {
        match self.root() {
            Selection::None => None,
            Selection::All => Some(top.clone()),
            Selection::Some(node) => cut(&node.child(&top.namespace, &top.name), top),
        }
    }
}

impl<'a> Selection<'a> {
    fn of(branches: Vec<&'a Branch>) -> Self {
        if branches.is_empty() {
            Selection::None
        } else if branches.iter().any(|branch| branch.all && branch.matches.is_empty()) {
            Selection::All
        } else {
            Selection::Some(Node { branches })
        }
    }

    /// What is selected of a child.
    pub fn child(&self, namespace: &str, name: &str) -> Selection<'a> {
        match self {
            Selection::None => Selection::None,
            Selection::All => Selection::All,
            Selection::Some(node) => node.child(namespace, name),
        }
    }

    pub fn is_none(&self) -> bool {
        *self == Selection::None
    }
}

impl<'a> Node<'a> {
    /// What is selected of a child, whether or not the conditions on its siblings hold: see [`Node::enter`].
    pub fn child(&self, namespace: &str, name: &str) -> Selection<'a> {
        let whole = self.branches.iter().any(|branch| {
            branch.all || branch.matches.iter().any(|condition| condition.is_on(namespace, name))
        });
        if whole {
            return Selection::All;
        }
        let selects = self.branches.iter().flat_map(|branch| &branch.selects);
        Selection::of(selects.filter(|branch| branch.name.is(namespace, name)).collect())
    }

    /// Whether something depends on the values of the children.
    pub fn is_conditional(&self) -> bool {
        self.branches.iter().any(|branch| !branch.matches.is_empty())
    }

    /// All conditions on children, some perhaps more than once.
    pub fn conditions(&self) -> impl Iterator<Item = &'a Match> + use<'a> {
        self.branches.clone().into_iter().flat_map(|branch| &branch.matches)
    }

    /// What is selected of one instance, for example of a list entry; `holds` says which conditions hold there.
    pub fn enter(&self, mut holds: impl FnMut(&Match) -> bool) -> Selection<'a> {
        let mut kept = Vec::new();
        for branch in self.branches.iter().copied() {
            if branch.matches.iter().all(&mut holds) {
                if branch.all {
                    return Selection::All;
                }
                kept.push(branch);
            }
        }
        Selection::of(kept)
    }

    /// The instances that can be selected at all, by the value of a key, if each branch names one; what is selected of
    /// each is still to be entered.
    pub fn by_key(&self, namespace: &str, name: &str) -> Option<BTreeMap<&'a str, Node<'a>>> {
        let mut nodes: BTreeMap<&str, Node<'_>> = BTreeMap::new();
        for branch in self.branches.iter().copied() {
            let condition = branch.matches.iter().find(|condition| condition.is_on(namespace, name))?;
            nodes.entry(&condition.value).or_insert(Node { branches: Vec::new() }).branches.push(branch);
        }
        Some(nodes)
    }
}

impl Match {
    /// Whether it is about this leaf.
    pub fn is_on(&self, namespace: &str, name: &str) -> bool {
        self.name.is(namespace, name)
    }

    /// The leaf's name, whatever its namespace.
    pub fn name(&self) -> &str {
        &self.name.name
    }

    pub fn value(&self) -> &str {
        &self.value
    }
}

impl Wanted {
    fn of(element: &Element) -> Self {
        let namespace = (!element.namespace.is_empty()).then(|| element.namespace.clone());
        Wanted { namespace, name: element.name.clone() }
    }

    fn is(&self, namespace: &str, name: &str) -> bool {
        self.name == name && self.namespace.as_ref().is_none_or(|wanted| wanted == namespace)
    }
}

impl Branch {
    /// `None` if it can select nothing, because of an attribute match expression (section 6.2.2): no data that YANG
    /// models has attributes.
    fn new(element: &Element) -> Result<Option<Branch>, RpcError> {
        let mut branch = Branch {
            name: Wanted::of(element),
            matches: Vec::new(),
            selects: Vec::new(),
            all: element.children.iter().all(is_content_match),
        };
        if !element.children.is_empty() && !element.value().is_empty() {
            return Err(RpcError::protocol(Tag::BadElement, "a filter with text beside elements")
                .with(Info::BadElement(element.name.clone())));
        }
        let mut possible = true;
        for child in &element.children {
            if is_content_match(child) {
                possible &= child.attributes.is_empty();
                branch.matches.push(Match { name: Wanted::of(child), value: child.value().to_owned() });
            } else if let Some(child) = Branch::new(child)?.filter(|_| child.attributes.is_empty()) {
                branch.selects.push(child);
            }
        }
        Ok(possible.then_some(branch))
    }
}

/// A leaf with a value (section 6.2.5).
fn is_content_match(element: &Element) -> bool {
    element.children.is_empty() && !element.value().is_empty()
}

/// Cuts a small tree down to what is selected of it; `None` if that is nothing.
pub fn cut(selection: &Selection<'_>, element: &Element) -> Option<Element> {
    let node = match selection {
        Selection::None => return None,
        Selection::All => return Some(element.clone()),
        Selection::Some(node) => node,
    };
    let holds = |condition: &Match| {
        let mut leaves = element.children.iter().filter(|child| child.children.is_empty());
        leaves.any(|leaf| condition.is_on(&leaf.namespace, &leaf.name) && condition.value() == leaf.value())
    };
    let entered = node.enter(holds);
    if entered == Selection::All {
        return Some(element.clone());
    }
    let children: Vec<Element> = element
        .children
        .iter()
        .filter_map(|child| cut(&entered.child(&child.namespace, &child.name), child))
        .collect();
    if children.is_empty() {
        return None;
    }
    Some(Element {
        namespace: element.namespace.clone(),
        name: element.name.clone(),
        attributes: element.attributes.clone(),
        text: String::new(),
        children,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netconf::xml::Reader;

    fn filter(text: &str) -> Filter {
        Filter::new(&tree(&format!("<filter>{text}</filter>"))).unwrap()
    }

    fn tree(text: &str) -> Element {
        Element::read(&mut Reader::new(text.as_bytes()).unwrap()).unwrap()
    }

    /// What is left of the example of RFC 6241 section 6.4, as names and values.
    fn left(text: &str) -> String {
        let data = tree(
            "<top xmlns='urn:t'><users>\
             <user><name>root</name><type>superuser</type><info><dept>1</dept><id>1</id></info></user>\
             <user><name>fred</name><type>admin</type><info><dept>2</dept><id>2</id></info></user>\
             <user><name>barney</name><type>admin</type><info><dept>2</dept><id>3</id></info></user>\
             </users><groups><group>x</group></groups></top>",
        );
        fn show(element: &Element) -> String {
            let children: Vec<_> = element.children.iter().map(show).collect();
            format!("{}{}[{}]", element.name, element.value(), children.join(" ")).replace("[]", "")
        }
        filter(text).apply(&data).map_or_else(String::new, |left| show(&left))
    }

    #[test]
    fn examples_of_the_rfc() {
        assert_eq!(left(""), "");
        assert_eq!(left("<top xmlns='urn:t'><groups/></top>"), "top[groups[groupx]]");
        assert_eq!(left("<top xmlns='urn:x'/>"), "");
        assert_eq!(left("<top xmlns=''><groups/></top>"), "top[groups[groupx]]");
        assert_eq!(
            left("<top xmlns='urn:t'><users><user><name/></user></users></top>"),
            "top[users[user[nameroot] user[namefred] user[namebarney]]]"
        );
        let fred = "user[namefred typeadmin info[dept2 id2]]";
        assert_eq!(
            left("<top xmlns='urn:t'><users><user><name> fred\n</name></user></users></top>"),
            format!("top[users[{fred}]]")
        );
        assert_eq!(
            left("<top xmlns='urn:t'><users><user><name>fred</name><info><id/></info></user></users></top>"),
            "top[users[user[namefred info[id2]]]]"
        );
        assert_eq!(
            left(
                "<top xmlns='urn:t'><users><user><name>root</name><type/></user>\
                 <user><name>fred</name><type>admin</type></user>\
                 <user><name>barney</name><type>superuser</type></user>\
                 <user><type>admin</type><info><id/></info></user></users></top>"
            ),
            format!("top[users[user[nameroot typesuperuser] {fred} user[typeadmin info[id3]]]]")
        );
        assert_eq!(left("<top xmlns='urn:t'><users><user><name>x</name></user></users></top>"), "");
    }

    #[test]
    fn attributes_match_nothing() {
        assert_eq!(left("<top xmlns='urn:t'><groups x='1'/></top>"), "");
        assert_eq!(left("<top xmlns='urn:t' x='1'/>"), "");
        assert_eq!(left("<top xmlns='urn:t'><users><user><name x='1'>fred</name></user></users></top>"), "");
        assert_eq!(left("<top xmlns='urn:t'><groups/><users x='1'/></top>"), "top[groups[groupx]]");
    }

    #[test]
    fn keys_of_a_list() {
        let filter = filter(
            "<d xmlns='u'><k>a</k><x/></d><d xmlns='u'><k>b</k></d><d xmlns='u'><k>a</k><y>1</y><z/></d><e xmlns='u'/>",
        );
        let Selection::Some(node) = filter.root().child("u", "d") else { panic!("some") };
        assert!(node.is_conditional() && node.conditions().count() == 4);
        let nodes = node.by_key("u", "k").unwrap();
        assert_eq!(nodes.keys().copied().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(nodes["b"].enter(|_| true), Selection::All);
        let of_a = nodes["a"].enter(|condition| condition.is_on("u", "k"));
        assert!(of_a.child("u", "z").is_none());
        assert_eq!((of_a.child("u", "x"), of_a.child("u", "k")), (Selection::All, Selection::All));
        assert_eq!(nodes["a"].enter(|_| true).child("u", "z"), Selection::All);
        assert!(node.by_key("u", "x").is_none());
    }

    #[test]
    fn text_beside_elements_is_refused() {
        let mixed = tree("<filter><a>x<b/></a></filter>");
        assert_eq!(Filter::new(&mixed).unwrap_err().tag, Tag::BadElement);
    }
}
