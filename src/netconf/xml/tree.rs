use std::borrow::Cow;

use super::{Attribute, Event, MAX_TREE, Reader, XmlError, escape_attribute};

/// An element cut out of a message, that stands on its own: well-formed, all its namespaces declared.
#[derive(Clone, PartialEq, Eq)]
pub struct Fragment(String);

impl Fragment {
    /// `rest`: all that follows the name in the start tag, up to the end of the element.
    pub(super) fn new(name: &str, inherited: &[(&str, Cow<'_, str>)], rest: &str) -> Self {
        let mut text = String::with_capacity(1 + name.len() + 64 * inherited.len() + rest.len());
        text.push('<');
        text.push_str(name);
        for (prefix, namespace) in inherited {
            text.push_str(" xmlns");
            if !prefix.is_empty() {
                text.push(':');
                text.push_str(prefix);
            }
            text.push_str("=\"");
            escape_attribute(namespace, &mut text);
            text.push('"');
        }
        text.push_str(rest);
        Fragment(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn reader(&self) -> Reader<'_> {
        Reader::of(&self.0)
    }

    /// The whole fragment as a tree: for filters and arguments, not for configuration.
    ///
    /// # Errors
    /// Longer than 1 MiB.
    pub fn tree(&self) -> Result<Element, XmlError> {
        if self.0.len() > MAX_TREE {
            return Err(XmlError::TooBig { what: "bytes of a filter or argument", limit: MAX_TREE });
        }
        Element::read(&mut self.reader())
    }
}

/// A fragment may hold secrets.
impl std::fmt::Debug for Fragment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fragment({} bytes)", self.0.len())
    }
}

/// An element with all that is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Empty if it has none.
    pub namespace: String,
    pub name: String,
    pub attributes: Vec<OwnedAttribute>,
    /// All its text in one.
    pub text: String,
    pub children: Vec<Element>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedAttribute {
    pub namespace: String,
    pub name: String,
    pub value: String,
}

impl Element {
    /// Reads a whole document.
    ///
    /// # Errors
    /// See [`Reader::next`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Element, XmlError> {
        // Its first is the document, the others are the elements that are open.
        let mut open = vec![Element::default()];
        while let Some(event) = reader.next()? {
            match event {
                Event::Start(tag) => open.push(Element {
                    namespace: tag.name.namespace.into_owned(),
                    name: tag.name.local.to_owned(),
                    attributes: tag.attributes.into_iter().map(OwnedAttribute::from).collect(),
                    ..Element::default()
                }),
                Event::Text(text) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&text);
                    }
                }
                Event::End => {
                    let closed = open.pop();
                    if let Some(parent) = open.last_mut() {
                        parent.children.extend(closed);
                    }
                }
            }
        }
        Ok(open.pop().and_then(|mut document| document.children.pop()).unwrap_or_default())
    }

    pub fn is(&self, namespace: &str, name: &str) -> bool {
        self.name == name && self.namespace == namespace
    }

    pub fn child(&self, namespace: &str, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.is(namespace, name))
    }

    /// The text without the white space around it.
    pub fn value(&self) -> &str {
        self.text.trim_ascii()
    }
}

impl From<Attribute<'_>> for OwnedAttribute {
    fn from(attribute: Attribute<'_>) -> Self {
        OwnedAttribute {
            namespace: attribute.name.namespace.into_owned(),
            name: attribute.name.local.to_owned(),
            value: attribute.value.into_owned(),
        }
    }
}
